/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of arch/x86 tell each other.
 */
#ifndef ARCH_X86_X86_H
#define ARCH_X86_X86_H

#include <stdbool.h>
#include <stdint.h>

struct ex_regs;

/**
 * copy_root - a second address space that shares all tables below level 4 with the first
 * @vm: the VM
 * @s: of a vCPU of the first
 * @level4: gpa of a page to be the table of level 4 (for gva below 1 << 48)
 *
 * Return: its CR3.
 */
struct kvm_sregs;
struct kvm_vm;
uint64_t copy_root(struct kvm_vm *vm, const struct kvm_sregs *s, uint64_t level4);

/* gpa of the last-level page table by which a vCPU translates @gva. */
struct kvm_vcpu;
uint64_t guest_table(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva);

/* Where a guest goes on after an exception in an access at @rip; 0: it was in none. */
uint64_t access_trapped(uint64_t rip);

/* Where a guest goes on that gives up its access at @rip; 0: it is in none. */
uint64_t access_skipped(uint64_t rip);

/* Runs in the guest, on #PF: it was KVM's, to say that a page is not there yet. */
bool async_page_fault(struct ex_regs *regs);

/* Where a vCPU that can't get through the instruction at @rip goes on; 0: it is not ours. */
uint64_t nested_skip(uint64_t rip);

#endif /* ARCH_X86_X86_H */
