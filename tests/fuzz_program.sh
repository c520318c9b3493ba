#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The kheaders program on archives and images that nobody would make: what
# tests/fuzz_program.c checks holds for all that libFuzzer comes up with.  With FUZZ_RUNS
# set it looks for half an hour, whatever the number.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=fuzz_lib.sh
. "$(dirname "$0")/fuzz_lib.sh"

# read by the functions of fuzz_lib.sh: a tar file of a few members is long, and a
# decoder that is set up under ASan takes milliseconds
# shellcheck disable=SC2034
{
	longest=16384
	least=5000
	runs=
	[ -z "${FUZZ_RUNS:-}" ] || seconds=1800
}

build_fuzzer() {
	quiet clang -g -O1 -Wall -Wextra -Werror -std=gnu11 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o "$2" "$1/tests/fuzz_program.c" \
		"$1/userspace/lzo.c" -larchive -llzma -lzstd -llzo2
}

# Archives, good and hostile, as tar files; and images with an archive in them.  Small
# dictionaries take a seventh of the time.
seed_all() {
	python3 "$top/tests/hostile.py" "$tmp/hostile" || return 1
	for file in "$tmp"/hostile/*; do
		{ printf '\1'; xz -dc "$file" 2> /dev/null | head -c 12000; } \
			> "$tmp/corpus/tar-${file##*/}"
	done
	printf 'int a;\n' | xz --check=crc32 --lzma2=dict=4KiB > "$tmp/archive"
	{ printf 'ELF IKHD_ST\0'; cat "$tmp/archive"; printf 'IKHD_ED\0tail'; } > "$tmp/image"
	{ printf '\2'; cat "$tmp/image"; } > "$tmp/corpus/image"
	for with in gzip bzip2 'xz --check=crc32 --lzma2=dict=4KiB' \
		'xz --format=lzma --lzma1=dict=4KiB' 'zstd -q' 'lz4 -q -l' lzop; do
		{ printf '\2head'; $with -c < "$tmp/image"; printf tail; } \
			> "$tmp/corpus/image-${with%% *}$(echo "$with" | cksum | cut -c 1-4)"
	done
}

write_dictionary() {
	cat > "$tmp/dictionary" <<- 'END'
		"IKHD_ST\x00"
		"IKHD_ED\x00"
		"\xfd7zXZ\x00"
		"YZ"
		"\x1f\x8b\x08"
		"BZh9"
		"\x5d\x00\x00"
		"\x28\xb5\x2f\xfd"
		"\x02\x21\x4c\x18"
		"\x89LZO\x00\x0d\x0a\x1a\x0a"
		"ustar\x0000"
		"ustar  \x00"
		"../"
		"./"
		"0000644\x00"
		"path="
		"linkpath="
		"size="
		"GNU.sparse.major=1"
		"SCHILY.xattr.a="
		"././@LongLink"
	END
}

# A program that lets a name with ".." pass must be found.
finds_bug() {
	rm -rf "$tmp/broken"
	mkdir "$tmp/broken" && cp -r "$top/tests" "$top/userspace" "$tmp/broken" || return 1
	sed -i 's/part\[1\] == .\.. *)/0)/' "$tmp/broken/userspace/archive.c"
	if cmp -s "$top/userspace/archive.c" "$tmp/broken/userspace/archive.c"; then
		ktap_print_msg "nothing was changed"
		return 1
	fi
	build_fuzzer "$tmp/broken" "$tmp/broken/fuzz" || return 1
	! fuzz "$tmp/broken/fuzz" -max_total_time=30 &&
		grep -q -F '!strstr(name, "/../")' "$tmp/log" && return
	show_finding
	return 1
}

ktap_print_header
mkdir "$tmp/corpus"
seed_all || ktap_exit_fail_msg "no seeds"
write_dictionary
ktap_set_plan 4
ktap_test_result "the target compiles" build_fuzzer "$top" "$tmp/fuzz"
ktap_test_result "nothing is found" finds_nothing
ktap_test_result "at least $least inputs were tried" test "$executions" -ge "$least"
ktap_test_result "a name that leads out is found" finds_bug
ktap_finished
