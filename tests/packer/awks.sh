#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Lists and archives do not depend on the awk and the shell, and with each awk a build with
# nothing to do is fast.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/pack.sh
. "$here/../lib/pack.sh"

# Debian's busybox ash runs its own find, grep, tar and xz, which lack GNU options that the
# packer needs.  Functions override them.
# shellcheck disable=SC2016	# busybox expands it
in_busybox='for tool in find grep tar xz; do
	eval "$tool() { /usr/bin/$tool \"\$@\"; }"
done
. "$0"'

# by AWK SHELL OPTION...: pack with this awk and this shell
by() {
	awk=$1
	shell=$2
	shift 2
	# shellcheck disable=SC2086	# a shell and its option
	case $shell in
	busybox*) AWK=$awk busybox ash -c "$in_busybox" "$top/scripts/pack_headers.sh" "$@" ;;
	*) AWK=$awk $shell "$top/scripts/pack_headers.sh" "$@" ;;
	esac
}

# Create small trees, combined and split, with files that depend on options and odd names.
make_trees() {
	make_tree "$tmp/one" && make_source "$tmp/src" && make_objects "$tmp/two" &&
		put "$tmp/two/Makefile" "include $tmp/src/Makefile" || return 1
	set_options "$tmp/two" MODVERSIONS GENDWARFKSYMS UML "STRING=\"a=b \\\\ c\"" KASAN
	cp "$tmp/two/include/config/auto.conf" "$tmp/two/.config"
	sort -r "$tmp/two/.config" > "$tmp/two/include/config/auto.conf"
	put "$tmp/two/scripts/gendwarfksyms/gendwarfksyms" "program"
	for name in arch/x86/kvm/include/x.h arch/x86/include/y.S arch/x86/include/a/Kbuild \
		    arch/x86/um/z.h include/linux/a+b.h "include/linux/it's (1).h" \
		    include/dt-bindings/d.h include/linux/mfd/m.h include/net/n.h \
		    scripts/Makefile.new scripts/mod/file2alias.c extra.txt; do
		put "$tmp/one/$name" "/* $name */ int a;"
		put "$tmp/src/$name" "/* $name */ int a;"
	done
	ln -s ../net "$tmp/src/include/linux/link"
}

# each_of COMMAND...: run it with each awk and shell; its output $tmp/now must not differ
each_of() {
	first=
	for awk in mawk gawk "gawk --posix" original-awk "busybox awk"; do
		for shell in dash "bash --posix" "busybox ash"; do
			"$@" "$awk" "$shell" || return 1
			[ -n "$first" ] ||
				{ first="$awk, $shell"; mv "$tmp/now" "$tmp/first"; continue; }
			cmp "$tmp/first" "$tmp/now" && continue
			ktap_print_msg "$awk, $shell differs from $first"
			return 1
		done
	done
	[ -s "$tmp/first" ]
}

lists() {
	by "$3" "$4" -b "$1" -c "$2" -l > "$tmp/now"
}

# shellcheck disable=SC2317	# each_of calls it
archives() {
	KHEADERS_EXTRA=extra.txt by "$3" "$4" -b "$1" -c "$2" -o "$tmp/now" &&
		tar -tf "$tmp/now" | grep -q -F extra.txt
}

small_trees() {
	for tree in one two; do
		for content in full headers; do
			each_of "$1" "$tmp/$tree" "$content" || return 1
		done
	done
}

# seconds COMMAND...: print the CPU time, the minimum of five runs
seconds() {
	python3 - "$@" <<- 'END'
		import resource, subprocess, sys
		def used():
		    r = resource.getrusage(resource.RUSAGE_CHILDREN)
		    return r.ru_utime + r.ru_stime
		best = 99
		for run in range(5):
		    start = used()
		    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
		    best = min(best, used() - start)
		print("%.2f" % best)
	END
}

# Generous limits: an idle machine needs 0.08 s, with busybox awk 0.12 s
nothing_to_do() {
	tree=$1
	shift
	for awk in mawk gawk original-awk "busybox awk"; do
		limit=0.3
		[ "$awk" != "busybox awk" ] || limit=0.5
		used=$(AWK=$awk seconds "$top/scripts/pack_headers.sh" "$@" -b "$tree" -l) ||
			return 1
		ktap_print_msg "$awk: $used s"
		awk "BEGIN { exit !($used <= $limit) }" || return 1
	done
}

# An arm64 source tree: the time includes files that find visits but no rule selects.
source_tree() {
	make_objects "$tmp/arm64" && mkdir -p "$tmp/arm64/arch/arm64/include" &&
		mv "$tmp/arm64/arch/x86/include/generated" "$tmp/arm64/arch/arm64/include" &&
		rm -r "$tmp/arm64/arch/x86" &&
		put "$tmp/arm64/Makefile" "include $kernel/source/Makefile" &&
		nothing_to_do "$tmp/arm64"
}

ktap_print_header
need_kernel_source
build_strip_comments
pack_quickly
make_trees || ktap_exit_fail_msg "cannot create the trees"
ktap_set_plan 5
ktap_test_result "lists are the same" small_trees lists
ktap_test_result "archives are the same" small_trees archives
ktap_test_result "the list of $series headers is the same" each_of lists "$kernel/kdir" full
ktap_test_result "fast on the headers of $series" nothing_to_do "$kernel/kdir"
ktap_test_result "fast on an arm64 source tree" source_tree
ktap_finished
