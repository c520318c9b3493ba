#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the selftests in a guest with the stock kernel and only busybox, and the statically
# linked program.

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

program=$(cat "$here/guest_program")

build_static() {
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" &&
		cp "$tmp/static/kheaders" "$share"
}

ktap_print_header
need_kernel_source
share=$tmp/share
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
fill_share "$share" || ktap_exit_fail_msg "selftests do not build"
sum=$(sha256sum < "$built/kheaders_data.tar.xz")
build_static || ktap_exit_fail_msg "the static program does not build"
run_guest_selftests "$share" "${sum%% *}" "$program" > "$tmp/guest.log" 2> "$tmp/run.log"
rc=$?
show "$tmp/guest.log" "$tmp/run.log"
results
# one C test and three scripts; fewer results mean that one did not run
ktap_set_plan $(($(wc -l < "$tmp/results") + 4))
report
ktap_test_result "the guest answers" test "$rc" -eq 0
ktap_test_result "all four selftests ran" \
	test "$(grep -c '^ok [0-9]* selftests: kheaders: ' "$tmp/guest.log")" -eq 4
for what in "module loaded and unloaded" "tree is whole"; do
	ktap_test_result "a static program in the guest: $what" \
		grep -q -x "program: $what" "$tmp/guest.log"
done
ktap_finished
