#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The archive unpacks with plain tar, and its content belongs to this kernel.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

same_as_packed() {
	sum=$(sha256sum < "$KHEADERS_FILE") && [ "${sum%% *}" = "$KHEADERS_SHA256" ]
}

unpack_pipe() {
	mkdir "$tmp/pipe" && cd "$tmp/pipe" &&
		quietly sh -c "cat $KHEADERS_FILE | tar -xJ"
}

# as bcc does: no option but -C, into a directory made by mkdtemp()
unpack_private() {
	mkdir -m 0700 "$tmp/private" &&
		quietly tar -xf "$KHEADERS_FILE" -C "$tmp/private" &&
		[ "$(stat -c %a "$tmp/private")" = 755 ]
}

# only directories and regular files, owned by root and readable by others
plain_members() {
	odd=$(find "$tmp/private" \
		! \( -type d -perm 0755 \) \
		! \( -type f -perm 0644 \) ! \( -type f -perm 0755 \) )
	foreign=$(find "$tmp/private" ! -user 0 -o ! -group 0)
	links=$(find "$tmp/private" -type f -links +1)
	[ -z "$odd$foreign$links" ] && return
	ktap_print_msg "odd: $odd foreign: $foreign links: $links"
	return 1
}

plain_names() {
	tar -tf "$KHEADERS_FILE" > "$tmp/names" &&
		[ "$(head -n 1 "$tmp/names")" = ./ ] &&
		! grep -v '^\./' "$tmp/names" &&
		! grep -e '/\.\./' -e '/\.\.$' "$tmp/names"
}

trees_agree() {
	diff -r "$tmp/pipe" "$tmp/private"
}

clients_find() {
	for arch in "$tmp"/private/arch/*/include/generated; do
		arch=${arch%/include/generated}
		arch=${arch##*/}
	done
	for name in include/linux/kconfig.h include/linux/types.h include/uapi \
		    include/generated/autoconf.h include/generated/uapi \
		    include/generated/uapi/linux/version.h \
		    "arch/$arch/include" "arch/$arch/include/generated" \
		    "arch/$arch/include/uapi" "arch/$arch/include/generated/uapi"; do
		[ -e "$tmp/private/$name" ] && continue
		ktap_print_msg "$name: does not exist"
		return 1
	done
}

release_matches() {
	grep -q "UTS_RELEASE \"$(uname -r)\"" \
		"$tmp/private/include/generated/utsrelease.h"
}

# scripts/check-atomics.sh: the last line is the checksum of all lines above
atomics_match() {
	find "$tmp/private/include" -name 'atomic*.h' -type f > "$tmp/atomics"
	seen=0
	while read -r file; do
		line=$(tail -n 1 "$file")
		sum=${line#// }
		if [ "$sum" = "$line" ] || [ ${#sum} -ne 40 ]; then
			continue
		fi
		seen=$((seen + 1))
		real=$(sed '$d' "$file" | sha1sum)
		[ "${real%% *}" = "$sum" ] && continue
		ktap_print_msg "$file: wrong sum"
		return 1
	done < "$tmp/atomics"
	[ "$seen" -gt 0 ]
}

ktap_print_header
need_archive
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ktap_set_plan 10
mark_log
if [ -n "${KHEADERS_SHA256:-}" ]; then
	ktap_test_result "the bytes are those that were packed" same_as_packed
else
	ktap_test_skip "the bytes are those that were packed" "KHEADERS_SHA256 is not set"
fi
ktap_test_result "cat | tar -xJ" unpack_pipe
cd "$tmp" || exit 1
ktap_test_result "tar -xf into a 0700 directory" unpack_private
ktap_test_result "both trees are the same" trees_agree
ktap_test_result "plain files and directories, owned by root" plain_members
ktap_test_result "relative names below ./" plain_names
ktap_test_result "headers are where clients look" clients_find
ktap_test_result "utsrelease.h belongs to this kernel" release_matches
ktap_test_result "checksums of the atomic headers" atomics_match
ktap_test_result "nothing in the kernel log" log_is_empty
ktap_finished
