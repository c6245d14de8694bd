// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect() to PROT_NONE or PROT_READ, and back. The content stays.
 *
 *	vCPU					this thread
 *	----					-----------
 *	store: pfn, writable = hva_to_pfn(hva)
 *						mprotect(PROT_READ): start, write-protect, end
 *	map writable, unless the fault is stale	<- else stores go on
 */
#include <sys/mman.h>

#include "injectors/inject.h"

static unsigned int mprotect_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, 8 | CLAIM_HUGE, &first, &nr, NULL);
	int prot = rng_next(&w->rng) & 1 ? PROT_READ : PROT_NONE;
	int back = PROT_READ | (r && r->ops->read_only ? 0 : PROT_WRITE);
	enum page_state to;
	void *at;

	if (!r)
		return 0;
	at = (void *)(region_hva(r) + first * GUEST_PAGE_SIZE);
	to = prot == PROT_NONE ? PS_NOACCESS : PS_READONLY;
	record_op(w, prot == PROT_NONE ? "mprotect NONE" : "mprotect READ",
		  r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, to, false);
	if (mprotect(at, region_bytes(r, nr), prot))
		inject_broken(w, r, "mprotect");
	pages_end(r, first, nr, to, false);

	inject_pause(w, 300);
	inject_answered(w, r, first, nr);

	record_op(w, "mprotect back", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, false);
	if (mprotect(at, region_bytes(r, nr), back))
		inject_broken(w, r, "mprotect");
	pages_end(r, first, nr, r->mapped, false);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_mprotect = {
	.name = "mprotect",
	.describe = "take write or all access away by mprotect(), and give it back",
	.gap_us = 500,
	.step = mprotect_step,
};
