/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the kheaders program share.
 *
 * Functions return 0, or -1 after they have said what is wrong, unless they say
 * something else.
 */
#ifndef KHEADERS_H
#define KHEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SYSFS_FILE "/sys/kernel/kheaders.tar.xz"
#define MODULE_NAME "kheaders"
#define DEFAULT_PLACE "/var/cache/kheaders"
#define MARKER ".kheaders"		/* in a tree that is complete */
#define STAGING ".kheaders-staging-"	/* beside it, while it is not */
#define PCH_FOLDER "bpf"		/* in a tree, made by extract --pch */

enum exit_status { GOOD = 0, FAILED = 1, MISUSE = 2, NOTHING = 3 };

/*
 * fail - say what is wrong with what, on standard error
 * @object: a file, say
 * @format: as printf(); without a line end
 *
 * Returns -1.
 */
int fail(const char *object, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for what is worth saying and no failure; not said if quiet is set. */
void note(const char *object, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

extern bool quiet;

/* identity.c: which kernel a tree belongs to */

#define SHA256_HEX 65
#define BUILD_ID_HEX 129

/*
 * @release: as "uname -r" says it
 * @build_id: of the kernel, in hex; empty if not known
 * @sha256: of the archive, in hex; empty if not known
 */
struct identity {
	char release[128];
	char build_id[BUILD_ID_HEX];
	char sha256[SHA256_HEX];
};

int running_kernel(struct identity *id);
/* Returns 1 if @tree (a folder) is complete and *@id is filled, 0 if it is not. */
int read_marker(int tree, struct identity *id);
int write_marker(int tree, const struct identity *id);
bool same_kernel(const struct identity *a, const struct identity *b);

/* module.c; modprobe.c in a static program */

/*
 * Returns 1 if the module was loaded, 2 if another is just unloading it, 0 if there is
 * none, -1 on failure.
 */
int load_module(void);
int unload_module(void);
/* "loaded", "available", "built in" or NULL for none */
const char *module_state(void);

/* open.c */

/* Like open(), with a message; and only what is a regular file. */
int open_file(const char *path);
/*
 * Opens the archive @file, or the kernel's if NULL: *@loaded says whether that took
 * the module.  Returns a descriptor, -1, or -2 if the kernel has none.
 */
int open_archive(const char *file, bool *loaded);

/* stream.c: the uncompressed archive, decoded by a thread of its own */

struct stream;

struct stream *stream_open(int fd, const char *name);
/* Returns the bytes at *@data, 0 at the end, -1 on failure. */
ssize_t stream_read(struct stream *s, const void **data);
/* How much of the archive has been read, in percent. */
int stream_percent(struct stream *s);
/* The checksum of the file @fd from its start on; it is at its start again then. */
int stream_sha256(int fd, const char *name, char *sha256);
/* Reads to the end, and says the checksum of the archive if @sha256 is not NULL. */
int stream_close(struct stream *s, char *sha256);

/* archive.c: its members, none of which can do harm */

/*
 * @name: relative, without "./", "." or ".." in it; "" for the root
 * @size: bytes; 0 for a folder
 * @mode: permissions, with no other bits than 0777
 */
struct member {
	const char *name;
	bool folder;
	uint64_t size;
	mode_t mode;
	time_t time;
};

struct members;

struct members *members_open(struct stream *s, const char *name);
/* Returns 1 and fills *@m, 0 at the end, -1 for what is no kheaders archive. */
int members_next(struct members *a, struct member *m);
/* The next bytes of the member's data: how many, 0 at the end, -1 on failure. */
ssize_t members_read(struct members *a, void *buf, size_t size);
void members_close(struct members *a);

/* unpack.c */

int unpack(struct members *a, int tree, struct stream *s);

/* place.c: where trees are */

/*
 * @path: of the tree; @name: its last part
 * @parent: the folder that it is in, which is ours alone
 * @lock: held while it is worked on
 */
struct place {
	char *path;
	const char *name;
	int parent;
	int lock;
};

/* @create: make the parent if it is not there, when it is the default one */
int place_open(struct place *p, const char *path, bool create);
void place_close(struct place *p);
int place_lock(struct place *p);
/* Opens the tree; -1 without a word if there is none. */
int place_tree(const struct place *p);
/* A new folder that nobody else can enter; its name goes to @name. */
int place_stage(struct place *p, char name[32]);
/* Puts the folder @staged in the place of the tree. */
int place_commit(struct place *p, const char *staged);
/* Removes the tree called @name beside that of @p, unmounts it if it is a mount. */
int place_remove(const struct place *p, const char *name);
int remove_tree(int parent, const char *name);

/* tmpfs.c */

/* A new tmpfs that is mounted nowhere, *@mount; returns its root, opened. */
int tmpfs_stage(int *mount);
/* Puts @mount in the place of the tree. */
int tmpfs_commit(struct place *p, int mount);
/* Goes to the mount @fd, where nobody else does; for a process that does nothing else. */
int tmpfs_enter(int fd);
/* Returns 1 if something was mounted at @path and is not any more, 0 if nothing was. */
int tmpfs_unmount(const char *path);

/* image.c */

/*
 * Runs a program, found in root's own PATH, in the open folder @tree, where we are if
 * that is AT_FDCWD, or if @mount is not -1 in that mount; @package: what brings the
 * program.
 */
int run_tool(int tree, int mount, char *const argv[], const char *package);
/* Makes an image of @tree, the root of @mount, under the name that @p is for. */
int write_image(const struct place *p, int tree, int mount);

/* pch.c */

/* Precompiles a header for BPF programs in the tree. */
int make_pch(struct place *p);

/* link.c */

/* Links @release's build folders to @tree, where nothing real stands. */
void make_links(const char *release, const char *tree);
void remove_links(const char *release, const char *tree);

/* lzo.c */

#define LARGEST_IMAGE (1ULL << 30)	/* more than any kernel takes */

/* What lzop compressed at @p, as far as it goes: a new buffer of *@len bytes, or NULL. */
unsigned char *decompress_lzo(const unsigned char *p, size_t size, size_t *len);

/* Subcommands: they take their own arguments, and return an exit status. */
int cmd_status(int argc, char **argv);
int cmd_extract(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_dump(int argc, char **argv);

#endif
