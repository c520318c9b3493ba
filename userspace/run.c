// SPDX-License-Identifier: GPL-2.0
/* Run other programs with a fixed PATH and environment. */
#define _GNU_SOURCE	/* execvpe() */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kheaders.h"

#define SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/system/bin"

/* The caller must not influence which program runs, or how. */
static char *const environment[] = { "PATH=" SEARCH, "LC_ALL=C", NULL };

__attribute__((noreturn))
static void run_child(int dir, char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	if (dir != AT_FDCWD && fchdir(dir))
		_exit(126);
	/* execvpe() searches the PATH of this process */
	if (setenv("PATH", SEARCH, 1))
		_exit(126);
	execvpe(argv[0], argv, environment);
	_exit(errno == ENOENT ? 127 : 126);
}

int run(int dir, char *const argv[], const char *package)
{
	pid_t pid = fork(), got;
	int status = 0;

	if (!pid)
		run_child(dir, argv);
	if (pid < 0)
		return fail_errno(argv[0], "cannot be started");
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
		if (interrupted)
			kill(pid, SIGTERM);
	}
	if (interrupted)
		return fail(argv[0], "interrupted");
	if (got == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(argv[0], "not found; install %s", package);
	if (got == pid && WIFSIGNALED(status))
		return fail(argv[0], "killed by signal %d", WTERMSIG(status));
	return fail(argv[0], "failed with status %d", WEXITSTATUS(status));
}
