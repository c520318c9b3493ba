#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The quick checks of every file; they take seconds and need no kernel.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

longest_function=60
longest_awk=15		# lines of an awk program inside a shell script
longest_line=100	# as in .editorconfig; tabs count as eight columns

# Data has lines as long as they must be: Markdown tables, diffs, figures, regular expressions.
may_be_long='\.(svg|diff|tsv|md|explained|tests)$|/(hooks|words)$|^(debian/|COPYING|README)'

# Print the shell scripts, known by the first line or by the dialect given to shellcheck.
shell_scripts() {
	# shellcheck disable=SC2086	# names without blanks
	awk 'FNR == 1 && /^#!.*sh$/ || FNR <= 3 && /^# shellcheck shell=/ { print FILENAME }' \
		$files | sort -u
}

posix_scripts() {
	# shellcheck disable=SC2046	# names without blanks
	grep -l -e '^#!/bin/sh$' -e '^# shellcheck shell=sh$' $(shell_scripts)
}

# A script that passed is not read again until it, what scripts source, or shellcheck changes.
shell_lint() {
	passed=$cache/shellcheck-$({
		shellcheck --version
		cat .shellcheckrc tests/lib/*.sh selftests/lib.sh vm/lib.sh
	} | sha256sum | cut -c 1-12)
	mkdir -p "$cache"
	touch "$passed"
	shell_scripts | xargs sha256sum | grep -v -x -F -f "$passed" > "$tmp/unread"
	sed 's/^[^ ]*  //' "$tmp/unread" | xargs -r -n 8 -P 2 shellcheck &&
		cat "$tmp/unread" >> "$passed"
}

# Guests and Kbuild may use a shell other than bash.
shells_read() {
	for file in $(posix_scripts); do
		dash -n "$file" && busybox sh -n "$file" || return 1
	done
}

compilers_are_silent() {
	host_c_files > "$tmp/c_files"
	for compiler in gcc clang; do
		xargs -P 2 -I '{}' sh -c "$compiler $c_warnings -Werror -O1 -c -o /dev/null {}" \
			< "$tmp/c_files" > "$tmp/output" 2>&1 && continue
		show "$tmp/output"
		return 1
	done
}

# Functions of C and shell: from "{" to "}" at the start of a line.
function_lengths() {
	for file in $files; do
		case $file in
		*.c|*.sh|vm/*|bench/*|tests/run|patches/generate) ;;
		*) continue ;;
		esac
		awk -v file="$file" '
		/^[a-z_0-9]+\(\) \{$/ { name = $1; start = FNR }
		/^\{$/ { name = last; start = FNR }
		/^\}/ && start { print FNR - start + 1, file ": " name; start = 0 }
		/^[a-zA-Z_].*\(/ { last = $0 }' "$file"
	done | sort -rn > "$tmp/lengths"
	head -n 3 "$tmp/lengths" | show
	[ -s "$tmp/lengths" ] &&
		[ "$(awk '{ print $1; exit }' "$tmp/lengths")" -le "$longest_function" ]
}

# A longer awk program is a file of its own.
awk_lengths() {
	for file in $(shell_scripts); do
		awk -v file="$file" -v q="'" '
		!start && /^[^#]*(^|[ \t|(])awk / && gsub(q, q) % 2 { start = FNR; next }
		start && index($0, q) { print FNR - start + 1, file ": " start; start = 0 }' "$file"
	done | sort -rn > "$tmp/lengths"
	head -n 1 "$tmp/lengths" | show
	[ -s "$tmp/lengths" ] &&
		[ "$(awk '{ print $1; exit }' "$tmp/lengths")" -le "$longest_awk" ]
}

# A message is not broken for its length.
line_lengths() {
	[ "$(sed -n 's/^max_line_length = //p' .editorconfig)" -eq "$longest_line" ] || return 1
	for file in $(echo "$files" | grep -v -E "$may_be_long"); do
		expand "$file" | awk -v file="$file" -v most="$longest_line" \
			'length($0) > most && !/^ *["\047]/ { print file ": " FNR ": " length($0) }'
	done > "$tmp/long"
	show "$tmp/long"
	[ ! -s "$tmp/long" ]
}

licences() {
	for file in $files; do
		case $file in
		COPYING|NEWS|VERSION|README*|SECURITY.md|CONTRIBUTING|debian/*|Documentation/*) \
			continue ;;
		patches/cover|*.message|*.symbols|.*|*/settings|*/config|*.tsv|*.svg) continue ;;
		esac
		head -n 3 "$file" | grep -q SPDX-License-Identifier && continue
		ktap_print_msg "$file: no SPDX line"
		return 1
	done
}

# No mirror, no path of a developer's machine.
nothing_private() {
	# shellcheck disable=SC2086	# names without blanks
	! grep -n -I -E -e '(deb|snapshot|security)\.debian''\.org' \
		-e "$(echo '/(home|work)/' | sed 's,/$,/[a-z],')" $files
}

text_form() {
	# shellcheck disable=SC2046	# names without blanks
	! grep -n -I -E '[[:blank:]]$' $(echo "$files" | grep -v '\.diff$') || return 1
	for file in $files; do
		[ -z "$(tail -c 1 "$file")" ] && continue
		ktap_print_msg "$file: no newline at the end"
		return 1
	done
}

manuals_are_clean() {
	# shellcheck disable=SC2046	# names without blanks
	quiet mandoc -T lint -W warning $(echo "$files" | grep '\.[1-9]$')
}

list_files
ktap_print_header
ktap_set_plan 10
ktap_test_result "shellcheck reads every script" shell_lint
ktap_test_result "dash and busybox read every script" shells_read
ktap_test_result "gcc and clang compile the host's C without a warning" compilers_are_silent
ktap_test_result "no function over $longest_function lines" function_lengths
ktap_test_result "no awk program over $longest_awk lines in a script" awk_lengths
ktap_test_result "no line over $longest_line columns" line_lengths
ktap_test_result "licences" licences
ktap_test_result "no trailing white space" text_form
ktap_test_result "no names of mirrors, no private paths" nothing_private
ktap_test_result "mandoc -T lint" manuals_are_clean
ktap_finished
