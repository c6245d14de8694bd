// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>
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

u64 pfnh_arch_mappings(const struct kvm *kvm)
{
	u64 n = 0;
	int i;

	for (i = 0; i < KVM_NR_PAGE_SIZES; i++)
		n += atomic64_read(&kvm->stat.pages[i]);
	return n;
}
