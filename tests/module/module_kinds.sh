#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Kinds of modules: one of several files, with exports, a tracepoint and assembly, and one in
# another directory that uses its exports.  The archive and the full headers give the same
# modules and the same warnings.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kinds.sh
. "$here/../lib/kinds.sh"

quietly() {
	build_kinds "$@" && ! grep -i warning "$tmp/$2/output"
}

# The CRCs of these exports depend on structures of the kernel.
versions() {
	show "$tmp/archive/provider/Module.symvers"
	grep -q '^0x.*	kinds_count	' "$tmp/archive/provider/Module.symvers" &&
		! grep -q '^0x0*	' "$tmp/archive/provider/Module.symvers" &&
		cmp "$tmp/headers/provider/Module.symvers" "$tmp/archive/provider/Module.symvers" &&
		modprobe --dump-modversions "$tmp/archive/user/kinds_user.ko" |
		grep -q -F "$(sed -n 's/^0x0*\([^	]*\)	kinds_count	.*/\1/p' \
			"$tmp/archive/provider/Module.symvers")	kinds_count"
}

# warnings NAME: print them as "file:line: warning: ..."; columns may differ from those of the
# full headers
warnings() {
	sed -n -e "s,^$common/,," -e "s,^$(realpath "$kernel/kdir")/,," -e 's,^\./,,' \
		-e '/warning:/s/^\([^:]*:[0-9]*\):[0-9]*: /\1: /p' \
		-e '/warning:/s/^[^:]*:[0-9]*: /&/p' "$tmp/$1/output" | sort -u
}

has_sparse() {
	"$top/vm/with-toolchain" "$series" sparse --version > "$tmp/output" 2>&1
}

# warns W TEXT...: W= prints the same with both trees, each TEXT included, kernel-doc's excluded
warns() {
	build_kinds "$kernel/kdir" headers.w W="$1" cmd_checkdoc= &&
		build_kinds "$tmp/tree" archive.w W="$1" || return 1
	warnings headers.w > "$tmp/headers.warnings"
	warnings archive.w > "$tmp/archive.warnings"
	ktap_print_msg "W=$1: $(wc -l < "$tmp/archive.warnings") warnings"
	diff "$tmp/headers.warnings" "$tmp/archive.warnings" > "$tmp/diff" || {
		head -n 20 "$tmp/diff" | show
		return 1
	}
	shift
	for text; do
		grep -q -e "$text" "$tmp/archive.warnings" || return 1
	done
}

# with sparse and without
checks() {
	for c in 0 1; do
		build_kinds "$kernel/kdir" headers.c C="$c" &&
			build_kinds "$tmp/tree" archive.c C="$c" || return 1
		warnings headers.c > "$tmp/headers.warnings"
		warnings archive.c | diff "$tmp/headers.warnings" - || return 1
	done
}

loads() {
	mkdir "$tmp/share"
	cp "$tmp/archive/provider/kinds_provider.ko" "$tmp/archive/user/kinds_user.ko" "$tmp/share"
	"$top/vm/run" -k "$kernel" -s "$tmp/share" '
		! insmod /share/kinds_user.ko 2> /dev/null || exit 1
		insmod /share/kinds_provider.ko && insmod /share/kinds_user.ko || exit 1
		mount -t tracefs tracefs /sys/kernel/tracing
		[ -e /sys/kernel/tracing/events/kinds/kinds_count/format ] || exit 1
		dmesg | grep "kinds_user: [1-9][0-9]*, same size" || exit 1
		rmmod kinds_user && rmmod kinds_provider' > "$tmp/guest.log" 2>&1
	rc=$?
	show "$tmp/guest.log"
	return "$rc"
}

ktap_print_header
need_kernel
common=$(sed -n 's,^include \(.*\)/Makefile$,\1,p' "$kernel/kdir/Makefile")
share_archive ||
	ktap_exit_fail_msg "no archive to test"
mkdir "$tmp/tree" && tar -xf "$archive" -C "$tmp/tree"
ktap_set_plan 8
ktap_test_result "$series: the modules build from the full headers" quietly "$kernel/kdir" headers
ktap_test_result "$series: they build from the archive" quietly "$tmp/tree" archive
ktap_test_result "$series: the symbol versions of their exports are the same" versions
ktap_test_result "$series: the modules are the same" same_kinds headers archive
ktap_test_result "$series: W=1 prints the same" warns 1 kinds_unused
ktap_test_result "$series: W=12 prints the same for headers" warns 12 '^include/'
if has_sparse; then
	ktap_test_result "$series: C=0 and C=1 print the same" checks
else
	ktap_test_skip "$series: C=0 and C=1 print the same" "no sparse where it is built"
fi
ktap_test_result "$series: they load" loads
ktap_finished
