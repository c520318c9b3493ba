#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fuzz the readers of archives and images: the properties that tests/program/fuzz_program.c
# checks hold for all inputs that libFuzzer generates.
#
# FUZZ_RUNS is the number of runs for archives and for xz files.  FUZZ_IMAGES is that for
# images, which are slower: setting up a decoder under ASan takes a millisecond.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/fuzz.sh
. "$(dirname "$0")/../lib/fuzz.sh"

# read by fuzz.sh; even a tar file of a few members is long
# shellcheck disable=SC2034
longest=16384

build_fuzzer() {
	quiet clang -g -O1 -Wall -Wextra -Werror -std=gnu11 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o "$2" "$1/tests/program/fuzz_program.c" \
		"$1/userspace/lzo.c" "$1/userspace/kernel.c" "$1/userspace/marker.c" \
		-larchive -llzma -lzstd -llzo2
}

# Good and hostile archives as tar files, and images that contain an archive.  With small
# dictionaries a run takes a seventh of the time.
seed_all() {
	python3 "$here/hostile.py" "$tmp/hostile" || return 1
	for file in "$tmp"/hostile/*; do
		xz -dc "$file" 2> /dev/null | head -c 12000 > "$tmp/archive/${file##*/}"
	done
	# xz files of one and two blocks, where the second starts with a member
	xz -dc "$tmp/good.tar.xz" > "$tmp/good.tar"
	xz --check=crc32 --lzma2=dict=4KiB -c "$tmp/good.tar" > "$tmp/xz/one"
	xz --check=crc32 --lzma2=dict=4KiB --block-size=1536 -c "$tmp/good.tar" > "$tmp/xz/two"
	xz --check=crc64 --lzma2=dict=4KiB --block-size=512 -c "$tmp/good.tar" > "$tmp/xz/many"
	{
		printf 'ELF IKHD_ST\0'
		printf 'int a;\n' | xz --check=crc32 --lzma2=dict=4KiB
		printf 'IKHD_ED\0tail'
	} > "$tmp/image/elf"
	# a kernel with a program inside, both with a build-id
	{
		printf 'Linux version 1.2.3 (x\4\0\0\0\24\0\0\0\3\0\0\0GNU\0%020d' 1
		head -c 1500 /bin/sh
	} > "$tmp/image/kernel"
	for with in gzip bzip2 'xz --check=crc32 --lzma2=dict=4KiB' \
		'xz --format=lzma --lzma1=dict=4KiB' 'zstd -q' 'lz4 -q -l' lzop; do
		{ printf 'head'; $with -c < "$tmp/image/elf"; printf tail; } \
			> "$tmp/image/$(echo "$with" | cksum | cut -d ' ' -f 1)"
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
		"Linux version "
		"GNU\x00"
		"\x7fELF"
		"ustar\x0000"
		"ustar  \x00"
		"../"
		"./"
		"0000644\x00"
		"path="
		"linkpath="
		"size="
		"GNU.sparse.major=1"
		"GNU.sparse.realsize="
		"GNU.sparse.map="
		"SCHILY.realsize="
		"SCHILY.xattr.a="
		"././@LongLink"
	END
}

# look PART RUNS: RUNS inputs find no bug
look() {
	export FUZZ_PART="$1"
	corpus=$tmp/$1
	finds_nothing "$2"
}

look_xz() {
	longest=4096
	look xz "${FUZZ_RUNS:-50000}"
}

# The fuzzer must notice a program that accepts names with "..".
finds_bug() {
	rm -rf "$tmp/broken"
	mkdir "$tmp/broken" && cp -r "$top/tests" "$top/userspace" "$tmp/broken" || return 1
	sed -i 's/part\[1\] == .\.. *)/0)/' "$tmp/broken/userspace/tar.c"
	if cmp -s "$top/userspace/tar.c" "$tmp/broken/userspace/tar.c"; then
		ktap_print_msg "the sed script changes nothing"
		return 1
	fi
	build_fuzzer "$tmp/broken" "$tmp/broken/fuzz" || return 1
	export FUZZ_PART=archive
	corpus=$tmp/archive
	! fuzz "$tmp/broken/fuzz" -max_total_time=30 &&
		grep -q -F '!strstr(name, "/../")' "$tmp/log" && return
	show_finding
	return 1
}

ktap_print_header
mkdir "$tmp/archive" "$tmp/image" "$tmp/xz"
seed_all || ktap_exit_fail_msg "cannot create the seeds"
write_dictionary
ktap_set_plan 5
ktap_test_result "the target compiles" build_fuzzer "$top" "$tmp/fuzz"
ktap_test_result "archives find no bug" look archive "${FUZZ_RUNS:-100000}"
ktap_test_result "images find no bug" look image "${FUZZ_IMAGES:-20000}"
ktap_test_result "xz files find no bug" look_xz
ktap_test_result "the fuzzer finds a name that leads out of the tree" finds_bug
ktap_finished
