#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Paths of trees: every form, ownership of each part, and commits without an exchange

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# extracts DEST TREE: for the argument DEST the tree is TREE
extracts() {
	run 0 extract --archive "$tmp/a" --dest "$1" && prints "kheaders: $2: extracted" &&
		[ -e "$2/Makefile" ] && run 0 remove --dest "$1" && [ ! -e "$2" ] && return
	ktap_print_msg "--dest $(echo "$1" | cut -c 1-70)"
	return 1
}

# refuses TEXT DEST
refuses() {
	run 1 extract --archive "$tmp/a" --dest "$2" && prints "$1" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] && return
	ktap_print_msg "--dest $(echo "$2" | cut -c 1-70)"
	return 1
}

# x N: that many letters
x() {
	printf "%0${1}d" 0 | tr 0 x
}

forms() {
	machine && mkdir -p /run/d/e /run/"$(x 255)" && ln -s d /run/relative &&
		ln -s /run/d /run/absolute && ln -s ../relative/./e /run/d/up && cd /run/d ||
		return 1
	extracts t /run/d/t && extracts ./t /run/d/t && extracts ../t /run/t &&
		extracts ../../run/d/t /run/d/t && extracts ../../../../run/t /run/t &&
		extracts /run//d/./t// /run/d/t && extracts /run/d/../d/e/t /run/d/e/t &&
		extracts /run/relative/t /run/d/t && extracts /run/absolute/t /run/d/t &&
		extracts up/t /run/d/e/t && extracts /run/d/up/../t /run/d/t &&
		extracts "/run/d/$(x 255)" "/run/d/$(x 255)" &&
		extracts "/run/$(x 255)/t" "/run/$(x 255)/t"
}

no_names() {
	machine && ln -s b /run/a && ln -s a /run/b && mkdir /run/d && ln -s t /run/d/link &&
		echo > /run/file || return 1
	for path in / // . .. /run/. /run/.. ./ /run/d/../; do
		refuses "not a valid name" "$path" || return 1
	done
	refuses "/run/absent: No such file or directory" /run/absent/t &&
		refuses "/run/file: Not a directory" /run/file/t &&
		refuses "/absent: No such file or directory" /absent/t &&
		refuses "too many links" /run/a/t && refuses "name too long" "/run/$(x 256)" &&
		refuses "name too long" "/run/$(x 256)/t" &&
		refuses "not made by kheaders" /run/d/link
}

# Forty links in a row are followed, as the kernel does, and no more.
many_links() {
	machine && mkdir /run/0 || return 1
	for n in $(seq 1 41); do
		ln -s "$((n - 1))" "/run/$n"
	done
	extracts /run/40/t /run/0/t && refuses "too many links" /run/41/t
}

# At the longest path that there can be: PATH_MAX is 4096.
long_paths() {
	machine && deep=/run || return 1
	while [ "${#deep}" -lt 3850 ]; do
		deep=$deep/$(x 200)
	done
	deep=$deep/$(x $((4090 - ${#deep})))
	( cd /run && for part in $(echo "${deep#/run/}" | tr / ' '); do
		mkdir "$part" && cd "$part" || exit 1
	done ) || return 1
	run 0 extract --archive "$tmp/a" --dest "$deep/t" && prints "/t: extracted" &&
		run 0 remove --dest "$deep/t" && refuses "name too long" "$deep/tt" &&
		refuses "name too long" "$deep/$(x 200)" && ln -s "$deep" /run/l &&
		refuses "name too long" "/run/l/$(x 100)/t" && cd "${deep%/*}" &&
		run 0 extract --archive "$tmp/a" --dest "${deep##*/}/t" &&
		run 0 remove --dest "${deep##*/}/t" &&
		refuses "name too long" "${deep##*/}/$(x 200)/t"
}

# Nobody else may change what a path leads to.
owners() {
	machine && mkdir -p /run/d/e && chmod 777 /run/d &&
		refuses "/run/d: refused: others can write there (mode 0777)" /run/d/t &&
		refuses "/run/d: refused: others can write there (mode 0777)" /run/d/e/t &&
		chmod 1775 /run/d && refuses "(mode 1775)" /run/d/t && chmod 755 /run/d &&
		chown 1234 /run/d &&
		refuses "/run/d: refused: belongs to user 1234, not to root" /run/d/t &&
		refuses "belongs to user 1234" /run/d/e/t && chown 0 /run/d &&
		ln -s d /run/link && chown -h 1234 /run/link &&
		refuses "link: refused: a link of user 1234" /run/link/t && chown -h 1 /run/link &&
		refuses "a link of user 1" /run/link/t && chown 1 /run/d &&
		refuses "/run/d: refused: belongs to user 1, not to root" /run/d/t || return 1
	chmod 777 /run && refuses "/run: refused: others can write there" /run/d/t &&
		chmod 755 /run || return 1
	# a user may use a directory of his own
	chown 1234 /run/d && setpriv --reuid 1234 --clear-groups "$program" extract \
		--archive "$tmp/a" --dest /run/d/t > "$tmp/output" 2>&1 &&
		prints "/run/d/t: extracted" &&
		ln -sf d /run/link && chown -h 1234 /run/link && rm -r /run/d/t &&
		setpriv --reuid 1234 --clear-groups "$program" extract \
		--archive "$tmp/a" --dest /run/link/t > "$tmp/output" 2>&1 &&
		prints "/run/d/t: extracted"
}

# In the root directory itself, and one with a name of a letter.
in_root() {
	machine && mkdir /run/root && mount -t tmpfs -o mode=755 kheaders-test /run/root || return 1
	for at in /bin /usr /lib*; do
		if [ -L "$at" ]; then
			cp -P "$at" /run/root
		else
			mkdir "/run/root$at" && mount --rbind "$at" "/run/root$at" || return 1
		fi
	done
	# sanitizers read /proc
	[ -z "${ASAN_OPTIONS:-}" ] ||
		{ mkdir /run/root/proc && mount --bind /proc /run/root/proc; } || return 1
	mkdir /run/root/r && cp "$program" "$tmp/a" /run/root || return 1
	for at in "" /r; do
		chroot /run/root /kheaders extract --archive /a \
			--dest "$at/t" > "$tmp/output" 2>&1 &&
			prints "kheaders: $at/t: extracted" && [ -e "/run/root$at/t/Makefile" ] ||
			return 1
	done
	# a rescue system has no /var
	chroot /run/root /kheaders extract --archive /a > "$tmp/output" 2>&1 &&
		mode 755 /run/root/var && mode 755 /run/root/var/cache/kheaders/1.2.3
	rc=$?
	umount -l /run/root
	return "$rc"
}

# inject CALLS:ERROR... -- EXIT-STATUS ARGUMENT...: run() while those calls fail
inject() {
	disturbed "$@" || return 1
	grep -q INJECTED "$tmp/trace" && return
	ktap_print_msg "$*: nothing injected"
	return 1
}

# The tree b is to take the place of a.
have_stale() {
	machine && offer "$tmp/k" && run 0 extract && kernel b && offer "$tmp/b"
}

# Where the two cannot be exchanged, the old one is retired first.
no_exchange() {
	for error in EINVAL ENOSYS EXDEV EPERM; do
		have_stale && inject "renameat2:error=$error" -- 0 extract && prints extracted &&
			[ -e "$cache_tree/b" ] && only /var/cache/kheaders "$running" &&
			linked "$cache_tree" || return 1
	done
	have_stale && inject renameat2:error=EIO -- 1 extract &&
		prints "$cache_tree: cannot be renamed into place: Input/output error" &&
		[ ! -e "$cache_tree/b" ] && only /var/cache/kheaders "$running" && linked ||
		return 1
	have_stale && inject renameat2:error=EINVAL renameat:error=EIO -- 1 extract &&
		prints "$cache_tree: cannot be removed: Input/output error" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] &&
		[ -e "$cache_tree/Makefile" ] && [ ! -e "$cache_tree/b" ] && linked
}

# A sync that fails is a failure, wherever a name has changed.
no_sync() {
	have_stale && inject fsync:error=EIO:when=2+ -- 1 extract && prints "Input/output error" &&
		have_stale && inject fsync:error=EINVAL:when=2+ -- 0 extract && prints extracted &&
		[ -e "$cache_tree/b" ] && inject fsync:error=EIO -- 1 remove &&
		prints "Input/output error" &&
		machine && offer "$tmp/k" && inject fsync:error=EIO:when=2+ -- 1 extract &&
		prints "Input/output error" && machine && offer "$tmp/k" &&
		inject syncfs:error=EIO -- 1 extract && prints "Input/output error" &&
		only /var/cache/kheaders && linked
}

# A tree that could not be renamed, and lost its marker: as an overlayfs leaves it.
incomplete() {
	machine && offer "$tmp/k" && run 0 extract &&
		mv "$cache_tree/.kheaders" "$cache_tree/.kheaders-retired" && run 0 status &&
		prints "$cache_tree, incomplete" && run 0 remove && only /var/cache/kheaders &&
		run 0 extract && mv "$cache_tree/.kheaders" "$cache_tree/.kheaders-retired" &&
		run 0 extract && prints extracted && run 0 verify &&
		inject renameat:error=EXDEV:when=1 -- 0 remove && only /var/cache/kheaders &&
		linked || return 1
	run 0 extract && inject renameat:error=EXDEV -- 1 remove &&
		prints "$cache_tree: cannot be removed" && run 0 verify && linked "$cache_tree" &&
		inject renameat:error=EBUSY -- 1 remove && prints "something is mounted there" &&
		run 0 verify && inject renameat:error=EIO -- 1 remove &&
		prints "cannot be removed: Input/output error" && run 0 verify
}

# Another run's lock is waited for; to tidy up, it is not.
locks() {
	machine && offer "$tmp/k" && run 0 extract &&
		mkdir /var/cache/kheaders/.kheaders-retired-1 || return 1
	(
		flock 8
		timeout 10 "$program" extract &&
			[ -e /var/cache/kheaders/.kheaders-retired-1 ] || exit 1
		timeout 1 "$program" extract --force 2> /dev/null
		[ $? -eq 124 ]
	) 8> /var/cache/kheaders/.kheaders-lock && rm /var/cache/kheaders/.kheaders-lock &&
		run 0 extract && prints_nothing && only /var/cache/kheaders "$running" &&
		inject flock:error=EINTR:when=1 -- 0 extract --force &&
		inject flock:error=EIO -- 1 extract --force &&
		prints "cannot be locked: Input/output error" &&
		run 0 verify
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" 1.2.3
archive "$tmp/k" "$running"
archive "$tmp/b" "$running" "echo > b"
ktap_set_plan 10
ktap_test_result "every form of a path" forms
ktap_test_result "what is not a name" no_names
ktap_test_result "forty links in a row" many_links
ktap_test_result "the longest paths" long_paths
ktap_test_result "directories and links of others" owners
ktap_test_result "in the root directory" in_root
ktap_test_result "without an exchange of names" no_exchange
ktap_test_result "a sync that fails" no_sync
ktap_test_result "a tree without its marker" incomplete
ktap_test_result "the lock" locks
ktap_finished
