# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests that read the project's own files; source it after test.sh.

# Change to the project's directory and set files to the names of all its files.
list_files() {
	cd "$top" || exit 1
	if [ -e .git ]; then
		files=$(git ls-files)
	else
		files=$(find . -type f ! -path './build/*' | sed 's,^\./,,')
	fi
	files=$(for file in $files; do
		[ -h "$file" ] || [ ! -e "$file" ] || echo "$file"
	done)
}

# none TEXT: standard input is empty; else print each line behind TEXT
none() {
	sort -u > "$tmp/left"
	[ ! -s "$tmp/left" ] && return
	sed "s,^,# $1: ," "$tmp/left"
	return 1
}

# once COMMAND...: run it, unless it passed when all files that it may read were the same
once() {
	stamp=$cache/shared/$1-$({
		clang --version
		cat "$kernel/release"	# checkpatch is that kernel's
		echo "$files" | grep -E -e '\.[chS]$' -e '^tests/(lib|meta)/' -e '^kheaders/' |
			xargs cat CONTRIBUTING
	} | sha256sum | cut -c 1-12)
	[ -e "$stamp" ] && touch "$stamp" && return
	"$@" && mkdir -p "$cache/shared" && touch "$stamp"
}

c_warnings="-std=gnu11 -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes"

# Print the C files to compile on the build host, each with its flags.
host_c_files() {
	for file in $files; do
		case $file in
		kheaders/*|selftests/*|*/kinds/*|tests/module/rust/*|tests/clients/xz_kernel.c) ;;
		tests/*/fuzz_*.c) echo "$file -Wno-unused-function" ;;
		*.c) echo "$file -Wmissing-prototypes" ;;
		esac
	done
}
