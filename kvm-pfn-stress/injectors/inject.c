// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "injectors/inject.h"

struct region *inject_claim(struct worker *w, unsigned int max, unsigned int *first,
			    unsigned int *nr, bool (*fits)(const struct region *r))
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)];

	if (fits && !fits(r))
		return NULL;
	*nr = region_claim(r, &w->rng, max, first);
	return *nr ? r : NULL;
}

bool inject_any(struct run *run, bool (*fits)(const struct region *r))
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		if (fits(run->region[i]))
			return true;
	return false;
}

void inject_fill(struct worker *w, struct region *r, unsigned int first, unsigned int nr,
		 bool lost)
{
	unsigned int p;

	if (!lost)
		return;
	for (p = first; p < first + nr; p++)
		if (rng_next(&w->rng) & 1)
			pages_fill(r, p, 1);
}

void inject_pause(struct worker *w, uint32_t us)
{
	if (rng_below(&w->rng, 4))
		usleep(rng_log(&w->rng, us));
}

void inject_broken(struct worker *w, struct region *r, const char *what)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s-failed", what);
	snprintf(f.expected, sizeof(f.expected), "%s works", what);
	snprintf(f.got, sizeof(f.got), "%s", strerror(errno));
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.backing, sizeof(f.backing), "%s", r ? r->ops->name : "-");
	fail(w->run->sh, ORACLE_SUITE, &f, NULL);
}
