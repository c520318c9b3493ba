# SPDX-License-Identifier: GPL-2.0
#
# Reduce the content list to the rules that apply to one kernel.
#
# Usage: awk -v content=full|headers -v archs=NAMES -f kheaders_rules.awk \
#            auto.conf kheaders.list
#
# KHEADERS_EXTRA in the environment names more files, which must be in one of the
# trees.  Exit status: 3 after a message of its own.  Output, in $tmp:
#
#   musts       tree (src, obj, any) and path of each rule that something must
#               match, separated by a tab
#   start.TREE  find(1)'s starting points in TREE, as words for the shell:
#               directories, names and patterns of files
#   tests.TREE  find's expression that selects the files in TREE

function fail(what, message) {
	print "pack_headers: " what ": " message | "cat 1>&2"
	failed = 1
	exit
}

# Are all options of CONDITION, separated by "&", set or, after a "!", not set?
function all_hold(condition,	n, i, option, negated) {
	n = split(condition, option, "&")
	for (i = 1; i <= n; i++) {
		negated = sub(/^!/, "", option[i])
		if ((option[i] in set) == negated)
			return 0
	}
	return 1
}

# Does one of the alternatives of CONDITION, separated by "|", hold?
function holds(condition,	n, i, alternative) {
	n = split(condition, alternative, "|")
	for (i = 1; i <= n; i++)
		if (all_hold(alternative[i]))
			return 1
	return n == 0
}

# The directory below which PATH matches at any depth; empty without "**"
function top(path) {
	return sub(/\/[^\/]*\*\*.*/, "", path) ? path : ""
}

# find's tests that match PATH, where "*" does not match a slash but "**" does
function tests(path,	expression, other, at) {
	other = path
	gsub(/\*\*/, "*", other)
	expression = "-path " other
	for (at = 1; path !~ /\*\*/ && at <= length(path); at++)
		if (substr(path, at, 1) == "*")
			expression = expression " ! -path " substr(path, 1, at) "/" substr(path, at)
	return expression
}

function add_start(tree, path) {
	allow[tree] = allow[tree] " -o " tests(path)
	start[++starts] = path
	tree_of[starts] = tree
	if (top(path) != "")
		walked[tree, top(path)]
}

function add_rule(tree, rule, path) {
	if (rule == "must")
		print tree "\t" path > (out "/musts")
	if (rule != "never") {
		if (tree != "obj")
			add_start("src", path)
		if (tree != "src")
			add_start("obj", path)
	} else if (path ~ /^[^*]*\/\*\*$/) {
		sub(/\/\*\*$/, "", path)
		prune[tree] = prune[tree] "-path " path " -prune -o "
	} else {
		never[tree] = never[tree] " -o " tests(path)
	}
}

# Does find already reach PATH from another starting point?
function is_walked(tree, path) {
	while (sub(/\/[^\/]*$/, "", path))
		if ((tree, path) in walked)
			return 1
	return 0
}

function write_start(tree, path) {
	if (top(path) != "")
		path = top(path)
	if (!seen[tree, path]++ && !is_walked(tree, path))
		print path > (out "/start." tree)
}

function write_tests(tree) {
	print prune[tree] "( -type f -o -type l ) ( -false" allow[tree] \
		" ) ! ( -false" never[tree] " )" > (out "/tests." tree)
}

# Names that KHEADERS_EXTRA may not add: keys, seeds, build leftovers, images and symbol
# addresses, files of editors and of version control
function looks_secret(name) {
	name = "/" name
	return name ~ /\.(pem|key|priv|p12|pfx|x509|der|crt|seed)$|_key$|[Ss]ecret/ ||
	       name ~ /\/certs\/|randstruct|randomize_layout_/ ||
	       name ~ /\.(cmd|o|a|ko)$|\/System\.map|\/vmlinux|Image$/ ||
	       name ~ /~$|\.sw[a-z]$|\.(orig|rej)$|\/\.(git|svn|hg)/
}

function add_extra(name) {
	sub(/^(\.\/)+/, "", name)
	if (name ~ /^[-\/]|[*?@\[\\]/ || ("/" name "/") ~ /\/\.\.\//)
		fail(name, "KHEADERS_EXTRA takes plain names below the tree")
	if (looks_secret(name))
		fail(name, "looks like a secret or a build leftover; remove it from KHEADERS_EXTRA")
	add_rule("any", "must", name)
}

BEGIN {
	out = ENVIRON["tmp"]
	n = split(ENVIRON["KHEADERS_EXTRA"], extra, " ")
	for (i = 1; i <= n; i++)
		add_extra(extra[i])
}

FILENAME == ARGV[1] {
	if (sub(/=.*/, ""))
		set[$0]
	next
}

/^#/ || NF == 0 { next }

NF < 4 || NF > 5 || $1 !~ /^(headers|full)$/ || $2 !~ /^(src|obj)$/ ||
$3 !~ /^(must|may|never)$/ || $4 !~ /^[A-Za-z0-9_.\/@+*-]+$/ ||
$4 ~ /\*\*.*[^*]\*([^*]|$)|(^|[^*])\*[^*].*\*\*/ {
	fail(FILENAME ":" FNR, "invalid line in the content list")
}

($1 == "headers" || content == "full") && holds($5) {
	n = $4 ~ /@ARCH@/ ? split(archs, arch, " ") : 1
	for (i = 1; i <= n; i++) {
		path = $4
		gsub(/@ARCH@/, arch[i], path)
		add_rule($2, $3, path)
	}
}

END {
	if (failed)
		exit 3
	for (i = 1; i <= starts; i++)
		write_start(tree_of[i], start[i])
	write_tests("src")
	write_tests("obj")
}
