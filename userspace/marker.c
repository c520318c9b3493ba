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

static const char *const origins[] = {
	[FROM_KERNEL] = "kernel",
	[FROM_FILE] = "file",
	[FROM_DEBUGINFOD] = "debuginfod",
};

const char *origin_name(enum origin origin)
{
	return origins[origin];
}

void print_hex(const unsigned char *bytes, size_t size, char *hex)
{
	size_t i;

	for (i = 0; i < size; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
}

/* Find NT_GNU_BUILD_ID in the notes in @buf, which have the format of elf(5). */
static void find_build_id(const unsigned char *buf, size_t len, char *hex)
{
	size_t at = 0, name, desc;
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
			print_hex(buf + desc, note.n_descsz, hex);
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

/* Copy the rest of the first line in @text that starts with @key. */
static void get_field(const char *text, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	const char *line = text;

	while (strncmp(line, key, len)) {
		line = strchr(line, '\n');
		if (!line)
			return;
		line++;
	}
	line += len;
	len = strcspn(line, "\n");
	if (len < size) {
		memcpy(value, line, len);
		value[len] = '\0';
	}
}

void identity_print(const struct identity *id, char text[IDENTITY_TEXT])
{
	snprintf(text, IDENTITY_TEXT, "release: %s\nbuild-id: %s\nsha256: %s\n", id->release,
		 id->build_id, id->sha256);
}

bool identity_parse(const char *text, struct identity *id)
{
	memset(id, 0, sizeof(*id));
	get_field(text, "release: ", id->release, sizeof(id->release));
	get_field(text, "build-id: ", id->build_id, sizeof(id->build_id));
	get_field(text, "sha256: ", id->sha256, sizeof(id->sha256));
	return release_is_valid(id->release) && id->sha256[0];
}

int marker_read(int tree, struct identity *id)
{
	char text[1024], source[16] = "";
	bool valid;
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
	valid = identity_parse(text, id);
	get_field(text, "source: ", source, sizeof(source));
	for (id->origin = FROM_DEBUGINFOD; id->origin > FROM_KERNEL; id->origin--) {
		if (!strcmp(source, origins[id->origin]))
			break;
	}
	return valid;
}

int marker_write(int tree, const struct identity *id)
{
	char text[IDENTITY_TEXT];
	int fd, ret = 0;

	identity_print(id, text);
	fd = openat(tree, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_errno(MARKER, NULL);
	if (dprintf(fd, "%ssource: %s\n", text, origins[id->origin]) < 0 || fsync(fd))
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
	return marker->origin == FROM_FILE ? TREE_GIVEN : TREE_UNKNOWN;
}
