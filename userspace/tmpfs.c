// SPDX-License-Identifier: GPL-2.0
/*
 * Trees in memory.  A tmpfs is mounted nowhere while it is filled (fsopen(2), fsmount(2),
 * since Linux 5.2): nobody sees it before it is whole, and nothing is left of it if we
 * are killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kheaders.h"

/* <sys/mount.h> has them since glibc 2.36, and <linux/mount.h> goes with no older one */
#ifndef FSOPEN_CLOEXEC
#define FSOPEN_CLOEXEC 1
#define FSMOUNT_CLOEXEC 1
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_CMD_CREATE 6
#define MOUNT_ATTR_NOSUID 2
#define MOUNT_ATTR_NODEV 4
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif

/* A new tmpfs, mounted nowhere; -1 and errno. */
static int new_tmpfs(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), fd = -1, saved;

	if (fs < 0)
		return -1;
	if (!syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "kheaders", 0) &&
	    !syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) &&
	    !syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	saved = errno;
	close(fs);
	errno = saved;
	return fd;
}

int tmpfs_stage(int *mount)
{
	int tree = -1;

	*mount = new_tmpfs();
	if (*mount >= 0)
		tree = openat(*mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tree < 0 ? fail("tmpfs", "cannot be mounted: %s", strerror(errno)) : tree;
}

int tmpfs_commit(struct place *p, int mount)
{
	if (place_remove(p, p->name))
		return -1;
	if (mkdirat(p->parent, p->name, 0755) ||
	    syscall(SYS_move_mount, mount, "", p->parent, p->name, MOVE_MOUNT_F_EMPTY_PATH))
		return fail(p->path, "cannot be put in place: %s", strerror(errno));
	return 0;
}

/* Programs want a path: over /sys, in a mount namespace that goes with the process. */
int tmpfs_enter(int fd)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    syscall(SYS_move_mount, fd, "", AT_FDCWD, "/sys", MOVE_MOUNT_F_EMPTY_PATH))
		return fail("tmpfs", "cannot be mounted: %s", strerror(errno));
	return chdir("/sys");
}

int tmpfs_unmount(const char *path)
{
	if (!umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH))
		return 1;
	return errno == EINVAL || errno == ENOENT || errno == EPERM ? 0 :
	       fail(path, "cannot be unmounted: %s", strerror(errno));
}
