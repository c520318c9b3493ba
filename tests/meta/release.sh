#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "make release" tags what is whole, and refuses everything else with a message and no tag.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

clone=$tmp/clone
report=$clone/build/check-all

in_clone() {
	git -C "$clone" -c user.name=release -c user.email=release@localhost "$@"
}

release() {
	GIT_AUTHOR_NAME=release GIT_AUTHOR_EMAIL=release@localhost \
		GIT_COMMITTER_NAME=release GIT_COMMITTER_EMAIL=release@localhost \
		make -s -C "$clone" release
}

# commit_all: a commit of what has changed, and a green report of it
commit_all() {
	in_clone add -A && in_clone commit -q -s -m "release: test" || return 1
	mkdir -p "$clone/build"
	{
		echo "commit $(in_clone rev-parse HEAD)"
		awk '!/^#/ && NF { print $1, 3, 0, 1, 10 }' "$clone/tests/matrix"
	} > "$report"
}

# A clone of the files as they are here, ready to be released.
ready() {
	rm -rf "$clone"
	git clone -q "$top" "$clone" 2> "$tmp/output" &&
		( cd "$top" && git ls-files -co --exclude-standard | while read -r name; do
			[ ! -e "$name" ] || cp --parents -P "$name" "$clone"
		done ) || return 1
	sed -i "1s/.*/kheaders $(cat "$top/VERSION") (2026-01-01)/" "$clone/NEWS"
	commit_all
}

# refuses TEXT: nothing is tagged, and TEXT is printed
refuses() {
	fails_with "$1" release && [ -z "$(in_clone tag)" ]
}

dirty() {
	ready && echo >> "$clone/NEWS" && refuses "release: NEWS: not committed" &&
		in_clone checkout -q NEWS && : > "$clone/new" &&
		refuses "release: new: not committed"
}

stale_news() {
	ready && sed -i '1s/(.*/(not released yet)/' "$clone/NEWS" && commit_all || return 1
	first=$(head -n 1 "$clone/NEWS")
	refuses "NEWS: begins with \"$first\", not with" || return 1
	sed -i '1s/.*/kheaders 0.0.1 (2026-01-01)/' "$clone/NEWS" && commit_all &&
		refuses 'NEWS: begins with "kheaders 0.0.1'
}

wrong_figure() {
	ready && sed -i '/^| Bytes on Debian 6.1 /s/| [1-9][0-9]* /| 9999999 /' \
		"$clone/README" &&
		! cmp -s "$top/README" "$clone/README" && commit_all &&
		refuses "documents: disagree with bench/"
}

red() {
	ready && sed -i 's/^strip 3 0 /strip 3 1 /' "$report" &&
		refuses "strip: failed in $report; fix it"
}

partial() {
	ready && sed -i '/^strip /d' "$report" && refuses "without the test strip; run" &&
		rm "$report" && refuses "check-all: not found; run 'make check-all'"
}

of_another_commit() {
	ready && before=$(in_clone rev-parse HEAD) &&
		in_clone commit -q -s --allow-empty -m "release: more" &&
		refuses "check-all: of commit $before, not of the last one"
}

# It is tagged once, with the entry of NEWS.
whole() {
	ready && quiet release || return 1
	tag=v$(cat "$top/VERSION")
	[ "$(in_clone rev-parse "$tag^{commit}")" = "$(in_clone rev-parse HEAD)" ] &&
		[ "$(in_clone tag -l --format='%(contents:subject)' "$tag")" = \
			"$(head -n 1 "$clone/NEWS")" ] &&
		fails_with "$tag: this tag exists" release
}

# The report that tests/run writes is what is read.
report_of_run() {
	printf '#!/bin/sh\n%s\n' 'echo 1..2; echo "ok 1 a # SKIP why"; echo not ok 2 b' \
		> "$tmp/fake.sh"
	chmod +x "$tmp/fake.sh"
	"$top/tests/run" -r "$tmp/report" "$tmp/fake.sh" > "$tmp/output" 2>&1
	grep -q -x "commit .*" "$tmp/report" &&
		grep -q -x "$tmp/fake.sh 0 1 1 [0-9]*" "$tmp/report" &&
		grep -q -x '# ok 1 a # SKIP why' "$tmp/report" && return
	show "$tmp/report"
	return 1
}

# fake NAME LINE...: a test that notes that it ran
fake() {
	fake=$tmp/$1
	shift
	printf '%s\n' '#!/bin/sh' "echo \"\${0##*/}\" >> $tmp/ran" "$@" > "$fake" &&
		chmod +x "$fake"
}

# continued WHICH: run again, those tests ran
continued() {
	: > "$tmp/ran"
	"$clone/tests/run" -c -r "$tmp/report" "$tmp/good" "$tmp/bad" "$tmp/skips" \
		> "$tmp/output" 2>&1
	[ "$(sort "$tmp/ran" | tr '\n' ' ')" = "$1" ] &&
		grep -q -x '1 passed, 1 failed, 1 skipped' "$tmp/output" &&
		grep -q -x "$tmp/good 1 0 0 [0-9]*" "$tmp/report" &&
		[ "$(grep -c -x '# 1..0 # SKIP why' "$tmp/report")" -eq 1 ] && return
	show "$tmp/ran" "$tmp/output" "$tmp/report"
	return 1
}

# Hours of tests need not be repeated, but only what passed is left out, on the same commit.
continues() {
	ready && fake good 'echo 1..1; echo ok 1 a' && fake bad 'echo 1..1; echo not ok 1 a' &&
		fake skips 'echo "1..0 # SKIP why"; exit 4' && rm -f "$tmp/report" &&
		continued "bad good skips " && continued "bad skips " &&
		echo >> "$clone/NEWS" && continued "bad good skips " &&
		commit_all && continued "bad good skips " && continued "bad skips "
}

# A long run can be made of short ones.
in_parts() {
	ready && fake one 'echo 1..1; echo ok 1 a' && fake two 'echo 1..1; echo not ok 1 a' &&
		rm -f "$tmp/report" || return 1
	for part in one two; do
		"$clone/tests/run" -c -r "$tmp/report" "$tmp/$part" > "$tmp/output" 2>&1
	done
	grep -q -x "$tmp/one 1 0 0 [0-9]*" "$tmp/report" &&
		grep -q -x "$tmp/two 0 1 0 [0-9]*" "$tmp/report" &&
		! "$clone/tests/run" -c -r "$tmp/report" "$tmp/one" "$tmp/two" \
			> "$tmp/output" 2>&1 &&
		grep -q -x '1 passed, 1 failed, 0 skipped' "$tmp/output" && comes_back && return
	show "$tmp/output" "$tmp/report"
	return 1
}

# A run with changes, or of another commit, does not overwrite it.
comes_back() {
	cp "$clone/NEWS" "$tmp/news" && echo >> "$clone/NEWS" && : > "$tmp/ran" || return 1
	"$clone/tests/run" -c -r "$tmp/report" "$tmp/one" > "$tmp/output" 2>&1
	cp "$tmp/news" "$clone/NEWS"
	"$clone/tests/run" -c -r "$tmp/report" "$tmp/one" > "$tmp/output" 2>&1
	[ "$(wc -l < "$tmp/ran")" -eq 1 ] && grep -q -x "$tmp/two 0 1 0 [0-9]*" "$tmp/report"
}

# A run that is ended leaves the report of what had passed.
interrupted() {
	ready && fake good 'echo 1..1; echo ok 1 a' && fake late 'sleep 60' &&
		rm -f "$tmp/report" || return 1
	"$clone/tests/run" -j 1 -r "$tmp/report" "$tmp/good" "$tmp/late" \
		> "$tmp/output" 2>&1 &
	for _ in $(seq 100); do
		! grep -q -s late "$tmp/ran" || break
		sleep 0.1
	done
	kill $!
	wait $!
	[ "$(sed 1d "$tmp/report" | cut -d ' ' -f 1-4)" = "$tmp/good 1 0 0" ]
}

# What check-all writes into documents would be another commit than the one that it tested.
leaves_documents() {
	make -C "$top" -pn check-all > "$tmp/rules" 2> "$tmp/output"
	grep -q '^check-all:' "$tmp/rules" && ! grep 'KHEADERS_RECORD' "$tmp/rules"
}

# A report that cannot be written is known before hours of tests.
report_elsewhere() {
	: > "$tmp/ran"
	printf '#!/bin/sh\nrm %s\n' "$tmp/ran" > "$tmp/fake.sh"
	chmod +x "$tmp/fake.sh"
	fails_with "/nonexistent/report" "$top/tests/run" -r /nonexistent/report "$tmp/fake.sh" &&
		[ -e "$tmp/ran" ]
}

ktap_print_header
[ -e "$top/.git" ] || ktap_skip_all "not a git checkout"
ktap_set_plan 13
ktap_test_result "what is whole is tagged, once" whole
ktap_test_result "a dirty tree is refused" dirty
ktap_test_result "stale NEWS are refused" stale_news
ktap_test_result "a figure that bench/ does not have is refused" wrong_figure
ktap_test_result "a red check-all is refused" red
ktap_test_result "a partial check-all is refused" partial
ktap_test_result "a check-all of another commit is refused" of_another_commit
ktap_test_result "tests/run writes the report" report_of_run
ktap_test_result "a report that cannot be written" report_elsewhere
ktap_test_result "a run continues where it ended" continues
ktap_test_result "a run can be made in parts" in_parts
ktap_test_result "a run that is interrupted leaves its report" interrupted
ktap_test_result "check-all leaves the documents alone" leaves_documents
ktap_finished
