// SPDX-License-Identifier: GPL-2.0
/*
 * kheaders: make the running kernel's headers available to tools.  See kheaders(8).
 *
 * The table of subcommands drives the option parser, the help and shell completion.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kheaders.h"

/*
 * @argument: name of the argument, "FILE" or "DIR", or NULL
 * @at: offset of its field in struct options
 * @help: one or more lines of text
 */
struct option_row {
	const char *name, *argument;
	size_t at;
	const char *help;
	char letter;
};

#define FLAG(name, field, help) { name, NULL, offsetof(struct options, field), help, 0 }
#define TAKES(name, argument, field, help) \
	{ name, argument, offsetof(struct options, field), help, 0 }

#define QUIET FLAG("quiet", quiet, "print errors and warnings only")
#define END { NULL, NULL, 0, NULL, 0 }

static const struct option_row status_options[] = {
	FLAG("json", json, "print one JSON object; see kheaders(8) for its fields"),
	END
};

static const struct option_row extract_options[] = {
	TAKES("archive", "FILE", archive,
	      "extract FILE, \"-\" for standard input, instead of\n"
	      SYSFS_FILE "; create no link without --link"),
	FLAG("debuginfod", debuginfod,
	     "ask the servers in DEBUGINFOD_URLS if the kernel has no\narchive"),
	TAKES("dest", "DIR", dest, "extract to DIR, not " CACHE_DIRECTORY "/RELEASE"),
	FLAG("tmpfs", tmpfs, "extract to memory, " RUN_DIRECTORY "/RELEASE"),
	TAKES("image", "FILE", image,
	      "create a file system image instead of a tree: squashfs if\n"
	      "FILE ends in .squashfs, else erofs"),
	FLAG("sysext", sysext, "create the link in a system extension, for a read-only /usr"),
	FLAG("pch", pch, "precompile a header for BPF programs with clang"),
	FLAG("link", link, "create the link (default for the running kernel's archive)"),
	FLAG("no-link", no_link, "create no link"),
	FLAG("keep-module", keep_module, "do not unload the module after loading it"),
	FLAG("force", force, "extract even if the tree exists"),
	QUIET,
	END
};

static const struct option_row remove_options[] = {
	TAKES("dest", "DIR", dest, "remove the tree DIR"),
	FLAG("old", old, "remove trees of kernels that are no longer installed"),
	FLAG("all", all, "remove all trees, including the running kernel's"),
	QUIET,
	END
};

static const struct option_row verify_options[] = {
	TAKES("archive", "FILE", archive,
	      "compare the tree extracted from FILE, \"-\" for standard\n"
	      "input, with FILE"),
	TAKES("dest", "DIR", dest, "compare the tree in DIR"),
	QUIET,
	END
};

static const struct option_row dump_options[] = {
	{ "output", "FILE", offsetof(struct options, output),
	  "write the archive to FILE instead of standard output", 'o' },
	END
};

static const struct option_row publish_options[] = {
	{ "output", "FILE", offsetof(struct options, output),
	  "write to FILE instead of standard output", 'o' },
	TAKES("kernel", "FILE", kernel, "take the build-id from FILE, the image of a kernel"),
	TAKES("build-id", "HEX", build_id, "the build-id of the kernel"),
	END
};

/* @good, @nothing: meaning of exit status 0, 3; @operand: required file argument or NULL */
static const struct command {
	const char *name;
	enum exit_status (*run)(const struct options *o);
	const char *operand, *summary;
	const struct option_row *options;
	const char *good, *nothing, *text;
} commands[] = {
	{ "status", cmd_status, NULL,
	  "report the running kernel's headers, the trees and the build link",
	  status_options, "archive, module or current tree exists", "none of these does", "" },
	{ "extract", cmd_extract, NULL,
	  "extract the headers, and link them to where tools look",
	  extract_options, "the tree or image exists",
	  "no archive found, and no module or server provides one",
	  "The link is /lib/modules/RELEASE/build.\n\n" },
	{ "remove", cmd_remove, NULL,
	  "remove trees and the links to them",
	  remove_options, "removed", "there is no such tree",
	  "Without options, remove the trees of the running kernel.\n\n" },
	{ "verify", cmd_verify, NULL,
	  "compare a tree with its archive",
	  verify_options, "the tree matches", "no archive found, and no module provides one", "" },
	{ "dump", cmd_dump, "IMAGE",
	  "extract the archive from an image of a kernel or module",
	  dump_options, "written", "IMAGE has no archive in it",
	  "IMAGE is a file, a block device, or \"-\" for standard input: a vmlinux, bzImage,\n"
	  "Image, Image.gz or similar, or kheaders.ko, compressed or not.\n\n" },
	{ "publish", cmd_publish, "IMAGE",
	  "write a file with which debuginfod serves the archive",
	  publish_options, "written", "IMAGE has no archive in it",
	  "IMAGE is an image as for \"kheaders dump\", or an archive.  For an archive or a\n"
	  "module, --kernel or --build-id is required.\n\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Mutually exclusive options. */
static const char *const conflicts[][2] = {
	{ "link", "no-link" }, { "tmpfs", "dest" }, { "image", "dest" }, { "image", "tmpfs" },
	{ "image", "pch" }, { "image", "link" }, { "image", "force" },
	{ "sysext", "dest" }, { "sysext", "image" }, { "sysext", "archive" },
	{ "sysext", "no-link" }, { "debuginfod", "archive" },
	{ "old", "all" }, { "dest", "old" }, { "dest", "all" },
};

static void print_main_help(FILE *out)
{
	size_t i;

	fputs("Usage: kheaders COMMAND [OPTION]...\n\n", out);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n  --version  print the version\n  --help     print this text\n\n"
	      "Run \"kheaders COMMAND --help\" for the options of a command.\n", out);
}

static void print_option(const struct option_row *o)
{
	char left[64];
	const char *line, *end;

	snprintf(left, sizeof(left), "%s%s--%s%s%s", o->letter ? "-" : "",
		 o->letter ? (char []){ o->letter, ',', ' ', '\0' } : "", o->name,
		 o->argument ? " " : "", o->argument ? o->argument : "");
	for (line = o->help; *line; line = end + (*end == '\n')) {
		end = strchrnul(line, '\n');
		printf("  %-17s %.*s\n", line == o->help ? left : "", (int)(end - line), line);
	}
}

static void print_help(const struct command *c)
{
	const struct option_row *o;

	printf("Usage: kheaders %s [OPTION]...%s%s\n\n%c%s.\n\n%s", c->name, c->operand ? " " : "",
	       c->operand ? c->operand : "", c->summary[0] - 'a' + 'A', c->summary + 1, c->text);
	for (o = c->options; o->name; o++)
		print_option(o);
	printf("  %-17s %s\n\n", "--help", "print this text");
	printf("Exit status: 0 %s, 1 failed, 2 usage error,\n3 %s.\n", c->good, c->nothing);
}

/*
 * For shell completion: without a command print a line for each command, else one for each
 * of its options and its operand: word, tab, argument, tab, first line of its help.
 */
static int complete(const char *name)
{
	const struct option_row *o;
	size_t i;

	for (i = 0; i < COMMANDS; i++) {
		if (!name) {
			printf("%s\t\t%s\n", commands[i].name, commands[i].summary);
			continue;
		}
		if (strcmp(name, commands[i].name))
			continue;
		for (o = commands[i].options; o->name; o++)
			printf("--%s\t%s\t%.*s\n", o->name, o->argument ? o->argument : "",
			       (int)strcspn(o->help, "\n"), o->help);
		printf("--help\t\tprint a help text\n");
		if (commands[i].operand)
			printf("\tFILE\t%s\n", commands[i].operand);
	}
	if (!name)
		printf("--version\t\tprint the version\n--help\t\tprint a help text\n");
	return EXIT_GOOD;
}

static int usage_error(const struct command *c, const char *what, const char *why)
{
	fail(what, "%s; see \"kheaders %s%s--help\"", why, c ? c->name : "", c ? " " : "");
	return EXIT_USAGE;
}

static const struct option_row *find_option(const struct command *c, const char *name)
{
	const struct option_row *o;

	for (o = c->options; o->name; o++) {
		if (!strcmp(o->name, name))
			return o;
	}
	return NULL;
}

static bool is_given(const struct command *c, const struct options *o, const char *name)
{
	const struct option_row *row = find_option(c, name);

	if (!row)
		return false;
	if (row->argument)
		return *(const char *const *)((const char *)o + row->at);
	return *(const bool *)((const char *)o + row->at);
}

static int check_usage(const struct command *c, const struct options *o)
{
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		if (!is_given(c, o, conflicts[i][0]) || !is_given(c, o, conflicts[i][1]))
			continue;
		snprintf(text, sizeof(text), "--%s and --%s", conflicts[i][0], conflicts[i][1]);
		return usage_error(c, text, "cannot be combined");
	}
	if (c->operand && !o->operand)
		return usage_error(c, c->operand, "missing");
	return 0;
}

#define OPTIONS_MAX 16

/* Convert the rows for getopt_long(); val is the number of the row plus 256. */
static void fill_getopt(const struct command *c, struct option *options, char *letters)
{
	unsigned int i;

	*letters++ = ':';
	*letters++ = 'h';
	for (i = 0; c->options[i].name; i++) {
		options[i] = (struct option){ c->options[i].name,
			c->options[i].argument ? required_argument : no_argument, NULL, 256 + i };
		if (c->options[i].letter) {
			*letters++ = c->options[i].letter;
			*letters++ = ':';
		}
	}
	options[i++] = (struct option){ "help", no_argument, NULL, 'h' };
	options[i] = (struct option){ };
	*letters = '\0';
}

static const struct option_row *row_of(const struct command *c, int value)
{
	const struct option_row *o;

	if (value >= 256)
		return &c->options[value - 256];
	for (o = c->options; o->name; o++) {
		if (o->letter && o->letter == value)
			return o;
	}
	return NULL;
}

static int bad_option(const struct command *c, int value, char **argv)
{
	const char letter[] = { '-', (char)optopt, '\0' };
	const char *given = optopt && optopt < 256 ? letter : argv[optind - 1];
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
	if (value == ':')
		return usage_error(c, name, "needs an argument");
	if (optopt >= 256)
		return usage_error(c, name, "takes no argument");
	return usage_error(c, name, "unknown option");
}

static int parse(const struct command *c, int argc, char **argv, struct options *o)
{
	struct option options[OPTIONS_MAX];
	const struct option_row *row;
	char letters[16];
	int value;

	fill_getopt(c, options, letters);
	while ((value = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (value == 'h') {
			print_help(c);
			return -1;
		}
		if (value == '?' || value == ':')
			return bad_option(c, value, argv);
		row = row_of(c, value);
		if (!row->argument) {
			*(bool *)((char *)o + row->at) = true;
			continue;
		}
		if (!*optarg)
			return usage_error(c, argv[optind - 1][0] ? argv[optind - 1] : row->name,
					   "empty argument");
		*(const char **)((char *)o + row->at) = optarg;
	}
	if (c->operand && optind < argc)
		o->operand = argv[optind++];
	if (optind < argc)
		return usage_error(c, argv[optind], "unexpected argument");
	if (o->operand && !*o->operand)
		return usage_error(c, c->operand, "empty argument");
	return check_usage(c, o);
}

static int run_command(const struct command *c, int argc, char **argv)
{
	struct options o = { };
	int status = parse(c, argc, argv, &o);

	if (status)
		return status < 0 ? EXIT_GOOD : status;
	quiet = o.quiet;
	catch_signals();
	return c->run(&o);
}

static int run_main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	size_t i;

	if (!word) {
		print_main_help(stderr);
		return EXIT_USAGE;
	}
	for (i = 0; i < COMMANDS; i++) {
		if (!strcmp(word, commands[i].name))
			return run_command(&commands[i], argc - 1, argv + 1);
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		print_main_help(stdout);
	else if (!strcmp(word, "--version"))
		printf("kheaders %s\n", VERSION);
	else if (!strcmp(word, "--complete"))
		return complete(argv[2]);
	else
		return usage_error(NULL, word, *word == '-' ? "unknown option" : "unknown command");
	return EXIT_GOOD;
}

/*
 * A file that is opened must not get the number of a standard descriptor that was closed, or our
 * messages, or those of mkfs.erofs, go into it.  These numbers still fail with EBADF.
 */
static void occupy_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	int status;

	occupy_standard_descriptors();
	umask(022);
	status = run_main(argc, argv);
	/* a note or a report that could not be written */
	if (fflush(stdout) || ferror(stdout)) {
		fail_errno("standard output", NULL);
		if (status == EXIT_GOOD || status == EXIT_NOTHING)
			status = EXIT_FAILED;
	}
	return status;
}
