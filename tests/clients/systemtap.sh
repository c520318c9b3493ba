#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# SystemTap's module back end: compile a script that includes kernel headers from the extracted
# tree, without linux-headers or debug information, and run it in the guest.
#
# SystemTap must match the kernel.  Bookworm's 4.8 does not build for its own 6.1, trixie's 5.1
# does not run on its own 6.12 (uprobe_unregister() was removed), and sid's 5.6 does not build
# for its own 7.2, with Debian's headers as with ours.  5.1 works on 6.1.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/clients.sh
. "$(dirname "$0")/../lib/clients.sh"

script='
%{
#include <linux/sched.h>
#include <linux/fs.h>
#include <net/sock.h>
%}
global ticks, packets
probe timer.ms(10) { ticks++ }
probe netfilter.ipv4.local_out { packets++ }
probe timer.s(3) {
	printf("ticks %d\n", ticks > 10)
	exit()
}'

# shellcheck disable=SC2016	# the inner shell expands it
compiles() {
	printf '%s\n' "$script" > "$tmp/script.stp"
	quiet "$top/vm/chroot" "$root" sh -c '
		cd "$1" && stap -g -v -B CC=gcc -r "$1/tree" -m kheaders_stap -p4 script.stp' sh \
			"$tmp" &&
		[ -e "$tmp/kheaders_stap.ko" ]
}

runs() {
	cp "$tmp/kheaders_stap.ko" "$tmp/share" &&
		"$top/vm/run" -k "$kernel" -d "$disk" -s "$tmp/share" -m 2048 '
			mount -t debugfs debugfs /sys/kernel/debug
			staprun /share/kheaders_stap.ko' \
			> "$tmp/output" 2>&1
	grep -q -x 'ticks 1' "$tmp/output" && return
	show "$tmp/output"
	return 1
}

ktap_print_header
need_kernel
mkdir "$tmp/share" "$tmp/tree"
root=$("$top/vm/rootfs" 6.12 systemtap) || ktap_exit_fail_msg "no SystemTap"
disk=$("$top/vm/disk" 6.12 systemtap) || ktap_exit_fail_msg "no disk with SystemTap"
share_archive ||
	ktap_exit_fail_msg "no archive"
tar -xf "$archive" -C "$tmp/tree"
ktap_set_plan 2
ktap_test_result "$series: stap -r TREE -p4" compiles
ktap_test_result "$series: staprun" runs
[ "$KTAP_FAIL" -ne 0 ] || record SystemTap \
	"$(dpkg-query --admindir "$root/var/lib/dpkg" -W -f '${Version}' systemtap)" \
	"stap -r TREE -p4, staprun" "compiled with headers, runs"
ktap_finished
