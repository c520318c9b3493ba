// SPDX-License-Identifier: GPL-2.0
/* A tree as an image of a file system, by the tools of that file system. */
#define _GNU_SOURCE	/* asprintf() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kheaders.h"

/* No variable of whoever calls us changes what the program does, or which it is. */
static char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/system/bin",
	"LC_ALL=C",
	NULL
};

static void run_child(int tree, int mount, char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	if (mount < 0 ? tree != AT_FDCWD && fchdir(tree) : tmpfs_enter(mount))
		_exit(126);
	/* execvpe() looks along our own PATH */
	if (setenv("PATH", environment[0] + strlen("PATH="), 1))
		_exit(126);
	execvpe(argv[0], argv, environment);
	_exit(errno == ENOENT ? 127 : 126);
}

int run_tool(int tree, int mount, char *const argv[], const char *package)
{
	pid_t pid = fork(), got;
	int status;

	if (!pid)
		run_child(tree, mount, argv);
	if (pid < 0)
		return fail(argv[0], "%s", strerror(errno));
	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	if (got == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(argv[0], "not there; install %s", package);
	return fail(argv[0], "failed");
}

/* Is @path the name of an image of squashfs?  Any other is erofs. */
static bool is_squashfs(const char *path)
{
	static const char suffix[] = ".squashfs";
	size_t len = strlen(path);

	return len > strlen(suffix) && !strcmp(path + len - strlen(suffix), suffix);
}

static int run_mkfs(int mount, const char *path, char *out)
{
	char *const erofs[] = { "mkfs.erofs", "-zlz4hc", "--all-root", out, ".", NULL };
	char *const squashfs[] = { "mksquashfs", ".", out, "-noappend", "-all-root",
				   "-no-progress", "-quiet", NULL };

	if (is_squashfs(path))
		return run_tool(-1, mount, squashfs, "squashfs-tools");
	return run_tool(-1, mount, erofs, "erofs-utils");
}

/* Sync the image @out, and give it its name. */
static int finish_image(const char *out, const char *path, mode_t mode)
{
	int fd = open(out, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), ret = 0;

	if (fd < 0 || fchmod(fd, mode) || fsync(fd) || rename(out, path))
		ret = fail(path, "cannot be made: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

int write_image(const struct place *p, int tree, int mount)
{
	struct stat st;
	char *out;
	int ret;

	if (!fstatat(p->parent, p->name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		return fail(p->path, "refused: there already, and no regular file");
	if (fstat(tree, &st) || asprintf(&out, "%.*s.%s.%d", (int)(p->name - p->path),
					 p->path, p->name, getpid()) < 0)
		return fail(p->path, "no memory left");
	ret = run_mkfs(mount, p->path, out);
	/* who may not read the tree may not read the image */
	if (!ret)
		ret = finish_image(out, p->path, st.st_mode & 0004 ? 0644 : 0600);
	if (ret)
		unlink(out);
	free(out);
	return ret;
}
