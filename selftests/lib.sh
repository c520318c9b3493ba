# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the shell tests share; read with ".".  The ktap_ functions have the names
# and the output of kselftest/ktap_helpers.sh, which kernels before 6.8 lack.
#
# Environment of the tests:
#   KHEADERS_SHA256   what sha256sum must say of the archive
#   KHEADERS_MODULES  where the modules of test_modules/ are, built from the
#                     archive elsewhere, for a machine without a compiler
#   KHEADERS_PREADS   how many reads at random; 10000 if not set
#   KHEADERS_SEED     where their places start from; 1 if not set
#   KHEADERS_LOADS    how often the module comes and goes; 10 if not set

# shellcheck disable=SC2034	# for those who read this file
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

# ktap_exit_fail_msg REASON: it makes no sense to go on
ktap_exit_fail_msg() {
	echo "Bail out! $*"
	exit 1
}

# Leave with the verdict: 0 passed, 1 failed, 4 nothing but skips.
ktap_finished() {
	echo "# Totals: pass:$KTAP_PASS fail:$KTAP_FAIL xfail:0 xpass:0 skip:$KTAP_SKIP error:0"
	[ "$KTAP_FAIL" -eq 0 ] || exit 1
	[ -z "$KTAP_PLAN" ] || [ "$KTAP_N" -eq "$KTAP_PLAN" ] || exit 1
	[ "$KTAP_PASS" -gt 0 ] || exit 4
	exit 0
}

# Set log_mark to a line in the kernel log, behind which log_since looks.
mark_log() {
	log_mark="kheaders selftest $$ $(date +%s.%N)"
	echo "$log_mark" > /dev/kmsg
}

# But for what the kernel says of time in a busy virtual machine, at any moment.
log_since() {
	dmesg | sed -e "1,/$log_mark/d" | grep -v -e clocksource: -e hrtimer: -e '\<tsc: '
}

log_is_empty() {
	[ -z "$(log_since)" ] && return
	log_since | sed 's/^/# /'
	return 1
}

# The archive is there, or comes when its module is loaded; else all is skipped.
need_archive() {
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
	[ -e "$KHEADERS_FILE" ] || modprobe -q kheaders 2> /dev/null
	[ -e "$KHEADERS_FILE" ] ||
		ktap_skip_all "no $KHEADERS_FILE and no module that brings it"
}
