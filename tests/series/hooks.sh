#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Small edits to the files that the series changes, as vendors make them: the generator
# makes the right change or refuses, and never makes a wrong one.
#
# What is right is judged by what reads those files, not by where lines stand: make's own
# database of a makefile, a run of link-vmlinux.sh with programs that only tell how they
# were called, the entries of a Kconfig file and the sections of MAINTAINERS.  With
# CONFIG_KHEADERS_SYSFS=n, m and y the change has to make the same difference to an edited
# file as to the released one, and none with n.
#
# Environment:
#   KHEADERS_WHOLE  if set, try 500 edits in place of 60
#   KHEADERS_SEED   number of the first edit; 1 if not set

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

edits=60
[ -z "${KHEADERS_WHOLE:-}" ] || edits=500
seed=${KHEADERS_SEED:-1}

# What the makefiles read beside themselves, as little as they need.
make_stubs() {
	cd "$tree" || return 1
	mkdir -p include/config arch/x86 tools/scripts bin
	for file in $(grep -h -o 'scripts/[a-zA-Z]*[.a-z-]*' Makefile scripts/Makefile.modfinal |
		grep -e Makefile -e subarch -e Kbuild) tools/testing/selftests/lib.mk \
		arch/x86/Makefile include/config/auto.conf.cmd .config; do
		[ ! -e "$file" ] || continue
		mkdir -p "$(dirname "$file")" && : > "$file"
	done
	touch -d '2001-01-01' .config
	# shellcheck disable=SC2016	# make expands it
	printf '%s\n' 'build := -f $(srctree)/scripts/Makefile.build obj' \
		'read-file = $(shell cat $1)' > scripts/Kbuild.include
	printf 'nothing: ;\n' > nothing.mk
	suffix=ko
	! grep -q ':%.o=%.ko' scripts/Makefile.modfinal || suffix=o
	printf 'kernel/kheaders/kheaders.%s\n' "$suffix" > modules.order
	make_tools
}

# Programs that write down how they were called.
make_tools() {
	cat > bin/ld <<- 'END'
		#!/bin/sh
		# by one write, as the two ends of a pipe are called at once
		call=$(printf '%s' "${0##*/}"; printf ' [%s]' "$@")
		echo "$call" >> calls
		case $0 in
		*nm|*/kallsyms) echo "0000000000000000 T _text" ;;
		*/mksysmap) echo map > "$2" ;;
		esac
		while [ $# -gt 0 ]; do
			[ "$1" != -o ] || echo > "$2"
			shift
		done
	END
	chmod +x bin/ld
	mkdir -p tools/objtool
	for name in bin/nm bin/objcopy bin/cc bin/make scripts/kallsyms scripts/mksysmap \
		scripts/sorttable tools/objtool/objtool scripts/file-size.sh; do
		ln -f bin/ld "$name"
	done
}

# configure y|m|n
configure() {
	{
		printf 'CONFIG_MODULES=y\nCONFIG_KALLSYMS=y\n'
		[ "$1" = n ] || printf 'CONFIG_KHEADERS_SYSFS=%s\nCONFIG_KHEADERS_FULL=y\n' "$1"
	} > include/config/auto.conf
	touch -d '2002-01-01' include/config/auto.conf
}

# meaning FILE y|m|n: what FILE of the tree means with that configuration
meaning() {
	case $1 in
	*.sh) link_calls ;;
	*Kconfig) awk -f "$here/kconfig.awk" "$1" ;;
	MAINTAINERS) awk '
		/^$/ { title = "" }
		/^Maintainers List/ { body = 1 }
		/^[A-Z0-9]/ && !/^[A-Z]:/ && title == "" { title = $0 }
		{ print body + 0, title ": " $0 }' "$1" ;;
	*.gitignore) cat "$1" ;;
	Makefile) database "$1" sub_make_done=1 need-sub-make= SRCARCH=x86 ;;
	scripts/Makefile.*) database "$1" ;;
	*)	case $2 in
		n) database "$1" ;;
		*) database "$1" CONFIG_KHEADERS_SYSFS="$2" ;;
		esac ;;
	esac
}

# database FILE ARGUMENT...
database() {
	file=$1
	shift
	dir=.
	case $file in tools/*) dir=${file%/*} file=${file##*/} ;; esac
	make -C "$dir" -pqrR -f "$file" -f "$tree/nothing.mk" nothing srctree=. objtree=. \
		MODORDER=modules.order \
		CC=true HOSTPKG_CONFIG=true KBUILD_EXTMOD= "$@" > "$tmp/database" 2> "$tmp/err"
	[ $? -lt 2 ] && awk -f "$here/database.awk" "$tmp/database"
}

link_calls() {
	rm -f calls
	: > calls
	srctree=. objtree=. SRCARCH=x86 MAKE=bin/make NM=bin/nm OBJCOPY=bin/objcopy CC=bin/cc \
		CONFIG_SHELL=sh KBUILD_VMLINUX_OBJS=a.o KBUILD_VMLINUX_LIBS=lib.a KBUILD_LDS=lds \
		timeout 20 sh scripts/link-vmlinux.sh bin/ld ld.flags flags vmlinux \
		> "$tmp/out" 2> "$tmp/err"
	echo "status $?" >> calls
	# the two ends of a pipe run in no order
	grep -v -e '^sh ' -e '^nm ' -e '^kallsyms ' calls
}

# difference FILE y|m|n BEFORE AFTER: what the change of FILE changes with that
# configuration; 2 if FILE is broken without it
difference() {
	configure "$2"
	cp "$3" "$1"
	meaning "$1" "$2" > "$tmp/before" || return 2
	cp "$4" "$1"
	meaning "$1" "$2" > "$tmp/after" || return 1
	case $1 in
	*.sh)	if [ "$2" = y ]; then
			awk -f "$here/links.awk" "$tmp/after" > "$tmp/links" || return 1
			mv "$tmp/links" "$tmp/after"
		fi
		diff "$tmp/before" "$tmp/after" ;;
	*)	target=$(sed -n 's,^d \([^ ]*\) scripts/link-vmlinux.sh$,\1,p' "$tmp/before")
		sort "$tmp/before" > "$tmp/before.sorted"
		# what is first for kheaders.ko tells only whether there is a rule for %.ko
		sort "$tmp/after" | comm -3 "$tmp/before.sorted" - | grep -v 'f .*/kheaders.ko ' |
			sed "s,d ${target:-vmlinux} kernel/kheaders,d LINKED kernel/kheaders," ;;
	esac
	return 0
}

# apply FILE TO: what the generator makes of the tree's FILE
apply() {
	rm -rf "$tmp/applied"
	for file in $hooked; do
		mkdir -p "$tmp/applied/$(dirname "$file")"
	done
	awk -v ksrc=. -v patch=9 -v out="$tmp/applied" -v files="a b" -v maintainer=c \
		-f "$top/patches/hook.awk" "$tmp/hooks" > "$tmp/output" 2>&1 &&
		cp "$tmp/applied/$1" "$2"
}

# prepare FILE: what the change of the released file changes, and where
prepare() {
	name=$(echo "$1" | tr / _)
	cp "$1" "$tmp/$name.released"
	only_hooks_of "$1"
	apply "$1" "$tmp/$name.changed" || { show "$tmp/output"; return 1; }
	for config in n m y; do
		difference "$1" "$config" "$tmp/$name.released" "$tmp/$name.changed" \
			> "$tmp/$name.$config" || {
			show "$tmp/err"
			ktap_print_msg "$1 with $config: the released file is not understood"
			return 1
		}
	done
	cp "$tmp/$name.released" "$1"
	diff "$tmp/$name.released" "$tmp/$name.changed" |
		sed -n 's/^\([0-9]*\)a.*/\1/p' | tr '\n' ' ' > "$tmp/$name.near"
}

# Only the hooks of one file, and what may be in their place, are looked for: the others are
# the same each time.
only_hooks_of() {
	awk -v file="$1" '
	NR == FNR {
		if ($1 == "hook" && $4 == file)
			names[$2]
		next
	}
	/^hook / { wanted = $2 in names }
	wanted' "$top/patches/hooks" "$top/patches/hooks" > "$tmp/hooks"
}

# try NUMBER FILE: one edit; prints what came of it
try() {
	name=$(echo "$2" | tr / _)
	released=$tmp/$name.released
	cp "$released" "$2"
	awk -v seed="$1" -v near="$(cat "$tmp/$name.near")" -f "$here/mutate.awk" "$2" \
		> "$tmp/edited" 2> "$tmp/edit"
	cp "$tmp/edited" "$2"
	only_hooks_of "$2"
	result=right
	apply "$2" "$tmp/changed" || result=refused
	[ "$result" = refused ] || for config in n m y; do
		rc=0
		difference "$2" "$config" "$tmp/edited" "$tmp/changed" > "$tmp/difference" || rc=$?
		[ "$rc" -ne 2 ] || { result=broken; break; }
		[ "$rc" -eq 0 ] && cmp -s "$tmp/difference" "$tmp/$name.$config" && continue
		result=wrong
		tell_wrong "$1" "$2"
		break
	done
	cp "$released" "$2"
	echo "$result" >> "$tmp/results"
}

tell_wrong() {
	ktap_print_msg "KHEADERS_SEED=$1 $2 with $config: $(cat "$tmp/edit")"
	diff "$released" "$tmp/edited" | show
	ktap_print_msg "the change made this difference, and not the second:"
	show "$tmp/difference"
	show "$tmp/$name.$config"
}

# Each file in turn; those that decide how the kernel is linked twice as often.
try_all() {
	# shellcheck disable=SC2086	# words
	set -- $hooked scripts/Makefile.modfinal scripts/link-vmlinux.sh Makefile
	: > "$tmp/results"
	for number in $(seq "$seed" $((seed + edits - 1))); do
		shift=$((number % $#))
		for file; do
			[ "$shift" -gt 0 ] || break
			shift=$((shift - 1))
		done
		try "$number" "$file"
	done
	ktap_print_msg "$edits edits: $(sort "$tmp/results" | uniq -c | tr '\n' ' ')"
	[ "$(wc -l < "$tmp/results")" -eq "$edits" ] && ! grep -q wrong "$tmp/results"
}

# A third at least must be judged: refusing everything would be no wonder.
not_only_refused() {
	[ $(($(grep -c right "$tmp/results") * 3)) -ge "$edits" ]
}

prepare_all() {
	for file in $hooked; do
		prepare "$file" || return 1
	done
}

# The judge knows a wrong change: each file with what is added in the wrong place.
judge_is_awake() {
	for file in $hooked; do
		case $file in *.gitignore) continue ;; esac
		name=$(echo "$file" | tr / _)
		released=$tmp/$name.released
		diff "$released" "$tmp/$name.changed" | sed -n 's/^> //p' > "$tmp/added"
		caught=
		for config in n m y; do
			cat "$tmp/added" "$released" > "$tmp/changed"
			difference "$file" "$config" "$released" \
				"$tmp/changed" > "$tmp/difference" &&
				cmp -s "$tmp/difference" "$tmp/$name.$config" || caught=y
		done
		cp "$released" "$file"
		[ -n "$caught" ] || case $file in
		# a line of a list is right anywhere
		Makefile|kernel/Makefile|scripts/Makefile|tools/*) ;;
		*) ktap_print_msg "$file: taken at its beginning"; return 1 ;;
		esac
	done
}

ktap_print_header
need_kernel_source
tree=$tmp/tree
mkdir "$tree"
awk -v ksrc="$kernel/source" -v patch=9 -f "$top/patches/hook.awk" "$top/patches/hooks" |
	sort > "$tmp/hooked" || ktap_exit_fail_msg "hooks cannot be read"
hooked=$(tr '\n' ' ' < "$tmp/hooked")
# shellcheck disable=SC2086	# names of the kernel's files have no blanks
( cd "$kernel/source" && cp --parents $hooked scripts/Makefile.modpost "$tree" )
# the sections around the one that is added
sed -n -e '1,/^Maintainers List/p' -e '/^KERNEL BUILD/,/^KERNEL USERMODE/p' \
	"$kernel/source/MAINTAINERS" > "$tree/MAINTAINERS"
make_stubs
ktap_set_plan 3
prepare_all || ktap_exit_fail_msg "the released files are not understood"
ktap_test_result "$series: a change in the wrong place is seen" judge_is_awake
ktap_test_result "$series: $edits edits, no wrong change" try_all
ktap_test_result "$series: and not because all are refused" not_only_refused
ktap_finished
