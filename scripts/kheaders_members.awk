# SPDX-License-Identifier: GPL-2.0
#
# Write the names of the archive's members for tar.
#
# Usage: awk -F '\t' -f kheaders_members.awk ORDER
#
# ORDER is the sorted output of kheaders_order.awk.  List directories explicitly, before
# their content, and not recursively: this fixes the order, and tar reports missing files.
# Write the size of the first block, which ends with a member, to $tmp/cut.

function member(name, bytes) {
	print name
	at += 512 + int((bytes + 511) / 512) * 512
}

/^2/ && !second { second = at }

{
	n = split("./" $3, part, "/")
	dir = ""
	for (i = 1; i < n; i++) {
		dir = dir part[i] "/"
		if (!seen[dir]++)
			member(dir, 0)
	}
	member("./" $3, $4)
}

END { print second ? second : at > (ENVIRON["tmp"] "/cut") }
