#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Kernels with the patch series and options that make building modules harder (see
# vm/config/variant).  In each the selftests pass, including a module built from the archive,
# and a module with a wrong symbol version is refused.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

case $series/$arch in
6.1/amd64) variants="randstruct sig btf trim" ;;
6.12/amd64) variants=clang ;;
6.12/arm64) variants=gki ;;
*) ktap_skip_all "no variants for Linux $series, $arch" ;;
esac

check() {
	ktap_test_result "$series/$arch $variant: $1" "$2"
}

# The seed is packed where the kernel asks for it, and then only root can read the file.
seed_for_root() {
	grep -q -x 'mode: 0400' "$tmp/guest.log" && tar -tf "$archive" > "$tmp/names" &&
		grep -q randomize_layout_plugin.so "$tmp/names" &&
		grep -q basic/randstruct.seed "$tmp/names"
}

# Without the option neither the seed nor the plugin that embeds it is packed.
no_seed() {
	rm -rf "$tmp/conf"
	mkdir "$tmp/conf" && cp -rs "$obj/." "$tmp/conf" &&
		rm "$tmp/conf/include/config/auto.conf" &&
		grep -v KHEADERS_RANDSTRUCT "$obj/include/config/auto.conf" \
			> "$tmp/conf/include/config/auto.conf" &&
		"$top/scripts/pack_headers.sh" -s "$kernel/source" -b "$tmp/conf" \
		-l > "$tmp/list" &&
		grep -q autoconf.h "$tmp/list" &&
		! grep -e 'randstruct\.seed' -e randomize_layout_ "$tmp/list"
}

no_key() {
	[ -e "$obj/certs/signing_key.pem" ] && tar -tf "$archive" > "$tmp/names" &&
		! grep -e '\.pem$' -e '\.x509$' -e certs/ "$tmp/names" &&
		quiet "$top/tests/lib/find_keys.py" "$archive"
}

# A kernel that enforces signatures loads its own kheaders.ko and refuses unsigned modules.
sig_enforced() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -a module.sig_enforce=1 '
		insmod /share/kheaders.ko && [ -e /sys/kernel/kheaders.tar.xz ] &&
		echo "kheaders: loaded"
		insmod /share/test_modules/kheaders_test.ko 2>&1' > "$tmp/guest.log" 2>&1
	grep -q '^kheaders: loaded' "$tmp/guest.log" &&
		grep -q -e 'Key was rejected' -e 'Required key not available' "$tmp/guest.log" &&
		return
	show "$tmp/guest.log"
	return 1
}

# In an older machine the programs are rebuilt from the sources in the tree, and do the same.
tool_sources() {
	root=$("$top/vm/rootfs" 5.10 host) || return 1
	"$top/vm/chroot" "$root" make -C "$tmp/from/tree" hosttools > "$tmp/output" 2>&1
	show "$tmp/output"
	for program in tools/objtool/objtool tools/bpf/resolve_btfids/resolve_btfids; do
		grep -q "rebuilt $program;" "$tmp/output" || return 1
	done
	rm -rf "$tmp/from/test_modules"
	cp -r "$top/selftests/test_modules" "$tmp/from" &&
		quiet kmake -C "$tmp/from/tree" M="$tmp/from/test_modules" modules &&
		cmp "$tmp/from/test_modules/kheaders_test.ko" \
			"$tmp/share/test_modules/kheaders_test.ko"
}

# The tree's makefile chooses clang by itself.
plain_make() {
	set --
	! foreign || set -- ARCH="$srcarch"
	cp -r "$top/selftests/test_modules" "$tmp/plain" &&
		quiet make -s -C "$tmp/from/tree" M="$tmp/plain" "$@" modules &&
		cmp "$tmp/plain/kheaders_test.ko" "$tmp/from/test_modules/kheaders_test.ko"
}

check_variant() {
	build_variant || ktap_exit_fail_msg "$variant does not build"
	prepare_guest || ktap_exit_fail_msg "the guest's files cannot be prepared"
	check "the selftests pass in the guest" boot
	check "a module with a wrong version is refused" refused
	case $variant in
	randstruct)
		check "only root can read the seed" seed_for_root
		check "without the option there is no seed" no_seed
		;;
	sig)
		check "no key in the archive" no_key
		check "an unsigned module is refused for its signature" sig_enforced
		;;
	btf)
		check "make hosttools needs no other source" tool_sources
		;;
	clang|gki)
		check "plain make builds the same module" plain_make
		;;
	esac
	ktap_print_msg "$variant: $good of $total selftests, archive of $(wc -c < "$archive") bytes"
}

build_variant() {
	quiet build m
}

refuse="${refuse%exit*}stat -c 'mode: 0%a' /sys/kernel/kheaders.tar.xz
exit \$rc"
ktap_print_header
# shellcheck disable=SC2086	# words
set -- $variants
ktap_set_plan $(($# * 2 + ($# > 1 ? 5 : 1)))
for variant; do
	check_variant
done
ktap_finished
