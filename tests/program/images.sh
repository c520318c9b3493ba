#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "kheaders dump" extracts the archive from kheaders.ko, and from every kind of image that
# the makefiles of a kernel with the patch series build.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# dumps FILE: dumping FILE prints the archive
dumps() {
	rm -f "$tmp/out"
	quiet "$tmp/build/kheaders" dump "$1" -o "$tmp/out" && cmp "$tmp/out" "$archive"
}

# Build and dump an image compressed by $1.  The archive contains the configuration and thus
# changes; vm/build recreates it next time.
compressed() {
	sed -i -e "s/^CONFIG_KERNEL_[A-Z0-9]*=y/# &/" "$obj/.config"
	echo "CONFIG_KERNEL_$1=y" >> "$obj/.config"
	again olddefconfig && grep -q -x "CONFIG_KERNEL_$1=y" "$obj/.config" &&
		again bzImage && dumps "$obj/arch/x86/boot/bzImage" && return
	show "$tmp/output"
	return 1
}

# packed COMMAND SUFFIX FILE: compress FILE and dump the result
packed() {
	$1 < "$3" > "$tmp/packed$2" && dumps "$tmp/packed$2"
}

check() {
	name=$1
	shift
	ktap_test_result "$series/$arch: $name" "$@"
}

check_image() {
	image=$obj/$(realpath --relative-to="$obj" "$kernel/vmlinuz")
	check "vmlinux" dumps "$obj/vmlinux"
	check "$(basename "$image")" dumps "$image"
	# bzImage's own methods are tested below; elsewhere bootloaders decompress the image
	[ "$arch" != amd64 ] || image=$obj/vmlinux
	for command in "gzip -n" "zstd -q" "lz4 -l -q" "xz --check=crc32"; do
		check "$(basename "$image") by $command" packed "$command" "" "$image"
	done
}

check_module() {
	check "kheaders.ko" dumps "$(image)"
	check "kheaders.ko.gz" packed "gzip -n" .gz "$(image)"
	check "kheaders.ko.xz" packed "xz --check=crc32 --lzma2=dict=1MiB" .xz "$(image)"
	check "kheaders.ko.zst" packed "zstd -q -19" .zst "$(image)"
}

ktap_print_header
quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" ||
	ktap_exit_fail_msg "the program does not build"
methods=
[ "$arch" != amd64 ] || methods="GZIP BZIP2 LZMA XZ LZO LZ4 ZSTD"
# shellcheck disable=SC2086	# words
set -- $methods
ktap_set_plan $((10 + $#))
mode=m
build m || ktap_exit_fail_msg "does not build"
check_module
mode=y
build y || ktap_exit_fail_msg "does not build"
check_image
for method; do
	check "bzImage by $method" compressed "$method"
done
ktap_finished
