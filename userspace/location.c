// SPDX-License-Identifier: GPL-2.0
/*
 * Where trees are.  A tree appears under its name whole, or not at all: it is made in a
 * folder beside it, which only root can enter, and renamed.  The folder that both are
 * in, and all above it, must be such that nobody else can put something in the way.
 */
#define _GNU_SOURCE	/* renameat2(), O_PATH */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define LOCK ".kheaders-lock"

/* Is the open folder @fd safe?  Says why it is not. */
static int check_folder(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(path, "%s", strerror(errno));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(path, "refused: belongs to user %u, not to root", st.st_uid);
	if (st.st_mode & 0022)
		return fail(path, "refused: others can write there (mode %04o)",
			    st.st_mode & 07777);
	return 0;
}

/* Open the folder @path, an absolute one without links in it, and check all above. */
static int open_checked(const char *path)
{
	char upto[PATH_MAX], *slash;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;

	snprintf(upto, sizeof(upto), "%s", path);
	if (fd < 0 || check_folder(fd, "/"))
		goto failed;
	for (slash = upto; slash && slash[1];) {
		char *part = slash + 1;

		slash = strchr(part, '/');
		if (slash)
			*slash = '\0';
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0) {
			fail(upto, "%s", strerror(errno));
			goto failed;
		}
		close(fd);
		fd = next;
		if (check_folder(fd, upto))
			goto failed;
		if (slash)
			*slash = '/';
	}
	return fd;
failed:
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Does the folder @path, which may be on the way only, pass check_folder()? */
static int check_on_the_way(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), ret;

	if (fd < 0)
		return fail(path, "%s", strerror(errno));
	ret = check_folder(fd, path);
	close(fd);
	return ret;
}

/* Put what the link @real stands for in front of @todo. */
static int follow_link(char *real, char *todo)
{
	char target[PATH_MAX], rest[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(real, &st) || (n = readlink(real, target, sizeof(target) - 1)) < 0)
		return fail(real, "%s", strerror(errno));
	target[n] = '\0';
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(real, "refused: a link of user %u", st.st_uid);
	strcpy(rest, todo);
	if ((size_t)snprintf(todo, PATH_MAX, "%s/%s", target, rest) >= PATH_MAX)
		return fail(real, "too long a name");
	*strrchr(real, '/') = '\0';
	if (*target == '/')
		*real = '\0';
	return 0;
}

/*
 * realpath(), but no folder and no link on the way may be somebody else's: whoever can
 * change one of them would choose where we write.
 */
static int resolve(const char *path, char *real)
{
	char todo[PATH_MAX], part[PATH_MAX];
	struct stat st;
	int links = 0, len;

	if (*path != '/' && !getcwd(real, PATH_MAX))
		return fail(path, "%s", strerror(errno));
	len = snprintf(todo, sizeof(todo), "%s/%s", *path == '/' ? "" : real, path);
	if (len >= (int)sizeof(todo))
		return fail(path, "too long a name");
	*real = '\0';
	while (sscanf(todo + strspn(todo, "/"), "%[^/]%n", part, &len) == 1) {
		memmove(todo, todo + strspn(todo, "/") + len,
			strlen(todo + strspn(todo, "/") + len) + 1);
		if (check_on_the_way(*real ? real : "/"))
			return -1;
		if (!strcmp(part, ".."))
			*(strrchr(real, '/') ?: real) = '\0';
		if (!strcmp(part, ".") || !strcmp(part, ".."))
			continue;
		if (strlen(real) + strlen(part) + 2 > PATH_MAX)
			return fail(path, "too long a name");
		strcat(strcat(real, "/"), part);
		if (lstat(real, &st))
			return fail(real, "%s", strerror(errno));
		if (!S_ISLNK(st.st_mode))
			continue;
		if (++links > 40)
			return fail(path, "%s", strerror(ELOOP));
		if (follow_link(real, todo))
			return -1;
	}
	if (!*real)
		strcpy(real, "/");
	return 0;
}

/* Split @path into the folder it is in, resolved, and its last part. */
static int split_path(struct place *p, const char *path, char *parent)
{
	char copy[PATH_MAX], *slash;
	size_t len;

	len = snprintf(copy, sizeof(copy), "%s%s", *path == '/' ? "" : "./", path);
	if (len >= sizeof(copy))
		return fail(path, "too long a name");
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	*slash = '\0';
	if (!slash[1] || !strcmp(slash + 1, ".") || !strcmp(slash + 1, ".."))
		return fail(path, "not the name of a folder that could be made");
	if (resolve(*copy ? copy : "/", parent))
		return -1;
	if (asprintf(&p->path, "%s/%s", strcmp(parent, "/") ? parent : "", slash + 1) < 0)
		return fail(path, "no memory left");
	p->name = strrchr(p->path, '/') + 1;
	return 0;
}

/* A rescue system may have no /var. */
static int make_default_place(void)
{
	static const char *const folders[] = { "/var", "/var/cache", DEFAULT_PLACE, NULL };
	const char *const *path;

	for (path = folders; *path; path++) {
		if (mkdir(*path, 0755) && errno != EEXIST)
			return fail(*path, "%s", strerror(errno));
	}
	return 0;
}

int place_open(struct place *p, const char *path, bool create)
{
	char parent[PATH_MAX];

	*p = (struct place){ .parent = -1, .lock = -1 };
	if (create && make_default_place())
		return -1;
	if (split_path(p, path, parent))
		return -1;
	p->parent = open_checked(parent);
	return p->parent < 0 ? -1 : 0;
}

void place_close(struct place *p)
{
	free(p->path);
	if (p->lock >= 0)
		close(p->lock);
	if (p->parent >= 0)
		close(p->parent);
}

/* What earlier runs left when they were killed: nobody works here while we hold the lock. */
static int remove_leftovers(struct place *p)
{
	DIR *dir = fdopendir(openat(p->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return fail(p->path, "%s", strerror(errno));
	while ((d = readdir(dir))) {
		if (!strncmp(d->d_name, STAGING, strlen(STAGING)))
			ret |= remove_tree(p->parent, d->d_name);
	}
	closedir(dir);
	return ret;
}

int place_lock(struct place *p)
{
	p->lock = openat(p->parent, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->lock < 0)
		return fail(p->path, "cannot be locked: %s", strerror(errno));
	while (flock(p->lock, LOCK_EX)) {
		if (errno != EINTR)
			return fail(p->path, "cannot be locked: %s", strerror(errno));
	}
	return remove_leftovers(p);
}

int place_tree(const struct place *p)
{
	return openat(p->parent, p->name,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int place_stage(struct place *p, char name[32])
{
	uint32_t number;
	int fd;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return fail("getrandom", "%s", strerror(errno));
	snprintf(name, 32, STAGING "%08x", number);
	if (mkdirat(p->parent, name, 0700))
		return fail(p->path, "cannot be made: %s", strerror(errno));
	fd = openat(p->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail(name, "%s", strerror(errno)) : fd;
}

int place_remove(const struct place *p, const char *name)
{
	char *path;
	int ret;

	if (asprintf(&path, "%.*s%s", (int)(p->name - p->path), p->path, name) < 0)
		return fail(name, "no memory left");
	do {
		ret = tmpfs_unmount(path);
	} while (ret > 0);
	free(path);
	return ret ? ret : remove_tree(p->parent, name);
}

/*
 * The old tree and the new one change places, then the old one goes.  Where the file
 * system cannot do that, there is no tree for a moment.
 */
int place_commit(struct place *p, const char *staged)
{
	char old[] = STAGING "old";

	if (!renameat2(p->parent, staged, p->parent, p->name, RENAME_NOREPLACE))
		goto sync;
	if (errno == EEXIST &&
	    !renameat2(p->parent, staged, p->parent, p->name, RENAME_EXCHANGE)) {
		fsync(p->parent);
		return remove_tree(p->parent, staged);
	}
	/* a tree in memory */
	if (errno == EBUSY && !place_remove(p, p->name))
		errno = EEXIST;
	if (errno != EINVAL && errno != ENOSYS && errno != EEXIST)
		return fail(p->path, "cannot be put in place: %s", strerror(errno));
	if ((renameat(p->parent, p->name, p->parent, old) && errno != ENOENT) ||
	    renameat(p->parent, staged, p->parent, p->name))
		return fail(p->path, "cannot be put in place: %s", strerror(errno));
	if (remove_tree(p->parent, old))
		return -1;
sync:
	return fsync(p->parent) ? fail(p->path, "%s", strerror(errno)) : 0;
}

/* Empty the folder @fd, and close it. */
static int empty_folder(int fd, const char *name)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int ret = 0;

	if (!dir) {
		close(fd);
		return fail(name, "%s", strerror(errno));
	}
	while ((d = readdir(dir))) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret |= remove_tree(dirfd(dir), d->d_name);
	}
	closedir(dir);
	return ret;
}

/* Remove @name in the folder @parent and all below it; links are not followed. */
int remove_tree(int parent, const char *name)
{
	int fd;

	if (!unlinkat(parent, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(name, "cannot be removed: %s", strerror(errno));
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(name, "cannot be removed: %s", strerror(errno));
	if (empty_folder(fd, name))
		return -1;
	if (unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		return fail(name, "cannot be removed: %s", strerror(errno));
	return 0;
}
