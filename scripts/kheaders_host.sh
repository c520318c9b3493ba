#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Check what this machine has for building modules in this tree; run by its GNUmakefile.
#
#/ Usage: kheaders_host.sh build|tools
#/
#/ Run it in the top directory of the tree.
#/
#/   build  print variables for make, NAME=VALUE, or "stop" and the reason why modules
#/          cannot be built
#/   tools  print the programs of the tree that do not run on this machine
#/
#/ Environment, set from make's variables:
#/   CROSS_COMPILE  prefix of the compiler's name
#/   COMPILER       set if the command line or LLVM already selects a compiler
#/   CC             CC from make's environment, else empty
#/   BTF            set if the command line decides whether modules get BTF
#/   PAHOLE         the pahole command

set -u
export LC_ALL=C

note() {
	echo "kheaders: $*" >&2
}

stop() {
	echo "stop $*"
	exit
}

installed() {
	command -v "$1" > /dev/null
}

# read_header FILE: set elf to the class, byte order and machine of an ELF file
read_header() {
	# shellcheck disable=SC2046	# 20 words
	set -- $(od -A n -v -t x1 -N 20 "$1" 2> /dev/null)
	elf=
	[ "$#" -ge 20 ] || return
	case "$1$2$3$4" in
	7f454c46) elf=$5$6${19}${20} ;;
	esac
}

# loader FILE: print the name of the dynamic loader that FILE requires, which its program header
# of type 3, PT_INTERP, points to.  elf is FILE's, of this machine's byte order.
loader() {
	file=$1
	# shellcheck disable=SC2046	# words of 4 bytes
	set -- $(od -A n -v -t u4 -N 2048 "$1")
	case $elf in
	02*) shift $((($9 + ${10}) / 4)) && size=14 ;;
	*) shift $(($8 / 4)) && size=8 ;;
	esac
	while [ $# -gt "$size" ] && [ "$1" != 3 ]; do
		shift "$size"
	done
	[ $# -gt "$size" ] || return
	[ "$size" -eq 8 ] || set -- 3 $(($3 + $4)) x x $(($9 + ${10}))
	dd if="$file" bs=1 skip="$2" count=$(($5 - 1)) 2> /dev/null
}

# A program for another machine runs if binfmt_misc has an emulator for it, or if the kernel
# runs both 32-bit and 64-bit programs and its loader is installed.  Never try to start any
# other: if the kernel refuses it, a shell would interpret it as a script.
other_machine_runs() {
	for format in /proc/sys/fs/binfmt_misc/*; do
		grep -q -s '^enabled' "$format" &&
			grep -q -s "^magic 7f454c46${elf%????}.*${elf#????}\$" "$format" && return
	done
	case $ours-$elf in
	02013e00-01010300|01010300-02013e00|0201b700-01012800|01012800-0201b700)
		theirs=$elf
		read_header "$(loader "$1")"
		[ "$elf" = "$theirs" ] && return ;;
	esac
	return 1
}

# why_not PROGRAM: set why to the reason that PROGRAM does not run here, or to nothing
why_not() {
	why=
	read_header "$1"
	if [ -n "$elf" ] && [ "$elf" != "$ours" ] && ! other_machine_runs "$1"; then
		why="it was built for another machine"
		return
	fi
	words=$("./$1" 2>&1 < /dev/null)
	case $?:$words in
	*[Vv]ersion\ ?*\'\ not\ found*)
		words=${words#*[Vv]ersion ?}
		why="it needs newer libraries, with ${words%%\'*}" ;;
	*loading\ shared\ librar*)
		words=${words#*loading shared librar}
		words=${words#* }
		why="${words%%:*} is not installed" ;;
	126:*ermission*)
		why="it may not be executed; is $PWD mounted noexec?" ;;
	126:*|127:*)
		why="its loader $(loader "$1") is not installed" ;;
	132:*|134:*|135:*|139:*)
		why="it crashes; was it built for a newer processor?" ;;
	esac
}

# find_failing PROGRAM...: set failing to the programs that do not run here, and reason to
# the reason for the first
find_failing() {
	failing=
	reason=
	read_header /proc/self/exe
	ours=$elf
	for program; do
		[ -e "$program" ] || continue
		why_not "$program"
		[ -n "$why" ] || continue
		failing="${failing:+$failing }$program"
		: "${reason:=$why}"
	# the shell itself reports a crashed program
	done 2> /dev/null
}

# The programs that every module build runs.  Debian's modpost and objtool are wrappers
# that start the *.real-* programs.
programs='scripts/basic/fixdep scripts/mod/modpost scripts/genksyms/genksyms
	scripts/gendwarfksyms/gendwarfksyms scripts/recordmcount scripts/tracepoint-update
	tools/objtool/objtool scripts/mod/modpost.real-* tools/objtool/objtool.real-*'
resolve_btfids=tools/bpf/resolve_btfids/resolve_btfids

check_programs() {
	# shellcheck disable=SC2086	# names and patterns
	find_failing $programs
	[ -z "$failing" ] ||
		stop "$failing: does not run here: $reason; run \"make -C $PWD hosttools\" once"
}

# major PROGRAM...: print the major version of a compiler
major() {
	version=$("$1" -dumpversion 2> /dev/null) && echo "${version%%.*}"
}

# Debian's headers name a CROSS_COMPILE prefix.  If this machine's native tools lack it,
# clear prefix and use the native tools.
find_prefix() {
	prefix=${CROSS_COMPILE:-}
	[ -e .kernelvariables ] || return
	debian=$(sed -n 's/^override CROSS_COMPILE = \([[:alnum:]_-]*\)$/\1/p' .kernelvariables)
	prefix=${debian:-$prefix}
	[ -n "$debian" ] && ! installed "${prefix}ld" || return
	case $(gcc -dumpmachine 2> /dev/null) in
	"${prefix%%-*}"-*) ;;
	*) return ;;
	esac
	prefix=
	variables="$variables LD=ld AR=ar NM=nm OBJCOPY=objcopy OBJDUMP=objdump READELF=readelf"
	variables="$variables STRIP=strip"
}

choose_gcc() {
	want=${CONFIG_GCC_VERSION%????}
	find_prefix
	default=${prefix}gcc
	[ ! -e .kernelvariables ] || default=${CROSS_COMPILE:-$prefix}gcc-$want
	cc=
	right=
	for name in "${prefix}gcc" "${prefix}gcc-$want"; do
		if [ -z "$right" ] && installed "$name"; then
			[ "$(major "$name")" != "$want" ] || right=$name
			: "${cc:=$name}"
		fi
	done
	cc=${right:-$cc}
	cross=${CROSS_COMPILE:-}
	package=$(echo "gcc-$want-${cross##*/}" | sed -e 's/-*$//' -e 's/_/-/g')
	how="install it (Debian, Ubuntu: apt install $package)"
	[ -n "$cc" ] || stop "${prefix}gcc $want built this kernel, but no gcc is found; $how"
	[ -n "$right" ] ||
		note "${prefix}gcc $want built this kernel, but $cc is another version; $how"
	[ "$cc" = "$default" ] || variables="$variables CC=$cc"
}

# Set CC, LD and the other tools rather than LLVM=-NN, which 5.10 does not support.
choose_clang() {
	want=${CONFIG_CLANG_VERSION%????}
	lld=${CONFIG_LD_IS_LLD:+ld.lld}
	for suffix in "-$want" '' none; do
		installed "clang$suffix" && installed "${lld:-true}${lld:+$suffix}" && break
	done
	how="install it (Debian, Ubuntu: apt install clang-$want lld-$want llvm-$want)"
	[ "$suffix" != none ] || stop "clang $want built this kernel, but no clang" \
		"${lld:+with lld }is found; $how"
	[ -n "$suffix" ] || [ "$(major clang)" = "$want" ] ||
		note "clang $want built this kernel, but clang is another version; $how"
	variables="$variables CC=clang$suffix${lld:+ LD=$lld$suffix}"
	[ -z "${CONFIG_AS_IS_LLVM:-}" ] || variables="$variables LLVM_IAS=1"
	[ -z "${CONFIG_AS_IS_GNU:-}" ] || variables="$variables LLVM_IAS=0"
	for name in ${lld:+AR NM OBJCOPY OBJDUMP READELF STRIP} \
		${CONFIG_RUST_INLINE_HELPERS:+LLVM_LINK}; do
		tool=llvm-$(echo "${name#LLVM_}" | tr '[:upper:]' '[:lower:]')$suffix
		if installed "$tool"; then
			variables="$variables $name=$tool"
		elif [ -n "${CONFIG_LTO_CLANG:-}${CONFIG_RUST_INLINE_HELPERS:-}" ]; then
			stop "this kernel needs $tool, which is not found; $how"
		fi
	done
}

# Use CC from the environment, which dkms and others set and Kbuild ignores, if it is the
# kind of compiler that built the kernel.
choose_compiler() {
	[ -z "${COMPILER:-}" ] || return
	kind=gcc
	[ -z "${CONFIG_CC_IS_CLANG:-}" ] || kind=clang
	case ${CC:-} in
	*" "*) ;;
	*"$kind"*)
		if installed "$CC"; then
			variables="$variables CC=$CC"
			return
		fi ;;
	esac
	"choose_$kind"
}

# Print the running machine's SRCARCH.
srcarch() {
	case $(uname -m) in
	x86_64|i?86) echo x86 ;;
	aarch64) echo arm64 ;;
	arm*) echo arm ;;
	ppc*) echo powerpc ;;
	s390x) echo s390 ;;
	riscv*) echo riscv ;;
	loongarch*) echo loongarch ;;
	mips*) echo mips ;;
	esac
}

# If the running kernel is not the one of this tree, set why to the reason, else clear it.
# The tree's build ID is known if "kheaders extract" has recorded it.
kernel_differs() {
	read -r release < include/config/kernel.release
	read -r running < /proc/sys/kernel/osrelease || running=
	why="$running is running, but the tree belongs to $release"
	[ "$running" = "$release" ] || return
	why="another build of $release is running"
	[ -d "arch/$(srcarch)" ] || return
	id=$(sed -n 's/^build-id[: =]*//p' .kheaders 2> /dev/null)
	if [ -n "$id" ]; then
		od -A n -v -t x1 /sys/kernel/notes | tr -d ' \n' | grep -q "$id" || return
	fi
	why=
}

# Kbuild chooses pahole's flags by pahole's version or by CONFIG_PAHOLE_VERSION.  Since 1.26
# pahole ignores features that it does not know.
check_pahole() {
	version=$("${PAHOLE:-pahole}" --version 2> /dev/null) || {
		why="pahole is not installed (package pahole or dwarves)"
		return
	}
	need=119
	[ ! -e scripts/Makefile.btf ] || need=${CONFIG_PAHOLE_VERSION:-$need}
	[ "$need" -le 126 ] || need=126
	version=${version#v}
	[ "$(((${version%%.*}) * 100 + ${version#*.}))" -ge "$need" ] ||
		why="pahole $version is too old; $((need / 100)).$((need % 100)) or newer is needed"
}

# If modules cannot get BTF, set why to the reason, else clear it.
check_btf() {
	why="the tree has no resolve_btfids"
	[ -e "$resolve_btfids" ] || return
	link=/sys/kernel/btf/vmlinux
	# a vmlinux that the user has put there is fine, too
	if [ ! -e vmlinux ] || [ "$(readlink vmlinux)" = "$link" ]; then
		kernel_differs
		[ -z "$why" ] || return
		why="this kernel has no $link"
		[ -r "$link" ] || return
	fi
	find_failing "$resolve_btfids"
	why=${reason:+"$failing does not run here: $reason"}
	[ -z "$why" ] || return
	check_pahole
	[ -z "$why" ] && [ ! -e vmlinux ] || return
	ln -s "$link" vmlinux 2> /dev/null ||
		why="$PWD is not writable, for a link named vmlinux to $link"
}

# Use the running kernel's BTF, as packing a vmlinux with BTF would take 6 MB.
choose_btf() {
	[ -n "${CONFIG_DEBUG_INFO_BTF_MODULES:-}" ] && [ -z "${BTF:-}" ] || return
	check_btf
	[ -n "$why" ] || return
	note "modules get no BTF: $why"
	variables="$variables CONFIG_DEBUG_INFO_BTF_MODULES="
	# silence Kbuild's own message
	variables="$variables PAHOLE_VERSION=${CONFIG_PAHOLE_VERSION:-0}"
}

options='(CC|LD|AS)_IS_|LTO_|(GCC|CLANG|PAHOLE)_V|DEBUG_INFO_BTF_|RUST_INLINE_'
variables=

case ${1:-} in
build)
	eval "$(grep -E "^CONFIG_($options)[A-Z_]*=[y0-9]+\$" include/config/auto.conf)"
	check_programs
	choose_compiler
	choose_btf
	echo "$variables"
	;;
tools)
	# shellcheck disable=SC2086	# names and patterns
	find_failing $programs $resolve_btfids
	echo "$failing"
	;;
*)
	sed -n 's|^#/ \{0,1\}||p' "$0" >&2
	exit 2
	;;
esac
