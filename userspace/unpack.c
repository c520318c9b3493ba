// SPDX-License-Identifier: GPL-2.0
/*
 * Write the members of an archive below a directory that only we can enter.  A separate
 * thread decodes and writes each part of the archive.  Every file is created with O_EXCL, in
 * a directory that was opened without following links.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW, sched_getaffinity() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define MOST_LINKS 1000

/* A link in the archive, extracted as a copy of its target. */
struct link {
	struct link *next;
	char *target;
	char name[];
};

/*
 * @dir: the directory of the last file, called @path
 * @stop: tells all workers to stop
 */
struct worker {
	const struct source *source;
	unsigned int part;
	int tree, dir;
	char path[PATH_MAX];
	struct link *links;
	unsigned int nr_links;
	struct stream *stream;
	bool failed, *stop;
	int shown;
};

/* Open the directory @path, of @len bytes, below @tree; create missing directories. */
static int enter_directories(int tree, const char *path, size_t len)
{
	char part[NAME_MAX + 1];
	int fd = open_directory(tree, "."), next;
	size_t n;

	if (fd < 0)
		fail_errno("extract", "cannot open the new tree");
	while (fd >= 0 && len) {
		n = strcspn(path, "/");
		n = n < len ? n : len;
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		path += n + (n < len);
		len -= n + (n < len);
		next = -1;
		if (!mkdirat(fd, part, 0755) || errno == EEXIST)
			next = open_directory(fd, part);
		if (next < 0)
			fail_errno(part, NULL);
		close(fd);
		fd = next;
	}
	return fd;
}

/* Open the directory @path, of @len bytes, as w->dir. */
static int enter_directory(struct worker *w, const char *path, size_t len)
{
	if (w->dir >= 0) {
		if (strlen(w->path) == len && !strncmp(w->path, path, len))
			return 0;
		close(w->dir);
	}
	w->dir = enter_directories(w->tree, path, len);
	snprintf(w->path, sizeof(w->path), "%.*s", (int)len, path);
	return w->dir < 0 ? -1 : 0;
}

/* The umask does not change @mode; see main(). */
static int create_file(int dir, const char *name, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST)
		fail(name, "refused: twice in the archive");
	else if (fd < 0)
		fail_errno(name, NULL);
	return fd;
}

/* Set the file's mtime and close it. */
static int finish_file(int fd, const char *name, time_t time)
{
	struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };
	int ret = 0;

	if (futimens(fd, times))
		ret = fail_errno(name, NULL);
	if (close(fd) && !ret)
		ret = fail_errno(name, NULL);
	return ret;
}

static int write_file(struct worker *w, struct members *a, const struct member *m,
		      const char *name)
{
	int fd = create_file(w->dir, name, file_mode(m->mode)), ret = 0;
	const void *data;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (!ret && (n = members_read(a, &data)) > 0)
		ret = write_all(fd, name, data, n);
	return finish_file(fd, name, m->time) || ret || n < 0 ? -1 : 0;
}

static int remember_link(struct worker *w, const struct member *m)
{
	struct link *l = malloc(sizeof(*l) + strlen(m->name) + 1);

	if (!l || ++w->nr_links > MOST_LINKS) {
		free(l);
		return fail(m->name, "refused: more links than any kheaders archive has");
	}
	strcpy(l->name, m->name);
	l->target = strdup(m->target);
	l->next = w->links;
	w->links = l;
	return l->target ? 0 : fail(m->name, "out of memory");
}

static int unpack_member(struct worker *w, struct members *a, const struct member *m)
{
	const char *slash = strrchr(m->name, '/');
	const char *name = slash ? slash + 1 : m->name;

	if (m->target)
		return remember_link(w, m);
	if (m->directory) {
		if (enter_directory(w, m->name, strlen(m->name)))
			return -1;
		/* the mode of the root is set when the tree is complete */
		if (*m->name && directory_mode(m->mode) != 0755 &&
		    fchmod(w->dir, directory_mode(m->mode)))
			return fail_errno(name, NULL);
		return 0;
	}
	if (enter_directory(w, m->name, slash ? slash - m->name : 0))
		return -1;
	return write_file(w, a, m, name);
}

/* Reserve the last tenth for the sync and the rename. */
static void show_progress(struct worker *w)
{
	int percent = stream_progress(w->stream) * 90 / 1000;

	if (w->part || quiet || !isatty(STDERR_FILENO) || percent == w->shown)
		return;
	w->shown = percent;
	fprintf(stderr, "\rextracting: %3d %%", percent);
}

static void unpack_part(struct worker *w)
{
	struct members *a = NULL;
	struct member m;
	int ret = -1;

	w->stream = stream_open(w->source->xz, w->part);
	if (w->stream)
		a = members_open(w->stream, w->source->name);
	while (a && (ret = members_next(a, &m)) > 0) {
		if (__atomic_load_n(w->stop, __ATOMIC_RELAXED) || interrupted)
			break;
		if (unpack_member(w, a, &m))
			break;
		show_progress(w);
	}
	w->failed = ret;
	if (ret)
		__atomic_store_n(w->stop, true, __ATOMIC_RELAXED);
	members_close(a);
	stream_close(w->stream);
	if (w->dir >= 0)
		close(w->dir);
}

static void *run_worker(void *arg)
{
	unpack_part(arg);
	return NULL;
}

/* Copy the file @l->target to @l->name; 1 if it does not exist yet. */
static int copy_target(int tree, const struct link *l)
{
	const char *slash = strrchr(l->name, '/'), *name = slash ? slash + 1 : l->name;
	int from = open_below(tree, l->target, O_RDONLY | O_NONBLOCK), dir, to = -1, ret = 0;
	unsigned char buf[1 << 14];
	struct stat st;
	ssize_t n;

	if (from < 0)
		return errno == ENOENT ? 1 : fail_errno(l->target, NULL);
	if (fstat(from, &st) || !S_ISREG(st.st_mode)) {
		close(from);
		return fail(l->name, "refused: a link to something other than a file");
	}
	dir = enter_directories(tree, l->name, slash ? slash - l->name : 0);
	if (dir >= 0) {
		to = create_file(dir, name, st.st_mode & 0777);
		close(dir);
	}
	while (to >= 0 && !ret && (n = read(from, buf, sizeof(buf)))) {
		ret = n < 0 ? fail_errno(l->name, NULL) : write_all(to, l->name, buf, n);
	}
	close(from);
	if (to < 0)
		return -1;
	return finish_file(to, name, st.st_mtime) || ret ? -1 : 0;
}

/* A link may lead to another link: repeat until no more files are created. */
static int copy_targets(int tree, struct link **links)
{
	struct link **at, *l;
	bool progress;
	int ret;

	do {
		progress = false;
		for (at = links; (l = *at);) {
			ret = copy_target(tree, l);
			if (ret < 0)
				return -1;
			if (ret) {
				at = &l->next;
				continue;
			}
			progress = true;
			*at = l->next;
			free(l->target);
			free(l);
		}
	} while (progress);
	return *links ? fail((*links)->name, "refused: a dangling link") : 0;
}

static int copy_all_targets(struct worker *w, unsigned int n, int tree)
{
	struct link *links = NULL, **last = &links;
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		*last = w[i].links;
		while (*last)
			last = &(*last)->next;
	}
	ret = copy_targets(tree, &links);
	while (links) {
		struct link *next = links->next;

		free(links->target);
		free(links);
		links = next;
	}
	return ret;
}

/* Threads only help if enough CPUs are available. */
static bool have_processors(unsigned int n)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) >= (int)n;
}

int unpack(const struct source *s, int tree)
{
	unsigned int n = xz_parts(s->xz), i;
	bool threads = n > 1 && have_processors(n), failed = false, stop = false;
	struct worker *w = calloc(n, sizeof(*w));
	pthread_t thread[PARTS_MAX];
	bool started[PARTS_MAX] = { };

	if (!w)
		return fail(s->name, "out of memory");
	for (i = 0; i < n; i++) {
		w[i] = (struct worker){ .source = s, .part = i, .tree = tree, .dir = -1,
					.stop = &stop, .shown = -1 };
	}
	for (i = 1; threads && i < n; i++)
		started[i] = !pthread_create(&thread[i], NULL, run_worker, &w[i]);
	for (i = 0; i < n; i++) {
		if (started[i])
			pthread_join(thread[i], NULL);
		else if (!stop)
			unpack_part(&w[i]);
		failed |= w[i].failed;
	}
	failed |= stop;
	if (interrupted)
		failed = fail("extract", "interrupted");
	failed |= copy_all_targets(w, failed ? 0 : n, tree);
	free(w);
	return failed ? -1 : 0;
}
