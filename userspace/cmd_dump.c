// SPDX-License-Identifier: GPL-2.0
/* kheaders dump: extract the archive from the image of a kernel or module. */
#include <stdlib.h>

#include "kheaders.h"

enum exit_status cmd_dump(const struct options *o)
{
	enum exit_status status = EXIT_FAILED;
	const unsigned char *archive;
	unsigned char *buffer;
	struct image image;
	size_t len;

	if (output_is_terminal(o->output))
		return EXIT_USAGE;
	if (!image_open(&image, o->operand)) {
		archive = image_archive(&image, &len, &buffer);
		if (!archive) {
			status = no_archive(&image);
		} else if (!write_output(o->output, archive, len, image.mode, 0)) {
			status = EXIT_GOOD;
		}
		free(buffer);
	}
	image_close(&image);
	return status;
}
