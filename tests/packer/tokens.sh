#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Stripping is exact: for every header of a kernel, clang's raw lexer finds the same tokens
# before and after, on the same lines, with the same start-of-line and leading-blank flags.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

chunk=400	# headers per run of clang

# lex DIR NAMES OUT
lex() {
	( cd "$1" && xargs clang -cc1 -dump-raw-tokens < "$2" > "$3.raw" 2>&1 )
	awk -f "$here/tokens.awk" "$3.raw" > "$3"
	rm -f "$3.raw"
}

compare() {
	cd "$tmp" || return 1
	split -l "$chunk" names part.
	differ=0
	for part in part.*; do
		lex before "$tmp/$part" "$tmp/before.tok" &
		lex after "$tmp/$part" "$tmp/after.tok"
		wait
		tokens=$((tokens + $(wc -l < before.tok)))
		cut -d: -f1 before.tok | uniq > seen
		files=$((files + $(wc -l < seen)))
		cmp -s before.tok after.tok && continue
		diff before.tok after.tok | head -n 5 | show
		differ=$((differ + 1))
	done
	ktap_print_msg "$tokens tokens in $files files"
	[ "$differ" -eq 0 ]
}

# lines DIR: print the number of lines of each header
lines() {
	( cd "$tmp/$1" && xargs wc -l < ../names ) | awk '{ print $1, $2 }'
}

line_counts() {
	lines before > "$tmp/before.lines"
	lines after > "$tmp/after.lines"
	diff "$tmp/before.lines" "$tmp/after.lines"
}

# Some files cannot be stripped safely.  More than a few would mean that stripping gives up
# too easily: bpf.h alone is 1 % of the archive.
comments_are_gone() {
	( cd "$tmp/after" && xargs grep -H -e '/[*]' < ../names ) |
		grep -v -e SPDX -e '^include/[a-z-]*/atomic' |
		cut -d: -f1 | sort -u > "$tmp/commented"
	[ "$(wc -l < "$tmp/commented")" -le 12 ] && return
	head -n 20 "$tmp/commented" | show
	return 1
}

ktap_print_header
need_kernel
build_strip_comments
"$top/scripts/pack_headers.sh" -b "$kernel/kdir" -c headers -l > "$tmp/list" ||
	ktap_exit_fail_msg "cannot list the headers"
source=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
awk -F '\t' -v src="$source" -v obj="$kernel/kdir" \
	'{ print ($1 == "src" ? src : obj) "/" $2 "\t" $2 }' "$tmp/list" > "$tmp/copy"
# a quarter of the headers suffices to notice a missed rule of C
whole || { awk 'NR % 4 == 1' "$tmp/copy" > "$tmp/some" && mv "$tmp/some" "$tmp/copy"; }
cut -f2 "$tmp/copy" > "$tmp/names"
mkdir "$tmp/before" "$tmp/after"
tokens=0
files=0
ktap_set_plan 5
ktap_test_result "headers are stripped" \
	"$STRIP_COMMENTS" -d "$tmp/after" < "$tmp/copy"
"$STRIP_COMMENTS" -k -d "$tmp/before" < "$tmp/copy"
ktap_test_result "tokens, lines and flags are the same" compare
# files without tokens do not appear in the output; there are only a few
ktap_test_result "all files were compared" \
	test $((files + 40)) -gt "$(wc -l < "$tmp/names")"
ktap_test_result "every file keeps its number of lines" line_counts
ktap_test_result "comments are removed from all but a few files" comments_are_gone
ktap_finished
