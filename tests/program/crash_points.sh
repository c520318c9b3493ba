#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Kill the program before and after every system call that changes something, and make
# each call fail with each possible error: a tree is never incomplete, no link leads to a
# stale tree, foreign files are not touched, and the next run cleans up.
#
# Environment:
#   KHEADERS_WHOLE    "y" for all points instead of a sample
#   KHEADERS_SEED     seed of the sample (default: 1)
#   KHEADERS_JOBS     number of parallel jobs (default: 1)
#   KHEADERS_PROGRAM  a program built with STATIC=y (default: build one)

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

ktap_print_header
[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
program=${KHEADERS_PROGRAM:-$tmp/program/kheaders}
[ -e "$program" ] || quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/program" ||
	ktap_exit_fail_msg "the program does not build"
quiet make -s -C "$top/userspace" BUILDDIR="$tmp/dynamic" ||
	ktap_exit_fail_msg "the program does not build"
quiet cc -O2 -Wall -Wextra -Werror -o "$tmp/runner" "$here/crash_points.c" ||
	ktap_exit_fail_msg "the runner does not build"
mkdir "$tmp/work"
points=350
[ "${KHEADERS_QUICK:-}" != y ] || points=200
[ "${KHEADERS_WHOLE:-}" != y ] || points=0
# shellcheck disable=SC2016	# for the shell that unshare starts
unshare -m sh -c 'mount -t tmpfs -o mode=755 work "$1" && shift && exec "$@"' sh "$tmp/work" \
	python3 "$here/crash_points.py" -p "$points" -s "${KHEADERS_SEED:-1}" \
	-j "${KHEADERS_JOBS:-1}" "$program" "$tmp/dynamic/kheaders" "$tmp/runner" "$tmp/work"
