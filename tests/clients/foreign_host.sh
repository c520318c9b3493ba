#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Use an archive on a machine of another architecture than the one that built the kernel: an
# archive for arm64 packed on x86-64 builds a module in an arm64 guest, and one packed on arm64
# builds a module on x86-64.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

native=$(cat "$here/foreign_host_guest")

run_native() {
	root=$("$top/vm/rootfs" -a "$arch" 6.1 native) || return 1
	rm -rf "$tmp/share"
	mkdir "$tmp/share" &&
		cp -r "$top/selftests/test_modules" "$tmp/share/modules" &&
		cp "$kernel/modules/kernel/kernel/kheaders/kheaders.ko" "$tmp/share" &&
		"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" &&
		( cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 ) > "$tmp/root.cpio" ||
		return 1
	# the root first: the guest's own init and links come after it
	cat "$tmp/root.cpio" "$tmp/initramfs" > "$tmp/both"
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -i "$tmp/both" -m 3072 -t 1500 "$native" \
		> "$tmp/guest.log" 2>&1 && show "$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

# native_printed TEXT
native_printed() {
	grep -q -e "$1" "$tmp/guest.log"
}

# Debian's headers for that architecture, whose host tools run only there.
pack_foreign() {
	foreign=$("$top/vm/fetch" -a "$arch" 6.1 source) || return 1
	quiet "$top/scripts/pack_headers.sh" -b "$foreign/kdir" -a "$srcarch" \
		-o "$tmp/foreign.tar.xz" || return 1
	mkdir "$tmp/tree" && tar -xf "$tmp/foreign.tar.xz" -C "$tmp/tree" &&
		cp -r "$top/selftests/test_modules" "$tmp/modules"
}

# cross ARGUMENT...
cross() {
	make -C "$tmp/tree" ARCH="$srcarch" CROSS_COMPILE="$cross_compile" "$@"
}

reverse_module() {
	quiet cross M="$tmp/modules" modules && [ -e "$tmp/modules/kheaders_test.ko" ]
}

reverse_loads() {
	cp "$tmp/modules/kheaders_test.ko" "$tmp/share" &&
		quiet "$top/vm/run" -k "$foreign" -s "$tmp/share" \
			'insmod /share/kheaders_test.ko && dmesg | grep "kheaders_test: .* processes"'
}

ktap_print_header
[ "$arch" = arm64 ] || ktap_skip_all "for arm64 only: foreign_host@6.12/arm64"
build_strip_comments
build m || ktap_exit_fail_msg "no kernel to test"
ktap_set_plan 9
ktap_test_result "a guest of $arch uses an archive packed on x86-64" run_native
ktap_test_result "make names the command to run" native_printed 'run "make -C /tmp/tree hosttools"'
ktap_test_result "make hosttools rebuilds the programs" native_printed '^hosttools: [0-9]* seconds'
ktap_test_result "a module builds" native_printed '^module: [0-9]* seconds'
ktap_test_result "it loads" native_printed 'kheaders_test: .* processes'
pack_foreign || ktap_exit_fail_msg "no archive of Debian's $arch kernel"
ktap_test_result "on x86-64, make names the command for an archive packed on $arch" \
	fails_with 'hosttools" once' cross M="$tmp/modules" modules
ktap_test_result "without sources it asks for KSRC=" fails_with 'KSRC=DIR' cross hosttools
ktap_test_result "make hosttools KSRC= rebuilds the programs" \
	quiet cross hosttools KSRC="$(realpath "$foreign/source")"
ktap_test_result "a module builds, and loads on $arch" eval 'reverse_module && reverse_loads'
ktap_finished
