// SPDX-License-Identifier: GPL-2.0-only
/*
 * Move a region to another host address: delete the memslot, map the backing elsewhere, add the
 * memslot again, republish the region table. In between the guest gets MMIO exits.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: slot = gfn_to_memslot(), pfn
 *						delete: roots and memslot generation go
 *						add with another hva
 *	stale: obsolete root			<- else the guest keeps a page of the old hva
 */
#include <sys/mman.h>

#include "core/compat.h"
#include "injectors/inject.h"

static unsigned int memslot_step(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)];
	bool lose = r->ops->dontneed == DONTNEED_LOSES;
	uint64_t old = region_hva(r), hva, size = r->nr * GUEST_PAGE_SIZE;

	if (!region_claim_all(r))
		return 0;
	record_op(w, "memslot delete", r->gpa, r->nr);
	pages_begin(r, 0, r->nr, PS_NOSLOT, lose);
	if (__vm_set_user_memory_region(run->vm, r->slot, 0, r->gpa, 0, NULL))
		inject_broken(w, r, "memslot delete");
	pages_end(r, 0, r->nr, PS_NOSLOT, lose);

	inject_pause(w, 300);
	inject_answered(w, r, 0, r->nr);

	hva = region_new_hva(r);
	pages_begin(r, 0, r->nr, r->mapped, lose);
	if (r->ops->map(r, hva, 0, r->nr))
		inject_broken(w, r, "mmap");
	record_op(w, "memslot add", r->gpa, r->nr);
	region_move(r, hva);
	if (__vm_set_user_memory_region(run->vm, r->slot, r->slot_flags, r->gpa, size, (void *)hva))
		inject_broken(w, r, "memslot add");
	munmap((void *)old, size);
	pages_end(r, 0, r->nr, r->mapped, lose);
	inject_fill(w, r, 0, r->nr, lose);
	region_release(r, 0, r->nr);
	return 1;
}

const struct injector_ops injector_memslot = {
	.name = "memslot",
	.describe = "delete the memslot and add it again with the backing at another host address",
	.gap_us = 3000,
	.memslot_updates = true,
	.step = memslot_step,
};
