# SPDX-License-Identifier: GPL-2.0
#
# Choose the position of each member in the archive.
#
# Usage: awk -F '\t' -f kheaders_order.awk SIZES LIST
#
# SIZES has names and sizes; the second column of LIST has the names to pack.  Prints
# block and part, key, name and size, separated by tabs; sorted by the first two columns
# they are in the order that compresses best.
#
# Similar files must be close together, as xz looks back at most 8 MiB and never into
# the other block.  Two blocks let two threads pack and decode the archive, and should be
# about equal in size.  The first has headers for devices and user space, whose registers
# and ioctls resemble no other header; the second has the kernel itself.  The larger one
# is second, because most of it is decoded while a reader still writes the first.
# Generated files are first, so that a reader finds the kernel release immediately.

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
	# the three forms of the configuration together, and the symbol versions after
	# most of the functions that they name
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
