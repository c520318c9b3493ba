// SPDX-License-Identifier: GPL-2.0
/*
 * The archive as it comes out of xz: one stream, decoded by a thread of its own into a
 * few buffers that go round, with the checksum of what went in.
 */
#include <errno.h>
#include <lzma.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define BUFFERS 4
#define BUFFER_SIZE (128 << 10)
#define HUGE_PAGE (2UL << 20)

/*
 * What a bomb stops at.  Two threads take the size of what is packed and 21 MB more; a
 * machine that has less than eight times the limit gets one, which takes 9 MB.
 */
#define DECODER_MEMORY (80ULL << 20)
#define MOST_BYTES (2ULL << 30)

/*
 * @filled: buffers that are decoded and not yet given back, from @first on
 * @busy: the reader has the first of them
 * @done: no more will come; @failed: because of what was said
 * @stop: the reader wants no more
 */
struct stream {
	int fd;
	const char *name;
	lzma_stream lzma;
	struct sha256_ctx sha256;
	uint64_t in, size, out;

	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned char *buffer[BUFFERS];
	size_t length[BUFFERS];
	unsigned int first, filled;
	bool busy, done, failed, stop;
};

static const char *lzma_message(lzma_ret ret)
{
	switch (ret) {
	case LZMA_FORMAT_ERROR:
		return "not an xz file";
	case LZMA_DATA_ERROR:
		return "damaged";
	case LZMA_BUF_ERROR:
		return "cut off";
	case LZMA_MEM_ERROR:
		return "no memory left";
	case LZMA_MEMLIMIT_ERROR:
		return "wants more memory than a kheaders archive does";
	default:
		return "not an xz file that can be read";
	}
}

/* Refill the decoder's input if it is empty; LZMA_FINISH once there is no more. */
static int refill(struct stream *s, unsigned char *in, lzma_action *action)
{
	ssize_t n;

	if (s->lzma.avail_in || *action == LZMA_FINISH)
		return 0;
	do {
		n = read(s->fd, in, BUFFER_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(s->name, "%s", strerror(errno));
	if (!n)
		*action = LZMA_FINISH;
	sha256_update(&s->sha256, n, in);
	s->lzma.next_in = in;
	s->lzma.avail_in = n;
	__atomic_add_fetch(&s->in, n, __ATOMIC_RELAXED);
	return 0;
}

/* Nothing may follow the stream. */
static int check_end(struct stream *s, unsigned char *in)
{
	if (!s->lzma.avail_in && read(s->fd, in, 1) == 0)
		return 0;
	return fail(s->name, "has bytes behind its end");
}

/* Fill @out; returns how much, with 0 at the end. */
static ssize_t decode(struct stream *s, unsigned char *in, unsigned char *out,
		      lzma_action *action, bool *end)
{
	lzma_ret ret = LZMA_OK;

	s->lzma.next_out = out;
	s->lzma.avail_out = *end ? 0 : BUFFER_SIZE;
	while (!*end && s->lzma.avail_out) {
		if (refill(s, in, action))
			return -1;
		ret = lzma_code(&s->lzma, *action);
		if (ret == LZMA_STREAM_END) {
			*end = true;
			if (check_end(s, in))
				return -1;
		} else if (ret != LZMA_OK) {
			return fail(s->name, "%s", lzma_message(ret));
		}
	}
	s->out += s->lzma.next_out - out;
	if (s->out > MOST_BYTES)
		return fail(s->name, "larger than any kheaders archive");
	return s->lzma.next_out - out;
}

/* Wait for a buffer that is free; NULL if the reader has gone. */
static unsigned char *free_buffer(struct stream *s, unsigned int *i)
{
	unsigned char *buffer = NULL;

	pthread_mutex_lock(&s->mutex);
	while (s->filled == BUFFERS && !s->stop)
		pthread_cond_wait(&s->changed, &s->mutex);
	*i = (s->first + s->filled) % BUFFERS;
	if (!s->stop)
		buffer = s->buffer[*i];
	pthread_mutex_unlock(&s->mutex);
	return buffer;
}

static void *run_decoder(void *arg)
{
	struct stream *s = arg;
	unsigned char *in = malloc(BUFFER_SIZE), *out;
	lzma_action action = LZMA_RUN;
	bool end = false;
	unsigned int i;
	ssize_t n = -1;

	while (in && (out = free_buffer(s, &i))) {
		n = decode(s, in, out, &action, &end);
		pthread_mutex_lock(&s->mutex);
		if (n > 0) {
			s->length[i] = n;
			s->filled++;
		}
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->mutex);
		if (n <= 0)
			break;
	}
	pthread_mutex_lock(&s->mutex);
	s->done = true;
	s->failed = n < 0;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
	free(in);
	return NULL;
}

static void stream_free(struct stream *s)
{
	int i;

	for (i = 0; i < BUFFERS; i++)
		free(s->buffer[i]);
	lzma_end(&s->lzma);
	free(s);
}

/* What is decoded goes to memory that is new: a tenth of the time is for its pages. */
static void *allocate(void *opaque, size_t n, size_t size)
{
	void *mem;

	(void)opaque;
	size *= n;
	if (size < 2 * HUGE_PAGE)
		return malloc(size);
	mem = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (mem)
		madvise(mem, size, MADV_HUGEPAGE);
	return mem;
}

static lzma_ret start_decoder(struct stream *s)
{
	static const lzma_allocator allocator = { .alloc = allocate };
	lzma_mt mt = {
		.threads = lzma_cputhreads(),
		.memlimit_threading = DECODER_MEMORY,
		.memlimit_stop = DECODER_MEMORY,
	};

	s->lzma.allocator = &allocator;
	/* with 1 for a limit it holds no blocks, either */
	if (mt.threads < 2 || lzma_physmem() / 8 < DECODER_MEMORY) {
		mt.threads = 1;
		mt.memlimit_threading = 1;
	}
	return lzma_stream_decoder_mt(&s->lzma, &mt);
}

struct stream *stream_open(int fd, const char *name)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct stat st;
	lzma_ret ret;
	int i;

	if (!s) {
		fail(name, "no memory left");
		return NULL;
	}
	s->fd = fd;
	s->name = name;
	s->size = fstat(fd, &st) ? 0 : st.st_size;
	s->lzma = (lzma_stream)LZMA_STREAM_INIT;
	sha256_init(&s->sha256);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->changed, NULL);
	ret = start_decoder(s);
	for (i = 0; i < BUFFERS; i++) {
		s->buffer[i] = malloc(BUFFER_SIZE);
		if (!s->buffer[i])
			ret = LZMA_MEM_ERROR;
	}
	if (ret != LZMA_OK || pthread_create(&s->thread, NULL, run_decoder, s)) {
		fail(name, "%s", lzma_message(LZMA_MEM_ERROR));
		stream_free(s);
		return NULL;
	}
	return s;
}

ssize_t stream_read(struct stream *s, const void **data)
{
	ssize_t n = 0;

	pthread_mutex_lock(&s->mutex);
	if (s->busy) {
		s->first = (s->first + 1) % BUFFERS;
		s->filled--;
		s->busy = false;
		pthread_cond_broadcast(&s->changed);
	}
	while (!s->filled && !s->done)
		pthread_cond_wait(&s->changed, &s->mutex);
	if (s->filled) {
		s->busy = true;
		*data = s->buffer[s->first];
		n = s->length[s->first];
	} else if (s->failed) {
		n = -1;
	}
	pthread_mutex_unlock(&s->mutex);
	return n;
}

int stream_percent(struct stream *s)
{
	return s->size ? __atomic_load_n(&s->in, __ATOMIC_RELAXED) * 100 / s->size : 0;
}

static void say_digest(struct sha256_ctx *ctx, char *sha256)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	size_t i;

	sha256_digest(ctx, sizeof(digest), digest);
	for (i = 0; i < sizeof(digest); i++)
		sprintf(sha256 + 2 * i, "%02x", digest[i]);
}

int stream_sha256(int fd, const char *name, char *sha256)
{
	unsigned char *buf = malloc(BUFFER_SIZE);
	struct sha256_ctx ctx;
	ssize_t n = -1;

	sha256_init(&ctx);
	while (buf && (n = read(fd, buf, BUFFER_SIZE)) > 0)
		sha256_update(&ctx, n, buf);
	free(buf);
	if (n < 0 || lseek(fd, 0, SEEK_SET))
		return fail(name, "cannot be read");
	say_digest(&ctx, sha256);
	return 0;
}

int stream_close(struct stream *s, char *sha256)
{
	const void *data;
	ssize_t n = 0;

	if (!s)
		return 0;
	while (sha256 && (n = stream_read(s, &data)) > 0)
		;
	pthread_mutex_lock(&s->mutex);
	s->stop = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	if (sha256)
		say_digest(&s->sha256, sha256);
	stream_free(s);
	return n < 0 ? -1 : 0;
}
