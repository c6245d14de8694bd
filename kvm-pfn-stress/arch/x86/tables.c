// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page table entries, of the guest's own tables and of nested ones alike. Runs in the guest.
 */
#include "arch/arch.h"
#include "tables.h"

#define ENTRY_PRESENT	(1ul << 0)
#define ENTRY_WRITE	(1ul << 1)
#define ENTRY_USER	(1ul << 2)	/* nested paging looks for it: APM, "Nested Paging" */
#define ENTRY_ACCESSED	(1ul << 5)
#define ENTRY_DIRTY	(1ul << 6)
#define ENTRY_LARGE	(1ul << 7)	/* not in a table of level 1 */
#define ENTRY_NOEXEC	(1ul << 63)
#define ENTRY_ADDR	0xffffffffff000ul

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
