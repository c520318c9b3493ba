#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Subcommands and options of the program are the same in its sources, its help, its manual
# page, its completion and its tests.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

# Options of the subcommand $1, or "main", in each place; --help is understood.
options_in_help() {
	if [ "$1" = main ]; then
		"$kheaders" --help
	else
		"$kheaders" "$1" --help
	fi | options
}

options() {
	grep -o -E -e '(^|[^a-z-])--[a-z][a-z-]*' | sed 's/^[^-]*//' | grep -v -x -e --help |
		sort -u
}

# The manual page has a section or paragraph per subcommand, but its synopsis is certain.
options_in_manual() {
	tr '\n' ' ' < "$tmp/synopsis" | sed 's/kheaders /\n&/g' | grep "^kheaders $1 " | options
}

# Complete the words "kheaders SUB --" by the completion itself.
options_in_completion() {
	bash -c '. "$1"; COMP_WORDS=(kheaders "$2" --); COMP_CWORD=2
		_kheaders; printf "%s\n" "${COMPREPLY[@]}"' bash \
		"$top/userspace/completion/kheaders.bash" "$1" | options
}

subcommands_in_completion() {
	bash -c '. "$1"; COMP_WORDS=(kheaders ""); COMP_CWORD=1
		_kheaders; printf "%s\n" "${COMPREPLY[@]}"' bash \
			"$top/userspace/completion/kheaders.bash" |
		grep -v '^-'
}

# But for "help", which any program may have.
files_are_subcommands() {
	for file in "$top"/userspace/cmd_*.c; do
		name=${file##*/cmd_}
		grep -q -x -e "${name%.c}" "$tmp/subcommands" || echo "${name%.c}"
	done | none "not in kheaders --help"
}

subcommands_have_files() {
	while read -r sub; do
		[ -e "$top/userspace/cmd_$sub.c" ] || echo "$sub"
	done < "$tmp/subcommands" | none "no cmd_*.c"
}

in_manual() {
	while read -r sub; do
		grep -q "^ *kheaders $sub\\>" "$tmp/manual" || echo "$sub"
	done < "$tmp/subcommands" | none "not in the synopsis"
}

in_completion() {
	subcommands_in_completion | sort > "$tmp/completed"
	sort "$tmp/subcommands" | diff - "$tmp/completed" | sed -n 's/^[<>] //p' |
		none "help and completion disagree"
}

in_tests() {
	while read -r sub; do
		grep -q -r -E -e "kheaders\"? (--[a-z]+ )*$sub\\b" "$top/tests/program" ||
			echo "$sub"
	done < "$tmp/subcommands" | none "run by no test in tests/program"
}

options_agree() {
	while read -r sub; do
		options_in_help "$sub" > "$tmp/help"
		options_in_manual "$sub" | diff "$tmp/help" - |
			sed -n "s/^[<>]/$sub: manual page:/p"
		options_in_completion "$sub" | diff "$tmp/help" - |
			sed -n "s/^[<>]/$sub: completion:/p"
	done < "$tmp/subcommands" | none "help differs"
}

ktap_print_header
quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" ||
	ktap_exit_fail_msg "the program does not build"
kheaders=$tmp/build/kheaders
# the completion asks the program itself
PATH=$tmp/build:$PATH
mandoc -T ascii -O width=1000 "$top/userspace/kheaders.8" | col -b > "$tmp/manual"
awk '/^SYNOPSIS/ { on = 1; next } /^[A-Z]/ { on = 0 } on' "$tmp/manual" > "$tmp/synopsis"
"$kheaders" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | grep -v -x help > "$tmp/subcommands"
[ -s "$tmp/subcommands" ] || ktap_exit_fail_msg "kheaders --help lists no subcommands"
ktap_set_plan 6
ktap_test_result "every cmd_*.c is a subcommand" files_are_subcommands
ktap_test_result "every subcommand has a file" subcommands_have_files
ktap_test_result "every subcommand is in the manual page" in_manual
ktap_test_result "every subcommand is in the completion" in_completion
ktap_test_result "every subcommand is run by a test" in_tests
ktap_test_result "options are the same in help, manual page and completion" options_agree
ktap_finished
