/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The archive, between two 8-byte markers that "kheaders dump" searches for in kernel and
 * module images.
 */
	.section .rodata, "a"
	.ascii	"IKHD_ST\0"
	.globl	kheaders_data
kheaders_data:
	.incbin	"kheaders_data.tar.xz"
	.globl	kheaders_data_end
kheaders_data_end:
	.ascii	"IKHD_ED\0"
