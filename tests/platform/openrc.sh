#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Boot a machine by sysvinit and OpenRC with the init script: it extracts at boot, reports its
# status, and does not fail where the kernel has no headers.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# guest OPTIONS COMMAND: run it, with its output in $tmp/output
guest() {
	# shellcheck disable=SC2086	# words
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" $1 -m 2048 -t 600 "$2" \
		> "$tmp/output" 2>&1 && return
	show "$tmp/output"
	return 1
}

# The guest's command is started from inittab, since there is no unit to run it.  /run/systemd
# is removed, since scripts conclude from it that systemd runs.
# shellcheck disable=SC2016	# the guest's shell expands it
prepare='
cp -r /share/installed/. /
release=$(uname -r)
rm -f "/lib/modules/$release/build" "/lib/modules/$release/source"
mkdir -p "/lib/modules/$release/updates"
cp /share/kheaders.ko "/lib/modules/$release/updates"
depmod
sed -i "s,^si::sysinit:.*,si::sysinit:/etc/rcS.guest," /etc/inittab
echo "ka:2:wait:/etc/answer.guest" >> /etc/inittab
printf "#!/bin/sh\nrm -rf /run/systemd\nexec /etc/init.d/rcS\n" > /etc/rcS.guest
printf "#!/bin/sh\n/bin/sh /run/kheaders/answer\nreboot -f\n" > /etc/answer.guest
chmod +x /etc/*.guest
: > /etc/fstab
insserv --dryrun --verbose kheaders
echo "insserv: $?"
rc-update add kheaders default'

# shellcheck disable=SC2016	# the guest's shell expands it
look='
release=$(uname -r)
echo "init: $(cat /proc/1/comm)"
rc-status --nocolor default
echo "link: $(readlink -f "/lib/modules/$release/build")"
[ -e /sys/kernel/kheaders.tar.xz ] && echo "module: left loaded"
# does TEXT COMMAND...
does() {
	text=$1
	shift
	"$@" 2>&1
	echo "$text: $?"
}
does status rc-service kheaders status
does stop rc-service kheaders stop
[ -e "/lib/modules/$release/build/Makefile" ] && echo "stopped: the tree stays"
kheaders remove
does again rc-service kheaders start
[ -e "/lib/modules/$release/build/Makefile" ] && echo "again: the tree is there"
does restart rc-service kheaders restart
does nonsense rc-service kheaders nonsense
kheaders remove
rc-service kheaders stop
chmod 777 /var/cache/kheaders
does refused rc-service kheaders start
chmod 755 /var/cache/kheaders
mv "/lib/modules/$release/updates/kheaders.ko" /tmp
depmod
rc-service kheaders stop
does without rc-service kheaders start
does without-status rc-service kheaders status'

# printed REGEX...: each matches a whole line of the output
printed() {
	for regex; do
		grep -q -x -e "$regex" "$tmp/output" && continue
		ktap_print_msg "no line \"$regex\""
		show "$tmp/output"
		return 1
	done
}

installs() {
	guest -w "$prepare" && printed 'insserv: 0' 'insserv: enable service .*/rc2.d/S[0-9]*kheaders' \
		'.*service kheaders added to runlevel default.*'
}

boots() {
	guest -b "$look" && grep -e '^init:' -e '^ kheaders' "$tmp/output" | show &&
		printed 'init: init' ' kheaders *\[ *started *\].*' "link: $tree" &&
		! grep '^module: left loaded' "$tmp/output"
}

reports_status() {
	printed 'status: 0' "archive: not shown now" "tree:    $tree, current"
}

starts_again() {
	printed 'stop: 0' 'stopped: the tree stays' 'again: 0' 'again: the tree is there' 'restart: 0'
}

fails() {
	printed 'refused: 1' 'kheaders: /var/cache/kheaders: refused: others can write there .*' \
		'nonsense: 2'
}

nothing_there() {
	printed 'without: 0' 'without-status: 3' 'archive: none' 'tree:    none'
}

ktap_print_header
need_kernel
tree=/var/cache/kheaders/$(cat "$kernel/release")
mkdir "$tmp/share"
share_build || ktap_exit_fail_msg "kheaders.ko does not build"
quiet make -C "$top/userspace" BUILDDIR="$tmp/program" PREFIX=/usr \
	DESTDIR="$tmp/share/installed" install || ktap_exit_fail_msg "kheaders does not build"
cp "$built/kheaders.ko" "$tmp/share"
disk=$("$top/vm/disk" "$series" openrc) || ktap_exit_fail_msg "no disk with OpenRC"
cp --sparse=always "$disk" "$tmp/disk"
ktap_set_plan 6
ktap_test_result "installed, insserv and OpenRC find its place" installs
ktap_test_result "OpenRC starts it at boot and it extracts" boots
ktap_test_result "status reports the tree" reports_status
ktap_test_result "stop keeps the tree, start extracts it again" starts_again
ktap_test_result "failures are reported" fails
ktap_test_result "a kernel without headers is not a failure" nothing_there
ktap_finished
