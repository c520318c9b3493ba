// SPDX-License-Identifier: GPL-2.0
/* Run other programs with a fixed PATH and environment. */
#define _GNU_SOURCE	/* execvpe(), memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kheaders.h"

#define SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/system/bin"

/* The caller must not influence which program runs, or how. */
static char *const environment[] = { "PATH=" SEARCH, "LC_ALL=C", NULL };

__attribute__((noreturn))
static void run_child(int dir, char *const argv[], int messages)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGPIPE, SIG_DFL);
	/* execvpe() searches the PATH of this process */
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (messages >= 0 && dup2(messages, STDERR_FILENO) < 0) ||
	    (dir != AT_FDCWD && fchdir(dir)) || setenv("PATH", SEARCH, 1))
		_exit(126);
	execvpe(argv[0], argv, environment);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Do not block: a signal that arrives before waitpid() would not interrupt it. */
int wait_for_child(pid_t pid)
{
	int status = -1;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (interrupted)
			kill(pid, SIGTERM);
		usleep(10000);
	}
	return status;
}

static int run_to(int dir, char *const argv[], const char *package, int messages)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		run_child(dir, argv, messages);
	if (pid < 0)
		return fail_errno(argv[0], "cannot be started");
	status = wait_for_child(pid);
	if (interrupted)
		return fail(argv[0], "interrupted");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(argv[0], "not found; install %s", package);
	if (WIFSIGNALED(status))
		return fail(argv[0], "killed by signal %d", WTERMSIG(status));
	return fail(argv[0], "failed with status %d", WEXITSTATUS(status));
}

int run(int dir, char *const argv[], const char *package)
{
	return run_to(dir, argv, package, -1);
}

int run_strictly(int dir, char *const argv[], const char *package)
{
	int messages = memfd_create(argv[0], MFD_CLOEXEC), ret;
	unsigned char text[4096];
	ssize_t n;

	if (messages < 0)
		return fail_errno(argv[0], NULL);
	ret = run_to(dir, argv, package, messages);
	n = pread(messages, text, sizeof(text), 0);
	if (n > 0)
		write_all(STDERR_FILENO, argv[0], text, n);
	close(messages);
	return n && !ret ? fail(argv[0], "failed, but its status is 0") : ret;
}
