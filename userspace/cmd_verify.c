// SPDX-License-Identifier: GPL-2.0
/* kheaders verify: is the tree what the archive holds, byte for byte, and no more? */
#define _GNU_SOURCE	/* tdestroy(), asprintf() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

static const char help_verify[] =
	"Usage: kheaders verify [--archive FILE] [--dest DIR] [--quiet]\n"
	"\n"
	"Compare a tree with the archive it came from, byte for byte.\n"
	"\n"
	"  --archive FILE  compare with FILE, not the running kernel's archive\n"
	"  --dest DIR      compare the tree DIR, not the running kernel's\n"
	"  --quiet         say nothing but what differs\n"
	"  --help          print this text\n"
	"\n"
	"Exit status: 0 the same, 1 different or failed, 2 misuse, 3 there is no archive.\n";

/* @names: what the archive holds, a tree of tsearch(); @wrong: differences */
struct check {
	int tree;
	void *names;
	int wrong;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Compare the member's bytes with those of @fd; says what is wrong. */
static const char *compare_bytes(struct members *a, int fd)
{
	static char want[65536], have[65536];
	ssize_t n, got, at;

	while ((n = members_read(a, want, sizeof(want))) > 0) {
		for (at = 0; at < n; at += got) {
			got = read(fd, have + at, n - at);
			if (got <= 0)
				return "shorter than in the archive";
		}
		if (memcmp(want, have, n))
			return "differs from the archive";
	}
	if (n < 0)
		return "cannot be compared";
	return read(fd, have, 1) ? "longer than in the archive" : NULL;
}

static const char *compare_member(struct check *c, struct members *a, const struct member *m)
{
	int fd = openat(c->tree, *m->name ? m->name : ".",
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	const char *wrong = NULL;
	struct stat st;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st))
		wrong = strerror(errno);
	else if (m->folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		wrong = "of another kind than in the archive";
	else if (!m->folder && !(st.st_mode & 0100) != !(m->mode & 0100))
		wrong = "of another mode than in the archive";
	else if (st.st_mode & 0022)
		wrong = "can be written by others";
	else if (!m->folder)
		wrong = compare_bytes(a, fd);
	close(fd);
	return wrong;
}

static int compare_members(struct check *c, struct members *a)
{
	const char *wrong;
	struct member m;
	char *name;
	int ret;

	while ((ret = members_next(a, &m)) > 0) {
		name = strdup(m.name);
		if (!name || !tsearch(name, &c->names, compare_names))
			return fail(m.name, "no memory left");
		wrong = compare_member(c, a, &m);
		if (wrong) {
			fail(m.name, "%s", wrong);
			c->wrong++;
		}
	}
	return ret;
}

/* Look for what neither the archive has nor we made below the folder @fd, called @path. */
static void find_others(struct check *c, int fd, const char *path)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	char *name;
	int sub;

	while (dir && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    (!*path && (!strcmp(d->d_name, MARKER) ||
				!strcmp(d->d_name, PCH_FOLDER))))
			continue;
		if (asprintf(&name, "%s%s%s", path, *path ? "/" : "", d->d_name) < 0)
			break;
		if (!tfind(name, &c->names, compare_names)) {
			fail(name, "not in the archive");
			c->wrong++;
		}
		sub = openat(dirfd(dir), d->d_name,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			find_others(c, sub, name);
		free(name);
	}
	if (dir)
		closedir(dir);
	else
		close(fd);
}

static int verify(const char *archive, const char *path, int fd)
{
	const char *name = archive ? archive : SYSFS_FILE;
	struct check c = { .tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct stream *s = NULL;
	struct members *a = NULL;
	struct identity id;
	char sha256[SHA256_HEX];
	int ret = -1;

	if (c.tree < 0)
		return fail(path, "%s", strerror(errno));
	if (!read_marker(c.tree, &id)) {
		fail(path, "has no marker: not made by kheaders, or not complete");
		c.wrong++;
	}
	s = stream_open(fd, name);
	a = s ? members_open(s, name) : NULL;
	if (a)
		ret = compare_members(&c, a);
	members_close(a);
	ret |= stream_close(s, ret ? NULL : sha256);
	if (!ret)
		find_others(&c, dup(c.tree), "");
	close(c.tree);
	tdestroy(c.names, free);
	if (!ret && !c.wrong)
		note(path, "is what the archive holds");
	return ret || c.wrong ? -1 : 0;
}

int cmd_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "archive", required_argument, NULL, 'a' },
		{ "dest", required_argument, NULL, 'd' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *archive = NULL, *dest = NULL;
	char place[256];
	struct identity id;
	bool loaded;
	int c, fd, ret;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'a')
			archive = optarg;
		else if (c == 'd')
			dest = optarg;
		else if (c == 'q')
			quiet = true;
		else {
			fputs(help_verify, c == 'h' ? stdout : stderr);
			return c == 'h' ? GOOD : MISUSE;
		}
	}
	if (optind < argc || (archive && !dest)) {
		fputs(help_verify, stderr);
		return MISUSE;
	}
	if (running_kernel(&id))
		return FAILED;
	snprintf(place, sizeof(place), DEFAULT_PLACE "/%s", id.release);
	fd = open_archive(archive, &loaded);
	if (fd < 0)
		return fd == -2 ? NOTHING : FAILED;
	ret = verify(archive, dest ? dest : place, fd);
	close(fd);
	if (loaded)
		ret |= unload_module();
	return ret ? FAILED : GOOD;
}
