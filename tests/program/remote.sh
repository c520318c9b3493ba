#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders-ssh and kheaders-adb up to the built module: a real server on loopback, and every
# refusal.  Loading is tested in guests, by device.sh.

# shellcheck source=../lib/program.sh
# shellcheck disable=SC2154	# what program.sh has set
. "$(dirname "$0")/../lib/program.sh"
# shellcheck source=../lib/remote.sh
. "$top/tests/lib/remote.sh"

# The server, in the namespace where this machine is the device; root and the user "user" may
# log in.
start_server() {
	grep -v '^root:' /etc/passwd > "$tmp/passwd"
	printf '%s:x:%d:%d::%s:/bin/sh\n' root 0 0 "$tmp/home" \
		user 12345 12345 "$tmp/user" >> "$tmp/passwd"
	mount --bind "$tmp/passwd" /etc/passwd || return 1
	make_keys && mkdir -p "$tmp/home/.ssh" "$tmp/user/.ssh" &&
		cp "$tmp/key.pub" "$tmp/home/.ssh/authorized_keys" &&
		cp "$tmp/key.pub" "$tmp/user/.ssh/authorized_keys" &&
		chmod 755 "$tmp" "$tmp/home" "$tmp/user" && chown -R 12345 "$tmp/user" || return 1
	dropbear -F -E -s -r "$tmp/host_key" -p "127.0.0.1:$port" 2> "$tmp/server.log" &
	server=$!
	trap 'kill $server; leave' EXIT
	wait_for on_ssh root true
}

# remote STATUS USER ARGUMENT...: kheaders-ssh exits with STATUS, with its output in $tmp/output
remote() {
	want=$1
	user=$2
	shift 2
	"$tmp/bin/kheaders-ssh" "$user@127.0.0.1" "$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && nothing_left && return
	ktap_print_msg "kheaders-ssh $user@127.0.0.1 $*: status $got, not $want"
	show "$tmp/output"
	return 1
}

# refuses STATUS TEXT USER ARGUMENT...: in one line, but for a warning that the archive is not
# this machine's
refuses() {
	want=$1
	text=$2
	shift 2
	remote "$want" "$@" && prints "$text" &&
		[ "$(grep -c -v "its archive belongs to" "$tmp/output")" -eq 1 ] && return
	show "$tmp/output"
	return 1
}

# Neither here, but whole trees, nor on the device
nothing_left() {
	! ls -d /tmp/kheaders.?????? 2> /dev/null && [ -z "$(ls -A "$TMPDIR")" ] &&
		! find "$trees/kheaders/trees" -mindepth 1 -maxdepth 1 2> /dev/null |
		grep -v '/6\.[^/]*-[0-9a-f]\{16\}$' | grep -v "/$running-[0-9a-f]\{16\}\$"
}

probes() {
	machine && offer "$archive" && remote 0 root probe && prints "kernel: $running" &&
		prints "file: $sysfs, mode -r--r--r--" && prints "read: xz"
}

# The tree is extracted once, and another archive gets another tree.
one_tree() {
	machine && offer "$archive" && remote 0 root tree || return 1
	tree=$(tail -n 1 "$tmp/output")
	inode=$(stat -c %i "$tree") && [ -e "$tree/Makefile" ] && remote 0 root tree &&
		prints "$tree" && [ "$(stat -c %i "$tree")" = "$inode" ] &&
		archive "$tmp/a" "$running" && offer "$tmp/a" && remote 0 root tree &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] && [ "$(cat "$tmp/output")" != "$tree" ] &&
		[ -e "$(cat "$tmp/output")/Makefile" ]
}

# What only root may read on the device nobody else may read here.
private() {
	machine && archive "$tmp/a" "$running" "echo seed > seed" && offer "$tmp/a" 400 &&
		remote 0 root tree && mode 700 "$(cat "$tmp/output")" && mode 755 "$tree"
}

builds() {
	machine && offer "$archive" && rm -rf "$tmp/module" && make_module "$tmp/module" &&
		remote 0 root build "$tmp/module" && prints "$tmp/module/kheaders_test.ko" &&
		same_module
}

# Only what the makefile names is built, also below it, and not a copy of it elsewhere.
builds_named() {
	machine && offer "$archive" && make_module "$tmp/named/new" && mkdir "$tmp/named/old" &&
		echo 'obj-m += new/' > "$tmp/named/Makefile" &&
		: > "$tmp/named/old/kheaders_test.ko" &&
		remote 0 root build "$tmp/named" && prints "$tmp/named/new/kheaders_test.ko" &&
		! grep -q /old/ "$tmp/output"
}

# for_another_machine PROGRAM: replace it in the tree by the start of one for riscv
for_another_machine() {
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\363\0' > "$tree/$1" &&
		chmod 755 "$tree/$1"
}

# They are replaced; what is missing for that is reported.
rebuilds_programs() {
	for_another_machine scripts/basic/fixdep && machine && offer "$archive" &&
		refuses 1 "pass this kernel's source tree with KSRC=DIR" root build "$tmp/module" &&
		cp "$kernel/source/scripts/basic/fixdep.c" "$tree/scripts/basic" && builds &&
		[ "$(wc -c < "$tree/scripts/basic/fixdep")" -gt 1000 ]
}

builds_bpf() {
	machine && offer "$archive" && make_bpf "$tmp/prog.c" &&
		remote 0 root build "$tmp/prog.c" &&
		prints "$tmp/prog.o" && readelf -h "$tmp/prog.o" | grep -q 'Machine: *Linux BPF' &&
		echo 'int x = ;' >> "$tmp/prog.c" && rm "$tmp/prog.o" &&
		remote 1 root build "$tmp/prog.c" && prints "prog.c: does not build" &&
		[ ! -e "$tmp/prog.o" ]
}

does_not_build() {
	machine && offer "$archive" && make_module "$tmp/wrong" &&
		echo 'int x = ;' >> "$tmp/wrong/kheaders_test.c" &&
		remote 1 root build "$tmp/wrong" && prints "error: expected expression" &&
		prints "kheaders-ssh: $tmp/wrong: does not build" && mkdir -p "$tmp/none" &&
		: > "$tmp/none/Makefile" && remote 1 root build "$tmp/none" &&
		prints "names no module"
}

# A part of the archive, or a changed one, leaves no tree.
transfers() {
	machine && offer "$archive" || return 1
	rm -rf "$trees/kheaders"
	cat > "$tmp/bin/cut" <<- END
		#!/bin/sh
		for last; do :; done
		case \$last in
		"cat $sysfs") $ssh "\$@" | { head -c 1000000; cat > /dev/null; } ;;
		*) exec $ssh "\$@" ;;
		esac
	END
	chmod 755 "$tmp/bin/cut"
	KHEADERS_SSH=$tmp/bin/cut
	refuses 1 "$sysfs was not transferred completely" root tree
	rc=$?
	KHEADERS_SSH=$ssh
	[ "$rc" -eq 0 ] && ! ls -d "$trees"/kheaders/trees/* 2> /dev/null &&
		echo rubbish > "$tmp/rubbish" && offer "$tmp/rubbish" &&
		refuses 1 "is not xz" root tree && head -c 100000 "$archive" > "$tmp/half" &&
		offer "$tmp/half" && refuses 1 "kheaders: " root tree &&
		! ls -d "$trees"/kheaders/trees/* 2> /dev/null
}

no_device() {
	machine
	refuses 3 "no module kheaders for it; build it with CONFIG_KHEADERS_SYSFS" root tree &&
		refuses 3 "without root its module cannot be loaded" user tree &&
		offer "$archive" 400 &&
		refuses 1 "not root there, reading $sysfs needs it; log in as root" user tree &&
		offer "$archive" && remote 0 user tree && : > "$tmp/x.ko" &&
		refuses 1 "not root there, loading needs it" user load "$tmp/x.ko"
}

none() {
	machine && offer "$archive" && KHEADERS_SSH="ssh -p 1 -o BatchMode=yes" &&
		remote 1 root tree
	rc=$?
	KHEADERS_SSH=$ssh
	[ "$rc" -eq 0 ] && prints "kheaders-ssh: root@127.0.0.1: cannot connect with" &&
		KHEADERS_SSH=$tmp/absent &&
		refuses 1 "apt install openssh-client | dnf install openssh-clients | $(
			)pacman -S openssh | zypper install openssh-clients" root tree
	rc=$?
	KHEADERS_SSH=$ssh
	[ "$rc" -eq 0 ]
}

# What the device has is not enough for a module.
headers_alone() {
	machine && archive "$tmp/a" "$running" "rm -r Makefile scripts && mkdir -p \
		arch/x86/include/generated && echo > arch/x86/include/generated/a.h" &&
		offer "$tmp/a" &&
		refuses 1 "headers alone, which build no modules" root build "$tmp/module"
}

no_compiler() {
	machine && offer "$archive" && mkdir -p "$tmp/few" || return 1
	for name in awk cat chmod cp cut dirname find grep head make mkdir mktemp od printf \
		realpath rm sed sh sha256sum sort ssh stat tail tr uname wc; do
		ln -sf "$(command -v "$name")" "$tmp/few/$name"
	done
	ln -sf "$program" "$tmp/few/kheaders"
	env PATH="$tmp/few" "$tmp/bin/kheaders-ssh" root@127.0.0.1 build "$tmp/module" \
		> "$tmp/output" 2>&1
	rc=$?
	env PATH="$tmp/few" "$tmp/bin/kheaders-ssh" root@127.0.0.1 build "$tmp/prog.c" \
		> "$tmp/bpf" 2>&1
	bpf=$?
	[ "$rc:$bpf" = 1:1 ] &&
		prints "gcc 12 built this kernel, but no gcc is found; install it" &&
		[ "$(grep -c -v "its archive belongs to" "$tmp/output")" -eq 1 ] &&
		grep -q 'clang: not found; apt install clang llvm | dnf' "$tmp/bpf" && return
	show "$tmp/output" "$tmp/bpf"
	return 1
}

# adb_prints STATUS TEXT LINE ARGUMENT...: kheaders-adb exits with STATUS and prints TEXT if "adb
# devices" lists LINE.  Real devices are in these states without a permission, or on a bad cable.
adb_prints() {
	want=$1
	text=$2
	printf 'List of devices attached\n%b\n' "$3" > "$tmp/devices"
	shift 3
	"$tmp/bin/kheaders-adb" "$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && prints "kheaders-adb: $text" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ] && return
	ktap_print_msg "status $got, not $want"
	show "$tmp/output"
	return 1
}

adb_states() {
	printf '#!/bin/sh\ncat %s\n' "$tmp/devices" > "$tmp/bin/adb"
	chmod 755 "$tmp/bin/adb"
	export KHEADERS_ADB="$tmp/bin/adb"
	adb_prints 3 'no device: connect one and enable USB debugging' '' tree &&
		adb_prints 3 'X: no such device; see "adb devices"' 'A\tdevice' -s X tree &&
		adb_prints 2 'several devices: choose one with -s SERIAL: A B' \
		'A\tdevice\nB\tdevice' tree &&
		adb_prints 1 'A: unauthorized; unlock it' 'A\tunauthorized' tree &&
		adb_prints 1 'B: offline; reconnect it' 'A\tdevice\nB\toffline' -s B tree &&
		adb_prints 1 'A: this user may not open it; install udev rules' \
		'A\tno permissions (missing udev rules? user is in the plugdev group)' tree &&
		adb_prints 1 'A: in state "recovery"; boot it to Android' 'A\trecovery' tree &&
		ANDROID_SERIAL=B && export ANDROID_SERIAL &&
		adb_prints 1 'B: offline' 'A\tdevice\nB\toffline' tree
	rc=$?
	unset ANDROID_SERIAL
	KHEADERS_ADB=$tmp/absent
	[ "$rc" -eq 0 ] && adb_prints 1 "$tmp/absent: not found; apt install adb | dnf" '' tree
}

# A device whose SELinux hides the archive from the shell, which Debian's adbd cannot have
adb_selinux() {
	cat > "$tmp/bin/adb" <<- 'END'
		#!/bin/sh
		case $* in
		devices) printf 'A\tdevice\n' ;;
		*'id -u'|*"id -u'") echo 2000 ;;
		*) echo "kernel: 6.1"
			echo "file: /sys/kernel/kheaders.tar.xz, mode -r--r--r--, 9 bytes"
			echo "read: refused for user 2000"
			exit 1 ;;
		esac
	END
	KHEADERS_ADB=$tmp/bin/adb
	adb_prints 1 "A: $sysfs: refused for user 2000; does SELinux deny it? Run \"adb root\"" \
		'' tree
}

# load_refused WORDS LINE TEXT: insmod prints WORDS, the kernel logs LINE; kheaders-adb explains
load_refused() {
	cat > "$tmp/bin/adb" <<- END
		#!/bin/sh
		case \$* in
		devices) printf 'A\tdevice\n' ;;
		*'id -u') echo 0 ;;
		*mktemp*) echo /data/local/tmp/kheaders.123456 ;;
		*insmod*) echo "insmod: failed to load x.ko: $1" >&2; touch $tmp/logged; exit 1 ;;
		*dmesg) echo old; [ ! -e $tmp/logged ] || echo "$2" ;;
		esac
	END
	rm -f "$tmp/logged"
	: > "$tmp/x.ko"
	"$tmp/bin/kheaders-adb" load "$tmp/x.ko" > "$tmp/output" 2> "$tmp/errors"
	[ $? -eq 1 ] && [ "$(cat "$tmp/output")" = "$2" ] &&
		[ "$(cat "$tmp/errors")" = "kheaders-adb: x.ko: does not load: $3" ] && return
	show "$tmp/output" "$tmp/errors"
	return 1
}

adb_load_refused() {
	load_refused "Permission denied" "avc:  denied  { module_load } for pid=1" \
		"SELinux denies it; allow it in the device's policy, or use a userdebug build" &&
		load_refused "Key was rejected by service" "Loading of unsigned module is refused" \
		"the kernel takes only signed modules; see Documentation/secure-boot.md" &&
		load_refused "Operation not permitted" "Lockdown: insmod: unsigned module loading" \
		"the kernel takes no modules; is it locked down, or modules_disabled set?" &&
		load_refused "Exec format error" "x: disagrees about version of symbol" \
		"insmod: failed to load x.ko: Exec format error"
}

# usage_is TEXT ARGUMENT...
usage_is() {
	text=$1
	shift
	"$tmp/bin/kheaders-ssh" "$@" > "$tmp/output" 2>&1
	[ $? -eq 2 ] && prints "kheaders-ssh: $text" && [ "$(wc -l < "$tmp/output")" -eq 1 ] &&
		return
	show "$tmp/output"
	return 1
}

usage_errors() {
	usage_is "HOST: missing" && usage_is "COMMAND: missing" h &&
		usage_is "x: unknown command" h x && usage_is "PATH: missing" h build &&
		usage_is "NAME: missing" h unload && usage_is "b: unexpected argument" h tree b &&
		usage_is "c: unexpected argument" h build b c &&
		usage_is "/bin/sh: neither a directory" root@127.0.0.1 build /bin/sh &&
		mkdir -p "$tmp/a b" || return 1
	refuses 1 "does not support spaces" root build "$tmp/a b" &&
		refuses 1 "$tmp/absent: does not exist" root build "$tmp/absent" &&
		refuses 2 "x;y: not the name" root unload "x;y" &&
		refuses 2 "a/b: not the name" root unload "a/b" &&
		refuses 2 "-f: not the name" root unload -f && : > "$tmp/-f.ko" &&
		refuses 1 "-f.ko: does not have the name" root load "$tmp/-f.ko" &&
		remote 1 root unload "a+b" && prints "a+b: cannot be unloaded" || return 1
	"$tmp/bin/kheaders-adb" -h > "$tmp/output" && prints "Usage: kheaders-adb [-s SERIAL]"
}

ktap_print_header
need_program
need_kernel_source
share_build || ktap_exit_fail_msg "no module to compare with"
archive=$built/kheaders_data.tar.xz
install_remote || ktap_exit_fail_msg "cannot install the scripts"
start_server || ktap_exit_fail_msg "the server does not run"
# what the scripts leave there is theirs
export TMPDIR="$tmp/local"
mkdir "$TMPDIR"
ktap_set_plan 18
ktap_test_result "probe reports the kernel and its archive" probes
ktap_test_result "one tree is kept for each archive" one_tree
ktap_test_result "a private archive makes a private tree" private
ktap_test_result "a module builds, the same as by make in the tree" builds
ktap_test_result "only modules that the makefile names" builds_named
ktap_test_result "programs for another machine are rebuilt" rebuilds_programs
ktap_test_result "a BPF program builds" builds_bpf
ktap_test_result "what does not build is reported" does_not_build
ktap_test_result "a part of the archive leaves no tree" transfers
ktap_test_result "no archive, or one that this user cannot read" no_device
ktap_test_result "no server, no ssh" none
ktap_test_result "an archive that has headers alone" headers_alone
ktap_test_result "no compiler" no_compiler
ktap_test_result "adb: states of devices" adb_states
ktap_test_result "adb: SELinux denies reading" adb_selinux
ktap_test_result "adb: the kernel refuses the module" adb_load_refused
ktap_test_result "usage errors" usage_errors
ktap_test_result "nothing is left, here or on the device" nothing_left
ktap_finished
