#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders-ssh and kheaders-adb with a guest: pull its archive, build a module and a BPF program,
# load and unload them, by dropbear and by Android's adbd as root and as the shell's user.  For
# another architecture by adbd alone, with a cross compiler.

# shellcheck source=../lib/program.sh
# shellcheck disable=SC2154	# what program.sh has set
. "$(dirname "$0")/../lib/program.sh"
# shellcheck source=../lib/remote.sh
. "$top/tests/lib/remote.sh"
# shellcheck source=../lib/android.sh
. "$top/tests/lib/android.sh"

# A root with Android's directories, programs and daemon
make_device() {
	make_android 6.12 device && mkdir "$android/usr" "$android/usr/lib" "$android/etc" &&
		cp -a "$root/usr/lib/android-sdk" "$root/usr/lib"/*-linux-gnu* "$android/usr/lib" ||
		return 1
	# the loader is in lib64, or for arm64 in lib
	find "$root/usr/lib" -maxdepth 1 -name 'ld-linux*' -exec cp -a {} "$android/usr/lib" \;
	[ ! -e "$root/usr/lib64" ] || cp -a "$root/usr/lib64" "$android/usr" || return 1
	ln -s system/bin "$android/bin" && ln -s usr/lib "$android/lib" &&
		ln -s usr/lib64 "$android/lib64" &&
		printf '%s:x:%d:%d::/:/system/bin/sh\n' root 0 0 shell 2000 2000 \
		> "$android/etc/passwd"
}

start_guest() {
	export HOME="$tmp/home"
	programs=
	foreign || programs="dropbear chroot bpftool"
	# shellcheck disable=SC2086	# words
	mkdir -p "$tmp/share" "$HOME/.android" && make_keys && make_device &&
		quiet adb keygen "$HOME/.android/adbkey" &&
		cp "$HOME/.android/adbkey.pub" "$android/adb_keys" &&
		cp "$built/kheaders.ko" "$tmp/key.pub" "$tmp/host_key" "$tmp/share" &&
		"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" $programs || return 1
	adb_port=$(free_port)
	shell_port=$(free_port)
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -i "$tmp/initramfs" -t 900 -n "$port:22" \
		-n "$adb_port:5555" -n "$shell_port:5556" "$(cat "$here/device_guest")" \
		> "$tmp/guest.log" 2>&1 &
	guest=$!
	trap 'kill $guest 2> /dev/null; $adb kill-server 2> /dev/null; leave' EXIT
}

connect_adb() {
	adb="adb -P $(free_port)"
	export KHEADERS_ADB="$adb"
	for each in "$adb_port" "$shell_port"; do
		wait_for connected "$each" && continue
		show "$tmp/guest.log"
		return 1
	done
	by_root=127.0.0.1:$adb_port
	by_shell=127.0.0.1:$shell_port
}

# QEMU accepts connections before the daemon does; forget those.
connected() {
	$adb connect "127.0.0.1:$1"
	[ "$($adb -s "127.0.0.1:$1" shell echo up)" = up ] && return
	$adb disconnect "127.0.0.1:$1"
	return 1
}

# remote STATUS NAME ARGUMENT...: kheaders-NAME exits with STATUS, with its output in $tmp/output
remote() {
	want=$1
	name=$2
	shift 2
	"$tmp/bin/kheaders-$name" "$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "kheaders-$name $*: status $got, not $want"
	show "$tmp/output"
	return 1
}

# matches REGEX: a line of the output does
matches() {
	grep -q -e "$1" "$tmp/output" && return
	ktap_print_msg "does not print: $1"
	show "$tmp/output"
	return 1
}

# guest COMMAND
guest() {
	if ! foreign; then
		on_ssh root "$1"
	else
		$adb -s "$by_root" shell "$1"
	fi
}

loaded() {
	guest "grep -q '^$1 ' /proc/modules"
}

ssh_loads() {
	make_module "$tmp/module" && remote 0 ssh root@127.0.0.1 load "$tmp/module" &&
		matches "kheaders_test: [0-9]* processes on $(sed 1q "$kernel/release")" &&
		loaded kheaders_test && ! loaded kheaders
}

# The tree is the one of the guest's archive, and the module that make builds in such a tree.
ssh_tree() {
	remote 0 ssh root@127.0.0.1 tree && tree=$(cat "$tmp/output") &&
		quiet kheaders verify --archive "$built/kheaders_data.tar.xz" --dest "$tree" &&
		same_module
}

ssh_twice() {
	remote 1 ssh root@127.0.0.1 load "$tmp/module/kheaders_test.ko" &&
		matches "kheaders_test.ko: does not load: it is loaded already; unload it first"
}

ssh_unloads() {
	remote 0 ssh root@127.0.0.1 unload kheaders_test && matches "kheaders_test: unloaded" &&
		! loaded kheaders_test && remote 1 ssh root@127.0.0.1 unload kheaders_test &&
		matches "kheaders_test: cannot be unloaded: .*not currently loaded"
}

ssh_bpf() {
	make_bpf "$tmp/prog.c" && remote 0 ssh root@127.0.0.1 load "$tmp/prog.c" &&
		guest "bpftool prog" | grep -q 'socket_filter  name kheaders_socket' &&
		remote 0 ssh root@127.0.0.1 unload prog &&
		! guest "bpftool prog" | grep -q kheaders_socket
}

# A module for another kernel: insmod's reason, and the kernel's.
ssh_refused() {
	sed "s/ mod_unload / mod_upload /" "$tmp/module/kheaders_test.ko" > "$tmp/wrong.ko" &&
		remote 1 ssh root@127.0.0.1 load "$tmp/wrong.ko" &&
		matches "wrong.ko: does not load: .*nvalid module format" &&
		matches "version magic .* mod_upload"
}

# adb sorts them by their serials.
adb_several() {
	remote 2 adb tree && matches "several devices: choose one with -s SERIAL: $(
		printf '%s\n' "$by_root" "$by_shell" | sort | paste -s -d ' ')"
}

# Without root and without the module, the shell's user sees nothing.
adb_shell() {
	remote 3 adb -s "$by_shell" tree &&
		matches "$by_shell: no /sys/kernel/kheaders.tar.xz there" &&
		make_module "$tmp/module" && guest "insmod $ko" &&
		remote 0 adb -s "$by_shell" build "$tmp/module" &&
		matches "module/kheaders_test.ko" &&
		remote 1 adb -s "$by_shell" load "$tmp/module" &&
		matches "not root there, loading needs it; run \"adb root\"" &&
		guest "chmod 400 /sys/kernel/kheaders.tar.xz" &&
		remote 1 adb -s "$by_shell" tree && matches "not root there, reading /sys" &&
		guest "rmmod kheaders"
}

# kheaders.ko is loaded from system_dlkm, and the archive pulled into another cache.
adb_loads() {
	rm -rf "$tmp/module" && make_module "$tmp/module" &&
		XDG_CACHE_HOME=$trees/other remote 0 adb -s "$by_root" load "$tmp/module" &&
		matches "kheaders_test: [0-9]* processes on $(sed 1q "$kernel/release")" &&
		loaded kheaders_test && ! loaded kheaders &&
		tree=$(echo "$trees"/other/kheaders/trees/*) &&
		quiet kheaders verify --archive "$built/kheaders_data.tar.xz" --dest "$tree" &&
		remote 0 adb -s "$by_root" unload kheaders_test &&
		matches "kheaders_test: unloaded" && ! loaded kheaders_test
}

adb_gone() {
	$adb disconnect "$by_shell" > /dev/null && remote 0 adb tree &&
		matches "^$trees/kheaders/trees/$(basename "$tree")\$" &&
		$adb disconnect "$by_root" > /dev/null && remote 3 adb tree &&
		matches "no device: connect one"
}

nothing_left() {
	: > "$tmp/share/stop"
	wait "$guest"
	rc=$?
	[ "$rc" -eq 0 ] && ! grep '^left:' "$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

check() {
	name=$1
	shift
	ktap_test_result "$series/$arch: $name" "$@"
}

ktap_print_header
need_program
adb=true
need_kernel_source
if foreign; then
	ko=/system_dlkm/lib/modules/kheaders.ko
	ktap_set_plan 5
else
	ko="/lib/modules/*/updates/kheaders.ko"
	ktap_set_plan 11
fi
share_build || ktap_exit_fail_msg "no module to offer"
install_remote || ktap_exit_fail_msg "cannot install the scripts"
start_guest || ktap_exit_fail_msg "the guest does not run"
if ! foreign; then
	wait_for on_ssh root true ||
		{ show "$tmp/guest.log"; ktap_exit_fail_msg "the guest does not answer"; }
	check "ssh: a module is built, pushed and loaded" ssh_loads
	check "ssh: the tree is that of the guest's archive" ssh_tree
	check "ssh: a module that is loaded already" ssh_twice
	check "ssh: it is unloaded" ssh_unloads
	check "ssh: a BPF program is built, pushed and loaded" ssh_bpf
	check "ssh: a module of another kernel" ssh_refused
fi
connect_adb || ktap_exit_fail_msg "adb does not connect"
check "adb: several devices" adb_several
check "adb: the shell's user" adb_shell
check "adb: as root a module is built, pushed and loaded" adb_loads
check "adb: devices are disconnected" adb_gone
check "nothing is left on the device" nothing_left
ktap_finished
