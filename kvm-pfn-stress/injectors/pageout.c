// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages are reclaimed: MADV_PAGEOUT sends them to swap or drops them from the page cache, and the
 * next access brings them back. The content stays.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						unmap: start, swap entry, end
 *	is_page_fault_stale()? must be true
 *	map pfn					written to swap, freed
 *	store to the old page			<- the store is lost
 *	next fault: swapped in
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "core/pagemap.h"
#include "core/proc.h"
#include "injectors/inject.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21		/* 5.4 */
#endif

#define MAX_PAGEOUT	64

static bool have_swap;

/* Without swap only the pages of a file have a place to go to. */
static bool takes_pageout(const struct region *r)
{
	return inject_movable(r) && r->ops->granule <= 1 && (have_swap || r->ops->on_disk);
}

static const char *pageout_unsupported(struct run *run)
{
	have_swap = proc_field("/proc/meminfo", "SwapTotal:") > 0;
	return inject_any(run, takes_pageout) ? NULL : "no swap, and no region in a file on a disk";
}

static unsigned int present(uint64_t hva, unsigned int nr)
{
	uint64_t e[MAX_PAGEOUT];
	unsigned int i, n = 0;

	pagemap_read(hva, nr, e);
	for (i = 0; i < nr; i++)
		n += !!(e[i] & PM_PRESENT);
	return n;
}

/*
 * Pages that went to swap, on the whole machine: nobody else should. Guests bring pages back faster
 * than pagemap can be read.
 */
static unsigned long swapped_out(void)
{
	return proc_field("/proc/vmstat", "pswpout ");
}

/* Returns how many pages went away. */
static unsigned int page_out(struct worker *w, struct region *r, uint64_t hva, unsigned int nr)
{
	unsigned int before, after, n;
	unsigned long out;

	pagemap_drain(hva);	/* what is in a batch nobody can take */
	before = present(hva, nr);
	out = swapped_out();
	/* advice: what is in use, shared or dirty may stay */
	if (madvise((void *)hva, nr * GUEST_PAGE_SIZE, MADV_PAGEOUT))
		inject_broken(w, r, "MADV_PAGEOUT");
	after = present(hva, nr);
	n = swapped_out() - out;
	if (before > after && before - after > n)
		n = before - after;
	return n < nr ? n : nr;
}

static void protect(struct worker *w, struct region *r, unsigned int first, unsigned int nr,
		    int prot, enum page_state state)
{
	pages_begin(r, first, nr, state, false);
	if (mprotect((void *)(region_hva(r) + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE, prot))
		inject_broken(w, r, "mprotect");
	pages_end(r, first, nr, state, false);
}

static unsigned int pageout_step(struct worker *w)
{
	unsigned int first, nr, n;
	struct region *r = inject_claim(w, MAX_PAGEOUT, &first, &nr, takes_pageout);
	int prot = PROT_READ | (r && r->ops->read_only ? 0 : PROT_WRITE);
	uint64_t hva;

	if (!r)
		return 0;
	hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	record_op(w, "MADV_PAGEOUT", r->gpa + first * GUEST_PAGE_SIZE, nr);
	if (rng_next(&w->rng) & 1) {
		pages_begin(r, first, nr, r->mapped, false);
		n = page_out(w, r, hva, nr);
		pages_end(r, first, nr, r->mapped, false);
	} else {
		/*
		 * A vCPU that waits for the page holds a reference, and it stays
		 * (is_page_cache_freeable()): with no access meanwhile all of it goes.
		 */
		protect(w, r, first, nr, PROT_NONE, PS_NOACCESS);
		n = page_out(w, r, hva, nr);
		protect(w, r, first, nr, prot, r->mapped);
	}
	region_release(r, first, nr);
	return n;
}

const struct injector_ops injector_pageout = {
	.name = "pageout",
	.describe = "MADV_PAGEOUT a range: to swap, or out of the page cache",
	.gap_us = 500,
	.unsupported = pageout_unsupported,
	.step = pageout_step,
};
