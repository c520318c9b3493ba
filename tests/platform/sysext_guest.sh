#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boot a machine with a read-only root file system and systemd: the build link appears in /usr
# by a system extension, dkms builds a module from it, and another kernel of the same release
# does not get the old tree.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

look=$(cat "$here/sysext_guest_look")

# guest COMMAND [ARGUMENT]: boot, run COMMAND; ARGUMENT is one more for the kernel
guest() {
	"$top/vm/run" -k "$booted" -d "$tmp/root.erofs" -D "$tmp/var.ext4" -b -m 2048 -t 900 \
		-a "systemd.default_device_timeout_sec=600 ${2:-}" "$1" > "$tmp/output" 2>&1 &&
		return
	show "$tmp/output"
	return 1
}

printed() {
	grep -q -x -e "$1" "$tmp/output" && return
	show "$tmp/output"
	return 1
}

# remember NAME: keep the facts about this boot
remember() {
	grep -e "^tree:" -e "^marker:" -e "^extension:" "$tmp/output" > "$tmp/$1"
	grep "^time:" "$tmp/output" | show
}

# A boot pays at most half of what the first one's extraction took beside "kheaders extract":
# 0.3 s on a machine that extracts in 0.6 s.
cheap() {
	awk '/^time:/ { ms[FILENAME, ++n[FILENAME]] = $2 }
		END {
			first = ms[ARGV[1], 1]
			exit !first || 2 * (ms[ARGV[2], 2] + ms[ARGV[2], 3]) > first
		}' "$tmp/first.output" "$tmp/output"
}

# The machine works, /usr is read-only, and the link leads to a tree for the running kernel.
serves() {
	printed "system: running" && printed "kheaders: success active" &&
		printed "systemd-sysext: success active" && printed "root: erofs" &&
		! grep -q "^/usr: writable" "$tmp/output" &&
		printed "link: /run/kheaders/.build-$release /var/cache/kheaders/$release" &&
		printed "verify: ok"
}

first_boot() {
	guest "$look" && serves && remember first && cp "$tmp/output" "$tmp/first.output" && cheap
}

second_boot() {
	guest "$look" && serves && remember second && cheap || return 1
	diff "$tmp/first" "$tmp/second" | show
	cmp -s "$tmp/first" "$tmp/second"
}

# shellcheck disable=SC2016	# the guest's shell expands it
dkms_builds() {
	guest 'set -e
		dkms build -m kheaders-test -v 1.0 || {
			cat /var/lib/dkms/kheaders-test/1.0/build/make.log
			exit 1
		}
		modprobe /var/lib/dkms/kheaders-test/1.0/"$(uname -r)/$(uname -m)"/module/*.ko* || {
			dmesg | tail -n 5
			exit 1
		}
		dmesg | grep "kheaders_test: .* processes"'
}

# Until the unit has run, the link leads nowhere, although the old kernel's tree exists.
# shellcheck disable=SC2016	# the guest's shell expands it
not_served() {
	alter_build_id "$tmp/other" || return 1
	booted=$tmp/other
	guest 'release=$(uname -r)
		[ -e "/var/cache/kheaders/$release/Makefile" ] &&
		[ -L "/usr/lib/modules/$release/build" ] &&
		[ ! -e "/usr/lib/modules/$release/build" ]' systemd.mask=kheaders.service
}

# The unit extracts again.  The extension stays.
other_kernel() {
	[ -s "$tmp/first" ] && guest "$look" && serves && remember other.facts &&
		[ "$(grep "^extension:" "$tmp/other.facts")" = \
			"$(grep "^extension:" "$tmp/first")" ] &&
		[ "$(grep "^marker:" "$tmp/other.facts")" != "$(grep "^marker:" "$tmp/first")" ]
}

prepare() {
	quiet make -C "$top/userspace" BUILDDIR="$tmp/program" PREFIX=/usr \
		DESTDIR="$tmp/installed" install &&
		cp "$built/kheaders.ko" "$tmp" &&
		cp -r "$top/selftests/test_modules" "$tmp/module" || return 1
	cat > "$tmp/module/dkms.conf" <<- 'END'
		PACKAGE_NAME=kheaders-test
		PACKAGE_VERSION=1.0
		BUILT_MODULE_NAME[0]=kheaders_test
		DEST_MODULE_LOCATION[0]=/updates
	END
	quiet "$top/vm/chroot" "$root" "$here/sysext_guest_prepare" "$tmp" \
		"$(realpath "$kernel/modules")" "$release"
}

ktap_print_header
need_kernel_source
release=$(cat "$kernel/release")
booted=$kernel
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
root=$("$top/vm/rootfs" "$series" sysext) || ktap_exit_fail_msg "no root file system"
ktap_set_plan 6
ktap_test_result "disks with a read-only root" prepare
ktap_test_result "the first boot extracts and merges" first_boot
ktap_test_result "dkms builds a module, modprobe loads it" dkms_builds
ktap_test_result "a later boot does nothing" second_boot
ktap_test_result "another kernel of that release is not served the tree" not_served
ktap_test_result "until the unit has extracted its own" other_kernel
ktap_finished
