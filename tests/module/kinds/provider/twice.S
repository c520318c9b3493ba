/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/linkage.h>
#include <asm/asm-offsets.h>
#include <asm/nospec-branch.h>

	.text
SYM_FUNC_START(kinds_twice)
	lea	(%rdi, %rdi), %rax
	RET
SYM_FUNC_END(kinds_twice)

	.section .rodata
	/* an offset of this kernel's structures */
	.quad	TASK_threadsp
