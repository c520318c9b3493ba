#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders dump finds the archive in every kind of image, and writes only its output.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# Print an image with an archive between its markers, surrounded by other data.
make_image() {
	head -c 300000 "$program"
	printf 'IKHD_ST\0garbage'
	printf 'IKHD_ST\0'
	cat "$tmp/a"
	printf 'IKHD_ED\0'
	head -c 200000 "$program"
}

# dumps FILE: dumping FILE prints the archive
dumps() {
	rm -f "$tmp/out"
	run 0 dump "$1" -o "$tmp/out" && cmp -s "$tmp/out" "$tmp/a" && return
	ktap_print_msg "$1"
	return 1
}

# embed NAME COMMAND...: dump the image compressed by COMMAND, alone and embedded
embed() {
	name=$1
	shift
	"$@" < "$tmp/image" > "$tmp/image.$name" || return 1
	{
		head -c 20000 "$program"
		cat "$tmp/image.$name"
		# the size that the kernel's makefiles append, and other data
		printf '\1\2\3\4'
		head -c 20000 "$program"
	} > "$tmp/zimage.$name"
	dumps "$tmp/image.$name" && dumps "$tmp/zimage.$name"
}

every_kind() {
	dumps "$tmp/image" && embed gz gzip -9n && embed xz xz --check=crc32 &&
		embed zst zstd -19 -q && embed lz4 lz4 -l -9 && embed bz2 bzip2 &&
		embed lzma xz --format=lzma && embed lzo lzop
}

to_stdout() {
	"$program" dump "$tmp/image" | cmp -s - "$tmp/a" &&
		"$program" dump "$tmp/image" -o - | cmp -s - "$tmp/a" &&
		"$program" dump "$tmp/image" -o /dev/stdout | cmp -s - "$tmp/a" &&
		"$program" dump "$tmp/image" -o /dev/stdout > "$tmp/out" &&
		cmp "$tmp/out" "$tmp/a" &&
		! "$program" dump "$tmp/image" > /dev/full 2> "$tmp/output" &&
		prints "standard output: No space left on device"
}

from_stdin() {
	"$program" dump - < "$tmp/image" | cmp -s - "$tmp/a" &&
		gzip -c "$tmp/image" | zcat | "$program" dump - | cmp -s - "$tmp/a" &&
		! : | "$program" dump - 2> "$tmp/output" && prints "standard input: empty"
}

# It refuses to write to a terminal.
terminal() {
	script -q -e -c "'$program' dump '$tmp/image'" /dev/null > "$tmp/output" 2>&1
	[ $? -eq 2 ] && prints "a terminal; redirect it" && [ "$(wc -c < "$tmp/output")" -lt 200 ]
}

block_device() {
	truncate -s 2M "$tmp/image" && disk=$(losetup -f --show -r "$tmp/image") || return 1
	dumps "$disk"
	rc=$?
	losetup -d "$disk"
	return "$rc"
}

# It writes through devices, pipes and links and does not replace them.
written_through() {
	mkdir -p "$tmp/dev" && mknod "$tmp/dev/null" c 1 3 && mkfifo "$tmp/dev/fifo" &&
		ln -s "$tmp/file" "$tmp/dev/link" && echo long > "$tmp/file" &&
		run 0 dump "$tmp/image" -o "$tmp/dev/null" && [ -c "$tmp/dev/null" ] &&
		run 0 dump "$tmp/image" -o "$tmp/dev/link" && [ -L "$tmp/dev/link" ] &&
		cmp "$tmp/file" "$tmp/a" || return 1
	cat "$tmp/dev/fifo" > "$tmp/out" &
	run 0 dump "$tmp/image" -o "$tmp/dev/fifo" && wait $! && cmp "$tmp/out" "$tmp/a" &&
		[ -p "$tmp/dev/fifo" ] && only "$tmp/dev" fifo link null
}

# The output must not be readable for anyone who cannot read the image.
modes() {
	mkdir "$tmp/modes" && cp "$tmp/image" "$tmp/private" && chmod 600 "$tmp/private" &&
		run 0 dump "$tmp/private" -o "$tmp/modes/out" && mode 600 "$tmp/modes/out" &&
		chmod 644 "$tmp/private" && run 0 dump "$tmp/private" -o "$tmp/modes/new" &&
		mode 644 "$tmp/modes/new" && run 0 dump "$tmp/private" -o "$tmp/modes/out" &&
		mode 600 "$tmp/modes/out" && only "$tmp/modes" new out
}

# Leftovers of an earlier run do not matter, and the output is either complete or unchanged.
whole_or_not() {
	mkdir "$tmp/whole" && echo old > "$tmp/whole/out" && : > "$tmp/whole/out.new" &&
		run 0 dump "$tmp/image" -o "$tmp/whole/out" && cmp "$tmp/whole/out" "$tmp/a" &&
		echo old > "$tmp/whole/out" && ! strace -o "$tmp/trace" -e trace=fsync \
			-e inject=fsync:error=EIO "$program" dump "$tmp/image" -o "$tmp/whole/out" \
			2> "$tmp/output" && prints "out: Input/output error" &&
		[ "$(cat "$tmp/whole/out")" = old ] && only "$tmp/whole" out out.new
}

# Holes are not read: searching 20 GB takes almost no time.
sparse() {
	{ cat "$tmp/image"; } > "$tmp/sparse" && truncate -s 20G "$tmp/sparse" || return 0
	timeout 10 "$program" dump "$tmp/sparse" | cmp - "$tmp/a" || return 1
	: > "$tmp/sparse" && truncate -s 20G "$tmp/sparse"
	timeout 10 "$program" dump "$tmp/sparse" > /dev/null 2> "$tmp/output"
	[ $? -eq 3 ]
	rc=$?
	rm "$tmp/sparse"
	return "$rc"
}

none() {
	head -c 300000 /bin/sh > "$tmp/none"
	gzip -c "$tmp/none" > "$tmp/none.gz"
	printf 'IKHD_ST\0nothing IKHD_ED\0' > "$tmp/marks"
	: > "$tmp/empty"
	echo old > "$tmp/out"
	run 3 dump "$tmp/none" -o "$tmp/out" && prints "contains no kheaders archive" &&
		run 3 dump "$tmp/none.gz" -o "$tmp/out" && run 3 dump "$tmp/marks" -o "$tmp/out" &&
		run 1 dump "$tmp/empty" -o "$tmp/out" && prints "empty: empty" &&
		run 1 dump "$tmp/absent" -o "$tmp/out" && run 1 dump "$tmp" -o "$tmp/out" &&
		prints "a directory" && [ "$(cat "$tmp/out")" = old ]
}

ktap_print_header
need_program
archive "$tmp/a" 1.2.3
make_image > "$tmp/image"
ktap_set_plan 10
ktap_test_result "finds an archive in every kind of image" every_kind
ktap_test_result "writes to standard output" to_stdout
ktap_test_result "reads standard input" from_stdin
ktap_test_result "refuses to write to a terminal" terminal
ktap_test_result "reads a block device" block_device
ktap_test_result "writes through devices, pipes and links" written_through
ktap_test_result "the output is no more readable than the image" modes
ktap_test_result "the output is complete or unchanged" whole_or_not
ktap_test_result "a sparse file" sparse
ktap_test_result "an image without an archive" none
ktap_finished
