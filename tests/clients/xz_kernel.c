// SPDX-License-Identifier: GPL-2.0
/*
 * Decode standard input with the kernel's own xz decoder, lib/xz of its source, which
 * supports only CRC32 and here gets a dictionary of at most 8 MiB.  Build it with -I for that
 * source's lib/xz and include/linux, and for a directory with a copy of this file as
 * xz_config.h.
 */
#ifndef XZ_CONFIG_H
#define XZ_CONFIG_H

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xz.h"

#define XZ_DEC_DYNALLOC
#define kmalloc(size, flags) malloc(size)
#define kfree(ptr) free(ptr)
#define vmalloc(size) malloc(size)
#define vfree(ptr) free(ptr)
#define memeq(a, b, size) (memcmp(a, b, size) == 0)
#define memzero(buf, size) memset(buf, 0, size)
#define min(x, y) ((x) < (y) ? (x) : (y))
#define min_t(type, x, y) min((type)(x), (type)(y))
#define fallthrough __attribute__((__fallthrough__))
#ifndef __always_inline
#define __always_inline inline
#endif

static inline uint32_t get_unaligned_le32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

#define get_le32 get_unaligned_le32

#endif

#ifdef XZ_KERNEL_MAIN
/* for main(), not when included as xz_config.h */
#undef XZ_KERNEL_MAIN
#include "xz_crc32.c"
#include "xz_dec_lzma2.c"
#include "xz_dec_stream.c"

static uint8_t in[65536], out[65536];

int main(void)
{
	struct xz_buf buf = { .in = in, .out = out, .out_size = sizeof(out) };
	struct xz_dec *decoder;
	enum xz_ret ret;

	xz_crc32_init();
	decoder = xz_dec_init(XZ_DYNALLOC, 8 << 20);
	do {
		if (buf.in_pos == buf.in_size) {
			buf.in_size = fread(in, 1, sizeof(in), stdin);
			buf.in_pos = 0;
		}
		ret = xz_dec_run(decoder, &buf);
		if (fwrite(out, 1, buf.out_pos, stdout) != buf.out_pos)
			return 1;
		buf.out_pos = 0;
	} while (ret == XZ_OK && buf.in_size);
	if (ret != XZ_STREAM_END)
		fprintf(stderr, "xz_kernel: status %d\n", ret);
	xz_dec_end(decoder);
	return ret != XZ_STREAM_END;
}
#endif
