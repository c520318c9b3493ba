#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A module built from the archive alone loads into this kernel.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

modules="kheaders_test kheaders_squat"

can_build() {
	command -v make > /dev/null && command -v "${CC:-gcc}" > /dev/null
}

# Do not inherit O= and flags from the make that runs the selftests.
build() {
	mkdir "$tmp/tree" && tar -xf "$KHEADERS_FILE" -C "$tmp/tree" &&
		cp -r test_modules "$tmp/modules" &&
		env -u MAKEFLAGS -u MFLAGS -u O -u KBUILD_OUTPUT make -s -C "$tmp/tree" \
			M="$tmp/modules" modules > "$tmp/log" 2>&1
	[ -e "$tmp/modules/kheaders_test.ko" ] && return
	sed 's/^/# /' "$tmp/log"
	return 1
}

no_warnings() {
	! grep -i warning "$tmp/log"
}

# The kernel refuses a module whose versions are missing or differ from its own.
has_versions() {
	modprobe --dump-modversions "$ko" > "$tmp/versions" &&
		grep -q "$(printf '\tnetif_receive_skb$')" "$tmp/versions" &&
		! grep -q '^0x0\{8\}' "$tmp/versions"
}

load() {
	insmod "$ko" && grep -q '^kheaders_test ' /proc/modules
}

said_hello() {
	log_since | grep -q "kheaders_test: .* processes on $(uname -r)"
}

# bit 1 of the taint mask: a module was loaded by force
no_complaint() {
	[ $(($(cat /proc/sys/kernel/tainted) & 2)) -eq 0 ] &&
		! log_since | grep -e 'disagrees about' -e 'no symbol version' \
			-e 'version magic' -e 'Unknown symbol'
}

unload() {
	rmmod kheaders_test && ! grep -q '^kheaders_test ' /proc/modules
}

ktap_print_header
need_archive
can_build || [ -n "${KHEADERS_MODULES:-}" ] ||
	ktap_skip_all "no make and ${CC:-gcc} here, and KHEADERS_MODULES is not set"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mark_log
ktap_set_plan 7
if can_build; then
	ktap_test_result "make -C tree M=... modules" build
	ktap_test_result "without a warning" no_warnings
	dir=$tmp/modules
else
	ktap_print_msg "no compiler here; modules come from $KHEADERS_MODULES"
	dir=$KHEADERS_MODULES
	for name in $modules; do
		ktap_test_result "$name exists" test -e "$dir/$name.ko"
	done
fi
ko=$dir/kheaders_test.ko
if modinfo -F vermagic "$ko" | grep -q modversions; then
	ktap_test_result "it has symbol versions" has_versions
else
	ktap_test_skip "it has symbol versions" "a kernel without CONFIG_MODVERSIONS"
fi
ktap_test_result "it loads" load
ktap_test_result "it runs" said_hello
ktap_test_result "it loads without force and without complaint" no_complaint
ktap_test_result "it unloads" unload
ktap_finished
