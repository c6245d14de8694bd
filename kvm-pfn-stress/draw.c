// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "draw.h"
#include "plugins.h"

enum list { REGIONS, CONSUMERS, INJECTORS, NR_LISTS };

#define LONGEST	32		/* of the lists in struct scenario */
#define NR_IDS	(NR_LISTS * LONGEST)

static struct {
	unsigned short met[NR_IDS][NR_IDS];
	bool without[NR_IDS];
	unsigned int last[NR_IDS], nr_last;	/* the last life */
} all;

/* One of a life's lists while it is drawn. */
struct drawn {
	const char *name;
	const struct scenario_item *from;
	struct scenario_item *to;
	unsigned int nr, *nr_to, want;
};

struct life {
	struct drawn list[NR_LISTS];
	unsigned int id[NR_IDS], nr;
};

static unsigned int id_of(enum list l, unsigned int i)
{
	return l * LONGEST + i;
}

static const char *apart(enum list l, const char *name)
{
	return l == CONSUMERS ? consumer_find(name)->apart :
	       l == INJECTORS ? injector_find(name)->apart : backing_find(name)->apart;
}

static bool alone(enum list l, const char *name)
{
	return l == CONSUMERS && consumer_find(name)->alone;
}

static const char *name_of(const struct life *life, unsigned int id)
{
	return life->list[id / LONGEST].from[id % LONGEST].name;
}

/* May this one be added? What cannot be judged together is in the tables of the plug-ins. */
static bool goes(const struct life *life, enum list l, unsigned int id)
{
	const char *name = name_of(life, id);
	unsigned int i;

	if (all.without[id])
		return false;
	for (i = 0; i < life->nr; i++) {
		enum list other = life->id[i] / LONGEST;
		const char *there = name_of(life, life->id[i]);

		if (life->id[i] == id || plugin_listed(apart(l, name), there) ||
		    plugin_listed(apart(other, there), name) ||
		    (other == l && (alone(l, name) || alone(other, there))))
			return false;
	}
	return true;
}

/* What it is worth to add it: much for each that it has never met. */
static long worth(const struct life *life, enum list l, unsigned int id)
{
	long sum = 0;
	unsigned int i;

	if (!life->nr)
		for (i = 0; i < NR_IDS; i++)
			sum -= all.met[id][i];
	for (i = 0; i < life->nr; i++) {
		long met = all.met[id][life->id[i]] + 1;

		if (life->id[i] / LONGEST != l)
			sum += 10000 / (met * met);
	}
	return sum;
}

static void take(struct life *life, enum list l, unsigned int i)
{
	struct drawn *d = &life->list[l];

	d->to[(*d->nr_to)++] = d->from[i];
	life->id[life->nr++] = id_of(l, i);
}

static void take_all(struct life *life, enum list l)
{
	unsigned int i;

	for (i = 0; i < life->list[l].nr; i++)
		if (!all.without[id_of(l, i)])
			take(life, l, i);
}

static void draw_one(struct life *life, enum list l, struct rng *rng)
{
	struct drawn *d = &life->list[l];
	unsigned int i, best = 0, ties = 0;
	long most = 0;

	for (i = 0; i < d->nr; i++) {
		long n = worth(life, l, id_of(l, i));

		if (!goes(life, l, id_of(l, i)) || (ties && n < most))
			continue;
		ties = ties && n == most ? ties + 1 : 1;
		most = n;
		if (!rng_below(rng, ties))
			best = i;
	}
	if (ties)
		take(life, l, best);
}

/* Those of the last life. */
static void have_met(int n)
{
	unsigned int i, k;

	for (i = 0; i < all.nr_last; i++)
		for (k = 0; k < all.nr_last; k++)
			all.met[all.last[i]][all.last[k]] += n;
}

void draw_start(void)
{
	memset(&all, 0, sizeof(all));
}

bool draw_life(const struct scenario *from, struct rng *rng, struct scenario *to)
{
	struct life life = { .list = {
		{ "regions", from->regions, to->regions, from->nr_regions, &to->nr_regions },
		{ "consumers", from->consumers, to->consumers, from->nr_consumers,
		  &to->nr_consumers },
		{ "injectors", from->injectors, to->injectors, from->nr_injectors,
		  &to->nr_injectors },
	} };
	unsigned int l, round;

	*to = *from;
	for (l = 0; l < NR_LISTS; l++) {
		life.list[l].want = scenario_drawn(from, life.list[l].name, life.list[l].nr);
		*life.list[l].nr_to = 0;
	}
	/* what is not drawn from is there as it stands */
	for (l = 0; l < NR_LISTS; l++)
		if (life.list[l].want == life.list[l].nr)
			take_all(&life, l);
	/* in turn, so that each list has something to choose by */
	for (round = 0; round < LONGEST; round++)
		for (l = 0; l < NR_LISTS; l++)
			if (round < life.list[l].want && life.list[l].want < life.list[l].nr)
				draw_one(&life, l, rng);
	memcpy(all.last, life.id, sizeof(all.last));
	all.nr_last = life.nr;
	have_met(1);
	return to->nr_regions && to->nr_consumers && (to->nr_injectors || !from->nr_injectors);
}

void draw_without(const struct scenario *from, const char *name)
{
	unsigned int i;

	have_met(-1);
	for (i = 0; i < from->nr_regions; i++)
		all.without[id_of(REGIONS, i)] |= !strcmp(from->regions[i].name, name);
	for (i = 0; i < from->nr_consumers; i++)
		all.without[id_of(CONSUMERS, i)] |= !strcmp(from->consumers[i].name, name);
	for (i = 0; i < from->nr_injectors; i++)
		all.without[id_of(INJECTORS, i)] |= !strcmp(from->injectors[i].name, name);
}
