# SPDX-License-Identifier: GPL-2.0
#
# Read what "clang -cc1 -dump-raw-tokens" prints, write a line for each token that
# is neither blank nor comment: file, line, "S" if it starts a line, "B" if a blank
# is before it, kind and text.  A token's text may have line breaks in it; that it
# was spliced is left out, how it reads without the splice is what counts.

{
	record = record == "" ? $0 : record "\n" $0
	if ($0 !~ /\tLoc=<[^>]*:[0-9]+:[0-9]+>$/)
		next
	text = record
	record = ""
	where = text
	sub(/.*\tLoc=</, "", where)
	sub(/:[0-9]+>$/, "", where)
	sub(/\tLoc=<[^\t]*$/, "", text)
	if (text ~ /^comment / || text ~ /^unknown '[ \t\013\014\r\n]+'(\t|$)/) {
		# a comment takes the flag that is the next token's
		carry = carry || text ~ /\t \[StartOfLine\]/
		blank = 1
		next
	}
	start = carry || text ~ /\t \[StartOfLine\]/ ? "S" : "-"
	carry = 0
	sub(/\t( \[StartOfLine\])?( \[LeadingSpace\])?( \[UnClean=.*)?$/, "", text)
	print where, start (blank ? "B" : "-"), text
	blank = 0
}
