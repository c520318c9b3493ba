# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Shared by the shell tests; source it.  The ktap_ functions have the names and the output of
# kselftest/ktap_helpers.sh, which kernels before 6.8 lack.
#
# Environment of the tests:
#   KHEADERS_SHA256   the archive's expected SHA-256
#   KHEADERS_MODULES  directory with the modules of test_modules/, built from the archive
#                     elsewhere, for a machine without a compiler
#   KHEADERS_PREADS   number of random reads; 10000 by default
#   KHEADERS_SEED     seed of their offsets; 1 by default
#   KHEADERS_LOADS    how often to load and unload the module; 10 by default

# shellcheck disable=SC2034	# used by the tests that source this file
KHEADERS_FILE=/sys/kernel/kheaders.tar.xz

KTAP_N=0
KTAP_PASS=0
KTAP_FAIL=0
KTAP_SKIP=0
KTAP_PLAN=

ktap_print_header() {
	echo "TAP version 13"
}

ktap_print_msg() {
	echo "# $*"
}

ktap_set_plan() {
	KTAP_PLAN=$1
	echo "1..$1"
}

ktap_skip_all() {
	echo "1..0 # SKIP $*"
	exit 4
}

ktap_test_pass() {
	KTAP_N=$((KTAP_N + 1))
	KTAP_PASS=$((KTAP_PASS + 1))
	echo "ok $KTAP_N $*"
}

ktap_test_fail() {
	KTAP_N=$((KTAP_N + 1))
	KTAP_FAIL=$((KTAP_FAIL + 1))
	echo "not ok $KTAP_N $*"
}

# ktap_test_skip NAME REASON
ktap_test_skip() {
	KTAP_N=$((KTAP_N + 1))
	KTAP_SKIP=$((KTAP_SKIP + 1))
	echo "ok $KTAP_N $1 # SKIP $2"
}

# ktap_test_result NAME COMMAND...: passes if COMMAND does
ktap_test_result() {
	ktap_name=$1
	shift
	if "$@"; then
		ktap_test_pass "$ktap_name"
	else
		ktap_test_fail "$ktap_name"
	fi
}

# ktap_exit_fail_msg REASON: give up, since no later test can pass
ktap_exit_fail_msg() {
	echo "Bail out! $*"
	exit 1
}

# Exit with the verdict: 0 passed, 1 failed, 4 all skipped.
ktap_finished() {
	echo "# Totals: pass:$KTAP_PASS fail:$KTAP_FAIL xfail:0 xpass:0 skip:$KTAP_SKIP error:0"
	[ "$KTAP_FAIL" -eq 0 ] || exit 1
	[ -z "$KTAP_PLAN" ] || [ "$KTAP_N" -eq "$KTAP_PLAN" ] || exit 1
	[ "$KTAP_PASS" -gt 0 ] || exit 4
	exit 0
}

# quietly COMMAND...: it must succeed and print nothing
quietly() {
	output=$("$@" 2>&1) && [ -z "$output" ] && return
	ktap_print_msg "$*: $output"
	return 1
}

# Write a mark to the kernel log; log_since looks at what follows it.
mark_log() {
	log_mark="kheaders selftest $$ $(date +%s.%N)"
	echo "$log_mark" > /dev/kmsg
}

# Print what kheaders logs, by its name, and complaints of the kernel.  Other parts of the kernel
# may log at any time, about clocks in a busy virtual machine, for example.
log_since() {
	dmesg | sed -e "1,/$log_mark/d" |
		grep -e kheaders -e WARNING -e BUG -e Oops -e 'Call Trace' -e 'taints kernel'
}

log_is_empty() {
	[ -z "$(log_since)" ] && return
	log_since | sed 's/^/# /'
	return 1
}

# Load the module if the archive does not exist; without either skip all tests.
need_archive() {
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
	[ -e "$KHEADERS_FILE" ] || modprobe -q kheaders 2> /dev/null
	[ -e "$KHEADERS_FILE" ] ||
		ktap_skip_all "no $KHEADERS_FILE and no module kheaders"
}
