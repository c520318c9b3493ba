# SPDX-License-Identifier: GPL-2.0
#
# Tell where each member of the archive goes.
#
# Usage: awk -F '\t' -f kheaders_order.awk SIZES LIST
#
# SIZES has names and sizes, LIST the names that are packed in its second column.
# Prints block and part, key, name and size, separated by tabs; sorted by the first
# two columns they are in the order in which they compress best.
#
# Similar files must be near each other, as xz looks back 8 MiB at most and never into
# the other block.  There are two blocks, so that two threads can pack and read them,
# and they should be about equal in size.  One has what concerns devices and user
# space, since registers and ioctls resemble no other header; the other the kernel
# itself.  That one is larger and comes second: when a reader has written the first,
# most of the second is decoded.  Generated files come first, so that the release is
# found at once.

# Files of a directory sort before its subdirectories.
function key(path,	n, part, i, k) {
	n = split(path, part, "/")
	for (i = 1; i < n; i++)
		k = k "1" part[i] "/"
	return k "0" part[n]
}

function place(path) {
	if (path ~ /^(\.config|scripts\/|tools\/)/)
		return "2 2"
	if (path ~ /^include\/dt-bindings\//)
		return "1 2"
	if (path ~ /^include\/(drm|media|soc|sound|uapi|video)\// ||
	    (path ~ /^include\/linux\/[^\/]*\// && path !~ core))
		return "1 1"
	if (path ~ /^include\/generated\//)
		return "1 0"
	return "2 1"
}

BEGIN {
	# the configuration in its three forms, and the symbol versions after most
	# of the functions that they name
	sort_as[".config"] = ".config"
	sort_as["include/config/auto.conf"] = ".config/1"
	sort_as["include/generated/autoconf.h"] = ".config/2"
	sort_as["Module.symvers"] = "include/linux/x"
	core = "^include/linux/(atomic|byteorder|crush|decompress|lockd|net|" \
		"netfilter.*|perf|sched|sunrpc|unaligned)/"
}

FILENAME == ARGV[1] {
	size[$1] = $2
	next
}

{
	path = $2 in sort_as ? sort_as[$2] : $2
	print place(path) "\t" key(path) "\t" $2 "\t" size[$2]
}
