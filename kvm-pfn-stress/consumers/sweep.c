// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads that touch every page of their part once, in order, and then drop the part and start
 * over: nothing but faults, as upstream's demand_paging_test makes them. For the rate.
 */
#include <sys/mman.h>

#include "core/region.h"
#include "consumers/vcpu.h"
#include "oracles/outcome.h"
#include "plugins.h"

static void sweep_run(struct worker *w)
{
	struct run *run = w->run;
	struct guest_vcpu *g = &run->ctl->vcpu[w->id];
	struct region *r = run->region[0];
	unsigned int first = run->nr_pages * w->id / run->nr_vcpus;
	unsigned int nr = run->nr_pages * (w->id + 1) / run->nr_vcpus - first;

	g->sweep = 1;
	for (;;) {
		uint64_t t = now_ns();
		int what = vcpu_step(w);

		if (what == SYNC_REPORT)
			content_report(w);
		if (what != SYNC_SWEEP || run_stopping(run))
			return;
		atomic_fetch_add(&run->sh->sweep_ns, now_ns() - t);
		atomic_fetch_add(&run->sh->sweep_pages, nr);
		pages_begin(r, first, nr, r->mapped, true);
		madvise((void *)(region_hva(r) + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE,
			MADV_DONTNEED);
		pages_end(r, first, nr, r->mapped, true);
	}
}

const struct consumer_ops consumer_sweep = {
	.name = "sweep",
	.describe = "vCPUs touch each page once, drop them all, and start over",
	.run = sweep_run,
};
