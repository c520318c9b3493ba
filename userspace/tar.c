// SPDX-License-Identifier: GPL-2.0
/*
 * The members of a kheaders archive: directories and regular files with relative names, and
 * symbolic links to these files, which mainline's archives contain.  All other members are
 * refused.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kheaders.h"

/* Limits that no archive of kernel headers reaches. */
#define MOST_MEMBERS 500000
#define LARGEST_FILE (256ULL << 20)
#define LONGEST_NAME 2048
#define DEEPEST_NAME 64

struct members {
	struct archive *tar;
	struct stream *s;
	const char *name;
	unsigned int count;
	const char *path;	/* of the current member */
	char *target;
	bool broken;		/* the stream failed, and reported that */
	bool open;		/* the end of the member's data has not been reached */
	uint64_t size, had;	/* size of the data by the header, and read so far */
};

static ssize_t read_stream(struct archive *tar, void *arg, const void **data)
{
	struct members *a = arg;
	ssize_t n = stream_read(a->s, data);

	if (n < 0) {
		a->broken = true;
		archive_set_error(tar, EIO, "already reported");
	}
	return n;
}

struct members *members_open(struct stream *s, const char *name)
{
	struct members *a = calloc(1, sizeof(*a));

	if (!a || !(a->tar = archive_read_new())) {
		free(a);
		fail(name, "out of memory");
		return NULL;
	}
	a->s = s;
	a->name = name;
	archive_read_support_format_tar(a->tar);
	if (archive_read_open(a->tar, a, NULL, read_stream, NULL)) {
		if (!a->broken)
			fail(name, "not a kheaders archive: no tar file inside");
		members_close(a);
		return NULL;
	}
	return a;
}

/* Report libarchive's error, unless the stream has reported one. */
static int fail_tar(struct members *a)
{
	if (a->broken)
		return -1;
	return fail(a->name, "not a kheaders archive: %s", archive_error_string(a->tar));
}

/* A plain name is relative, without ".", "..", empty components and control characters. */
static bool name_is_plain(const char *name)
{
	const char *part = name, *p;
	unsigned int depth;

	if (strlen(name) > LONGEST_NAME)
		return false;
	for (p = name; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	}
	for (depth = 0; depth < DEEPEST_NAME; depth++, part = p + 1) {
		p = strchr(part, '/');
		if (!p)
			p = part + strlen(part);
		if (p == part || p - part > 255 || (p - part == 1 && *part == '.') ||
		    (p - part == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!*p)
			return true;
	}
	return false;
}

/* Strip the leading "./" and the trailing "/" of @name, in place. */
static char *bare_name(char *name)
{
	size_t len;

	if (!strncmp(name, "./", 2))
		name += 2;
	len = strlen(name);
	if (len && name[len - 1] == '/')
		name[len - 1] = '\0';
	return name;
}

/*
 * Resolve the target of the link @name, lexically, relative to the root.  Returns a new
 * string, which is "" if the target is outside the root.
 */
static char *resolve_target(const char *name, const char *target)
{
	char *to = calloc(1, strlen(name) + strlen(target) + 2), *slash;
	size_t len;

	if (!to || *target == '/')
		return to;
	strcpy(to, name);
	slash = strrchr(to, '/');
	*(slash ? slash : to) = '\0';
	for (; *target; target += len + (target[len] == '/')) {
		len = strcspn(target, "/");
		if (!len || (len == 1 && *target == '.'))
			continue;
		if (len == 2 && !strncmp(target, "..", 2)) {
			if (!*to)
				return to;
			slash = strrchr(to, '/');
			*(slash ? slash : to) = '\0';
			continue;
		}
		if (*to)
			strcat(to, "/");
		strncat(to, target, len);
	}
	return to;
}

static const char *what_is_wrong(struct archive_entry *e, const struct member *m)
{
	mode_t type = archive_entry_filetype(e);

	if (archive_entry_hardlink(e))
		return "a hard link";
	if (archive_entry_symlink(e) && !m->target)
		return "out of memory";
	if (m->target && !name_is_plain(m->target))
		return "a link that leads out of the archive";
	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return "neither a file nor a directory";
	if (archive_entry_perm(e) & ~0777)
		return "a file with setuid, setgid or sticky bits";
	if (archive_entry_sparse_count(e) || archive_entry_xattr_count(e))
		return "a file with holes or attributes";
	if (archive_entry_size(e) < 0 || m->size > LARGEST_FILE)
		return "too large";
	if ((!m->directory || *m->name) && !name_is_plain(m->name))
		return "unsafe name";
	if (!strcmp(m->name, MARKER) || !strcmp(m->name, PCH_DIRECTORY) ||
	    !strncmp(m->name, PCH_DIRECTORY "/", strlen(PCH_DIRECTORY "/")))
		return "name reserved by kheaders";
	return NULL;
}

/*
 * Refuse members whose header and attributes contain different sizes, and holes, which
 * libarchive would fill.  Request the end only once: libarchive 3.8 would advance to following
 * data each time.
 */
ssize_t members_read(struct members *a, const void **data)
{
	size_t n = 0;
	bool right;
	int64_t at;
	int ret;

	if (!a->open)
		return 0;
	do {
		ret = archive_read_data_block(a->tar, data, &n, &at);
	} while (ret == ARCHIVE_OK && !n);
	if (ret == ARCHIVE_OK) {
		right = at == (int64_t)a->had && n <= a->size - a->had;
		a->had += n;
	} else if (ret == ARCHIVE_EOF) {
		right = a->had == a->size;
		a->open = false;
		n = 0;
	} else {
		return fail_tar(a);
	}
	if (right)
		return n;
	return fail(a->name, "refused: member \"%.200s\": size differs from its header",
		    a->path);
}

static void fill_member(struct members *a, struct archive_entry *e, struct member *m)
{
	const char *target = archive_entry_symlink(e);

	*m = (struct member){ .name = bare_name((char *)a->path) };
	m->directory = archive_entry_filetype(e) == AE_IFDIR;
	free(a->target);
	a->target = NULL;
	if (target && !archive_entry_hardlink(e))
		a->target = resolve_target(m->name, target);
	m->target = a->target;
	m->size = m->directory || m->target ? 0 : archive_entry_size(e);
	/* a link's own mode is 0777, but its copy gets the target's mode */
	m->mode = archive_entry_perm(e) & 0777;
	m->time = archive_entry_mtime(e);
}

int members_next(struct members *a, struct member *m)
{
	struct archive_entry *e;
	const char *wrong;
	const void *data;
	int ret;

	while (a->open) {
		if (members_read(a, &data) < 0)
			return -1;
	}
	ret = archive_read_next_header(a->tar, &e);
	if (ret == ARCHIVE_EOF)
		return a->count ? 0 : fail(a->name, "not a kheaders archive: empty");
	if (ret != ARCHIVE_OK)
		return fail_tar(a);
	a->path = archive_entry_pathname(e);
	if (!a->path)
		return fail(a->name, "refused: a member without a name");
	if (++a->count > MOST_MEMBERS)
		return fail(a->name, "refused: more members than any kheaders archive has");
	fill_member(a, e, m);
	wrong = what_is_wrong(e, m);
	if (wrong)
		return fail(a->name, "refused: member \"%.200s\": %s", m->name, wrong);
	a->open = true;
	a->size = m->size;
	a->had = 0;
	return 1;
}

void members_close(struct members *a)
{
	if (!a)
		return;
	archive_read_free(a->tar);
	free(a->target);
	free(a);
}
