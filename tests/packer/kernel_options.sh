#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Which files a kernel's options add to the archive, and which they exclude.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/pack.sh
. "$here/../lib/pack.sh"

# tree_with OPTION...: create a tree, $conf, with these options set
tree_with() {
	rm -rf "$tmp/conf"
	conf=$tmp/conf
	make_tree "$conf" && set_options "$conf" "$@"
}

# add FILE...: add files to that tree
add() {
	for file; do
		put "$conf/$file" "/* $file */"
	done
}

# in_archive FILE: print a member's content
in_archive() {
	tar -xOf "$tmp/packed" "./$1"
}

# 5.10 has no option for it: recordmcount runs if the compiler lacks the feature.
recordmcount() {
	all="scripts/recordmcount scripts/recordmcount.c scripts/recordmcount.h"
	# shellcheck disable=SC2086	# a list of words
	for option in FTRACE_MCOUNT_RECORD FTRACE_MCOUNT_USE_RECORDMCOUNT; do
		tree_with "$option" HAVE_C_RECORDMCOUNT && add $all scripts/recordmcount.pl &&
			packs "$conf" $all && not_packed scripts/recordmcount.pl || return 1
	done
	tree_with FTRACE_MCOUNT_RECORD && add scripts/recordmcount.pl &&
		packs "$conf" scripts/recordmcount.pl || return 1
	# shellcheck disable=SC2086	# a list of words
	for option in FTRACE_MCOUNT_USE_CC FTRACE_MCOUNT_USE_OBJTOOL \
		      FTRACE_MCOUNT_USE_PATCHABLE_FUNCTION_ENTRY; do
		tree_with FTRACE_MCOUNT_RECORD "$option" HAVE_C_RECORDMCOUNT && add $all &&
			packs "$conf" && not_packed $all || return 1
	done
}

# Either genksyms or gendwarfksyms computes symbol versions.
symbol_versions() {
	tree_with MODVERSIONS GENDWARFKSYMS && add scripts/gendwarfksyms/gendwarfksyms \
		scripts/gendwarfksyms/die.c scripts/gendwarfksyms/gendwarfksyms.h &&
		packs "$conf" scripts/gendwarfksyms/gendwarfksyms scripts/gendwarfksyms/die.c \
			scripts/gendwarfksyms/gendwarfksyms.h || return 1
	rm "$conf/scripts/gendwarfksyms/gendwarfksyms"
	fails_with "scripts/gendwarfksyms/gendwarfksyms: not in" pack -b "$conf" -l || return 1
	for option in GENKSYMS X86; do
		tree_with MODVERSIONS "$option" && add scripts/genksyms/genksyms \
			scripts/genksyms/genksyms.c &&
			packs "$conf" scripts/genksyms/genksyms scripts/genksyms/genksyms.c ||
			return 1
	done
	rm "$conf/scripts/genksyms/genksyms"
	fails_with "scripts/genksyms/genksyms: not in" pack -b "$conf" -l
}

# linux-headers of "make bindeb-pkg", kernel-devel of "make rpm-pkg"
no_config() {
	tree_with X86 && rm "$conf/.config" &&
		packs "$conf" include/config/auto.conf && not_packed .config &&
		in_archive include/config/auto.conf | cmp - "$conf/include/config/auto.conf"
}

# Lines of FILE OPTION: files named in compiler or linker flags
named_by_flags() {
	while read -r file option; do
		tree_with "$option" && add "$file" && packs "$conf" "$file" || return 1
		tree_with OTHER && add "$file" && packs "$conf" && not_packed "$file" || return 1
	done <<- 'END'
		arch/x86/lib/expoline.o EXPOLINE_EXTERN
		arch/x86/lib/expoline/expoline.o EXPOLINE_EXTERN
		arch/x86/platforms/44x/ppc476_modules.lds 476FPE_ERR46
		scripts/integer-wrap-ignore.scl UBSAN_INTEGER_WRAP
		scripts/context-analysis-suppression.txt WARN_CONTEXT_ANALYSIS
		arch/x86/lib/crtsavres.o PPC64
	END
}

# 7.x checks that it exists.
rust_options_empty() {
	tree_with RUST && add include/generated/rustc_cfg &&
		packs "$conf" include/generated/rustc_cfg &&
		[ "$(in_archive include/generated/rustc_cfg | wc -c)" -eq 0 ]
}

# Rust's sources are packed where the kernel asks for them, without tests of the crates.
rust_sources() {
	all="rust/Makefile rust/kernel/lib.rs rust/kernel/sync/arc.rs rust/macros/lib.rs
		rust/bindings/bindings_generated.rs scripts/generate_rust_target.rs"
	# shellcheck disable=SC2086	# words
	tree_with RUST && add $all && packs "$conf" && not_packed $all || return 1
	# shellcheck disable=SC2086
	tree_with RUST KHEADERS_RUST && add $all rust/doctests_kernel_generated.rs \
		rust/helpers/helpers.c rust/helpers/helpers_module.bc &&
		packs "$conf" $all && not_packed \
		rust/doctests_kernel_generated.rs rust/helpers/helpers.c \
		rust/helpers/helpers_module.bc || return 1
	# shellcheck disable=SC2086
	tree_with RUST KHEADERS_RUST RUST_INLINE_HELPERS && add $all rust/helpers/helpers.c \
		rust/helpers/helpers_module.bc && packs "$conf" rust/helpers/helpers.c &&
		not_packed rust/helpers/helpers_module.bc &&
		rm "$conf/rust/bindings/bindings_generated.rs" &&
		fails_with "rust/bindings/bindings_generated.rs: not in" pack -b "$conf" -l
}

# The sources of objtool and resolve_btfids, those of libbpf only where modules get BTF.
tool_sources() {
	objtool="tools/Makefile tools/build/Makefile.build tools/scripts/Makefile.include
		tools/scripts/utilities.mak tools/lib/string.c tools/lib/subcmd/help.c
		tools/include/linux/types.h tools/include/uapi/linux/bpf.h tools/objtool/Build
		tools/objtool/check.c tools/objtool/include/objtool/elf.h
		tools/objtool/arch/x86/decode.c tools/arch/x86/include/asm/insn.h
		tools/arch/x86/lib/x86-opcode-map.txt tools/arch/x86/tools/gen-insn-attr-x86.awk
		tools/arch/arm64/include/uapi/asm/bitsperlong.h"
	btf="tools/bpf/resolve_btfids/main.c tools/lib/bpf/btf.c tools/lib/bpf/libbpf.map"
	other="tools/objtool/arch/powerpc/decode.c tools/objtool/Documentation/objtool.txt
		tools/perf/builtin.c tools/include/nolibc/nolibc.h"
	# shellcheck disable=SC2086	# words
	tree_with X86 DEBUG_INFO_BTF_MODULES && add $objtool $btf && packs "$conf" &&
		not_packed $objtool $btf &&
		tree_with X86 KHEADERS_TOOL_SOURCES && add $objtool $btf $other &&
		packs "$conf" $objtool && not_packed $btf $other &&
		tree_with X86 KHEADERS_TOOL_SOURCES DEBUG_INFO_BTF_MODULES &&
		add $objtool $btf $other && packs "$conf" $objtool $btf && not_packed $other
}

# gcc evaluates fallthrough comments in kernels up to 5.14.
fallthrough_comments() {
	tree_with X86
	put "$conf/include/linux/switch.h" "/* goes */ int a; /* FALLTHRU */"
	# shellcheck disable=SC2016	# make expands it
	put "$conf/Makefile" 'KBUILD_CFLAGS += $(call cc-option,-Wimplicit-fallthrough,)'
	packs "$conf" && in_archive include/linux/switch.h > "$tmp/switch" &&
		grep -q FALLTHRU "$tmp/switch" && ! grep -q goes "$tmp/switch" || return 1
	# shellcheck disable=SC2016	# make expands it
	put "$conf/Makefile" 'KBUILD_CFLAGS += $(call cc-option,-Wimplicit-fallthrough=5,)'
	packs "$conf" && ! in_archive include/linux/switch.h | grep FALLTHRU
}

# Files that only the kernel's own build uses are not packed.
no_more_than_needed() {
	tree_with X86 && add scripts/tags.sh scripts/mkuboot.sh scripts/new.sh \
		scripts/genksyms/lex.l scripts/genksyms/parse.y scripts/mod/Makefile \
		scripts/basic/Makefile scripts/genksyms/Makefile scripts/mod/empty.c \
		scripts/depmod.sh scripts/modules-check.sh scripts/pahole-flags.sh \
		scripts/genksyms/parse.tab.c scripts/mod/modpost.c &&
		packs "$conf" scripts/depmod.sh scripts/modules-check.sh scripts/pahole-flags.sh \
			scripts/genksyms/parse.tab.c scripts/mod/modpost.c &&
		not_packed scripts/tags.sh scripts/mkuboot.sh scripts/new.sh \
			scripts/genksyms/lex.l scripts/genksyms/parse.y scripts/mod/Makefile \
			scripts/basic/Makefile scripts/genksyms/Makefile scripts/mod/empty.c
}

# string_options: print the string options of this series, for all architectures
string_options() {
	find "$kernel/source" -name 'Kconfig*' -exec cat {} + | awk '
	/^[[:space:]]*(menu)?config[[:space:]]/ { name = $2 }
	/^[[:space:]]+(def_)?string([[:space:]]|$)/ && name != "" { print name }' | sort -u
}

# value VALUE KEPT: an option with VALUE has the value KEPT in the packed configuration.  Since
# 5.17 auto.conf has no quotes.
value() {
	tree_with X86
	for file in .config include/config/auto.conf; do
		printf 'CONFIG_X="%s"\n' "$1" >> "$conf/$file"
	done
	printf 'CONFIG_PLAIN=%s\n' "$1" >> "$conf/include/config/auto.conf"
	printf '#define CONFIG_X "%s"\n' "$1" >> "$conf/include/generated/autoconf.h"
	packs "$conf" || return 1
	for line in ".config CONFIG_X=\"$2\"" "include/config/auto.conf CONFIG_X=\"$2\"" \
		    "include/config/auto.conf CONFIG_PLAIN=$2" \
		    "include/generated/autoconf.h #define CONFIG_X \"$2\""; do
		in_archive "${line%% *}" | grep -q -x -F -e "${line#* }" && continue
		ktap_print_msg "$1: $(in_archive "${line%% *}" | grep CONFIG_)"
		return 1
	done
}

loses() {
	for text; do
		value "$text" "" || return 1
	done
}

keeps() {
	for text; do
		value "$text" "$text" || return 1
	done
}

values_hidden() {
	loses /build/me/key.pem "usr/root /build/me/root" "a,/build/me/b" /lib/firmware \
		"pkcs11:token=mine;pin-value=1234" "https://me.example/x" "file:///build/me/x" \
		"/usr/src/me/sbin/x" "/sbin/x /build/me"
}

# Paths that the target uses at run time, and values that Kbuild compares
values_kept() {
	keeps /sbin/modprobe /usr/bin/helper "" certs/signing_key.pem sha512 "(none)" \
		"console=ttyS0 root=/dev/sda1" "landlock,lockdown,yama" \
		"gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0" \
		"Android (1, based on r4) clang version 12.0.5 (https://example.org/llvm c9)"
}

all_string_options() {
	string_options > "$tmp/strings"
	[ "$(wc -l < "$tmp/strings")" -gt 60 ] || return 1
	grep -q -x MODULE_SIG_KEY "$tmp/strings" || return 1
	tree_with X86
	while read -r option; do
		set_options "$conf" "$option=/planted/$option"
		echo "CONFIG_$option=\"x /planted/$option\"" >> "$conf/.config"
		echo "#define CONFIG_$option \"/planted/$option\"" \
			>> "$conf/include/generated/autoconf.h"
	done < "$tmp/strings"
	packs "$conf" && ! tar -xOf "$tmp/packed" | grep planted || return 1
	ktap_print_msg "string options: $(wc -l < "$tmp/strings")"
}

ktap_print_header
need_kernel_source
build_strip_comments
pack_quickly
ktap_set_plan 12
ktap_test_result "recordmcount" recordmcount
ktap_test_result "genksyms or gendwarfksyms" symbol_versions
ktap_test_result "no .config" no_config
ktap_test_result "files named in flags are packed" named_by_flags
ktap_test_result "options for rustc are not packed" rust_options_empty
ktap_test_result "sources in Rust" rust_sources
ktap_test_result "sources of objtool and resolve_btfids" tool_sources
ktap_test_result "comments that gcc evaluates are preserved" fallthrough_comments
ktap_test_result "only scripts and sources for modules are packed" no_more_than_needed
ktap_test_result "paths and URIs are not packed" values_hidden
ktap_test_result "other values are packed" values_kept
ktap_test_result "no string option of the series keeps a path" all_string_options
ktap_finished
