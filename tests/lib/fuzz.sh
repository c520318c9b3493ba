# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# test.sh sets some variables used here, and the tests use some set here:
# shellcheck disable=SC2154,SC2034
#
# Shared by the tests with libFuzzer; source it after test.sh.
#
# Environment:
#   FUZZ_RUNS  how many inputs to try instead

# shellcheck disable=SC2154	# test.sh sets tmp
corpus=$tmp/corpus
runs=${FUZZ_RUNS:-30000}

# fuzz TARGET ARGUMENT...: on $corpus, with $tmp/dictionary; findings are $tmp/found-*
fuzz() {
	target=$1
	shift
	"$target" -max_len="${longest:-4096}" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
		-dict="$tmp/dictionary" -artifact_prefix="$tmp/found-" "$@" \
		"$corpus" > "$tmp/log" 2>&1
}

# Print each finding in full, to be tried elsewhere: base64 -d | xz -d
show_finding() {
	for found in "$tmp"/found-*; do
		[ -e "$found" ] || continue
		ktap_print_msg "found by ${found##*/found-}, in xz and base64:"
		xz -9 -c "$found" | base64 | show
	done
	grep -v '^#' "$tmp/log" | tail -n 40 | show
}

# finds_nothing RUNS: no input of as many makes $tmp/fuzz fail
finds_nothing() {
	began=$(date +%s)
	fuzz "$tmp/fuzz" -runs="$1"
	rc=$?
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/log")
	ktap_print_msg "${executions:=0} executions in $(($(date +%s) - began)) seconds"
	[ "$rc" -eq 0 ] && [ "$executions" -ge "$1" ] && return
	show_finding
	return 1
}
