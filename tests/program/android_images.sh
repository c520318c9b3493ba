#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "kheaders dump" takes the images of an Android device: the kernel's, boot.img of every version,
# and the file systems that have kheaders.ko.
#
# Environment:
#   KHEADERS_WHOLE  "y": every form of the kernel in boot.img, not only Image.lz4

# shellcheck source=../lib/program.sh
# shellcheck disable=SC2154	# what program.sh has set
. "$(dirname "$0")/../lib/program.sh"

# hints TEXT FILE: FILE's file system keeps kheaders.ko in pieces; TEXT tells what to do
hints() {
	run 3 dump "$2" -o "$tmp/out" && prints "no kheaders archive in one piece; it is $1"
}

# In place of an arm64 Image, which has no header that dump reads: the archive, between markers
make_kernels() {
	{
		head -c 300000 "$program"
		printf 'IKHD_ST\0'
		cat "$tmp/a"
		printf 'IKHD_ED\0'
		head -c 200000 "$program"
	} > "$tmp/Image"
	gzip -9n < "$tmp/Image" > "$tmp/Image.gz" && lz4 -l -9 -q "$tmp/Image" "$tmp/Image.lz4" &&
		lz4 -9 -q "$tmp/Image" "$tmp/Image.lz4_frame" && head -c 500000 /bin/busybox |
		lz4 -l -9 -q > "$tmp/ramdisk.lz4"
}

kernels() {
	for image in "$tmp"/Image*; do
		dumps "$image" || return 1
	done
}

# libarchive takes what follows an Image.lz4 for more of it
forms=Image.lz4
[ "${KHEADERS_WHOLE:-}" != y ] || forms="Image Image.gz Image.lz4"

# boot_image VERSION [ARGUMENT...]: with each form of the kernel, and a ramdisk after it
boot_image() {
	version=$1
	shift
	for image in $forms; do
		quiet mkbootimg --header_version "$version" --kernel "$tmp/$image" \
			--ramdisk "$tmp/ramdisk.lz4" --pagesize 4096 --os_version 11.0.0 \
			--os_patch_level 2026-11 "$@" -o "$tmp/boot.img" &&
			dumps "$tmp/boot.img" || return 1
	done
}

# Debian 12's mkbootimg does not write version 4: version 3 with the size of a signature, which
# is at the end
boot_image_4() {
	boot_image 3 && head -c 4096 /dev/urandom >> "$tmp/boot.img" &&
		printf '\060\006' | patch_at 20 && printf '\004' | patch_at 40 &&
		printf '\000\020' | patch_at 1580 && dumps "$tmp/boot.img" &&
		[ "$(od -A n -t u4 -j 40 -N 4 "$tmp/boot.img" | tr -d ' ')" = 4 ]
}

# patch_at OFFSET: write standard input there
patch_at() {
	dd of="$tmp/boot.img" bs=1 seek="$1" conv=notrunc status=none
}

# The directory that the file systems are made of: GKI's modules, kheaders.ko among them
make_dlkm() {
	mkdir -p "$tmp/dlkm/lib/modules" && cp "$built/kheaders.ko" "$tmp/dlkm/lib/modules" &&
		cp "$built"/test_modules/*.ko "$tmp/dlkm/lib/modules"
}

# mke2fs writes kheaders.ko in one piece, or with flex_bg around its own tables.
ext4() {
	rm -f "$tmp/dlkm.img"
	quiet mke2fs -q -t ext4 -b 4096 -O ^has_journal,^flex_bg -d "$tmp/dlkm" \
		"$tmp/dlkm.img" 64M && dumps "$tmp/dlkm.img"
}

erofs() {
	quiet mkfs.erofs "$tmp/dlkm.img" "$tmp/dlkm" && dumps "$tmp/dlkm.img"
}

# extracts DIR: kheaders.ko that the hint's command has extracted to DIR has the archive
extracts() {
	quiet "$@" && dumps "$tmp/extracted/lib/modules/kheaders.ko" && rm -r "$tmp/extracted"
}

erofs_compressed() {
	quiet mkfs.erofs -zlz4hc "$tmp/dlkm.img" "$tmp/dlkm" &&
		hints 'an erofs image; extract kheaders.ko by "fsck.erofs --extract=DIR"' \
			"$tmp/dlkm.img" &&
		extracts fsck.erofs --extract="$tmp/extracted" "$tmp/dlkm.img"
}

ext4_in_pieces() {
	rm -f "$tmp/dlkm.img"
	quiet mke2fs -q -t ext4 -b 4096 -O ^has_journal,flex_bg -d "$tmp/dlkm" "$tmp/dlkm.img" \
		64M && hints "an ext4 image; extract kheaders.ko by \"debugfs -R 'rdump / DIR'\"" \
		"$tmp/dlkm.img" && mkdir "$tmp/extracted" &&
		extracts debugfs -R "rdump / $tmp/extracted" "$tmp/dlkm.img"
}

# What fastboot takes.  Its chunks are pieces of the file system.
sparse() {
	quiet img2simg "$tmp/dlkm.img" "$tmp/sparse.img" &&
		hints "a sparse image; convert it by simg2img" "$tmp/sparse.img" &&
		quiet simg2img "$tmp/sparse.img" "$tmp/raw.img" &&
		cmp "$tmp/raw.img" "$tmp/dlkm.img"
}

ktap_print_header
need_program
need_kernel
share_build || ktap_exit_fail_msg "no module to put into images"
cp "$built/kheaders_data.tar.xz" "$tmp/a"
make_kernels || ktap_exit_fail_msg "no images of kernels"
make_dlkm || ktap_exit_fail_msg "no modules"
ktap_set_plan 11
ktap_test_result "Image, compressed or not" kernels
for version in 0 1 2 3 4; do
	set -- boot_image "$version"
	[ "$version" -ne 2 ] || set -- "$@" --dtb "$tmp/ramdisk.lz4"
	[ "$version" -ne 4 ] || set -- boot_image_4
	ktap_test_result "boot.img version $version" "$@"
done
ktap_test_result "ext4" ext4
ktap_test_result "ext4, with kheaders.ko in pieces" ext4_in_pieces
ktap_test_result "erofs" erofs
ktap_test_result "erofs, compressed" erofs_compressed
ktap_test_result "a sparse image" sparse
ktap_finished
