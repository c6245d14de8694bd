/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an architecture must give to redirect.c: arch-x86.c for x86; a new one adds its own file.
 */
#ifndef PFNH_ARCH_H
#define PFNH_ARCH_H

#include <linux/types.h>

struct kvm;

#ifdef CONFIG_X86
/* From where ftrace calls to the rest of the function: the call instruction itself. */
#define PFNH_FENTRY_SIZE	5
#endif

/**
 * pfnh_arch_call - call a function behind its ftrace call
 * @a0, @a1, @a2, @a3, @a4, @a5: its arguments, as many as it has; those in registers only
 * @target: the address behind the ftrace call
 *
 * No indirect branch: on kernels with CONFIG_X86_KERNEL_IBT the place is none that may be branched
 * to, and static functions lost even their ENDBR.
 *
 * Return: what it returns. Context: the function's.
 */
long pfnh_arch_call(long a0, long a1, long a2, long a3, long a4, long a5, unsigned long target);

/**
 * pfnh_arch_mappings - how many leaves the page tables for vCPUs have now, of all sizes
 * @kvm: the VM
 */
u64 pfnh_arch_mappings(const struct kvm *kvm);

#endif /* PFNH_ARCH_H */
