# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests of devices with Android; source it after test.sh.

# make_android SERIES GROUP: set root to that root file system, and android to a directory with
# Android's directories, its shell and toybox from there
make_android() {
	root=$("$top/vm/rootfs" -a "$arch" "$1" "$2") || return 1
	android=$tmp/share/android
	mkdir -p "$android/system/bin" "$android/system_dlkm" "$android/data/local/tmp" \
		"$android/proc" "$android/sys" "$android/dev" &&
		cp "$root/usr/bin/mksh" "$android/system/bin/sh" &&
		cp "$root/usr/bin/toybox" "$android/system/bin" || return 1
	for name in $(toybox); do
		ln -s toybox "$android/system/bin/$name"
	done
}
