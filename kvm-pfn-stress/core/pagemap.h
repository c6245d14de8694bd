/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands behind the pages of this process: /proc/self/pagemap. Injectors count what they did
 * by what changed there, not by what they asked for.
 */
#ifndef CORE_PAGEMAP_H
#define CORE_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>

#define PM_PFN_MASK	((1ull << 55) - 1)
#define PM_EXCLUSIVE	(1ull << 56)	/* mapped once, by this process */
#define PM_SWAP		(1ull << 62)	/* or poisoned, or under migration */
#define PM_PRESENT	(1ull << 63)

/**
 * pagemap_read - the entries of a range of this process
 * @hva: first page
 * @nr: pages
 * @e: filled in; all 0 when the file can't be read
 *
 * pfns need CAP_SYS_ADMIN. Source: pagemap_read() in fs/proc/task_mmu.c.
 */
void pagemap_read(uint64_t hva, unsigned int nr, uint64_t *e);

/* The pfn of a present page, else 0. */
static inline uint64_t pm_pfn(uint64_t e)
{
	return e & PM_PRESENT ? e & PM_PFN_MASK : 0;
}

/**
 * pagemap_drain - empty the LRU batches of all CPUs, which hold references
 * @hva: a page of this process
 *
 * Pages that were faulted in lately are in such a batch, not on the LRU. To move a page to the node that
 * it is on already drains them: lru_cache_disable() in do_pages_move(), mm/migrate.c.
 *
 * Return: false without CONFIG_NUMA. Context: any thread.
 */
bool pagemap_drain(uint64_t hva);

/**
 * pagemap_moved - how many pages are now other physical pages?
 * @hva: first page
 * @nr: pages
 * @before: their entries before, of pagemap_read()
 *
 * Only pages that are present both times count.
 */
unsigned int pagemap_moved(uint64_t hva, unsigned int nr, const uint64_t *before);

#endif /* CORE_PAGEMAP_H */
