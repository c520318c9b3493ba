#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boot a machine with systemd, the unit and no kernel headers: it extracts at the first boot,
# does nothing at the second, and extracts again for another kernel of the same release.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# guest OPTIONS COMMAND: run it, with its output in $tmp/output
guest() {
	# shellcheck disable=SC2086	# words
	"$top/vm/run" -k "$booted" -s "$tmp/share" -d "$tmp/disk" -w $1 -m 2048 -t 900 "$2" \
		> "$tmp/output" 2>&1 && return
	show "$tmp/output"
	return 1
}

prepare=$(cat "$here/systemd_prepare_guest")

look=$(cat "$here/systemd_look_guest")

printed() {
	grep -q -x -e "$1" "$tmp/output" && return
	show "$tmp/output"
	return 1
}

first_boot() {
	guest -b "$look" && printed "system: running" && printed "unit: success active" &&
		printed "link: /var/cache/kheaders/$release" && printed "verify: ok" &&
		! grep -q "^module: left" "$tmp/output" &&
		cp "$tmp/output" "$tmp/first" && grep "took" "$tmp/output" | show
}

# Build a module on the machine with nothing but the build link, and load it.
# shellcheck disable=SC2016	# the guest's shell expands it
serves_make() {
	guest -b 'cp -r /share/modules /tmp/m &&
		make -C "/lib/modules/$(uname -r)/build" M=/tmp/m modules &&
		insmod /tmp/m/kheaders_test.ko && dmesg | grep "kheaders_test: .* processes"'
}

second_boot() {
	guest -b "$look" && printed "system: running" && printed "unit: success active" || return 1
	grep -e "took" -e "takes" "$tmp/output" | show
	grep -e "^tree:" -e "^marker:" "$tmp/first" > "$tmp/then"
	grep -e "^tree:" -e "^marker:" "$tmp/output" | diff "$tmp/then" -
}

other_kernel() {
	alter_build_id "$tmp/other" || return 1
	booted=$tmp/other
	guest -b "$look" && printed "unit: success active" && printed "verify: ok" &&
		printed "link: /var/cache/kheaders/$release" || return 1
	grep "^marker:" "$tmp/output" > "$tmp/now" && [ -s "$tmp/first" ] &&
		! grep -q -x -f "$tmp/now" "$tmp/first" && return
	show "$tmp/output"
	return 1
}

ktap_print_header
need_kernel_source
release=$(cat "$kernel/release")
booted=$kernel
mkdir "$tmp/share"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" PREFIX=/usr \
	DESTDIR="$tmp/share/installed" install || ktap_exit_fail_msg "kheaders does not build"
cp "$built/kheaders.ko" "$tmp/share"
cp -r "$top/selftests/test_modules" "$tmp/share/modules"
disk=$("$top/vm/disk" "$series" systemd) || ktap_exit_fail_msg "no disk with systemd"
cp --sparse=always "$disk" "$tmp/disk"
ktap_set_plan 5
ktap_test_result "installed on a machine without headers" guest "" "$prepare"
ktap_test_result "the first boot extracts" first_boot
ktap_test_result "a module builds from the build link and loads" serves_make
ktap_test_result "the second boot does nothing" second_boot
ktap_test_result "another kernel of that release extracts again" other_kernel
ktap_finished
