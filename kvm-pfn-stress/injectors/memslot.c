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

static bool loses(const struct region *r)
{
	return r->ops->dontneed == DONTNEED_LOSES;
}

static unsigned int memslot_step(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)]->first, *part;
	uint64_t old = region_hva(r), hva;

	if (!region_claim_all(r))
		return 0;
	for (part = r; part; part = part->next) {
		record_op(w, "memslot delete", part->gpa, part->nr);
		pages_begin(part, 0, part->nr, PS_NOSLOT, loses(part));
	}
	if (region_set_slots(r, 0))
		inject_broken(w, r, "memslot delete");
	for (part = r; part; part = part->next)
		pages_end(part, 0, part->nr, PS_NOSLOT, loses(part));

	inject_pause(w, 300);
	for (part = r; part; part = part->next)
		inject_answered(w, part, 0, part->nr);

	hva = region_new_hva(r);
	for (part = r; part; part = part->next) {
		pages_begin(part, 0, part->nr, part->mapped, loses(part));
		if (part->ops->map(part, hva + (part->gpa - r->gpa), 0, part->nr))
			inject_broken(w, part, "mmap");
		record_op(w, "memslot add", part->gpa, part->nr);
	}
	region_move(r, hva);
	if (region_set_slots(r, hva))
		inject_broken(w, r, "memslot add");
	for (part = r; part; part = part->next) {
		region_unmap(part, old + (part->gpa - r->gpa));
		pages_end(part, 0, part->nr, part->mapped, loses(part));
		inject_fill(w, part, 0, part->nr, loses(part));
	}
	region_release_all(r);
	return 1;
}

const struct injector_ops injector_memslot = {
	.name = "memslot",
	.describe = "delete the memslot and add it again with the backing at another host address",
	.gap_us = 3000,
	.memslot_updates = true,
	.step = memslot_step,
};
