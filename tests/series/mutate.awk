# SPDX-License-Identifier: GPL-2.0
#
# Print a file with one small edit, of the kind that a vendor or a later release makes.
#
# awk -f mutate.awk -v seed=N -v near="LINE LINE..." FILE
#
# Seven of ten edits are within twelve lines of those that "near" names.  The last line on
# a line on standard error describes the edit.

function any(n)
{
	return 1 + int(rand() * n)
}

# A line to edit.
function pick(n, place, at)
{
	n = split(near, place, " ")
	at = n && rand() < .7 ? place[any(n)] + any(25) - 13 : any(NR)
	return at < 1 ? 1 : at > NR ? NR : at
}

# The paragraph around line AT is from first to last.
function paragraph(at)
{
	for (first = at; first > 1 && line[first - 1] != ""; first--)
		;
	for (last = at; last < NR && line[last + 1] != ""; last++)
		;
}

# Change the end of one word of line AT.
function rename(at, words, i, n)
{
	while (match(substr(line[at], n + 1), /[A-Za-z_][A-Za-z_]+/)) {
		n += RSTART + RLENGTH - 1
		end[++words] = n
	}
	if (!words)
		return
	i = end[any(words)]
	line[at] = substr(line[at], 1, i) (rand() < .5 ? "_x" : "2") substr(line[at], i + 1)
}

# Take lines FROM to TO to below line AT.
function move(from, to, at, i, n, moved)
{
	if (at >= from - 1 && at <= to)
		return
	for (i = from; i <= to; i++) {
		moved = moved line[i] "\n"
		gone[i] = 1
	}
	behind[at] = moved "\n"
}

function enclose(from, to, opening, closing)
{
	if (FILENAME ~ /\.sh$/) {
		opening = "if [ -n \"${CONFIG_VENDOR}\" ]; then"
		closing = "fi"
	} else if (FILENAME ~ /Kconfig$/) {
		opening = "if VENDOR\n"
		closing = "\nendif"
	} else {
		opening = rand() < .5 ? "ifdef CONFIG_VENDOR" : "ifneq ($(VENDOR),)"
		closing = "endif"
	}
	line[from] = opening "\n" line[from]
	line[to] = line[to] "\n" closing
}

function edit(what, at, i, text)
{
	at = pick()
	if (what == "rename")
		rename(at)
	else if (what == "delete")
		gone[at] = 1
	else if (what == "repeat")
		behind[at] = line[at] "\n"
	else if (what == "blank")
		behind[at] = "\n"
	else if (what == "space")
		sub(/[ \t]+/, rand() < .5 ? "  " : "\t\t", line[at])
	else if (what == "trailing")
		line[at] = line[at] (rand() < .5 ? " " : "\t")
	else if (what == "comment")
		behind[at] = (FILENAME ~ /MAINTAINERS/ ? "" : "# a vendor's remark\n")
	else if (what == "swap" && at < NR) {
		text = line[at]
		line[at] = line[at + 1]
		line[at + 1] = text
	} else if (what == "move" || what == "copy" || what == "enclose") {
		paragraph(at)
		if (what == "move")
			move(first, last, pick())
		else if (what == "enclose")
			enclose(first, last)
		else for (i = first; i <= last; i++)
			behind[last] = behind[last] (i == first ? "\n" : "") line[i] "\n"
	}
	printf "%s at line %d\n", what, at | "cat 1>&2"
}

{ line[NR] = $0 }
END {
	srand(seed)
	n = split("rename rename rename delete repeat blank space trailing comment swap " \
		"move move copy enclose", what, " ")
	edit(what[any(n)])
	for (i = 1; i <= NR; i++) {
		if (!(i in gone))
			print line[i]
		printf "%s", behind[i]
	}
}
