// SPDX-License-Identifier: GPL-2.0
/* Which tree the build link leads to: a function of the trees that are there. */
#define _GNU_SOURCE	/* O_DIRECTORY and others */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

static bool state_serves(enum tree_state state)
{
	return state == TREE_CURRENT || state == TREE_GIVEN || state == TREE_OTHER;
}

static bool location_serves(const struct location *l, const struct identity *kernel,
			    const char *release)
{
	struct identity marker;

	return state_serves(location_look(l, kernel, &marker)) &&
	       !strcmp(marker.release, release);
}

/* Does the link lead to a tree that it may lead to? */
static bool link_serves(const struct identity *kernel, const char *release)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct identity marker;
	bool good = false;
	int tree;

	if (link_look(release, path, target) != LINK_OURS)
		return true;
	tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree >= 0) {
		good = marker_read(tree, &marker) && !strcmp(marker.release, release) &&
		       state_serves(marker_compare(&marker, kernel));
		close(tree);
	}
	return good;
}

int serve(const struct identity *kernel, const char *release, const struct location *first,
	  bool make)
{
	static const char *const directories[] = { CACHE_DIRECTORY, RUN_DIRECTORY };
	struct location l;
	bool found;
	int i, ret;

	if (!make)
		return link_serves(kernel, release) ? 0 : link_settle(release, NULL);
	if (first && location_serves(first, kernel, release))
		return link_settle(release, location_tree(first));
	for (i = 0; i < 2; i++) {
		if (first && !strcmp(first->path, directories[i]))
			continue;
		if (location_open_default(&l, directories[i], release, false))
			continue;
		found = location_serves(&l, kernel, release);
		ret = found ? link_settle(release, location_tree(&l)) : 0;
		location_close(&l);
		if (found)
			return ret;
	}
	return link_settle(release, NULL);
}
