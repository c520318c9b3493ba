// SPDX-License-Identifier: GPL-2.0
/*
 * Write the members of an archive below a folder that is ours alone.  Every file is
 * made anew (O_EXCL) in a folder that was opened part by part without following
 * links.  The reader of the archive makes the folders; threads make the files, which
 * is what takes the time.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW, asprintf() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define WRITERS_MAX 4
#define QUEUE_BYTES (1 << 20)	/* wait with more until some are written */
#define BATCH_BYTES (256 << 10)	/* handed over at once */
#define FILE_BYTES (4 << 10)	/* what a file counts beside what is in it */
#define SMALL_FILE (256 << 10)	/* larger ones the reader writes itself */

/* A folder that files are waiting for; the reader holds one reference. */
struct folder {
	int fd;
	int references;
	char *path;
};

struct job {
	struct job *next;
	struct folder *folder;
	char *name;
	size_t size;
	mode_t mode;
	time_t time;
	char data[];
};

/* Jobs that one thread does; @last: where the next one goes. */
struct batch {
	struct batch *next;
	struct job *jobs, **last;
	size_t bytes;
};

/* @batch: what the reader is filling; @first, @last: batches that wait */
struct unpacker {
	struct members *a;
	struct stream *s;
	int tree;
	struct folder *folder;
	struct batch *batch;

	pthread_mutex_t mutex;
	pthread_cond_t more, less;
	struct batch *first, **last;
	size_t bytes;
	bool done, failed;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void folder_put(struct folder *f)
{
	if (!f || __atomic_sub_fetch(&f->references, 1, __ATOMIC_ACQ_REL))
		return;
	close(f->fd);
	free(f->path);
	free(f);
}

/* Open the folder @path below @tree; make the parts of it that are not there. */
static int open_folder(int tree, const char *path)
{
	char part[256];
	int fd = dup(tree), next;
	size_t len;

	while (fd >= 0 && *path) {
		len = strcspn(path, "/");
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		path += len + (path[len] == '/');
		if (mkdirat(fd, part, 0755) && errno != EEXIST)
			next = -1;
		else
			next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				      O_CLOEXEC);
		if (next < 0)
			fail(part, "%s", strerror(errno));
		close(fd);
		fd = next;
	}
	return fd;
}

/* Make @path, of @len bytes, the folder that the next files go to. */
static int enter_folder(struct unpacker *u, const char *path, size_t len)
{
	struct folder *f;

	if (u->folder && strlen(u->folder->path) == len &&
	    !strncmp(u->folder->path, path, len))
		return 0;
	folder_put(u->folder);
	u->folder = NULL;
	f = calloc(1, sizeof(*f));
	if (!f || !(f->path = strndup(path, len))) {
		free(f);
		return fail("unpack", "no memory left");
	}
	f->references = 1;
	f->fd = open_folder(u->tree, f->path);
	u->folder = f;
	return f->fd < 0 ? -1 : 0;
}

static int write_bytes(int fd, const char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

/* @mode stays as it is: main() sets the umask. */
static int create_file(const struct folder *f, const char *name, mode_t mode)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			mode);

	if (fd < 0)
		fail(name, "%s", errno == EEXIST ? "twice in the archive" : strerror(errno));
	return fd;
}

/* Give the file its time, and close it. */
static int finish_file(int fd, const char *name, time_t time)
{
	struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };
	int ret = 0;

	if (futimens(fd, times))
		ret = fail(name, "%s", strerror(errno));
	if (close(fd) && !ret)
		ret = fail(name, "%s", strerror(errno));
	return ret;
}

static int write_job(const struct job *j)
{
	int fd = create_file(j->folder, j->name, j->mode), ret;

	if (fd < 0)
		return -1;
	ret = write_bytes(fd, j->data, j->size);
	if (ret)
		fail(j->name, "%s", strerror(errno));
	return finish_file(fd, j->name, j->time) | ret;
}

static void free_job(struct job *j)
{
	folder_put(j->folder);
	free(j->name);
	free(j);
}

/* Take the next batch; NULL when there will be none. */
static struct batch *take_batch(struct unpacker *u)
{
	struct batch *b;

	pthread_mutex_lock(&u->mutex);
	while (!u->first && !u->done)
		pthread_cond_wait(&u->more, &u->mutex);
	b = u->first;
	if (b) {
		u->first = b->next;
		if (!u->first)
			u->last = &u->first;
		u->bytes -= b->bytes;
		pthread_cond_signal(&u->less);
	}
	pthread_mutex_unlock(&u->mutex);
	return b;
}

static void *run_writer(void *arg)
{
	struct unpacker *u = arg;
	struct batch *b;
	struct job *j;

	while ((b = take_batch(u))) {
		while ((j = b->jobs)) {
			if (!__atomic_load_n(&u->failed, __ATOMIC_RELAXED) && write_job(j))
				__atomic_store_n(&u->failed, true, __ATOMIC_RELAXED);
			b->jobs = j->next;
			free_job(j);
		}
		free(b);
	}
	return NULL;
}

/* Hand over what has been gathered. */
static void give_batch(struct unpacker *u)
{
	struct batch *b = u->batch;

	u->batch = NULL;
	if (!b)
		return;
	pthread_mutex_lock(&u->mutex);
	while (u->bytes > QUEUE_BYTES)
		pthread_cond_wait(&u->less, &u->mutex);
	*u->last = b;
	u->last = &b->next;
	u->bytes += b->bytes;
	pthread_cond_signal(&u->more);
	pthread_mutex_unlock(&u->mutex);
}

static int add_job(struct unpacker *u, struct job *j)
{
	if (!u->batch) {
		u->batch = calloc(1, sizeof(*u->batch));
		if (!u->batch) {
			free_job(j);
			return fail("unpack", "no memory left");
		}
		u->batch->last = &u->batch->jobs;
	}
	*u->batch->last = j;
	u->batch->last = &j->next;
	u->batch->bytes += j->size + FILE_BYTES;
	if (u->batch->bytes > BATCH_BYTES)
		give_batch(u);
	return 0;
}

/* Only x for the owner tells programs from other files. */
static mode_t file_mode(mode_t mode)
{
	return mode & 0100 ? 0755 : mode & 0004 ? 0644 : 0600;
}

static int queue_file(struct unpacker *u, const struct member *m, const char *name)
{
	struct job *j = malloc(sizeof(*j) + m->size);
	size_t at = 0;
	ssize_t n;

	if (!j || !(j->name = strdup(name))) {
		free(j);
		return fail(name, "no memory left");
	}
	j->next = NULL;
	j->folder = u->folder;
	__atomic_add_fetch(&u->folder->references, 1, __ATOMIC_ACQ_REL);
	j->size = m->size;
	j->mode = file_mode(m->mode);
	j->time = m->time;
	while (at < m->size) {
		n = members_read(u->a, j->data + at, m->size - at);
		if (n <= 0) {
			free_job(j);
			return -1;
		}
		at += n;
	}
	return add_job(u, j);
}

static int write_large(struct unpacker *u, const struct member *m, const char *name)
{
	int fd = create_file(u->folder, name, file_mode(m->mode)), ret = 0;
	char *buf = malloc(SMALL_FILE);
	ssize_t n = buf ? 0 : -1;

	while (fd >= 0 && buf && !ret && (n = members_read(u->a, buf, SMALL_FILE)) > 0) {
		ret = write_bytes(fd, buf, n);
		if (ret)
			fail(name, "%s", strerror(errno));
	}
	free(buf);
	if (fd < 0)
		return -1;
	return finish_file(fd, name, m->time) | ret | (n < 0 ? -1 : 0);
}

static int unpack_member(struct unpacker *u, const struct member *m)
{
	const char *slash = strrchr(m->name, '/');
	const char *name = slash ? slash + 1 : m->name;

	if (m->folder)
		return enter_folder(u, m->name, strlen(m->name));
	if (enter_folder(u, m->name, slash ? slash - m->name : 0))
		return -1;
	return m->size > SMALL_FILE ? write_large(u, m, name) : queue_file(u, m, name);
}

static void show_progress(struct unpacker *u, int *shown)
{
	int percent = stream_percent(u->s);

	if (quiet || !isatty(STDERR_FILENO) || percent == *shown)
		return;
	*shown = percent;
	fprintf(stderr, "\rextracting: %3d %%%s", percent, percent == 100 ? "\n" : "");
}

static int unpack_all(struct unpacker *u)
{
	int ret, shown = -1;
	struct member m;

	while ((ret = members_next(u->a, &m)) > 0) {
		if (interrupted)
			return fail("extract", "interrupted");
		if (unpack_member(u, &m) || __atomic_load_n(&u->failed, __ATOMIC_RELAXED))
			return -1;
		show_progress(u, &shown);
	}
	return ret;
}

/*
 * unpack - write the members of @a below the folder @tree
 * @a: the members
 * @tree: descriptor of an empty folder that nobody else can enter
 * @s: the stream of @a, for the progress that is shown on a terminal
 */
int unpack(struct members *a, int tree, struct stream *s)
{
	struct unpacker u = { .a = a, .s = s, .tree = tree, .last = &u.first };
	struct sigaction action = { .sa_handler = interrupt };
	long writers = sysconf(_SC_NPROCESSORS_ONLN), i;
	pthread_t thread[WRITERS_MAX];
	int ret = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pthread_mutex_init(&u.mutex, NULL);
	pthread_cond_init(&u.more, NULL);
	pthread_cond_init(&u.less, NULL);
	writers = writers < 1 ? 1 : writers > WRITERS_MAX ? WRITERS_MAX : writers;
	for (i = 0; i < writers; i++) {
		if (pthread_create(&thread[i], NULL, run_writer, &u))
			break;
	}
	ret = i ? unpack_all(&u) : fail("extract", "cannot start a thread");
	give_batch(&u);
	pthread_mutex_lock(&u.mutex);
	if (ret)
		u.failed = true;
	u.done = true;
	pthread_cond_broadcast(&u.more);
	pthread_mutex_unlock(&u.mutex);
	while (i--)
		pthread_join(thread[i], NULL);
	folder_put(u.folder);
	return ret || u.failed ? -1 : 0;
}
