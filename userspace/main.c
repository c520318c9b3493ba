// SPDX-License-Identifier: GPL-2.0
/* kheaders: the running kernel's headers, made ready for tools.  See kheaders(8). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kheaders.h"

bool quiet;

static const char help_main[] =
	"Usage: kheaders status|extract|remove|verify|dump [OPTION]...\n"
	"\n"
	"  status   what headers the running kernel offers, and what was made of them\n"
	"  extract  extract them, once, and link them to where tools look\n"
	"  remove   remove the extracted tree\n"
	"  verify   compare the tree with the archive\n"
	"  dump     take the archive out of an image of a kernel or a module\n"
	"\n"
	"\"kheaders SUBCOMMAND --help\" says more.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "status", cmd_status },
	{ "extract", cmd_extract },
	{ "remove", cmd_remove },
	{ "verify", cmd_verify },
	{ "dump", cmd_dump },
};

static void say(FILE *out, const char *object, const char *format, va_list args)
{
	flockfile(out);
	fprintf(out, "kheaders: %s: ", object);
	vfprintf(out, format, args);
	putc('\n', out);
	fflush(out);
	funlockfile(out);
}

int fail(const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(stderr, object, format, args);
	va_end(args);
	return -1;
}

void note(const char *object, const char *format, ...)
{
	va_list args;

	if (quiet)
		return;
	va_start(args, format);
	say(stdout, object, format, args);
	va_end(args);
}

int main(int argc, char **argv)
{
	size_t i;

	umask(022);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help_main, stdout);
		return GOOD;
	}
	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	fputs(help_main, stderr);
	return MISUSE;
}
