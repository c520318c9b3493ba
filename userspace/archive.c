// SPDX-License-Identifier: GPL-2.0
/*
 * The members of a kheaders archive: folders and regular files with relative names.
 * Whatever else a tar file can hold has no place in one, and ends the reading.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kheaders.h"

/* More than any archive of kernel headers has. */
#define MOST_MEMBERS 500000
#define LARGEST_FILE (256ULL << 20)
#define LONGEST_NAME 2048

struct members {
	struct archive *tar;
	struct stream *s;
	const char *name;
	unsigned int count;
	const char *path;	/* of the member that is read */
	bool open;		/* the end of its data was not seen yet */
	uint64_t size, had;	/* bytes of that: told, and in blocks so far */
	const void *block;	/* what is left of the last block */
	size_t unread;
};

static ssize_t read_stream(struct archive *tar, void *arg, const void **data)
{
	struct members *a = arg;
	ssize_t n = stream_read(a->s, data);

	if (n < 0)
		archive_set_error(tar, EIO, "the stream said why");
	return n;
}

struct members *members_open(struct stream *s, const char *name)
{
	struct members *a = calloc(1, sizeof(*a));

	if (!a || !(a->tar = archive_read_new())) {
		free(a);
		fail(name, "no memory left");
		return NULL;
	}
	a->s = s;
	a->name = name;
	archive_read_support_format_tar(a->tar);
	if (archive_read_open(a->tar, a, NULL, read_stream, NULL)) {
		fail(name, "not a tar file inside");
		members_close(a);
		return NULL;
	}
	return a;
}

/* Names are plain: relative, no "." or ".." in them, no empty part, no control byte. */
static bool name_is_plain(const char *name)
{
	const char *part = name, *p;

	if (strlen(name) > LONGEST_NAME)
		return false;
	for (p = name; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	}
	for (;; part = p + 1) {
		p = strchr(part, '/');
		if (!p)
			p = part + strlen(part);
		if (p == part || p - part > 255 || (p - part == 1 && *part == '.') ||
		    (p - part == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!*p)
			return true;
	}
}

/* Strip the "./" in front and the "/" behind of @name, in place. */
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

static const char *what_is_wrong(struct archive_entry *e, const struct member *m)
{
	mode_t type = archive_entry_filetype(e);

	if (archive_entry_hardlink(e) || archive_entry_symlink(e))
		return "a link";
	if (type != AE_IFREG && type != AE_IFDIR)
		return "neither a file nor a folder";
	if (archive_entry_perm(e) & ~0777)
		return "with setuid, setgid or sticky bits";
	if (archive_entry_sparse_count(e) || archive_entry_xattr_count(e))
		return "with holes or attributes";
	if (archive_entry_size(e) < 0 || m->size > LARGEST_FILE)
		return "too large";
	if (m->folder ? *m->name && !name_is_plain(m->name) : !name_is_plain(m->name))
		return "a name that leads elsewhere, or is odd";
	if (!strcmp(m->name, MARKER))
		return "the name of the marker";
	return NULL;
}

/*
 * Have the next bytes of the data in a->block, none at the end.  A header and its
 * attributes can name two sizes, and holes, which libarchive fills: neither is for us.
 * It is asked once for an end: 3.8 moves on each time if the data goes on behind it.
 */
static int next_block(struct members *a)
{
	bool right;
	int64_t at;
	int ret;

	a->unread = 0;
	if (!a->open)
		return 0;
	do {
		ret = archive_read_data_block(a->tar, &a->block, &a->unread, &at);
	} while (ret == ARCHIVE_OK && !a->unread);
	if (ret == ARCHIVE_OK) {
		right = at == (int64_t)a->had && a->unread <= a->size - a->had;
		a->had += a->unread;
	} else if (ret == ARCHIVE_EOF) {
		right = a->had == a->size;
		a->open = false;
		a->unread = 0;
	} else {
		return fail(a->name, "%s", archive_error_string(a->tar));
	}
	return right ? 0 : fail(a->name, "refused: member \"%.200s\" is of another size "
				"than it says", a->path);
}

int members_next(struct members *a, struct member *m)
{
	struct archive_entry *e;
	const char *wrong;
	int ret;

	while (a->open) {
		if (next_block(a))
			return -1;
	}
	ret = archive_read_next_header(a->tar, &e);
	if (ret == ARCHIVE_EOF)
		return a->count ? 0 : fail(a->name, "empty");
	if (ret != ARCHIVE_OK)
		return fail(a->name, "not a kheaders archive: %s",
			    archive_error_string(a->tar));
	a->path = archive_entry_pathname(e);
	if (!a->path)
		return fail(a->name, "a member without a name");
	if (++a->count > MOST_MEMBERS)
		return fail(a->name, "more members than any kheaders archive has");
	m->name = bare_name((char *)a->path);
	m->folder = archive_entry_filetype(e) == AE_IFDIR;
	m->size = m->folder ? 0 : archive_entry_size(e);
	m->mode = archive_entry_perm(e);
	m->time = archive_entry_mtime(e);
	wrong = what_is_wrong(e, m);
	if (wrong)
		return fail(a->name, "refused: member \"%.200s\" is %s", m->name, wrong);
	a->open = true;
	a->size = m->size;
	a->had = a->unread = 0;
	return 1;
}

ssize_t members_read(struct members *a, void *buf, size_t size)
{
	if (!a->unread && next_block(a))
		return -1;
	if (!a->unread)
		return 0;
	if (size > a->unread)
		size = a->unread;
	memcpy(buf, a->block, size);
	a->block = (const char *)a->block + size;
	a->unread -= size;
	return size;
}

void members_close(struct members *a)
{
	if (!a)
		return;
	archive_read_free(a->tar);
	free(a);
}
