#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What make install puts where, and that make uninstall takes all of it away.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

installs() {
	quiet kmake -C "$top" KDIR="$kernel/kdir" BUILDDIR="$tmp/build" DESTDIR="$tmp/dest" \
		PREFIX=/usr install || return 1
	( cd "$tmp/dest" && find . -type f | sed "s,/$(cat "$kernel/release")/,/R/," | sort ) \
		> "$tmp/files"
	for file in ./etc/init.d/kheaders ./usr/sbin/kheaders \
		    ./usr/lib/systemd/system/kheaders.service \
		    ./usr/lib/tmpfiles.d/kheaders.conf ./usr/share/man/man8/kheaders.8 \
		    ./usr/share/bash-completion/completions/kheaders; do
		grep -q -x -F "$file" "$tmp/files" && continue
		ktap_print_msg "$file: not there"
		return 1
	done
	grep -q '^./lib/modules/R/\(extra\|updates\)/kheaders.ko' "$tmp/files" &&
		! grep -r @sbindir@ "$tmp/dest"
}

runs() {
	"$tmp/dest/usr/sbin/kheaders" --help | grep -q 'Usage: kheaders'
}

# The man page and the completion name what the program's help does.
documented() {
	for sub in status extract remove verify dump; do
		"$tmp/dest/usr/sbin/kheaders" "$sub" --help | grep -o -e '--[a-z-]*' | sort -u |
			grep -v -x -e --help -e --output > "$tmp/options"
		while read -r option; do
			sed 's/\\-/-/g' "$top/userspace/kheaders.8" | grep -q -e "$option" &&
				grep -q -e "$option" "$top/userspace/kheaders.bash" && continue
			ktap_print_msg "$sub $option: not in the man page or the completion"
			return 1
		done < "$tmp/options"
	done
}

man_is_clean() {
	quiet groff -man -Tutf8 -ww -z "$top/userspace/kheaders.8" && [ ! -s "$tmp/output" ]
}

unit_is_clean() {
	sed -i "s,=/usr/sbin/kheaders,=$tmp/dest/usr/sbin/kheaders," \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service"
	SYSTEMD_UNIT_PATH=$tmp/dest/usr/lib/systemd/system: systemd-analyze verify --man=no \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service" > "$tmp/output" 2>&1
	! grep kheaders.service "$tmp/output" || return 1
	systemd-analyze security --offline=true --threshold=30 \
		"$tmp/dest/usr/lib/systemd/system/kheaders.service" > "$tmp/output" 2>&1
	rc=$?
	tail -n 2 "$tmp/output" | show
	return "$rc"
}

uninstalls() {
	rm -f "$tmp/dest/lib/modules"/*/modules.* &&
		quiet make -s -C "$top" BUILDDIR="$tmp/build" DESTDIR="$tmp/dest" PREFIX=/usr \
			uninstall &&
		[ -z "$(find "$tmp/dest" -type f)" ] && [ ! -e "$tmp/dest/usr" ]
}

init_script() {
	sed "s,@sbindir@,$tmp," "$top/userspace/init/kheaders" > "$tmp/init"
	for status in 0 1 3; do
		printf '#!/bin/sh\necho why >&2\nexit %d\n' "$status" > "$tmp/kheaders"
		chmod +x "$tmp/kheaders"
		sh "$tmp/init" start 2> "$tmp/output"
		rc=$?
		[ "$rc" -eq "$((status % 3))" ] || return 1
		# 3 needs no words
		[ "$status" -eq 3 ] || grep -q '^why$' "$tmp/output" || return 1
		[ "$status" -ne 3 ] || [ ! -s "$tmp/output" ] || return 1
	done
	sh "$tmp/init" nonsense 2> /dev/null
	[ $? -eq 2 ]
}

ktap_print_header
need_kernel
ktap_set_plan 7
ktap_test_result "make install" installs
ktap_test_result "the program runs" runs
ktap_test_result "every option is in the man page and the completion" documented
ktap_test_result "groff has nothing to say of the man page" man_is_clean
ktap_test_result "systemd has nothing to say of the unit" unit_is_clean
ktap_test_result "make uninstall removes all" uninstalls
ktap_test_result "the init script" init_script
ktap_finished
