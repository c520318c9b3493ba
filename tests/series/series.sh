#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Generate the patch series for a kernel tree: it applies by git am and patch, and trees that
# it cannot fit are refused.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

generate() {
	SOURCE_DATE_EPOCH=1700000000 quiet make -s -C "$top" series KSRC="$1" OUT="$2"
}

# A tree of only the files that the series touches, with git or without.
make_tree() {
	rm -rf "$tmp/tree"
	mkdir "$tmp/tree"
	# shellcheck disable=SC2086	# names of the kernel's files have no blanks
	( cd "$kernel/source" && cp --parents $touched "$tmp/tree" )
}

make_git_tree() {
	make_tree && git -C "$tmp/tree" init -q && in_git add --all --force &&
		in_git commit -q -m "Linux"
}

in_git() {
	git -C "$tmp/tree" -c user.name=tester -c user.email=tester@localhost "$@"
}

by_am() {
	make_git_tree && quiet in_git am "$tmp"/series/*.patch &&
		[ -z "$(in_git status --porcelain)" ] &&
		[ "$(in_git rev-list --count HEAD)" -eq 7 ] && has_all_files
}

# -F0: without fuzz; lines may have moved
by_patch() {
	make_tree || return 1
	for file in "$tmp"/series/*.patch; do
		quiet patch -p1 -F0 -d "$tmp/tree" < "$file" || return 1
	done
	[ -z "$(find "$tmp/tree" -name '*.orig' -o -name '*.rej')" ] && has_all_files
}

has_all_files() {
	grep -v '^#' "$top/patches/files" > "$tmp/files"
	while read -r _ from to; do
		[ -n "$from" ] || continue
		case $from in
		*/) quiet diff -r "$top/$from" "$tmp/tree/$to" || return 1 ;;
		*) quiet cmp "$top/$from" "$tmp/tree/$to${from##*/}" || return 1 ;;
		esac
	done < "$tmp/files"
}

signed_off() {
	for file in "$tmp"/series/*.patch; do
		grep -q -x -F "Signed-off-by: $(git -C "$top" config user.name) <$(
			git -C "$top" config user.email)>" "$file" || return 1
	done
}

same_again() {
	generate "$kernel/source" "$tmp/again" && quiet diff -r "$tmp/series" "$tmp/again"
}

# CONTRIBUTING explains the ignored types.
checkpatch() {
	ignore=$(sed -n 's/^checkpatch-ignore: //p' "$top/CONTRIBUTING")
	( cd "$kernel/source" && quiet perl scripts/checkpatch.pl --no-summary --terse \
		--ignore "$ignore" "$tmp"/series/*.patch )
}

refused() {
	fails_with "$1" make -s -C "$top" series KSRC="$tmp/tree" OUT="$tmp/out" &&
		[ ! -e "$tmp/out" ]
}

set_version() {
	sed -i -e "s/^VERSION = .*/VERSION = $1/" -e "s/^PATCHLEVEL = .*/PATCHLEVEL = $2/" \
		"$tmp/tree/Makefile"
}

unsupported() {
	make_tree && set_version 4 19 &&
		refused "Linux 4.19 is not supported; there are patches for 5.10 6.1 6.12 7.x"
}

no_kernel() {
	rm -rf "$tmp/tree" && mkdir "$tmp/tree" && refused "not the source of a kernel"
}

patched() {
	by_patch && refused "already there; is the tree patched?"
}

dirty() {
	make_git_tree && echo "# x" >> "$tmp/tree/init/Kconfig" &&
		refused "has changes that are not committed"
}

changed() {
	make_tree && sed -i 's/LOG_BUF_SHIFT/LOG_BUFFER_SHIFT/' "$tmp/tree/init/Kconfig" &&
		refused "0004.diff does not fit; is the tree as released?"
}

anonymous() {
	make_tree && fails_with "user.name is not set" env HOME="$tmp" \
		XDG_CONFIG_HOME="$tmp" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=0 GIT_DIR="$tmp" \
		make -s -C "$top" series KSRC="$tmp/tree" OUT="$tmp/out"
}

unasked() {
	fails_with "needs KSRC=DIR" make -s -C "$top" series OUT="$tmp/out"
}

full_directory() {
	fails_with "holds patches already" \
		make -s -C "$top" series KSRC="$kernel/source" OUT="$tmp/series"
}

ktap_print_header
need_kernel_source
touched=$(sed -n 's,^--- a/,,p' "$top/patches/${series}"/*.diff | sort -u)
ktap_set_plan 14
ktap_test_result "Linux $series: the series is generated" generate "$kernel/source" "$tmp/series"
ktap_test_result "git am applies it" by_am
ktap_test_result "patch -p1 applies it without fuzz" by_patch
ktap_test_result "it is signed off" signed_off
ktap_test_result "generated again it is the same" same_again
ktap_test_result "checkpatch does not complain" checkpatch
ktap_test_result "an unsupported kernel is refused" unsupported
ktap_test_result "a directory without a kernel is refused" no_kernel
ktap_test_result "a patched tree is refused" patched
ktap_test_result "a dirty tree is refused" dirty
ktap_test_result "a tree that was changed is refused" changed
ktap_test_result "a name to sign off with is required" anonymous
ktap_test_result "KSRC must be given" unasked
ktap_test_result "patches already in OUT are refused" full_directory
ktap_finished
