/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What injectors share: claiming a place, filling it again, pausing.
 */
#ifndef INJECTORS_INJECT_H
#define INJECTORS_INJECT_H

#include "plugins.h"

/**
 * inject_claim - claim a random run of pages of a random region
 * @w: the injector's worker
 * @max: pages at most
 * @first, @nr: the run
 * @fits: takes a region or not; NULL takes all
 *
 * Return: the region, or NULL when nothing could be claimed this time.
 */
struct region *inject_claim(struct worker *w, unsigned int max, unsigned int *first,
			    unsigned int *nr, bool (*fits)(const struct region *r));

/**
 * inject_await - wait for a fault that waits for an invalidation
 * @w: the injector's worker
 *
 * For half a millisecond at most. inject_claim() then mostly takes its page. Context: before a step,
 * nothing claimed.
 */
void inject_await(struct worker *w);

#define AWAIT_US	500

/* Claim all pages of all regions, or none: false. inject_release_all() gives them back. */
bool inject_claim_all(struct run *run);
void inject_release_all(struct run *run);

/* Private memory: gone when unmapped, copied on write after fork(), mapped nowhere else. */
bool inject_private(const struct region *r);

/* Pages that the kernel moves, merges and reclaims: not a driver's. */
bool inject_movable(const struct region *r);

/* Does any region of this scenario fit? For unsupported(). */
bool inject_any(struct run *run, bool (*fits)(const struct region *r));

/**
 * inject_hooks_unsupported - arm hooks of the helper module, before vCPUs run
 * @run: the scenario
 * @hooks: PFNH_HOOK() of those that are needed
 *
 * Return: NULL, or why not: for unsupported(). It names the function that this kernel lacks.
 */
const char *inject_hooks_unsupported(struct run *run, uint64_t hooks);

/* Fill about half of the pages, so that faults meet both present and absent host PTEs. */
void inject_fill(struct worker *w, struct region *r, unsigned int first, unsigned int nr,
		 bool lost);

/* Sleep log-uniformly up to @us microseconds; not at all once in four. */
void inject_pause(struct worker *w, uint32_t us);

/**
 * inject_answered - now and then, wait for the answer to what guests began in the present state
 * @w: the injector's worker
 * @r, @first, @nr: claimed pages, no call under way
 *
 * Only for accesses that are under way now: a fraction of a millisecond, if KVM answers. A vCPU
 * that spends UNANSWERED_CPU_NS on one access, while all other injectors rest, is told neither yes
 * nor no: a failure of the outcome or the poison oracle. Giving the page back would hide it, since
 * the access is then completed.
 */
void inject_answered(struct worker *w, struct region *r, unsigned int first, unsigned int nr);

#define UNANSWERED_CPU_NS	1000000000ull

/* The words of a run of pages that guests write, as they were at one time. */
#define STILL_PAGES	16

struct still {
	unsigned int nr, words;
	bool skip[STILL_PAGES];
	uint64_t word[STILL_PAGES][1 + GUEST_MAX_VCPUS];
};

/**
 * still_take - remember the words of pages that no guest may write any more
 * @s: filled in
 * @r, @first: the region's pages; those that KVM itself writes in (region_private()) are left out
 * @hva: where this process maps them now
 * @nr: pages, at most STILL_PAGES
 *
 * still_look() finds the first word that has changed since: true, with its page and offset. Both
 * only read memory: a process that forked without an exec() may call them.
 */
void still_take(struct still *s, const struct region *r, unsigned int first, uint64_t hva,
		unsigned int nr);
bool still_look(const struct still *s, uint64_t hva, unsigned int *page, unsigned int *off);

/**
 * inject_written - a guest wrote what was not its own any more: a failure of the canary oracle
 * @w: the injector's worker
 * @r, @page: which page it was when it was the guest's
 * @rule: the rule that is broken
 * @want, @got: the word
 * @off: its offset
 */
void inject_written(struct worker *w, struct region *r, unsigned int page, const char *rule,
		    unsigned int off, uint64_t want, uint64_t got);

/* A system call failed that can't fail: the scenario ends as a failure of the suite. */
void inject_broken(struct worker *w, const struct region *r, const char *what);

#endif /* INJECTORS_INJECT_H */
