# SPDX-License-Identifier: GPL-2.0
#
# Convert the output of "clang -cc1 -dump-raw-tokens" to a line for each token except
# blanks and comments: file, line, "S" if it starts a line, "B" if a blank precedes it, kind
# and text.  A token's text may contain line breaks.  The flag for spliced tokens is dropped,
# as only the text without the splice matters.

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
		# the comment has the flag that belongs to the next token
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
