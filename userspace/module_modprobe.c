// SPDX-License-Identifier: GPL-2.0
/*
 * The module that brings the archive, where there is no libkmod: in a static program,
 * for rescue systems and Android, whose modprobe is busybox's or toybox's.  What there is
 * to load stands in the files of depmod(8).
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

#define STATE "/sys/module/" MODULE_NAME "/initstate"

/* Does a line of the running kernel's @file begin with the path of the module? */
static bool listed(const char *file)
{
	char path[256], line[4096], *end;
	struct utsname uts;
	bool found = false;
	FILE *f;

	if (uname(&uts))
		return false;
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

int load_module(void)
{
	char *const argv[] = { "modprobe", MODULE_NAME, NULL };

	if (listed("modules.builtin") || !listed("modules.dep"))
		return 0;
	return run_tool(AT_FDCWD, -1, argv, "kmod") ? -1 : 1;
}

int unload_module(void)
{
	if (!syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK))
		return 0;
	/* somebody else was first, or has it in use */
	if (errno == ENOENT || errno == EAGAIN || errno == EBUSY)
		return 0;
	return fail(MODULE_NAME, "the module does not unload: %s", strerror(errno));
}

const char *module_state(void)
{
	if (!access(STATE, F_OK))
		return "loaded";
	if (listed("modules.builtin"))
		return "built in";
	return listed("modules.dep") ? "available" : NULL;
}
