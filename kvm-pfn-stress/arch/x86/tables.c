// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries, of the guest's own tables and of nested ones alike, and page tables for tables.c.
 */
#include "core/compat.h"
#include "arch/arch.h"
#include "arch/x86/x86.h"
#include "core/run.h"
#include "tables.h"

#define ENTRY_PRESENT	(1ul << 0)
#define ENTRY_WRITE	(1ul << 1)
#define ENTRY_USER	(1ul << 2)	/* nested paging looks for it: APM, "Nested Paging" */
#define ENTRY_ACCESSED	(1ul << 5)
#define ENTRY_DIRTY	(1ul << 6)
#define ENTRY_LARGE	(1ul << 7)	/* not in a table of level 1 */
#define ENTRY_NOEXEC	(1ul << 63)
#define ENTRY_ADDR	0xffffffffff000ul

/* ---- in the guest ---- */

uint64_t arch_entry(uint64_t gpa, unsigned int rights, unsigned int level)
{
	uint64_t entry = gpa | ENTRY_USER;

	if (rights & TE_PRESENT)
		entry |= ENTRY_PRESENT;
	if (rights & TE_WRITE)
		entry |= ENTRY_WRITE;
	if (rights & TE_NOEXEC)
		entry |= ENTRY_NOEXEC;
	if (rights & TE_ACCESSED)
		entry |= ENTRY_ACCESSED;
	if (rights & TE_DIRTY)
		entry |= ENTRY_DIRTY;
	if ((rights & TE_LEAF) && level > 1)
		entry |= ENTRY_LARGE;
	return entry;
}

uint64_t arch_entry_gpa(uint64_t entry)
{
	return entry & ENTRY_ADDR;
}

unsigned int arch_entry_rights(uint64_t entry, unsigned int level)
{
	return (entry & ENTRY_PRESENT ? TE_PRESENT : 0) | (entry & ENTRY_WRITE ? TE_WRITE : 0) |
	       (entry & ENTRY_NOEXEC ? TE_NOEXEC : 0) |
	       (entry & ENTRY_ACCESSED ? TE_ACCESSED : 0) | (entry & ENTRY_DIRTY ? TE_DIRTY : 0) |
	       (level == 1 || (entry & ENTRY_LARGE) ? TE_LEAF : 0);
}

/* ---- on the host ---- */

void arch_tables_setup(struct run *run, unsigned int vcpu)
{
	struct tables *t = &run->ctl->vcpu[vcpu].tables;
	struct kvm_sregs s;
	unsigned int i, v;

	for (v = 0; v < vcpu && !run->ctl->vcpu[v].own_tables; v++)
		;
	vcpu_sregs_get(run->vcpu[vcpu], &s);
	for (i = 0; i < TABLES_NR; i++) {
		t->gva[i] = v < vcpu ? run->ctl->vcpu[v].tables.gva[i] :
				       compat_vm_alloc(run->vm, GUEST_PAGE_SIZE);
		t->gpa[i] = addr_gva2gpa(run->vm, t->gva[i]);
	}
	for (i = 0; i < TABLES_EACH; i++) {
		unsigned int top = TABLES_EACH * (TABLES_LEVELS - 1) + i;

		t->root[i] = v < vcpu ? run->ctl->vcpu[v].tables.root[i] :
			     copy_root(run->vm, &s, t->gpa[top]);
	}
	t->user = vcpu;
	t->top = TABLES_TOP(vcpu);
	s.cr0 |= X86_CR0_WP;
	s.cr3 = t->root[0];
	TEST_ASSERT(s.efer & EFER_NX, "the guest has no NX");
	vcpu_sregs_set(run->vcpu[vcpu], &s);
}
