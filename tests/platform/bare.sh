#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# On a bare machine, with apt or without, make names what is missing in one line, with the
# packages for apt, dnf, pacman and zypper.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# machine PROGRAM...: $tmp/bin has these and what every machine has, and nothing else
machine() {
	bin=$tmp/bin
	rm -rf "$bin"
	mkdir "$bin"
	for program in sh make awk basename cat cp cut date df dirname env find grep head id ln \
		ls mkdir mktemp mv nproc realpath rm sed sort tail tar test touch tr uname "$@"; do
		ln -s "$(command -v "$program")" "$tmp/bin/$program"
	done
}

# fake PROGRAM COMMANDS: put a program in its place
fake() {
	rm -f "$tmp/bin/$1"
	printf '#!/bin/sh\n%s\n' "$2" > "$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
}

# on_machine COMMAND...
on_machine() {
	env -i PATH="$tmp/bin" HOME="$tmp" KHEADERS_CACHE="${empty_cache:-$tmp/cache}" "$@"
}

# names TEXT COMMAND...: COMMAND fails, and prints TEXT in the only line that is not make's
names() {
	want=$1
	shift
	fails_with "$want" on_machine "$@" || return 1
	grep -v -e '^make.*: \*\*\*' -e '^make.*: [EL][a-z]* directory' -e '^$' -e '^\[1/' \
		"$tmp/output" > "$tmp/lines"
	[ "$(wc -l < "$tmp/lines")" -eq 1 ] && return
	show "$tmp/output"
	return 1
}

compiler="cc stdio.h xz: not found; apt install gcc libc6-dev xz-utils | dnf install gcc \
glibc-devel xz | pacman -S gcc glibc xz | zypper install gcc glibc-devel xz"

no_compiler() {
	machine
	for target in module "pack OUT=$tmp/out" install KDIR=/nonexistent; do
		# shellcheck disable=SC2086	# a list of arguments
		names "needs: $compiler" make -C "$top" BUILDDIR="$tmp/build" $target || return 1
	done
}

no_libraries() {
	machine cc
	libraries="libarchive-dev liblzma-dev libkmod-dev nettle-dev libzstd-dev liblzo2-dev"
	names "pkg-config libarchive.pc liblzma.pc nettle.pc libzstd.pc lzo2.pc $(
		)libkmod.pc: not found; apt install pkg-config $libraries | dnf install $(
		)pkgconf-pkg-config libarchive-devel" \
		make -s -C "$top" BUILDDIR="$tmp/build" install-program
}

no_kernel() {
	machine cc xz
	release=$(uname -r)
	names "/nonexistent: not a kernel build tree; install the headers of that $(
		)kernel (apt install linux-headers-$release | dnf install $(
		)kernel-devel-$release | pacman -S linux-headers | zypper install $(
		)kernel-default-devel) or give another with KDIR=DIR" \
		make -C "$top" BUILDDIR="$tmp/build" KDIR=/nonexistent
}

no_git() {
	machine
	names "git: not found; apt install git | dnf" make -s -C "$top" series KSRC="$tmp" \
		OUT="$tmp/series" && names "mandoc: not found; apt install mandoc | dnf" \
		make -s -C "$top" html BUILDDIR="$tmp/build"
}

# awk may be what is missing, or any of these; so may the shell.
other_tools() {
	machine
	for awk in mawk gawk original-awk busybox; do
		command -v "$awk" > /dev/null || continue
		ln -sf "$(command -v "$awk")" "$tmp/bin/awk"
		names "$compiler" make -C "$top" BUILDDIR="$tmp/build" module || return 1
	done
	# busybox finds its own xz
	names "needs: git: not found; apt install git | dnf install git | pacman -S git | zypper \
install git" "$(command -v busybox)" sh "$top/scripts/needs" git || return 1
	rm "$tmp/bin/awk"
	names "awk xz: not found; apt install xz-utils mawk | dnf" "$top/scripts/needs" awk xz
}

# A name that the table does not have is missing all the same.
unknown_name() {
	machine
	names "needs: kheaders-xyz: not found" "$top/scripts/needs" sh kheaders-xyz
}

table_is_complete() {
	awk '!/^#/ && NF != 5' "$top/scripts/programs" | show
	libraries=$(sed -n 's/^packages := \([^$]*\).*/\1 libkmod/p' "$top/userspace/Makefile")
	for name in $libraries; do
		[ -n "$("$top/scripts/needs" -p "$name.pc")" ] || {
			ktap_print_msg "$name: not in scripts/programs"
			return 1
		}
	done
	[ -n "$libraries" ] && awk '!/^#/ && NF != 5 { exit 1 }' "$top/scripts/programs"
}

# No other package manager is run.
no_apt() {
	machine git
	for manager in dnf rpm pacman zypper; do
		fake "$manager" "touch $tmp/manager_ran"
	done
	for command in "make -s -C $top demo" "make -s -C $top check T=usage" "$top/vm/fetch 6.1" \
		"$top/vm/rootfs 6.1 host"; do
		# shellcheck disable=SC2086	# a command with arguments
		names "apt and dpkg: not found; the demo and the tests run on Debian 12 or later" \
			$command || return 1
	done
	[ ! -e "$tmp/manager_ran" ]
}

# debian PACKAGE...: a machine with apt's lists and these packages, and a user without sudo
debian() {
	machine dpkg
	fake dpkg-query "printf '%s\n' $*"
	fake apt-get 'case $* in
	indextargets*) echo "MetaKey: main/binary-amd64/Packages" ;;
	*update*) cat '"$tmp"'/update ;;
	*) cat '"$tmp"'/install; exit 100 ;;
	esac'
	fake id 'echo 1000'
	: > "$tmp/update"
	: > "$tmp/install"
}

not_root() {
	debian "'installed shellcheck '"
	names "deps: not root and no sudo: cannot install packages; run as root: apt-get update && \
apt-get install perl python3 clang git mandoc" "$top/vm/deps" lint guest &&
		[ "$(tr ' ' '\n' < "$tmp/output" | grep -c -x perl)" -eq 1 ] || return 1
	fake apt-get :
	names "run as root: apt-get update" "$top/vm/deps" lint
}

# Debian 13 has libelf1t64, which provides libelf1.
provided() {
	debian "'installed libelf1t64 foo, libelf1 (= 0.192-4), bar'" "$(
		awk '/^demo/ { on = 1; $1 = "" } on && /^[a-z]/ { exit } on' "$top/vm/packages" |
		tr -s ' \t' '\n' | sed -n "/^libelf1\$/d; s/..*/'installed & '/p" | tr '\n' ' ')"
	quiet on_machine "$top/vm/deps" demo
}

fails_to_install() {
	debian "'installed shellcheck '"
	fake id 'echo 0'
	echo "W: Failed to fetch x" > "$tmp/update"
	fails_with "apt-get: cannot reach the mirror of packages; is the network up?" \
		on_machine "$top/vm/deps" lint || return 1
	: > "$tmp/update"
	echo "E: Unable to locate package libclang-rt-dev" > "$tmp/install"
	fails_with "deps: libclang-rt-dev: not in this machine's suite" \
		on_machine "$top/vm/deps" fuzz
}

spaces() {
	machine dpkg apt-get
	mkdir "$tmp/a b"
	ln -s "$top"/* "$tmp/a b"
	( cd "$tmp/a b" && quiet on_machine make && grep -q 'make demo' "$tmp/output" &&
		fails_with "a b: Kbuild does not support spaces in paths" on_machine make demo ) ||
		return 1
	fails_with "BUILDDIR: Kbuild does not support spaces" on_machine make -C "$top" \
		BUILDDIR="$tmp/a b/c" module &&
		empty_cache="$tmp/a b" fails_with "a b: Kbuild does not support spaces in paths; \
set KHEADERS_CACHE" on_machine "$top/vm/fetch" 6.1
}

# What kheaders-dkms installs is all that a build needs, up to the kernel's tree.
dkms_files() {
	machine cc xz
	quiet on_machine make -C "$top" install-dkms DESTDIR="$tmp/dkms" || return 1
	names "/nonexistent: not a kernel build tree" make \
		-C "$tmp/dkms/usr/src/kheaders-$(cat "$top/VERSION")" module KDIR=/nonexistent
}

# with_usage: the scripts with a usage text; those in trees of archives are run by make alone
with_usage() {
	( cd "$top" && grep -l -r --exclude='kheaders_*' '^#/ Usage' vm scripts patches \
		bench tests/run packaging )
}

# Help needs only what every machine has.
help_everywhere() {
	machine
	for script in $(with_usage); do
		on_machine "$top/$script" -h > "$tmp/output" 2>&1 &&
			grep -q "^Usage: " "$tmp/output" &&
			grep -q '^  -h.*  print this text' "$tmp/output" && continue
		ktap_print_msg "$script -h"
		show "$tmp/output"
		return 1
	done
}

wrong_options() {
	machine
	[ "$(with_usage | wc -l)" -gt 20 ] || return 1
	for script in $(with_usage); do
		on_machine "$top/$script" -x > "$tmp/output" 2> "$tmp/errors"
		[ $? -eq 2 ] && [ ! -s "$tmp/output" ] && grep -q '^Usage: ' "$tmp/errors" &&
			continue
		ktap_print_msg "$script -x"
		show "$tmp/output" "$tmp/errors"
		return 1
	done
}

# mmdebstrap has sh write to its own descriptors, which must stay below 10.  It mounts what this
# machine has, and must not leave the mounts behind.
root_file_system() {
	machine mmdebstrap readlink unshare
	fake mmdebstrap 'ls /proc/self/fd; readlink /proc/self/ns/mnt'
	# shellcheck disable=SC2016	# the other shell expands it
	quiet on_machine arch=amd64 sh -c '. "$0" && debian_root suite "$1" list' \
		"$top/vm/lib.sh" "$tmp/root" 3< /dev/null 4< /dev/null 5< /dev/null 6< /dev/null \
		7< /dev/null 8< /dev/null 9< /dev/null && grep -q -x 0 "$tmp/root.log" &&
		! grep -x '[4-9]' "$tmp/root.log" || return 1
	[ "$(id -u)" -ne 0 ] || ! grep -F "$(readlink /proc/self/ns/mnt)" "$tmp/root.log"
}

no_namespaces() {
	machine
	fake unshare 'echo "unshare: unshare failed: Operation not permitted" >&2; exit 1'
	for command in "vm/chroot / true" "tests/run check"; do
		# shellcheck disable=SC2086	# words
		fails_with "unshare failed: Operation not permitted; in a container that needs \
--privileged" on_machine "$top"/$command || return 1
	done
}

# What is in use is not forgotten under its users, nor are the locks that they hold.
update_waits() {
	machine flock timeout
	fake dpkg "echo amd64"
	fake apt-get :
	for name in 6.1-amd64 6.1.patched 6.1-um-built-small; do
		mkdir -p "$tmp/cache/6.1-amd64" "$tmp/cache/6.1.patched" \
			"$tmp/cache/6.1-um-built-small" && exec 5> "$tmp/cache/$name.lock" &&
			flock 5 || return 1
		on_machine timeout 1 "$top/vm/fetch" -u 6.1 > "$tmp/output" 2>&1 5>&-
		[ $? -eq 124 ] && [ -e "$tmp/cache/$name" ] && [ -e "$tmp/cache/$name.lock" ] &&
			exec 5>&- && continue
		ktap_print_msg "$name"
		show "$tmp/output"
		return 1
	done
}

# The programs of another architecture's guest are unpacked again only when their list changes.
foreign_programs() {
	machine flock chmod cpio depmod modprobe
	fake dpkg "echo amd64"
	fake apt-get :
	# shellcheck disable=SC2016	# for the fakes
	fake unshare 'shift; exec "$@"'
	# shellcheck disable=SC2016
	fake mmdebstrap 'for dir; do
		case $dir in
		*.programs.new) mkdir -p "$dir/bin" "$dir/sbin" && echo >> "$0.ran" ;;
		esac
	done'
	foreign=$tmp/cache/6.1-arm64
	lib=root/lib/modules/1.2.3
	for name in "$lib/modules.order" "$lib/modules.builtin" vmlinuz; do
		put "$foreign/$name" "" || return 1
	done
	put "$foreign/arch" arm64 && put "$foreign/release" 1.2.3 &&
		ln -s "$lib" "$foreign/modules" &&
		for runs in 1 1 2; do
			[ "$runs" -eq 1 ] || echo x > "$tmp/cache/bookworm-arm64.programs.list"
			quiet on_machine "$top/vm/mkinitramfs" "$foreign" "$tmp/initramfs" &&
				[ "$(wc -l < "$bin/mmdebstrap.ran")" -eq "$runs" ] || return 1
		done
}

# User Mode Linux writes to a file, which the reader of QEMU's pipe must not print as well,
# however late it starts.
um_output() {
	machine cpio mkfifo sleep timeout
	# shellcheck disable=SC2016	# for the fakes
	fake cat 'case $1 in */output | */pipe) sleep 0.5 ;; esac; exec '"$(command -v cat)"' "$@"'
	um=$tmp/um
	# shellcheck disable=SC2016
	put "$um/vmlinuz" '#!/bin/sh
		for argument; do
			case $argument in
			guest_host=*) out=${argument##*:} ;;
			esac
		done
		echo once > "$out/output"
		sleep 1
		echo 7 > "$out/status"' && chmod +x "$um/vmlinuz" && put "$um/arch" um &&
		put "$um/release" 1.2.3 && put "$um/initramfs" "" || return 1
	on_machine "$top/vm/run" -k "$um" -i "$um/initramfs" true > "$tmp/output" 2>&1
	[ $? -eq 7 ] && [ "$(cat "$tmp/output")" = once ] && return
	show "$tmp/output"
	return 1
}

# What vm/fetch reports is all that vm/build does.
no_series() {
	machine flock
	fake dpkg "echo amd64"
	fake apt-get :
	names "fetch: nowhere: no such kernel series in vm/kernels" "$top/vm/build" nowhere y
}

# The selftest that builds a module is skipped as a whole, by one plan.
no_selftest() {
	machine
	fake id 'echo 0'
	cp -r "$top/selftests" "$tmp" && : > "$tmp/file" &&
		sed -i -e "s,^KHEADERS_FILE=.*,KHEADERS_FILE=$tmp/file," \
			-e "s,/dev/kmsg,$tmp/kmsg," "$tmp/selftests/lib.sh" || return 1
	on_machine "$tmp/selftests/module.sh" > "$tmp/output" 2>&1
	[ $? -eq 4 ] && grep '^[0-9]' "$tmp/output" > "$tmp/plans" &&
		[ "$(cat "$tmp/plans")" = "1..0 # SKIP no make and gcc here, and $(
			)KHEADERS_MODULES is not set" ] && return
	show "$tmp/output"
	return 1
}

# A source tree that is named by hand becomes a series, for a name that vm/kernels does not have.
named_source() {
	machine flock
	fake dpkg "echo amd64"
	fake apt-get :
	mkdir -p "$tmp/linux/kernel"
	fails_with "$tmp/linux: not the source of a kernel" \
		on_machine "$top/vm/fetch" -s "$tmp/linux" vendor || return 1
	: > "$tmp/linux/kernel/Makefile"
	fails_with "6.1: in vm/kernels; without -s, its source comes from bookworm" \
		on_machine "$top/vm/fetch" -s "$tmp/linux" 6.1 &&
		fails_with "vendor: no such kernel series" on_machine "$top/vm/fetch" vendor &&
		quiet on_machine "$top/vm/fetch" -s "$tmp/linux" vendor || return 1
	# another tree of that name: nothing of the first may be built on
	mkdir -p "$tmp/cache/vendor.patched" "$tmp/cache/vendor-um-built-small" &&
		: > "$tmp/cache/vendor-um-built-small.lock" &&
		quiet on_machine "$top/vm/fetch" -s "$tmp/linux" vendor &&
		[ ! -e "$tmp/cache/vendor.patched" ] &&
		[ ! -e "$tmp/cache/vendor-um-built-small" ] &&
		[ -e "$tmp/cache/vendor-um-built-small.lock" ] || return 1
	for again in "" -u; do
		# shellcheck disable=SC2086	# an option or none
		quiet on_machine "$top/vm/fetch" $again vendor source || return 1
		directory=$(tail -n 1 "$tmp/output")
		[ "$(realpath "$directory/source")" = "$tmp/linux" ] &&
			[ -s "$directory/suite" ] && [ "$(cat "$directory/arch")" = amd64 ] ||
			return 1
	done
}

ktap_print_header
ktap_set_plan 23
ktap_test_result "every script prints its help" help_everywhere
ktap_test_result "every script refuses an unknown option" wrong_options
ktap_test_result "without a compiler and xz" no_compiler
ktap_test_result "without pkg-config and libraries" no_libraries
ktap_test_result "mmdebstrap with all descriptors open, and its mounts" root_file_system
ktap_test_result "without mounts of one's own" no_namespaces
ktap_test_result "without the kernel's build tree" no_kernel
ktap_test_result "without git or mandoc" no_git
ktap_test_result "with any awk, with none, and with busybox as the shell" other_tools
ktap_test_result "a program that scripts/programs does not have" unknown_name
ktap_test_result "scripts/programs has all libraries, and four packages for each" table_is_complete
ktap_test_result "without apt" no_apt
ktap_test_result "without root and sudo" not_root
ktap_test_result "a package that another provides is installed" provided
ktap_test_result "apt without a network, or of another suite" fails_to_install
ktap_test_result "spaces in paths" spaces
ktap_test_result "a source tree named by hand" named_source
ktap_test_result "vm/fetch -u waits for those who use the kernel" update_waits
ktap_test_result "a list of programs that has changed is unpacked again" foreign_programs
ktap_test_result "the output of User Mode Linux is printed once" um_output
ktap_test_result "the selftest that builds a module is skipped" no_selftest
ktap_test_result "a kernel series that vm/build does not know" no_series
ktap_test_result "the files of kheaders-dkms are enough" dkms_files
ktap_finished
