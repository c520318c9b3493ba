# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Shared by all tests on the build host; source it from a script in tests/*/.

set -u
export LC_ALL=C
# no __pycache__ beside tests/program/world.py
export PYTHONDONTWRITEBYTECODE=y

here=$(realpath "$(dirname "$0")")
top=$(realpath "$here/../..")
# shellcheck source=../../selftests/lib.sh
. "$top/selftests/lib.sh"
# shellcheck source=../../vm/lib.sh
. "$top/vm/lib.sh"

# a series of vm/kernels, and "/ARCH" if the architecture is not this machine's
series=${KHEADERS_SERIES:-6.1}
arch=$(dpkg --print-architecture 2> /dev/null)
case $series in
*/*)
	arch=${series#*/}
	series=${series%/*}
	;;
esac
read_arch "$top/vm/arches" "$arch" || true
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 143' INT TERM

# Set kernel to the directory of the kernel under test, see vm/fetch.
need_kernel() {
	kernel=$("$top/vm/fetch" -a "$arch" "$series") || ktap_exit_fail_msg "no kernel to test"
}

# The same, and make $kernel/source exist.
need_kernel_source() {
	kernel=$("$top/vm/fetch" -a "$arch" "$series" source) ||
		ktap_exit_fail_msg "no kernel source to test with"
}

# whole: is this "make check-all", which checks everything instead of samples?
whole() {
	[ -n "${KHEADERS_WHOLE:-}" ]
}

# show [FILE...]: print as KTAP comments, to explain a failure
show() {
	sed 's/^/# /' "$@"
}

# commands_of DOCUMENT TEST: print the commands in Documentation/ that are marked for TEST
commands_of() {
	awk -v mark="<!-- test: $2 -->" '
		$0 == mark { on = 1; next }
		/^[^ ]/ { on = 0 }
		on && /^    [$#] / { sub(/^    [$#] /, ""); print; next }
		on && /^        / { print }' "$top/Documentation/$1"
}

# quiet COMMAND...: show its output only if it fails
quiet() {
	"$@" > "$tmp/output" 2>&1 && return
	ktap_print_msg "failed with status $?: $*"
	show "$tmp/output"
	return 1
}

# fails_with TEXT COMMAND...: COMMAND must fail and print TEXT
fails_with() {
	want=$1
	shift
	if "$@" > "$tmp/output" 2>&1; then
		ktap_print_msg "did not fail: $*"
		return 1
	fi
	grep -q -F -e "$want" "$tmp/output" && return
	ktap_print_msg "does not print \"$want\": $*"
	show "$tmp/output"
	return 1
}

# foreign: is the kernel's architecture another than this machine's?
foreign() {
	[ "$arch" != um ] && [ "$arch" != "$(dpkg --print-architecture)" ]
}

# Have the kernel start programs of $arch, if it cannot itself, by QEMU until the test ends.
formats=/proc/sys/fs/binfmt_misc
emulate() {
	[ -n "$emulator" ] || return 0
	[ -e "$formats/register" ] || mount -t binfmt_misc binfmt_misc "$formats" || return 1
	qemu_root=
	file=/usr/bin/$emulator-static
	if [ -n "$qemu_of" ]; then
		qemu_root=$("$top/vm/rootfs" "$qemu_of" qemu) || return 1
		file=$qemu_root/usr/bin/$emulator
	fi
	IFS=: read -r _ _ _ _ magic mask _ < "$qemu_root/usr/lib/binfmt.d/$emulator.conf" &&
		printf '%s' ":kheaders-$$:M::$magic:$mask:$file:F" \
			> "$formats/register" || return 1
	trap 'end_emulation; rm -rf "$tmp"' EXIT
}

end_emulation() {
	[ ! -e "$formats/kheaders-$$" ] || echo -1 > "$formats/kheaders-$$"
}

# A checksum of the project's files from which archives and modules are made.
project_sum() {
	( cd "$top" && find scripts kheaders selftests/test_modules Makefile -type f \
		-exec sha256sum {} + | sort | sha256sum | cut -c 1-12 )
}

# share NAME COMMAND...: set $shared to a directory of the cache that "COMMAND DIR" has filled
# for this kernel and these files of the project, in this test or an earlier one
share() {
	shared=$cache/shared/$1-$series-$arch-$(sed 1q "$kernel/release")-$(project_sum)
	shift
	mkdir -p "$cache/shared"
	exec 6> "$shared.lock"
	flock 6
	if [ ! -e "$shared" ]; then
		rm -rf "$shared.new"
		mkdir "$shared.new"
		# others take it, too, so not with the xz that this test may have chosen
		( unset XZ && "$@" "$shared.new" ) || return 1
		mv "$shared.new" "$shared"
	fi
	touch "$shared"
	exec 6>&-
}

# Set $archive to the full archive of $kernel.
# shellcheck disable=SC2034	# for the tests
share_archive() {
	share archive pack_into && archive=$shared/kheaders_data.tar.xz
}

pack_into() {
	build_strip_comments
	quiet "$top/scripts/pack_headers.sh" -b "$kernel/kdir" -a "$srcarch" \
		-o "$1/kheaders_data.tar.xz"
}

# Set $built to a directory with kheaders.ko for $kernel, its archive, the tree
# extracted from it, and the modules of the selftests built from that tree.
share_build() {
	share build build_into && built=$shared
}

build_into() {
	kdir=$kernel/kdir
	! foreign || rebuild_kdir || return 1
	build_module "$tmp/shared" KDIR="$kdir" && build_test_modules "$tmp/shared" &&
		cp -a "$tmp/shared/kheaders.ko" "$tmp/shared/kheaders_data.tar.xz" \
			"$tmp/shared/tree" "$tmp/shared/test_modules" "$1" &&
		rm -r "$tmp/shared"
}

# The programs of Debian's headers do not run on this machine, so rebuild them, in a tree that is
# packed from the headers.
rebuild_kdir() {
	kdir=$tmp/kdir
	mkdir "$kdir" && XZ=$top/tests/lib/xz_quick pack_into "$kdir" &&
		tar -xf "$kdir/kheaders_data.tar.xz" -C "$kdir" &&
		rm "$kdir/kheaders_data.tar.xz" &&
		quiet kmake -C "$kdir" hosttools KSRC="$(realpath "$kernel/source")"
}

build_strip_comments() {
	STRIP_COMMENTS=$tmp/strip_comments
	export STRIP_COMMENTS
	quiet cc -O2 -Wall -Wextra -Werror -o "$STRIP_COMMENTS" \
		"$top/scripts/strip_comments.c" ||
		ktap_exit_fail_msg "strip_comments does not compile"
}

# put FILE TEXT
put() {
	mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" > "$1"
}

# make_source DIR: the smallest source tree that kheaders.list accepts
make_source() {
	put "$1/Makefile" "# a kernel"
	put "$1/arch/x86/Makefile" "# x86"
	put "$1/arch/x86/include/asm/page.h" "/* x */ int page;"
	put "$1/include/linux/kconfig.h" "int kconfig;"
	put "$1/include/linux/types.h" "int types;"
	put "$1/include/uapi/linux/types.h" "int uapi_types;"
	put "$1/scripts/Kbuild.include" "# Kbuild"
	for name in build lib modpost; do
		put "$1/scripts/Makefile.$name" "# $name"
	done
}

# make_objects DIR: add what building it would add
make_objects() {
	put "$1/.config" "CONFIG_64BIT=y"
	put "$1/Module.symvers" "0x0	sym	vmlinux	EXPORT_SYMBOL"
	put "$1/include/config/auto.conf" "CONFIG_64BIT=y"
	put "$1/include/config/kernel.release" "1.2.3"
	put "$1/include/generated/autoconf.h" "#define CONFIG_64BIT 1"
	put "$1/include/generated/utsrelease.h" '#define UTS_RELEASE "1.2.3"'
	put "$1/include/generated/uapi/linux/version.h" "#define LINUX_VERSION_CODE 1"
	put "$1/arch/x86/include/generated/asm/x.h" "int generated;"
	put "$1/scripts/basic/fixdep" "fixdep"
	put "$1/scripts/mod/modpost" "modpost"
	chmod +x "$1/scripts/basic/fixdep" "$1/scripts/mod/modpost"
}

# Use a quick xz from here on, for tests in which the archive's size does not matter.
pack_quickly() {
	XZ=$top/tests/lib/xz_quick
	export XZ
}

# kmake ARGUMENT...: make with the compiler that built the kernel under test
kmake() {
	set -- "$series" make -s ${XZ:+XZ="$XZ"} "$@"
	! foreign || set -- -a "$arch" "$@" ARCH="$srcarch" CROSS_COMPILE="$cross_compile"
	"$top/vm/with-toolchain" "$@"
}

# build_module DIR [ARGUMENT...]: build kheaders.ko for $kernel in DIR; ARGUMENTs are make's
build_module() {
	dir=$1
	shift
	quiet kmake -C "$top" KDIR="$kernel/kdir" BUILDDIR="$dir" "$@" module
}

# build_test_modules DIR: build the selftests' modules from nothing but the archive in DIR
build_test_modules() {
	rm -rf "$1/tree" "$1/test_modules"
	mkdir "$1/tree" &&
		tar -xf "$1/kheaders_data.tar.xz" -C "$1/tree" &&
		cp -r "$top/selftests/test_modules" "$1" &&
		quiet kmake -C "$1/tree" M="$1/test_modules" modules
}

# install_selftests DIR: add the selftests to the kernel's own and let its makefiles
# install them to DIR, linked statically, as the guest has no C library.  headers_install does
# nothing, because 5.10 would first install all headers of the kernel, which takes the whole
# source and is not needed.  The compiler is this machine's, or the suite's where it has none.
install_selftests() {
	dir=$1
	cc=gcc
	! foreign || cc=${cross_compile}gcc
	set --
	command -v "$cc" > /dev/null || set -- "$top/vm/with-toolchain" -a "$arch" "$series"
	rm -rf "$tmp/ksft" &&
		mkdir -p "$tmp/ksft/tools" &&
		cp -rs "$kernel/source/scripts" "$tmp/ksft" &&
		cp -rs "$kernel/source/tools/"* "$tmp/ksft/tools" &&
		printf 'headers_install:\n\t@:\n' > "$tmp/ksft/Makefile" &&
		rm -rf "$tmp/ksft/tools/testing/selftests/kheaders" &&
		cp -r "$top/selftests" "$tmp/ksft/tools/testing/selftests/kheaders" &&
		quiet "$@" env LDFLAGS=-static \
			make -s -C "$tmp/ksft/tools/testing/selftests" TARGETS=kheaders \
			INSTALL_PATH="$dir" CC="$cc" CFLAGS="-O2 -Wall -Werror" install
}

# put_row PAGE HEAD KEY REST: with KHEADERS_RECORD set, put the row KEY REST, in place of the one
# that starts with KEY, into the sorted table of Documentation/PAGE whose head starts with HEAD
put_row() {
	[ -n "${KHEADERS_RECORD:-}" ] || return 0
	page=$top/Documentation/$1
	sed "1,/^$2/d" "$page" > "$tmp/rest"
	{ sed "/^$2/q" "$page"
	  sed 1q "$tmp/rest"
	  { sed -e 1d -e '/^$/,$d' "$tmp/rest" | grep -v -F "$3"; echo "$3$4"; } | sort -V
	  sed -n '/^$/,$p' "$tmp/rest"; } > "$tmp/page" && cp "$tmp/page" "$page"
}

# fill_share SHARE: put into SHARE what the selftests need in the guest: kheaders.ko, and
# test modules built from its archive, both of $built
fill_share() {
	mkdir -p "$1" &&
		install_selftests "$1/kselftest" &&
		cp -r "$built/kheaders.ko" "$built/test_modules" "$1"
}

# alter_build_id DIR: write $kernel with one byte of its build-id changed to DIR, as vm/fetch
# prints it.  It boots uncompressed, by PVH.
alter_build_id() {
	mkdir "$1" && cp -P "$kernel/release" "$kernel/arch" "$1" &&
		ln -s "$(realpath "$kernel/modules")" "$1/modules" &&
		"$kernel/source/scripts/extract-vmlinux" "$kernel/vmlinuz" > "$1/vmlinuz" &&
		python3 - "$1/vmlinuz" <<- 'END'
			import struct, sys
			name = sys.argv[1]
			image = bytearray(open(name, "rb").read())
			at, = struct.unpack_from("<Q", image, 32)
			size, count = struct.unpack_from("<HH", image, 54)
			segments = [struct.unpack_from("<IIQQQQ", image, at + i * size)
			            for i in range(count)]
			notes = next(s for s in segments if s[0] == 4)
			start, end = notes[2], notes[2] + notes[5]
			note = bytes.fromhex("04000000 14000000 03000000") + b"GNU\0"
			image[image.index(note, start, end) + len(note)] ^= 0xff
			open(name, "wb").write(image)
		END
}

guest_selftests=$(cat "$top/tests/lib/selftests_guest")

# run_guest_selftests SHARE SHA256 [COMMANDS]: run the selftests in a guest, then COMMANDS.
# SHA256 is that of the archive.  The exit status is that of vm/run.  $guest_limit is the number
# of seconds if not 600.
run_guest_selftests() {
	"$top/vm/run" -k "$kernel" -s "$1" -t "${guest_limit:-600}" \
		"export KHEADERS_SHA256=$2 KHEADERS_SELFTEST=${KHEADERS_SELFTEST:-}
		$guest_selftests
		${3:-}"
}

# Turn the selftests' KTAP in $tmp/guest.log, where each line starts with "# ", into lines
# of "pass" or "fail", a tab and the name in $tmp/results.
results() {
	sed -n -e 's/^# ok [0-9]* /pass\t/p' -e 's/^# not ok [0-9]* /fail\t/p' \
		-e 's/^not ok [0-9]* /fail\t/p' "$tmp/guest.log" > "$tmp/results"
}
