#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The program compiles without warnings with gcc and clang, with glibc and musl, and for 32
# bits, and does not need a liblzma newer than 5.2.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# Link the libraries' headers to $tmp/include, for a compiler with a different C library.
borrow_headers() {
	mkdir -p "$tmp/include"
	for header in archive.h archive_entry.h libkmod.h lzma.h lzma zstd.h zstd_errors.h lzo \
		nettle gmp.h; do
		for dir in /usr/include "/usr/include/$(cc -print-multiarch)"; do
			[ ! -e "$dir/$header" ] || ln -sfn "$dir/$header" "$tmp/include/$header"
		done
	done
}

# compiles COMPILER [OPTION...]: all sources compile without warnings
compiles() {
	for file in "$top"/userspace/*.c; do
		quiet "$@" -D_FILE_OFFSET_BITS=64 -std=gnu11 -Wall -Wextra -Wformat=2 -Wshadow \
			-Wmissing-prototypes -Werror -I"$tmp/include/lzo" -fsyntax-only "$file" ||
			return 1
	done
}

# The library's symbol versions show the release that introduced them.
old_liblzma() {
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" || return 1
	objdump -T "$tmp/build/kheaders" | grep -o 'XZ_[0-9.]*' | sort -u > "$tmp/versions"
	show "$tmp/versions"
	[ -s "$tmp/versions" ] && ! grep -v -x -e XZ_5.0 -e XZ_5.2 "$tmp/versions"
}

# links: would make link the program in $tmp/build again?
links() {
	make -n -C "$tmp/copy/userspace" BUILDDIR="$tmp/build" | grep -q -e '-o [^ ]*/kheaders '
}

# The program does not keep the code of a file that is gone.
relinks() {
	mkdir "$tmp/copy" && cp -a "$top/userspace" "$top/scripts" "$top/VERSION" "$tmp/copy" &&
		! links && rm "$tmp/copy/userspace/module_modprobe.c" && links
}

# Files larger than 2 GB can be opened on 32 bits.
large_files() {
	echo '#include <sys/types.h>
_Static_assert(sizeof(off_t) == 8, "off_t");' > "$tmp/large.c"
	flags=$(make -s -C "$top/userspace" -n BUILDDIR="$tmp/none" "$tmp/none/run.o" |
		grep -o -e '-D_FILE_OFFSET_BITS=64') &&
		quiet "$1" "$flags" -fsyntax-only "$tmp/large.c"
}

# with NAME COMPILER COMMAND...: skip the test if COMPILER is not installed
with() {
	name=$1
	compiler=$2
	shift 2
	if command -v "$compiler" > /dev/null; then
		ktap_test_result "$name" "$@"
	else
		ktap_test_skip "$name" "no $compiler"
	fi
}

ktap_print_header
borrow_headers
ktap_set_plan 7
ktap_test_result "gcc" compiles gcc
with "clang" clang compiles clang
with "musl" musl-gcc compiles musl-gcc -I"$tmp/include"
with "32 bits" i686-linux-gnu-gcc compiles i686-linux-gnu-gcc -I"$tmp/include"
with "large files on 32 bits" i686-linux-gnu-gcc large_files i686-linux-gnu-gcc
ktap_test_result "liblzma 5.2 is enough" old_liblzma
ktap_test_result "linked again after a file was removed" relinks
ktap_finished
