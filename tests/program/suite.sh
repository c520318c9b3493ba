#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The program builds in the Debian suite and for the architecture of the series, and its tests
# pass there.  They run in a throw-away root file system; those of armhf, by QEMU.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

tests="extract remove links verify paths status dump usage blocks sysext pch"

# inside COMMAND...: run it in the root file system, with this test's program
inside() {
	"$top/vm/chroot" "$root" env -u KHEADERS_SERIES -u KHEADERS_NAMESPACE TMPDIR="$tmp" \
		KHEADERS_PROGRAM="$tmp/program/kheaders" KHEADERS_TRACED="$traced" "$@"
}

builds() {
	quiet inside make -s -C "$top/userspace" CFLAGS="-O2 -g -Werror" \
		BUILDDIR="$tmp/program" && quiet inside "$tmp/program/kheaders" --version
}

# passes TEST: no check of it fails, but for those that need strace where there is none
passes() {
	: > "$tmp/traced"
	inside sh -c 'mkdir -p /sys/kernel && exec "$@"' sh "$here/$1.sh" > "$tmp/$1.log" 2>&1
	plan=$(sed -n 's/^1\.\.//p' "$tmp/$1.log")
	sed -n 's/^not ok \([0-9]*\) .*/\1/p' "$tmp/$1.log" |
		grep -v -x -F -f "$tmp/traced" > "$tmp/bad"
	if [ -s "$tmp/bad" ] || [ "$(grep -c -e '^ok ' -e '^not ok ' "$tmp/$1.log")" != "$plan" ]
	then
		show "$tmp/$1.log"
		return 1
	fi
	[ ! -s "$tmp/traced" ] ||
		ktap_print_msg "without strace: $(sort -n -u "$tmp/traced" | tr '\n' ' ')"
	grep -e '# SKIP' -e '^# Totals' "$tmp/$1.log" | show
}

ktap_print_header
# some tests run the program as a user
chmod 755 "$tmp"
traced=
if [ "$arch" = armhf ]; then
	traced=$tmp/traced	# QEMU does not emulate ptrace()
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root for binfmt_misc"
	quiet emulate || ktap_exit_fail_msg "no emulator"
fi
root=$("$top/vm/rootfs" -a "$arch" "$series" program) ||
	ktap_exit_fail_msg "no root file system to build the program in"
# shellcheck disable=SC2086	# words
set -- $tests
ktap_set_plan $((1 + $#))
ktap_test_result "the program builds" builds
for test; do
	ktap_test_result "$test" passes "$test"
done
ktap_finished
