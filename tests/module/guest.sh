#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the selftests in a guest with the stock kernel and only busybox, and the statically
# linked program.  For another architecture, with modules that a compiler of that architecture
# builds from the archive, instead of the program.
#
# Environment:
#   KHEADERS_RECORD  if set, write the figures into Documentation/kernels.md

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

report() {
	while IFS="$(printf '\t')" read -r verdict name; do
		case $verdict/$name in
		pass/*"# SKIP"*) ktap_test_skip "${name%% # SKIP*}" "${name#*# SKIP }" ;;
		pass/*) ktap_test_pass "$name" ;;
		*) ktap_test_fail "$name" ;;
		esac
	done < "$tmp/results"
}

build_static() {
	program=$(cat "$here/guest_program")
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" &&
		cp "$tmp/static/kheaders" "$share"
}

# only_programs DIR DIR: the trees differ, but in nothing other than programs
only_programs() {
	diff -rq "$1" "$2" | sed -e 's/^Files \(.*\) and .* differ$/\1/' \
		-e 's,^Only in \(.*\): ,\1/,' > "$tmp/differ"
	while read -r file; do
		[ ! -x "$file" ] || [ -d "$file" ] || continue
		ktap_print_msg "not a program: $file"
		return 1
	done < "$tmp/differ"
	[ -s "$tmp/differ" ]
}

# As on a machine of the architecture: its own make and compiler, run by QEMU, in the tree that
# is packed from Debian's headers there.  What the guest has differs from it in the programs,
# which are this machine's.
# shellcheck disable=SC2016	# the inner shell expands it
build_natively() {
	program='exit $?'	# that of the selftests
	native=$tmp/native
	quiet emulate && root=$("$top/vm/rootfs" -a "$arch" "$series" native) &&
		mkdir -p "$native/tree" && XZ=$top/tests/lib/xz_quick pack_into "$native" &&
		tar -xf "$native/kheaders_data.tar.xz" -C "$native/tree" &&
		only_programs "$native/tree" "$built/tree" || return 1
	cp -r "$top/selftests/test_modules" "$native" && quiet "$top/vm/chroot" "$root" sh -c '
		[ -e /usr/bin/awk ] || ln -s mawk /usr/bin/awk
		make -s -C "$1/tree" M="$1/test_modules" modules' sh "$native"
	rc=$?
	end_emulation
	rm -rf "$share/test_modules" && mv "$native/test_modules" "$share" && return "$rc"
}

record() {
	[ "$KTAP_FAIL" -eq 0 ] || return 0
	put_row kernels.md "| arch | series |" "| $arch | $series |" "$(printf \
		' %s | %d | %d of %d | %s | %d |' "$(cat "$kernel/release")" \
		"$(wc -c < "$built/kheaders_data.tar.xz")" "$(grep -c '^pass' "$tmp/results")" \
		"$(wc -l < "$tmp/results")" "$builder" "$(($(date +%s) - began))")"
}

ktap_print_header
[ -z "$emulator" ] || ! foreign || [ "$(id -u)" -eq 0 ] ||
	ktap_skip_all "needs root for binfmt_misc"
need_kernel_source
began=$(date +%s)
share=$tmp/share
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
fill_share "$share" || ktap_exit_fail_msg "selftests do not build"
sum=$(sha256sum < "$built/kheaders_data.tar.xz")
if foreign; then
	builder=native
	checks=2
	build_natively || ktap_exit_fail_msg "no module from a compiler of $arch"
	# an emulated machine of another kind takes up to five times as long as one like this
	guest_limit=3000
	sed -i 's/^timeout=.*/timeout=1500/' "$share/kselftest/kheaders/settings"
else
	builder=this
	checks=4
	build_static || ktap_exit_fail_msg "the static program does not build"
fi
run_guest_selftests "$share" "${sum%% *}" "$program" > "$tmp/guest.log" 2> "$tmp/run.log"
rc=$?
show "$tmp/guest.log" "$tmp/run.log"
results
# one C test and three scripts; fewer results mean that one did not run
ktap_set_plan $(($(wc -l < "$tmp/results") + checks))
report
ktap_test_result "the guest answers" test "$rc" -eq 0
ktap_test_result "all four selftests ran" \
	test "$(grep -c '^ok [0-9]* selftests: kheaders: ' "$tmp/guest.log")" -eq 4
foreign || for what in "module loaded and unloaded" "tree is whole"; do
	ktap_test_result "a static program in the guest: $what" \
		grep -q -x "program: $what" "$tmp/guest.log"
done
record
ktap_finished
