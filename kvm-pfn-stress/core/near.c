// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/event.h"
#include "core/near.h"
#include "core/region.h"
#include "plugins.h"

#define ROOM	512

void near_start(struct run *run)
{
	struct near_misses *n = &run->sh->near;
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		snprintf(n->region[i], sizeof(n->region[i]), "%s", run->region[i]->ops->name);
	for (i = 0; i < run->nr_workers; i++) {
		const struct worker *w = run->worker[i];

		snprintf(n->worker[i], sizeof(n->worker[i]), "%s",
			 w->consumer ? w->consumer->name : w->injector->name);
	}
	snprintf(n->region[NEAR_REGION], sizeof(n->region[0]), "-");
	snprintf(n->worker[NEAR_BY], sizeof(n->worker[0]), "-");
}

static unsigned int worker_of(const struct run *run, int tid)
{
	unsigned int i;

	for (i = 0; tid && i < run->nr_workers; i++)
		if (atomic_load(&run->worker[i]->ws->tid) == tid)
			return i;
	return NEAR_BY;
}

/* Did the invalidation cover the page that the fault was for? Where the region was then, or is now. */
static bool is_here(struct region *r, const struct pfnh_near *e)
{
	uint64_t gpa = e->addr >= REGION_GVA_OFFSET ? e->addr - REGION_GVA_OFFSET : e->addr;
	uint64_t page = (gpa % REGION_GPA_STRIDE - r->gpa % REGION_GPA_STRIDE) & ~0xfffull;
	uint64_t hva = region_hva(r) + page;

	return hva >= e->start && hva < e->end;
}

static void add(struct run *run, const struct pfnh_near *e)
{
	unsigned int who = worker_of(run, e->tid), by = worker_of(run, e->by);
	struct near_misses *n = &run->sh->near;
	struct region *r = e->what == PFNH_NEAR_INVALIDATION ? region_of_hva(run, e->start) :
			   region_of_guest(run, e->addr);
	unsigned int id = r ? r->id : NEAR_REGION;

	if (e->what == PFNH_NEAR_INVALIDATION) {
		n->invalidations[id][who]++;
		return;
	}
	if (who >= run->nr_vcpus)
		return;			/* the one that sets the VM up */
	switch (e->what) {
	case PFNH_NEAR_FAULT:
		n->faults[who][id]++;
		break;
	case PFNH_NEAR_HIT:
		n->pair[who][id][by].hits++;
		n->hits++;
		if (r && is_here(r, e)) {
			n->pair[who][id][by].here++;
			n->here++;
		}
		break;
	case PFNH_NEAR_EARLY:
		n->pair[who][id][by].early++;
		break;
	case PFNH_NEAR_ROOT:
		n->pair[who][id][by].roots++;
		n->roots++;
		break;
	}
}

void near_collect(struct run *run)
{
	static struct pfnh_near list[ROOM];
	struct pfnh_nears arg = { .buf = (uintptr_t)list, .room = ROOM };
	unsigned int i;

	if (run->helper_fd < 0 || !run->sc->nr_injectors)
		return;
	do {
		if (ioctl(run->helper_fd, PFNH_NEAR, &arg))
			return;
		for (i = 0; i < arg.nr; i++)
			add(run, &list[i]);
		run->sh->near.lost += arg.lost;
	} while (arg.nr == ROOM);
}

/* The first with the same name stands for all. */
static unsigned int first_of(const char names[][32], unsigned int i)
{
	unsigned int k = 0;

	while (strcmp(names[k], names[i]))
		k++;
	return k;
}

static void begin(struct event *e, const char *scenario, const char *consumer, const char *backing,
		  const char *injector)
{
	event_begin(e, "pair");
	event_str(e, "scenario", scenario);
	if (consumer)
		event_str(e, "consumer", consumer);
	event_str(e, "backing", backing);
	if (injector)
		event_str(e, "injector", injector);
}

static void report_pair(const char *scenario, const struct near_misses *n, unsigned int v,
			unsigned int r, unsigned int by)
{
	const struct near_pair *p = &n->pair[v][r][by];
	struct event e;

	if (!p->hits && !p->early && !p->roots)
		return;
	begin(&e, scenario, n->worker[v], n->region[r], n->worker[by]);
	event_num(&e, "hits", p->hits);
	event_num(&e, "here", p->here);
	event_num(&e, "early", p->early);
	event_num(&e, "roots", p->roots);
	event_end(&e);
}

/* Threads with the same consumer or injector, and regions with the same backing, are one. */
static void merge(struct near_misses *n)
{
	unsigned int v, r, by;

	for (r = 0; r <= MAX_REGIONS; r++) {
		unsigned int r1 = n->region[r][0] ? first_of(n->region, r) : r;

		for (by = 0; by <= MAX_WORKERS; by++) {
			unsigned int by1 = n->worker[by][0] ? first_of(n->worker, by) : by;
			uint32_t i = n->invalidations[r][by];

			n->invalidations[r][by] = 0;
			n->invalidations[r1][by1] += i;
			for (v = 0; v < GUEST_MAX_VCPUS; v++) {
				unsigned int v1 = n->worker[v][0] ? first_of(n->worker, v) : v;
				struct near_pair p = n->pair[v][r][by];

				n->pair[v][r][by] = (struct near_pair){ 0 };
				n->pair[v1][r1][by1].hits += p.hits;
				n->pair[v1][r1][by1].here += p.here;
				n->pair[v1][r1][by1].early += p.early;
				n->pair[v1][r1][by1].roots += p.roots;
			}
		}
		for (v = 0; v < GUEST_MAX_VCPUS; v++) {
			unsigned int v1 = n->worker[v][0] ? first_of(n->worker, v) : v;
			uint32_t f = n->faults[v][r];

			n->faults[v][r] = 0;
			n->faults[v1][r1] += f;
		}
	}
}

void near_report(const char *scenario, const struct near_misses *from)
{
	struct near_misses *n = malloc(sizeof(*n));
	unsigned int v, r, by;
	struct event e;

	*n = *from;
	merge(n);
	for (r = 0; r <= MAX_REGIONS; r++) {
		for (by = 0; by <= MAX_WORKERS; by++) {
			for (v = 0; v < GUEST_MAX_VCPUS; v++)
				report_pair(scenario, n, v, r, by);
			if (!n->invalidations[r][by])
				continue;
			begin(&e, scenario, NULL, n->region[r], n->worker[by]);
			event_num(&e, "invalidations", n->invalidations[r][by]);
			event_end(&e);
		}
		for (v = 0; v < GUEST_MAX_VCPUS; v++) {
			if (!n->faults[v][r])
				continue;
			begin(&e, scenario, n->worker[v], n->region[r], NULL);
			event_num(&e, "faults", n->faults[v][r]);
			event_end(&e);
		}
	}
	free(n);
}
