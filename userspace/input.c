// SPDX-License-Identifier: GPL-2.0
/* The image that dump and publish read: mapped, or read to memory if it cannot be. */
#define _GNU_SOURCE	/* SEEK_DATA */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

/* Read an image that cannot be mapped, such as a pipe. */
static int read_image(struct image *i)
{
	size_t room = 0;
	unsigned char *more;
	ssize_t n = 1;

	while (n) {
		if (i->size == room) {
			room = room ? 2 * room : 1 << 20;
			more = room > LARGEST_IMAGE ? NULL : realloc(i->data, room);
			if (!more)
				return fail(i->name, "larger than any kernel image");
			i->data = more;
		}
		n = read(i->fd, i->data + i->size, room - i->size);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0)
			return fail_errno(i->name, NULL);
		i->size += n;
	}
	return 0;
}

/* Map a file.  Returns 1 if it cannot be mapped, such as those of /proc and sysfs. */
static int map_image(struct image *i)
{
	off_t size = lseek(i->fd, 0, SEEK_END);
	void *data = MAP_FAILED;

	lseek(i->fd, 0, SEEK_SET);
	if (size <= 0)
		return 1;
	errno = EFBIG;
	if ((uintmax_t)size <= SIZE_MAX)
		data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, i->fd, 0);
	if (data == MAP_FAILED)
		return errno == ENODEV || errno == EIO ? 1 : fail_errno(i->name, NULL);
	i->data = data;
	i->size = size;
	i->mapped = true;
	return 0;
}

int image_open(struct image *i, const char *path)
{
	struct stat st;
	int ret = 1;

	*i = (struct image){ .name = path, .mode = 0600 };
	if (!strcmp(path, "-")) {
		i->name = "standard input";
		i->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		i->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	}
	if (i->fd < 0 || fstat(i->fd, &st))
		return fail_errno(i->name, NULL);
	if (S_ISDIR(st.st_mode))
		return fail(i->name, "a directory");
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		i->mode = st.st_mode & 0666;
		ret = map_image(i);
	}
	if (ret > 0)
		ret = read_image(i);
	return !ret && !i->size ? fail(i->name, "empty") : ret;
}

/* What keeps files in pieces or compressed: its magic bytes, and what to do. */
static const struct container {
	size_t offset;
	const char *magic;
	const char *hint;
} containers[] = {
	{ 0, "\x3a\xff\x26\xed", "a sparse image; convert it by simg2img" },
	{ 1024, "\xe2\xe1\xf5\xe0",
	  "an erofs image; extract kheaders.ko by \"fsck.erofs --extract=DIR\"" },
	{ 1080, "\x53\xef",
	  "an ext4 image; extract kheaders.ko by \"debugfs -R 'rdump / DIR'\"" },
};

enum exit_status no_archive(const struct image *i)
{
	const struct container *c;
	size_t n;

	for (n = 0; n < sizeof(containers) / sizeof(containers[0]); n++) {
		c = &containers[n];
		if (i->size >= c->offset + strlen(c->magic) &&
		    !memcmp(i->data + c->offset, c->magic, strlen(c->magic))) {
			fail(i->name, "contains no kheaders archive in one piece; it is %s",
			     c->hint);
			return EXIT_NOTHING;
		}
	}
	fail(i->name, "contains no kheaders archive");
	return EXIT_NOTHING;
}

void image_close(struct image *i)
{
	if (i->mapped)
		munmap(i->data, i->size);
	else
		free(i->data);
	if (i->fd >= 0)
		close(i->fd);
}

const unsigned char *image_archive(const struct image *i, size_t *len, unsigned char **buffer)
{
	off_t from, to, next;
	const unsigned char *archive = NULL;

	*buffer = NULL;
	for (next = 0; !archive && next < (off_t)i->size; next = to) {
		from = i->mapped ? lseek(i->fd, next, SEEK_DATA) : next;
		if (from < 0 && errno == ENXIO)
			break;
		if (from < 0)
			from = next;
		to = i->mapped ? lseek(i->fd, from, SEEK_HOLE) : (off_t)i->size;
		if (to <= from || to > (off_t)i->size)
			to = i->size;
		archive = search_image(i->data, i->size, from, to, len, buffer);
	}
	return archive;
}
