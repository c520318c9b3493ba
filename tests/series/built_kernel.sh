#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel with the patch series and kheaders built in, in the whole test also as a
# module; check what later builds redo; boot it and load a module built from its archive.
#
# "make check" has the smallest kernel, of User Mode Linux, which takes half of the time of
# one for amd64 to build and boots without an emulator; the others are in "make check-all".
#
# Built in, more can break: the link of vmlinux differs most between kernels, needs the
# archive beside kallsyms, and packs before the modules are done.  Other tests load and unload
# kheaders.ko built out of tree.
#
# Environment:
#   KHEADERS_WHOLE   if set, test both =m and =y, not only =y
#   KHEADERS_RECORD  if set, write measured figures into Documentation/kernels.md

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

nothing_to_do() {
	before=$(stamps)
	again || { show "$tmp/output"; return 1; }
	[ "$before" = "$(stamps)" ] && ! grep -e ' kernel/kheaders' -e PACK "$tmp/output"
}

# The archive's content without the number of the link, which 5.10 puts into compile.h.
contents() {
	tar -xOf "$archive" --exclude=./include/generated/compile.h | sha256sum
}

# A header that no object includes repacks the archive and compiles nothing.
header_repacks() {
	before=$(contents)
	echo "#define KHEADERS_PROBE 1" > "$probe"
	again && [ "$before" != "$(contents)" ] && in_image &&
		tar -xOf "$archive" ./include/uapi/linux/kheaders_probe.h | grep -q PROBE &&
		! grep -E '^  (CC|AS|HOSTCC)  ' "$tmp/output" |
		grep -v -e init/version -e '\.tmp_vmlinux' \
			-e 'kheaders/kheaders_data.o' -e 'vmlinux\.export' -e ' arch/[^/]*/boot/'
	rc=$?
	rm "$probe"
	[ "$rc" -eq 0 ] || show "$tmp/output"
	again && [ "$before" = "$(contents)" ] && in_image && return "$rc"
}

# A failing program stops the build with a message; the next build recovers.
packer_fails() {
	echo "#define KHEADERS_PROBE 2" > "$probe"
	before=$(sha256sum < "$archive")
	again XZ=false
	rc=$?
	grep -q 'pack_headers: xz: failed with status 1' "$tmp/output" || rc=0
	[ "$before" = "$(sha256sum < "$archive")" ] || rc=0
	[ "$rc" -ne 0 ] || show "$tmp/output"
	rm "$probe"
	[ "$rc" -ne 0 ] && again && in_image
}

has_versions() {
	# shellcheck disable=SC2016	# they are awk's
	[ "$(count_symvers '$3 == "vmlinux" && $1 !~ /^0x0*$/')" -gt 500 ]
}

# seconds COMMAND...
seconds() {
	/usr/bin/time -o "$tmp/time" -f %e "$@" > /dev/null 2>&1
	cat "$tmp/time"
}

# Seconds that a build with nothing to do takes, the best of ten.
idle() {
	make="$(vm_make) -j2"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		# shellcheck disable=SC2086	# words
		seconds $make
	done | sort -n | head -n 1
}

# difference WITH WITHOUT DIGITS
difference() {
	awk -v with="$1" -v without="$2" -v digits="$3" \
		'BEGIN { printf "%.*f", digits, with - without }'
}

# Seconds that packing and linking the archive add to a build.
added() {
	make="$(vm_make) -j2"
	[ "$mode" = m ] || rm -f "$(image)" "$(image).unstripped"
	# shellcheck disable=SC2086	# words
	without=$(seconds $make)
	rm -f "$obj"/kernel/kheaders/kheaders_data.*
	# shellcheck disable=SC2086
	with=$(seconds $make)
	difference "$with" "$without" 1
}

record() {
	[ -n "${KHEADERS_RECORD:-}" ] && [ "$good" -gt 0 ] && [ "$good" -eq "$total" ] || return 0
	# shellcheck disable=SC2016	# they are awk's
	put_row kernels.md "| series | arch |" "| $series | $arch | $mode |" "$(printf \
		' %s | %d of %d | %d | %d | %d | %d | %s | %s | %s |' \
		"$(sed 's/-.*//' "$kernel/release")" "$good" "$total" \
		"$(wc -c < "$archive")" "$(count_symvers '$3 == "vmlinux"')" \
		"$(count_symvers '$3 != "vmlinux"')" \
		$(($(stat -c %s "$(real_vmlinux)") - $(cat "$tmp/vmlinux.n"))) \
		"$(cat "$tmp/seconds.n")" "$(added)" \
		"$(difference "$(idle)" "$(cat "$tmp/idle.n")" 2)")"
}

real_vmlinux() {
	realpath "$kernel/vmlinuz"
}

measure_without() {
	rm -rf "$(vm_make | sed 's/.*O=\([^ ]*\).*/\1/')"
	build n || return 1
	cp "$kernel/seconds" "$tmp/seconds.n"
	idle > "$tmp/idle.n"
	stat -c %s "$(real_vmlinux)" > "$tmp/vmlinux.n"
}

check() {
	ktap_test_result "$series/$arch =$mode: $1" "$2"
}

check_mode() {
	check "it builds and prints nothing" build_mode
	check "the archive is in the image" in_image
	check "the archive has the kernel's symbol versions" has_versions
	check "a build with nothing to do does nothing" nothing_to_do
	check "a new header repacks and compiles nothing" header_repacks
	check "a failing packer fails the build" packer_fails
	prepare_guest || ktap_exit_fail_msg "the guest's files cannot be prepared"
	check "the selftests pass in the guest" boot
	check "a module with a wrong version is refused" refused
	ktap_print_msg "$good of $total selftests, archive of $(wc -c < "$archive") bytes"
	record
}

build_mode() {
	build "$mode"
}

ktap_print_header
# a header of our own, which must not stay in the patched source
probe=$cache/$series.patched/include/uapi/linux/kheaders_probe.h
rm -f "$probe"
trap 'rm -rf "$tmp" "$probe"' EXIT
modes="m y"
[ -n "${KHEADERS_WHOLE:-}${KHEADERS_RECORD:-}" ] || {
	modes=y
	[ "$arch" != um ] || variant=small
	pack_quickly
}
# shellcheck disable=SC2086	# words
set -- $modes
ktap_set_plan $(($# * 8))
mode=n
[ -z "${KHEADERS_WHOLE:-}${KHEADERS_RECORD:-}" ] || measure_without ||
	ktap_exit_fail_msg "the kernel does not build without kheaders"
for mode; do
	check_mode
done
ktap_finished
