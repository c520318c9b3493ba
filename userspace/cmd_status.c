// SPDX-License-Identifier: GPL-2.0
/* kheaders status: what the kernel offers, and what has been made of it. */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

static const char help_status[] =
	"Usage: kheaders status [--json]\n"
	"\n"
	"Say what headers the running kernel offers, what has been extracted, and where\n"
	"its build link leads.\n"
	"\n"
	"  --json  for programs: one object, null for what there is not\n"
	"  --help  print this text\n"
	"\n"
	"Exit status: 0 the kernel's tree or its archive is there, 1 failed, 2 misuse,\n"
	"3 neither.\n";

/*
 * @size: of the archive, -1 if the kernel shows none
 * @module: see module_state()
 * @tree: "current", "stale" (of another kernel of this release), "incomplete" or NULL
 * @link: where the build link leads; empty if there is none
 * @serves: it leads to kernel headers
 */
struct status {
	struct identity kernel;
	long long size;
	const char *module, *tree;
	char path[256], build[256], link[PATH_MAX];
	bool serves;
};

static const char *tree_state(const struct status *s)
{
	int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *state = "incomplete";
	struct identity id;

	if (fd < 0)
		return NULL;
	if (read_marker(fd, &id))
		state = same_kernel(&id, &s->kernel) || !s->kernel.build_id[0] ?
			"current" : "stale";
	close(fd);
	return state;
}

static int gather(struct status *s)
{
	char header[PATH_MAX];
	struct stat st;
	ssize_t n;

	memset(s, 0, sizeof(*s));
	if (running_kernel(&s->kernel))
		return -1;
	s->size = stat(SYSFS_FILE, &st) ? -1 : st.st_size;
	s->module = module_state();
	snprintf(s->path, sizeof(s->path), DEFAULT_PLACE "/%s", s->kernel.release);
	s->tree = tree_state(s);
	snprintf(s->build, sizeof(s->build), "/lib/modules/%s/build", s->kernel.release);
	n = readlink(s->build, s->link, sizeof(s->link) - 1);
	if (n < 0 && !stat(s->build, &st))
		strcpy(s->link, s->build);
	snprintf(header, sizeof(header), "%s/include/linux/kconfig.h", s->build);
	s->serves = !access(header, R_OK);
	return 0;
}

static void print_text(const struct status *s)
{
	printf("kernel:  %s, build-id %s\n", s->kernel.release,
	       s->kernel.build_id[0] ? s->kernel.build_id : "unknown");
	if (s->size >= 0)
		printf("archive: %s, %lld bytes\n", SYSFS_FILE, s->size);
	else
		printf("archive: %s\n", s->module ? "not shown now" : "none");
	printf("module:  %s\n", s->module ? s->module : s->size >= 0 ? "built in" : "none");
	if (s->tree)
		printf("tree:    %s, %s\n", s->path, s->tree);
	else
		printf("tree:    none\n");
	if (s->link[0])
		printf("build:   %s -> %s%s\n", s->build, s->link,
		       s->serves ? "" : ", no headers there");
	else
		printf("build:   none\n");
}

/* Print @value as a JSON string, or null. */
static void print_json_string(const char *key, const char *value, const char *end)
{
	printf("  \"%s\": ", key);
	if (!value || !*value) {
		printf("null%s\n", end);
		return;
	}
	putchar('"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if ((unsigned char)*value < ' ')
			printf("\\u%04x", *value);
		else
			putchar(*value);
	}
	printf("\"%s\n", end);
}

static void print_json(const struct status *s)
{
	puts("{");
	print_json_string("release", s->kernel.release, ",");
	print_json_string("build_id", s->kernel.build_id, ",");
	print_json_string("archive", s->size >= 0 ? SYSFS_FILE : NULL, ",");
	if (s->size >= 0)
		printf("  \"archive_bytes\": %lld,\n", s->size);
	else
		puts("  \"archive_bytes\": null,");
	print_json_string("module", s->module ? s->module :
			  s->size >= 0 ? "built in" : NULL, ",");
	print_json_string("tree", s->tree ? s->path : NULL, ",");
	print_json_string("tree_state", s->tree, ",");
	print_json_string("build_link", s->link, ",");
	printf("  \"build_link_serves\": %s\n", s->serves ? "true" : "false");
	puts("}");
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct status s;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j') {
			fputs(help_status, c == 'h' ? stdout : stderr);
			return c == 'h' ? GOOD : MISUSE;
		}
		json = true;
	}
	if (optind < argc) {
		fputs(help_status, stderr);
		return MISUSE;
	}
	if (gather(&s))
		return FAILED;
	if (json)
		print_json(&s);
	else
		print_text(&s);
	return s.size >= 0 || s.module || (s.tree && !strcmp(s.tree, "current")) ?
		GOOD : NOTHING;
}
