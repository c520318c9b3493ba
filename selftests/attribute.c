// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/kheaders.tar.xz as a file: its metadata is right, nobody can change it, and every
 * way of reading it gives the same bytes.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64	/* on 32 bit, offsets beyond 2 GB are tried, too */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"

#define PATH "/sys/kernel/kheaders.tar.xz"
#define READERS 64

/* First and last bytes of an xz stream: The .xz File Format, 2.1.1 and 2.1.2. */
static const char xz_head[] = { (char)0xfd, '7', 'z', 'X', 'Z', 0 };
static const char xz_foot[] = { 'Y', 'Z' };

/*
 * Exit before any test if there is nothing to test.  SKIP() in the fixture's setup is not enough:
 * harnesses as old as 6.1's still run the test.
 */
static void __attribute__((constructor)) need_archive(void)
{
	if (!access(PATH, F_OK) || !system("modprobe -q kheaders 2> /dev/null"))
		return;
	puts("TAP version 13\n1..0 # SKIP no " PATH " and no module kheaders");
	exit(KSFT_SKIP);
}

/* A number above 0 from the environment, or @otherwise. */
static int number(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value && atoi(value) > 0 ? atoi(value) : otherwise;
}

/* Number of random reads, and the seed of their offsets. */
#define PREADS number("KHEADERS_PREADS", 10000)
#define SEED number("KHEADERS_SEED", 1)

/* Read from the current offset to the end, but not more than @size bytes: return how many. */
static off_t read_all(int fd, char *buf, off_t size)
{
	off_t done = 0;
	ssize_t n;

	while ((n = read(fd, buf + done, size - done)) > 0)
		done += n;
	return n ? n : done;
}

FIXTURE(kheaders)
{
	int fd;
	struct stat st;
	char *data;	/* read by read() from start to end */
	char *buf;	/* of the same size and one more page */
};

FIXTURE_SETUP(kheaders)
{
	self->fd = open(PATH, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, fstat(self->fd, &self->st));
	ASSERT_LT(0, self->st.st_size);
	self->data = malloc(self->st.st_size);
	self->buf = malloc(self->st.st_size + 4096);
	ASSERT_TRUE(!!self->data);
	ASSERT_TRUE(!!self->buf);
	ASSERT_EQ(self->st.st_size, read_all(self->fd, self->data, self->st.st_size));
}

FIXTURE_TEARDOWN(kheaders)
{
	free(self->data);
	free(self->buf);
	close(self->fd);
}

TEST_F(kheaders, stat)
{
	EXPECT_TRUE(S_ISREG(self->st.st_mode));
	/* 0400 with CONFIG_KHEADERS_RANDSTRUCT_SEED */
	if ((self->st.st_mode & 07777) != 0400)
		EXPECT_EQ(0444, self->st.st_mode & 07777);
	EXPECT_EQ(0, self->st.st_uid);
	EXPECT_EQ(0, self->st.st_gid);
	EXPECT_EQ(1, self->st.st_nlink);
	EXPECT_EQ(self->st.st_size, lseek(self->fd, 0, SEEK_END));
}

TEST_F(kheaders, is_xz)
{
	ASSERT_LT(sizeof(xz_head) + sizeof(xz_foot), self->st.st_size);
	EXPECT_EQ(0, memcmp(self->data, xz_head, sizeof(xz_head)));
	EXPECT_EQ(0, memcmp(self->data + self->st.st_size - sizeof(xz_foot),
			    xz_foot, sizeof(xz_foot)));
}

TEST_F(kheaders, write_refused)
{
	struct stat st;
	int fd;

	EXPECT_GT(0, open(PATH, O_WRONLY));
	EXPECT_GT(0, open(PATH, O_RDWR));
	EXPECT_GT(0, open(PATH, O_WRONLY | O_APPEND));
	EXPECT_EQ(-1, write(self->fd, "x", 1));
	EXPECT_EQ(EBADF, errno);

	/* whether or not sysfs lets root truncate the file, it stays as it is */
	fd = open(PATH, O_RDONLY | O_TRUNC);
	if (fd >= 0)
		close(fd);
	(void)!truncate(PATH, 0);
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(self->st.st_size, read_all(self->fd, self->buf, self->st.st_size + 4096));
	EXPECT_EQ(0, memcmp(self->buf, self->data, self->st.st_size));
	ASSERT_EQ(0, stat(PATH, &st));
	EXPECT_EQ(self->st.st_size, st.st_size);
}

TEST_F(kheaders, mmap_refused)
{
	EXPECT_TRUE(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self->fd, 0) == MAP_FAILED);
	EXPECT_EQ(ENODEV, errno);
	EXPECT_TRUE(mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0) == MAP_FAILED);
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(kheaders, odd_opens)
{
	int fd;

	EXPECT_GT(0, open(PATH, O_RDONLY | O_DIRECTORY));
	EXPECT_EQ(ENOTDIR, errno);
	EXPECT_GT(0, open(PATH, O_RDONLY | O_CREAT | O_EXCL, 0600));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_GT(0, unlink(PATH));

	fd = open(PATH, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, read(fd, self->buf, 1));
	EXPECT_EQ(self->data[0], self->buf[0]);
	close(fd);
}

TEST_F(kheaders, read_at_edges)
{
	off_t size = self->st.st_size;

	EXPECT_EQ(1, pread(self->fd, self->buf, 1, 0));
	EXPECT_EQ(self->data[0], self->buf[0]);
	EXPECT_EQ(1, pread(self->fd, self->buf, 1, size / 2));
	EXPECT_EQ(self->data[size / 2], self->buf[0]);
	EXPECT_EQ(1, pread(self->fd, self->buf, 1, size - 1));
	EXPECT_EQ(self->data[size - 1], self->buf[0]);
	EXPECT_EQ(1, pread(self->fd, self->buf, 4096, size - 1));
	EXPECT_EQ(self->data[size - 1], self->buf[0]);
	EXPECT_EQ(0, pread(self->fd, self->buf, 1, size));
	EXPECT_EQ(0, pread(self->fd, self->buf, 4096, size));
	EXPECT_EQ(0, pread(self->fd, self->buf, 1, size + 1));
	EXPECT_EQ(0, pread(self->fd, self->buf, 1, INT64_MAX - 1));
	EXPECT_EQ(0, pread(self->fd, self->buf, 0, 0));
	EXPECT_EQ(-1, pread(self->fd, self->buf, 1, -1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(kheaders, read_past_end_in_large_steps)
{
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(self->st.st_size, read_all(self->fd, self->buf, self->st.st_size + 4096));
	EXPECT_EQ(0, memcmp(self->buf, self->data, self->st.st_size));
}

TEST_F(kheaders, read_byte_by_byte)
{
	off_t at[] = { 0, 4096 - 64, self->st.st_size - 128 }, i, j;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(at[i], lseek(self->fd, at[i], SEEK_SET));
		for (j = 0; j < 128; j++) {
			ASSERT_EQ(1, read(self->fd, self->buf, 1));
			ASSERT_EQ(self->data[at[i] + j], self->buf[0]);
		}
	}
	EXPECT_EQ(0, read(self->fd, self->buf, 1));
}

/* Read @rounds pieces at random offsets; return how many were wrong. */
static long check_random(int fd, const char *data, off_t size, unsigned int seed,
			 int rounds)
{
	char buf[16384];
	long wrong = 0;
	size_t len;
	ssize_t n;
	off_t off;

	while (rounds--) {
		off = ((off_t)rand_r(&seed) << 16 ^ rand_r(&seed)) % size;
		len = 1 + rand_r(&seed) % sizeof(buf);
		n = pread(fd, buf, len, off);
		if (n <= 0 || n > size - off || memcmp(buf, data + off, n))
			wrong++;
	}
	return wrong;
}

TEST_F(kheaders, read_at_random)
{
	EXPECT_EQ(0, check_random(self->fd, self->data, self->st.st_size, SEED,
				  PREADS));
}

struct reader {
	pthread_t thread;
	const char *data;
	off_t size;
	unsigned int seed;
	long wrong;
};

static void *run_reader(void *arg)
{
	struct reader *r = arg;
	int fd = open(PATH, O_RDONLY);

	r->wrong = fd < 0 ? -1 : check_random(fd, r->data, r->size, r->seed,
					      PREADS / READERS + 1);
	close(fd);
	return NULL;
}

TEST_F(kheaders, read_in_parallel)
{
	struct reader r[READERS];
	int i;

	for (i = 0; i < READERS; i++) {
		r[i] = (struct reader){ .data = self->data,
					.seed = SEED * READERS + i,
					.size = self->st.st_size };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, run_reader,
					    &r[i]));
	}
	for (i = 0; i < READERS; i++) {
		ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
		EXPECT_EQ(0, r[i].wrong);
	}
}

TEST_HARNESS_MAIN
