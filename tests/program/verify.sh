#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders verify finds every difference between a tree and the archive.

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

matches() {
	machine && offer "$tmp/a" && run 0 extract && run 0 verify &&
		prints "$cache_tree: matches" &&
		run 0 verify --quiet && prints_nothing && run 0 verify --archive "$tmp/a" &&
		run 0 verify --archive "$tmp/a" --dest "$cache_tree" &&
		run 1 verify --archive "$tmp/b" && prints "no tree was made from it" &&
		run 1 verify --archive "$tmp/b" --dest "$cache_tree"
}

# finds TEXT COMMAND: after COMMAND in the tree, verify fails and prints TEXT
finds() {
	machine && offer "$tmp/a" && run 0 extract &&
		( cd "$cache_tree" && eval "$2" ) && run 1 verify && prints "$1" && return
	ktap_print_msg "after: $2"
	return 1
}

contents() {
	finds "include/linux/types.h: longer than" 'echo x >> include/linux/types.h' &&
		finds "include/linux/types.h: shorter than" ': > include/linux/types.h' &&
		finds "include/linux/types.h: differs" \
		'echo "int typos;" > include/linux/types.h' &&
		finds "include/linux/types.h: is missing" 'rm include/linux/types.h' &&
		finds "include/linux/evil.h: not in the archive" 'echo > include/linux/evil.h' &&
		finds "evil: not in the archive" 'mkdir evil' &&
		finds "include/linux/types.h: Too many levels" \
		'ln -sf kconfig.h include/linux/types.h' &&
		finds "include/linux/types.h: Not a directory" \
		'mv include/linux include/x; ln -s x include/linux' &&
		finds "include/linux/types.h: type differs" \
		'rm include/linux/types.h; mkdir include/linux/types.h'
}

modes() {
	for change in 'chmod o+w' 'chmod u+s' 'chmod g+s' 'chmod 600' 'chmod +x'; do
		finds "include/linux/types.h: mode differs" "$change include/linux/types.h" ||
			return 1
	done
	finds "scripts/mod/modpost: mode differs" 'chmod -x scripts/mod/modpost' &&
		finds "include: mode differs" 'chmod 1777 include' &&
		finds "$cache_tree: mode differs" 'chmod 700 .'
}

owners() {
	finds "include/linux/types.h: belongs to another user" 'chown 1234 include/linux/types.h' &&
		finds "include: belongs to another user" 'chown 1234 include' &&
		finds "belongs to another user" 'chown -R 1234 .' &&
		finds "belongs to another user" 'chown -R 65534 .'
}

marker() {
	finds "has no marker" 'rm .kheaders' &&
		finds ".kheaders: mode differs" 'chmod 666 .kheaders' &&
		finds ".kheaders: names another release" \
		'sed -i s/^release:.*/release:\ 1.2.3/ .kheaders' &&
		finds ".kheaders: names another kernel" \
		'sed -i s/^build-id:.*/build-id:\ 0123/ .kheaders' &&
		finds ".kheaders: names another archive" \
		'sed -i s/^sha256:.*/sha256:\ 0123/ .kheaders' &&
		finds ".kheaders: belongs to another user" 'chown 1234 .kheaders'
}

# In bpf/ only files of extract --pch are accepted.
precompiled() {
	finds "bpf: not in the archive" 'echo > bpf' &&
		finds "bpf/evil: not in the archive" 'mkdir bpf; echo > bpf/evil' &&
		finds "bpf/flags: not in the archive" 'mkdir -p bpf/flags' &&
		finds "bpf: others can change it" 'mkdir bpf; chmod 777 bpf' &&
		finds "bpf/flags: others can change it" \
		'mkdir bpf; echo > bpf/flags; chmod 666 bpf/flags'
}

# accepts COMMAND: verify accepts the files that COMMAND adds to the tree
accepts() {
	machine && offer "$tmp/rust" && run 0 extract &&
		( cd "$cache_tree" && eval "$1" ) && run 0 verify && return
	ktap_print_msg "after: $1"
	return 1
}

# The tree's makefile creates this link to give modules BTF.
btf_link() {
	accepts 'ln -s /sys/kernel/btf/vmlinux vmlinux' &&
		finds "vmlinux: not in the archive" 'ln -s /sys/kernel/btf/vmlinux2 vmlinux' &&
		finds "vmlinux: not in the archive" 'ln -s /sys/kernel/btf vmlinux' &&
		finds "vmlinux: not in the archive" 'echo > vmlinux' &&
		finds "vmlinux: not in the archive" 'mkdir vmlinux' &&
		finds "scripts/vmlinux: not in the archive" \
		'ln -s /sys/kernel/btf/vmlinux scripts/vmlinux' &&
		finds "vmlinux: belongs to another user" \
			'ln -s /sys/kernel/btf/vmlinux vmlinux; chown -h 1234 vmlinux'
}

# The files that scripts/kheaders_rust.sh adds; it also fills an empty rustc_cfg.
rust='mkdir -p rust/kernel; echo > rust/kernel/lib.rs; echo > rust/libmacros.so
	chmod 755 rust/libmacros.so; echo > scripts/target.json
	echo "--cfg=CONFIG_X" > include/generated/rustc_cfg'

# finds_rust TEXT COMMAND: after make rust and COMMAND, verify fails and prints TEXT
finds_rust() {
	accepts "$rust" && ( cd "$cache_tree" && eval "$2" ) && run 1 verify && prints "$1" &&
		return
	ktap_print_msg "after make rust, and: $2"
	return 1
}

rust_files() {
	accepts "$rust" &&
		finds_rust "lib.rs: others can change it" 'chmod 664 rust/kernel/lib.rs' &&
		finds_rust "kernel: others can change it" 'chmod 757 rust/kernel' &&
		finds_rust "libmacros.so: others can change it" 'chmod 4755 rust/libmacros.so' &&
		finds_rust "lib.rs: belongs to another user" 'chown 1234 rust/kernel/lib.rs' &&
		finds_rust "rust: belongs to another user" 'chown 1234 rust' &&
		finds_rust "rust: others can change it" 'chmod 777 rust' &&
		finds_rust "rust/kernel/lib.rs: not in the archive" \
		'ln -sf /etc/passwd rust/kernel/lib.rs' &&
		finds_rust "rust: not in the archive" 'mv rust ../rust; ln -s ../rust rust' &&
		finds_rust "scripts/target.json: others can change it" \
		'chmod 666 scripts/target.json' &&
		finds_rust "scripts/target.json: not in the archive" \
		'ln -sf /etc/passwd scripts/target.json' &&
		finds_rust "rustc_cfg: mode differs" 'chmod 666 include/generated/rustc_cfg' &&
		finds "include/generated/rustc_cfg: not in the archive" \
		'mkdir include/generated/rustc_cfg' &&
		finds "rustc_cfg.new: not in the archive" ': > include/generated/rustc_cfg.new' &&
		finds ".rust: not in the archive" 'mkdir .rust'
}

# An unreadable directory may contain foreign files.
unlisted() {
	machine && offer "$tmp/a" && run 0 extract || return 1
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		strace -o "$tmp/trace" -e trace=getdents64 \
			-e "inject=getdents64:error=EIO:when=$n" \
			"$program" verify > "$tmp/output" 2>&1 && return 1
		prints "Input/output error" || return 1
	done
}

# Mainline's archives have links, of which the tree has copies.
links() {
	cp "$tmp/a" "$tmp/saved" &&
		archive "$tmp/a" "$running" 'ln -s ../linux/types.h include/generated/copy.h'
	accepts_links && rc=0 || rc=1
	mv "$tmp/saved" "$tmp/a"
	return "$rc"
}

accepts_links() {
	machine && offer "$tmp/a" && run 0 extract && run 0 verify &&
		finds "generated/copy.h: longer than" 'echo >> include/generated/copy.h' &&
		finds "generated/copy.h: shorter than" ': > include/generated/copy.h' &&
		finds "generated/copy.h: differs" 'echo "int typos;" > include/generated/copy.h' &&
		finds "generated/copy.h: mode differs" 'chmod 755 include/generated/copy.h' &&
		finds "generated/copy.h: is missing" 'rm include/generated/copy.h' &&
		finds "generated/copy.h: link to something other than a file" \
			'rm include/linux/types.h; mkdir include/linux/types.h' &&
		finds "generated/copy.h: No such file" 'rm include/linux/types.h' &&
		finds "generated/copy.h: longer than" \
		'head -c 2 include/generated/copy.h > include/linux/types.h'
}

# An archive that cannot be read to its end, and a signal.
half() {
	machine && archive "$tmp/long" 1.2.3 'head -c 700000 /dev/urandom > scripts/random' &&
		run 0 extract --archive "$tmp/long" && cp "$tmp/long" "$tmp/bad" &&
		printf '\1\2\3\4' | dd of="$tmp/bad" bs=1 seek=600000 conv=notrunc status=none &&
		run 1 verify --archive "$tmp/bad" --dest /var/cache/kheaders/1.2.3 &&
		prints "bad: damaged" || return 1
	for signal in TERM INT HUP; do
		strace -qq -o "$tmp/trace" -e trace=read -P \
			/var/cache/kheaders/1.2.3/scripts/random \
			-e "inject=read:signal=$signal:when=1" "$program" verify \
			--archive "$tmp/long" \
			> "$tmp/output" 2>&1
		[ $? -eq 1 ] && prints "verify: interrupted" || return 1
	done
	for calls in read '?fstat,?newfstatat,?fstat64,?statx'; do
		strace -qq -o "$tmp/trace" -P /var/cache/kheaders/1.2.3/scripts/random \
			-e "inject=$calls:error=EIO" "$program" verify --archive "$tmp/long" \
			> "$tmp/output" 2>&1
		[ $? -eq 1 ] && prints "scripts/random: Input/output error" || return 1
	done
	# what differs before the damage is reported, and nothing about the rest
	printf x | dd of=/var/cache/kheaders/1.2.3/scripts/random conv=notrunc status=none &&
		run 1 verify --archive "$tmp/bad" --dest /var/cache/kheaders/1.2.3 &&
		prints "scripts/random: differs" && prints "bad: damaged" &&
		[ "$(wc -l < "$tmp/output")" -eq 2 ]
}

# The tree of an archive is known by its marker, wherever it is; what is private is not one.
found() {
	machine && run 0 extract --archive "$tmp/a" --tmpfs && run 0 verify --archive "$tmp/a" &&
		prints "$run_tree: matches" && mv "$run_tree" /run/kheaders/.kheaders-staging-1 &&
		run 1 verify --archive "$tmp/a" && prints "no tree was made from it" &&
		mkdir -p /var/cache/kheaders/x &&
		mv /run/kheaders/.kheaders-staging-1 /run/kheaders/y &&
		grep sha256 /run/kheaders/y/.kheaders > /var/cache/kheaders/x/.kheaders &&
		run 0 verify --archive "$tmp/a" && prints "/run/kheaders/y: matches" &&
		cp -a /run/kheaders/y /var/cache/kheaders/y && echo >> /run/kheaders/y/Makefile &&
		run 0 verify --archive "$tmp/a" && prints "/var/cache/kheaders/y: matches" &&
		offer "$tmp/a" && run 1 verify && prints "no tree of Linux $running"
}

# Nobody writes to it.
pipe() {
	machine && run 0 extract --archive "$tmp/a" --dest /run/t || return 1
	for file in Makefile include/generated/utsrelease.h .kheaders; do
		mv "/run/t/$file" "$tmp/moved" && mkfifo -m 644 "/run/t/$file" || return 1
		timeout 20 "$program" verify --archive "$tmp/a" --dest /run/t \
			> "$tmp/output" 2>&1
		rc=$?
		mv "$tmp/moved" "/run/t/$file"
		[ "$rc" -eq 1 ] && continue
		ktap_print_msg "$file: status $rc"
		return 1
	done
}

# In a user namespace the host's root may be nobody; on the host, nobody is a user.
nobody() {
	machine && run 0 extract --archive "$tmp/a" --dest /run/t && chown -R 65534 /run/t &&
		run 1 verify --archive "$tmp/a" --dest /run/t &&
		prints "/run/t: belongs to another user" &&
		chown -R 4321 /run/t && run 1 verify --archive "$tmp/a" --dest /run/t || return 1
	unshare -U --map-root-user "$program" verify --archive "$tmp/a" \
		--dest /run/t > "$tmp/output" 2>&1 &&
		prints "/run/t: matches" && chown 0 /run/t/Makefile || return 1
	! unshare -U --map-root-user "$program" verify --archive "$tmp/a" \
		--dest /run/t > "$tmp/output" 2>&1 &&
		prints "Makefile: belongs to another user"
}

absent() {
	machine && run 3 verify && prints "not found, and no module" && offer "$tmp/a" &&
		run 1 verify && prints "no tree of Linux $running; run \"kheaders extract\"" &&
		run 1 verify --archive "$tmp/absent" && run 1 verify --dest /run/absent
}

in_memory() {
	machine && offer "$tmp/a" && run 0 extract --tmpfs && run 0 verify &&
		prints "$run_tree: matches"
}

# As status does, verify means the tree to which the link leads, not a stale one in the cache.
two_trees() {
	machine && offer "$tmp/a" && run 0 extract && kernel b && offer "$tmp/b" &&
		run 0 extract --tmpfs && linked "$run_tree" && run 0 verify &&
		prints "$run_tree: matches" && run 0 status --json &&
		prints "\"tree\": \"$run_tree\"" && rm "$link" && run 1 verify &&
		prints "names another archive" && run 0 status --json &&
		prints "\"tree\": \"$cache_tree\"" && ln -s "$run_tree" "$link" &&
		rm -r "$run_tree" && run 0 status --json && prints "\"tree\": \"$cache_tree\""
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/b" "$running" "echo > b"
archive "$tmp/rust" "$running" ": > include/generated/rustc_cfg"
ktap_set_plan 17
ktap_test_result "an unchanged tree" matches
ktap_test_result "changed contents" contents
ktap_test_result "changed modes" modes
ktap_test_result "changed owners" owners
ktap_test_result "a changed marker" marker
ktap_test_result "foreign files in bpf" precompiled
ktap_test_result "the link for module BTF" btf_link
ktap_test_result "files added by make rust" rust_files
ktap_test_result "a directory that cannot be listed" unlisted
ktap_test_result "copies of an archive's links" links
ktap_test_result "an archive that is damaged, and a signal" half
ktap_test_result "the tree that was made from an archive" found
ktap_test_result "a pipe in the place of a file" pipe
# not from inside a chroot
if unshare -U --map-root-user true 2> /dev/null; then
	ktap_test_result "a tree of nobody" nobody
else
	ktap_test_skip "a tree of nobody" "no user namespace can be made here"
fi
ktap_test_result "nothing to compare" absent
ktap_test_result "a tree in memory" in_memory
ktap_test_result "a tree in the cache and one in memory" two_trees
ktap_finished
