// SPDX-License-Identifier: GPL-2.0
/*
 * The build link for a read-only /usr: a system extension, which systemd-sysext(8) merges
 * into /usr, contains it.  Its target is a link in /run, which link.c settles.  So the
 * extension does not depend on the kernel's build, and after a reboot the link dangles
 * until this program runs: a stale tree is never served.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define RELEASE_DIRECTORY "usr/lib/extension-release.d"

/* The extension does not depend on the distribution. */
static int write_release(int dir, const char *name)
{
	static const unsigned char text[] = "ID=_any\n";
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), RELEASE_DIRECTORY "/extension-release.%s", name);
	fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	ret = write_bytes(fd, text, sizeof(text) - 1);
	return close(fd) || ret ? -1 : 0;
}

/* Fill the extension @name in @dir for @id's release. */
static int fill(int dir, const char *name, const struct identity *id)
{
	char modules[PATH_MAX], link[PATH_MAX], target[PATH_MAX];

	snprintf(modules, sizeof(modules), "usr/lib/modules/%s", id->release);
	snprintf(link, sizeof(link), "usr/lib/modules/%s/build", id->release);
	snprintf(target, sizeof(target), RUN_LINK, id->release);
	if (make_directories(dir, modules) || symlinkat(target, dir, link) ||
	    make_directories(dir, RELEASE_DIRECTORY) || write_release(dir, name))
		return fail_errno(name, "cannot be created");
	if (marker_write(dir, id))
		return -1;
	if (fchmod(dir, 0755) || syncfs(dir))
		return fail_errno(name, "cannot be created");
	return 0;
}

static int make(struct location *l, const struct identity *id)
{
	char staged[PRIVATE_NAME];
	int dir = location_stage(l, staged), ret;

	if (dir < 0)
		return -1;
	ret = fill(dir, l->name, id);
	close(dir);
	if (!ret)
		ret = location_commit(l, staged);
	if (ret)
		remove_tree(l->dir, staged);
	return ret;
}

int sysext_make(const struct identity *id, bool in_memory)
{
	char path[PATH_MAX], target[PATH_MAX], name[NAME_MAX + 1];
	enum link_state state = link_look(id->release, path, target);
	struct identity marker;
	struct location l;
	int ret = 0;

	if (state == LINK_UNKNOWN)
		return fail_errno(path, NULL);
	/* modules can be built already, or the link cannot replace it */
	if (state == LINK_BUILDS || state == LINK_NONE)
		return 0;
	snprintf(name, sizeof(name), EXTENSION, id->release);
	if (location_open_default(&l, in_memory ? RUN_EXTENSIONS : EXTENSIONS, name, true))
		return -1;
	switch (location_look(&l, id, &marker)) {
	case TREE_FOREIGN:
		ret = fail(location_tree(&l), "refused: exists, and not made by kheaders");
		break;
	case TREE_UNREADABLE:
		ret = -1;
		break;
	case TREE_ABSENT:
	case TREE_EMPTY:
	case TREE_RETIRED:
		/* the extension would hide our link in /usr itself */
		if (strncmp(path, "/run/", strlen("/run/")))
			link_settle(id->release, NULL);
		ret = location_lock(&l) || make(&l, id) ? -1 : 0;
		if (!ret)
			note(location_tree(&l), "created; run \"systemd-sysext refresh\"");
		break;
	default:
		location_tidy(&l);
	}
	location_close(&l);
	return ret;
}

/* @found: number of extensions to remove */
struct removal {
	struct location l;
	bool (*wanted)(const char *release, void *arg);
	void *arg;
	int found;
	bool failed;
};

static bool is_unused(struct removal *r, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct identity none = { }, marker;
	enum tree_state state;
	enum link_state link;

	if (*name == '.')
		return false;
	strcpy(r->l.name, name);
	state = location_look(&r->l, &none, &marker);
	r->failed |= state == TREE_UNREADABLE;
	if (state != TREE_OTHER || !r->wanted(marker.release, r->arg))
		return false;
	link = link_look(marker.release, path, target);
	return link != LINK_OURS && link != LINK_UNKNOWN;
}

static int count(int dir, const char *name, void *arg)
{
	struct removal *r = arg;

	(void)dir;
	r->found += is_unused(r, name);
	return 0;
}

static int retire(int dir, const char *name, void *arg)
{
	struct removal *r = arg;

	(void)dir;
	if (!is_unused(r, name))
		return 0;
	if (location_retire(&r->l))
		r->failed = true;
	else
		note(location_tree(&r->l), "removed; run \"systemd-sysext refresh\"");
	return 0;
}

/* Without an extension of ours, change nothing: the directory may be read-only. */
static int remove_from(struct removal *r, const char *directory)
{
	int ret = location_open_default(&r->l, directory, "", false), found = r->found;

	if (ret)
		return ret < 0 ? -1 : 0;
	ret = list_directory(r->l.dir, count, r);
	if (ret)
		fail_errno(directory, NULL);
	else if (r->found == found)
		location_tidy(&r->l);
	else if (location_lock(&r->l) || list_directory(r->l.dir, retire, r))
		ret = -1;
	location_close(&r->l);
	return ret || r->failed ? -1 : 0;
}

int sysext_remove(bool (*wanted)(const char *release, void *arg), void *arg)
{
	struct removal r = { .wanted = wanted, .arg = arg };
	int ret = remove_from(&r, EXTENSIONS);

	ret |= remove_from(&r, RUN_EXTENSIONS);
	return ret ? -1 : r.found;
}
