#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# BTF in modules: built in a tree that has no vmlinux but a link to the running kernel's
# BTF, a module has the bytes that the headers package's vmlinux gives it, and the kernel
# takes them.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# Runs in a root of the kernel's suite, where that kernel seems to run; $1 is this test's
# directory, $2 the headers package's.
# shellcheck disable=SC2016	# the inner shell expands it
inside='set -e
cd "$1"
mkdir -p /sys/kernel/btf
cp btf /sys/kernel/btf/vmlinux
mount --bind release /proc/sys/kernel/osrelease
# sections MODULE NAME
sections() {
	mkdir "$2"
	cp "$1" "$2/module.ko"
	for section in .BTF .BTF.base .BTF_ids; do
		objcopy --dump-section "$section=$2/$section" "$1" /dev/null 2> /dev/null || :
	done
}
make -s -C "$2" M="$1/test_modules" modules > package.log 2>&1
sections test_modules/kheaders_test.ko package
make -s -C "$2" M="$1/test_modules" clean
make -C tree M="$1/test_modules" modules > tree.log 2>&1
sections test_modules/kheaders_test.ko ours
make -s -C tree M="$1/test_modules" clean
make -C tree M="$1/test_modules" PAHOLE=no-pahole modules > without.log 2>&1
sections test_modules/kheaders_test.ko without'

build_both() {
	mkdir "$tmp/tree" && cp -r "$top/selftests/test_modules" "$tmp" &&
		"$top/scripts/pack_headers.sh" -b "$kernel/kdir" -o "$tmp/kheaders.tar.xz" &&
		tar -xf "$tmp/kheaders.tar.xz" -C "$tmp/tree" &&
		objcopy --dump-section .BTF="$tmp/btf" "$kernel/kdir/vmlinux" /dev/null 2> /dev/null
	[ -s "$tmp/btf" ] && cp "$kernel/release" "$tmp" || return 1
	root=$("$top/vm/rootfs" "$series" build) || return 1
	quiet "$top/vm/chroot" "$root" sh -c "$inside" sh "$tmp" "$kernel/kdir" && return
	show "$tmp"/*.log
	return 1
}

quietly() {
	[ -s "$tmp/tree.log" ] && ! grep -e kheaders: -e Skipping "$tmp/tree.log"
}

same_sections() {
	mkdir "$tmp/a" "$tmp/b" && cp "$tmp"/package/.BTF* "$tmp/a" &&
		cp "$tmp"/ours/.BTF* "$tmp/b" &&
		diff -r "$tmp/a" "$tmp/b" && [ -s "$tmp/b/.BTF" ]
}

without() {
	[ -e "$tmp/without/module.ko" ] && [ ! -e "$tmp/without/.BTF" ] &&
		[ "$(grep -c 'modules get no BTF: pahole' "$tmp/without.log")" -eq 1 ] &&
		! grep -e Skipping -e 'pahole version differs' "$tmp/without.log"
}

kernel_takes_it() {
	mkdir "$tmp/share" && cp "$tmp/btf" "$tmp/share" &&
		cp "$tmp/ours/module.ko" "$tmp/share/kheaders_test.ko" || return 1
	quiet "$top/vm/run" -k "$kernel" -s "$tmp/share" \
		'cmp /share/btf /sys/kernel/btf/vmlinux && insmod /share/kheaders_test.ko &&
			[ -s /sys/kernel/btf/kheaders_test ]'
}

ktap_print_header
need_kernel
[ -e "$kernel/kdir/vmlinux" ] || ktap_skip_all "$series: its headers package has no BTF"
build_strip_comments
ktap_set_plan 5
ktap_test_result "built with the package's headers and in the tree" build_both
ktap_test_result "in the tree without a word of BTF" quietly
ktap_test_result "the same BTF" same_sections
ktap_test_result "no pahole: built without, and one line tells why" without
ktap_test_result "the kernel takes it" kernel_takes_it
ktap_finished
