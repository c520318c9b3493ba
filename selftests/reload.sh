#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Load and unload the module: silently, also under readers, and without a trace.

cd "$(dirname "$0")" || exit 1
. ./lib.sh

load_and_unload() {
	for round in $(seq "${KHEADERS_LOADS:-10}"); do
		quietly modprobe kheaders && [ -e "$KHEADERS_FILE" ] &&
			quietly rmmod kheaders && [ ! -e "$KHEADERS_FILE" ] &&
			continue
		ktap_print_msg "round $round"
		return 1
	done
}

# An open file does not keep the module; later reads fail and return no data.
unload_while_open() {
	modprobe kheaders || return 1
	exec 5< "$KHEADERS_FILE"
	head -c 100 <&5 > "$tmp/head"
	quietly rmmod kheaders || return 1
	cat <&5 > "$tmp/rest" 2> /dev/null
	exec 5<&-
	[ ! -s "$tmp/rest" ] && return
	ktap_print_msg "an unloaded module returned data"
	return 1
}

# Each reader gets the whole archive or an error.
read_until_gone() {
	while [ -e "$tmp/go" ]; do
		if cat "$KHEADERS_FILE" 2> /dev/null > "$tmp/read.$1"; then
			cmp "$tmp/read.$1" "$tmp/whole" || touch "$tmp/wrong"
			echo whole >> "$tmp/reads"
		elif [ -s "$tmp/read.$1" ]; then
			echo cut >> "$tmp/reads"
		fi
	done
}

unload_under_readers() {
	modprobe kheaders && cat "$KHEADERS_FILE" > "$tmp/whole" || return 1
	touch "$tmp/go" "$tmp/reads"
	# at the lowest priority, so that the unload loop makes progress on a slow machine
	for reader in 1 2 3 4; do
		read_until_gone "$reader" &
		renice -n 19 -p $! > /dev/null
	done
	for round in $(seq "${KHEADERS_LOADS:-10}"); do
		sleep 0.1
		if ! { rmmod kheaders && modprobe kheaders; }; then
			ktap_print_msg "round $round"
			touch "$tmp/wrong"
		fi
	done
	rm "$tmp/go"
	wait
	ktap_print_msg "$(grep -c cut "$tmp/reads") of $(wc -l < "$tmp/reads") reads cut short"
	[ -s "$tmp/reads" ] && [ ! -e "$tmp/wrong" ]
}

find_squatter() {
	squat=${KHEADERS_MODULES:-}/kheaders_squat.ko
	[ -e "$squat" ]
}

# The log has one line with the reason and no trace from sysfs; the owner keeps the name.
name_is_taken() {
	# loading the first out-of-tree module logs a line
	insmod "$squat" && rmmod kheaders_squat || return 1
	mark_log
	insmod "$squat" || return 1
	# not modprobe, which takes -EEXIST to mean "already loaded"
	insmod "$(modinfo -n kheaders)" 2> "$tmp/err" && return 1
	cat "$KHEADERS_FILE" > "$tmp/owner"
	rmmod kheaders_squat
	log_since > "$tmp/log"
	# newer kernels return a module's -EEXIST as -EBUSY
	grep -e 'File exists' -e 'resource busy' "$tmp/err" && grep -qx squatter "$tmp/owner" &&
		grep "kheaders: $KHEADERS_FILE: already exists" "$tmp/log" &&
		[ "$(wc -l < "$tmp/log")" -eq 1 ] && return
	sed 's/^/# /' "$tmp/log"
	return 1
}

ktap_print_header
need_archive
grep -q '^kheaders ' /proc/modules || ktap_skip_all "kheaders is built in"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"; modprobe -q kheaders' EXIT
rmmod kheaders || ktap_skip_all "kheaders is in use"
mark_log
ktap_set_plan 5
ktap_test_result "it loads and unloads silently" load_and_unload
ktap_test_result "it unloads while the file is open" unload_while_open
ktap_test_result "it unloads and loads under readers" unload_under_readers
ktap_test_result "nothing in the kernel log" log_is_empty
rmmod kheaders
if find_squatter; then
	ktap_test_result "one line in the log when the name is taken" name_is_taken
else
	ktap_test_skip "one line in the log when the name is taken" \
		"no kheaders_squat.ko, set KHEADERS_MODULES"
fi
ktap_finished
