# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests of kernels with the patch series; source it after test.sh.
#
# mode     y or m: how kheaders is built
# variant  names of files in vm/config/variant, or nothing

mode=m
variant=

# build MODE: build the kernel, which must print nothing; set kernel, obj and archive
build() {
	# shellcheck disable=SC2086	# words
	kernel=$("$top/vm/build" "$series/$arch" "$1" $variant 2> "$tmp/built") || {
		show "$tmp/built"
		return 1
	}
	obj=$kernel/obj
	archive=$obj/kernel/kheaders/kheaders_data.tar.xz
	# see vm/config/variant/gki
	[ "$variant" != gki ] || sed -i '/ vmlinux: section mismatch in reference/d' "$tmp/built"
	# um: ld, which newer binutils call by its whole name, and the makefile always print these
	grep -v -e '^building Linux' -e '^/usr/bin/\(.*-\)\{0,1\}ld\(\.bfd\)\{0,1\}: ' \
		-e '^  LINK linux' "$tmp/built" > "$tmp/noise"
	show "$tmp/noise"
	[ ! -s "$tmp/noise" ]
}

# again [ARGUMENT...]: make in the object tree, with its output in $tmp/output
again() {
	# shellcheck disable=SC2086	# a list of words
	$(vm_make) -j2 "$@" > "$tmp/output" 2>&1
}

# Print the make command that vm/build uses.
vm_make() {
	# shellcheck disable=SC2086	# words
	"$top/vm/build" -k "$series/$arch" "$mode" $variant | tail -n 1
}

# The linked file that contains the archive.
image() {
	case $mode in
	y) echo "$obj/vmlinux" ;;
	m) echo "$obj/kernel/kheaders/kheaders.ko" ;;
	esac
}

stamps() {
	stat -c '%n %Y %y' "$archive" "$obj/vmlinux" "$obj/kernel/kheaders/"*.ko 2> /dev/null
}

# The image contains exactly one archive between markers, the current one.
in_image() {
	grep -q -a IKHD_ST "$(image)" && grep -q -a IKHD_ED "$(image)" &&
		python3 - "$archive" "$(image)" <<- 'END'
			import sys
			archive, image = (open(name, "rb").read() for name in sys.argv[1:])
			sys.exit(image.count(b"IKHD_ST\0" + archive + b"IKHD_ED\0") != 1)
		END
}

# count_symvers AWK-CONDITION
count_symvers() {
	tar -xOf "$archive" ./Module.symvers | awk -F '\t' "$1"' { n++ } END { print n + 0 }'
}

# kmake: make with the arguments that the kernel was built with
kmake() {
	# shellcheck disable=SC2046	# words
	make -s $(vm_make | sed 's/.*O=[^ ]* *//') "$@"
}

# The same modules, built with one CRC in Module.symvers altered.
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
		install_selftests "$tmp/share/kselftest" &&
		build_test_modules "$tmp/from" &&
		cp -r "$tmp/from/test_modules" "$tmp/share" &&
		build_refused || return 1
	[ "$mode" = y ] || cp "$kernel/modules/kernel/kernel/kheaders/kheaders.ko" "$tmp/share"
}

refuse=$(cat "$top/tests/lib/refuse_guest")

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
