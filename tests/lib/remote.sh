# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests of kheaders-ssh and kheaders-adb; source it after program.sh.

# wait_for COMMAND...: for at most ten minutes, as a busy host takes long to boot a guest
wait_for() {
	tries=0
	until "$@" > "$tmp/output" 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 1200 ] || { show "$tmp/output"; return 1; }
		sleep 0.5
	done
}

# Print a port that is free on loopback.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# install_remote: the scripts where make installs them, the program in PATH, and variables that
# they read.  Trees are in memory, and not below /tmp, where the program makes none.
install_remote() {
	trees=/mnt
	mount -t tmpfs -o mode=755 kheaders-test "$trees" || return 1
	quiet make -s -C "$top/userspace" BUILDDIR="$(dirname "$program")" DESTDIR="$tmp/dest" \
		PREFIX=/usr install || return 1
	ln -s "$tmp/dest/usr/bin" "$tmp/bin"
	PATH=$tmp/dest/usr/sbin:$PATH
	port=$(free_port)
	ssh="ssh -F none -p $port -i $tmp/key -o BatchMode=yes -o LogLevel=ERROR \
-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
	export KHEADERS_SSH="$ssh" XDG_CACHE_HOME="$trees" KHEADERS_CACHE="$cache"
}

make_keys() {
	quiet ssh-keygen -q -t ed25519 -N "" -f "$tmp/key" &&
		quiet dropbearkey -t ed25519 -f "$tmp/host_key"
}

# on_ssh USER COMMAND
on_ssh() {
	$ssh -n "$1@127.0.0.1" "$2"
}

# make_module DIR: a module alone in its directory
make_module() {
	mkdir -p "$1" && cp "$top/selftests/test_modules/kheaders_test.c" "$1" &&
		echo 'obj-m += kheaders_test.o' > "$1/Makefile"
}

# same_module: make in the tree builds the same module, to the byte
same_module() {
	cp "$tmp/module/kheaders_test.ko" "$tmp/module.ko" &&
		quiet make -C "$tree" M="$tmp/module" clean &&
		quiet make -C "$tree" M="$tmp/module" modules &&
		cmp "$tmp/module/kheaders_test.ko" "$tmp/module.ko"
}

# make_bpf FILE: a BPF program that takes its layout from the kernel's headers
make_bpf() {
	cat > "$1" <<- 'END'
		// SPDX-License-Identifier: GPL-2.0
		#include <linux/skbuff.h>
		#include <uapi/linux/bpf.h>

		__attribute__((section("socket"), used))
		int kheaders_socket(struct __sk_buff *skb)
		{
			return offsetof(struct sk_buff, data);
		}

		__attribute__((section("license"), used))
		char kheaders_license[] = "GPL";
	END
}
