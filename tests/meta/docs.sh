#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Documents are true: what they name exists, their figures are those that were measured, and
# each command that they show is run by a test.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

longest_page=200

documents() {
	ls README NEWS CONTRIBUTING SECURITY.md Documentation/*.md
}

# Link targets in a document, relative to its directory.
links_resolve() {
	for doc in $(documents); do
		grep -o '](\([^)#]*\))' "$doc" | sed 's/^](//; s/)$//' | grep -v '^https\{0,1\}:' |
			while read -r target; do
				[ -e "$(dirname "$doc")/$target" ] || echo "$doc: $target"
			done
	done > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# exempt NAME: it is known not to be ours, see docs.except
exempt() {
	grep -q -x -F -e "$1" "$here/docs.except"
}

# Paths of the project in documents, comments and scripts.  Kernel trees have directories of
# the same names, so only those that are ours alone are looked at.
paths_exist() {
	echo "$files" | grep -v -E '\.(diff|svg|tsv)$' | xargs grep -o -h -I -P \
		'(?<![\w/.@$}-])((tests|vm|bench|patches|userspace|selftests)(/[A-Za-z0-9_.-]+)+|Documentation/[a-z]+\.(md|svg)\b)' |
		sed 's/[.-]*$//' | grep -v -e '[/_][A-Z][A-Z.a-z]*$' -e '\.k*o$' -e '_$' |
		sort -u > "$tmp/paths"
	while read -r path; do
		[ -e "$path" ] || exempt "$path" ||
			echo "$files" | xargs grep -l -F -e "$path" | sed "s,\$,: $path,"
	done < "$tmp/paths" > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# Names of tests, as "guest@6.12" or `guest.sh`.
tests_exist() {
	awk '{ print $1 }' tests/matrix > "$tmp/known"
	echo "$files" | sed 's,.*/,,' >> "$tmp/known"
	cat "$here/docs.except" >> "$tmp/known"
	{
		echo "$files" | grep -v -e '\.diff$' | xargs grep -o -h -I -P \
			'\b[a-z_]+(\.sh)?@[0-9]+\.[0-9x]+\b(?!\.[0-9])(/[a-z0-9]+)?\b'
		echo "$files" | grep -E '^(tests/|Documentation/|README$|CONTRIBUTING$)' |
			xargs grep -o -h -I -E '(^|[ `])[a-z_]+\.sh\b' | sed 's/^[ `]//'
	} | sort -u | grep -v -x -F -f "$tmp/known" > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# Checks that howto.md names, as: TEST: "name", "name"; SERIES there is $series in the test.
checks_exist() {
	grep -o '[a-z_]*\(@SERIES\)\{0,1\}: \("[^"]*"\(, \)\{0,1\}\)*' Documentation/howto.md |
		awk -F ': "' '{ sub(/@SERIES/, "", $1); n = split($0, part, "\"")
			for (i = 2; i <= n; i += 2) print $1 "\t" part[i] }' > "$tmp/checks"
	[ -s "$tmp/checks" ] || return 1
	while IFS="$(printf '\t')" read -r test name; do
		name=$(echo "$name" | sed "s/SERIES/\$series/; s/200/\$longest_page/")
		cat tests/*/"$test.sh" 2> /dev/null | grep -q -F -e "\"$name\"" ||
			echo "$test: \"$name\""
	done < "$tmp/checks" > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# Variables of the environment in documents are read by some script, makefile or program; a
# recipe sets its own.
variables_exist() {
	for doc in $(documents); do
		grep -o -w -E '(KHEADERS|FUZZ)_[A-Z]+' "$doc" | sort -u | while read -r name; do
			echo "$files" | grep -v -e '\.md$' -e '^README$' -e '^NEWS$' |
				xargs grep -q -w -e "$name" ||
				grep -q "^    $name = " "$doc" || echo "$doc: $name"
		done
	done > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# Targets of "make" in documents and in messages.
targets_exist() {
	sed -n 's/^\.PHONY: //p' Makefile scripts/kheaders.mk | tr ' ' '\n' > "$tmp/known"
	{
		for doc in $(documents); do
			grep -o -E '(^    [$#] |`)make [a-z][a-zA-Z_-]*' "$doc"
		done
		grep -r -h -o -E "'make [a-z][a-zA-Z_-]*'" tests vm bench patches scripts
	} | sed "s/.*make //; s/'\$//" | sort -u | grep -v -x -F -f "$tmp/known" |
		while read -r target; do
			exempt "make $target" || echo "make $target"
		done > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# List the commands in documents, "FILE:LINE TEST COMMAND", by the comment "test: NAME" before
# their block, which starts with a command.
list_commands() {
	for doc in $(documents); do
		awk '
		/^<!-- test: [^ ]+( [a-z]+)? -->$/ { test = $3; next }
		/^$/ { next }
		!/^    / { test = kind = ""; next }
		!kind { kind = /^    [$#] / ? "commands" : "text" }
		kind == "commands" && /^    [$#] / {
			print FILENAME ":" FNR, test ? test : "none", substr($0, 7)
		}' "$doc"
	done
}

# word COMMAND...: what is typical of it, the subcommand or target if it has one
word() {
	while [ "${1%%=*}" != "$1" ]; do
		shift
	done
	case $1/${2:-} in
	kheaders/[a-z]*|make/[a-z]*|dkms/[a-z]*|systemctl/*) echo "$2" ;;
	make/-C) echo modules ;;
	*/*) echo "${1##*/}" ;;
	esac
}

# A row of tests/matrix runs each command: its script, or a file beside it, has its word, or it
# reads the commands from the document; "make check" and lint are tests themselves.
commands_are_tested() {
	awk '{ print $1 }' tests/matrix > "$tmp/rows"
	list_commands > "$tmp/commands"
	[ -s "$tmp/commands" ] || return 1
	while read -r place test command; do
		grep -q -x -F -e "$test" "$tmp/rows" || { echo "$place: test: $test"; continue; }
		# shellcheck disable=SC2086	# words
		word=$(set -f; word $command)
		case $test/$word in
		*/check|*/lint|*/list-tests|"$test/$test.sh") continue ;;
		esac
		grep -q -s "^	*read_commands ${place%:*} $test\$" tests/*/"${test%%@*}.sh" ||
			exempt "$test: $word" || cat tests/*/"${test%%@*}"* tests/lib/*.sh |
			grep -q -w -e "$word" ||
			echo "$place: $test does not run: $command"
	done < "$tmp/commands" > "$tmp/broken"
	show "$tmp/broken"
	[ ! -s "$tmp/broken" ]
}

# What scripts/needs tells apt to install is what building the Debian package takes.
packages_agree() {
	awk '$1 ~ /\.pc$/ || $1 == "pkg-config" { print $2 }' scripts/programs |
		sort > "$tmp/programs"
	sed -n '/^Build-Depends:/,/^[^ ]*$/p' debian/control | sed 's/^Build-Depends://' |
		tr -d ' ' | tr ',' '\n' | grep -v -e '^debhelper' -e '^dh-' -e '^$' -e '^[A-Z]' |
		sed 's/.*|//' | sort > "$tmp/control"
	diff "$tmp/control" "$tmp/programs" > "$tmp/diff" && [ -s "$tmp/programs" ] && return
	show "$tmp/diff"
	return 1
}

figures_agree() {
	for doc in $(documents); do
		mkdir -p "$tmp/figures/$(dirname "$doc")"
		cp "$doc" "$tmp/figures/$doc"
	done
	bench/figures "$tmp/figures" || return 1
	for doc in $(documents); do
		diff -u "$doc" "$tmp/figures/$doc"
	done > "$tmp/diff"
	show "$tmp/diff"
	[ ! -s "$tmp/diff" ]
}

# The pictures are drawn from today's figures: bench/plot puts their checksum into each.
pictures_agree() {
	for picture in size.svg:results.tsv parts.svg:parts.tsv; do
		sum=$(cksum < "bench/${picture#*:}")
		grep -q -x -F -e "<!-- bench/${picture#*:} $sum -->" \
			"Documentation/${picture%:*}" && continue
		ktap_print_msg \
			"Documentation/${picture%:*}: not drawn from bench/${picture#*:}; run bench/plot"
		return 1
	done
}

pages_are_indexed() {
	for page in Documentation/*.md userspace/*.[1-8]; do
		[ "$page" = Documentation/README.md ] && continue
		grep -q -F -e "(${page#Documentation/})" -e "(../$page)" Documentation/README.md &&
			continue
		ktap_print_msg "$page: not in Documentation/README.md"
		return 1
	done
}

# Each page begins with its title and a paragraph on its purpose.
pages_are_short() {
	for page in Documentation/*.md; do
		[ "$(wc -l < "$page")" -le "$longest_page" ] && awk '
			NR == 1 && !/^# / { exit 1 }
			NR == 3 { exit !/^[A-Z]/ }' "$page" && continue
		ktap_print_msg "$page: over $longest_page lines, or without title and purpose"
		return 1
	done
}

manuals_are_rendered() {
	quiet make -s html BUILDDIR="$tmp/build" || return 1
	for page in userspace/*.[1-8]; do
		grep -q '<title>KHEADERS' "$tmp/build/html/${page##*/}.html" || return 1
	done
}

list_files
ktap_print_header
ktap_set_plan 13
ktap_test_result "links in documents lead to files" links_resolve
ktap_test_result "paths in documents and comments exist" paths_exist
ktap_test_result "tests named in documents and comments exist" tests_exist
ktap_test_result "checks named in howto.md exist" checks_exist
ktap_test_result "variables in documents are in use" variables_exist
ktap_test_result "make targets in documents exist" targets_exist
ktap_test_result "every command in a document names the test that runs it" commands_are_tested
ktap_test_result "packages in scripts/programs are those of debian/control" packages_agree
ktap_test_result "figures in documents are those of bench/" figures_agree
ktap_test_result "pictures are drawn from the figures of bench/" pictures_agree
ktap_test_result "every page is in the index" pages_are_indexed
ktap_test_result "every page has a purpose and at most $longest_page lines" pages_are_short
ktap_test_result "make html renders the manual pages" manuals_are_rendered
ktap_finished
