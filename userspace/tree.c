// SPDX-License-Identifier: GPL-2.0
/* Open, list and remove directories by descriptors, without following links. */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

int open_directory(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int open_below(int dir, const char *path, int flags)
{
	int at = dir, fd, error;
	char part[NAME_MAX + 1];
	size_t len;

	for (;;) {
		len = strcspn(path, "/");
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			fd = -1;
			break;
		}
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		if (!path[len]) {
			fd = openat(at, len ? part : ".", flags | O_NOFOLLOW | O_CLOEXEC);
			break;
		}
		fd = open_directory(at, part);
		if (fd < 0)
			break;
		if (at != dir)
			close(at);
		at = fd;
		path += len + 1;
	}
	error = errno;
	if (at != dir)
		close(at);
	errno = error;
	return fd;
}

int list_directory(int dir, int (*each)(int dir, const char *name, void *arg), void *arg)
{
	int fd = open_directory(dir, "."), ret = 0, error;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (!ret) {
		errno = 0;
		d = readdir(list);
		if (!d) {
			ret = errno ? -1 : 0;
			break;
		}
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = each(dir, d->d_name, arg);
	}
	error = errno;
	closedir(list);
	errno = error;
	return ret;
}

static int stop(int dir, const char *name, void *arg)
{
	(void)dir;
	(void)name;
	(void)arg;
	return 1;
}

bool directory_is_empty(int dir)
{
	return !list_directory(dir, stop, NULL);
}

/* Some file systems do not support fsync() on directories. */
int sync_directory(int dir)
{
	return fsync(dir) && errno != EINVAL ? -1 : 0;
}

int make_directories(int dir, const char *path)
{
	char upto[PATH_MAX], *slash = upto;

	snprintf(upto, sizeof(upto), "%s", path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdirat(dir, upto, 0755) && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdirat(dir, upto, 0755) && errno != EEXIST ? -1 : 0;
}

/* @last: the entry to remove after all others; @failed: some could not be removed */
struct removal {
	const char *last;
	int failed;
};

static int remove_entry(int dir, const char *name, void *arg)
{
	struct removal *r = arg;

	if (!r->last || strcmp(name, r->last))
		r->failed |= remove_tree(dir, name);
	return 0;
}

int remove_tree_last(int parent, const char *name, const char *last)
{
	struct removal r = { .last = last };
	int fd = open_directory(parent, name);

	if (fd < 0)
		return fail_errno(name, "cannot be removed");
	if (list_directory(fd, remove_entry, &r))
		r.failed = fail_errno(name, "cannot be removed");
	if (!r.failed && last && unlinkat(fd, last, 0) && errno != ENOENT)
		r.failed = fail_errno(name, "cannot be removed");
	close(fd);
	if (r.failed)
		return -1;
	if (unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		return fail_errno(name, "cannot be removed");
	return 0;
}

/*
 * Removing a mount point fails with EBUSY even if it is not empty.  Thus a mount, including
 * a bind mount of the same file system, is noticed before it is entered.
 */
int remove_tree(int parent, const char *name)
{
	if (!unlinkat(parent, name, 0) || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM) {
		if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		if (errno == ENOTEMPTY || errno == EEXIST)
			return remove_tree_last(parent, name, NULL);
		if (errno == ENOTDIR)
			errno = EPERM;
	}
	if (errno == EBUSY)
		return fail(name, "cannot be removed: something is mounted there");
	return fail_errno(name, "cannot be removed");
}
