// SPDX-License-Identifier: GPL-2.0
/*
 * Fetch the running kernel's archive from a debuginfod server, by build-id, with libdebuginfod.
 * The library is loaded only here, and in a process of its own, so that nothing that a server
 * sends, or does not send, takes more bytes or time than allowed.
 */
#define _GNU_SOURCE	/* memfd_create() */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kheaders.h"

#define NAME "debuginfod"
#define LIBRARY "libdebuginfod.so.1"
/* Defaults of the library's variables, which has none, and greatest values. */
#define MAXSIZE "DEBUGINFOD_MAXSIZE"
#define MAXSIZE_DEFAULT (64L << 20)
#define MAXSIZE_MOST (256L << 20)
#define MAXTIME "DEBUGINFOD_MAXTIME"
#define MAXTIME_DEFAULT 120L
#define MAXTIME_MOST 86400L
#define IDENTITY_MAXSIZE 4096

/* @cache: for the library, a directory in staging; @fd: for the section */
struct request {
	const struct identity *kernel;
	const char *section, *cache;
	long maxsize, maxtime;
	pid_t parent;
	int fd;
};

/* The functions of the library that are used; see elfutils/debuginfod.h. */
struct client {
	void *(*begin)(void);
	int (*find_section)(void *client, const unsigned char *build_id, int size,
			    const char *section, char **path);
};

/* The number in the environment variable @name, up to @most, or @missing. */
static long limit(const char *name, long missing, long most)
{
	const char *text = getenv(name);
	long value = text ? strtol(text, NULL, 10) : 0;

	if (value <= 0)
		return missing;
	return value < most ? value : most;
}

#ifdef STATIC
static int load(struct client *c)
{
	(void)c;
	return fail("--debuginfod", "not supported by a statically linked program");
}
#else
static int load(struct client *c)
{
	void *library = dlopen(LIBRARY, RTLD_NOW);

	if (!library) {
		fail(LIBRARY, "not found; apt install libdebuginfod1 | "
		     "dnf install elfutils-debuginfod-client");
		return -1;
	}
	c->begin = dlsym(library, "debuginfod_begin");
	c->find_section = dlsym(library, "debuginfod_find_section");
	if (!c->begin || !c->find_section) {
		fail(LIBRARY, "too old; --debuginfod needs elfutils 0.188");
		return -1;
	}
	return 0;
}
#endif

/*
 * Signals kill the process, and so does a file that gets too large.  It ends with its parent,
 * and if either got a signal before this.
 */
static int confine(const struct request *r)
{
	const struct rlimit size = { r->maxsize, r->maxsize }, core = { 0, 0 };
	char text[32];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (interrupted || getppid() != r->parent)
		return -1;
	snprintf(text, sizeof(text), "%ld", r->maxsize);
	if (setenv(MAXSIZE, text, 1) || setenv("DEBUGINFOD_CACHE_PATH", r->cache, 1) ||
	    setrlimit(RLIMIT_FSIZE, &size) || setrlimit(RLIMIT_CORE, &core))
		return fail_errno(NAME, NULL);
	alarm(r->maxtime);
	return 0;
}

static int report(const struct request *r, int error)
{
	if (error == ENOENT) {
		fail(NAME, "no server has %s of build-id %s", r->section, r->kernel->build_id);
		return EXIT_NOTHING;
	}
	if (error == EFBIG)
		fail(NAME, "refused: %s is larger than %ld bytes", r->section, r->maxsize);
	else
		fail(NAME, "%s: %s", r->section, strerror(error));
	return EXIT_FAILED;
}

static int copy(int from, int to)
{
	unsigned char buf[1 << 16];
	/* a file that was just written is at its end */
	ssize_t n = lseek(from, 0, SEEK_SET);

	while (n >= 0 && (n = read(from, buf, sizeof(buf))) > 0) {
		if (write_all(to, NAME, buf, n))
			return EXIT_FAILED;
	}
	if (!n && !lseek(to, 0, SEEK_SET))
		return EXIT_GOOD;
	fail_errno(NAME, NULL);
	return EXIT_FAILED;
}

static int fetch_in_child(const struct request *r)
{
	struct client c = { };
	char *path;
	void *client;
	int fd;

	if (confine(r) || load(&c))
		return EXIT_FAILED;
	client = c.begin();
	if (!client)
		return report(r, ENOMEM);
	fd = c.find_section(client, (const unsigned char *)r->kernel->build_id, 0, r->section,
			    &path);
	return fd < 0 ? report(r, -fd) : copy(fd, r->fd);
}

static enum exit_status wait_for(const struct request *r, pid_t pid)
{
	int status = wait_for_child(pid);

	if (interrupted)
		fail(NAME, "interrupted");
	else if (WIFEXITED(status))
		return WEXITSTATUS(status);
	else if (WTERMSIG(status) == SIGALRM)
		fail(NAME, "%s did not arrive within %ld seconds", r->section, r->maxtime);
	else if (WTERMSIG(status) == SIGXFSZ)
		report(r, EFBIG);
	else
		fail(NAME, "killed by signal %d", WTERMSIG(status));
	return EXIT_FAILED;
}

/* Fetch @section to a new file in memory, r->fd. */
static enum exit_status fetch(struct request *r, const char *section, long maxsize)
{
	pid_t pid;

	r->section = section;
	r->maxsize = maxsize;
	r->parent = getpid();
	r->fd = memfd_create(section, MFD_CLOEXEC);
	pid = r->fd < 0 ? -1 : fork();
	if (!pid)
		_exit(fetch_in_child(r));
	if (pid < 0) {
		fail_errno(NAME, NULL);
		return EXIT_FAILED;
	}
	return wait_for(r, pid);
}

/* Which kernel and which archive does the server say that it has? */
static enum exit_status fetch_identity(struct request *r, struct identity *id)
{
	enum exit_status status = fetch(r, IDENTITY_SECTION, IDENTITY_MAXSIZE);
	char text[IDENTITY_MAXSIZE + 1];
	ssize_t n;

	if (status == EXIT_GOOD) {
		n = read(r->fd, text, IDENTITY_MAXSIZE);
		text[n < 0 ? 0 : n] = '\0';
		status = EXIT_FAILED;
		if (n <= 0 || text[n - 1] != '\n' || !identity_parse(text, id))
			fail(NAME, "refused: %s is invalid", IDENTITY_SECTION);
		else if (strcmp(id->build_id, r->kernel->build_id))
			fail(NAME, "refused: made for another kernel, of another build-id");
		else if (strcmp(id->release, r->kernel->release))
			fail(NAME, "refused: made for Linux %s, but %s is running", id->release,
			     r->kernel->release);
		else
			status = EXIT_GOOD;
	}
	if (r->fd >= 0)
		close(r->fd);
	return status;
}

static enum exit_status fetch_archive(struct request *r, struct source *s,
				      const struct identity *id)
{
	long maxsize = limit(MAXSIZE, MAXSIZE_DEFAULT, MAXSIZE_MOST);
	enum exit_status status = fetch(r, ARCHIVE_SECTION, maxsize);

	if (status != EXIT_GOOD) {
		if (r->fd >= 0)
			close(r->fd);
		return status;
	}
	status = source_open_fd(s, NAME, FROM_DEBUGINFOD, r->fd);
	if (status == EXIT_GOOD && strcmp(s->sha256, id->sha256)) {
		fail(NAME, "refused: the archive is damaged; its checksum is not that of %s",
		     IDENTITY_SECTION);
		source_close(s, false);
		status = EXIT_FAILED;
	}
	/* anyone who reaches the server can read it */
	s->mode = 0444;
	return status;
}

/* No cache: a refused answer must not stay, nor an answer of others be trusted. */
enum exit_status debuginfod_open(struct source *s, const struct identity *kernel,
				 struct location *l)
{
	struct request r = { .kernel = kernel,
			     .maxtime = limit(MAXTIME, MAXTIME_DEFAULT, MAXTIME_MOST) };
	char staged[PRIVATE_NAME], cache[PATH_MAX + PRIVATE_NAME + 1];
	const char *urls = getenv("DEBUGINFOD_URLS");
	enum exit_status status;
	struct identity id;
	int dir;

	if (!urls || !*urls) {
		fail("DEBUGINFOD_URLS", "not set; it lists the servers to ask");
		return EXIT_FAILED;
	}
	if (!kernel->build_id[0]) {
		fail(NAME, "this kernel has no build-id to ask for");
		return EXIT_FAILED;
	}
	dir = location_stage(l, staged);
	if (dir < 0)
		return EXIT_FAILED;
	close(dir);
	snprintf(cache, sizeof(cache), "%s/%s", l->path, staged);
	r.cache = cache;
	status = fetch_identity(&r, &id);
	if (status == EXIT_GOOD)
		status = fetch_archive(&r, s, &id);
	if (remove_tree(l->dir, staged) && status == EXIT_GOOD) {
		source_close(s, false);
		status = EXIT_FAILED;
	}
	return status;
}
