#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The init script on a machine that sysvinit and OpenRC boot: it extracts at boot, says
# how things are, and is no failure where the kernel has no headers.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# guest OPTIONS COMMAND: in $tmp/said what it says
guest() {
	# shellcheck disable=SC2086	# words
	"$top/vm/run" -k "$kernel" -s "$tmp/share" -d "$tmp/disk" $1 -m 2048 -t 600 "$2" \
		> "$tmp/said" 2>&1 && return
	show "$tmp/said"
	return 1
}

# init has no unit to run the command that the guest is for; and where systemd's folder
# is, scripts take it that systemd runs.
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

# said REGEX...: each is a line of it
said() {
	for regex; do
		grep -q -x -e "$regex" "$tmp/said" && continue
		ktap_print_msg "no line \"$regex\""
		show "$tmp/said"
		return 1
	done
}

installs() {
	guest -w "$prepare" && said 'insserv: 0' 'insserv: enable service .*/rc2.d/S[0-9]*kheaders' \
		'.*service kheaders added to runlevel default.*'
}

boots() {
	guest -b "$look" && grep -e '^init:' -e '^ kheaders' "$tmp/said" | show &&
		said 'init: init' ' kheaders *\[ *started *\].*' "link: $tree" &&
		! grep '^module: left loaded' "$tmp/said"
}

says_how_it_is() {
	said 'status: 0' "archive: not shown now" "tree:    $tree, current"
}

starts_again() {
	said 'stop: 0' 'stopped: the tree stays' 'again: 0' 'again: the tree is there' 'restart: 0'
}

fails() {
	said 'refused: 1' 'kheaders: /var/cache/kheaders: refused: others can write there .*' \
		'nonsense: 2'
}

nothing_there() {
	said 'without: 0' 'without-status: 3' 'archive: none' 'tree:    none'
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
ktap_test_result "installed, its place found by insserv and OpenRC" installs
ktap_test_result "OpenRC starts it at boot, and it extracts" boots
ktap_test_result "status says how it is" says_how_it_is
ktap_test_result "stopped the tree stays, started again it is made" starts_again
ktap_test_result "what goes wrong is said" fails
ktap_test_result "a kernel without headers is no failure" nothing_there
ktap_finished
