// SPDX-License-Identifier: GPL-2.0
/*
 * The names by which tools find a tree.  What a distribution put there stays: a link is
 * made where there is nothing, or in place of one that leads nowhere.
 */
#define _GNU_SOURCE	/* asprintf() */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

static const struct {
	const char *before, *behind;	/* the release */
} names[] = {
	{ "/lib/modules/", "/build" },
	{ "/usr/src/linux-headers-", "" },
};

#define NAMES (sizeof(names) / sizeof(names[0]))

static void name_of(size_t i, const char *release, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s%s%s", names[i].before, release, names[i].behind);
}

/* Does a link at @path lead to @tree? */
static bool leads_to(const char *path, const char *tree)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return !strcmp(target, tree);
}

/* Make the folder that @path is in; kernels without modules have none. */
static void make_parent(const char *path)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	*slash = '\0';
	mkdir(parent, 0755);
}

static int make_link(const char *path, const char *tree)
{
	char fresh[PATH_MAX];
	struct stat st;

	if (lstat(path, &st)) {
		make_parent(path);
		return symlink(tree, path);
	}
	if (!S_ISLNK(st.st_mode) || leads_to(path, tree) || !stat(path, &st))
		return 0;
	/* it leads nowhere; renaming over it fails if it is a folder by now */
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.kheaders", path) >= sizeof(fresh))
		return 0;
	unlink(fresh);
	if (symlink(tree, fresh))
		return -1;
	note(path, "led nowhere, and leads to %s now", tree);
	return rename(fresh, path);
}

void make_links(const char *release, const char *tree)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < NAMES; i++) {
		name_of(i, release, path);
		if (make_link(path, tree))
			note(path, "no link to %s: %s", tree, strerror(errno));
	}
}

void remove_links(const char *release, const char *tree)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < NAMES; i++) {
		name_of(i, release, path);
		if (!leads_to(path, tree))
			continue;
		if (unlink(path)) {
			note(path, "cannot be removed: %s", strerror(errno));
			continue;
		}
		/* the folder, if it was made for the link: others are not empty */
		*strrchr(path, '/') = '\0';
		if (i == 0)
			rmdir(path);
	}
}
