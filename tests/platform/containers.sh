#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Containers, by the means that they are made of: the host's tree or file is mounted read-only
# into a root file system without modprobe, kmod and xz.  Root in the container is the host's
# root or, in a user namespace, one of the host's users.

# shellcheck disable=SC2016	# other shells expand it, in a container or a guest
# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

user=12345
file=/sys/kernel/kheaders.tar.xz
nobody=65534		# a user namespace maps all other users to this one

enter=$(cat "$here/containers_enter")

# container STATUS USER MOUNT... -- COMMAND: run it, with its output in $tmp/output
container() {
	want=$1
	owner=$2
	shift 2
	unshare --mount --pid --fork sh -c "$enter" sh "$tmp/at" "$root" "$owner" \
		"$tmp/build/kheaders:/opt/kheaders" "$top/selftests/test_modules:/opt/modules" \
		"$@" > "$tmp/output" 2>&1
	got=$?
	[ "$got" -eq "$want" ] && return
	ktap_print_msg "container $*: status $got, not $want"
	show "$tmp/output"
	return 1
}

prints() {
	grep -q -e "$1" "$tmp/output" && return
	ktap_print_msg "does not print: $1"
	show "$tmp/output"
	return 1
}

# Root extracts the tree on the host.
host_tree() {
	quiet "$tmp/build/kheaders" extract --archive "$work/archive.tar.xz" --dest "$work/tree"
}

# The container really lacks the programs that extraction must not need.
no_programs() {
	container 0 0 -- sh -c '
		for program in modprobe insmod kmod xz unxz; do
			! command -v "$program" || exit 1
		done'
}

build_module_there=$(cat "$here/containers_build")

# builds USER: build from only the tree, mounted where tools look for it
builds() {
	container 0 "$1" "$work/tree:/lib/modules/$release/build" -- \
		sh -c "$build_module_there" sh "$release" || return 1
	[ "$1" -eq 0 ] || prints "^-rw-r--r-- 1 $nobody $nobody .*Makefile"
}

# Both users build the same module.
same_module() {
	builds 0 && tail -n 1 "$tmp/output" > "$tmp/sum.0" &&
		builds "$user" && tail -n 1 "$tmp/output" > "$tmp/sum" &&
		grep -q '^[0-9a-f]\{32\} ' "$tmp/sum" && quiet diff "$tmp/sum.0" "$tmp/sum"
}

# The host's link points to a path that the container does not have.
link_alone() {
	mkdir -p "$work/modules/$release" && ln -s "$work/tree" "$work/modules/$release/build" &&
		container 0 0 "$work/modules:/lib/modules" -- \
			sh -c '[ -L "$1" ] && [ ! -e "$1" ]' sh "/lib/modules/$release/build"
}

# extracts USER: extract and build from only the file
extracts() {
	container 0 "$1" "$work/archive.tar.xz:$file" -- sh -c '
		/opt/kheaders extract --archive "$1" --dest /var/tree &&
			/opt/kheaders verify --archive "$1" --dest /var/tree &&
			cp -r /opt/modules /src/modules &&
			make -C /var/tree M=/src/modules CC=gcc-12 modules' sh "$file" &&
		prints '/var/tree: extracted' && prints '/var/tree: matches the archive'
}

# verify works on the host's tree, mounted read-only.
verifies() {
	container 0 "$1" "$work/archive.tar.xz:$file" "$work/tree:/tree" -- \
		/opt/kheaders verify --archive "$file" --dest /tree
}

without_both() {
	container 3 "$1" -- /opt/kheaders extract --dest /var/tree &&
		prints "$file: not found, and no module kheaders for this kernel"
}

# The archive of another kernel is refused.
other_kernel() {
	container 1 "$1" "$work/archive.tar.xz:$file" -- sh -c '
		/opt/kheaders extract --dest /var/tree
		rc=$?
		ls -A /var
		exit "$rc"' && prints "made for Linux $release, but .* is running" &&
		! grep -q '^tree' "$tmp/output"
}

read_only() {
	container 1 "$1" "$work/archive.tar.xz:$file" "$work/empty.$1:/tree" -- \
		/opt/kheaders extract --archive "$file" --dest /tree/tree &&
		prints '^kheaders: /tree/tree: cannot be locked: Read-only file system'
}

# as_user COMMAND...
as_user() {
	setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
}

# In a user namespace without a container the host's root is nobody, so extraction to the
# host's directories is refused and leaves no trace.  Outside, the same user may extract.
host_folders() {
	fails_with "kheaders: /: refused: belongs to user $nobody, not to root" \
		as_user unshare --user --map-root-user "$work/kheaders" extract \
		--archive "$work/archive.tar.xz" --dest "$work/own/tree" &&
		[ -z "$(ls -A "$work/own")" ] &&
		quiet as_user "$work/kheaders" extract --archive "$work/archive.tar.xz" \
			--dest "$work/own/tree" &&
		quiet as_user unshare --user --map-root-user "$work/kheaders" verify \
			--archive "$work/archive.tar.xz" --dest "$work/own/tree"
}

# Root of a user namespace cannot replace the host's tree.
nothing_lost() {
	before=$(find "$work/tree" -printf '%p %i %T@ %s\n' | sort | md5sum)
	fails_with "kheaders: /: refused: belongs to user $nobody, not to root" \
		as_user unshare --user --map-root-user "$work/kheaders" extract --force \
		--archive "$work/archive.tar.xz" --dest "$work/tree" &&
		[ "$before" = "$(find "$work/tree" -printf '%p %i %T@ %s\n' | sort | md5sum)" ]
}

mounted_file=$(cat "$here/containers_guest")

module_goes() {
	mkdir "$tmp/share" && cp "$built/kheaders.ko" "$tmp/share" || return 1
	"$top/vm/run" -k "$kernel" -s "$tmp/share" "$mounted_file" > "$tmp/output" 2>&1
	prints "^mounted: $(stat -c %s "$work/archive.tar.xz")\$" && prints '^module: gone' &&
		[ "$(grep -c 'No such device' "$tmp/output")" -eq 2 ]
}

both() {
	"$1" 0 && "$1" "$user"
}

prepare() {
	# the container may have an older C library
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/build" &&
		share_build && cp "$built/kheaders_data.tar.xz" "$work/archive.tar.xz" &&
		mkdir "$tmp/at" "$work/empty.0" "$work/empty.$user" "$work/own" &&
		chown "$user" "$work/empty.$user" "$work/own" &&
		cp "$tmp/build/kheaders" "$work" && root=$("$top/vm/rootfs" "$series" container)
}

ktap_print_header
[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
as_user unshare --user true 2> /dev/null ||
	ktap_skip_all "needs user namespaces, which a chroot cannot have"
need_kernel
release=$(cat "$kernel/release")
# in a directory that everyone can reach and only root can write to
work=$(mktemp -d /var/lib/kheaders-test.XXXXXX)
trap 'rm -rf "$work" "$tmp"' EXIT
chmod 755 "$work"
prepare || ktap_exit_fail_msg "the container cannot be prepared"
ktap_set_plan 13
ktap_test_result "the container has no modprobe, kmod or xz" no_programs
ktap_test_result "the host extracts" host_tree
ktap_test_result "a read-only tree builds a module" builds 0
ktap_test_result "root of a user namespace builds the same module" same_module
ktap_test_result "the build link without the tree leads nowhere" link_alone
ktap_test_result "from a read-only file it extracts, verifies and builds" both extracts
ktap_test_result "verify compares a read-only tree with the file" both verifies
ktap_test_result "neither file nor module" both without_both
if [ "$release" = "$(uname -r)" ]; then
	ktap_test_skip "another kernel's file is refused" "this machine runs $release"
else
	ktap_test_result "another kernel's file is refused" both other_kernel
fi
ktap_test_result "a read-only destination is refused" both read_only
ktap_test_result "the host's directories are refused in a user namespace" host_folders
ktap_test_result "root of a user namespace cannot replace the host's tree" nothing_lost
ktap_test_result "reads of a mounted file fail after its module is unloaded" module_goes
ktap_finished
