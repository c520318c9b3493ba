#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A module that was linked without the archive refuses to load, with one line in the log.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

build_without_archive() {
	mkdir "$tmp/m" "$tmp/share" && cp "$top/kheaders/kheaders_sysfs.c" "$tmp/m" &&
		printf '%s\n' 'obj-m := kheaders.o' 'kheaders-y := kheaders_sysfs.o' \
			> "$tmp/m/Kbuild" &&
		quiet kmake -C "$kernel/kdir" M="$tmp/m" modules &&
		cp "$tmp/m/kheaders.ko" "$tmp/share"
}

# shellcheck disable=SC2016	# the guest's shell expands it
try_it='
insmod /share/kheaders.ko; echo "status: $?"
[ ! -e /sys/kernel/kheaders.tar.xz ] && echo "no file"
grep -q "^kheaders " /proc/modules || echo "not loaded"
dmesg | grep kheaders:'

boot() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" "$try_it" > "$tmp/output" 2>&1
	grep -q '^no file$' "$tmp/output" && grep -q '^not loaded$' "$tmp/output" &&
		! grep -q '^status: 0$' "$tmp/output" && return
	show "$tmp/output"
	return 1
}

logs_reason() {
	[ "$(grep -c 'kheaders: built without an archive' "$tmp/output")" -eq 1 ] &&
		grep -q 'No data available' "$tmp/output" && return
	show "$tmp/output"
	return 1
}

ktap_print_header
need_kernel
ktap_set_plan 3
ktap_test_result "the module links without an archive" build_without_archive
ktap_test_result "it does not load" boot
ktap_test_result "the log has the reason" logs_reason
ktap_finished
