#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boot Debian's kernel with Secure Boot on: what dkms signs with an enrolled key loads, other
# modules are refused, and the program and its unit work in both modes of lockdown.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/dkms.sh
. "$(dirname "$0")/../lib/dkms.sh"

signer="DKMS module signing key"

# signed NAME VERSION: build it by dkms, for the guest, and look at the signature
signed() {
	run_dkms build -m "$1" -v "$2" -k "$release" || return 1
	cp "$tmp/output" "$tmp/$1.log"
	module=$(find "$tmp/var/lib/dkms/$1/$2/$release" -name "$1.ko*")
	# as the kernel's own modules are, since Debian 13
	case $module in
	*.xz) xz -dc "$module" > "$updates/$1.ko" ;;
	*) cp "$module" "$updates" ;;
	esac
	[ "$(modinfo -F signer "$updates/$1.ko")" = "$signer" ] && return
	show "$tmp/$1.log"
	return 1
}

# dkms makes the key at its first build.
kheaders_signed() {
	add_kheaders && signed kheaders "$version" &&
		openssl x509 -inform DER -in "$keys/mok.pub" -out "$tmp/mok.pem"
}

# From here on the tree of the archive is all that the kernel's modules are built from.
tree_replaces_headers() {
	mkdir "$tmp/from" && "$tmp/static/kheaders" dump "$updates/kheaders.ko" \
		-o "$tmp/from/kheaders_data.tar.xz" &&
		build_test_modules "$tmp/from" &&
		ln -sfn "$tmp/from/tree" "$tmp/lib/modules/$release/build"
}

v4l2loopback_signed() {
	cp -r "$root"/usr/src/v4l2loopback-* "$tmp/usr/src" || return 1
	version=$(basename "$tmp"/usr/src/v4l2loopback-*)
	version=${version#v4l2loopback-}
	run_dkms add -m v4l2loopback -v "$version" && signed v4l2loopback "$version" &&
		grep -q -x "Sign command: /lib/modules/$release/build/scripts/sign-file" \
		"$tmp/v4l2loopback.log"
}

# sign KEY CERTIFICATE MODULE: by the archive's own program
sign() {
	in_root "$tmp/from/tree/scripts/sign-file" sha256 "$@"
}

# The same two modules unsigned, signed with a key that nobody enrolled, and with an enrolled
# one but then altered.
sign_by_hand() {
	in_root openssl req -new -x509 -nodes -newkey rsa:2048 -subj "/CN=not enrolled" \
		-keyout "$tmp/other.key" -outform DER -out "$tmp/other.pub" &&
		mkdir "$share/unsigned" &&
		cp "$tmp/from/test_modules/kheaders_test.ko" "$share/unsigned" &&
		cp "$updates/kheaders.ko" "$share/unsigned" &&
		in_root strip --strip-debug "$share/unsigned/kheaders.ko" &&
		[ -z "$(modinfo -F signer "$share/unsigned/kheaders.ko")" ] || return 1
	for name in foreign signed; do
		cp -r "$share/unsigned" "$share/$name"
	done
	for name in kheaders kheaders_test; do
		sign "$tmp/other.key" "$tmp/other.pub" "$share/foreign/$name.ko" &&
			sign "$keys/mok.key" "$keys/mok.pub" "$share/signed/$name.ko" || return 1
	done
	cp -r "$share/signed" "$share/damaged" &&
		sed -i 's/license=GPL/license=GPl/' "$share"/damaged/*.ko &&
		! cmp -s "$share/signed/kheaders.ko" "$share/damaged/kheaders.ko" &&
		[ "$(modinfo -F signer "$share/foreign/kheaders.ko")" = "not enrolled" ] &&
		[ "$(modinfo -F signer "$share/signed/kheaders_test.ko")" = "$signer" ]
}

no_key_in_archive() {
	quiet "$top/tests/lib/find_keys.py" "$tmp/from/kheaders_data.tar.xz"
}

# What the guest needs beside the modules: those of the kernel that they depend on, and firmware
# in which virt-fw-vars has enrolled the key.
fill_guest() {
	modules=$(realpath "$kernel/modules")
	modprobe -d "${modules%/lib/modules/*}" -S "$release" -a --show-depends videodev efivarfs \
		> "$tmp/depends" || return 1
	sed -n "s,^insmod $modules/\([^ ]*\).*,\1,p" "$tmp/depends" | sort -u > "$tmp/names"
	tar -C "$modules" -cf - -T "$tmp/names" | tar -C "$share/lib/modules/$release" -xf - &&
		cp "$keys/mok.pub" "$share/mok.der" && cp "$tmp/other.pub" "$share/other.der" &&
		cp "$tmp/static/kheaders" "$share" &&
		"$top/vm/mkinitramfs" "$kernel" "$tmp/initramfs" mokutil &&
		quiet "$top/vm/secure_boot" "$tmp/firmware" "$tmp/mok.pem"
}

guest=$(cat "$here/secure_boot_guest")

# boots MODE: run the guest in that mode of lockdown; integrity is Secure Boot's own
boots() {
	argument=lockdown=$1
	[ "$1" != integrity ] || argument=
	"$top/vm/run" -k "$kernel" -f "$tmp/firmware" -i "$tmp/initramfs" -s "$share" -m 2048 \
		-t 900 -a "$argument" "$guest" > "$tmp/guest.log" 2>&1
	rc=$?
	show "$tmp/guest.log"
	return "$rc"
}

# answers TEXT...: each is a line of the guest
answers() {
	for text; do
		grep -q -x -F -e "$text" "$tmp/guest.log" && continue
		ktap_print_msg "no line \"$text\""
		return 1
	done
}

# locked MODE
locked() {
	case $1 in
	integrity)
		answers "lockdown: none [integrity] confidentiality" \
			"kernel: Kernel is locked down from EFI Secure Boot" ;;
	confidentiality)
		answers "lockdown: none integrity [confidentiality]" \
			"kernel: Kernel is locked down from command line" ;;
	esac && answers "kernel: Loaded X.509 cert '$signer'" "mokutil: SecureBoot enabled" \
		"mokutil: /share/mok.der is already enrolled" "mokutil: import 0" \
		"mokutil: CN=not enrolled"
}

# Modules that the kernel must not take, and what it and insmod print.
refused() {
	for name in unsigned foreign damaged; do
		answers "$name kheaders: Key was rejected by service" \
			"$name test: Key was rejected by service" || return 1
	done
	for name in kheaders test; do
		answers "unsigned $name: Loading of unsigned module is rejected" \
			"foreign $name: Loading of module with unavailable key is rejected" ||
			return 1
	done
	answers "unsigned extract: modprobe: ERROR: could not insert 'kheaders': $(
		)Key was rejected by service"
}

loads() {
	sum=$(sha256sum < "$tmp/from/kheaders_data.tar.xz")
	answers "kheaders: loaded, signed by $signer" "kheaders: $sum"
}

extracts() {
	answers "kheaders: /var/cache/kheaders/$release: extracted" "extract: linked"
}

# Taint bit 12: modules from out of the kernel's tree, but none unsigned.
modules_load() {
	answers "signed test: loaded" "v4l2loopback: loaded, signed by $signer" "tainted: 4096"
}

# Without shim the kernel knows only its own keys: a module signed by the owner is refused, too.
refused_without_shim() {
	"$top/vm/run" -k "$kernel" -s "$share" -a lockdown=integrity '
		insmod /share/unsigned/kheaders.ko; insmod /share/signed/kheaders.ko
		dmesg' > "$tmp/guest.log" 2>&1
	grep "^insmod:" "$tmp/guest.log" | sed 's/.*: //' > "$tmp/answers"
	[ "$(sort "$tmp/answers" | uniq -c | tr -s ' ')" = " 2 Operation not permitted" ] &&
		grep -q "Lockdown: insmod: unsigned module loading is restricted" \
		"$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

# Install kheaders on a disk that systemd boots from.
install_disk() {
	mkdir "$tmp/disk_share" &&
		quiet make -s -C "$top/userspace" BUILDDIR="$tmp/program" PREFIX=/usr \
			DESTDIR="$tmp/disk_share/installed" install &&
		cp "$updates/kheaders.ko" "$tmp/disk_share" &&
		cp "$share/unsigned/kheaders.ko" "$tmp/disk_share/unsigned.ko" &&
		disk=$("$top/vm/disk" "$series" systemd) &&
		cp --sparse=always "$disk" "$tmp/disk" &&
		quiet "$top/vm/run" -k "$kernel" -s "$tmp/disk_share" -d "$tmp/disk" -w -t 300 \
			"$(cat "$here/systemd_prepare_guest")"
}

# What is printed in the guest: the state after the boot, and the unit's complaint once
# kheaders.ko is replaced by an unsigned one.
look="cat /sys/kernel/security/lockdown
$(cat "$here/systemd_look_guest")
kheaders remove
cp /share/unsigned.ko /lib/modules/*/updates/kheaders.ko
systemctl restart kheaders.service
echo \"unsigned: \$(systemctl show -P Result kheaders)\"
journalctl -b -o cat -u kheaders.service | sed 's/^/unsigned: /'"

# unit_extracts MODE: at the first boot
unit_extracts() {
	"$top/vm/run" -k "$kernel" -f "$tmp/firmware" -s "$tmp/disk_share" -d "$tmp/disk" -b \
		-m 2048 -t 900 -a "lockdown=$1" "$look" > "$tmp/guest.log" 2>&1
	grep -q -x -e ".*\[$1\].*" "$tmp/guest.log" && answers "system: running" \
		"unit: success active" "link: /var/cache/kheaders/$release" "verify: ok" \
		"unsigned: exit-code" "unsigned: kheaders: kheaders: the module cannot be loaded: $(
			)Key was rejected by service" && return
	show "$tmp/guest.log"
	return 1
}

ktap_print_header
need_kernel
release=$(cat "$kernel/release")
root=$("$top/vm/rootfs" "$series" signing) || ktap_exit_fail_msg "no root file system with dkms"
add_kernel "$release"
share=$tmp/share
updates=$share/lib/modules/$release/updates/dkms
keys=$tmp/var/lib/dkms
mkdir -p "$updates"
quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" ||
	ktap_exit_fail_msg "the program does not build"
ktap_set_plan 22
ktap_test_result "dkms builds kheaders.ko and signs it with a new key" kheaders_signed
ktap_test_result "modules build from the archive in it" tree_replaces_headers
ktap_test_result "dkms builds v4l2loopback from that tree, and signs by its sign-file" \
	v4l2loopback_signed
ktap_test_result "sign-file of the tree signs with any key" sign_by_hand
ktap_test_result "no private key is in the archive" no_key_in_archive
ktap_test_result "the key is enrolled" fill_guest
for mode in integrity confidentiality; do
	ktap_test_result "$mode: the guest boots" boots "$mode"
	ktap_test_result "$mode: the kernel is locked down and trusts the enrolled key" \
		locked "$mode"
	ktap_test_result "$mode: unsigned, foreign and altered modules are refused" refused
	ktap_test_result "$mode: the signed kheaders.ko loads, and its file is readable" loads
	ktap_test_result "$mode: kheaders extracts" extracts
	ktap_test_result "$mode: modules built from the tree load once signed" modules_load
done
ktap_test_result "in lockdown without shim even signed modules are refused" refused_without_shim
ktap_test_result "kheaders is installed on a disk" install_disk
for mode in integrity confidentiality; do
	ktap_test_result "$mode: the boot unit extracts" unit_extracts "$mode"
done
ktap_finished
