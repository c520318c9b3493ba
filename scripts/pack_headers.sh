#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Pack the headers and build files of a kernel tree into kheaders.tar.xz.
#
#/ Usage: pack_headers.sh [options] -b DIR -o FILE
#/        pack_headers.sh [options] -b DIR -l
#/
#/ Pack the files that scripts/kheaders.list selects into FILE, a tar.xz.  FILE is
#/ replaced atomically; on failure it is left unchanged.
#/
#/   -b DIR      build tree, which has include/config/auto.conf and Module.symvers
#/   -s DIR      source tree (default: the one that the build tree's Makefile includes)
#/   -a ARCH     directory of the architecture below arch/; found by default
#/   -c CONTENT  full (default): what "make M=" needs; headers: for tracing only
#/   -f LIST     pack the files of LIST, the output of -l for the same options
#/   -k          keep the comments
#/   -m FILE     pack FILE as Module.symvers instead of the build tree's
#/   -o FILE     the archive to write
#/   -l          list what would be packed: tree, name, size in bytes, mtime
#/               (Module.symvers: its cksum; compile.h: always 0)
#/   -h          print this text
#/
#/ Environment:
#/   STRIP_COMMENTS          the program built from scripts/strip_comments.c
#/   AWK, TAR, XZ, HOSTSTRIP commands for awk, GNU tar, xz and strip
#/   KHEADERS_EXTRA          more files to pack: names below the build tree or the
#/                           source tree; names that look like secrets are refused
#/   KBUILD_BUILD_TIMESTAMP  date of all members, in a form that "date -d" reads
#/   SOURCE_DATE_EPOCH       the same in seconds since 1970
#/
#/ Exit status: 0 done, 1 failed (the message names the step), 2 usage error.

set -eu

# Nothing that the caller exports for these tools may change the archive or break a step.
unset CDPATH GREP_OPTIONS IFS MAWKBINMODE POSIXLY_CORRECT TAR_OPTIONS XZ_DEFAULTS XZ_OPT
export LC_ALL=C
umask 022
OPTIND=1

content=full
keep='' src='' obj='' arch='' symvers='' list='' out='' list_only='' tmp=''
tab=$(printf '\t')
newline='
'
# plain NAME: so that no tool takes it for an option or an assignment
plain() {
	case $1 in
	''|/*) printf '%s\n' "$1" ;;
	*) printf './%s\n' "$1" ;;
	esac
}
here=$(plain "$(dirname "$0")")
# awk gets paths from the environment, because it interprets escapes in "-v src=$src"
export src obj symvers here tmp

usage() {
	sed -n 's|^#/ \{0,1\}||p' "$0"
}

# die OBJECT MESSAGE
die() {
	printf 'pack_headers: %s: %s\n' "$1" "$2" >&2
	exit 1
}

usage_error() {
	( die "$1" "$2" ) || usage >&2
	exit 2
}

# step NAME COMMAND...: run a command that must not fail
step() {
	name=$1
	shift
	"$@" || die "$name" "failed with status $?; nothing was written"
}

# tool WORDS ARGUMENT...: run a command whose name may be followed by arguments
tool() {
	words=$1
	shift
	# shellcheck disable=SC2086	# a list of words
	$words "$@"
}

awk() {
	tool "command ${AWK:-awk}" "$@"
}

# In build trees created with O= and in split header packages, the Makefile only includes
# the one of the source tree.
find_source_tree() {
	[ -z "$src" ] || return 0
	src=$(sed -n 's,^include  *\([^$]*\)/Makefile *$,\1,p' "$obj/Makefile") || die sed "failed"
	src=${src##*"$newline"}
	case $src in
	'') src=$obj ;;
	/*) ;;
	*) src=$obj/$src ;;
	esac
}

# A build has one arch/*/include/generated; um also has x86's.
find_arch() {
	[ -z "$arch" ] || return 0
	set -- "$obj"/arch/*/include/generated
	[ -d "$1" ] || die "$obj" "no arch/*/include/generated; run 'make modules_prepare' in it"
	[ ! -d "$obj/arch/um/include/generated" ] || set -- "$obj/arch/um/include/generated"
	[ $# -eq 1 ] || die "$obj" "built for several architectures; choose one with -a"
	arch=${1%/include/generated}
	arch=${arch##*/}
}

check_trees() {
	[ -d "$obj" ] || die "$obj" "no such directory; give the kernel's build tree"
	[ -f "$obj/include/config/auto.conf" ] ||
		die "$obj" "not a built kernel tree: no include/config/auto.conf"
	[ -f "$obj/Makefile" ] || die "$obj" "not a kernel tree: no Makefile"
	find_source_tree
	[ -d "$src/include/linux" ] ||
		die "$src" "not a kernel source tree: no include/linux"
	find_arch
}

write_rules() {
	archs=$arch
	[ "$archs" != um ] || archs='um x86'
	awk -v content="$content" -v archs="$archs" -f "$here/kheaders_rules.awk" \
		"$obj/include/config/auto.conf" "$here/kheaders.list" || {
		[ $? -eq 3 ] || die awk "failed on kheaders.list"
		exit 1
	}
}

# find_files TREE DIR: list the files that the rules select in TREE, which is DIR
find_files() {
	tree=$1 dir=$2
	start=$(cat "$tmp/start.$tree") || die cat "failed"
	tests=$(cat "$tmp/tests.$tree") || die cat "failed"
	(
		cd "$dir" || exit 1
		set --
		for name in $start; do
			[ ! -e "$name" ] && [ ! -L "$name" ] || set -- "$@" "$name"
		done
		set -f
		# -L: pack the targets of links, never links.  Dangling links are
		# listed as links, and packing fails on them.
		# shellcheck disable=SC2086	# a list of words
		find -L "$@" -ignore_readdir_race $tests \
			-printf "$tree\t%p\t%s\t%T@\t.\n"
	) >> "$tmp/found" || die "$dir" "find failed; nothing was written"
}

# Each link rewrites Module.symvers, mostly with the same content, so compare that instead
# of the mtime.
list_symvers() {
	[ -n "$symvers" ] || [ ! -e "$obj/Module.symvers" ] || symvers=$obj/Module.symvers
	[ -n "$symvers" ] || return 0
	sum=$(cksum < "$symvers") || die cksum "cannot read $symvers"
	[ -n "$sum" ] || die cksum "no output for $symvers"
	printf 'obj\tModule.symvers\t%s\t%s\t.\n' "${sum#* }" "${sum% *}" >> "$tmp/found"
}

# List the files of our own: a tree that builds modules gets a GNUmakefile that knows what
# to do where the host programs do not run.
list_own() {
	set -- "$here/kheaders_host.sh"
	! is_set RUST || set -- "$@" "$here/kheaders_rust.sh"
	{
		find "$here/kheaders.mk" -printf 'own\tGNUmakefile\t%s\t%T@\t.\n' &&
			find "$@" -printf 'own\tscripts/%f\t%s\t%T@\t.\n'
	} >> "$tmp/found" || die "$here" "find failed; nothing was written"
}

# Write the list of files to pack to $1.  If both trees have a file, choose the build
# tree's.
choose_files() {
	: > "$tmp/found"
	find_files src "$src"
	find_files obj "$obj"
	[ "$content" = headers ] || { list_symvers; list_own; }
	awk -F '\t' -f "$here/kheaders_select.awk" "$tmp/musts" "$tmp/found" > "$tmp/chosen" ||
		die "$obj" "cannot be packed; nothing was written"
	sort -t "$tab" -k 2,2 "$tmp/chosen" > "$1" || die sort "failed"
}

# All members have the same mtime: the time of the build if given, else 1980, because tar
# warns about 1970 on extraction.
member_time() {
	if [ -n "${KBUILD_BUILD_TIMESTAMP:-}" ]; then
		date -u -d "$KBUILD_BUILD_TIMESTAMP" +@%s ||
			die KBUILD_BUILD_TIMESTAMP "not a date: $KBUILD_BUILD_TIMESTAMP"
	else
		echo "@${SOURCE_DATE_EPOCH:-315532800}"
	fi
}

# is_set OPTION
is_set() {
	grep -q -x -F "CONFIG_$1=y" "$obj/include/config/auto.conf"
}

# KASAN, and UBSAN unless it traps, put source columns into data.  Up to 5.15 gcc is told
# to warn about a case that falls through without a comment.
strip_options() {
	if [ -n "$keep" ]; then
		echo -k
	elif is_set KASAN || { is_set UBSAN && ! is_set UBSAN_TRAP; }; then
		echo -c
	fi
	! grep -q -e '-Wimplicit-fallthrough[^=]' "$src/Makefile" || echo -f
}

copy_files() {
	options=$(strip_options)
	awk -F '\t' '
	$2 == "Module.symvers" && ENVIRON["symvers"] { print ENVIRON["symvers"] "\t" $2; next }
	$2 == "GNUmakefile" { print ENVIRON["here"] "/kheaders.mk\t" $2; next }
	$1 == "own" { print ENVIRON["here"] substr($2, index($2, "/")) "\t" $2; next }
	{ print ENVIRON[$1] "/" $2 "\t" $2 }' "$list" > "$tmp/copy" || die awk "failed"
	# shellcheck disable=SC2086	# a list of words
	step strip_comments "${STRIP_COMMENTS:-$here/strip_comments}" $options \
		-d "$tmp/tree" < "$tmp/copy"
	clean_config
	# only rustc reads its content, which would take 41 kB in the archive
	rustc_cfg=$tmp/tree/include/generated/rustc_cfg
	[ ! -e "$rustc_cfg" ] || : > "$rustc_cfg"
	[ "$content" = headers ] || { clean_scripts; shorten_scripts; strip_programs; }
	# grep must list every file as free of keys, so that a failing grep is noticed
	grep -r -L -e 'PRIVATE KEY\( BLOCK\)*-\{5\}' "$tmp/tree" > "$tmp/free" || true
	[ "$(wc -l < "$tmp/free")" -eq "$(wc -l < "$list")" ] ||
		die grep "a file to pack holds a private key, or grep failed"
}

# Remove paths of the build machine, and sort auto.conf like .config
clean_config() {
	for file in .config include/config/auto.conf include/generated/autoconf.h; do
		file=$tmp/tree/$file
		[ -e "$file" ] || continue
		order=/dev/null
		[ "${file##*/}" != auto.conf ] || [ ! -e "$tmp/tree/.config" ] ||
			order=$tmp/tree/.config
		awk -f "$here/kheaders_config.awk" "$order" "$file" > "$tmp/config" ||
			die awk "failed"
		[ "$(wc -l < "$tmp/config")" -eq "$(wc -l < "$file")" ] ||
			die awk "lost lines of $file"
		cat "$tmp/config" > "$file" || die "$file" "cannot be written"
	done
}

# edit FILE ARGUMENT...: replace FILE by what sed makes of it
edit() {
	file=$1
	shift
	sed "$@" "$file" > "$tmp/script" || die sed "failed"
	[ -s "$tmp/script" ] || die sed "no output for $file"
	cat "$tmp/script" > "$file" || die "$file" "cannot be written"
}

# Let scripts name interpreters where every system has them.  Nix replaces them by paths in its
# store, which may be gone by the time that the archive is used.
clean_scripts() {
	grep -r -l -I '^#! */[^ ]*/bin/' "$tmp/tree/scripts" "$tmp/tree/arch" > "$tmp/scripts" ||
		[ $? -eq 1 ] || die grep "failed"
	while read -r script; do
		edit "$script" -e '1!b' -e '/^#! *\/usr\/bin\//b' \
			-e 's,^#! */[^ ]*/bin/sh\( .*\)*$,#!/bin/sh\1,' -e t \
			-e 's,^#! */[^ ]*/bin/\([^ /]*\)$,#!/usr/bin/env \1,' -e t \
			-e 's,^#! */[^ ]*/bin/\([^ /]* .*\)$,#!/usr/bin/env -S \1,'
	done < "$tmp/scripts"
}

# The scripts of this project keep their usage, which they print, and no other comment.
shorten_scripts() {
	[ -z "$keep" ] || return 0
	for script in "$tmp/tree/scripts"/kheaders_*.sh; do
		edit "$script" -e '/^# SPDX/b' -e '/^[[:blank:]]*# /d' -e '/^[[:blank:]]*#$/d'
	done
}

# Print an ELF file's machine, e_machine in bytes 19 and 20 of the header.
machine() {
	header=$(od -A n -N 20 -t x1 "$1") || die od "cannot read $1"
	# shellcheck disable=SC2086	# a list of words
	set -- $header
	[ "${1-}${2-}${3-}${4-}" != 7f454c46 ] || echo "${19}${20}"
}

# Strip the host programs built for this machine.  Three quarters of objtool is debug
# information, which also names directories of the build machine, and a tenth of
# resolve_btfids is unwind tables, which C programs do not need.  Neither do they need a
# build-id, which does not compress.  arm64's kernel executes nothing whose .note.gnu.property
# is gone, as strip leaves an empty segment.
strip_programs() {
	strip=${HOSTSTRIP:-strip}
	if ! command -v "${strip%% *}" > /dev/null; then
		echo "pack_headers: $strip: not found; host programs keep their symbols" >&2
		return
	fi
	ours=$(machine /proc/self/exe)
	# the two notes together: stripped again without one of them, a program would change
	notes='--remove-section=.note.gnu.build-id --remove-section=.note.ABI-tag
		--remove-section=.gnu_debuglink --remove-section=.comment'
	find "$tmp/tree" -type f \( -perm -100 -o -name '*.so' \) > "$tmp/programs" ||
		die find "failed"
	while read -r file; do
		theirs=$(machine "$file")
		[ "$theirs" = "$ours" ] || continue
		tables='--remove-section=.eh_frame --remove-section=.eh_frame_hdr'
		[ "${file%.so}" = "$file" ] || tables=''
		step strip tool "$strip --strip-unneeded $notes $tables" "$file"
	done < "$tmp/programs"
}

write_members() {
	find "$tmp/tree" -type f -printf '%P\t%s\n' > "$tmp/sizes" || die find "failed"
	awk -F '\t' -f "$here/kheaders_order.awk" "$tmp/sizes" "$list" > "$tmp/places" ||
		die awk "failed"
	sort -t "$tab" -k 1,1 -k 2,2 "$tmp/places" > "$tmp/order" || die sort "failed"
	awk -F '\t' -f "$here/kheaders_members.awk" "$tmp/order" > "$tmp/members" ||
		die awk "failed"
}

# CRC32 is the only check that the kernel's own xz decoder supports.  xz can use two
# threads, as there are two blocks; the output does not depend on their number.  With a
# depth below the preset's 512, headers take a tenth less time and 256 more bytes; the full
# content would take 1 kB more.
write_archive() {
	time=$(member_time)
	write_members
	step tar tool "${TAR:-tar}" --create --file="$tmp/tar" --directory="$tmp/tree" \
		--format=ustar --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime="$time" \
		--no-recursion --verbatim-files-from --files-from="$tmp/members"
	depth=512
	[ "$content" = full ] || depth=300
	size=$(wc -c < "$tmp/tar") || die tar "wrote nothing"
	step xz tool "${XZ:-xz}" --compress --stdout --check=crc32 --threads=2 \
		--block-size="$size" --block-list="$(cat "$tmp/cut"),0" \
		--lzma2=preset=9e,depth="$depth",dict=8MiB,lc=4,pb=0 "$tmp/tar" > "$tmp/tar.xz"
	[ -s "$tmp/tar.xz" ] || die xz "wrote nothing"
}

while getopts a:b:c:f:hklm:o:s: option; do
	case $option in
	a) arch=$OPTARG ;;
	b) obj=$(plain "$OPTARG") ;;
	c) content=$OPTARG ;;
	f) list=$(plain "$OPTARG") ;;
	h) usage; exit ;;
	k) keep=y ;;
	l) list_only=y ;;
	m) symvers=$OPTARG ;;
	o) out=$(plain "$OPTARG") ;;
	s) src=$(plain "$OPTARG") ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || usage_error "$1" "unexpected argument"
[ -n "$obj" ] || usage_error -b "missing"
[ -n "$out$list_only" ] || usage_error -o "missing"
[ "$content" = full ] || [ "$content" = headers ] ||
	usage_error "$content" "unknown content; use full or headers"

check_trees
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
dir=${TMPDIR:-/tmp}
[ -n "$list_only" ] || dir=$(dirname "$out")
tmp=$(mktemp -d "$dir/.pack_headers.XXXXXX") || die "$dir" "cannot write there"
write_rules
[ -n "$list" ] || choose_files "${list:=$tmp/list}"
[ -s "$list" ] || die "$list" "names nothing to pack; nothing was written"
[ -z "$list_only" ] || { cat "$list"; exit; }
copy_files
write_archive
choose_files "$tmp/list.now"
cmp -s "$list" "$tmp/list.now" || die "$obj" "tree changed while packing; retry"
mv -f "$tmp/tar.xz" "$out" || die "$out" "cannot be replaced"
