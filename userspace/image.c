// SPDX-License-Identifier: GPL-2.0
/* Create a file system image of a tree, with the tools of that file system. */
#define _GNU_SOURCE	/* O_NOFOLLOW */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

/* Is @path the name of a squashfs image?  All others are erofs. */
static bool is_squashfs(const char *path)
{
	static const char suffix[] = ".squashfs";
	size_t len = strlen(path);

	return len > strlen(suffix) && !strcmp(path + len - strlen(suffix), suffix);
}

/* @out is relative to the tree, in which the program runs. */
static int run_mkfs(int tree, const char *path, char *out)
{
	/* exits with 0 even if some data cannot be written; -d0: print only errors */
	char *const erofs[] = { "mkfs.erofs", "-d0", "-zlz4hc", "--all-root", out, ".", NULL };
	char *const squashfs[] = { "mksquashfs", ".", out, "-noappend", "-all-root",
				   "-no-progress", "-quiet", NULL };

	if (is_squashfs(path))
		return run(tree, squashfs, "squashfs-tools");
	return run_strictly(tree, erofs, "erofs-utils");
}

int make_image(int dir, const char *name, const char *path, int tree, mode_t mode)
{
	char out[NAME_MAX + 4];
	int fd, ret = 0;

	snprintf(out, sizeof(out), "../%s", name);
	if (run_mkfs(tree, path, out))
		return -1;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) || fsync(fd))
		ret = fail_errno(path, "cannot be created");
	if (fd >= 0)
		close(fd);
	return ret;
}
