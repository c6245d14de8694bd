// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver takes its pages back: unmap_mapping_range(), as vfio and GPU drivers do. No mmap_lock.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fixup_user_fault(): handler inserts PTE
 *						unmap_mapping_range(): start, zap, end
 *	follow_pfnmap_start(): no PTE		<- suspicion S1: EFAULT
 *	  or, later: is_page_fault_stale()
 *						the old page gets the canary: nobody may write it
 */
#include <errno.h>
#include <stdio.h>

#include "injectors/inject.h"
#include "oracles/quiet.h"

static bool takes_zap(const struct region *r)
{
	return r->ops->zap;
}

static const char *zap_unsupported(struct run *run)
{
	return inject_any(run, takes_zap) ? NULL : "no region of the helper module's pages";
}

/* The module can't put other pages in their place: somebody holds or wrote all that it has retired. */
static void no_spare_pages(struct worker *w, struct region *r)
{
	struct failure f = { 0 };

	canary_check(w->run);
	if (run_stopping(w->run))
		return;
	snprintf(f.rule, sizeof(f.rule), "retired-pages-held");
	snprintf(f.backing, sizeof(f.backing), "%s", r->ops->name);
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.expected, sizeof(f.expected), "pages that were taken away have their own reference");
	snprintf(f.got, sizeof(f.got), "the references of all of them are more or less");
	fail(w->run->sh, ORACLE_REFCOUNT, &f, NULL);
}

static unsigned int zap_step(struct worker *w)
{
	unsigned int first, nr;
	struct region *r = inject_claim(w, 16 | CLAIM_HUGE | CLAIM_NO_VMA, &first, &nr, takes_zap);
	enum page_state after;
	int err;

	if (!r)
		return 0;
	after = r->ops->zap_holes ? PS_HOLE : r->mapped;
	record_op(w, "zap", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, after, true);
	err = r->ops->zap(r, first, nr);
	if (err == -ENOSPC) {
		pages_end(r, first, nr, r->mapped, false);
		region_release(r, first, nr);
		no_spare_pages(w, r);
		return 0;
	}
	if (err == -ENOMEM) {	/* of a whole block of pages */
		pages_end(r, first, nr, r->mapped, false);
		region_release(r, first, nr);
		return 0;
	}
	if (err)
		inject_broken(w, r, "zap");
	pages_end(r, first, nr, after, true);
	if (r->ops->zap_holes) {
		inject_pause(w, 300);
		inject_answered(w, r, first, nr);
		record_op(w, "mmap", r->gpa + first * GUEST_PAGE_SIZE, nr);
		pages_begin(r, first, nr, r->mapped, true);
		if (r->ops->map(r, region_hva(r), first, nr))
			inject_broken(w, r, "mmap");
		pages_end(r, first, nr, r->mapped, true);
	}
	inject_fill(w, r, first, nr, true);
	region_release(r, first, nr);
	return nr;
}

const struct injector_ops injector_zap = {
	.name = "zap",
	.describe = "the module takes pages away below all mappings and puts others in their place",
	.gap_us = 300,
	.unsupported = zap_unsupported,
	.step = zap_step,
};
