#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Rust modules for a distribution's kernel whose headers have no rust/: "make rust KSRC="
# in the archive's tree, a module in Rust and one in Rust and C, loaded.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# in_root ARGUMENT...: make in the tree, where the kernel's rustc and bindgen are
in_root() {
	"$top/vm/chroot" "$root" make -C "$tmp/tree" "$@"
}

unpack() {
	mkdir "$tmp/tree" && cp -r "$top/tests/module/rust" "$tmp/modules" &&
		quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" -o "$tmp/kheaders.tar.xz" &&
		tar -xf "$tmp/kheaders.tar.xz" -C "$tmp/tree"
}

# Interrupted, it leaves no rust/ under its name.
interrupted() {
	"$top/vm/chroot" "$root" timeout 20 make -C "$tmp/tree" rust KSRC="$source" \
		> /dev/null 2>&1 && return 1
	[ ! -e "$tmp/tree/rust" ]
}

make_rust() {
	began=$(date +%s)
	quiet in_root rust KSRC="$source" || return 1
	ktap_print_msg "make rust: $(($(date +%s) - began)) seconds"
	[ ! -e "$tmp/tree/.rust" ]
}

loads() {
	mkdir "$tmp/share" && cp "$tmp/modules"/*.ko "$tmp/share" || return 1
	"$top/vm/run" -k "$kernel" -s "$tmp/share" \
		'insmod /share/kheaders_rust.ko && insmod /share/kheaders_mixed.ko &&
			rmmod kheaders_rust && dmesg' > "$tmp/dmesg" 2>&1 &&
		grep -q 'kheaders_rust: numbers \[1, 4, 9, 16\]' "$tmp/dmesg" &&
		grep -q 'kheaders_rust: sum 30' "$tmp/dmesg" &&
		grep -q 'kheaders_mixed: C returns 42' "$tmp/dmesg" && return
	show "$tmp/dmesg"
	return 1
}

ktap_print_header
need_kernel_source
grep -q '^CONFIG_RUST=y' "$kernel/kdir/.config" || ktap_skip_all "$series is without Rust"
root=$("$top/vm/rootfs" "$series" rust) || ktap_exit_fail_msg "no rustc to test with"
source=$(realpath "$kernel/source")
build_strip_comments
unpack || ktap_exit_fail_msg "no tree"
ktap_set_plan 5
ktap_test_result "before it, make names the command" \
	fails_with 'rust" once, before modules in Rust' in_root M="$tmp/modules" modules
ktap_test_result "interrupted it leaves nothing half done" interrupted
ktap_test_result "make rust" make_rust
ktap_test_result "a module in Rust, and one in Rust and C" \
	quiet in_root M="$tmp/modules" modules
ktap_test_result "they load" loads
ktap_finished
