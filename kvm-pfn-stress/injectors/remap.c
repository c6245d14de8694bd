// SPDX-License-Identifier: GPL-2.0-only
/*
 * munmap() and mmap() at the same place.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						munmap(hva): invalidate_range_start ... end
 *						mmap(hva), new page
 *	is_page_fault_stale()? must be true
 *	map pfn					<- else the guest keeps the old page
 */
#include <sys/mman.h>
#include <unistd.h>

#include "plugins.h"
#include "injectors/inject.h"

static unsigned int remap_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, 16 | CLAIM_HUGE, &first, &nr, NULL);
	bool lose;
	uint64_t hva;

	if (!r)
		return 0;
	lose = r->ops->dontneed == DONTNEED_LOSES;
	hva = region_hva(r);
	record_op(w, "munmap", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, PS_HOLE, lose);
	if (munmap((void *)(hva + first * GUEST_PAGE_SIZE), region_bytes(r, nr)))
		inject_broken(w, r, "munmap");
	pages_end(r, first, nr, PS_HOLE, lose);

	inject_pause(w, 300);
	inject_answered(w, r, first, nr);

	record_op(w, "mmap", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, lose);
	if (r->ops->map(r, hva, first, nr))
		inject_broken(w, r, "mmap");
	pages_end(r, first, nr, r->mapped, lose);
	inject_fill(w, r, first, nr, lose);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_remap = {
	.name = "remap",
	.describe = "munmap() a range and mmap() it again at the same place",
	.gap_us = 500,
	.step = remap_step,
};
