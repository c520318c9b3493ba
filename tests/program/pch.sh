#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders extract --pch: what clang is told to precompile, with a script in place of clang;
# program.sh has the real one

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

# clang_does COMMANDS: in its place; it keeps its arguments and options
clang_does() {
	umount -l /usr/local/sbin 2> /dev/null
	mount -t tmpfs -o mode=755 kheaders-test /usr/local/sbin &&
		put /usr/local/sbin/clang "#!/bin/sh
echo \"\$PWD: \$*\" > $tmp/arguments
cp bpf/flags.new bpf/kernel.h $tmp
$1" && chmod 755 /usr/local/sbin/clang
}

# flags [INCLUDE]: print those for the tree and the architecture y
flags() {
	echo -nostdlibinc
	for dir in arch/y/include arch/y/include/generated include arch/y/include/uapi \
		arch/y/include/generated/uapi include/uapi include/generated/uapi; do
		echo "\"-I$cache_tree/$dir\""
	done
	echo '-D__KERNEL__ -D__BPF_TRACING__ -D__TARGET_ARCH_y -DKBUILD_MODNAME=\"bpf\"'
	cat <<- 'END'
		-O2 -g -fms-extensions -fno-stack-protector -fno-jump-tables
		-Wno-unknown-warning-option -Wno-address-of-packed-member
		-Wno-compare-distinct-pointer-types -Wno-gnu-variable-sized-type-not-at-end
		-Wno-microsoft-anon-tag -Wno-pointer-sign -Wno-tautological-compare
		-Wno-unused-value
	END
	[ -z "${1:-}" ] || echo "-include \"$cache_tree/bpf/kernel.h\""
}

# precompiled TEXT: bpf has its three files, and the precompiled header is TEXT
precompiled() {
	only "$cache_tree/bpf" flags kernel.h kernel.h.pch && flags include > "$tmp/flags" &&
		diff "$tmp/flags" "$cache_tree/bpf/flags" &&
		[ "$(cat "$cache_tree/bpf/kernel.h.pch")" = "$1" ] &&
		mode 644 "$cache_tree/bpf/flags" &&
		grep -q -x '#include <net/sock.h>' "$cache_tree/bpf/kernel.h" &&
		cmp "$tmp/kernel.h" "$cache_tree/bpf/kernel.h" && mode 755 "$cache_tree/bpf" &&
		only /var/cache/kheaders "$running"
}

makes() {
	clang_does "echo first > bpf/kernel.h.pch" && machine && offer "$tmp/a" &&
		run 0 extract --pch && prints "$cache_tree: precompiled bpf/kernel.h" &&
		precompiled first && flags > "$tmp/flags" && diff "$tmp/flags" "$tmp/flags.new" &&
		[ "$(cat "$tmp/arguments")" = "$cache_tree: @bpf/flags.new -w -x c-header $(
			)$cache_tree/bpf/kernel.h -o bpf/kernel.h.pch" ] && run 0 verify
}

# For another clang it is made again, though the tree is current.
again() {
	clang_does "echo second > bpf/kernel.h.pch" && run 0 extract --pch && precompiled second
}

# fails TEXT: extract --pch does, in one line, and leaves no part of it, but the tree
fails() {
	run 1 extract --pch && prints "kheaders: $1" && [ ! -e "$cache_tree/bpf" ] &&
		run 0 verify &&
		only /var/cache/kheaders "$running"
}

failures() {
	clang_does "echo half > bpf/kernel.h.pch; exit 1" && fails "clang: failed with status 1" &&
		clang_does "exit 127" && fails "clang: not found; install clang" &&
		clang_does 'echo half > bpf/kernel.h.pch; kill -9 $$' &&
		fails "clang: killed by signal 9" && clang_does : &&
		fails "bpf/kernel.h.pch: No such file or directory" || return 1
	clang_does "echo > bpf/kernel.h.pch; rm bpf/flags.new" &&
		fails "bpf/flags.new: No such file or directory"
}

# Without its input, its output or its directory it is not run.
unprepared() {
	clang_does "echo > bpf/kernel.h.pch" || return 1
	for fault in /^dup:error=EBUSY:when=1 /^dup:error=EBUSY:when=2 fchdir:error=EIO; do
		disturbed "$fault" -- 1 extract --pch &&
			prints "clang: failed with status 126" || return 1
	done
}

# Waiting for it takes no time of a processor.
waits() {
	clang_does "sleep .5; echo > bpf/kernel.h.pch" &&
		disturbed -- 0 extract --pch && calls=$(grep -c wait4 "$tmp/trace") &&
		[ "$calls" -lt 500 ]
}

no_architecture() {
	machine && offer "$tmp/none" && run 1 extract --pch &&
		prints "$cache_tree: no directory below arch has generated headers" &&
		offer "$tmp/empty" && run 1 extract --pch --force &&
		prints "no directory below arch has generated headers" && run 0 verify
}

# What cannot be removed or written is reported.
unwritable() {
	clang_does "echo first > bpf/kernel.h.pch" && machine && offer "$tmp/a" &&
		run 0 extract --pch && mkdir /run/mine &&
		mount --bind /run/mine "$cache_tree/bpf" && run 1 extract --pch &&
		prints "$cache_tree: cannot remove the old precompiled header: Device or" &&
		umount "$cache_tree/bpf" && mkdir "$cache_tree/bpf/mine" &&
		mount --bind /run/mine "$cache_tree/bpf/mine" && run 1 extract --pch &&
		prints "mine: cannot be removed: something is mounted there" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] &&
		umount /var/cache/kheaders/.kheaders-retired-*/mine || return 1
	for n in 1 2 3 4; do
		disturbed "fsync:error=EIO:when=$n" -- 1 extract --pch &&
			prints "Input/output error" && [ ! -e "$cache_tree/bpf" ] &&
			run 0 extract --pch || return 1
	done
}

# A signal may arrive before the program waits for clang: here while clone() returns.
interrupted() {
	clang_does "exec sleep 30" && rm -f "$tmp/arguments" "$tmp/pid" || return 1
	began=$(date +%s)
	# shellcheck disable=SC2016	# for the shell that strace starts
	strace -f -qq -o "$tmp/trace" -e trace=clone -e inject=clone:delay_exit=3000000 \
		sh -c 'echo $$ > "$0" && exec "$@"' "$tmp/pid" \
		"$program" extract --pch > "$tmp/output" 2>&1 &
	until [ -e "$tmp/arguments" ] || [ $(($(date +%s) - began)) -gt 20 ]; do
		sleep .05
	done
	kill "$(cat "$tmp/pid")"
	! wait $! && prints "clang: interrupted" && [ ! -e "$cache_tree/bpf" ] &&
		[ $(($(date +%s) - began)) -lt 25 ]
}

# ignoring STATUS: extract --pch has it if the caller ignores SIGCHLD
ignoring() {
	env --ignore-signal=CHLD "$program" extract --pch > "$tmp/output" 2>&1
	[ $? -eq "$1" ] && return
	show "$tmp/output"
	return 1
}

# A process that ignores SIGCHLD does not learn how clang ended.
ignored_signal() {
	clang_does "exit 3" && ignoring 1 && prints "clang: failed with status 3" &&
		[ ! -e "$cache_tree/bpf" ] && clang_does "echo third > bpf/kernel.h.pch" &&
		ignoring 0 && precompiled third
}

ktap_print_header
need_program
chmod 755 "$tmp"
have='mkdir -p arch/x/include arch/y/include/generated/asm; echo > arch/x/include/x.h
	echo > arch/y/include/generated/asm/y.h'
archive "$tmp/a" "$running" "$have"
archive "$tmp/none" "$running"
archive "$tmp/empty" "$running" 'mkdir -p arch/x/include; echo > arch/x/include/x.h'
ktap_set_plan 9
ktap_test_result "the options, the header, and what clang makes of them" makes
ktap_test_result "again, for another clang" again
ktap_test_result "a failure leaves none" failures
ktap_test_result "not run without what it needs" unprepared
ktap_test_result "waiting for it" waits
ktap_test_result "no generated headers" no_architecture
ktap_test_result "what cannot be removed or written" unwritable
ktap_test_result "interrupted before it waits for clang" interrupted
ktap_test_result "the caller ignores SIGCHLD" ignored_signal
ktap_finished
