// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages are made of small ones and split into small ones again, below the guest:
 * MADV_COLLAPSE, khugepaged, and debugfs' split_huge_pages. The content stays.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn of a small page
 *						collapse: start, clear the PMD, copy 512 pages, end
 *	is_page_fault_stale()? must be true
 *	level = host_pfn_mapping_level()	the host's mapping is huge, or no longer is
 *	map 2 MiB				<- with a level of before: 511 strange pages
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/pagemap.h"
#include "core/proc.h"
#include "injectors/inject.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25	/* 6.1 */
#endif

#define SPLIT		"/sys/kernel/debug/split_huge_pages"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define KPF_THP		(1ull << 22)
#define HUGE		512u
#define HUGE_SIZE	(HUGE * GUEST_PAGE_SIZE)

static bool takes_thp(const struct region *r)
{
	return inject_private(r) && r->ops->granule <= 1 && r->ops->huge == HUGE && r->nr >= HUGE;
}

/* khugepaged collapses as well if it may; that is nothing that this injector counts. */
static void thp_start(struct worker *w)
{
	struct shared *sh = w->run->sh;

	knob_set(sh, KHUGEPAGED "scan_sleep_millisecs", "20", NULL, 0);
	knob_set(sh, KHUGEPAGED "alloc_sleep_millisecs", "20", NULL, 0);
	knob_set(sh, KHUGEPAGED "pages_to_scan", "4096", NULL, 0);
}

static const char *thp_unsupported(struct run *run)
{
	if (access("/proc/kpageflags", R_OK))
		return "/proc/kpageflags is not there: CONFIG_PROC_PAGE_MONITOR";
	return inject_any(run, takes_thp) ? NULL : "no region that the host may map huge";
}

/* Is the page at @hva part of a transparent huge page? */
static bool is_huge(uint64_t hva)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t e, flags = 0;

	pagemap_read(hva, 1, &e);
	if (fd < 0 || pread(fd, &flags, sizeof(flags), pm_pfn(e) * sizeof(flags)) != sizeof(flags))
		flags = 0;
	if (fd >= 0)
		close(fd);
	return pm_pfn(e) && (flags & KPF_THP);
}

static bool collapse(struct worker *w, struct region *r, uint64_t at, unsigned int page)
{
	record_op(w, "MADV_COLLAPSE", r->gpa + page * GUEST_PAGE_SIZE, HUGE);
	pages_begin(r, page, HUGE, r->mapped, false);
	/* refused while somebody holds one of the pages, or with the VMA split */
	madvise((void *)at, HUGE_SIZE, MADV_COLLAPSE);
	pages_end(r, page, HUGE, r->mapped, false);
	return is_huge(at);
}

static bool split(struct worker *w, struct region *r, uint64_t at, unsigned int page)
{
	char text[80];

	record_op(w, "split_huge_pages", r->gpa + page * GUEST_PAGE_SIZE, HUGE);
	pages_begin(r, page, HUGE, r->mapped, false);
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), at, at + HUGE_SIZE);
	proc_write(SPLIT, text);
	pages_end(r, page, HUGE, r->mapped, false);
	return !is_huge(at);
}

static unsigned int thp_step(struct worker *w)
{
	unsigned int first, nr, page;
	struct region *r = inject_claim(w, 16 | CLAIM_HUGE, &first, &nr, takes_thp);
	bool done = false;

	if (!r)
		return 0;
	/* huge pages begin at multiples of their size, whatever the region's address */
	page = (HUGE - (region_hva(r) / GUEST_PAGE_SIZE + first) % HUGE) % HUGE + first;
	if (page + HUGE <= first + nr) {
		uint64_t at = region_hva(r) + page * GUEST_PAGE_SIZE;

		done = is_huge(at) ? split(w, r, at, page) : collapse(w, r, at, page);
	}
	region_release(r, first, nr);
	return done;
}

const struct injector_ops injector_thp = {
	.name = "thp",
	.describe = "make huge pages of small ones (MADV_COLLAPSE) and split them again",
	.gap_us = 1000,
	.unsupported = thp_unsupported,
	.start = thp_start,
	.step = thp_step,
};
