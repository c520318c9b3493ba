#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fuzz the comment stripper: the properties that tests/packer/fuzz_strip.c checks hold for
# all inputs that libFuzzer generates.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=../lib/fuzz.sh
. "$(dirname "$0")/../lib/fuzz.sh"

# build_target TREE OUT FLAG...
build_target() {
	tree=$1
	target=$2
	shift 2
	quiet clang -g -O1 -Wall -Wextra -Werror -Wno-unused-function "$@" \
		-o "$target" "$tree/tests/packer/fuzz_strip.c"
}

build_fuzzer() {
	build_target "$1" "$2" -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all
}

# seed TEXT...: write each, a format for printf, to a file of the corpus
seed() {
	for text; do
		seeds=$((seeds + 1))
		# shellcheck disable=SC2059	# they are formats
		printf "$text" > "$tmp/corpus/seed$seeds"
	done
}

seed_snippets() {
	seed 'int/**/a;\n' '\t\tint  a; \t// x\nint b;\n' '/* a\n * b\n */\nint a;\n' \
		'int a; /* x\n */ int b;\n' '/* x\n */ #define A\n' \
		'#define A /* x\n */ 1\nint b;\n' '/* SPDX x */ /* y */\n// SPDX\n' \
		'#define A \\\n\t/* x\n\t */ \\\n\tb\n' '#define A 1 /* x\n */\nint b;\n' \
		'a // x \\\n y\nb\n' 'foo\\\nbar\n' 'foo \\\nbar\n' 'foo\\\n  bar\n' \
		's = "/* x */  //";  /* y */\n' 's = "\\"/*"; /* x */ t = "*/";\n' \
		"c = '\"'; /* x */ d = '\\\\''; /* y */\n" 's = "a \\\n  /* b"; /* x */\n' \
		"mov r0 @ don't  /* x */ \n/* y */\n" '#include  <a//b.h>  // x\n' \
		"# error  don't  do /* x */ that \n/* y */\n" 'a = b / c; /**/ d = "";\n' \
		'#warning a  \\\n  b /* x\n */ c\n/* y */\n' '# include </*c.h>\n' \
		'int a;\r\nb /* y\r\n */ c\\\r\n d\r\n' 'int a; /* x' 'int  a; /\\\n* x */\n' \
		'int a; /* x *\\\n/ int b; /* y **\\\n z */ c\n' 's = R"x(/*  )x"; /* x */\n' \
		'a \\ \nb /* x */\n' '// 0123456789abcdef0123456789abcdef\n' 'a\0 /* x */\n' \
		'a /* x\n\n\n */ b /* y\n */ // z\n' '#define a \\\n\\\n\\\n\n b\n' \
		"f<'a>(c: '\\\\''); /* a /* b */ c */ r#\"//\"# // x\n" \
		'  %%:include <a>\n' '# SPDX\n# a \\\n b\ndefine c\n# d\nendef\ne: # f\n#g\n'
}

# Use small headers, as random changes rarely hit a relevant place in a large one.
seed_headers() {
	headers=$(realpath "$kernel"/root/usr/src/linux-headers-*-common)/include/linux
	find "$headers" -maxdepth 1 -name '*.h' -size -4096c | sort |
		awk 'NR % 10 == 1' | head -n 50 > "$tmp/headers"
	xargs cp -t "$tmp/corpus" < "$tmp/headers"
}

write_dictionary() {
	cat > "$tmp/dictionary" <<- 'END'
		"/*"
		"*/"
		"//"
		"/\\\x0a*"
		"*\\\x0a/"
		"/**/"
		"\\\x0a"
		"\\\x0d\x0a"
		"\x0d\x0a"
		"\\ \x0a"
		"\\\\"
		"\\\""
		"\""
		"'"
		"#"
		"#error"
		"#warning"
		"#include"
		"#include <"
		"#define"
		"# "
		"<"
		">"
		"R\"("
		"r#\""
		"\"#"
		"u8R\"x("
		")\""
		"SPDX"
		"define "
		"endef"
		"\x0a#"
		"\x0a\x0a"
		" \x09"
		"\x0b"
		"\xff"
	END
}

# llvm NAME ARGUMENT...: run the LLVM tool that matches clang's version
llvm() {
	tool=$(clang -print-prog-name="llvm-$1")
	shift
	"$tool" "$@"
}

# Print "FUNCTION LINES MISSED" for each function that modifies text.  The functions from
# kind_of() on are never run here.
line_coverage() {
	source=$top/scripts/strip_comments.c
	llvm cov report -show-functions "$tmp/covered" \
		-instr-profile="$tmp/profile" "$source" > "$tmp/report" || return 1
	sed -n '/^enum kind /q; s/^static .*[ *]\([a-z_]*\)(.*/\1/p' "$source" > "$tmp/functions"
	awk 'NR == FNR { want[$1] = 1; next }
		{ sub(/^.*:/, "", $1) }
		$1 in want { print $1, $5, $6 }' "$tmp/functions" "$tmp/report"
}

# The corpus covers each line of two functions, and most of the others.
reaches_all() {
	build_target "$top" "$tmp/covered" -fsanitize=fuzzer \
		-fprofile-instr-generate -fcoverage-mapping || return 1
	LLVM_PROFILE_FILE=$tmp/profraw quiet "$tmp/covered" -runs=0 "$tmp/corpus" &&
		quiet llvm profdata merge -o "$tmp/profile" "$tmp/profraw" &&
		line_coverage > "$tmp/lines" || return 1
	ktap_print_msg "$(awk '{ all += $2; missed += $3 }
		END { printf "%d of %d lines in %d functions, %.1f %%", all - missed,
			all, NR, all ? 100 * (all - missed) / all : 0 }' "$tmp/lines")"
	awk '$3 { print $1 ": " $3 " lines missed" }' "$tmp/lines" | show
	grep -q '^strip_text [0-9]* 0$' "$tmp/lines" &&
		grep -q '^strip_step [0-9]* 0$' "$tmp/lines"
}

# finds_bug SCRIPT PROPERTY: the fuzzer finds that PROPERTY does not hold in a stripper
# modified by a sed SCRIPT
finds_bug() {
	rm -rf "$tmp/broken" "$tmp"/found-*
	mkdir -p "$tmp/broken/scripts" "$tmp/broken/tests/packer"
	cp "$here/fuzz_strip.c" "$tmp/broken/tests/packer"
	sed "$1" "$top/scripts/strip_comments.c" > "$tmp/broken/scripts/strip_comments.c"
	if cmp -s "$top/scripts/strip_comments.c" "$tmp/broken/scripts/strip_comments.c"; then
		ktap_print_msg "$1 changes nothing"
		return 1
	fi
	build_fuzzer "$tmp/broken" "$tmp/broken/fuzz" || return 1
	if fuzz "$tmp/broken/fuzz" -max_total_time=30; then
		ktap_print_msg "found nothing"
		return 1
	fi
	grep -q -F -e "$2" "$tmp/log" && return
	show_finding
	return 1
}

ktap_print_header
need_kernel
mkdir "$tmp/corpus"
seeds=0
seed_snippets
seed_headers
write_dictionary
ktap_set_plan 6
ktap_test_result "the target compiles" build_fuzzer "$top" "$tmp/fuzz"
ktap_test_result "$runs inputs find no bug" finds_nothing "$runs"
ktap_test_result "the inputs cover strip_text() and strip_step()" reaches_all
ktap_test_result "the fuzzer finds lost line ends" finds_bug \
	's/s->breaks++;/s->breaks = 1;/' "the number of lines of a header is preserved"
ktap_test_result "the fuzzer finds lost blanks" finds_bug \
	's/^\(\ts->blank |= \)s->after;/\1false;/' "the tokens of a header are preserved"
ktap_test_result "the fuzzer finds lost columns" finds_bug \
	's/n = \(s->mode & COLUMNS\)/n = (\1) \&\& !s->spliced/' \
	"columns are preserved if requested"
ktap_finished
