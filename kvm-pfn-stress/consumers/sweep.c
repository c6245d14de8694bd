// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads that touch every page of their part once, in order; when all are through, the last
 * one drops everything and they start over: nothing but faults, as upstream's demand_paging_test
 * makes them. For the rate.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "core/region.h"
#include "consumers/vcpu.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define POLL_US	200

static atomic_uint swept;	/* sweeps that have ended, of all vCPUs */
static atomic_uint dropped;	/* how often the region was dropped */

static void drop(struct region *r)
{
	pages_begin(r, 0, r->nr, r->mapped, true);
	madvise((void *)region_hva(r), r->nr * GUEST_PAGE_SIZE, MADV_DONTNEED);
	pages_end(r, 0, r->nr, r->mapped, true);
	atomic_fetch_add(&dropped, 1);
}

static void sweep_run(struct worker *w)
{
	struct run *run = w->run;
	unsigned int nr = run->nr_pages * (w->id + 1) / run->nr_vcpus -
			  run->nr_pages * w->id / run->nr_vcpus;
	unsigned int round;

	run->ctl->vcpu[w->id].sweep = 1;
	for (round = 0;; round++) {
		uint64_t t = now_ns();
		int what = vcpu_step(w);

		if (what == SYNC_REPORT)
			content_report(w);
		if (what != SYNC_SWEEP || run_stopping(run))
			return;
		atomic_fetch_add(&run->sh->sweep_ns, now_ns() - t);
		atomic_fetch_add(&run->sh->sweep_pages, nr);
		if (atomic_fetch_add(&swept, 1) + 1 == (round + 1) * run->nr_vcpus)
			drop(run->region[0]);
		atomic_store(&w->ws->phase, W_WAIT);
		while (atomic_load(&dropped) <= round && !run_stopping(run))
			usleep(POLL_US);
		atomic_store(&w->ws->phase, W_BUSY);
	}
}

const struct consumer_ops consumer_sweep = {
	.name = "sweep",
	.describe = "vCPUs touch each page once, drop them all, and start over",
	.run = sweep_run,
};
