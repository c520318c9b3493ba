// SPDX-License-Identifier: GPL-2.0
/* kheaders extract, kheaders remove: make a tree of the archive, and take it away. */
#define _GNU_SOURCE	/* syncfs(), asprintf() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define UTSRELEASE "include/generated/utsrelease.h"

/*
 * @archive: a file that takes the place of the kernel's
 * @dest: the tree; the default place if NULL
 * @id: of the running kernel
 */
struct request {
	const char *archive, *dest;
	bool link, no_link, keep_module, force;
	struct identity id;
};

static const char help_extract[] =
	"Usage: kheaders extract [OPTION]...\n"
	"\n"
	"Extract the running kernel's headers and build files, once, and link them to\n"
	"where tools look: /lib/modules/RELEASE/build, /usr/src/linux-headers-RELEASE.\n"
	"\n"
	"  --archive FILE  extract FILE, not /sys/kernel/kheaders.tar.xz; no links are made\n"
	"                  then without --link\n"
	"  --dest DIR      make the tree DIR, not " DEFAULT_PLACE "/RELEASE\n"
	"  --link          make the links (default for the running kernel)\n"
	"  --no-link       make no links\n"
	"  --keep-module   leave the module loaded that this had to load\n"
	"  --force         extract even if the tree is there already\n"
	"  --quiet         say nothing but errors\n"
	"  --help          print this text\n"
	"\n"
	"Exit status: 0 the tree is there, 1 failed, 2 misuse, 3 this kernel has no\n"
	"archive and no module that brings one.\n";

/* Like open(), with a message; and only what is a regular file. */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fail(path, "%s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(path, "not a regular file");
	}
	return fd;
}

/* Read the open file @from into memory; -1 with errno set, and not a word, on failure. */
static int read_into_memory(int from)
{
	int fd = memfd_create("kheaders.tar.xz", MFD_CLOEXEC), saved;
	char buf[1 << 16];
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(fd, buf, n) != n) {
			n = -1;
			break;
		}
	}
	if (!n && !lseek(fd, 0, SEEK_SET))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/*
 * The file is there as long as the module is, and whoever else loaded the module may
 * unload it at any time, under a reader, too: take a copy, and if it goes, try again.
 */
static int open_running(bool *loaded)
{
	int tries, from, fd, ret;

	for (tries = 0; tries < 200; tries++) {
		if (access(SYSFS_FILE, F_OK)) {
			ret = load_module();
			if (ret < 0)
				return -1;
			if (!ret)
				break;
			*loaded = true;
		}
		from = open(SYSFS_FILE, O_RDONLY | O_CLOEXEC);
		if (from < 0 && errno == ENOENT)
			continue;
		fd = from < 0 ? -1 : read_into_memory(from);
		ret = errno;
		if (from >= 0)
			close(from);
		if (fd >= 0)
			return fd;
		if (ret != ENODEV)
			return fail(SYSFS_FILE, "%s", strerror(ret));
	}
	fail(SYSFS_FILE, tries ? "goes whenever it is read: something unloads the module %s" :
	     "not there, and no module %s for this kernel; it was built without CONFIG_KHEADERS_SYSFS",
	     MODULE_NAME);
	return tries ? -1 : -2;
}

int open_archive(const char *file, bool *loaded)
{
	*loaded = false;
	return file ? open_file(file) : open_running(loaded);
}

/* Which kernel headers are for, by the @text of include/generated/utsrelease.h. */
static int get_release(const char *text, char *release, size_t size)
{
	static const char before[] = "#define UTS_RELEASE \"";
	const char *start = strstr(text, before);
	size_t len = start ? strcspn(start + strlen(before), "\"") : 0;

	if (!len)
		return fail("archive", "no kernel headers: " UTSRELEASE " is missing or odd");
	start += strlen(before);
	if (start[0] == '.' || memchr(start, '/', len) || len >= size)
		return fail("archive", "\"%.*s\" is no release of a kernel", (int)len, start);
	memcpy(release, start, len);
	release[len] = '\0';
	return 0;
}

static int tree_release(int tree, char *release, size_t size)
{
	int fd = openat(tree, UTSRELEASE, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return get_release(text, release, size);
}

/* Unpack the archive @fd into the empty folder @tree, and complete it. */
static int fill_tree(const struct request *r, int fd, int tree)
{
	const char *name = r->archive ? r->archive : SYSFS_FILE;
	struct stream *s = stream_open(fd, name);
	struct members *a = s ? members_open(s, name) : NULL;
	struct identity id = r->id;
	char release[sizeof(id.release)];
	struct stat st;
	int ret = -1;

	if (a)
		ret = unpack(a, tree, s);
	members_close(a);
	if (stream_close(s, ret ? NULL : id.sha256) || ret ||
	    tree_release(tree, release, sizeof(release)))
		return -1;
	if (r->archive) {
		strcpy(id.release, release);
		id.build_id[0] = '\0';
	} else if (strcmp(release, id.release)) {
		return fail(name, "made for Linux %s, and %s is running", release, id.release);
	}
	if (write_marker(tree, &id) || fstat(fd, &st))
		return -1;
	/* who may not read the archive may not read the tree */
	if (fchmod(tree, st.st_mode & 0004 ? 0755 : 0700) || syncfs(tree))
		return fail("tree", "%s", strerror(errno));
	return 0;
}

/* Is the tree that is there the one that is wanted?  Else, may it be replaced? */
static int look_at_tree(const struct request *r, struct place *p, const char *sha256)
{
	struct identity id;
	int tree = place_tree(p), ret = 0;

	if (tree < 0)
		return errno == ENOENT ? 0 : fail(p->path, "%s", strerror(errno));
	if (read_marker(tree, &id)) {
		if (r->archive)
			ret = !strcmp(id.sha256, sha256);
		else
			ret = same_kernel(&id, &r->id);
	} else if (r->dest) {
		ret = fail(p->path, "refused: there already, and not made by kheaders");
	}
	close(tree);
	return ret == 1 && r->force ? 0 : ret;
}

static int make_tree(struct request *r, struct place *p, int fd)
{
	char staged[32];
	int tree = place_stage(p, staged), ret;

	if (tree < 0)
		return -1;
	ret = fill_tree(r, fd, tree);
	close(tree);
	if (!ret)
		ret = place_commit(p, staged);
	if (ret)
		remove_tree(p->parent, staged);
	return ret;
}

/* Under the lock: another run may have done the work while this one waited. */
static int extract_locked(struct request *r, struct place *p)
{
	bool loaded;
	int fd, ret;

	if (place_lock(p))
		return FAILED;
	ret = look_at_tree(r, p, r->id.sha256);
	if (ret)
		return ret < 0 ? FAILED : GOOD;
	fd = open_archive(r->archive, &loaded);
	if (fd < 0)
		return fd == -2 ? NOTHING : FAILED;
	ret = make_tree(r, p, fd);
	close(fd);
	if (loaded && !r->keep_module)
		ret |= unload_module();
	if (!ret)
		note(p->path, "extracted");
	return ret ? FAILED : GOOD;
}

static int extract(struct request *r, const char *path)
{
	struct place p;
	int ret = FAILED;

	if (!place_open(&p, path, !r->dest)) {
		ret = look_at_tree(r, &p, r->id.sha256);
		ret = ret == 1 ? GOOD : ret < 0 ? FAILED : extract_locked(r, &p);
		if (ret == GOOD && !r->no_link && (r->link || !r->archive))
			make_links(r->id.release, p.path);
	}
	place_close(&p);
	return ret;
}

/* Find the release in the archive @fd, reading no further than needed. */
static int archive_release(int fd, const char *name, char *release, size_t size)
{
	struct stream *s = stream_open(fd, name);
	struct members *a = s ? members_open(s, name) : NULL;
	char text[512] = "";
	struct member m;
	int ret = -1;

	while (a && (ret = members_next(a, &m)) > 0) {
		if (strcmp(m.name, UTSRELEASE))
			continue;
		ret = members_read(a, text, sizeof(text) - 1) < 0 ? -1 : 0;
		break;
	}
	members_close(a);
	stream_close(s, NULL);
	return ret ? -1 : get_release(text, release, size);
}

/* What has to be known of the archive @r->archive before it is extracted. */
static int identify_archive(struct request *r)
{
	int ret, fd = open_file(r->archive);

	if (fd < 0)
		return -1;
	ret = stream_sha256(fd, r->archive, r->id.sha256);
	if (!ret && (!r->dest || r->link))
		ret = archive_release(fd, r->archive, r->id.release, sizeof(r->id.release));
	close(fd);
	return ret;
}

static const struct option options_extract[] = {
	{ "archive", required_argument, NULL, 'a' },
	{ "dest", required_argument, NULL, 'd' },
	{ "link", no_argument, NULL, 'l' },
	{ "no-link", no_argument, NULL, 'n' },
	{ "keep-module", no_argument, NULL, 'k' },
	{ "force", no_argument, NULL, 'f' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static int take_options(struct request *r, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options_extract, NULL)) != -1) {
		switch (c) {
		case 'a': r->archive = optarg; break;
		case 'd': r->dest = optarg; break;
		case 'l': r->link = true; break;
		case 'n': r->no_link = true; break;
		case 'k': r->keep_module = true; break;
		case 'f': r->force = true; break;
		case 'q': quiet = true; break;
		case 'h':
			fputs(help_extract, stdout);
			exit(GOOD);
		default:
			return -1;
		}
	}
	return optind < argc || (r->link && r->no_link) ? -1 : 0;
}

int cmd_extract(int argc, char **argv)
{
	struct request r = { };
	char *path = NULL;
	int ret;

	if (take_options(&r, argc, argv)) {
		fputs(help_extract, stderr);
		return MISUSE;
	}
	if (running_kernel(&r.id) || (r.archive && identify_archive(&r)))
		return FAILED;
	if (r.dest)
		return extract(&r, r.dest);
	if (asprintf(&path, DEFAULT_PLACE "/%s", r.id.release) < 0)
		return fail("extract", "no memory left") ? FAILED : GOOD;
	ret = extract(&r, path);
	/* of another kernel that had this release, say */
	if (ret == NOTHING && access(path, F_OK))
		remove_links(r.id.release, path);
	free(path);
	return ret;
}

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
	ret = remove_tree(p->parent, name);
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
