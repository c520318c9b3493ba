#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run "make demo" as a newcomer would.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# What git sees, but for build/program, where other tests build meanwhile.
status() {
	[ ! -e "$top/.git" ] || git -C "$top" status --porcelain --ignored | grep -v -x '!! build/'
	find "$top/build" -mindepth 1 -maxdepth 1 ! -name program 2> /dev/null
}

ktap_print_header
ktap_set_plan 4
before=$(status)
ktap_test_result "it passes" quiet make -s -C "$top" demo
show "$tmp/output"
# printed by the guest's kernel, not by the script
ktap_test_result "the module ran in the guest" \
	grep -q '^\[ .*\] kheaders_test: [0-9]* processes on ' "$tmp/output"
ktap_test_result "it ends with a summary" grep -q '^archive *[0-9]* bytes' "$tmp/output"
ktap_test_result "the work tree is unchanged" test "$before" = "$(status)"
ktap_finished
