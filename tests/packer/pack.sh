#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The packing step on a real kernel's headers: what it packs, and how.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

pack() {
	quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" "$@"
}

# Every header below the folders that mainline packs, found without our list.
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
	ktap_print_msg "headers are missing, or there are others"
	return 1
}

only_headers() {
	tar -tf "$1" > "$tmp/members" &&
		! grep -v -e '/$' -e '\.h$' "$tmp/members"
}

# One stream, LZMA2 with 8 MiB at most and nothing before it, CRC32; two blocks of which
# each has a third or more, so that two threads read it.
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

# Folders and plain files of root, nothing of later formats than ustar.
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

# A reader that knows nothing but plain files gets the same tree as tar.
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

# What is no header and no makefile is as it was, auto.conf but for its order.
others_unchanged() {
	for name in .config Module.symvers include/config/kernel.release scripts/depmod.sh; do
		cmp "$kernel/kdir/$name" "$tmp/tree/$name" || return 1
	done
	sort "$kernel/kdir/include/config/auto.conf" > "$tmp/auto.conf"
	sort "$tmp/tree/include/config/auto.conf" | cmp - "$tmp/auto.conf"
}

# Without symbols and tables for unwinding they have the same code and data.
programs_run() {
	for name in scripts/basic/fixdep scripts/mod/modpost tools/objtool/objtool \
		    scripts/genksyms/genksyms; do
		for section in .text .rodata .data; do
			for tree in "$kernel/kdir" "$tmp/tree"; do
				objcopy -O binary --only-section="$section" "$tree/$name" \
					"$tmp/section${tree##*/}" || return 1
			done
			cmp "$tmp/sectionkdir" "$tmp/sectiontree" || return 1
		done
		"$kernel/kdir/$name" --no-such-option > "$tmp/output.package" 2>&1
		rc=$?
		"$tmp/tree/$name" --no-such-option > "$tmp/output.tree" 2>&1
		[ $? -eq "$rc" ] || return 1
	done
	! readelf -SW "$tmp/tree/tools/objtool/objtool" | grep -e '\.eh_frame ' -e '\.debug_'
}

# What gcc says of a macro that is there already, and where.
redefined() {
	gcc -E -o /dev/null -include "$tmp/redefine.h" "$1/$2" 2>&1 |
		grep -e 'redefined' -e 'previous definition' |
		sed "s,$1/,," | cut -d: -f1,2,4-
}

# Messages name the lines of the source that was packed.
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

# Neither where the kernel's trees are nor where this checkout is.
no_paths() {
	! grep -r -l -a -F -e "$(realpath "$kernel")" -e "$source" -e "$top" "$tmp/tree"
}

# database FOLDER: what make knows once it has read all makefiles of a build
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

# Without comments make reads the same from all makefiles, on the same lines.
makefiles_mean_the_same() {
	pack -k -o "$tmp/kept.tar.xz" && mkdir "$tmp/commented" &&
		tar -xf "$tmp/kept.tar.xz" -C "$tmp/commented" || return 1
	database "$tmp/tree" "$tmp/database"
	database "$tmp/commented" "$tmp/database.commented"
	[ "$(wc -l < "$tmp/database")" -gt 3000 ] || return 1
	diff "$tmp/database.commented" "$tmp/database"
}

# With -k headers are as they were, too.
keeps_comments() {
	while read -r name; do
		[ -e "$kernel/kdir/$name" ] && [ "${name#include/linux}" = "$name" ] &&
			continue
		[ -e "$source/$name" ] || continue
		cmp "$source/$name" "$tmp/commented/$name" || return 1
	done < "$tmp/headers"
}

# pack_with OPTION...: the options of strip_comments that give the same overflow.h
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

# As objects have columns of headers in them by UBSAN and KASAN, those stay.
columns_for_sanitizers() {
	[ "$(pack_with UBSAN)" = "packed: -c" ] &&
		[ "$(pack_with UBSAN UBSAN_TRAP)" = "packed: " ] &&
		[ "$(pack_with KASAN UBSAN UBSAN_TRAP)" = "packed: -c" ]
}

ktap_print_header
need_kernel
build_strip_comments
source=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)
full=$tmp/full.tar.xz
ktap_set_plan 15
ktap_test_result "full content is packed" pack -o "$full"
ktap_test_result "headers content is packed" pack -c headers -o "$tmp/headers.tar.xz"
pack_quickly
ktap_print_msg "bytes: full $(wc -c < "$full"), headers $(wc -c < "$tmp/headers.tar.xz")"
ktap_test_result "full content has every header" all_headers "$full"
ktap_test_result "headers content has every header" all_headers "$tmp/headers.tar.xz"
ktap_test_result "headers content has headers alone" only_headers "$tmp/headers.tar.xz"
ktap_test_result "format of xz" xz_format
ktap_test_result "format of tar" tar_format
ktap_test_result "readers of plain files get the tree" reader_of_files
ktap_test_result "build files are as they were" others_unchanged
ktap_test_result "host programs run as they did" programs_run
ktap_test_result "messages name the right lines" lines_in_messages
ktap_test_result "no path of the build machine" no_paths
ktap_test_result "makefiles mean what they meant" makefiles_mean_the_same
ktap_test_result "-k keeps comments" keeps_comments
ktap_test_result "columns stay for UBSAN and KASAN" columns_for_sanitizers
ktap_finished
