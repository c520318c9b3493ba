#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Compile single headers of the kernel and drivers from its source: the objects are
# byte-identical whether built from the archive or from the full headers.
#
# The comparison includes debug information and thereby line numbers, macros (-g3) and
# unused types.  It includes columns only if packing preserves them, which it does for few
# kernels.
#
# Environment:
#   KHEADERS_OBJECTS  number of headers, and six times the number of drivers, or "all" for
#                     all headers and 400 drivers (default: 300)

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

batch=400	# sources per run of make: an object has up to 2 MB

# Not in the archive; see kheaders.list for the reason.
left_out=generated/utsversion.h

# Merge Debian's two header trees into one directory like the archive's, so that debug
# information names the same files.
lay_full() {
	common=$(sed -n 's,^include \(.*\)/Makefile$,\1,p' "$kernel/kdir/Makefile")
	[ -d "$common" ] || return 1
	mkdir "$tmp/full" && cp -rL "$common/." "$tmp/full" &&
		cp -rL "$kernel/kdir/." "$tmp/full" && cp "$common/Makefile" "$tmp/full"
}

# take N: print N lines of standard input, evenly spaced
take() {
	if [ "$1" = all ]; then
		cat
	else
		awk -v n="$1" '{ line[NR] = $0 }
			END {
				for (i = 0; i < n && i < NR; i++)
					print line[int(i * (NR > n ? NR / n : 1)) + 1]
			}'
	fi
}

# Convert the paths of headers to names for #include, by the kernel's -I options.
list_headers() {
	( cd "$tmp/full" && find include "arch/$srcarch/include" -name '*.h' ) |
		sed -e 's,^.*include/generated/uapi/,,' -e "s,^arch/$srcarch/include/generated/,," \
			-e 's,^include/,,' -e "s,^arch/$srcarch/include/,," |
		sort -u | grep -v -x -F -e "$left_out" | take "$1" | awk '{ print "h" NR, $0 }'
}

# Drivers that include nothing from their own directory.
list_drivers() {
	( cd "$kernel/source" && find drivers -name '*.c' -exec \
		grep -L '^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*"' {} + ) |
		sort | take "$1" | awk '{ print "d" NR, $0 }'
}

# compile TREE LIST: write objects to TREE.o; both trees are built under the same path
compile() {
	rm -rf "$tmp/m" "$tmp/$1.o"
	mkdir -p "$tmp/m/o" "$tmp/$1.o"
	echo 'obj-m := o/' > "$tmp/m/Kbuild"
	{
		echo "ccflags-y := -g3 -fno-eliminate-unused-debug-types $columns"
		sed 's/\([^ ]*\) .*/obj-m += \1.o/' "$2"
	} > "$tmp/m/o/Kbuild"
	while read -r name path; do
		case $name in
		h*) echo "#include <$path>" > "$tmp/m/o/$name.c" ;;
		d*) cp "$kernel/source/$path" "$tmp/m/o/$name.c" ;;
		esac
	done < "$2"
	mv "$tmp/$1" "$tmp/tree"
	# ignore errors: compare() checks which objects exist
	kmake -k -j2 -C "$tmp/tree" M="$tmp/m" o/ > "$tmp/$1.log" 2>&1
	mv "$tmp/tree" "$tmp/$1"
	while read -r name path; do
		[ ! -e "$tmp/m/o/$name.o" ] || mv "$tmp/m/o/$name.o" "$tmp/$1.o"
	done < "$2"
}

# compare LIST: put "skipped", "missing", "same" or "differs" before each line
compare() {
	compile full "$1"
	while read -r name path; do
		if [ -e "$tmp/full.o/$name.o" ]; then
			echo "$name $path"
		else
			echo "skipped $name $path" >> "$tmp/verdicts"
		fi
	done < "$1" > "$tmp/compiled"
	compile archive "$tmp/compiled"
	while read -r name path; do
		if [ ! -e "$tmp/archive.o/$name.o" ]; then
			echo "missing $name $path"
			grep -F -e "/$name.c:" -e error: "$tmp/archive.log" | head -n 3 | show >&2
		elif cmp -s "$tmp/full.o/$name.o" "$tmp/archive.o/$name.o"; then
			echo "same $name $path"
		else
			echo "differs $name $path"
		fi
	done < "$tmp/compiled" >> "$tmp/verdicts"
}

compare_all() {
	split -l "$batch" "$tmp/list" "$tmp/part."
	for part in "$tmp"/part.*; do
		compare "$part"
	done
}

# count VERDICT LETTER: LETTER is h for headers, d for drivers
count() {
	grep -c "^$1 $2" "$tmp/verdicts"
}

# none VERDICT LETTER
none() {
	grep "^$1 $2" "$tmp/verdicts" | head -n 20 | show
	[ "$(count "$1" "$2")" -eq 0 ]
}

# most LETTER: most sources compiled, so that the comparison means something
most() {
	[ $(($(count same "$1") * 2)) -gt "$(grep -c "^$1" "$tmp/list")" ]
}

# report LETTER WHAT
report() {
	ktap_print_msg "$2: $(grep -c "^$1" "$tmp/list"), $(count skipped "$1") do not compile" \
		"from the full headers, $(count same "$1") are the same," \
		"$(count differs "$1") differ, $(count missing "$1") do not compile from the archive"
	ktap_test_result "$series: most $2 compile" most "$1"
	ktap_test_result "$series: $2 that compile from the full headers compile from the archive" \
		none missing "$1"
	ktap_test_result "$series: the objects of $2 are the same" none differs "$1"
}

ktap_print_header
[ "$arch" = amd64 ] || ktap_exit_fail_msg "$arch: no compiler for this architecture"
need_kernel_source
headers=${KHEADERS_OBJECTS:-300}
drivers=400
[ "$headers" = all ] || drivers=$((headers / 6 + 1))
build_strip_comments
share_archive || ktap_exit_fail_msg "no archive to test"
mkdir "$tmp/archive" && tar -xf "$archive" -C "$tmp/archive"
columns=
"$STRIP_COMMENTS" < "$tmp/archive/include/linux/overflow.h" > "$tmp/no_columns"
cmp -s "$tmp/no_columns" "$tmp/archive/include/linux/overflow.h" && columns=-gno-column-info
lay_full || ktap_exit_fail_msg "$kernel/kdir: not Debian's headers"
{ list_headers "$headers"; list_drivers "$drivers"; } > "$tmp/list"
: > "$tmp/verdicts"
ktap_set_plan 6
compare_all
report h headers
report d drivers
ktap_finished
