#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Generate the patch series for a kernel tree: it applies by git am and patch, contains only
# what this tree needs, and trees that it cannot fit are refused.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# The machine may not know who signs off.
export GIT_CONFIG_COUNT=2
export GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0="A Tester"
export GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=tester@localhost

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
		in_git commit -q -m "Linux" && in_git tag base
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
		*/) find "$top/$from" -type f -printf '%P\n' ;;
		*) echo "${from##*/}" ;;
		esac > "$tmp/names"
		case $from in
		*/) ;;
		*/*) from=${from%/*}/ ;;
		*) from= ;;
		esac
		while read -r name; do
			is_rendered "$top/$from$name" "$tmp/tree/$to$name" || return 1
		done < "$tmp/names"
	done < "$tmp/files"
}

# is_rendered FILE TO: it was copied, but for lines that were taken out, and may be run as before
is_rendered() {
	diff "$1" "$2" > "$tmp/diff"
	[ $? -le 1 ] && ! grep -q '^>' "$tmp/diff" &&
		[ "$(stat -c %A "$1" | cut -c 4)" = "$(stat -c %A "$2" | cut -c 4)" ] && return
	ktap_print_msg "$2 is not made from $1"
	show "$tmp/diff"
	return 1
}

# What is not for this tree is not in it.
fits_the_tree() {
	files=$tmp/tree/kernel/kheaders
	grep -q __BIN_ATTR_SIMPLE_RO "$kernel/source/include/linux/sysfs.h"
	has_helper=$?
	grep -q "BIN_ATTR_SIMPLE_RO(" "$files/kheaders_sysfs.c"
	[ $? -eq "$has_helper" ] && ! grep -q kheaders_read "$files/kheaders_sysfs.c" ||
		[ "$has_helper" -ne 0 ] || return 1
	[ "$(grep -c KBUILD_EXTMOD "$files/Kbuild")" -eq 1 ] &&
		! grep -r -n -e '^#ifn\{0,1\}def K' -e KHEADERS_VERSION "$files" \
			"$tmp/tree/scripts/pack_headers.sh" &&
		! awk 'length > 100 { print FILENAME ":" FNR; long = 1 } END { exit !long }' \
			"$files"/* "$tmp/tree/scripts"/*kheaders*
}

# Its options depend on none that only other kernels have.
options_exist() {
	sed -n 's/^	depends on //p' "$tmp/tree/kernel/kheaders/Kconfig.kheaders" |
		tr -cs 'A-Z0-9_' '\n' | grep . | sort -u > "$tmp/options"
	cp "$tmp/tree/kernel/kheaders/Kconfig.kheaders" "$tmp/Kconfig"
	( cd "$kernel/source" && grep -r -h --include='Kconfig*' 'config [A-Z]' "$tmp/Kconfig" \
		arch fs init kernel lib scripts security ) |
		sed -n 's/^\(menu\)\{0,1\}config //p' > "$tmp/known"
	grep -v -x -F -f "$tmp/known" "$tmp/options" > "$tmp/unknown"
	show "$tmp/unknown"
	[ -s "$tmp/options" ] && [ ! -s "$tmp/unknown" ]
}

# MAINTAINERS names the maintainer and covers every new file, in sorted F: lines.
maintained() {
	sed -n '/^KERNEL HEADERS ARCHIVE/,/^$/p' "$tmp/tree/MAINTAINERS" > "$tmp/entry"
	grep -q -x "M:	$(git -C "$top" config user.name) <$(
		git -C "$top" config user.email)>" "$tmp/entry" || return 1
	sed -n 's/^F:	//p' "$tmp/entry" > "$tmp/maintained"
	sort -c "$tmp/maintained" && grep -q -x -F 'scripts/kheaders*' "$tmp/maintained" || return 1
	git -C "$tmp/tree" diff --name-only --diff-filter=A base HEAD > "$tmp/new"
	while read -r file; do
		grep -q -x -F -e "$file" -e "${file%"${file##*/}"}" "$tmp/maintained" && continue
		case $file in
		scripts/kheaders*|tools/testing/selftests/kheaders/*) continue ;;
		esac
		ktap_print_msg "$file: not in MAINTAINERS"
		return 1
	done < "$tmp/new"
	[ -s "$tmp/new" ]
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
	( cd "$kernel/source" && quiet perl scripts/checkpatch.pl --no-summary --terse --strict \
		--show-types --ignore "$ignore" "$tmp"/series/*.patch )
}

refused() {
	fails_with "$1" make -s -C "$top" series KSRC="$tmp/tree" OUT="$tmp/out" &&
		[ ! -e "$tmp/out" ]
}

# change FILE SED-COMMAND: in a new copy of the tree, which must change by it
change() {
	make_tree && cp "$tmp/tree/$1" "$tmp/before" && sed -i "$2" "$tmp/tree/$1" &&
		! cmp -s "$tmp/before" "$tmp/tree/$1"
}

no_kernel() {
	rm -rf "$tmp/tree" && mkdir "$tmp/tree" && refused "not the source of a kernel"
}

# The message tells how to take the series out again, and that works.
patched() {
	by_patch && refused "already has a kheaders series; remove it first" || return 1
	for file in $(printf '%s\n' "$tmp"/series/*.patch | sort -r); do
		quiet patch -R -p1 -F0 -d "$tmp/tree" < "$file" || return 1
	done
	generate "$tmp/tree" "$tmp/out" && quiet diff -r "$tmp/series" "$tmp/out"
	rc=$?
	rm -rf "$tmp/out"
	return "$rc"
}

# An older series, whose files had other names.
half_patched() {
	change init/Kconfig '/^config IKHEADERS/i config KHEADERS_SYSFS\n\tbool\n' &&
		refused "init/Kconfig: this tree already has a kheaders series"
}

dirty() {
	make_git_tree && echo "# x" >> "$tmp/tree/init/Kconfig" &&
		refused "has uncommitted changes"
}

# A hook whose place does not exist, exists twice, or is where it has no effect.
no_place() {
	change init/Kconfig 's/^config IKHEADERS/config IKHEADERZ/' &&
		refused 'init/Kconfig: hook "options" has no place where all of this is true:' &&
		grep -q 'entry ^config IKHEADERS' "$tmp/output" &&
		grep -q 'patches/hooks' "$tmp/output"
}

two_places() {
	change kernel/Makefile '/(CONFIG_IKHEADERS)/{p;p}' &&
		refused 'kernel/Makefile: hook "directory" has two places, after lines'
}

wrong_place() {
	change kernel/Makefile '/(CONFIG_IKHEADERS)/{s/^/ifdef CONFIG_VENDOR\n/;s/$/\nendif/}' &&
		refused 'kernel/Makefile: hook "directory" has no place'
}

# How this tree links is not known.
other_mechanism() {
	file=scripts/Makefile.modpost
	[ -e "$kernel/source/scripts/Makefile.vmlinux" ] && file=scripts/Makefile.vmlinux
	change "$file" 's/vmlinux\.symvers/vmlinux.sums/; s/link-vmlinux\.sh/link-image.sh/' &&
		refused 'of the hooks "vmlinux" match this tree'
}

incomplete() {
	make_tree && rm "$tmp/tree/scripts/Makefile.modfinal" &&
		refused "Makefile.modfinal: not found; is this the complete source?"
}

# full_bytes: the size of 6.1's archive, as measured last
full_bytes() {
	awk -F '\t' '$1 == "6.1" && $2 == "full" { print $3 }' "$top/bench/results.tsv"
}

# The cover letter has figures, and the commit that the series applies to.
covered() {
	make_git_tree && quiet make -s -C "$top" series KSRC="$tmp/tree" OUT="$tmp/out" COVER=y &&
		grep -q '^Subject: \[PATCH 0/6\] kheaders: ' "$tmp"/out/0000-cover-letter.patch &&
		grep -q -x "base-commit: $(in_git rev-parse HEAD)" "$tmp"/out/0000-*.patch &&
		grep -q " $(full_bytes) bytes" "$tmp"/out/0000-*.patch &&
		! grep '@' "$tmp"/out/0000-*.patch | grep -v '<.*@.*>$'
	rc=$?
	rm -rf "$tmp/out"
	return "$rc"
}

anonymous() {
	make_tree && fails_with "user.name is not set" env HOME="$tmp" \
		XDG_CONFIG_HOME="$tmp" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=0 GIT_DIR="$tmp" \
		make -s -C "$top" series KSRC="$tmp/tree" OUT="$tmp/out"
}

# Neither a repository that the environment names, as in a git hook, nor the user's settings.
own_repository() {
	name=$(git -C "$top" config user.name)
	email=$(git -C "$top" config user.email)
	mine=$tmp/mine
	put "$tmp/home/.gitconfig" "[user]
	name = $name
	email = $email
[diff]
	noprefix = true
[format]
	useAutoBase = true
	subjectPrefix = MINE
[commit]
	gpgsign = true"
	git init -q -b mine "$mine" && echo mine > "$mine/file" && git -C "$mine" add file &&
		git -C "$mine" -c user.name=me -c user.email=me@localhost commit -q -m mine &&
		before=$(git -C "$mine" rev-parse HEAD) || return 1
	HOME=$tmp/home XDG_CONFIG_HOME=$tmp/home GIT_DIR=$mine/.git GIT_WORK_TREE=$mine \
		generate "$kernel/source" "$tmp/own" && quiet diff -r "$tmp/series" "$tmp/own" &&
		[ "$(git -C "$mine" symbolic-ref HEAD) $(git -C "$mine" rev-parse HEAD)" = \
			"refs/heads/mine $before" ] &&
		[ -z "$(git -C "$mine" status --porcelain)" ]
}

unasked() {
	fails_with "needs KSRC=DIR" make -s -C "$top" series OUT="$tmp/out"
}

full_directory() {
	fails_with "already contains patches" \
		make -s -C "$top" series KSRC="$kernel/source" OUT="$tmp/series"
}

ktap_print_header
need_kernel_source
# what hooks change, and what tells how the tree works
touched="$(sed -n -e 's/^hook [a-z]* [0-9]* //p' -e 's/^\(when\|unless\) \([^ ]*\) .*/\2/p' \
	"$top/patches/hooks" | sort -u | while read -r file; do
		[ ! -e "$kernel/source/$file" ] || echo "$file"
	done) include/linux/sysfs.h security/Kconfig.hardening"
ktap_set_plan 23
ktap_test_result "Linux $series: the series is generated" generate "$kernel/source" "$tmp/series"
ktap_test_result "git am applies it" by_am
ktap_test_result "MAINTAINERS lists each new file" maintained
ktap_test_result "patch -p1 applies it without fuzz" by_patch
ktap_test_result "it has no code that this tree does not need" fits_the_tree
ktap_test_result "its options depend on none that this tree has not" options_exist
ktap_test_result "it is signed off" signed_off
ktap_test_result "generated again it is the same" same_again
ktap_test_result "checkpatch does not complain" checkpatch
ktap_test_result "a tree that links in another way is refused" other_mechanism
ktap_test_result "a directory without a kernel is refused" no_kernel
ktap_test_result "an incomplete tree is refused" incomplete
ktap_test_result "a patched tree is refused until the series is taken out" patched
ktap_test_result "a tree with a part of an older series is refused" half_patched
ktap_test_result "a dirty tree is refused" dirty
ktap_test_result "a hook without a place is refused" no_place
ktap_test_result "a hook with two places is refused" two_places
ktap_test_result "a hook inside a conditional is refused" wrong_place
ktap_test_result "a cover letter has figures and the base commit" covered
ktap_test_result "a name to sign off with is required" anonymous
ktap_test_result "the user's repository and git settings have no effect" own_repository
ktap_test_result "KSRC must be given" unasked
ktap_test_result "patches already in OUT are refused" full_directory
ktap_finished
