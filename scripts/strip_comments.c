// SPDX-License-Identifier: GPL-2.0
/*
 * Remove comments from C headers, Rust sources and makefiles.
 *
 * Stripping a header does not change what a compiler sees: every preprocessing token
 * keeps its text and its physical line, and remains first on its line or after a blank
 * if it was.  __LINE__, WARN(), compiler messages and object files are therefore the same
 * as with the unstripped source, except for columns.  With -c columns are preserved as
 * well, because UBSAN puts them into data.
 *
 * A comment becomes one blank, as in the compiler's translation phase 3.  Line breaks in
 * the comment are preserved.  If the logical line continues after the comment, they are
 * escaped with backslashes, since a comment joins the lines it spans.  Runs of blanks
 * become one blank (with -c, as many as there were bytes); trailing blanks are removed.
 * Copied unchanged: comments that contain "SPDX" (with -f, also those that gcc accepts in
 * place of a break), literals, #error and #warning lines, and the rest of a line from an
 * unmatched quote on, which gcc and clang read the same way (assembly has such quotes).
 *
 * A file is copied whole if stripping it is not safe: if it ends in a checksum of itself
 * (include/linux/atomic/) or contains mixed line ends, NUL bytes, raw strings, an
 * unterminated comment, a comment mark split over two lines, blanks between a backslash
 * and the end of the line, "%:" for "#", a byte order mark or __has_include.
 *
 * In Rust sources, which put columns into panic messages, comments become as many blanks
 * as they have characters, except at the end of a line.  Of documentation comments, which
 * macros see as tokens, only the marks stay.
 *
 * In makefiles, lines that start with "#" become empty, except in "define" and in
 * continuation lines, where "#" may be text.
 */
#define _GNU_SOURCE	/* asprintf(), memmem() */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
	"Usage: strip_comments [-c | -k] [-f] < HEADER > STRIPPED\n"
	"       strip_comments [-c | -k] [-f] -d DIR < LIST\n"
	"\n"
	"Remove comments from C headers, Rust sources and makefiles; preserve tokens and line\n"
	"numbers.\n"
	"\n"
	"  -c          preserve columns: pad with blanks instead of comments\n"
	"  -d DIR      read lines 'FILE<tab>NAME' and write each FILE to DIR/NAME,\n"
	"              stripped if NAME is a header, a Rust source or a makefile, else\n"
	"              copied; preserve x bits\n"
	"  -f          keep comments that tell gcc that a case falls through\n"
	"  -k          keep comments: copy everything as it is\n"
	"  -h, --help  print this text\n"
	"\n"
	"Exit status: 0 done, 1 failed (the message names the file), 2 usage error.\n";

/* What to preserve besides tokens; 0 to remove all comments. */
enum mode {
	COLUMNS = 1,
	FALLTHROUGH = 2,
	COMMENTS = 4,
};

/*
 * @text: the input; @p, @end: the rest of it
 * @start: the output; @out: its current end
 * @mode: what to preserve
 * @crlf: lines end in CR LF
 * @token: this logical line already has a token
 *
 * Pending until the next token or the end of the logical line:
 * @breaks: line breaks inside the logical line
 * @spliced: the input had a backslash before one of them
 * @blank, @adjacent: there was a blank before the last of them, directly before it
 * @after: there was a blank after the last of them, or without any of them
 */
struct strip {
	const char *text, *p, *end;
	char *start, *out;
	enum mode mode;
	bool crlf, token;
	size_t breaks;
	bool spliced, blank, adjacent, after;
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static bool is_ident(char c)
{
	return c == '_' || (c >= '0' && c <= '9') ||
	       (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Does the text from @p to @end start with @word, ignoring case? */
static bool starts_with(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && !strncasecmp(p, word, n);
}

/* Length of the line end at @p, 0 if there is none. */
static size_t eol_len(const struct strip *s, const char *p)
{
	if (p < s->end && *p == '\n')
		return 1;
	return s->crlf && p < s->end && *p == '\r' ? 2 : 0;
}

/* Length of the backslash and line end at @p, 0 if there is no such pair. */
static size_t splice_len(const struct strip *s, const char *p)
{
	size_t eol;

	if (p >= s->end || *p != '\\')
		return 0;
	eol = eol_len(s, p + 1);
	return eol ? eol + 1 : 0;
}

static void put(struct strip *s, const char *from, size_t len)
{
	memcpy(s->out, from, len);
	s->out += len;
}

/* Write @n of the pending line breaks. */
static void put_breaks(struct strip *s, size_t n, bool continued)
{
	s->breaks -= n;
	while (n--) {
		if (continued)
			put(s, "\\", 1);
		put(s, s->crlf ? "\r\n" : "\n", s->crlf ? 2 : 1);
	}
}

/* Number of bytes before @p on its line; @text is the start of the buffer. */
static size_t column(const char *text, const char *p)
{
	const char *line = memrchr(text, '\n', p - text);

	return p - (line ? line + 1 : text);
}

/* Write the blank before the token at @p. */
static void put_blank(struct strip *s)
{
	size_t n = s->mode & COLUMNS ? column(s->text, s->p) - column(s->start, s->out) : 1;

	memset(s->out, ' ', n);
	s->out += n;
}

static void hold_blank(struct strip *s)
{
	s->after = true;
}

static void hold_break(struct strip *s)
{
	s->adjacent = s->after;
	s->blank |= s->after;
	s->after = false;
	s->breaks++;
}

static void hold_nothing(struct strip *s)
{
	s->spliced = false;
	s->blank = false;
	s->adjacent = false;
	s->after = false;
}

/*
 * Write what is pending before more of the same logical line.  One blank is enough, but
 * its position matters to clang: a token after a splice with no blank on either side of
 * the splice begins on the line above.
 */
static void flush(struct strip *s)
{
	if (s->breaks && (s->token || s->spliced)) {
		if (s->adjacent && !s->after) {
			put_breaks(s, s->breaks - 1, true);
			put(s, " ", 1);
		} else if (s->blank && !s->after) {
			put(s, " ", 1);
		}
		put_breaks(s, s->breaks, true);
	} else {
		put_breaks(s, s->breaks, false);
		s->after |= s->blank;
	}
	if (s->after)
		put_blank(s);
	hold_nothing(s);
}

/* Copy the input up to @to, which is or contains a token. */
static void copy(struct strip *s, const char *to)
{
	flush(s);
	put(s, s->p, to - s->p);
	s->p = to;
	s->token = true;
}

static void end_line(struct strip *s)
{
	s->breaks++;
	put_breaks(s, s->breaks, false);
	s->p += eol_len(s, s->p);
	s->token = false;
	hold_nothing(s);
}

/* End of the logical line at @p, without its line end. */
static const char *logical_end(const struct strip *s, const char *p)
{
	size_t splice;

	while (p < s->end && !eol_len(s, p)) {
		splice = splice_len(s, p);
		p += splice ? splice : 1;
	}
	return p;
}

/* Skip the backslash-newline pairs at @p. */
static const char *skip_splices(const struct strip *s, const char *p)
{
	size_t splice;

	while ((splice = splice_len(s, p)) != 0)
		p += splice;
	return p;
}

/* The last byte of the escape sequence at @p.  Lines are joined before escapes are read. */
static const char *escape_last(const struct strip *s, const char *p)
{
	p = skip_splices(s, p + 1);
	return p < s->end && !eol_len(s, p) ? p : p - 1;
}

/*
 * End of the literal at @p, which @close terminates, or the end of the logical line if it
 * is unterminated.
 */
static const char *literal_end(const struct strip *s, const char *p, char close)
{
	size_t splice;

	for (p++; p < s->end && !eol_len(s, p); p++) {
		if (*p == close)
			return p + 1;
		splice = splice_len(s, p);
		if (splice)
			p += splice - 1;
		else if (*p == '\\' && close != '>')
			p = escape_last(s, p);
	}
	return p;
}

/* Does the quote at s->p start a raw string: R"..., u8R"..., LR"... */
static bool is_raw_string(const struct strip *s)
{
	const char *id = s->out;
	size_t len;

	if (s->after || s->blank)
		return false;
	while (id > s->start && is_ident(id[-1]))
		id--;
	len = s->out - id;
	if (!len || id[len - 1] != 'R')
		return false;
	/* a prefix split over lines may be any of these */
	return len == 1 || (id > s->start && id[-1] == '\n') ||
	       (len == 2 && strchr("LuU", *id)) ||
	       (len == 3 && !memcmp(id, "u8", 2));
}

/* End of the comment that starts at @p; NULL if it is unterminated. */
static const char *comment_end(const struct strip *s, const char *p)
{
	const char *next;

	if (p[1] == '/')
		return logical_end(s, p);

	for (p += 2; p < s->end; p++) {
		if (*p != '*')
			continue;
		next = skip_splices(s, p + 1);
		if (next < s->end && *next == '/')
			return next + 1;
	}
	return NULL;
}

/*
 * Does gcc accept the comment from @p to @end in place of a break before the next case?
 * This returns true for some comments that gcc does not accept.
 */
static bool is_fallthrough(const char *p, const char *end)
{
	static const char *const before[] = { "intentionally", "intentional", "else", "lint" };
	size_t i = 0;

	while (i < ARRAY_SIZE(before)) {
		while (p < end && !is_ident(*p))
			p++;
		for (i = 0; i < ARRAY_SIZE(before); i++) {
			if (starts_with(p, end, before[i])) {
				p += strlen(before[i]);
				break;
			}
		}
	}
	if (!starts_with(p, end, "fall"))
		return false;
	p += strlen("fall");
	p += p < end && (*p == 's' || *p == 'S');
	p += p < end && (*p == ' ' || *p == '-');
	return starts_with(p, end, "thr");
}

static bool strip_comment(struct strip *s)
{
	const char *to = comment_end(s, s->p);
	const char *p;

	if (!to)
		return false;
	if (memmem(s->p, to - s->p, "SPDX", 4) ||
	    (s->mode & FALLTHROUGH && is_fallthrough(s->p, to))) {
		flush(s);
		put(s, s->p, to - s->p);
		s->p = to;
		return true;
	}
	for (p = s->p; p < to; p++) {
		if (*p == '\n')
			hold_break(s);
	}
	hold_blank(s);
	s->p = to;
	return true;
}

/* Is the "/" at @p the first half of a comment mark split over two lines? */
static bool splits_mark(const struct strip *s, const char *p)
{
	const char *next = skip_splices(s, p + 1);

	return next > p + 1 && next < s->end && (*next == '*' || *next == '/');
}

/* End of the #error line at @p, including its comments; NULL if it is not safe to strip. */
static const char *raw_line_end(const struct strip *s, const char *p)
{
	size_t splice;

	while (p && p < s->end && !eol_len(s, p)) {
		/* possibly a raw string or a split comment mark */
		if ((*p == '"' && (p[-1] == 'R' || p[-1] == '\n')) ||
		    (*p == '/' && splits_mark(s, p)))
			return NULL;
		splice = splice_len(s, p);
		if (splice)
			p += splice;
		else if (*p == '"' || *p == '\'')
			p = literal_end(s, p, *p);
		else if (*p == '/' && p + 1 < s->end &&
			 (p[1] == '*' || p[1] == '/'))
			p = comment_end(s, p);
		else
			p++;
	}
	return p;
}

/* Handle the "#" of a directive; some directives contain text that is not C. */
static bool strip_directive(struct strip *s)
{
	const char *name = s->p + 1, *to;
	size_t len = 0;

	while (name < s->end && is_blank(*name))
		name++;
	while (name + len < s->end && is_ident(name[len]))
		len++;
	/* the directive's name is split, or follows a comment */
	if (splice_len(s, name + len) || (!len && name < s->end && *name == '/'))
		return false;

	if ((len == 5 && !memcmp(name, "error", 5)) ||
	    (len == 7 && !memcmp(name, "warning", 7))) {
		to = raw_line_end(s, name);
		if (!to)
			return false;
		copy(s, to);
		return true;
	}
	/* __has_include(<a//b.h>) also contains names */
	to = logical_end(s, name);
	if (len >= 2 && (!memcmp(name, "if", 2) || !memcmp(name, "el", 2)) &&
	    memmem(name, to - name, "__has_include", 13))
		return false;
	copy(s, s->p + 1);
	if ((len < 7 || memcmp(name, "include", 7)) &&
	    (len != 6 || memcmp(name, "import", 6)))
		return true;

	/* "//" and "/ *" in angle brackets are part of the name */
	if (name > s->p)
		hold_blank(s);
	s->p = name;
	copy(s, name + len);
	for (; s->p < s->end && is_blank(*s->p); s->p++)
		hold_blank(s);
	if (s->p < s->end && (*s->p == '/' || splice_len(s, s->p)))
		return false;
	if (s->p < s->end && *s->p == '<')
		copy(s, literal_end(s, s->p, '>'));
	return true;
}

/* Process the backslash at s->p. */
static bool strip_backslash(struct strip *s)
{
	size_t splice = splice_len(s, s->p);
	const char *p;

	if (splice) {
		hold_break(s);
		s->spliced = true;
		s->p += splice;
		return true;
	}
	/* stripping what follows could put the backslash at the end of the line */
	p = s->p + 1;
	if (p < s->end && (is_blank(*p) || *p == '/' || splice_len(s, p)))
		return false;
	copy(s, s->p + 1);
	return true;
}

/* Skip characters without a special meaning, and the one at s->p in any case. */
static const char *plain_end(const struct strip *s)
{
	const char *p = s->p + 1;

	while (p < s->end && !strchr(" \t\v\f\r\n\\/\"'", *p))
		p++;
	return p;
}

/* Process the input at s->p; false if the file is not safe to strip. */
static bool strip_step(struct strip *s)
{
	const char *next = s->p + 1 < s->end ? s->p + 1 : "";

	if (is_blank(*s->p)) {
		hold_blank(s);
		s->p++;
	} else if (eol_len(s, s->p)) {
		end_line(s);
	} else if (*s->p == '\\') {
		return strip_backslash(s);
	} else if (*s->p == '/' && (*next == '*' || *next == '/')) {
		return strip_comment(s);
	} else if (*s->p == '/' && splits_mark(s, s->p)) {
		return false;
	} else if (*s->p == '#' && !s->token) {
		return strip_directive(s);
	} else if (*s->p == '%' && !s->token) {
		next = skip_splices(s, s->p + 1);
		if (next < s->end && *next == ':')
			return false;
		copy(s, s->p + 1);
	} else if (*s->p == '"' && is_raw_string(s)) {
		return false;
	} else if (*s->p == '"' || *s->p == '\'') {
		copy(s, literal_end(s, s->p, *s->p));
	} else {
		copy(s, plain_end(s));
	}
	return true;
}

/* Does the file end in a line "// <hex digits>", as written by scripts/atomic/? */
static bool has_checksum(const char *text, size_t len)
{
	size_t digits = 0;

	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	while (digits < len && strchr("0123456789abcdef", text[len - 1 - digits]))
		digits++;
	len -= digits;
	return digits >= 32 && len >= 3 && !memcmp(text + len - 3, "// ", 3);
}

/* Does the line that ends at text[@i] end in a backslash and blanks? */
static bool ends_in_blank_splice(const char *text, size_t i)
{
	size_t end;

	if (i && text[i - 1] == '\r')
		i--;
	end = i;
	while (i && is_blank(text[i - 1]))
		i--;
	return i && i < end && text[i - 1] == '\\';
}

/* Can the text be stripped at all?  Sets *@crlf if its lines end in CR LF. */
static bool is_strippable(const char *text, size_t len, bool *crlf)
{
	size_t i, lf = 0, cr = 0, both = 0;

	for (i = 0; i < len; i++) {
		if (!text[i])
			return false;
		lf += text[i] == '\n';
		if (text[i] == '\n' && ends_in_blank_splice(text, i))
			return false;
		cr += text[i] == '\r';
		both += text[i] == '\r' && i + 1 < len && text[i + 1] == '\n';
	}
	*crlf = cr > 0;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return false;
	return (!cr || (cr == both && cr == lf)) && !has_checksum(text, len);
}

/*
 * strip_text - remove the comments from a header
 * @text: the header
 * @len: its length
 * @out: buffer of 2 * @len + 2 bytes (each line break may need a backslash)
 * @mode: what to preserve
 *
 * Returns the number of bytes written to @out, or 0 if @text must be used unchanged.
 */
static size_t strip_text(const char *text, size_t len, char *out, enum mode mode)
{
	struct strip s = {
		.text = text,
		.p = text,
		.end = text + len,
		.start = out,
		.out = out,
		.mode = mode,
	};

	if (!is_strippable(text, len, &s.crlf))
		return 0;
	while (s.p < s.end) {
		if (!strip_step(&s))
			return 0;
	}
	put_breaks(&s, s.breaks, false);
	return s.out - out;
}

/*
 * End of the Rust comment at @p; NULL if it is unterminated.  They nest.
 * https://doc.rust-lang.org/reference/comments.html
 */
static const char *rust_comment_end(const char *p, const char *end)
{
	const char *eol;
	size_t depth = 0;

	if (p[1] == '/') {
		eol = memchr(p, '\n', end - p);
		return eol ? eol : end;
	}
	for (; p + 1 < end; p++) {
		if (p[0] == '/' && p[1] == '*')
			depth++;
		else if (p[0] == '*' && p[1] == '/')
			depth--;
		else
			continue;
		p++;
		if (!depth)
			return p + 1;
	}
	return NULL;
}

/* End of a raw string, whose "#"s or quote are at @p; @p if there is no raw string. */
static const char *rust_raw_end(const char *p, const char *end)
{
	const char *q = p;
	size_t hashes, n;

	while (q < end && *q == '#')
		q++;
	hashes = q - p;
	if (q == end || *q != '"')
		return p;
	for (q++; q < end; q++) {
		if (*q != '"')
			continue;
		for (n = 0; n < hashes && q + 1 + n < end && q[1 + n] == '#'; n++)
			;
		if (n == hashes)
			return q + 1 + n;
	}
	return NULL;
}

/* End of the string, character or lifetime at @p; NULL if it is unterminated. */
static const char *rust_quote_end(const char *p, const char *end)
{
	char quote = *p++;

	/* a lifetime, unless a quote follows one character, which may have several bytes */
	if (quote == '\'' && p < end && *p != '\\') {
		for (p++; p < end && (*p & 0xc0) == 0x80; p++)
			;
		return p < end && *p == '\'' ? p + 1 : p;
	}
	for (; p < end && *p != quote; p++)
		p += *p == '\\';
	return p < end ? p + 1 : NULL;
}

static bool is_rust_ident(char c)
{
	return is_ident(c) || c & 0x80;
}

/* End of the word at @p and of the raw string that it may start; NULL as above. */
static const char *rust_word_end(const char *p, const char *end)
{
	const char *word = p;
	size_t len;

	while (p < end && is_rust_ident(*p))
		p++;
	len = p - word;
	if (len && len <= 2 && p[-1] == 'r' && (len == 1 || *word == 'b' || *word == 'c'))
		return rust_raw_end(p, end);
	return p;
}

/*
 * Is the comment from @p to @end documentation?  Then it is an attribute, which macros may
 * require, and rustc warns where it is missing.
 */
static bool is_rust_doc(const char *p, const char *end)
{
	if (end - p < 3)
		return false;
	if (p[2] == '!')
		return true;
	return p[2] == p[1] && (end - p == 3 || (p[3] != p[1] && p[3] != '/'));
}

/* Copy the comment from @p to @to without its text; @solid is the end of the last token. */
static char *strip_rust_comment(const char *p, const char *to, char *out, char **solid)
{
	bool doc = is_rust_doc(p, to);
	const char *tail = doc && p[1] == '*' ? to - 2 : to;

	if (doc) {
		*solid = out = mempcpy(out, p, 3);
		p += 3;
	}
	for (; p < tail; p++) {
		if (*p == '\n')
			*solid = out = mempcpy(*solid, "\n", 1);
		else if ((*p & 0xc0) != 0x80)
			*out++ = ' ';
	}
	if (tail < to)
		*solid = out = mempcpy(out, tail, 2);
	return out;
}

/*
 * strip_rust - remove the comments from a Rust source
 * @text: the source
 * @len: its length
 * @out: buffer of @len bytes
 *
 * Returns the number of bytes written to @out, or 0 if @text must be used unchanged.
 */
static size_t strip_rust(const char *text, size_t len, char *out)
{
	const char *p = text, *end = text + len, *to;
	char *start = out, *solid = out;

	if (memchr(text, '\r', len) ||
	    (starts_with(text, end, "#!") && (len == 2 || text[2] != '[')))
		return 0;
	for (; p < end; p = to) {
		to = p + 1;
		if (*p == '/' && to < end && (*to == '/' || *to == '*')) {
			to = rust_comment_end(p, end);
			if (to && !memmem(p, to - p, "SPDX", 4)) {
				out = strip_rust_comment(p, to, out, &solid);
				continue;
			}
		} else if (*p == '"' || *p == '\'') {
			to = rust_quote_end(p, end);
		} else if (is_rust_ident(*p)) {
			to = rust_word_end(p, end);
		}
		if (!to)
			return 0;
		if (*p == '\n')
			out = solid;
		out = mempcpy(out, p, to - p);
		if (!is_blank(*p))
			solid = out;
	}
	return solid - start;
}

/* Is @word, as a whole word, at @p in a line that ends at @end? */
static bool starts_word(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && !memcmp(p, word, n) &&
	       (p + n == end || !is_ident(p[n]));
}

/* Is @word among the words of the line from @p to @end? */
static bool has_word(const char *p, const char *end, const char *word)
{
	const char *at;

	for (at = p; at < end; at++) {
		if ((at == p || is_blank(at[-1])) && starts_word(at, end, word))
			return true;
	}
	return false;
}

/* Does the line of @len bytes at @p continue on the next one? */
static bool continues(const char *p, size_t len)
{
	size_t n = 0;

	if (!len || p[len - 1] != '\n')
		return false;
	while (n + 1 < len && p[len - 2 - n] == '\\')
		n++;
	return n % 2;
}

/*
 * strip_makefile - remove the comment lines from a makefile
 * @text: the makefile
 * @len: its length
 * @out: buffer of @len bytes
 *
 * Returns the number of bytes written to @out.
 */
static size_t strip_makefile(const char *text, size_t len, char *out)
{
	const char *p = text, *end = text + len, *eol;
	bool inside = false, comment = false;
	size_t n, defines = 0;
	char *start = out;

	for (; p < end; p += n) {
		eol = memchr(p, '\n', end - p);
		n = eol ? (size_t)(eol - p) + 1 : (size_t)(end - p);
		if (!inside) {
			comment = *p == '#' && !defines &&
				  !memmem(p, n, "SPDX", 4) && p > text;
			/* "override define", for example; false positives are safe */
			defines += !comment && has_word(p, p + n, "define");
			if (defines && starts_word(p, p + n, "endef"))
				defines--;
		}
		inside = continues(p, n);
		if (!comment)
			out = mempcpy(out, p, n);
		else if (eol)
			*out++ = '\n';
	}
	return out - start;
}

enum kind { OTHER, HEADER, RUST, MAKEFILE };

/* The kind of the file at @path, judged by its name. */
static enum kind kind_of(const char *path)
{
	const char *name = strrchr(path, '/');
	size_t len;

	name = name ? name + 1 : path;
	len = strlen(name);
	if (len > 2 && !strcmp(name + len - 2, ".h"))
		return HEADER;
	if (len > 3 && !strcmp(name + len - 3, ".rs"))
		return RUST;
	if (!strncmp(name, "Makefile", 8) || !strncmp(name, "Kbuild", 6))
		return MAKEFILE;
	return OTHER;
}

static int fail(const char *object, const char *what)
{
	fprintf(stderr, "strip_comments: %s: %s\n", object, what);
	return -1;
}

/* Read all of @fd into a new buffer; print a message and return NULL on failure. */
static char *read_all(int fd, const char *name, size_t *len)
{
	size_t room = 1 << 16;
	char *buf = malloc(room), *more;
	ssize_t n;

	*len = 0;
	while (buf && (n = read(fd, buf + *len, room - *len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(name, strerror(errno));
			free(buf);
			return NULL;
		}
		*len += n;
		if (*len < room)
			continue;
		room *= 2;
		more = realloc(buf, room);
		if (!more)
			free(buf);
		buf = more;
	}
	if (!buf)
		fail(name, "out of memory");
	return buf;
}

static int write_all(int fd, const char *name, const char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(name, strerror(errno));
		buf += n;
		len -= n;
	}
	return 0;
}

/* Write @text to @fd, stripped according to @kind. */
static int write_text(int fd, const char *name, const char *text, size_t len,
		      enum kind kind, enum mode mode)
{
	char *out;
	size_t n;
	int ret;

	if (kind == OTHER || mode & COMMENTS)
		return write_all(fd, name, text, len);
	out = malloc(2 * len + 2);
	if (!out)
		return fail(name, "out of memory");
	n = kind == HEADER ? strip_text(text, len, out, mode) :
	    kind == RUST ? strip_rust(text, len, out) : strip_makefile(text, len, out);
	ret = write_all(fd, name, n ? out : text, n ? n : len);
	free(out);
	return ret;
}

/* Create the missing directories above @path. */
static int make_parents(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return fail(path, strerror(errno));
		*slash = '/';
	}
	return 0;
}

/* Read all of @from and its *@st; fail if it changes meanwhile. */
static char *read_file(const char *from, size_t *len, struct stat *st)
{
	struct stat now;
	char *text = NULL;
	int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st)) {
		fail(from, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		fail(from, "not a regular file");
		goto out;
	}
	text = read_all(fd, from, len);
	if (text && (fstat(fd, &now) || now.st_size != st->st_size ||
		     now.st_mtim.tv_sec != st->st_mtim.tv_sec ||
		     now.st_mtim.tv_nsec != st->st_mtim.tv_nsec ||
		     (size_t)now.st_size != *len)) {
		fail(from, "changed while being read; retry");
		free(text);
		text = NULL;
	}
out:
	if (fd >= 0)
		close(fd);
	return text;
}

/* Create @path, which must not exist. */
static int create(char *path, mode_t mode)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = open(path, flags, mode);

	if (fd < 0 && errno == ENOENT) {
		if (make_parents(path))
			return -1;
		fd = open(path, flags, mode);
	}
	if (fd < 0)
		fail(path, strerror(errno));
	return fd;
}

static int do_file(const char *from, char *to, enum mode mode)
{
	struct stat st;
	size_t len;
	char *text;
	int fd, ret = -1;

	text = read_file(from, &len, &st);
	if (!text)
		return -1;
	fd = create(to, st.st_mode & 0100 ? 0755 : 0644);
	if (fd >= 0) {
		ret = write_text(fd, to, text, len, kind_of(to), mode);
		if (close(fd) && !ret)
			ret = fail(to, strerror(errno));
	}
	free(text);
	return ret;
}

/* Write the file that a line "FILE<tab>NAME" names to @dir. */
static int do_line(char *line, const char *dir, enum mode mode)
{
	char *tab = strchr(line, '\t'), *to;
	int ret;

	if (!tab || !tab[1])
		return fail(line, "not a line of the form 'FILE<tab>NAME'");
	*tab = '\0';
	if (asprintf(&to, "%s/%s", dir, tab + 1) < 0)
		return fail(line, "out of memory");
	ret = do_file(line, to, mode);
	free(to);
	return ret;
}

/* Process the lines of @list, which has @len bytes, whose number modulo @of is @which. */
static int do_share(char *list, size_t len, int which, int of, const char *dir,
		    enum mode mode)
{
	char *line = list, *eol;
	int n, ret = 0;

	for (n = 0; !ret && line < list + len; n++, line = eol + 1) {
		eol = memchr(line, '\n', list + len - line);
		if (!eol)
			return fail("list", "no newline at the end");
		*eol = '\0';
		if (n % of == which)
			ret = do_line(line, dir, mode);
	}
	return ret;
}

/*
 * Write the files listed on standard input to @dir.  Run one process per CPU, as most of
 * the time is spent creating files.
 */
static int do_list(const char *dir, enum mode mode)
{
	long of = sysconf(_SC_NPROCESSORS_ONLN), i;
	int status, ret = 0;
	size_t len;
	char *list = read_all(STDIN_FILENO, "list", &len);
	pid_t pid;

	if (!list)
		return -1;
	if (of < 1)
		of = 1;
	for (i = 0; i < of; i++) {
		pid = fork();
		if (pid < 0) {
			ret = fail("fork", strerror(errno));
			break;
		}
		if (!pid)
			_exit(do_share(list, len, i, of, dir, mode) ? 1 : 0);
	}
	while (i--) {
		if (wait(&status) < 0 || status)
			ret = -1;
	}
	free(list);
	return ret;
}

static int do_stream(enum mode mode)
{
	size_t len;
	char *text = read_all(STDIN_FILENO, "standard input", &len);
	int ret = -1;

	if (text)
		ret = write_text(STDOUT_FILENO, "standard output", text, len,
				 HEADER, mode);
	free(text);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *dir = NULL;
	enum mode mode = 0;
	int c;

	while ((c = getopt_long(argc, argv, "cd:fkh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			mode |= COLUMNS;
			break;
		case 'd':
			dir = optarg;
			break;
		case 'f':
			mode |= FALLTHROUGH;
			break;
		case 'k':
			mode |= COMMENTS;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	return (dir ? do_list(dir, mode) : do_stream(mode)) ? 1 : 0;
}
