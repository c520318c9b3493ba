// SPDX-License-Identifier: GPL-2.0
/*
 * The archive that a command uses.  It is opened once, copied to memory and checksummed, so
 * that it cannot change any more, and the module can be unloaded.
 */
#define _GNU_SOURCE	/* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define LARGEST_ARCHIVE (256LL << 20)
#define TRIES 200		/* every 20 ms, while others load and unload the module */

/* Copy @from to s->fd; -1 with errno set. */
static int copy(struct source *s, int from)
{
	unsigned char buf[1 << 16], digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	long long size = 0;
	ssize_t n;

	if (ftruncate(s->fd, 0) || lseek(s->fd, 0, SEEK_SET))
		return -1;
	sha256_init(&ctx);
	while ((n = read(from, buf, sizeof(buf)))) {
		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n < 0 || write_bytes(s->fd, buf, n))
			return -1;
		size += n;
		if (size > LARGEST_ARCHIVE) {
			errno = EFBIG;
			return -1;
		}
		sha256_update(&ctx, n, buf);
	}
	sha256_digest(&ctx, sizeof(digest), digest);
	print_hex(digest, sizeof(digest), s->sha256);
	return 0;
}

/* Copy the archive from @from, and close it. */
static int take(struct source *s, int from)
{
	struct stat st;
	int ret, error;

	ret = fstat(from, &st);
	if (!ret) {
		/* a pipe does not show who may read its content */
		s->mode = S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0600;
		ret = copy(s, from);
	}
	error = errno;
	close(from);
	errno = error;
	return ret;
}

static enum exit_status take_file(struct source *s, const char *file)
{
	struct stat st;
	int fd;

	if (!strcmp(file, "-")) {
		s->name = "standard input";
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	if (fd < 0) {
		fail_errno(s->name, NULL);
		return EXIT_FAILED;
	}
	if (strcmp(file, "-") && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fail(s->name, "not a regular file");
		return EXIT_FAILED;
	}
	if (!take(s, fd))
		return EXIT_GOOD;
	fail_errno(s->name, NULL);
	return EXIT_FAILED;
}

/*
 * The file exists only while the module is loaded, and another process may unload the module
 * at any time, even during a read.  In that case retry.
 */
static enum exit_status take_running(struct source *s, bool optional)
{
	enum module_load load = LOAD_DONE;
	int tries, from;

	for (tries = 0; tries < TRIES && !interrupted; tries++) {
		from = open(SYSFS_FILE, O_RDONLY | O_CLOEXEC);
		if (from >= 0 && !take(s, from))
			return EXIT_GOOD;
		if (errno != ENOENT && errno != ENODEV) {
			fail_errno(SYSFS_FILE, NULL);
			return EXIT_FAILED;
		}
		load = module_load();
		if (load <= LOAD_BUILTIN)
			break;
		/* if another process loaded it, that may be about to use it */
		s->loaded = load == LOAD_DONE;
		if (!s->loaded)
			usleep(20000);
	}
	if (load == LOAD_NONE && optional)
		return EXIT_NOTHING;
	if (load == LOAD_NONE)
		fail(SYSFS_FILE, "not found, and no module %s for this kernel; it was built "
		     "without CONFIG_KHEADERS_SYSFS", MODULE_NAME);
	else if (load == LOAD_BUILTIN)
		fail(SYSFS_FILE, "not found, though %s is built in; is /sys mounted?", MODULE_NAME);
	else if (interrupted)
		fail(SYSFS_FILE, "interrupted");
	else if (load != LOAD_FAILED)
		fail(SYSFS_FILE, "not found, though the module %s is loaded; is /sys mounted, "
		     "or something unloading the module?", MODULE_NAME);
	return load == LOAD_NONE ? EXIT_NOTHING : EXIT_FAILED;
}

static int source_begin(struct source *s, const char *name, enum origin origin)
{
	*s = (struct source){ .name = name, .origin = origin };
	s->fd = memfd_create("kheaders.tar.xz", MFD_CLOEXEC);
	if (s->fd < 0) {
		fail_errno("memfd_create", NULL);
		return -1;
	}
	return 0;
}

/* Open the copied archive, or clean up after a failure. */
static enum exit_status source_end(struct source *s, enum exit_status status)
{
	if (status == EXIT_GOOD) {
		s->xz = xz_open(s->fd, s->name);
		if (!s->xz)
			status = EXIT_FAILED;
	}
	if (status != EXIT_GOOD)
		source_close(s, false);
	return status;
}

enum exit_status source_open(struct source *s, const char *file, bool optional)
{
	if (source_begin(s, file ? file : SYSFS_FILE, file ? FROM_FILE : FROM_KERNEL))
		return EXIT_FAILED;
	return source_end(s, file ? take_file(s, file) : take_running(s, optional));
}

enum exit_status source_open_fd(struct source *s, const char *name, enum origin origin, int from)
{
	enum exit_status status = EXIT_GOOD;

	if (source_begin(s, name, origin)) {
		close(from);
		return EXIT_FAILED;
	}
	if (take(s, from)) {
		fail_errno(name, NULL);
		status = EXIT_FAILED;
	}
	return source_end(s, status);
}

int source_close(struct source *s, bool keep_module)
{
	int ret = 0;

	xz_close(s->xz);
	s->xz = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->loaded && !keep_module)
		ret = module_unload();
	s->loaded = false;
	return ret;
}

bool source_is_public(const struct source *s)
{
	return s->mode & 0004;
}

mode_t directory_mode(mode_t mode)
{
	return mode & 0004 ? 0755 : 0700;
}

mode_t file_mode(mode_t mode)
{
	if (mode & 0100)
		return directory_mode(mode);
	return mode & 0004 ? 0644 : 0600;
}

int parse_release(const char *text, const char *name, char *release, size_t size)
{
	static const char before[] = "#define UTS_RELEASE \"";
	const char *start = strstr(text, before);
	size_t len = start ? strcspn(start + strlen(before), "\"") : 0;

	if (!len)
		return fail(name, "no kernel headers: %s is missing or invalid", UTSRELEASE);
	start += strlen(before);
	if (start[len] && len < size) {
		memcpy(release, start, len);
		release[len] = '\0';
		if (release_is_valid(release))
			return 0;
	}
	return fail(name, "refused: %s contains no valid release", UTSRELEASE);
}

int tree_release(int tree, const char *name, char *release, size_t size)
{
	int fd = open_below(tree, UTSRELEASE, O_RDONLY | O_NONBLOCK);
	ssize_t n = -1;
	char text[512];

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	return parse_release(text, name, release, size);
}
