// SPDX-License-Identifier: GPL-2.0
/*
 * The location of a tree.  A tree's name always refers to a complete tree: it is extracted to
 * a staging directory next to it, which only root can enter, and then renamed.  To remove it,
 * it is renamed to a retired name and then deleted.  Documentation/states.md has all states.
 *
 * Only root may be able to write to the directory and to all directories above it.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW, RENAME_EXCHANGE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kheaders.h"

#define LOCK ".kheaders-lock"
#define STAGING ".kheaders-staging-"
#define RETIRED ".kheaders-retired-"
#define RETIRED_MARKER ".kheaders-retired"

/* not in every C library */
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

/* Is the open directory @fd safe from other users?  If not, report why. */
static int check_directory(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail_errno(path, NULL);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(path, "refused: belongs to user %u, not to root", st.st_uid);
	if (st.st_mode & 0022)
		return fail(path, "refused: others can write there (mode %04o)",
			    st.st_mode & 07777);
	return 0;
}

/* A walk along a path: the current directory, its path, and the rest of the path. */
struct walk {
	int fd;
	unsigned int links;
	char real[PATH_MAX], todo[PATH_MAX];
};

static int walk_to_root(struct walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*w->real = '\0';
	if (w->fd < 0) {
		fail_errno("/", NULL);
		return -1;
	}
	return 0;
}

/* Prepend the target of the link @part to the rest of the path. */
static int walk_link(struct walk *w, const char *part)
{
	char target[PATH_MAX], rest[PATH_MAX];
	struct stat st;
	ssize_t n = readlinkat(w->fd, part, target, sizeof(target) - 1);

	if (n < 0 || fstatat(w->fd, part, &st, AT_SYMLINK_NOFOLLOW))
		return fail_errno(part, NULL);
	target[n] = '\0';
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(part, "refused: a link of user %u", st.st_uid);
	if (++w->links > 40)
		return fail(part, "too many links");
	strcpy(rest, w->todo);
	if ((size_t)n + strlen(rest) + 2 > PATH_MAX)
		return fail(part, "name too long");
	strcat(strcat(strcpy(w->todo, target), "/"), rest);
	return *target == '/' ? walk_to_root(w) : 0;
}

/* Enter the directory @part, or follow it if it is a link. */
static int walk_step(struct walk *w, const char *part)
{
	int next = open_directory(w->fd, part);
	char path[PATH_MAX + NAME_MAX + 2];
	struct stat st;

	if (next < 0) {
		if ((errno == ENOTDIR || errno == ELOOP) &&
		    !fstatat(w->fd, part, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode))
			return walk_link(w, part);
		snprintf(path, sizeof(path), "%s/%s", w->real, part);
		return fail_errno(path, NULL);
	}
	close(w->fd);
	w->fd = next;
	if (!strcmp(part, "..")) {
		*(strrchr(w->real, '/') ?: w->real) = '\0';
		return 0;
	}
	if (strlen(w->real) + strlen(part) + 2 > PATH_MAX)
		return fail(w->real, "name too long");
	strcat(strcat(w->real, "/"), part);
	return 0;
}

/*
 * Open the directory w->todo.  No directory and no link in its path may belong to another
 * user, as that user could choose where we write.  openat2() would not help, because each
 * component has to be checked.
 */
static int walk(struct walk *w)
{
	char part[NAME_MAX + 1];
	size_t skip, len;

	if (walk_to_root(w))
		return -1;
	for (;;) {
		if (check_directory(w->fd, *w->real ? w->real : "/"))
			break;
		skip = strspn(w->todo, "/");
		len = strcspn(w->todo + skip, "/");
		if (!len)
			return w->fd;
		if (len > NAME_MAX) {
			fail(w->todo, "name too long");
			break;
		}
		memcpy(part, w->todo + skip, len);
		part[len] = '\0';
		memmove(w->todo, w->todo + skip + len, strlen(w->todo + skip + len) + 1);
		if (strcmp(part, ".") && walk_step(w, part))
			break;
	}
	if (w->fd >= 0)
		close(w->fd);
	return -1;
}

static int walk_from(struct walk *w, const char *path)
{
	size_t len = 0;

	*w->todo = '\0';
	if (*path != '/') {
		if (!getcwd(w->todo, sizeof(w->todo)))
			return fail_errno(path, NULL);
		strcat(w->todo, strlen(w->todo) + 1 < PATH_MAX ? "/" : "");
		len = strlen(w->todo);
	}
	if (len + strlen(path) >= sizeof(w->todo))
		return fail(path, "name too long");
	strcpy(w->todo + len, path);
	return walk(w);
}

static int enter(struct location *l, const char *path, const char *name)
{
	struct walk w = { .fd = -1 };

	l->lock = -1;
	l->dir = walk_from(&w, path);
	if (l->dir < 0)
		return -1;
	strcpy(l->path, *w.real ? w.real : "/");
	strcpy(l->name, name);
	return 0;
}

int location_open(struct location *l, const char *path)
{
	char parent[PATH_MAX], *slash, *name;
	size_t len = strlen(path);

	l->dir = l->lock = -1;
	if (len + 3 > sizeof(parent))
		return fail(path, "name too long");
	sprintf(parent, "%s%s", *path == '/' ? "" : "./", path);
	len = strlen(parent);
	while (len > 1 && parent[len - 1] == '/')
		parent[--len] = '\0';
	slash = strrchr(parent, '/');
	name = slash + 1;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(path, "not a valid name for a file or directory");
	if (strlen(name) > NAME_MAX)
		return fail(path, "name too long");
	*slash = '\0';
	return enter(l, *parent ? parent : "/", name);
}

int location_open_default(struct location *l, const char *path, const char *release, bool create)
{
	l->dir = l->lock = -1;
	/* a rescue system may have no /var */
	if (create && make_directories(AT_FDCWD, path))
		return fail_errno(path, "cannot be created");
	if (!create && access(path, F_OK))
		return errno == ENOENT ? 1 : fail_errno(path, NULL);
	if (enter(l, path, release))
		return -1;
	/* links must contain this path, not the resolved one, which may change */
	strcpy(l->path, path);
	return 0;
}

/* Delete the lock file before the lock is released; waiters notice and create a new one. */
void location_close(struct location *l)
{
	if (l->lock >= 0) {
		unlinkat(l->dir, LOCK, 0);
		close(l->lock);
	}
	if (l->dir >= 0)
		close(l->dir);
	l->dir = l->lock = -1;
}

const char *location_tree(const struct location *l)
{
	static char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", l->path[1] ? l->path : "", l->name);
	return path;
}

static int is_leftover(int dir, const char *name, void *arg)
{
	(void)dir;
	(void)arg;
	return !strncmp(name, STAGING, strlen(STAGING)) ||
	       !strncmp(name, RETIRED, strlen(RETIRED));
}

/* Remove leftovers of killed runs; the lock excludes running ones. */
static int remove_leftover(int dir, const char *name, void *arg)
{
	if (is_leftover(dir, name, arg))
		remove_tree(dir, name);
	return 0;
}

/* Is the locked file still the one at the lock's path? */
static bool lock_is_current(const struct location *l)
{
	struct stat held, there;

	return !fstat(l->lock, &held) &&
	       !fstatat(l->dir, LOCK, &there, AT_SYMLINK_NOFOLLOW) &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* @operation: of flock().  Returns -1 with errno set. */
static int take_lock(struct location *l, int operation)
{
	int error;

	for (;;) {
		l->lock = openat(l->dir, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (l->lock < 0)
			return -1;
		while (flock(l->lock, operation)) {
			if (errno == EINTR && !interrupted)
				continue;
			error = errno;
			close(l->lock);
			l->lock = -1;
			errno = error;
			return -1;
		}
		if (lock_is_current(l))
			break;
		close(l->lock);
	}
	list_directory(l->dir, remove_leftover, NULL);
	return 0;
}

int location_lock(struct location *l)
{
	if (take_lock(l, LOCK_EX))
		return fail_errno(location_tree(l), "cannot be locked");
	return 0;
}

void location_tidy(struct location *l)
{
	if (list_directory(l->dir, is_leftover, NULL) > 0)
		take_lock(l, LOCK_EX | LOCK_NB);
}

static enum tree_state unreadable(const struct location *l)
{
	fail_errno(location_tree(l), "cannot be read");
	return TREE_UNREADABLE;
}

enum tree_state location_look(const struct location *l, const struct identity *kernel,
			      struct identity *marker)
{
	int tree = open_directory(l->dir, l->name), complete;
	enum tree_state state;

	if (tree < 0 && errno == ENOENT)
		return TREE_ABSENT;
	if (tree < 0)
		return errno == ENOTDIR || errno == ELOOP ? TREE_FOREIGN : unreadable(l);
	complete = marker_read(tree, marker);
	if (complete < 0)
		state = unreadable(l);
	else if (complete)
		state = marker_compare(marker, kernel);
	else if (!faccessat(tree, RETIRED_MARKER, F_OK, 0))
		state = TREE_RETIRED;
	else
		state = directory_is_empty(tree) ? TREE_EMPTY : TREE_FOREIGN;
	close(tree);
	return state;
}

static int private_name(const char *prefix, char name[PRIVATE_NAME])
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return fail_errno("getrandom", NULL);
	snprintf(name, PRIVATE_NAME, "%s%08x", prefix, number);
	return 0;
}

int location_stage(struct location *l, char name[PRIVATE_NAME])
{
	int fd;

	if (private_name(STAGING, name))
		return -1;
	if (mkdirat(l->dir, name, 0700))
		return fail_errno(location_tree(l), "cannot be created");
	fd = open_directory(l->dir, name);
	return fd < 0 ? fail_errno(name, NULL) : fd;
}

int location_retire_from(struct location *l, int dir, const char *name)
{
	char retired[PRIVATE_NAME];

	if (private_name(RETIRED, retired))
		return -1;
	if (renameat(dir, name, l->dir, retired))
		return 1;
	if (sync_directory(l->dir))
		return fail_errno(location_tree(l), NULL);
	return remove_tree(l->dir, retired);
}

/*
 * An overlayfs cannot rename a directory of its lower layer.  Rename the marker instead:
 * without it, the directory is not a tree.
 */
static int retire_in_place(struct location *l)
{
	int tree = open_directory(l->dir, l->name), ret;

	if (tree < 0)
		return fail_errno(location_tree(l), "cannot be removed");
	ret = renameat(tree, MARKER, tree, RETIRED_MARKER) && errno != ENOENT;
	ret = ret || sync_directory(tree);
	close(tree);
	if (ret)
		return fail_errno(location_tree(l), "cannot be removed");
	return remove_tree_last(l->dir, l->name, RETIRED_MARKER);
}

int location_retire(struct location *l)
{
	int ret = location_retire_from(l, l->dir, l->name);

	if (ret <= 0)
		return ret;
	if (errno == EXDEV)
		return retire_in_place(l);
	if (errno == EBUSY)
		return fail(location_tree(l), "cannot be removed: something is mounted there");
	return fail_errno(location_tree(l), "cannot be removed");
}

static bool is_ours(const struct location *l)
{
	struct identity none = { }, marker;
	enum tree_state state = location_look(l, &none, &marker);

	return state >= TREE_RETIRED;
}

/*
 * rename() only replaces an empty directory, so exchange the old tree with the new one.  If
 * the file system does not support that, the tree is absent for a moment.
 */
int location_commit(struct location *l, const char *staged)
{
	if (is_ours(l)) {
		if (!syscall(SYS_renameat2, l->dir, staged, l->dir, l->name, RENAME_EXCHANGE)) {
			if (sync_directory(l->dir))
				return fail_errno(location_tree(l), NULL);
			/* now the staging name refers to the old tree */
			if (remove_tree(l->dir, staged))
				warn(location_tree(l), "the old tree remains as %s", staged);
			return 0;
		}
		if (errno != EINVAL && errno != ENOSYS && errno != EXDEV && errno != EPERM)
			return fail_errno(location_tree(l), "cannot be renamed into place");
		if (location_retire(l))
			return -1;
	}
	if (renameat(l->dir, staged, l->dir, l->name))
		return fail_errno(location_tree(l), "cannot be renamed into place");
	return sync_directory(l->dir) ? fail_errno(location_tree(l), NULL) : 0;
}
