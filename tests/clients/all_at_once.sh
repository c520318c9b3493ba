#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run readers, bcc, bpftrace and kheaders at once in one guest while the module is loaded and
# unloaded: no result is wrong, the kernel does not complain, and no memory is lost.
#
# Environment:
#   KHEADERS_MINUTES  how long, 30 by default; finishing what runs then takes some minutes
#                     more

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

clients="reader1 reader2 tar own link bpftrace extract verify status module"

# count CLIENT VERDICT [STAYED]
count() {
	awk -F '\t' -v client="$1" -v verdict="$2" -v stayed="${3:-}" '
		$1 == "round" && $2 == client && $3 == verdict &&
			(stayed == "" || $4 == stayed) { n++ }
		END { print n + 0 }' "$tmp/guest.log"
}

figures() {
	for client in $clients; do
		ktap_print_msg "$client: $(count "$client" right) right," \
			"$(count "$client" right stayed) of them undisturbed," \
			"$(count "$client" lost) lost their file, $(count "$client" wrong) wrong"
	done
	awk -F '\t' '$1 == "memory" {
		printf "minute %s, %s: %s kB available, %s slab, %s of it not reclaimable\n",
			$3, $2, $4, $5, $6
	}' "$tmp/guest.log" | show
}

none_wrong() {
	grep -v -e '^round' -e '^memory' "$tmp/guest.log" | show
	! grep -q '^round	[a-z0-9]*	wrong' "$tmp/guest.log"
}

# Each client succeeded at least once undisturbed; those that only run in storms, at all.
all_served() {
	for client in $clients; do
		case $client in
		extract|module) right=$(count "$client" right) ;;
		*) right=$(count "$client" right stayed) ;;
		esac
		[ "$right" -gt 0 ] && continue
		ktap_print_msg "$client: never succeeded"
		return 1
	done
}

# The storm was real: some client lost the file.
disturbed() {
	for client in $clients; do
		[ "$(count "$client" lost)" -gt 0 ] && return
	done
	return 1
}

# After the first quiet phase available memory shrinks by less than 3 % and unreclaimable slab
# grows by less than 5 %.
memory_stays() {
	awk -F '\t' '$1 == "memory" && $2 == "quiet" {
			if (!n++) { available = $4; slab = $6 }
			last = $4; last_slab = $6 }
		END { exit !(n > 1 && last > available * 0.97 && last_slab < slab * 1.05) }' \
		"$tmp/guest.log"
}

no_complaint() {
	grep '^splat' "$tmp/guest.log" | show
	! grep -q '^splat' "$tmp/guest.log" && grep -q '^minutes' "$tmp/guest.log"
}

ktap_print_header
need_kernel
minutes=${KHEADERS_MINUTES:-30}
mkdir "$tmp/share"
disk=$("$top/vm/disk" "$series" clients) || ktap_exit_fail_msg "no disk with clients"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" ||
	ktap_exit_fail_msg "kheaders does not build"
cp "$built/kheaders.ko" "$tmp/program/kheaders" "$here/all_at_once_guest" \
	"$top/tests/lib/count.py" "$top/tests/lib/struct.bt" "$tmp/share"
cp "$built/kheaders_data.tar.xz" "$tmp/share/archive.tar.xz"
"$top/vm/run" -k "$kernel" -d "$disk" -s "$tmp/share" -m 3072 -t $((minutes * 90 + 1800)) \
	"/share/all_at_once_guest $minutes" > "$tmp/guest.log" 2> "$tmp/run.log"
rc=$?
show "$tmp/run.log"
figures
ktap_set_plan 6
ktap_test_result "$series: no result is wrong" none_wrong
ktap_test_result "$series: every client works" all_served
ktap_test_result "$series: clients disturbed each other" disturbed
ktap_test_result "$series: the kernel does not complain" no_complaint
ktap_test_result "$series: no memory is lost" memory_stays
ktap_test_result "$series: the guest answers" test "$rc" -eq 0
ktap_finished
