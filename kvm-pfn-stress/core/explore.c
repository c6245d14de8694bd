// SPDX-License-Identifier: GPL-2.0-only
/*
 *	explorer	fault					invalidation
 *	--------	-----					------------
 *	free		as it comes				as it comes
 *	meet		waits with its pfn for the begin	waits for such a fault, and mostly takes
 *			of the next one, and goes on with it	its page
 *	end		the same, and goes on with the end	the same
 *	sample		waits for the begin, and a moment	the same
 *			longer: all offsets are equally likely
 *	delay		is held up with its pfn, log-uniform	of pages that vCPUs are at
 *
 * A gfn_to_pfn_cache that is refreshed is treated like a fault, and now and then an invalidation is
 * held up between the caches and mmu_invalidate_begin().
 *
 * All but the first make the time between hva_to_pfn() and mmu_lock long, where a retry check that
 * is missing or wrong shows. They cost throughput, on which other bugs depend: so free has a third of
 * all turns, whatever the others earn. Those that meet are mostly together on one CPU: neither side then
 * waits for another CPU to wake up, which takes a loaded host (and an emulator on it) milliseconds. What
 * each earns: docs/architecture.md. Two more were tried and dropped: free with aimed invalidations, and
 * a vCPU that gets what others leave it of a CPU.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "core/explore.h"
#include "core/region.h"
#include "plugins.h"

#define DELAY_HOOKS	(PFNH_HOOK(PFNH_HVA_TO_PFN) | PFNH_HOOK(PFNH_GUP_FAST) | \
			 PFNH_HOOK(PFNH_GUP) | PFNH_HOOK(PFNH_FOLLOW) | \
			 PFNH_HOOK(PFNH_FAULTIN) | PFNH_HOOK(PFNH_INVALIDATE) | \
			 PFNH_HOOK(PFNH_INVALIDATE_END))

struct explorer {
	char letter;
	bool aim;
	bool delays;			/* needs PFNH_DELAY */
	uint32_t flags, max_us;
	uint32_t often;			/* in a million, at least */
};

static const struct explorer explorers[] = {
	{ .letter = 'f' },						/* free */
	{ .letter = 'm', .aim = true, .delays = true, .max_us = 2000,	/* meet */
	  .flags = PFNH_DELAY_MEET, .often = 600000 },
	{ .letter = 'e', .aim = true, .delays = true, .max_us = 2000,	/* end */
	  .flags = PFNH_DELAY_MEET | PFNH_DELAY_END, .often = 600000 },
	{ .letter = 's', .aim = true, .delays = true, .max_us = 2000,	/* sample */
	  .flags = PFNH_DELAY_MEET | PFNH_DELAY_SAMPLE, .often = 600000 },
	{ .letter = 'd', .aim = true, .delays = true, .max_us = 2000,	/* delay */
	  .often = 300000 },
};

/* Where else than at PFNH_AT_PFN. Without those hooks the explorers do as well as they can. */
#define GPC_HOOKS	(PFNH_HOOK(PFNH_GPC) | PFNH_HOOK(PFNH_GPC_INVALIDATE))
#define GPC_INVALID_US	300
#define GPC_INVALID_OFTEN 200000

#define NR_OURS	(sizeof(explorers) / sizeof(*explorers))
_Static_assert(NR_OURS <= NR_EXPLORERS, "sh->earned is too short");

static struct {
	const struct explorer *now;
	uint64_t since_ns;
	struct near_misses before;
	bool delays;			/* the hooks for them are there */
	bool gpc;			/* those of pfncaches as well */
} turn;

/* What a turn is worth: what took the very page away from under a fault most of all. */
static double worth(const struct near_misses *now, const struct near_misses *before)
{
	return 8.0 * (now->here - before->here) + (now->hits - before->hits) +
	       (now->roots - before->roots);
}

static bool possible(struct run *run, const struct explorer *e)
{
	if (!run->sc->nr_injectors || run->helper_fd < 0)
		return e == &explorers[0];
	return !e->delays || turn.delays;
}

void explore_start(struct run *run)
{
	struct pfnh_arm arm = { .hooks = DELAY_HOOKS };
	struct pfnh_arm slots = { .hooks = PFNH_HOOK(PFNH_FLUSH_SLOT) };
	struct pfnh_arm gpc = { .hooks = GPC_HOOKS };
	unsigned int i;

	turn.delays = run->helper_fd >= 0 && run->sc->nr_injectors && !run->delays &&
		      !ioctl(run->helper_fd, PFNH_ARM, &arm);
	if (turn.delays) {
		ioctl(run->helper_fd, PFNH_ARM, &slots);	/* better with them */
		turn.gpc = !ioctl(run->helper_fd, PFNH_ARM, &gpc);
	}
	if (!atomic_load(&run->sh->nr_explored))
		for (i = 0; i < NR_OURS; i++)
			run->sh->earned[i] = -1;
}

static const struct explorer *by_letter(char letter)
{
	unsigned int i;

	for (i = 0; i < NR_OURS; i++)
		if (explorers[i].letter == letter)
			return &explorers[i];
	return &explorers[0];
}

/*
 * Each once, beginning with any; then free a third of the time, any now and then, else the one that
 * earned most.
 */
static const struct explorer *choose(struct run *run, struct rng *rng)
{
	const struct explorer *best = &explorers[0];
	unsigned int i, dice = rng_below(rng, 6);

	for (i = 0; i < NR_OURS; i++) {
		const struct explorer *e = &explorers[(run->seed + i) % NR_OURS];

		if (run->sh->earned[e - explorers] < 0 && possible(run, e))
			return e;
	}
	if (dice < 2)
		return best;
	if (dice == 2)
		best = &explorers[rng_below(rng, NR_OURS)];
	for (i = 0; i < NR_OURS && dice > 2; i++)
		if (possible(run, &explorers[i]) &&
		    run->sh->earned[i] > run->sh->earned[best - explorers])
			best = &explorers[i];
	return possible(run, best) ? best : &explorers[0];
}

/* max_us 0: none */
static void set_delays(struct run *run, struct pfnh_delay *d)
{
	d->point = PFNH_AT_PFN;
	ioctl(run->helper_fd, PFNH_DELAY, d);
	if (!turn.gpc)
		return;
	d->point = PFNH_AT_GPC;
	ioctl(run->helper_fd, PFNH_DELAY, d);
	d->point = PFNH_AT_GPC_INVALID;
	if (d->max_us) {
		d->flags = 0;
		d->min_us = 1;
		d->max_us = GPC_INVALID_US;
		d->policy.n = GPC_INVALID_OFTEN;
	}
	ioctl(run->helper_fd, PFNH_DELAY, d);
}

void explore_stop(struct run *run)
{
	struct pfnh_delay off = { 0 };
	unsigned int i = turn.now - explorers;
	double earned;

	if (!turn.now)
		return;
	if (turn.now->delays)
		set_delays(run, &off);
	atomic_store(&run->aim, false);
	atomic_store(&run->meet, false);
	run->together = false;
	earned = worth(&run->sh->near, &turn.before) * 1e9 / (now_ns() - turn.since_ns + 1);
	run->sh->earned[i] = run->sh->earned[i] > 0 ? run->sh->earned[i] * 0.7 + earned * 0.3 : earned;
	turn.now = NULL;
}

void explore_turn(struct run *run, const char *record)
{
	unsigned int nr = atomic_load(&run->sh->nr_explored);
	const struct explorer *e;
	struct rng rng;

	explore_stop(run);
	rng_seed(&rng, run->seed, 5000 + nr);
	e = choose(run, &rng);
	if (record && nr < strlen(record))
		e = by_letter(record[nr]);
	if (!possible(run, e))
		e = &explorers[0];
	rng_seed(&rng, run->seed, 6000 + nr);	/* how many numbers were drawn above is open */

	atomic_store(&run->aim, e->aim);
	if (e->delays) {
		struct pfnh_delay d = {
			.min_us = 1, .flags = e->flags,
			.max_us = e->flags ? e->max_us : rng_log(&rng, e->max_us),
			.seed = rng_next(&rng),
			/* not all, so that a vCPU that meets them again and again gets on */
			.policy = { PFNH_RANDOM, e->often + rng_below(&rng, 950000 - e->often), 0 },
		};

		if (d.flags)
			d.min_us = d.max_us;
		atomic_store(&run->meet, d.flags & PFNH_DELAY_MEET);
		run->together = d.flags && rng_below(&rng, 4);
		set_delays(run, &d);
	}
	if (run->sh->earned[e - explorers] < 0)
		run->sh->earned[e - explorers] = 0;	/* tried, also if it is killed */
	turn.now = e;
	turn.since_ns = now_ns();
	turn.before = run->sh->near;
	if (nr < EXPLORED_MAX - 1) {
		run->sh->explored[nr] = e->letter;
		atomic_store(&run->sh->nr_explored, nr + 1);
	}
}
