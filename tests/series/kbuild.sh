#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds of a patched kernel as people run them: single targets, two object trees at once,
# interrupted at any point, cleaned.
#
# Environment:
#   KHEADERS_INTERRUPTS  how often to interrupt a build; 10 by default

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/kernel.sh
. "$(dirname "$0")/../lib/kernel.sh"

# Give the archive new contents.
change() {
	count=$((count + 1))
	echo "#define KHEADERS_PROBE $count" > "$probe"
}

# number ARCHIVE: the number that change() put into it
number() {
	tar -xOf "$1" ./include/uapi/linux/kheaders_probe.h | sed 's/.* //'
}

up_to_date() {
	in_image && [ "$(number "$archive")" = "$count" ]
}

# targets TARGET...: each of them updates the archive in the image
targets() {
	for target; do
		change
		again "$target" && up_to_date && continue
		ktap_print_msg "make $target"
		show "$tmp/output"
		return 1
	done
}

# Run the same build in the object tree and in a copy of it.
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
		show "$tmp/output" "$tmp/other"
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

# Extract the archive from the image to $tmp/taken.  Status 1: no image; 2: the image has no
# archive or a damaged one.
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

# others ARCHIVE: checksum of the content that neither the test nor a link changes
others() {
	tar -xOf "$1" --exclude=./include/generated/compile.h \
		--exclude=./include/uapi/linux/kheaders_probe.h | sha256sum
}

# shellcheck disable=SC2046	# words
make_timed() {
	/usr/bin/time -o "$tmp/time" -f %e $(vm_make) -j2 > "$tmp/output" 2>&1
}

# Interrupt a build after i/n of its time.  If there is an image afterwards, its archive is
# complete, either the previous or the new one.
# shellcheck disable=SC2046	# words
interrupt() {
	change
	timeout -s INT "$(awk -v i="$1" -v n="$interrupts" -v long="$long" \
		'BEGIN { print long * i / n }')" $(vm_make) -j2 > "$tmp/output" 2>&1
	take
	case $? in
	1) images_gone=$((images_gone + 1)); return 0 ;;
	2) show "$tmp/output"; ktap_print_msg "interrupted $1: no whole archive"; return 1 ;;
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
	ktap_print_msg \
		"$interrupts times: $old times the previous archive, $new times the new one, $images_gone times no image"
	again && up_to_date && [ "$(others "$archive")" = "$want" ]
}

# Did a packer leave its temporary directory?
has_directory() {
	[ -n "$(find "${archive%/*}" -name '.pack_headers.*')" ]
}

# A killed packer cannot clean up: make fails, and the next run recovers.
packer_killed() {
	change
	before=$(sha256sum < "$archive")
	# shellcheck disable=SC2016	# xz's shell expands it
	printf '#!/bin/sh\nkill -9 $PPID\n' > "$tmp/xz"
	chmod +x "$tmp/xz"
	! again XZ="$tmp/xz" && [ "$before" = "$(sha256sum < "$archive")" ] &&
		has_directory && again && up_to_date && ! has_directory
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
	build "$mode" || ktap_exit_fail_msg "the kernel does not build"
	case $mode in
	m) ktap_test_result "$series/$arch =m: make modules, make DIR, make MODULE" \
		targets modules kernel/kheaders/kheaders.ko ;;
	y) ktap_test_result "$series/$arch =y: make vmlinux, make IMAGE" \
		targets vmlinux "$(basename "$(realpath "$kernel/vmlinuz")")" ;;
	esac
	check "two object trees at once" two_at_once
	check "a packer that is killed" packer_killed
	check "an interrupted build leaves no wrong archive" interrupted
done
ktap_test_result "$series/$arch: make clean leaves nothing" cleaned
ktap_finished
