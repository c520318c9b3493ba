#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each patch of the series: the kernel builds after every one, in its own source tree,
# and says nothing.  After the last the archive is what it is in an object tree apart,
# and make clean and mrproper leave nothing.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# objtool is cleaned by the lines that have objtool_clean, 6.1 has not
files() {
	( cd "$tree" && find . -type f ! -path './tools/objtool/*' ) | sort
}

# in_tree ARGUMENT...: a build that is quiet says nothing
in_tree() {
	make -s -j2 -C "$tree" "$@" > "$tmp/said" 2>&1 && [ ! -s "$tmp/said" ] && return
	tail -n 50 "$tmp/said" | show
	return 1
}

# The configuration has more to say to each patch.
step() {
	files > "$tmp/before"
	quiet patch -s -p1 -F0 -d "$tree" < "$1" || return 1
	files | comm -13 "$tmp/before" - >> "$tmp/patched"
	cp "$tmp/config" "$tree/.config"
	in_tree olddefconfig && in_tree && [ -e "$tree/vmlinux" ]
}

# unpack FILE DIR: but for what has the time and number of the build, and the build-id of
# objtool, which is made of debug information, too, and so of names of its sources
unpack() {
	rm -rf "$2"
	mkdir "$2" && tar -xf "$1" -C "$2" --exclude=./include/generated/compile.h &&
		objcopy --remove-section=.note.gnu.build-id "$2/tools/objtool/objtool"
}

same_archive() {
	unpack "$tree/kernel/kheaders/kheaders_data.tar.xz" "$tmp/here" &&
		unpack "$archive" "$tmp/apart" && quiet diff -r "$tmp/apart" "$tmp/here"
}

cleaned() {
	in_tree clean && [ ! -e "$tree/kernel/kheaders/kheaders_data.tar.xz" ] &&
		[ ! -e "$tree/kernel/kheaders/kheaders.ko" ]
}

mrproper() {
	in_tree mrproper || return 1
	files > "$tmp/left"
	sort "$tmp/patched" | diff - "$tmp/left" > "$tmp/diff" && return
	head -n 20 "$tmp/diff" | show
	return 1
}

ktap_print_header
need_kernel_source
pristine=$(realpath "$kernel/source")
build m || ktap_exit_fail_msg "no build to compare with"
cp "$obj/.config" "$tmp/config"
cp "$archive" "$tmp/apart.tar.xz"
archive=$tmp/apart.tar.xz
SOURCE_DATE_EPOCH=0 quiet "$top/patches/generate" "$pristine" "$tmp/series" ||
	ktap_exit_fail_msg "no series"
tree=$(mktemp -d "$cache/steps.XXXXXX")
trap 'rm -rf "$tmp" "$tree"' EXIT
# hard links: patch makes new files, and so does the build
cp -al "$pristine/." "$tree"
files > "$tmp/patched"
set -- "$tmp"/series/*.patch
ktap_set_plan $(($# + 3))
for patch; do
	ktap_test_result "$series: it builds with $(basename "$patch")" step "$patch"
done
ktap_test_result "$series: the archive is that of an object tree apart" same_archive
ktap_test_result "$series: make clean leaves none" cleaned
ktap_test_result "$series: make mrproper leaves what was there" mrproper
ktap_finished
