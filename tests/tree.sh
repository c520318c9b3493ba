#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel with the patch series: built as a module and built in, with what a build
# must do and not do, booted, and a module from its archive loaded.
#
# Environment:
#   KHEADERS_RECORD  if set, measure and keep the figures in Documentation/kernels.md

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# build MODE: set kernel, obj and archive; a build says nothing
build() {
	kernel=$("$top/vm/build" "$line/$arch" "$1" 2> "$tmp/built") || {
		show "$tmp/built"
		return 1
	}
	obj=$kernel/obj
	archive=$obj/kernel/kheaders/kheaders_data.tar.xz
	grep -v '^building Linux' "$tmp/built" | show
	! grep -q -v '^building Linux' "$tmp/built"
}

# again [ARGUMENT...]: make in the object tree; $tmp/said has what it says
again() {
	# shellcheck disable=SC2086	# a list of words
	$(vm_make) -j2 "$@" > "$tmp/said" 2>&1
}

# The command with which vm/build builds.
vm_make() {
	"$top/vm/build" -k "$line/$arch" "$mode" | tail -n 1
}

# The file whose link takes the archive.
image() {
	case $mode in
	y) echo "$obj/vmlinux" ;;
	m) echo "$obj/kernel/kheaders/kheaders.ko" ;;
	esac
}

stamps() {
	stat -c '%n %Y %y' "$archive" "$obj/vmlinux" "$obj/kernel/kheaders/"*.ko 2> /dev/null
}

nothing_to_do() {
	before=$(stamps)
	again || { show "$tmp/said"; return 1; }
	[ "$before" = "$(stamps)" ] && ! grep -e ' kernel/kheaders' -e PACK "$tmp/said"
}

# The archive is in the image, between its markers.
in_image() {
	grep -q -a IKHD_ST "$(image)" && grep -q -a IKHD_ED "$(image)" &&
		python3 - "$archive" "$(image)" <<- 'END'
			import sys
			archive, image = (open(name, "rb").read() for name in sys.argv[1:])
			sys.exit(image.count(b"IKHD_ST\0" + archive + b"IKHD_ED\0") != 1)
		END
}

# A header that no object includes makes a new archive, and nothing else.
header_repacks() {
	probe=$kernel/source/include/uapi/linux/kheaders_probe.h
	before=$(sha256sum < "$archive")
	echo "#define KHEADERS_PROBE 1" > "$probe"
	again && [ "$before" != "$(sha256sum < "$archive")" ] && in_image &&
		tar -xOf "$archive" ./include/uapi/linux/kheaders_probe.h | grep -q PROBE &&
		! grep -E '^  (CC|AS|HOSTCC)  ' "$tmp/said" | grep -v -e init/version -e '\.tmp_vmlinux' \
			-e 'kheaders/kheaders_data.o' -e 'vmlinux\.export' -e ' arch/[^/]*/boot/'
	rc=$?
	rm "$probe"
	[ "$rc" -eq 0 ] || show "$tmp/said"
	again && [ "$before" = "$(sha256sum < "$archive")" ] && in_image && return "$rc"
}

# A program that fails stops the build with a message, and the next one recovers.
packer_fails() {
	probe=$kernel/source/include/uapi/linux/kheaders_probe.h
	echo "#define KHEADERS_PROBE 2" > "$probe"
	before=$(sha256sum < "$archive")
	again XZ=false
	rc=$?
	grep -q 'pack_headers: xz: failed with status 1' "$tmp/said" || rc=0
	[ "$before" = "$(sha256sum < "$archive")" ] || rc=0
	[ "$rc" -ne 0 ] || show "$tmp/said"
	rm "$probe"
	[ "$rc" -ne 0 ] && again && in_image
}

# count_symvers AWK-CONDITION
count_symvers() {
	tar -xOf "$archive" ./Module.symvers | awk -F '\t' "$1"' { n++ } END { print n + 0 }'
}

has_versions() {
	# shellcheck disable=SC2016	# they are awk's
	[ "$(count_symvers '$3 == "vmlinux" && $1 !~ /^0x0*$/')" -gt 500 ]
}

# kmake: a module is built as the kernel was
kmake() {
	# shellcheck disable=SC2046	# words
	make -s $(vm_make | sed 's/.*O=[^ ]* *//') "$@"
}

# The same modules, with one CRC of their archive's Module.symvers altered.
build_refused() {
	rm -rf "$tmp/wrong"
	mkdir "$tmp/wrong" "$tmp/share/refused" &&
		tar -xf "$archive" -C "$tmp/wrong" &&
		sed -i 's/^0x[0-9a-f]*\(	netif_receive_skb	\)/0x12345678\1/' \
			"$tmp/wrong/Module.symvers" &&
		cp -r "$top/selftests/test_modules" "$tmp/wrong/test_modules" &&
		quiet kmake -C "$tmp/wrong" M="$tmp/wrong/test_modules" modules &&
		cp "$tmp/wrong/test_modules/kheaders_test.ko" "$tmp/share/refused"
}

prepare_guest() {
	rm -rf "$tmp/share" "$tmp/from"
	mkdir "$tmp/from" "$tmp/share" &&
		cp "$archive" "$tmp/from/kheaders_data.tar.xz" &&
		install_selftests "$tmp/share/kselftest" "$(cc_for_guest)" &&
		build_test_modules "$tmp/from" &&
		cp -r "$tmp/from/test_modules" "$tmp/share" &&
		build_refused || return 1
	[ "$mode" = y ] || cp "$kernel/modules/kernel/kernel/kheaders/kheaders.ko" "$tmp/share"
}

cc_for_guest() {
	case $arch in
	"$(dpkg --print-architecture)") echo gcc ;;
	arm64) echo aarch64-linux-gnu-gcc ;;
	esac
}

# shellcheck disable=SC2016	# the guest's shell expands it
refuse='
rc=$?
insmod /share/refused/kheaders_test.ko 2> /dev/null && echo "refused: loaded"
dmesg | grep "kheaders_test: disagrees about version of symbol netif_receive_skb" &&
	echo "refused: yes"
exit $rc'

boot() {
	sum=$(sha256sum < "$archive")
	run_guest_selftests "$tmp/share" "${sum%% *}" "$refuse" > "$tmp/guest.log" 2> "$tmp/run.log"
	rc=$?
	results
	total=$(wc -l < "$tmp/results")
	good=$(grep -c '^pass' "$tmp/results")
	[ "$rc" -eq 0 ] && [ "$good" -eq "$total" ] && [ "$total" -ge 20 ] && return
	show "$tmp/guest.log" "$tmp/run.log"
	return 1
}

refused() {
	grep -q '^refused: yes' "$tmp/guest.log" && ! grep '^refused: loaded' "$tmp/guest.log"
}

# seconds COMMAND...
seconds() {
	/usr/bin/time -o "$tmp/time" -f %e "$@" > /dev/null 2>&1
	cat "$tmp/time"
}

# What the archive adds to a build: to make it, and to link it.
added() {
	make="$(vm_make) -j2"
	[ "$mode" = m ] || rm -f "$(image)"*
	# shellcheck disable=SC2086	# words
	without=$(seconds $make)
	rm -f "$obj"/kernel/kheaders/kheaders_data.*
	# shellcheck disable=SC2086
	with=$(seconds $make)
	echo "$with $without" | awk '{ printf "%.1f", $1 - $2 }'
}

# Put this kernel's row into the table in place of an older one.
record() {
	[ -n "${KHEADERS_RECORD:-}" ] || return 0
	# shellcheck disable=SC2016	# they are awk's
	row=$(printf '| %s | %s | %s | %d of %d | %d | %d | %d | %d | %s | %s |' \
		"$(sed 's/-.*//' "$kernel/release")" "$arch" "$mode" "$good" "$total" \
		"$(wc -c < "$archive")" "$(count_symvers '$3 == "vmlinux"')" \
		"$(count_symvers '$3 != "vmlinux"')" \
		$(($(stat -c %s "$(real_vmlinux)") - $(cat "$tmp/vmlinux.n"))) \
		"$(cat "$tmp/seconds.n")" "$(added)")
	table=$top/Documentation/kernels.md
	grep -v "^| $line\.[0-9]* | $arch | $mode |" "$table" > "$tmp/table"
	{ sed '/^| [0-9]/,$d' "$tmp/table"
	  { grep '^| [0-9]' "$tmp/table"; echo "$row"; } | sort -V; } > "$table"
}

real_vmlinux() {
	realpath "$kernel/vmlinuz"
}

measure_without() {
	rm -rf "$(vm_make | sed 's/.*O=\([^ ]*\).*/\1/')"
	build n || return 1
	cp "$kernel/seconds" "$tmp/seconds.n"
	stat -c %s "$(real_vmlinux)" > "$tmp/vmlinux.n"
}

check() {
	ktap_test_result "$line/$arch =$mode: $1" "$2"
}

check_mode() {
	check "it builds and says nothing" build_mode
	check "the archive is in the image" in_image
	check "it has the kernel's symbol versions" has_versions
	check "a build with nothing to do does nothing" nothing_to_do
	check "a new header repacks, and no more" header_repacks
	check "a packer that fails fails the build" packer_fails
	prepare_guest || ktap_exit_fail_msg "nothing to test with"
	check "the selftests pass in the guest" boot
	check "a module with a wrong version is refused" refused
	ktap_print_msg "$good of $total selftests, archive of $(wc -c < "$archive") bytes"
	record
}

build_mode() {
	build "$mode"
}

ktap_print_header
ktap_set_plan 16
mode=n
[ -z "${KHEADERS_RECORD:-}" ] || measure_without || ktap_exit_fail_msg "does not build without"
for mode in m y; do
	check_mode
done
ktap_finished
