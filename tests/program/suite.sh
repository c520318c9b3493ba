#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The program builds in the Debian suite and for the architecture of the series, and its tests
# pass there.  They run in a throw-away root file system.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

tests="extract remove links verify paths status dump usage blocks sysext"

# inside COMMAND...: run it in the root file system, with this test's program
inside() {
	"$top/vm/chroot" "$root" env -u KHEADERS_SERIES -u KHEADERS_NAMESPACE TMPDIR="$tmp" \
		KHEADERS_PROGRAM="$tmp/program/kheaders" "$@"
}

builds() {
	quiet inside make -s -C "$top/userspace" CFLAGS="-O2 -g -Werror" \
		BUILDDIR="$tmp/program" && quiet inside "$tmp/program/kheaders" --version
}

# passes TEST: no check of it fails
passes() {
	inside sh -c 'mkdir -p /sys/kernel && exec "$@"' sh "$here/$1.sh" > "$tmp/$1.log" 2>&1
	rc=$?
	if [ "$rc" -ne 0 ] || grep -q '^not ok' "$tmp/$1.log"; then
		show "$tmp/$1.log"
		return 1
	fi
	grep -e '# SKIP' -e '^# Totals' "$tmp/$1.log" | show
}

ktap_print_header
# some tests run the program as a user
chmod 755 "$tmp"
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
