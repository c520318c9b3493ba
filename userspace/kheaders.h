/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared by the parts of the kheaders program, lowest layer first: a file
 * calls only what is declared above its own part.
 *
 * Functions return 0, or -1 after they have reported what is wrong, unless their comment
 * says otherwise.
 */
#ifndef KHEADERS_H
#define KHEADERS_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef VERSION
#define VERSION "unknown"	/* built without the Makefile, which reads ../VERSION */
#endif

#define SYSFS_FILE "/sys/kernel/kheaders.tar.xz"
#define MODULE_NAME "kheaders"
#define CACHE_DIRECTORY "/var/cache/kheaders"
#define RUN_DIRECTORY "/run/kheaders"	/* extract --tmpfs */
#define MARKER ".kheaders"		/* in a tree that is complete */
#define PCH_DIRECTORY "bpf"		/* in a tree, made by extract --pch */
#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define BTF_LINK "vmlinux"		/* in a tree, to BTF_FILE: modules get BTF from it */
/* "make rust" in a tree makes them, scripts/kheaders_rust.sh */
#define RUST_DIRECTORY "rust"
#define RUST_TARGET "scripts/target.json"
#define RUSTC_CFG "include/generated/rustc_cfg"
#define UTSRELEASE "include/generated/utsrelease.h"

enum exit_status { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3 };

/* message.c */

extern bool quiet;				/* hides notes */
extern volatile sig_atomic_t interrupted;	/* by SIGINT, SIGTERM or SIGHUP */

/* Reports on standard error what is wrong with @object, a file say.  Returns -1. */
int fail(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for errno, with @what failed in front of it if not NULL. */
int fail_errno(const char *object, const char *what);
/* What an administrator must know though nothing failed; --quiet does not hide it. */
void warn(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* On standard output, unless --quiet is given. */
void note(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
void catch_signals(void);

/* run.c: other programs */

/*
 * Runs @argv with a fixed environment in the open directory @dir, or where this process
 * is if that is AT_FDCWD; @package: what to install if there is no such program.
 */
int run(int dir, char *const argv[], const char *package);

/* module_kmod.c; module_modprobe.c in a static program */

enum module_state { MODULE_NONE, MODULE_AVAILABLE, MODULE_BUILTIN, MODULE_LOADED };
enum module_load { LOAD_FAILED = -1, LOAD_NONE, LOAD_BUILTIN, LOAD_ALREADY, LOAD_BUSY, LOAD_DONE };

enum module_state module_state(void);
/* LOAD_DONE: this call loaded it.  LOAD_BUSY: an earlier instance is being unloaded. */
enum module_load module_load(void);
int module_unload(void);

/* tree.c: directories */

/* Opens the directory @name in @dir, which is not a link; -1 with errno set. */
int open_directory(int dir, const char *name);
/* Opens @path below @dir by parts, following no link; -1 with errno set. */
int open_below(int dir, const char *path, int flags);
/* Calls @each for the names in @dir until it returns other than 0, and returns that. */
int list_directory(int dir, int (*each)(int dir, const char *name, void *arg), void *arg);
bool directory_is_empty(int dir);
int sync_directory(int dir);
/* Removes @name and all below it, mounts and what is on them excepted. */
int remove_tree(int parent, const char *name);
/* Removes all in the directory @name of @parent; the file @last, then @name itself. */
int remove_tree_last(int parent, const char *name, const char *last);

/* marker.c: which kernel and archive a tree was made from */

#define SHA256_HEX 65
#define BUILD_ID_HEX 129

/*
 * @release: as uname -r prints it
 * @build_id: of the kernel, in hex; empty if unknown
 * @sha256: of the archive, in hex; empty if unknown
 * @from_file: made from a file, not from the running kernel
 */
struct identity {
	char release[128];
	char build_id[BUILD_ID_HEX];
	char sha256[SHA256_HEX];
	bool from_file;
};

/* What can be at the name of a tree; Documentation/states.md */
enum tree_state {
	TREE_ABSENT,
	TREE_EMPTY,	/* an empty directory */
	TREE_FOREIGN,	/* something that kheaders did not make */
	TREE_UNREADABLE,	/* there is no telling, which has been reported */
	TREE_RETIRED,	/* a tree that could not be renamed and was not deleted yet */
	TREE_OTHER,	/* of another release than the running kernel's */
	TREE_STALE,	/* of another kernel of the same release */
	TREE_UNKNOWN,	/* of the same release; nothing is known to compare */
	TREE_GIVEN,	/* of the same release, from a file */
	TREE_CURRENT,	/* of the running kernel */
};

int running_kernel(struct identity *id);
bool release_is_valid(const char *release);
/* Returns 1 and fills @id if @tree is complete, 0 if it is not, -1 with errno set. */
int marker_read(int tree, struct identity *id);
int marker_write(int tree, const struct identity *id);
enum tree_state marker_compare(const struct identity *marker, const struct identity *kernel);

/* xz.c: an archive's bytes */

/* A part starts with a member of the archive, so that parts can be read side by side. */
#define PARTS_MAX 2

struct xz;
struct stream;

/* Reads the index of the file @fd, which must stay open. */
struct xz *xz_open(int fd, const char *name);
unsigned int xz_parts(const struct xz *x);
void xz_close(struct xz *x);
struct stream *stream_open(const struct xz *x, unsigned int part);
/* Returns the bytes at *@data, 0 at the end, -1 on failure. */
ssize_t stream_read(struct stream *s, const void **data);
/* How much of the part has been read, of 1000. */
unsigned int stream_progress(const struct stream *s);
void stream_close(struct stream *s);

/* tar.c: an archive's members, none of which can do harm */

/*
 * @name: relative, without "./", "." or ".." in it; "" for the root
 * @target: of a symbolic link, relative to the root, plain as a name; else NULL
 * @size: bytes; 0 for a directory and a link
 * @mode: permissions, no other bits than 0777
 */
struct member {
	const char *name, *target;
	bool directory;
	uint64_t size;
	mode_t mode;
	time_t time;
};

struct members;

struct members *members_open(struct stream *s, const char *name);
/* Returns 1 and fills *@m, 0 at the end, -1 on failure. */
int members_next(struct members *a, struct member *m);
/* The next bytes of the member's data at *@data: how many, 0 at the end, -1 on failure. */
ssize_t members_read(struct members *a, const void **data);
void members_close(struct members *a);

/* source.c: the archive that a command works with, opened once */

/*
 * @fd: a copy in memory, which nobody can change
 * @mode: of the file itself; of a pipe, that of a file that only its owner can read
 * @loaded: opening it loaded the module
 */
struct source {
	const char *name;
	int fd;
	mode_t mode;
	char sha256[SHA256_HEX];
	bool from_file, loaded;
	struct xz *xz;
};

/* @file: a path, "-" for standard input, or NULL for the running kernel's archive */
enum exit_status source_open(struct source *s, const char *file);
int source_close(struct source *s, bool keep_module);
/* The modes that what is made of a member with @mode has. */
mode_t directory_mode(mode_t mode);
mode_t file_mode(mode_t mode);
bool source_is_public(const struct source *s);
/* Which release a tree is for. */
int tree_release(int tree, const char *name, char *release, size_t size);

/* location.c: where a tree is */

#define PRIVATE_NAME 32

/*
 * @path: of the directory, resolved; @name: of the tree in it
 * @dir: the directory, in which nobody but root can write, nor in those above it
 * @lock: held while something is changed
 */
struct location {
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	int dir, lock;
};

/* The tree @path, an argument. */
int location_open(struct location *l, const char *path);
/*
 * The directory @path, which trees are in by release.  Returns 1 without a word if it
 * does not exist and @create is not set.
 */
int location_open_default(struct location *l, const char *path, const char *release, bool create);
void location_close(struct location *l);
/* Waits for the lock, and removes what killed runs left. */
int location_lock(struct location *l);
/* Removes what killed runs left, if anything, and no other run holds the lock. */
void location_tidy(struct location *l);
/* The path of the tree in a buffer of its own for each of @l. */
const char *location_tree(const struct location *l);
enum tree_state location_look(const struct location *l, const struct identity *kernel,
			      struct identity *marker);
/* A new directory that nobody else can enter. */
int location_stage(struct location *l, char name[PRIVATE_NAME]);
/* Staging -> tree; a tree of ours that is there is retired. */
int location_commit(struct location *l, const char *staged);
/* Tree -> retired -> nothing. */
int location_retire(struct location *l);
/* The same for @name in the open directory @dir, on the same file system. */
int location_retire_from(struct location *l, int dir, const char *name);

/* link.c: the build link, see Documentation/states.md */

enum link_state {
	LINK_ABSENT,
	LINK_OURS,
	LINK_BUILDS,	/* somebody else's, to a tree that modules can be built in */
	LINK_USELESS,	/* somebody else's, to nothing or to what builds nothing */
	LINK_NONE,	/* not a link */
};

/* @path: of the link; @target: where it leads, empty for LINK_ABSENT and LINK_NONE */
enum link_state link_look(const char *release, char path[PATH_MAX], char target[PATH_MAX]);
/* Makes the link lead to @tree, or one of ours to nothing if that is NULL. */
int link_settle(const char *release, const char *tree);

/* serve.c: which tree the build link leads to */

/*
 * Settles the link of @release.  @make: to the tree at @first if it may serve, else to one
 * in the cache or in /run, else to none.  Without @make only one of ours is removed, if
 * it leads to a tree that must not serve.  Returns -1 if the state of a tree cannot be
 * told; the link stays as it is then.  That a link cannot be made is no failure.
 */
int serve(const struct identity *kernel, const char *release, const struct location *first,
	  bool make);

/* unpack.c */

int unpack(const struct source *s, int tree);

/* image.c */

/* Makes an image of @tree, in the open directory @dir, and @mode the image's. */
int make_image(int dir, const char *name, const char *path, int tree, mode_t mode);

/* pch.c */

/* Precompiles a header for BPF programs in the tree at @l, which is locked. */
int make_pch(struct location *l);

/* lzo.c */

#define LARGEST_IMAGE (1ULL << 30)	/* more than any kernel takes */

/* What lzop compressed at @p, as far as it goes: a new buffer of *@len bytes, or NULL. */
unsigned char *decompress_lzo(const unsigned char *p, size_t size, size_t *len);

/* search.c */

/*
 * Finds the archive in the image @data, compressed or not, where it or the compressed
 * data starts at @from or behind it, and before @to.  Returns it, *@len bytes, in the
 * image or in the new buffer *@buffer; NULL if there is none.
 */
const unsigned char *search_image(const unsigned char *data, size_t size, size_t from,
				  size_t to, size_t *len, unsigned char **buffer);

/* cmd_*.c: subcommands */

struct options {
	const char *archive, *dest, *image, *output, *operand;
	bool json, tmpfs, pch, link, no_link, keep_module, force, quiet, old, all, sysext;
};

enum exit_status cmd_status(const struct options *o);
enum exit_status cmd_extract(const struct options *o);
enum exit_status cmd_remove(const struct options *o);
enum exit_status cmd_verify(const struct options *o);
enum exit_status cmd_dump(const struct options *o);

#endif
