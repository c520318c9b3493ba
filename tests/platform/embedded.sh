#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the commands of the recipes in Documentation/embedded.md with the variables that Buildroot
# and Yocto would set, for arm64: module and program build, install, and work in a guest.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

gnu=aarch64-linux-gnu

# recipes DIR: write the files that the document shows into DIR.  Each is a line with only a
# name in backquotes, followed by the indented text.
recipes() {
	awk -v dir="$1" '
	/^`[^`]*`:$/ {
		gsub(/[`:]/, "")
		file = dir "/" $0
		system("mkdir -p $(dirname " file ")")
		next
	}
	/^    / && file {
		printf "%s", blank substr($0, 5) "\n" > file
		blank = ""
		next
	}
	/^$/ { blank = blank (file ? "\n" : ""); next }
	{ file = blank = "" }' "$top/Documentation/embedded.md"
}

# Buildroot's package infrastructure in short: the order of commands and hooks, and its
# variables.
write_infra() {
	cat <<- 'END'
		BR2_EXTERNAL_KHEADERS_PATH := $(CURDIR)
		TARGET_CONFIGURE_OPTS = CC="$(CC_FOR_TARGET)" CFLAGS="-O2 -g0" LDFLAGS= \
			PKG_CONFIG=pkg-config PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
			PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig
		LINUX_MAKE_FLAGS = HOSTCC=gcc ARCH=arm64 INSTALL_MOD_PATH=$(TARGET_DIR) \
			CROSS_COMPILE=aarch64-linux-gnu-
		kbuild = $(MAKE) -C $(LINUX_DIR) $(LINUX_MAKE_FLAGS) $(KHEADERS_MODULE_MAKE_OPTS) \
			PWD=$(@D)/$(d) M=$(@D)/$(d)
		define sep


		endef
		define kernel-module
		KHEADERS_DEPENDENCIES += linux
		endef
		.RECIPEPREFIX = >
		define generic-package
		$$(BUILD)/.stamp_installed:
		> $$(foreach hook,$$(KHEADERS_PRE_BUILD_HOOKS),$$($$(hook))$$(sep))
		> $$(KHEADERS_BUILD_CMDS)
		> $$(foreach d,$$(KHEADERS_MODULE_SUBDIRS),$$(kbuild) modules$$(sep))
		> $$(KHEADERS_INSTALL_TARGET_CMDS)
		> $$(foreach d,$$(KHEADERS_MODULE_SUBDIRS),$$(kbuild) modules_install$$(sep))
		endef
		include external.mk
	END
}

# These systems copy the sources into a build directory.
sources() {
	mkdir -p "$1" && ( cd "$top" && git ls-files -z | tar -cf - --null -T - ) |
		tar -xf - -C "$1"
}

buildroot() {
	sources "$tmp/br/src" && write_infra > "$tmp/recipes/Makefile" &&
		quiet make -C "$tmp/recipes" "$tmp/br/src/.stamp_installed" BUILD="$tmp/br/src" \
			LINUX_DIR="$(realpath "$kernel/kdir")" TARGET_DIR="$tmp/br/target" \
			SYSROOT="$sysroot" CC_FOR_TARGET="$gnu-gcc --sysroot=$sysroot"
}

# The recipes depend on exactly the libraries that the program is linked with.
configured() {
	sed -n 's/^KHEADERS_DEPENDENCIES = host-pkgconf //p' \
		"$tmp/recipes/package/kheaders/kheaders.mk" | tr ' ' '\n' | sort > "$tmp/depends"
	sed -n 's/^	select BR2_PACKAGE_//p' "$tmp/recipes/package/kheaders/Config.in" |
		tr '[:upper:]' '[:lower:]' | sort > "$tmp/selects"
	sed -n 's/^DEPENDS = "\(.*\)"/\1/p' "$yocto/kheaders_git.bb" | tr ' ' '\n' | sort \
		> "$tmp/yocto"
	# shellcheck disable=SC2016	# make expands it
	make -s -C "$top/userspace" --eval='print: ; @echo $(packages)' print | tr ' ' '\n' |
		sed -e s/libkmod/kmod/ -e s/liblzma/xz/ -e s/libzstd/zstd/ -e s/lzo2/lzo/ |
		sort > "$tmp/linked"
	for list in depends selects yocto; do
		quiet diff "$tmp/linked" "$tmp/$list" || return 1
	done
}

# value VARIABLE RECIPE: its value in a Yocto recipe
value() {
	sed -n "s/^$1 = \"\\(.*\\)\"/\\1/p" "$yocto/$2"
}

# oe PACKAGE ARGUMENT...: oe_runmake in B, with the variables of the recipe and of Yocto
oe() {
	# shellcheck disable=SC2034	# the recipe's words are made of them
	S=$tmp/oe/src B=$tmp/oe/$1 STAGING_KERNEL_BUILDDIR=$(realpath "$kernel/kdir") prefix=/usr
	options=$(eval "echo \"$(value EXTRA_OEMAKE "$1_git.bb")\"")
	shift
	mkdir -p "$B" || return 1
	# shellcheck disable=SC2086	# words
	( cd "$B" && quiet env PKG_CONFIG_SYSROOT_DIR="$sysroot" ARCH=arm64 \
		PKG_CONFIG_LIBDIR="$sysroot/usr/lib/$gnu/pkgconfig" CROSS_COMPILE="$gnu-" \
		CFLAGS="-O2 -pipe" make $options "$@" )
}

# Build and install the program, and the module as module.bbclass does.
yocto() {
	D=$tmp/oe/image
	sources "$tmp/oe/src" && export CC="$gnu-gcc --sysroot=$sysroot" &&
		oe kheaders && oe kheaders install DESTDIR="$D"
	rc=$?
	unset CC
	[ "$rc" -eq 0 ] || return 1
	set -- CC="$gnu-gcc" LD="$gnu-ld" O="$(realpath "$kernel/kdir")"
	oe kheaders-module "$@" "$(value MAKE_TARGETS kheaders-module_git.bb)" &&
		oe kheaders-module "$@" DEPMOD=echo \
			MODLIB="$D/lib/modules/$(cat "$kernel/release")" \
			"$(value MODULES_INSTALL_TARGET kheaders-module_git.bb)" &&
		[ -e "$tmp/oe/kheaders-module/Module.symvers" ]
}

# The recipes have the checksum of COPYING.
licensed() {
	sum=$(md5sum < "$top/COPYING")
	[ "$(grep -l "COPYING;md5=${sum%% *}" "$yocto"/*.bb | wc -l)" -eq 2 ]
}

# installed DIR: both systems install the same files
installed() {
	( cd "$1" && find . -type f ! -name 'modules.*' | sort ) > "$tmp/files"
	for file in ./usr/sbin/kheaders ./etc/init.d/kheaders \
		    ./usr/lib/systemd/system/kheaders.service ./usr/share/man/man8/kheaders.8 \
		    "./lib/modules/$(cat "$kernel/release")/updates/kheaders.ko"; do
		grep -q -x -F "$file" "$tmp/files" && continue
		ktap_print_msg "$file: not installed"
		show "$tmp/files"
		return 1
	done
}

works=$(cat "$here/embedded_guest")

# works_there DIR
works_there() {
	rm -rf "$tmp/share"
	mkdir -p "$tmp/share" && cp -r "$1" "$tmp/share/target" &&
		cp -rL "$sysroot/usr/lib/$gnu" "$tmp/share/lib" 2> /dev/null
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -m 2048 \
		"$works" > "$tmp/guest.log" 2>&1 &&
		show "$tmp/guest.log" && grep -q '/updates/kheaders.ko$' "$tmp/guest.log" &&
		grep -q '/var/cache/kheaders/.*: matches the archive' "$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

ktap_print_header
[ "$arch" = arm64 ] || ktap_skip_all "for arm64 only: embedded@6.12/arm64"
recipes "$tmp/recipes"
yocto=$tmp/recipes/recipes-kernel/kheaders
build m || ktap_exit_fail_msg "no kernel to test"
sysroot=$("$top/vm/rootfs" -a "$arch" 6.1 sysroot) || ktap_exit_fail_msg "no libraries for $arch"
ktap_set_plan 8
ktap_test_result "the recipes depend on the program's libraries" configured
ktap_test_result "the recipes have the licence's checksum" licensed
ktap_test_result "Buildroot: module and program build" buildroot
ktap_test_result "Buildroot: they are installed" installed "$tmp/br/target"
ktap_test_result "Buildroot: they work in the guest" works_there "$tmp/br/target"
ktap_test_result "Yocto: module and program build" yocto
ktap_test_result "Yocto: they are installed" installed "$tmp/oe/image"
ktap_test_result "Yocto: they work in the guest" works_there "$tmp/oe/image"
ktap_finished
