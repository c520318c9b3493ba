#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Make small changes to the code, each of which must turn a test red.
#
# Environment:
#   KHEADERS_WHOLE    "y": make 560, not 20
#   KHEADERS_MUTANTS  groups of files, each with a number of changes, as mutants.py takes them
# It sets KHEADERS_QUICK=y for crash_points and model, which then do less.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

groups='20:scripts/strip_comments.c,userspace/*.c'
[ "${KHEADERS_WHOLE:-}" != y ] ||
	groups="320:userspace/*.c 80:scripts/strip_comments.c $(
		)160:scripts/*.awk,scripts/*.sh,scripts/needs"
ktap_print_header
# some tests run the program as a user
chmod 755 "$tmp" && mkdir "$tmp/work"
# shellcheck disable=SC2086	# patterns
cd "$top" && set -f && python3 "$here/mutants.py" -j 2 "$tmp/work" ${KHEADERS_MUTANTS:-$groups}
