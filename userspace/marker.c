// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel and the archive that a tree was made from.  The release does not identify a
 * kernel, as kernels are rebuilt with the same release.  The build-id does or, for a kernel
 * without one, the archive's checksum.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kheaders.h"

#define NOTES "/sys/kernel/notes"	/* exists if the kernel has a build-id */

/* Find NT_GNU_BUILD_ID in the notes in @buf, which have the format of elf(5). */
static void find_build_id(const unsigned char *buf, size_t len, char *hex)
{
	size_t at = 0, name, desc, i;
	Elf64_Nhdr note;

	while (len - at >= sizeof(note)) {
		memcpy(&note, buf + at, sizeof(note));
		name = at + sizeof(note);
		if (note.n_namesz > len || note.n_descsz > len)
			return;
		desc = name + ((note.n_namesz + 3) & ~3U);
		if (desc + note.n_descsz > len)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(buf + name, "GNU", 4) &&
		    note.n_descsz * 2 < BUILD_ID_HEX) {
			for (i = 0; i < note.n_descsz; i++)
				sprintf(hex + 2 * i, "%02x", buf[desc + i]);
			return;
		}
		at = desc + ((note.n_descsz + 3) & ~3U);
		if (at > len)
			return;
	}
}

int running_kernel(struct identity *id)
{
	unsigned char notes[4096];
	struct utsname uts;
	ssize_t n;
	int fd;

	memset(id, 0, sizeof(*id));
	if (uname(&uts))
		return fail_errno("uname", NULL);
	if (!release_is_valid(uts.release))
		return fail("uname", "\"%s\" cannot be the name of a directory", uts.release);
	snprintf(id->release, sizeof(id->release), "%s", uts.release);
	fd = open(NOTES, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(NOTES, NULL);
	n = read(fd, notes, sizeof(notes));
	if (n < 0)
		fail_errno(NOTES, NULL);
	close(fd);
	if (n > 0)
		find_build_id(notes, n, id->build_id);
	return n < 0 ? -1 : 0;
}

/* The release becomes part of paths, markers and messages. */
bool release_is_valid(const char *release)
{
	const char *p;

	for (p = release; *p; p++) {
		if (*p <= ' ' || *p > '~' || strchr("/\"'\\`$*?", *p))
			return false;
	}
	return *release && *release != '.' &&
	       strlen(release) < sizeof(((struct identity *)0)->release);
}

/* Copy the rest of the line in @text that starts with @key. */
static void get_field(const char *text, const char *key, char *value, size_t size)
{
	const char *line = strstr(text, key);
	size_t len;

	if (!line || (line != text && line[-1] != '\n'))
		return;
	line += strlen(key);
	len = strcspn(line, "\n");
	if (len < size) {
		memcpy(value, line, len);
		value[len] = '\0';
	}
}

int marker_read(int tree, struct identity *id)
{
	char text[1024], source[16] = "";
	struct stat st;
	ssize_t n = 0;
	int fd;

	memset(id, 0, sizeof(*id));
	fd = openat(tree, MARKER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0 : -1;
	n = fstat(fd, &st);
	if (!n && S_ISREG(st.st_mode))
		n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return n;
	text[n] = '\0';
	get_field(text, "release: ", id->release, sizeof(id->release));
	get_field(text, "build-id: ", id->build_id, sizeof(id->build_id));
	get_field(text, "sha256: ", id->sha256, sizeof(id->sha256));
	get_field(text, "source: ", source, sizeof(source));
	id->from_file = !strcmp(source, "file");
	return release_is_valid(id->release) && id->sha256[0];
}

int marker_write(int tree, const struct identity *id)
{
	int fd, ret = 0;

	fd = openat(tree, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(MARKER, NULL);
	if (dprintf(fd, "release: %s\nbuild-id: %s\nsha256: %s\nsource: %s\n", id->release,
		    id->build_id, id->sha256, id->from_file ? "file" : "kernel") < 0 || fsync(fd))
		ret = fail_errno(MARKER, NULL);
	close(fd);
	return ret;
}

enum tree_state marker_compare(const struct identity *marker, const struct identity *kernel)
{
	if (strcmp(marker->release, kernel->release))
		return TREE_OTHER;
	if (marker->build_id[0] && kernel->build_id[0])
		return strcmp(marker->build_id, kernel->build_id) ? TREE_STALE : TREE_CURRENT;
	if (kernel->sha256[0])
		return strcmp(marker->sha256, kernel->sha256) ? TREE_STALE : TREE_CURRENT;
	return marker->from_file ? TREE_GIVEN : TREE_UNKNOWN;
}
