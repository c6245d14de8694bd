// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_DONTNEED: the PTEs go, the VMA stays.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						madvise(): invalidate_range_start, zap, end
 *	map pfn, unless the fault is stale	next access: a zeroed page (anon), the same page (file)
 */
#include <sys/mman.h>

#include "injectors/inject.h"

static bool takes_dontneed(const struct region *r)
{
	return r->ops->dontneed != DONTNEED_REFUSED;
}

static const char *dontneed_unsupported(struct run *run)
{
	return inject_any(run, takes_dontneed) ? NULL : "no region takes MADV_DONTNEED (VM_PFNMAP)";
}

static unsigned int dontneed_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, 16 | CLAIM_HUGE, &first, &nr, takes_dontneed);
	bool lose;

	if (!r)
		return 0;
	lose = r->ops->dontneed == DONTNEED_LOSES;
	record_op(w, "MADV_DONTNEED", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, lose);
	if (madvise((void *)(region_hva(r) + first * GUEST_PAGE_SIZE), region_bytes(r, nr),
		    MADV_DONTNEED))
		inject_broken(w, r, "MADV_DONTNEED");
	pages_end(r, first, nr, r->mapped, lose);
	inject_fill(w, r, first, nr, lose);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_dontneed = {
	.name = "dontneed",
	.describe = "MADV_DONTNEED a range",
	.gap_us = 300,
	.unsupported = dontneed_unsupported,
	.step = dontneed_step,
};
