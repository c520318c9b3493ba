#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build the Debian packages; lintian finds no error, they install and purge without a trace,
# and dkms builds the module of kheaders-dkms.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/deb.sh
. "$(dirname "$0")/../lib/deb.sh"

no_errors() {
	lintian --allow-root --fail-on error "$tmp"/*.changes > "$tmp/output" 2>&1
	rc=$?
	show "$tmp/output"
	return "$rc"
}

# In a throw-away root file system, where other packages have brought the libraries.
# shellcheck disable=SC2016	# the inner shell expands it
installs() {
	root=$("$top/vm/rootfs" "$series" systemd) || return 1
	quiet "$top/vm/chroot" "$root" sh -c '
		list() { find /etc /lib /usr /var/cache /var/lib/systemd ! -type d | sort; }
		list > /tmp/before.$$
		dpkg -i --force-depends "$1"/kheaders_*.deb || exit 1
		kheaders --help > /dev/null || exit 1
		[ -e /etc/systemd/system/multi-user.target.wants/kheaders.service ] || exit 1
		dpkg --purge kheaders || exit 1
		list | diff /tmp/before.$$ - | grep -v /var/lib/
		rc=$?
		rm /tmp/before.$$
		[ "$rc" -ne 0 ]' sh "$tmp"
}

dkms_builds() {
	mkdir "$tmp/dkms" "$tmp/tree" "$tmp/keys" &&
		dpkg-deb -x "$tmp"/kheaders-dkms_*.deb "$tmp/dkms" || return 1
	# shellcheck disable=SC2016	# the inner shell expands it
	quiet unshare -m sh -c '
		mount --bind "$1/keys" /var/lib/dkms &&
		dkms build -m kheaders -v "$4" -k "$2" --kernelsourcedir "$3" \
			--sourcetree "$1/dkms/usr/src" --dkmstree "$1/tree"' sh "$tmp" \
		"$release" "$(realpath "$kernel/kdir")" "$version" &&
		[ -e "$tmp/tree/kheaders/$version/$release/$(uname -m)/module/kheaders.ko" ]
}

version=$(cat "$top/VERSION")
ktap_print_header
need_kernel
release=$(cat "$kernel/release")
command -v lintian > /dev/null || ktap_exit_fail_msg "lintian: not installed; run 'vm/deps debian'"
ktap_set_plan 4
ktap_test_result "dpkg-buildpackage" build_debs
ktap_test_result "lintian finds no error" no_errors
ktap_test_result "it installs, runs, and purges without a trace" installs
ktap_test_result "dkms builds the module" dkms_builds
ktap_finished
