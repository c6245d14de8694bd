// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/proc.h"
#include "injectors/inject.h"

/* The page that a fault waits for us with, or that some vCPU accesses right now, or did last. */
static bool aim_at(struct worker *w, struct region **r, unsigned int *at)
{
	struct run *run = w->run;
	struct guest_vcpu *g = &run->ctl->vcpu[rng_below(&w->rng, run->nr_vcpus)];
	struct region *there = w->target ? region_of_hva(run, w->target) : NULL;
	uint64_t page = __atomic_load_n(&g->page, __ATOMIC_RELAXED);
	unsigned int i;

	if (there) {
		uint64_t off = (w->target - region_hva(there)) / GUEST_PAGE_SIZE;

		if (off < there->nr) {		/* else it has moved */
			*r = there;
			*at = off;
			return true;
		}
	}
	for (i = 0; i < run->nr_regions; i++) {
		*r = run->region[i];
		if (page < (*r)->base || page >= (*r)->base + (*r)->nr)
			continue;
		*at = page - (*r)->base;
		return true;
	}
	*r = run->region[0];
	return false;
}

void inject_await(struct worker *w)
{
	struct pfnh_await arg = {
		.max_us = AWAIT_US, .faults = 1 + rng_below(&w->rng, w->run->nr_vcpus)
	};

	w->target = 0;
	if (!ioctl(w->run->helper_fd, PFNH_AWAIT, &arg))
		w->target = arg.hva;
}

struct region *inject_claim(struct worker *w, unsigned int max, unsigned int *first,
			    unsigned int *nr, bool (*fits)(const struct region *r))
{
	struct run *run = w->run;
	struct region *r = NULL;
	unsigned int i, fitting = 0, at = 0;

	w->aims = true;
	if (atomic_load(&run->aim) && rng_below(&w->rng, w->target ? 8 : 2) && aim_at(w, &r, &at) &&
	    (!fits || fits(r))) {
		/* it is to be quick: there will be many */
		if (w->target && rng_next(&w->rng) & 3)
			max = (max & (CLAIM_HUGE | CLAIM_NO_VMA)) | 3;
		*nr = region_claim_at(r, &w->rng, at, max, first);
		return *nr ? r : NULL;
	}
	/* any of those that fit, with the same chance */
	for (i = 0; i < run->nr_regions; i++)
		if ((!fits || fits(run->region[i])) && !rng_below(&w->rng, ++fitting))
			r = run->region[i];
	if (!fitting)
		return NULL;
	*nr = region_claim(r, &w->rng, max, first);
	return *nr ? r : NULL;
}

bool inject_claim_all(struct run *run)
{
	unsigned int i;

	/* the first region of a memslot stands for all of it */
	for (i = 0; i < run->nr_regions; i++) {
		if (run->region[i] != run->region[i]->first || region_claim_all(run->region[i]))
			continue;
		while (i--)
			if (run->region[i] == run->region[i]->first)
				region_release_all(run->region[i]);
		return false;
	}
	return true;
}

void inject_release_all(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		region_release(run->region[i], 0, run->region[i]->nr);
}

bool inject_private(const struct region *r)
{
	return r->ops->dontneed == DONTNEED_LOSES && !r->ops->no_vma;
}

bool inject_movable(const struct region *r)
{
	return !r->ops->helper && !r->ops->no_vma;
}

bool inject_any(struct run *run, bool (*fits)(const struct region *r))
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		if (fits(run->region[i]))
			return true;
	return false;
}

const char *inject_hooks_unsupported(struct run *run, uint64_t hooks)
{
	static char why[96];
	struct pfnh_arm arm = { .hooks = hooks };
	struct pfnh_hook_info info = { 0 };

	if (run->helper_fd < 0)
		return "the helper module is not loaded";
	if (!ioctl(run->helper_fd, PFNH_ARM, &arm))
		return NULL;
	snprintf(why, sizeof(why), "the helper module cannot hook anything");
	if (!arm.hooks)
		return why;
	info.hook = __builtin_ctzll(arm.hooks);
	if (!ioctl(run->helper_fd, PFNH_HOOK_INFO, &info))
		snprintf(why, sizeof(why), "cannot hook %s(): %s", info.symbol,
			 strerror(-info.error));
	return why;
}

#define FILL_PAGES	128u	/* of more, only half as many as of this number */

void inject_fill(struct worker *w, struct region *r, unsigned int first, unsigned int nr,
		 bool lost)
{
	unsigned int p, i;

	if (!lost)
		return;
	for (p = first; nr <= FILL_PAGES && p < first + nr; p++)
		if (rng_next(&w->rng) & 1)
			pages_fill(r, p, 1);
	for (i = 0; nr > FILL_PAGES && i < FILL_PAGES / 2; i++)
		pages_fill(r, first + rng_below(&w->rng, nr), 1);
}

void inject_pause(struct worker *w, uint32_t us)
{
	if (rng_below(&w->rng, 4))
		usleep(rng_log(&w->rng, us));
}

/* The number of the access that this vCPU is at, if it began with the page in its present state. */
static bool access_of(struct region *r, unsigned int v, unsigned int first, unsigned int nr,
		      uint64_t *ops)
{
	struct guest_vcpu *g = &r->run->ctl->vcpu[v];
	uint64_t page, word;

	*ops = __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE);
	page = __atomic_load_n(&g->page, __ATOMIC_RELAXED);
	word = __atomic_load_n(&g->word, __ATOMIC_ACQUIRE);
	return page >= r->base + first && page < r->base + first + nr &&
	       word == page_word(r, page - r->base);
}

static void unanswered(struct worker *w, struct region *r, unsigned int v)
{
	static const char *const ops[OP_NR] = { "load", "store", "rmw", "exec" };
	struct guest_vcpu *g = &w->run->ctl->vcpu[v];
	unsigned int page = g->page - r->base;
	enum page_state s = pw_new(page_word(r, page));
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "unanswered-%s", page_state_name(s));
	region_failure(&f, r, page);
	snprintf(f.thread, sizeof(f.thread), "%s", w->run->sh->worker[v].name);
	snprintf(f.op, sizeof(f.op), "%s", g->op < OP_NR ? ops[g->op] : "-");
	snprintf(f.expected, sizeof(f.expected),
		 "an answer: KVM_RUN returns or the access completes");
	snprintf(f.got, sizeof(f.got), "one access took more than %llu ms of CPU time",
		 UNANSWERED_CPU_NS / 1000000);
	fail(w->run->sh, s == PS_POISON ? ORACLE_POISON : ORACLE_OUTCOME, &f, NULL);
}

/*
 * Wait for the end of the access that the vCPU is in, for so much of its CPU time. Not even the end
 * of the scenario gets a vCPU out of there that KVM does not let out. Returns true when it has
 * ended.
 */
static bool access_ends(struct worker *w, struct region *r, unsigned int v, unsigned int first,
			unsigned int nr, uint64_t ops, uint64_t cpu_ns)
{
	/* vCPU workers come first in the table (engine.c) */
	struct worker_shared *ws = &w->run->sh->worker[v];
	pid_t pid = getpid(), tid = atomic_load(&ws->tid);
	uint64_t cpu = proc_cpu_ns(pid, tid), until = now_ns() + 4 * cpu_ns, now;

	while (access_of(r, v, first, nr, &now) && now == ops &&
	       atomic_load(&ws->phase) == W_BUSY) {
		if (proc_cpu_ns(pid, tid) - cpu >= cpu_ns)
			return false;
		if (now_ns() >= until)
			return true;	/* it sleeps: the watchdog's business */
		usleep(100);
		worker_progress(w);
	}
	return true;
}

void inject_answered(struct worker *w, struct region *r, unsigned int first, unsigned int nr)
{
	unsigned int v;
	uint64_t ops;
	bool ended;

	/* mostly not: what is under way while the state changes again is worth as much */
	if (rng_below(&w->rng, 4))
		return;
	for (v = 0; v < w->run->nr_vcpus; v++) {
		if (!access_of(r, v, first, nr, &ops) ||
		    access_ends(w, r, v, first, nr, ops, UNANSWERED_CPU_NS / 4))
			continue;
		/*
		 * KVM retries a fault as long as any invalidation is in progress in the union of
		 * the ranges, which overlapping ones can keep up for long
		 * (kvm_mmu_invalidate_range_add()): slow, but right. With no other injector at work
		 * it has no excuse.
		 */
		atomic_fetch_add(&w->run->sh->calm, 1);
		ended = access_ends(w, r, v, first, nr, ops, UNANSWERED_CPU_NS);
		if (!ended)
			unanswered(w, r, v);
		atomic_fetch_sub(&w->run->sh->calm, 1);
		if (!ended)
			return;
	}
}

static unsigned int still_off(unsigned int i)
{
	return i ? PAGE_OWN_OFF(i - 1) : PAGE_FILL_OFF;
}

static uint64_t still_word(uint64_t hva, unsigned int page, unsigned int off)
{
	return *(volatile uint64_t *)(hva + page * GUEST_PAGE_SIZE + off);
}

void still_take(struct still *s, const struct region *r, unsigned int first, uint64_t hva,
		unsigned int nr)
{
	unsigned int p, i;

	s->nr = nr;
	s->words = 1 + r->run->nr_vcpus;
	for (p = 0; p < nr; p++) {
		s->skip[p] = region_private(r, first + p);
		for (i = 0; i < s->words; i++)
			s->word[p][i] = still_word(hva, p, still_off(i));
	}
}

bool still_look(const struct still *s, uint64_t hva, unsigned int *page, unsigned int *off)
{
	unsigned int p, i;

	for (p = 0; p < s->nr; p++) {
		for (i = 0; i < s->words; i++) {
			if (s->skip[p] || still_word(hva, p, still_off(i)) == s->word[p][i])
				continue;
			*page = p;
			*off = still_off(i);
			return true;
		}
	}
	return false;
}

void inject_written(struct worker *w, struct region *r, unsigned int page, const char *rule,
		    unsigned int off, uint64_t want, uint64_t got)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	region_failure(&f, r, page);
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.expected, sizeof(f.expected), "0x%016lx at offset 0x%x, as before", want, off);
	snprintf(f.got, sizeof(f.got), "0x%016lx (page %u gen %u writer %u)", got, stamp_page(got),
		 stamp_gen(got), stamp_writer(got));
	fail(w->run->sh, ORACLE_CANARY, &f, NULL);
}

void inject_broken(struct worker *w, const struct region *r, const char *what)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s-failed", what);
	snprintf(f.expected, sizeof(f.expected), "%s works", what);
	snprintf(f.got, sizeof(f.got), "%s", strerror(errno));
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.backing, sizeof(f.backing), "%s", r ? r->ops->name : "-");
	fail(w->run->sh, ORACLE_SUITE, &f, NULL);
}
