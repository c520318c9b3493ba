#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# dkms itself builds, installs and removes the module, for one kernel and for the next.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/dkms.sh
. "$(dirname "$0")/../lib/dkms.sh"

builds() {
	run_dkms build -m kheaders -v "$version" -k "$release" &&
		dkms=$tmp/var/lib/dkms/kheaders/$version/$release &&
		modinfo "$dkms/$(uname -m)/module/kheaders.ko" | grep -q "^vermagic: *$release "
}

# installed RELEASE: where modprobe finds it
installed() {
	[ -e "$tmp/lib/modules/$1/updates/dkms/kheaders.ko" ] &&
		grep -q '^updates/dkms/kheaders.ko:' "$tmp/lib/modules/$1/modules.dep"
}

installs() {
	run_dkms install -m kheaders -v "$version" -k "$release" && installed "$release"
}

# A kernel package's hook calls this.
follows() {
	add_kernel "$release-next" && run_dkms autoinstall -k "$release-next" &&
		installed "$release-next" && installed "$release"
}

removes() {
	run_dkms remove -m kheaders -v "$version" --all &&
		[ -z "$(find "$tmp/lib" "$tmp/var" -name '*.ko*')" ]
}

ktap_print_header
need_kernel
root=$("$top/vm/rootfs" "$series" dkms) || ktap_exit_fail_msg "no root file system with dkms"
release=$(cat "$kernel/release")
add_kernel "$release"
ktap_set_plan 5
ktap_test_result "dkms add" add_kheaders
ktap_test_result "dkms build" builds
ktap_test_result "dkms install" installs
ktap_test_result "dkms autoinstall for the next kernel" follows
ktap_test_result "dkms remove" removes
ktap_finished
