#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Stripping is exact: for every header of a kernel, clang's raw lexer finds the
# same tokens on the same lines, at the start of a line or not, behind a blank or
# not, before and after.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

chunk=400	# headers per run of clang

# lex FOLDER NAMES OUT
lex() {
	( cd "$1" && xargs clang -cc1 -dump-raw-tokens < "$2" > "$3.raw" 2>&1 )
	awk -f "$top/tests/tokens.awk" "$3.raw" > "$3"
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

line_counts() {
	( cd "$tmp/before" && xargs wc -l < ../names ) > "$tmp/before.lines"
	( cd "$tmp/after" && xargs wc -l < ../names ) > "$tmp/after.lines"
	cmp "$tmp/before.lines" "$tmp/after.lines"
}

ktap_print_header
need_kernel
build_strip_comments
"$top/scripts/pack_headers.sh" -b "$kernel/kdir" -c headers -l > "$tmp/list" ||
	ktap_exit_fail_msg "no list of headers"
source=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
awk -F '\t' -v src="$source" -v obj="$kernel/kdir" \
	'{ print ($1 == "src" ? src : obj) "/" $2 "\t" $2 }' "$tmp/list" > "$tmp/copy"
cut -f2 "$tmp/copy" > "$tmp/names"
mkdir "$tmp/before" "$tmp/after"
tokens=0
files=0
ktap_set_plan 4
ktap_test_result "headers are stripped" \
	"$STRIP_COMMENTS" -d "$tmp/after" < "$tmp/copy"
"$STRIP_COMMENTS" -k -d "$tmp/before" < "$tmp/copy"
ktap_test_result "tokens, lines and flags are the same" compare
# files without a token do not show: no more than a few
ktap_test_result "all files were compared" \
	test $((files + 40)) -gt "$(wc -l < "$tmp/names")"
ktap_test_result "as many lines in each file" line_counts
ktap_finished
