// SPDX-License-Identifier: GPL-2.0-only
/*
 * The times that KVM itself writes into test pages: the clock through a gfn_to_pfn_cache, stolen time
 * through a gfn_to_hva_cache and the host mapping. They use words of a page that no stamp uses.
 *
 *	this thread, KVM_RUN			injector
 *	--------------------			--------
 *						zap, or another hva behind the gfn
 *	cached: hva, pfn still good?		<- else KVM goes on writing to a page that is gone
 *	write
 *
 * Between two runs, while the page is claimed so that nobody changes anything: is what KVM has written
 * in the meantime in the page that the host has mapped there?
 */
#include <stdio.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "injectors/inject.h"
#include "plugins.h"

#define TURN_EVERY	2
#define MOVE_ODDS	16
#define STAY_ODDS	3
/* For each vCPU 64 bytes, behind the words of all vCPUs; the clock takes half of them. */
#define CLOCK_OFF(v)	(0xa80 + 64 * (v))
#define STEAL_OFF(v)	(0x600 + 64 * (v))

enum time { TIME_CLOCK, TIME_STEAL, NR_TIMES };

static const char * const time_names[] = { "kvmclock", "steal-time" };

/* Where a vCPU's time is, and what its own thread saw there the last time. */
static struct place {
	struct region *r;	/* NULL: nowhere, or nobody knows whether KVM took it */
	unsigned int page, off;
	bool seen;
	uint64_t word;		/* of the page */
	uint32_t version;
} places[GUEST_MAX_VCPUS][NR_TIMES];

/* Whatever the page is: KVM takes any address. Whether it can write there is known of a claimed one. */
static void move(struct worker *w, enum time time)
{
	struct region *r = w->run->region[rng_below(&w->rng, w->run->nr_regions)];
	unsigned int page = rng_next(&w->rng) & 1 ? region_busy_page(r, &w->rng) :
						    rng_below(&w->rng, r->nr);
	unsigned int off = STEAL_OFF(w->id);
	struct place *p = &places[w->id][time];
	uint64_t gpa;
	bool claimed;

	/* the page that it has cached, elsewhere in it */
	if (p->r && !rng_below(&w->rng, STAY_ODDS)) {
		r = p->r;
		page = p->page;
	}
	if (time == TIME_CLOCK)
		off = CLOCK_OFF(w->id) + (rng_next(&w->rng) & 1 ? 32 : 0);
	gpa = r->gpa + page * GUEST_PAGE_SIZE + off;
	if (r->ops->no_vma || region_private(r, page))
		return;
	claimed = region_claim_page(r, page);
	record_op(w, time_names[time], gpa, 1);
	count(w->run->sh, time_names[time], r->ops->name, 1);
	if (time == TIME_CLOCK)
		arch_kvmclock(w->run->vcpu[w->id], gpa);
	else
		arch_steal_time(w->run->vcpu[w->id], gpa);
	*p = (struct place){ .r = NULL };
	if (!claimed)
		return;
	if (pw_new(page_word(r, page)) == PS_MAPPED)
		*p = (struct place){ .r = r, .page = page, .off = off };
	region_release(r, page, 1);
}

static void stale(struct worker *w, enum time time, const struct place *p)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "time-in-stale-page");
	region_failure(&f, p->r, p->page);
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.op, sizeof(f.op), "%s", time_names[time]);
	snprintf(f.expected, sizeof(f.expected), "KVM_RUN writes %s there", time_names[time]);
	snprintf(f.got, sizeof(f.got), "version %u as before it, page word 0x%lx", p->version, p->word);
	fail(w->run->sh, ORACLE_CONTENT, &f, NULL);
}

/* The page is claimed, and a KVM_RUN was between this look at it and the last one. */
static void look(struct worker *w, enum time time, struct place *p)
{
	const void *hva = (void *)(region_hva(p->r) + p->page * GUEST_PAGE_SIZE + p->off);
	uint64_t word = page_word(p->r, p->page);
	bool good = pw_new(word) == PS_MAPPED && pw_old(word) == PS_MAPPED;
	uint32_t version = good ? arch_time_version(hva, time == TIME_STEAL) : 0;

	if (good && p->seen && p->word == word) {
		oracle_checked(w->run, ORACLE_CONTENT, 1);
		count(w->run->sh, time_names[time], "looks", 1);
		if (version == p->version)
			stale(w, time, p);
	}
	p->seen = good;
	p->word = word;
	p->version = version;
}

static void pv_time_turn(struct worker *w)
{
	enum time time;

	for (time = 0; time < NR_TIMES; time++) {
		struct place *p = &places[w->id][time];

		if (!rng_below(&w->rng, MOVE_ODDS)) {
			move(w, time);
		} else if (p->r && region_claim_page(p->r, p->page)) {
			look(w, time, p);
			region_release(p->r, p->page, 1);
		} else {
			p->seen = false;
		}
	}
	/* the clock is written when somebody asks; stolen time by each KVM_RUN */
	if (places[w->id][TIME_CLOCK].r && arch_clock_update(w->run->vcpu[w->id]))
		inject_broken(w, places[w->id][TIME_CLOCK].r, "clock-update");
	worker_progress(w);
}

static void pv_time_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, pv_time_turn);
}

const struct consumer_ops consumer_pv_time = {
	.name = "pv-time",
	.writes = true,
	.describe = "vCPUs, and pages that KVM writes the time to: kvmclock, steal time",
	.run = pv_time_run,
};
