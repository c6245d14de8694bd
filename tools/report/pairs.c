// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who met whom, over all scenarios of a kernel: consumer x backing and injector x backing, with the
 * pairs that scenarios promise and that nothing happened to, and what no scenario brings together.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct pair {
	char *who;
	const char *backing;
	bool consumer;
	int64_t done;		/* faults, invalidations */
	int64_t hits, here, early;
};

struct pairs {
	struct pair *p;
	size_t nr;
};

static struct pair *pair_of(struct pairs *all, bool consumer, const char *who, const char *backing)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->p[i].consumer == consumer && !strcmp(all->p[i].who, who) &&
		    !strcmp(all->p[i].backing, backing))
			return &all->p[i];
	all->p = realloc(all->p, (all->nr + 1) * sizeof(*all->p));
	all->p[all->nr] = (struct pair){
		.who = format("%s", who), .backing = backing, .consumer = consumer,
	};
	return &all->p[all->nr++];
}

static void count(struct pairs *all, bool consumer, const char *who, json_t *o)
{
	struct pair *p;

	if (!*who || !strcmp(who, "-") || !strcmp(get(o, "backing"), "-"))
		return;
	p = pair_of(all, consumer, who, get(o, "backing"));
	p->done += get_int(o, consumer ? "faults" : "invalidations");
	p->hits += get_int(o, "hits") + get_int(o, "roots");
	p->here += get_int(o, "here");
	p->early += get_int(o, "early");
}

/* A vCPU that breaks COW invalidates as well: only injectors are listed as such. */
static bool is_injector(json_t *scenario, const char *name)
{
	json_t *x;
	size_t i;

	json_array_foreach(json_object_get(scenario, "injectors"), i, x)
		if (!strcmp(json_string_value(x), name))
			return true;
	return false;
}

static void promise(struct pairs *all, json_t *scenario, bool consumer)
{
	json_t *list = json_object_get(scenario, consumer ? "consumers" : "injectors"), *w, *b;
	size_t i, k;

	if (!json_object_get(scenario, "pairs"))
		return;
	json_array_foreach(json_object_get(scenario, "regions"), k, b) {
		if (consumer && !json_array_size(list))
			pair_of(all, true, "vcpu", json_string_value(b));
		json_array_foreach(list, i, w)
			pair_of(all, consumer, json_string_value(w), json_string_value(b));
	}
}

static int by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->consumer != y->consumer)
		return x->consumer ? -1 : 1;
	return strcmp(x->who, y->who) ?: strcmp(x->backing, y->backing);
}

static void put(FILE *file, const struct pairs *all, bool consumer)
{
	const char *before = "";
	unsigned int never = 0;

	fprintf(file, "\n%-16s %-16s %13s %9s %9s %9s\n", consumer ? "consumer" : "injector", "backing",
		consumer ? "faults" : "invalidations", "hits", "same page", "early");
	for (size_t i = 0; i < all->nr; i++) {
		const struct pair *p = &all->p[i];

		if (p->consumer != consumer)
			continue;
		never += !p->done && !p->hits;
		if (!p->done && !p->hits && !p->early)
			continue;
		fprintf(file, "%-16s %-16s %13lld %9lld %9lld %9lld\n",
			strcmp(before, p->who) ? p->who : "", p->backing, (long long)p->done,
			(long long)p->hits, (long long)p->here, (long long)p->early);
		before = p->who;
	}
	if (!never)
		return;
	fprintf(file, "no %s of", consumer ? "fault" : "invalidation");
	for (size_t i = 0, n = 0; i < all->nr; i++)
		if (all->p[i].consumer == consumer && !all->p[i].done && !all->p[i].hits)
			fprintf(file, "%s%s x %s", n++ ? ", " : " ", all->p[i].who, all->p[i].backing);
	fprintf(file, "\n");
}

/* The names in a list of some scenario, or of those that have a consumer and ran, or did not. */
static json_t *names(const struct set *set, const char *list, const char *consumer, bool ran)
{
	json_t *all = json_object(), *s, *x;
	size_t i, k;

	for (size_t n = 0; n < set->nr; n++) {
		json_array_foreach(set->result[n].scenarios, i, s) {
			json_t *who = json_object_get(s, "consumers");
			bool has = !consumer;

			if (!json_array_size(json_object_get(s, "regions")) ||
			    ran == !strcmp(get(s, "verdict"), "skip"))
				continue;
			if (!json_array_size(who) && (has || !strcmp(consumer, "vcpu")))
				has = true;
			json_array_foreach(who, k, x)
				has |= !strcmp(json_string_value(x), consumer ? consumer : "");
			if (!has)
				continue;
			json_array_foreach(json_object_get(s, list), k, x)
				json_object_set_new(all, json_string_value(x), json_true());
		}
	}
	return all;
}

/* What of this run a consumer was with in no scenario, or only in those that were skipped. */
static void never_with(const struct set *set, FILE *file, const char *consumer, const char *list)
{
	json_t *all = names(set, list, NULL, true), *with = names(set, list, consumer, true);
	json_t *skipped = names(set, list, consumer, false), *x;
	const char *name;
	unsigned int n = 0;

	json_object_update(all, skipped);
	json_object_foreach(all, name, x) {
		if (json_object_get(with, name))
			continue;
		if (n++)
			fprintf(file, ", ");
		else
			fprintf(file, "%s, in no scenario with %s: ", consumer,
				strcmp(list, "regions") ? "injectors" : "backings");
		fprintf(file, "%s%s", name, json_object_get(skipped, name) ? " (skipped)" : "");
	}
	if (n)
		fprintf(file, "\n");
	json_decref(all);
	json_decref(with);
	json_decref(skipped);
}

static void never_together(const struct set *set, FILE *file)
{
	json_t *consumers = names(set, "consumers", NULL, true), *x;
	const char *name;

	json_object_foreach(consumers, name, x) {
		never_with(set, file, name, "regions");
		never_with(set, file, name, "injectors");
	}
	json_decref(consumers);
}

void pairs_text(const struct set *set, FILE *file)
{
	struct pairs all = { 0 };
	json_t *s, *o;
	size_t i, k;

	for (size_t n = 0; n < set->nr; n++) {
		json_array_foreach(set->result[n].scenarios, i, s) {
			promise(&all, s, true);
			promise(&all, s, false);
			json_array_foreach(json_object_get(s, "pairs"), k, o) {
				count(&all, true, get(o, "consumer"), o);
				if (is_injector(s, get(o, "injector")))
					count(&all, false, get(o, "injector"), o);
			}
		}
	}
	qsort(all.p, all.nr, sizeof(*all.p), by_name);
	if (all.nr) {
		put(file, &all, true);
		put(file, &all, false);
		fprintf(file, "\n");
		never_together(set, file);
	}
	for (i = 0; i < all.nr; i++)
		free(all.p[i].who);
	free(all.p);
}
