# SPDX-License-Identifier: GPL-2.0
#
# Print a file of this repository in the form for a kernel tree.  Like unifdef, resolve the
# conditionals whose value is known for this tree, and change nothing else.
#
# awk -f render.awk -v known="NAME=1 NAME=0..." FILE
#
# A conditional is "#ifdef NAME" or "#ifndef NAME", which in a script is a comment, with
# "#else" and "#endif"; in a makefile also "ifdef NAME", "ifneq ($(NAME),)" and so on.

function open_block(line, name, negative)
{
	name = line
	negative = line ~ /^#? *ifndef|^ifeq/
	if (line ~ /^ifn?eq/)
		sub(/^ifn?eq \(\$\(/, "", name) && sub(/\),\)$/, "", name)
	else
		sub(/^#? *ifn?def +/, "", name)
	is_known[++depth] = name in value
	is_true[depth] = is_known[depth] ? (value[name] != negative) : 1
	return is_known[depth]
}

function is_shown(i)
{
	for (i = 1; i <= depth; i++)
		if (!is_true[i])
			return 0
	return 1
}

# Is LINE a directive of a conditional whose value is known?
function is_directive(line)
{
	sub(/^[ \t]+/, "", line)
	sub(/[ \t]*\/\*.*\*\/$/, "", line)
	if (line ~ ("^(" mark "(ifn?def|if) )") || is_make && line ~ /^ifn?(eq|def) /)
		return open_block(line)
	if (!depth)
		return 0
	if (line ~ ("^" mark "else$")) {
		if (is_known[depth])
			is_true[depth] = !is_true[depth]
		return is_known[depth]
	}
	if (line ~ ("^" mark "endif$"))
		return is_known[depth--]
	return 0
}

BEGIN {
	n = split(known, word, " ")
	for (i = 1; i <= n; i++) {
		split(word[i], part, "=")
		value[part[1]] = part[2]
	}
}
FNR == 1 {
	is_make = FILENAME ~ /(Kbuild|Makefile|\.mk)$/
	mark = is_make ? "#?" : "#"
}
is_directive($0) {
	removed = 1
	next
}
!is_shown() { next }
# a removed block must not leave two blank lines in a row
/^$/ && removed && last == "" { next }
{
	print
	last = $0
	removed = 0
}
