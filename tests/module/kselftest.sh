#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the selftests as the kernel's own makefiles do in a patched tree, by run_tests and
# kselftest-install: on this machine, whose kernel has no kheaders, and in a guest whose kernel
# has.  The guest needs the compiler that built the kernel, so this works for 6.1 only.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# in_selftests DIR TARGET...: make, with objects in $tmp/out
in_selftests() {
	dir=$1
	shift
	make -s -C "$dir/tools/testing/selftests" O="$tmp/out" TARGETS=kheaders "$@" \
		> "$tmp/output" 2>&1
}

# Without kheaders every test is skipped and gives the reason.
skipped_here() {
	[ ! -e /sys/kernel/kheaders.tar.xz ] || return 0
	in_selftests "$kernel/source" run_tests
	grep -q '^TAP version 13' "$tmp/output" && grep -q '^1\.\.[1-9]' "$tmp/output" &&
		grep -q '^ok .* # SKIP' "$tmp/output" && ! grep '^not ok' "$tmp/output" && return
	show "$tmp/output"
	return 1
}

installed() {
	# shellcheck disable=SC2046	# words
	quiet $(vm_make) -s kselftest-install TARGETS=kheaders \
		KSFT_INSTALL_PATH="$tmp/installed" INSTALL_PATH="$tmp/installed" &&
		[ -x "$tmp/installed/run_kselftest.sh" ] &&
		grep -q '^kheaders:' "$tmp/installed/kselftest-list.txt"
}

# A root file system with a compiler and the parts of the tree that run_tests needs.  It is in
# the share because this kernel has no disk driver.
share_tree() {
	root=$("$top/vm/rootfs" "$series" kselftest) || return 1
	mkdir "$tmp/share" && cp -a "$root" "$tmp/share/root" &&
		mkdir -p "$tmp/share/root/tree" &&
		tar -C "$kernel/source" -cf - scripts tools/build tools/scripts tools/include \
			tools/testing/selftests/lib.mk tools/testing/selftests/Makefile \
			tools/testing/selftests/kselftest \
			tools/testing/selftests/kselftest.h \
			tools/testing/selftests/kselftest_harness.h \
			tools/testing/selftests/kheaders | tar -C "$tmp/share/root/tree" -xf -
}

run_in_guest() {
	share_tree || return 1
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -t 900 '
		cd /share/root
		mount -t proc proc proc && mount -t sysfs sysfs sys &&
			mount -t devtmpfs devtmpfs dev && mount -t tmpfs tmpfs tmp &&
			mkdir tmp/out || exit 1
		chroot . make -s -C /tree/tools/testing/selftests O=/tmp/out TARGETS=kheaders \
			run_tests' > "$tmp/guest.log" 2>&1
	grep -q '^TAP version 13' "$tmp/guest.log" && grep -q '^ok [0-9]* selftests: kheaders' \
		"$tmp/guest.log" && ! grep -q -e '^not ok' -e '^# not ok' "$tmp/guest.log" && {
		ktap_print_msg "$(grep -c '^# ok' "$tmp/guest.log") results, $(
			grep -c '^# ok.*# SKIP' "$tmp/guest.log") of them skipped"
		return
	}
	show "$tmp/guest.log"
	return 1
}

ktap_print_header
ktap_set_plan 3
mode=y
build y || ktap_exit_fail_msg "the kernel does not build"
ktap_test_result "$series: make run_tests skips without kheaders" skipped_here
ktap_test_result "$series: make kselftest-install" installed
ktap_test_result "$series: make run_tests in a guest" run_in_guest
ktap_finished
