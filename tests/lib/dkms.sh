# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests set root:
# shellcheck disable=SC2154
#
# Shared by the tests that run dkms in the root file system $root; source it after test.sh.
# Some directories are bound from $tmp, because what is written elsewhere is discarded, and depmod
# reads /lib/modules whatever directory dkms is given.

places='/lib/modules /usr/src /var/lib/dkms'
for place in $places; do
	mkdir -p "$tmp$place"
done

# in_root COMMAND ARGUMENT...
in_root() {
	# shellcheck disable=SC2016	# that shell expands it
	quiet "$top/vm/chroot" "$root" sh -c '
		for place in $1; do
			mkdir -p "$place" && mount --bind "$0$place" "$place" || exit 1
		done
		shift
		exec "$@"' "$tmp" "$places" "$@"
}

# run_dkms COMMAND ARGUMENT...
run_dkms() {
	in_root dkms "$@"
}

# add_kernel RELEASE: one more kernel, with the same headers
add_kernel() {
	mkdir -p "$tmp/lib/modules/$1" &&
		ln -s "$(realpath "$kernel/kdir")" "$tmp/lib/modules/$1/build"
}

# Add kheaders itself.
add_kheaders() {
	version=$(cat "$top/VERSION")
	quiet make -C "$top" install-dkms DESTDIR="$tmp" &&
		run_dkms add -m kheaders -v "$version"
}
