# SPDX-License-Identifier: GPL-2.0
#
# Prepare .config, auto.conf or autoconf.h for the archive.
#
# Usage: awk -f kheaders_config.awk ORDER FILE
#
# Prints FILE with its options in the order of ORDER, a .config or /dev/null: the order
# of auto.conf means nothing to make, and that of .config saves 12 kB.

function option(line) {
	sub(/=.*/, "", line)
	return line
}

# Whatever its name, an option whose value has a word that starts like an absolute path
# or a URI loses it: it names a file of the build machine, or a token and its PIN.  No
# module is built from one.  A single program in a bin directory stays: the kernel starts
# it on the target.  In parentheses are only versions of compilers, which Kbuild compares.
function hide(line) {
	if (line ~ /^(#define )?CONFIG_[A-Za-z0-9_]+[ =]"/ &&
	    line ~ /^[^"]*"(.*[ ,;])?(\/|[A-Za-z][A-Za-z0-9+.-]*:[^ "])/ &&
	    line !~ /^[^"]*"\/(usr\/)?s?bin\/[^ "\/]+"$/)
		sub(/".*/, "\"\"", line)
	return line
}

FILENAME == ARGV[1] {
	place[option($0)] = FNR
	places = FNR
	next
}

!(option($0) in place) {
	print hide($0)
	next
}

{
	n = place[option($0)]
	text[n] = text[n] hide($0) "\n"
}

END {
	for (n = 1; n <= places; n++)
		printf "%s", text[n]
}
