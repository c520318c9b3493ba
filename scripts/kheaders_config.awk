# SPDX-License-Identifier: GPL-2.0
#
# Prepare .config, auto.conf or autoconf.h for the archive.
#
# Usage: awk -f kheaders_config.awk ORDER FILE
#
# Prints FILE with its options in the order of ORDER, a .config or /dev/null.  The order
# of auto.conf does not matter to make, and using that of .config saves 12 kB.

function option(line) {
	sub(/=.*/, "", line)
	return line
}

# Clear the value of any option that contains a word like an absolute path or a URI: it
# names a file of the build machine, or a token and its PIN, and no module build uses it.
# Keep a value that is a single program in a bin directory, as the kernel runs it on the
# target.  Words in parentheses are compiler versions, which Kbuild compares.  Since 5.17
# auto.conf has no quotes.
function hide(line,	head, value, quotes) {
	if (!match(line, /^(#define )?CONFIG_[A-Za-z0-9_]+[ =]/))
		return line
	head = substr(line, 1, RLENGTH)
	value = substr(line, RLENGTH + 1)
	if (value ~ /^".*"$/) {
		value = substr(value, 2, length(value) - 2)
		quotes = "\"\""
	}
	if (value ~ /^(.*[ ,;])?(\/|[A-Za-z][A-Za-z0-9+.-]*:[^ ])/ &&
	    value !~ /^\/(usr\/)?s?bin\/[^ "\/]+$/)
		return head quotes
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
