// SPDX-License-Identifier: GPL-2.0
/*
 * The ELF file that publish writes, by hand: it is the same whatever the machine, and needs no
 * library.  debuginfod takes a shared object with a build-id and data to be loaded for a
 * program, and serves each of its sections by name.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "kheaders.h"

#define ALIGN 8
#define NOTE_NAME "GNU"

enum { SECTION_NULL, SECTION_NOTE, SECTION_ARCHIVE, SECTION_IDENTITY, SECTION_NAMES, SECTIONS };

static const struct section {
	const char *name;
	uint32_t type;
	uint64_t flags;
} sections[SECTIONS] = {
	[SECTION_NULL] = { "", SHT_NULL, 0 },
	[SECTION_NOTE] = { ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC },
	[SECTION_ARCHIVE] = { ARCHIVE_SECTION, SHT_PROGBITS, SHF_ALLOC },
	[SECTION_IDENTITY] = { IDENTITY_SECTION, SHT_PROGBITS, SHF_ALLOC },
	[SECTION_NAMES] = { ".shstrtab", SHT_STRTAB, 0 },
};

/* @p: the next byte; all numbers are little-endian */
struct writer {
	unsigned char *start, *p;
	size_t at[SECTIONS], size[SECTIONS];
};

static void put(struct writer *w, uint64_t value, unsigned int size)
{
	for (; size; size--, value >>= 8)
		*w->p++ = value;
}

static void put_bytes(struct writer *w, const void *data, size_t size)
{
	memcpy(w->p, data, size);
	w->p += size;
}

static void begin(struct writer *w, int section)
{
	w->p += -(w->p - w->start) & (ALIGN - 1);
	w->at[section] = w->p - w->start;
}

static void end(struct writer *w, int section)
{
	w->size[section] = w->p - w->start - w->at[section];
}

static void put_section(struct writer *w, int section, const void *data, size_t size)
{
	begin(w, section);
	put_bytes(w, data, size);
	end(w, section);
}

static void put_note(struct writer *w, const char *build_id)
{
	char byte[3] = "";

	begin(w, SECTION_NOTE);
	put(w, sizeof(NOTE_NAME), 4);
	put(w, strlen(build_id) / 2, 4);
	put(w, NT_GNU_BUILD_ID, 4);
	put_bytes(w, NOTE_NAME, sizeof(NOTE_NAME));
	for (; *build_id; build_id += 2) {
		memcpy(byte, build_id, 2);
		put(w, strtoul(byte, NULL, 16), 1);
	}
	w->p += -(w->p - w->start) & 3;
	end(w, SECTION_NOTE);
}

static void put_names(struct writer *w)
{
	int i;

	begin(w, SECTION_NAMES);
	for (i = 0; i < SECTIONS; i++)
		put_bytes(w, sections[i].name, strlen(sections[i].name) + 1);
	end(w, SECTION_NAMES);
}

static size_t put_section_headers(struct writer *w)
{
	size_t at, name = 0;
	int i;

	w->p += -(w->p - w->start) & (ALIGN - 1);
	at = w->p - w->start;
	for (i = 0; i < SECTIONS; i++) {
		put(w, name, 4);
		put(w, sections[i].type, 4);
		put(w, sections[i].flags, 8);
		put(w, sections[i].flags ? w->at[i] : 0, 8);
		put(w, w->at[i], 8);
		put(w, w->size[i], 8);
		put(w, 0, 8);
		put(w, i == SECTION_NULL ? 0 : i == SECTION_NOTE ? 4 : ALIGN, 8);
		put(w, 0, 8);
		name += strlen(sections[i].name) + 1;
	}
	return at;
}

/* The headers of the file and of its one segment, the note */
static void put_headers(struct writer *w, size_t section_headers)
{
	static const unsigned char ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
	};

	w->p = w->start;
	put_bytes(w, ident, sizeof(ident));
	put(w, ET_DYN, 2);
	put(w, EM_NONE, 2);
	put(w, EV_CURRENT, 4);
	put(w, 0, 8);
	put(w, sizeof(Elf64_Ehdr), 8);
	put(w, section_headers, 8);
	put(w, 0, 4);
	put(w, sizeof(Elf64_Ehdr), 2);
	put(w, sizeof(Elf64_Phdr), 2);
	put(w, 1, 2);
	put(w, sizeof(Elf64_Shdr), 2);
	put(w, SECTIONS, 2);
	put(w, SECTION_NAMES, 2);
	put(w, PT_NOTE, 4);
	put(w, PF_R, 4);
	put(w, w->at[SECTION_NOTE], 8);
	put(w, w->at[SECTION_NOTE], 8);
	put(w, w->at[SECTION_NOTE], 8);
	put(w, w->size[SECTION_NOTE], 8);
	put(w, w->size[SECTION_NOTE], 8);
	put(w, 4, 8);
}

unsigned char *make_elf(const struct identity *id, const unsigned char *archive, size_t len,
			size_t *size)
{
	/* more than all headers, and names */
	unsigned char *file = calloc(1, len + 2048 + IDENTITY_TEXT);
	struct writer w = { .start = file, .p = file };
	char text[IDENTITY_TEXT];
	size_t section_headers;

	if (!file) {
		fail("publish", "out of memory");
		return NULL;
	}
	identity_print(id, text);
	w.p += sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	put_note(&w, id->build_id);
	put_section(&w, SECTION_ARCHIVE, archive, len);
	put_section(&w, SECTION_IDENTITY, text, strlen(text));
	put_names(&w);
	section_headers = put_section_headers(&w);
	*size = w.p - file;
	put_headers(&w, section_headers);
	return file;
}
