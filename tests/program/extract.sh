#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders extract: when it extracts the running kernel's archive, and the result

# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

fresh() {
	machine && offer "$tmp/a" && run 0 extract && prints "$cache_tree: extracted" &&
		linked "$cache_tree" && [ -e "$cache_tree/include/linux/kconfig.h" ] &&
		only /var/cache/kheaders "$running" && mode 755 "$cache_tree"
}

again() {
	before=$(stat -c '%i %Y' "$cache_tree")
	run 0 extract && prints_nothing && [ "$before" = "$(stat -c '%i %Y' "$cache_tree")" ] &&
		rm "$sysfs" && run 0 extract && prints_nothing
}

force() {
	fresh && before=$(stat -c %i "$cache_tree") && run 0 extract --force &&
		[ "$before" != "$(stat -c %i "$cache_tree")" ] && linked "$cache_tree" &&
		only /var/cache/kheaders "$running"
}

# The tree and images must not be readable for anyone who cannot read the archive.
root_only() {
	machine && offer "$tmp/a" 400 && run 0 extract && mode 700 "$cache_tree" &&
		run 0 extract --image "/run/$image" && mode 600 "/run/$image" &&
		! setpriv --reuid 1000 --clear-groups cat "$cache_tree/Makefile" 2> /dev/null &&
		run 0 verify && offer "$tmp/a" 441 && run 0 extract --force &&
		mode 700 "$cache_tree"
}

# A pipe does not show who may read its content, so the tree is private.
from_stdin() {
	machine && "$program" extract --archive - --dest /run/t < "$tmp/a" &&
		mode 755 /run/t && run 0 verify --archive "$tmp/a" --dest /run/t &&
		gzip -c "$tmp/a" | zcat | "$program" extract --archive - --dest /run/u &&
		mode 700 /run/u && "$program" verify --archive - --dest /run/t < "$tmp/a" &&
		! "$program" extract --archive - --dest /run/v < /dev/null 2> "$tmp/output" &&
		prints "standard input: " && [ ! -e /run/v ]
}

# If the configuration enables BTF for modules, vmlinux is a link to the running kernel's BTF.
btf_link() {
	with_config='mkdir -p include/config
		echo "CONFIG_DEBUG_INFO_BTF_MODULES=y" > include/config/auto.conf'
	archive "$tmp/btf" "$running" "$with_config; echo CONFIG_LAST=y >> include/config/auto.conf"
	machine && offer "$tmp/btf" && run 0 extract &&
		[ "$(readlink "$cache_tree/vmlinux")" = /sys/kernel/btf/vmlinux ] &&
		run 0 verify || return 1
	archive "$tmp/btf" "$running" "$with_config; echo own > vmlinux"
	offer "$tmp/btf" && run 0 extract --force && [ "$(cat "$cache_tree/vmlinux")" = own ] ||
		return 1
	for line in 'CONFIG_DEBUG_INFO_BTF_MODULES=n' '# CONFIG_DEBUG_INFO_BTF_MODULES=y' \
			'CONFIG_DEBUG_INFO_BTF_MODULES=y=y'; do
		archive "$tmp/btf" "$running" \
			"mkdir include/config; echo '$line' > include/config/auto.conf"
		offer "$tmp/btf" && run 0 extract --force && [ ! -L "$cache_tree/vmlinux" ] ||
			return 1
	done
	archive "$tmp/btf" "$running" 'echo > include/config'
	offer "$tmp/btf" && run 0 extract --force && [ ! -L "$cache_tree/vmlinux" ]
}

# Others cannot read members that they may only execute.
private_members() {
	archive "$tmp/private" "$running" \
		'chmod 601 Makefile; chmod 701 scripts scripts/mod/modpost'
	machine && offer "$tmp/private" && run 0 extract && mode 600 "$cache_tree/Makefile" &&
		mode 700 "$cache_tree/scripts" && mode 700 "$cache_tree/scripts/mod/modpost" &&
		mode 755 "$cache_tree/scripts/mod" && run 0 verify
}

# many_links NUMBER: to one file
many_links() {
	perl -e 'symlink "types.h", "include/linux/$_" for 1 .. $ARGV[0]' "$1"
}

# Archives of mainline's CONFIG_IKHEADERS contain links in include/dt-bindings.
mainline_links() {
	archive "$tmp/links" "$running" '
		mkdir -p include/dt-bindings/clock include/uapi/linux
		echo "#define KEY 1" > include/uapi/linux/input-event-codes.h
		ln -s ../uapi/linux/input-event-codes.h include/dt-bindings/codes.h
		ln -s z.h include/dt-bindings/clock/a.h
		ln -s ../codes.h include/dt-bindings/clock/z.h
		many_links 997'
	machine && offer "$tmp/links" && run 0 extract &&
		[ "$(cat "$cache_tree/include/dt-bindings/clock/a.h")" = "#define KEY 1" ] &&
		[ ! -L "$cache_tree/include/dt-bindings/codes.h" ] && run 0 verify &&
		echo >> "$cache_tree/include/dt-bindings/codes.h" && run 1 verify
}

# refused WHY COMMAND: an archive modified by COMMAND is refused, and nothing is left
refused() {
	archive "$tmp/bad" "$running" "$2"
	machine && offer "$tmp/bad" && run 1 extract && prints "$1" && linked &&
		only /var/cache/kheaders && [ "$(wc -l < "$tmp/output")" -eq 1 ]
}

bad_links() {
	refused "leads out" 'ln -s ../../etc/passwd include/out.h' &&
		refused "leads out" 'ln -s /etc/passwd include/out.h' &&
		refused "dangling link" 'ln -s absent.h include/a.h' &&
		refused "dangling link" 'ln -s b.h include/a.h; ln -s a.h include/b.h' &&
		refused "other than a file" 'ln -s linux include/a' &&
		refused "more links than any" 'many_links 1001'
}

# shellcheck disable=SC2016	# archive() expands it
deep() {
	refused "unsafe name" 'mkdir -p "$(printf "x/%.0s" $(seq 100))"'
}

# No name leads out of the tree, or has two forms.
unsafe_names() {
	archive "$tmp/x" "$running"
	for name in /etc/up ../up ./../up ./include/../../up ./include/.. ./include/./up \
		./include//up; do
		tar --format=ustar --owner=0 --group=0 -P --transform "s,^\./Makefile\$,$name," \
			-cf - -C "$tmp/tree" . | xz --check=crc32 > "$tmp/bad"
		machine && offer "$tmp/bad" && run 1 extract && prints "unsafe name" && linked &&
			only /var/cache/kheaders && continue
		ktap_print_msg "$name"
		return 1
	done
}

# An archive is a file, and nothing that may block or be something else at the next read.
no_file() {
	machine && mkfifo /run/fifo || return 1
	for name in /run/fifo /run /dev/zero; do
		run 1 extract --archive "$name" && prints "$name: not a regular file" || return 1
	done
}

# shellcheck disable=SC2016	# nothing may expand it
odd_release() {
	for release in '1.2\033[2J' '.hidden' '1 2' '1/2' '1$(id)'; do
		# shellcheck disable=SC2059	# the escape is meant
		refused "contains no valid release" \
			"printf '#define UTS_RELEASE \"$release\"\n' > include/generated/utsrelease.h" ||
			return 1
	done
	# one that is too long, and one that does not end
	long=$(printf %0200d 0)
	for end in "$long\"" 1.2; do
		refused "contains no valid release" \
			"printf '#define UTS_RELEASE \"$end' > include/generated/utsrelease.h" ||
			return 1
	done
}

# One line, whatever the damage.
one_message() {
	machine
	head -c "$(($(wc -c < "$tmp/a") / 2))" "$tmp/a" > "$tmp/cut"
	{ head -c 200 "$tmp/a"; printf 'XXXXXXXX'; tail -c +209 "$tmp/a"; } > "$tmp/flipped"
	{ cat "$tmp/a"; echo tail; } > "$tmp/tail"
	for file in cut flipped tail; do
		run 1 extract --archive "$tmp/$file" --dest /run/t && prints damaged &&
			[ "$(wc -l < "$tmp/output")" -eq 1 ] && [ ! -e /run/t ] || return 1
	done
}

# Without a build-id the archive's checksum decides.
without_build_id() {
	machine && kernel && offer "$tmp/a" && run 0 extract && prints extracted &&
		run 0 extract && prints_nothing && offer "$tmp/b" && run 0 status &&
		prints "stale" && run 0 extract && prints extracted && run 0 status &&
		prints current
}

# Another kernel of the same release.
replaces_stale() {
	fresh && kernel b && offer "$tmp/b" && run 0 extract && prints extracted &&
		[ -e "$cache_tree/b" ] && linked "$cache_tree" &&
		only /var/cache/kheaders "$running"
}

# A tree of this release from a file is not stale, unless the kernel has its own archive.
from_file() {
	machine && run 0 extract --link --archive "$tmp/b" && linked "$cache_tree" &&
		run 3 status && prints "of this release, from a file" && run 3 extract &&
		linked "$cache_tree" &&
		offer "$tmp/b" && run 0 extract && prints_nothing &&
		offer "$tmp/a" && run 0 extract && prints extracted && [ ! -e "$cache_tree/b" ]
}

other_release() {
	machine && archive "$tmp/other" 1.2.3 && run 0 extract --archive "$tmp/other" &&
		only /var/cache/kheaders 1.2.3 && linked && run 0 extract --archive "$tmp/other" &&
		prints_nothing && offer "$tmp/other" && run 1 extract &&
		prints "made for Linux 1.2.3, but $running is running" && linked
}

foreign() {
	machine && offer "$tmp/a" && mkdir -p "$cache_tree" && echo mine > "$cache_tree/file" &&
		run 1 extract --force && prints "not made by kheaders" &&
		[ "$(cat "$cache_tree/file")" = mine ] && linked &&
		rm "$cache_tree/file" && run 0 extract && linked "$cache_tree"
}

# A tree below /run is lost on reboot, which leaves a dangling link.
in_memory() {
	machine && offer "$tmp/a" && mounts=$(wc -l < /proc/mounts) &&
		run 0 extract --tmpfs && linked "$run_tree" &&
		run 0 verify && run 0 extract --tmpfs && prints_nothing &&
		run 0 extract --tmpfs --force && only /run/kheaders "$running" &&
		[ "$(wc -l < /proc/mounts)" -eq "$mounts" ] || return 1
	umount -l /run && mount -t tmpfs -o mode=755 kheaders-test /run && [ ! -e "$link" ] &&
		run 0 extract && linked "$cache_tree" && run 0 extract --tmpfs && linked "$run_tree"
}

no_memory() {
	machine && offer "$tmp/a" && umount -l /run &&
		mount -t tmpfs -o mode=755,size=8m kheaders-test /run &&
		run 1 extract --tmpfs && prints "less than 64 MB free" && linked
}

# A tree in the lower layer of an overlayfs cannot be renamed.
overlay() {
	machine && offer "$tmp/a" && run 0 extract || return 1
	mkdir -p /run/lower /run/upper /run/work
	mv /var/cache/kheaders /run/lower
	quiet mount -t overlay \
		-o lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work,redirect_dir=off \
		overlay /var/cache || return 1
	kernel b && offer "$tmp/b" && run 0 extract && prints extracted && [ -e "$cache_tree/b" ] &&
		only /var/cache/kheaders "$running" && run 0 remove && [ ! -e "$cache_tree" ]
	rc=$?
	umount -l /var/cache
	return "$rc"
}

# A component of its path may be a link.
through_link() {
	machine && offer "$tmp/a" && mkdir /run/data && ln -s /run/data /var/cache/kheaders &&
		run 0 extract && linked "$cache_tree" && [ -e "/run/data/$running/Makefile" ] &&
		run 0 remove && linked && only /run/data
}

# A program that cannot write everything reports it, but exits with 0.
unwritten_image() {
	real=$(command -v mkfs.erofs) && machine && offer "$tmp/a" &&
		mount -t tmpfs -o mode=755 kheaders-test /usr/local/sbin || return 1
	printf '#!/bin/sh\n%s "$@"\necho no space >&2\n' "$real" > /usr/local/sbin/mkfs.erofs
	chmod 755 /usr/local/sbin/mkfs.erofs
	mkdir /run/i && run 1 extract --image /run/i/image && prints "no space" &&
		prints "kheaders: mkfs.erofs: failed, but its status is 0" && only /run/i
	rc=$?
	umount /usr/local/sbin
	return "$rc"
}

# The next run removes leftovers of a killed one, including those of an image.
leftovers() {
	machine && offer "$tmp/a" && mkdir -p /var/cache/kheaders/.kheaders-staging-1/a \
		/var/cache/kheaders/.kheaders-retired-1/a && run 0 extract &&
		only /var/cache/kheaders "$running" &&
		mkdir -p /run/i/.kheaders-staging-0badc0de/tree &&
		run 0 extract --image "/run/i/$image" && only /run/i "$image"
}

# If the reader of its output exits, the work is still done.
closed_output() {
	machine && offer "$tmp/a" || return 1
	{ "$program" extract; echo $? > "$tmp/status"; } 2> /dev/null | :
	linked "$cache_tree" && [ "$(cat "$tmp/status")" -le 1 ]
}

# What is opened does not become a standard descriptor that was closed: look while it waits for
# the archive.
closed_descriptors() {
	machine && mkfifo "$tmp/fifo" || return 1
	"$program" extract --archive - < "$tmp/fifo" >&- 2>&- &
	pid=$!
	good=0
	exec 3> "$tmp/fifo"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(readlink "/proc/$pid/exe")" != "$(realpath "$program")" ] || break
		sleep 0.1
	done
	# it opens a file for what it reads
	dd if=/dev/zero bs=1M count=1 >&3 2> /dev/null
	for fd in 1 2; do
		[ "$(readlink "/proc/$pid/fd/$fd")" = / ] || good=1
	done
	exec 3>&-
	wait "$pid"
	[ $? -eq 1 ] && rm "$tmp/fifo" && [ ! -e "$cache_tree" ] && return "$good"
}

hints() {
	machine && offer "$tmp/a" || return 1
	setpriv --reuid 1000 --clear-groups "$program" extract > "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "run as root" && [ ! -e "$cache_tree" ] || return 1
	setpriv --reuid 1000 --clear-groups "$program" dump "$tmp/absent" > "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "No such file" && ! grep "run as root" "$tmp/output"
}

# Built in, but /sys is hidden: report that, without retrying.
built_in_hidden() {
	machine && echo \
		kernel/kernel/kheaders/kheaders.ko > "/lib/modules/$running/modules.builtin" &&
		: > "/lib/modules/$running/modules.order" &&
		printf 'kheaders.file=kernel/kheaders/kheaders\0' \
		> "/lib/modules/$running/modules.builtin.modinfo" && quiet depmod "$running" &&
		run 1 extract && prints "is built in; is /sys mounted?"
}

no_archive() {
	machine && run 3 extract && prints "not found, and no module kheaders" && linked &&
		mkdir "$sysfs" && run 1 extract && prints "$sysfs: Is a directory" &&
		[ "$(wc -l < "$tmp/output")" -eq 1 ]
}

# Whichever file or directory cannot be created: one message, and nothing is left.
no_room() {
	for number in $(seq 4 12); do
		machine && umount -l /run &&
			mount -t tmpfs -o "mode=755,nr_inodes=$number" kheaders-test /run &&
			run 1 extract --archive "$tmp/a" --dest /run/t &&
			prints "No space left on device" && only /run &&
			[ "$(wc -l < "$tmp/output")" -eq 1 ] || return 1
	done
}

# The copy in memory may be written in part: the error is that of the next write.
no_file_size() {
	machine && head -c 100000 /dev/urandom > "$tmp/large" || return 1
	( ulimit -f 64 && env --ignore-signal=XFSZ "$program" extract --archive "$tmp/large" ) \
		> "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "$tmp/large: File too large"
}

# terminal ARGUMENT...: extract on one
terminal() {
	script -q -e -c "'$program' extract $*" /dev/null < /dev/null > "$tmp/output" 2>&1
}

# On a terminal it shows its progress, from the start to the end.
progress() {
	machine && offer "$tmp/a" && terminal || return 1
	tr '\r' '\n' < "$tmp/output" | sed -n 's/^extracting: *\([0-9]*\) %$/\1/p' > "$tmp/percent"
	sort -n -u -c "$tmp/percent" && [ "$(sed -n '$p' "$tmp/percent")" -eq 100 ] &&
		[ "$(wc -l < "$tmp/percent")" -gt 1 ] && terminal && prints_nothing &&
		terminal --force --quiet && prints_nothing
}

# that of Debian 11 lacks an option
image=image
mkfs.erofs --help 2>&1 | grep -q -e --all-root || image=image.squashfs
ktap_print_header
need_program
chmod 755 "$tmp"
archive "$tmp/a" "$running"
archive "$tmp/b" "$running" "echo > b"
ktap_set_plan 33
ktap_test_result "a tree is extracted and linked" fresh
ktap_test_result "a current tree is kept without reading the archive" again
ktap_test_result "--force replaces a current tree" force
ktap_test_result "a root-only archive gives a root-only tree and image" root_only
ktap_test_result "the archive is read from standard input" from_stdin
ktap_test_result "vmlinux leads to the running kernel's BTF" btf_link
ktap_test_result "private members stay private" private_members
ktap_test_result "links in mainline's archives become files" mainline_links
ktap_test_result "other links are refused" bad_links
ktap_test_result "a name of a hundred directories is refused" deep
ktap_test_result "a name that leads out is refused" unsafe_names
ktap_test_result "what is no file is refused" no_file
ktap_test_result "an odd release is refused" odd_release
ktap_test_result "a damaged archive is reported by one message" one_message
ktap_test_result "a kernel without a build-id is identified by its archive" without_build_id
ktap_test_result "the tree of another kernel of the same release is replaced" replaces_stale
ktap_test_result "a tree from a file is used until the kernel has an archive" from_file
ktap_test_result "an archive of another release" other_release
ktap_test_result "a foreign directory is kept" foreign
ktap_test_result "a tree in memory, and a reboot" in_memory
ktap_test_result "/run is too small" no_memory
ktap_test_result "a tree in the lower layer of an overlayfs is replaced" overlay
ktap_test_result "the cache may be a link" through_link
ktap_test_result "an image that is not complete" unwritten_image
ktap_test_result "leftovers of killed runs are removed" leftovers
ktap_test_result "a closed output" closed_output
ktap_test_result "closed standard descriptors" closed_descriptors
ktap_test_result "an unprivileged user is told to run as root" hints
ktap_test_result "built in, but /sys is hidden" built_in_hidden
ktap_test_result "no archive" no_archive
ktap_test_result "room for some files only" no_room
ktap_test_result "no room for the copy in memory" no_file_size
ktap_test_result "progress on a terminal" progress
ktap_finished
