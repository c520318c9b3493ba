#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The comment stripper: what goes, what stays, and where it ends up.

# shellcheck source=../lib/test.sh
. "$(dirname "$0")/../lib/test.sh"

# gives IN OUT: both for printf; the stripper must turn one into the other, and
# leave the result as it is; option: -c or nothing
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

# same TEXT
check_kept() {
	ktap_test_result "$1" gives "$2" "$2"
}

# In a list the name says what a file is.
in_list() {
	rm -rf "$tmp/list"
	printf '%s\t%s\n' "$tmp/in" "$1" | "$STRIP_COMMENTS" -d "$tmp/list" &&
		cmp "$tmp/want" "$tmp/list/$1"
}

makefile() {
	cat > "$tmp/in" <<- 'END'
		# SPDX-License-Identifier: X
		# gone
		a := \
		# stays
		define b
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

ktap_print_header
build_strip_comments
option=
ktap_set_plan 61
check "a comment is a blank" 'int/**/a;\n' 'int a;\n'
check "runs of blanks shrink" 'int \t /* x */ \t a;\n' 'int a;\n'
check "indentation is one blank" '\t\tint a;\n' ' int a;\n'
check "blanks at the end go" 'int a; \t\n' 'int a;\n'
check "a line comment goes" 'int a; // x\nint b;\n' 'int a;\nint b;\n'
check "lines stay" '/* a\n * b\n */\nint a;\n' '\n\n\nint a;\n'
check "a comment joins lines" 'int a; /* x\n */ int b;\n' 'int a;\\\n int b;\n'
check "nothing to join" 'int a; /* x\n */\nint b;\n' 'int a;\n\nint b;\n'
check "comment before a directive" '/* x\n */ #define A\n' '\n #define A\n'
check "comment in a directive" '#define A /* x\n */ 1\nint b;\n' '#define A\\\n 1\nint b;\n'
check "comment in a continued line" '#define A \\\n\t/* x\n\t */ \\\n\tb\n' '#define A\\\n\\\n\\\n b\n'
check "comment ends a directive" '#define A 1 /* x\n */\nint b;\n' '#define A 1\n\nint b;\n'
check "continuation into nothing" '#define A 1 \\\n\nint b;\n' '#define A 1\n\nint b;\n'
check "continued line comment" 'a // x \\\n y\nb\n' 'a\n\nb\n'
check "continuation glues" 'foo\\\nbar\n' 'foo\\\nbar\n'
check "blank before a continuation" 'foo \\\nbar\n' 'foo \\\nbar\n'
check "blank behind a continuation" 'foo\\\n  bar\n' 'foo\\\n bar\n'
check "SPDX stays" '/* SPDX-License-Identifier: X */ /* y */\n// SPDX  z\n' \
	'/* SPDX-License-Identifier: X */\n// SPDX  z\n'
check "marks in strings" 's = "/* x */  //";  /* y */\n' 's = "/* x */  //";\n'
check "escapes in strings" 's = "\\"/*"; /* x */ t = "*/";\n' 's = "\\"/*"; t = "*/";\n'
check "quote in a character" "c = '\"'; /* x */ d = '\\\\''; /* y */\n" "c = '\"'; d = '\\\\'';\n"
check "continued string" 's = "a  \\\n  /* b"; /* x */\n' 's = "a  \\\n  /* b";\n'
check "open quote in assembly" "mov r0 @ don't  /* x */ \n/* y */\n" "mov r0 @ don't  /* x */ \n\n"
check "#error keeps its text" "# error  don't  do /* x */ that \n/* y */\n" "# error  don't  do /* x */ that \n\n"
check "#warning over two lines" '#warning a  \\\n  b /* x\n */ c\n/* y */\n' '#warning a  \\\n  b /* x\n */ c\n\n'
check "names in brackets" '#include  <a//b.h>  // x\n# include </*c.h>\n' '#include <a//b.h>\n# include </*c.h>\n'
check "#import and #include_next" '#import <a//b.h>\n#include_next <c//d> // x\n' \
	'#import <a//b.h>\n#include_next <c//d>\n'
check_kept "__has_include" '#if  __has_include(<a//b.h>) /* x */\n'
check_kept "#elif __has_include over two lines" '#elif  a && \\\n __has_include(<a//b>) // x\n'
check_kept "a digraph for #" '  %%:include <a//b.h> // x\n'
check_kept "byte order mark" '\357\273\277#error don'\''t /* x */ this\n'
check "percent is none" '/* x */ %% /* y */ a\n' ' %% a\n'
check "division is none" 'a = b / c; a = b /d; /**/\n' 'a = b / c; a = b /d;\n'
check "stars and slashes" '/***//* **/a/ *b;/*/*/\n' ' a/ *b;\n'
check "CR LF" '/* a\r\n */\r\nint  a; // x\r\nb /* y\r\n */ c\r\n' '\r\n\r\nint a;\r\nb\\\r\n c\r\n'
check "no last line end" 'int a; /* x */' 'int a;'
check "comment at the very end" 'a /* x\n y */' 'a\n'
check "bytes above 127" 'char *s = "\303\244  \377"; /* \344 */\n' 'char *s = "\303\244  \377";\n'
check "macro without parameters" '#define A/**/(x)\n' '#define A (x)\n'
check "nothing" '' ''
check_kept "checksum" '/* x */\nint  a;\n// 0123456789abcdef0123456789abcdef01234567\n'
check_kept "open comment" 'int  a; /* x\n'
check_kept "NUL" 'int  a;\0 /* x */\n'
check_kept "mixed line ends" 'int  a; /* x */\r\nint b;\n'
check_kept "raw string" 's = R"x(/*  )x"; /* x */\n'
check "closing mark split" 'int  a; /* x *\\\n/ int b; /* y **\\\n z */ int c;\n' \
	'int a;\\\n int b;\\\n int c;\n'
check_kept "opening mark split" 'int  a; /\\\n* x */ int b;\n'
check_kept "backslash that is none" '#define A x \\ /* x */\nint  b;\n'
check "escape split by a line end" 's = "\\\\\n /* x */ n"; /* y */\n' 's = "\\\\\n /* x */ n";\n'
check_kept "blank behind a backslash, in a comment" '// a \\ \nint  x;\n'
check_kept "blank behind a backslash, in a literal" 's = "a\\ \nb /* x */ c";\n'
check_kept "comment in an include" '#include /**/<a//b>\n'
check_kept "line end in an include" '#inc\\\nlude <a//b>\n'
check_kept "opening mark split in #error" '#error /\\\n*\n// */ a\nint  b;\n'
check_kept "raw string behind a split prefix" 's = R\\\n"(  /* x */ " /* y */ )";\n'
option=-c
check "columns stay" '\tint  a; /* x */ int b;\t// y\n' ' int  a;         int b;\n'
check "columns behind lines" '/* a\n  b */ c /* d\n */ e \\\n/**/ f\n' '\n       c\\\n    e\\\n     f\n'
check "columns in a directive" ' #  define /* x */ A\t1 /* y */ \n' ' #  define         A 1\n'
check "columns with CR LF" '/* a\r\n */\tb  c\r\n' '\r\n    b  c\r\n'
option=
ktap_test_result "makefiles" makefile
ktap_test_result "other files are copied" others
ktap_finished
