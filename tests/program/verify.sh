#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders verify: finds what extract has not made so

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

matches() {
	machine && offer "$tmp/a" && run 0 extract && run 0 verify && prints "$cache_tree: matches" &&
		run 0 verify --quiet && prints_nothing && run 0 verify --archive "$tmp/a" &&
		run 0 verify --archive "$tmp/a" --dest "$cache_tree" &&
		run 1 verify --archive "$tmp/b" && prints "no tree was made from it" &&
		run 1 verify --archive "$tmp/b" --dest "$cache_tree"
}

# finds TEXT COMMAND: after COMMAND in the tree
finds() {
	machine && offer "$tmp/a" && run 0 extract &&
		( cd "$cache_tree" && eval "$2" ) && run 1 verify && prints "$1" && return
	ktap_print_msg "after: $2"
	return 1
}

contents() {
	finds "include/linux/types.h: longer than" 'echo x >> include/linux/types.h' &&
		finds "include/linux/types.h: shorter than" ': > include/linux/types.h' &&
		finds "include/linux/types.h: differs" 'echo "int typos;" > include/linux/types.h' &&
		finds "include/linux/types.h: is missing" 'rm include/linux/types.h' &&
		finds "include/linux/evil.h: not in the archive" 'echo > include/linux/evil.h' &&
		finds "evil: not in the archive" 'mkdir evil' &&
		finds "include/linux/types.h: Too many levels" 'ln -sf kconfig.h include/linux/types.h' &&
		finds "include/linux/types.h: Not a directory" 'mv include/linux include/x; ln -s x include/linux' &&
		finds "include/linux/types.h: of another type" 'rm include/linux/types.h; mkdir include/linux/types.h'
}

modes() {
	for change in 'chmod o+w' 'chmod u+s' 'chmod g+s' 'chmod 600' 'chmod +x'; do
		finds "include/linux/types.h: has another mode" "$change include/linux/types.h" || return 1
	done
	finds "scripts/mod/modpost: has another mode" 'chmod -x scripts/mod/modpost' &&
		finds "include: has another mode" 'chmod 1777 include' &&
		finds "$cache_tree: has another mode" 'chmod 700 .'
}

owners() {
	finds "include/linux/types.h: belongs to another user" 'chown 1234 include/linux/types.h' &&
		finds "include: belongs to another user" 'chown 1234 include' &&
		finds "belongs to another user" 'chown -R 1234 .'
}

marker() {
	finds "has no marker" 'rm .kheaders' && finds ".kheaders: has another mode" 'chmod 666 .kheaders' &&
		finds ".kheaders: names another release" 'sed -i s/^release:.*/release:\ 1.2.3/ .kheaders' &&
		finds ".kheaders: names another kernel" 'sed -i s/^build-id:.*/build-id:\ 0123/ .kheaders' &&
		finds ".kheaders: names another archive" 'sed -i s/^sha256:.*/sha256:\ 0123/ .kheaders' &&
		finds ".kheaders: belongs to another user" 'chown 1234 .kheaders'
}

# What extract --pch makes, and only that.
precompiled() {
	finds "bpf: not in the archive" 'echo > bpf' &&
		finds "evil: not made by kheaders" 'mkdir bpf; echo > bpf/evil' &&
		finds "flags: has another mode" 'mkdir bpf; echo > bpf/flags; chmod 666 bpf/flags'
}

absent() {
	machine && run 3 verify && prints "not found, and no module" && offer "$tmp/a" &&
		run 1 verify && prints "no tree of Linux $running; run \"kheaders extract\"" &&
		run 1 verify --archive "$tmp/absent" && run 1 verify --dest /run/absent
}

in_memory() {
	machine && offer "$tmp/a" && run 0 extract --tmpfs && run 0 verify && prints "$run_tree: matches"
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/b" "$running" "echo > b"
ktap_set_plan 8
ktap_test_result "a tree as it was made" matches
ktap_test_result "other contents" contents
ktap_test_result "other modes" modes
ktap_test_result "other owners" owners
ktap_test_result "another marker" marker
ktap_test_result "other files in bpf" precompiled
ktap_test_result "nothing to compare" absent
ktap_test_result "a tree in memory" in_memory
ktap_finished
