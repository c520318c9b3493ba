#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The project's English: no file that a user or a maintainer reads uses the words that
# tests/meta/words lists.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

most_exceptions=10

# The kernel's own lines, the licence, pictures, figures, and the two lists themselves.
files() {
	echo "$files" | grep -v -E -e '^(COPYING|README\.md)$' -e '\.(diff|svg|tsv)$' \
		-e '^tests/meta/words' -e '^\.'
}

# hits FILE...: file:line:text of each word found, but for the exceptions
hits() {
	while IFS="$tab" read -r regex better; do
		case $regex in
		'#'*|'') continue ;;
		esac
		grep -n -H -I -i -P -e "$regex" "$@" |
			awk -v better="$better" '{ print $0 "  -> " better }'
	done < "$here/words" | grep -v -F -f "$tmp/exceptions"
}

no_words() {
	# shellcheck disable=SC2046	# names without blanks
	hits $(files) > "$tmp/hits"
	[ ! -s "$tmp/hits" ] && return
	show "$tmp/hits"
	return 1
}

# Each regex finds the word that it is there for.
each_is_found() {
	for word in folder "parted by" misuse "not there" "no memory left" "made anew" \
		"what it says" "it is said" "kernel line" "bytes behind its end" \
		"way of who unloads" "stands in" "has to do with" "comes out" "goes to"; do
		echo "$word" > "$tmp/word"
		hits "$tmp/word" | grep -q . && continue
		ktap_print_msg "not found: $word"
		return 1
	done
}

few_exceptions() {
	while IFS= read -r line; do
		grep -q -r -F -e "$line" --exclude=words.except "$top" && continue
		ktap_print_msg "words.except: occurs nowhere: $line"
		return 1
	done < "$tmp/exceptions"
	[ "$(wc -l < "$tmp/exceptions")" -le "$most_exceptions" ]
}

tab=$(printf '\t')
list_files
grep -v -e '^#' -e '^$' "$here/words.except" > "$tmp/exceptions"
ktap_print_header
ktap_set_plan 3
ktap_test_result "no words of tests/meta/words" no_words
ktap_test_result "each of them would be found" each_is_found
ktap_test_result "at most $most_exceptions exceptions, all in use" few_exceptions
ktap_finished
