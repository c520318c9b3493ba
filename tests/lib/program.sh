# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# what test.sh has set, and what the tests that read this file use:
# shellcheck disable=SC2154,SC2034
#
# What the tests of the kheaders program share: a machine whose kernel, caches and modules
# are what the test prints, in a mount namespace of its own.  Read with "." in place of
# test.sh.
#
# Environment:
#   KHEADERS_PROGRAM  test this program instead of building one
#   KHEADERS_TRACED   nothing can be traced here: strace fails, and the numbers of the checks
#                     that use it are written to this file
#   KHEADERS_NAMESPACE  set by this file, in the mount namespace

# The namespace goes with the test, and all that is mounted there.
if [ -z "${KHEADERS_NAMESPACE:-}" ] && [ "$(id -u)" -eq 0 ]; then
	export KHEADERS_NAMESPACE=y
	exec unshare -m "$0" "$@"
fi
# shellcheck source=test.sh
. "$(dirname "$0")/../lib/test.sh"

running=$(uname -r)
sysfs=/sys/kernel/kheaders.tar.xz
cache_tree=/var/cache/kheaders/$running
run_tree=/run/kheaders/$running
link=/lib/modules/$running/build

if [ -n "${KHEADERS_TRACED:-}" ]; then
	strace() {
		echo $((KTAP_N + 1)) >> "$KHEADERS_TRACED"
		return 1
	}
fi

# need_program: build it, once for all tests; programs of other flags go elsewhere
need_program() {
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
	program=${KHEADERS_PROGRAM:-$top/build/program/kheaders}
	[ -z "${KHEADERS_PROGRAM:-}" ] || return 0
	mkdir -p "$top/build/program"
	exec 9> "$top/build/program/lock"
	flock 9
	quiet make -s -C "$top/userspace" BUILDDIR="$top/build/program" ||
		ktap_exit_fail_msg "the program does not build"
	exec 9>&-
}

# archive FILE RELEASE [COMMAND]: a small archive for it; COMMAND is run in its tree
archive() {
	rm -rf "$tmp/tree"
	put "$tmp/tree/Makefile" "# $2"
	put "$tmp/tree/include/generated/utsrelease.h" "#define UTS_RELEASE \"$2\""
	put "$tmp/tree/include/generated/autoconf.h" "#define CONFIG_64BIT 1"
	put "$tmp/tree/include/linux/kconfig.h" "int kconfig;"
	put "$tmp/tree/include/linux/types.h" "int types;"
	put "$tmp/tree/scripts/mod/modpost" "modpost"
	chmod -R u=rwX,go=rX "$tmp/tree"
	chmod 755 "$tmp/tree/scripts/mod/modpost"
	( cd "$tmp/tree" && eval "${3:-:}" ) &&
		tar --format=ustar --owner=0 --group=0 --sort=name -cf - -C "$tmp/tree" . |
		xz --check=crc32 --lzma2=dict=1MiB > "$1"
}

# kernel LETTER: what runs has the build-id of 20 such letters; none without
kernel() {
	rm -f /sys/kernel/notes
	[ -z "${1:-}" ] || {
		printf '\004\000\000\000\024\000\000\000\003\000\000\000GNU\000'
		printf "%020d" 0 | tr 0 "$1"
	} > /sys/kernel/notes
}

# offer FILE [MODE]: what runs shows this archive
offer() {
	cp "$1" "$sysfs" && chmod "${2:-444}" "$sysfs"
}

leave() {
	umount -l /usr/lib "$tmp/lib" 2> /dev/null
	rm -rf "$tmp"
}

# A host without modules has no directory for them: have one in this namespace only.
if [ "$(id -u)" -eq 0 ] && [ ! -d /lib/modules ]; then
	mkdir "$tmp/lib" && mount -t tmpfs kheaders-test "$tmp/lib" &&
		mkdir "$tmp/lib/upper" "$tmp/lib/work" "$tmp/lib/upper/modules" &&
		mount -t overlay \
		-o "lowerdir=/usr/lib,upperdir=$tmp/lib/upper,workdir=$tmp/lib/work" \
			overlay /usr/lib
	trap leave EXIT
fi

# A new machine: kernel a, which has a directory of modules and shows no archive.
machine() {
	for at in /sys/kernel /var/cache /run /usr/lib/modules /usr/src; do
		umount -l "$at" 2> /dev/null
		mount -t tmpfs -o mode=755 kheaders-test "$at" || return 1
	done
	mkdir -p "/lib/modules/$running/kernel"
	kernel a
}

# run EXIT-STATUS ARGUMENT...: with its output in $tmp/output
run() {
	want=$1
	shift
	"$program" "$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "kheaders $*: status $got, not $want"
	show "$tmp/output"
	return 1
}

# dumps FILE: dumping FILE prints the archive $tmp/a
dumps() {
	rm -f "$tmp/out"
	run 0 dump "$1" -o "$tmp/out" && cmp -s "$tmp/out" "$tmp/a" && return
	ktap_print_msg "$1"
	return 1
}

# disturbed INJECTION... -- EXIT-STATUS ARGUMENT...: run() while strace disturbs those calls;
# the calls, or only those that $traced names, are in $tmp/trace
disturbed() {
	set -- "$@" --
	while [ "$1" != -- ]; do
		set -- "$@" -e "inject=$1"
		shift
	done
	shift
	want=$1
	shift
	arguments=
	while [ "$1" != -- ]; do
		arguments="$arguments $1"
		shift
	done
	shift
	# shellcheck disable=SC2086	# words
	strace -f -qq -o "$tmp/trace" -e "trace=${traced:-all}" "$@" "$program" $arguments \
		> "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "$* $arguments: status $got, not $want"
	show "$tmp/output"
	return 1
}

prints() {
	grep -q -F -e "$1" "$tmp/output" && return
	ktap_print_msg "does not print: $1"
	show "$tmp/output"
	return 1
}

prints_nothing() {
	[ ! -s "$tmp/output" ] && return
	show "$tmp/output"
	return 1
}

# linked [TARGET]: the build link leads there; without TARGET there is none
linked() {
	[ "$(readlink "$link")" = "${1:-}" ] && return
	ktap_print_msg "the link leads to \"$(readlink "$link")\", not to \"${1:-}\""
	return 1
}

# only DIRECTORY NAME...: that and no more is in it
only() {
	dir=$1
	shift
	found=$(find "$dir" -mindepth 1 -maxdepth 1 -printf '%f ' | tr ' ' '\n' | sort)
	[ -d "$dir" ] && [ "$found" = "$(printf '%s\n' "$@" | sort)" ] && return
	ktap_print_msg "in $dir: $(echo "$found" | tr '\n' ' ')"
	return 1
}

# mode MODE FILE
mode() {
	[ "$(stat -c %a "$2")" = "$1" ] && return
	ktap_print_msg "$2 has mode $(stat -c %a "$2"), not $1"
	return 1
}
