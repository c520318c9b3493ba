# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the tests of the packer share; read with "." after tests/lib/test.sh.

# shellcheck disable=SC2154	# tests/lib/test.sh sets it
fake=$tmp/fake

# With programs of $fakepath before those of this machine, if it is set
pack() {
	PATH=${fakepath:-$PATH} "$top/scripts/pack_headers.sh" "$@"
}

# is_packed FILE...: these are in the archive
is_packed() {
	for member; do
		grep -q -x -F -e "./$member" "$tmp/members" && continue
		ktap_print_msg "not in the archive: $member"
		return 1
	done
}

# not_packed FILE...: these are not
not_packed() {
	for member; do
		grep -q -x -F -e "./$member" "$tmp/members" || continue
		ktap_print_msg "in the archive: $member"
		return 1
	done
}

# packs BUILD_TREE FILE...: these are in the archive, $tmp/packed, afterwards
packs() {
	quiet pack -b "$1" -o "$tmp/packed" || return 1
	tar -tf "$tmp/packed" > "$tmp/members" || return 1
	shift
	is_packed "$@"
}

# A program at $fake/$1 that does the shell commands $2
fake() {
	rm -rf "$fake"
	put "$fake/$1" "#!/bin/sh
$2"
	chmod +x "$fake/$1"
}

# A small kernel tree at $1, without a second tree
make_tree() {
	make_source "$1" && make_objects "$1"
}

# set_options TREE OPTION...: of its configuration
set_options() {
	auto_conf=$1/include/config/auto.conf
	shift
	for option; do
		case $option in
		*=*) echo "CONFIG_$option" ;;
		*) echo "CONFIG_$option=y" ;;
		esac
	done >> "$auto_conf"
}
