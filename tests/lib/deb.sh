# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests set version:
# shellcheck disable=SC2154
#
# Shared by the tests that install kheaders as Debian packages; source it after test.sh.

# Copy the project to $tmp/kheaders-$version.
copy_project() {
	mkdir "$tmp/kheaders-$version" &&
		( cd "$top" && git ls-files -z | tar -cf - --null -T - ) |
		tar -xf - -C "$tmp/kheaders-$version"
}

# Build the packages in $tmp from that copy.
build_copy() {
	( cd "$tmp/kheaders-$version" && quiet dpkg-buildpackage -us -uc -d ) &&
		[ "$(find "$tmp" -maxdepth 1 -name "kheaders*_${version}_*.deb" \
			! -name '*-dbgsym_*' | wc -l)" -eq 2 ]
}

# Build the packages in $tmp.
build_debs() {
	copy_project && build_copy
}
