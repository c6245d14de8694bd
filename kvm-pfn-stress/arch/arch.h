/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole of what differs between architectures. One directory below arch/ implements it.
 */
#ifndef ARCH_H
#define ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

struct kvm_vm;
struct kvm_vcpu;

/* ---- called in the guest ---- */

/**
 * arch_load, arch_store, arch_rmw, arch_exec - one access to a test page
 * @gva: of the aligned 64-bit word; for arch_exec() of the code before the fill stamp
 * @val: value to store
 * @expect: arch_rmw() stores @val only over this value (one locked instruction)
 * @out: value seen
 *
 * Return: enum access_status. The host makes a failed access return by arch_skip_access().
 */
enum access_status arch_load(uint64_t gva, uint64_t *out);
enum access_status arch_store(uint64_t gva, uint64_t val);
enum access_status arch_rmw(uint64_t gva, uint64_t expect, uint64_t val, uint64_t *out);
enum access_status arch_exec(uint64_t gva, uint64_t *out);

/* The same by KVM's emulator, where KVM was told to: see arch_can_emulate(). */
enum access_status arch_emul_load(uint64_t gva, uint64_t *out);
enum access_status arch_emul_store(uint64_t gva, uint64_t val);
enum access_status arch_emul_rmw(uint64_t gva, uint64_t expect, uint64_t val, uint64_t *out);

/**
 * arch_interruptible - one of arch_load(), arch_store(), arch_rmw(), arch_exec(), with interrupts on
 * @a, @b, @c, @d: what it is called with
 * @access: which
 *
 * Return: its own, or ACCESS_SKIPPED when the guest has given the access up.
 */
enum access_status arch_interruptible(uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				      const void *access);

/* Orders the access before what follows; pairs with page_set() in core/region.c. */
static inline void arch_guest_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/**
 * arch_pte_set - change the guest's own translation of one page
 * @pte: gva of the page table entry
 * @gpa: what is behind it from now on
 * @mode: enum window_mode
 *
 * What the mode forbids ends an access with ACCESS_TRAPPED.
 */
void arch_pte_set(uint64_t pte, uint64_t gpa, uint64_t mode);

/*
 * arch_flush_page - ... of one page has changed
 * arch_flush_root - ... of any page; @root: of arch_roots(), or of tables
 */
void arch_flush_page(uint64_t gva);
void arch_flush_root(uint64_t root);

/**
 * arch_entry - an entry of a page table, for tables.c
 * @gpa: of the next table or of the page
 * @rights: TE_*; TE_LEAF in a table of level 1 is understood
 * @level: of the table that it is for, 1: the last one
 *
 * arch_entry_gpa() and arch_entry_rights() are what it was made of; TE_ACCESSED and TE_DIRTY as the CPU
 * (or KVM) has set them since.
 */
uint64_t arch_entry(uint64_t gpa, unsigned int rights, unsigned int level);
uint64_t arch_entry_gpa(uint64_t entry);
unsigned int arch_entry_rights(uint64_t entry, unsigned int level);

/*
 * A nested guest; @arch is what arch_nested_setup() returned.
 *
 * arch_nested_write - L1: write the control block; @gva 0: the one in memory that nobody touches
 * arch_nested_run - L1: run L2 until it yields; @gpa of the control block, 0 as above. ACCESS_TRAPPED:
 *	the CPU raised an exception instead
 * arch_nested_answer - L1: why L2 ended, as KVM wrote it (@got), and as it is right (@want)
 * arch_nested_window - L1: L2 runs with the root @p->root of @t from now on, after a flush if @p says
 *	so. Returns the gva by which L2 accesses @p->addr
 * arch_nested_walk - L1: what L2's own page table behind the windows may be used for (enum window_mode).
 *	A walk needs WINDOW_WRITE. Flushes
 * arch_nested_yield - L2: end; returns when L1 runs L2 again, or ACCESS_TRAPPED as above
 * arch_nested_access - L2: one of arch_load(), arch_store(), arch_rmw(), arch_exec() (@access), called
 *	with @a (the gva), @b, @c, @d. Returns its status; if L1 was told of a nested page fault, what
 *	L1 has said instead, and L1 may do so with a control block that is gone
 * arch_nested_fault - L1: L2 has left the CPU in an access: why, of what kind and where, as KVM wrote
 *	it (@got), and as L1's own walk of the nested page table says for @op (enum access_op); @want[0]
 *	is 0 if nothing forbids the access
 * arch_nested_resume - L1: what arch_nested_access() returns in L2
 */
enum access_status arch_nested_write(uint64_t arch, uint64_t gva);
enum access_status arch_nested_run(uint64_t arch, uint64_t gpa);
enum access_status arch_nested_answer(uint64_t arch, uint64_t gva, uint64_t *got, uint64_t *want);
uint64_t arch_nested_window(uint64_t arch, const struct tables *t, const struct tables_pick *p);
void arch_nested_walk(uint64_t arch, uint64_t mode);
enum access_status arch_nested_yield(uint64_t arch);
enum access_status arch_nested_access(uint64_t arch, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				      const void *access);
enum access_status arch_nested_fault(uint64_t arch, uint64_t gva, uint64_t op,
				     uint64_t got[NESTED_FAULT_WORDS],
				     uint64_t want[NESTED_FAULT_WORDS]);
void arch_nested_resume(uint64_t arch, enum access_status st);

/* ---- called on the host ---- */

/**
 * arch_fill - write the fill stamp and the code around it into a page
 * @hva: first byte of the page, writable; may be seen by running guests at any time
 * @stamp: the fill stamp, which goes last
 *
 * The caller takes SIGSEGV or SIGBUS if the page is not there.
 */
void arch_fill(void *hva, uint64_t stamp);

/**
 * arch_vm_setup - what a VM needs before its vCPUs run: the handler for exceptions in arch_exec()
 * @vm: the VM
 *
 * Context: before any vCPU ran.
 */
void arch_vm_setup(struct kvm_vm *vm);

/**
 * arch_skip_access - end the access that the vCPU is stuck in with ACCESS_SKIPPED
 * @vcpu: the vCPU, after a failing KVM_RUN
 *
 * Return: 0, or -1 when the vCPU is not inside of an access function: KVM_RUN failed elsewhere.
 * Context: the vCPU's thread.
 */
int arch_skip_access(struct kvm_vcpu *vcpu);

/* NULL, or why guests can't have their accesses emulated. */
const char *arch_can_emulate(void);

/* Is the CPU that KVM runs on QEMU's TCG? */
bool arch_emulated(void);

/**
 * arch_kvmclock, arch_steal_time - have KVM write the vCPU's clock, its stolen time
 * @vcpu: the vCPU, not in KVM_RUN
 * @gpa: of 32 bytes, of 64 aligned to 64; ~0: nowhere any more
 *
 * Where the page is not there KVM writes nothing and says nothing.
 */
void arch_kvmclock(struct kvm_vcpu *vcpu, uint64_t gpa);
void arch_steal_time(struct kvm_vcpu *vcpu, uint64_t gpa);

/* Ask that the next KVM_RUN writes the clock. Return: 0, or an errno (EINVAL: it has none). */
int arch_clock_update(struct kvm_vcpu *vcpu);

/* The number in a clock or a stolen time (@steal) that KVM changes whenever it writes it. */
uint32_t arch_time_version(const void *time, bool steal);

/* NULL, or why vCPUs have one address space only. */
const char *arch_spaces_unsupported(void);

/**
 * arch_second_space - have a vCPU see the memslots of the second address space, or of the first
 * @vcpu: not in KVM_RUN; it goes on where it is
 * @second: which
 *
 * x86: system management mode, without its handler (kvm_vcpu_ioctl_x86_set_vcpu_events(), 6.1 to 7.3).
 */
void arch_second_space(struct kvm_vcpu *vcpu, bool second);

/**
 * arch_map_huge - map guest memory by the guest's huge pages where addresses and length allow it
 * @gva, @gpa: of the first page
 * @pages: how many
 *
 * Shadow paging maps nothing larger than the guest does (FNAME(fetch)(), 6.1 to 7.3). Before vCPUs run.
 */
void arch_map_huge(struct kvm_vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages);

/**
 * arch_window_setup - map a page that the guest can translate otherwise, and its page table entry
 * @vm: the VM
 * @vcpu: the vCPU that will do so, which has not run yet
 * @gva: page aligned
 * @pte_gva: where the page table is to be mapped
 * @gpa: what is behind it first
 *
 * Return: gva of the entry.
 */
uint64_t arch_window_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t pte_gva,
			   uint64_t gpa);

/**
 * arch_roots - a second address space
 * @vm: the VM
 * @vcpu: of the first; all that it will use is mapped
 * @gva: of this page both share the last page table, but none above it
 * @root: filled in, for arch_flush_root(): the first one, and the second
 */
void arch_roots(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t root[2]);

/**
 * arch_tables_setup - page tables that the guest of a vCPU rewrites, and roots of its own with them
 * @run: the scenario, all that its guests will use is mapped
 * @vcpu: number of the vCPU, which has not run yet
 *
 * Fills in what the host has to of its guest_vcpu.tables, for addresses from TABLES_BASE(@vcpu) on.
 */
struct run;
void arch_tables_setup(struct run *run, unsigned int vcpu);

/**
 * arch_table_fill - write a last-level page table that translates one page
 * @hva: the table
 * @gva: the page
 * @gpa: what is behind it
 * @used: a walk has no need to write to the table; else it notes there that the page was accessed
 *
 * Nothing else of the table is written.
 */
void arch_table_fill(void *hva, uint64_t gva, uint64_t gpa, bool used);

/**
 * arch_table_set - have the guest find the last-level page table of @gva, or its huge page, elsewhere
 * @vm: the VM, which has translated @gva before
 * @vcpu: not in KVM_RUN
 * @gva: any
 * @table: gpa of the table, or of the huge page
 *
 * By a store of the host, which KVM does not see, and a flush.
 */
void arch_table_set(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t table);

/* NULL, or why vCPUs can't have pages brought in while they go on. */
const char *arch_async_unsupported(void);

/**
 * arch_async_setup - have a vCPU told when a page has to be brought in, and when it is there
 * @vm: the VM
 * @vcpu: the vCPU, which has not run yet
 * @guest_vcpu: gva of its struct guest_vcpu; its member async is kept by the guest from now on
 */
void arch_async_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t guest_vcpu);

/**
 * arch_async_switch - stop telling the vCPU and start again: KVM and guest forget what is under way
 * @vm: the VM
 * @vcpu: arch_async_setup() was called for it; not in KVM_RUN
 * @a: the guest's
 */
void arch_async_switch(struct kvm_vm *vm, struct kvm_vcpu *vcpu, struct guest_async *a);

/**
 * arch_private_vm - the type of VMs that can have private memory
 * @type: filled in, for KVM_CREATE_VM
 *
 * Return: NULL, or why there is none and what would enable it.
 */
const char *arch_private_vm(unsigned long *type);

/* NULL, or why vCPUs can't run nested guests. */
const char *arch_nested_unsupported(void);

/**
 * arch_nested_setup - make a vCPU able to run a nested guest
 * @run: the scenario, its regions are memslots; without any yet: they will come at REGION_GPA
 * @vcpu: number of the vCPU, which has not run yet
 * @l2: what the nested guest runs, with the number of the vCPU
 *
 * Return: gva of what L1 needs: guest_nested.arch.
 */
uint64_t arch_nested_setup(struct run *run, unsigned int vcpu, void (*l2)(uint64_t));

/**
 * arch_nested_tables - nested page tables that L1 rewrites, for L2's accesses from WINDOW_GVA(@vcpu) on
 * @run: the scenario
 * @vcpu: arch_nested_setup() was called for it, and it has not run yet
 *
 * Fills in what the host has to of its guest_vcpu.tables. The vCPUs of a VM have separate roots.
 */
void arch_nested_tables(struct run *run, unsigned int vcpu);

/* Has KVM written into a page that it is no control block? */
bool arch_nested_refused(const void *page);

/* Where the vCPU is, in a few words for the failure card. Context: the vCPU's thread. */
void arch_describe_vcpu(struct kvm_vcpu *vcpu, char *buf, unsigned long len);

#endif /* ARCH_H */
