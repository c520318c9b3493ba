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

# A tree that is removed after its directory was read is none.
vanished() {
	machine && offer "$tmp/a" && run 0 extract --no-link || return 1
	strace -qq -o "$tmp/trace" -P /var/cache/kheaders -e inject=openat:error=ENOENT:when=3 \
		"$program" status > "$tmp/output" 2>&1
	grep -q "\"$running\".*INJECTED" "$tmp/trace" && prints "tree:    none" && return
	show "$tmp/trace" "$tmp/output"
	return 1
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

# json_target PRINTF-FORMAT EXPRESSION: a link to that, and what JSON has
json_target() {
	# shellcheck disable=SC2059	# a format
	ln -sfn "$(printf "$1")" "$link" && run 3 status --json &&
		field 's["build_link"] == '"$2" True
}

# UTF-8 is printed as it is.  What is not UTF-8: a byte alone, too few, too long, a surrogate, and
# what is above the last character.
odd_link() {
	machine && json_target 'a"b\\c\nd\1' '"a\"b\\c\nd\1"' &&
		field 's["build_link_state"]' useless &&
		json_target '\360\220\200\200\364\217\277\277b' '"\U00010000\U0010ffffb"' &&
		json_target 'a\177\303\244\340\240\200\355\237\277b' '"a\x7f\xe4\u0800\ud7ffb"' &&
		prints "$(printf '\303\244\340')" || return 1
	for bytes in '\377' '\244' '\303' '\301\277' '\340\237\277' '\355\240\200' \
		'\360\217\277\277' '\364\220\200\200' '\342\202' '\360\220\200'; do
		json_target "a${bytes}b" '"a" + "\ufffd" * '$((${#bytes} / 4))' + "b"' &&
			json_target "a$bytes" '"a" + "\ufffd" * '$((${#bytes} / 4)) ||
			return 1
	done
}

# Notes of every size among which the build-id stands, or does not: files named by a number
# and what status reports.
write_notes() {
	mkdir "$tmp/notes" && python3 - "$tmp/notes" <<- 'END'
	import itertools, struct, sys
	def note(kind, name, size):
	    pad = lambda b: b + bytes(-len(b) % 4)
	    return struct.pack("=III", len(name) + 1, size, kind) + pad(name + b"\0") + \
	        pad(bytes(range(1, size + 1)))
	number = itertools.count()
	def write(data, want):
	    with open(f"{sys.argv[1]}/{next(number)}-{want}", "wb") as out:
	        out.write(data)
	other = note(3, b"Linux", 20) + note(3, b"GN", 20) + note(3, b"GNX", 20)
	names = (b"GNU", 0), (b"GNU", 1), (b"Xen", 2), (b"x", 3), (b"Linux", 5), (b"ab", 8)
	for name, size in names:
	    write(note(1, name, size) + other + note(3, b"GNU", 4) + note(3, b"GNU", 8), "01020304")
	for size in 1, 20, 64:
	    write(note(3, b"GNU", size), bytes(range(1, size + 1)).hex())
	unknown = [b"", note(3, b"GNU", 65), note(4, b"GNU", 20)]
	unknown += [note(3, b"GNU", 20)[:n] for n in (4, 11, 12, 15, 16, 35)]
	# sizes that lead out of it
	for size in 0xffffffff, 0xfffffffd, 0x80000000, 100:
	    unknown += [struct.pack("=III4s", 4, size, 3, b"GNU") + note(3, b"GNU", 4),
	                struct.pack("=III4s", size, 4, 3, b"GNU") + note(3, b"GNU", 4)]
	for data in unknown:
	    write(data, "unknown")
	END
}

build_id() {
	machine && write_notes || return 1
	for file in "$tmp"/notes/*; do
		cp "$file" /sys/kernel/notes && run 3 status &&
			grep -q "build-id ${file##*-}\$" "$tmp/output" && continue
		ktap_print_msg "$file"
		show "$tmp/output"
		return 1
	done
}

unreadable_notes() {
	machine && rm /sys/kernel/notes && mkdir /sys/kernel/notes && run 1 status &&
		prints "/sys/kernel/notes: Is a directory"
}

# marked STATE TEXT: a tree with that marker
marked() {
	printf '%b' "$2" > "$cache_tree/.kheaders" && run 3 status && prints "$cache_tree, $1" &&
		return
	ktap_print_msg "marker: $2"
	return 1
}

markers() {
	id=$(printf "%020d" 0 | sed 's/./61/g')
	machine && mkdir -p "$cache_tree" || return 1
	own="release: $running\nbuild-id: $id\nsha256: 01\n"
	printf '%b' "$own" > "$cache_tree/.kheaders" && run 0 status &&
		prints "$cache_tree, current" &&
		marked "of another release" "release: 1.2.3\nbuild-id: $id\nsha256: 01\n" &&
		marked "stale: another" "release: $running\nbuild-id: 62\nsha256: 01\n" &&
		marked "of this release; no build-id" \
		"release: $running\nbuild-id: \nsha256: 01\n" &&
		marked "of this release; no build-id" \
		"release: $running\nsha256: 01\nsource: kernel\n" &&
		marked "of this release, from a file" \
		"release: $running\nsha256: 01\nsource: file\n" &&
		marked "of this release, from a file" \
		"old release: 1.2.3\nrelease: $running\nx sha256: \nsha256: 01\nsource: file" &&
		marked "not made by kheaders" "" &&
		marked "not made by kheaders" "release: $running\n" &&
		marked "not made by kheaders" "sha256: 01\n" &&
		marked "not made by kheaders" "xrelease: $running\nsha256: 01\n" &&
		marked "not made by kheaders" "release: .$running\nsha256: 01\n" &&
		marked "not made by kheaders" "release: $running\nxsha256: 01\n" &&
		marked "not made by kheaders" "release: $running\nsha256: $(printf %065d 0)\n" ||
		return 1
	for command in "ln -s $tmp/marker" mkfifo mkdir; do
		printf '%b' "$own" > "$tmp/marker" && rm -rf "$cache_tree/.kheaders" &&
			$command "$cache_tree/.kheaders" || return 1
		timeout 5 "$program" status > "$tmp/output" 2>&1
		[ $? -eq 3 ] && prints "$cache_tree, not made by kheaders" || return 1
	done
	rmdir "$cache_tree/.kheaders" && printf '%b' "$own" > "$cache_tree/.kheaders" || return 1
	injected=
	for call in openat read fstat newfstatat; do
		# openat() gets its name alone
		strace -qq -o "$tmp/trace" -P "$cache_tree/.kheaders" -P .kheaders \
			-e "inject=?$call:error=EIO" "$program" status > "$tmp/output" 2>&1
		! grep -q INJECTED "$tmp/trace" || {
			prints "$cache_tree: cannot be read: Input/output error" || return 1
			injected="$injected $call"
		}
	done
	# how a size is read differs between architectures
	[ "${injected#" openat read"}" != "$injected" ]
}

# The longest release that there can be, and which letters it may have.
releases() {
	machine
	for release in "$(printf %0127d 1)" 1+a~b_c-d,e:f=g@h a '!'; do
		archive "$tmp/x" "$release" && run 0 extract --archive "$tmp/x" &&
			prints "/var/cache/kheaders/$release: extracted" && run 3 status &&
			prints "/var/cache/kheaders/$release, of another release" &&
			run 0 remove --all || return 1
	done
	# shellcheck disable=SC2016	# nothing may expand it
	for release in "$(printf %0128d 1)" "1 2" "$(printf '1\1772')" "$(printf '1\0042')" '1\2' \
		"1'2" \
			'1`2' '1*2' '1?2' '1$2' . .a ../a; do
		archive "$tmp/x" "$release" && run 1 extract --archive "$tmp/x" &&
			prints "contains no valid release" || return 1
	done
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/other" 1.2.3
ktap_set_plan 9
ktap_test_result "a kernel without an archive or a tree" nothing
ktap_test_result "all trees" all_trees
ktap_test_result "a tree that vanishes meanwhile" vanished
ktap_test_result "as JSON, every field documented" json
ktap_test_result "a link with an odd target, as JSON" odd_link
ktap_test_result "the build-id among notes of every size" build_id
ktap_test_result "notes that cannot be read" unreadable_notes
ktap_test_result "markers of every form" markers
ktap_test_result "releases of every form" releases
ktap_finished
