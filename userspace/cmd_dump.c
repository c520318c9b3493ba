// SPDX-License-Identifier: GPL-2.0
/* kheaders dump: extract the archive from a kernel image, without booting it. */
#define _GNU_SOURCE	/* O_TMPFILE, mkostemp(), SEEK_DATA */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define FRESH ".kheaders-new"	/* behind a file's name */

/*
 * @mapped: @data is a mapping, not a buffer
 * @mode: its read permissions, which apply to the archive, too
 */
struct image {
	const char *name;
	int fd;
	unsigned char *data;
	size_t size;
	bool mapped;
	mode_t mode;
};

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

static int map_image(struct image *i)
{
	off_t size = lseek(i->fd, 0, SEEK_END);
	void *data = MAP_FAILED;

	if (size > 0 && (uintmax_t)size <= SIZE_MAX)
		data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, i->fd, 0);
	else if (size > 0)
		errno = EFBIG;
	if (!size)
		return fail(i->name, "empty");
	if (data == MAP_FAILED)
		return fail_errno(i->name, NULL);
	i->data = data;
	i->size = size;
	i->mapped = true;
	return 0;
}

static int open_image(struct image *i, const char *path)
{
	struct stat st;

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
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		i->mode = st.st_mode & 0666;
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return map_image(i);
	if (read_image(i))
		return -1;
	return i->size ? 0 : fail(i->name, "empty");
}

static void close_image(struct image *i)
{
	if (i->mapped)
		munmap(i->data, i->size);
	else
		free(i->data);
	if (i->fd >= 0)
		close(i->fd);
}

/* Search the data of the image, and skip holes of a sparse file. */
static const unsigned char *search(const struct image *i, size_t *len, unsigned char **buffer)
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

static int write_all(int fd, const char *name, const unsigned char *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0)
			return fail_errno(name, NULL);
		p += n;
		len -= n;
	}
	return 0;
}

/* Write to a device, a pipe or the target of a link, without replacing it. */
static int write_through(const char *path, const unsigned char *p, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode), ret;

	if (fd < 0)
		return fail_errno(path, NULL);
	ret = write_all(fd, path, p, len);
	if (close(fd) && !ret)
		ret = fail_errno(path, NULL);
	return ret;
}

/* Open the parent directory of @path; *@name is the last part. */
static int open_parent(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *parent = strndup(path, slash && slash != path ? slash - path : 1);
	int dir = -1, error;

	*name = slash ? slash + 1 : path;
	if (parent)
		dir = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	free(parent);
	errno = error;
	return dir;
}

/* Linking a file without a name requires a capability, or else /proc. */
static int link_file(int fd, int dir, const char *name)
{
	char self[32];

	if (!linkat(fd, "", dir, name, AT_EMPTY_PATH))
		return 0;
	if (errno != ENOENT)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW);
}

/*
 * Name the unnamed file @fd.  linkat() replaces nothing: if @name exists, link the file
 * under a second, fixed name first, which the next dump to @name removes.
 */
static int name_file(int fd, int dir, const char *name)
{
	char fresh[NAME_MAX + 1];
	int len = snprintf(fresh, sizeof(fresh), ".%s" FRESH, name);

	unlinkat(dir, fresh, 0);
	if (!link_file(fd, dir, name))
		return 0;
	if (errno != EEXIST)
		return -1;
	if (len >= (int)sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return link_file(fd, dir, fresh) || renameat(dir, fresh, dir, name) ? -1 : 0;
}

/*
 * Until it is complete the file has no name, so a killed dump leaves nothing behind.  On
 * file systems without O_TMPFILE it has the random name *@fresh.
 */
static int open_fresh(const char *path, int dir, char **fresh)
{
	int fd = openat(dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

	*fresh = NULL;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (asprintf(fresh, "%s.XXXXXX", path) < 0) {
		*fresh = NULL;
		return -1;
	}
	return mkostemp(*fresh, O_CLOEXEC);
}

static int put_in_place(int fd, int dir, const char *name, const char *fresh)
{
	if (fresh ? renameat(AT_FDCWD, fresh, dir, name) : name_file(fd, dir, name))
		return -1;
	return sync_directory(dir);
}

/* Replace a regular file atomically. */
static int write_file(const char *path, const unsigned char *p, size_t len, mode_t mode)
{
	const char *name;
	char *fresh = NULL;
	int dir = open_parent(path, &name), ret = -1;
	int fd = dir < 0 ? -1 : open_fresh(path, dir, &fresh);

	if (fd < 0) {
		fail_errno(path, NULL);
	} else if (!write_all(fd, path, p, len)) {
		if (fchmod(fd, mode) || fsync(fd) || put_in_place(fd, dir, name, fresh))
			fail_errno(path, NULL);
		else
			ret = 0;
	}
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	if (fd >= 0 && ret && fresh)
		unlink(fresh);
	free(fresh);
	return ret;
}

static int write_archive(const char *path, const unsigned char *p, size_t len, mode_t mode)
{
	struct stat st;

	if (!path || !strcmp(path, "-"))
		return write_all(STDOUT_FILENO, "standard output", p, len);
	mode &= 0644;
	if (lstat(path, &st) && errno == ENOENT)
		return write_file(path, p, len, mode);
	if (S_ISREG(st.st_mode))
		return write_file(path, p, len, mode & st.st_mode);
	return write_through(path, p, len, mode);
}

enum exit_status cmd_dump(const struct options *o)
{
	enum exit_status status = EXIT_FAILED;
	const unsigned char *archive;
	unsigned char *buffer;
	struct image image;
	size_t len;

	if ((!o->output || !strcmp(o->output, "-")) && isatty(STDOUT_FILENO)) {
		fail("standard output", "is a terminal; redirect it, or use --output FILE");
		return EXIT_USAGE;
	}
	if (!open_image(&image, o->operand)) {
		archive = search(&image, &len, &buffer);
		if (!archive) {
			fail(image.name, "contains no kheaders archive");
			status = EXIT_NOTHING;
		} else if (!write_archive(o->output, archive, len, image.mode)) {
			status = EXIT_GOOD;
		}
		free(buffer);
	}
	close_image(&image);
	return status;
}
