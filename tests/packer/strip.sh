#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The comment stripper: what it removes, what it preserves, and its exact output.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# gives IN OUT: the stripper converts IN to OUT, and does not change OUT; both are formats
# for printf, and $option is an option of the stripper or empty
gives() {
	# shellcheck disable=SC2059	# they are formats
	printf "$1" > "$tmp/in"
	# shellcheck disable=SC2059
	printf "$2" > "$tmp/want"
	"$STRIP_COMMENTS" ${option:+"$option"} < "$tmp/in" > "$tmp/out" &&
		"$STRIP_COMMENTS" ${option:+"$option"} < "$tmp/out" > "$tmp/again" || return 1
	cmp -s "$tmp/out" "$tmp/want" && cmp -s "$tmp/out" "$tmp/again" && return
	diff "$tmp/want" "$tmp/out" | cat -A | show
	cmp "$tmp/out" "$tmp/again" | show
	return 1
}

check() {
	ktap_test_result "$1" gives "$2" "$3"
}

# check_kept NAME TEXT: the stripper does not change TEXT
check_kept() {
	ktap_test_result "$1" gives "$2" "$2"
}

# gcc accepts a header stripped with -f, but warns about one stripped without.
gcc_reads_fallthrough() {
	cat > "$tmp/fall.h" <<- 'END'
		#define STEP(x)	case 0: x++; /* Falls through. */ case 1: x++; /* FALLTHRU */ \
			/* gone */ case 2: x++
		int f(int x)
		{
			switch (x) { /* gone */
			STEP(x);	// fall-through
			case 3: x++; /* else fall through - as ever */

			case 4: x++; break;
			/*-fallthrough*/
			}
			return x;
		}
	END
	"$STRIP_COMMENTS" -f < "$tmp/fall.h" > "$tmp/kept.h" &&
		"$STRIP_COMMENTS" < "$tmp/fall.h" > "$tmp/all.h" || return 1
	! grep -q gone "$tmp/kept.h" &&
		quiet gcc -x c -S -o /dev/null -Werror=implicit-fallthrough=3 "$tmp/kept.h" &&
		fails_with "fall through" gcc -x c -S -o /dev/null -Werror=implicit-fallthrough=3 \
			"$tmp/all.h"
}

# in_list: strip with a list, where the name determines the kind of a file
in_list() {
	rm -rf "$tmp/list"
	printf '%s\t%s\n' "$tmp/in" "$1" | "$STRIP_COMMENTS" -d "$tmp/list" &&
		cmp "$tmp/want" "$tmp/list/$1"
}

makefile() {
	cat > "$tmp/in" <<- 'END'
		# SPDX-License-Identifier: X
		# gone
		defines := 1
		# gone
		# SPDX-FileCopyrightText: Y
		a := \
		# stays
		define b
		endefs
		# stays
		endef
		override define e
		# stays
		 define f
		# stays
		endef
		# stays
		endef
		# gone \\
		x := 1
		# gone \
		too
		c := d # stays
		#gone
		x:;
	END
	printf '\t# stays\n' >> "$tmp/in"
	sed -e 's/^#.*gone.*//' -e 's/^too$//' "$tmp/in" > "$tmp/want"
	in_list scripts/Makefile.build && in_list Makefile && in_list Kbuild
}

others() {
	printf 'int  a; /* x */\n# y\n' > "$tmp/in"
	cp "$tmp/in" "$tmp/want"
	in_list script.sh && in_list a.S && in_list a.c && in_list .config && in_list h
}

# rust IN OUT...: pairs of formats; comments in Rust become blanks, as columns are data there
rust() {
	while [ $# -gt 0 ]; do
		# shellcheck disable=SC2059	# they are formats
		printf "$1" > "$tmp/in"
		# shellcheck disable=SC2059
		printf "$2" > "$tmp/want"
		if ! in_list rust/a.rs; then
			ktap_print_msg "of: $1"
			return 1
		fi
		shift 2
	done
}

rust_comments() {
	rust 'a /* x */ b // y\nc\n' 'a         b\nc\n' '//// x\n\ta;  \n' '\n\ta;\n' \
		'/* a /* b */ c */d\n' '                 d\n' 'a /* x\n y */ b\n' 'a\n      b\n' \
		'/* \303\251 */a\n' '       a\n' '// SPDX x\n/* SPDX */ a\n' \
		'// SPDX x\n/* SPDX */ a\n' 'a / b /**/' 'a / b' 'a //' 'a' '/' '/' \
		'#![a] // x\n' '#![a]\n' '#!' '#!' '/*//*/*/**/a\n' '/*//*/*/**/a\n' \
		'a /*/ x */b\n' 'a         b\n'
}

# Documentation is an attribute, which stays; its text goes.
rust_documentation() {
	rust '//! x\n/// y\n\t///\n' '//!\n///\n\t///\n' 'a /** x */ b\n' 'a /**   */ b\n' \
		'/*! x\n  y */ a /// z' '/*!\n    */ a ///' '/***/a /**/b\n' '     a     b\n' \
		'/*** x */a /**x*/b\n' '         a /** */b\n' '/*!*/a //!' '/*!*/a //!' \
		'a //\n' 'a\n' '/** /* x */ */a\n' '/**         */a\n'
}

# shellcheck disable=SC1003	# they are in a format
rust_literals() {
	rust 's = "//\\" /*"; // x\n' 's = "//\\" /*";\n' 's = "a  \n //b  "; // x\n' \
		's = "a  \n //b  ";\n' "c = '\"'; // x\n" "c = '\"';\n" \
		"c = '\\\\''; // \"\n" "c = '\\\\'';\n" "'a: f::<'b>(\"'\"); // x\n" \
		"'a: f::<'b>(\"'\");\n" "c = '\303\251'; /* ' */\n" "c = '\303\251';\n" \
		's = r"\\"; // "\n' 's = r"\\";\n' 's = br##"a"# //"##; // x\n' \
		's = br##"a"# //"##;\n' 'r#type // "\n' 'r#type\n' 'cr#"/*"# /* x */;\n' \
		'cr#"/*"#        ;\n' 'for"a\\" //" // x\n' 'for"a\\" //"\n' 'xr"\\"" //"\n' \
		'xr"\\""\n' '\303\251r"\\" // x\n' '\303\251r"\\" // x\n' \
		'm!(r#"a"##b); // x\n' 'm!(r#"a"##b);\n'
}

# Files that are copied: no end of a comment or a literal, CR LF, a command for a shell.
rust_kept() {
	for text in 'a /* x /* y */' 's = "a // x' 's = r#"a" // x' 'a // x\r\n' \
			'#!/bin/sh // x\n' "c = '\\\\' // x" '/*/'; do
		rust "$text" "$text" || return 1
	done
}

# gives_all IN OUT...: pairs of arguments for gives
gives_all() {
	while [ $# -gt 0 ]; do
		gives "$1" "$2" || {
			ktap_print_msg "of: $1"
			return 1
		}
		shift 2
	done
}

# keeps_all TEXT...: the stripper changes none of them
keeps_all() {
	for text; do
		gives "$text" "$text" || {
			ktap_print_msg "of: $text"
			return 1
		}
	done
}

# Identifiers before a quote that do not start a raw string.
not_raw() {
	gives_all 'R "(a" /* x */\n' 'R "(a"\n' 'R \\\n"(a" /* x */\n' 'R \\\n"(a"\n' \
		'R/**/"(a" /* x */\n' 'R "(a"\n' 'R\n"(a" /* x */\n' 'R\n"(a"\n' \
		'FOR"(a" /* x */\n' 'FOR"(a"\n' 'XR"(a" /* x */\n' 'XR"(a"\n' \
		'u9R"(a" /* x */\n' 'u9R"(a"\n' '_R"(a" /* x */\n' '_R"(a"\n' \
		'9R"(a" /* x */\n' '9R"(a"\n' 'aR"(a" /* x */\n' 'aR"(a"\n' \
		'zR"(a" /* x */\n' 'zR"(a"\n' 'AR"(a" /* x */\n' 'AR"(a"\n' \
		'ZR"(a" /* x */\n' 'ZR"(a"\n' '0R"(a" /* x */\n' '0R"(a"\n' \
		'"R"  "a"\n' '"R" "a"\n' '"(a"  /* x */\n' '"(a"\n' \
		'xu8R"(a" /* x */\n' 'xu8R"(a"\n' 'Ru"(a" /* x */\n' 'Ru"(a"\n'
}

raw() {
	keeps_all 'R"(/*  )"; /* x */\n' 's = LR"(/*  )"; /* x */\n' 's = uR"(/*  )"; // x\n' \
		's = UR"(/*  )"; /* x */\n' 's = u8R"(/*  )"; /* x */\n' '(R"(/*  )"); /* x */\n' \
		's = u\\\n8R"(/*  )"; /* x */\n' 'a\\\nFOR"(a"  /* x */\n' '@R"(/*  )" /* x */\n' \
		'[R"(/*  )" /* x */\n' '`R"(/*  )" /* x */\n' '{R"(/*  )" /* x */\n' \
		':R"(/*  )" /* x */\n' '/R"(/*  )" /* x */\n'
}

# A "/" at the end of a line: the first half of a comment mark, or a division.
slash_at_the_end() {
	keeps_all 'a  /\\\n/ b\n' 'a  /\\\n\\\n* b */\n' '/\\\n* a  */\n' &&
		gives_all 'a  /\\\n= b; /* x */\n' 'a /\\\n= b;\n' 'a  / \\\n* b; /* x */\n' \
			'a / \\\n* b;\n' 'a  /\n* b; /* x */\n' 'a /\n* b;\n' 'a  /\\\n' 'a /\n' \
			'a /* x */ /' 'a /' '/' '/' '*/  a\n' '*/ a\n'
}

# The end of a directive's name, and the start of a file name.
directives() {
	gives_all '#\n/* x */\n' '#\n\n' '# \t\n/* x */\n' '#\n\n' '#erro  a /* x */\n' \
		'#erro a\n' \
		'#warnings  a /* x */\n' '#warnings a\n' '#errors  a /* x */\n' '#errors a\n' \
		'#abcde  a /* x */\n' '#abcde a\n' '#abcdefg  a /* x */\n' '#abcdefg a\n' \
		'#define  __has_include(x) /* x */\n' '#define __has_include(x)\n' \
		'#i  __has_include(<a//b>) /* x */\n' '#i __has_include(<a\n' \
		'#if  a /* x */\n__has_include\n' '#if a\n__has_include\n' \
		'#include  "a//b"  /* x */\n' '#include "a//b"\n' '#include A /* x */  \n' \
		'#include A\n' \
		'#import  A /* x */\n' '#import A\n' '#impor  <a//b>\n' '#impor <a\n' \
		'#includ <a//b>\n' '#includ <a\n' '#imports  <a//b>\n' '#imports <a\n' \
		'#abcdef <a//b>\n' '#abcdef <a\n' '#include\t\t<a>/* x */\n' '#include <a>\n' \
		'a #  include <a//b>\n' 'a # include <a\n' '#include<a//b>/**/c\n' \
		'#include<a//b> c\n' \
		'#  include  <a//b>\n' '# include <a//b>\n' '#include <a\\>/* x */ b>\n' \
		'#include <a\\> b>\n' \
		'#include ' '#include' '# ' '#' &&
		keeps_all '#' '#include' '#include <a//b' '#/**/include <a//b>\n' '#error' '#el' \
			'# /* x */ include <a//b>\n' '#\\\ninclude <a//b>\n' \
			'#include\\\n<a//b>\n' \
			'#include \\\n<a//b>\n' '#ifdef  __has_include /* x */\n' \
			'#elif __has_include(<a//b>) /* x */\n' \
			'#el  __has_include(<a//b>) /* x */\n' \
			'#if a  __has_include /* x */'
}

# The text of #error is not tokenized, but its comments are comments.
error_lines() {
	gives_all '#error "/* a  " b  /* x */\n/* y */\n' '#error "/* a  " b  /* x */\n\n' \
		"#error  '/* a  ' b\n/* y */\n" "#error  '/* a  ' b\n\n" \
		'#error a / b /= c  /* x */\n/* y */\n' '#error a / b /= c  /* x */\n\n' \
		'#error a // b \\\n c  /* x */\n/* y */\n' '#error a // b \\\n c  /* x */\n\n' \
		"#error don't /* a\n/* y */\n" "#error don't /* a\n\n" \
		'#error a /\\\n= b  c\n/* y */\n' '#error a /\\\n= b  c\n\n' \
		'#error a\\\n  "b"  c\n/* y */\n' '#error a\\\n  "b"  c\n\n' &&
		keeps_all '#error R"(/*  )\n/* y */\n' '#error \\\n"(/*  )\n/* y */\n' \
		'#error /* open\n' \
			'#error a  /' '#error /\\\n/ a\n/* y */\n' \
			'/* x */\n#error a /*' '#warning  /* x\n*/ y /* z */\n'
}

# Backslashes, also at the end of the file.
# shellcheck disable=SC1003	# they are in a format
backslashes() {
	keeps_all 's = "\\' 's = "b\\\n' 's = "b\\' "c = '\\\\\n /* x */\n" '\\' \
		'a \\ b  /* x */\n' \
		'a \\/* x */\n' 'a \\\\\n/* x */  b\n' 's = "\\\\\n' 's = "\\' \
		'a \\\t b /* x */\n' '\\ \n' \
		'/* x */ \\ \r\na\r\n' &&
		gives_all 'a\\\n\\\n' 'a\n\n' '\\\n  a\n' '\\\n a\n' \
		'\\\n#define a  b\n' '\\\n#define a b\n' '\\a  /* x */\n' '\\a\n' \
		'"\\\n" /* x */\n' '"\\\n"\n' \
			'"a\\"  /* x */ b" /* y */\n' '"a\\"  /* x */ b"\n' \
			'"a\\\\" /* y */\n' '"a\\\\"\n' '"a\\\\\n"  /* x */ b" /* y */\n' \
			'"a\\\\\n"  /* x */ b"\n' '"a\\\n" /* x */ b\n' '"a\\\n" b\n'
}

comment_ends() {
	gives_all '/*/ x */ a\n' ' a\n' '/* x **/ a\n' ' a\n' 'a/* *\\\n/  b\n' 'a\\\n b\n' \
		'/* * / */ a\n' ' a\n' '/**/a\n' ' a\n' 'a/***/b\n' 'a b\n' '/* SPD */a\n' ' a\n' \
		'/* SPDX\n */ /* x */  a\n' '/* SPDX\n */ a\n' 'a  // SPDX' 'a // SPDX' 'a  //' \
		'a' \
		'/* x\n\n */ a /* y\n */\n' '\n\n a\n\n' 'a /* x */ \\\n /* y */ b\n' 'a\\\n b\n' \
		'a/* x\n*/b\n' 'a\\\n b\n' 'a\\\n \\\nb\n' 'a\\\n \\\nb\n' &&
		keeps_all '/* *' '/**' '/*' 'a  /*/' '/* x *\\\n' '//'
}

# A checksum is "// " and at least 32 digits on the last non-empty line.
checksums() {
	sum=0123456789abcdef0123456789abcdef
	keeps_all "/* x */\n// $sum\n" "/* x */\n// $sum" "/* x */\n// $sum\n\n\n" "// $sum\n" \
		"/* x */\r\n// $sum\r\n" &&
		gives_all "/* x */\n// ${sum%?}\n" '\n\n' "/* x */\n//  $sum\n" '\n\n' \
			"/* x */\n// ${sum}g\n" '\n\n' "/* x */\n//$sum\n" '\n\n' \
			"/* x */\n$sum\n" "\n$sum\n" \
			"/* x */\n/ $sum\n" "\n/ $sum\n" "/ $sum  /**/\n" "/ $sum\n" "a  $sum" \
			"a $sum"
}

# Consistent and mixed line ends, and unusual bytes.
line_ends() {
	keeps_all '\r/* x */ a\r' '/* x */ a\r\r\n' '/* x */ a\r\n\r' '/* x */ a\n\r\n' 'a  \r' \
		'\357\273\277/* x */ a\n' '\357\273\277' 'a  /* x */\0' '/* x */  a\rb\r\n' \
		'/* x */\ra\n' '// x \\ \r\na\r\n' '/* x */\n\r' &&
		gives_all '\r\n/* x */ a\r\n' '\r\n a\r\n' 'a \\\r\n  b /* x\r\n */ c\r\n' \
			'a\\\r\n b\\\r\n c\r\n' '/* x */\n\357\273\277\n' '\n\357\273\277\n' \
			' \n/* x */\n' '\n\n' '\n\n/* x */ a\n' '\n\n a\n' \
			'\357\273  /* x */\n' '\357\273\n' 'a\v\f/* x */\fb\v\n' 'a b\n' \
			'a "b\\\r\n" /* x */\r\n' 'a "b\\\r\n"\r\n'
}

# Files larger than the read buffer, and of exactly its size.
large_files() {
	for size in 65535 65536 65537 300000; do
		head -c "$size" /dev/zero | tr '\0' a > "$tmp/in"
		"$STRIP_COMMENTS" < "$tmp/in" > "$tmp/out" && cmp "$tmp/in" "$tmp/out" || return 1
	done
}

# list TEXT: run the stripper on a list, a format for printf, with files in $tmp/l
list() {
	rm -rf "$tmp/list"
	# shellcheck disable=SC2059	# a format
	printf "$1" | ( cd "$tmp/l" && "$STRIP_COMMENTS" -d "$tmp/list" )
}

make_list() {
	rm -rf "$tmp/l"
	put "$tmp/l/a" "int  a; /* x */"
	put "$tmp/l/b" "int  b; /* x */"
	put "$tmp/l/x" "#!/bin/sh"
	chmod 700 "$tmp/l/x"
	chmod 600 "$tmp/l/b"
}

# Every line's file is written, with mode 644 or 755, in directories created as needed.
lists() {
	make_list
	list 'a\ta.h\nb\tp/q/r/b.h\nx\tp/x\na\tp/q/a.c\nb\t.h\na\tp/Makefile.a\nb\tp/Kbuild\n' ||
		return 1
	( cd "$tmp/list" && find . -type f -printf '%p %m ' -exec cat {} \; | sort ) > "$tmp/out"
	cat > "$tmp/want" <<- 'END'
		./.h 644 int  b; /* x */
		./a.h 644 int a;
		./p/Kbuild 644 int  b; /* x */
		./p/Makefile.a 644 int  a; /* x */
		./p/q/a.c 644 int  a; /* x */
		./p/q/r/b.h 644 int b;
		./p/x 755 #!/bin/sh
	END
	quiet diff "$tmp/want" "$tmp/out" && list '' && [ ! -e "$tmp/list" ] || return 1
	# more files than CPUs, to a directory below the current one
	seq 100 | sed 's,.*,a\tfile&.c,' > "$tmp/names"
	( cd "$tmp/l" && quiet "$STRIP_COMMENTS" -d n < "$tmp/names" ) &&
		[ "$(find "$tmp/l/n" -type f | wc -l)" -eq 100 ]
}

options() {
	make_list
	printf 'a\ta.h\n' > "$tmp/l/list"
	( cd "$tmp/l" && rm -rf "$tmp/list" && "$STRIP_COMMENTS" -k -d "$tmp/list" < list ) &&
		cmp "$tmp/l/a" "$tmp/list/a.h" &&
		( cd "$tmp/l" && rm -rf "$tmp/list" &&
		"$STRIP_COMMENTS" -d "$tmp/list" -c < list ) &&
		[ "$(cat "$tmp/list/a.h")" = "int  a;" ] &&
		"$STRIP_COMMENTS" -k < "$tmp/l/a" > "$tmp/out" && cmp "$tmp/l/a" "$tmp/out" ||
		return 1
	for option in -h --help; do
		"$STRIP_COMMENTS" "$option" < /dev/null > "$tmp/out" 2> "$tmp/output" &&
			grep -q '^Usage: ' "$tmp/out" && [ ! -s "$tmp/output" ] || return 1
	done
	for option in -x --nonsense argument; do
		"$STRIP_COMMENTS" "$option" < /dev/null > "$tmp/out" 2> "$tmp/output"
		[ $? -eq 2 ] && [ ! -s "$tmp/out" ] && grep -q '^Usage: ' "$tmp/output" || return 1
	done
}

# A bad line fails the whole run, wherever it is, and the message names the file.
bad_lists() {
	make_list
	mkdir "$tmp/l/dir"
	for bad in 'gone\tc.h' 'dir\tc.h' 'no tab' 'a\t' 'a\tb.h/c.h' 'b\tb.h' 'b'; do
		for text in "$bad"'\nb\tb.h\n' 'b\tb.h\n'"$bad"'\n' \
			'b\tb.h\na\ta.h\n'"$bad"'\n' 'b\tb.h\na\ta.h\na\td.h\n'"$bad"'\n'; do
			fails_with 'strip_comments: ' list "$text" || return 1
		done
	done
	fails_with "gone: No such file" list 'gone\tc.h\n' &&
		fails_with "dir: not a regular file" list 'dir\tc.h\n' &&
		fails_with "no tab: not a line" list 'no tab\n' &&
		fails_with "a	: not a line" list 'a\t\n' &&
		fails_with "list: no newline at the end" list 'a\ta.h' &&
		fails_with "c.h: File exists" list 'a\tc.h\na\tx\na\tc.h\n'
}

# traced INJECTION COMMAND...: make system calls fail, see strace(1)
traced() {
	inject=$1
	shift
	strace -f -qq -o "$tmp/trace" -e "inject=$inject" "$@"
}

# stream INJECTION [FILE]: strip $tmp/in, with INJECTION on FILE (default: the input)
stream() {
	traced "$1" -P "${2:-$tmp/in}" "$STRIP_COMMENTS" < "$tmp/in" > "$tmp/out"
}

# Interrupted or partial reads and writes are continued.
interrupted() {
	echo "int  a; /* x */" > "$tmp/in"
	for call in read write; do
		: > "$tmp/out"
		stream "$call:error=EINTR:when=1" \
			"$tmp/$([ "$call" = read ] && echo in || echo out)" &&
			[ "$(cat "$tmp/out")" = "int a;" ] || return 1
	done
	# the injected result reports 4 bytes as written that were not
	stream write:retval=4:when=1 "$tmp/out" && [ "$(cat "$tmp/out")" = "a;" ]
}

# Every failure is reported, and the status is not 0.
failing_calls() {
	echo "int  a; /* x */" > "$tmp/in"
	make_list
	printf 'a\ta.h\nb\tp/b.h\n' > "$tmp/l/list"
	rm -rf "$tmp/list"
	mkdir "$tmp/list"
	fails_with "standard input: Input/output error" stream read:error=EIO &&
		fails_with "standard output: No space left" stream write:error=ENOSPC \
		"$tmp/out" || return 1
	for injection in a.h:close:error=EIO a:read:error=EIO a.h:write:error=ENOSPC \
			a.h:openat:error=EMFILE p:mkdir:error=EACCES; do
		rm -rf "$tmp/list"
		mkdir "$tmp/list"
		# strace compares paths both as given and as resolved from descriptors
		( cd "$tmp/l" && fails_with "${injection%%:*}: " traced "${injection#*:}" \
			-P "$tmp/list/${injection%%:*}" -P "$tmp/l/${injection%%:*}" \
			-P "${injection%%:*}" "$STRIP_COMMENTS" -d "$tmp/list" < list ) || return 1
	done
}

# A child that dies without a message, and a failing fork().
failing_children() {
	make_list
	printf 'a\ta.h\nb\tb.h\n' > "$tmp/l/list"
	for name in a b; do
		rm -rf "$tmp/list"
		( cd "$tmp/l" &&
			traced openat:signal=KILL -P "$name" "$STRIP_COMMENTS" -d "$tmp/list" \
			< list ) > "$tmp/output" 2>&1 && return 1
	done
	for n in 1 2; do
		rm -rf "$tmp/list"
		( cd "$tmp/l" &&
			fails_with "fork: " traced "clone,clone3,fork:error=EAGAIN:when=$n" \
			"$STRIP_COMMENTS" -d "$tmp/list" < list ) || return 1
	done
}

# changes COMMAND: the stripper reports that COMMAND changed the file while it was read
changes() {
	make_list
	rm -rf "$tmp/list"
	: > "$tmp/trace"
	printf 'a\ta.h\n' | ( cd "$tmp/l" && traced read:signal=STOP:when=1 -P "$tmp/l/a" \
		"$STRIP_COMMENTS" -d "$tmp/list" ) > "$tmp/output" 2>&1 &
	until pid=$(awk '/stopped by SIGSTOP/ { print $1 }' "$tmp/trace") && [ -n "$pid" ]; do
		kill -0 $! 2> /dev/null || break
		sleep 0.02
	done
	( cd "$tmp/l" && eval "$1" )
	kill -CONT "$pid"
	wait $! && return 1
	grep -q "a: changed while being read" "$tmp/output" && return
	show "$tmp/output"
	return 1
}

# Changes of the size or the mtime are noticed, down to nanoseconds.
# shellcheck disable=SC2016	# for the shell that evaluates it
changing_files() {
	changes 'echo >> a; touch -d @1 a' && changes 'touch -d "2001-01-01" a' &&
		changes 'touch -r a b; touch -d "$(stat -c %y a | sed "s/\.[0-9]*/.5/")" a' &&
		changes ': > a' && changes 'touch -r a b; echo y >> a; touch -r b a'
}

# A file of 20 MB with limits that make two different allocations fail.
out_of_memory() {
	head -c 20000000 /dev/zero | tr '\0' a > "$tmp/in"
	for limit in 30000 60000; do
		# shellcheck disable=SC3045	# dash and busybox have it
		( ulimit -v "$limit" &&
			fails_with "out of memory" "$STRIP_COMMENTS" < "$tmp/in" ) || return 1
	done
}

ktap_print_header
build_strip_comments
option=
ktap_set_plan 88
check "a comment becomes a blank" 'int/**/a;\n' 'int a;\n'
check "runs of blanks shrink" 'int \t /* x */ \t a;\n' 'int a;\n'
check "indentation is one blank" '\t\tint a;\n' ' int a;\n'
check "trailing blanks are removed" 'int a; \t\n' 'int a;\n'
check "a line comment is removed" 'int a; // x\nint b;\n' 'int a;\nint b;\n'
check "line numbers are preserved" '/* a\n * b\n */\nint a;\n' '\n\n\nint a;\n'
check "a comment joins lines" 'int a; /* x\n */ int b;\n' 'int a;\\\n int b;\n'
check "nothing to join after a comment" 'int a; /* x\n */\nint b;\n' 'int a;\n\nint b;\n'
check "comment before a directive" '/* x\n */ #define A\n' '\n #define A\n'
check "comment in a directive" '#define A /* x\n */ 1\nint b;\n' '#define A\\\n 1\nint b;\n'
check "comment in a continued line" '#define A \\\n\t/* x\n\t */ \\\n\tb\n' \
	'#define A\\\n\\\n\\\n b\n'
check "comment ends a directive" '#define A 1 /* x\n */\nint b;\n' '#define A 1\n\nint b;\n'
check "continuation before an empty line" '#define A 1 \\\n\nint b;\n' '#define A 1\n\nint b;\n'
check "continued line comment" 'a // x \\\n y\nb\n' 'a\n\nb\n'
check "continuation inside a token" 'foo\\\nbar\n' 'foo\\\nbar\n'
check "blank before a continuation" 'foo \\\nbar\n' 'foo \\\nbar\n'
check "blank after a continuation" 'foo\\\n  bar\n' 'foo\\\n bar\n'
check "SPDX comments are preserved" '/* SPDX-License-Identifier: X */ /* y */\n// SPDX  z\n' \
	'/* SPDX-License-Identifier: X */\n// SPDX  z\n'
check "marks in strings" 's = "/* x */  //";  /* y */\n' 's = "/* x */  //";\n'
check "escapes in strings" 's = "\\"/*"; /* x */ t = "*/";\n' 's = "\\"/*"; t = "*/";\n'
check "quote in a character" "c = '\"'; /* x */ d = '\\\\''; /* y */\n" "c = '\"'; d = '\\\\'';\n"
check "continued string" 's = "a  \\\n  /* b"; /* x */\n' 's = "a  \\\n  /* b";\n'
check "open quote in assembly" "mov r0 @ don't  /* x */ \n/* y */\n" "mov r0 @ don't  /* x */ \n\n"
check "#error text is preserved" "# error  don't  do /* x */ that \n/* y */\n" \
	"# error  don't  do /* x */ that \n\n"
check "#warning over two lines" '#warning a  \\\n  b /* x\n */ c\n/* y */\n' \
	'#warning a  \\\n  b /* x\n */ c\n\n'
check "names in brackets" '#include  <a//b.h>  // x\n# include </*c.h>\n' \
	'#include <a//b.h>\n# include </*c.h>\n'
check "#import and #include_next" '#import <a//b.h>\n#include_next <c//d> // x\n' \
	'#import <a//b.h>\n#include_next <c//d>\n'
check_kept "__has_include" '#if  __has_include(<a//b.h>) /* x */\n'
check_kept "#elif __has_include over two lines" '#elif  a && \\\n __has_include(<a//b>) // x\n'
check_kept "a digraph for #" '  %%:include <a//b.h> // x\n'
check_kept "byte order mark" '\357\273\277#error don'\''t /* x */ this\n'
check "a percent sign is not a digraph" '/* x */ %% /* y */ a\n' ' %% a\n'
check "a division is not a comment" 'a = b / c; a = b /d; /**/\n' 'a = b / c; a = b /d;\n'
check "stars and slashes" '/***//* **/a/ *b;/*/*/\n' ' a/ *b;\n'
check "CR LF" '/* a\r\n */\r\nint  a; // x\r\nb /* y\r\n */ c\r\n' '\r\n\r\nint a;\r\nb\\\r\n c\r\n'
check "no last line end" 'int a; /* x */' 'int a;'
check "comment at the very end" 'a /* x\n y */' 'a\n'
check "bytes above 127" 'char *s = "\303\244  \377"; /* \344 */\n' 'char *s = "\303\244  \377";\n'
check "macro without parameters" '#define A/**/(x)\n' '#define A (x)\n'
check "an empty file" '' ''
check_kept "checksum" '/* x */\nint  a;\n// 0123456789abcdef0123456789abcdef01234567\n'
check_kept "open comment" 'int  a; /* x\n'
check_kept "NUL" 'int  a;\0 /* x */\n'
check_kept "mixed line ends" 'int  a; /* x */\r\nint b;\n'
check_kept "raw string" 's = R"x(/*  )x"; /* x */\n'
check "closing mark split" 'int  a; /* x *\\\n/ int b; /* y **\\\n z */ int c;\n' \
	'int a;\\\n int b;\\\n int c;\n'
check_kept "opening mark split" 'int  a; /\\\n* x */ int b;\n'
check_kept "backslash that does not continue a line" '#define A x \\ /* x */\nint  b;\n'
check "escape split by a line end" 's = "\\\\\n /* x */ n"; /* y */\n' 's = "\\\\\n /* x */ n";\n'
check_kept "blank after a backslash, in a comment" '// a \\ \nint  x;\n'
check_kept "blank after a backslash, in a literal" 's = "a\\ \nb /* x */ c";\n'
check_kept "comment in an include" '#include /**/<a//b>\n'
check_kept "line end in an include" '#inc\\\nlude <a//b>\n'
check_kept "opening mark split in #error" '#error /\\\n*\n// */ a\nint  b;\n'
check_kept "raw string with a split prefix" 's = R\\\n"(  /* x */ " /* y */ )";\n'
option=-c
check "columns are preserved" '\tint  a; /* x */ int b;\t// y\n' ' int  a;         int b;\n'
check "columns after line breaks" '/* a\n  b */ c /* d\n */ e \\\n/**/ f\n' \
	'\n       c\\\n    e\\\n     f\n'
check "columns in a directive" ' #  define /* x */ A\t1 /* y */ \n' ' #  define         A 1\n'
check "columns with CR LF" '/* a\r\n */\tb  c\r\n' '\r\n    b  c\r\n'
option=-f
check "fallthrough comments are preserved" 'a; /* Fall-through */ case 1:\n' \
	'a; /* Fall-through */ case 1:\n'
check "fallthrough line comments, too" 'a; // fallthru\n/* b */case 1:\n' \
	'a; // fallthru\n case 1:\n'
check_kept "a near miss is preserved" 'a; // fallthr\n'
check "other comments are removed" 'a; /* may fall through */ case 1: /* falling thr */\n' \
	'a; case 1:\n'
option=
ktap_test_result "gcc accepts fallthrough comments" gcc_reads_fallthrough
ktap_test_result "not a raw string" not_raw
ktap_test_result "raw strings" raw
ktap_test_result "a slash at the end of a line" slash_at_the_end
ktap_test_result "directives" directives
ktap_test_result "#error lines" error_lines
ktap_test_result "backslashes" backslashes
ktap_test_result "ends of comments" comment_ends
ktap_test_result "checksums" checksums
ktap_test_result "line ends" line_ends
ktap_test_result "large files" large_files
ktap_test_result "makefiles" makefile
ktap_test_result "comments in Rust" rust_comments
ktap_test_result "documentation in Rust" rust_documentation
ktap_test_result "literals in Rust" rust_literals
ktap_test_result "files in Rust that are copied" rust_kept
ktap_test_result "other files are copied" others
ktap_test_result "lists" lists
ktap_test_result "bad lists" bad_lists
ktap_test_result "options" options
ktap_test_result "interrupted reads and writes" interrupted
ktap_test_result "failing system calls" failing_calls
ktap_test_result "failing children" failing_children
ktap_test_result "files that change while being read" changing_files
ktap_test_result "out of memory" out_of_memory
ktap_finished
