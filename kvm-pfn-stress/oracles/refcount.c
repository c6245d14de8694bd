// SPDX-License-Identifier: GPL-2.0-only
/*
 * References when all is quiet. Pages of the module: exact (core/helper.c). Pages on the LRU: more
 * than mapping, page cache and swap cache explain is a leak if it lasts; LRU batches hold
 * references of their own until they are drained, so the same pfn is looked at again afterwards.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/helper.h"
#include "core/pagemap.h"
#include "core/poison.h"
#include "core/proc.h"
#include "core/region.h"
#include "oracles/quiet.h"
#include "plugins.h"

#define TRIES		5
#define MAX_PAGES	256u	/* of one region; a leak is not choosy about pages */
#define MAX_WRONG	8	/* of one region: each was waited for */

static int lru_refs(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn)
{
	struct pfnh_pfn p = { 0 };
	int want;

	p.pfn = poison_pfn_of(region_hva(r) + page * GUEST_PAGE_SIZE);
	if (!p.pfn || helper_pfn(r->run->helper_fd, &p) || (p.flags & PFNH_PG_ZERO))
		return 0;
	if (!p.mapcount && !(p.flags & PFNH_PG_ANON))
		return 0;	/* the huge zero page: mapped, and counts no mappings */
	*pfn = p.pfn;
	want = p.mapcount;
	/* page cache and swap cache hold a reference for each page of a folio, buffers one */
	if (!(p.flags & PFNH_PG_ANON) || (p.flags & PFNH_PG_SWAPCACHE))
		want += r->ops->granule > 1 ? 1 : 1 << (p.flags >> PFNH_PG_ORDER_SHIFT);
	want += !!(p.flags & PFNH_PG_PRIVATE);
	if (p.refcount == want)
		return 0;
	snprintf(buf, len, "refcount %d, not %d (mapcount %d, pfn 0x%llx)", p.refcount, want,
		 p.mapcount, p.pfn);
	return p.refcount > want ? 1 : -1;
}

int refcount_diff(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn)
{
	uint64_t first = 0;
	unsigned int try;
	int diff = 0;

	*pfn = 0;
	for (try = 0; try < TRIES; try++) {
		diff = (r->ops->refs ? r->ops->refs : lru_refs)(r, page, buf, len, pfn);
		if (!try)
			first = *pfn;
		if (!diff || r->ops->refs || *pfn != first)
			break;
		/*
		 * drop_caches drains as well (drop_caches_sysctl_handler(), 5.19), but then puts the
		 * pages of files that are in use into a batch of its own (deactivate_file_folio())
		 */
		if (!pagemap_drain(region_hva(r) + page * GUEST_PAGE_SIZE))
			proc_write("/proc/sys/vm/drop_caches", "1");
		usleep(20000 << try);
	}
	oracle_checked(r->run, ORACLE_REFCOUNT, 1);
	return *pfn == first ? diff : 0;
}

/* Returns false if the page has other references than it must have. */
static bool check_page(struct region *r, unsigned int page)
{
	struct failure f = { 0 };
	uint64_t pfn;
	int diff = refcount_diff(r, page, f.got, sizeof(f.got), &pfn);

	if (!diff)
		return true;
	snprintf(f.rule, sizeof(f.rule), diff > 0 ? "reference-leak" : "reference-underflow");
	region_failure(&f, r, page);
	snprintf(f.expected, sizeof(f.expected), "only the references that mappings explain");
	f.pfn = pfn;
	fail(r->run->sh, ORACLE_REFCOUNT, &f, NULL);
	return false;
}

void refcount_check(struct run *run)
{
	unsigned int i, p, nr, wrong;

	if (run->helper_fd < 0) {
		snprintf(run->sh->oracle[ORACLE_REFCOUNT].skip,
			 sizeof(run->sh->oracle[ORACLE_REFCOUNT].skip),
			 "reference counts need the helper module");
		return;
	}
	proc_write("/proc/sys/vm/drop_caches", "1");
	for (i = 0; i < run->nr_regions; i++) {
		nr = run->region[i]->nr < MAX_PAGES ? run->region[i]->nr : MAX_PAGES;
		for (p = wrong = 0; p < nr && wrong < MAX_WRONG; p++)
			wrong += !check_page(run->region[i], p);
	}
}
