// SPDX-License-Identifier: GPL-2.0
/*
 * A precompiled header for BPF programs that include kernel headers: most of the time
 * that clang takes for one goes into reading the same headers again.
 *
 * In the tree, the folder bpf holds kernel.h, which includes what such programs use
 * most, flags, a response file with the options of clang, and kernel.h.pch, which clang
 * takes in place of kernel.h:
 *
 *	clang @TREE/bpf/flags -emit-llvm -c -o - prog.c |
 *		llc -march=bpf -filetype=obj -o prog.o
 *
 * Kernel headers have inline assembly of its architecture, which clang's own bpf
 * target refuses; hence clang compiles for this machine, as samples/bpf of the kernel do.
 */
#define _GNU_SOURCE	/* asprintf() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define FOLDER PCH_FOLDER
#define HEADER FOLDER "/kernel.h"
#define FLAGS FOLDER "/flags"
#define PCH HEADER ".pch"

static const char header[] =
	"/* What BPF programs include most; made by \"kheaders extract --pch\". */\n"
	"#include <linux/kconfig.h>\n"
	"#include <linux/compiler_types.h>\n"
	"#include <linux/bpf.h>\n"
	"#include <linux/blkdev.h>\n"
	"#include <linux/fs.h>\n"
	"#include <linux/nsproxy.h>\n"
	"#include <linux/pid_namespace.h>\n"
	"#include <linux/ptrace.h>\n"
	"#include <linux/sched.h>\n"
	"#include <linux/sched/signal.h>\n"
	"#include <linux/skbuff.h>\n"
	"#include <linux/tcp.h>\n"
	"#include <net/inet_sock.h>\n"
	"#include <net/sock.h>\n";

/* %1$s: the tree; %2$s: the kernel's name of the architecture; %3$s: what is included */
static const char flags[] =
	"-nostdlibinc\n"
	"\"-I%1$s/arch/%2$s/include\"\n"
	"\"-I%1$s/arch/%2$s/include/generated\"\n"
	"\"-I%1$s/include\"\n"
	"\"-I%1$s/arch/%2$s/include/uapi\"\n"
	"\"-I%1$s/arch/%2$s/include/generated/uapi\"\n"
	"\"-I%1$s/include/uapi\"\n"
	"\"-I%1$s/include/generated/uapi\"\n"
	"-D__KERNEL__ -D__BPF_TRACING__ -D__TARGET_ARCH_%2$s -DKBUILD_MODNAME=\\\"bpf\\\"\n"
	"-O2 -g -fms-extensions -fno-stack-protector -fno-jump-tables\n"
	"-Wno-unknown-warning-option -Wno-address-of-packed-member\n"
	"-Wno-compare-distinct-pointer-types -Wno-gnu-variable-sized-type-not-at-end\n"
	"-Wno-microsoft-anon-tag -Wno-pointer-sign -Wno-tautological-compare\n"
	"-Wno-unused-value\n"
	"%3$s\n";

/* Find the architecture of the tree: the one that has generated headers. */
static int find_arch(int tree, char arch[NAME_MAX + 1])
{
	char name[NAME_MAX + 32];
	struct dirent *d;
	DIR *dir;

	*arch = '\0';
	dir = fdopendir(openat(tree, "arch", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	while (dir && (d = readdir(dir))) {
		snprintf(name, sizeof(name), "arch/%s/include/generated", d->d_name);
		if (d->d_name[0] != '.' && !faccessat(tree, name, F_OK, 0))
			strcpy(arch, d->d_name);
	}
	if (dir)
		closedir(dir);
	return *arch ? 0 : fail("arch", "no folder there with generated headers");
}

/* Write the file @name below @tree anew. */
__attribute__((format(printf, 3, 4)))
static int write_file(int tree, const char *name, const char *format, ...)
{
	int fd, ret;
	va_list args;

	unlinkat(tree, name, 0);
	fd = openat(tree, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(name, "%s", strerror(errno));
	va_start(args, format);
	ret = vdprintf(fd, format, args) < 0 ? fail(name, "%s", strerror(errno)) : 0;
	va_end(args);
	close(fd);
	return ret;
}

/* Sync what clang wrote, and give it the name that clang looks for. */
static int finish_pch(int tree)
{
	int fd = openat(tree, PCH ".new", O_RDONLY | O_NOFOLLOW | O_CLOEXEC), ret = 0;

	if (fd < 0 || fsync(fd) || renameat(tree, PCH ".new", tree, PCH))
		ret = fail(PCH, "cannot be made: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Precompile the header @name; the flags become those of programs that use it then. */
static int precompile(const struct place *p, int tree, char *name, char *include)
{
	char *const clang[] = { "clang", "@" FLAGS, "-w", "-x", "c-header", name,
				"-o", PCH ".new", NULL };
	char arch[NAME_MAX + 1];

	if (find_arch(tree, arch))
		return -1;
	if (mkdirat(tree, FOLDER, 0755) && errno != EEXIST)
		return fail(p->path, "%s", strerror(errno));
	if (write_file(tree, HEADER, "%s", header) ||
	    write_file(tree, FLAGS, flags, p->path, arch, "") ||
	    run_tool(tree, -1, clang, "clang") || finish_pch(tree))
		return -1;
	return write_file(tree, FLAGS, flags, p->path, arch, include);
}

int make_pch(struct place *p)
{
	char name[PATH_MAX], include[PATH_MAX + 16];
	int tree, ret;

	if (p->lock < 0 && place_lock(p))
		return -1;
	tree = place_tree(p);
	if (tree < 0)
		return fail(p->path, "%s", strerror(errno));
	/* one of another clang would be an error for this one */
	remove_tree(tree, FOLDER);
	snprintf(name, sizeof(name), "%s/" HEADER, p->path);
	snprintf(include, sizeof(include), "-include \"%s\"", name);
	ret = precompile(p, tree, name, include);
	if (ret)
		remove_tree(tree, FOLDER);
	else
		note(p->path, "precompiled " HEADER);
	close(tree);
	return ret;
}
