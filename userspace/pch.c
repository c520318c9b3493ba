// SPDX-License-Identifier: GPL-2.0
/*
 * A precompiled header for BPF programs that include kernel headers: clang spends most of
 * its time on reading the same headers again.
 *
 * The tree's directory bpf contains kernel.h, which includes the most common headers,
 * kernel.h.pch, which clang uses instead of kernel.h, and flags, a response file with
 * options for clang, which is created last:
 *
 *	clang @TREE/bpf/flags -emit-llvm -c -o - prog.c |
 *		llc -march=bpf -filetype=obj -o prog.o
 *
 * Kernel headers contain inline assembly, which clang's bpf target refuses.  Therefore clang
 * compiles for this machine, and llc for bpf, as in the kernel's samples/bpf.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define HEADER PCH_DIRECTORY "/kernel.h"
#define FLAGS PCH_DIRECTORY "/flags"
#define NEW_FLAGS FLAGS ".new"
#define PCH HEADER ".pch"

static const char header[] =
	"/* The headers that BPF programs include most; by \"kheaders extract --pch\". */\n"
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

/* Include directories in the order of the kernel's LINUXINCLUDE; % is the architecture. */
static const char *const directories[] = {
	"arch/%/include", "arch/%/include/generated", "include", "arch/%/include/uapi",
	"arch/%/include/generated/uapi", "include/uapi", "include/generated/uapi",
};

static const char options[] =
	"-O2 -g -fms-extensions -fno-stack-protector -fno-jump-tables\n"
	"-Wno-unknown-warning-option -Wno-address-of-packed-member\n"
	"-Wno-compare-distinct-pointer-types -Wno-gnu-variable-sized-type-not-at-end\n"
	"-Wno-microsoft-anon-tag -Wno-pointer-sign -Wno-tautological-compare\n"
	"-Wno-unused-value\n";

struct arch {
	int tree;
	char name[NAME_MAX + 1];
};

/* A tree's architecture is the one with generated headers. */
static int find_arch(int dir, const char *name, void *arg)
{
	struct arch *arch = arg;
	char path[NAME_MAX + 32];
	int fd;

	(void)dir;
	snprintf(path, sizeof(path), "arch/%s/include/generated", name);
	fd = open_below(arch->tree, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return 0;
	close(fd);
	strcpy(arch->name, name);
	return 1;
}

static FILE *create(int tree, const char *name)
{
	int fd = openat(tree, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		fail_errno(name, NULL);
		if (fd >= 0)
			close(fd);
	}
	return f;
}

static int finish(FILE *f, const char *name)
{
	int ret = fflush(f) || fsync(fileno(f)) ? fail_errno(name, NULL) : 0;

	fclose(f);
	return ret;
}

static int write_header(int tree)
{
	FILE *f = create(tree, HEADER);

	if (!f)
		return -1;
	fputs(header, f);
	return finish(f, HEADER);
}

/* Write the options for the tree at @path; with @include, include the precompiled header. */
static int write_flags(int tree, const char *path, const char *arch, bool include)
{
	FILE *f = create(tree, NEW_FLAGS);
	const char *p;
	size_t i;

	if (!f)
		return -1;
	fputs("-nostdlibinc\n", f);
	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		fprintf(f, "\"-I%s/", path);
		for (p = directories[i]; *p; p++) {
			if (*p == '%')
				fputs(arch, f);
			else
				putc(*p, f);
		}
		fputs("\"\n", f);
	}
	fprintf(f, "-D__KERNEL__ -D__BPF_TRACING__ -D__TARGET_ARCH_%s "
		"-DKBUILD_MODNAME=\\\"bpf\\\"\n", arch);
	fputs(options, f);
	if (include)
		fprintf(f, "-include \"%s/" HEADER "\"\n", path);
	return finish(f, FLAGS);
}

static int sync_pch(int tree)
{
	int fd = open_below(tree, PCH, O_RDONLY | O_NONBLOCK), ret = 0;

	if (fd < 0 || fsync(fd))
		ret = fail_errno(PCH, NULL);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Precompile the header.  Use its final path, which clang records. */
static int precompile(const char *path, int tree, const char *arch)
{
	char name[PATH_MAX + NAME_MAX + 32];
	char *const clang[] = { "clang", "@" NEW_FLAGS, "-w", "-x", "c-header", name,
				"-o", PCH, NULL };

	snprintf(name, sizeof(name), "%s/" HEADER, path);
	if (mkdirat(tree, PCH_DIRECTORY, 0755))
		return fail_errno(PCH_DIRECTORY, NULL);
	if (write_header(tree) || write_flags(tree, path, arch, false) ||
	    run(tree, clang, "clang") || sync_pch(tree))
		return -1;
	if (unlinkat(tree, NEW_FLAGS, 0))
		return fail_errno(NEW_FLAGS, NULL);
	if (write_flags(tree, path, arch, true))
		return -1;
	if (renameat(tree, NEW_FLAGS, tree, FLAGS))
		return fail_errno(FLAGS, NULL);
	return 0;
}

int make_pch(struct location *l)
{
	const char *path = location_tree(l);
	int tree = open_directory(l->dir, l->name), dir, ret;
	struct arch arch = { .tree = tree };

	if (tree < 0)
		return fail_errno(path, NULL);
	/* clang refuses the precompiled header of another version */
	ret = location_retire_from(l, tree, PCH_DIRECTORY);
	if (ret > 0 && errno != ENOENT)
		ret = fail_errno(path, "cannot remove the old precompiled header");
	if (ret < 0) {
		close(tree);
		return -1;
	}
	ret = -1;
	dir = open_directory(tree, "arch");
	if (dir < 0 || list_directory(dir, find_arch, &arch) != 1)
		fail(path, "no directory below arch has generated headers");
	else
		ret = precompile(path, tree, arch.name);
	if (dir >= 0)
		close(dir);
	if (ret)
		remove_tree(tree, PCH_DIRECTORY);
	else
		note(path, "precompiled " HEADER);
	close(tree);
	return ret;
}
