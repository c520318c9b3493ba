#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kheaders program with a real archive and with hostile ones, killed, a hundred times in
# parallel, and linked statically; then all tests of single commands with sanitizers.
#
# Environment:
#   KHEADERS_KILLS  number of runs to kill (default: 50)

# shellcheck source=../lib/program.sh
# shellcheck disable=SC2154	# what test.sh has set
. "$(dirname "$0")/../lib/program.sh"

kills=${KHEADERS_KILLS:-50}

build_with() {
	rm -rf "$tmp/build"
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" CFLAGS="-O1 -g $1" \
		LDFLAGS="$1" && program=$tmp/build/kheaders
}

left() {
	find "$work/trees" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort
}

fresh() {
	rm -rf "$work/trees"
	mkdir "$work/trees"
}

real() {
	fresh && run 0 extract --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$(left)" = t ] && rm -rf "$tmp/want" && mkdir "$tmp/want" &&
		tar -xf "$work/real.tar.xz" -C "$tmp/want" &&
		quiet diff -r -x .kheaders -x vmlinux "$tmp/want" "$work/trees/t" || return 1
	( cd "$tmp/want" && find . -printf '%p %m\n' | sort ) > "$tmp/a"
	( cd "$work/trees/t" && find . ! -name .kheaders ! -path ./vmlinux -printf '%p %m\n' |
		sort ) > "$tmp/b"
	quiet diff "$tmp/a" "$tmp/b"
}

force_extracts_again() {
	before=$(stat -c %i "$work/trees/t")
	run 0 extract --force --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$before" != "$(stat -c %i "$work/trees/t")" ] && [ "$(left)" = t ]
}

verified() {
	run 0 verify --archive "$work/real.tar.xz" --dest "$work/trees/t"
}

# Archives of two blocks, which threads decode: damaged in the second block, truncated, and
# with trailing data.
damage_real() {
	real=$work/real.tar.xz
	size=$(wc -c < "$real")
	at=$((size * 4 / 5))
	{ head -c "$at" "$real"; printf damaged; tail -c "+$((at + 8))" "$real"; } \
		> "$work/hostile/real-damaged"
	head -c "$at" "$real" > "$work/hostile/real-cut"
	{ cat "$real"; echo tail; } > "$work/hostile/real-tail"
}

# Each is refused with a message, and leaves nothing behind.
hostile() {
	fresh
	rc=0
	for archive in "$work/hostile"/*; do
		run 1 extract --archive "$archive" --dest "$work/trees/t" &&
			prints 'kheaders: ' && [ -z "$(left)" ] &&
			[ ! -e /tmp/kheaders-evil ] && continue
		ktap_print_msg "$archive: $(left)"
		rc=1
	done
	return "$rc"
}

unsafe_parents() {
	fresh
	# the last: a path through another user's link to a directory of root's
	for setup in 'chmod 0777 p' 'chmod 1777 p' 'chmod 0775 p' 'chown 1234 p' \
		     'mv p/q r; ln -s ../r p/q; chown -h 1234 p/q'; do
		rm -rf "$work/trees/p" "$work/trees/r"
		mkdir -p "$work/trees/p/q"
		( cd "$work/trees" && eval "$setup" )
		run 1 extract --archive "$work/good.tar.xz" --dest "$work/trees/p/q/t" &&
			prints ": refused: " && [ ! -e "$work/trees/p/q/t" ] &&
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

# Whenever the program is killed, the tree is complete or absent.
killed() {
	fresh
	seen=0
	hit=0
	long=$( { /usr/bin/time -f %e "$program" extract --quiet --archive "$work/real.tar.xz" \
		--dest "$work/trees/t"; } 2>&1)
	for i in $(seq "$kills"); do
		# every other time there is an old tree
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
	ktap_print_msg "$kills runs, $hit killed, $seen left a tree"
	[ $((hit * 4)) -gt "$kills" ] || return 1
	run 0 extract --force --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		[ "$(left)" = t ] && verified
}

interrupted() {
	fresh
	"$program" extract --archive "$work/real.tar.xz" --dest "$work/trees/t" \
		> "$tmp/output" 2>&1 &
	pid=$!
	# wait until it has begun to write
	while kill -0 "$pid" 2> /dev/null &&
		[ -z "$(find "$work/trees" -type f -path '*-staging-*' -print -quit)" ]; do
		:
	done
	kill -TERM "$pid"
	wait "$pid"
	[ $? -eq 1 ] && prints interrupted && [ -z "$(left)" ]
}

full_disk() {
	fresh && mount -t tmpfs -o mode=755,size=4m kheaders-test "$work/trees" || return 1
	run 1 extract --archive "$work/real.tar.xz" --dest "$work/trees/t" &&
		prints "No space left on device" && [ -z "$(left)" ]
	rc=$?
	umount "$work/trees"
	return "$rc"
}

# image NAME: the image, when mounted, has the tree
image() {
	run 0 extract --archive "$work/real.tar.xz" --image "$work/trees/$1" || return 1
	mkdir -p "$tmp/mounted"
	quiet mount -o loop,ro "$work/trees/$1" "$tmp/mounted" || return 1
	quiet diff -r -x .kheaders -x vmlinux "$tmp/want" "$tmp/mounted"
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
	[ $? -eq 1 ] && prints "mkfs.erofs: not found; install erofs-utils" &&
		[ "$(left | tr '\n' ' ')" = "a.erofs b.squashfs d " ]
}

# In a root without any other file, not even /proc.
static_alone() {
	root=$work/root
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" &&
		mkdir "$root" && cp "$tmp/static/kheaders" "$work/real.tar.xz" "$root" || return 1
	fresh
	quiet chroot "$root" /kheaders extract --archive /real.tar.xz --dest /t &&
		quiet diff -r -x .kheaders -x vmlinux "$tmp/want" "$root/t" &&
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

# With and without the precompiled header the object is the same.
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

# The tests of single commands notice reports of the sanitizers.
commands() {
	for test in extract remove links verify paths status dump usage blocks sysext pch; do
		env -u KHEADERS_NAMESPACE KHEADERS_PROGRAM="$program" \
			ASAN_OPTIONS="detect_leaks=0:$ASAN_OPTIONS" \
			"$here/$test.sh" > "$tmp/log" 2>&1 && continue
		grep -v '^ok' "$tmp/log" | show
		return 1
	done
}

ktap_print_header
need_program
need_kernel
chmod 755 "$tmp"
# not below /tmp, which is world-writable
work=$(mktemp -d "$cache/program.XXXXXX")
mount -t tmpfs -o mode=755 kheaders-test "$work" || ktap_exit_fail_msg "no tmpfs"
trap 'umount "$work"; rmdir "$work"; leave' EXIT
share_archive || ktap_exit_fail_msg "cannot pack an archive"
cp "$archive" "$work/real.tar.xz"
python3 "$here/hostile.py" "$work/hostile" || ktap_exit_fail_msg "cannot create hostile archives"
damage_real
ktap_set_plan 15
ktap_test_result "the tree is the same as with tar" real
ktap_test_result "--force extracts it again" force_extracts_again
ktap_test_result "verify accepts the tree" verified
ktap_test_result "$(find "$work/hostile" -type f | wc -l) hostile archives are refused" hostile
ktap_test_result "directories that others can write to are refused" unsafe_parents
ktap_test_result "of a hundred parallel runs one extracts the tree" hundred_at_once
ktap_test_result "killed, it leaves a complete tree or none" killed
ktap_test_result "interrupted, it leaves nothing" interrupted
ktap_test_result "a full disk leaves nothing" full_disk
ktap_test_result "erofs and squashfs images contain the tree" images
ktap_test_result "a precompiled header is used and does not change the object" precompiled
ktap_test_result "a static program needs no other file" static_alone
build_with "-fsanitize=address,undefined -fno-sanitize-recover=all" ||
	ktap_exit_fail_msg "the program does not build with sanitizers"
# their own status is 1, which is also that of a refusal
export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
ktap_test_result "under ASan and UBSan: the real archive" real
ktap_test_result "under ASan and UBSan: hostile archives" hostile
ktap_test_result "under ASan and UBSan: the tests of single commands" commands
ktap_finished
