// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_MEMORY_ATTRIBUTES: private pages are shared with the host for a while. Meanwhile guests find
 * the host's memory at their address, and then a page of guest_memfd again.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: private, by the attribute
 *						shared: start, unmap; attribute; end
 *	mismatch: KVM_EXIT_MEMORY_FAULT
 *	  or, later: is_page_fault_stale()
 *	map a page of the file			<- else the guest goes on in private memory
 *						a hole is punched, or was before: the page is freed
 *						private: start, unmap; attribute; end
 *	access					<- must not find the host's memory any more
 *
 * Both sides begin empty each time, so that there is one content for each generation: what the host had
 * there goes before the page is shared, what the file has goes before it is private again.
 */
#include <sys/mman.h>

#include "injectors/inject.h"

static bool takes_convert(const struct region *r)
{
	return r->ops->guest_only;
}

static const char *convert_unsupported(struct run *run)
{
	return inject_any(run, takes_convert) ? NULL : "no region of memory that can be private";
}

static void punch(struct worker *w, struct region *r, unsigned int first, unsigned int nr)
{
	if (r->ops->zap(r, first, nr))
		inject_broken(w, r, "zap");
}

static void attribute(struct worker *w, struct region *r, unsigned int first, unsigned int nr,
		      bool private)
{
	if (region_set_private(r, first, nr, private))
		inject_broken(w, r, "KVM_SET_MEMORY_ATTRIBUTES");
}

static unsigned int convert_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, 16 | CLAIM_NO_VMA, &first, &nr, takes_convert);
	/* what is not mapped any more is mapped anew at once, what stays mapped must go by itself */
	bool early = rng_next(&w->rng) & 1;

	if (!r)
		return 0;
	if (madvise((void *)(region_hva(r) + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE,
		    MADV_DONTNEED))
		inject_broken(w, r, "MADV_DONTNEED");
	record_op(w, "shared", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, PS_SHARED, true);
	if (early)
		punch(w, r, first, nr);
	attribute(w, r, first, nr, false);
	pages_end(r, first, nr, PS_SHARED, true);
	inject_fill(w, r, first, nr, true);

	inject_pause(w, 2000);
	inject_answered(w, r, first, nr);
	/* again: a fault that was under way may have brought a page back */
	punch(w, r, first, nr);

	record_op(w, "private", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, true);
	attribute(w, r, first, nr, true);
	pages_end(r, first, nr, r->mapped, true);
	/* all of them: nothing is written */
	pages_fill(r, first, nr);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_convert = {
	.name = "convert",
	.describe = "share private pages with the host for a while",
	.gap_us = 500,
	.unsupported = convert_unsupported,
	.step = convert_step,
};
