# SPDX-License-Identifier: GPL-2.0
#
# Create the list of files to pack from the files that find(1) selected.
#
# Usage: awk -F '\t' -f kheaders_select.awk MUSTS FOUND
#
# MUSTS is written by kheaders_rules.awk.  FOUND has lines of tree, name, size, mtime and
# ".", separated by tabs.  Prints them without the ".", and of lines with the same name
# only the last.  Fails if a line has another form or a rule of MUSTS matches nothing.

function fail(what, message) {
	print "pack_headers: " what ": " message | "cat 1>&2"
	failed = 1
}

# Convert PATH of the content list to a regular expression
function regex(path) {
	gsub(/[.+]/, "[&]", path)
	gsub(/\*\*/, "\001", path)
	gsub(/\*/, "[^/]*", path)
	gsub(/\001/, ".*", path)
	return "^" path "$"
}

function is_met(tree, path,	key, part, start, pattern) {
	if (path !~ /\*/)
		return (tree, path) in found || (tree == "any" && path in line)
	start = substr(path, 1, index(path, "*") - 1)
	pattern = regex(path)
	for (key in found) {
		split(key, part, SUBSEP)
		if (part[1] == tree && index(part[2], start) == 1 && part[2] ~ pattern)
			return 1
	}
	return 0
}

FILENAME == ARGV[1] {
	must_tree[++musts] = $1
	must[musts] = $2
	next
}

NF != 5 || $5 != "." {
	fail($2, "a tab or line break in a name")
	exit
}

{
	# in 5.10 each link of vmlinux writes a new number and date to this file
	if ($2 == "include/generated/compile.h")
		$3 = $4 = 0
	found[$1, $2]
	line[$2] = $1 "\t" $2 "\t" $3 "\t" $4
}

END {
	if (failed)
		exit 1
	missing["src"] = "not in the source tree"
	missing["obj"] = "not in the build tree"
	missing["any"] = "named by KHEADERS_EXTRA, but in neither tree"
	for (i = 1; i <= musts; i++)
		if (!is_met(must_tree[i], must[i]))
			fail(must[i], missing[must_tree[i]])
	if (failed)
		exit 1
	for (name in line)
		print line[name]
}
