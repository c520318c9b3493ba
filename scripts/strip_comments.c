// SPDX-License-Identifier: GPL-2.0
/*
 * Remove comments from C headers and makefiles.
 *
 * In headers nothing changes that a compiler sees: every
 * preprocessing token keeps its text, its physical line, and whether it is the
 * first on its line and follows a blank.  __LINE__, WARN() and compiler
 * messages therefore match the unstripped source but for columns, and so do object
 * files.  Columns match if asked for, as UBSAN puts them into data.
 *
 * A comment becomes the blank that it is to a compiler.  Line breaks inside it stay; they
 * are continued with a backslash where more of the same logical line follows,
 * since a comment joins the lines it spans.  Runs of blanks become one blank
 * (with columns as many as there were bytes) and blanks at a line's end go.
 * These stay as they are: comments that hold "SPDX" (with -f those, too, by which gcc knows
 * that a case runs into the next), literals, #error and #warning lines, and, from an
 * unmatched quote on, the rest of its line, which is how gcc and clang read it too
 * (assembly parts have such quotes).
 *
 * A file is copied whole where that is not safe: one that ends in a checksum of
 * itself (include/linux/atomic/), mixed line ends, NUL bytes, raw strings, an
 * open comment, the opening mark of one split over two lines, blanks between a
 * backslash and the line's end, "%:" for "#", a byte order mark, __has_include.
 *
 * In makefiles only whole lines go that start with "#", outside of "define" and of
 * lines that continue others: there "#" may be text.  Their line ends stay.
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
	"Remove comments from C headers and makefiles; tokens and line numbers stay.\n"
	"\n"
	"  -c          columns stay, too: blanks take the place of comments\n"
	"  -d DIR      read lines 'FILE<tab>NAME' and write each FILE to DIR/NAME:\n"
	"              stripped if NAME is that of a header or a makefile, else\n"
	"              copied; x bits are kept\n"
	"  -f          keep comments that tell gcc that a case falls through\n"
	"  -k          keep comments: copy everything as it is\n"
	"  -h, --help  print this text\n"
	"\n"
	"Exit status: 0 done, 1 failed (the message names the file), 2 usage error.\n";

/* What stays beside the tokens; none is set where all comments go. */
enum mode {
	COLUMNS = 1,
	FALLTHROUGH = 2,
	COMMENTS = 4,
};

/*
 * @text: the input; @p, @end: what is left of it
 * @start: the output; @out: where the next byte goes
 * @mode: what stays
 * @crlf: lines end in CR LF
 * @token: a token stands on this logical line already
 *
 * Held back until it is known what follows on the logical line:
 * @breaks: line breaks that do not end it
 * @spliced: one of them was continued with a backslash in the input
 * @blank, @adjacent: a blank stood before the last of them, right before it
 * @after: a blank stood after it, or there is no break
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

/* Does the text from @p to @end start with @word, in capitals or not? */
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

/* Write @n of the line breaks that are held back. */
static void put_breaks(struct strip *s, size_t n, bool continued)
{
	s->breaks -= n;
	while (n--) {
		if (continued)
			put(s, "\\", 1);
		put(s, s->crlf ? "\r\n" : "\n", s->crlf ? 2 : 1);
	}
}

/* Bytes of its line before @p, in what starts at @text. */
static size_t column(const char *text, const char *p)
{
	const char *line = memrchr(text, '\n', p - text);

	return p - (line ? line + 1 : text);
}

/* Write the blank that stands before the token at @p. */
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
 * Write what was held back; more of the same logical line follows.  One blank is
 * enough.  Where it stands matters to clang: a token that follows a spliced line
 * with no blank on either side of the splice begins on the line above.
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

/* Copy input up to @to as part of the token line. */
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

/* End of the logical line at @p, its line end not included. */
static const char *logical_end(const struct strip *s, const char *p)
{
	size_t splice;

	while (p < s->end && !eol_len(s, p)) {
		splice = splice_len(s, p);
		p += splice ? splice : 1;
	}
	return p;
}

/* Past the line ends that a backslash takes away, from @p on. */
static const char *skip_splices(const struct strip *s, const char *p)
{
	size_t splice;

	while ((splice = splice_len(s, p)) != 0)
		p += splice;
	return p;
}

/* The last byte of the escape at @p: lines are joined before there are escapes. */
static const char *escape_last(const struct strip *s, const char *p)
{
	p = skip_splices(s, p + 1);
	return p < s->end && !eol_len(s, p) ? p : p - 1;
}

/*
 * Past the literal at @p that @close ends; the end of the logical line if it is
 * not closed there.
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

/* Is the string whose quote comes next a raw one: R"..., u8R"..., LR"... */
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
	/* a prefix that is split over lines may be any of these */
	return len == 1 || (id > s->start && id[-1] == '\n') ||
	       (len == 2 && strchr("LuU", *id)) ||
	       (len == 3 && !memcmp(id, "u8", 2));
}

/* Past the comment at @p ("/" and "*" or "/" stand there); NULL if it is open. */
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
 * Does gcc read the comment from @p to @end as a case that runs into the next?  Some pass
 * that it would not.
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

/* Is "/" the first half of a comment mark whose second is on the next line? */
static bool splits_mark(const struct strip *s, const char *p)
{
	const char *next = skip_splices(s, p + 1);

	return next > p + 1 && next < s->end && (*next == '*' || *next == '/');
}

/* Past an #error line at @p, comments in it included; NULL to leave the file. */
static const char *raw_line_end(const struct strip *s, const char *p)
{
	size_t splice;

	while (p && p < s->end && !eol_len(s, p)) {
		/* what may be a raw string, or a mark that is split */
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

/* The "#" that starts a directive: some of them hold text that is no C. */
static bool strip_directive(struct strip *s)
{
	const char *name = s->p + 1, *to;
	size_t len = 0;

	while (name < s->end && is_blank(*name))
		name++;
	while (name + len < s->end && is_ident(name[len]))
		len++;
	/* what it is called is split, or behind a comment */
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
	/* __has_include(<a//b.h>) has names in it, too */
	to = logical_end(s, name);
	if (len >= 2 && (!memcmp(name, "if", 2) || !memcmp(name, "el", 2)) &&
	    memmem(name, to - name, "__has_include", 13))
		return false;
	copy(s, s->p + 1);
	if ((len < 7 || memcmp(name, "include", 7)) &&
	    (len != 6 || memcmp(name, "import", 6)))
		return true;

	/* "//" and "/ *" between the angle brackets are part of a name */
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

/* Take one step on at *s->p, a backslash. */
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
	/* what follows may go, and the line's end be next to the backslash */
	p = s->p + 1;
	if (p < s->end && (is_blank(*p) || *p == '/' || splice_len(s, p)))
		return false;
	copy(s, s->p + 1);
	return true;
}

/* Past the characters from s->p on that mean nothing here, the first in any case. */
static const char *plain_end(const struct strip *s)
{
	const char *p = s->p + 1;

	while (p < s->end && !strchr(" \t\v\f\r\n\\/\"'", *p))
		p++;
	return p;
}

/* Take one step on; false if the file is better left alone. */
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

/* Does the file end in a line "// <hex digits>", as scripts/atomic/ writes it? */
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

/* Are there blanks, and a backslash before them, at the line's end text[@i]? */
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

/* Can the text be stripped at all?  Says whether its lines end in CR LF. */
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
 * strip_text - remove the comments of a header
 * @text: the header
 * @len: its bytes
 * @out: room for 2 * @len + 2 bytes (each line break may take a backslash)
 * @mode: what stays
 *
 * Returns how many bytes were written to @out, or 0 if @text is to be used
 * as it is.
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

/* Does @word, and no longer one, stand at @p, in a line that ends at @end? */
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

/* Does the line at @p, which has @len bytes, go on in the next one? */
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
 * strip_makefile - remove the comment lines of a makefile
 * @text: the makefile
 * @len: its bytes
 * @out: room for @len bytes
 *
 * Returns how many bytes were written to @out.
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
			/* with "override" before it, say; rather once too often */
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

enum kind { OTHER, HEADER, MAKEFILE };

/* What is the file at @path, by its name? */
static enum kind kind_of(const char *path)
{
	const char *name = strrchr(path, '/');
	size_t len;

	name = name ? name + 1 : path;
	len = strlen(name);
	if (len > 2 && !strcmp(name + len - 2, ".h"))
		return HEADER;
	if (!strncmp(name, "Makefile", 8) || !strncmp(name, "Kbuild", 6))
		return MAKEFILE;
	return OTHER;
}

static int fail(const char *object, const char *what)
{
	fprintf(stderr, "strip_comments: %s: %s\n", object, what);
	return -1;
}

/* Read all of @fd into a new buffer; NULL with a message on failure. */
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

/* Write @text to @fd, stripped as a file of @kind is. */
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
			     strip_makefile(text, len, out);
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

/* Read @from whole; *@st is how it was before and after. */
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

/* Create @path, which must be new. */
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

/* Write the file of one line "FILE<tab>NAME" to @dir. */
static int do_line(char *line, const char *dir, enum mode mode)
{
	char *tab = strchr(line, '\t'), *to;
	int ret;

	if (!tab || !tab[1])
		return fail(line, "not a line 'FILE<tab>NAME'");
	*tab = '\0';
	if (asprintf(&to, "%s/%s", dir, tab + 1) < 0)
		return fail(line, "out of memory");
	ret = do_file(line, to, mode);
	free(to);
	return ret;
}

/* Do the lines of @list, which has @len bytes, whose number modulo @of is @which. */
static int do_share(char *list, size_t len, int which, int of, const char *dir,
		    enum mode mode)
{
	char *line = list, *eol;
	int n, ret = 0;

	for (n = 0; !ret && line < list + len; n++, line = eol + 1) {
		eol = memchr(line, '\n', list + len - line);
		if (!eol)
			return fail("list", "its last line does not end");
		*eol = '\0';
		if (n % of == which)
			ret = do_line(line, dir, mode);
	}
	return ret;
}

/*
 * Write the files that standard input names to @dir, with as many processes as
 * there are processors: most of the time goes into making files.
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
