// SPDX-License-Identifier: GPL-2.0
/*
 * The build link, /lib/modules/RELEASE/build, by which tools find a tree.  There is no other
 * link: through one at /usr/src/linux-headers-RELEASE, dpkg would unpack a headers package
 * into our tree.  If a system extension contains the link (sysext.c), the functions below
 * work on the link in /run to which that one leads.
 *
 * A foreign link that can build modules is kept.  One that dangles, or leads to a directory
 * that cannot build modules, is moved aside, and restored by "remove".
 */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define ASIDE ".before-kheaders"	/* suffixes of the link's name */
#define FRESH ".kheaders-new"

static bool is_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return !strncmp(path, directory, len) && path[len] == '/';
}

/* Decide by the target's path, or by the marker in the target. */
static bool is_ours(const char *path, const char *target)
{
	struct identity id;
	bool ours = is_below(target, CACHE_DIRECTORY) || is_below(target, RUN_DIRECTORY);
	int tree = ours ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tree >= 0) {
		ours = marker_read(tree, &id) > 0;
		close(tree);
	}
	return ours;
}

/* Can modules be built in @path? */
static bool builds(const char *path)
{
	char file[PATH_MAX + 64];

	snprintf(file, sizeof(file), "%s/Makefile", path);
	if (access(file, F_OK))
		return false;
	snprintf(file, sizeof(file), "%s/include/generated/autoconf.h", path);
	return !access(file, F_OK);
}

static enum link_state look_at(const char *path, char target[PATH_MAX])
{
	ssize_t n = readlink(path, target, PATH_MAX - 1);

	target[n < 0 ? 0 : n] = '\0';
	if (n < 0)
		return errno == EINVAL ? LINK_NONE :
		       errno == ENOENT || errno == ENOTDIR ? LINK_ABSENT : LINK_UNKNOWN;
	if (is_ours(path, target))
		return LINK_OURS;
	return builds(path) ? LINK_BUILDS : LINK_USELESS;
}

/* Does an extension contain the link, whether or not it is merged?  Negative on an error. */
static int has_extension(const char *release)
{
	static const char *const directories[] = { EXTENSIONS, RUN_EXTENSIONS };
	char path[PATH_MAX];
	struct stat st;
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/" EXTENSION "/" MARKER, directories[i], release);
		if (!lstat(path, &st))
			return 1;
		if (errno != ENOENT && errno != ENOTDIR)
			return -1;
	}
	return 0;
}

enum link_state link_look(const char *release, char path[PATH_MAX], char target[PATH_MAX])
{
	enum link_state state;
	char run[PATH_MAX];
	int extension;

	snprintf(run, sizeof(run), RUN_LINK, release);
	snprintf(path, PATH_MAX, "/lib/modules/%s/build", release);
	state = look_at(path, target);
	if (strcmp(target, run)) {
		if (state != LINK_ABSENT && state != LINK_USELESS)
			return state;
		extension = has_extension(release);
		if (extension <= 0)
			return extension < 0 ? LINK_UNKNOWN : state;
	}
	strcpy(path, run);
	return look_at(path, target);
}

bool link_choose(const char *release, const char *target, char path[PATH_MAX])
{
	static const char *const directories[] = { RUN_DIRECTORY, CACHE_DIRECTORY };
	char tree[PATH_MAX];
	int i;

	*path = '\0';
	for (i = 0; i < 2 && (!*path || strcmp(path, target)); i++) {
		snprintf(tree, sizeof(tree), "%s/%s", directories[i], release);
		if (!access(tree, F_OK))
			strcpy(path, tree);
	}
	return *path;
}

/* Atomically replace @path by a link to @target. */
static int replace(const char *path, const char *target)
{
	char fresh[PATH_MAX + 16];

	snprintf(fresh, sizeof(fresh), "%s" FRESH, path);
	if (symlink(target, fresh))
		return -1;
	return rename(fresh, path);
}

/* Write the directory of @path to @parent. */
static void parent_of(const char *path, char parent[PATH_MAX])
{
	strcpy(parent, path);
	*strrchr(parent, '/') = '\0';
}

/* Create the link, and its directory, which a kernel without modules lacks. */
static int make_first(const char *path, const char *tree)
{
	char parent[PATH_MAX];

	parent_of(path, parent);
	return make_directories(AT_FDCWD, parent) ? -1 : symlink(tree, path);
}

/* Remove our link, and restore the one that was moved aside, if any. */
static int remove_link(const char *path, const char *aside)
{
	char parent[PATH_MAX];

	if (!rename(aside, path))
		return 0;
	if (unlink(path) && errno != ENOENT)
		return -1;
	/* also remove the directory if it was created for the link and is thus empty */
	parent_of(path, parent);
	if (strcmp(parent, RUN_DIRECTORY))
		rmdir(parent);
	return 0;
}

/* Move a useless link aside and replace it. */
static int displace(const char *path, const char *aside, const char *tree, const char *target)
{
	unlink(aside);
	if (symlink(target, aside) || replace(path, tree))
		return -1;
	warn(path, "led to %s, which cannot build modules; now leads to %s", target, tree);
	return 0;
}

static int make_link(const char *path, const char *aside, const char *tree,
		     enum link_state state, const char *target)
{
	if (state == LINK_OURS && builds(aside)) {
		/* the target of the old link has been installed meanwhile */
		note(path, "restored, as it leads to installed headers now");
		return remove_link(path, aside);
	}
	switch (state) {
	case LINK_ABSENT:
		return make_first(path, tree);
	case LINK_OURS:
		return strcmp(target, tree) ? replace(path, tree) : 0;
	case LINK_USELESS:
		return displace(path, aside, tree, target);
	case LINK_BUILDS:
		note(path, "kept, as it leads to %s", target);
		return 0;
	default:
		warn(path, "not a link, and kept; tools will not find %s", tree);
		return 0;
	}
}

void link_settle(const char *release, const char *tree)
{
	char path[PATH_MAX], target[PATH_MAX], aside[PATH_MAX + 32], fresh[PATH_MAX + 16];
	enum link_state state = link_look(release, path, target);
	int ret = 0;

	if (state == LINK_UNKNOWN) {
		warn(path, "kept, as it cannot be looked at: %s", strerror(errno));
		return;
	}
	snprintf(aside, sizeof(aside), "%s" ASIDE, path);
	snprintf(fresh, sizeof(fresh), "%s" FRESH, path);
	unlink(fresh);
	if (tree)
		ret = make_link(path, aside, tree, state, target);
	else if (state == LINK_OURS)
		ret = remove_link(path, aside);
	/* our link no longer exists, so the one that was moved aside is obsolete */
	if (state == LINK_BUILDS || state == LINK_NONE || (state == LINK_USELESS && !tree))
		unlink(aside);
	if (ret && tree)
		warn(path, "no link to %s: %s", tree, strerror(errno));
	else if (ret)
		warn(path, "cannot be removed: %s", strerror(errno));
}
