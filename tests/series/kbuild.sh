#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What people do to a kernel build with the series: single targets, two object trees at
# once, cleaning, and interrupting it at any point.
#
# Environment:
#   KHEADERS_INTERRUPTS  how many times it is interrupted; 10 if not set

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# Give the archive new contents.
change() {
	count=$((count + 1))
	echo "#define KHEADERS_PROBE $count" > "$probe"
}

# The number that change() gave to the archive $1.
number() {
	tar -xOf "$1" ./include/uapi/linux/kheaders_probe.h | sed 's/.* //'
}

up_to_date() {
	in_image && [ "$(number "$archive")" = "$count" ]
}

# targets TARGET...: each brings a new archive into the image
targets() {
	for target; do
		change
		again "$target" && up_to_date && continue
		ktap_print_msg "make $target"
		show "$tmp/said"
		return 1
	done
}

# The same build in a copy of the object tree and in the tree.
two_at_once() {
	[ -d "$other" ] || cp -a "$obj" "$other"
	cp "$obj/.config" "$other"
	change
	make=$(vm_make)
	# shellcheck disable=SC2086	# words
	${make%% O=*} O="$other" ${make#* O=* } -j2 > "$tmp/other" 2>&1 &
	again
	rc=$?
	wait $! || rc=1
	if [ "$rc" -ne 0 ] || ! up_to_date; then
		show "$tmp/said" "$tmp/other"
		return 1
	fi
	first=$obj
	obj=$other archive=$other/kernel/kheaders/kheaders_data.tar.xz
	up_to_date
	rc=$?
	obj=$first archive=$first/kernel/kheaders/kheaders_data.tar.xz
	return "$rc"
}

cleaned() {
	make=$(vm_make)
	mkdir "$other/kernel/kheaders/.pack_headers.killed" &&
		echo left > "$other/kernel/kheaders/.pack_headers.killed/tar.xz" || return 1
	# shellcheck disable=SC2086	# words
	quiet ${make%% O=*} O="$other" ${make#* O=* } clean &&
		[ -z "$(find "$other/kernel/kheaders" -type f | tee "$tmp/left")" ] && return
	show "$tmp/left"
	return 1
}

# Take the archive out of the image to $tmp/taken; 1 if there is no image, 2 if there is
# none in it or half of one.
take() {
	[ -e "$(image)" ] || return 1
	python3 - "$(image)" "$tmp/taken" <<- 'END' || return 2
		import sys
		image = open(sys.argv[1], "rb").read()
		start = image.index(b"IKHD_ST\0\xfd7zXZ\0") + 8
		open(sys.argv[2], "wb").write(image[start:image.index(b"IKHD_ED\0", start)])
	END
	xz -t "$tmp/taken" || return 2
}

# What an archive has beside what the test and each link change.
others() {
	tar -xOf "$1" --exclude=./include/generated/compile.h \
		--exclude=./include/uapi/linux/kheaders_probe.h | sha256sum
}

# shellcheck disable=SC2046	# words
make_timed() {
	/usr/bin/time -o "$tmp/time" -f %e $(vm_make) -j2 > "$tmp/said" 2>&1
}

# Interrupt a build after a part of its time: an image that is there has an archive that
# is whole, the one from before or the new one.
# shellcheck disable=SC2046	# words
interrupt() {
	change
	timeout -s INT "$(awk -v i="$1" -v n="$interrupts" -v long="$long" \
		'BEGIN { print long * i / n }')" $(vm_make) -j2 > "$tmp/said" 2>&1
	take
	case $? in
	1) images_gone=$((images_gone + 1)); return 0 ;;
	2) show "$tmp/said"; ktap_print_msg "interrupted $1: no whole archive"; return 1 ;;
	esac
	case $(number "$tmp/taken") in
	"$count") new=$((new + 1)) ;;
	*) old=$((old + 1)) ;;
	esac
	[ "$(others "$tmp/taken")" = "$want" ]
}

interrupted() {
	change
	make_timed || return 1
	long=$(cat "$tmp/time")
	want=$(others "$archive")
	images_gone=0 old=0 new=0
	for i in $(seq "$interrupts"); do
		interrupt "$i" || return 1
	done
	ktap_print_msg "$interrupts times: $old the archive from before, $new the new one, $images_gone no image"
	again && up_to_date && [ "$(others "$archive")" = "$want" ]
}

# Did a packer leave its folder?
has_folder() {
	[ -n "$(find "${archive%/*}" -name '.pack_headers.*')" ]
}

# The packer is killed, which can clean up nothing: make fails, and the next one recovers.
packer_killed() {
	change
	before=$(sha256sum < "$archive")
	# shellcheck disable=SC2016	# xz's shell expands it
	printf '#!/bin/sh\nkill -9 $PPID\n' > "$tmp/xz"
	chmod +x "$tmp/xz"
	! again XZ="$tmp/xz" && [ "$before" = "$(sha256sum < "$archive")" ] &&
		has_folder && again && up_to_date && ! has_folder
}

check() {
	ktap_test_result "$series/$arch =$mode: $1" "$2"
}

ktap_print_header
interrupts=${KHEADERS_INTERRUPTS:-10}
count=0
probe=$cache/$series.patched/include/uapi/linux/kheaders_probe.h
other=$tmp/other.obj
trap 'rm -f "$probe"; again; rm -rf "$tmp"' EXIT
ktap_set_plan 9
for mode in m y; do
	build "$mode" || ktap_exit_fail_msg "does not build"
	case $mode in
	m) ktap_test_result "$series/$arch =m: make modules, a folder, a module" \
		targets modules kernel/kheaders/kheaders.ko ;;
	y) ktap_test_result "$series/$arch =y: make vmlinux, the image" \
		targets vmlinux "$(basename "$(realpath "$kernel/vmlinuz")")" ;;
	esac
	check "two object trees at once" two_at_once
	check "a packer that is killed" packer_killed
	check "interrupted, it has no wrong archive" interrupted
done
ktap_test_result "$series/$arch: make clean leaves nothing" cleaned
ktap_finished
