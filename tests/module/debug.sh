#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Stress the attribute and the module on a debug kernel (vm/config/variant/debug): many reads
# and many loads, with and without readers.  Any complaint of the kernel ends the guest, which
# boots with panic_on_warn.  Two guests share the work, which would take one an hour.  Reads
# come in runs of 5000, because kselftest limits a test to 30 seconds.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

variant=debug
preads=100000
loads=1000
guests=2

stress=$(cat "$here/debug_guest")

# run_guest NUMBER
run_guest() {
	runs=$(((preads + guests * 5000 - 1) / (guests * 5000)))
	seeds=$(seq -s ' ' $(($1 * runs)) $(($1 * runs + runs - 1)))
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -m 3072 -t 3300 -l "$tmp/console.$1" \
		"export KHEADERS_PREADS=5000 KHEADERS_LOADS=$(((loads + guests - 1) / guests))
		SEEDS='$seeds'; $stress" > "$tmp/guest.$1" 2>&1
}

run_stress() {
	pids=
	rc=0
	for guest in $(seq "$guests"); do
		run_guest "$guest" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || rc=1
	done
	show "$tmp"/guest.*
	[ "$rc" -eq 0 ]
}

# printed WHAT: every guest printed it
printed() {
	[ "$(cat "$tmp"/guest.* | grep -c -x "stress: $1")" -eq "$guests" ]
}

# A kernel without these detectors would prove nothing.
detectors() {
	for option in KASAN PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK FORTIFY_SOURCE UBSAN; do
		grep -q -x "CONFIG_$option=y" "$obj/.config" || return 1
	done
	for console in "$tmp"/console.*; do
		grep -q 'KernelAddressSanitizer initialized' "$console" &&
			grep -q 'Lock dependency validator' "$console" || return 1
	done
}

ktap_print_header
build m || ktap_exit_fail_msg "the debug kernel does not build"
prepare_guest || ktap_exit_fail_msg "the guest's files cannot be prepared"
ktap_set_plan 5
ktap_test_result "no warning, no splat" run_stress
ktap_test_result "$preads random reads, 64 readers" printed "attribute passed"
ktap_test_result "$loads loads, $loads more under readers" printed "reload passed"
ktap_test_result "no leak" printed "no leak"
ktap_test_result "the kernel's detectors were on" detectors
ktap_finished
