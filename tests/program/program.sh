#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kheaders program on this machine, with archives given to it: what it makes, what
# it refuses, and that no tree is ever half there.
#
# Environment:
#   KHEADERS_KILLS  how many times it is killed; 200 if not set

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

kills=${KHEADERS_KILLS:-200}

build_program() {
	rm -rf "$tmp/build"
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" CFLAGS="-O1 -g $1" \
		LDFLAGS="$1" && program=$tmp/build/kheaders
}

# A real archive, of the kernel's headers.
make_archive() {
	build_strip_comments
	"$top/scripts/pack_headers.sh" -b "$kernel/kdir" -o "$work/real.tar.xz"
}

# run EXIT-STATUS ARGUMENT...: what it says goes to $tmp/output
run() {
	want=$1
	shift
	"$program" "$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "kheaders $*: status $got, not $want"
	show "$tmp/output"
	return 1
}

says() {
	grep -q -F -e "$1" "$tmp/output" && return
	ktap_print_msg "does not say: $1"
	show "$tmp/output"
	return 1
}

# What is at the place of trees, but for the lock.
left() {
	find "$work/trees" -mindepth 1 -maxdepth 1 ! -name .kheaders-lock -printf '%f\n' | sort
}

fresh() {
	rm -rf "$work/trees"
	mkdir "$work/trees"
}

real() {
	fresh && run 0 extract --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$(left)" = t ] && rm -rf "$tmp/want" && mkdir "$tmp/want" &&
		tar -xf "$work/real.tar.xz" -C "$tmp/want" &&
		quiet diff -r -x .kheaders "$tmp/want" "$work/trees/t" || return 1
	( cd "$tmp/want" && find . -printf '%p %m\n' | sort ) > "$tmp/a"
	( cd "$work/trees/t" && find . ! -name .kheaders -printf '%p %m\n' | sort ) > "$tmp/b"
	quiet diff "$tmp/a" "$tmp/b"
}

again_is_nothing() {
	before=$(stat -c '%i %Y' "$work/trees/t")
	run 0 extract --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$before" = "$(stat -c '%i %Y' "$work/trees/t")" ] && [ ! -s "$tmp/output" ]
}

force_makes_anew() {
	before=$(stat -c %i "$work/trees/t")
	run 0 extract --force --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$before" != "$(stat -c %i "$work/trees/t")" ] && [ "$(left)" = t ]
}

verified() {
	run 0 verify --archive "$work/real.tar.xz" --dest "$work/trees/t"
}

verify_finds() {
	for change in 'echo x >> include/linux/types.h' 'rm include/linux/types.h' \
		'echo > include/linux/evil.h' 'chmod o+w include/linux/types.h' \
		'ln -sf /etc/passwd include/linux/types.h' 'rm .kheaders' \
		'chmod -x scripts/basic/fixdep'; do
		rm -rf "$work/trees/u"
		cp -a "$work/trees/t" "$work/trees/u"
		( cd "$work/trees/u" && eval "$change" )
		run 1 verify --archive "$work/real.tar.xz" --dest "$work/trees/u" || {
			ktap_print_msg "after: $change"
			return 1
		}
	done
	rm -rf "$work/trees/u"
}

private_tree() {
	fresh && cp "$work/good.tar.xz" "$work/private.tar.xz" &&
		chmod 0400 "$work/private.tar.xz" &&
		run 0 extract --archive "$work/private.tar.xz" --dest "$work/trees/t" &&
		[ "$(stat -c %a "$work/trees/t")" = 700 ]
}

umask_does_not_matter() {
	fresh && ( umask 0077 && run 0 extract --archive "$work/good.tar.xz" \
		--dest "$work/trees/t" ) &&
		[ "$(find "$work/trees/t" ! -perm 0755 ! -perm 0644 | head -n 1)" = "" ]
}

# One of two blocks, as threads read it: damaged in the second, cut off, with a tail.
damage_real() {
	real=$work/real.tar.xz
	size=$(wc -c < "$real")
	at=$((size * 4 / 5))
	{ head -c "$at" "$real"; printf damaged; tail -c "+$((at + 8))" "$real"; } \
		> "$work/hostile/real-damaged"
	head -c "$at" "$real" > "$work/hostile/real-cut"
	{ cat "$real"; echo tail; } > "$work/hostile/real-tail"
}

# Each is refused with a message, and nothing is left of it anywhere.
hostile() {
	fresh
	rc=0
	for archive in "$work/hostile"/*; do
		run 1 extract --archive "$archive" --dest "$work/trees/t" &&
			says 'kheaders: ' && [ -z "$(left)" ] &&
			[ ! -e /tmp/kheaders-evil ] && continue
		ktap_print_msg "$archive: $(left)"
		rc=1
	done
	return "$rc"
}

foreign_stays() {
	fresh && mkdir "$work/trees/t" && echo mine > "$work/trees/t/file" &&
		run 1 extract --archive "$work/good.tar.xz" --dest "$work/trees/t" &&
		says "not made by kheaders" && [ "$(cat "$work/trees/t/file")" = mine ] &&
		fresh && ln -s /etc "$work/trees/t" &&
		run 1 extract --archive "$work/good.tar.xz" --dest "$work/trees/t" &&
		[ -L "$work/trees/t" ] && fresh && echo mine > "$work/trees/t" &&
		run 1 extract --archive "$work/good.tar.xz" --dest "$work/trees/t" &&
		[ "$(cat "$work/trees/t")" = mine ]
}

unsafe_parents() {
	fresh
	# the last: a link of somebody else's on the way to a folder that is root's alone
	for setup in 'chmod 0777 p' 'chmod 1777 p' 'chmod 0775 p' 'chown 1234 p' \
		     'mv p/q r; ln -s ../r p/q; chown -h 1234 p/q'; do
		rm -rf "$work/trees/p" "$work/trees/r"
		mkdir -p "$work/trees/p/q"
		( cd "$work/trees" && eval "$setup" )
		run 1 extract --archive "$work/good.tar.xz" --dest "$work/trees/p/q/t" &&
			says ": refused: " && [ ! -e "$work/trees/p/q/t" ] &&
			[ ! -e "$work/trees/p/q/.kheaders-lock" ] && continue
		ktap_print_msg "after: $setup"
		return 1
	done
}

hundred_at_once() {
	fresh
	for i in $(seq 100); do
		"$program" extract --archive "$work/good.tar.xz" --dest "$work/trees/t" \
			> "$tmp/out.$i" 2>&1 || touch "$tmp/failed" &
	done
	wait
	[ ! -e "$tmp/failed" ] && [ "$(cat "$tmp"/out.* | grep -c extracted)" -eq 1 ] &&
		[ "$(left)" = t ]
}

# A tree that is there is whole, whenever the program was killed.
killed() {
	fresh
	seen=0
	hit=0
	long=$( { /usr/bin/time -f %e "$program" extract --quiet --archive "$work/real.tar.xz" \
		--dest "$work/trees/t"; } 2>&1)
	for i in $(seq "$kills"); do
		# an old tree is there every other time
		[ $((i % 2)) -eq 0 ] || rm -rf "$work/trees/t"
		timeout --foreground -s KILL "$(awk -v i="$i" -v n="$kills" -v long="$long" \
			'BEGIN { print 2 * long * i / n }')" \
			"$program" extract --quiet --force --archive "$work/real.tar.xz" \
			--dest "$work/trees/t" > "$tmp/output" 2>&1
		[ $? -ne 137 ] || hit=$((hit + 1))
		[ -e "$work/trees/t" ] || continue
		seen=$((seen + 1))
		[ -e "$work/trees/t/.kheaders" ] && [ $((i % 10)) -ne 0 ] && continue
		run 0 verify --archive "$work/real.tar.xz" --dest "$work/trees/t" || return 1
	done
	ktap_print_msg "$kills runs, $hit killed, a tree was there $seen times"
	[ $((hit * 4)) -gt "$kills" ] || return 1
	run 0 extract --force --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$(left)" = t ] && verified
}

interrupted() {
	fresh
	"$program" extract --archive "$work/real.tar.xz" --dest "$work/trees/t" \
		> "$tmp/output" 2>&1 &
	pid=$!
	# not before it has begun to write
	while kill -0 "$pid" 2> /dev/null && [ -z "$(find "$work/trees" -type f -path '*-staging-*' -print -quit)" ]; do
		:
	done
	kill -TERM "$pid"
	wait "$pid"
	[ $? -eq 1 ] && says interrupted && [ -z "$(left)" ]
}

full_disk() {
	fresh && mount -t tmpfs -o mode=755,size=4m kheaders-test "$work/trees" || return 1
	run 1 extract --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		says "No space left on device" && [ -z "$(left)" ]
	rc=$?
	umount "$work/trees"
	return "$rc"
}

mounts() {
	grep -c " $work/trees/" /proc/mounts
}

in_memory() {
	fresh
	for option in --quiet --force; do
		run 0 extract "$option" --tmpfs --archive "$work/real.tar.xz" \
			--dest "$work/trees/t" && verified && [ "$(mounts)" -eq 1 ] || return 1
	done
	run 0 extract --tmpfs --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ ! -s "$tmp/output" ] && [ "$(mounts)" -eq 1 ] || return 1
	for after in 0.05 0.1 0.2; do
		timeout --foreground -s KILL "$after" "$program" extract --force --tmpfs --quiet \
			--archive "$work/real.tar.xz" --dest "$work/trees/t2" 2> /dev/null
	done
	[ "$(left | grep -v -x t2)" = t ] && [ "$(mounts)" -le 2 ] &&
		run 0 extract --force --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		verified && ! grep -q " $work/trees/t " /proc/mounts
	rc=$?
	umount "$work/trees/t2" 2> /dev/null
	return "$rc"
}

# image NAME: what is mounted is the tree
image() {
	run 0 extract --archive "$work/real.tar.xz" --image "$work/trees/$1" || return 1
	mkdir -p "$tmp/mounted"
	quiet mount -o loop,ro "$work/trees/$1" "$tmp/mounted" || return 1
	quiet diff -r -x .kheaders "$tmp/want" "$tmp/mounted"
	rc=$?
	umount "$tmp/mounted"
	return "$rc"
}

images() {
	fresh && image a.erofs && image b.squashfs && mkdir "$work/trees/d" &&
		run 1 extract --archive "$work/real.tar.xz" --image "$work/trees/d" &&
		run 1 extract --archive "$work/hostile/dotdot.tar.xz" \
			--image "$work/trees/a.erofs" || return 1
	unshare -m sh -c 'mount -t tmpfs kheaders-test /usr/bin && exec "$@"' sh \
		"$program" extract --archive "$work/real.tar.xz" --image "$work/trees/c" \
		> "$tmp/output" 2>&1
	[ $? -eq 1 ] && says "mkfs.erofs: not there; install erofs-utils" &&
		[ "$(left | tr '\n' ' ')" = "a.erofs b.squashfs d " ]
}

# Where there is nothing else, not even /proc.
static_alone() {
	root=$work/root
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" &&
		mkdir "$root" && cp "$tmp/static/kheaders" "$work/real.tar.xz" "$root" || return 1
	fresh
	quiet chroot "$root" /kheaders extract --archive /real.tar.xz --dest /t &&
		quiet diff -r -x .kheaders "$tmp/want" "$root/t" &&
		quiet chroot "$root" /kheaders verify --archive /real.tar.xz --dest /t &&
		chroot "$root" /kheaders status > "$tmp/output" 2>&1
	rc=$?
	rm -rf "$root"
	[ "$rc" -eq 3 ] && return
	show "$tmp/output"
	return 1
}

bpf_program='
#include <linux/sched.h>
#include <linux/fs.h>
#include <net/sock.h>
int prog(struct pt_regs *ctx)
{
	struct sock *sk = (void *)ctx->di;
	return sk->sk_rcvbuf;
}'

# compile_bpf OUT
compile_bpf() {
	quiet clang "@$work/trees/t/bpf/flags" -emit-llvm -c -o "$tmp/prog.bc" "$tmp/prog.c" &&
		quiet llc -march=bpf -filetype=obj -o "$1" "$tmp/prog.bc"
}

# The object is the same, from less work.
precompiled() {
	echo "$bpf_program" > "$tmp/prog.c"
	fresh && run 0 extract --pch --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		verified && clang '-###' "@$work/trees/t/bpf/flags" -c "$tmp/prog.c" 2>&1 |
		grep -q -e '"-include-pch"' && compile_bpf "$tmp/with.o" &&
		rm "$work/trees/t/bpf/kernel.h.pch" && compile_bpf "$tmp/without.o" &&
		cmp "$tmp/with.o" "$tmp/without.o" &&
		run 0 extract --pch --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ -e "$work/trees/t/bpf/kernel.h.pch" ]
}

# The default place, in a mount namespace of our own; the archive is of another kernel
# than the one that runs.
default_place() {
	cat > "$tmp/places" <<- 'EOF'
	set -eu
	program=$1 archive=$2 place=/var/cache/kheaders
	mount -t tmpfs -o mode=755 kheaders-test /var/cache
	for option in --no-link --tmpfs; do
		"$program" extract "$option" --archive "$archive"
		mkdir "$place/$(uname -r)"
		[ "$(find "$place" -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 2 ]
		"$program" remove --old
		[ "$(ls "$place")" = "$(uname -r)" ]
		"$program" remove
		if "$program" remove; then exit 1; fi
	done
	! grep " $place/" /proc/mounts
	EOF
	quiet unshare -m sh "$tmp/places" "$program" "$work/real.tar.xz"
}

# An image whose archive is between its marks, and around that what kernels have.
make_image() {
	{
		head -c 300000 "$program"
		printf 'IKHD_ST\0rubbish'
		printf 'IKHD_ST\0'
		cat "$work/good.tar.xz"
		printf 'IKHD_ED\0'
		head -c 200000 "$program"
	} > "$work/image"
}

# dumps FILE
dumps() {
	rm -f "$work/out"
	run 0 dump "$1" -o "$work/out" && cmp -s "$work/out" "$work/good.tar.xz" && return
	ktap_print_msg "$1"
	return 1
}

# embed NAME COMMAND...: the image compressed, whole and with something around it
embed() {
	name=$1
	shift
	"$@" < "$work/image" > "$work/image.$name" || return 1
	{
		head -c 20000 "$program"
		cat "$work/image.$name"
		# its size, as the kernel's makefiles append it, and more
		printf '\1\2\3\4'
		head -c 20000 "$program"
	} > "$work/zimage.$name"
	dumps "$work/image.$name" && dumps "$work/zimage.$name"
}

dump_all() {
	make_image && dumps "$work/image" && embed gz gzip -9n && embed xz xz --check=crc32 &&
		embed zst zstd -19 -q && embed lz4 lz4 -l -9 && embed bz2 bzip2 &&
		embed lzma xz --format=lzma && embed lzo lzop
}

dump_to_stdout() {
	"$program" dump "$work/image" | cmp -s - "$work/good.tar.xz"
}

dump_none() {
	head -c 300000 /bin/busybox > "$work/none"
	gzip -c "$work/none" > "$work/none.gz"
	printf 'IKHD_ST\0nothing IKHD_ED\0' > "$work/marks"
	: > "$work/empty"
	echo old > "$work/out"
	run 3 dump "$work/none" -o "$work/out" && says "no kheaders archive in it" &&
		run 3 dump "$work/none.gz" -o "$work/out" &&
		run 3 dump "$work/marks" -o "$work/out" &&
		run 1 dump "$work/empty" -o "$work/out" &&
		run 1 dump "$work/absent" -o "$work/out" && run 1 dump "$work" &&
		[ "$(cat "$work/out")" = old ]
}

misused() {
	run 2 && run 2 nonsense && run 2 extract --nonsense && run 2 extract file &&
		run 2 extract --link --no-link &&
		run 2 extract --image x --tmpfs && run 2 extract --image x --link && run 2 dump && run 2 verify --archive x &&
		run 2 status x && run 2 remove x && run 0 --help && run 0 extract --help &&
		run 0 dump --help && run 0 status --help && run 0 remove --help && run 0 verify --help
}

no_archive_here() {
	[ ! -e /sys/kernel/kheaders.tar.xz ] || return 0
	run 3 extract --dest "$work/trees/t" && says "not there, and no module"
}

json() {
	"$program" status --json > "$tmp/json"
	python3 -c 'import json, sys; s = json.load(sys.stdin); sys.exit(s["release"] != sys.argv[1])' \
		"$(uname -r)" < "$tmp/json"
}

ktap_print_header
[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
need_kernel
# not in /tmp, where everybody can write
work=$(mktemp -d "$cache/program.XXXXXX")
mount -t tmpfs -o mode=755 kheaders-test "$work" || ktap_exit_fail_msg "no tmpfs"
trap 'umount "$work"; rmdir "$work"; rm -rf "$tmp"' EXIT
build_program "" || ktap_exit_fail_msg "the program does not build"
make_archive || ktap_exit_fail_msg "no archive to test with"
python3 "$here/hostile.py" "$work/hostile" || ktap_exit_fail_msg "no hostile archives"
damage_real
ktap_set_plan 28
ktap_test_result "the tree is what tar extracts" real
ktap_test_result "a tree that is there stays" again_is_nothing
ktap_test_result "unless it is to be made anew" force_makes_anew
ktap_test_result "it is verified" verified
ktap_test_result "a change is found" verify_finds
ktap_test_result "who may not read the archive may not read the tree" private_tree
ktap_test_result "umask does not matter" umask_does_not_matter
ktap_test_result "$(find "$work/hostile" -type f | wc -l) hostile archives are refused" hostile
ktap_test_result "what others made stays" foreign_stays
ktap_test_result "folders that others can write to are refused" unsafe_parents
ktap_test_result "a hundred at once make one tree" hundred_at_once
ktap_test_result "killed, it leaves a whole tree or none" killed
ktap_test_result "interrupted, it leaves nothing" interrupted
ktap_test_result "a full disk leaves nothing" full_disk
ktap_test_result "a tree in memory is whole, replaced, and leaves nothing" in_memory
ktap_test_result "an image of erofs or squashfs has the tree" images
ktap_test_result "a precompiled header is used, and changes nothing" precompiled
ktap_test_result "old trees are removed from the default place" default_place
ktap_test_result "a static program needs nothing else" static_alone
ktap_test_result "dump finds the archive in every kind of image" dump_all
ktap_test_result "dump to standard output" dump_to_stdout
ktap_test_result "dump says when there is none" dump_none
ktap_test_result "misuse is told" misused
ktap_test_result "a kernel without an archive" no_archive_here
ktap_test_result "status for programs" json
build_program "-fsanitize=address,undefined -fno-sanitize-recover=all" ||
	ktap_exit_fail_msg "no build with sanitizers"
ktap_test_result "under ASan and UBSan: the real archive" real
ktap_test_result "under ASan and UBSan: hostile archives" hostile
ktap_test_result "under ASan and UBSan: images" dump_all
ktap_finished
