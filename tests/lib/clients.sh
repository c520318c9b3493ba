# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests of clients; source it after test.sh.

# record CLIENT VERSION ROUTE RESULT
record() {
	# shellcheck disable=SC2154	# set by test.sh
	put_row clients.md "| Linux |" "| $(sed 's/-.*//' "$kernel/release") | $1 | $3 |" \
		" $2 | $4 |"
}
