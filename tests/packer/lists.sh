#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each awk program of the packer alone, on small lists in which every rule occurs.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# program NAME ARGUMENT...: run it, with the directory and more files in its environment
extra=
program() {
	script=$top/scripts/kheaders_$1.awk
	shift
	env tmp="$tmp/out" KHEADERS_EXTRA="$extra" awk -f "$script" "$@"
}

# fails COMMAND...: it prints to $tmp/output and exits with status 1, or 3 if it is rules
fails() {
	status=1
	[ "$1" != rules ] || status=3
	"$@" > "$tmp/names" 2> "$tmp/output"
	[ $? -eq "$status" ] && [ ! -s "$tmp/names" ]
}

# like FILE: it has the lines of standard input
like() {
	diff - "$1" > "$tmp/diff" && return
	show "$tmp/diff"
	return 1
}

# rules CONTENT [EXTRA]: apply the list to a configuration with A=y and B="a=b"
rules() {
	extra=${2:-}
	rm -rf "$tmp/out" && mkdir "$tmp/out" && printf '%s\n' A=y 'B="a=b"' > "$tmp/auto.conf"
	program rules -v content="$1" -v archs='x y' "$tmp/auto.conf" "$tmp/list"
}

make_list() {
	cat > "$tmp/list" <<- 'END'
		# a comment, and an empty line

		headers   src  must  inc/x.h
		headers   src  may   inc/**.h
		headers   obj  must  gen/*.h
		headers   src  may   arch/@ARCH@/**.h
		headers   src  never inc/skip/**
		headers   src  never inc/*.tmp.h
		headers   src  never inc/deep/**/k.h
		headers   obj  never gen/x/**
		full      src  may   inc/sub/y.c
		full      src  may   incs/y.c
		full      src  may   inc/**.c     A
		full      obj  may   yes-a        A
		full      obj  may   no-not-a     !A
		full      obj  may   yes-ab       A&B
		full      obj  may   no-ac        A&C
		full      obj  may   yes-a-not-c  A&!C
		full      obj  may   yes-not-c-a  !C&A
		full      obj  may   no-not-ac    !A&!C
		full      obj  may   yes-c-or-a   C|A
		full      obj  may   no-c-or-d    C|D
		full      obj  may   yes-middle   C|A&B|D
		full      obj  may   t/u*/v*.c
		full      obj  may   *z/w.c
		full      obj  may   twice
		full      obj  may   twice
		full      src  never t/w.c
	END
}

headers_rules() {
	rules headers "./extra.txt ././b/c" && like "$tmp/out/musts" <<- 'END' &&
		any	extra.txt
		any	b/c
		src	inc/x.h
		obj	gen/*.h
	END
		like "$tmp/out/start.src" <<- 'END' && like "$tmp/out/start.obj" <<- 'END' &&
			extra.txt
			b/c
			inc
			arch/x
			arch/y
		END
			extra.txt
			b/c
			gen/*.h
		END
		tr -s ' ' '\n' < "$tmp/out/tests.obj" | paste -sd ' ' - > "$tmp/obj" &&
		like "$tmp/obj" <<- END && like "$tmp/out/tests.src" <<- END
			-path gen/x -prune -o ( -type f -o -type l ) ( -false -o $(
			)-path extra.txt -o -path b/c -o -path gen/*.h ! -path gen/*/*.h ) $(
			)! ( -false )
		END
			-path inc/skip -prune -o ( -type f -o -type l ) ( -false -o $(
			)-path extra.txt -o -path b/c -o -path inc/x.h -o -path inc/*.h -o $(
			)-path arch/x/*.h -o -path arch/y/*.h ) ! ( -false -o $(
			)-path inc/*.tmp.h ! -path inc/*/*.tmp.h -o -path inc/deep/*/k.h )
		END
}

# Options select lines of the full content, and a directory that is walked needs no names.
full_rules() {
	rules full && like "$tmp/out/start.src" <<- 'END' &&
		inc
		arch/x
		arch/y
		incs/y.c
	END
		like "$tmp/out/start.obj" <<- 'END' &&
			gen/*.h
			yes-a
			yes-ab
			yes-a-not-c
			yes-not-c-a
			yes-c-or-a
			yes-middle
			t/u*/v*.c
			*z/w.c
			twice
		END
		grep -q -F -e "-path t/u*/v*.c ! -path t/u*/*/v*.c ! -path t/u*/v*/*.c" \
			"$tmp/out/tests.obj" &&
		grep -q -F -e "-path *z/w.c ! -path */*z/w.c" "$tmp/out/tests.obj" &&
		grep -q -F -e "! ( -false -o -path inc/*.tmp.h ! -path inc/*/*.tmp.h -o $(
			)-path inc/deep/*/k.h -o -path t/w.c )" "$tmp/out/tests.src"
}

# refuses_line LINE: it is the third of a list
refuses_line() {
	printf 'full src may a\n\n%s\n' "$1" > "$tmp/list"
	fails rules full && like "$tmp/output" <<- END && return
		pack_headers: $tmp/list:3: invalid line in the content list
	END
	ktap_print_msg "accepted: $1"
	return 1
}

# shellcheck disable=SC2016	# nothing expands it
bad_lines() {
	for line in 'full src may' 'full src may a A A' 'all src may a' 'full any may a' \
		'full src can a' 'full src may a$b' 'full src may a/**b*' 'full src may */**b' \
		'full src may a*/**b' 'full src may a/**/*' 'fullx src may a' 'full srcx may a'; do
		refuses_line "$line" || return 1
	done
	for line in 'full src may a A' 'headers obj never a/**' 'full src must Aa.-_@+/b*c'; do
		echo "$line" > "$tmp/list" && quiet rules full || return 1
	done
	[ ! -e "$tmp/out/start.obj" ]
}

extras() {
	make_list
	for name in a.pem a.key a.priv a.p12 a.pfx a.x509 a.der a.crt a.seed a_key secret/a \
		a/Secret certs/a a/certs/b randstruct a/randomize_layout_x a.cmd a.o a.a a.ko \
		System.map vmlinux a/vmlinux.x bzImage a~ .a.swp a.swx a.orig a.rej .git .svn/a \
		a/.hg; do
		fails rules full "$name" && grep -q -F -e "$name: looks like a secret" \
			"$tmp/output" || return 1
	done
	for name in -x /x ./-x 'a*b' 'a?b' 'a@b' 'a[b' 'a\b' ../x a/../b a/..; do
		fails rules full "good $name" && grep -q "takes plain names below the tree" \
			"$tmp/output" || return 1
	done
	quiet rules full "keys a.pemx acerts/b my.keys Image.txt a..b"
}

# found TREE NAME [SIZE TIME]...: as find prints it
found() {
	printf '%s\t%s\t%s\t%s\t.\n' "$@"
}

selects() {
	printf 'src\ta/b.h\nsrc\tinc/*.h\nobj\tg/**.h\nany\textra\nany\tother/+x.c\n' > "$tmp/musts"
	found src a/b.h 1 2 src inc/x.h 3 4 src inc/y.h 9 9 obj inc/y.h 5 6 obj g/d/e.h 7 8 \
		obj extra 1 1 src other/+x.c 2 2 src include/generated/compile.h 99 98 \
		obj include/generated/compile.hx 99 98 > "$tmp/found"
	program select -F '\t' "$tmp/musts" "$tmp/found" > "$tmp/output" || return 1
	sort "$tmp/output" > "$tmp/sorted" && like "$tmp/sorted" <<- 'END'
		obj	extra	1	1
		obj	g/d/e.h	7	8
		obj	inc/y.h	5	6
		obj	include/generated/compile.hx	99	98
		src	a/b.h	1	2
		src	inc/x.h	3	4
		src	include/generated/compile.h	0	0
		src	other/+x.c	2	2
	END
}

# Names that only resemble what must be there.
misses() {
	found src incx.h 1 1 src inc/a/x.h 1 1 obj inc/z.h 1 1 src g/x.h 1 1 obj g/x.hh 1 1 \
		obj a/b.h 1 1 obj xg/x.h 1 1 src otherx+x.c 1 1 > "$tmp/found"
	fails program select -F '\t' "$tmp/musts" "$tmp/found" && like "$tmp/output" <<- 'END'
			pack_headers: a/b.h: not in the source tree
			pack_headers: inc/*.h: not in the source tree
			pack_headers: g/**.h: not in the build tree
			pack_headers: extra: named by KHEADERS_EXTRA, but in neither tree
			pack_headers: other/+x.c: named by KHEADERS_EXTRA, but in neither tree
		END
}

bad_names() {
	for line in 'src\ta\t1\t2\t.\t.' 'src\ta\t1\t2' 'src\ta\t1\t2\tx'; do
		printf '%b\n' "$line" > "$tmp/found"
		fails program select -F '\t' "$tmp/musts" "$tmp/found" &&
			like "$tmp/output" <<- 'END' || return 1
				pack_headers: a: a tab or line break in a name
			END
	done
}

# names_of_members: print them, with the size of the first block last
names_of_members() {
	program members -F '\t' "$1" && cat "$tmp/out/cut"
}

orders() {
	for name in Makefile Module.symvers .config arch/x86/Kbuild include/config/auto.conf \
		include/generated/autoconf.h include/generated/a.h include/linux/a.h \
		include/linux/b/c.h include/linux/sched/d.h include/linux/a/b.h include/drm/e.h \
		include/dt-bindings/f.h include/uapi/linux/g.h include/uapi/h.h scripts/i \
		tools/j/k xscripts/l; do
		echo "$name"
	done > "$tmp/names"
	awk '{ print $1 "\t" NR * 400 }' "$tmp/names" > "$tmp/sizes"
	awk '{ print "src\t" $1 "\t1\t2" }' "$tmp/names" > "$tmp/list"
	program order -F '\t' "$tmp/sizes" "$tmp/list" > "$tmp/places" || return 1
	sort "$tmp/places" > "$tmp/order" &&
		cut -f 1,3,4 "$tmp/order" | tr '\t' ' ' > "$tmp/short" &&
		like "$tmp/short" <<- 'END' && names_of_members "$tmp/order" > "$tmp/members" &&
			1 0 include/generated/a.h 2800
			1 1 include/drm/e.h 4800
			1 1 include/linux/a/b.h 4400
			1 1 include/linux/b/c.h 3600
			1 1 include/uapi/h.h 6000
			1 1 include/uapi/linux/g.h 5600
			1 2 include/dt-bindings/f.h 5200
			2 1 Makefile 400
			2 1 arch/x86/Kbuild 1600
			2 1 include/linux/a.h 3200
			2 1 Module.symvers 800
			2 1 include/linux/sched/d.h 4000
			2 1 xscripts/l 7200
			2 2 .config 1200
			2 2 include/config/auto.conf 2000
			2 2 include/generated/autoconf.h 2400
			2 2 scripts/i 6400
			2 2 tools/j/k 6800
		END
		paste -sd ' ' "$tmp/members" | fold -s -w 76 | sed 's/ *$//' > "$tmp/folded" &&
		like "$tmp/folded" <<- 'END'
			./ ./include/ ./include/generated/ ./include/generated/a.h ./include/drm/
			./include/drm/e.h ./include/linux/ ./include/linux/a/ ./include/linux/a/b.h
			./include/linux/b/ ./include/linux/b/c.h ./include/uapi/ ./include/uapi/h.h
			./include/uapi/linux/ ./include/uapi/linux/g.h ./include/dt-bindings/
			./include/dt-bindings/f.h ./Makefile ./arch/ ./arch/x86/ ./arch/x86/Kbuild
			./include/linux/a.h ./Module.symvers ./include/linux/sched/
			./include/linux/sched/d.h ./xscripts/ ./xscripts/l ./.config
			./include/config/ ./include/config/auto.conf ./include/generated/autoconf.h
			./scripts/ ./scripts/i ./tools/ ./tools/j/ ./tools/j/k 43008
		END
}

# Sizes at the edge of tar's blocks of 512 bytes
blocks() {
	for size in 0:512 1:1024 512:1024 513:1536; do
		printf '1 0\tk\ta\t%s\n2 0\tk\tb\t1\n' "${size%:*}" > "$tmp/order"
		[ "$(names_of_members "$tmp/order" | tail -n 1)" -eq $((512 + ${size#*:})) ] ||
			return 1
	done
	printf '1 0\tk\ta\t1\n1 0\tk\tb\t1\n' > "$tmp/order" &&
		[ "$(names_of_members "$tmp/order" | tail -n 1)" -eq $((512 + 2 * 1024)) ]
}

configuration() {
	printf '%s\n' '# head' CONFIG_B=y CONFIG_A=m '# CONFIG_X is not set' > "$tmp/order"
	printf '%s\n' '' CONFIG_A=m CONFIG_Z=y 'CONFIG_B="/etc/x"' 'CONFIG_B=again' \
		'CONFIG_Y="a b: c"' 'CONFIG_P="/sbin/modprobe"' 'CONFIG_Q="/usr/bin/a b"' \
		'#define CONFIG_R "a,/x"' 'OTHER="/x"' 'CONFIG_T="pkcs11:token"' > "$tmp/file"
	program config "$tmp/order" "$tmp/file" > "$tmp/output" && like "$tmp/output" <<- 'END' &&

		CONFIG_Z=y
		CONFIG_Y="a b: c"
		CONFIG_P="/sbin/modprobe"
		CONFIG_Q=""
		#define CONFIG_R ""
		OTHER="/x"
		CONFIG_T=""
		CONFIG_B=""
		CONFIG_B=again
		CONFIG_A=m
	END
		sort -r "$tmp/file" > "$tmp/reversed" &&
		program config /dev/null "$tmp/reversed" > "$tmp/output" &&
		[ "$(grep -c '""' "$tmp/output")" -eq 4 ] &&
		[ "$(cut -c 1-9 "$tmp/output")" = "$(cut -c 1-9 "$tmp/reversed")" ]
}

ktap_print_header
make_list
ktap_set_plan 10
ktap_test_result "rules for headers, and more files" headers_rules
ktap_test_result "rules for the full content" full_rules
ktap_test_result "invalid lines of the content list" bad_lines
ktap_test_result "names that KHEADERS_EXTRA may not have" extras
ktap_test_result "files are selected" selects
ktap_test_result "files that are missing" misses
ktap_test_result "names that cannot be packed" bad_names
ktap_test_result "the order of the members" orders
ktap_test_result "sizes of members" blocks
ktap_test_result "the configuration" configuration
ktap_finished
