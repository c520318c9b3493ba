#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The slower style checks: the kernel's checkpatch, and clang's analyzer.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

# CONTRIBUTING explains the ignored types.  Run checkpatch in a copy, because it leaves a
# file of names where it runs.
kernel_style() {
	mkdir "$tmp/plain" &&
		cp -r kheaders scripts selftests userspace CONTRIBUTING "$tmp/plain" &&
		cd "$tmp/plain" || return 1
	check_style
	rc=$?
	cd "$top" && return "$rc"
}

check_style() {
	quiet "$kernel/source/scripts/checkpatch.pl" --no-tree --no-summary --terse \
		--strict --show-types --file \
		--ignore "$(sed -n 's/^checkpatch-ignore: //p' CONTRIBUTING)" \
		kheaders/*.c kheaders/*.S kheaders/Kbuild scripts/*.c \
		selftests/*.c selftests/test_modules/*.c
}

analyzer_finds_nothing() {
	# the fuzzers read the sources of others, which are analyzed by themselves
	host_c_files | grep -v /fuzz_ > "$tmp/c_files"
	xargs -P 2 -I '{}' sh -c "clang --analyze --analyzer-output text $c_warnings \
		-Wno-unused-command-line-argument {}" < "$tmp/c_files" > "$tmp/output" 2>&1
	show "$tmp/output"
	[ ! -s "$tmp/output" ]
}

list_files
ktap_print_header
need_kernel_source
ktap_set_plan 2
ktap_test_result "checkpatch" once kernel_style
ktap_test_result "clang's analyzer" once analyzer_finds_nothing
ktap_finished
