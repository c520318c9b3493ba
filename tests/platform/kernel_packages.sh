#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the packages of the kernel's own makefiles install, as KDIR: kheaders.ko builds, and its
# archive gives the same modules.  They are those of rpm, dpkg and, where the kernel has it,
# pacman.  The kernel is a small one.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"
# shellcheck source=../lib/layout.sh
. "$here/../lib/layout.sh"

# kernel_make ARGUMENT...: where vm/build has built; objtool's makefiles name that directory, so
# in a copy everything would be compiled again
kernel_make() {
	# shellcheck disable=SC2046	# words
	quiet $(vm_make) -s -j"$(nproc)" "$@"
}

# "make rpm-pkg" does the same in a git repository, but before 6.6 only it makes kernel-devel, and
# it builds in the source.
make_rpm() {
	export RPMOPTS="--define '_topdir $work/rpm' --define '_binary_payload w1.gzdio'"
	if [ -e "$source/scripts/package/kernel.spec" ]; then
		kernel_make binrpm-pkg || return 1
	else
		cp -al "$source/." "$work/source" && cp "$obj/.config" "$work/source" &&
			quiet kmake -j"$(nproc)" -C "$work/source" rpm-pkg || return 1
	fi
	rpm --root "$root" --initdb &&
		find "$work/rpm/RPMS" -name 'kernel-*.rpm' ! -name 'kernel-headers-*' \
			-exec rpm --root "$root" -i --force-debian --nodeps --noscripts {} +
}

make_bindeb() {
	kernel_make bindeb-pkg DPKG_FLAGS=-d && set -- "$kernel"/linux-headers-*.deb &&
		quiet dpkg-deb -x "$1" "$root"
}

# makepkg refuses to run as root, so root has another number there, and its fakeroot cannot give
# files to 0.
make_pacman() {
	printf '[options]\nArchitecture = auto\n' > "$tmp/pacman.conf"
	# shellcheck disable=SC2046	# words
	mkdir -p "$root/var/lib/pacman" &&
		quiet unshare --map-user=1000 --map-group=1000 env PKGEXT=.pkg.tar \
			TAR_OPTIONS=--no-same-owner PACMAN_EXTRAPACKAGES=headers \
			$(vm_make) -s -j"$(nproc)" MAKEPKGOPTS=-d pacman-pkg &&
		quiet pacman --config "$tmp/pacman.conf" --noconfirm --root "$root" --noscriptlet \
			-Udd "$obj"/*.pkg.tar
}

# Make the package and install it to an empty directory.
install_package() {
	rm -rf "$root" && mkdir "$root" && "make_$1" || return 1
	kdir=$(find "$root/usr/src" "$root/lib/modules" "$root/usr/lib/modules" \
		-name Module.symvers 2> /dev/null | head -n 1)
	kdir=${kdir%/*}
	list > "$tmp/before"
	[ -n "$kdir" ]
}

# What the packagers leave where vm/build has built.
clean_up() {
	rm -rf "$tmp" "$work"
	( cd "$kernel" && rm -rf -- *.deb *.buildinfo *.changes obj/debian obj/rpmbuild \
		obj/PKGBUILD obj/pkg obj/src obj/*.pkg.tar )
}

ktap_print_header
[ "$arch" = amd64 ] || ktap_skip_all "$arch: the packages are made for this machine"
[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root to install packages"
pack_quickly
mode=n
build n || ktap_exit_fail_msg "the kernel does not build"
release=$(cat "$kernel/release")
work=$(mktemp -d "$cache/kernel_packages.XXXXXX")
trap clean_up EXIT
source=$(realpath "$kernel/source")
root=$tmp/root
kdir=/nonexistent
set -- rpm bindeb
[ ! -e "$source/scripts/package/PKGBUILD" ] || set -- rpm bindeb pacman
ktap_set_plan $(($# * 4))
for package; do
	ktap_test_result "make $package-pkg: the package installs" install_package "$package"
	check_layout "make $package-pkg"
done
ktap_finished
