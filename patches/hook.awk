# SPDX-License-Identifier: GPL-2.0
#
# Apply the changes that patches/hooks describes to a kernel's own files.
#
# awk -f hook.awk -v ksrc=DIR -v patch=N [-v out=DIR] [-v files=NAMES -v maintainer=TEXT] hooks
#
# Without "out", print the names of the files that patches up to N change.  With "out",
# write these files, in their state after patch N, to DIR, where their directories must
# exist.  "files", a list of names, replaces @FILES@, and "maintainer" @MAINTAINER@.
#
# Exit status: 0 done, 1 a hook matches no place or several; then nothing is written.

function fail(text)
{
	printf "generate: %s\n", text | "cat 1>&2"
	failed = 1
}

function plain(line)
{
	gsub(/[ \t]+/, " ", line)
	sub(/ $/, "", line)
	return line
}

function push(what)
{
	open[++depth] = what
}

function pop()
{
	if (depth)
		depth--
}

# Track the blocks that enclose a line; one function for each kind of file.
function nest_make(line, text)
{
	sub(/ ?#.*/, "", text)
	if (line ~ /^ *(ifn?eq|ifn?def|define)[ \t(]/)
		push(text)
	else if (line ~ /^ *(endif|endef)([ \t#]|$)/)
		pop()
	else if (depth && line ~ /^ *else([ \t#]|$)/) {
		sub(/^else of /, "", open[depth])
		sub(/^else */, "", text)
		open[depth] = "else of " open[depth] (text == "" ? "" : ", " text)
	}
}

function nest_shell(line, text)
{
	if (line ~ /^[a-zA-Z_]+ ?\(\)/) {
		push(text)
		sub(/ ?\(\).*/, "()", open[depth])
	} else if (line ~ /^}/)
		depth = 0
	else if (text ~ /^(if|for|while|until|case) / && text !~ /[ ;](fi|done|esac)$/)
		push(text)
	else if (text ~ /^(fi|done|esac)([ ;|]|$)/)
		pop()
}

function nest_kconfig(line, text)
{
	if (line ~ /^(menu|if|choice)([ \t]|$)/)
		push(text)
	else if (line ~ /^(endmenu|endif|endchoice)([ \t]|$)/)
		pop()
}

# TEXT is LINE with its whitespace normalized.
function nest(file, line, text)
{
	sub(/^ /, "", text)
	if (file ~ /\.sh$/)
		nest_shell(line, text)
	else if (file ~ /Kconfig/)
		nest_kconfig(line, text)
	else if (file ~ /Makefile/)
		nest_make(line, text)
}

# Read FILE of the tree, once, into raw[], line[] and around[], by file and line number.
function load(file, path, text, n, i)
{
	if (file in length_of)
		return
	path = ksrc "/" file
	depth = n = 0
	line[file, 0] = "^"
	while ((getline text < path) > 0) {
		raw[file, ++n] = text
		line[file, n] = plain(text)
		if (n == 1 || raw[file, n - 1] !~ /\\$/)
			nest(file, text, line[file, n])
		around[file, n] = ""
		for (i = 1; i <= depth; i++)
			around[file, n] = around[file, n] (i > 1 ? " > " : "") open[i]
	}
	close(path)
	length_of[file] = n
}

function has(file, regex, from, to, i)
{
	load(file)
	for (i = from; i <= to && i <= length_of[file]; i++)
		if (line[file, i] ~ regex)
			return 1
	return 0
}

# Does hook H apply to this tree?
function is_for(h, i, file, regex)
{
	for (i = 1; i <= terms[h]; i++) {
		if (kind[h, i] != "when" && kind[h, i] != "unless")
			continue
		file = regex = value[h, i]
		sub(/ .*/, "", file)
		sub(/^[^ ]* /, "", regex)
		if (has(file, regex, 1, 1e6) != (kind[h, i] == "when"))
			return 0
	}
	return 1
}

# Do the lines of hook H sort between the last match of REGEX above gap G and the line below?
function is_between(h, file, g, regex, i)
{
	if (line[file, g + 1] !~ regex || key(line[file, g + 1]) <= key(added[h, 1]))
		return 0
	for (i = g; i > 0 && line[file, i] !~ regex; i--)
		;
	return i == 0 || key(line[file, i]) < key(added[h, 1])
}

# Does the gap below line G of FILE end a Kconfig entry that REGEX matches?
function ends_entry(file, g, regex, i)
{
	if (g < length_of[file] && raw[file, g + 1] !~ /^[^ \t#]/)
		return 0
	for (i = g; i > 0 && raw[file, i] !~ /^[^ \t#]/; i--)
		;
	return line[file, i] ~ regex
}

function key(text)
{
	sub(/^\//, "", text)
	return text
}

# Do the lines next to the gap match the "after" and "before" terms of hook H?
function touches(h, file, g, i, above, below, at)
{
	above = g - many[h, "after"]
	below = g
	for (i = 1; i <= terms[h]; i++) {
		if (kind[h, i] == "after")
			at = ++above
		else if (kind[h, i] == "before")
			at = ++below
		else
			continue
		if (at < 1 || at > length_of[file] || line[file, at] !~ value[h, i])
			return 0
	}
	return 1
}

# Would a rule added in the gap take over the recipe lines below it?
function cuts_recipe(file, g)
{
	if (file !~ /Makefile/)
		return 0
	while (++g <= length_of[file] && line[file, g] == "")
		;
	return raw[file, g] ~ /^\t/
}

# Set first_line and last_line to the bounds of the function that contains the gap.
function find_scope(file, g)
{
	first_line = 1
	last_line = length_of[file]
	if (around[file, g] !~ /^[a-zA-Z_]+\(\)/)
		return
	for (first_line = g; raw[file, first_line] !~ /^[a-zA-Z_]+ ?\(\)/; first_line--)
		;
	last_line = g
	while (last_line < length_of[file] && raw[file, last_line] !~ /^}/)
		last_line++
}

function fits(h, file, g, i, k, v, ok)
{
	if (raw[file, g] ~ /\\$/ || !touches(h, file, g) || cuts_recipe(file, g) ||
	    (!many[h, "in"] && around[file, g] != ""))
		return 0
	find_scope(file, g)
	ok = 1
	for (i = 1; i <= terms[h] && ok; i++) {
		k = kind[h, i]
		v = value[h, i]
		if (k == "in")
			ok = around[file, g] ~ v
		else if (k == "entry")
			ok = ends_entry(file, g, v)
		else if (k == "sorted")
			ok = is_between(h, file, g, v)
		else if (k == "below")
			ok = has(file, v, first_line, g)
		else if (k == "above")
			ok = has(file, v, g + 1, last_line)
		else if (k == "none")
			ok = !has(file, v, g + 1, last_line)
	}
	return ok
}

function refuse(h, why, i)
{
	fail(ksrc "/" file_of[h] ": hook \"" name[h] "\" has " why)
	for (i = 1; i <= terms[h]; i++)
		fail("    " kind[h, i] " " value[h, i])
	fail("describe in patches/hooks how this tree does it, or restore that file as released")
}

# Return the only gap that fits hook H, or -1 if there is none or more than one.
function place(h, file, g, found)
{
	load(file)
	if (!length_of[file]) {
		fail(ksrc "/" file ": not found; is this the complete source?")
		return -1
	}
	found = -1
	for (g = 0; g <= length_of[file]; g++) {
		if (!fits(h, file, g))
			continue
		if (found >= 0) {
			refuse(h, "two places, after lines " found " and " g ":")
			return -1
		}
		found = g
		if (many[h, "sorted"])
			break
	}
	if (found < 0)
		refuse(h, "no place where all of this is true:")
	return found
}

# Choose the hook of this name that applies to the tree, and find its place.
function choose(wanted, h, n, chosen)
{
	for (h = 1; h <= hooks; h++)
		if (name[h] == wanted && is_for(h)) {
			n++
			chosen = h
		}
	if (n == 1) {
		if (out != "" && (gap[chosen] = place(chosen, file_of[chosen])) < 0)
			return
		is_chosen[chosen] = 1
		is_changed[file_of[chosen]] = 1
	} else
		fail(ksrc ": " n + 0 " of the hooks \"" wanted "\" match this tree; " \
			"describe in patches/hooks how it does that")
}

function first_word(h, file, text)
{
	text = line[file, gap[h] - many[h, "after"] + 1]
	sub(/ .*/, "", text)
	sub(/:$/, "", text)
	return text
}

# Expand the placeholder in line TEXT of hook H; the result may be several lines.
function filled(h, file, text, at)
{
	if (text == "@FILES@") {
		text = "F:\t" files
		gsub(/ /, "\nF:\t", text)
	} else if (text == "@MAINTAINER@")
		text = "M:\t" maintainer
	else if (at = index(text, "@1@"))
		text = substr(text, 1, at - 1) first_word(h, file) substr(text, at + 3)
	return text
}

function write_hook(h, file, to, i, text)
{
	for (i = 1; i <= lines[h]; i++) {
		text = added[h, i]
		if (text != "" || !(i == 1 && raw[file, gap[h]] == "" ||
		    i == lines[h] && raw[file, gap[h] + 1] == ""))
			print filled(h, file, text) > to
	}
}

function write_file(file, to, g, h)
{
	for (g = 0; g <= length_of[file]; g++) {
		if (g)
			print raw[file, g] > to
		for (h = 1; h <= hooks; h++)
			if (is_chosen[h] && file_of[h] == file && gap[h] == g)
				write_hook(h, file, to)
	}
	close(to)
}

/^(#|$)/ { next }
$1 == "hook" {
	wanted = $3 <= patch
	if (!wanted)
		next
	name[++hooks] = $2
	file_of[hooks] = $4
	names[$2] = 1
	next
}
!wanted { next }
/^\+/ {
	added[hooks, ++lines[hooks]] = substr($0, 2)
	next
}
{
	kind[hooks, ++terms[hooks]] = $1
	many[hooks, $1]++
	sub(/^[^ ]* /, "")
	value[hooks, terms[hooks]] = $0
}
END {
	for (wanted in names)
		choose(wanted)
	if (failed)
		exit 1
	for (file in is_changed) {
		if (out == "")
			print file
		else
			write_file(file, out "/" file)
	}
}
