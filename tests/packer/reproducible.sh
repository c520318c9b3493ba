#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The archive is reproducible: it depends on nothing but the packed files.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# same COMMAND...: it writes the same archive as before
same() {
	rm -f "$tmp/again"
	quiet "$@" -o "$tmp/again" && cmp "$tmp/packed" "$tmp/again"
}

pack=$top/scripts/pack_headers.sh

with_umask() {
	( umask 077 && same "$pack" -b "$tree" )
}

another_path() {
	cp -r "$tree" "$tmp/another path"
	( cd / && same "$pack" -b "$tmp/another path" )
}

# Create the files in reverse order.
another_order() {
	( cd "$tree" && find . -type f | sort -r ) > "$tmp/names"
	while read -r name; do
		mkdir -p "$tmp/reverse/$(dirname "$name")"
		cp -p "$tree/$name" "$tmp/reverse/$name"
	done < "$tmp/names"
	same "$pack" -b "$tmp/reverse"
}

another_user() {
	chmod -R a+rX "$tmp" && mkdir "$tmp/theirs" && chmod 1777 "$tmp/theirs" || return 1
	# the checkout may be where only its user can read
	cp "$top/scripts/pack_headers.sh" "$top"/scripts/kheaders* "$XZ" "$tmp/theirs"
	XZ=$tmp/theirs/${XZ##*/} setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$tmp/theirs/pack_headers.sh" -b "$tree" -o "$tmp/theirs/packed" &&
		cmp "$tmp/packed" "$tmp/theirs/packed"
}

# A given date is used for all members.
with_date() {
	SOURCE_DATE_EPOCH=1000000000 "$pack" -b "$tree" -o "$tmp/dated" &&
		KBUILD_BUILD_TIMESTAMP='2001-09-09 01:46:40 UTC' \
		"$pack" -b "$tree" -o "$tmp/dated.too" &&
		cmp "$tmp/dated" "$tmp/dated.too" && ! cmp -s "$tmp/dated" "$tmp/packed" &&
		[ "$(TZ=UTC tar -tvf "$tmp/dated" | awk '{ print $4 }' | sort -u)" = 2001-09-09 ]
}

# All variations at once, on a real kernel's tree.
real_tree() {
	need_kernel
	share_archive && cp "$archive" "$tmp/packed" || return 1
	obj=$(realpath "$kernel/kdir")
	src=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
	mkdir "$tmp/src" "$tmp/obj" && cp -rL "$src/." "$tmp/src" &&
		cp -rL "$obj/." "$tmp/obj" || return 1
	( umask 077 && cd / && TZ=Asia/Tokyo LC_ALL=C.UTF-8 \
		same taskset -c 0 faketime '2031-02-03 04:05:06' \
		"$pack" -s "$tmp/src" -b "$tmp/obj" )
}

ktap_print_header
build_strip_comments
tree=$tmp/tree
make_source "$tree"
make_objects "$tree"
for n in 1 2 3; do
	head -c 300000 /dev/urandom | od -A n -t x1 > "$tree/include/linux/large$n.h"
done
ktap_set_plan 10
"$pack" -b "$tree" -o "$tmp/packed" || ktap_exit_fail_msg "cannot pack"
ktap_test_result "one core" same taskset -c 0 "$pack" -b "$tree"
# the other variations do not depend on xz's settings
pack_quickly
"$pack" -b "$tree" -o "$tmp/packed" || ktap_exit_fail_msg "cannot pack"
ktap_test_result "another path" another_path
ktap_test_result "another umask" with_umask
ktap_test_result "another time zone" same env TZ=Asia/Tokyo "$pack" -b "$tree"
ktap_test_result "another locale" same env LC_ALL=C.UTF-8 "$pack" -b "$tree"
ktap_test_result "another user" another_user
ktap_test_result "another date" same faketime '2031-02-03 04:05:06' "$pack" -b "$tree"
ktap_test_result "another order of creation" another_order
ktap_test_result "a date for the members" with_date
unset XZ
ktap_test_result "all of them, on a real kernel's headers" real_tree
ktap_finished
