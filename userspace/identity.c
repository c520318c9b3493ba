// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel a tree belongs to.  The release alone does not tell: kernels are built
 * anew under the same name.  Their build-id does; where a kernel has none, the
 * archive's checksum.
 */
#define _GNU_SOURCE	/* O_NOFOLLOW and others */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kheaders.h"

/* Find NT_GNU_BUILD_ID among the notes in @buf: Documentation/ABI, /sys/kernel/notes */
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
	ssize_t n = 0;
	int fd;

	memset(id, 0, sizeof(*id));
	if (uname(&uts))
		return fail("uname", "%s", strerror(errno));
	snprintf(id->release, sizeof(id->release), "%s", uts.release);
	fd = open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, notes, sizeof(notes));
		close(fd);
	}
	if (n > 0)
		find_build_id(notes, n, id->build_id);
	return 0;
}

/* Copy what follows "@key: " on its line in @text. */
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

int read_marker(int tree, struct identity *id)
{
	char text[1024];
	ssize_t n;
	int fd;

	memset(id, 0, sizeof(*id));
	fd = openat(tree, MARKER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	get_field(text, "release: ", id->release, sizeof(id->release));
	get_field(text, "build-id: ", id->build_id, sizeof(id->build_id));
	get_field(text, "sha256: ", id->sha256, sizeof(id->sha256));
	return id->release[0] && id->sha256[0];
}

int write_marker(int tree, const struct identity *id)
{
	int fd, ret = 0;

	fd = openat(tree, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(MARKER, "%s", strerror(errno));
	if (dprintf(fd, "release: %s\nbuild-id: %s\nsha256: %s\n", id->release,
		    id->build_id, id->sha256) < 0 || fsync(fd))
		ret = fail(MARKER, "%s", strerror(errno));
	close(fd);
	return ret;
}

bool same_kernel(const struct identity *a, const struct identity *b)
{
	if (strcmp(a->release, b->release))
		return false;
	if (a->build_id[0] || b->build_id[0])
		return !strcmp(a->build_id, b->build_id);
	return a->sha256[0] && !strcmp(a->sha256, b->sha256);
}
