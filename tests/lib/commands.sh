# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests set copy:
# shellcheck disable=SC2154
#
# Shared by the tests that run a document's commands and compare their output with what the
# document shows; source it after test.sh.  The directory where they run is $copy.

# read_commands DOCUMENT TEST: write the commands to $tmp/commands, one "PLACE COMMAND" a line,
# from the blocks after "test: TEST PLACE", and to $tmp/want.N the output that is shown for the
# N-th.  A block without a place has "-->".
read_commands() {
	awk -v dir="$tmp" -v test="$2" '
	/^<!-- test: [a-z_]+( [a-z]+)? -->$/ && $3 == test { place = $4; next }
	/^    [$#] / && place { print place, substr($0, 7); n++; next }
	/^    / && place { print substr($0, 5) > (dir "/want." n); next }
	/./ { place = "" }' "$top/$1" > "$tmp/commands"
}

# What may differ from a document: numbers, dates, the directory, and how columns are aligned.
normalize() {
	sed -E -e "s,($copy|\\\$PWD|/share)/,,g" -e 's/[0-9]+/0/g' \
		-e 's/[A-Z][a-z]{2} +0 0:0/DATE/' \
		-e 's/[[:blank:]]+/ /g' -e 's/^\[ /[/' -e 's/ $//' "$@"
}

# prints NUMBER FILE: each line of $tmp/want.NUMBER but "..." is in FILE
prints() {
	[ -e "$tmp/want.$1" ] || return 0
	normalize "$2" > "$tmp/normal"
	normalize "$tmp/want.$1" | grep -v -x -F ... > "$tmp/lines"
	while IFS= read -r line; do
		grep -q -x -F -e "$line" "$tmp/normal" && continue
		ktap_print_msg "the document, but not the command, prints: $line"
		show "$2"
		return 1
	done < "$tmp/lines"
}
