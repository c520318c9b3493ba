#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Kernels with the patch series and Rust, with and without symbol versions: from the archive
# alone "make rust" builds the kernel's crates, without bindgen, and modules in Rust are the
# same as from the whole tree, byte by byte, and load.
#
# Environment:
#   KHEADERS_RUST  how kheaders is built, and variants of vm/config, separated by commas

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# gendwarfksyms, which Rust needs for symbol versions, is there since 6.14
case $series/$arch in
6.12/amd64) cases="m,rust y,rust" ;;
7.x/amd64) cases="m,rust,gendwarfksyms y,rust,gendwarfksyms m,rust m,rust,inline" ;;
7.x/arm64) cases="m,rust,gendwarfksyms" ;;
*) ktap_skip_all "no kernel with Rust is built for Linux $series, $arch" ;;
esac
cases=${KHEADERS_RUST:-$cases}

check() {
	ktap_test_result "$series/$arch $mode, $variant: $1" "$2"
}

# make_in DIR ARGUMENT...: make where the kernel's rustc is; what "make rust" does not need is
# not.  The compiler is named for the kernel's tree only; the archive's finds it.
make_in() {
	args=$(vm_make | sed 's/.*O=[^ ]* *//')
	[ "$1" = "$obj" ] || args=$(echo "$args" | sed 's/LLVM=[^ ]*//')
	# shellcheck disable=SC2086	# words
	"$top/vm/chroot" "$root" make -j2 BINDGEN=/nonexistent $args -C "$@"
}

builds() {
	# in an object tree this kernel names its sources in panics by whole paths
	if [ "$series" = 6.12 ]; then
		KRUSTFLAGS="--remap-path-prefix=$(vm_make | sed 's/.* -C \([^ ]*\).*/\1/')/="
		export KRUSTFLAGS
	fi
	build "$mode" && ktap_print_msg "built in $(cat "$kernel/seconds") seconds" &&
		rm -rf "$tmp/tree" && mkdir "$tmp/tree" && tar -xf "$archive" -C "$tmp/tree"
}

# What Rust adds, in bytes.
adds_little() {
	rm -rf "$tmp/conf"
	mkdir "$tmp/conf" && cp -rs "$obj/." "$tmp/conf" &&
		rm "$tmp/conf/include/config/auto.conf" &&
		grep -v KHEADERS_RUST "$obj/include/config/auto.conf" \
			> "$tmp/conf/include/config/auto.conf" || return 1
	for conf in conf obj; do
		from=$tmp/conf
		[ "$conf" = conf ] || from=$obj
		quiet "$top/scripts/pack_headers.sh" -a "$srcarch" -s "$kernel/source" \
			-b "$from" -o "$tmp/$conf.tar.xz" || return 1
	done
	bytes=$(($(wc -c < "$tmp/obj.tar.xz") - $(wc -c < "$tmp/conf.tar.xz")))
	ktap_print_msg "Rust adds $bytes bytes"
	[ "$bytes" -gt 0 ] && [ "$bytes" -le 1000000 ]
}

make_rust() {
	began=$(date +%s)
	quiet make_in "$tmp/tree" rust || return 1
	ktap_print_msg "make rust: $(($(date +%s) - began)) seconds"
	[ ! -e "$tmp/tree/.rust" ]
}

# same FILE FILE: debug information names the directory of the tree, and build-ids depend on it
same() {
	cp "$1" "$tmp/one" && cp "$2" "$tmp/other" || return 1
	if grep -q -x CONFIG_DEBUG_INFO=y "$obj/.config"; then
		"${cross_compile}strip" --strip-debug --remove-section=.note.gnu.build-id \
			"$tmp/one" "$tmp/other"
	fi
	quiet cmp "$tmp/one" "$tmp/other" && return
	ktap_print_msg "$1 and $2 differ"
	return 1
}

# The objects of the crates are the kernel's, so no comment mattered.
same_crates() {
	number=0
	for object in "$tmp/tree/rust"/*.o; do
		same "$object" "$obj/rust/${object##*/}" || return 1
		number=$((number + 1))
	done
	ktap_print_msg "$number crates"
	[ "$number" -ge 4 ]
}

# The kernel's samples, and a module in Rust and C.  Older kernels have one author.
put_modules() {
	rm -rf "$tmp/modules"
	cp -r "$top/tests/module/rust" "$tmp/modules" || return 1
	grep -q authors "$kernel/source/rust/macros/module.rs" ||
		sed -i 's/authors: \[\(.*\)\]/author: \1/' "$tmp/modules"/*.rs || return 1
	for sample in rust_minimal rust_misc_device; do
		[ -e "$kernel/source/samples/rust/$sample.rs" ] || continue
		cp "$kernel/source/samples/rust/$sample.rs" "$tmp/modules" &&
			echo "obj-m += $sample.o" >> "$tmp/modules/Kbuild" || return 1
	done
}

# modules_from TREE DIR: build the modules, always in the same place
modules_from() {
	put_modules && quiet make_in "$1" M="$tmp/modules" modules &&
		rm -rf "$2" && mkdir "$2" && cp "$tmp/modules"/*.ko "$2"
}

same_modules() {
	modules_from "$obj" "$tmp/full" && modules_from "$tmp/tree" "$tmp/share" || return 1
	number=0
	for module in "$tmp/full"/*.ko; do
		same "$module" "$tmp/share/${module##*/}" || return 1
		number=$((number + 1))
	done
	[ "$number" -ge 3 ]
}

# logs TEXT...: the kernel has printed each
logs() {
	for text; do
		grep -q -e "$text" "$tmp/dmesg" && continue
		ktap_print_msg "not in the log: $text"
		show "$tmp/dmesg"
		return 1
	done
}

loads() {
	load=
	for module in "$tmp/share"/*.ko; do
		load="$load insmod /share/${module##*/};"
	done
	set --
	[ ! -e "$tmp/share/rust_misc_device.ko" ] ||
		set -- 'rust_misc_device: Initiali[sz]ing Rust Misc Device'
	"$top/vm/run" -k "$kernel" -s "$tmp/share" \
		"$load rmmod kheaders_rust; dmesg" > "$tmp/dmesg" 2>&1
	logs 'kheaders_rust: numbers \[1, 4, 9, 16\]' 'kheaders_rust: sum 30' \
		'kheaders_mixed: C returns 42' 'rust_minimal: Rust minimal sample (init)' "$@"
}

ktap_print_header
build_strip_comments
# shellcheck disable=SC2086	# words
set -- $cases
ktap_set_plan $(($# * 6))
for case; do
	mode=${case%%,*}
	variant=$(echo "small,${case#*,}" | tr , ' ')
	name=rust
	[ "${case%,inline}" = "$case" ] || name=rust_llvm
	root=$("$top/vm/rootfs" "$series" "$name") || ktap_exit_fail_msg "no rustc to test with"
	check "it builds" builds
	check "Rust takes at most 1 MB" adds_little
	check "make rust" make_rust
	check "the crates are the kernel's" same_crates
	check "modules are the same as from the whole tree" same_modules
	check "they load" loads
done
ktap_finished
