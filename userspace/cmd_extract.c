// SPDX-License-Identifier: GPL-2.0
/* kheaders extract: extract the archive to a tree or a file system image. */
#define _GNU_SOURCE	/* syncfs() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "kheaders.h"

#define TREE_IN_STAGING "tree"
#define IMAGE_IN_STAGING "image"
#define AUTO_CONF "include/config/auto.conf"
/* f_type of statfs(2); <linux/magic.h> is not available to musl-gcc */
#define TMPFS 0x01021994U
#define RAMFS 0x858458f6U
#define TREE_BYTES (64ULL << 20)	/* a tree in a tmpfs takes less */

/* @kernel: the running one, with its archive's checksum once that is open */
struct extraction {
	const struct options *o;
	struct identity kernel;
	struct source source;
	struct location l;
	bool made;
};

/* Fill @id for the marker of the new @tree. */
static int identify(const struct extraction *x, int tree, struct identity *id)
{
	const struct source *s = &x->source;

	*id = x->kernel;
	strcpy(id->sha256, s->sha256);
	id->origin = s->origin;
	if (tree_release(tree, s->name, id->release, sizeof(id->release)))
		return -1;
	if (s->origin == FROM_FILE)
		id->build_id[0] = '\0';
	else if (strcmp(id->release, x->kernel.release))
		return fail(s->name, "made for Linux %s, but %s is running", id->release,
			    x->kernel.release);
	return 0;
}

/* Do modules of the tree's kernel get BTF?  -1 with errno set. */
static int has_module_btf(int tree)
{
	int fd = open_below(tree, AUTO_CONF, O_RDONLY), ret = 0, error;
	FILE *config = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	if (!config)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	while (!ret && getline(&line, &room, config) >= 0)
		ret = !strcmp(line, "CONFIG_DEBUG_INFO_BTF_MODULES=y\n");
	error = errno;
	if (ferror(config))
		ret = -1;
	free(line);
	fclose(config);
	errno = error;
	return ret;
}

/*
 * Modules get BTF from the tree's vmlinux, and the kernel's own has the same.  The tree's
 * makefile makes that link as well, but not everybody who builds may write to the tree.
 */
static int link_btf(int tree)
{
	int ret = has_module_btf(tree);

	if (ret > 0 && (!symlinkat(BTF_FILE, tree, BTF_LINK) || errno == EEXIST))
		ret = 0;
	return ret ? fail_errno(BTF_LINK, NULL) : 0;
}

/* Unpack the archive into the empty directory @tree, and add link and marker. */
static int fill_tree(const struct extraction *x, int tree, struct identity *id)
{
	if (unpack(&x->source, tree) || link_btf(tree) || identify(x, tree, id) ||
	    marker_write(tree, id))
		return -1;
	/* the tree must not be more readable than the archive */
	if (fchmod(tree, source_is_public(&x->source) ? 0755 : 0700) || syncfs(tree))
		return fail_errno(location_tree(&x->l), NULL);
	return interrupted ? fail("extract", "interrupted") : 0;
}

/* Extract to a staging directory, as the tree's name may be known only from its content. */
static int make_tree(struct extraction *x)
{
	char staged[PRIVATE_NAME];
	int tree = location_stage(&x->l, staged), ret;
	struct identity id;

	if (tree < 0)
		return -1;
	ret = fill_tree(x, tree, &id);
	close(tree);
	if (!ret && !x->l.name[0])
		strcpy(x->l.name, id.release);
	if (!ret)
		ret = location_commit(&x->l, staged);
	if (ret)
		remove_tree(x->l.dir, staged);
	return ret;
}

static int fill_image(struct extraction *x, int dir)
{
	mode_t mode = source_is_public(&x->source) ? 0644 : 0600;
	struct identity id;
	int tree = -1, ret = -1;

	if (!mkdirat(dir, TREE_IN_STAGING, 0755))
		tree = open_directory(dir, TREE_IN_STAGING);
	if (tree < 0)
		return fail_errno(location_tree(&x->l), NULL);
	if (!fill_tree(x, tree, &id))
		ret = make_image(dir, IMAGE_IN_STAGING, location_tree(&x->l), tree, mode);
	close(tree);
	return ret;
}

static int make_image_file(struct extraction *x)
{
	char staged[PRIVATE_NAME];
	int dir = location_stage(&x->l, staged), ret;

	if (dir < 0)
		return -1;
	ret = fill_image(x, dir);
	if (!ret && renameat(dir, IMAGE_IN_STAGING, x->l.dir, x->l.name))
		ret = fail_errno(location_tree(&x->l), "cannot be renamed into place");
	if (!ret && sync_directory(x->l.dir))
		ret = fail_errno(location_tree(&x->l), NULL);
	close(dir);
	return remove_tree(x->l.dir, staged) || ret ? -1 : 0;
}

/* Is the tree @name, of any release, extracted from this archive? */
static int find_archive(int dir, const char *name, void *arg)
{
	struct extraction *x = arg;
	int tree = name[0] == '.' ? -1 : open_directory(dir, name);
	struct identity marker;
	bool same = false;

	if (tree >= 0) {
		same = marker_read(tree, &marker) > 0 && !strcmp(marker.sha256, x->source.sha256) &&
		       !strcmp(marker.release, name);
		close(tree);
	}
	if (same)
		strcpy(x->l.name, name);
	return same;
}

/* Is the tree already up to date?  -1 if it must not be replaced. */
static int look(struct extraction *x)
{
	struct identity marker;
	bool done;

	if (!x->l.name[0])
		return list_directory(x->l.dir, find_archive, x) == 1 && !x->o->force;
	switch (location_look(&x->l, &x->kernel, &marker)) {
	case TREE_FOREIGN:
		return fail(location_tree(&x->l), "refused: exists, but was not made by kheaders");
	case TREE_UNREADABLE:
		return -1;
	case TREE_ABSENT:
	case TREE_EMPTY:
	case TREE_RETIRED:
		return 0;
	case TREE_CURRENT:
		done = true;
		break;
	default:
		done = false;
	}
	if (x->source.origin == FROM_FILE)
		done = !strcmp(marker.sha256, x->source.sha256);
	return done && !x->o->force;
}

static enum exit_status open_source(struct extraction *x)
{
	enum exit_status status = source_open(&x->source, NULL, x->o->debuginfod);

	if (status != EXIT_NOTHING || !x->o->debuginfod)
		return status;
	return debuginfod_open(&x->source, &x->kernel, &x->l);
}

/* Under the lock, look again: another run may have extracted the tree meanwhile. */
static enum exit_status extract_locked(struct extraction *x)
{
	enum exit_status status;
	int done = look(x);

	if (!done && x->source.fd < 0) {
		status = open_source(x);
		if (status != EXIT_GOOD)
			return status;
		/* without a build-id only the checksum identifies the kernel */
		strcpy(x->kernel.sha256, x->source.sha256);
		done = look(x);
	}
	if (!done) {
		done = make_tree(x);
		x->made = !done;
	}
	if (done < 0 || (x->o->pch && make_pch(&x->l)))
		return EXIT_FAILED;
	return EXIT_GOOD;
}

/* Is there room for a tree in memory? */
static int check_memory(const struct location *l)
{
	struct statvfs vfs;
	struct statfs fs;
	unsigned int type;

	if (fstatfs(l->dir, &fs) || fstatvfs(l->dir, &vfs))
		return fail_errno(l->path, NULL);
	type = fs.f_type;
	if (type != TMPFS && type != RAMFS)
		return fail(l->path, "not in memory; mount a tmpfs at /run, or use --dest");
	if (vfs.f_blocks && vfs.f_bavail * (uint64_t)vfs.f_frsize < TREE_BYTES)
		return fail(l->path, "less than 64 MB free; try \"mount -o remount,size=...\"");
	return 0;
}

static int open_location(struct extraction *x)
{
	const struct options *o = x->o;
	const char *base = o->tmpfs ? RUN_DIRECTORY : CACHE_DIRECTORY;
	const char *release = o->archive ? "" : x->kernel.release;

	if (o->image || o->dest)
		return location_open(&x->l, o->image ? o->image : o->dest);
	if (location_open_default(&x->l, base, release, true))
		return -1;
	return 0;
}

/* Update the build link for the current state of the tree. */
static int settle_link(struct extraction *x, bool make)
{
	const char *release = x->kernel.release;
	struct identity marker;
	enum tree_state state;

	if (x->o->archive) {
		/* only the tree's marker has the release */
		if (x->l.dir < 0 || !x->l.name[0])
			return 0;
		state = location_look(&x->l, &x->kernel, &marker);
		if (state < TREE_OTHER)
			return state == TREE_UNREADABLE ? -1 : 0;
		release = marker.release;
	}
	return serve(&x->kernel, release, x->l.dir < 0 ? NULL : &x->l, make);
}

static enum exit_status extract_tree(struct extraction *x)
{
	const struct options *o = x->o;
	int done = look(x);

	if (done < 0 || (done && !o->pch)) {
		location_tidy(&x->l);
		return done < 0 ? EXIT_FAILED : EXIT_GOOD;
	}
	/* a stale tree must not be used while it is replaced */
	if (settle_link(x, false))
		return EXIT_FAILED;
	if (o->tmpfs && !done && check_memory(&x->l))
		return EXIT_FAILED;
	if (location_lock(&x->l))
		return EXIT_FAILED;
	return extract_locked(x);
}

/* The extension names the tree's release, kernel and archive. */
static int make_extension(const struct extraction *x)
{
	struct identity marker;
	enum tree_state state = location_look(&x->l, &x->kernel, &marker);

	if (state == TREE_CURRENT)
		return sysext_make(&marker, x->o->tmpfs);
	return state == TREE_UNREADABLE ? -1 : 0;
}

/* Always create the image, as the content of an existing one is unknown. */
static enum exit_status extract_image(struct extraction *x)
{
	enum exit_status status = EXIT_GOOD;
	struct stat st;

	if (!fstatat(x->l.dir, x->l.name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode)) {
		fail(location_tree(&x->l), "refused: exists, but is not a regular file");
		return EXIT_FAILED;
	}
	if (location_lock(&x->l))
		return EXIT_FAILED;
	if (x->source.fd < 0)
		status = open_source(x);
	if (status != EXIT_GOOD)
		return status;
	x->made = !make_image_file(x);
	return x->made ? EXIT_GOOD : EXIT_FAILED;
}

enum exit_status cmd_extract(const struct options *o)
{
	struct extraction x = { .o = o, .source.fd = -1, .l = { .dir = -1, .lock = -1 } };
	bool make = !o->no_link && (o->link || !o->archive);
	enum exit_status status = EXIT_GOOD;

	if (running_kernel(&x.kernel))
		return EXIT_FAILED;
	if (o->archive)
		status = source_open(&x.source, o->archive, false);
	if (status == EXIT_GOOD && open_location(&x))
		status = EXIT_FAILED;
	if (status == EXIT_GOOD)
		status = o->image ? extract_image(&x) : extract_tree(&x);
	if (source_close(&x.source, o->keep_module))
		status = EXIT_FAILED;
	if (o->sysext && status == EXIT_GOOD && make_extension(&x))
		status = EXIT_FAILED;
	if (!o->image && settle_link(&x, make && status == EXIT_GOOD))
		status = EXIT_FAILED;
	if (x.made && !quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "\rextracting: 100 %%\n");
	if (x.made)
		note(location_tree(&x.l), "extracted");
	location_close(&x.l);
	return status;
}
