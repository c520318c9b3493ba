#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The selftests, in a guest that runs the stock kernel.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

report() {
	while IFS="$(printf '\t')" read -r verdict name; do
		case $verdict/$name in
		pass/*"# SKIP"*) ktap_test_skip "${name%% # SKIP*}" "${name#*# SKIP }" ;;
		pass/*) ktap_test_pass "$name" ;;
		*) ktap_test_fail "$name" ;;
		esac
	done < "$tmp/results"
}

ktap_print_header
need_kernel_source
share=$tmp/share
build_module "$tmp/build" || ktap_exit_fail_msg "kheaders.ko does not build"
fill_share "$tmp/build" "$share" || ktap_exit_fail_msg "selftests do not build"
sum=$(sha256sum < "$tmp/build/kheaders_data.tar.xz")
run_guest_selftests "$share" "${sum%% *}" > "$tmp/guest.log" 2> "$tmp/run.log"
rc=$?
show "$tmp/guest.log" "$tmp/run.log"
results
# the C test and three scripts: fewer means that one did not run
ktap_set_plan $(($(wc -l < "$tmp/results") + 2))
report
ktap_test_result "the guest answers" test "$rc" -eq 0
ktap_test_result "all four selftests ran" \
	test "$(grep -c '^ok [0-9]* selftests: kheaders: ' "$tmp/guest.log")" -eq 4
ktap_finished
