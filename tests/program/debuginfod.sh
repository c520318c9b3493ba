#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kheaders publish writes a file that debuginfod serves, and kheaders extract --debuginfod takes
# from a server the running kernel's archive and nothing else.
#
# Environment:
#   KHEADERS_WHOLE    "y": refuse 1,000 damaged answers, not 20

# A network of its own, too: ports are free, and no server outside can be asked.
if [ -z "${KHEADERS_NAMESPACE:-}" ] && [ "$(id -u)" -eq 0 ]; then
	export KHEADERS_NAMESPACE=y
	exec unshare -m -n "$0" "$@"
fi
# shellcheck source=../lib/program.sh
. "$(dirname "$0")/../lib/program.sh"

id=$(printf "%020d" 0 | sed 's/./61/g')		# of kernel a
other_id=$(printf "%020d" 0 | sed 's/./62/g')
url=http://127.0.0.1:8002
library=$(ldconfig -p | sed -n 's/.*libdebuginfod\.so\.1 .*=> //p' | sed 1q)

# link_image FILE BUILD-ID [PIECE...]: an ELF file of PIECEs with that build-id
link_image() {
	file=$1 build_id=$2
	shift 2
	{
		echo .data
		for piece; do
			printf '.balign 16\n.incbin "%s"\n' "$piece"
		done
	} > "$tmp/image.S"
	quiet cc -shared -nostdlib -Wl,--build-id="0x$build_id" -o "$file" "$tmp/image.S"
}

# zeros COUNT
zeros() {
	head -c "$1" /dev/zero
}

# note NAME-SIZE SIZE TYPE: a note of GNU's, of zeros
note() {
	for number; do
		printf '%b' "\\0$(printf %o "$number")\\0\\0\\0"
	done
	printf 'GNU\0'
	zeros "$2"
}

# headers SIZE SIZE BYTES: the headers of an ELF file of 32 bits with those sizes, in octal, and a
# segment of notes from its start on, of BYTES, as "printf %b" takes them
headers() {
	printf '\177ELF\1\1'
	zeros 22
	printf '\64\0\0\0'
	zeros 8
	printf '%b' "\\0$1\\0\\0$2\\0\\01\\0"
	zeros 6
	printf '\4\0\0\0'
	zeros 12
	printf '%b' "$3"
	zeros 12
}

# The images of a kernel: with the archive, and without; with a vDSO, which has a build-id, too.
make_images() {
	printf 'Linux version %s (me@here) #1\n' "$running" > "$tmp/banner"
	{
		printf 'IKHD_ST\0'
		cat "$tmp/a"
		printf 'IKHD_ED\0'
	} > "$tmp/marked"
	link_image "$tmp/vdso.so" "$(printf "%020d" 0 | sed 's/./76/g')" &&
		link_image "$tmp/vmlinux" "$id" "$tmp/banner" "$tmp/vdso.so" &&
		link_image "$tmp/vmlinux.y" "$id" "$tmp/vdso.so" "$tmp/banner" "$tmp/marked" &&
		link_image "$tmp/vmlinux.b" "$other_id" "$tmp/banner" &&
		link_image "$tmp/kheaders.ko" "$other_id" "$tmp/marked" &&
		head -c 30000 "$program" > "$tmp/setup" || return 1
	for image in vmlinux vmlinux.y; do
		objcopy -O binary "$tmp/$image" "$tmp/$image.flat" &&
			{
				zeros 16
				# notes of another type, name or size
				note 4 16 1
				note 5 16 3
				note 4 7 3
				note 4 65 3
				# code that starts like ELF files, and one that ends at the note
				headers 64 41 '\0377\0377\0377\0177'
				headers 65 40 '\0377\0377\0377\0177'
				headers 64 40 '\0124\00\00\00'
				cat "$tmp/$image.flat"
			} > "$tmp/$image.odd" && gzip -c "$tmp/$image.flat" > "$tmp/$image.gz" &&
			{
				cat "$tmp/setup"
				xz --check=crc32 < "$tmp/$image"
				cat "$tmp/setup"
			} > "$tmp/$image.bz" || return 1
	done
}

# published ARGUMENT...: publishing that gives the file $tmp/published
published() {
	rm -f "$tmp/out" && run 0 publish -o "$tmp/out" "$@" && cmp "$tmp/out" "$tmp/published" &&
		return
	ktap_print_msg "publish $*"
	return 1
}

# The same file from every image, from a module and an archive if the kernel is given.
every_image() {
	for kind in '' .flat .odd .gz .bz; do
		published "$tmp/vmlinux.y$kind" &&
			published --kernel "$tmp/vmlinux$kind" "$tmp/a" &&
			published --kernel "$tmp/vmlinux$kind" "$tmp/kheaders.ko" || return 1
	done
	# a build-id that is there twice, and one of capital digits
	cat "$tmp/vmlinux.flat" "$tmp/vmlinux.flat" > "$tmp/twice" &&
		published --kernel "$tmp/twice" "$tmp/a" &&
		run 0 publish --build-id abcdef09 -o "$tmp/small" "$tmp/a" &&
		run 0 publish --build-id ABCDEF09 -o "$tmp/capital" "$tmp/kheaders.ko" &&
		cmp "$tmp/small" "$tmp/capital" &&
		run 0 publish --build-id "$id" -o "$tmp/out" "$tmp/short_release" &&
		published --build-id "$id" "$tmp/kheaders.ko" &&
		published --build-id "$id" "$tmp/vmlinux.y.gz" &&
		"$program" publish - < "$tmp/vmlinux.y" | cmp - "$tmp/published" &&
		"$program" publish -o - --build-id "$id" - < "$tmp/a" | cmp - "$tmp/published"
}

# The one segment is the note, at the same place in the file and in memory.
elf_file() {
	segment="NOTE 0x000078 0x0000000000000078 0x0000000000000078 0x000024 0x000024 R 0x4"
	readelf -n -S -l -W "$tmp/published" 2>&1 | tr -s ' ' > "$tmp/output"
	prints "Build ID: $id" && prints "$segment" &&
		has_section .note.gnu.build-id NOTE "A 0 0 4" &&
		has_section .kheaders PROGBITS "A 0 0 8" &&
		has_section .kheaders.id PROGBITS "A 0 0 8" &&
		has_section .shstrtab STRTAB "0 0 8" &&
		[ "$(stat -c %Y "$tmp/published")" -eq 315532800 ] &&
		mode 644 "$tmp/published" && cp "$tmp/a" "$tmp/private" &&
		chmod 600 "$tmp/private" && rm -f "$tmp/out" &&
		run 0 publish --build-id "$id" -o "$tmp/out" "$tmp/private" && mode 600 "$tmp/out"
}

# has_section NAME TYPE REST: with entries of no size, flags, link, information and alignment
has_section() {
	grep -q -E " $1 $2 [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ 00 $3\$" "$tmp/output" && return
	ktap_print_msg "no section $*"
	show "$tmp/output"
	return 1
}

# unpublished STATUS TEXT ARGUMENT...
unpublished() {
	status=$1 text=$2
	shift 2
	rm -f "$tmp/out" && run "$status" publish -o "$tmp/out" "$@" && prints "$text" &&
		[ ! -e "$tmp/out" ] && return
	ktap_print_msg "publish $*"
	return 1
}

refuses_to_publish() {
	archive "$tmp/secret" "$running" "chmod 600 include/linux/types.h"
	archive "$tmp/none" "$running" "rm include/generated/utsrelease.h"
	head -c 400 "$tmp/a" > "$tmp/cut"
	# of the magic bytes, not all and all
	head -c 4 "$tmp/a" > "$tmp/short"
	head -c 5 "$tmp/a" > "$tmp/shortest"
	objcopy -O binary "$tmp/vmlinux.b" "$tmp/b.flat" || return 1
	cat "$tmp/vmlinux.flat" "$tmp/b.flat" > "$tmp/two"
	for operand in "$tmp/kheaders.ko" "$tmp/a" "--kernel=$tmp/kheaders.ko $tmp/a" \
		"--kernel=$tmp/two $tmp/a"; do
		# shellcheck disable=SC2086	# words
		unpublished 1 "contains no kernel with a build-id" $operand || return 1
	done
	for hex in 6 6x "$id$id$id$id$id$id$id" " $id"; do
		unpublished 1 "not a build-id" --build-id "$hex" "$tmp/a" || return 1
	done
	unpublished 1 "has build-id $id, not $other_id" --build-id "$other_id" "$tmp/vmlinux.y" &&
		unpublished 1 "is Linux $running, but the archive was made for 1.2.3" \
			--kernel "$tmp/vmlinux" "$tmp/other" &&
		unpublished 1 "refused: only root may read include/linux/types.h" \
			--build-id "$id" "$tmp/secret" &&
		unpublished 1 "include/generated/utsrelease.h is missing" \
			--build-id "$id" "$tmp/none" &&
		unpublished 1 "damaged" --build-id "$id" "$tmp/cut" &&
		unpublished 3 "contains no kheaders archive" "$tmp/vmlinux" &&
		unpublished 3 "contains no kheaders archive" "$tmp/short" &&
		unpublished 1 "not an xz file" --build-id "$id" "$tmp/shortest" &&
		unpublished 1 "No such file" "$tmp/nothing" &&
		unpublished 1 "No such file" --kernel "$tmp/nothing" "$tmp/a"
}

# nothing_left: no tree, no link, no file
nothing_left() {
	only /var/cache/kheaders && linked
}

# asks STATUS URL ARGUMENT...: extract with that server
asks() {
	want=$1 DEBUGINFOD_URLS=$2
	shift 2
	export DEBUGINFOD_URLS
	run "$want" extract --debuginfod "$@"
	rc=$?
	unset DEBUGINFOD_URLS
	return "$rc"
}

# wait_for COMMAND...: until it succeeds, for 30 seconds at most
wait_for() {
	tries=0
	until "$@" > /dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || return 1
		sleep 0.1
	done
}

# found: debuginfod has scanned its files
found() {
	rm -rf "$tmp/client" &&
		DEBUGINFOD_URLS=$url DEBUGINFOD_CACHE_PATH=$tmp/client \
			debuginfod-find section "$id" .kheaders
}

# Beside the kernel's own debug symbols, which are newer and keep being served.
served() {
	mkdir "$tmp/served" && cp -p "$tmp/published" "$tmp/served" &&
		echo 'int x;' > "$tmp/x.c" &&
		quiet cc -g -shared -nostdlib -Wl,--build-id="0x$id" -o "$tmp/served/vmlinux" \
			"$tmp/x.c" || return 1
	debuginfod -F -d :memory: -p 8002 "$tmp/served" > "$tmp/log" 2>&1 &
	server=$!
	wait_for found && takes_served
	rc=$?
	kill "$server" && wait "$server"
	[ "$rc" -eq 0 ] || show "$tmp/log"
	return "$rc"
}

# served_as FILE KIND...: debuginfod-find finds FILE
served_as() {
	file=$1
	shift
	got=$(DEBUGINFOD_URLS=$url DEBUGINFOD_CACHE_PATH=$tmp/client debuginfod-find "$@") &&
		cmp "$got" "$file"
}

takes_served() {
	served_as "$tmp/a" section "$id" .kheaders &&
		served_as "$tmp/served/vmlinux" executable "$id" &&
		served_as "$tmp/served/vmlinux" debuginfo "$id" && machine &&
		asks 0 "$url" && prints "$cache_tree: extracted" && linked "$cache_tree" &&
		only /var/cache/kheaders "$running" &&
		grep -q -x "source: debuginfod" "$cache_tree/.kheaders" &&
		grep -q -x "build-id: $id" "$cache_tree/.kheaders" &&
		mode 755 "$cache_tree" && run 0 status &&
		prints "$cache_tree, current, from debuginfod" && run 0 status --json &&
		prints '"source": "debuginfod"' && run 0 verify --archive "$tmp/a" &&
		asks 0 "$url" && prints_nothing && run 0 extract && prints_nothing &&
		asks 0 "$url" --dest /run/tree --no-link && cmp /run/tree/Makefile \
			"$cache_tree/Makefile" &&
		kernel b && run 3 status --json && prints '"stale"' || return 1
	# another kernel, for which the server has nothing
	asks 3 "$url" && prints "no server has .kheaders.id of build-id $other_id" && linked &&
		only /var/cache/kheaders "$running"
}

# Start the server of wrong answers, and set wrong to its URL.
start_wrong() {
	mkdir "$tmp/sections" && cp "$tmp/a" "$tmp/sections/kheaders" &&
		cp "$tmp/b" "$tmp/sections/kheaders.b" &&
		cp "$tmp/other" "$tmp/sections/kheaders.release" &&
		cp "$tmp/evil" "$tmp/sections/kheaders.evil" &&
		identity "$running" "$id" "$tmp/a" > "$tmp/sections/kheaders.id" &&
		identity 1.2.3 "$id" "$tmp/other" > "$tmp/sections/kheaders.id.release" &&
		identity "$running" "$other_id" "$tmp/a" > "$tmp/sections/kheaders.id.kernel" &&
		identity "$running" "$id" "$tmp/other" > "$tmp/sections/kheaders.id.lie" &&
		identity "$running" "$id" "$tmp/evil" > "$tmp/sections/kheaders.id.evil" &&
		cp "$tmp/other" "$tmp/sections/kheaders.lie" || return 1
	"$(dirname "$0")/wrong_server.py" "$tmp/sections" > "$tmp/port" 2> "$tmp/log" &
	wrong_server=$!
	wait_for [ -s "$tmp/port" ] && wrong=http://127.0.0.1:$(cat "$tmp/port")
}

# By HTTPS from a server whose certificate is trusted, and from no other.
https() {
	trusted=/etc/ssl/certs/ca-certificates.crt
	quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj /CN=kheaders -addext subjectAltName=IP:127.0.0.1 -days 2 \
		-keyout "$tmp/key" -out "$tmp/certificate" &&
		cat "$tmp/key" "$tmp/certificate" > "$tmp/both" || return 1
	"$(dirname "$0")/wrong_server.py" "$tmp/sections" "$tmp/both" \
		> "$tmp/https-port" 2> "$tmp/log" &
	server=$!
	wait_for [ -s "$tmp/https-port" ] && secure=https://127.0.0.1:$(cat "$tmp/https-port") &&
		machine && mkdir /var/cache/kheaders && asks 1 "$secure/both-right" &&
		nothing_left && mount --bind "$tmp/certificate" "$trusted" &&
		asks 0 "$secure/both-right" && linked "$cache_tree"
	rc=$?
	umount "$trusted" 2> /dev/null
	kill "$server"
	return "$rc"
}

# identity RELEASE BUILD-ID ARCHIVE: print what is published of them
identity() {
	printf 'release: %s\nbuild-id: %s\nsha256: %s\n' "$1" "$2" \
		"$(sha256sum < "$3" | cut -d ' ' -f 1)"
}

# refused STATUS MODE TEXT: that answer is refused with TEXT, and leaves nothing behind
refused() {
	asks "$1" "$wrong/$2" && prints "$3" && nothing_left && return
	ktap_print_msg "answer: $2"
	return 1
}

right_answer() {
	machine && asks 0 "$wrong/both-right" && linked "$cache_tree" && run 0 remove &&
		nothing_left
}

wrong_answers() {
	machine && mkdir /var/cache/kheaders &&
		refused 1 both-release "refused: made for Linux 1.2.3, but $running is running" &&
		refused 1 id-kernel "refused: made for another kernel" &&
		refused 1 archive-b "the archive is damaged" &&
		refused 1 both-lie "made for Linux 1.2.3, but $running is running" &&
		refused 1 both-evil "refused" &&
		refused 1 id-html "refused: .kheaders.id is invalid" &&
		refused 1 archive-html "not an xz file" &&
		refused 3 id-missing "no server has .kheaders.id" &&
		refused 3 archive-missing "no server has .kheaders of build-id" || return 1
	for kind in short empty error; do
		for which in id archive; do
			asks_wrong "$which-$kind" && nothing_left || return 1
		done
	done
}

# asks_wrong MODE: not extracted, whatever the library makes of the answer
asks_wrong() {
	DEBUGINFOD_URLS=$wrong/$1 "$program" extract --debuginfod > "$tmp/output" 2>&1
	case $? in
	1|3) prints "kheaders: debuginfod: " && return ;;
	esac
	ktap_print_msg "answer: $1"
	show "$tmp/output"
	return 1
}

too_much() {
	machine && mkdir /var/cache/kheaders || return 1
	for which in id archive; do
		refused 1 "$which-huge" "is larger than" &&
			refused 1 "$which-endless" "is larger than" || return 1
	done
	DEBUGINFOD_MAXSIZE=100 && export DEBUGINFOD_MAXSIZE &&
		refused 1 both-right "refused: .kheaders is larger than 100 bytes"
	rc=$?
	unset DEBUGINFOD_MAXSIZE
	return "$rc"
}

too_slow() {
	machine && mkdir /var/cache/kheaders && DEBUGINFOD_MAXTIME=1 || return 1
	export DEBUGINFOD_MAXTIME
	refused 1 id-stall "did not arrive within 1 seconds" &&
		refused 1 archive-slow "did not arrive within 1 seconds" &&
		refused 1 archive-loop ""	# in the words of the library
	rc=$?
	unset DEBUGINFOD_MAXTIME
	return "$rc"
}

# child PID: print the only child of PID, as soon as it has one
child() {
	wait_for grep -q . "/proc/$1/task/$1/children" && tr -d ' ' < "/proc/$1/task/$1/children"
}

# Interrupted, it cleans up; killed, the next run does, and nobody keeps asking.
killed() {
	machine && mkdir /var/cache/kheaders || return 1
	for signal in TERM KILL; do
		DEBUGINFOD_URLS=$wrong/id-stall "$program" extract --debuginfod \
			> "$tmp/output" 2>&1 &
		pid=$!
		child=$(child "$pid") || return 1
		began=$(date +%s)
		kill -s "$signal" "$pid"
		! wait "$pid" 2> /dev/null && wait_for [ ! -e "/proc/$child" ] || return 1
		# the server would hang up after 60 seconds
		[ $(($(date +%s) - began)) -lt 30 ] || return 1
		[ "$signal" = KILL ] || nothing_left || return 1
	done
	child_killed && killed_early && asks 3 "$wrong/id-missing" && nothing_left
}

# What the library does may kill its process.
child_killed() {
	DEBUGINFOD_URLS=$wrong/id-stall "$program" extract --debuginfod > "$tmp/output" 2>&1 &
	pid=$!
	child=$(child "$pid") && kill -s SEGV "$child" || return 1
	wait "$pid"
	[ $? -eq 1 ] && prints "kheaders: debuginfod: killed by signal 11" && nothing_left
}

# Killed before its child can ask for a signal then, which takes two seconds here.
killed_early() {
	rm -f "$tmp/pid"
	# shellcheck disable=SC2016	# for the shell that strace starts
	DEBUGINFOD_URLS=$wrong/id-stall strace -f -qq -o "$tmp/trace" -e trace=prctl \
		-e inject=prctl:delay_enter=2000000 sh -c 'echo $$ > "$0" && exec "$@"' \
		"$tmp/pid" "$program" extract --debuginfod > "$tmp/output" 2>&1 &
	strace=$!
	wait_for [ -s "$tmp/pid" ] && pid=$(cat "$tmp/pid") && child=$(child "$pid") &&
		began=$(date +%s) && kill -s KILL "$pid" &&
		wait_for [ ! -e "/proc/$child" ] || return 1
	wait "$strace" 2> /dev/null
	[ $(($(date +%s) - began)) -lt 30 ]
}

damaged() {
	machine && mkdir /var/cache/kheaders || return 1
	answers=20
	! whole || answers=1000
	for seed in $(seq "$answers"); do
		asks_wrong "both-$seed" || return 1
	done
	ktap_print_msg "$answers of $answers damaged answers refused"
	nothing_left
}

# The kernel's own archive is preferred, and no server is asked unless the option is given.
not_asked() {
	machine && ( export DEBUGINFOD_URLS="$wrong/both-right" && run 3 extract ) &&
		nothing_left && offer "$tmp/b" && asks 0 "$wrong/id-stall" &&
		[ -e "$cache_tree/b" ] &&
		grep -q -x "source: kernel" "$cache_tree/.kheaders" && run 0 status &&
		! grep -q debuginfod "$tmp/output"
}

impossible() {
	machine && run 1 extract --debuginfod && prints "DEBUGINFOD_URLS: not set" &&
		asks 1 "" && prints "DEBUGINFOD_URLS: not set" && kernel &&
		asks 1 "$wrong/both-right" && prints "this kernel has no build-id" &&
		asks 1 "http://127.0.0.1:1" && kernel a &&
		asks 1 "http://127.0.0.1:1" && prints "kheaders: debuginfod: .kheaders.id: " &&
		nothing_left
}

# Out of descriptors or processes, when it would ask.
exhausted() {
	machine && mkdir /var/cache/kheaders && DEBUGINFOD_URLS=$wrong/both-right || return 1
	export DEBUGINFOD_URLS
	none_left memfd_create:error=EMFILE:when=2 && none_left memfd_create:error=EMFILE:when=3 &&
		none_left clone:error=EAGAIN
	rc=$?
	unset DEBUGINFOD_URLS
	[ "$rc" -eq 0 ] && disturbed memfd_create:error=EMFILE:when=2 -- \
		1 publish --build-id "$id" "$tmp/a" && prints "kheaders: memfd_create: "
}

# none_left INJECTION
none_left() {
	disturbed "$1" -- 1 extract --debuginfod && prints "kheaders: debuginfod: " && nothing_left
}

# In a namespace of its own: the library does not exist, or is too old.
no_library() {
	machine && mkdir /var/cache/kheaders && mount --bind /dev/null "$library" &&
		asks 1 "$wrong/both-right" &&
		prints "libdebuginfod.so.1: not found; apt install libdebuginfod1"
	rc=$?
	umount "$library"
	echo 'void debuginfod_begin(void) { }' > "$tmp/old.c"
	[ "$rc" -eq 0 ] && quiet cc -shared -fPIC -o "$tmp/old.so" "$tmp/old.c" &&
		mount --bind "$tmp/old.so" "$library" && asks 1 "$wrong/both-right" &&
		prints "libdebuginfod.so.1: too old; --debuginfod needs elfutils 0.188"
	rc=$?
	umount "$library"
	[ "$rc" -eq 0 ] && nothing_left
}

static() {
	quiet make -s -C "$top/userspace" STATIC=y BUILDDIR="$tmp/static" && machine &&
		DEBUGINFOD_URLS=$wrong/both-right "$tmp/static/kheaders" extract --debuginfod \
			> "$tmp/output" 2>&1
	[ $? -eq 1 ] && prints "not supported by a statically linked program"
}

# The files that the commands of Documentation/fleet.md use.
prepare_document() {
	mkdir -p "$tmp/doc/linux-y" "$tmp/doc/linux-m/kernel/kheaders" "$tmp/doc/boot" &&
		cp "$tmp/vmlinux.y" "$tmp/doc/linux-y/vmlinux" &&
		cp "$tmp/vmlinux" "$tmp/doc/linux-m" &&
		cp "$tmp/kheaders.ko" "$tmp/doc/linux-m/kernel/kheaders" &&
		cp "$tmp/vmlinux.bz" "$tmp/doc/boot/vmlinuz" &&
		cp "$tmp/a" "$tmp/doc/kheaders.tar.xz" && echo "$id" > "$tmp/doc/build-id" &&
		mkdir -p /srv && mount -t tmpfs kheaders-test /srv
}

# Run the commands of the document, line by line, as kheaders and debuginfod are installed.
document() {
	machine && prepare_document || return 1
	commands_of fleet.md debuginfod > "$tmp/commands"
	ln -sfn "$program" "$tmp/doc/kheaders" || return 1
	# shellcheck disable=SC1091,SC2154	# written above
	( cd "$tmp/doc" && PATH=$PATH:/usr/sbin && PATH=$tmp/doc:$PATH &&
		export HOME="$tmp/doc" && unset DEBUGINFOD_URLS &&
		sed 's/^debuginfod .*&$/&\n debuginfod=$!; wait_for found/' "$tmp/commands" \
			> "$tmp/script" && . "$tmp/script"
		rc=$?
		kill "$debuginfod"
		exit "$rc" ) > "$tmp/output" 2>&1 && prints "current, from debuginfod" &&
		cmp "$tmp/doc/vmlinux.kheaders" "$tmp/published" &&
		cmp "$tmp/doc/module.kheaders" "$tmp/published" &&
		cmp "$tmp/doc/packed.kheaders" "$tmp/published" && return
	show "$tmp/commands" "$tmp/output"
	return 1
}

ktap_print_header
need_program
chmod 755 "$tmp"
ip link set lo up
archive "$tmp/a" "$running" "printf 1 > one_byte"
archive "$tmp/b" "$running" "echo > b"
archive "$tmp/other" 1.2.3
archive "$tmp/short_release" 6
archive "$tmp/evil" "$running" "ln -s /etc/passwd passwd"
if ! make_images || ! start_wrong ||
	! "$program" publish --build-id "$id" -o "$tmp/published" "$tmp/a"; then
	ktap_exit_fail_msg "no images to test with"
fi
ktap_set_plan 17
ktap_test_result "every kind of image gives the same file" every_image
ktap_test_result "an ELF file with the build-id" elf_file
ktap_test_result "what cannot be published" refuses_to_publish
ktap_test_result "debuginfod serves it, and the kernel takes it" served
ktap_test_result "a right answer" right_answer
ktap_test_result "a right answer by HTTPS, from a server that is trusted" https
ktap_test_result "wrong answers" wrong_answers
ktap_test_result "answers that are too large" too_much
ktap_test_result "answers that do not arrive" too_slow
ktap_test_result "interrupted or killed while it waits" killed
ktap_test_result "damaged answers" damaged
ktap_test_result "nobody is asked without need" not_asked
ktap_test_result "where no server can be asked" impossible
ktap_test_result "out of descriptors or processes" exhausted
ktap_test_result "without the library, or with an old one" no_library
if whole; then
	ktap_test_result "a static program" static
else
	ktap_test_skip "a static program" "only in check-all"
fi
ktap_test_result "the commands of Documentation/fleet.md" document
kill "$wrong_server"
ktap_finished
