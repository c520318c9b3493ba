// SPDX-License-Identifier: GPL-2.0
/*
 * What the kheaders program reads and others wrote: the members of an archive, an image
 * with an archive in it, an image with compressed data in it.  FUZZ_PART says which of
 * them the inputs are: "archive", "image" or "packed".  Built into one file with the
 * program's own sources; the decoder's threads are left out.
 */
#define _GNU_SOURCE	/* memmem(), asprintf() */
#include "../../userspace/archive.c"
#include "../../userspace/cmd_dump.c"

#include <assert.h>
#include <stdarg.h>

bool quiet = true;

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

void note(const char *object, const char *format, ...)
{
	(void)object;
	(void)format;
}

/* In pieces, so that what spans two is read, too. */
ssize_t stream_read(struct stream *s, const void **data)
{
	size_t n = s->size < 700 ? s->size : 700;

	*data = s->data;
	s->data += n;
	s->size -= n;
	return n;
}

/* No member's name leads out of the tree, none has more than permissions. */
static void check_member(const struct member *m)
{
	char name[4096];

	assert(snprintf(name, sizeof(name), "/%s/", m->name) < (int)sizeof(name));
	assert(*m->name != '/');
	assert(!strstr(name, "/../"));
	assert(!strstr(name, "/./"));
	assert(!strstr(m->name, "//"));
	assert(strcmp(m->name, MARKER));
	assert(!(m->mode & ~0777));
	assert(m->folder || *m->name);
	assert(m->size <= LARGEST_FILE);
}

static void read_members(struct stream *s)
{
	struct members *a = members_open(s, "archive");
	struct member m;
	char buf[4096];
	uint64_t had;
	ssize_t n = 0;

	while (a && members_next(a, &m) == 1) {
		check_member(&m);
		had = 0;
		while (!m.folder && (n = members_read(a, buf, sizeof(buf))) > 0)
			had += n;
		assert(m.folder || n ? had <= m.size : had == m.size);
	}
	members_close(a);
}

static void read_archive(const uint8_t *data, size_t size)
{
	read_members(&(struct stream){ .data = data, .size = size });
}

static void read_image(const uint8_t *data, size_t size)
{
	dump_from(data, size, NULL);
}

static void read_packed(const uint8_t *data, size_t size)
{
	dump_compressed(data, size, NULL);
}

static const struct part {
	const char *name;
	void (*read)(const uint8_t *data, size_t size);
} parts[] = {
	{ "archive", read_archive },
	{ "image", read_image },
	{ "packed", read_packed },
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
	fputs("FUZZ_PART: neither archive, image nor packed\n", stderr);
	exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	part->read(data, size);
	return 0;
}
