// SPDX-License-Identifier: GPL-2.0
/*
 * Identify an uncompressed kernel, an ELF file or a flat image, by its banner and the note that
 * has its build-id.  A flat image has no table that leads to its notes, so search for the note,
 * and leave out those of the ELF files inside: vDSOs, and programs of a built-in initramfs.
 */
#define _GNU_SOURCE	/* memmem() */
#include <elf.h>
#include <string.h>

#include "kheaders.h"

#define BANNER "Linux version "
#define NOTE_HEADER 12		/* name size, description size, type */
#define SHORTEST_BUILD_ID 8

static uint64_t number(const unsigned char *p, unsigned int size, bool big)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		value = value << 8 | p[big ? i : size - 1 - i];
	return value;
}

/* A field of a header or segment of 64 or 32 bits */
#define FIELD(p, type, field, wide, big) \
	((wide) ? number((p) + offsetof(Elf64_##type, field), \
			 sizeof(((Elf64_##type *)0)->field), big) : \
		  number((p) + offsetof(Elf32_##type, field), \
			 sizeof(((Elf32_##type *)0)->field), big))

/*
 * Is offset @at in a segment with notes of the ELF file at @elf, of @size bytes, at least those
 * of a header?  The kernel's own code has the magic bytes, too, so look at the sizes that each
 * such file has.
 */
static bool is_note_of(const unsigned char *elf, size_t size, size_t at)
{
	bool wide = elf[EI_CLASS] == ELFCLASS64, big = elf[EI_DATA] == ELFDATA2MSB;
	size_t header = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t entry = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint64_t from, next, count;

	if (FIELD(elf, Ehdr, e_ehsize, wide, big) != header ||
	    FIELD(elf, Ehdr, e_phentsize, wide, big) != entry)
		return false;
	next = FIELD(elf, Ehdr, e_phoff, wide, big);
	count = FIELD(elf, Ehdr, e_phnum, wide, big);
	for (; count && next <= size && size - next >= entry; count--, next += entry) {
		from = FIELD(elf + next, Phdr, p_offset, wide, big);
		if (FIELD(elf + next, Phdr, p_type, wide, big) == PT_NOTE && from <= at &&
		    at - from < FIELD(elf + next, Phdr, p_filesz, wide, big))
			return true;
	}
	return false;
}

/* Does the note at @note belong to an ELF file inside the kernel? */
static bool is_embedded(const unsigned char *data, size_t size, const unsigned char *note)
{
	const unsigned char *elf = data;
	size_t left;

	for (; (elf = memmem(elf, note - elf, ELFMAG, SELFMAG)); elf++) {
		left = size - (elf - data);
		if (elf != data && left >= sizeof(Elf64_Ehdr) && is_note_of(elf, left, note - elf))
			return true;
	}
	return false;
}

/* The size of the build-id whose note has its name at @name; 0 if it is no such note. */
static size_t build_id_size(const unsigned char *name, const unsigned char *end)
{
	const unsigned char *note = name - NOTE_HEADER;
	bool big = !note[0];
	uint64_t size = number(note + 4, 4, big);

	if (number(note, 4, big) != sizeof("GNU") || number(note + 8, 4, big) != NT_GNU_BUILD_ID ||
	    size < SHORTEST_BUILD_ID || size * 2 >= BUILD_ID_HEX ||
	    size > (size_t)(end - name) - sizeof("GNU"))
		return 0;
	return size;
}

/* Fails if there are several, as nothing tells which is the kernel's. */
static bool find_build_id(const unsigned char *data, size_t size, char *hex)
{
	const unsigned char *name = data + NOTE_HEADER, *end = data + size;
	char other[BUILD_ID_HEX];
	size_t len;

	*hex = '\0';
	if (size < NOTE_HEADER)
		return false;
	for (; (name = memmem(name, end - name, "GNU", sizeof("GNU"))); name++) {
		len = build_id_size(name, end);
		if (!len || is_embedded(data, size, name - NOTE_HEADER))
			continue;
		print_hex(name + sizeof("GNU"), len, other);
		if (*hex && strcmp(hex, other))
			return false;
		strcpy(hex, other);
	}
	return *hex;
}

static bool find_release(const unsigned char *data, size_t size, char *release, size_t room)
{
	const unsigned char *p = data, *end = data + size, *space;

	while ((p = memmem(p, end - p, BANNER, strlen(BANNER)))) {
		p += strlen(BANNER);
		space = memmem(p, (size_t)(end - p) < room ? (size_t)(end - p) : room, " (", 2);
		if (!space)
			continue;
		memcpy(release, p, space - p);
		release[space - p] = '\0';
		if (release_is_valid(release))
			return true;
	}
	return false;
}

bool kernel_identify(const unsigned char *data, size_t size, struct identity *id)
{
	memset(id, 0, sizeof(*id));
	return find_release(data, size, id->release, sizeof(id->release)) &&
	       find_build_id(data, size, id->build_id);
}
