// SPDX-License-Identifier: GPL-2.0
/* The archive, from a file or from the running kernel. */
#define _GNU_SOURCE	/* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fail(path, "%s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(path, "not a regular file");
	}
	return fd;
}

/* Read the open file @from into memory; -1 with errno set, and not a word, on failure. */
static int read_into_memory(int from)
{
	int fd = memfd_create("kheaders.tar.xz", MFD_CLOEXEC), saved;
	char buf[1 << 16];
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(fd, buf, n) != n) {
			n = -1;
			break;
		}
	}
	if (!n && !lseek(fd, 0, SEEK_SET))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/*
 * The file is there as long as the module is, and whoever else loaded the module may
 * unload it at any time, under a reader, too: take a copy, and if it goes, try again.
 */
static int open_running(bool *loaded)
{
	int tries, from, fd, ret;

	for (tries = 0; tries < 200; tries++) {
		if (access(SYSFS_FILE, F_OK)) {
			ret = load_module();
			if (ret < 0)
				return -1;
			if (!ret)
				break;
			if (ret == 2) {
				usleep(20000);
				continue;
			}
			*loaded = true;
		}
		from = open(SYSFS_FILE, O_RDONLY | O_CLOEXEC);
		if (from < 0 && errno == ENOENT)
			continue;
		fd = from < 0 ? -1 : read_into_memory(from);
		ret = errno;
		if (from >= 0)
			close(from);
		if (fd >= 0)
			return fd;
		if (ret != ENODEV)
			return fail(SYSFS_FILE, "%s", strerror(ret));
	}
	fail(SYSFS_FILE, tries ? "goes whenever it is read: something unloads the module %s" :
	     "not there, and no module %s for this kernel; it was built without CONFIG_KHEADERS_SYSFS",
	     MODULE_NAME);
	return tries ? -1 : -2;
}

int open_archive(const char *file, bool *loaded)
{
	*loaded = false;
	return file ? open_file(file) : open_running(loaded);
}
