#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Pack small trees of every layout, and make every step fail: a message must name the step,
# the status must not be 0, the previous archive must remain, and nothing else may be left.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/pack.sh
. "$here/../lib/pack.sh"

# refuses TEXT OPTION...: packing fails with TEXT and changes nothing
refuses() {
	want=$1
	shift
	echo earlier > "$out/archive"
	fails_with "$want" pack -o "$out/archive" "$@" && unharmed
}

unharmed() {
	[ "$(cat "$out/archive")" = earlier ] && [ "$(ls -A "$out")" = archive ] && return
	ktap_print_msg "left: $(ls -A "$out"), archive: $(head -c 20 "$out/archive")"
	return 1
}

# broken TOOL COMMANDS TEXT: packing fails with TEXT if TOOL is replaced by COMMANDS
broken() {
	fake "$1" "$2"
	case $1 in
	strip_comments) STRIP_COMMENTS=$fake/strip_comments refuses "$3" -b "$tree" ;;
	*) fakepath=$fake:$PATH refuses "$3" -b "$tree" ;;
	esac
}

each_tool_broken() {
	for tool in tar xz find awk sort cksum sed od grep strip_comments mv mktemp; do
		broken "$tool" "exit 1" "$(case $tool in
			mktemp) echo "cannot write there" ;;
			awk) echo "awk: failed on kheaders.list" ;;
			find) echo "find failed" ;;
			mv) echo "cannot be replaced" ;;
			*) echo "pack_headers: $tool: " ;;
		esac)" || return 1
	done
}

each_tool_killed() {
	for tool in tar xz find awk sort cksum sed od grep strip_comments; do
		# shellcheck disable=SC2016	# the fake itself
		broken "$tool" 'kill -9 $$' "" || return 1
	done
}

# The tool succeeds, but does nothing.
each_tool_idle() {
	for tool in tar xz find awk sort cksum grep strip_comments; do
		broken "$tool" "exit 0" "" && continue
		ktap_print_msg "$tool"
		return 1
	done
}

# The tool writes half of its output and fails.
half_written() {
	broken xz "echo half; exit 1" "xz: failed" &&
		broken tar 'echo half > '"$out"'/../half; exit 2' "tar: failed"
}

# A disk of 64 KiB, partly filled so that each step runs out of space.
disk_full() {
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=-r
	for kib in 4 16 32 48; do
		# shellcheck disable=SC2086	# an option or nothing
		unshare $as_root -m sh -c "
		mount -t tmpfs -o size=64k tmpfs '$out' 2> '$tmp/output' || exit 9
		echo earlier > '$out/archive'
		head -c $((kib * 1024)) /dev/zero > '$out/filler'
		'$top/scripts/pack_headers.sh' -b '$big' -o '$out/archive' \
			> '$tmp/output' 2>&1 && exit 8
		rm '$out/filler'
		[ -s '$tmp/output' ] && [ \"\$(cat '$out/archive')\" = earlier ] &&
			[ \"\$(ls -A '$out')\" = archive ]" && continue
		ktap_print_msg "$kib KiB taken: $(cat "$tmp/output")"
		return 1
	done
}

interrupted() {
	echo earlier > "$out/archive"
	# shellcheck disable=SC2016	# the parent of the fake
	fake xz 'kill -TERM $PPID; sleep 1'
	fakepath=$fake:$PATH pack -b "$tree" -o "$out/archive"
	[ $? -eq 143 ] && unharmed
}

# A header is removed or modified while packing.
changes_meanwhile() {
	cp -r "$tree" "$tmp/moving"
	broken_tree=$tmp/moving
	fake xz "echo more >> $broken_tree/include/linux/types.h; exec $(command -v xz) \"\$@\""
	fakepath=$fake:$PATH refuses "tree changed while packing" -b "$broken_tree" || return 1
	fake strip_comments "rm $broken_tree/include/linux/types.h; exec $STRIP_COMMENTS \"\$@\""
	STRIP_COMMENTS=$fake/strip_comments refuses "types.h" -b "$broken_tree"
}

# missing FILE TEXT: packing fails with TEXT if FILE is removed from the tree
missing() {
	rm -rf "$tmp/lacking"
	cp -r "$tree" "$tmp/lacking" && rm -r "$tmp/lacking/$1"
	refuses "$2" -b "$tmp/lacking"
}

odd_names() {
	cp -r "$tree" "$tmp/odd"
	put "$tmp/odd/include/linux/with blank.h" "int a;"
	put "$tmp/odd/include/linux/-dash.h" "int a;"
	put "$tmp/odd/include/linux/it's.h" "int a;"
	put "$tmp/odd/include/linux/\"quoted\".h" "int a;"
	put "$tmp/odd/include/linux/back\\slash.h" "int a;"
	put "$tmp/odd/include/linux/\$(touch owned).h" "int a;"
	packs "$tmp/odd" "include/linux/with blank.h" "include/linux/-dash.h" \
		"include/linux/it's.h" "include/linux/\$(touch owned).h" &&
		[ "$(tar -tf "$tmp/packed" --quoting-style=literal |
			grep -c -F -e '"quoted"' -e 'back\slash')" -eq 2 ]
}

line_break_in_name() {
	cp -r "$tree" "$tmp/lines"
	put "$tmp/lines/include/linux/two
lines.h" "int a;"
	refuses "line break" -b "$tmp/lines"
}

links() {
	cp -r "$tree" "$tmp/links"
	put "$tmp/elsewhere.h" "int elsewhere;"
	ln -s "$tmp/elsewhere.h" "$tmp/links/include/linux/link.h"
	packs "$tmp/links" include/linux/link.h &&
		tar -xOf "$tmp/packed" ./include/linux/link.h | grep -q elsewhere
}

dangling_link() {
	cp -r "$tree" "$tmp/dangling"
	ln -s nowhere "$tmp/dangling/include/linux/link.h"
	refuses "link.h" -b "$tmp/dangling"
}

# In builds with O= and in Debian's headers, the Makefile includes the source tree's.
two_trees() {
	make_source "$tmp/src"
	make_objects "$tmp/obj"
	put "$tmp/obj/Makefile" "include $tmp/src/Makefile"
	put "$tmp/src/include/generated/stale.h" "int stale;"
	packs "$tmp/obj" Makefile include/linux/types.h Module.symvers &&
		! grep stale "$tmp/members" &&
		tar -xOf "$tmp/packed" ./Makefile | grep -q "a kernel"
}

# O= below the source, and openSUSE's kernel-default-devel
relative_include() {
	make_source "$tmp/below" && make_objects "$tmp/below/out"
	put "$tmp/below/out/Makefile" "include ../Makefile"
	packs "$tmp/below/out" Makefile include/linux/types.h Module.symvers &&
		tar -xOf "$tmp/packed" ./Makefile | grep -q "a kernel" || return 1
	make_source "$tmp/usr/src/linux" && make_objects "$tmp/usr/src/linux-obj/x86_64/default"
	put "$tmp/usr/src/linux-obj/x86_64/default/Makefile" "include ../../../linux/Makefile"
	( cd "$tmp/usr/src/linux-obj" && packs x86_64/default Makefile include/linux/types.h )
}

# The Makefile includes others in the tree, as the kernel's own does.
other_includes() {
	cp -r "$tree" "$tmp/includes"
	# shellcheck disable=SC2016	# make expands it
	put "$tmp/includes/Makefile" 'include $(srctree)/arch/$(SRCARCH)/Makefile'
	packs "$tmp/includes" Makefile include/linux/types.h
}

# Trees whose names look like options, assignments or escapes
odd_trees() {
	for name in -b a=b 'back\\nslash' "it's" '*'; do
		mkdir -p "$tmp/trees" && cp -r "$tree" "$tmp/trees/$name" &&
			( cd "$tmp/trees" && packs "$name" Makefile include/linux/types.h &&
			pack -b "$name" -c headers -o "$name/x=y" ) || return 1
	done
}

# A file is removed right after readdir() has returned its name, as during a build.
vanishing_file() {
	cp -r "$tree" "$tmp/vanishing"
	gone=$tmp/vanishing/include/linux/vanishing.h
	put "$gone" "int gone;"
	cat > "$tmp/vanish.c" <<- 'END'
		#define _GNU_SOURCE	/* RTLD_NEXT */
		#include <dirent.h>
		#include <dlfcn.h>
		#include <stdlib.h>
		#include <string.h>
		#include <unistd.h>
		struct dirent *readdir(DIR *dir)
		{
			struct dirent *(*next)(DIR *) = dlsym(RTLD_NEXT, "readdir");
			struct dirent *d = next(dir);

			if (d && !strcmp(d->d_name, "vanishing.h"))
				unlink(getenv("GONE"));
			return d;
		}
		__asm__(".globl readdir64\nreaddir64 = readdir");
	END
	quiet cc -shared -fPIC -o "$tmp/vanish.so" "$tmp/vanish.c" -ldl || return 1
	fake find "GONE=$gone LD_PRELOAD=$tmp/vanish.so exec $(command -v find) \"\$@\""
	fakepath=$fake:$PATH packs "$tmp/vanishing" include/linux/types.h || return 1
	[ ! -e "$gone" ] && not_packed include/linux/vanishing.h
}

# find -L fails on a link to its own directory, so directories without rules must not be read.
nothing_else_read() {
	cp -r "$tree" "$tmp/loops"
	for dir in arch/x86/boot/compressed include/config/x drivers scripts/kconfig; do
		mkdir -p "$tmp/loops/$dir" && ln -s . "$tmp/loops/$dir/loop"
	done
	packs "$tmp/loops" include/linux/types.h
}

# All programs but strip, as on a machine with only LLVM
no_strip() {
	mkdir "$tmp/bin" && cp -rs /usr/bin/. /bin/. "$tmp/bin" 2> /dev/null
	rm "$tmp/bin/strip"
	PATH=$tmp/bin packs "$tmp/programs" scripts/mod/modpost &&
		PATH=$tmp/bin "$top/scripts/pack_headers.sh" -b "$tmp/programs" \
			-o "$tmp/packed" 2>&1 | grep -q "strip: not found" || return 1
	fake my-strip "echo \"\$1\" > $tmp/stripped; exec strip \"\$@\""
	HOSTSTRIP="$fake/my-strip --preserve-dates" packs "$tmp/programs" scripts/mod/modpost &&
		[ "$(cat "$tmp/stripped")" = --preserve-dates ]
}

# A list given with -f must match the tree.
other_list() {
	pack -b "$tree" -l | sed '/uapi/d' > "$tmp/short.list" &&
		refuses "tree changed while packing" -b "$tree" -f "$tmp/short.list" &&
		packs "$tree" Makefile && mv "$tmp/packed" "$tmp/packed.here" &&
		pack -b "$tree" -l > "$tmp/full.list" &&
		quiet pack -b "$tree" -f "$tmp/full.list" -o "$tmp/packed" &&
		cmp "$tmp/packed" "$tmp/packed.here"
}

blanks_in_path() {
	cp -r "$tree" "$tmp/a b  c"
	packs "$tmp/a b  c" Makefile include/linux/types.h || return 1
	quiet make -s -C "$top" pack KDIR="$tmp/a b  c" OUT="$tmp/by make" \
		BUILDDIR="$tmp/bd" && cmp "$tmp/packed" "$tmp/by make"
}

secrets() {
	cp -r "$tree" "$tmp/secret"
	for name in $secret_names; do
		put "$tmp/secret/$name" "secret"
	done
	packs "$tmp/secret" Makefile &&
		! tar -xOf "$tmp/packed" | grep -q secret
}

# KHEADERS_EXTRA must refuse secrets, by one message.
secrets_by_name() {
	for name in $secret_names ../tree/Makefile /etc/passwd -delete 'a?b' 'a[b]'; do
		case $name in
		/* | *..* | -* | *[?[]*) why="KHEADERS_EXTRA takes plain names" ;;
		*) why="looks like a secret" ;;
		esac
		KHEADERS_EXTRA="Makefile $name" refuses "$name: $why" -b "$tmp/secret" || return 1
		[ "$(wc -l < "$tmp/output")" -eq 1 ] || { show "$tmp/output"; return 1; }
	done
}

# In text and in programs; OpenSSH's, PKCS#8 and GnuPG's.
secret_inside() {
	for text in "-----BEGIN PRIVATE KEY-----" "x-----BEGIN OPENSSH PRIVATE KEY-----" \
		    "-----BEGIN PGP PRIVATE KEY BLOCK-----"; do
		put "$tmp/secret/notes.txt" "$text"
		KHEADERS_EXTRA=notes.txt refuses "private key" -b "$tmp/secret" || return 1
		printf '\0\377%s\n\0' "$text" > "$tmp/secret/notes.txt"
		KHEADERS_EXTRA=notes.txt refuses "private key" -b "$tmp/secret" || return 1
	done
}

extra() {
	put "$tmp/secret/notes.txt" "some notes"
	put "$tmp/secret/Documentation/a.rst" "a"
	KHEADERS_EXTRA="notes.txt Documentation/a.rst" packs "$tmp/secret" notes.txt \
		Documentation/a.rst && KHEADERS_EXTRA="nowhere.txt" \
		refuses "in neither tree" -b "$tmp/secret"
}

# Locations of keys on the build machine are hidden; paths used at run time are kept.  Since
# 5.17 auto.conf has no quotes.
paths_hidden() {
	cp -r "$tree" "$tmp/paths"
	for name in .config include/config/auto.conf; do
		put "$tmp/paths/$name" 'CONFIG_MODULE_SIG_KEY="/secret/key.pem"
CONFIG_SYSTEM_TRUSTED_KEYS="/secret/certs.pem"
CONFIG_INITRAMFS_SOURCE="/secret/root"
CONFIG_MODPROBE_PATH="/sbin/modprobe"'
	done
	sed -i 's/"//g' "$tmp/paths/include/config/auto.conf"
	put "$tmp/paths/include/generated/autoconf.h" \
		'#define CONFIG_MODULE_SIG_KEY "/secret/key.pem"'
	packs "$tmp/paths" .config || return 1
	tar -xOf "$tmp/packed" > "$tmp/all"
	! grep -a secret "$tmp/all" || return 1
	[ "$(grep -a -c '^CONFIG_MODPROBE_PATH="*/sbin/modprobe"*$' "$tmp/all")" -eq 2 ] &&
		[ "$(grep -a -c 'CONFIG_MODULE_SIG_KEY[ =]"*$' "$tmp/all")" -eq 3 ]
}

# A script's interpreter is named where every system has it, as Nix names one in its store, in
# the first line only.  Lines of SCRIPT FIRST-LINE|PACKED.
interpreters() {
	cp -r "$tree" "$tmp/nix"
	cat > "$tmp/interpreters" <<- 'END'
		depmod.sh #!/nix/store/0i5q7hyh-bash-5.2/bin/sh|#!/bin/sh
		setlocalversion #! /nix/store/0i5q7hyh-bash-5.2/bin/sh -e|#!/bin/sh -e
		modules-check.sh #!/nix/store/0i5q7hyh-bash-5.2/bin/bash|#!/usr/bin/env bash
		pahole-flags.sh #!/usr/local/bin/awk -f|#!/usr/bin/env -S awk -f
		pahole-version.sh #!/usr/bin/awk -f|#!/usr/bin/awk -f
		check-local-export #!/bin/sh|#!/bin/sh
	END
	while read -r name lines; do
		put "$tmp/nix/scripts/$name" "${lines%|*}
#!/opt/bin/sh"
		chmod +x "$tmp/nix/scripts/$name"
	done < "$tmp/interpreters"
	packs "$tmp/nix" && mkdir "$tmp/unpacked" &&
		tar -xf "$tmp/packed" -C "$tmp/unpacked" || return 1
	while read -r name lines; do
		[ -x "$tmp/unpacked/scripts/$name" ] && printf '%s\n#!/opt/bin/sh\n' \
			"${lines#*|}" | cmp - "$tmp/unpacked/scripts/$name" || return 1
	done < "$tmp/interpreters"
}

# Debug information in host programs contains the directory they were built in.  A stripped
# program stays as it is.
programs_stripped() {
	cp -r "$tree" "$tmp/programs"
	mkdir "$tmp/buildplace"
	echo 'int main(void) { return 7; }' > "$tmp/buildplace/x.c"
	cc -g -o "$tmp/programs/scripts/mod/modpost" "$tmp/buildplace/x.c" || return 1
	grep -q buildplace "$tmp/programs/scripts/mod/modpost" &&
		packs "$tmp/programs" scripts/mod/modpost &&
		tar -xf "$tmp/packed" -C "$tmp" ./scripts/mod/modpost || return 1
	! grep buildplace "$tmp/scripts/mod/modpost" || return 1
	"$tmp/scripts/mod/modpost"
	[ $? -eq 7 ] && mv "$tmp/scripts/mod/modpost" "$tmp/programs/scripts/mod" &&
		packs "$tmp/programs" && tar -xf "$tmp/packed" -C "$tmp" ./scripts/mod/modpost &&
		cmp "$tmp/scripts/mod/modpost" "$tmp/programs/scripts/mod/modpost"
}

# usage_error TEXT OPTION...: status 2, with TEXT and the usage
usage_error() {
	want=$1
	shift
	pack "$@" > "$tmp/output" 2>&1
	[ $? -eq 2 ] && grep -q -F -e "$want" "$tmp/output" && grep -q '^Usage: ' "$tmp/output" &&
		return
	ktap_print_msg "options: $*"
	show "$tmp/output"
	return 1
}

usage_errors() {
	usage_error "Usage" -x && usage_error "x: unexpected argument" -b "$tree" -l x &&
		usage_error "-b: missing" -l && usage_error "-o: missing" -b "$tree" &&
		usage_error "most: unknown content" -b "$tree" -l -c most
}

strip_broken() {
	fake strip "exit 1"
	fakepath=$fake:$PATH refuses "strip: failed" -b "$tmp/programs"
}

secret_names="certs/signing_key.pem certs/signing_key.x509 System.map vmlinux
	scripts/basic/randstruct.seed scripts/mod/.modpost.cmd my.key
	include/linux/.types.h.swp include/linux/types.h~ include/linux/types.h.orig
	scripts/mod/modpost.o .git/config scripts/gcc-plugins/randomize_layout_seed.h"

ktap_print_header
build_strip_comments
tree=$tmp/tree
big=$tmp/big
out=$tmp/out
mkdir "$out"
make_source "$tree"
make_objects "$tree"
# too large for the small disk even when compressed
cp -r "$tree" "$big"
head -c 60000 /dev/urandom | od -An -tx1 > "$big/Module.symvers"
ktap_set_plan 46
ktap_test_result "a single tree" packs "$tree" Makefile .config Module.symvers \
	include/linux/types.h arch/x86/include/generated/asm/x.h scripts/mod/modpost
ktap_test_result "two trees" two_trees
ktap_test_result "a relative path to the source tree" relative_include
ktap_test_result "a Makefile that includes others" other_includes
ktap_test_result "spaces in the path" blanks_in_path
ktap_test_result "trees with odd names" odd_trees
ktap_test_result "a file vanishes while its directory is read" vanishing_file
ktap_test_result "directories without rules are not read" nothing_else_read
ktap_test_result "odd names" odd_names
ktap_test_result "links are packed as files" links
ktap_test_result "a line break in a name" line_break_in_name
ktap_test_result "a dangling link" dangling_link
ktap_test_result "no secrets and no build leftovers are packed" secrets
ktap_test_result "KHEADERS_EXTRA refuses secrets" secrets_by_name
ktap_test_result "a file that contains a private key is refused" secret_inside
ktap_test_result "KHEADERS_EXTRA adds files" extra
ktap_test_result "no paths of the build machine in the configuration" paths_hidden
ktap_test_result "interpreters of scripts are where every system has them" interpreters
ktap_test_result "host programs are stripped" programs_stripped
ktap_test_result "strip fails" strip_broken
ktap_test_result "without strip, and with another one" no_strip
ktap_test_result "each tool fails" each_tool_broken
ktap_test_result "each tool is killed" each_tool_killed
ktap_test_result "each tool does nothing" each_tool_idle
ktap_test_result "output is half written" half_written
ktap_test_result "the disk is full" disk_full
ktap_test_result "interrupted" interrupted
ktap_test_result "the tree changes while packing" changes_meanwhile
ktap_test_result "a list given with -f" other_list
ktap_test_result "no tree" refuses "no such directory" -b "$tmp/none"
ktap_test_result "no build tree" refuses "include/config/auto.conf" -b "$top"
for file in include/linux/kconfig.h include/linux/types.h include/uapi \
	    arch/x86/include/asm include/generated/autoconf.h \
	    include/generated/utsrelease.h include/generated/uapi/linux/version.h \
	    arch/x86/Makefile scripts/Makefile.build \
	    include/config/kernel.release scripts/basic/fixdep scripts/mod/modpost; do
	ktap_test_result "no $file" missing "$file" "${file%/asm}"
done
echo CONFIG_MODVERSIONS=y >> "$tree/include/config/auto.conf"
ktap_test_result "no Module.symvers, but CONFIG_MODVERSIONS" \
	missing Module.symvers Module.symvers
ktap_test_result "an unknown content" refuses "unknown content" -b "$tree" -c most
ktap_test_result "usage errors" usage_errors
ktap_finished
