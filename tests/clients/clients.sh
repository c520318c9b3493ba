#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run bcc, its tools and bpftrace as Debian ships them in a guest without kernel headers.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/clients.sh
. "$(dirname "$0")/../lib/clients.sh"

version() {
	sed -n "s/^version	$1	//p" "$tmp/guest.log"
}

report() {
	while IFS="$(printf '\t')" read -r _ verdict seconds name; do
		ktap_test_result "$series: $name" test "$verdict" = ok
		[ "$verdict" = ok ] || continue
		case $name in
		kheaders*) continue ;;
		bpftrace*) package=bpftrace ;;
		*) package=python3-bpfcc ;;
		esac
		route="build link"
		[ "${name%own way}" = "$name" ] || route="modprobe, tar, rmmod"
		record "${name%%, by*}" "$package $(version "$package")" "$route" \
			"served, $seconds seconds in emulation"
	done < "$tmp/clients"
}

ktap_print_header
need_kernel
mkdir "$tmp/share"
disk=$("$top/vm/disk" "$series" clients) || ktap_exit_fail_msg "no disk with clients"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" ||
	ktap_exit_fail_msg "kheaders does not build"
cp "$built/kheaders.ko" "$tmp/program/kheaders" "$here/clients_guest" \
	"$top/tests/lib/count.py" "$top/tests/lib/struct.bt" "$tmp/share"
"$top/vm/run" -k "$kernel" -d "$disk" -s "$tmp/share" -m 3072 -t 3000 \
	/share/clients_guest > "$tmp/guest.log" 2>&1
rc=$?
show "$tmp/guest.log"
grep '^client' "$tmp/guest.log" > "$tmp/clients"
ktap_set_plan $(($(wc -l < "$tmp/clients") + 2))
report
ktap_test_result "$series: all ten clients ran" test "$(wc -l < "$tmp/clients")" -eq 10
ktap_test_result "$series: the guest answers, the kernel does not complain" test "$rc" -eq 0
ktap_finished
