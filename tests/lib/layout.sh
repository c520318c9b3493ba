# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests set others:
# shellcheck disable=SC2154
#
# Shared by the tests that build kheaders.ko for a build tree as a distribution installs it;
# source it after test.sh.  The tests set
#
#   root      the directory where it is installed
#   kdir      the build tree
#   release   its kernel
#
# and write what list prints to $tmp/before.

# shellcheck source=kinds.sh
. "$top/tests/lib/kinds.sh"

# list: print what the layout consists of
list() {
	find "$root" -printf '%P %y %m %s %T@ %l\n' | sort
}

builds() {
	rm -rf "$tmp/out" "$tmp/tree" && mkdir "$tmp/tree" &&
		build_module "$tmp/out" KDIR="$kdir" && [ -s "$tmp/out/kheaders.ko" ] &&
		tar -xf "$tmp/out/kheaders_data.tar.xz" -C "$tmp/tree" &&
		[ "$(cat "$tmp/tree/include/config/kernel.release")" = "$release" ] &&
		modinfo -F vermagic "$tmp/out/kheaders.ko" | grep -q -F "$release "
}

same() {
	build_kinds "$kdir" layout && build_kinds "$tmp/tree" archive &&
		same_kinds layout archive
}

# Nothing was written into the layout, and the archive has no path of it and no key.
clean() {
	list | diff "$tmp/before" - | show
	list | cmp -s "$tmp/before" - && [ -e "$tmp/tree/Makefile" ] &&
		! grep -r -l -F -e "$tmp" -e "$kernel/source" "$tmp/tree" | show | grep . &&
		! find "$tmp/tree" -name '*.cmd' -o -name '*.o' -o -path '*/certs/*' -o \
			-name vmlinux -o -name System.map | grep .
}

# check_layout NAME
check_layout() {
	ktap_test_result "$1: kheaders.ko builds" builds
	ktap_test_result "$1: the archive gives the same modules" same
	ktap_test_result "$1: nothing else is written or packed" clean
}
