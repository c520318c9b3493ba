/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations of the kheaders program, lowest layer first: a file calls only functions that
 * are declared above its own.
 *
 * Unless documented otherwise, functions return 0, or -1 after reporting an error.
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
#define RUN_LINK "/run/kheaders/.build-%s"	/* target of an extension's link */
#define EXTENSIONS "/var/lib/extensions"
#define RUN_EXTENSIONS "/run/extensions"
#define EXTENSION "kheaders-%s"		/* in one of these directories */
#define MARKER ".kheaders"		/* in a complete tree */
#define PCH_DIRECTORY "bpf"		/* in a tree, created by extract --pch */
#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define BTF_LINK "vmlinux"		/* in a tree, to BTF_FILE: modules get BTF from it */
/* "make rust" in a tree makes them, scripts/kheaders_rust.sh */
#define RUST_DIRECTORY "rust"
#define RUST_TARGET "scripts/target.json"
#define RUSTC_CFG "include/generated/rustc_cfg"
/* in files that publish writes; a name cannot change, as servers have such files */
#define ARCHIVE_SECTION ".kheaders"
#define IDENTITY_SECTION ".kheaders.id"
#define UTSRELEASE "include/generated/utsrelease.h"

enum exit_status { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3 };

/* message.c */

extern bool quiet;				/* hides notes */
extern volatile sig_atomic_t interrupted;	/* by SIGINT, SIGTERM or SIGHUP */

/* Reports an error about @object, for example a file, on standard error.  Returns -1. */
int fail(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for errno, prefixed by @what if not NULL. */
int fail_errno(const char *object, const char *what);
/* Reports something that did not fail, but that --quiet must not hide. */
void warn(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints a note on standard output, unless --quiet is given. */
void note(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
void catch_signals(void);

/* tree.c: directories */

/* Opens the directory @name in @dir, which must not be a link; -1 with errno set. */
int open_directory(int dir, const char *name);
/* Opens @path below @dir without following links; -1 with errno set. */
int open_below(int dir, const char *path, int flags);
/* Calls @each for the names in @dir until it returns nonzero, and returns that value. */
int list_directory(int dir, int (*each)(int dir, const char *name, void *arg), void *arg);
bool directory_is_empty(int dir);
int sync_directory(int dir);
/* Creates the missing directories of @path, below @dir if it is relative; -1 with errno set. */
int make_directories(int dir, const char *path);
/* Removes @name and everything below it, except mount points and their content. */
int remove_tree(int parent, const char *name);
/* Removes the content of the directory @name in @parent, then its file @last, then @name. */
int remove_tree_last(int parent, const char *name, const char *last);

/* output.c: a file that dump or publish write */

/* Writes all @len bytes; -1 with errno set. */
int write_bytes(int fd, const unsigned char *p, size_t len);
int write_all(int fd, const char *name, const unsigned char *p, size_t len);
/* Reports an error if @path, NULL or "-" for standard output, is a terminal. */
bool output_is_terminal(const char *path);
/*
 * Writes @len bytes to @path.  A regular file appears whole, with the read permissions of
 * @mode and, unless 0, the modification time @time.
 */
int write_output(const char *path, const unsigned char *p, size_t len, mode_t mode, time_t time);

/* run.c: other programs */

/*
 * Runs @argv with a fixed environment in the open directory @dir, which may be AT_FDCWD.
 * @package: what to install if the program does not exist.
 */
int run(int dir, char *const argv[], const char *package);
/* The same, but fails if the program prints messages, too. */
int run_strictly(int dir, char *const argv[], const char *package);
/* Passes a signal on to the child.  Returns its status as waitpid() does. */
int wait_for_child(pid_t pid);

/* module_kmod.c; module_modprobe.c in a static program */

enum module_state { MODULE_NONE, MODULE_AVAILABLE, MODULE_BUILTIN, MODULE_LOADED };
enum module_load { LOAD_FAILED = -1, LOAD_NONE, LOAD_BUILTIN, LOAD_ALREADY, LOAD_BUSY, LOAD_DONE };

enum module_state module_state(void);
/* LOAD_DONE: loaded by this call.  LOAD_BUSY: an earlier instance is being unloaded. */
enum module_load module_load(void);
int module_unload(void);

/* marker.c: which kernel and archive a tree was made from */

#define SHA256_HEX 65
#define BUILD_ID_HEX 129

/* Where an archive came from: the running kernel, a file, or a debuginfod server. */
enum origin { FROM_KERNEL, FROM_FILE, FROM_DEBUGINFOD };

/*
 * @release: as uname -r prints it
 * @build_id: of the kernel, in hex; empty if unknown
 * @sha256: of the archive, in hex; empty if unknown
 */
struct identity {
	char release[128];
	char build_id[BUILD_ID_HEX];
	char sha256[SHA256_HEX];
	enum origin origin;
};

#define IDENTITY_TEXT 512

/* State of the path of a tree; see Documentation/states.md */
enum tree_state {
	TREE_ABSENT,
	TREE_EMPTY,	/* an empty directory */
	TREE_FOREIGN,	/* not made by kheaders */
	TREE_UNREADABLE,	/* cannot be determined; the error has been reported */
	TREE_RETIRED,	/* could not be renamed, and is not deleted yet */
	TREE_OTHER,	/* of another release */
	TREE_STALE,	/* of another kernel of the same release */
	TREE_UNKNOWN,	/* of the same release, without a build-id to compare */
	TREE_GIVEN,	/* of the same release, from a file */
	TREE_CURRENT,	/* of the running kernel */
};

const char *origin_name(enum origin origin);
/* Prints @size bytes as 2 * @size digits. */
void print_hex(const unsigned char *bytes, size_t size, char *hex);
/* Prints, or parses, all but the origin as lines, which a marker begins with. */
void identity_print(const struct identity *id, char text[IDENTITY_TEXT]);
bool identity_parse(const char *text, struct identity *id);
int running_kernel(struct identity *id);
bool release_is_valid(const char *release);
/* Returns 1 and fills @id if @tree is complete, 0 if it is not, -1 with errno set. */
int marker_read(int tree, struct identity *id);
int marker_write(int tree, const struct identity *id);
enum tree_state marker_compare(const struct identity *marker, const struct identity *kernel);

/* xz.c: an archive's bytes */

/* A part starts with a member of the archive, so that parts can be read in parallel. */
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
/* Progress of reading the part, from 0 to 1000. */
unsigned int stream_progress(const struct stream *s);
void stream_close(struct stream *s);

/* tar.c: an archive's members; unsafe ones are refused */

/*
 * @name: relative, without "." or ".."; "" for the root
 * @target: target of a symbolic link, relative to the root, in the form of a name; or NULL
 * @size: in bytes; 0 for a directory or a link
 * @mode: permissions, within 0777
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
/* Sets *@data to the member's next bytes; returns their number, 0 at the end, -1 on failure. */
ssize_t members_read(struct members *a, const void **data);
void members_close(struct members *a);

/* source.c: the archive that a command works with, opened once */

/*
 * @fd: a copy in memory, which others cannot change
 * @mode: of the file; for a pipe 0600
 * @loaded: opening it loaded the module
 */
struct source {
	const char *name;
	int fd;
	mode_t mode;
	char sha256[SHA256_HEX];
	enum origin origin;
	bool loaded;
	struct xz *xz;
};

/*
 * @file: a path, "-" for standard input, or NULL for the running kernel's archive, which may
 * be missing without a message if @optional
 */
enum exit_status source_open(struct source *s, const char *file, bool optional);
/* The same for the open file @from, which it closes. */
enum exit_status source_open_fd(struct source *s, const char *name, enum origin origin, int from);
int source_close(struct source *s, bool keep_module);
/* The mode of a directory or file extracted from a member with @mode. */
mode_t directory_mode(mode_t mode);
mode_t file_mode(mode_t mode);
bool source_is_public(const struct source *s);
/* Copies the release from @text, the content of UTSRELEASE. */
int parse_release(const char *text, const char *name, char *release, size_t size);
/* Reads the release of a tree from its headers. */
int tree_release(int tree, const char *name, char *release, size_t size);

/* location.c: the directory and name of a tree */

#define PRIVATE_NAME 32

/*
 * @path: resolved path of the directory; @name: of the tree in it
 * @dir: the directory; only root can write to it and to those above it
 * @lock: held while the directory is modified
 */
struct location {
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	int dir, lock;
};

/* Opens the location of the tree @path, an argument. */
int location_open(struct location *l, const char *path);
/*
 * Opens the location of the tree of @release in @path.  Returns 1 without a message if @path
 * does not exist and @create is not set.
 */
int location_open_default(struct location *l, const char *path, const char *release, bool create);
void location_close(struct location *l);
/* Waits for the lock, and removes leftovers of killed runs. */
int location_lock(struct location *l);
/* Removes leftovers of killed runs, unless another run holds the lock. */
void location_tidy(struct location *l);
/* Returns the path of the tree, in a static buffer. */
const char *location_tree(const struct location *l);
enum tree_state location_look(const struct location *l, const struct identity *kernel,
			      struct identity *marker);
/* Creates a directory that only root can enter, and opens it. */
int location_stage(struct location *l, char name[PRIVATE_NAME]);
/* Staging -> tree; replaces an existing tree of ours. */
int location_commit(struct location *l, const char *staged);
/* Tree -> retired -> deleted. */
int location_retire(struct location *l);
/*
 * The same for @name in the open directory @dir, on the same file system.  Returns 1 with errno
 * set, and without a message, if it cannot be renamed.
 */
int location_retire_from(struct location *l, int dir, const char *name);

/* debuginfod.c: archives of other servers */

/*
 * Opens the archive that the servers in DEBUGINFOD_URLS have for the running @kernel; @l is
 * locked.  Returns EXIT_NOTHING after a message if they have none.
 */
enum exit_status debuginfod_open(struct source *s, const struct identity *kernel,
				 struct location *l);

/* link.c: the build link, see Documentation/states.md */

enum link_state {
	LINK_ABSENT,
	LINK_OURS,
	LINK_BUILDS,	/* foreign, to a tree that can build modules */
	LINK_USELESS,	/* foreign, dangling or to a directory that cannot build modules */
	LINK_NONE,	/* not a link */
	LINK_UNKNOWN,	/* an error, in errno */
};

/* @path: of the link; @target: its target, empty for LINK_ABSENT and LINK_NONE */
enum link_state link_look(const char *release, char path[PATH_MAX], char target[PATH_MAX]);
/*
 * Writes to @path which tree of @release commands mean: the one in the cache or in /run that
 * exists, and if both do, the one to which the link with @target leads, or that in the cache.
 */
bool link_choose(const char *release, const char *target, char path[PATH_MAX]);
/* Creates or changes the link to @tree; if @tree is NULL, removes a link of ours.  May warn. */
void link_settle(const char *release, const char *tree);

/* sysext.c: a system extension with the build link, for a read-only /usr */

/*
 * Creates the extension for @id's release, below /run if @in_memory.  Does nothing if the
 * existing build link or directory would stay.
 */
int sysext_make(const struct identity *id, bool in_memory);
/* Removes the extensions of @wanted releases that have no tree; returns their number. */
int sysext_remove(bool (*wanted)(const char *release, void *arg), void *arg);

/* serve.c: chooses the tree that the build link leads to */

/*
 * Settles the link of @release.  With @make, the link leads to the tree at @first if that is
 * usable, else to one in the cache or in /run, else it is removed.  Without @make, a link of
 * ours is only removed if its tree is not usable.  Returns -1 if the state of a tree cannot
 * be determined, and then leaves the link alone.  Failing to create a link is not a failure.
 */
int serve(const struct identity *kernel, const char *release, const struct location *first,
	  bool make);

/* unpack.c */

int unpack(const struct source *s, int tree);

/* image.c */

/* Creates an image @name with @mode of @tree, in the open directory @dir. */
int make_image(int dir, const char *name, const char *path, int tree, mode_t mode);

/* pch.c */

/* Precompiles a header for BPF programs in the tree at @l, which must be locked. */
int make_pch(struct location *l);

/* kernel.c */

/*
 * Is @data an uncompressed kernel?  Fills the release and the build-id of @id, which is not
 * that of an ELF file inside, such as the vDSO.
 */
bool kernel_identify(const unsigned char *data, size_t size, struct identity *id);

/* lzo.c */

#define LARGEST_IMAGE (1ULL << 30)	/* larger than any kernel */

/* Decompresses lzop's output at @p, as far as possible, to a new buffer, or returns NULL. */
unsigned char *decompress_lzo(const unsigned char *p, size_t size, size_t *len);

/* search.c */

/*
 * Finds the archive in the image @data, compressed or not, if it or the compressed data
 * starts between @from and @to.  Returns the archive of *@len bytes, which is in the image
 * or in the new buffer *@buffer, or NULL.
 */
const unsigned char *search_image(const unsigned char *data, size_t size, size_t from,
				  size_t to, size_t *len, unsigned char **buffer);

/* Finds the kernel in the image @data, compressed or not. */
bool search_kernel(const unsigned char *data, size_t size, struct identity *id);

/* input.c: an image that dump or publish read */

/*
 * @mapped: @data is a mapping, not a buffer
 * @mode: its read permissions, which apply to the archive, too
 */
struct image {
	const char *name;
	int fd;
	unsigned char *data;
	size_t size;
	bool mapped;
	mode_t mode;
};

/* @path: a file, a block device, or "-" for standard input; close it after a failure, too */
int image_open(struct image *i, const char *path);
void image_close(struct image *i);
/* As search_image(), but skips holes of a sparse file. */
const unsigned char *image_archive(const struct image *i, size_t *len, unsigned char **buffer);
/* Reports that there is none, and what may help. */
enum exit_status no_archive(const struct image *i);

/* elf.c: the file that publish writes */

/* Returns a new buffer of *@size bytes, or NULL. */
unsigned char *make_elf(const struct identity *id, const unsigned char *archive, size_t len,
			size_t *size);

/* cmd_*.c: subcommands */

struct options {
	const char *archive, *dest, *image, *output, *build_id, *kernel, *operand;
	bool json, tmpfs, pch, link, no_link, keep_module, force, quiet, old, all, sysext;
	bool debuginfod;
};

enum exit_status cmd_status(const struct options *o);
enum exit_status cmd_extract(const struct options *o);
enum exit_status cmd_remove(const struct options *o);
enum exit_status cmd_verify(const struct options *o);
enum exit_status cmd_dump(const struct options *o);
enum exit_status cmd_publish(const struct options *o);

#endif
