#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel with all options, allmodconfig and allyesconfig, has kheaders among them and compiles
# it without a warning.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# A tree of its own: no test that builds a kernel changes it or has to wait.
patch_source() {
	SOURCE_DATE_EPOCH=0 quiet "$top/patches/generate" "$kernel/source" "$tmp/series" || return 1
	cp -al "$(realpath "$kernel/source")/." "$source" || return 1
	for patch in "$tmp/series"/*.patch; do
		quiet patch -s -p1 -F0 -d "$source" < "$patch" || return 1
	done
}

# kernel_make TARGET...: what it prints is in $tmp/output
kernel_make() {
	quiet make -s -j2 -C "$source" O="$tmp/obj" W=1 "$@"
}

# chosen CONFIG VALUE: it sets the option to VALUE, and CONFIG_IKHEADERS is off
chosen() {
	rm -rf "$tmp/obj"
	mkdir "$tmp/obj" && kernel_make "$1" &&
		grep -q -x "CONFIG_KHEADERS_SYSFS=$2" "$tmp/obj/.config" &&
		! grep "^CONFIG_IKHEADERS=" "$tmp/obj/.config" && return
	grep KHEADERS "$tmp/obj/.config" | show
	return 1
}

# Its objects compile, without a word; those of other directories may print warnings.
compiles() {
	kernel_make prepare && kernel_make kernel/kheaders/ && [ ! -s "$tmp/output" ] &&
		[ -s "$tmp/obj/kernel/kheaders/kheaders_sysfs.o" ] && return
	show "$tmp/output"
	return 1
}

ktap_print_header
need_kernel_source
source=$(mktemp -d "$cache/allconfigs.XXXXXX")
trap 'rm -rf "$tmp" "$source"' EXIT
patch_source || ktap_exit_fail_msg "the series does not apply"
ktap_set_plan 4
for pair in allmodconfig=m allyesconfig=y; do
	config=${pair%=*}
	ktap_test_result "$series: $config has kheaders, =${pair#*=}" chosen "$config" "${pair#*=}"
	ktap_test_result "$series: $config compiles it without a warning" compiles
done
ktap_finished
