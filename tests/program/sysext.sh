#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders extract --sysext: the build link for a read-only /usr, in a system extension

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

extension=/var/lib/extensions/kheaders-$running
run_link=/run/kheaders/.build-$running

# A machine whose /usr is read-only, and which has no extension.
read_only() {
	machine || return 1
	umount -l /var/lib 2> /dev/null
	mount -t tmpfs -o mode=755 kheaders-test /var/lib && mkdir /var/lib/extensions &&
		mount -o remount,ro /usr/lib/modules && offer "$tmp/a"
}

# What systemd-sysext does with the directory of modules.
merge() {
	mount -t overlay -o "lowerdir=${1:-$extension}/usr/lib/modules:/usr/lib/modules" \
		kheaders-merged /usr/lib/modules
}

unmerge() {
	umount -l /usr/lib/modules
}

makes() {
	read_only && run 0 extract && prints "no link to $cache_tree: Read-only file system" &&
		run 0 extract --sysext &&
		prints "$extension: created; run \"systemd-sysext refresh\"" &&
		[ "$(readlink "$run_link")" = "$cache_tree" ] &&
		only "$extension" .kheaders usr &&
		only "$extension/usr/lib" extension-release.d modules &&
		only "$extension/usr/lib/extension-release.d" \
		"extension-release.kheaders-$running" &&
		grep -q -x ID=_any "$extension"/usr/lib/extension-release.d/* &&
		[ -z "$(find "$extension" -type d ! -perm 755)" ] &&
		only "$extension/usr/lib/modules/$running" build && linked && merge &&
		linked "$run_link" &&
		[ -e "$link/Makefile" ] && run 0 extract --sysext && prints_nothing &&
		run 0 extract &&
		prints_nothing && run 0 status && prints "-> $cache_tree"
}

# After a reboot the merged link leads to nothing until the tree is known to be current.
reboot() {
	umount -l /run && mount -t tmpfs -o mode=755 kheaders-test /run
}

rebooted() {
	makes && reboot && linked "$run_link" && [ ! -e "$link" ] && run 0 extract &&
		prints_nothing &&
		[ -e "$link/Makefile" ]
}

# Another kernel of the release is not served the old tree, archive or not.
stale() {
	makes && kernel b && offer "$tmp/b" && run 0 extract --sysext && prints extracted &&
		[ -e "$link/b" ] && [ "$(readlink "$run_link")" = "$cache_tree" ] &&
		kernel c && rm "$sysfs" && run 3 extract --sysext && [ ! -e "$link" ] &&
		[ ! -L "$run_link" ]
}

removes() {
	makes && run 0 remove && prints "$extension: removed" && [ ! -e "$link" ] &&
		[ ! -L "$run_link" ] &&
		only /var/lib/extensions && unmerge && linked && run 3 remove && prints_nothing &&
		makes && unmerge && run 0 remove && only /var/lib/extensions
}

# In memory, all of it goes with a reboot.
in_memory() {
	read_only && run 0 extract --sysext --tmpfs && only /var/lib/extensions &&
		only /run/extensions "kheaders-$running" &&
		merge "/run/extensions/kheaders-$running" &&
		[ "$(readlink "$run_link")" = "$run_tree" ] && [ -e "$link/Makefile" ] &&
		unmerge && run 0 remove && only /run/extensions && only /run/kheaders
}

# A link of ours in /usr itself gives way; one of a distribution that serves stays.
writable() {
	read_only && mount -o remount,rw /usr/lib/modules && run 0 extract &&
		linked "$cache_tree" &&
		run 0 extract --sysext && linked && [ "$(readlink "$run_link")" = "$cache_tree" ] &&
		run 0 extract && linked && run 0 remove && only /var/lib/extensions &&
		mkdir -p /usr/src/headers/include/generated && : > /usr/src/headers/Makefile &&
		: > /usr/src/headers/include/generated/autoconf.h &&
		ln -sfn /usr/src/headers "$link" &&
		run 0 extract --sysext && prints "kept, as it leads to" &&
		linked /usr/src/headers && only /var/lib/extensions
}

# On a read-only /usr a dangling link of the distribution is covered.
dangling() {
	read_only && mount -o remount,rw /usr/lib/modules && ln -sfn /usr/src/absent "$link" &&
		mount -o remount,ro /usr/lib/modules && run 0 extract --sysext &&
		linked /usr/src/absent &&
		merge && linked "$run_link" && [ -e "$link/Makefile" ] && run 0 remove && unmerge &&
		linked /usr/src/absent
}

foreign() {
	read_only && mkdir "$extension" && echo mine > "$extension/file" &&
		run 1 extract --sysext &&
		prints "$extension: refused: exists, and not made by kheaders" && run 0 remove &&
		only "$extension" file && rm "$extension/file" && run 0 extract --sysext &&
		only "$extension" .kheaders usr
}

# Of kernels that are gone, and by the package's script.
gone() {
	makes && unmerge && cp -a "$extension" /var/lib/extensions/kheaders-1.2.3 &&
		sed -i "s/^release: .*/release: 1.2.3/" \
		/var/lib/extensions/kheaders-1.2.3/.kheaders &&
		run 0 extract --archive "$tmp/other" && run 0 remove --old &&
		only /var/lib/extensions "kheaders-$running" && merge &&
		quiet sh "$top/debian/kheaders.postrm" purge && only /var/lib/extensions &&
		[ ! -e /run/kheaders ]
}

# What systemd itself makes of it, which mounts in a namespace of its own.
systemd_takes_it() {
	root=/var/lib/root
	read_only && run 0 extract --sysext && mkdir -p "$root/usr/lib/modules" "$root/var/lib" ||
		return 1
	echo ID=test > "$root/usr/lib/os-release"
	cp -a /var/lib/extensions "$root/var/lib" && mount --make-rshared / &&
		quiet systemd-sysext --root="$root" merge &&
		[ "$(readlink "$root/usr$link")" = "$run_link" ]
	rc=$?
	quiet systemd-sysext --root="$root" unmerge && [ ! -e "$root/usr/lib/modules/$running" ] &&
		mount --make-rprivate / && return "$rc"
}

ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/b" "$running" "echo > b"
archive "$tmp/other" 1.2.3
ktap_set_plan 10
ktap_test_result "an extension with the link" makes
ktap_test_result "a reboot" rebooted
ktap_test_result "another kernel of the release" stale
ktap_test_result "remove takes it away" removes
ktap_test_result "in memory" in_memory
ktap_test_result "a /usr that is writable" writable
ktap_test_result "a dangling link in a read-only /usr" dangling
ktap_test_result "somebody else's extension" foreign
ktap_test_result "of kernels that are gone, and on purge" gone
if command -v systemd-sysext > /dev/null; then
	ktap_test_result "systemd-sysext merges it" systemd_takes_it
else
	ktap_test_skip "systemd-sysext merges it" "no systemd-sysext"
fi
ktap_finished
