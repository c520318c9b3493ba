#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In a guest, an unprivileged user attacks the program that root runs: no attack may work.
# Run with the normal build and with ASan and UBSan.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# attack PROGRAM: no attack on PROGRAM works
attack() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$disk" -m 2048 -t 1500 \
		"/share/attack_guest $1" > "$tmp/output" 2>&1
	rc=$?
	ktap_print_msg "$(grep -c ': refused$' "$tmp/output") attacks"
	[ "$rc" -eq 0 ] && grep -q '^attacks: done' "$tmp/output" &&
		[ "$(grep -c ': refused$' "$tmp/output")" -gt 60 ] &&
		! grep -q 'WORKED' "$tmp/output" && return
	grep -v ': refused$' "$tmp/output" | tail -n 40 | show
	return 1
}

build_program() {
	quiet make -C "$top/userspace" BUILDDIR="$tmp/$1" CFLAGS="-O1 -g $2" LDFLAGS="$2 $3" &&
		cp "$tmp/$1/kheaders" "$tmp/share/$1"
}

ktap_print_header
need_kernel
mkdir "$tmp/share"
san=-fsanitize=address,undefined
build_program kheaders "" "" || ktap_exit_fail_msg "kheaders does not build"
build_program sanitized "$san" "-static-libasan -static-libubsan" ||
	ktap_exit_fail_msg "kheaders does not build with the sanitizers"
build_strip_comments
quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" -c headers -o "$tmp/share/archive.tar.xz" ||
	ktap_exit_fail_msg "no archive"
python3 "$here/hostile.py" "$tmp/share/hostile" ||
	ktap_exit_fail_msg "cannot create hostile archives"
cp "$here/attack_guest" "$tmp/share"
disk=$("$top/vm/disk" "$series" systemd) || ktap_exit_fail_msg "no disk"
ktap_set_plan 2
ktap_test_result "no attack works" attack kheaders
ktap_test_result "no attack works with ASan and UBSan" attack sanitized
ktap_finished
