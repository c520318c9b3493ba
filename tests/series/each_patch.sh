#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Apply the series patch by patch: after each, the kernel builds in its own source tree and
# prints nothing.  After the last, the archive is the same as from a separate object tree, and
# make clean and mrproper leave nothing.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# only series with objtool_clean clean objtool; 6.1 has not
files() {
	( cd "$tree" && find . -type f ! -path './tools/objtool/*' ) | sort
}

# in_tree ARGUMENT...: make, which must print nothing
in_tree() {
	make -s -j2 -C "$tree" "$@" > "$tmp/output" 2>&1 && [ ! -s "$tmp/output" ] && return
	tail -n 50 "$tmp/output" | show
	return 1
}

# Each patch may bring more options, so start from the whole configuration each time.
step() {
	files > "$tmp/before"
	quiet patch -s -p1 -F0 -d "$tree" < "$1" || return 1
	files | comm -13 "$tmp/before" - >> "$tmp/patched"
	cp "$tmp/config" "$tree/.config"
	in_tree olddefconfig && in_tree && [ -e "$tree/vmlinux" ]
}

# unpack FILE DIR: without the time and number of the build, and without the build-id of
# objtool, which depends on the paths of its sources
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
build m || ktap_exit_fail_msg "the kernel to compare with does not build"
cp "$obj/.config" "$tmp/config"
cp "$archive" "$tmp/apart.tar.xz"
archive=$tmp/apart.tar.xz
SOURCE_DATE_EPOCH=0 quiet "$top/patches/generate" "$pristine" "$tmp/series" ||
	ktap_exit_fail_msg "make series failed"
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
ktap_test_result "$series: the archive is the same as from a separate object tree" same_archive
ktap_test_result "$series: make clean removes the archive" cleaned
ktap_test_result "$series: make mrproper restores the tree" mrproper
ktap_finished
