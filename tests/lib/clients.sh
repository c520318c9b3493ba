# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests of clients; source it after test.sh.

# record CLIENT VERSION ROUTE RESULT: with KHEADERS_RECORD set, replace or add a row in
# Documentation/clients.md
record() {
	[ -n "${KHEADERS_RECORD:-}" ] || return 0
	# shellcheck disable=SC2154	# set by test.sh
	table=$top/Documentation/clients.md
	key="| $(sed 's/-.*//' "$kernel/release") | $1 | $3 |"
	row="$key $2 | $4 |"
	{
		sed '/^| [0-9]/,$d' "$table"
		{ grep '^| [0-9]' "$table" | grep -v -F "$key"; echo "$row"; } | sort -V
	} > "$tmp/table" && cp "$tmp/table" "$table"
}
