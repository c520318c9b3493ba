// SPDX-License-Identifier: GPL-2.0
/*
 * A libFuzzer target: scripts/strip_comments.c must keep its promises for any input, not
 * only for real headers.
 *
 * Tokens are compared by an independent lexer that follows the translation phases of the C
 * standard: first it joins lines, then it removes comments.  The stripper does both in one
 * pass, so the two are unlikely to share a bug.  For the same reason nothing here calls
 * helpers of the stripper.
 */
#define main strip_main
#include "../../scripts/strip_comments.c"
#undef main

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text after translation phase 2, with the physical line and column of each byte. */
struct joined {
	unsigned char *c;
	size_t *line, *column;
	size_t len;
};

/* Position in a directive: a "<" after "#" and "include" starts a name. */
enum place { ANYWHERE, BEHIND_HASH, BEHIND_INCLUDE };

/*
 * @at: current offset in the text
 * @first: no token yet on this logical line
 * @place: position in a directive
 */
struct lexer {
	struct joined text;
	size_t at;
	bool first;
	enum place place;
};

struct token {
	const unsigned char *text;
	size_t len, line, column;
	bool first, space;
};

static void check(bool holds, const char *property)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_strip: does not hold: %s\n", property);
	abort();
}

static void *allocate(size_t size)
{
	void *mem = malloc(size);

	check(mem, "memory can be allocated");
	return mem;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	while (len--)
		lines += text[len] == '\n';
	return lines;
}

/*
 * Length of the line end that the backslash before @p removes, 0 if none.  If blanks are in
 * between, compilers warn but still join the lines.
 */
static size_t joining_len(const char *p, size_t len)
{
	size_t i = 0;

	while (i < len && p[i] != '\n' && strchr(" \t\v\f\r", p[i]))
		i++;
	return i < len && p[i] == '\n' ? i + 1 : 0;
}

static void join(struct joined *to, const char *text, size_t len)
{
	size_t i, n, line = 1, start = 0;

	to->c = allocate(len + 1);
	to->line = allocate((len + 1) * sizeof(*to->line));
	to->column = allocate((len + 1) * sizeof(*to->column));
	to->len = 0;
	for (i = 0; i < len; i++) {
		n = text[i] == '\\' ? joining_len(text + i + 1, len - i - 1) : 0;
		if (n) {
			i += n;
			line++;
			start = i + 1;
		} else if (text[i] != '\r') {
			/* CR occurs only before LF: other files are not stripped */
			to->c[to->len] = text[i];
			to->line[to->len] = line;
			to->column[to->len++] = i - start;
			if (text[i] == '\n') {
				line++;
				start = i + 1;
			}
		}
	}
	/* a sentinel that is not part of any token, to allow lookahead */
	to->c[to->len] = '\n';
	to->line[to->len] = line;
	to->column[to->len] = len - start;
}

static bool is_word(unsigned char c)
{
	return c == '_' || c == '$' || c >= 128 || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* Length of the comment at @at, 0 if there is none. */
static size_t comment_len(const struct joined *text, size_t at)
{
	const unsigned char *c = text->c;
	size_t i = at + 2;

	if (c[at] != '/' || at + 1 >= text->len)
		return 0;
	if (c[at + 1] == '/') {
		while (c[i] != '\n')
			i++;
		return i - at;
	}
	if (c[at + 1] != '*')
		return 0;
	for (; i + 1 < text->len; i++) {
		if (c[i] == '*' && c[i + 1] == '/')
			return i + 2 - at;
	}
	return text->len - at;
}

/* Length of the literal at @c, up to the end of the line if it is unterminated. */
static size_t literal_len(const unsigned char *c, unsigned char close)
{
	size_t i;

	for (i = 1; c[i] != '\n'; i++) {
		if (c[i] == close)
			return i + 1;
		if (c[i] == '\\' && close != '>' && c[i + 1] != '\n')
			i++;
	}
	return i;
}

static size_t number_len(const unsigned char *c)
{
	size_t i = 1;

	while (is_word(c[i]) || c[i] == '.' ||
	       ((c[i] == '+' || c[i] == '-') && strchr("eEpP", c[i - 1])))
		i++;
	return i;
}

static size_t token_len(const struct lexer *l)
{
	const unsigned char *c = l->text.c + l->at;
	size_t i = 1;

	if (*c == '"' || *c == '\'')
		return literal_len(c, *c);
	if (*c == '<' && l->place == BEHIND_INCLUDE)
		return literal_len(c, '>');
	if (is_digit(*c) || (*c == '.' && is_digit(c[1])))
		return number_len(c);
	while (is_word(*c) && is_word(c[i]))
		i++;
	return i;
}

static bool is_raw_prefix(const struct token *t)
{
	static const char * const prefixes[] = { "R", "LR", "uR", "UR", "u8R" };
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		if (t->len == strlen(prefixes[i]) &&
		    !memcmp(t->text, prefixes[i], t->len))
			return true;
	}
	return false;
}

/*
 * "include", "include_next" and other extensions.  No compiler has a directive with
 * non-ASCII letters.
 */
static bool is_include(const struct token *t)
{
	size_t i;

	for (i = 0; i < t->len; i++) {
		if (t->text[i] == '$' || t->text[i] >= 128)
			return false;
	}
	return t->len >= 7 && !memcmp(t->text, "include", 7);
}

/* Skip to the next token; returns whether a blank precedes it. */
static bool skip_space(struct lexer *l)
{
	const struct joined *text = &l->text;
	bool space = false;
	size_t n;

	while (l->at < text->len) {
		n = comment_len(text, l->at);
		if (text->c[l->at] == '\n') {
			space = false;
			l->first = true;
			l->place = ANYWHERE;
			l->at++;
		} else if (n || strchr(" \t\v\f", text->c[l->at])) {
			space = true;
			l->at += n ? n : 1;
		} else {
			break;
		}
	}
	return space;
}

static bool next_token(struct lexer *l, struct token *t)
{
	*t = (struct token){ };
	t->space = skip_space(l);
	t->first = l->first;
	if (l->at >= l->text.len)
		return false;
	t->text = l->text.c + l->at;
	t->line = l->text.line[l->at];
	t->column = l->text.column[l->at];
	t->len = token_len(l);
	l->at += t->len;

	if (t->first && *t->text == '#')
		l->place = BEHIND_HASH;
	else if (l->place == BEHIND_HASH && is_include(t))
		l->place = BEHIND_INCLUDE;
	else
		l->place = ANYWHERE;
	l->first = false;
	return true;
}

static void start_lexer(struct lexer *l, const char *text, size_t len)
{
	*l = (struct lexer){ .first = true };
	join(&l->text, text, len);
}

static void end_lexer(struct lexer *l)
{
	free(l->text.c);
	free(l->text.line);
	free(l->text.column);
}

static void show_token(const char *when, bool is, const struct token *t)
{
	if (!is)
		fprintf(stderr, "%s: no more tokens\n", when);
	else
		fprintf(stderr, "%s: line %zu, column %zu%s%s: %.*s\n", when, t->line,
			t->column, t->first ? ", first" : "", t->space ? ", after a blank" : "",
			(int)t->len, t->text);
}

static bool same_token(const struct token *a, const struct token *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len) &&
	       a->line == b->line && a->first == b->first && a->space == b->space;
}

static void check_tokens(const char *text, size_t len, const char *out, size_t n,
			 bool columns)
{
	struct lexer l, m;
	struct token t, u;
	bool more, same;

	start_lexer(&l, text, len);
	start_lexer(&m, out, n);
	do {
		more = next_token(&l, &t);
		same = next_token(&m, &u) == more && (!more || same_token(&t, &u));
		if (!same) {
			show_token("before", more, &t);
			show_token("after", u.text, &u);
		}
		check(same, "the tokens of a header are preserved");
		check(!columns || !more || t.column == u.column,
		      "columns are preserved if requested");
		/* line breaks in raw strings are literal, so such files must be skipped */
		check(!more || !is_raw_prefix(&t) || l.text.c[l.at] != '"',
		      "files with raw strings are not stripped");
	} while (more);
	end_lexer(&l);
	end_lexer(&m);
}

static void check_header(const char *text, size_t len, bool columns)
{
	char *out = allocate(2 * len + 2), *exact, *again;
	size_t n = strip_text(text, len, out, columns), m;

	/* 0: the file is copied unchanged */
	if (n) {
		check(n <= len + count_lines(text, len),
		      "a header grows by at most one backslash per line");
		check(count_lines(out, n) == count_lines(text, len),
		      "the number of lines of a header is preserved");
		/* of the exact size, so that the address sanitizer notices overruns */
		exact = allocate(n);
		memcpy(exact, out, n);
		again = allocate(2 * n + 2);
		m = strip_text(exact, n, again, columns);
		check_tokens(text, len, out, n, columns);
		/* reports the token, if one differs */
		if (m && (m != n || memcmp(again, out, n))) {
			check_tokens(out, n, again, m, columns);
			check(false, "stripping a header is idempotent");
		}
		free(again);
		free(exact);
	}
	free(out);
}

/* rustc compares whole crates (tests/series/rust_kernel.sh); these are the bounds. */
static void check_lines(size_t strip(const char *text, size_t len, char *out),
			const char *text, size_t len)
{
	char *out = allocate(len), *again;
	size_t n = strip(text, len, out), m;

	/* 0: the file is copied unchanged; makefiles never are */
	if (n || strip != strip_rust) {
		check(n <= len, "a makefile or Rust source does not grow");
		check(count_lines(out, n) == count_lines(text, len),
		      "the number of lines of a makefile or Rust source is preserved");
		again = allocate(n);
		m = strip(out, n, again);
		check(m == n && !memcmp(again, out, n),
		      "stripping a makefile or Rust source is idempotent");
		free(again);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of the exact size, unlike libFuzzer's own buffer */
	char *text = allocate(size);

	memcpy(text, data, size);
	check_header(text, size, false);
	check_header(text, size, true);
	if (size) {
		check_lines(strip_makefile, text, size);
		check_lines(strip_rust, text, size);
	}
	free(text);
	return 0;
}
