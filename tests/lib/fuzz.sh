# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# what test.sh has set, and what the tests that read this file use:
# shellcheck disable=SC2154,SC2034
#
# What the tests with libFuzzer share; read with "." behind lib.sh.
#
# Environment:
#   FUZZ_SECONDS  how long to look, in place of what the test sets as seconds
#   FUZZ_RUNS     how many inputs to try instead, with no limit of time

# shellcheck disable=SC2154	# tmp is lib.sh's
corpus=$tmp/corpus
runs=${FUZZ_RUNS:-}
least=30000	# fewer inputs tell nothing
[ -z "${KHEADERS_WHOLE:-}" ] || least=100000

# fuzz TARGET ARGUMENT...: on $corpus, with $tmp/dictionary; what is found is $tmp/found-*
fuzz() {
	target=$1
	shift
	"$target" -max_len="${longest:-4096}" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
		-dict="$tmp/dictionary" -artifact_prefix="$tmp/found-" "$@" \
		"$corpus" > "$tmp/log" 2>&1
}

# The whole of an input, so that it can be tried elsewhere: base64 -d | xz -d
show_finding() {
	for found in "$tmp"/found-*; do
		[ -e "$found" ] || continue
		ktap_print_msg "found by ${found##*/found-}, in xz and base64:"
		xz -9 -c "$found" | base64 | show
	done
	grep -v '^#' "$tmp/log" | tail -n 40 | show
}

finds_nothing() {
	began=$(date +%s)
	if [ -n "$runs" ]; then
		fuzz "$tmp/fuzz" -runs="$runs"
	else
		fuzz "$tmp/fuzz" -max_total_time="$seconds"
	fi
	rc=$?
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/log")
	ktap_print_msg "${executions:=0} executions in $(($(date +%s) - began)) seconds"
	[ "$rc" -eq 0 ] && return
	show_finding
	return 1
}
