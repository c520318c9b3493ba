// SPDX-License-Identifier: GPL-2.0
/* kheaders remove: remove trees and the links to them. */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

/* @found: there are trees to remove; @failed: some could not be removed */
struct removal {
	const struct options *o;
	struct identity kernel;
	struct location l;
	bool found, failed;
};

/* Does @name belong to an installed kernel?  Links to headers and depmod's files outlive it. */
static int is_of_kernel(int dir, const char *name, void *arg)
{
	(void)dir;
	(void)arg;
	return strncmp(name, "build", strlen("build")) && strcmp(name, "source") &&
	       strncmp(name, "modules.", strlen("modules."));
}

/* Is the kernel @release no longer installed? */
static bool is_gone(const char *release)
{
	char path[PATH_MAX];
	int dir, ret;

	snprintf(path, sizeof(path), "/lib/modules/%s", release);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT;
	ret = list_directory(dir, is_of_kernel, NULL);
	close(dir);
	return !ret;
}

/*
 * Remove the tree at r->l.  Remove its link first, so that it never leads to an incomplete
 * tree; if the tree cannot be removed, the link is restored.
 */
static void remove_one(struct removal *r)
{
	const struct location *l = &r->l;
	char path[PATH_MAX], target[PATH_MAX];
	struct identity marker;
	enum tree_state state = location_look(l, &r->kernel, &marker);
	const char *release = state < TREE_OTHER ? l->name : marker.release;
	bool linked;
	int ret;

	if (state == TREE_ABSENT)
		return;
	r->found = true;
	if (state == TREE_UNREADABLE) {
		r->failed = true;
		return;
	}
	if (state == TREE_FOREIGN) {
		r->failed = true;
		fail(location_tree(l), "refused: not made by kheaders");
		return;
	}
	linked = link_look(release, path, target) == LINK_OURS &&
		 !strcmp(target, location_tree(l));
	if (linked)
		link_settle(release, NULL);
	ret = location_retire(&r->l);
	r->failed |= serve(&r->kernel, release, l, linked) || ret;
	if (!ret)
		note(location_tree(l), "removed");
}

/* --old removes trees of removed kernels, and a stale one of the running release. */
static bool is_wanted(const struct removal *r)
{
	struct identity marker;
	enum tree_state state;

	if (r->o->all)
		return true;
	state = location_look(&r->l, &r->kernel, &marker);
	if (!strcmp(r->l.name, r->kernel.release))
		return state == TREE_STALE || state == TREE_RETIRED;
	return state != TREE_FOREIGN && is_gone(r->l.name);
}

static int remove_some(int dir, const char *name, void *arg)
{
	struct removal *r = arg;

	(void)dir;
	if (name[0] == '.')
		return 0;
	strcpy(r->l.name, name);
	if (is_wanted(r))
		remove_one(r);
	return interrupted;
}

static void remove_from(struct removal *r)
{
	if (location_lock(&r->l)) {
		r->failed = true;
	} else if (r->o->old || r->o->all) {
		if (list_directory(r->l.dir, remove_some, r) < 0)
			r->failed = fail_errno(r->l.path, NULL);
	} else {
		remove_one(r);
	}
	location_close(&r->l);
}

static bool is_unwanted(const char *release, void *arg)
{
	struct removal *r = arg;
	bool own = !strcmp(release, r->kernel.release);

	return r->o->all || (r->o->old ? !own && is_gone(release) : own);
}

static void remove_extensions(struct removal *r)
{
	int n = sysext_remove(is_unwanted, r);

	r->failed |= n < 0;
	r->found |= n > 0;
}

enum exit_status cmd_remove(const struct options *o)
{
	static const char *const directories[] = { CACHE_DIRECTORY, RUN_DIRECTORY };
	struct removal r = { .o = o };
	int i, ret;

	if (running_kernel(&r.kernel))
		return EXIT_FAILED;
	if (o->dest) {
		if (location_open(&r.l, o->dest))
			return EXIT_FAILED;
		remove_from(&r);
	}
	for (i = 0; i < 2 && !o->dest && !interrupted; i++) {
		ret = location_open_default(&r.l, directories[i], r.kernel.release, false);
		if (!ret)
			remove_from(&r);
		r.failed |= ret < 0;
	}
	/* also remove a link to a tree that was removed by hand */
	if (!o->dest && !o->old && serve(&r.kernel, r.kernel.release, NULL, false))
		r.failed = true;
	if (!o->dest)
		remove_extensions(&r);
	if (r.failed || interrupted)
		return EXIT_FAILED;
	return r.found ? EXIT_GOOD : EXIT_NOTHING;
}
