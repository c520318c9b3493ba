#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The build link follows the trees: it never leads to a stale one, never replaces a foreign
# link that works, and a link that it replaced is restored.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

have_tree() {
	machine && offer "$tmp/a" && run 0 extract && linked "$cache_tree"
}

# Another kernel of the same release is running, and its headers are not available.
stale_without_archive() {
	have_tree && kernel b && rm "$sysfs" && run 3 extract && linked
}

stale_with_damage() {
	have_tree && kernel b && head -c 200 "$tmp/a" > "$sysfs" && run 1 extract && linked
}

stale_on_full_disk() {
	machine && umount -l /var/cache &&
		mount -t tmpfs -o mode=755,size=64k kheaders-test /var/cache &&
		offer "$tmp/a" && run 0 extract && kernel b && offer "$tmp/large" &&
		run 1 extract &&
		linked && only /var/cache/kheaders "$running"
}

# Killed before the new tree is in place: not even then does a link lead to the stale tree.
stale_and_killed() {
	have_tree && kernel b && offer "$tmp/b" &&
		! strace -f -o "$tmp/trace" -e trace=renameat2 \
			-e inject=renameat2:signal=KILL:when=1 "$program" \
			extract > /dev/null 2>&1 &&
		[ ! -e "$link" ]
}

stale_dest() {
	machine && offer "$tmp/a" && run 0 extract --dest /run/t && linked /run/t &&
		kernel b && rm "$sysfs" && run 3 extract && linked
}

# The tree that the link leads to is removed, but there is another.
other_tree() {
	have_tree && run 0 extract --dest /run/t && linked /run/t &&
		run 0 remove --dest /run/t && linked "$cache_tree" &&
		run 0 extract --dest /run/t && linked /run/t && run 0 remove && linked /run/t
}

# Where the cache cannot be entered, that is reported; the tree in memory is taken all the same, and
# without one, the link that cannot be removed before the tree is not removed after it, either.
no_cache() {
	machine && offer "$tmp/a" && run 0 extract --tmpfs && run 0 extract --dest /run/t &&
		linked /run/t && mkdir -m 777 /var/cache/kheaders && run 1 remove --dest /run/t &&
		prints "/var/cache/kheaders: refused: others can write there" &&
		prints "/run/t: removed" && linked "$run_tree" && machine && offer "$tmp/a" &&
		run 0 extract --dest /run/t && mkdir -m 777 /var/cache/kheaders || return 1
	strace -qq -o "$tmp/trace" -P "$link" -e "inject=?unlink,unlinkat:error=EIO:when=1" \
		"$program" remove --dest /run/t > "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "/var/cache/kheaders: refused" && linked /run/t
}

# A tree to which the link leads cannot be examined.
unreadable() {
	machine && offer "$tmp/a" && run 0 extract --dest /run/t && linked /run/t || return 1
	strace -qq -o "$tmp/trace" -P "$link" -e inject=openat:error=EIO:when=3 \
		"$program" remove > "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "$link: Input/output error" && linked /run/t
}

# The tree was removed by hand.
gone() {
	have_tree && rm -r /var/cache/kheaders && rm "$sysfs" && run 3 remove && linked &&
		have_tree && rm -r /var/cache/kheaders && rm "$sysfs" && run 3 extract && linked
}

# If there were a link of ours, dpkg would unpack linux-headers through it into our tree.
no_link_in_usr_src() {
	have_tree && only /usr/src
}

# Create a package of the running kernel's headers.
deb() {
	rm -rf "$tmp/deb"
	put "$tmp/deb/DEBIAN/control" "Package: linux-headers-test
Version: 1
Architecture: all
Maintainer: Test <test@example.org>
Description: test"
	put "$tmp/deb/usr/src/linux-headers-$running/Makefile" "# theirs"
	put "$tmp/deb/usr/src/linux-headers-$running/include/generated/autoconf.h" "theirs"
	mkdir -p "$tmp/deb/lib/modules/$running" &&
		ln -s "/usr/src/linux-headers-$running" "$tmp/deb/lib/modules/$running/build" &&
		quiet dpkg-deb --root-owner-group -b "$tmp/deb" "$tmp/headers.deb"
}

dpkg_here() {
	mkdir -p /run/dpkg/info /run/dpkg/updates && touch /run/dpkg/status &&
		quiet dpkg --admindir=/run/dpkg --force-not-root --log=/dev/null "$@"
}

# A headers package installed before or after keeps its link and stays complete.
linux_headers() {
	deb && have_tree && dpkg_here -i "$tmp/headers.deb" &&
		linked "/usr/src/linux-headers-$running" && run 0 status &&
		prints "not made by kheaders" && run 0 extract --force && run 0 remove &&
		dpkg_here -V linux-headers-test && [ ! -s "$tmp/output" ] &&
		linked "/usr/src/linux-headers-$running" &&
		dpkg_here -r linux-headers-test && linked || return 1
	machine && dpkg_here -i "$tmp/headers.deb" && offer "$tmp/a" && run 0 extract &&
		prints "kept, as it leads to /usr/src/linux-headers-$running" &&
		linked "/usr/src/linux-headers-$running" &&
		kernel b &&
		offer "$tmp/b" && run 0 extract && run 0 remove &&
		dpkg_here -V linux-headers-test &&
		linked "/usr/src/linux-headers-$running"
}

# Fedora's kernel has a link to a directory that kernel-devel would create.
dangling() {
	machine && offer "$tmp/a" && ln -s "/usr/src/kernels/$running" "$link" &&
		run 0 extract --quiet && linked "$cache_tree" &&
		prints "led to /usr/src/kernels/$running" &&
		run 0 extract && prints_nothing && run 0 remove &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] &&
		linked "/usr/src/kernels/$running" &&
		only "/lib/modules/$running" build kernel
}

# kernel-devel is installed later.
devel_installed() {
	machine && offer "$tmp/a" && ln -s "/usr/src/kernels/$running" "$link" &&
		run 0 extract && put "/usr/src/kernels/$running/Makefile" x &&
		put "/usr/src/kernels/$running/include/generated/autoconf.h" x && run 0 extract &&
		linked "/usr/src/kernels/$running" && only "/lib/modules/$running" build kernel
}

# WSL's link leads to userspace headers, which cannot be used to build modules.
useless() {
	machine && offer "$tmp/a" && mkdir -p "/usr/src/linux-headers-$running/include/uapi" &&
		ln -s "/usr/src/linux-headers-$running" "$link" && run 0 status &&
		prints "which cannot build modules" && run 0 extract --quiet &&
		linked "$cache_tree" &&
		prints "which cannot build modules" && run 0 remove &&
		linked "/usr/src/linux-headers-$running"
}

directory() {
	machine && offer "$tmp/a" && mkdir "$link" && run 0 extract --quiet &&
		prints "not a link" &&
		[ -d "$link" ] && run 0 status && prints "not a link" && run 0 remove &&
		[ -d "$link" ]
}

# --quiet does not hide that the link could not be created.
no_link_possible() {
	machine && offer "$tmp/a" && mount -o remount,ro /usr/lib/modules &&
		run 0 extract --quiet && prints "no link to $cache_tree: Read-only file system"
}

# The link cannot be removed: the tree is, all the same.
no_removal_possible() {
	have_tree || return 1
	strace -qq -o "$tmp/trace" -P "$link" -e inject=unlink,unlinkat:error=EIO \
		"$program" remove > "$tmp/output" 2>&1
	grep -q INJECTED "$tmp/trace" && prints "$link: cannot be removed: Input/output error" &&
		[ ! -e "$cache_tree" ]
}

options() {
	machine && offer "$tmp/a" && run 0 extract --no-link && linked &&
		run 0 extract && linked "$cache_tree" && run 0 extract --no-link &&
		linked "$cache_tree" &&
		run 0 extract --archive "$tmp/a" --dest /run/t && linked "$cache_tree" &&
		run 0 remove && linked && run 0 extract --archive "$tmp/a" --dest /run/t --link &&
		linked /run/t
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/b" "$running" "echo > b"
archive "$tmp/large" "$running" "head -c 1000000 /dev/urandom > b"
ktap_set_plan 18
ktap_test_result "a stale tree and no archive" stale_without_archive
ktap_test_result "a stale tree and a damaged archive" stale_with_damage
ktap_test_result "a stale tree and a full disk" stale_on_full_disk
ktap_test_result "a stale tree and a killed run" stale_and_killed
ktap_test_result "a stale tree from --dest" stale_dest
ktap_test_result "the link then leads to another tree" other_tree
ktap_test_result "then the cache cannot be entered" no_cache
ktap_test_result "a tree that cannot be examined" unreadable
ktap_test_result "a tree removed by hand" gone
ktap_test_result "nothing is created in /usr/src" no_link_in_usr_src
ktap_test_result "a headers package installed before or after" linux_headers
ktap_test_result "a distribution's dangling link is restored" dangling
ktap_test_result "that link is restored once it leads to headers" devel_installed
ktap_test_result "a link to headers that cannot build modules" useless
ktap_test_result "a directory in its place is kept and reported" directory
ktap_test_result "a link that cannot be created is reported" no_link_possible
ktap_test_result "a link that cannot be removed is reported" no_removal_possible
ktap_test_result "--link, --no-link" options
ktap_finished
