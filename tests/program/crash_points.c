// SPDX-License-Identifier: GPL-2.0
/*
 * Run a command in its own root directory, and at a given system call kill it or make the
 * call fail.  See usage_text.
 *
 * A seccomp filter stops the command only at relevant calls, so that tracing adds hardly
 * any time.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
	"Usage: crash_points [OPTION]... ROOT COMMAND [ARGUMENT]...\n"
	"\n"
	"Run COMMAND with ROOT as its root directory, and count the system calls of COMMAND,\n"
	"its threads and its children that change something or can fail.\n"
	"\n"
	"  -l FILE     write a line for each call: number, kind, name, object.  Kind is\n"
	"              \"change\", or \"read\" for a call that changes nothing\n"
	"  -b N        kill all processes right before call N\n"
	"  -a N        kill all processes right after call N\n"
	"  -e N:ERRNO  make call N fail with ERRNO, a number\n"
	"  -r RELEASE  make uname() report RELEASE\n"
	"\n"
	"Exit status: that of COMMAND, 128 plus the number of the signal that killed it, or 250\n"
	"if it has no call N; 251 for usage errors and failures of this program.\n";

enum { NOT_REACHED = 250, BROKEN = 251 };

/*
 * The traced calls; @fd and @path are the indices of the arguments that name the object, a
 * descriptor and a path, or -1.
 */
static const struct call {
	long nr;
	const char *name;
	int fd, path;
	bool read_only;
} calls[] = {
#define CALL(name, fd, path, ro) { SYS_##name, #name, fd, path, ro }
#ifdef SYS_open
	CALL(open, -1, 0, false), CALL(creat, -1, 0, false), CALL(mkdir, -1, 0, false),
	CALL(rename, -1, 0, false), CALL(unlink, -1, 0, false), CALL(rmdir, -1, 0, false),
	CALL(symlink, -1, 1, false), CALL(link, -1, 1, false), CALL(chmod, -1, 0, false),
	CALL(chown, -1, 0, false), CALL(lchown, -1, 0, false), CALL(mknod, -1, 0, false),
	CALL(readlink, -1, 0, true), CALL(stat, -1, 0, true), CALL(lstat, -1, 0, true),
	CALL(access, -1, 0, true), CALL(getdents64, 0, -1, true),
#endif
	CALL(openat, 0, 1, false), CALL(openat2, 0, 1, false), CALL(mkdirat, 0, 1, false),
#ifdef SYS_renameat
	CALL(renameat, 0, 1, false),
#endif
	CALL(renameat2, 0, 1, false), CALL(unlinkat, 0, 1, false),
	CALL(symlinkat, 1, 2, false), CALL(linkat, 2, 3, false), CALL(mknodat, 0, 1, false),
	CALL(fchmod, 0, -1, false), CALL(fchmodat, 0, 1, false), CALL(fchown, 0, -1, false),
	CALL(fchownat, 0, 1, false), CALL(utimensat, 0, 1, false),
	CALL(ftruncate, 0, -1, false), CALL(truncate, -1, 0, false),
	CALL(fallocate, 0, -1, false), CALL(write, 0, -1, false), CALL(pwrite64, 0, -1, false),
	CALL(writev, 0, -1, false), CALL(sendfile, 0, -1, false),
	CALL(copy_file_range, 2, -1, false), CALL(fsync, 0, -1, false),
	CALL(fdatasync, 0, -1, false), CALL(syncfs, 0, -1, false), CALL(mount, -1, 1, false),
	CALL(umount2, -1, 0, false), CALL(move_mount, 2, 3, false), CALL(fsopen, -1, 0, false),
	CALL(fsconfig, 0, -1, false), CALL(fsmount, 0, -1, false), CALL(open_tree, 0, 1, false),
	CALL(fsetxattr, 0, -1, false), CALL(read, 0, -1, true), CALL(pread64, 0, -1, true),
	CALL(readlinkat, 0, 1, true), CALL(newfstatat, 0, 1, true), CALL(fstat, 0, -1, true),
	CALL(statx, 0, 1, true), CALL(faccessat, 0, 1, true), CALL(faccessat2, 0, 1, true),
	CALL(fstatfs, 0, -1, true), CALL(memfd_create, -1, 0, true), CALL(flock, 0, -1, true),
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/*
 * @point: the number of the call to act at, 0 if none
 * @when: the option that set it: 'b', 'a' or 'e'
 * @error: the error for 'e'
 * @count: calls so far
 * @reached: the point was reached
 * @killed: all processes were killed there
 * @victim: the thread to kill after its call
 * @uts: the argument of the last uname(), in the thread that called it
 */
static struct {
	const char *root, *release;
	FILE *log;
	long point, count;
	int when, error;
	bool reached, killed;
	pid_t victim, child;
	uint64_t uts;
} run;

static int fail(const char *what)
{
	fprintf(stderr, "crash_points: %s: %s\n", what, strerror(errno));
	exit(BROKEN);
}

/* Stop at the calls in the table, and at uname(). */
static void install_filter(void)
{
	struct sock_filter code[CALLS + 4];
	struct sock_fprog program = { .filter = code };
	size_t i, n = 0, left;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (i = 0; i <= CALLS; i++) {
		left = CALLS - i;
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			i < CALLS ? calls[i].nr : SYS_uname, left + 1, 0);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("seccomp");
}

static void run_child(char **argv)
{
	if (chroot(run.root) || chdir("/"))
		fail(run.root);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
		fail("ptrace");
	install_filter();
	execv(argv[0], argv);
	fail(argv[0]);
}

/* Copy the string at @address in process @pid. */
static void read_string(pid_t pid, uint64_t address, char *to, size_t size)
{
	struct iovec local = { to, size - 1 }, remote = { (void *)address, size - 1 };

	/* do not cross the end of the mapping */
	while (remote.iov_len && process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0)
		remote.iov_len /= 2;
	to[remote.iov_len] = '\0';
}

/* Write the object of the call, a path relative to the root, to @to. */
static void describe(pid_t pid, const struct call *c, const uint64_t *args, char *to, size_t size)
{
	char link[64], dir[PATH_MAX] = "", path[PATH_MAX] = "";
	size_t root = strlen(run.root);
	int fd = c->fd < 0 ? AT_FDCWD : (int)args[c->fd];
	ssize_t n = 0;

	if (c->path >= 0 && args[c->path])
		read_string(pid, args[c->path], path, sizeof(path));
	if (*path != '/' && fd != AT_FDCWD) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
		n = readlink(link, dir, sizeof(dir) - 1);
		dir[n < 0 ? 0 : n] = '\0';
	}
	if (!strcmp(dir, run.root))
		*dir = '\0';
	else if (!strncmp(dir, run.root, root) && dir[root] == '/')
		memmove(dir, dir + root, strlen(dir + root) + 1);
	snprintf(to, size, "%s%s%s", dir, n > 0 && *path ? "/" : "", path);
}

/* Does this call change something? */
static bool changes(const struct call *c, const uint64_t *args)
{
	int flags = O_CREAT;

	if (!strcmp(c->name, "openat"))
		flags = args[2];
	else if (!strcmp(c->name, "open"))
		flags = args[1];
	return !c->read_only && flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
}

/* @at: the stopped process, the command or one of its children */
static void kill_all(pid_t at)
{
	int status;
	pid_t pid;

	run.killed = true;
	kill(run.child, SIGKILL);
	kill(at, SIGKILL);
	/* kill the others when they stop next */
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			kill(pid, SIGKILL);
	}
}

/* Make the call at which @pid has stopped fail with @error, without executing it. */
static void skip_call(pid_t pid, int error)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		return;
	regs.orig_rax = -1;
	regs.rax = -error;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };
	int none = -1;

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io))
		return;
	regs.regs[0] = -error;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io);
	io = (struct iovec){ &none, sizeof(none) };
	ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &io);
#else
#error "add how to make a call fail on this architecture"
#endif
}

/* Handle a stop before a call; returns the ptrace request to continue with. */
static int at_call(pid_t pid)
{
	struct __ptrace_syscall_info info;
	char object[2 * PATH_MAX + 2];
	const struct call *c;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
		return PTRACE_CONT;
	if (info.seccomp.nr == SYS_uname) {
		run.uts = info.seccomp.args[0];
		return run.release ? PTRACE_SYSCALL : PTRACE_CONT;
	}
	for (c = calls; c->nr != (long)info.seccomp.nr; c++)
		;
	run.count++;
	if (run.log) {
		describe(pid, c, (uint64_t *)info.seccomp.args, object, sizeof(object));
		fprintf(run.log, "%ld\t%s\t%s\t%s\n", run.count,
			changes(c, (uint64_t *)info.seccomp.args) ? "change" : "read",
			c->name, object);
	}
	if (run.count != run.point)
		return PTRACE_CONT;
	run.reached = true;
	if (run.when == 'b')
		kill_all(pid);
	else if (run.when == 'e')
		skip_call(pid, run.error);
	else
		run.victim = pid;
	return run.when == 'a' ? PTRACE_SYSCALL : PTRACE_CONT;
}

/* Handle a stop after a call: uname(), or the call after which to kill all. */
static void at_end_of_call(pid_t pid)
{
	struct utsname uts = { };
	struct iovec local = { uts.release, sizeof(uts.release) };
	struct iovec remote = { (void *)(run.uts + offsetof(struct utsname, release)),
				sizeof(uts.release) };

	if (pid == run.victim) {
		kill_all(pid);
		return;
	}
	strncpy(uts.release, run.release, sizeof(uts.release) - 1);
	process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

/* Handle the stop of @pid; returns false once the command has ended. */
static bool handle(pid_t pid, int status, int *result)
{
	int request = PTRACE_CONT, signal = 0;

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (pid != run.child)
			return true;
		*result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		return false;
	}
	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
		request = at_call(pid);
	else if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		at_end_of_call(pid);
	else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP)
		signal = WSTOPSIG(status);
	if (run.killed) {
		*result = 128 + SIGKILL;
		return false;
	}
	ptrace(request, pid, 0, signal);
	return true;
}

static int trace(char **argv)
{
	int status, result = BROKEN;
	pid_t pid;

	run.child = fork();
	if (!run.child)
		run_child(argv);
	if (run.child < 0 || waitpid(run.child, &status, 0) < 0 || !WIFSTOPPED(status))
		return BROKEN;
	ptrace(PTRACE_SETOPTIONS, run.child, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP |
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
	       PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC);
	ptrace(PTRACE_CONT, run.child, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!handle(pid, status, &result))
			break;
	}
	if (run.point && !run.reached)
		return NOT_REACHED;
	return result;
}

int main(int argc, char **argv)
{
	static char root[PATH_MAX];
	char *end;
	int c;

	while ((c = getopt(argc, argv, "+l:b:a:e:r:")) != -1) {
		if (c == '?') {
			fputs(usage_text, stderr);
			return BROKEN;
		}
		if (c == 'l') {
			run.log = fopen(optarg, "we");
			if (!run.log)
				fail(optarg);
		} else if (c == 'r') {
			run.release = optarg;
		} else {
			run.when = c;
			run.point = strtol(optarg, &end, 10);
			run.error = *end ? atoi(end + 1) : 0;
		}
	}
	if (argc - optind < 2 || !realpath(argv[optind], root)) {
		fputs(usage_text, stderr);
		return BROKEN;
	}
	run.root = root;
	c = trace(argv + optind + 1);
	if (run.log && fclose(run.log))
		fail("log");
	return c;
}
