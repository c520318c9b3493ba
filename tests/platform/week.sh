#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A week in the life of a Debian machine: install the packages, build modules and trace, upgrade
# the kernel twice, remove the old one, upgrade kheaders, purge it, with a power cut in the middle
# of each step: nothing is left behind, and nothing that is others' is touched.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/deb.sh
. "$(dirname "$0")/../lib/deb.sh"

before=0.9.0
after=1.0.0
# What the kernels' packages keep of their modules, as depmod of all takes minutes in the guest:
# what it boots with, and what the packages of dkms need.
modules="9p 9pnet_virtio autofs4 binfmt_misc configfs dm-bufio dm-mod efivarfs ext4 fuse loop
	videodev virtio_blk virtio_console virtio_net virtio_pci"

# Set old and new to the two newest kernels of the suite, and get their packages.
fetch_kernels() {
	apt=$kernel.apt
	suite=$(cat "$kernel/suite")
	apt_private apt-cache pkgnames "linux-headers-$series" > "$tmp/names" || return 1
	sed -n "s/^linux-headers-\([0-9.]*+deb[0-9.]*-$flavour\)\$/\1/p" "$tmp/names" |
		sort -V | tail -n 2 > "$tmp/two"
	old=$(sed -n 1p "$tmp/two")
	new=$(sed -n 2p "$tmp/two")
	[ -n "$new" ] || { ktap_print_msg "$suite has only one kernel: $old"; return 1; }
	for release in "$old" "$new"; do
		mkdir "$tmp/$release" &&
			( cd "$tmp/$release" && quiet apt_private apt-get download \
				"linux-image-$release" "linux-headers-$release" \
				"linux-headers-${release%-"$flavour"}-common" \
				"linux-kbuild-${release%-"$flavour"}" ) || return 1
	done
}

# unpack_kernel NAME RELEASE: make a kernel of its package, as vm/fetch prints it
unpack_kernel() {
	dir=$tmp/kernels/$1
	mkdir -p "$dir" &&
		dpkg-deb -R "$tmp/$2"/linux-image-*.deb "$dir/root" &&
		depmod -b "$dir/root/usr" "$2" &&
		ln -s "root/usr/lib/modules/$2" "$dir/modules" &&
		ln -s "root/boot/vmlinuz-$2" "$dir/vmlinuz" &&
		echo "$2" > "$dir/release" && cp "$kernel/arch" "$dir"
}

# slim_package NAME DEB: make the kernel's package again, with the few modules
slim_package() {
	dir=$tmp/kernels/$1
	release=$(cat "$dir/release")
	# shellcheck disable=SC2086	# words
	modprobe -d "$dir/root/usr" -S "$release" -a --show-depends $modules 2> /dev/null |
		sed -n 's,^insmod .*/lib/modules/\([^ ]*\).*,usr/lib/modules/\1,p' |
		sort -u > "$tmp/few"
	rm -rf "$tmp/slim"
	mkdir "$tmp/slim" &&
		( cd "$dir/root" && find . ! -name '*.ko*' ! -name 'modules.*.bin' ! -type d \
			! -name modules.dep ! -name md5sums; cat "$tmp/few" ) > "$tmp/files" &&
		tar -C "$dir/root" -cf - -T "$tmp/files" | tar -C "$tmp/slim" -xf - &&
		quiet dpkg-deb --root-owner-group -Zgzip -z1 -b "$tmp/slim" "$2"
}

# Another kernel of the old release: its package has a newer version.
make_point_release() {
	kernel=$tmp/kernels/old
	ln -s "$source" "$kernel/source" && alter_build_id "$tmp/kernels/point" || return 1
	cp -a "$kernel/root" "$tmp/kernels/point" &&
		rm "$tmp/kernels/point/root/boot/vmlinuz-$old" &&
		cp "$tmp/kernels/point/vmlinuz" "$tmp/kernels/point/root/boot/vmlinuz-$old" &&
		sed -i 's/^Version: .*/&+week/' "$tmp/kernels/point/root/DEBIAN/control"
}

make_kernels() {
	fetch_kernels && unpack_kernel old "$old" && unpack_kernel new "$new" &&
		make_point_release || return 1
	mkdir "$share/point" "$share/new"
	slim_package old "$tmp/slim-old.deb" && slim_package new "$tmp/slim-new.deb" &&
		slim_package point "$share/point/linux-image.deb" &&
		mv "$tmp/slim-old.deb" "$(echo "$tmp/$old"/linux-image-*.deb)" &&
		mv "$tmp/slim-new.deb" "$(echo "$tmp/$new"/linux-image-*.deb)" &&
		mv "$tmp/$new"/*.deb "$share/new"
}

# Build the packages of both versions.
make_packages() {
	for version in "$before" "$after"; do
		copy_project || return 1
		copy=$tmp/kheaders-$version
		echo "$version" > "$copy/VERSION"
		sed -i "1s/([^)]*)/($version)/" "$copy/debian/changelog" &&
			sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$version\"/" \
				"$copy/dkms.conf" &&
			build_copy && mkdir "$share/$version" &&
			mv "$tmp/kheaders_${version}_$arch.deb" \
				"$tmp/kheaders-dkms_${version}_all.deb" \
				"$share/$version" || return 1
	done
}

make_machine() {
	root=$("$top/vm/rootfs" "$series" week) || return 1
	cp "$here/week_guest" "$here/systemd_look_guest" "$top/tests/lib/xz_quick" "$share" &&
		cp "$top/tests/lib/count.py" "$top/tests/lib/struct.bt" "$share" &&
		echo "$old $new" > "$share/releases" && echo "$before $after" > "$share/versions" &&
		mkdir "$tmp/machine" &&
		quiet "$top/vm/chroot" "$root" "$here/week_prepare" "$tmp/$old" "$tmp/machine" \
			"$new" &&
		quiet /sbin/mke2fs -q -t ext4 -L week -d "$tmp/machine" "$tmp/disk" 4G
}

# Start the guest in the background, with its output in $tmp/output.
start() {
	: > "$tmp/output"
	rm -rf "$tmp/run"
	mkdir "$tmp/run"
	TMPDIR=$tmp/run setsid "$top/vm/run" -k "$tmp/kernels/$1" -s "$share" -d "$tmp/disk" -w \
		-b -m 2048 -t 1800 "$2" > "$tmp/output" 2>&1 &
	pid=$!
	trap 'kill -9 "-$pid" 2> /dev/null; rm -rf "$tmp"' EXIT
}

# boots KERNEL ENDED BEGUN: boot, and cut the power when the guest reports the middle of BEGUN
boots() {
	start "$1" "/share/week_guest $2 $3"
	while kill -0 "$pid" 2> /dev/null; do
		if grep -q "^cut: $3" "$tmp/output"; then
			kill -9 "-$pid"
			break
		fi
		! grep -q "^late: $3" "$tmp/output" || break
		sleep 0.2
	done
	wait "$pid" 2> /dev/null
	rc=$?
	cat "$tmp/output" >> "$tmp/log"
	return "$rc"
}

# printed REGEX: in the last boot
printed() {
	grep -q -e "$1" "$tmp/output" && return
	show "$tmp/output"
	return 1
}

# boot KERNEL ENDED BEGUN: boots, with a result for each step; after a failure nothing is booted
boot() {
	[ "$KTAP_FAIL" -ne 0 ] || boots "$1" "$2" "$3"
	if [ "$2" != - ]; then
		ktap_test_result "$1 kernel: $2, repeated after the power cut" printed "^done: $2: "
		ktap_print_msg "$(sed -n "s/^done: \($2: .*\)/\1/p" "$tmp/output") $(
			grep '^unit took' "$tmp/output")"
	fi
	[ "$3" = - ] ||
		ktap_test_result "$1 kernel: the power is cut during $3" printed "^cut: $3"
}

# list FILE: write all files of the disk to FILE: path, type, mode, owner, target or checksum
list() {
	rm -rf "$tmp/machine"
	mkdir "$tmp/machine"
	# replays the journal
	/sbin/e2fsck -p "$tmp/disk" > "$tmp/fsck" 2>&1
	[ $? -le 1 ] || { show "$tmp/fsck"; return 1; }
	/sbin/debugfs -R "rdump / $tmp/machine" "$tmp/disk" > /dev/null 2>&1
	( cd "$tmp/machine" && find . -mindepth 1 -printf '%P %y %m %U:%G %l\n' &&
		find . -type f -printf '%P\0' | xargs -0 sha256sum |
		sed 's/^\([^ ]*\)  \(.*\)/\2 \1/' ) | sort > "$1"
	[ "$(wc -l < "$1")" -gt 20000 ]
}

# What a machine writes by itself, and dpkg and apt.
cat > "$tmp/allowed" << 'ALLOWED'
root/\.bpftrace_history
tmp(/.*)?
var/backups(/.*)?
var/cache/apt/archives/(lock|partial)
var/cache/apt/(pkgcache|srcpkgcache)\.bin
var/cache/debconf/[^/]*
var/lib/apt/extended_states
var/lib/apt/lists/(auxfiles|lock|partial)
var/lib/dpkg/(status|available|diversions|statoverride)(-old)?
var/lib/dpkg/(lock|lock-frontend|triggers/Lock)
var/lib/systemd/(random-seed|catalog/database)
var/lib/systemd/timers/[^/]*
var/log/[^/]*
var/log/(apt|journal)(/.*)?
var/tmp/systemd-private-[^/]*(/.*)?
ALLOWED

# What is on the disk at the end is what was there at first, without the kernel's packages.
nothing_left() {
	list "$tmp/last" || return 1
	regex=$(echo "$old" | sed 's/[.+]/\\&/g')
	grep -v -E -e "^boot/[^ ]*-$regex " -e "^(vmlinuz|initrd\.img)(\.old)? " \
		-e "^usr/(lib/modules/$regex|lib/linux-kbuild-|src/linux-)" \
		-e "^usr/share/(bug|doc|lintian/overrides)/linux-(image|headers|kbuild)-" \
		-e "^var/lib/dpkg/info/linux-(image|headers|kbuild)-" "$tmp/first" > "$tmp/want"
	diff "$tmp/want" "$tmp/last" > "$tmp/diff"
	sed -n 's/^[<>] \([^ ]*\).*/\1/p' "$tmp/diff" | sort -u |
		grep -v -x -E -f "$tmp/allowed" > "$tmp/left"
	[ ! -s "$tmp/left" ] && return
	grep -F -f "$tmp/left" "$tmp/diff" | show
	return 1
}

# Each kernel had a tree of its own, even two of one release.
own_trees() {
	sed -n 's/^marker: //p' "$tmp/log" | sort -u | wc -l | grep -q -x 3 && return
	grep '^marker: ' "$tmp/log" | show
	return 1
}

# What week_prepare has made for others.
foreign_stays() {
	grep -E -e '/(planted|6\.0\.0-other|other|kheaders-other)[/ ]' "$tmp/first" > "$tmp/planted"
	grep -v -x -F -f "$tmp/last" "$tmp/planted" > "$tmp/gone"
	show "$tmp/gone"
	[ "$(grep -c '/planted ' "$tmp/planted")" -eq 14 ] && [ ! -s "$tmp/gone" ]
}

ktap_print_header
need_kernel_source
source=$(realpath "$kernel/source")
share=$tmp/share
mkdir "$share"
{ make_kernels && make_packages && make_machine; } || ktap_exit_fail_msg "no machine"
ktap_set_plan 25
ktap_test_result "it boots" boots old - -
ktap_test_result "its files are listed" list "$tmp/first"
boot old - install
boot old install -
boot old - extract
boot old extract modules
boot old modules point
boot old point -
boot point - extract
boot point extract new
boot point new -
boot new - extract
boot new extract remove
boot new remove upgrade
boot new upgrade purge
boot new purge -
ktap_test_result "each kernel has a tree of its own" own_trees
ktap_test_result "nothing is left behind" nothing_left
ktap_test_result "what others have made is not touched" foreign_stays
ktap_finished
