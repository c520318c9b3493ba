#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Variables that the caller exports neither change the archive nor break packing, except
# for documented ones, and when one of those changes, Kbuild repacks.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/pack.sh
. "$here/../lib/pack.sh"

# same VARIABLE=VALUE...: the archive is the same as without them
same() {
	( cd "$tmp" && quiet env "$@" "$top/scripts/pack_headers.sh" -b tree -o again &&
		cmp packed again )
}

# fails_in TEXT VARIABLE=VALUE
fails_in() {
	fails_with "$1" env "$2" "$top/scripts/pack_headers.sh" -b "$tree" -o "$tmp/again"
}

# Variables that the shell, find, awk, grep, tar or xz read
unwanted() {
	while read -r setting; do
		same "$setting" && continue
		ktap_print_msg "$setting"
		return 1
	done <<- 'END'
		CDPATH=.:/usr
		XZ_DEFAULTS=--memlimit=1MiB
		XZ_OPT=--format=lzma
		TAR_OPTIONS=--format=pax --exclude=*.h
		GREP_OPTIONS=--invert-match
		POSIXLY_CORRECT=1
		OPTIND=3
		IFS=/
		MAWKBINMODE=3
		LC_ALL=C.UTF-8
		LANG=tr_TR.UTF-8
		TZ=Asia/Tokyo
		tmp=/nowhere
		list=/nowhere
		src=/nowhere
	END
}

with_arguments() {
	same XZ="xz -q" && same TAR="tar --totals" && same AWK="busybox awk" &&
		same STRIP_COMMENTS="$STRIP_COMMENTS" HOSTSTRIP="strip -p"
}

# The named tool is used, and no other.
named_tools() {
	for name in AWK TAR XZ; do
		fails_in "" "$name=/nowhere/tool" || return 1
		[ "$name" = AWK ] || grep -q -i "pack_headers: $name:" "$tmp/output" || return 1
	done
}

# archive VARIABLE=VALUE...: update the archive with Kbuild, and print its mtime
archive() {
	kbuild=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
	# shellcheck disable=SC2086	# an option or none
	quiet make -s -C "$kernel/kdir" -f "$kbuild/scripts/Makefile.build" \
		srctree="$kbuild" objtree=. SRCARCH=x86 CONFIG_SHELL=sh HOSTCC=cc \
		KBUILD_EXTMOD="$tmp/m" CONFIG_KHEADERS_SYSFS=m KHEADERS_CONTENT=headers \
		need-builtin= need-modorder= obj="$tmp/m" "$@" \
		"$tmp/m/strip_comments" "$tmp/m/kheaders_data.tar.xz" >&2 || return 1
	stat -c %y "$tmp/m/kheaders_data.tar.xz"
}

# repacks VARIABLE=VALUE: Kbuild repacks because of it, but not again with the same value
repacks() {
	plain=$(archive XZ="$XZ") && first=$(archive XZ="$XZ" "$@") &&
		[ "$first" != "$plain" ] && [ "$(archive XZ="$XZ" "$@")" = "$first" ] && return
	ktap_print_msg "$*: $plain, $first"
	return 1
}

kbuild_compares() {
	mkdir "$tmp/m" "$tmp/repo" && cp -r "$top/kheaders" "$top/scripts" "$tmp/repo" &&
		ln -s "$tmp"/repo/kheaders/* "$tmp/repo/scripts/strip_comments.c" "$tmp/m" &&
		last=$(archive XZ="$XZ") || return 1
	[ "$(archive XZ="$XZ")" = "$last" ] || return 1
	repacks KBUILD_BUILD_TIMESTAMP="Fri Nov  6 12:00:00 UTC 2026" &&
		repacks SOURCE_DATE_EPOCH=1000000000 && repacks XZ="$XZ " &&
		repacks TAR="tar --totals" && repacks LLVM=1 STRIP="strip -p" || return 1
	last=$(archive XZ="$XZ")
	for script in kheaders_select.awk kheaders_rules.awk; do
		before=$last
		touch "$tmp/repo/scripts/$script" && last=$(archive XZ="$XZ") &&
			[ "$last" != "$before" ] && continue
		ktap_print_msg "$script: $last"
		return 1
	done
}

ktap_print_header
need_kernel
build_strip_comments
tree=$tmp/tree
make_tree "$tree"
quiet pack -b "$tree" -o "$tmp/packed" || ktap_exit_fail_msg "cannot pack"
ktap_set_plan 4
ktap_test_result "variables that tools read are ignored" unwanted
ktap_test_result "commands may have arguments" with_arguments
ktap_test_result "only the named tools are used" named_tools
pack_quickly
ktap_test_result "Kbuild repacks when the bytes may change" kbuild_compares
ktap_finished
