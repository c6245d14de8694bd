// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_SOFT_OFFLINE: the kernel moves the content elsewhere and takes the old page out of use.
 * Guests must not notice; the old page has PG_hwpoison and is unpoisoned afterwards.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						isolate, migrate: start, move, end
 *	is_page_fault_stale()? must be true
 *	map pfn					<- else stores go to a page that is out of use
 */
#include <errno.h>
#include <sys/mman.h>

#include "core/pagemap.h"
#include "core/poison.h"
#include "injectors/inject.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

/* hugetlb pages are dissolved or replaced whole, by others of a small pool. */
static bool takes_offline(const struct region *r)
{
	return inject_movable(r) && r->ops->granule <= 1;
}

static const char *soft_offline_unsupported(struct run *run)
{
	const char *why = poison_unsupported();

	if (why)
		return why;
	return inject_any(run, takes_offline) ? NULL : "no pages that can be moved one by one";
}

static unsigned int soft_offline_step(struct worker *w)
{
	unsigned int page, nr;
	struct region *r = inject_claim(w, 1, &page, &nr, takes_offline);
	uint64_t hva, gpa, before;
	bool moved = false;
	int slot;

	if (!r)
		return 0;
	hva = region_hva(r) + page * GUEST_PAGE_SIZE;
	gpa = r->gpa + page * GUEST_PAGE_SIZE;
	/* ksmd must not put another page there between this look and the call */
	madvise((void *)hva, GUEST_PAGE_SIZE, MADV_UNMERGEABLE);
	pagemap_read(hva, 1, &before);
	/* the zero page and KSM's pages belong to others, too */
	slot = -1;
	if (pm_pfn(before) && (before & PM_EXCLUSIVE))
		slot = poison_note(w->run->sh, pm_pfn(before));
	if (slot >= 0) {
		record_op(w, "MADV_SOFT_OFFLINE", gpa, 1);
		pages_begin(r, page, 1, r->mapped, false);
		/* a page that is in use by somebody else right now stays: EBUSY, EIO */
		if (!madvise((void *)hva, GUEST_PAGE_SIZE, MADV_SOFT_OFFLINE))
			moved = pagemap_moved(hva, 1, &before);
		pages_end(r, page, 1, r->mapped, false);
		/* EBUSY while somebody holds the old page: the supervisor tries again */
		poison_undo(w->run->sh, slot, poison_is(w->run->helper_fd, pm_pfn(before), moved));
	}
	region_release(r, page, 1);
	return moved;
}

const struct injector_ops injector_soft_offline = {
	.name = "soft-offline",
	/* reclaim and compaction put another page there between the look and the call */
	.apart = "memcg misaligned thp thp-edges",
	.describe = "MADV_SOFT_OFFLINE a page in use: its content moves to another one",
	.gap_us = 3000,
	.unsupported = soft_offline_unsupported,
	.step = soft_offline_step,
};
