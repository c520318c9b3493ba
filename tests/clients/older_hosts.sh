#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A newer kernel's tree on older distributions: each program that does not run there is
# named, by whatever shell, and no other; after "make hosttools" a module builds and loads.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# needs PROGRAM: the newest version of the C library that it asks for
needs() {
	readelf -V "$1" | grep -o 'GLIBC_[0-9.]*' | sort -u -V | tail -n 1 | sed 's/GLIBC_//'
}

# expected VERSION: the programs of the tree that want a newer C library than that
expected() {
	cd "$tmp/tree" && for program in scripts/basic/fixdep scripts/mod/modpost \
		scripts/genksyms/genksyms scripts/recordmcount scripts/tracepoint-update \
		scripts/mod/modpost.real-* tools/objtool/objtool tools/objtool/objtool.real-* \
		tools/bpf/resolve_btfids/resolve_btfids; do
		[ -e "$program" ] || continue
		newest=$(printf '%s\n' "$1" "$(needs "$program")" | sort -V | tail -n 1)
		[ "$newest" = "$1" ] || echo "$program"
	done | sort
}

# told SERIES SHELL: in that series' suite, by that shell
told() {
	root=$("$top/vm/rootfs" "$1" host) || return 1
	# shellcheck disable=SC2016	# the inner shell expands it
	libc=$("$top/vm/chroot" "$root" sh -c 'ldd --version | sed -n "1s/.* //p"') || return 1
	expected "$libc" > "$tmp/expected"
	# shellcheck disable=SC2086	# busybox sh
	( cd "$tmp/tree" && "$top/vm/chroot" "$root" $2 scripts/kheaders_host.sh tools ) |
		tr ' ' '\n' | sort > "$tmp/told"
	ktap_print_msg "C library $libc, $2: $(tr '\n' ' ' < "$tmp/told")"
	[ -s "$tmp/expected" ] && diff "$tmp/expected" "$tmp/told" | show
	cmp -s "$tmp/expected" "$tmp/told"
}

# in_root ARGUMENT...: make in the oldest root
in_root() {
	"$top/vm/chroot" "$root" make -C "$tmp/tree" "$@"
}

# What the kernel's gcc knows and that of the oldest root does not.
unknown="CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= CONFIG_MITIGATION_SLS= CONFIG_INIT_STACK_ALL_ZERO="

rebuilt() {
	need_kernel_source
	# shellcheck disable=SC2086	# words
	fails_with "needs newer libraries" in_root M="$tmp/test_modules" modules &&
		quiet in_root hosttools KSRC="$(realpath "$kernel/source")" &&
		fails_with "gcc $(sed -n 's/^CONFIG_GCC_VERSION=\(.*\)....$/\1/p' \
			"$tmp/tree/.config") built this kernel, but" \
			in_root M="$tmp/test_modules" modules &&
		quiet in_root M="$tmp/test_modules" $unknown modules
}

loads() {
	mkdir "$tmp/share" && cp "$tmp/test_modules/kheaders_test.ko" "$tmp/share" &&
		quiet "$top/vm/run" -k "$kernel" -s "$tmp/share" \
			'insmod /share/kheaders_test.ko'
}

ktap_print_header
need_kernel
build_strip_comments
if ! { mkdir "$tmp/tree" && cp -r "$top/selftests/test_modules" "$tmp" &&
	"$top/scripts/pack_headers.sh" -b "$kernel/kdir" -o "$tmp/kheaders.tar.xz" &&
	tar -xf "$tmp/kheaders.tar.xz" -C "$tmp/tree"; }; then
	ktap_exit_fail_msg "no tree"
fi
ktap_set_plan 8
for suite in 5.10 6.1; do
	for shell in dash bash 'busybox sh'; do
		ktap_test_result "in the suite of $suite, $shell" told "$suite" "$shell"
	done
done
ktap_test_result "make hosttools, and a module is built" rebuilt
ktap_test_result "it loads" loads
ktap_finished
