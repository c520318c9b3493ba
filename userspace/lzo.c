// SPDX-License-Identifier: GPL-2.0
/*
 * Decompress lzop's format, which kernels compressed with LZO use; see the kernel's
 * lib/decompress_unlzo.c.  libarchive would run the program lzop, which does not accept
 * trailing data.
 */
#include <lzo/lzo1x.h>
#include <stdlib.h>
#include <string.h>

#include "kheaders.h"

/* Flags in the header. */
#define ADLER32_D 0x0001
#define ADLER32_C 0x0002
#define CRC32_D 0x0100
#define CRC32_C 0x0200

#define MAGIC_SIZE 9
#define BLOCK_MAX (64U << 20)

/* @p: the next byte; @end: after the last */
struct input {
	const unsigned char *p, *end;
};

/* Returns 0 if the input is too short, as at its end. */
static uint32_t get(struct input *in, unsigned int bytes)
{
	uint32_t value = 0;

	if ((size_t)(in->end - in->p) < bytes) {
		in->p = in->end;
		return 0;
	}
	while (bytes--)
		value = value << 8 | *in->p++;
	return value;
}

/* Skip the header, as lzop 0.94 and later write it; returns its flags. */
static uint32_t read_header(struct input *in)
{
	uint32_t flags;

	in->p += MAGIC_SIZE;
	get(in, 8);			/* versions, method, level */
	flags = get(in, 4);
	get(in, 12);			/* mode, time */
	for (uint32_t len = get(in, 1); len; len--)
		get(in, 1);		/* name */
	get(in, 4);			/* checksum */
	return flags;
}

/* Append one block to the buffer; false at the end or on an error. */
static bool read_block(struct input *in, uint32_t flags, unsigned char **buf, size_t *len)
{
	uint32_t to = get(in, 4), from = get(in, 4);
	unsigned char *more;
	lzo_uint out = to;

	if (!to || to > BLOCK_MAX || from > to)
		return false;
	get(in, flags & ADLER32_D ? 4 : 0);
	get(in, flags & CRC32_D ? 4 : 0);
	if (from < to) {
		get(in, flags & ADLER32_C ? 4 : 0);
		get(in, flags & CRC32_C ? 4 : 0);
	}
	if ((size_t)(in->end - in->p) < from || *len + to > LARGEST_IMAGE)
		return false;
	more = realloc(*buf, *len + to);
	if (!more)
		return false;
	*buf = more;
	if (from == to)
		memcpy(more + *len, in->p, to);
	else if (lzo1x_decompress_safe(in->p, from, more + *len, &out, NULL) || out != to)
		return false;
	in->p += from;
	*len += to;
	return true;
}

unsigned char *decompress_lzo(const unsigned char *p, size_t size, size_t *len)
{
	struct input in = { .p = p, .end = p + size };
	unsigned char *buf = NULL;
	uint32_t flags;

	*len = 0;
	if (size < MAGIC_SIZE)
		return NULL;
	flags = read_header(&in);
	while (read_block(&in, flags, &buf, len))
		;
	return buf;
}
