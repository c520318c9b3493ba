# SPDX-License-Identifier: GPL-2.0
#
# Print what link-vmlinux.sh called, less the archive of kheaders; status 1 if a link has
# it not exactly once, or if it was not made between modpost and the first of them.

/^make .*\[obj=kernel\/kheaders\]/ {
	if (!modpost || linked || made++)
		exit 1
	next
}
/^make .*MODPOST_VMLINUX=1/ { modpost = 1 }
/^ld / && !/ \[-r\]/ {
	linked = 1
	if (gsub(/ \[kernel\/kheaders\/kheaders_data\.o\]/, "") != 1 || (modpost && !made))
		exit 1
}
{ print }
