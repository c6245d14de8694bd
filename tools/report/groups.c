// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many results directories, one verdict: a scenario fails on a kernel if it failed in one of them,
 * and all together pass only if nothing is missing: no shard, no end, no scenario.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct group *group_find(const struct set *set, const char *kernel, const char *name)
{
	for (size_t i = 0; i < set->nr_groups; i++)
		if (!strcmp(set->group[i].kernel, kernel) && !strcmp(set->group[i].name, name))
			return &set->group[i];
	return NULL;
}

/* A name that is the same in every run: the kernel as it was asked for, where there are several. */
char *group_label(const struct set *set, const struct group *g)
{
	const char *base = strrchr(g->requested, '/');

	if (set->nr_kernels < 2)
		return format("%s", g->name);
	return format("%s.%s", base && base[1] ? base + 1 : g->requested, g->name);
}

static void add_cells(struct group *g, json_t *cells)
{
	json_t *cell;
	size_t i;

	json_array_foreach(cells, i, cell) {
		const char *name = get(cell, "name"), *before = get(g->cells, name);

		if (!*name || (*before && to_verdict(before) >= to_verdict(get(cell, "verdict"))))
			continue;
		json_object_set_new(g->cells, name, json_string(get(cell, "verdict")));
	}
}

static void add_scenario(struct set *set, const struct result *r, json_t *s)
{
	struct group *g = group_find(set, r->kernel, get(s, "name"));
	enum verdict v = to_verdict(get(s, "verdict"));

	if (!g) {
		set->group = realloc(set->group, (set->nr_groups + 1) * sizeof(*set->group));
		g = &set->group[set->nr_groups++];
		*g = (struct group) {
			.kernel = r->kernel, .requested = r->requested, .name = get(s, "name"),
			.describe = get(s, "describe"), .verdict = v, .reason = "",
			.cells = json_object(),
		};
	}
	if (v > g->verdict)
		g->verdict = v;
	if (!*g->reason)
		g->reason = get(s, "reason");
	g->nr[v]++;
	g->faults += get_int(s, "faults");
	g->injections += get_int(s, "injections");
	g->hits += get_int(s, "hits");
	g->known += get_int(s, "known");
	g->seconds += get_real(s, "seconds");
	add_cells(g, json_object_get(s, "cells"));
}

static void miss(struct set *set, char *sentence)
{
	set->incomplete = realloc(set->incomplete,
				  (set->nr_incomplete + 1) * sizeof(*set->incomplete));
	set->incomplete[set->nr_incomplete++] = sentence;
}

/* Machine I of N ran its part; who ran the others? On each kernel by itself. */
static void check_shards(struct set *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		const struct result *r = &set->result[i];
		json_t *options = json_object_get(r->json, "options");
		int64_t shards = get_int(options, "shards");
		bool first = true, seen;

		for (size_t j = 0; j < i; j++)
			first &= strcmp(set->result[j].kernel, r->kernel) ||
				 get_int(json_object_get(set->result[j].json, "options"),
					 "shards") != shards;
		for (int64_t n = 1; first && n <= shards; n++) {
			seen = false;
			for (size_t j = i; j < set->nr; j++) {
				options = json_object_get(set->result[j].json, "options");
				seen |= !strcmp(set->result[j].kernel, r->kernel) &&
					get_int(options, "shards") == shards &&
					get_int(options, "shard") == n;
			}
			if (!seen)
				miss(set, format("shard %lld/%lld on %s is not here", (long long)n,
						 (long long)shards, r->kernel));
		}
	}
}

static int by_name(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int order = strverscmp(x->kernel, y->kernel);

	return order ? order : strcmp(x->name, y->name);
}

void set_group(struct set *set)
{
	json_t *s;
	size_t k;

	set->verdict = VERDICT_SKIP;
	for (size_t i = 0; i < set->nr; i++) {
		const struct result *r = &set->result[i];

		json_array_foreach(r->scenarios, k, s)
			add_scenario(set, r, s);
		if (r->incomplete)
			miss(set, format("%s: %s", r->name, r->incomplete));
		if (r->verdict == VERDICT_FAIL && set->verdict < VERDICT_FAIL)
			set->verdict = VERDICT_FAIL;
	}
	check_shards(set);
	if (set->nr_groups)
		qsort(set->group, set->nr_groups, sizeof(*set->group), by_name);
	for (size_t i = 0; i < set->nr_groups; i++) {
		if (set->group[i].verdict > set->verdict)
			set->verdict = set->group[i].verdict;
		set->nr_kernels += !i || strcmp(set->group[i].kernel, set->group[i - 1].kernel);
	}
	if (set->nr_incomplete && set->verdict < VERDICT_NONE)
		set->verdict = VERDICT_NONE;
}

/* What is incomplete has not passed. */
int set_exit(const struct set *set)
{
	switch (set->verdict) {
	case VERDICT_PASS: return EXIT_PASS;
	case VERDICT_SKIP: return EXIT_SKIP;
	default: return EXIT_FAIL;
	}
}
