// SPDX-License-Identifier: GPL-2.0-only
/*
 * Consumer and backing against injector. A scenario counts in every cell that it touches, with all
 * of its exposure: the counters are the scenario's, nobody knows which injector met which fault.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct axis {
	char **name;
	size_t nr;
};

struct cell {
	bool used;
	enum verdict verdict;
	bool known;
	uint64_t faults, hits;
	char *scenarios;
};

static size_t place(struct axis *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->nr; i++)
		if (!strcmp(a->name[i], name))
			return i;
	a->name = realloc(a->name, (a->nr + 1) * sizeof(*a->name));
	a->name[a->nr++] = format("%s", name);
	return i;
}

/* The words of a list without repetition; one word OTHERWISE, if there is one, if it is empty. */
static json_t *once(json_t *list, const char *otherwise)
{
	json_t *out = json_array(), *seen = json_object(), *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);

		if (!s || json_object_get(seen, s))
			continue;
		json_object_set_new(seen, s, json_true());
		json_array_append(out, item);
	}
	if (otherwise && !json_array_size(out))
		json_array_append_new(out, json_string(otherwise));
	json_decref(seen);
	return out;
}

static void add(struct cell *c, json_t *s)
{
	enum verdict v = to_verdict(get(s, "verdict"));
	char *old = c->scenarios;

	c->verdict = c->used && c->verdict > v ? c->verdict : v;
	c->used = true;
	c->known |= get_int(s, "known");
	c->faults += get_int(s, "faults");
	c->hits += get_int(s, "hits");
	if (!old || !strstr(old, get(s, "name")))
		c->scenarios = format("%s%s%s", old ? old : "", old ? ", " : "", get(s, "name"));
	else
		c->scenarios = format("%s", old);
	free(old);
}

typedef void (*visit_fn)(void *arg, const char *row, const char *column, json_t *scenario);

/* Conformance scenarios have no regions: nobody meets anybody there. */
static void visit(const struct set *set, visit_fn fn, void *arg)
{
	json_t *s, *consumer, *region, *injector;
	size_t k, a, b, c;

	for (size_t i = 0; i < set->nr; i++)
		json_array_foreach(set->result[i].scenarios, k, s) {
			json_t *consumers = once(json_object_get(s, "consumers"), "vcpu");
			json_t *regions = once(json_object_get(s, "regions"), NULL);
			json_t *injectors = once(json_object_get(s, "injectors"), "none");

			json_array_foreach(consumers, a, consumer)
				json_array_foreach(regions, b, region)
					json_array_foreach(injectors, c, injector) {
						char *row = format("%s / %s",
								   json_string_value(consumer),
								   json_string_value(region));

						fn(arg, row, json_string_value(injector), s);
						free(row);
					}
			json_decref(consumers);
			json_decref(regions);
			json_decref(injectors);
		}
}

struct grid {
	struct axis rows, columns;
	struct cell *cell;
};

static void learn_axes(void *arg, const char *row, const char *column, json_t *s)
{
	struct grid *g = arg;

	(void)s;
	place(&g->rows, row);
	place(&g->columns, column);
}

static void fill(void *arg, const char *row, const char *column, json_t *s)
{
	struct grid *g = arg;

	add(&g->cell[place(&g->rows, row) * g->columns.nr + place(&g->columns, column)], s);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char * const *)a, *(char * const *)b);
}

static void put_cell(struct markup *m, const struct cell *c)
{
	static const char * const marks[] = {
		[VERDICT_SKIP] = "skip", [VERDICT_PASS] = "", [VERDICT_NONE] = "not run",
		[VERDICT_FAIL] = "FAIL",
	};
	char *faults, *hits;

	if (!c->used) {
		leaf(m, "td", "empty", "%s", "");
		return;
	}
	faults = stats_short(c->faults);
	hits = stats_short(c->hits);
	tag(m, "td", c->verdict == VERDICT_FAIL ? "v-fail" : c->verdict == VERDICT_NONE ? "v-none" :
	    c->verdict == VERDICT_SKIP ? "v-skip" : c->known ? "v-known" : "v-pass");
	attr(m, "title", "%s: %s", verdict_word(c->verdict), c->scenarios);
	if (*marks[c->verdict])
		leaf(m, "b", NULL, "%s", marks[c->verdict]);
	else
		leaf(m, "b", NULL, "%s", faults);
	if (c->verdict != VERDICT_SKIP)
		leaf(m, "small", NULL, "%s hits", hits);
	tag_end(m);
	free(faults);
	free(hits);
}

void matrix_html(struct markup *m, const struct set *set)
{
	struct grid g = { 0 };

	visit(set, learn_axes, &g);
	qsort(g.rows.name, g.rows.nr, sizeof(*g.rows.name), by_text);
	qsort(g.columns.name, g.columns.nr, sizeof(*g.columns.name), by_text);
	g.cell = calloc(g.rows.nr * g.columns.nr + 1, sizeof(*g.cell));
	visit(set, fill, &g);

	tag(m, "section", NULL);
	attr(m, "id", "matrix");
	leaf(m, "h2", NULL, "Who met whom");
	leaf(m, "p", "dim", "Consumer and backing against injector: faults, below window hits. "
	     "A scenario counts in each of its cells; point at one to see which.");
	tag(m, "div", "scroll");
	tag(m, "table", "matrix");
	tag(m, "tr", NULL);
	leaf(m, "th", NULL, "%s", "");
	for (size_t i = 0; i < g.columns.nr; i++)
		leaf(m, "th", NULL, "%s", g.columns.name[i]);
	tag_end(m);
	for (size_t r = 0; r < g.rows.nr; r++) {
		tag(m, "tr", NULL);
		leaf(m, "th", "left", "%s", g.rows.name[r]);
		for (size_t i = 0; i < g.columns.nr; i++)
			put_cell(m, &g.cell[r * g.columns.nr + i]);
		tag_end(m);
	}
	tag_end(m);
	tag_end(m);
	tag(m, "p", "legend");
	leaf(m, "span", "v-pass", "passed");
	leaf(m, "span", "v-known", "passed, known failures");
	leaf(m, "span", "v-fail", "failed");
	leaf(m, "span", "v-skip", "skipped");
	leaf(m, "span", "v-none", "not run");
	tag_end(m);
	tag_end(m);
	for (size_t i = 0; i < g.rows.nr * g.columns.nr; i++)
		free(g.cell[i].scenarios);
	free(g.cell);
}
