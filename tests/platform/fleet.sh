#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A distribution's kernel without an archive: the one that was packed from its headers, and
# published with the build-id in its image, is fetched at boot, by the build-id that the kernel
# itself reports, from a server in a network namespace of its own.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# guest OPTIONS COMMAND: run it, with its output in $tmp/output
guest() {
	# shellcheck disable=SC2086	# words
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" -w $1 -m 2048 -t 900 "$2" \
		> "$tmp/output" 2>&1 && return
	show "$tmp/output"
	return 1
}

# One served directory has the right file, one none, and one has a file with a changed byte.
publishes() {
	mkdir "$tmp/share/served" "$tmp/share/nothing" "$tmp/share/damaged" &&
		quiet "$tmp/build/kheaders" publish --kernel "$kernel/vmlinuz" \
			-o "$tmp/share/served/packed.kheaders" "$archive" &&
		readelf -n "$tmp/share/served/packed.kheaders" |
		sed -n 's/.*Build ID: //p' > "$tmp/share/build-id" &&
		[ -s "$tmp/share/build-id" ] &&
		cp "$tmp/share/served/packed.kheaders" "$tmp/share/damaged" &&
		printf 'damaged' | dd of="$tmp/share/damaged/packed.kheaders" bs=1 seek=2000000 \
			conv=notrunc status=none
}

# The server starts before the unit that asks it.
share_programs() {
	quiet make -s -C "$top/userspace" BUILDDIR="$tmp/build" PREFIX=/usr \
		DESTDIR="$tmp/share/installed" install && cp "$archive" "$tmp/share/archive" &&
		cp "$here/fleet_server_guest" "$tmp/share/server" &&
		commands_of fleet.md fleet > "$tmp/share/commands" || return 1
	cat > "$tmp/share/server@.service" <<- 'END'
		[Unit]
		Before=kheaders.service
		[Service]
		# a busy host makes a slow guest
		TimeoutStartSec=infinity
		ExecStart=/bin/sh /share/server start %i
		ExecStartPost=/bin/sh /share/server wait %i
		[Install]
		WantedBy=multi-user.target
	END
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

init_script() {
	guest "" "$(cat "$here/fleet_prepare_guest")" &&
		printed "without: 3" "no server: 1" "init script: $tree"
}

unit() {
	guest -b "$(cat "$here/fleet_look_guest")" && printed looked "system: running" \
		"interfaces: lo node" "server: debuginfod" "boot: success 0 $tree" \
		"build-id: $(cat "$tmp/share/build-id")" "source: debuginfod" \
		"kheaders: $tree: matches the archive" \
		"tree:    $tree, current, from debuginfod" "section: identical"
}

# Whatever a server has, the tree that is current stays, and another never appears.
refuses() {
	printed "current, no server: success 0 $tree" "nothing: success 3 no link" \
		"damaged: exit-code 1 no link" "no server: exit-code 1 no link" "left: " \
		"kheaders: debuginfod: refused: the archive is damaged; its checksum is not that of \
.kheaders.id"
}

ktap_print_header
need_kernel
share_archive || ktap_exit_fail_msg "cannot pack the archive"
tree=/var/cache/kheaders/$(cat "$kernel/release")
share_programs || ktap_exit_fail_msg "cannot copy the programs"
disk=$("$top/vm/disk" "$series" fleet) || ktap_exit_fail_msg "no disk with systemd"
cp --sparse=always "$disk" "$tmp/disk"
ktap_set_plan 4
ktap_test_result "publish finds the kernel's build-id in its image" publishes
ktap_test_result "the init script fetches the archive" init_script
ktap_test_result "the unit fetches it at boot from another network namespace" unit
ktap_test_result "the unit takes nothing else" refuses
ktap_finished
