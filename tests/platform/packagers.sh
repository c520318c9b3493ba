#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Build the packages of rpm and pacman from make dist's archive; they install, run, and are
# removed without a trace; Nix reads the recipe.
#
# Debian has the packagers, but not the packages of Fedora or Arch, so dependencies are not
# resolved, and rpm gets the few macros of systemd that the spec file uses.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# in_root SCRIPT ARGUMENT...: run the shell script in a throw-away root file system
in_root() {
	script=$1
	shift
	quiet "$top/vm/chroot" "$root" sh -euc "list() {
			find /etc /usr /var/cache ! -type d ! -name aux-cache | sort
		}
		$script" sh "$tmp" "$version" "$@"
}

same_archive() {
	git clone -q "$top" "$tmp/clone" &&
		quiet make -C "$top" dist BUILDDIR="$tmp/dist" &&
		quiet make -C "$tmp/clone" dist &&
		cmp "$tmp/dist/kheaders-$version.tar.xz" "$tmp/clone/build/kheaders-$version.tar.xz"
}

write_macros() {
	cat > "$tmp/macros" <<- 'END'
		%_usrsrc /usr/src
		%_unitdir /usr/lib/systemd/system
		%_tmpfilesdir /usr/lib/tmpfiles.d
		%systemd_post() systemctl --no-reload preset %{?*} || :
		%systemd_preun() [ $1 -ne 0 ] || systemctl --no-reload disable %{?*} || :
		%systemd_postun() systemctl daemon-reload || :
	END
}

# shellcheck disable=SC2016	# the inner shell expands it
rpm_builds() {
	write_macros
	in_root 'mkdir "$1/rpm"
		tar -xOf "$1/dist/kheaders-$2.tar.xz" "kheaders-$2/packaging/kheaders.spec" \
			> "$1/rpm/kheaders.spec"
		rpmbuild -ba --nodeps --load "$1/macros" --define "_topdir $1/rpm" \
			--define "_sourcedir $1/dist" "$1/rpm/kheaders.spec"' &&
		[ "$(find "$tmp/rpm/RPMS" -name '*.rpm' ! -name '*debug*' | wc -l)" -eq 2 ]
}

rpmlint_agrees() {
	# shellcheck disable=SC2016	# the inner shell expands it
	in_root 'cd "$1/rpm"
		rpmlint -r "$3/packaging/kheaders.rpmlintrc" kheaders.spec \
			$(find . -name "*.rpm" ! -name "*debug*") > lint 2>&1 || :
		cat lint
		grep " 3 packages and 1 specfiles checked; 0 errors, 0 warnings" lint' "$top"
}

# The scripts of the package run: the unit is enabled by a preset, trees go with the package,
# and dkms knows the module.
# shellcheck disable=SC2016	# the inner shell expands it
rpm_installs() {
	in_root 'echo "enable kheaders.service" > /usr/lib/systemd/system-preset/00.preset
		mkdir -p /var/lib/rpm /lib/modules
		rpm --initdb
		list > "$1/before"
		rpm -i --force-debian --nodeps $(find "$1/rpm/RPMS" -name "*.rpm" ! -name "*debug*")
		kheaders --version | grep -x -F "kheaders $2"
		[ -e /etc/systemd/system/multi-user.target.wants/kheaders.service ]
		dkms status -m kheaders -v "$2" | grep -F "kheaders/$2"
		mkdir /var/cache/kheaders
		kheaders extract --archive "$3" --dest "/var/cache/kheaders/$4"
		rpm -e --force-debian kheaders kheaders-dkms
		list | diff "$1/before" - | grep "^[<>]" || exit 0
		exit 1' "$archive" "$release"
}

# shellcheck disable=SC2016	# the inner shell expands it
pacman_builds() {
	in_root 'mkdir "$1/arch"
		cp "$1/dist/kheaders-$2.tar.xz" "$1/arch"
		tar -xf "$1/dist/kheaders-$2.tar.xz" -C "$1/arch" --strip-components=2 \
			"kheaders-$2/packaging"
		chown -R nobody "$1/arch"
		chmod 755 "$1"
		cd "$1/arch"
		setpriv --reuid=nobody --clear-groups env HOME="$1/arch" PKGEXT=.pkg.tar \
			makepkg --nodeps' &&
		[ "$(find "$tmp/arch" -name '*.pkg.tar' | wc -l)" -eq 2 ]
}

# shellcheck disable=SC2016	# the inner shell expands it
pacman_installs() {
	in_root 'printf "[options]\nArchitecture = auto\n" > "$1/pacman.conf"
		mkdir -p /var/lib/pacman /lib/modules
		list > "$1/before"
		options="--config $1/pacman.conf --noconfirm"
		pacman $options -Udd $(find "$1/arch" -name "*.pkg.tar")
		kheaders --version | grep -x -F "kheaders $2"
		[ -e "/usr/src/kheaders-$2/dkms.conf" ]
		[ -e /usr/share/libalpm/hooks/kheaders.hook ]
		mkdir /var/cache/kheaders
		kheaders extract --archive "$3" --dest "/var/cache/kheaders/$4"
		pacman $options -Rdd kheaders kheaders-dkms
		list | diff "$1/before" - | grep "^[<>]" || exit 0
		exit 1' "$archive" "$release"
}

# Nixpkgs is not here: its functions are stand-ins that return their arguments.
nix_reads() {
	cat > "$tmp/eval.nix" <<- 'END'
		top: let
		  kheaders = import (top + "/packaging/default.nix") {
		    lib = {
		      fileContents = f:
		        builtins.replaceStrings [ "\n" ] [ "" ] (builtins.readFile f);
		      licenses.gpl2Only = "GPL-2.0-only";
		      platforms.linux = [ "x86_64-linux" ];
		    };
		    stdenv.mkDerivation = x: x;
		    kernel = { version = "6.1"; modDirVersion = "6.1.0"; dev = "/dev-output";
		      moduleBuildDependencies = [ ]; };
		    pkg-config = 1; libarchive = 1; xz = 1; kmod = 1; nettle = 1; zstd = 1; lzo = 1;
		  };
		in "${kheaders.program.version} ${kheaders.module.buildPhase}"
	END
	# shellcheck disable=SC2016	# the inner shell expands it
	in_root 'HOME=$1 nix-instantiate --store "dummy://" --eval --expr \
			"import $1/eval.nix $3"' "$top" || return 1
	grep -q "\"$version make module KDIR=/dev-output/lib/modules/6.1.0/build\"" "$tmp/output"
}

version=$(cat "$top/VERSION")
ktap_print_header
need_kernel
release=$(cat "$kernel/release")
share_archive || ktap_exit_fail_msg "no archive"
root=$("$top/vm/rootfs" "$series" packagers) || ktap_exit_fail_msg "no root file system"
ktap_set_plan 7
ktap_test_result "make dist writes the same bytes in two places" same_archive
ktap_test_result "rpmbuild builds two packages" rpm_builds
ktap_test_result "rpmlint finds nothing that is not explained" rpmlint_agrees
ktap_test_result "rpm installs them, and removes them without a trace" rpm_installs
ktap_test_result "makepkg builds two packages" pacman_builds
ktap_test_result "pacman installs them, and removes them without a trace" pacman_installs
ktap_test_result "Nix reads the recipe" nix_reads
ktap_finished
