#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the probe for Android on an arm64 kernel with the patch series, in a root file system
# with only mksh and toybox, where only /data/local/tmp is writable: as root and as the shell's
# user, on a kernel with the archive built in and on one with the module.
#
# Environment:
#   KHEADERS_RECORD  if set, write the probe's output into Documentation/android.md

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"
# shellcheck source=../lib/android.sh
. "$(dirname "$0")/../lib/android.sh"

doc=$top/Documentation/android.md

prepare=$(cat "$here/android_guest_prepare")

steps_m=$(cat "$here/android_guest_steps_m")

steps_y=$(cat "$here/android_guest_steps_y")

# Android's directories, and its programs with their libraries.
make_share() {
	make_android 6.1 android && : > "$android/dev/null" && cp -r "$root/lib" "$android" &&
		cp "$top/userspace/android/kheaders-probe.sh" "$tmp/share"
}

# guest MODE STEPS: write the probe's output to $tmp/output.MODE
guest() {
	build "$1" || return 1
	[ "$1" = y ] || cp "$kernel/modules/kernel/kernel/kheaders/kheaders.ko" "$tmp/share"
	"$top/vm/run" -k "$kernel" -s "$tmp/share" "$prepare
$2" > "$tmp/output.$1" 2> "$tmp/run.log" && show "$tmp/output.$1" && return
	show "$tmp/output.$1" "$tmp/run.log"
	return 1
}

# printed MODE TEXT USER STATUS REGEX...: the output of TEXT and USER has all these lines
printed() {
	sed -n "/^== $2, user $3\$/,/^exit status/p" "$tmp/output.$1" > "$tmp/part"
	want=$4
	shift 4
	for regex in "exit status $want" "$@"; do
		grep -q -x -e "$regex" "$tmp/part" && continue
		ktap_print_msg "no line \"$regex\""
		return 1
	done
}

there="file: /sys/kernel/kheaders.tar.xz, mode -r--r--r--, [0-9]* bytes"

nothing_left() {
	! grep '^left:' "$tmp/output.m" "$tmp/output.y" &&
		[ -z "$(find "$tmp/share/android/data" "$tmp/share/android/system_dlkm" -type f)" ]
}

check() {
	name=$1
	shift
	ktap_test_result "$series/$arch: $name" "$@"
}

# Replace the output after the last heading of the document.
record() {
	[ -n "${KHEADERS_RECORD:-}" ] && [ "$KTAP_FAIL" -eq 0 ] || return 0
	{ sed '/^    == /,$d' "$doc"; sed 's/^./    &/' "$tmp/output.y" \
		"$tmp/output.m"; } > "$tmp/doc" &&
		cp "$tmp/doc" "$doc"
}

ktap_print_header
[ "$arch" = arm64 ] || ktap_skip_all "for arm64 only: android_guest@6.12/arm64"
make_share || ktap_exit_fail_msg "no programs for Android"
ktap_set_plan 12
check "=m: the guest runs" guest m "$steps_m"
check "no module" printed m "a module that is nowhere" 0 3 'file: does not exist' \
	'module: none in .*'
check "a module that the shell may not load" printed m "a module that is not loaded" 2000 3 \
	'module: /system_dlkm/.*/kheaders.ko' 'module: does not load' 'insmod: .*'
check "a module that root loads" printed m "a module that is not loaded" 0 0 "$there" 'read: xz'
check "a module that is loaded" printed m "a module that is loaded" 2000 0 "$there" 'read: xz'
check "a file that only root may read" printed m \
	"a module that is loaded, its file for root alone" \
	2000 1 'read: refused for user 2000'
check "=y: the guest runs" guest y "$steps_y"
check "built in, for the shell" printed y "built in" 2000 0 "$there" 'read: xz'
check "built in, for root" printed y "built in" 0 0 "$there" 'read: xz'
check "built in, a file that only root may read" printed y "built in, the file for root alone" \
	2000 1 \
	'read: refused for user 2000'
check "a usage error" printed y "built in, with an argument" 2000 2 'Usage: .*'
check "the probe leaves no file" nothing_left
record
ktap_finished
