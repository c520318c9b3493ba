#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Test the tests: break things, and check that the tests report them as broken.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# verdict STATUS TEXT COMMAND: vm/run of COMMAND ends with STATUS and prints TEXT
verdict() {
	"$top/vm/run" -t "$limit" -k "$kernel" -i "$tmp/initramfs" -s "$share" "$3" \
		> "$tmp/output" 2>&1
	rc=$?
	[ "$rc" -eq "$1" ] && grep -q -e "$2" "$tmp/output" && return
	ktap_print_msg "status $rc"
	show "$tmp/output"
	return 1
}

# counts LINE SCRIPT: LINE is the last that tests/run prints for a test that runs SCRIPT
counts() {
	printf '#!/bin/sh\n%s\n' "$2" > "$tmp/fake.sh"
	chmod +x "$tmp/fake.sh"
	"$top/tests/run" -t 2 "$tmp/fake.sh" > "$tmp/output" 2>&1
	rc=$?
	case $1 in
	"0 passed"*) want=1 ;;
	*" 0 failed"*) want=0 ;;
	*) want=1 ;;
	esac
	[ "$(tail -n 1 "$tmp/output")" = "$1" ] && [ "$rc" -eq "$want" ] && return
	show "$tmp/output"
	return 1
}

# mutant FILE SCRIPT: copy the project and let sed apply SCRIPT to FILE there
mutant() {
	rm -rf "$tmp/mutant"
	mkdir "$tmp/mutant"
	( cd "$top" && tar -cf - --exclude=./build --exclude=./.git . ) > "$tmp/copy.tar"
	tar -xf "$tmp/copy.tar" -C "$tmp/mutant"
	sed -i "$2" "$tmp/mutant/$1"
	! cmp -s "$top/$1" "$tmp/mutant/$1" && return
	ktap_print_msg "$1: not changed by $2"
	return 1
}

# turns_red TEST TEXT FILE SCRIPT: with that change TEST fails at the check TEXT
turns_red() {
	mutant "$3" "$4" || return 1
	# nobody reads what it prints after that check, so that it ends there
	TMPDIR=$tmp "$(find "$tmp/mutant/tests" -name "$1" ! -path '*/lib/*')" 2>&1 |
		sed "\\|^not ok .*$2|q" > "$tmp/output"
	grep -q "^not ok .*$2" "$tmp/output" && return
	ktap_print_msg "$1 does not fail at \"$2\""
	show "$tmp/output"
	return 1
}

# selftest_turns_red TEXT SELFTEST: on the module in $tmp/build SELFTEST fails at the check TEXT
selftest_turns_red() {
	sum=$(sha256sum < "$good")
	cp "$tmp/build/kheaders.ko" "$share"
	KHEADERS_SELFTEST=$2
	run_guest_selftests "$share" "${sum%% *}" > "$tmp/output" 2>&1
	KHEADERS_SELFTEST=
	grep -q "not ok .*$1" "$tmp/output" && return
	grep 'not ok' "$tmp/output" | show
	return 1
}

# module_turns_red TEXT SELFTEST SCRIPT: the same for a module whose source SCRIPT has changed
module_turns_red() {
	mutant kheaders/kheaders_sysfs.c "$3" &&
		quiet kmake -C "$tmp/mutant" KDIR="$kernel/kdir" BUILDDIR="$tmp/build" module &&
		selftest_turns_red "$1" "$2"
}

# A packer that forgets what must be in the archive, whatever awk selects.
each_awk_turns_red() {
	for awk in mawk gawk original-awk "busybox awk"; do
		AWK=$awk
		export AWK
		turns_red pack_faults.sh "no include/linux/kconfig.h" scripts/kheaders_select.awk \
			's/if (!is_met(/if (0 \&\& !is_met(/' || {
			ktap_print_msg "selected by $awk"
			return 1
		}
	done
	unset AWK
}

# archive_turns_red TEXT COMMAND: the same for a module whose archive COMMAND has changed; it
# gets the archive as $1
archive_turns_red() {
	archive=$tmp/build/kheaders_data.tar.xz
	cp "$good" "$archive" && sh -c "$2" sh "$archive" &&
		build_module "$tmp/build" && ! cmp -s "$archive" "$good" || return 1
	selftest_turns_red "$1" extract.sh
}

# On a file that can be written, everything that write_refused expects of the file fails: three
# opens, the length read, the bytes and the size.
written_turns_red() {
	kselftest=$kernel/source/tools/testing/selftests
	mkdir "$tmp/attribute" && head -c 9000 "$good" > "$tmp/written" &&
		ln -s "$kselftest/kselftest.h" "$kselftest/kselftest_harness.h" "$tmp" &&
		sed "s,^#define PATH .*,#define PATH \"$tmp/written\"," \
			"$top/selftests/attribute.c" > "$tmp/attribute/attribute.c" &&
		quiet gcc -O2 -Wall -Werror -o "$tmp/attribute/run" "$tmp/attribute/attribute.c" \
			-pthread || return 1
	"$tmp/attribute/run" > "$tmp/output" 2>&1
	[ "$(grep -c 'write_refused:Expected' "$tmp/output")" -eq 6 ] && return
	show "$tmp/output"
	return 1
}

# Without the module all selftests are skipped, which is not a pass.
absent_is_skipped() {
	mv "$share/kheaders.ko" "$tmp/kheaders.ko"
	run_guest_selftests "$share" 0 > "$tmp/output" 2>&1
	mv "$tmp/kheaders.ko" "$share"
	[ "$(grep -c '^ok .*selftests: kheaders: .*# SKIP' "$tmp/output")" -ge 3 ] &&
		! grep -q '^ok [^#]*$' "$tmp/output" && return
	show "$tmp/output"
	return 1
}

# shellcheck disable=SC2016	# for the shell that runs it
truncated='truncate -s -1000 "$1"'
# shellcheck disable=SC2016
flipped='printf "\\377" | dd of="$1" bs=1 seek=2000000 conv=notrunc 2> /dev/null'
# shellcheck disable=SC2016
dropped='xz -dc "$1" > "$1.tar" && tar --delete -f "$1.tar" ./include/linux/wwan.h &&
	xz -0 -c --check=crc32 "$1.tar" > "$1" && rm "$1.tar"'

ktap_print_header
need_kernel_source
build_strip_comments
share=$tmp/share
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
fill_share "$share" || ktap_exit_fail_msg "selftests do not build"
"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" ||
	ktap_exit_fail_msg "no initramfs"
pack_quickly
build_module "$tmp/build" || ktap_exit_fail_msg "kheaders.ko does not build"
good=$tmp/good.tar.xz
cp "$tmp/build/kheaders_data.tar.xz" "$good"
plan=21
! whole || plan=26
ktap_set_plan "$plan"

limit=300
ktap_test_result "a guest that passes" verdict 0 '^fine$' 'echo fine'
ktap_test_result "a guest that fails" verdict 7 '^bad$' 'echo bad; exit 7'
limit=20
ktap_test_result "a guest that hangs" verdict 124 'still running after 20 seconds' 'sleep 1000'
limit=300
ktap_test_result "a guest that oopses" verdict 125 'lost.*console ends with' \
	'echo c > /proc/sysrq-trigger; sleep 10'
ktap_test_result "a guest that powers off" verdict 125 'lost without an answer' 'reboot -f'
ktap_test_result "a missing kernel" \
	fails_with "no kernel found" "$top/vm/run" -k "$tmp" true

ktap_test_result "a test that passes" \
	counts "1 passed, 0 failed, 0 skipped" 'echo 1..1; echo ok 1 a'
ktap_test_result "a test that fails" \
	counts "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1 a; echo not ok 2 b; exit 1'
ktap_test_result "a failure that exits 0" \
	counts "0 passed, 1 failed, 0 skipped" 'echo 1..1; echo not ok 1 a'
ktap_test_result "a test that skips" \
	counts "0 passed, 0 failed, 1 skipped" 'echo "1..1"; echo "ok 1 a # SKIP why"; exit 4'
ktap_test_result "a test that skips all" \
	counts "0 passed, 0 failed, 1 skipped" 'echo "1..0 # SKIP why"; exit 4'
ktap_test_result "a test that hangs" \
	counts "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1 a; sleep 100'
ktap_test_result "a test that ends early" \
	counts "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1 a'
ktap_test_result "a test that dies" \
	counts "1 passed, 1 failed, 0 skipped" 'echo 1..1; echo ok 1 a; kill -9 $$'
ktap_test_result "a test that prints nothing" counts "0 passed, 1 failed, 0 skipped" ':'

ktap_test_result "no module: skipped, not passed" absent_is_skipped
if whole; then
	ktap_test_result "a truncated archive" archive_turns_red "cat | tar -xJ" "$truncated"
	ktap_test_result "a flipped byte in the archive" archive_turns_red "cat | tar -xJ" \
		"$flipped"
fi
ktap_test_result "a header dropped from the archive" \
	archive_turns_red "those that were packed" "$dropped"
# shellcheck disable=SC2016	# sed's last line
ktap_test_result "a header dropped by the packer" turns_red pack.sh "has every header" \
	scripts/kheaders.list '$s,$,\nheaders src never include/linux/wwan.h,'
if whole; then
	ktap_test_result "a module that logs a line" \
		module_turns_red "nothing in the kernel log" reload.sh \
		's/^	kheaders_attr.private = .*/&\n	pr_info("hello\\n");/'
	ktap_test_result "a packer that selects too little, by each awk" each_awk_turns_red
	ktap_test_result "a packer that fails with status 0" turns_red pack_faults.sh "fails" \
		scripts/pack_headers.sh 's/^	exit 1$/	exit 0/'
fi
ktap_test_result "a read that is off by one" module_turns_red "is_xz" attribute \
	's/attr->private + off,/attr->private + off + 1,/'
ktap_test_result "a file that can be written" written_turns_red
ktap_test_result "a stripper that loses lines" turns_red strip.sh "line numbers are preserved" \
	scripts/strip_comments.c 's/^	s->breaks++;$/	s->breaks = 1;/'
ktap_finished
