// SPDX-License-Identifier: GPL-2.0
/*
 * Decompress an archive, one xz stream, by its index.  A block that starts with a member can
 * be read without the preceding blocks, so two threads can extract an archive in parallel,
 * with a decoder of 9 MB each and without exchanging data.
 */
#define _GNU_SOURCE	/* pread() */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define CHUNK_SIZE (64 << 10)
/* Limits against decompression bombs; a dictionary of 64 MiB fits. */
#define DECODER_MEMORY (80ULL << 20)
#define INDEX_MEMORY (1ULL << 20)
#define MOST_BYTES (2ULL << 30)
#define TAR_BLOCK 512

/* @first: number of the first block of each part, and of the block after the last */
struct xz {
	int fd;
	const char *name;
	lzma_index *index;
	lzma_check check;
	unsigned int parts;
	lzma_vli first[PARTS_MAX + 1];
};

/* @block: the current block; @at: offset of its next byte in the file; @to: of its end */
struct stream {
	const struct xz *x;
	lzma_index_iter iter;
	lzma_stream lzma;
	lzma_block block;
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	bool in_block;
	lzma_vli last;
	uint64_t at, to, read, total;
	unsigned char in[CHUNK_SIZE], out[CHUNK_SIZE];
};

static int fail_lzma(const char *name, lzma_ret ret)
{
	switch (ret) {
	case LZMA_FORMAT_ERROR:
		return fail(name, "not an xz file");
	case LZMA_DATA_ERROR:
	case LZMA_BUF_ERROR:
		return fail(name, "damaged");
	case LZMA_MEM_ERROR:
		return fail(name, "out of memory");
	case LZMA_MEMLIMIT_ERROR:
		return fail(name, "refused: needs more memory than any kheaders archive");
	default:
		return fail(name, "not an xz file of a kheaders archive");
	}
}

/* Read exactly @size bytes. */
static int read_at(const struct xz *x, unsigned char *buf, size_t size, uint64_t at)
{
	ssize_t n;

	while (size) {
		n = pread(x->fd, buf, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(x->name, NULL);
		if (!n)
			return fail(x->name, "damaged");
		buf += n;
		at += n;
		size -= n;
	}
	return 0;
}

static int decode_index(struct xz *x, uint64_t at, size_t size)
{
	uint64_t limit = INDEX_MEMORY;
	unsigned char *buf;
	lzma_ret ret = LZMA_MEM_ERROR;
	size_t pos = 0;

	if (size > INDEX_MEMORY)
		return fail_lzma(x->name, LZMA_MEMLIMIT_ERROR);
	buf = malloc(size);
	if (buf && read_at(x, buf, size, at)) {
		free(buf);
		return -1;
	}
	if (buf)
		ret = lzma_index_buffer_decode(&x->index, &limit, NULL, buf, &pos, size);
	free(buf);
	return ret == LZMA_OK ? 0 : fail_lzma(x->name, ret);
}

/* The file must be one stream, without data before, between or after its blocks. */
static int read_index(struct xz *x, uint64_t size)
{
	unsigned char head[LZMA_STREAM_HEADER_SIZE], foot[LZMA_STREAM_HEADER_SIZE];
	lzma_stream_flags start, end;
	lzma_ret ret;

	if (size < 2 * LZMA_STREAM_HEADER_SIZE)
		return fail(x->name, "not an xz file");
	if (read_at(x, head, sizeof(head), 0) ||
	    read_at(x, foot, sizeof(foot), size - sizeof(foot)))
		return -1;
	ret = lzma_stream_header_decode(&start, head);
	if (ret != LZMA_OK)
		return fail_lzma(x->name, ret);
	if (lzma_stream_footer_decode(&end, foot) != LZMA_OK ||
	    end.backward_size > size - 2 * LZMA_STREAM_HEADER_SIZE)
		return fail(x->name, "damaged: it is cut off, or has trailing data");
	if (lzma_stream_flags_compare(&start, &end) != LZMA_OK)
		return fail(x->name, "damaged");
	x->check = start.check;
	if (decode_index(x, size - sizeof(foot) - end.backward_size, end.backward_size))
		return -1;
	if (lzma_index_file_size(x->index) != size)
		return fail(x->name, "damaged: it is cut off, or has trailing data");
	if (lzma_index_uncompressed_size(x->index) > MOST_BYTES)
		return fail(x->name, "refused: larger than any kheaders archive");
	return 0;
}

static void end_block(struct stream *s)
{
	unsigned int i;

	for (i = 0; s->in_block && s->filters[i].id != LZMA_VLI_UNKNOWN; i++)
		free(s->filters[i].options);
	s->in_block = false;
}

static int start_block(struct stream *s)
{
	unsigned char head[LZMA_BLOCK_HEADER_SIZE_MAX];
	lzma_ret ret;

	s->at = s->iter.block.compressed_file_offset;
	s->to = s->at + s->iter.block.total_size;
	if (read_at(s->x, head, 1, s->at))
		return -1;
	s->block = (lzma_block){ .check = s->x->check, .filters = s->filters };
	s->block.header_size = lzma_block_header_size_decode(head[0]);
	if (!head[0] || s->block.header_size > s->iter.block.total_size)
		return fail(s->x->name, "damaged");
	if (read_at(s->x, head, s->block.header_size, s->at))
		return -1;
	ret = lzma_block_header_decode(&s->block, NULL, head);
	if (ret != LZMA_OK)
		return fail_lzma(s->x->name, ret);
	s->in_block = true;
	s->at += s->block.header_size;
	s->read += s->block.header_size;
	ret = lzma_block_compressed_size(&s->block, s->iter.block.unpadded_size);
	if (ret == LZMA_OK && lzma_raw_decoder_memusage(s->filters) > DECODER_MEMORY)
		ret = LZMA_MEMLIMIT_ERROR;
	if (ret == LZMA_OK)
		ret = lzma_block_decoder(&s->lzma, &s->block);
	s->lzma.avail_in = 0;
	return ret == LZMA_OK ? 0 : fail_lzma(s->x->name, ret);
}

static int refill(struct stream *s)
{
	size_t n = s->to - s->at < CHUNK_SIZE ? s->to - s->at : CHUNK_SIZE;

	if (s->lzma.avail_in || !n)
		return 0;
	if (read_at(s->x, s->in, n, s->at))
		return -1;
	s->at += n;
	s->read += n;
	s->lzma.next_in = s->in;
	s->lzma.avail_in = n;
	return 0;
}

/* Returns 1 if there is a block to decode, 0 at the end of the part. */
static int enter_block(struct stream *s)
{
	if (s->in_block)
		return 1;
	if (lzma_index_iter_next(&s->iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK) ||
	    s->iter.block.number_in_file >= s->last)
		return 0;
	return start_block(s) ? -1 : 1;
}

ssize_t stream_read(struct stream *s, const void **data)
{
	lzma_ret ret;
	int more;

	s->lzma.next_out = s->out;
	s->lzma.avail_out = CHUNK_SIZE;
	while (s->lzma.avail_out) {
		more = enter_block(s);
		if (more < 0)
			return -1;
		if (!more)
			break;
		if (refill(s))
			return -1;
		ret = lzma_code(&s->lzma, LZMA_RUN);
		if (ret == LZMA_STREAM_END) {
			if (s->block.uncompressed_size != s->iter.block.uncompressed_size)
				return fail(s->x->name, "damaged");
			end_block(s);
		} else if (ret != LZMA_OK) {
			return fail_lzma(s->x->name, ret);
		}
	}
	*data = s->out;
	return CHUNK_SIZE - s->lzma.avail_out;
}

unsigned int stream_progress(const struct stream *s)
{
	return s->total ? s->read * 1000 / s->total : 0;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	end_block(s);
	lzma_end(&s->lzma);
	free(s);
}

static struct stream *open_blocks(const struct xz *x, lzma_vli first, lzma_vli last)
{
	struct stream *s = calloc(1, sizeof(*s));
	lzma_index_iter iter;

	if (!s) {
		fail(x->name, "out of memory");
		return NULL;
	}
	s->x = x;
	s->last = last;
	s->lzma = (lzma_stream)LZMA_STREAM_INIT;
	/* advance to the block before the first */
	lzma_index_iter_init(&s->iter, x->index);
	while (--first && !lzma_index_iter_next(&s->iter, LZMA_INDEX_ITER_BLOCK))
		;
	iter = s->iter;
	while (!lzma_index_iter_next(&iter, LZMA_INDEX_ITER_BLOCK) &&
	       iter.block.number_in_file < last)
		s->total += iter.block.total_size;
	return s;
}

struct stream *stream_open(const struct xz *x, unsigned int part)
{
	return open_blocks(x, x->first[part], x->first[part + 1]);
}

/* Is there a member's header at @p, judged by its checksum? */
static bool is_header(const unsigned char *p)
{
	unsigned long want, sum = 0;
	char digits[9];
	int i;

	memcpy(digits, p + 148, 8);
	digits[8] = '\0';
	want = strtoul(digits, NULL, 8);
	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	return !memcmp(p + 257, "ustar", 5) && sum == want;
}

/* Use two parts if the block after the first third of the data starts with a member. */
static int find_parts(struct xz *x)
{
	lzma_vli blocks = lzma_index_block_count(x->index);
	lzma_index_iter iter;
	const void *data = NULL;
	struct stream *s;
	ssize_t n;

	x->parts = 1;
	x->first[0] = 1;
	x->first[1] = blocks + 1;
	lzma_index_iter_init(&iter, x->index);
	if (lzma_index_iter_locate(&iter, lzma_index_uncompressed_size(x->index) / 3) ||
	    lzma_index_iter_next(&iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
		return 0;
	s = open_blocks(x, iter.block.number_in_file, iter.block.number_in_file + 1);
	if (!s)
		return -1;
	n = stream_read(s, &data);
	if (n >= TAR_BLOCK && data && is_header(data)) {
		x->parts = 2;
		x->first[1] = iter.block.number_in_file;
		x->first[2] = blocks + 1;
	}
	stream_close(s);
	return n < 0 ? -1 : 0;
}

struct xz *xz_open(int fd, const char *name)
{
	struct xz *x = calloc(1, sizeof(*x));
	struct stat st;

	if (!x || fstat(fd, &st)) {
		free(x);
		fail(name, "out of memory");
		return NULL;
	}
	x->fd = fd;
	x->name = name;
	if (!read_index(x, st.st_size) && !find_parts(x))
		return x;
	xz_close(x);
	return NULL;
}

unsigned int xz_parts(const struct xz *x)
{
	return x->parts;
}

void xz_close(struct xz *x)
{
	if (!x)
		return;
	lzma_index_end(x->index, NULL);
	free(x);
}
