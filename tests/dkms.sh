#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# dkms itself builds, installs and removes the module: for one kernel, and for the next.

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# run_dkms COMMAND ARGUMENT...: with folders of its own, /var/lib/dkms among them, as
# dkms makes signing keys there
run_dkms() {
	# shellcheck disable=SC2016	# that shell expands it
	quiet unshare -m sh -c 'mount --bind "$0/keys" /var/lib/dkms && exec dkms "$@"' \
		"$tmp" "$@" --sourcetree "$tmp/src" --dkmstree "$tmp/dkms"
}

add() {
	git -C "$top" archive --prefix=kheaders-0.1/ HEAD | tar -x -C "$tmp/src" &&
		run_dkms add -m kheaders -v 0.1
}

# build_for RELEASE
build_for() {
	run_dkms build -m kheaders -v 0.1 -k "$1" \
		--kernelsourcedir "$(realpath "$kernel/kdir")" &&
		modinfo "$tmp/dkms/kheaders/0.1/$1/$(uname -m)/module/kheaders.ko" |
		grep -q "^vermagic: *$release "
}

installs() {
	mkdir -p "$tmp/lib/modules/$release" &&
		run_dkms install -m kheaders -v 0.1 -k "$release" --installtree "$tmp/lib/modules" &&
		[ -e "$tmp/lib/modules/$release/updates/dkms/kheaders.ko" ]
}

removes() {
	run_dkms remove -m kheaders -v 0.1 --all --installtree "$tmp/lib/modules" &&
		[ -z "$(find "$tmp/lib" -name '*.ko*')" ] && [ -z "$(find "$tmp/dkms" -name '*.ko*')" ]
}

ktap_print_header
need_kernel
command -v dkms > /dev/null || ktap_exit_fail_msg "no dkms; run 'make deps-all'"
release=$(cat "$kernel/release")
mkdir -p "$tmp/src" "$tmp/dkms" "$tmp/keys" "$tmp/lib/modules"
ktap_set_plan 5
ktap_test_result "dkms add" add
ktap_test_result "dkms build" build_for "$release"
ktap_test_result "dkms install" installs
ktap_test_result "dkms build for the next kernel" build_for "$release-next"
ktap_test_result "dkms remove" removes
ktap_finished
