#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Cut the guest's power while the program extracts: afterwards the tree is complete or
# absent, and the next run removes the leftovers.
#
# Environment:
#   KHEADERS_CUTS   number of power cuts (default: 50)

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

cuts=${KHEADERS_CUTS:-50}

# Report the state found at boot, then extract, until the host cuts the power.  Every other
# time a tree exists already.
# shellcheck disable=SC2016	# the guest's shell expands it
guest='
place=/var/cache/kheaders
tree=$place/$(uname -r)
kheaders() {
	/share/kheaders "$@" --archive /share/archive.tar.xz --dest "$tree"
}
if [ ! -e "$tree" ]; then
	echo "found: absent"
elif kheaders verify; then
	echo "found: complete"
else
	echo "found: PARTIAL"
fi
mkdir -p "$place"
case $KHEADERS_CUT in
*[02468]) rm -rf "$tree" ;;
last) ;;
*) [ -e "$tree" ] || kheaders extract --quiet --no-link ;;
esac
sync
echo "go"
kheaders extract --quiet --no-link --force
echo "extracted: $?"
[ "$KHEADERS_CUT" = last ] || sleep 60
echo "left: $(ls -A "$place" | tr "\n" " ")"
kheaders verify && echo "last: complete"'

# cut_after SECONDS NAME: start the guest, and kill it SECONDS after it began to extract
cut_after() {
	: > "$tmp/output"
	TMPDIR=$tmp/run setsid "$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" -w \
		-m 1024 "KHEADERS_CUT=$2; $guest" > "$tmp/output" 2>&1 &
	pid=$!
	waited=0
	until grep -q '^go' "$tmp/output"; do
		sleep 0.2
		waited=$((waited + 1))
		if [ "$waited" -ge 900 ] || ! kill -0 "$pid" 2> /dev/null; then
			show "$tmp/output"
			return 1
		fi
	done
	sleep "$1"
	kill -9 "-$pid"
	wait "$pid" 2> /dev/null
	sed -n 's/^found: //p' "$tmp/output" >> "$tmp/found"
	grep -q '^extracted' "$tmp/output" && echo late >> "$tmp/late"
	return 0
}

cut_all() {
	: > "$tmp/found"
	for i in $(seq "$cuts"); do
		after=$(echo "$seconds $i $cuts" | awk '{ print $1 * $2 / $3 }')
		cut_after "$after" "$i" || return 1
	done
}

# Measure an extraction in the guest, to spread the cuts over it.
# shellcheck disable=SC2016	# the guest's shell expands it
measure() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$disk" -m 1024 '
		began=$(date +%s%N)
		/share/kheaders extract --quiet --no-link --archive /share/archive.tar.xz || exit 1
		echo "took $((($(date +%s%N) - began) / 1000000))"' > "$tmp/output" 2>&1 || {
		show "$tmp/output"
		return 1
	}
	seconds=$(awk '$1 == "took" { print $2 / 1000 }' "$tmp/output")
}

never_partial() {
	ktap_print_msg "$(sort "$tmp/found" | uniq -c | tr -s ' \n' ' '), $(
		wc -l < "$tmp/late") cut after the end, an extraction takes $seconds seconds"
	[ "$(wc -l < "$tmp/found")" -eq "$cuts" ] && grep -q complete "$tmp/found" &&
		grep -q absent "$tmp/found" && ! grep PARTIAL "$tmp/found"
}

recovers() {
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" -w -m 1024 \
		"KHEADERS_CUT=last; $guest" > "$tmp/output" 2>&1
	grep -q '^last: complete' "$tmp/output" && grep -q -x "left: [^ ]* " "$tmp/output" && return
	show "$tmp/output"
	return 1
}

ktap_print_header
need_kernel
mkdir "$tmp/share" "$tmp/run"
: > "$tmp/late"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" ||
	ktap_exit_fail_msg "kheaders does not build"
build_strip_comments
quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" -c headers -o "$tmp/share/archive.tar.xz" ||
	ktap_exit_fail_msg "no archive"
cp "$tmp/program/kheaders" "$tmp/share"
disk=$("$top/vm/disk" "$series" systemd) || ktap_exit_fail_msg "no disk"
cp --sparse=always "$disk" "$tmp/disk"
measure || ktap_exit_fail_msg "extraction in the guest failed"
ktap_set_plan 3
ktap_test_result "the power is cut $cuts times" cut_all
ktap_test_result "the tree is never incomplete" never_partial
ktap_test_result "the next run removes the leftovers" recovers
ktap_finished
