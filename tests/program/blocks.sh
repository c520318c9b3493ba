#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Archives as xz makes them, of one block and of many, damaged at every place

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# extracts FILE: to the tree that is in $tmp/tree
extracts() {
	machine && run 0 extract --archive "$1" --dest /run/t && prints extracted &&
		quiet diff -r -x .kheaders "$tmp/tree" /run/t &&
		run 0 verify --archive "$1" --dest /run/t && return
	ktap_print_msg "$1"
	return 1
}

# refuses TEXT FILE: in one line, and nothing is left
refuses() {
	run 1 extract --archive "$2" --dest /run/t && prints "$2: $1" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] && [ ! -e /run/t ] && return
	ktap_print_msg "$2"
	return 1
}

# The tree has files of many sizes: smaller and larger than a block, and not to be compressed.
make_tar() {
	# shellcheck disable=SC2016	# archive() expands it
	archive "$tmp/a" 1.2.3 '
		for n in $(seq 1 60); do
			head -c "$((n * 977))" "$program" > "include/linux/$n.h"
		done
		head -c 300000 /dev/urandom > scripts/random
		: > scripts/empty'
	xz -dc "$tmp/a" > "$tmp/tar"
}

sizes() {
	for size in 512 64KiB 100000 10MiB; do
		xz -c --check=crc32 --block-size="$size" -T1 --lzma2=preset=0,dict=64KiB \
			"$tmp/tar" \
			> "$tmp/xz" && extracts "$tmp/xz" || return 1
	done
	for check in none sha256; do
		xz -c -0 --check="$check" --block-size=100000 "$tmp/tar" > "$tmp/xz" &&
			extracts "$tmp/xz" || return 1
	done
	xz -c -0 -T2 --block-size=100000 "$tmp/tar" > "$tmp/xz" && extracts "$tmp/xz" &&
		xz -c --x86 --lzma2=preset=0 "$tmp/tar" > "$tmp/xz" && extracts "$tmp/xz"
}

# threads: set number to those that the program starts for $tmp/xz
threads() {
	machine && strace -f -qq -o "$tmp/trace" -e trace=clone,clone3 -e signal=none \
		"$program" extract --archive "$tmp/xz" --dest /run/t > /dev/null 2>&1
	number=$(grep -c 'clone.*= [1-9]' "$tmp/trace") || :
}

# Where a block starts with a member, two threads do the work, if there are processors for
# them.  A block in the midst of a member does not count.
two_threads() {
	start=$(tar --list -R -f "$tmp/tar" |
		sed -n 's|^block \([0-9]*\): ./include/linux/50.h$|\1|p')
	xz -c --check=crc32 --block-list="$((start * 512)),0" -T1 --lzma2=preset=0,dict=64KiB \
		"$tmp/tar" \
		> "$tmp/xz" && extracts "$tmp/xz" && threads && [ "$number" -eq 1 ] || return 1
	xz -c --check=crc32 --block-list="$((start * 512 + 512)),0" -T1 \
		--lzma2=preset=0,dict=64KiB \
		"$tmp/tar" > "$tmp/xz" && extracts "$tmp/xz" && threads && [ "$number" -eq 0 ] ||
		return 1
	xz -c --check=crc32 "$tmp/tar" > "$tmp/xz" && extracts "$tmp/xz" && threads &&
		[ "$number" -eq 0 ]
}

# damage OFFSET: other bytes there
damage() {
	cp "$tmp/xz" "$tmp/bad"
	printf '\132\245\132\245' | dd of="$tmp/bad" bs=1 seek="$1" conv=notrunc status=none
}

everywhere() {
	xz -c --check=crc32 --block-size=60000 -T1 --lzma2=preset=0,dict=64KiB \
		"$tmp/tar" > "$tmp/xz"
	machine && size=$(wc -c < "$tmp/xz")
	for at in 0 2 5 6 8 12 13 14 20 24 28 40 99 1000 $((size / 3)) $((size / 2)) \
		$((size - 99)) \
			$((size - 40)) $((size - 24)) $((size - 20)) $((size - 16)) $((size - 12)) \
			$((size - 8)) $((size - 4)); do
		damage "$at" && run 1 extract --archive "$tmp/bad" --dest /run/t &&
			[ ! -e /run/t ] &&
			[ "$(wc -l < "$tmp/output")" -eq 1 ] &&
			grep -q -e "bad: damaged" -e "bad: not an xz file" "$tmp/output" && continue
		ktap_print_msg "at $at of $size"
		show "$tmp/output"
		return 1
	done
}

# Files that are no archive, and parts of one.
parts_of_one() {
	xz -c -0 "$tmp/tar" > "$tmp/xz" && size=$(wc -c < "$tmp/xz")
	machine
	for n in 0 1 11 12 23; do
		head -c "$n" "$tmp/xz" > "$tmp/bad" && refuses "not an xz file" "$tmp/bad" ||
			return 1
	done
	for n in 24 25 40 1000 $((size - 13)) $((size - 12)) $((size - 4)) $((size - 1)); do
		head -c "$n" "$tmp/xz" > "$tmp/bad" &&
			refuses "damaged: it is cut off, or has trailing data" "$tmp/bad" ||
			return 1
	done
	# a header and a footer alone, and that with zeros between
	{ head -c 12 "$tmp/xz"; tail -c 12 "$tmp/xz"; } > "$tmp/bad" &&
		refuses "damaged: it is cut off" "$tmp/bad" &&
		{ head -c 12 "$tmp/xz"; head -c 1000 /dev/zero; tail -c 12 \
		"$tmp/xz"; } > "$tmp/bad" &&
		refuses damaged "$tmp/bad" || return 1
	{ head -c 12 "$tmp/xz"; tail -c +17 "$tmp/xz"; } > "$tmp/bad" &&
		refuses damaged "$tmp/bad" &&
		{ cat "$tmp/xz"; printf '\0\0\0\0'; } > "$tmp/bad" && refuses damaged "$tmp/bad" &&
		cat "$tmp/xz" "$tmp/xz" > "$tmp/bad" && refuses damaged "$tmp/bad" &&
		gzip -c "$tmp/tar" > "$tmp/bad" && refuses "not an xz file" "$tmp/bad" &&
		xz -c -0 --check=crc32 "$tmp/tar" | tail -c 12 > "$tmp/tail" &&
		{ head -c -12 "$tmp/xz"; cat "$tmp/tail"; } > "$tmp/bad" &&
		refuses damaged "$tmp/bad" &&
		: | xz -c > "$tmp/bad" && refuses "not a kheaders archive" "$tmp/bad"
}

# An xz file of 64 MiB of dictionary can be decoded, one of more not.
memory() {
	xz -c --check=crc32 --lzma2=preset=0,dict=64MiB "$tmp/tar" > "$tmp/xz" &&
		extracts "$tmp/xz" &&
		xz -c --check=crc32 --lzma2=preset=0,dict=96MiB "$tmp/tar" > "$tmp/bad" &&
		machine &&
		refuses "refused: needs more memory than any kheaders archive" "$tmp/bad"
}

# inject WHAT N: extract to /run/t while the N-th read of the archive is disturbed
inject() {
	strace -f -qq -o "$tmp/trace" -e trace=pread64 \
		-e "inject=pread64:$1:when=$((loader + $2))" \
		"$program" extract --archive "$tmp/xz" --dest /run/t > "$tmp/output" 2>&1
	rc=$?
	grep -q INJECTED "$tmp/trace" && return "$rc"
	ktap_print_msg "no call $2"
	return 99
}

# Reading it fails, or is interrupted; the loader of programs reads by the same call.
reading() {
	xz -c -0 "$tmp/tar" > "$tmp/xz" && machine && strace -qq -o "$tmp/trace" -e trace=pread64 \
		"$program" --version > /dev/null || return 1
	loader=$(wc -l < "$tmp/trace")
	for n in 1 2 3 4 5 6 7; do
		inject error=EINTR "$n" && run 0 remove --dest /run/t || return 1
		inject error=EIO "$n"
		[ $? -eq 1 ] && prints "xz: Input/output error" && [ ! -e /run/t ] &&
			[ "$(wc -l < "$tmp/output")" -eq 1 ] || return 1
		# the end of a file that was cut after it was opened
		inject retval=0 "$n"
		[ $? -eq 1 ] && prints "xz: damaged" && [ ! -e /run/t ] || return 1
	done
}

ktap_print_header
need_program
make_tar
ktap_set_plan 6
ktap_test_result "blocks of every size" sizes
if [ "$(nproc)" -gt 1 ]; then
	ktap_test_result "two threads where a block starts with a member" two_threads
else
	ktap_test_skip "two threads where a block starts with a member" "one processor"
fi
ktap_test_result "damaged at every place" everywhere
ktap_test_result "what is no archive, or a part of one" parts_of_one
ktap_test_result "how much memory it may take" memory
ktap_test_result "reading fails" reading
ktap_finished
