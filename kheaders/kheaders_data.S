/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The archive, between markers of 8 bytes each by which "kheaders dump" finds it
 * in an image of a kernel or a module.
 */
	.section .rodata, "a"
	.ascii	"IKHD_ST\0"
	.globl	kheaders_data
kheaders_data:
	.incbin	"kheaders_data.tar.xz"
	.globl	kheaders_data_end
kheaders_data_end:
	.ascii	"IKHD_ED\0"
