#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders status reports the kernel, all trees and the link, as text and as JSON.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

nothing() {
	machine && run 3 status && prints "archive: none" && prints "tree:    none" &&
		prints "build:   none" && prints "kernel:  $running, build-id $(printf "%020d" 0 |
		sed 's/./61/g')" && kernel && run 3 status && prints "build-id unknown"
}

all_trees() {
	machine && offer "$tmp/a" && run 0 extract --tmpfs &&
		run 0 extract --archive "$tmp/other" &&
		mkdir /var/cache/kheaders/foreign && echo > /var/cache/kheaders/foreign/x &&
		run 0 status && prints "archive: $sysfs, $(wc -c < "$tmp/a") bytes" &&
		prints "build:   $link -> $run_tree" && prints "tree:    $run_tree, current" &&
		prints "tree:    /var/cache/kheaders/1.2.3, of another release" &&
		prints "tree:    /var/cache/kheaders/foreign, not made by kheaders" &&
		kernel b && run 0 status && prints "tree:    $run_tree, stale" && run 0 remove &&
		run 0 status &&
		prints "build:   none"
}

# field EXPRESSION VALUE: EXPRESSION has this VALUE in the object s, read from $tmp/output
field() {
	got=$(python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$tmp/output" "$1") && [ "$got" = "$2" ] && return
	ktap_print_msg "$1 is \"$got\", not \"$2\""
	show "$tmp/output"
	return 1
}

# The fields that kheaders(8) lists, and no others.
json() {
	machine && run 3 status --json && field 's["release"]' "$running" &&
		field 's["archive"]' None &&
		field 's["trees"]' '[]' && field 's["build_link_state"]' absent &&
		offer "$tmp/a" && run 0 extract && run 0 extract --archive "$tmp/other" &&
		run 0 status --json &&
		field 's["archive_bytes"]' "$(wc -c < "$tmp/a" | tr -d ' ')" &&
		field 's["version"]' "$(cat "$top/VERSION")" && field 's["module"]' "built in" &&
		field 's["tree"]' "$cache_tree" && field 's["tree_state"]' current &&
		field 's["build_link"]' "$cache_tree" && field 's["build_link_state"]' kheaders &&
		field 'len(s["trees"])' 2 &&
		field '[t["sha256"] for t in s["trees"] if t["linked"]][0]' \
			"$(sha256sum < "$tmp/a" | cut -d ' ' -f 1)" &&
		field '[[t[k] for k in ("release", "source", "state", "location")]
			for t in s["trees"] if not t["linked"]][0]' \
			"['1.2.3', 'file', 'other', 'cache']" || return 1
	for field in $(python3 -c 'import json, sys
s = json.load(open(sys.argv[1])); print(*s, *s["trees"][0])' "$tmp/output"); do
		sed 's/\\-/-/g' "$top/userspace/kheaders.8" | grep -q "^\.B $field\$" && continue
		ktap_print_msg "$field: not in the man page"
		return 1
	done
}

odd_link() {
	machine && ln -s "$(printf 'a"b\\c\nd\377')" "$link" && run 3 status --json &&
		field 's["build_link"] == "a\"b\\c\nd\xff"' True &&
		field 's["build_link_state"]' useless
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/other" 1.2.3
ktap_set_plan 4
ktap_test_result "a kernel without an archive or a tree" nothing
ktap_test_result "all trees" all_trees
ktap_test_result "as JSON, every field documented" json
ktap_test_result "a link with an odd target, as JSON" odd_link
ktap_finished
