#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the commands of Documentation/secure-boot.md in a machine with Secure Boot, and compare
# their output with the document's: dkms builds and signs kheaders.ko there, somebody at the
# console enrolls the key, and the tree builds modules; other modules are refused, in both modes
# of lockdown.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/commands.sh
. "$(dirname "$0")/../lib/commands.sh"
# shellcheck source=../lib/deb.sh
. "$(dirname "$0")/../lib/deb.sh"

signer="DKMS module signing key"
copy=/root
# functions of the guest, what runs before and after the commands
guest="look() {
$(cat "$here/systemd_look_guest")
}
$(cat "$here/secure_boot_guest")"

# The document's versions and its kernel's release are those of one suite.
commands_are_read() {
	read_commands Documentation/secure-boot.md secure_boot
	loopback=$(basename "$root"/usr/src/v4l2loopback-*)
	sed -i -e "s/v4l2loopback -v [0-9.]*/v4l2loopback -v ${loopback#v4l2loopback-}/" \
		-e "s/_[0-9.]*_\(amd64\|all\)\.deb/_${version}_\1.deb/g" "$tmp/commands"
	sed -i "s,\(/kheaders/\)[0-9][^ :]*,\1$release,g" "$tmp"/want.*
	[ "$(cut -d ' ' -f 1 "$tmp/commands" | sort -u | tr '\n' ' ')" = \
		"after before host locked unsigned " ]
}

machine_is_made() {
	build_debs && mkdir -p "$share/module" &&
		cp "$tmp"/kheaders_*.deb "$tmp"/kheaders-dkms_*.deb "$share" &&
		cp "$top/selftests/test_modules/kheaders_test.c" "$share/module" &&
		echo "obj-m := kheaders_test.o" > "$share/module/Makefile" &&
		printf 'password\npassword\n' > "$share/input" &&
		cp "$top/tests/lib/xz_quick" "$share" &&
		disk=$("$top/vm/disk" "$series" secureboot) &&
		cp --sparse=always "$disk" "$tmp/disk" &&
		quiet "$top/vm/secure_boot" "$tmp/firmware" &&
		cp "$tmp/firmware/vars.fd" "$tmp/vars.fd"
}

# script BOOT PLACE...: what a boot runs: the document's commands for these places, in its order,
# each with its output in a file; before each place what the guest's file defines for it
script() {
	boot=$1
	shift
	printf '%s\n' "$guest"
	echo "mkdir -p /share/$boot; begin_$boot"
	awk -v boot="$boot" -v places=" $* " '
	index(places, " " $1 " ") {
		if ($1 == "unsigned" && !begun++)
			print "begin_unsigned"
		name = "/share/" boot "/" NR
		sub(/^[a-z]+ /, "")
		print "took " NR " begin; { " $0 "\n} > " name " 2>&1 < /share/input"
		print "echo $? > " name ".status; took " NR " end"
	}' "$tmp/commands"
	echo "end_$boot"
}

# boots BOOT ARGUMENTS PLACE...
boots() {
	boot=$1
	arguments=$2
	shift 2
	"$top/vm/run" -k "$kernel" -f "$tmp/firmware" -s "$share" -d "$tmp/disk" -w -b -m 2048 \
		-t 1500 -a "$arguments" "$(script "$boot" "$@")" > "$tmp/guest.log" 2>&1
	rc=$?
	show "$tmp/guest.log"
	return "$rc"
}

# works BOOT NUMBER: a command fails where the document shows an error, and only there
works() {
	expected=0
	case $(sed -n "$2p" "$tmp/commands") in
	*journalctl*) ;;
	*)	! grep -q -s -e 'rejected by service$' -e 'failed because' "$tmp/want.$2" ||
			expected=1 ;;
	esac
	status=$(cat "$share/$1/$2.status") || return 1
	[ "$expected" = "$((status != 0))" ] && prints "$2" "$share/$1/$2" && return
	ktap_print_msg "status $status"
	show "$share/$1/$2"
	return 1
}

# check_commands BOOT PLACE...: the results of that boot
check_commands() {
	boot=$1
	shift
	number=0
	while read -r place command; do
		number=$((number + 1))
		case " $* " in
		*" $place "*)
			ktap_test_result "$boot: $command" works "$boot" "$number" ;;
		esac
	done < "$tmp/commands"
}

# answers TEXT...: each is a line of the guest
answers() {
	for text; do
		grep -q -x -F -e "$text" "$tmp/guest.log" && continue
		ktap_print_msg "no line \"$text\""
		show "$tmp/guest.log"
		return 1
	done
}

# locked MODE REASON
locked() {
	answers "lockdown: $1" "kernel: Kernel is locked down from $2" \
		"kernel: Loaded X.509 cert '$signer'"
}

# unit_extracts: at that boot
unit_extracts() {
	answers "system: running" "unit: success active" \
		"link: /var/cache/kheaders/$release" "verify: ok"
}

# The file is readable in both modes, and is the archive in kheaders.ko.  It was packed on the
# machine that has the key.
archive_is_read() {
	sum=$(sha256sum < "$share/kheaders.tar.xz")
	answers "archive: $sum"
}

no_key_in_archive() {
	quiet "$top/tests/lib/find_keys.py" "$share/kheaders.tar.xz"
}

key_is_enrolled() {
	quiet "$top/vm/enroll" "$tmp/firmware" password
}

# The document's commands for an image's firmware, with the certificate that dkms made.
host_commands() {
	mv "$tmp/vars.fd" "$tmp/firmware" && cp "$share/mok.pub" "$tmp/firmware" || return 1
	mkdir "$tmp/bin" "$share/host"
	# the chroot sees $tmp, too
	printf '#!/bin/sh\nexec %s %s /usr/bin/virt-fw-vars "$@"\n' "$top/vm/chroot" \
		"$("$top/vm/rootfs" 6.12 firmware)" > "$tmp/bin/virt-fw-vars"
	chmod +x "$tmp/bin/virt-fw-vars"
	number=0
	while read -r place command; do
		number=$((number + 1))
		[ "$place" = host ] || continue
		( cd "$tmp/firmware" && PATH=$tmp/bin:$PATH sh -c "$command" ) \
			> "$share/host/$number" 2>&1 < /dev/null
		echo "$?" > "$share/host/$number.status"
	done < "$tmp/commands"
}

# Without shim the kernel knows only its own keys: a module signed by the owner is refused, too.
refused_without_shim() {
	"$top/vm/run" -k "$kernel" -s "$share" -a lockdown=integrity '
		insmod /share/unsigned.ko; insmod /share/signed.ko
		dmesg' > "$tmp/guest.log" 2>&1
	grep "^insmod:" "$tmp/guest.log" | sed 's/.*: //' > "$tmp/answers"
	[ "$(sort "$tmp/answers" | uniq -c | tr -s ' ')" = " 2 Operation not permitted" ] &&
		grep -q "Lockdown: insmod: unsigned module loading is restricted" \
		"$tmp/guest.log" && return
	show "$tmp/guest.log"
	return 1
}

# count PLACE...: the commands there
count() {
	for place; do
		grep "^$place " "$tmp/commands"
	done | wc -l
}

ktap_print_header
need_kernel
release=$(cat "$kernel/release")
version=$(cat "$top/VERSION")
share=$tmp/share
root=$("$top/vm/rootfs" "$series" secureboot) || ktap_exit_fail_msg "no root file system"
[ -L "$root/lib/modules/$release/build" ] ||
	ktap_exit_fail_msg "$root: made for another kernel than $release; remove it"
commands_are_read || ktap_exit_fail_msg "secure-boot.md: commands are missing"
ktap_set_plan $((13 + $(count before after locked unsigned host) + $(count locked unsigned)))
ktap_test_result "the machine is made" machine_is_made
ktap_test_result "it boots" boots before "" before
check_commands before before
ktap_test_result "the key is enrolled at the console" key_is_enrolled
ktap_test_result "integrity: it boots" boots integrity "" after locked unsigned
ktap_test_result "integrity: the kernel is locked down and trusts the key" \
	locked "none [integrity] confidentiality" "EFI Secure Boot"
ktap_test_result "integrity: the boot unit extracts" unit_extracts
check_commands integrity after locked unsigned
ktap_test_result "integrity: the file is the archive of kheaders.ko" archive_is_read
ktap_test_result "no private key is in the archive" no_key_in_archive
host_commands
check_commands host host
ktap_test_result "confidentiality: it boots" \
	boots confidentiality lockdown=confidentiality locked unsigned
ktap_test_result "confidentiality: the kernel is locked down and trusts the key" \
	locked "none integrity [confidentiality]" "command line"
ktap_test_result "confidentiality: the boot unit extracts" unit_extracts
check_commands confidentiality locked unsigned
ktap_test_result "confidentiality: the file is the archive of kheaders.ko" archive_is_read
ktap_test_result "in lockdown without shim even signed modules are refused" refused_without_shim
ktap_finished
