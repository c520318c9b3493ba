#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The archive on another machine than the one that built the kernel: arm64's, made on
# x86-64, builds a module in an arm64 guest, and one with arm64's programs builds a
# module on x86-64.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# Runs in the guest, where the archive, the tests' modules and a compiler are.
# shellcheck disable=SC2016	# the guest's shell expands it
native='
ln -sf mawk /usr/bin/awk
ln -sf gcc-12 /usr/bin/gcc
insmod /share/kheaders.ko || exit 1
mkdir /tmp/tree && tar -xf /sys/kernel/kheaders.tar.xz -C /tmp/tree || exit 1
cp -r /share/modules /tmp/modules
now() { cut -d . -f 1 /proc/uptime; }
make -C /tmp/tree M=/tmp/modules modules 2>&1
echo "before: $?"
began=$(now)
make -C /tmp/tree hosttools HOSTCC=gcc-12 2>&1 || exit 1
echo "hosttools: $(($(now) - began)) seconds"
began=$(now)
make -C /tmp/tree M=/tmp/modules modules 2>&1 || exit 1
echo "module: $(($(now) - began)) seconds"
insmod /tmp/modules/kheaders_test.ko && dmesg | grep "kheaders_test: .* processes"'

run_native() {
	root=$("$top/vm/rootfs" -a "$arch" 6.1 native) || return 1
	rm -rf "$tmp/share"
	mkdir "$tmp/share" &&
		cp -r "$top/selftests/test_modules" "$tmp/share/modules" &&
		cp "$kernel/modules/kernel/kernel/kheaders/kheaders.ko" "$tmp/share" &&
		"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" &&
		( cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 ) > "$tmp/root.cpio" || return 1
	# the root first: the guest's own init and links come after it
	cat "$tmp/root.cpio" "$tmp/initramfs" > "$tmp/both"
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -i "$tmp/both" -m 3072 -t 1500 "$native" \
		> "$tmp/guest.log" 2>&1 && show "$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

# native_said TEXT
native_said() {
	grep -q -e "$1" "$tmp/guest.log"
}

# Debian's headers for that architecture, whose programs are that architecture's.
pack_foreign() {
	foreign=$("$top/vm/fetch" -a "$arch" 6.1 source) || return 1
	quiet "$top/scripts/pack_headers.sh" -b "$foreign/kdir" -a "$arch" \
		-o "$tmp/foreign.tar.xz" || return 1
	mkdir "$tmp/tree" && tar -xf "$tmp/foreign.tar.xz" -C "$tmp/tree" &&
		cp -r "$top/selftests/test_modules" "$tmp/modules"
}

# cross ARGUMENT...
cross() {
	make -C "$tmp/tree" ARCH="$arch" CROSS_COMPILE=aarch64-linux-gnu- "$@"
}

reverse_module() {
	quiet cross M="$tmp/modules" modules && [ -e "$tmp/modules/kheaders_test.ko" ]
}

reverse_loads() {
	cp "$tmp/modules/kheaders_test.ko" "$tmp/share" &&
		quiet "$top/vm/run" -k "$foreign" -s "$tmp/share" -t 300 \
			'insmod /share/kheaders_test.ko && dmesg | grep "kheaders_test: .* processes"'
}

ktap_print_header
[ "$arch" = arm64 ] || ktap_skip_all "for arm64 only: otherhost.sh@6.12/arm64"
build_strip_comments
build m || ktap_exit_fail_msg "no kernel to test"
ktap_set_plan 9
ktap_test_result "packed on x86-64, used on $arch" run_native
ktap_test_result "before: it says what to do" native_said 'are for another machine than this; run "make -C /tmp/tree hosttools"'
ktap_test_result "the programs are made" native_said '^hosttools: [0-9]* seconds'
ktap_test_result "the module is built" native_said '^module: [0-9]* seconds'
ktap_test_result "it loads" native_said 'kheaders_test: .* processes'
pack_foreign || ktap_exit_fail_msg "no archive of Debian's $arch kernel"
ktap_test_result "$arch's archive on x86-64 says what to do" \
	fails_with 'hosttools" once' cross M="$tmp/modules" modules
ktap_test_result "and without sources, too" fails_with 'KSRC=DIR' cross hosttools
ktap_test_result "the programs are made from the kernel's source" \
	quiet cross hosttools KSRC="$(realpath "$foreign/source")"
ktap_test_result "a module is built, and loads on $arch" eval 'reverse_module && reverse_loads'
ktap_finished
