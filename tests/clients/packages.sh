#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build Debian's dkms packages by dkms from the extracted archive and from the headers that
# Debian installs: the modules are byte-identical, and load.
#
# Environment:
#   KHEADERS_PACKAGES   names of dkms packages, as in dkms.conf, or "all"; a few by default
#   KHEADERS_RECORD     if set, write the figures into Documentation/clients.md

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/clients.sh
. "$(dirname "$0")/../lib/clients.sh"

# These do not load, whichever headers they are built from:
#   dahdi_echocan_oslec  needs oslec_create() of a module that Debian does not build
#   gost-test            runs its tests when it loads, then returns -EIO
not_loaded="dahdi_echocan_oslec gost-test"

# build_all BASE OUT
build_all() {
	# shellcheck disable=SC2086	# a list of words
	"$top/vm/chroot" "$root" "$here/dkms_build" "$1" "$release" "$2" \
		$wanted > "$2.log" 2>&1 && return
	show "$2.log"
	return 1
}

# Build both at once, because configure scripts do not run in parallel.
builds() {
	base=$tmp/archive/usr/src
	mkdir -p "$base/linux-headers-$release" &&
		tar -xf "$archive" -C "$base/linux-headers-$release" || return 1
	# since 6.12 Debian's headers include vmlinux for its BTF, which a running kernel has
	# in /sys/kernel/btf
	[ ! -e "$kernel/kdir/vmlinux" ] ||
		cp "$kernel/kdir/vmlinux" "$base/linux-headers-$release" || return 1
	build_all "$kernel/root" "$tmp/from_headers" &
	build_all "$tmp/archive" "$tmp/from_archive"
	rc=$?
	wait $! && return "$rc"
}

# names DIR: the packages built in DIR
names() {
	for dir in "$1"/*/; do
		[ -d "$dir" ] && basename "$dir"
	done
}

# What builds from the headers builds from the archive.  Packages that do not support this
# kernel build from neither.
all_build() {
	names "$tmp/from_headers" > "$tmp/names.headers"
	names "$tmp/from_archive" > "$tmp/names.archive"
	for log in "$tmp"/from_headers/*.log; do
		name=$(basename "$log" .log)
		grep -q -x -e "$name" "$tmp/names.headers" ||
			ktap_print_msg "$name: does not build with Debian's headers: $(
				{ grep -m 1 -e ' error: ' -e 'Error ' "$log" ||
					grep -m 1 -e '^Error!' "$log"; } | cut -c 1-150)"
	done
	packages=$(wc -l < "$tmp/names.archive")
	ktap_print_msg "$packages packages build from the archive"
	[ "$packages" -gt 0 ] && diff "$tmp/names.headers" "$tmp/names.archive" > "$tmp/diff" &&
		return
	show "$tmp/diff"
	sed -n 's/^< //p' "$tmp/diff" | while read -r name; do
		tail -n 20 "$tmp/from_archive/$name.log" | show
	done
	return 1
}

# dkms_build has removed debug information, which has paths, and the build-id made of it.
all_same() {
	different=0
	modules=0
	for module in "$tmp"/from_headers/*/*.ko; do
		modules=$((modules + 1))
		cmp -s "$module" "$tmp/from_archive/${module#"$tmp/from_headers/"}" && continue
		ktap_print_msg "${module#"$tmp/from_headers/"}: differs"
		different=$((different + 1))
	done
	ktap_print_msg "$((modules - different)) of $modules modules are the same"
	[ "$modules" -gt 0 ] && [ "$different" -eq 0 ]
}

# Move packages from $tmp/rest to $tmp/set as long as no two of them have a module of the same
# name: each set is loaded in its own guest.
choose_set() {
	rm -rf "$tmp/set"
	mkdir "$tmp/set"
	mv "$tmp/rest" "$tmp/todo"
	while read -r package; do
		for module in "$tmp/from_archive/$package"/*.ko; do
			[ -e "$tmp/set/${module##*/}" ] && break
			module=
		done
		[ -n "$module" ] || cp "$tmp/from_archive/$package"/*.ko "$tmp/set"
		[ -z "$module" ] || echo "$package"
	done < "$tmp/todo" > "$tmp/rest"
}

# Make the guest's modules directory: the modules of the set, and those of the kernel that they
# depend on.
fill_modules() {
	all=$tmp/all/lib/modules/$release
	few=$tmp/share/lib/modules/$release
	rm -rf "$tmp/all" "$tmp/share/lib"
	mkdir -p "$all/updates" "$few/updates" &&
		ln -s "$(realpath "$kernel/modules")/kernel" "$all" &&
		cp "$kernel"/modules/modules.builtin* "$kernel"/modules/modules.order "$all" &&
		cp "$kernel"/modules/modules.builtin* "$kernel"/modules/modules.order "$few" &&
		cp "$tmp"/set/*.ko "$all/updates" &&
		cp "$tmp"/set/*.ko "$few/updates" &&
		depmod -b "$tmp/all" "$release" || return 1
	for module in "$all"/updates/*.ko; do
		basename "$module" .ko
	done > "$tmp/share/names"
	xargs modprobe -d "$tmp/all" -S "$release" -a --show-depends \
		< "$tmp/share/names" 2> "$tmp/output" | sort -u |
		sed -n "s,^insmod $all/\(kernel/[^ ]*\).*,\1,p" > "$tmp/needed"
	tar -C "$all" -cf - -T "$tmp/needed" | tar -C "$few" -xf - &&
		depmod -b "$tmp/share" "$release"
}

load=$(cat "$here/packages_guest")

load_all() {
	cp "$tmp/names.archive" "$tmp/rest"
	: > "$tmp/guest.log"
	names=0
	while [ -s "$tmp/rest" ]; do
		choose_set
		fill_modules || { show "$tmp/output"; return 1; }
		names=$((names + $(wc -l < "$tmp/share/names")))
		"$top/vm/run" -k "$kernel" -s "$tmp/share" -m 2048 -t 900 "$load" \
			>> "$tmp/guest.log" 2>&1
	done
}

all_load() {
	load_all || return 1
	loaded=$(grep -c ': loaded$' "$tmp/guest.log")
	grep -v ': loaded$' "$tmp/guest.log" | show
	ktap_print_msg "$loaded of $names loaded"
	for name in $not_loaded; do
		echo "$name: modprobe"
	done > "$tmp/allowed"
	bad=$(grep -v -e ': loaded$' -e ': no device$' -e ': no parameter$' \
		-e 'module verification' -e ' Unknown symbol oslec_' "$tmp/guest.log" |
		grep -c -v -F -f "$tmp/allowed")
	[ "$bad" -eq 0 ] && [ "$loaded" -gt 0 ] &&
		[ "$(grep -c ': ' "$tmp/guest.log")" -ge "$names" ]
}

ktap_print_header
need_kernel
wanted=${KHEADERS_PACKAGES:-acpi-call dm-writeboost v4l2loopback}
[ "$wanted" != all ] || wanted=
release=$(cat "$kernel/release")
root=$("$top/vm/rootfs" "$series" dkms) || ktap_exit_fail_msg "no packages to build"
share_archive ||
	ktap_exit_fail_msg "no archive to test"
mkdir "$tmp/share" "$tmp/from_headers" "$tmp/from_archive"
ktap_set_plan 4
packages=0
modules=0
different=0
loaded=0
names=0
ktap_test_result "$series: dkms runs" builds
ktap_test_result "$series: what builds from the headers builds from the archive" all_build
ktap_test_result "$series: the modules are the same" all_same
ktap_test_result "$series: they load" all_load
[ "$KTAP_FAIL" -ne 0 ] ||
	record "dkms packages" \
	"$(dpkg-query --admindir "$root/var/lib/dpkg" -W -f '${Version}' dkms)" \
	"dkms build" \
	"$packages packages, $modules modules, $different differ, $loaded of $names names load"
ktap_finished
