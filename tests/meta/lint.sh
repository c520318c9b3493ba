#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The quick checks, in seconds; they neither build nor boot a kernel.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

longest=60	# lines that a function may have

scripts() {
	for file in $files; do
		case $(head -n 1 "$file") in
		'#!/bin/sh') echo "$file" ;;
		esac
	done
	ls ./*/lib.sh ./tests/lib/*.sh
}

shell_lint() {
	# shellcheck disable=SC2046	# names without blanks
	shellcheck $(scripts)
}

# Guests and Kbuild may use a shell other than bash.
dash_reads() {
	for file in $(scripts); do
		dash -n "$file" || return 1
	done
}

host_programs() {
	quiet cc -std=gnu11 -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
		-Wdeclaration-after-statement -Werror -o "$tmp/strip" \
		scripts/strip_comments.c
}

# checkpatch; CONTRIBUTING explains the ignored types.  Run it in a copy, because it leaves a
# file of names where it runs.
kernel_style() {
	mkdir "$tmp/plain" && cp -r kheaders scripts selftests CONTRIBUTING "$tmp/plain" &&
		cd "$tmp/plain" || return 1
	check_style
	rc=$?
	cd "$top" && return "$rc"
}

check_style() {
	quiet "$kernel/source/scripts/checkpatch.pl" --no-tree --no-summary --terse \
		--strict --show-types --file \
		--ignore "$(sed -n 's/^checkpatch-ignore: //p' CONTRIBUTING)" \
		kheaders/*.c kheaders/*.S kheaders/Kbuild scripts/*.c \
		selftests/*.c selftests/test_modules/*.c
}

# Functions of C and shell, from "{" to "}" at the start of a line.
function_lengths() {
	for file in $files; do
		case $file in
		*.c|*.sh|vm/*|bench/*|tests/run|patches/generate) ;;
		*) continue ;;
		esac
		awk -v file="$file" '
		/^[a-z_]+\(\) \{$/ { name = $1; start = FNR }
		/^\{$/ { name = last; start = FNR }
		/^\}/ && start { print FNR - start + 1, file ": " name; start = 0 }
		/^[a-zA-Z_].*\(/ { last = $0 }' "$file"
	done | sort -rn > "$tmp/lengths"
	head -n 3 "$tmp/lengths" | show
	[ -s "$tmp/lengths" ] && [ "$(awk '{ print $1; exit }' "$tmp/lengths")" -le "$longest" ]
}

licences() {
	for file in $files; do
		case $file in
		COPYING|NEWS|VERSION|README*|SECURITY.md|debian/*|CONTRIBUTING|Documentation/*|patches/cover|*.message|*.symbols|.*|*/settings|*/config|*.tsv|*.svg) continue ;;
		esac
		head -n 2 "$file" | grep -q SPDX-License-Identifier && continue
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
	# shellcheck disable=SC2086	# names without blanks
	! grep -n -I -E '[[:blank:]]$' $files || return 1
	for file in $files; do
		[ -z "$(tail -c 1 "$file")" ] && continue
		ktap_print_msg "$file: no newline at the end"
		return 1
	done
}

cd "$top" || exit 1
files=$(git ls-files 2> /dev/null || find . -type f)
ktap_print_header
need_kernel_source
ktap_set_plan 8
ktap_test_result "shellcheck" shell_lint
ktap_test_result "dash reads every script" dash_reads
ktap_test_result "host programs compile without a warning" host_programs
ktap_test_result "checkpatch" kernel_style
ktap_test_result "no function over $longest lines" function_lengths
ktap_test_result "licences" licences
ktap_test_result "no trailing white space" text_form
ktap_test_result "no names of mirrors, no private paths" nothing_private
ktap_finished
