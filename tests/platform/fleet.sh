#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A distribution's kernel without an archive: the one that was packed from its headers, and
# published with the build-id in its image, is fetched by the build-id that the kernel itself
# reports, when the init script runs.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# copy PROGRAM...: with their libraries, to the paths that they have here
copy() {
	for program; do
		{
			realpath "$program"
			ldd "$program" | sed -n 's,^[^/]*\(/[^ ]*\) (.*,\1,p'
		} | while read -r file; do
			mkdir -p "$tmp/share/root/$(dirname "$file")" &&
				cp -L "$file" "$tmp/share/root/$file" || return 1
		done || return 1
	done
}

copy_programs() {
	library=$(ldconfig -p | sed -n 's/.*libdebuginfod\.so\.1 .*=> //p' | sed 1q)
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" PREFIX=/usr \
		DESTDIR="$tmp/share/root" install &&
		mkdir -p "$tmp/share/served" && copy "$tmp/build/kheaders" \
		"$(command -v debuginfod)" "$(command -v debuginfod-find)" "$library" &&
		mkdir -p "$tmp/share/root/$(dirname "$library")" &&
		cp -L "$library" "$tmp/share/root/$library" && cp "$archive" "$tmp/share/archive"
}

publishes() {
	quiet "$tmp/build/kheaders" publish --kernel "$kernel/vmlinuz" \
		-o "$tmp/share/served/packed.kheaders" "$archive" &&
		readelf -n "$tmp/share/served/packed.kheaders" | sed -n 's/.*Build ID: //p' \
			> "$tmp/build-id" && [ -s "$tmp/build-id" ]
}

works=$(cat "$here/fleet_guest")

boots() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -m 2048 -t 600 "$works" > "$tmp/output" 2>&1 &&
		return
	show "$tmp/output"
	return 1
}

# printed LINE...: each is a whole line of the guest's output
printed() {
	for line; do
		grep -q -x -F -e "$line" "$tmp/output" && continue
		ktap_print_msg "no line \"$line\""
		show "$tmp/output"
		return 1
	done
}

nothing_without() {
	printed "without: 3" "no server: 1" "empty server: 3" "empty server: no tree"
}

fetched_at_boot() {
	tree=/var/cache/kheaders/$(cat "$kernel/release")
	printed "boot: $tree" "build-id: $(cat "$tmp/build-id")" "source: debuginfod" \
		"kheaders: $tree: matches the archive" \
		"tree:    $tree, current, from debuginfod" "section: identical"
}

ktap_print_header
need_kernel
share_archive || ktap_exit_fail_msg "cannot pack the archive"
copy_programs || ktap_exit_fail_msg "cannot copy the programs"
ktap_set_plan 4
ktap_test_result "publish finds the kernel's build-id in its image" publishes
ktap_test_result "a guest runs that kernel" boots
ktap_test_result "without a server that has the archive there is no tree" nothing_without
ktap_test_result "the archive is fetched at boot, by the kernel's build-id" fetched_at_boot
ktap_finished
