#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the probe for Android by mksh with only toybox's programs.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# probe EXIT-STATUS [ENVIRONMENT...]
probe() {
	want=$1
	shift
	env -i PATH="$tmp/bin" TMPDIR=/data/local/tmp "$@" \
		mksh "$top/userspace/android/kheaders-probe.sh" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "status $got, not $want"
	show "$tmp/output"
	return 1
}

prints() {
	grep -q -e "$1" "$tmp/output" && return
	show "$tmp/output"
	return 1
}

there() {
	probe 0 KHEADERS_FILE="$tmp/file" && prints "^file: $tmp/file, mode -rw-r--r--, 11 bytes" &&
		prints '^read: xz'
}

# Run it as another user, since root may read everything.
unreadable() {
	chmod 755 "$tmp" && cp "$top/userspace/android/kheaders-probe.sh" "$tmp/probe" &&
		chmod 755 "$tmp/probe" || return 1
	setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$tmp/bin" \
		KHEADERS_FILE="$tmp/private" mksh "$tmp/probe" > "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints '^read: refused for user 65534'
}

other() {
	probe 1 KHEADERS_FILE="$tmp/other" && prints 'is not xz'
}

absent() {
	probe 3 KHEADERS_FILE="$tmp/absent" KHEADERS_DIRECTORIES="$tmp/none" &&
		prints '^module: none in' && prints '^file: does not exist$'
}

does_not_load() {
	mkdir -p "$tmp/dlkm/kernel/kernel" &&
		echo rubbish > "$tmp/dlkm/kernel/kernel/kheaders.ko" &&
		probe 3 KHEADERS_FILE="$tmp/absent" KHEADERS_DIRECTORIES="$tmp/dlkm" &&
		prints "^module: $tmp/dlkm/kernel/kernel/kheaders.ko" &&
		prints '^module: does not load'
}

# Modules of two releases, the running one's behind the other's by name.
two_releases() {
	running=$(toybox uname -r)
	for name in 0-other "$running"; do
		put "$tmp/two/$name/kernel/kernel/kheaders/kheaders.ko" rubbish || return 1
	done
	probe 3 KHEADERS_FILE="$tmp/absent" KHEADERS_DIRECTORIES="$tmp/two" &&
		prints "^module: $tmp/two/$running/kernel/kernel/kheaders/kheaders.ko"
}

usage_error() {
	PATH="$tmp/bin" mksh "$top/userspace/android/kheaders-probe.sh" x > "$tmp/output" 2>&1
	[ $? -eq 2 ] && [ "$(head -n 1 "$tmp/output")" = "Usage: kheaders-probe.sh" ] &&
		! grep -i -e shellcheck -e toybox "$tmp/output"
}

ktap_print_header
mkdir "$tmp/bin"
for name in $(toybox); do
	ln -s "$(command -v toybox)" "$tmp/bin/$name"
done
ln -s "$(command -v mksh)" "$tmp/bin/mksh"
printf '\3757zXZ\0more\n' > "$tmp/file"
chmod 644 "$tmp/file"
cp "$tmp/file" "$tmp/private"
chmod 400 "$tmp/private"
echo rubbish > "$tmp/other"
ktap_set_plan 7
ktap_test_result "the file is readable" there
ktap_test_result "the file is readable only for others" unreadable
ktap_test_result "the file is not an archive" other
ktap_test_result "neither file nor module" absent
ktap_test_result "the running release's module comes first" two_releases
ktap_test_result "a module that does not load" does_not_load
ktap_test_result "a usage error" usage_error
ktap_finished
