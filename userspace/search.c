// SPDX-License-Identifier: GPL-2.0
/*
 * Find the archive in an image by the markers around it (see kheaders/kheaders_data.S), or find
 * the kernel.  The image may be compressed as a whole (a module, Image.gz) or contain compressed
 * data after the code that decompresses it (bzImage and others).
 */
#define _GNU_SOURCE	/* memmem() */
#include <archive.h>
#include <archive_entry.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "kheaders.h"

#define MARK_SIZE 8
static const char mark_start[MARK_SIZE] = "IKHD_ST";
static const char mark_end[MARK_SIZE] = "IKHD_ED";

#define IMAGE_MEMORY (256ULL << 20)

/* Magic bytes of compressed data, as in scripts/extract-vmlinux. */
static const struct magic {
	const char *bytes;
	size_t len;
	const char *name;
} magics[] = {
	{ "\x1f\x8b\x08", 3, "gzip" },
	{ "\xfd" "7zXZ\0", 6, "xz" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd" },
	{ "\x02\x21\x4c\x18", 4, "lz4" },		/* as "lz4 -l" writes it */
	{ "\x04\x22\x4d\x18", 4, "lz4" },
	{ "BZh", 3, "bzip2" },
	{ "\x5d\0\0", 3, "lzma" },
	{ "\x89\x4c\x5a\x4f\0\x0d\x0a\x1a\x0a", 9, "lzo" },
};

#define MAGICS (sizeof(magics) / sizeof(magics[0]))

/* Length of the xz stream at @p, at most @size; 0 if there is none. */
static size_t xz_length(const unsigned char *p, size_t size)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	static unsigned char out[65536];
	lzma_ret ret = lzma_stream_decoder(&xz, IMAGE_MEMORY, 0);

	xz.next_in = p;
	xz.avail_in = size;
	while (ret == LZMA_OK) {
		xz.next_out = out;
		xz.avail_out = sizeof(out);
		ret = lzma_code(&xz, LZMA_RUN);
	}
	lzma_end(&xz);
	return ret == LZMA_STREAM_END ? xz.total_in : 0;
}

/*
 * The archive after the marker at @p; NULL if there is none.  Markers alone may occur by
 * chance, as in this program, so require a complete xz stream between them.
 */
static const unsigned char *archive_at(const unsigned char *p, const unsigned char *end,
				       size_t *len)
{
	if (end - p < MARK_SIZE || memcmp(p, mark_start, MARK_SIZE))
		return NULL;
	p += MARK_SIZE;
	*len = xz_length(p, end - p);
	if (!*len || (size_t)(end - p) - *len < MARK_SIZE ||
	    memcmp(p + *len, mark_end, MARK_SIZE))
		return NULL;
	return p;
}

/* Find the archive in @size bytes of uncompressed data. */
static const unsigned char *find_archive(const unsigned char *data, size_t size, size_t *len)
{
	const unsigned char *p = data, *end = data + size, *archive;

	for (; (p = memmem(p, end - p, mark_start, MARK_SIZE)); p++) {
		archive = archive_at(p, end, len);
		if (archive)
			return archive;
	}
	return NULL;
}

/* The same for a kernel. */
static const unsigned char *find_kernel(const unsigned char *data, size_t size, size_t *len)
{
	struct identity id;

	*len = size;
	return kernel_identify(data, size, &id) ? data : NULL;
}

/*
 * Open the compressed data at @p; NULL without a message if it is not valid.  Do not enable
 * libarchive's other filters, which run programs.
 */
static struct archive *open_compressed(const unsigned char *p, size_t size)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;

	if (!a)
		return NULL;
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, p, size) == ARCHIVE_OK &&
	    archive_read_next_header(a, &e) == ARCHIVE_OK && archive_filter_count(a) > 1)
		return a;
	archive_read_free(a);
	return NULL;
}

/*
 * A decompressor: libarchive, except for formats where it loses the end of the data if
 * trailing data follows.
 */
struct piece {
	struct archive *a;
	const unsigned char *block;
	size_t block_len;
	ZSTD_DStream *zstd;
	ZSTD_inBuffer in;
	lzma_stream lzma;
	lzma_ret ret;
};

static bool open_piece(struct piece *piece, const struct magic *magic,
		       const unsigned char *p, size_t size)
{
	if (!strcmp(magic->name, "zstd")) {
		piece->in = (ZSTD_inBuffer){ .src = p, .size = size };
		piece->zstd = ZSTD_createDStream();
		return piece->zstd;
	} else if (strcmp(magic->name, "xz") && strcmp(magic->name, "lzma")) {
		piece->a = open_compressed(p, size);
		return piece->a;
	}
	piece->lzma.next_in = p;
	piece->lzma.avail_in = size;
	piece->ret = lzma_auto_decoder(&piece->lzma, IMAGE_MEMORY, 0);
	return piece->ret == LZMA_OK;
}

static size_t read_zstd(struct piece *piece, unsigned char *buf, size_t size)
{
	ZSTD_outBuffer out = { .dst = buf, .size = size };
	size_t ret;

	do {
		ret = ZSTD_decompressStream(piece->zstd, &out, &piece->in);
	} while (!ZSTD_isError(ret) && ret && out.pos < size && piece->in.pos < piece->in.size);
	/* do not decode trailing data after the frame */
	if (ZSTD_isError(ret) || !ret)
		piece->in.size = piece->in.pos;
	return out.pos;
}

/* By blocks: archive_read_data() loses what it has read if an error follows. */
static size_t read_blocks(struct piece *piece, unsigned char *buf, size_t size)
{
	const void *block;
	la_int64_t offset;

	if (!piece->block_len) {
		if (archive_read_data_block(piece->a, &block, &piece->block_len, &offset)) {
			piece->block_len = 0;
			return 0;
		}
		piece->block = block;
	}
	if (size > piece->block_len)
		size = piece->block_len;
	memcpy(buf, piece->block, size);
	piece->block += size;
	piece->block_len -= size;
	return size;
}

/* Read the next bytes; 0 at the end or on an error. */
static size_t read_piece(struct piece *piece, unsigned char *buf, size_t size)
{
	if (piece->a)
		return read_blocks(piece, buf, size);
	if (piece->zstd)
		return read_zstd(piece, buf, size);
	piece->lzma.next_out = buf;
	piece->lzma.avail_out = size;
	while (piece->ret == LZMA_OK && piece->lzma.avail_out)
		piece->ret = lzma_code(&piece->lzma, LZMA_RUN);
	return size - piece->lzma.avail_out;
}

static void close_piece(struct piece *piece)
{
	if (piece->a)
		archive_read_free(piece->a);
	ZSTD_freeDStream(piece->zstd);
	lzma_end(&piece->lzma);
}

/*
 * Decompress the data at @p to a new buffer, as far as possible: trailing data in an image
 * is not an error.
 */
static unsigned char *decompress(const struct magic *magic, const unsigned char *p,
				 size_t size, size_t *len)
{
	struct piece piece = { .lzma = LZMA_STREAM_INIT };
	unsigned char *buf = NULL, *more;
	size_t room = 1 << 20, n = 1;

	if (!strcmp(magic->name, "lzo"))
		return decompress_lzo(p, size, len);
	*len = 0;
	if (!open_piece(&piece, magic, p, size))
		n = 0;
	while (n && room <= LARGEST_IMAGE) {
		more = realloc(buf, room);
		if (!more)
			break;
		buf = more;
		while (*len < room && (n = read_piece(&piece, buf + *len, room - *len)))
			*len += n;
		room *= 2;
	}
	close_piece(&piece);
	return buf;
}

/* Finds something of *@len bytes in uncompressed data, or returns NULL. */
typedef const unsigned char *find_fn(const unsigned char *data, size_t size, size_t *len);

/* What @find finds in the compressed data at @p; NULL if it finds nothing. */
static const unsigned char *compressed_at(const unsigned char *p, const unsigned char *end,
					  find_fn *find, size_t *len, unsigned char **buffer)
{
	const unsigned char *found;
	unsigned int i;
	size_t size;

	for (i = 0; i < MAGICS; i++) {
		if ((size_t)(end - p) < magics[i].len || memcmp(p, magics[i].bytes, magics[i].len))
			continue;
		*buffer = decompress(&magics[i], p, end - p, &size);
		found = *buffer ? find(*buffer, size, len) : NULL;
		if (found)
			return found;
		free(*buffer);
		*buffer = NULL;
	}
	return NULL;
}

/* May a marker or compressed data start with @byte? */
static bool is_first(unsigned char byte)
{
	static bool first[256];
	unsigned int i;

	if (!first[(unsigned char)mark_start[0]]) {
		for (i = 0; i < MAGICS; i++)
			first[(unsigned char)magics[i].bytes[0]] = true;
		first[(unsigned char)mark_start[0]] = true;
	}
	return first[byte];
}

const unsigned char *search_image(const unsigned char *data, size_t size, size_t from,
				  size_t to, size_t *len, unsigned char **buffer)
{
	const unsigned char *p, *end = data + size, *archive = NULL;

	*buffer = NULL;
	for (p = data + from; !archive && p < data + to; p++) {
		if (!is_first(*p))
			continue;
		archive = archive_at(p, end, len);
		if (!archive)
			archive = compressed_at(p, end, find_archive, len, buffer);
	}
	return archive;
}

bool search_kernel(const unsigned char *data, size_t size, struct identity *id)
{
	const unsigned char *p, *found = NULL;
	unsigned char *buffer = NULL;
	size_t len;

	if (kernel_identify(data, size, id))
		return true;
	for (p = data; !found && p < data + size; p++) {
		if (is_first(*p))
			found = compressed_at(p, data + size, find_kernel, &len, &buffer);
	}
	if (found)
		kernel_identify(found, len, id);
	free(buffer);
	return found;
}
