#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run random sequences of commands, killed commands and other changes of a machine, and
# compare the file system with a model after each.
#
# Environment:
#   KHEADERS_WHOLE    "y" for 100,000 operations instead of 3,000
#   KHEADERS_SEED     seed of the first sequence (default: 1)
#   KHEADERS_PROGRAM  a program built with STATIC=y (default: build one)

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

ktap_print_header
[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
program=${KHEADERS_PROGRAM:-$tmp/program/kheaders}
[ -e "$program" ] || quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/program" ||
	ktap_exit_fail_msg "the program does not build"
quiet cc -O2 -Wall -Wextra -Werror -o "$tmp/runner" "$here/crash_points.c" ||
	ktap_exit_fail_msg "the runner does not build"
mkdir "$tmp/work"
operations=3000
[ "${KHEADERS_QUICK:-}" != y ] || operations=400
[ "${KHEADERS_WHOLE:-}" != y ] || operations=100000
# shellcheck disable=SC2016	# for the shell that unshare starts
unshare -m sh -c 'mount -t tmpfs -o mode=755 work "$1" && shift && exec "$@"' sh "$tmp/work" \
	python3 "$here/model.py" -n "$operations" -s "${KHEADERS_SEED:-1}" \
	"$program" "$tmp/runner" "$tmp/work"
