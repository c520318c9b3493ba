#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders remove renames a tree before deleting it, and removes only what kheaders created.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# Extract and link the tree of the running kernel.
have_tree() {
	machine && offer "$tmp/a" && run 0 extract
}

removes() {
	have_tree && run 0 remove && prints "$cache_tree: removed" && linked &&
		only /var/cache/kheaders && run 3 remove && prints_nothing
}

# If the modules directory was created only for the link, it is removed, too.
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

# --old removes trees of kernels that are no longer installed, except the running one's.
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

# A kernel whose modules directory cannot be read still counts as installed.
unreadable() {
	machine && archive "$tmp/x" 2.0 && run 0 extract --archive "$tmp/x" --link &&
		mkdir -p /lib/modules/2.0/kernel || return 1
	for call in getdents64 fcntl; do
		strace -f -qq -o "$tmp/trace" -P /lib/modules/2.0 \
			-e "inject=$call:error=EIO" "$program" remove --old > "$tmp/output" 2>&1
		grep -q 'EIO.*INJECTED' "$tmp/trace" &&
			[ -e /var/cache/kheaders/2.0/Makefile ] || return 1
	done
}

foreign() {
	machine && mkdir -p "$cache_tree" && echo mine > "$cache_tree/file" &&
		run 1 remove && prints "not made by kheaders" && [ -e "$cache_tree/file" ] &&
		run 1 remove --all && [ -e "$cache_tree/file" ] && rm "$cache_tree/file" &&
		ln -s /usr/src /var/cache/kheaders/link && run 1 remove --all &&
		[ -L /var/cache/kheaders/link ] && only /var/cache/kheaders link
}

# In a log, messages of both kinds are in the order of what was done.
in_order() {
	have_tree && mkdir -p "$run_tree" && echo mine > "$run_tree/file" && run 1 remove &&
		[ "$(cat "$tmp/output")" = "kheaders: $cache_tree: removed
kheaders: $run_tree: refused: not made by kheaders" ]
}

# A bind mount of the same file system in the tree is not entered, and a mount on the tree
# is not unmounted.
mounts() {
	have_tree && mkdir /var/cache/precious && echo mine > /var/cache/precious/file &&
		mount --bind /var/cache/precious "$cache_tree/include" || return 1
	run 1 remove && prints "something is mounted there" && [ -e /var/cache/precious/file ] &&
		[ ! -e "$cache_tree" ] && linked &&
		umount /var/cache/kheaders/.kheaders-retired-*/include &&
		run 3 remove && only /var/cache/kheaders || return 1
	have_tree && mount -t tmpfs kheaders-mine "$cache_tree" && run 1 remove &&
		grep -q kheaders-mine /proc/mounts && run 1 extract --force &&
		grep -q kheaders-mine /proc/mounts && umount "$cache_tree" &&
		run 0 extract && linked "$cache_tree"
}

# An empty file system is mounted on the tree's path.
empty_mount() {
	machine && offer "$tmp/a" && mkdir /run/t && mount -t tmpfs kheaders-mine /run/t &&
		run 1 extract --dest /run/t && grep -q kheaders-mine /proc/mounts &&
		run 1 remove --dest /run/t && grep -q kheaders-mine /proc/mounts
}

# Killed at each unlink in turn: the tree's path has the complete tree or nothing.
killed() {
	have_tree
	files=$(find "$cache_tree" -type f | wc -l)
	for n in $(seq 1 "$((files + 2))"); do
		run 0 extract && strace -f -o "$tmp/trace" -e trace=unlinkat \
			-e inject=unlinkat:signal=KILL:when="$n" "$program" remove > /dev/null 2>&1
		grep -q 'killed by SIGKILL' "$tmp/trace" && linked || return 1
		[ ! -e "$cache_tree" ] || run 0 verify || return 1
	done
	run 0 extract && only /var/cache/kheaders "$running"
}

# The same for a tree that is replaced.
killed_replacing() {
	for n in 1 3 5 7; do
		have_tree && strace -f -o "$tmp/trace" -e trace=unlinkat \
			-e inject=unlinkat:signal=KILL:when="$n" "$program" extract \
			--force > /dev/null 2>&1
		grep -q 'killed by SIGKILL' "$tmp/trace" && run 0 verify &&
			linked "$cache_tree" || return 1
	done
	run 0 extract --force && only /var/cache/kheaders "$running"
}

interrupted() {
	have_tree && strace -f -o "$tmp/trace" -e trace=unlinkat \
		-e inject=unlinkat:signal=INT:when=3 "$program" remove > /dev/null 2>&1
	grep -q SIGINT "$tmp/trace" && [ ! -e "$cache_tree" ] && linked
}

# The package's script works without the program, which is already removed by then.
purged() {
	have_tree && mkdir /var/cache/kheaders/mine && echo mine > /var/cache/kheaders/mine/file &&
		quiet sh "$top/debian/kheaders.postrm" remove && linked "$cache_tree" &&
		quiet sh "$top/debian/kheaders.postrm" purge && linked &&
		only /var/cache/kheaders mine &&
		[ -e /var/cache/kheaders/mine/file ] || return 1
	machine && offer "$tmp/a" && ln -s /usr/src/absent "$link" && run 0 extract --tmpfs &&
		quiet sh "$top/debian/kheaders.postrm" purge && linked /usr/src/absent &&
		[ ! -e /run/kheaders ] && [ ! -e /var/cache/kheaders ] &&
		quiet sh "$top/debian/kheaders.postrm" purge
}

# Killed at each unlink in turn, and run again, the script leaves nothing.
purge_killed() {
	for n in $(seq 1 8); do
		have_tree && { strace -f -o "$tmp/trace" -e trace=unlinkat \
			-e inject=unlinkat:signal=KILL:when="$n" \
			sh "$top/debian/kheaders.postrm" purge > /dev/null 2>&1
			quiet sh "$top/debian/kheaders.postrm" purge; } && linked &&
			[ ! -e /var/cache/kheaders ] || return 1
	done
}

# In a read-only file system both the tree and the link remain.
read_only() {
	have_tree && mount -o remount,ro /var/cache && run 1 remove && linked "$cache_tree" &&
		mount -o remount,rw /var/cache && run 0 remove && linked
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
ktap_set_plan 16
ktap_test_result "removes the tree and its link" removes
ktap_test_result "removes the directory created for the link" leaves_nothing
ktap_test_result "removes trees in the cache and in memory" both_places
ktap_test_result "--dest removes a tree by its path" by_path
ktap_test_result "--old removes trees of removed kernels, --all all trees" old
ktap_test_result "--old keeps the tree of a kernel whose modules cannot be listed" unreadable
ktap_test_result "foreign files are kept" foreign
ktap_test_result "mounts are neither emptied nor unmounted" mounts
ktap_test_result "an empty mount on the tree's path is kept" empty_mount
ktap_test_result "killed, it leaves a complete tree or none" killed
ktap_test_result "killed while replacing a tree, it leaves a complete tree" killed_replacing
ktap_test_result "interrupted, it leaves no incomplete tree" interrupted
ktap_test_result "a read-only file system" read_only
ktap_test_result "the package is purged" purged
ktap_test_result "killed while it is purged, it is purged by the next run" purge_killed
ktap_test_result "messages in order" in_order
ktap_finished
