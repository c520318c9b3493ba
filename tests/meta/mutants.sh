#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Make small changes to the code, each of which must turn a test red.
#
# Environment:
#   KHEADERS_WHOLE    "y": make all changes, not 20
#   KHEADERS_MUTANTS  how many changes to make instead
#   KHEADERS_FILES    change only files that match these patterns

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# in check those whose tests are quick
number=20
files='scripts/strip_comments.c userspace/*.c'
if [ "${KHEADERS_WHOLE:-}" = y ]; then
	number=0
	files=
fi
ktap_print_header
# some tests run the program as a user
chmod 755 "$tmp" && mkdir "$tmp/work"
# shellcheck disable=SC2086	# patterns
cd "$top" && set -f && python3 "$here/mutants.py" -n "${KHEADERS_MUTANTS:-$number}" -j 2 \
	"$tmp/work" ${KHEADERS_FILES:-$files}
