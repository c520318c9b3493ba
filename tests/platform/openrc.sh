#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boot a machine by sysvinit and OpenRC with the init script: it extracts at boot, reports its
# status, and does not fail where the kernel has no headers.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# guest OPTIONS COMMAND: run it, with its output in $tmp/output
guest() {
	# shellcheck disable=SC2086	# words
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" $1 -m 2048 "$2" \
		> "$tmp/output" 2>&1 && return
	show "$tmp/output"
	return 1
}

prepare=$(cat "$here/openrc_prepare_guest")

look=$(cat "$here/openrc_look_guest")

# printed REGEX...: each matches a whole line of the output
printed() {
	for regex; do
		grep -q -x -e "$regex" "$tmp/output" && continue
		ktap_print_msg "no line \"$regex\""
		show "$tmp/output"
		return 1
	done
}

installs() {
	guest -w "$prepare" &&
		printed 'insserv: 0' 'insserv: enable service .*/rc2.d/S[0-9]*kheaders' \
		'.*service kheaders added to runlevel default.*'
}

boots() {
	guest -b "$look" && grep -e '^init:' -e '^ kheaders' "$tmp/output" | show &&
		printed 'init: init' ' kheaders *\[ *started *\].*' "link: $tree" &&
		! grep '^module: left loaded' "$tmp/output"
}

reports_status() {
	printed 'status: 0' "archive: not visible now" "tree:    $tree, current"
}

starts_again() {
	printed 'stop: 0' 'stopped: the tree stays' 'again: 0' 'again: the tree is there' \
		'restart: 0'
}

fails() {
	printed 'refused: 1' 'kheaders: /var/cache/kheaders: refused: others can write there .*' \
		'nonsense: 2'
}

nothing_there() {
	printed 'without: 0' 'without-status: 3' 'archive: none' 'tree:    none'
}

ktap_print_header
need_kernel
tree=/var/cache/kheaders/$(cat "$kernel/release")
mkdir "$tmp/share"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" PREFIX=/usr \
	DESTDIR="$tmp/share/installed" install || ktap_exit_fail_msg "kheaders does not build"
cp "$built/kheaders.ko" "$tmp/share"
disk=$("$top/vm/disk" "$series" openrc) || ktap_exit_fail_msg "no disk with OpenRC"
cp --sparse=always "$disk" "$tmp/disk"
ktap_set_plan 6
ktap_test_result "installed, insserv and OpenRC find its place" installs
ktap_test_result "OpenRC starts it at boot and it extracts" boots
ktap_test_result "status reports the tree" reports_status
ktap_test_result "stop keeps the tree, start extracts it again" starts_again
ktap_test_result "failures are reported" fails
ktap_test_result "a kernel without headers is not a failure" nothing_there
ktap_finished
