#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build kheaders.ko, and modules from the archive that it carries.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

help_is_default() {
	make -s -C "$top" > "$tmp/help" && grep -q 'make demo' "$tmp/help"
}

# sparse and W=1 do not complain about our files
builds_clean() {
	kmake -C "$top" KDIR="$kernel/kdir" BUILDDIR="$tmp/checked" W=1 C=1 module \
		> "$tmp/output" 2>&1 || return 1
	! grep -e warning -e error "$tmp/output" && return
	show "$tmp/output"
	return 1
}

has_version() {
	[ "$(modinfo -F version "$tmp/build/kheaders.ko")" = "$(cat "$top/VERSION")" ]
}

# .rodata ends with the archive between its markers.
carries_archive() {
	objcopy -O binary --only-section=.rodata "$tmp/build/kheaders.ko" "$tmp/rodata" &&
		{
			printf 'IKHD_ST\000'
			cat "$tmp/build/kheaders_data.tar.xz"
			printf 'IKHD_ED\000'
		} > "$tmp/want" &&
		tail -c "$(wc -c < "$tmp/want")" "$tmp/rodata" | cmp - "$tmp/want"
}

# when FILE: the time of its last change
when() {
	stat -c %y "$tmp/build/$1"
}

# nothing_to_do KDIR: a build writes nothing and prints nothing
nothing_to_do() {
	before=$(when kheaders_data.tar.xz)$(when kheaders.ko)
	build_module "$tmp/build" KDIR="$1" && [ ! -s "$tmp/output" ] &&
		[ "$before" = "$(when kheaders_data.tar.xz)$(when kheaders.ko)" ]
}

# A private build tree, which the tests can change.
move_kdir() {
	cp -r "$kernel/kdir/." "$tmp/kdir" &&
		sed -i "s,^KBUILD_OUTPUT=.*,KBUILD_OUTPUT=$tmp/kdir," "$tmp/kdir/Makefile" &&
		rm "$tmp/kdir/scripts" "$tmp/kdir/tools" &&
		ln -s "$(realpath "$kernel/kdir/scripts")" "$tmp/kdir/scripts" &&
		ln -s "$(realpath "$kernel/kdir/tools")" "$tmp/kdir/tools" &&
		build_module "$tmp/build" KDIR="$tmp/kdir"
}

# Another make in the same directory may link to the build tree first: realpath does it here.
two_at_once() {
	put "$tmp/tree/include/config/auto.conf" "" && put "$tmp/bin/realpath" "#!/bin/sh
ln -sfn '$tmp/tree' '$tmp/two/kdir'
exec $(command -v realpath) \"\$@\"" && chmod +x "$tmp/bin/realpath" || return 1
	PATH=$tmp/bin:$PATH make -C "$top" module KDIR="$tmp/tree" BUILDDIR="$tmp/two" \
		> "$tmp/output" 2>&1
	[ "$(readlink "$tmp/two/kdir")" = "$tmp/tree" ] && [ ! -e "$tmp/tree/tree" ] && return
	show "$tmp/output"
	return 1
}

# One build packs and links, the next one does nothing.
repacks() {
	before=$(when kheaders_data.tar.xz)
	linked=$(when kheaders.ko)
	build_module "$tmp/build" KDIR="$tmp/kdir" &&
		[ "$before" != "$(when kheaders_data.tar.xz)" ] &&
		[ "$linked" != "$(when kheaders.ko)" ] &&
		nothing_to_do "$tmp/kdir"
}

header_changed() {
	echo '#define KHEADERS_TEST 1' >> "$tmp/kdir/include/generated/autoconf.h"
	repacks
}

header_added() {
	echo '#define KHEADERS_TEST 1' > "$tmp/kdir/include/generated/kheaders_test.h"
	repacks
}

header_renamed() {
	mv "$tmp/kdir/include/generated/kheaders_test.h" \
		"$tmp/kdir/include/generated/kheaders_tess.h"
	repacks
}

header_removed() {
	rm "$tmp/kdir/include/generated/kheaders_tess.h"
	repacks
}

config_changed() {
	sed -i '1s/$/ changed/' "$tmp/kdir/.config"
	repacks
}

# A change of the script, the list, the stripper or an option repacks, too.  Change them in a
# copy of the project, and pack only headers, which is quicker.
tools_changed() {
	mkdir "$tmp/repo" && cp -r "$top/Makefile" "$top/kheaders" "$top/scripts" "$tmp/repo" &&
		tool_build || return 1
	for change in 'echo "# x" >> scripts/pack_headers.sh' \
		'echo "# x" >> scripts/kheaders.list' \
		'echo "# x" >> scripts/kheaders.mk' \
		'echo "# x" >> scripts/kheaders_host.sh' \
		'echo "/* x */" >> scripts/strip_comments.c' 'keep=KHEADERS_KEEP_COMMENTS=y'; do
		before=$(stat -c %y "$tmp/tool/kheaders_data.tar.xz")
		cd "$tmp/repo" && eval "$change" && cd "$tmp" || return 1
		tool_build && [ "$before" != "$(stat -c %y "$tmp/tool/kheaders_data.tar.xz")" ] &&
			before=$(stat -c %y "$tmp/tool/kheaders_data.tar.xz") && tool_build &&
			[ "$before" = "$(stat -c %y "$tmp/tool/kheaders_data.tar.xz")" ] && continue
		ktap_print_msg "after: $change"
		return 1
	done
}

keep=
# shellcheck disable=SC2086	# one word or none
tool_build() {
	quiet kmake -C "$tmp/repo" KDIR="$kernel/kdir" BUILDDIR="$tmp/tool" CONTENT=headers \
		$keep module
}

# comparable KO OUT: write KO without debug information and build-id
comparable() {
	strip --strip-debug --remove-section=.note.gnu.build-id \
		--remove-section=.BTF --remove-section=.BTF_ids -o "$2" "$1"
}

# A module built from the headers package and from the archive, at the same path, has the
# same bytes.
identical() {
	cp -r "$top/selftests/test_modules" "$tmp/m" &&
		quiet kmake -C "$kernel/kdir" M="$tmp/m" modules &&
		mv "$tmp/m" "$tmp/m.package" &&
		cp -r "$top/selftests/test_modules" "$tmp/m" &&
		quiet kmake -C "$tmp/build/tree" M="$tmp/m" modules || return 1
	for name in kheaders_test kheaders_squat; do
		comparable "$tmp/m.package/$name.ko" "$tmp/a.ko"
		comparable "$tmp/m/$name.ko" "$tmp/b.ko"
		cmp "$tmp/a.ko" "$tmp/b.ko" || return 1
	done
}

builds_without_warning() {
	build_test_modules "$tmp/build" && ! grep -i warning "$tmp/output"
}

# The tree works anywhere and refers to no other place: move it, and trace what a build opens.
builds_elsewhere() {
	mkdir "$tmp/elsewhere" && mv "$tmp/build/tree" "$tmp/elsewhere/t r" || return 1
	mv "$tmp/elsewhere/t r" "$tmp/elsewhere/tree"
	rm -rf "$tmp/m" && cp -r "$top/selftests/test_modules" "$tmp/m" &&
		quiet strace -f -e trace=openat,open,execve -o "$tmp/trace" \
			make -s -C "$tmp/elsewhere/tree" M="$tmp/m" modules || return 1
	! grep -v ENOENT "$tmp/trace" | grep -e '"/usr/src/' -e '"/lib/modules/' \
		-e "\"$cache"
}

blanks_in_kdir() {
	mkdir "$tmp/with blank" && mv "$tmp/kdir" "$tmp/with blank/kdir" &&
		build_module "$tmp/blank" KDIR="$tmp/with blank/kdir" &&
		cmp "$tmp/build/kheaders_data.tar.xz" "$tmp/blank/kheaders_data.tar.xz"
}

headers_content() {
	build_module "$tmp/headers" CONTENT=headers &&
		! tar -tf "$tmp/headers/kheaders_data.tar.xz" | grep -q Makefile
}

tree_is_clean() {
	[ ! -e "$top/.git" ] || [ -z "$(git -C "$top" status --porcelain --ignored)" ] ||
		[ "$(git -C "$top" status --porcelain --ignored)" = "$status" ]
}

ktap_print_header
need_kernel
pack_quickly
[ ! -e "$top/.git" ] || status=$(git -C "$top" status --porcelain --ignored)
ktap_set_plan 21
ktap_test_result "make alone prints help" help_is_default
ktap_test_result "a missing tree is named with the package to install" \
	fails_with linux-headers make -C "$top" KDIR=/nonexistent
ktap_test_result "the module builds" build_module "$tmp/build"
ktap_test_result "modinfo prints its version" has_version
ktap_test_result "sparse and W=1 find nothing" builds_clean
ktap_test_result "it carries the archive between markers" carries_archive
ktap_test_result "a second build does nothing" nothing_to_do "$kernel/kdir"
ktap_test_result "two builds at once write nothing into the build tree" two_at_once
ktap_test_result "a build tree elsewhere" move_kdir
ktap_test_result "a changed header is packed" header_changed
ktap_test_result "an added header is packed" header_added
ktap_test_result "a renamed header is packed" header_renamed
ktap_test_result "a removed header is gone" header_removed
ktap_test_result "a changed .config is packed" config_changed
ktap_test_result "a changed script, list, stripper or option repacks" tools_changed
ktap_test_result "a module builds from the archive without a warning" \
	builds_without_warning
ktap_test_result "it is identical to one from the headers package" identical
ktap_test_result "it needs no headers outside the tree" builds_elsewhere
ktap_test_result "a build tree with spaces in its path" blanks_in_kdir
ktap_test_result "CONTENT=headers has no build files" headers_content
ktap_test_result "the work tree is unchanged" tree_is_clean
ktap_finished
