// SPDX-License-Identifier: GPL-2.0
/*
 * kheaders verify: compare a tree with its archive, byte for byte, including the owner, the
 * modes and the marker that extract sets.  Only files that its makefile adds may be added.
 */
#define _GNU_SOURCE	/* tdestroy(), asprintf() */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

/*
 * @names: the archive's names, a tree of tsearch(); @wrong: number of differences
 * @prefix: path of the current directory
 */
struct check {
	const struct source *source;
	const char *path;
	int tree;
	uid_t owner;
	void *names;
	unsigned int wrong;
	const char *prefix;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void wrong(struct check *c, const char *name, const char *what)
{
	fail(*name ? name : c->path, "%s", what);
	c->wrong++;
}

/* Check type, owner and mode of @fd; NULL if they are right. */
static const char *compare_mode(const struct check *c, int fd, mode_t type, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if ((st.st_mode & S_IFMT) != type)
		return "type differs from the archive";
	if (st.st_uid != c->owner)
		return "belongs to another user";
	if ((st.st_mode & 07777) != mode)
		return "mode differs from the archive";
	return NULL;
}

/* Compare @size bytes at @data with the next bytes of @fd. */
static const char *compare_bytes(int fd, const char *data, size_t size)
{
	static char have[1 << 16];
	ssize_t got;

	while (size) {
		got = read(fd, have, size < sizeof(have) ? size : sizeof(have));
		if (got < 0)
			return strerror(errno);
		if (!got)
			return "shorter than in the archive";
		if (memcmp(data, have, got))
			return "differs from the archive";
		data += got;
		size -= got;
	}
	return NULL;
}

static const char *compare_data(struct members *a, int fd)
{
	const char *what = NULL;
	const void *data;
	ssize_t n;
	char more;

	while (!what && (n = members_read(a, &data)) > 0)
		what = compare_bytes(fd, data, n);
	if (what)
		return what;
	if (n < 0)
		return "cannot be compared";
	return read(fd, &more, 1) ? "longer than in the archive" : NULL;
}

/* A link was extracted as a copy of its target, which is compared separately. */
static const char *compare_link(const struct check *c, int fd, const char *target)
{
	int from = open_below(c->tree, target, O_RDONLY | O_NONBLOCK);
	const char *what = NULL;
	char buf[1 << 14];
	struct stat st;
	ssize_t n;

	if (from < 0)
		return strerror(errno);
	if (fstat(from, &st) || !S_ISREG(st.st_mode))
		what = "link to something other than a file";
	else
		what = compare_mode(c, fd, S_IFREG, st.st_mode & 07777);
	while (!what && (n = read(from, buf, sizeof(buf)))) {
		if (n < 0)
			what = strerror(errno);
		else
			what = compare_bytes(fd, buf, n);
	}
	close(from);
	if (what)
		return what;
	return read(fd, buf, 1) ? "longer than in the archive" : NULL;
}

static const char *compare_member(const struct check *c, struct members *a,
				  const struct member *m)
{
	int fd = open_below(c->tree, m->name, O_RDONLY | O_NONBLOCK);
	const char *what;
	mode_t mode;

	if (fd < 0)
		return errno == ENOENT ? "is missing" : strerror(errno);
	if (m->target) {
		what = compare_link(c, fd, m->target);
	} else if (m->directory) {
		mode = *m->name ? directory_mode(m->mode) :
				  source_is_public(c->source) ? 0755 : 0700;
		what = compare_mode(c, fd, S_IFDIR, mode);
	} else {
		what = compare_mode(c, fd, S_IFREG, file_mode(m->mode));
		/* packed empty, and filled by "make rust" */
		if (!what && (m->size || strcmp(m->name, RUSTC_CFG)))
			what = compare_data(a, fd);
	}
	close(fd);
	return what;
}

static int compare_part(struct check *c, unsigned int part)
{
	struct stream *s = stream_open(c->source->xz, part);
	struct members *a = s ? members_open(s, c->source->name) : NULL;
	const char *what;
	struct member m;
	int ret = -1;
	char *name;

	while (a && (ret = members_next(a, &m)) > 0) {
		name = strdup(m.name);
		if (!name || !tsearch(name, &c->names, compare_names)) {
			ret = fail(m.name, "out of memory");
			break;
		}
		what = compare_member(c, a, &m);
		if (what)
			wrong(c, m.name, what);
		if (interrupted) {
			ret = fail("verify", "interrupted");
			break;
		}
	}
	members_close(a);
	stream_close(s);
	return ret;
}

static bool leads_to(int dir, const char *name, const char *target)
{
	char buf[PATH_MAX];
	ssize_t n = readlinkat(dir, name, buf, sizeof(buf));

	return n == (ssize_t)strlen(target) && !memcmp(buf, target, n);
}

/* May extract --pch, or "make" or "make rust" in the tree, have added this file? */
static bool is_added(int dir, const char *name, const char *path, mode_t mode)
{
	static const char *const files[] = {
		PCH_DIRECTORY "/kernel.h", PCH_DIRECTORY "/kernel.h.pch",
		PCH_DIRECTORY "/flags", PCH_DIRECTORY "/flags.new", RUST_TARGET, RUSTC_CFG,
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!strcmp(path, files[i]))
			return S_ISREG(mode);
	}
	if (!strcmp(path, BTF_LINK))
		return leads_to(dir, name, BTF_FILE);
	if (!strcmp(path, PCH_DIRECTORY) || !strcmp(path, RUST_DIRECTORY))
		return S_ISDIR(mode);
	return !strncmp(path, RUST_DIRECTORY "/", strlen(RUST_DIRECTORY "/")) &&
	       (S_ISREG(mode) || S_ISDIR(mode));
}

/* Check @name in @dir, called @path, if it is not in the archive. */
static const char *compare_other(const struct check *c, int dir, const char *name,
				 const char *path)
{
	struct stat st;

	if (!strcmp(path, MARKER) || tfind(path, &c->names, compare_names))
		return NULL;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return strerror(errno);
	if (!is_added(dir, name, path, st.st_mode))
		return "not in the archive";
	if (st.st_uid != c->owner)
		return "belongs to another user";
	/* the other bits depend on the umask of make, and on rustc */
	if (!S_ISLNK(st.st_mode) && st.st_mode & 07022)
		return "others can change it, or it has setuid, setgid or sticky bits";
	return NULL;
}

/* Check @name and everything below it. */
static int find_other(int dir, const char *name, void *arg)
{
	struct check *c = arg;
	const char *prefix = c->prefix, *what;
	int sub = open_directory(dir, name), error = errno;
	char *path;

	if (asprintf(&path, "%s%s%s", prefix, *prefix ? "/" : "", name) < 0)
		return fail(name, "out of memory");
	what = compare_other(c, dir, name, path);
	if (!what && sub < 0 && error != ENOTDIR && error != ELOOP)
		what = strerror(error);
	if (what)
		wrong(c, path, what);
	c->prefix = path;
	/* an unreadable directory may contain foreign files */
	if (sub >= 0 && list_directory(sub, find_other, c) < 0)
		wrong(c, path, strerror(errno));
	c->prefix = prefix;
	if (sub >= 0)
		close(sub);
	free(path);
	return 0;
}

static void check_marker(struct check *c, const struct identity *kernel)
{
	int fd = open_below(c->tree, MARKER, O_RDONLY | O_NONBLOCK);
	char release[sizeof(kernel->release)];
	const char *what = NULL;
	struct identity id;

	if (fd < 0 || marker_read(c->tree, &id) <= 0) {
		wrong(c, "", "has no marker: not made by kheaders, or incomplete");
		if (fd >= 0)
			close(fd);
		return;
	}
	what = compare_mode(c, fd, S_IFREG, 0644);
	close(fd);
	if (!what && strcmp(id.sha256, c->source->sha256))
		what = "names another archive";
	if (!what && !tree_release(c->tree, c->path, release, sizeof(release)) &&
	    strcmp(id.release, release))
		what = "names another release";
	if (!what && c->source->origin != FROM_FILE && id.origin != FROM_FILE &&
	    strcmp(id.build_id, kernel->build_id))
		what = "names another kernel";
	if (what)
		wrong(c, MARKER, what);
}

#define OVERFLOW_UID 65534	/* see user_namespaces(7) */

/* In a user namespace, an unmapped owner, such as the host's root, is shown as nobody. */
static bool is_unmapped(uid_t uid)
{
	unsigned int inside, outside, length;
	FILE *map = fopen("/proc/self/uid_map", "re");
	bool part = map && fscanf(map, "%u %u %u", &inside, &outside, &length) == 3 &&
		    length != UINT32_MAX;

	if (map)
		fclose(map);
	return part && uid == OVERFLOW_UID;
}

/* The owner must be root, the current user, or the owner of "/" in a container. */
static void check_owner(struct check *c)
{
	struct stat st, root;

	if (fstat(c->tree, &st) || stat("/", &root)) {
		wrong(c, "", strerror(errno));
		return;
	}
	c->owner = st.st_uid;
	if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != root.st_uid &&
	    !is_unmapped(st.st_uid))
		wrong(c, "", "belongs to another user");
}

static int verify(const struct source *s, const char *path, const struct identity *kernel)
{
	struct check c = { .source = s, .path = path, .prefix = "" };
	unsigned int part;
	int ret = 0;

	c.tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.tree < 0)
		return fail_errno(path, NULL);
	check_owner(&c);
	for (part = 0; !ret && part < xz_parts(s->xz); part++)
		ret = compare_part(&c, part);
	if (!ret) {
		check_marker(&c, kernel);
		if (list_directory(c.tree, find_other, &c) < 0)
			wrong(&c, "", strerror(errno));
	}
	close(c.tree);
	tdestroy(c.names, free);
	if (ret || c.wrong)
		return -1;
	note(path, "matches the archive");
	return 0;
}

/* The search for a tree of any release that was extracted from @source. */
struct search {
	const struct source *source;
	const char *directory;
	char path[PATH_MAX];
};

static int find_tree(int dir, const char *name, void *arg)
{
	struct search *s = arg;
	int tree = name[0] == '.' ? -1 : open_directory(dir, name);
	struct identity id;

	if (tree >= 0 && marker_read(tree, &id) > 0 && !strcmp(id.sha256, s->source->sha256))
		snprintf(s->path, sizeof(s->path), "%s/%s", s->directory, name);
	if (tree >= 0)
		close(tree);
	return *s->path != '\0';
}

/* Find a tree that was extracted from the file. */
static int find_file_tree(struct search *s)
{
	static const char *const directories[] = { CACHE_DIRECTORY, RUN_DIRECTORY };
	int i, dir;

	for (i = 0; i < 2 && !*s->path; i++) {
		s->directory = directories[i];
		dir = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		list_directory(dir, find_tree, s);
		close(dir);
	}
	if (*s->path)
		return 0;
	return fail(s->source->name, "no tree was made from it in %s; see --dest",
		    CACHE_DIRECTORY);
}

static int default_tree(struct search *s, const char *release)
{
	char build[PATH_MAX], target[PATH_MAX];

	if (s->source->origin == FROM_FILE)
		return find_file_tree(s);
	link_look(release, build, target);
	if (link_choose(release, target, s->path))
		return 0;
	return fail(CACHE_DIRECTORY, "no tree of Linux %s; run \"kheaders extract\"", release);
}

enum exit_status cmd_verify(const struct options *o)
{
	struct identity kernel;
	struct source source;
	struct search s = { .source = &source };
	enum exit_status status;
	int ret = 0;

	if (running_kernel(&kernel))
		return EXIT_FAILED;
	status = source_open(&source, o->archive, false);
	if (status != EXIT_GOOD)
		return status;
	if (!o->dest)
		ret = default_tree(&s, kernel.release);
	if (!ret)
		ret = verify(&source, o->dest ? o->dest : s.path, &kernel);
	if (source_close(&source, false) || ret)
		return EXIT_FAILED;
	return EXIT_GOOD;
}
