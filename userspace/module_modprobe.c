// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload the module that provides the archive, without libkmod: for a static
 * program on rescue systems and Android, where modprobe is busybox's or toybox's.  The files
 * of depmod(8) list the available modules.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kheaders.h"

#define INITSTATE "/sys/module/" MODULE_NAME "/initstate"

/* Does a line of the running kernel's @file start with the path of the module? */
static bool listed(const char *file)
{
	char path[256], line[4096], *end;
	struct utsname uts;
	bool found = false;
	FILE *f;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/%s", uts.release, file);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		end = strpbrk(line, ":\n");
		if (end)
			*end = '\0';
		end = strrchr(line, '/');
		end = end ? end + 1 : line;
		found = !strncmp(end, MODULE_NAME ".ko", strlen(MODULE_NAME ".ko"));
	}
	if (f)
		fclose(f);
	return found;
}

enum module_state module_state(void)
{
	if (!access(INITSTATE, F_OK))
		return MODULE_LOADED;
	if (listed("modules.builtin"))
		return MODULE_BUILTIN;
	return listed("modules.dep") ? MODULE_AVAILABLE : MODULE_NONE;
}

/* Check first, as busybox's modprobe does not report that the module was already loaded. */
enum module_load module_load(void)
{
	char *const argv[] = { "modprobe", MODULE_NAME, NULL };

	switch (module_state()) {
	case MODULE_NONE:
		return LOAD_NONE;
	case MODULE_BUILTIN:
		return LOAD_BUILTIN;
	case MODULE_LOADED:
		return LOAD_ALREADY;
	default:
		return run(AT_FDCWD, argv, "kmod") ? LOAD_FAILED : LOAD_DONE;
	}
}

int module_unload(void)
{
	if (!syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK))
		return 0;
	/* already unloaded by another process, or in use */
	if (errno == ENOENT || errno == EAGAIN || errno == EBUSY)
		return 0;
	return fail_errno(MODULE_NAME, "the module cannot be unloaded");
}
