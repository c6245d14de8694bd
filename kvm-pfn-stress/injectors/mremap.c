// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap() a range away and back: it is a hole meanwhile, and the content comes back with it. Or
 * with MREMAP_DONTUNMAP: the pages go and do not come back, the VMA stays and faults in others.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						mremap(): start, move the PTEs, end
 *	is_page_fault_stale()? must be true
 *	map pfn					<- else the guest reaches a page that has moved away
 *						the moved pages are still ours to look at: private
 *						ones must keep what they hold
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "injectors/inject.h"

#define MAX_MOVE	STILL_PAGES

/* What mremap() does to driver mappings is the driver's business. */
static bool takes_mremap(const struct region *r)
{
	return inject_movable(r) && r->ops->granule <= 1;
}

static const char *mremap_unsupported(struct run *run)
{
	return inject_any(run, takes_mremap) ? NULL : "no pages that can be moved one by one";
}

/*
 * A range that others have split into several VMAs moves page by page: mremap() refuses it as a
 * whole (EFAULT from vma_to_resize() until 6.16). Returns false with errno.
 */
static bool move(uint64_t from, uint64_t to, unsigned int nr, int flags)
{
	uint64_t size = nr * GUEST_PAGE_SIZE;
	unsigned int i;

	flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
	if (mremap((void *)from, size, size, flags, (void *)to) != MAP_FAILED)
		return true;
	if (nr == 1 || errno != EFAULT)
		return false;
	for (i = 0; i < nr; i++)
		if (!move(from + i * GUEST_PAGE_SIZE, to + i * GUEST_PAGE_SIZE, 1, flags))
			return false;
	return true;
}

/* Pages that moved away for a while. */
struct away {
	uint64_t hva;		/* a place that nobody else gets, from the first step on */
	struct still still;
};

static void check_still(struct worker *w, struct region *r, unsigned int first)
{
	struct away *a = w->priv;
	unsigned int page, off;

	oracle_checked(w->run, ORACLE_CANARY, a->still.nr);
	if (still_look(&a->still, a->hva, &page, &off))
		inject_written(w, r, first + page, "moved-page-written", off,
			       a->still.word[page][off == PAGE_FILL_OFF ? 0 : off / 64],
			       *(volatile uint64_t *)(a->hva + page * GUEST_PAGE_SIZE + off));
}

static void mremap_start(struct worker *w)
{
	w->priv = calloc(1, sizeof(struct away));
}

static void mremap_stop(struct worker *w)
{
	free(w->priv);
}

static unsigned int mremap_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, MAX_MOVE, &first, &nr, takes_mremap);
	bool dontunmap = rng_below(&w->rng, 3) == 0, lose;
	struct away *a = w->priv;
	enum page_state state;
	uint64_t here, gpa;

	if (!r)
		return 0;
	a->hva = region_parking_hva(r);
	here = region_hva(r) + first * GUEST_PAGE_SIZE;
	gpa = r->gpa + first * GUEST_PAGE_SIZE;
	lose = dontunmap && r->ops->dontneed == DONTNEED_LOSES;
	state = dontunmap ? r->mapped : PS_HOLE;

	record_op(w, dontunmap ? "mremap DONTUNMAP" : "mremap away", gpa, nr);
	pages_begin(r, first, nr, state, lose);
	if (!move(here, a->hva, nr, dontunmap ? MREMAP_DONTUNMAP : 0))
		inject_broken(w, r, "mremap");
	pages_end(r, first, nr, state, lose);
	if (inject_private(r))
		still_take(&a->still, r, first, a->hva, nr);

	inject_pause(w, 300);
	if (!dontunmap)
		inject_answered(w, r, first, nr);
	if (inject_private(r))
		check_still(w, r, first);

	if (dontunmap) {
		munmap((void *)a->hva, nr * GUEST_PAGE_SIZE);
	} else {
		record_op(w, "mremap back", gpa, nr);
		pages_begin(r, first, nr, r->mapped, false);
		if (!move(a->hva, here, nr, 0))
			inject_broken(w, r, "mremap");
		pages_end(r, first, nr, r->mapped, false);
	}
	inject_fill(w, r, first, nr, lose);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_mremap = {
	.name = "mremap",
	.describe = "mremap() a range away and back, or its pages only",
	.gap_us = 500,
	.unsupported = mremap_unsupported,
	.start = mremap_start,
	.stop = mremap_stop,
	.step = mremap_step,
};
