// SPDX-License-Identifier: GPL-2.0-only
#include <linux/linkage.h>
#include <linux/objtool.h>

#include "arch.h"

/* The seventh argument lies above the return address, which the function then finds in its place. */
asm(
"	.pushsection .text\n"
"	.globl pfnh_arch_call\n"
"	.type pfnh_arch_call, @function\n"
"pfnh_arch_call:\n"
"	push 8(%rsp)\n"
	ASM_RET
"	.size pfnh_arch_call, . - pfnh_arch_call\n"
"	.popsection\n"
);
STACK_FRAME_NON_STANDARD(pfnh_arch_call);
