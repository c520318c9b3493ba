#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The tree on any machine: which compiler plain make takes, what it prints of programs that
# do not run.

# shellcheck disable=SC2016,SC2034	# "eval" expands what it gets
# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

tree=$tmp/tree
bin=$tmp/bin

# A tree that is what its GNUmakefile looks at: each program is true(1), and a module's
# build prints the variables in two makes, as Kbuild would see them.
make_tree() {
	mkdir -p "$tree/scripts/basic" "$tree/scripts/mod" "$tree/include/config" "$tmp/module"
	cp "$top/scripts/kheaders.mk" "$tree/GNUmakefile"
	cp "$top/scripts/kheaders_host.sh" "$tree/scripts"
	cp /bin/true "$tree/scripts/basic/fixdep"
	cp /bin/true "$tree/scripts/mod/modpost"
	echo 1.2.3-test > "$tree/include/config/kernel.release"
	cat > "$tree/Makefile" <<- 'END'
		ifeq ($(filter --no-print-directory,$(MAKEFLAGS)),)
		modules clean: ; @$(MAKE) --no-print-directory -f Makefile $@
		else
		CC = $(CROSS_COMPILE)gcc
		ifneq ($(LLVM),)
		CC = clang
		endif
		LD = $(CROSS_COMPILE)ld
		AR = $(CROSS_COMPILE)ar
		-include .kernelvariables
		include include/config/auto.conf
		modules clean: ; @echo "$@: $(CC) $(LD) $(AR) $(LLVM_IAS) $(LLVM_LINK)"; \
			echo "btf: $(CONFIG_DEBUG_INFO_BTF_MODULES)"
		endif
	END
}

# A machine with the programs of a small distribution and no compiler.
make_machine() {
	mkdir "$bin"
	for name in cat cp dash dd grep ln make od readlink sed setpriv tr uname; do
		ln -s "$(command -v "$name")" "$bin/$name" || return 1
	done
	ln -s dash "$bin/sh"
}

# compiler NAME VERSION
compiler() {
	printf '#!/bin/sh\necho %s\n' "$2" > "$bin/$1"
	chmod +x "$bin/$1"
}

# built_by gcc|clang VERSION OPTION...
built_by() {
	name=$1 version=$2
	rm -f "$bin"/*gcc* "$bin"/*clang* "$bin"/*lld* "$bin"/llvm-* "$tree/.kernelvariables"
	{
		[ "$name" != clang ] || echo CONFIG_CC_IS_CLANG=y
		[ "$name" != clang ] || echo "CONFIG_CLANG_VERSION=${version}0003"
		[ "$name" != gcc ] || echo "CONFIG_GCC_VERSION=${version}0200"
		shift 2
		for option; do
			echo "CONFIG_$option=y"
		done
	} > "$tree/include/config/auto.conf"
}

# build ARGUMENT...: as a user would; environment: more variables; as: a command's words
environment=
as=
build() {
	# shellcheck disable=SC2086	# words
	env -i PATH="$bin" $environment $as make -C "$tree" M="$tmp/module" "$@" \
		> "$tmp/out" 2> "$tmp/err"
}

# takes WORDS [ARGUMENT]...: the build has these for CC, LD, AR, LLVM_IAS and LLVM_LINK, and
# prints nothing
takes() {
	want=$1
	shift
	build "$@" && grep -q -x "modules: $want *" "$tmp/out" && [ ! -s "$tmp/err" ] && return
	ktap_print_msg "wanted: $want"
	show "$tmp/out" "$tmp/err"
	return 1
}

# prints TEXT [ARGUMENT]...: one line on standard error
prints() {
	want=$1
	shift
	build "$@"
	grep -q -F -e "$want" "$tmp/err" && [ "$(grep -c . "$tmp/err")" -eq 1 ] && return
	ktap_print_msg "wanted: $want"
	show "$tmp/out" "$tmp/err"
	return 1
}

check() {
	ktap_test_result "$1" eval "$2"
}

check_gcc() {
	built_by gcc 12
	compiler gcc 12
	check "gcc of the kernel's version" 'takes "gcc ld ar"'
	compiler gcc 14.2.1
	compiler gcc-12 12
	check "gcc-12 where gcc is another" 'takes "gcc-12 ld ar"'
	check "and where make has no make of its own" \
		'takes "gcc-12 ld ar" --no-print-directory'
	rm "$bin/gcc-12"
	check "another version only: built by that, one line names the right one" \
		'prints "apt install gcc-12" && grep -q -x "modules: gcc ld ar *" "$tmp/out"'
	rm "$bin/gcc"
	check "no gcc: one line tells what to install" 'prints "apt install gcc-12"'
	check "to clean takes none" 'build clean && [ ! -s "$tmp/err" ]'
	check "no cross compiler: it tells which one" \
		'prints "apt install gcc-12-x86-64-linux-gnu)" CROSS_COMPILE=x86_64-linux-gnu-'
	compiler aarch64-linux-gnu-gcc 14
	compiler aarch64-linux-gnu-gcc-12 12
	check "cross" 'takes "aarch64-linux-gnu-gcc-12 aarch64-linux-gnu-ld aarch64-linux-gnu-ar" \
		CROSS_COMPILE=aarch64-linux-gnu-'
	compiler gcc 14
	compiler gcc-12 12
	compiler gcc-13 13
	compiler clang 16
	check "CC= is respected" 'takes "gcc-13 ld ar" CC=gcc-13'
	check "CC in the environment, too" 'environment=CC=gcc-13 takes "gcc-13 ld ar"'
	check "but not another kind of compiler, which Kbuild would not look at" \
		'environment=CC=clang takes "gcc-12 ld ar"'
	check "LLVM= is respected" 'takes "clang ld ar" LLVM=1'
	check "LLVM in the environment, too" 'environment=LLVM=1 takes "clang ld ar"'
}

check_debian() {
	built_by gcc 14
	echo 'override CROSS_COMPILE = x86_64-linux-gnu-' > "$tree/.kernelvariables"
	printf '#!/bin/sh\ncase $1 in\n*machine) echo x86_64-redhat-linux;;\n*) echo 14;;\nesac\n' \
		> "$bin/gcc"
	chmod +x "$bin/gcc"
	check "Debian's kernel where no tool has Debian's prefix" 'takes "gcc ld ar"'
	compiler x86_64-linux-gnu-gcc 14
	compiler x86_64-linux-gnu-ld 1
	check "and where they have it" \
		'takes "x86_64-linux-gnu-gcc x86_64-linux-gnu-ld x86_64-linux-gnu-ar"'
	rm "$bin/x86_64-linux-gnu-ld"
}

check_clang() {
	built_by clang 19 LD_IS_LLD AS_IS_LLVM
	for tool in clang ld.lld llvm-ar llvm-nm; do
		compiler "$tool" 19
		compiler "$tool-19" 19
	done
	check "clang-19" 'takes "clang-19 ld.lld-19 llvm-ar-19 1"'
	rm "$bin"/*-19
	check "clang" 'takes "clang ld.lld llvm-ar 1"'
	for tool in clang ld.lld llvm-ar llvm-nm; do
		compiler "$tool" 21
	done
	check "another version: one line names the right one" \
		'prints "apt install clang-19 lld-19 llvm-19" &&
		grep -q -x "modules: clang ld.lld llvm-ar 1 *" "$tmp/out"'
	compiler clang-19 19
	check "the right one without its lld: not taken" \
		'prints "apt install clang-19 lld-19 llvm-19" &&
		grep -q -x "modules: clang ld.lld llvm-ar 1 *" "$tmp/out"'
	rm "$bin/clang-19"
	check "what dkms gives is respected" 'takes "clang ld.lld ar" CC=clang LD=ld.lld'
	rm "$bin/ld.lld"
	check "no lld: one line tells what to install" \
		'prints "apt install clang-19 lld-19 llvm-19"'
	built_by clang 19 LD_IS_LLD AS_IS_LLVM LTO_CLANG
	compiler clang 19
	compiler ld.lld 19
	check "LTO without llvm-ar" 'prints "llvm-ar, which is not found"'
	built_by clang 19 LD_IS_BFD AS_IS_GNU
	compiler clang-19 19
	check "clang with GNU ld and as" 'takes "clang-19 ld ar 0"'
	built_by clang 19 LD_IS_BFD AS_IS_LLVM RUST_INLINE_HELPERS
	compiler clang-19 19
	check "C inlined into Rust without llvm-link" \
		'prints "this kernel needs llvm-link-19, which is not found; install it"'
	compiler llvm-link-19 19
	check "and with it" 'takes "clang-19 ld ar 1 llvm-link-19"'
}

# swap OLD NEW: in the program that is tested
swap() {
	sed -i "s,$1,$2,g" "$program"
}

# header OFFSET OCTAL: a byte of the program's ELF header
header() {
	printf '%b' "\\0$2" | dd of="$program" bs=1 seek="$1" conv=notrunc status=none
}

# A program of 32 bits is started where there is a loader for it.
loader_of_32_bits() {
	# a header, then a program header that points to the loader's name
	printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0\0\0\0\0' > "$program"
	printf '\64\0\0\0%020d\3\0\0\0\124\0\0\0%08d' 0 0 >> "$program"
	printf "\\$(printf %o $((${#tmp} + 7)))\0\0\0%012d%s\0" 0 "$tmp/ld.so" >> "$program"
	cp "$program" "$tmp/ld.so" && prints "does not run here: its loader $tmp/ld.so"
	rc=$?
	cp --remove-destination /bin/true "$program"
	return "$rc"
}

crash() {
	echo 'int main(void) { __builtin_trap(); }' | cc -x c -O -o "$program" -
}

# told NAME TEXT COMMAND...: where COMMAND has made a program of the tree what does not
# run here, one line tells so and what to do, whatever sh is; and nothing else is done
told() {
	name=$1 text=$2
	shift 2
	program=$tree/scripts/mod/modpost
	for shell in dash bash busybox; do
		cp --remove-destination /bin/true "$program"
		"$@"
		ln -sf "$(command -v "$shell")" "$bin/sh"
		ktap_test_result "$name, $shell" eval 'prints "modpost: does not run here: $text" &&
			grep -q "run \"make -C $tree hosttools\" once" "$tmp/err" &&
			[ "$(ls "$tree")" = "$names" ]'
	done
	ln -sf dash "$bin/sh"
	cp --remove-destination /bin/true "$program"
}

check_programs() {
	built_by gcc 12
	compiler gcc 12
	names=$(ls "$tree")
	told "for arm64" "it was built for another machine" header 18 267
	told "for a big-endian machine" "it was built for another machine" header 5 2
	told "32 bits, and no loader for them" "it was built for another machine" \
		eval 'header 4 1 && header 18 3'
	told "no loader" "its loader /lib64/ld-linux-x86-64.so.9 is not installed" \
		swap ld-linux-x86-64.so.2 ld-linux-x86-64.so.9
	# as GNU ld 2.44 and later link, with the build-id before it
	told "no loader, next to other bytes" \
		"its loader /lib64/ld-linux-x86-64.so.9 is not installed" \
		swap './lib64/ld-linux-x86-64.so.2' 'x/lib64/ld-linux-x86-64.so.9'
	told "too old a C library" "it needs newer libraries, with GLIBC_9.34" \
		swap GLIBC_2.34 GLIBC_9.34
	told "a missing library" "libx.so.6 is not installed" swap libc.so.6 libx.so.6
	told "a newer processor's instructions" "it crashes" crash
	told "not executable" "it may not be executed" chmod -x "$tree/scripts/mod/modpost"
	check "those that run again are taken" 'takes "gcc ld ar"'
	check "32 bits, and a loader for them" loader_of_32_bits
	check "objtool's sources in the tree" objtool_inside
	rm -rf "$tree/tools" "$tree/arch" "$tree/.hosttools"
	check "a usage error of the script" 'sh "$top/scripts/kheaders_host.sh" 2> "$tmp/err"
		[ $? -eq 2 ] && grep -q "^Usage: " "$tmp/err"'
}

# Where the archive has the sources below tools/, their own makefiles build them.
objtool_inside() {
	mkdir -p "$tree/tools/objtool" && crash_objtool && put "$tree/arch/x86/Makefile" "" &&
		fails_with "pass this kernel's source tree with KSRC=DIR" \
			make -C "$tree" hosttools &&
		put "$tree/tools/objtool/Makefile" "" && put "$tree/tools/Makefile" ".PHONY: objtool
objtool:
	echo '\$(ARCH) \$(SRCARCH) \$(HOSTCC) \$(LDFLAGS)' > '$tmp/words'
	cp /bin/true '\$(O)/\$(subdir)/objtool/objtool'" &&
		quiet env LDFLAGS=-Wl,x make -C "$tree" hosttools HOSTCC=gcc-x &&
		[ "$(cat "$tmp/words")" = "x86 x86 gcc-x -w " ] &&
		cmp "$tree/tools/objtool/objtool" /bin/true &&
		[ ! -e "$tree/.hosttools" ] || return 1
	crash_objtool && cp "$tree/tools/objtool/objtool" "$tmp/objtool" &&
		put "$tree/tools/Makefile" ".PHONY: objtool
objtool: ; false" || return 1
	! make -C "$tree" hosttools > "$tmp/output" 2>&1 &&
		cmp "$tree/tools/objtool/objtool" "$tmp/objtool"
}

crash_objtool() {
	program=$tree/tools/objtool/objtool
	crash
}

# emulated STATE MAGIC: prints whether modpost for arm64 may be started on a machine where
# binfmt_misc has such a format
emulated() {
	mkdir -p "$tmp/formats" && printf '%s\n' "$1" "interpreter /usr/bin/qemu" "offset 0" \
		"magic $2" > "$tmp/formats/qemu" && put "$tmp/with_formats" "#!/bin/sh
/bin/mount --bind $tmp/formats /proc/sys/fs/binfmt_misc && exec \"\$@\"" &&
		chmod +x "$tmp/with_formats" && program=$tree/scripts/mod/modpost &&
		cp --remove-destination /bin/true "$program" && header 18 267 || return 1
	as="/usr/bin/unshare -m $tmp/with_formats" build
	cp --remove-destination /bin/true "$program"
	grep -q "it was built for another machine" "$tmp/err" && echo no || echo yes
}

formats() {
	arm64=7f454c460201010000000000000000000200b7
	[ "$(emulated enabled "${arm64}00")" = yes ] &&
		[ "$(emulated disabled "${arm64}00")" = no ] &&
		[ "$(emulated enabled "${arm64}01")" = no ] &&
		[ "$(emulated enabled 7f454c46010101000000000000000000020028)" = no ]
}

check_formats() {
	if [ "$(id -u)" -eq 0 ] && [ -d /proc/sys/fs/binfmt_misc ]; then
		check "started if an emulator is registered and enabled" formats
	else
		ktap_test_skip "an emulator" "needs root and binfmt_misc"
	fi
}

# A tree of the kernel that runs here, which has BTF.
running_tree() {
	built_by gcc 12 DEBUG_INFO_BTF_MODULES
	echo CONFIG_PAHOLE_VERSION=130 >> "$tree/include/config/auto.conf"
	compiler gcc 12
	compiler pahole v1.30
	uname -r > "$tree/include/config/kernel.release"
	mkdir -p "$tree/tools/bpf/resolve_btfids" "$tree/arch/x86" "$tree/arch/arm64"
	cp --remove-destination /bin/true "$resolve_btfids"
	rm -f "$tree/vmlinux" "$tree/.kheaders"
	: > "$tree/scripts/Makefile.btf"
}

has_btf() {
	takes "gcc ld ar" "$@" && grep -q -x 'btf: y' "$tmp/out" &&
		[ "$(readlink "$tree/vmlinux")" = /sys/kernel/btf/vmlinux ]
}

# no_btf WHY [ARGUMENT]...: built, and one line tells why without
no_btf() {
	why=$1
	shift
	prints "modules get no BTF: $why" "$@" && grep -q -x 'modules: gcc ld ar *' "$tmp/out" &&
		grep -q -x 'btf: ' "$tmp/out"
}

marker() {
	printf 'release: %s\nbuild-id: %s\nsha256: 0\n' "$(uname -r)" "$1" > "$tree/.kheaders"
}

check_btf() {
	resolve_btfids=$tree/tools/bpf/resolve_btfids/resolve_btfids
	running_tree
	check "BTF by the kernel that runs" 'has_btf'
	check "again" 'has_btf'
	check "no pahole" 'rm "$bin/pahole" && no_btf "pahole is not installed"'
	check "pahole by another name" 'compiler my-pahole v1.31 && has_btf PAHOLE=my-pahole'
	compiler pahole v1.24
	check "too old a pahole" 'no_btf "pahole 1.24 is too old; 1.26 or newer is needed"'
	check "unless its version makes the flags" 'rm "$tree/scripts/Makefile.btf" && has_btf'
	program=$resolve_btfids
	check "resolve_btfids does not run" 'header 18 267 &&
		no_btf "${resolve_btfids#"$tree/"} does not run here: it was built for"'
	check "no resolve_btfids" 'rm "$resolve_btfids" && no_btf "the tree has no resolve_btfids"'
	check "unless the command line asks for none" \
		'takes "gcc ld ar" CONFIG_DEBUG_INFO_BTF_MODULES='
	running_tree
	marker "$(od -A n -v -t x1 /sys/kernel/notes | tr -d ' \n' | cut -c 33-72)"
	check "extracted for this kernel" 'has_btf'
	marker 0123456789012345678901234567890123456789
	check "for another build of it, though the link is there" 'no_btf "another build of"'
	running_tree
	echo 1.2.3 > "$tree/include/config/kernel.release"
	check "for another kernel" 'no_btf "$(uname -r) is running, but the tree belongs to 1.2.3"'
	check "and where vmlinux is a file" ': > "$tree/vmlinux" && takes "gcc ld ar" &&
		grep -q -x "btf: y" "$tmp/out"'
	running_tree
	rm -rf "$tree"/arch/*
	check "for another architecture" 'no_btf "another build of"'
	running_tree
	chmod 755 "$tmp"
	check "not writable" 'as="setpriv --reuid 65534" no_btf "$tree is not writable"'
}

# rust_prints TEXT [ARGUMENT]...: "make rust" fails, and prints TEXT
rust_prints() {
	want=$1
	shift
	fails_with "$want" env -i PATH="$bin" make -C "$tree" rust "$@"
}

# rustc VERSION: it prints that, and where its library is
rustc() {
	printf '#!/bin/sh\ncase $1 in\n--version) echo "%s" ;;\n*) echo %s ;;\nesac\n' \
		"$1" "$tmp/sysroot" > "$bin/rustc"
	chmod +x "$bin/rustc"
}

# fake_rust: rustc that builds a generator of target.json, and a make that keeps what it gets
# and builds a crate
fake_rust() {
	for name in chmod find mkdir mv realpath rm sort; do
		ln -s "$(command -v "$name")" "$bin/$name"
	done
	cat > "$bin/rustc" <<- END
		#!/bin/sh
		case \$1 in
		--version) echo "rustc 1.97.1 (8bab26f4f)" ;;
		--print) echo $tmp/sysroot ;;
		*)	printf '#!/bin/sh\nsed s/^/target:/\n' > "\$4"
			echo "\$*" > $tmp/rustc.arguments
			while read -r line; do echo "\$line"; done < "\$5" > $tmp/generator
			chmod +x "\$4" ;;
		esac
	END
	cat > "$bin/fake-make" <<- END
		#!/bin/sh
		echo "\$*, \${RUST_LIB_SRC-unset}" > $tmp/make.arguments
		find .rust -type l -printf '%P %l\n' | sort > $tmp/links
		cat .rust/module/Kbuild > $tmp/Kbuild
		find .rust -type f | sort > $tmp/files
		echo crate > .rust/rust/libkernel.rmeta
		[ ! -e $tmp/fails ]
	END
	chmod +x "$bin/rustc" "$bin/fake-make"
}

# crates_build [VARIABLE=VALUE]...: kheaders_rust.sh builds the crates
crates_build() {
	( cd "$tree" && quiet env -i PATH="$bin" "$@" sh scripts/kheaders_rust.sh fake-make )
}

# like FILE: it has these lines of standard input
like() {
	diff - "$1" > "$tmp/diff" && return
	show "$tmp/diff"
	return 1
}

rust_from_source() {
	put "$tmp/source/include/source.h" "//" && put "$tmp/source/init/Kconfig" "#" &&
		put "$tmp/source/scripts/generate_rust_target.rs" "// generator" &&
		put "$tmp/source/scripts/min-tool-version.sh" "#" &&
		put "$tree/include/uapi/linux/x.h" "//" && : > "$tree/.kernelvariables" &&
		printf '%s\n' CONFIG_A=y CONFIG_M=m '# CONFIG_N is not set' 'CONFIG_S="a=b"' \
			CONFIG_I=-5 >> "$tree/.config" &&
		echo CONFIG_64BIT=y > "$tree/include/config/auto.conf" &&
		mkdir -p "$tree/include/generated" && : > "$tree/include/generated/rustc_cfg" &&
		put "$tree/arch/x86/Makefile.um" "--target=scripts/target.json" &&
		touch -d 2001-01-01 "$tree/Makefile" &&
		crates_build KSRC="../source" || return 1
	like "$tmp/links" <<- END && like "$tmp/files" <<- END && like "$tmp/Kbuild" <<- 'END' &&
		.config ../.config
		.kernelvariables ../.kernelvariables
		GNUmakefile .././GNUmakefile
		Makefile .././Makefile
		arch .././arch
		include/config ../../include/config
		include/generated ../../include/generated
		include/uapi/linux ../../../include/uapi/linux
		init $tmp/source/init
		scripts/basic ../../scripts/basic
		scripts/generate_rust_target.rs $tmp/source/scripts/generate_rust_target.rs
		scripts/kheaders_host.sh ../../scripts/kheaders_host.sh
		scripts/kheaders_rust.sh ../../scripts/kheaders_rust.sh
		scripts/min-tool-version.sh $tmp/source/scripts/min-tool-version.sh
		scripts/mod ../../scripts/mod
	END
		.rust/generate_rust_target
		.rust/module/Kbuild
		.rust/rust/kernel/lib.rs
		.rust/scripts/target.json
	END
		always-y := rust
		$(obj)/rust: FORCE ; +$(Q)$(MAKE) -C $(srctree) -f scripts/Makefile.build \
			KBUILD_EXTMOD= extmod_prefix= srcroot=. VPATH= obj=rust need-builtin=1 \
		need-modorder=  rust/libmacros.so rust/kernel.o rust/uapi.o rust/build_error.o
	END
		[ "$(cat "$tmp/make.arguments")" = "-j$(nproc) -C .rust M=$tree/.rust/module $(
			)CONFIG_DEBUG_INFO_BTF_MODULES= $(
			)KCPPFLAGS= -fmacro-prefix-map=$tree/.rust/= modules, unset" ] &&
		[ "$(cat "$tmp/rustc.arguments")" = "--edition=2021 -O -o $(
			).rust/generate_rust_target $(
			)$tmp/source/scripts/generate_rust_target.rs" ] &&
		[ "$(cat "$tmp/generator")" = "// generator" ] &&
		[ "$(cat "$tree/scripts/target.json")" = target:CONFIG_64BIT=y ] &&
		[ "$(cat "$tree/rust/libkernel.rmeta")" = crate ] && [ ! -e "$tree/.rust" ] &&
		[ ! -e "$tree/.rust.old" ] && [ ! -e "$tree/include/generated/rustc_cfg.new" ] &&
		like "$tree/include/generated/rustc_cfg" <<- 'END'
			--cfg=CONFIG_RUSTC_VERSION_TEXT="rustc 1.97.1 (8bab26f4f)"
			--cfg=CONFIG_A
			--cfg=CONFIG_A="y"
			--cfg=CONFIG_M
			--cfg=CONFIG_M="m"
			--cfg=CONFIG_S="a=b"
			--cfg=CONFIG_I="-5"
		END
}

# With the bindings of the archive neither bindgen nor the source is needed.
rust_again() {
	rm "$tree/.kernelvariables" "$bin/bindgen" &&
		put "$tree/rust/bindings/bindings_generated.rs" "//" &&
		put "$tree/rust/uapi/uapi_generated.rs" "//" &&
		mkdir -p "$tree/rust/pin-init/internal" "$tree/rust/zerocopy-derive" &&
		put "$tree/scripts/generate_rust_target.rs" "// own" &&
		echo kept > "$tree/include/generated/rustc_cfg" && mkdir "$tree/.rust.old" \
			"$tree/.rust" && touch "$tree/.rust.old/left" "$tree/.rust/left" &&
		crates_build MAKEFLAGS=" -j3 --jobserver-auth=3,4" RUST_LIB_SRC= &&
		! grep -e source -e kernelvariables "$tmp/links" && ! grep left "$tmp/files" &&
		grep -o -e '-o [^ ]*' -e 'rust/[^ ]*$' -e 'rust/[^g ]* ' "$tmp/Kbuild" |
			grep -o '[^ ].*[^ ]' | sort -u > "$tmp/words" &&
		like "$tmp/words" <<- END &&
		-o rust/bindings/bindings_generated.rs
		-o rust/uapi/uapi_generated.rs
		rust/build_error.o
		rust/kernel.o
		rust/libmacros.so
		rust/libpin_init_internal.so
		rust/libzerocopy_derive.so
		rust/pin_init.o
		rust/uapi.o
		rust/zerocopy.o
	END
		grep -q -e "^-C .rust .*, unset$" "$tmp/make.arguments" &&
		[ "$(cat "$tree/include/generated/rustc_cfg")" = kept ] && [ ! -e "$tree/.rust" ] &&
		[ ! -e "$tree/.rust.old" ] && ! crates_build RUST_LIB_SRC="$tmp/library" &&
		grep -q "rust: $tmp/library: rust-src not found" "$tmp/output" &&
		put "$tmp/library/core/src/lib.rs" "//" &&
		crates_build RUST_LIB_SRC="$tmp/library" &&
		grep -q -e "^-j.*, $tmp/library$" "$tmp/make.arguments"
}

# Only x86 has a target of its own; and clang compiles the helpers that it will inline.
rust_known_target() {
	rm "$tree/scripts/target.json" "$tmp/rustc.arguments" &&
		put "$tree/arch/x86/Makefile.um" "--target=aarch64-unknown-none" &&
		echo CONFIG_RUST_INLINE_HELPERS=y >> "$tree/.config" && crates_build &&
		[ ! -e "$tmp/rustc.arguments" ] && [ ! -e "$tree/scripts/target.json" ] &&
		! grep target "$tmp/files" &&
		grep -q ' rust/helpers/helpers_module\.bc$' "$tmp/Kbuild"
}

# A build that fails leaves the crates of the last.
rust_fails() {
	echo last > "$tree/rust/libkernel.rmeta" && : > "$tmp/fails" && ! crates_build &&
		rm "$tmp/fails" && [ "$(cat "$tree/rust/libkernel.rmeta")" = last ] &&
		[ ! -e "$tree/.rust.old" ]
}

check_rust() {
	built_by gcc 12
	compiler gcc 12
	cp "$top/scripts/kheaders_rust.sh" "$tree/scripts"
	ln -s "$(command -v nproc)" "$bin/nproc"
	: > "$tree/.config"
	check "a kernel without Rust" 'rust_prints "the kernel was built without CONFIG_RUST"'
	echo 'CONFIG_RUSTC_VERSION_TEXT="rustc 1.97.1 (8bab26f4f)"' > "$tree/.config"
	check "no rustc" \
		'rust_prints "rustc: not found; this kernel was built by rustc 1.97.1 (8bab"'
	rustc "rustc 1.63.0"
	check "another rustc" \
		'rust_prints "not the rustc that built this kernel, rustc 1.97.1 (8bab26f4f)"'
	rustc "rustc 1.97.1 (8bab26f4f)"
	check "no rust-src" 'rust_prints "apt install rust-src"'
	put "$tmp/sysroot/lib/rustlib/src/rust/library/core/src/lib.rs" "//"
	check "no sources" 'rust_prints "source tree with KSRC=DIR"'
	put "$tmp/source/rust/kernel/lib.rs" "//"
	echo "VERSION = 7" > "$tmp/source/Makefile"
	check "sources of another kernel" 'rust_prints "Linux 7., but the tree belongs to " \
		KSRC="$tmp/source"'
	: > "$tmp/module/x.rs"
	check "a module in Rust before that" 'prints "run \"make -C $tree rust\" once"'
	rm "$tmp/module/x.rs"
	cp "$tree/Makefile" "$tmp/Makefile"
	echo "VERSION = 7" >> "$tree/Makefile"
	fake_rust
	check "no bindgen" 'rust_prints "bindgen: not found; it is needed as $tmp/source has no" \
		KSRC="$tmp/source"'
	ln -s /bin/true "$bin/bindgen"
	check "crates from the source" rust_from_source
	check "crates from the archive" rust_again
	check "a target that rustc knows" rust_known_target
	check "a build that fails" rust_fails
	mv "$tmp/Makefile" "$tree"
	rm -rf "$tree/rust" "$tree/.rust" "$tree/.config" "$tree/arch"
}

ktap_print_header
make_tree
make_machine || ktap_exit_fail_msg "no programs to test with"
ktap_set_plan 84
check_gcc
check_debian
check_clang
check_programs
check_formats
check_rust
if [ -r /sys/kernel/btf/vmlinux ]; then
	check_btf
else
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		ktap_test_skip "BTF" "this kernel has none"
	done
fi
ktap_finished
