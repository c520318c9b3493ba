# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# what test.sh has set, and what the tests that read this file use:
# shellcheck disable=SC2154,SC2034
#
# What the tests of clients share; read with "." behind lib.sh.

# record CLIENT VERSION ROUTE RESULT: put a row into the table of clients in place of
# an older one, if KHEADERS_RECORD is set
record() {
	[ -n "${KHEADERS_RECORD:-}" ] || return 0
	# shellcheck disable=SC2154	# they are lib.sh's
	table=$top/Documentation/clients.md
	key="| $(sed 's/-.*//' "$kernel/release") | $1 | $3 |"
	row="$key $2 | $4 |"
	{
		sed '/^| [0-9]/,$d' "$table"
		{ grep '^| [0-9]' "$table" | grep -v -F "$key"; echo "$row"; } | sort -V
	} > "$tmp/table" && cp "$tmp/table" "$table"
}
