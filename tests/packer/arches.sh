#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Archives of other architectures: pack a tree after "make modules_prepare", and build a
# module from nothing but the archive with that architecture's compiler.  The module is not
# loaded, as no kernel has its symbol versions.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# architecture, prefix of the compiler, linker script for modules, and the series of vm/kernels
# whose suite has the compiler, if this machine's has none
table='
arm       arm-linux-gnueabihf-        scripts/module.lds
arm64     aarch64-linux-gnu-          scripts/module.lds
loongarch loongarch64-linux-gnu-      scripts/module.lds    6.12
m68k      m68k-linux-gnu-             scripts/module.lds
mips      mips64el-linux-gnuabi64-    scripts/module.lds
powerpc   powerpc64le-linux-gnu-      scripts/module.lds
riscv     riscv64-linux-gnu-          scripts/module.lds
s390      s390x-linux-gnu-            scripts/module.lds
sh        sh4-linux-gnu-              scripts/module.lds
um        -                           scripts/module.lds
x86       -                           scripts/module.lds
'

# shellcheck disable=SC2086	# $in_root and $cross are words or none
prepare() {
	say "preparing Linux $series for $1"
	mkdir -p "$obj"
	case $1 in
	m68k) config=multi_defconfig ;;
	mips) config=64r2el_defconfig ;;
	powerpc) config=ppc64le_defconfig ;;
	sh) config=sh7785lcr_32bit_defconfig ;;
	um|x86) config=${2:-x86_64_defconfig} ;;
	*) config=defconfig ;;
	esac
	[ -e "$obj/.config" ] ||
		quiet $in_root make -s -C "$source" O="$obj" ARCH="$1" $cross "$config" || return 1
	quiet $in_root make -s -j2 -C "$source" O="$obj" ARCH="$1" $cross modules_prepare
}

# allmodconfig has every option that can be a module.
pack_allmod() {
	obj=$cache/$series-prepared/x86-allmod
	cross=
	in_root=
	prepare x86 allmodconfig && grep -q -x CONFIG_BTRFS_FS=m "$obj/.config" &&
		pack x86 scripts/module.lds
}

# Debian has no compiler for ia64, but packing its headers needs none.
pack_ia64() {
	obj=$cache/$series-prepared/ia64
	mkdir -p "$obj"
	set -- make -s -C "$source" O="$obj" ARCH=ia64 CROSS_COMPILE=
	quiet "$@" defconfig &&
		quiet "$@" scripts_basic archheaders asm-generic include/generated/utsrelease.h \
			include/generated/uapi/linux/version.h || return 1
	pack ia64 arch/ia64/include/uapi/asm/gcc_intrin.h headers
}

# pack ARCH FILE [CONTENT]: packing prints nothing, and the archive has the required files
pack() {
	"$top/scripts/pack_headers.sh" -s "$source" -b "$obj" -m "$tmp/symvers" \
		-c "${3:-full}" -o "$tmp/$1.tar.xz" > "$tmp/output" 2>&1 ||
		{ show "$tmp/output"; return 1; }
	[ ! -s "$tmp/output" ] || { show "$tmp/output"; return 1; }
	rm -rf "$tmp/tree"
	mkdir "$tmp/tree" && tar -xf "$tmp/$1.tar.xz" -C "$tmp/tree" || return 1
	more=
	[ $# -gt 2 ] || more="arch/$1/Makefile Makefile .config"
	for file in "arch/$1/include" "arch/$1/include/generated" "$2" $more; do
		[ -e "$tmp/tree/$file" ] && continue
		ktap_print_msg "$file: not found"
		return 1
	done
	others=$(cd "$tmp/tree/arch" && echo *)
	case $1 in
	um) [ "$others" = "um x86" ] ;;
	*) [ "$others" = "$1" ] ;;
	esac
}

# Without a Module.symvers modpost warns about undefined symbols.
# shellcheck disable=SC2086	# $in_root and $cross are words or none
build_one() {
	rm -rf "$tmp/modules"
	cp -r "$top/selftests/test_modules" "$tmp/modules" &&
		quiet $in_root make -s -C "$tmp/tree" M="$tmp/modules" ARCH="$1" $cross \
			KBUILD_MODPOST_WARN=1 modules &&
		[ -e "$tmp/modules/kheaders_test.ko" ] &&
		modinfo "$tmp/modules/kheaders_test.ko" | grep -q "^vermagic: *$(
			cat "$obj/include/config/kernel.release") "
}

ktap_print_header
need_kernel_source
build_strip_comments
: > "$tmp/symvers"
source=$(realpath "$kernel/source")
# removed in 6.7
ia64=
[ ! -d "$source/arch/ia64" ] || ia64=y
rows=$(echo "$table" | grep -c .)
ktap_set_plan $((rows * 2 + 1 + ${#ia64}))
echo "$table" | grep . > "$tmp/table"
while read -r name prefix lds of; do
	obj=$cache/$series-prepared/$name
	cross=
	[ "$prefix" = - ] || cross=CROSS_COMPILE=$prefix
	in_root=
	if [ -n "$of" ]; then
		root=$("$top/vm/rootfs" "$of" cross) || ktap_exit_fail_msg "no compiler for $name"
		in_root="$top/vm/chroot $root"
	elif [ -n "$cross" ] && ! command -v "${prefix}gcc" > /dev/null; then
		ktap_test_fail "$name: no ${prefix}gcc; run 'vm/deps arches arm64'"
		ktap_test_fail "$name: a module"
		continue
	fi
	prepare "$name" || ktap_print_msg "$name: make modules_prepare failed"
	ktap_test_result "$name: packing prints nothing" pack "$name" "$lds"
	ktap_test_result "$name: a module builds from the archive" build_one "$name"
done < "$tmp/table"
ktap_test_result "x86: packing allmodconfig prints nothing" pack_allmod
[ -z "$ia64" ] || ktap_test_result "ia64: packing headers prints nothing" pack_ia64
ktap_finished
