#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Programs other than bcc that read the file: agents in Go, busybox, Python, the kernel's own
# xz decoder, and LISA's way to a tree that builds modules.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/clients.sh
. "$(dirname "$0")/../lib/clients.sh"

# package_version NAME
package_version() {
	dpkg-query -W -f '${Version}' "$1"
}

# shellcheck disable=SC2016	# the guest's shell expands it
# An agent in Go does it all: modprobe, read, rmmod, check.
go_reader() {
	( cd "$tmp" && GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOPATH=/usr/share/gocode \
		GOCACHE="$tmp/go" quiet go build -o "$tmp/share/reader" "$here/reader.go" ) ||
		return 1
	code=$(sed -n 's/^#define LINUX_VERSION_CODE *//p' \
		"$built/tree/include/generated/uapi/linux/version.h")
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -m 2048 '
		mkdir -p "/lib/modules/$(uname -r)/updates" &&
		cp /share/kheaders.ko "/lib/modules/$(uname -r)/updates" && depmod || exit 1
		/share/reader /sys/kernel/kheaders.tar.xz /tmp/tree '"$code"' || exit 1
		[ ! -e /sys/kernel/kheaders.tar.xz ] || exit 1
		insmod /share/kheaders.ko && mkdir /tmp/busybox && cd /tmp/busybox || exit 1
		busybox xzcat /sys/kernel/kheaders.tar.xz | busybox tar x || exit 1
		diff -r /tmp/tree /tmp/busybox && echo "busybox: the same"' > "$tmp/guest.log" 2>&1
	rc=$?
	show "$tmp/guest.log"
	files=$(sed -n 's/^\([0-9]* files\), .*/\1/p' "$tmp/guest.log")
	[ "$rc" -eq 0 ] && [ -n "$files" ]
}

busybox_reader() {
	grep -q -x 'busybox: the same' "$tmp/guest.log"
}

python_reader() {
	mkdir "$tmp/python" &&
		python3 - "$archive" "$tmp/python" <<- 'END' && diff -r "$built/tree" "$tmp/python"
			import sys, tarfile
			with tarfile.open(sys.argv[1]) as archive:
			    archive.extractall(sys.argv[2])
		END
}

# The kernel's decoder reads the archive, and reports a stream that it does not support.
kernel_xz() {
	mkdir "$tmp/xz" && cp "$here/xz_kernel.c" "$tmp/xz/xz_config.h" &&
		cp "$kernel/source/include/linux/xz.h" "$tmp/xz" &&
		quiet gcc -O2 -Wall -DXZ_KERNEL_MAIN -I "$tmp/xz" -I "$kernel/source/lib/xz" \
			-o "$tmp/xz/xz" "$here/xz_kernel.c" || return 1
	xz -dc "$archive" > "$tmp/tar" &&
		"$tmp/xz/xz" < "$archive" | cmp - "$tmp/tar" &&
		! head -c 1000000 "$tmp/tar" | xz --check=crc64 | "$tmp/xz/xz" > /dev/null 2>&1
}

# Unpack the archive over the kernel's source as LISA does: modules_prepare, the archive again,
# then a module.  No file is repaired first.  In glibc 2.43 strchr() of a const string is const,
# which older kernels' tools, built with -Werror, do not expect.
# shellcheck disable=SC2016	# the inner shell expands it
lisa() {
	mkdir "$tmp/lisa" && cp -r "$top/selftests/test_modules" "$tmp/lisa/modules" || return 1
	map=
	[ "$(id -u)" -eq 0 ] || map=-r
	quiet unshare ${map:+"$map"} -m sh -c '
		source=$1
		archive=$2
		set -e
		mount -t tmpfs tmpfs "$3"
		mkdir "$3/up" "$3/work" "$3/tree"
		mount -t overlay -o "lowerdir=$source,upperdir=$3/up,workdir=$3/work" \
			overlay "$3/tree"
		overlay() {
			python3 -c "import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])" "$archive" "$3/tree"
		}
		overlay "$@"
		make -s -j2 -C "$3/tree" HOSTCFLAGS="-O2 -Wno-error=discarded-qualifiers" \
			olddefconfig modules_prepare
		overlay "$@"
		make -s -C "$3/tree" M="$4" modules
	' sh "$(realpath "$kernel/source")" "$archive" "$tmp/overlay" \
		"$tmp/lisa/modules" && [ -e "$tmp/lisa/modules/kheaders_test.ko" ]
}

# The module loads like one built from the archive alone.
lisa_loads() {
	cp "$tmp/lisa/modules/kheaders_test.ko" "$tmp/share" &&
		quiet "$top/vm/run" -k "$kernel" -s "$tmp/share" \
			'insmod /share/kheaders_test.ko && dmesg | grep "kheaders_test: .* processes"'
}

ktap_print_header
need_kernel_source
mkdir "$tmp/share" "$tmp/overlay"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
cp "$built/kheaders.ko" "$tmp/share"
archive=$built/kheaders_data.tar.xz
ktap_set_plan 6
ktap_test_result "$series: an agent in Go" go_reader
ktap_test_result "$series: busybox" busybox_reader
ktap_test_result "$series: Python's tarfile" python_reader
ktap_test_result "$series: the kernel's own xz" kernel_xz
ktap_test_result "$series: LISA builds a module" lisa
ktap_test_result "$series: that module loads" lisa_loads
[ "$KTAP_FAIL" -ne 0 ] || {
	record "agent in Go" "xi2/xz $(package_version golang-github-xi2-xz-dev)" \
		"modprobe, read, rmmod" "$files, version.h right"
	record busybox "$(package_version busybox-static)" "xzcat, tar" "the same tree"
	record "Python tarfile" "$(package_version python3)" "extractall" "the same tree"
	record "the kernel's xz" "its own" "dictionary of 8 MiB" "the same bytes"
	record "LISA's way" "its steps" "over the kernel's source, modules_prepare" \
		"module loads, nothing repaired"
}
ktap_finished
