# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here:
# shellcheck disable=SC2154
#
# Shared by the tests that build tests/module/kinds with two trees; source it after test.sh.

# build_kinds FROM NAME [ARGUMENT...]: build both modules with the tree FROM into the directory
# $tmp/NAME.  All builds are done at one path, because file names end up in modules.
build_kinds() {
	from=$1
	name=$2
	shift 2
	rm -rf "$tmp/m" "${tmp:?}/$name"
	cp -r "$top/tests/module/kinds" "$tmp/m" &&
		kmake -C "$from" M="$tmp/m/provider" "$@" modules > "$tmp/output" 2>&1 &&
		kmake -C "$from" M="$tmp/m/user" "$@" \
			KBUILD_EXTRA_SYMBOLS="$tmp/m/provider/Module.symvers" modules \
			>> "$tmp/output" 2>&1
	rc=$?
	[ "$rc" -eq 0 ] || tail -n 20 "$tmp/output" | show
	cp "$tmp/output" "$tmp/m" && mv "$tmp/m" "$tmp/$name" && return "$rc"
}

# same_kinds NAME NAME: both builds gave the same bytes.  Leave out debug information, which
# names the headers' paths, the build-id, and BTF, which modules get only where the kernel's
# vmlinux is in the tree.
same_kinds() {
	for name in provider/main.o provider/twice.o provider/kinds_provider.ko \
		user/kinds_user.ko; do
		for from; do
			strip --strip-debug --remove-section=.note.gnu.build-id \
				--remove-section='.BTF*' \
				-o "$tmp/$from.o" "$tmp/$from/$name" || return 1
		done
		cmp "$tmp/$1.o" "$tmp/$2.o" && continue
		ktap_print_msg "$name: differs"
		return 1
	done
}
