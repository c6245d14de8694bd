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

/* Does any region of this scenario fit? For unsupported(). */
bool inject_any(struct run *run, bool (*fits)(const struct region *r));

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
 * Only for accesses that are under way now: a fraction of a millisecond, if KVM answers. A vCPU that
 * spends UNANSWERED_CPU_NS on one access, while all other injectors rest, is told neither yes nor
 * no: a failure of the outcome or the poison oracle. Giving the page back would hide it, since the
 * access is then completed.
 */
void inject_answered(struct worker *w, struct region *r, unsigned int first, unsigned int nr);

#define UNANSWERED_CPU_NS	1000000000ull

/* A system call failed that can't fail: the scenario ends as a failure of the suite. */
void inject_broken(struct worker *w, struct region *r, const char *what);

#endif /* INJECTORS_INJECT_H */
