#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What has to be added in several places is in all of them: tests, series, architectures,
# members of the archive.  Documentation/howto.md names the places and these checks.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/files.sh
. "$(dirname "$0")/../lib/files.sh"

# The last commit before sign-offs were checked.
base=d327f47

# column N FILE: its N-th field, without comments
column() {
	awk -v n="$1" '!/^#/ && NF { print $n }' "$2"
}

# without LIST: the lines of standard input that are not in LIST, words
without() {
	for word in $1; do
		echo "$word"
	done > "$tmp/known"
	grep -v -x -F -f "$tmp/known"
}

scripts() {
	find tests -mindepth 2 -name '*.sh' ! -path 'tests/lib/*' | sed 's,.*/,,; s,\.sh$,,'
}

tests_have_rows() {
	scripts | without "$(column 1 tests/matrix | sed 's/@.*//')" | none "no row in tests/matrix"
}

rows_have_tests() {
	column 1 tests/matrix | sed 's/@.*//' | without "$(scripts)" | none "no such test"
}

# One name is one test, whatever its directory.
names_are_unique() {
	scripts | sort | uniq -d | none "more than one test" || return 1
	column 1 tests/matrix | sort | uniq -d | none "more than one row"
}

rows_are_valid() {
	column 2 tests/matrix | without "check all" | none "neither check nor all" || return 1
	column 3 tests/matrix | grep -v -x '[0-9]*' | none "not a number of seconds" || return 1
	column 4 tests/matrix | tr ',' '\n' |
		without "- alone build $(sed -n 's/^\([a-z][a-z0-9]*\)	.*/\1/p' vm/packages)" |
		none "no such group in vm/packages"
}

# packages GROUP: its packages in vm/packages
packages() {
	awk -v group="$1" '/^#/ { next } /^[^ \t]/ { mine = $1 == group; $1 = "" } mine' \
		vm/packages | tr -s ' \t' '\n'
}

# A message that a program is not installed names the group with its package, not "make deps",
# which installs what the tests of CI need.
groups_have_programs() {
	cat vm/* bench/* tests/*/*.sh 2> /dev/null | grep -v 'sed -n' |
		sed -n "s,.*[ \"]\([^ \"]*[a-z]\)[:\"]* \"*not installed; run '\(.*\)'.*,\1 \2,p" |
		sed 's/^.qemu /qemu-system /' > "$tmp/messages"
	while read -r name command group; do
		[ "$command" = vm/deps ] && packages "$group" | grep -q -e "^$name" ||
			echo "$name: $command $group"
	done < "$tmp/messages" | none "not in this group of vm/packages" && [ -s "$tmp/messages" ]
}

# Each has a purpose, which tests/run -l prints.
tests_have_purposes() {
	tests/run -l all > "$tmp/list" &&
		awk '$4 == "" || $4 ~ /^shellcheck/ { print $1 }' "$tmp/list" | none "no purpose"
}

tests_are_executable() {
	find tests -mindepth 2 -name '*.sh' ! -path 'tests/lib/*' ! -perm -u+x |
		none "not executable"
}

series_in_matrix() {
	column 1 tests/matrix | sed -n 's/^[^@]*@\([^/]*\).*/\1/p'
}

series_are_known() {
	series_in_matrix | without "$(column 1 vm/kernels)" | none "not in vm/kernels"
}

# The tests that every series must pass; a row without "@" is 6.1's.
series_are_tested() {
	for test in guest tokens series built_kernel; do
		column 1 vm/kernels | sed "s/^/$test@/; s/@6\\.1\$//"
	done | without "$(column 1 tests/matrix)" | none "no row in tests/matrix"
}

# README's list is vm/kernels', and so are the rows of the table of kernels.
series_are_documented() {
	sed -n 's/^| Kernel series | \(.*\) |/\1/p' README | tr -d ' ' | tr ',' '\n' > "$tmp/readme"
	column 1 vm/kernels | diff - "$tmp/readme" | sed -n 's/^[<>] //p' |
		none "README's row of kernel series" || return 1
	column 1 vm/kernels | while read -r series; do
		for mode in m y; do
			grep -q "^| $series | amd64 | $mode |" \
				Documentation/kernels.md || echo "$series, =$mode"
		done
	done | none "no row in Documentation/kernels.md"
}

architectures() {
	sed -n 's/^\([a-z][a-z0-9]*\)	.*/\1/p' vm/arches
}

config_and_list() {
	architectures | while read -r each; do
		read_arch vm/arches "$each"
		[ -z "$image" ] || [ -e "vm/config/arch/$srcarch" ] ||
			echo "vm/config/arch/$srcarch"
		grep -q "^$srcarch .*module\.lds" tests/packer/arches.sh ||
			echo "$srcarch: tests/packer/arches.sh"
	done
}

architectures_are_known() {
	column 1 tests/matrix | sed -n 's,^[^/]*/,,p' |
		without "$(architectures)" | none "not in vm/arches" &&
		config_and_list | none "no such file or row"
}

# has_row TEST ARCH: tests/matrix has TEST for it and some series
has_row() {
	suffix=/$2
	[ "$2" != amd64 ] || suffix=
	column 1 tests/matrix | sed "s/^$1\$/&@6.1/" | grep -q "^$1@[^/]*$suffix\$" ||
		echo "$1@SERIES$suffix"
}

rows_of_architectures() {
	architectures | while read -r each; do
		read_arch vm/arches "$each"
		[ -z "$image" ] || has_row built_kernel "$each"
		[ -z "$flavour" ] || has_row guest "$each"
	done
}

architectures_are_tested() {
	rows_of_architectures | none "no row" || return 1
	row=$(grep '^| Architectures ' README)
	sed -n 's/^\([a-z0-9]*\) .*module\.lds.*/\1/p' tests/packer/arches.sh > "$tmp/arches"
	while read -r each; do
		case $each in
		x86) name=x86-64 ;;
		um) name="User Mode Linux" ;;
		*) name=$each ;;
		esac
		case $row in
		*"$name"*) ;;
		*) echo "$name" ;;
		esac
	done < "$tmp/arches" | none "not in README's row of architectures"
}

# members TREE RULE: paths without wildcards that scripts/kheaders.list has for it
members() {
	awk -v tree="$1" -v rule="$2" '
	!/^#/ && $2 == tree && $3 == rule && $4 !~ /\*/ { print $4 }' scripts/kheaders.list
}

# Another row, a pattern, would have the mutants of its file judged by tests of other commands.
subcommands_have_mutants() {
	for file in userspace/cmd_*.c; do
		grep -q "^$file	program/" tests/meta/mutants.tests || echo "$file"
	done | none "no row in tests/meta/mutants.tests"
}

# What each archive must have is a promise to its readers.
members_are_documented() {
	{ members src must; members obj must; } | sed 's,@ARCH@,ARCH,' | while read -r path; do
		sed 's/\\-/-/g; s/^\\&//' userspace/kheaders-archive.5 | grep -q -w -F -e "$path" ||
			echo "$path"
	done | none "not in kheaders-archive(5)"
}

# Programs among the members can be rebuilt on a host where they do not run; sign-file, which
# only modules_install runs, by its own rule.
programs_are_rebuilt() {
	{ members obj must; members obj may; } | grep -E '^(scripts|tools)/.*/?[a-z_-]+$' |
		grep -v -e '\.' -e sign-file > "$tmp/programs"
	while read -r path; do
		grep -q -w -F -e "$path" scripts/kheaders_host.sh || echo "$path"
	done < "$tmp/programs" | none "not among the host tools of scripts/kheaders_host.sh" &&
		[ -s "$tmp/programs" ] || return 1
	# those of tools/ by their own makefiles
	grep '^scripts/' "$tmp/programs" | while read -r path; do
		grep -q -w -F -e "${path##*/}" scripts/kheaders.mk || echo "$path"
	done | none "not rebuilt by scripts/kheaders.mk"
}

# versions FILE...: the version of kheaders wherever a file names it, as FILE:VERSION
versions() {
	for name in 'kheaders \(' 'kheaders[- ](-v )?' '(PACKAGE|KHEADERS)_VERSION[ ="]+' \
		'^Version:? +' '^pkgver='; do
		grep -o -E -e "${name}[0-9]+(\.[0-9]+)+" "$@"
	done | sort -u | sed 's/:.*[^0-9.]\([0-9.]*\)$/:\1/'
}

# README, the packages and the top entry of NEWS and of debian/changelog follow VERSION.
versions_agree() {
	sed -n 1p NEWS > "$tmp/NEWS"
	sed -n 1p debian/changelog > "$tmp/changelog"
	for file in README Documentation/embedded.md dkms.conf packaging/kheaders.spec \
		packaging/PKGBUILD "$tmp/NEWS" "$tmp/changelog"; do
		versions "$file" /dev/null > "$tmp/versions"
		[ -s "$tmp/versions" ] || echo "$file: no version found"
		grep -v -x -F -e "$file:$(cat VERSION)" "$tmp/versions"
	done | none "differs from VERSION"
}

signed_off() {
	git log --no-merges --format='%h %s%n%(trailers:key=Signed-off-by)%x00' "$base..HEAD" \
		> "$tmp/log" || return 1
	tr '\0\n' '\n\t' < "$tmp/log" | grep -v -e '	Signed-off-by: ' -e '^	*$' |
		none "no Signed-off-by"
}

cd "$top" || exit 1
ktap_print_header
ktap_set_plan 17
ktap_test_result "every test has a row in tests/matrix" tests_have_rows
ktap_test_result "every row has a test" rows_have_tests
ktap_test_result "names of tests and rows are unique" names_are_unique
ktap_test_result "set, seconds and needs of every row are valid" rows_are_valid
ktap_test_result "messages name the groups that have the programs" groups_have_programs
ktap_test_result "every test has a purpose at its head" tests_have_purposes
ktap_test_result "every test is executable" tests_are_executable
ktap_test_result "every series of a row is in vm/kernels" series_are_known
ktap_test_result "every series of vm/kernels is tested" series_are_tested
ktap_test_result "every series is in README and Documentation/kernels.md" series_are_documented
ktap_test_result "every architecture is known to vm/ and arches.sh" architectures_are_known
ktap_test_result "every architecture is tested and in README" architectures_are_tested
ktap_test_result "every member that must be packed is in kheaders-archive(5)" members_are_documented
ktap_test_result "every subcommand has mutants" subcommands_have_mutants
ktap_test_result "every packed program is rebuilt by hosttools" programs_are_rebuilt
ktap_test_result "every version in README, NEWS and the packages is that of VERSION" versions_agree
if git rev-parse -q --verify "$base^{commit}" > /dev/null 2>&1; then
	ktap_test_result "every commit is signed off" signed_off
else
	ktap_test_skip "every commit is signed off" "no git history here"
fi
ktap_finished
