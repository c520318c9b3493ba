// SPDX-License-Identifier: GPL-2.0
/*
 * A libFuzzer target for the program's readers of untrusted data.  FUZZ_PART selects the
 * kind of input: "archive" for an archive's tar file, "image" for an image with an archive,
 * a kernel or compressed data in it, or "xz" for an xz file.  It includes the program's sources.
 */
#define _GNU_SOURCE	/* memmem(), asprintf() */
#include "../../userspace/tar.c"
#include "../../userspace/search.c"

/* tar.c reads from the struct stream below, not from that of xz.c. */
#define stream xz_stream
#define stream_open xz_stream_open
#define stream_read xz_stream_read
#define stream_progress xz_stream_progress
#define stream_close xz_stream_close
#include "../../userspace/xz.c"
#undef stream
#undef stream_read

#include <assert.h>
#include <stdarg.h>
#include <sys/mman.h>

bool quiet = true;
volatile sig_atomic_t interrupted;

struct stream {
	const uint8_t *data;
	size_t size;
};

int fail(const char *object, const char *format, ...)
{
	char text[8192];
	va_list args;

	assert(object);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return -1;
}

int fail_errno(const char *object, const char *what)
{
	(void)what;
	return fail(object, "errno");
}

void note(const char *object, const char *format, ...)
{
	(void)object;
	(void)format;
}

/* Return small pieces, so that headers and members span several. */
ssize_t stream_read(struct stream *s, const void **data)
{
	size_t n = s->size < 700 ? s->size : 700;

	*data = s->data;
	s->data += n;
	s->size -= n;
	return n;
}

/* No name may lead out of the tree. */
static void check_name(const char *path)
{
	char name[4096];

	assert(path && *path != '/');
	assert(snprintf(name, sizeof(name), "/%s/", path) < (int)sizeof(name));
	assert(!strstr(name, "/../"));
	assert(!strstr(name, "/./"));
	assert(!strstr(path, "//"));
	assert(strcmp(path, MARKER));
}

/* A member's mode has only permission bits. */
static void check_member(const struct member *m)
{
	check_name(m->name);
	if (m->target)
		check_name(m->target);
	assert(!(m->mode & ~0777));
	assert(m->directory || *m->name);
	assert(!m->target || *m->target);
	assert(m->size <= LARGEST_FILE);
}

static void read_members(struct stream *s)
{
	struct members *a = members_open(s, "archive");
	struct member m = { 0 };
	const void *data = NULL;
	uint64_t had;
	ssize_t n = 0;

	while (a && members_next(a, &m) == 1) {
		check_member(&m);
		had = 0;
		while (!m.directory && (n = members_read(a, &data)) > 0)
			had += n;
		assert(m.directory || n ? had <= m.size : had == m.size);
	}
	members_close(a);
}

static void read_archive(const uint8_t *data, size_t size)
{
	read_members(&(struct stream){ .data = data, .size = size });
}

static void read_image(const uint8_t *data, size_t size)
{
	const unsigned char *archive;
	unsigned char *buffer;
	struct identity id;
	size_t len;

	archive = search_image(data, size, 0, size, &len, &buffer);
	assert(!archive || buffer || (archive >= data && len <= size));
	free(buffer);
	if (kernel_identify(data, size, &id))
		assert(release_is_valid(id.release) && strlen(id.build_id) >= 16);
}

/* As from a file: the index first, then every part to its end. */
static void read_xz(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct xz_stream *s;
	const void *out = NULL;
	unsigned int i;
	struct xz *x;
	ssize_t n;

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	x = xz_open(fd, "xz");
	for (i = 0; x && i < xz_parts(x); i++) {
		s = xz_stream_open(x, i);
		assert(s);
		while ((n = xz_stream_read(s, &out)) > 0)
			assert(n <= CHUNK_SIZE);
		assert(n || xz_stream_progress(s) == 1000);
		xz_stream_close(s);
	}
	xz_close(x);
	close(fd);
}

static const struct part {
	const char *name;
	void (*read)(const uint8_t *data, size_t size);
} parts[] = {
	{ "archive", read_archive },
	{ "image", read_image },
	{ "xz", read_xz },
	{ }
}, *part = parts;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_PART");

	(void)argc;
	(void)argv;
	while (part->name && strcmp(part->name, name ? name : ""))
		part++;
	if (part->name)
		return 0;
	fputs("FUZZ_PART: neither archive, image nor xz\n", stderr);
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	part->read(data, size);
	return 0;
}
