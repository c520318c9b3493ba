// SPDX-License-Identifier: GPL-2.0
/* kheaders status: report the kernel's archive, the trees and the build link. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

/* @linked: the build link leads to it */
struct tree {
	struct tree *next;
	const char *location;
	char path[PATH_MAX];
	enum tree_state state;
	struct identity marker;
	bool linked;
};

/*
 * @size: of the archive, -1 if it is not visible
 * @trees: list of all trees, @last: its end; @own: tree of the running release, @own_path
 */
struct status {
	struct identity kernel;
	long long size;
	enum module_state module;
	enum link_state link;
	char build[PATH_MAX], target[PATH_MAX], own_path[PATH_MAX];
	struct tree *trees, **last, *own;
	const char *directory, *location;
};

static const char *state_name(enum tree_state state)
{
	static const char *const names[] = {
		[TREE_EMPTY] = "empty",
		[TREE_FOREIGN] = "foreign",
		[TREE_UNREADABLE] = "unreadable",
		[TREE_RETIRED] = "incomplete",
		[TREE_OTHER] = "other",
		[TREE_STALE] = "stale",
		[TREE_UNKNOWN] = "unknown",
		[TREE_GIVEN] = "given",
		[TREE_CURRENT] = "current",
	};

	return names[state];
}

static const char *state_text(enum tree_state state)
{
	switch (state) {
	case TREE_FOREIGN:
		return "not made by kheaders";
	case TREE_OTHER:
		return "of another release";
	case TREE_STALE:
		return "stale: another kernel of this release";
	case TREE_UNKNOWN:
		return "of this release; no build-id to compare";
	case TREE_GIVEN:
		return "of this release, from a file";
	default:
		return state_name(state);
	}
}

static const char *module_name(const struct status *s)
{
	switch (s->module) {
	case MODULE_LOADED:
		return "loaded";
	case MODULE_AVAILABLE:
		return "available";
	case MODULE_BUILTIN:
		return "built in";
	default:
		return s->size >= 0 ? "built in" : NULL;
	}
}

static const char *link_name(enum link_state state)
{
	static const char *const names[] = {
		[LINK_ABSENT] = "absent",
		[LINK_OURS] = "kheaders",
		[LINK_BUILDS] = "foreign",
		[LINK_USELESS] = "useless",
		[LINK_NONE] = "directory",
		[LINK_UNKNOWN] = "unknown",
	};

	return names[state];
}

static int add_tree(int dir, const char *name, void *arg)
{
	struct status *s = arg;
	struct location l = { .dir = dir, .lock = -1 };
	struct tree *t;

	if (name[0] == '.')
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return fail(name, "out of memory");
	snprintf(l.path, sizeof(l.path), "%s", s->directory);
	snprintf(l.name, sizeof(l.name), "%s", name);
	snprintf(t->path, sizeof(t->path), "%s/%s", s->directory, name);
	t->state = location_look(&l, &s->kernel, &t->marker);
	if (t->state == TREE_ABSENT) {
		/* removed since the directory was read */
		free(t);
		return 0;
	}
	t->location = s->location;
	t->linked = !strcmp(t->path, s->target);
	if (!strcmp(t->path, s->own_path))
		s->own = t;
	*s->last = t;
	s->last = &t->next;
	return 0;
}

static void add_trees(struct status *s, const char *directory, const char *location)
{
	int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->directory = directory;
	s->location = location;
	if (dir < 0)
		return;
	list_directory(dir, add_tree, s);
	close(dir);
}

static int gather(struct status *s)
{
	struct source source;
	struct stat st;

	memset(s, 0, sizeof(*s));
	s->last = &s->trees;
	if (running_kernel(&s->kernel))
		return -1;
	s->size = stat(SYSFS_FILE, &st) ? -1 : (long long)st.st_size;
	s->module = module_state();
	/* the checksum identifies a kernel without a build-id */
	if (!s->kernel.build_id[0] && !access(SYSFS_FILE, R_OK) &&
	    source_open(&source, NULL, false) == EXIT_GOOD) {
		strcpy(s->kernel.sha256, source.sha256);
		source_close(&source, false);
	}
	s->link = link_look(s->kernel.release, s->build, s->target);
	link_choose(s->kernel.release, s->target, s->own_path);
	add_trees(s, CACHE_DIRECTORY, "cache");
	add_trees(s, RUN_DIRECTORY, "run");
	return 0;
}

static void print_link(const struct status *s)
{
	static const char *const text[] = {
		[LINK_OURS] = "",
		[LINK_BUILDS] = ", not made by kheaders",
		[LINK_USELESS] = ", which cannot build modules",
	};

	if (s->link == LINK_ABSENT)
		printf("build:   none\n");
	else if (s->link == LINK_NONE || s->link == LINK_UNKNOWN)
		printf("build:   %s, %s\n", s->build,
		       s->link == LINK_NONE ? "not a link" : "cannot be looked at");
	else
		printf("build:   %s -> %s%s\n", s->build, s->target, text[s->link]);
}

static void print_text(const struct status *s)
{
	const char *module = module_name(s);
	const struct tree *t;

	printf("kernel:  %s, build-id %s\n", s->kernel.release,
	       s->kernel.build_id[0] ? s->kernel.build_id : "unknown");
	if (s->size >= 0)
		printf("archive: %s, %lld bytes\n", SYSFS_FILE, s->size);
	else
		printf("archive: %s\n", s->module ? "not visible now" : "none");
	printf("module:  %s\n", module ? module : "none");
	print_link(s);
	for (t = s->trees; t; t = t->next)
		printf("tree:    %s, %s%s\n", t->path, state_text(t->state),
		       t->marker.origin == FROM_DEBUGINFOD ? ", from debuginfod" : "");
	if (!s->trees)
		printf("tree:    none\n");
}

/* The bytes of the UTF-8 character at @p, 0 if there is none; see RFC 3629, section 4. */
static size_t utf8_length(const char *p)
{
	static const struct { unsigned char first, last, low, high, length; } forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *c = (const unsigned char *)p;
	size_t i, n;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (c[0] < forms[i].first || c[0] > forms[i].last)
			continue;
		if (c[1] < forms[i].low || c[1] > forms[i].high)
			return 0;
		for (n = 2; n < forms[i].length && (c[n] & 0xc0) == 0x80; n++)
			;
		return n == forms[i].length ? n : 0;
	}
	return c[0] < 0x80;
}

/* Print @key and @value as a JSON string, or null if it is empty, and then @end. */
static void print_string(const char *key, const char *value, const char *end)
{
	size_t n;

	printf("\"%s\": ", key);
	if (!value || !*value) {
		printf("null%s", end);
		return;
	}
	putchar('"');
	for (; *value; value += n ? n : 1) {
		n = utf8_length(value);
		if (!n)
			printf("\\ufffd");
		else if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if (n == 1 && *value < ' ')
			printf("\\u%04x", *value);
		else
			fwrite(value, n, 1, stdout);
	}
	printf("\"%s", end);
}

static void print_json_tree(const struct tree *t)
{
	printf("    { ");
	print_string("path", t->path, ", ");
	print_string("location", t->location, ", ");
	print_string("state", state_name(t->state), ",\n      ");
	print_string("release", t->marker.release, ", ");
	print_string("build_id", t->marker.build_id, ",\n      ");
	print_string("sha256", t->marker.sha256, ",\n      ");
	print_string("source", t->marker.sha256[0] ? origin_name(t->marker.origin) : NULL, ", ");
	printf("\"linked\": %s }%s\n", t->linked ? "true" : "false", t->next ? "," : "");
}

static void print_json(const struct status *s)
{
	const struct tree *t;

	printf("{\n  ");
	print_string("version", VERSION, ",\n  ");
	print_string("release", s->kernel.release, ",\n  ");
	print_string("build_id", s->kernel.build_id, ",\n  ");
	print_string("archive", s->size >= 0 ? SYSFS_FILE : NULL, ",\n  ");
	if (s->size >= 0)
		printf("\"archive_bytes\": %lld,\n  ", s->size);
	else
		printf("\"archive_bytes\": null,\n  ");
	print_string("module", module_name(s), ",\n  ");
	print_string("tree", s->own ? s->own->path : NULL, ",\n  ");
	print_string("tree_state", s->own ? state_name(s->own->state) : NULL, ",\n  ");
	print_string("build_link", s->target, ",\n  ");
	print_string("build_link_state", link_name(s->link), ",\n  ");
	printf("\"trees\": [%s", s->trees ? "\n" : "");
	for (t = s->trees; t; t = t->next)
		print_json_tree(t);
	printf("%s]\n}\n", s->trees ? "  " : "");
}

enum exit_status cmd_status(const struct options *o)
{
	struct status s;
	struct tree *t;
	bool good;

	if (gather(&s))
		return EXIT_FAILED;
	if (o->json)
		print_json(&s);
	else
		print_text(&s);
	good = s.size >= 0 || s.module || (s.own && s.own->state == TREE_CURRENT);
	while ((t = s.trees)) {
		s.trees = t->next;
		free(t);
	}
	return good ? EXIT_GOOD : EXIT_NOTHING;
}
