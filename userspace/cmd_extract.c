// SPDX-License-Identifier: GPL-2.0
/* kheaders extract: make a tree of the archive. */
#define _GNU_SOURCE	/* syncfs(), asprintf() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

#define UTSRELEASE "include/generated/utsrelease.h"

/*
 * @archive: a file that takes the place of the kernel's
 * @dest: the tree; the default place if NULL
 * @image: what to make in place of a tree
 * @id: of the running kernel
 */
struct request {
	const char *archive, *dest, *image;
	bool link, no_link, keep_module, force, tmpfs, pch;
	struct identity id;
};

static const char help_extract[] =
	"Usage: kheaders extract [OPTION]...\n"
	"\n"
	"Extract the running kernel's headers and build files, once, and link them to\n"
	"where tools look: /lib/modules/RELEASE/build, /usr/src/linux-headers-RELEASE.\n"
	"\n"
	"  --archive FILE  extract FILE, not /sys/kernel/kheaders.tar.xz; no links are made\n"
	"                  then without --link\n"
	"  --dest DIR      make the tree DIR, not " DEFAULT_PLACE "/RELEASE\n"
	"  --tmpfs         make the tree in memory, and mount it there\n"
	"  --image FILE    make no tree but an image to be mounted: a squashfs if FILE ends in\n"
	"                  .squashfs, else an erofs; no links are made\n"
	"  --pch           precompile a header for BPF programs in the tree, by clang\n"
	"  --link          make the links (default for the running kernel)\n"
	"  --no-link       make no links\n"
	"  --keep-module   leave the module loaded that this had to load\n"
	"  --force         extract even if the tree is there already\n"
	"  --quiet         say nothing but errors\n"
	"  --help          print this text\n"
	"\n"
	"Exit status: 0 the tree is there, 1 failed, 2 misuse, 3 this kernel has no\n"
	"archive and no module that brings one.\n";

/* Which kernel headers are for, by the @text of include/generated/utsrelease.h. */
static int get_release(const char *text, char *release, size_t size)
{
	static const char before[] = "#define UTS_RELEASE \"";
	const char *start = strstr(text, before);
	size_t len = start ? strcspn(start + strlen(before), "\"") : 0;

	if (!len)
		return fail("archive", "no kernel headers: " UTSRELEASE " is missing or odd");
	start += strlen(before);
	if (start[0] == '.' || memchr(start, '/', len) || len >= size)
		return fail("archive", "\"%.*s\" is no release of a kernel", (int)len, start);
	memcpy(release, start, len);
	release[len] = '\0';
	return 0;
}

static int tree_release(int tree, char *release, size_t size)
{
	int fd = openat(tree, UTSRELEASE, O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return get_release(text, release, size);
}

/* Unpack the archive @fd into the empty folder @tree, and complete it. */
static int fill_tree(const struct request *r, int fd, int tree)
{
	const char *name = r->archive ? r->archive : SYSFS_FILE;
	struct stream *s = stream_open(fd, name);
	struct members *a = s ? members_open(s, name) : NULL;
	struct identity id = r->id;
	char release[sizeof(id.release)];
	struct stat st;
	int ret = -1;

	if (a)
		ret = unpack(a, tree, s);
	members_close(a);
	if (stream_close(s, ret ? NULL : id.sha256) || ret ||
	    tree_release(tree, release, sizeof(release)))
		return -1;
	if (r->archive) {
		strcpy(id.release, release);
		id.build_id[0] = '\0';
	} else if (strcmp(release, id.release)) {
		return fail(name, "made for Linux %s, and %s is running", release, id.release);
	}
	if (write_marker(tree, &id) || fstat(fd, &st))
		return -1;
	/* who may not read the archive may not read the tree */
	if (fchmod(tree, st.st_mode & 0004 ? 0755 : 0700) || syncfs(tree))
		return fail("tree", "%s", strerror(errno));
	return 0;
}

/* What is not ours and is no empty folder is not replaced. */
static int check_foreign(const struct place *p, int tree)
{
	DIR *dir = fdopendir(openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int entries = 0;

	while (dir && entries < 3 && readdir(dir))
		entries++;
	if (dir)
		closedir(dir);
	return dir && entries == 2 ? 0 :
	       fail(p->path, "refused: there already, and not made by kheaders");
}

/* Is @id that of the tree that the archive @r->archive makes? */
static int same_archive(const struct identity *id, const struct request *r)
{
	int fd = open_file(r->archive), ret = -1;
	char sha256[SHA256_HEX];

	if (fd < 0)
		return -1;
	if (!stream_sha256(fd, r->archive, sha256))
		ret = !strcmp(id->sha256, sha256);
	close(fd);
	return ret;
}

/* Is the tree that is there the one that is wanted?  Else, may it be replaced? */
static int look_at_tree(const struct request *r, struct place *p)
{
	struct identity id;
	int tree = place_tree(p), ret = 0;

	if (tree < 0)
		return errno == ENOENT ? 0 : fail(p->path, "%s", strerror(errno));
	if (read_marker(tree, &id)) {
		ret = r->archive ? same_archive(&id, r) : same_kernel(&id, &r->id);
	} else if (r->dest) {
		ret = check_foreign(p, tree);
	}
	close(tree);
	return ret == 1 && r->force ? 0 : ret;
}

/* A tree in memory, and it put in its place or an image made of it. */
static int make_in_memory(struct request *r, struct place *p, int fd)
{
	int mount, tree = tmpfs_stage(&mount), ret;

	ret = tree < 0 ? -1 : fill_tree(r, fd, tree);
	if (!ret)
		ret = r->image ? write_image(p, tree, mount) : tmpfs_commit(p, mount);
	if (tree >= 0)
		close(tree);
	if (mount >= 0)
		close(mount);
	return ret;
}

static int make_tree(struct request *r, struct place *p, int fd)
{
	char staged[32];
	int tree, ret;

	if (r->tmpfs || r->image)
		return make_in_memory(r, p, fd);
	tree = place_stage(p, staged);
	if (tree < 0)
		return -1;
	ret = fill_tree(r, fd, tree);
	close(tree);
	if (!ret)
		ret = place_commit(p, staged);
	if (ret)
		remove_tree(p->parent, staged);
	return ret;
}

static int extract_now(struct request *r, struct place *p)
{
	bool loaded;
	int fd, ret;

	fd = open_archive(r->archive, &loaded);
	if (fd < 0)
		return fd == -2 ? NOTHING : FAILED;
	ret = make_tree(r, p, fd);
	close(fd);
	if (loaded && !r->keep_module)
		ret |= unload_module();
	if (!ret)
		note(p->path, "extracted");
	return ret ? FAILED : GOOD;
}

/* Under the lock: another run may have done the work while this one waited. */
static int extract_locked(struct request *r, struct place *p)
{
	int ret = place_lock(p) ? -1 : look_at_tree(r, p);

	return ret == 1 ? GOOD : ret < 0 ? FAILED : extract_now(r, p);
}

static int extract_image(struct request *r)
{
	struct place p;
	int ret = place_open(&p, r->image, false) ? FAILED : extract_now(r, &p);

	place_close(&p);
	return ret;
}

static int extract(struct request *r, const char *path)
{
	struct place p;
	int ret = FAILED;

	if (!place_open(&p, path, !r->dest)) {
		ret = look_at_tree(r, &p);
		ret = ret == 1 ? GOOD : ret < 0 ? FAILED : extract_locked(r, &p);
		if (ret == GOOD && r->pch && make_pch(&p))
			ret = FAILED;
		if (ret == GOOD && !r->no_link && (r->link || !r->archive))
			make_links(r->id.release, p.path);
	}
	place_close(&p);
	return ret;
}

/* Find the release in the archive @fd, reading no further than needed. */
static int archive_release(int fd, const char *name, char *release, size_t size)
{
	struct stream *s = stream_open(fd, name);
	struct members *a = s ? members_open(s, name) : NULL;
	char text[512] = "";
	struct member m;
	int ret = -1;

	while (a && (ret = members_next(a, &m)) > 0) {
		if (strcmp(m.name, UTSRELEASE))
			continue;
		ret = members_read(a, text, sizeof(text) - 1) < 0 ? -1 : 0;
		break;
	}
	members_close(a);
	stream_close(s, NULL);
	return ret ? -1 : get_release(text, release, size);
}

/* What has to be known of the archive @r->archive before it is extracted. */
static int identify_archive(struct request *r)
{
	int ret = 0, fd = open_file(r->archive);

	if (fd < 0)
		return -1;
	if (!r->dest || r->link)
		ret = archive_release(fd, r->archive, r->id.release, sizeof(r->id.release));
	close(fd);
	return ret;
}

static const struct option options_extract[] = {
	{ "archive", required_argument, NULL, 'a' },
	{ "dest", required_argument, NULL, 'd' },
	{ "tmpfs", no_argument, NULL, 't' },
	{ "image", required_argument, NULL, 'i' },
	{ "pch", no_argument, NULL, 'p' },
	{ "link", no_argument, NULL, 'l' },
	{ "no-link", no_argument, NULL, 'n' },
	{ "keep-module", no_argument, NULL, 'k' },
	{ "force", no_argument, NULL, 'f' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static int take_options(struct request *r, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options_extract, NULL)) != -1) {
		switch (c) {
		case 'a': r->archive = optarg; break;
		case 'd': r->dest = optarg; break;
		case 't': r->tmpfs = true; break;
		case 'i': r->image = optarg; break;
		case 'p': r->pch = true; break;
		case 'l': r->link = true; break;
		case 'n': r->no_link = true; break;
		case 'k': r->keep_module = true; break;
		case 'f': r->force = true; break;
		case 'q': quiet = true; break;
		case 'h':
			fputs(help_extract, stdout);
			exit(GOOD);
		default:
			return -1;
		}
	}
	if (r->image && (r->dest || r->tmpfs || r->pch || r->link || r->force))
		return -1;
	return optind < argc || (r->link && r->no_link) ? -1 : 0;
}

int cmd_extract(int argc, char **argv)
{
	struct request r = { };
	char *path = NULL;
	int ret;

	if (take_options(&r, argc, argv)) {
		fputs(help_extract, stderr);
		return MISUSE;
	}
	if (running_kernel(&r.id) || (r.archive && identify_archive(&r)))
		return FAILED;
	if (r.image)
		return extract_image(&r);
	if (r.dest)
		return extract(&r, r.dest);
	if (asprintf(&path, DEFAULT_PLACE "/%s", r.id.release) < 0)
		return fail("extract", "no memory left") ? FAILED : GOOD;
	ret = extract(&r, path);
	/* of another kernel that had this release, say */
	if (ret == NOTHING && access(path, F_OK))
		remove_links(r.id.release, path);
	free(path);
	return ret;
}
