// SPDX-License-Identifier: GPL-2.0
/* Messages, and the signals that interrupt the program. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kheaders.h"

bool quiet;
volatile sig_atomic_t interrupted;

__attribute__((format(printf, 3, 0)))
static void print(FILE *out, const char *object, const char *format, va_list args)
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
	print(stderr, object, format, args);
	va_end(args);
	return -1;
}

int fail_errno(const char *object, const char *what)
{
	int error = errno;
	bool root = (error == EACCES || error == EPERM) && geteuid();

	return fail(object, "%s%s%s%s", what ? what : "", what ? ": " : "", strerror(error),
		    root ? "; run as root" : "");
}

void warn(const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(stderr, object, format, args);
	va_end(args);
}

void note(const char *object, const char *format, ...)
{
	va_list args;

	if (quiet)
		return;
	va_start(args, format);
	print(stdout, object, format, args);
	va_end(args);
}

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/*
 * Without SA_RESTART, so that a signal interrupts waiting for a lock or a program.  Ignore
 * SIGPIPE: if the reader of our output exits, the command must still complete.  A caller may
 * ignore SIGCHLD, but then nobody knows how a program ended.
 */
void catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
}
