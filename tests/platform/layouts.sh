#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Trees of other distributions as KDIR: each layout is rebuilt from Debian's source by the rules
# of that distribution's packaging; kheaders.ko builds, and its archive gives the same modules.
#
# Each function below names the file of the packaging that it follows.  They share what
# "make modules_prepare" builds, so a layout's own compiler flags and patches are not tested.
#
# Environment:
#   KHEADERS_LAYOUTS  names of layouts, instead of one in "make check" and all in check-all

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/layout.sh
. "$here/../lib/layout.sh"

gcc=x86_64-linux-gnu-gcc-12
all="fedora rhel ubuntu opensuse arch nixos gentoo gentoo_dist yocto bindeb"

# Build in $build what a kernel's build leaves in a directory of objects.  vmlinux is Debian's.
prepare() {
	mkdir "$build" "$tmp/root" && cp "$kernel/kdir/.config" "$build" &&
		quiet kmake -C "$kernel/source" O="$build" olddefconfig &&
		quiet kmake -j2 -C "$kernel/source" O="$build" modules_prepare &&
		mv "$build/Makefile" "$tmp/Makefile" && rm "$build/source" &&
		cp "$kernel/kdir/Module.symvers" "$build" &&
		echo "ffffffff81000000 T _text" > "$build/System.map" &&
		"$kernel/source/scripts/extract-vmlinux" "$kernel/vmlinuz" > "$build/vmlinux" &&
		version=$(cat "$build/include/config/kernel.release")
}

# pick DIR FIND-ARGUMENT...: copy the files that find selects in the source to DIR
pick() {
	to=$1
	shift
	mkdir -p "$to" &&
		( cd "$kernel/source" && find "$@" -print0 | cpio -0pdmu --quiet "$to" )
}

# merge DIR PATH...: copy from the source and from $build, as if built in place
merge() {
	to=$1
	shift
	mkdir -p "$to"
	for tree in "$kernel/source" "$build"; do
		( cd "$tree" && for path; do
			[ ! -e "$path" ] || cp -a --parents "$path" "$to" || exit 1
		done ) || return 1
	done
}

# name_kernel RELEASE DIR: as if DIR were built as RELEASE
name_kernel() {
	release=$1
	echo "$release" > "$2/include/config/kernel.release"
	echo "#define UTS_RELEASE \"$release\"" > "$2/include/generated/utsrelease.h"
}

# link_modules DIR [TARGET]: /lib/modules/RELEASE/build leads to DIR, by way of TARGET
link_modules() {
	mkdir -p "$root/lib/modules/$release" &&
		ln -s "${2:-$1}" "$root/lib/modules/$release/build" &&
		kdir=$root/lib/modules/$release/build
}

# redhat/kernel.spec.template, kernel-devel: one directory, without .cmd files and objects
lay_fedora() {
	dir=$root/usr/src/kernels/$version-200.fc37.x86_64
	pick "$dir" . -type f \( -name 'Makefile*' -o -name 'Kconfig*' \) &&
		merge "$dir" .config Module.symvers System.map scripts include arch/x86/include \
			tools/objtool tools/bpf/resolve_btfids tools/include tools/lib/subcmd &&
		rm -r "$dir/scripts/tracing" "$dir/scripts/spdxcheck.py" &&
		find "$dir" \( -name '*.o' -o -name '.*.cmd' \) -delete &&
		name_kernel "$version-200.fc37.x86_64" "$dir" &&
		touch -r "$dir/Makefile" "$dir/include/generated/uapi/linux/version.h" \
			"$dir/include/config/auto.conf" &&
		link_modules "$dir" &&
		xz -c "$dir/Module.symvers" > "$root/lib/modules/$release/symvers.xz"
}

# The same file of RHEL 9, 5.14: .config is also auto.conf, with its comments.  6.1 takes no
# quotes there.
lay_rhel() {
	lay_fedora && sed 's/"//g' "$dir/.config" > "$dir/include/config/auto.conf"
}

# debian/rules.d/2-binary-arch.mk, 3-binary-indep.mk and debian/scripts/link-headers: a directory
# of objects with its own Makefile, which names the compiler, and relative links to a common one
lay_ubuntu() {
	common=$root/usr/src/linux-headers-6.1.0-56
	dir=$common-generic
	pick "$common" . ! -path './include/*' ! -path './scripts/*' -type f \
		\( -name 'Makefile*' -o -name 'Kconfig*' -o -name 'Kbuild*' -o -name '*.sh' -o \
		-name '*.pl' -o -name '*.lds' \) &&
		pick "$common" include scripts arch -type f \( ! -path 'arch/*' -o \
			-path '*/include/*' \) &&
		cp -a "$build" "$dir" && rm "$dir/vmlinux" "$dir/System.map" &&
		sed -E "s/^((HOST)?CC[[:blank:]]*= ([$][(]CROSS_COMPILE[)])?)gcc$/\\1$gcc/" \
			"$common/Makefile" > "$dir/Makefile" &&
		[ "$(grep -c "$gcc$" "$dir/Makefile")" -eq 2 ] &&
		name_kernel 6.1.0-56-generic "$dir" &&
		echo "#define UTS_UBUNTU_RELEASE_ABI 56" >> "$dir/include/generated/utsrelease.h" &&
		link_missing "$common" "$dir" && link_modules "$dir"
}

# link_missing COMMON DIR: make a link in DIR to each file or directory that only COMMON has
link_missing() {
	( cd "$1" && find . -mindepth 1 -printf '%P\n' ) | sort | while read -r path; do
		[ -e "$2/$path" ] || ln -sr "$1/$path" "$2/$path" || return 1
	done
}

# rpm/kernel-source.spec.in, group-source-files.pl and kernel-binary.spec.in: kernel-devel has the
# source's part, kernel-default-devel the objects, whose Makefile includes the other by a relative
# path.  The source is older than what was built from it.
lay_opensuse() {
	common=$root/usr/src/linux-$version-1
	dir=$common-obj/x86_64/default
	pick "$common" . -type f \( -name 'Makefile*' -o -name 'Kconfig*' -o -name 'Kbuild*' -o \
		-path './arch/*/include/*' -o -path './include/*' -o -path './scripts/*' \) &&
		find "$common" ! -type l -exec touch -d 2022-01-01 {} + &&
		mkdir -p "$common-obj/x86_64" && cp -a "$build" "$dir" &&
		rm "$dir/vmlinux" "$dir/System.map" &&
		sed "s,$kernel/source,../../../linux-$version-1,g" "$tmp/Makefile" \
			> "$dir/Makefile" &&
		name_kernel "$version-1-default" "$dir" &&
		link_modules "$dir" && ln -s "$common" "$root/lib/modules/$release/source"
}

# PKGBUILD, _package-headers: one directory with vmlinux, localversion files and .cmd files, but
# without objects and most makefiles
lay_arch() {
	dir=$root/usr/lib/modules/$version-arch1-1/build
	merge "$dir" .config Makefile Module.symvers System.map vmlinux kernel/Makefile \
		arch/x86/Makefile arch/x86/include arch/x86/kernel/asm-offsets.s scripts include \
		tools/objtool/objtool tools/bpf/resolve_btfids/resolve_btfids &&
		pick "$dir" . -type f -name 'Kconfig*' ! -path './Documentation/*' \
			\( ! -path './arch/*' -o -path './arch/x86/*' \) &&
		pick "$dir" drivers/md net/mac80211 -name '*.h' &&
		find "$dir" -name '*.o' -delete &&
		echo -arch1 > "$dir/localversion.10-pkgrel" &&
		echo -1 > "$dir/localversion.20-pkgname" &&
		name_kernel "$version-arch1-1" "$dir" && echo "$release" > "$dir/version" &&
		mkdir -p "$root/usr/src" && ln -sr "$dir" "$root/usr/src/linux" && kdir=$dir
}

# pkgs/os-specific/linux/kernel/build.nix: two directories in a store where all is read-only and
# of 1970, and scripts name their interpreter by its path there; builders have no privileges
lay_nixos() {
	bin=$root/nix/store/1zfbwq9x8rl0ypdmd4hsv3b3i5gmnj2a-bash-5.2p37/bin
	dev=$root/nix/store/0i5q7hyhc3kz2kq6rs0lxlzwbmjfd9n8-linux-$version-dev
	common=$dev/lib/modules/$version/source
	kdir=$dev/lib/modules/$version/build
	pick "$common" . -type f ! -path './drivers/*' \
		\( ! -path './arch/*' -o -path './arch/x86/*' \) \( -name '*.h' -o \
		-name '*.lds' -o -path './scripts/*' -o -path ./Makefile -o \
		-path './arch/*/Makefile*' \) &&
		mkdir -p "$bin" && ln -s /bin/sh /bin/bash "$bin" &&
		find "$common/scripts" -type f -exec sed -i -E \
			"1s,^#! *(/usr)?/bin/(env )?(ba|)sh,#!$bin/\\3sh," {} + &&
		cp -a "$build" "$kdir" && mv "$kdir/vmlinux" "$dev" && rm "$kdir/System.map" &&
		ln -s "$common" "$kdir/source" &&
		sed "s,$kernel/source,$common,g" "$tmp/Makefile" > "$kdir/Makefile" &&
		name_kernel "$version" "$kdir" &&
		chmod -R a-w "$root/nix" && find "$root/nix" -exec touch -h -d @1 {} + &&
		unprivileged
}

# unprivileged: pack as a user who may only read the layout
unprivileged() {
	as=
	if [ "$(id -u)" -eq 0 ]; then
		as="setpriv --reuid=65534 --regid=65534 --clear-groups"
		chmod 711 "$tmp"
	fi
	# shellcheck disable=SC2086	# words, or none
	cp -r "$top/scripts" "$XZ" "$tmp" && mkdir -m 1777 "$tmp/public" && build_strip_comments &&
		quiet $as env XZ="$tmp/${XZ##*/}" "$tmp/scripts/pack_headers.sh" -b "$kdir" \
			-o "$tmp/public/kheaders.tar.xz"
}

# sys-kernel/gentoo-sources and "make": the whole source, with all that a build in place leaves
# in it.  Directories that no line of kheaders.list is about are left out here.
lay_gentoo() {
	dir=$root/usr/src/linux-$version-gentoo
	pick "$dir" . -mindepth 1 \( -path ./drivers -o -path ./Documentation -o -path ./sound -o \
		-path ./fs -o -path ./net \) -prune -o -type f &&
		cp -a "$build/." "$dir" && put_key "$dir" &&
		cp "$(realpath "$kernel/vmlinuz")" "$dir/arch/x86/boot/bzImage" &&
		cp "$dir/scripts/mod/empty.o" "$dir/built-in.a" &&
		name_kernel "$version-gentoo" "$dir" && link_modules "$dir" &&
		ln -s "${dir##*/}" "$root/usr/src/linux"
}

# put_key DIR: the key that signs modules is where the build leaves it
put_key() {
	mkdir -p "$1/certs" &&
		printf -- '-----BEGIN %s KEY-----\n' PRIVATE > "$1/certs/signing_key.pem" &&
		echo cert > "$1/certs/signing_key.x509"
}

# eclass/kernel-build.eclass, gentoo-kernel: headers and makefiles, with the objects of "make
# modules_prepare" from before the kernel was built, and the key that signs modules
lay_gentoo_dist() {
	dir=$root/usr/src/linux-$version-gentoo-dist
	cp -a "$build" "$tmp/modprep" && rm "$tmp/modprep/vmlinux" &&
		find "$tmp/modprep" -type f \( -name Makefile -o -name '*.[ao]' -o \
			\( -name '.*' ! -name .config \) \) -delete &&
		pick "$dir" include scripts arch/x86/include -type f &&
		pick "$dir" . -type f \( -name 'Makefile*' -o -name 'Kconfig*' \) &&
		cp -a "$tmp/modprep/." "$dir" && rm -r "$tmp/modprep" && put_key "$dir" &&
		mkdir -p "$dir/arch/x86/boot" &&
		cp "$(realpath "$kernel/vmlinuz")" "$dir/arch/x86/boot/bzImage" &&
		find "$dir" -type d -empty -delete &&
		printf '\nifdef _GENTOO_IS_USER_SHELL\nendif\n' >> "$dir/Makefile" &&
		echo sys-kernel/gentoo-kernel > "$dir/dist-kernel" &&
		name_kernel "$version-gentoo-dist" "$dir" &&
		link_modules "$dir" "../../../usr/src/${dir##*/}"
}

# meta/recipes-kernel/linux/kernel-devsrc.bb: one directory without programs, which the target
# builds, before which packing fails.  It has nothing that BTF needs.
lay_yocto() {
	dir=$root/lib/modules/$version-yocto-standard/build
	pick "$dir" . -type f \( -name 'Makefile*' -o -name 'Kconfig*' -o -name Build -o \
		-name Build.include -o -path './arch/x86/entry/syscalls/*' -o \
		-path './arch/x86/tools/*' -o -path './arch/x86/purgatory/*' -o \
		-path './arch/x86/boot/*.[ch]' -o -path './arch/x86/lib/ins*.c' -o \
		-path './arch/x86/lib/inat.c' -o -path './arch/x86/kvm/*.h' -o \
		-path './arch/x86/kernel/asm-offsets*' -o -path './tools/objtool/*' -o \
		-path './tools/lib/*' -o -path './tools/include/*' -o \
		-path './tools/arch/x86/*' -o -path './tools/build/*' -o \
		-path './tools/scripts/*' -o -path './security/selinux/include/*' -o \
		-path './lib/vdso/*' -o -path ./kernel/bounds.c -o \
		-path ./kernel/time/timeconst.bc -o -path './scripts/*' -o \
		-path './include/*' -o -path './arch/x86/include/*' -o -path ./Kbuild \) &&
		cp -a "$build/include/." "$dir/include" &&
		cp -a "$build/scripts/module.lds" "$dir/scripts" &&
		cp -a "$build/.config" "$build/Module.symvers" "$build/System.map" "$dir" &&
		echo -yocto-standard > "$dir/localversion-yocto" &&
		touch -r "$dir/.config" "$dir/include/generated/autoconf.h" \
			"$dir/include/config/auto.conf"* &&
		ln -s build "${dir%/*}/source" && kdir=$dir &&
		fails_with "make modules_prepare" "$top/scripts/pack_headers.sh" -b "$dir" -l &&
		quiet kmake -j2 -C "$dir" CONFIG_DEBUG_INFO_BTF= modules_prepare &&
		release=$version-yocto-standard
}

# scripts/package/builddeb itself, as it was up to 6.11: one directory
lay_bindeb() {
	dir=$root/usr/src/linux-headers-$version
	{
		sed -n '/^is_enabled/,/^}/p; /^deploy_kernel_headers/,/^}/p' \
			"$kernel/source/scripts/package/builddeb"
		echo "deploy_kernel_headers $root"
	} > "$tmp/deploy"
	mkdir "$build/debian" &&
		( cd "$build" && env srctree="$kernel/source" SRCARCH=x86 version="$version" \
			KCONFIG_CONFIG=.config sh -e "$tmp/deploy" ) &&
		rmdir "$build/debian" && kdir=$dir && release=$version
}

layout() {
	ktap_print_msg "$1"
	rm -rf "$tmp/root" && mkdir "$tmp/root" && "lay_$1" && list > "$tmp/before"
}

check() {
	ktap_test_result "$1: the layout is made" layout "$1"
	check_layout "$1"
	chmod -R u+w "$root"	# or only root could remove a store
}

ktap_print_header
[ "$arch" = amd64 ] || ktap_skip_all "$arch: the layouts are those of x86"
need_kernel_source
pack_quickly
build=$tmp/build
root=$tmp/root
layouts=fedora
! whole || layouts=$all
layouts=${KHEADERS_LAYOUTS:-$layouts}
prepare || ktap_exit_fail_msg "no build tree"
ktap_set_plan $((4 * $(echo "$layouts" | wc -w)))
for layout in $layouts; do
	check "$layout"
done
ktap_finished
