// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages become equal and ksmd merges them; guest stores break that again, one page at a time.
 * Stamps of two pages are never equal, so the pages are zeroed first (their content is lost) and
 * kept from stores by mprotect(PROT_READ) until ksmd has been there twice.
 *
 *	vCPU					ksmd
 *	----					----
 *	load: page mapped
 *						write-protect: start, end; compare
 *						replace by the shared page: start, end
 *	is_page_fault_stale()? must be true
 *	(mprotect(): writable again)
 *	store: fault, copy, map the copy	<- else all pages that share it get the store
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/pagemap.h"
#include "injectors/inject.h"

#define KSM		"/sys/kernel/mm/ksm/"
#define MAX_MERGE	16
#define MERGE_MS	250	/* three rounds of ksmd, which waits for all CPUs in each */

static char why_not[96];

static bool takes_ksm(const struct region *r)
{
	return inject_private(r) && r->mapped == PS_MAPPED && r->ops->granule <= 1;
}

/* smart_scan (6.7) leaves pages alone that could not be merged lately. */
static void ksm_start(struct worker *w)
{
	struct shared *sh = w->run->sh;

	why_not[0] = 0;
	knob_set(sh, KSM "smart_scan", "0", NULL, 0);
	/* the zero page instead of one of KSM's own, in every other run */
	knob_set(sh, KSM "use_zero_pages", rng_next(&w->rng) & 1 ? "1" : "0", NULL, 0);
	if (knob_set(sh, KSM "sleep_millisecs", "2", why_not, sizeof(why_not)) &&
	    knob_set(sh, KSM "pages_to_scan", "2000", why_not, sizeof(why_not)))
		knob_set(sh, KSM "run", "1", why_not, sizeof(why_not));
}

static const char *ksm_unsupported(struct run *run)
{
	if (why_not[0])
		return why_not;
	return inject_any(run, takes_ksm) ? NULL : "no private memory that guests may write";
}

/* Word by word, as guests read: memset() goes by bytes, and half a stamp is none (RULE_TORN). */
static void zero(uint64_t hva, size_t size)
{
	size_t off;

	for (off = 0; off < size; off += sizeof(uint64_t))
		__atomic_store_n((uint64_t *)(hva + off), 0, __ATOMIC_RELAXED);
}

/* How many pages of the range are shared: with each other, or with the same pages elsewhere. */
static unsigned int merged(uint64_t hva, unsigned int nr)
{
	uint64_t e[MAX_MERGE];
	unsigned int i, n = 0;

	pagemap_read(hva, nr, e);
	for (i = 0; i < nr; i++)
		n += pm_pfn(e[i]) && !(e[i] & PM_EXCLUSIVE);
	return n;
}

static unsigned int ksm_step(struct worker *w)
{
	unsigned int first, nr, n = 0;
	struct region *r = inject_claim(w, MAX_MERGE, &first, &nr, takes_ksm);
	uint64_t hva, gpa, until;
	size_t size;

	if (!r)
		return 0;
	hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	gpa = r->gpa + first * GUEST_PAGE_SIZE;
	size = nr * GUEST_PAGE_SIZE;
	record_op(w, "zeroed, mergeable", gpa, nr);
	/* what guests store before the mprotect() is of no known generation: they forget it */
	pages_begin(r, first, nr, PS_READONLY, true);
	zero(hva, size);
	if (madvise((void *)hva, size, MADV_MERGEABLE) || mprotect((void *)hva, size, PROT_READ))
		inject_broken(w, r, "MADV_MERGEABLE");
	pages_end(r, first, nr, PS_READONLY, true);

	for (until = now_ns() + MERGE_MS * 1000000ull; n < nr && now_ns() < until;) {
		if (run_stopping(w->run))
			break;
		usleep(2000);
		worker_progress(w);
		n = merged(hva, nr);
	}

	record_op(w, "writable", gpa, nr);
	pages_begin(r, first, nr, r->mapped, false);
	if (mprotect((void *)hva, size, PROT_READ | PROT_WRITE))
		inject_broken(w, r, "mprotect");
	pages_end(r, first, nr, r->mapped, false);
	inject_pause(w, 1000);
	inject_fill(w, r, first, nr, true);
	region_release(r, first, nr);
	return n;
}

const struct injector_ops injector_ksm = {
	.name = "ksm",
	.describe = "make pages equal, let ksmd merge them, let guests write them again",
	.gap_us = 500,
	.unsupported = ksm_unsupported,
	.start = ksm_start,
	.step = ksm_step,
};
