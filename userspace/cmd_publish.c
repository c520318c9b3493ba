// SPDX-License-Identifier: GPL-2.0
/*
 * kheaders publish: write an ELF file with the archive and the build-id of its kernel, which
 * debuginfod serves.
 */
#define _GNU_SOURCE	/* memfd_create() */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kheaders.h"

#define XZ_MAGIC "\xfd" "7zXZ"
/*
 * The time of the file, as of the archive's members.  Of several files for a build-id debuginfod
 * prefers the newest when it is asked for the kernel itself.
 */
#define FILE_TIME 315532800	/* 1980 */

/*
 * @archive: @len bytes in the image, or in @buffer
 * @id: what is published
 */
struct publication {
	const struct options *o;
	struct image image;
	const unsigned char *archive;
	unsigned char *buffer;
	size_t len;
	struct identity id;
};

static int check_release(struct publication *p, struct members *a)
{
	char text[512];
	size_t len = 0;
	const void *data;
	ssize_t n;

	while ((n = members_read(a, &data)) > 0) {
		if (len + n >= sizeof(text))
			return fail(p->image.name, "refused: %s is too long", UTSRELEASE);
		memcpy(text + len, data, n);
		len += n;
	}
	text[len] = '\0';
	return n < 0 ? -1 : parse_release(text, p->image.name, p->id.release,
					  sizeof(p->id.release));
}

/* Anyone who can reach the server can read what is published. */
static int check_member(struct publication *p, struct members *a, const struct member *m)
{
	const void *data;
	ssize_t n;

	if (!m->directory && !m->target && !(m->mode & 0004))
		return fail(p->image.name, "refused: only root may read %s in it", m->name);
	if (!strcmp(m->name, UTSRELEASE))
		return check_release(p, a);
	while ((n = members_read(a, &data)) > 0)
		;
	return n;
}

static int check_part(struct publication *p, const struct source *s, unsigned int part)
{
	struct stream *stream = stream_open(s->xz, part);
	struct members *a = stream ? members_open(stream, s->name) : NULL;
	struct member m;
	int ret = -1;

	while (a && (ret = members_next(a, &m)) > 0) {
		ret = interrupted ? fail("publish", "interrupted") : check_member(p, a, &m);
		if (ret)
			break;
	}
	members_close(a);
	stream_close(stream);
	return ret;
}

/* Read all of the archive: a damaged one is refused here, not by each client. */
static int check_archive(struct publication *p)
{
	int ret = 0, fd = memfd_create("kheaders.tar.xz", MFD_CLOEXEC);
	struct source s;
	unsigned int part;

	if (fd < 0)
		return fail_errno("memfd_create", NULL);
	if (write_all(fd, p->image.name, p->archive, p->len)) {
		close(fd);
		return -1;
	}
	lseek(fd, 0, SEEK_SET);
	if (source_open_fd(&s, p->image.name, FROM_FILE, fd) != EXIT_GOOD)
		return -1;
	for (part = 0; !ret && part < xz_parts(s.xz); part++)
		ret = check_part(p, &s, part);
	strcpy(p->id.sha256, s.sha256);
	source_close(&s, false);
	if (!ret && !p->id.release[0])
		ret = parse_release("", p->image.name, p->id.release, sizeof(p->id.release));
	return ret;
}

/* An operand without markers may be an archive itself. */
static enum exit_status find_archive(struct publication *p)
{
	p->archive = image_archive(&p->image, &p->len, &p->buffer);
	if (p->archive)
		return EXIT_GOOD;
	p->archive = p->image.data;
	p->len = p->image.size;
	if (p->len >= strlen(XZ_MAGIC) && !memcmp(p->archive, XZ_MAGIC, strlen(XZ_MAGIC)))
		return EXIT_GOOD;
	return no_archive(&p->image);
}

static int parse_build_id(const char *text, char hex[BUILD_ID_HEX])
{
	size_t i, len = strlen(text);

	if (!len || len % 2 || len >= BUILD_ID_HEX ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return fail(text, "not a build-id, an even number of hexadecimal digits");
	for (i = 0; i <= len; i++)
		hex[i] = tolower((unsigned char)text[i]);
	return 0;
}

/* Identify the kernel in @image; 1 if there is none. */
static int identify(struct publication *p, const struct image *image)
{
	struct identity kernel;

	if (!search_kernel(image->data, image->size, &kernel))
		return 1;
	if (strcmp(kernel.release, p->id.release))
		return fail(image->name, "is Linux %s, but the archive was made for %s",
			    kernel.release, p->id.release);
	if (p->id.build_id[0] && strcmp(kernel.build_id, p->id.build_id))
		return fail(image->name, "has build-id %s, not %s", kernel.build_id,
			    p->id.build_id);
	strcpy(p->id.build_id, kernel.build_id);
	return 0;
}

static int identify_other(struct publication *p)
{
	struct image image;
	int ret = image_open(&image, p->o->kernel);

	if (!ret) {
		ret = identify(p, &image);
		if (ret > 0)
			ret = fail(image.name, "contains no kernel with a build-id");
	}
	image_close(&image);
	return ret;
}

/* A module does not name its kernel's build-id, and an archive does not either. */
static int find_build_id(struct publication *p)
{
	int ret;

	if (p->o->build_id && parse_build_id(p->o->build_id, p->id.build_id))
		return -1;
	if (p->o->kernel)
		return identify_other(p);
	ret = identify(p, &p->image);
	if (ret > 0 && !p->id.build_id[0])
		return fail(p->image.name, "contains no kernel with a build-id; add --kernel FILE, "
			    "the vmlinux or bzImage that it belongs to, or --build-id HEX");
	return ret < 0 ? -1 : 0;
}

static int write_publication(struct publication *p)
{
	size_t size;
	unsigned char *elf = make_elf(&p->id, p->archive, p->len, &size);
	int ret = -1;

	if (elf)
		ret = write_output(p->o->output, elf, size, p->image.mode, FILE_TIME);
	free(elf);
	return ret;
}

enum exit_status cmd_publish(const struct options *o)
{
	struct publication p = { .o = o };
	enum exit_status status = EXIT_FAILED;

	if (output_is_terminal(o->output))
		return EXIT_USAGE;
	if (!image_open(&p.image, o->operand)) {
		status = find_archive(&p);
		if (status == EXIT_GOOD &&
		    (check_archive(&p) || find_build_id(&p) || write_publication(&p)))
			status = EXIT_FAILED;
		free(p.buffer);
	}
	image_close(&p.image);
	return status;
}
