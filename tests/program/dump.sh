#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders dump finds the archive in every kind of image, and writes only its output.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# Print an image with an archive between its markers, surrounded by other data, among it blocks
# that cannot be compressed.
make_image() {
	head -c 300000 "$program"
	cat "$tmp/random"
	printf 'IKHD_ST\0garbage'
	printf 'IKHD_ST\0'
	cat "$tmp/a"
	printf 'IKHD_ED\0'
	head -c 200000 "$program"
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
		embed lzma xz --format=lzma && embed lzo lzop -9
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

# Files of /proc and sysfs cannot be mapped, and those of /proc have no size: here an image is in
# the arguments of a process.
unmappable() {
	{
		printf 'IKHD_ST\0'
		cat "$tmp/a"
		printf 'IKHD_ED\0'
	} > "$tmp/arguments"
	# shellcheck disable=SC2016	# for the shell that xargs starts
	xargs -0 sh -c '"$0" dump "/proc/$$/cmdline" || exit' "$program" \
		< "$tmp/arguments" > "$tmp/out" && cmp "$tmp/out" "$tmp/a" || return 1
	for error in ENODEV EIO; do
		strace -qq -o "$tmp/trace" -P "$tmp/image" -e "inject=?mmap,?mmap2:error=$error" \
			"$program" dump "$tmp/image" > "$tmp/out" && cmp "$tmp/out" "$tmp/a" &&
			grep -q INJECTED "$tmp/trace" || return 1
	done
	! strace -qq -o "$tmp/trace" -P "$tmp/image" -e "inject=?mmap,?mmap2:error=ENOMEM" \
		"$program" dump "$tmp/image" 2> "$tmp/output" &&
		prints "image: Cannot allocate memory"
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

# killed CALL [WHEN]: dump to /run/k/out, killed there
killed() {
	strace -f -qq -o "$tmp/trace" -e "trace=$1" -e "inject=$1:signal=KILL:when=${2:-1}" \
		"$program" dump "$tmp/image" -o /run/k/out > /dev/null 2>&1
	[ $? -eq 137 ] && return
	ktap_print_msg "not killed at $1"
	return 1
}

# What has no name before it is whole is gone if it is killed.
killed_leaves_nothing() {
	machine && mkdir /run/k || return 1
	for call in write fchmod fsync linkat; do
		killed "$call" && { [ "$call" = linkat ] || only /run/k; } || return 1
	done
	rm -f /run/k/out && run 0 dump "$tmp/image" -o /run/k/out && only /run/k out &&
		cmp /run/k/out "$tmp/a" || return 1
	for call in write fchmod fsync; do
		echo old > /run/k/out && killed "$call" && only /run/k out &&
			[ "$(cat /run/k/out)" = old ] || return 1
	done
	# its one other name, which the next run removes, whether or not the file is there
	killed linkat 2 && run 0 dump "$tmp/image" -o /run/k/out && only /run/k out &&
		echo whole > /run/k/.out.kheaders-new && rm /run/k/out &&
		run 0 dump "$tmp/image" -o /run/k/out && only /run/k out && cmp /run/k/out "$tmp/a"
}

# Not all file systems have files without a name, nor all machines /proc.
other_ways() {
	machine && mkdir /run/k || return 1
	for error in EOPNOTSUPP EISDIR EINVAL; do
		strace -qq -o "$tmp/trace" -P /run/k -e inject=openat:error="$error":when=2 \
			"$program" dump "$tmp/image" -o /run/k/out && cmp /run/k/out "$tmp/a" &&
			only /run/k out && mode 644 /run/k/out && grep -q INJECTED "$tmp/trace" ||
			return 1
	done
	# the second is an interrupted system call
	for call in linkat:error=ENOENT:when=1 write:error=EINTR:when=1; do
		rm /run/k/out
		strace -qq -o "$tmp/trace" -e "inject=$call" \
			"$program" dump "$tmp/image" -o /run/k/out && cmp /run/k/out "$tmp/a" &&
			grep -q INJECTED "$tmp/trace" || return 1
	done
	for call in openat:error=EPERM:when=2 openat:error=EACCES:when=1; do
		! strace -qq -o "$tmp/trace" -P /run/k -e "inject=$call" "$program" dump \
			"$tmp/image" \
			-o /run/k/new 2> "$tmp/output" && prints "kheaders: /run/k/new: " &&
			only /run/k out ||
			return 1
	done
	! strace -qq -o "$tmp/trace" -e inject=linkat:error=EPERM "$program" dump "$tmp/image" \
		-o /run/k/new 2> "$tmp/output" && prints "/run/k/new: Operation not permitted" &&
		only /run/k out && chown 1234 /run/k && chmod 644 "$tmp/image" || return 1
	setpriv --reuid 1234 --clear-groups "$program" dump "$tmp/image" -o /run/k/user &&
		cmp /run/k/user "$tmp/a" && only /run/k out user
}

# Paths of every form.
names() {
	machine && mkdir /run/k && cd /run/k && run 0 dump "$tmp/image" -o a &&
		run 0 dump "$tmp/image" -o ./b &&
		run 0 dump "$tmp/image" -o /run//k/c && run 0 dump "$tmp/image" -o ../k/d &&
		only /run/k a b c d && long=$(printf %0255d 0) &&
		run 0 dump "$tmp/image" -o "$long" &&
		cmp "$long" "$tmp/a" && run 1 dump "$tmp/image" -o "$long" &&
		prints "File name too long" &&
		run 1 dump "$tmp/image" -o absent/a &&
		prints "absent/a: No such file or directory" &&
		run 1 dump "$tmp/image" -o absent/ && only /run/k a b c d "$long"
}

# Holes are not read: searching 20 GB takes almost no time.
sparse() {
	{ cat "$tmp/image"; } > "$tmp/sparse" && truncate -s 20G "$tmp/sparse" || return 1
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
chmod 755 "$tmp"
archive "$tmp/a" 1.2.3
head -c 1500000 /dev/urandom > "$tmp/random"
make_image > "$tmp/image"
ktap_set_plan 14
ktap_test_result "finds an archive in every kind of image" every_kind
ktap_test_result "writes to standard output" to_stdout
ktap_test_result "reads standard input" from_stdin
ktap_test_result "reads files that cannot be mapped" unmappable
ktap_test_result "refuses to write to a terminal" terminal
ktap_test_result "reads a block device" block_device
ktap_test_result "writes through devices, pipes and links" written_through
ktap_test_result "the output is no more readable than the image" modes
ktap_test_result "the output is complete or unchanged" whole_or_not
ktap_test_result "killed, it leaves nothing behind" killed_leaves_nothing
ktap_test_result "file systems without O_TMPFILE, machines without /proc" other_ways
ktap_test_result "every form of the output's name" names
if [ "$(getconf LONG_BIT)" = 32 ]; then
	ktap_test_skip "a sparse file" "20 GB do not fit into 32 bits"
else
	ktap_test_result "a sparse file" sparse
fi
ktap_test_result "an image without an archive" none
ktap_finished
