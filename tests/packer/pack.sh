#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Pack a real kernel's headers: content and format of the archive.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

pack() {
	quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" "$@"
}

# Every header below the directories that mainline packs, found without our list.
headers_wanted() {
	( cd "$source" && find -L include arch/x86/include -name '*.h' )
	( cd "$kernel/kdir" && find -L include/generated arch/x86/include/generated \
		-name '*.h' ! -path include/generated/utsversion.h )
}

all_headers() {
	tar -tf "$1" > "$tmp/members" || return 1
	grep -e '^\./include/.*\.h$' -e '^\./arch/x86/include/.*\.h$' "$tmp/members" |
		sed 's,^\./,,' | sort > "$tmp/headers"
	headers_wanted | sort -u > "$tmp/wanted"
	[ "$(wc -l < "$tmp/wanted")" -gt 5000 ] || return 1
	diff "$tmp/wanted" "$tmp/headers" && return
	ktap_print_msg "headers are missing or unexpected"
	return 1
}

only_headers() {
	tar -tf "$1" > "$tmp/members" &&
		! grep -v -e '/$' -e '\.h$' "$tmp/members"
}

# One stream with CRC32, only LZMA2 with at most 8 MiB, and two blocks, each of at least a
# third, so that two threads can decode it.
xz_format() {
	xz --robot --list -vv "$full" > "$tmp/xz" || return 1
	awk -F '\t' '
	$1 == "file" { streams = $2; check = $7; size = $5 }
	$1 == "block" {
		blocks++
		small += 3 * $8 < size
		other += $NF !~ /^--lzma2=dict=8MiB/ && $NF !~ /^--lzma2=dict=[1-7]MiB/
	}
	END { exit !(streams == 1 && check == "CRC32" && blocks == 2 && !small && !other) }' \
		"$tmp/xz" && return
	show "$tmp/xz"
	return 1
}

# Only directories and regular files, owned by root, in ustar format.
tar_format() {
	python3 - "$full" <<- 'END'
		import sys, tarfile
		names = []
		for m in tarfile.open(sys.argv[1]):
		    assert m.isreg() or m.isdir(), m.name
		    assert m.uid == m.gid == 0 and m.uname == m.gname == "", m.name
		    assert m.mode in ((0o755,) if m.isdir() else (0o644, 0o755)), m.name
		    assert m.mtime == 315532800 and not m.pax_headers, m.name
		    names.append(m.name)
		assert names[0] == "." and len(names) == len(set(names))
	END
}

# A reader that handles only regular files extracts the same tree as tar.
reader_of_files() {
	python3 - "$full" "$tmp/files" <<- 'END' || return 1
		import os, sys, tarfile
		with tarfile.open(sys.argv[1]) as tar:
		    for m in tar:
		        if m.isreg():
		            path = os.path.join(sys.argv[2], m.name)
		            os.makedirs(os.path.dirname(path), exist_ok=True)
		            with open(path, "wb") as f:
		                f.write(tar.extractfile(m).read())
	END
	mkdir -m 0700 "$tmp/tree" && tar -xf "$full" -C "$tmp/tree" &&
		[ "$(stat -c %a "$tmp/tree")" = 755 ] && diff -r "$tmp/files" "$tmp/tree"
}

# Files other than headers and makefiles are unchanged, except for auto.conf's order.
others_unchanged() {
	for name in .config Module.symvers include/config/kernel.release scripts/depmod.sh; do
		cmp "$kernel/kdir/$name" "$tmp/tree/$name" || return 1
	done
	sort "$kernel/kdir/include/config/auto.conf" > "$tmp/auto.conf"
	sort "$tmp/tree/include/config/auto.conf" | cmp - "$tmp/auto.conf"
}

# Stripping symbols and unwind tables does not change code and data, nor the properties without
# which arm64's kernel does not execute a program.
programs_run() {
	for name in scripts/basic/fixdep scripts/mod/modpost tools/objtool/objtool \
		    scripts/genksyms/genksyms; do
		for section in .text .rodata .data .note.gnu.property; do
			for tree in "$kernel/kdir" "$tmp/tree"; do
				objcopy -O binary --only-section="$section" "$tree/$name" \
					"$tmp/section${tree##*/}" || return 1
			done
			cmp "$tmp/sectionkdir" "$tmp/sectiontree" || return 1
		done
		for tree in "$kernel/kdir" "$tmp/tree"; do
			( cd "$tree" && "./$name" --no-such-option; echo "status $?" ) \
				> "$tmp/output.${tree##*/}" 2>&1
		done
		diff "$tmp/output.kdir" "$tmp/output.tree" || return 1
	done
	! readelf -SW "$tmp/tree/tools/objtool/objtool" | grep -e '\.eh_frame ' -e '\.debug_'
}

# Print gcc's warning about a redefined macro, with its location.
redefined() {
	gcc -E -o /dev/null -include "$tmp/redefine.h" "$1/$2" 2>&1 |
		grep -e 'redefined' -e 'previous definition' |
		sed "s,$1/,," | cut -d: -f1,2,4-
}

# Messages report the line numbers of the original source.
lines_in_messages() {
	echo '#define __ALIGN_KERNEL 1
#define LIST_POISON1 1
#define NAME_MAX 1' > "$tmp/redefine.h"
	for name in include/uapi/linux/const.h include/linux/poison.h \
		    include/uapi/linux/limits.h; do
		redefined "$source" "$name" > "$tmp/messages.source"
		redefined "$tmp/tree" "$name" > "$tmp/messages.tree"
		[ -s "$tmp/messages.tree" ] || return 1
		diff "$tmp/messages.source" "$tmp/messages.tree" || return 1
	done
}

# No path of the kernel's trees or of this checkout.
no_paths() {
	! grep -r -l -a -F -e "$(realpath "$kernel")" -e "$source" -e "$top" "$tmp/tree"
}

# database DIR: print make's database after it has read all makefiles of a build
database() {
	rm -rf "$tmp/here" && mv "$1" "$tmp/here" && mkdir -p "$tmp/m" &&
		echo 'obj-m := x.o' > "$tmp/m/Makefile" && : > "$tmp/m/x.c"
	here="-C $tmp/here srctree=. objtree=."
	for flags in "-C $tmp/here M=$tmp/m modules" \
		     "$here -f scripts/Makefile.modpost" \
		     "$here -f scripts/Makefile.build obj=$tmp/m src=$tmp/m need-builtin=1 need-modorder=1"; do
		# shellcheck disable=SC2086	# a list of words
		make -p -n $flags 2>&1
	done | grep -v -e '^# .*[0-9]:[0-9]' -e '^#  Last modified' -e '^# [a-z ]*: *[0-9]' \
		-e 'files, .* impossibilities' -e 'pid' > "$2"
	mv "$tmp/here" "$1"
}

# Stripped makefiles give make the same database, with the same line numbers.
makefiles_mean_the_same() {
	pack -k -o "$tmp/kept.tar.xz" && mkdir "$tmp/commented" &&
		tar -xf "$tmp/kept.tar.xz" -C "$tmp/commented" || return 1
	database "$tmp/tree" "$tmp/database"
	database "$tmp/commented" "$tmp/database.commented"
	[ "$(wc -l < "$tmp/database")" -gt 3000 ] || return 1
	diff "$tmp/database.commented" "$tmp/database"
}

# With -k headers are unchanged, too.
keeps_comments() {
	while read -r name; do
		[ -e "$kernel/kdir/$name" ] && [ "${name#include/linux}" = "$name" ] &&
			continue
		[ -e "$source/$name" ] || continue
		cmp "$source/$name" "$tmp/commented/$name" || return 1
	done < "$tmp/headers"
	cmp "$top/scripts/kheaders_host.sh" "$tmp/commented/scripts/kheaders_host.sh"
}

# pack_with OPTION...: print the strip_comments options that give the packed overflow.h
pack_with() {
	rm -rf "$tmp/small"
	make_source "$tmp/small"
	make_objects "$tmp/small"
	cp "$source/include/linux/overflow.h" "$tmp/small/include/linux"
	printf 'CONFIG_%s=y\n' "$@" > "$tmp/small/include/config/auto.conf"
	quiet "$top/scripts/pack_headers.sh" -b "$tmp/small" -c headers -o "$tmp/small.tar.xz" ||
		return 1
	tar -xOf "$tmp/small.tar.xz" ./include/linux/overflow.h > "$tmp/packed"
	for option in '' -c -k; do
		"$STRIP_COMMENTS" ${option:+"$option"} < "$source/include/linux/overflow.h" |
			cmp -s - "$tmp/packed" && echo "packed: $option"
	done
}

# UBSAN and KASAN put columns of headers into objects, so preserve them.
columns_for_sanitizers() {
	[ "$(pack_with UBSAN)" = "packed: -c" ] &&
		[ "$(pack_with UBSAN UBSAN_TRAP)" = "packed: " ] &&
		[ "$(pack_with KASAN UBSAN UBSAN_TRAP)" = "packed: -c" ]
}

# What rebuilds host programs is packed as it is, what looks for them without its comments.
own_files() {
	tar -xOf "$full" ./GNUmakefile | cmp - "$top/scripts/kheaders.mk" &&
		grep -v '^[[:blank:]]*#\( \|$\)' "$top/scripts/kheaders_host.sh" > "$tmp/code" &&
		tar -xOf "$full" ./scripts/kheaders_host.sh > "$tmp/packed" &&
		[ "$(sed -n 2p "$tmp/packed")" = "# SPDX-License-Identifier: GPL-2.0" ] &&
		sed 2d "$tmp/packed" | quiet cmp - "$tmp/code"
}

ktap_print_header
need_kernel
build_strip_comments
source=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
full=$tmp/full.tar.xz
ktap_set_plan 16
ktap_test_result "full content is packed" pack -o "$full"
ktap_test_result "headers content is packed" pack -c headers -o "$tmp/headers.tar.xz"
pack_quickly
ktap_print_msg "bytes: full $(wc -c < "$full"), headers $(wc -c < "$tmp/headers.tar.xz")"
ktap_test_result "full content has every header" all_headers "$full"
ktap_test_result "headers content has every header" all_headers "$tmp/headers.tar.xz"
ktap_test_result "headers content has only headers" only_headers "$tmp/headers.tar.xz"
ktap_test_result "full content has our own files" own_files
ktap_test_result "format of xz" xz_format
ktap_test_result "format of tar" tar_format
ktap_test_result "readers of regular files extract the same tree" reader_of_files
ktap_test_result "build files are unchanged" others_unchanged
ktap_test_result "stripped host programs still run" programs_run
ktap_test_result "messages report the right lines" lines_in_messages
ktap_test_result "no path of the build machine is packed" no_paths
ktap_test_result "stripped makefiles mean the same" makefiles_mean_the_same
ktap_test_result "-k keeps comments" keeps_comments
ktap_test_result "columns are preserved for UBSAN and KASAN" columns_for_sanitizers
ktap_finished
