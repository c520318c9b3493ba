#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders remove: trees go by a rename, and nothing goes that kheaders did not make

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# The tree of the running kernel, in the cache and linked.
have_tree() {
	machine && offer "$tmp/a" && run 0 extract
}

removes() {
	have_tree && run 0 remove && prints "$cache_tree: removed" && linked &&
		only /var/cache/kheaders && run 3 remove && prints_nothing
}

# Where the directory of modules was made for the link, it goes with it.
leaves_nothing() {
	machine && rm -r /lib/modules/* && offer "$tmp/a" && run 0 extract &&
		linked "$cache_tree" && run 0 remove && only /lib/modules
}

both_places() {
	have_tree && run 0 extract --tmpfs && run 0 remove && linked &&
		only /var/cache/kheaders && only /run/kheaders
}

by_path() {
	machine && mkdir /run/d && offer "$tmp/a" && run 0 extract --dest /run/d/t &&
		linked /run/d/t && run 0 remove --dest /run/d/t && linked && only /run/d &&
		run 3 remove --dest /run/d/t &&
		mkdir /run/mine && echo mine > /run/mine/file && run 1 remove --dest /run/mine &&
		prints "not made by kheaders" && [ -e /run/mine/file ]
}

# --old: of kernels that are not installed any more; never the running one's.
old() {
	have_tree && for release in 1.0 2.0 3.0; do
		archive "$tmp/x" "$release" && run 0 extract --archive "$tmp/x" --link || return 1
	done
	mkdir -p /lib/modules/2.0/kernel &&
		run 0 remove --old && only /var/cache/kheaders 2.0 "$running" &&
		only /lib/modules 2.0 "$running" && linked "$cache_tree" && run 3 remove --old &&
		kernel b && run 0 remove --old && linked && only /var/cache/kheaders 2.0 &&
		run 0 remove --all && only /var/cache/kheaders && only /lib/modules 2.0 "$running"
}

# A kernel whose modules cannot be listed is not one that is gone.
unreadable() {
	machine && archive "$tmp/x" 2.0 && run 0 extract --archive "$tmp/x" --link &&
		mkdir -p /lib/modules/2.0/kernel || return 1
	strace -f -qq -o "$tmp/trace" -P /lib/modules/2.0 \
		-e inject=getdents64:error=EIO "$program" remove --old > "$tmp/output" 2>&1
	grep -q 'EIO.*INJECTED' "$tmp/trace" && [ -e /var/cache/kheaders/2.0/Makefile ]
}

foreign() {
	machine && mkdir -p "$cache_tree" && echo mine > "$cache_tree/file" &&
		run 1 remove && prints "not made by kheaders" && [ -e "$cache_tree/file" ] &&
		run 1 remove --all && [ -e "$cache_tree/file" ] && rm "$cache_tree/file" &&
		ln -s /usr/src /var/cache/kheaders/link && run 1 remove --all &&
		[ -L /var/cache/kheaders/link ] && only /var/cache/kheaders link
}

# A bind mount, from the same file system, is not entered; nor is one on the tree unmounted.
mounts() {
	have_tree && mkdir /var/cache/precious && echo mine > /var/cache/precious/file &&
		mount --bind /var/cache/precious "$cache_tree/include" || return 1
	run 1 remove && prints "something is mounted there" && [ -e /var/cache/precious/file ] &&
		[ ! -e "$cache_tree" ] && linked && umount /var/cache/kheaders/.kheaders-retired-*/include &&
		run 3 remove && only /var/cache/kheaders || return 1
	have_tree && mount -t tmpfs kheaders-mine "$cache_tree" && run 1 remove &&
		grep -q kheaders-mine /proc/mounts && run 1 extract --force &&
		grep -q kheaders-mine /proc/mounts && umount "$cache_tree" &&
		run 0 extract && linked "$cache_tree"
}

# An empty file system that is mounted where the tree should go.
empty_mount() {
	machine && offer "$tmp/a" && mkdir /run/t && mount -t tmpfs kheaders-mine /run/t &&
		run 1 extract --dest /run/t && grep -q kheaders-mine /proc/mounts &&
		run 1 remove --dest /run/t && grep -q kheaders-mine /proc/mounts
}

# Killed at each unlink in turn: under the tree's name there is the whole tree or nothing.
killed() {
	have_tree
	files=$(find "$cache_tree" -type f | wc -l)
	for n in $(seq 1 "$((files + 2))"); do
		run 0 extract && strace -f -o "$tmp/trace" -e trace=unlinkat \
			-e inject=unlinkat:signal=KILL:when="$n" "$program" remove > /dev/null 2>&1
		linked || return 1
		[ ! -e "$cache_tree" ] || run 0 verify || return 1
	done
	run 0 extract && only /var/cache/kheaders "$running"
}

# The same for a tree that is replaced.
killed_replacing() {
	for n in 1 3 5 7; do
		have_tree && strace -f -o "$tmp/trace" -e trace=unlinkat \
			-e inject=unlinkat:signal=KILL:when="$n" "$program" extract --force > /dev/null 2>&1
		run 0 verify && linked "$cache_tree" || return 1
	done
	run 0 extract --force && only /var/cache/kheaders "$running"
}

interrupted() {
	have_tree && strace -f -o "$tmp/trace" -e trace=unlinkat \
		-e inject=unlinkat:signal=INT:when=3 "$program" remove > /dev/null 2>&1
	[ ! -e "$cache_tree" ] && linked
}

# The package's script does without the program, which is gone by then.
purged() {
	have_tree && mkdir /var/cache/kheaders/mine && echo mine > /var/cache/kheaders/mine/file &&
		quiet sh "$top/debian/kheaders.postrm" remove && linked "$cache_tree" &&
		quiet sh "$top/debian/kheaders.postrm" purge && linked && only /var/cache/kheaders mine &&
		[ -e /var/cache/kheaders/mine/file ] || return 1
	machine && offer "$tmp/a" && ln -s /usr/src/absent "$link" && run 0 extract --tmpfs &&
		quiet sh "$top/debian/kheaders.postrm" purge && linked /usr/src/absent &&
		[ ! -e /run/kheaders ] && [ ! -e /var/cache/kheaders ] &&
		quiet sh "$top/debian/kheaders.postrm" purge
}

# Where the file system is read-only the tree stays, and so does the link.
read_only() {
	have_tree && mount -o remount,ro /var/cache && run 1 remove && linked "$cache_tree" &&
		mount -o remount,rw /var/cache && run 0 remove && linked
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
ktap_set_plan 14
ktap_test_result "the tree and its link" removes
ktap_test_result "the directory that was made for the link" leaves_nothing
ktap_test_result "trees in the cache and in memory" both_places
ktap_test_result "--dest: a tree by its path" by_path
ktap_test_result "--old: kernels that are gone, --all: all" old
ktap_test_result "--old keeps the tree of a kernel that cannot be listed" unreadable
ktap_test_result "what kheaders did not make stays" foreign
ktap_test_result "mounts are neither emptied nor unmounted" mounts
ktap_test_result "an empty mount in the way stays" empty_mount
ktap_test_result "killed, it leaves a whole tree or none" killed
ktap_test_result "killed while it replaces a tree, too" killed_replacing
ktap_test_result "interrupted, it leaves no part of a tree" interrupted
ktap_test_result "a read-only file system" read_only
ktap_test_result "the package is purged" purged
ktap_finished
