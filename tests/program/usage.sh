#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The command line: usage errors that report what was wrong, help, version, completion.
# interface.sh compares the options with the manual page.

# shellcheck source=../lib/program.sh
# shellcheck disable=SC2154	# what test.sh has set
. "$(dirname "$0")/../lib/program.sh"

commands="status extract remove verify dump publish"

# error TEXT ARGUMENT...: a usage error that prints TEXT in one line
error() {
	text=$1
	shift
	run 2 "$@" && prints "kheaders: $text" && [ "$(wc -l < "$tmp/output")" -eq 1 ]
}

errors() {
	error "nonsense: unknown command" nonsense &&
		error "--nonsense: unknown option" --nonsense &&
		error "--nonsense: unknown option" extract --nonsense &&
		error "--nonsense: unknown option" extract --nonsense=3 &&
		error "-x: unknown option" extract -x &&
		error "file: unexpected argument" extract file &&
		error "--archive: needs an argument" extract --archive &&
		error "--force: takes no argument" extract --force=3 &&
		error "--json: takes no argument" status --json=3 &&
		error "IMAGE: missing" dump && error "b: unexpected argument" dump a b &&
		error "--link and --no-link: cannot be combined" extract --link --no-link &&
		error "--image and --tmpfs: cannot be combined" extract --image x --tmpfs &&
		error "--tmpfs and --dest: cannot be combined" extract --dest x --tmpfs &&
		error "--old and --all: cannot be combined" remove --old --all &&
		error "--debuginfod and --archive: cannot be combined" \
		extract --archive x --debuginfod &&
		error "x: unexpected argument" status x &&
		error "x: unexpected argument" remove x &&
		run 2 && prints "Usage: "
}

empty_arguments() {
	for option in --dest --image --archive; do
		run 2 extract "$option" "" && prints "empty argument" &&
			run 2 extract "$option=" && prints "empty argument" || return 1
	done
	run 2 verify --dest "" && run 2 remove --dest "" && run 2 dump "" && run 2 dump x -o ""
}

help() {
	run 0 --help && prints "Usage: kheaders COMMAND" && run 0 --version &&
		prints "kheaders $(cat "$top/VERSION")" || return 1
	for command in $commands; do
		run 0 "$command" --help && prints "Usage: kheaders $command" &&
			prints "Exit status: " &&
			run 0 --help && prints "  $command" || return 1
		"$program" "$command" --help |
			awk 'length > 80 { print "# " $0; bad = 1 } END { exit bad }' ||
			return 1
	done
}

# Status fails if its report cannot be written.
full_output() {
	"$program" status --json 2> "$tmp/output" > /dev/full
	[ $? -eq 1 ] && prints "standard output: No space left on device" &&
		! "$program" --help 2> /dev/null > /dev/full
}

# options COMMAND: print the options in its help
options() {
	"$program" "$1" --help | grep -o -e '^ *\(-., \)\?--[a-z-]*' | grep -o -e '--.*' | sort
}

completion_names_all() {
	"$program" --complete | cut -f 1 | grep -v '^-' > "$tmp/completed"
	echo "$commands" | tr ' ' '\n' | quiet diff - "$tmp/completed" &&
		[ "$("$program" --complete | grep '^-' | cut -f 1 | tr '\n' ' ')" = \
			"--version --help " ] || return 1
	for command in $commands; do
		options "$command" > "$tmp/options"
		"$program" --complete "$command" | cut -f 1 | grep . | sort |
			diff "$tmp/options" - || return 1
	done
}

# bash_completes WORD...: print bash's completions of the last word
bash_completes() {
	PATH=$(dirname "$program"):$PATH bash -c '
		. "$1"
		shift
		COMP_WORDS=(kheaders "$@")
		COMP_CWORD=$#
		_kheaders
		printf "%s\n" "${COMPREPLY[@]}"' bash "$top/userspace/completion/kheaders.bash" "$@"
}

in_bash() {
	[ "$(bash_completes ex)" = extract ] && [ "$(bash_completes extract --f)" = --force ] &&
		[ "$(bash_completes remove --o)" = --old ] && : > "$tmp/archive" &&
		[ "$(bash_completes extract --archive "$tmp/ar")" = "$tmp/archive" ] &&
		mkdir "$tmp/archives" &&
		[ "$(bash_completes extract --dest "$tmp/ar")" = "$tmp/archives" ] &&
		[ "$(bash_completes dump "$tmp/archive" | sort)" = "$tmp/archive
$tmp/archives" ]
}

in_fish() {
	PATH=$(dirname "$program"):$PATH fish -N -c "source $top/userspace/completion/kheaders.fish
		complete -C 'kheaders ex'
		complete -C 'kheaders extract --f'
		complete -C 'kheaders remove --o'" \
		> "$tmp/output" 2>&1
	prints extract && prints --force && prints --old
}

in_zsh() {
	PATH=$(dirname "$program"):$PATH zsh -f "$here/complete.zsh" \
		"$top/userspace/completion/_kheaders" > "$tmp/output" 2>&1
	prints extract && prints --force && prints --old && prints files
}

ktap_print_header
need_program
ktap_set_plan 8
ktap_test_result "a usage error prints what was wrong" errors
ktap_test_result "no argument may be empty" empty_arguments
ktap_test_result "help and version" help
ktap_test_result "an unwritable report is a failure" full_output
ktap_test_result "completion names all commands and options" completion_names_all
ktap_test_result "bash completes" in_bash
for shell in fish zsh; do
	if command -v "$shell" > /dev/null; then
		ktap_test_result "$shell completes" "in_$shell"
	else
		ktap_test_skip "$shell completes" "no $shell"
	fi
done
ktap_finished
