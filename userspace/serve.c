// SPDX-License-Identifier: GPL-2.0
/* Choose the tree that the build link leads to, from the existing trees. */
#define _GNU_SOURCE	/* O_DIRECTORY and others */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

static bool state_serves(enum tree_state state)
{
	return state == TREE_CURRENT || state == TREE_GIVEN || state == TREE_OTHER;
}

/* Returns 1 if the tree is usable, 0 if not, -1 if that cannot be determined. */
static int location_serves(const struct location *l, const struct identity *kernel,
			   const char *release)
{
	struct identity marker;
	enum tree_state state = location_look(l, kernel, &marker);

	if (state == TREE_UNREADABLE)
		return -1;
	return state_serves(state) && !strcmp(marker.release, release);
}

/* The same for the tree that the link leads to; link_settle() keeps a foreign link. */
static int link_serves(const struct identity *kernel, const char *release)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct identity marker;
	int tree, complete;

	if (link_look(release, path, target) != LINK_OURS)
		return 0;
	tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(path, NULL);
	complete = marker_read(tree, &marker);
	if (complete < 0)
		fail_errno(target, "cannot be read");
	close(tree);
	if (complete <= 0)
		return complete;
	return !strcmp(marker.release, release) && state_serves(marker_compare(&marker, kernel));
}

int serve(const struct identity *kernel, const char *release, const struct location *first,
	  bool make)
{
	static const char *const directories[] = { CACHE_DIRECTORY, RUN_DIRECTORY };
	struct location l;
	int i, serves, opened, ret = 0;

	if (!make) {
		serves = link_serves(kernel, release);
		if (!serves)
			link_settle(release, NULL);
		return serves < 0 ? -1 : 0;
	}
	serves = first ? location_serves(first, kernel, release) : 0;
	if (serves > 0)
		link_settle(release, location_tree(first));
	if (serves)
		return serves < 0 ? -1 : 0;
	for (i = 0; i < 2; i++) {
		opened = location_open_default(&l, directories[i], release, false);
		if (opened < 0)
			ret = -1;
		if (opened)
			continue;
		serves = location_serves(&l, kernel, release);
		if (serves > 0)
			link_settle(release, location_tree(&l));
		location_close(&l);
		if (serves)
			return serves < 0 ? -1 : ret;
	}
	if (!ret)
		link_settle(release, NULL);
	return ret;
}
