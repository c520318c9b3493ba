// SPDX-License-Identifier: GPL-2.0
/* kheaders remove: take trees away, with the links to them. */
#define _GNU_SOURCE	/* asprintf() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

static const char help_remove[] =
	"Usage: kheaders remove [--old] [--quiet]\n"
	"\n"
	"Remove the tree of the running kernel, and the links to it.\n"
	"\n"
	"  --old    remove the trees of all other kernels in its place\n"
	"  --quiet  say nothing but errors\n"
	"  --help   print this text\n"
	"\n"
	"Exit status: 0 removed, 1 failed, 2 misuse, 3 there was none.\n";

static int remove_one(struct place *p, const char *name)
{
	char *tree;
	int ret;

	if (asprintf(&tree, DEFAULT_PLACE "/%s", name) < 0)
		return fail(name, "no memory left");
	/* links first: they never lead to a tree that is half there */
	remove_links(name, tree);
	ret = place_remove(p, name);
	if (!ret)
		note(tree, "removed");
	free(tree);
	return ret;
}

/* Remove the tree called @release, or with @old all but that; returns how many. */
static int remove_trees(struct place *p, const char *release, bool old)
{
	DIR *dir = fdopendir(openat(p->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *d;
	int n = 0;

	if (!dir)
		return fail(p->path, "%s", strerror(errno));
	while (n >= 0 && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || !strcmp(d->d_name, release) == old)
			continue;
		n = remove_one(p, d->d_name) ? -1 : n + 1;
	}
	closedir(dir);
	return n;
}

int cmd_remove(int argc, char **argv)
{
	static const struct option options[] = {
		{ "old", no_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct identity id;
	struct place p;
	bool old = false;
	int c, n = -1;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		old |= c == 'o';
		quiet |= c == 'q';
		if (c == 'h' || c == '?') {
			fputs(help_remove, c == 'h' ? stdout : stderr);
			return c == 'h' ? GOOD : MISUSE;
		}
	}
	if (optind < argc) {
		fputs(help_remove, stderr);
		return MISUSE;
	}
	if (access(DEFAULT_PLACE, F_OK))
		return NOTHING;
	if (!running_kernel(&id) && !place_open(&p, DEFAULT_PLACE "/x", false)) {
		if (!place_lock(&p))
			n = remove_trees(&p, id.release, old);
		place_close(&p);
	}
	return n < 0 ? FAILED : n ? GOOD : NOTHING;
}
