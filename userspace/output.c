// SPDX-License-Identifier: GPL-2.0
/* The file that dump and publish write: complete, or unchanged. */
#define _GNU_SOURCE	/* O_TMPFILE, mkostemp() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define FRESH ".kheaders-new"	/* behind a file's name */

int write_bytes(int fd, const unsigned char *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

int write_all(int fd, const char *name, const unsigned char *p, size_t len)
{
	return write_bytes(fd, p, len) ? fail_errno(name, NULL) : 0;
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

static int set_attributes(int fd, mode_t mode, time_t time)
{
	const struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };

	if (fchmod(fd, mode) || (time && futimens(fd, times)))
		return -1;
	return fsync(fd);
}

/* Replace a regular file atomically. */
static int write_file(const char *path, const unsigned char *p, size_t len, mode_t mode,
		      time_t time)
{
	const char *name;
	char *fresh = NULL;
	int dir = open_parent(path, &name), ret = -1;
	int fd = dir < 0 ? -1 : open_fresh(path, dir, &fresh);

	if (fd < 0) {
		fail_errno(path, NULL);
	} else if (!write_all(fd, path, p, len)) {
		if (set_attributes(fd, mode, time) || put_in_place(fd, dir, name, fresh))
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

bool output_is_terminal(const char *path)
{
	if ((path && strcmp(path, "-")) || !isatty(STDOUT_FILENO))
		return false;
	fail("standard output", "is a terminal; redirect it, or use --output FILE");
	return true;
}

int write_output(const char *path, const unsigned char *p, size_t len, mode_t mode, time_t time)
{
	struct stat st;

	if (!path || !strcmp(path, "-"))
		return write_all(STDOUT_FILENO, "standard output", p, len);
	mode &= 0644;
	if (lstat(path, &st)) {
		if (errno != ENOENT)
			return fail_errno(path, NULL);
		return write_file(path, p, len, mode, time);
	}
	if (S_ISREG(st.st_mode))
		return write_file(path, p, len, mode & st.st_mode, time);
	return write_through(path, p, len, mode);
}
