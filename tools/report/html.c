// SPDX-License-Identifier: GPL-2.0-only
/* One page without a network: the verdict first, then what broke, then everything else. */
#include <stdlib.h>
#include <string.h>

#include "report.h"

static const char style[] =
#include "style.inc"
	"";

static const char *class_of(enum verdict v)
{
	static const char * const classes[] = {
		[VERDICT_SKIP] = "v-skip", [VERDICT_PASS] = "v-pass", [VERDICT_NONE] = "v-none",
		[VERDICT_FAIL] = "v-fail",
	};

	return classes[v];
}

static void tile(struct markup *m, const char *name, const char *value)
{
	tag(m, "div", "tile");
	leaf(m, "b", NULL, "%s", value);
	leaf(m, "span", NULL, "%s", name);
	tag_end(m);
}

static void count_tile(struct markup *m, const char *name, uint64_t n)
{
	char *s = stats_short(n);

	tile(m, name, s);
	free(s);
}

static void put_header(struct markup *m, const struct set *set)
{
	const char *word = set->verdict == VERDICT_NONE ? "incomplete" : verdict_word(set->verdict);
	uint64_t faults = 0, injections = 0, hits = 0;
	unsigned int nr[4] = { 0 };
	double seconds = 0;
	char *s;

	for (size_t i = 0; i < set->nr_groups; i++) {
		nr[set->group[i].verdict]++;
		faults += set->group[i].faults;
		injections += set->group[i].injections;
		hits += set->group[i].hits;
		seconds += set->group[i].seconds;
	}
	tag(m, "header", NULL);
	leaf(m, "span", "brand", "kvm-pfn-stress");
	tag(m, "h1", NULL);
	leaf(m, "span", class_of(set->verdict), "%s", word);
	words(m, " %s%s", set->nr ? set->result[0].kernel : "",
	      set->nr_kernels > 1 ? " and other kernels" : "");
	tag_end(m);
	for (size_t i = 0; i < set->nr && i < 16; i++) {
		const struct result *r = &set->result[i];

		leaf(m, "p", "dim", "%s%s%s, seed %lld, suite %s%s%s",
		     get(json_object_get(r->json, "times"), "start"), set->nr > 1 ? " on " : "",
		     set->nr > 1 ? r->kernel : "", (long long)get_int(r->json, "seed"),
		     get(r->json, "commit"), set->nr > 1 ? ", " : "", set->nr > 1 ? r->name : "");
	}
	for (size_t i = 0; i < set->nr_incomplete; i++)
		leaf(m, "p", "notice", "Incomplete: %s", set->incomplete[i]);
	tag(m, "div", "tiles");
	count_tile(m, "passed", nr[VERDICT_PASS]);
	count_tile(m, "failed", nr[VERDICT_FAIL]);
	count_tile(m, "skipped", nr[VERDICT_SKIP] + nr[VERDICT_NONE]);
	count_tile(m, "faults", faults);
	count_tile(m, "injections", injections);
	count_tile(m, "window hits", hits);
	s = format("%.0f s", seconds);
	tile(m, "under stress", s);
	free(s);
	tag_end(m);
	if (set->verdict == VERDICT_PASS) {
		s = stats_bound(faults);
		leaf(m, "p", "bound", "Wrong answers to a fault: %s.", s);
		free(s);
		s = stats_bound(hits);
		leaf(m, "p", "bound", "To a fault that an invalidation overlapped: %s.", s);
		free(s);
	}
	tag_end(m);
}

/* ---- what changed between two directories ---- */

static char *only_in(json_t *a, json_t *b)
{
	char *list = format("%s", ""), *old;
	json_t *f, *g;
	size_t i, k;

	json_array_foreach(json_object_get(a, "failures"), i, f) {
		bool there = strstr(list, get(f, "fingerprint"));

		json_array_foreach(json_object_get(b, "failures"), k, g)
			there |= !strcmp(get(f, "fingerprint"), get(g, "fingerprint"));
		if (there)
			continue;
		old = list;
		list = format("%s%s%s", old, *old ? ", " : "", get(f, "fingerprint"));
		free(old);
	}
	return list;
}

static void put_verdict(struct markup *m, json_t *s)
{
	if (s)
		leaf(m, "td", class_of(to_verdict(get(s, "verdict"))), "%s",
		     verdict_word(to_verdict(get(s, "verdict"))));
	else
		leaf(m, "td", "dim", "-");
}

static double rate(json_t *s)
{
	double seconds = get_real(s, "seconds");

	return seconds > 0 ? get_int(s, "faults") / seconds : 0;
}

static void put_change(struct markup *m, const char *name, json_t *a, json_t *b)
{
	char *gone = only_in(a, b), *fresh = only_in(b, a);
	bool same = a && b && !*gone && !*fresh && !strcmp(get(a, "verdict"), get(b, "verdict"));

	tag(m, "tr", same ? "same" : NULL);
	leaf(m, "td", "strong", "%s", name);
	put_verdict(m, a);
	put_verdict(m, b);
	if (rate(a) > 0 && rate(b) > 0)
		leaf(m, "td", "num", "%+.0f %%", (rate(b) / rate(a) - 1) * 100);
	else
		leaf(m, "td", NULL, "%s", "");
	tag(m, "td", "mono");
	if (*fresh)
		leaf(m, "div", "bad", "+ %s", fresh);
	if (*gone)
		leaf(m, "div", "good", "- %s", gone);
	tag_end(m);
	tag_end(m);
	free(gone);
	free(fresh);
}

static void put_comparison(struct markup *m, const struct set *set)
{
	const struct result *a = &set->result[0], *b = &set->result[1];
	json_t *s;
	size_t i;

	tag(m, "section", NULL);
	attr(m, "id", "changes");
	leaf(m, "h2", NULL, "What changed");
	leaf(m, "p", "dim", "From %s on %s to %s on %s.", a->name, a->kernel, b->name, b->kernel);
	tag(m, "div", "scroll");
	tag(m, "table", NULL);
	tag(m, "tr", NULL);
	leaf(m, "th", "left", "scenario");
	leaf(m, "th", NULL, "before");
	leaf(m, "th", NULL, "after");
	leaf(m, "th", NULL, "faults/s");
	leaf(m, "th", "left", "failures that came and went");
	tag_end(m);
	json_array_foreach(a->scenarios, i, s)
		put_change(m, get(s, "name"), s, scenario_find(b, get(s, "name")));
	json_array_foreach(b->scenarios, i, s)
		if (!scenario_find(a, get(s, "name")))
			put_change(m, get(s, "name"), NULL, s);
	tag_end(m);
	tag_end(m);
	tag_end(m);
}

/* ---- tables ---- */

static void put_scenarios(struct markup *m, const struct set *set)
{
	static const char * const heads[] = {
		"", "scenario", "faults", "injections", "window hits", "s", "at 95 % less than",
	};

	tag(m, "section", NULL);
	attr(m, "id", "scenarios");
	leaf(m, "h2", NULL, "Scenarios");
	tag(m, "div", "scroll");
	tag(m, "table", NULL);
	tag(m, "tr", NULL);
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		leaf(m, "th", i > 1 ? "num" : "left", "%s", heads[i]);
	tag_end(m);
	for (size_t i = 0; i < set->nr_groups; i++) {
		const struct group *g = &set->group[i];
		char *label = group_label(set, g), *third = stats_short(g->faults / 3.0);

		tag(m, "tr", NULL);
		leaf(m, "td", class_of(g->verdict), "%s", verdict_word(g->verdict));
		tag(m, "td", NULL);
		leaf(m, "b", NULL, "%s", label);
		leaf(m, "div", "dim", "%s", g->verdict == VERDICT_SKIP ? g->reason : g->describe);
		tag_end(m);
		leaf(m, "td", "num", "%llu", (unsigned long long)g->faults);
		leaf(m, "td", "num", "%llu", (unsigned long long)g->injections);
		leaf(m, "td", "num", "%llu", (unsigned long long)g->hits);
		leaf(m, "td", "num", "%.1f", g->seconds);
		if (g->verdict == VERDICT_PASS && !g->known && g->faults >= 30)
			leaf(m, "td", "num", "1 in %s", third);
		else
			leaf(m, "td", NULL, "%s", "");
		tag_end(m);
		free(label);
		free(third);
	}
	tag_end(m);
	tag_end(m);
	tag_end(m);
}

static void put_cells(struct markup *m, const struct set *set)
{
	bool any = false;
	json_t *s, *cell;
	size_t k, j;

	for (size_t i = 0; i < set->nr; i++)
		json_array_foreach(set->result[i].scenarios, k, s) {
			unsigned int nr[4] = { 0 };

			if (!json_array_size(json_object_get(s, "cells")))
				continue;
			if (!any) {
				tag(m, "section", NULL);
				attr(m, "id", "cells");
				leaf(m, "h2", NULL, "Outcome table");
			}
			any = true;
			json_array_foreach(json_object_get(s, "cells"), j, cell)
				nr[to_verdict(get(cell, "verdict"))]++;
			tag(m, "details", "block");
			if (nr[VERDICT_FAIL])
				attr(m, "open", "open");
			leaf(m, "summary", NULL, "%s on %s: %u cells passed, %u failed, %u skipped",
			     get(s, "name"), set->result[i].kernel, nr[VERDICT_PASS],
			     nr[VERDICT_FAIL], nr[VERDICT_SKIP]);
			tag(m, "div", "scroll");
			tag(m, "table", NULL);
			json_array_foreach(json_object_get(s, "cells"), j, cell) {
				tag(m, "tr", NULL);
				put_verdict(m, cell);
				leaf(m, "td", "mono", "%s", get(cell, "name"));
				leaf(m, "td", NULL, "%s", get(cell, "expected"));
				leaf(m, "td", NULL, "%s", get(cell, "got"));
				leaf(m, "td", "dim", "%s", get(cell, "reason"));
				tag_end(m);
			}
			tag_end(m);
			tag_end(m);
			tag_end(m);
		}
	if (any)
		tag_end(m);
}

/* What each oracle looked at, over all scenarios; where it could not look, and why. */
static void put_oracles(struct markup *m, const struct set *set)
{
	json_t *all = json_object(), *s, *o, *sum, *reasons;
	const char *name, *reason;
	size_t k, j;

	for (size_t i = 0; i < set->nr; i++)
		json_array_foreach(set->result[i].scenarios, k, s)
			json_array_foreach(json_object_get(s, "oracles"), j, o) {
				const char *verdict = get(o, "verdict");

				sum = json_object_get(all, get(o, "name"));
				if (!sum) {
					sum = json_object();
					json_object_set_new(sum, "reasons", json_object());
					json_object_set_new(all, get(o, "name"), sum);
				}
				json_object_set_new(sum, verdict,
						    json_integer(get_int(sum, verdict) + 1));
				json_object_set_new(sum, "checks", json_integer(
					get_int(sum, "checks") + get_int(o, "checks")));
				reasons = json_object_get(sum, "reasons");
				if (*get(o, "reason"))
					json_object_set_new(reasons, get(o, "reason"), json_integer(
						get_int(reasons, get(o, "reason")) + 1));
			}
	tag(m, "section", NULL);
	attr(m, "id", "oracles");
	leaf(m, "h2", NULL, "Oracles");
	tag(m, "div", "scroll");
	tag(m, "table", NULL);
	tag(m, "tr", NULL);
	leaf(m, "th", "left", "oracle");
	leaf(m, "th", "num", "checks");
	leaf(m, "th", "num", "passed");
	leaf(m, "th", "num", "failed");
	leaf(m, "th", "num", "skipped");
	leaf(m, "th", "left", "why it could not look");
	tag_end(m);
	json_object_foreach(all, name, sum) {
		json_t *times;

		tag(m, "tr", NULL);
		leaf(m, "td", "strong", "%s", name);
		leaf(m, "td", "num", "%lld", (long long)get_int(sum, "checks"));
		leaf(m, "td", "num", "%lld", (long long)get_int(sum, "pass"));
		leaf(m, "td", get_int(sum, "fail") ? "num v-fail" : "num", "%lld",
		     (long long)get_int(sum, "fail"));
		leaf(m, "td", "num", "%lld", (long long)get_int(sum, "skip"));
		tag(m, "td", "dim");
		json_object_foreach(json_object_get(sum, "reasons"), reason, times)
			leaf(m, "div", NULL, "%s (%lld x)", reason,
			     (long long)json_integer_value(times));
		tag_end(m);
		tag_end(m);
	}
	tag_end(m);
	tag_end(m);
	tag_end(m);
	json_decref(all);
}

static void pair(struct markup *m, const char *name, const char *value)
{
	if (!*value)
		return;
	tag(m, "tr", NULL);
	leaf(m, "td", "dim", "%s", name);
	leaf(m, "td", "mono", "%s", value);
	tag_end(m);
}

static void pairs(struct markup *m, json_t *o)
{
	const char *name;
	json_t *value;

	json_object_foreach(o, name, value) {
		char *text = json_is_string(value) ? format("%s", json_string_value(value)) :
			     json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		pair(m, name, text ? text : "");
		free(text);
	}
}

static void put_known(struct markup *m, const struct result *r)
{
	unsigned int quiet = 0;
	json_t *issue;
	size_t i;

	json_array_foreach(json_object_get(r->json, "known_issues"), i, issue) {
		if (!get_int(issue, "seen") && !json_is_true(json_object_get(issue, "expired"))) {
			quiet++;
			continue;
		}
		tag(m, "tr", NULL);
		leaf(m, "td", "dim", "known issue %s", get(issue, "id"));
		leaf(m, "td", NULL, "%lld x seen%s, %s", (long long)get_int(issue, "seen"),
		     json_is_true(json_object_get(issue, "expired")) ? ", EXPIRED" : "",
		     get(issue, "link"));
		tag_end(m);
	}
	if (quiet) {
		tag(m, "tr", NULL);
		leaf(m, "td", "dim", "known issues");
		leaf(m, "td", NULL, "%u not seen", quiet);
		tag_end(m);
	}
}

static void put_boots(struct markup *m, const struct result *r)
{
	json_t *boot;
	size_t i;

	json_array_foreach(json_object_get(r->json, "boots"), i, boot) {
		tag(m, "tr", NULL);
		leaf(m, "td", "dim", "boot %lld", (long long)get_int(boot, "number"));
		leaf(m, "td", NULL, "%s%s%s after %.1f s, taint %s", get(boot, "end"),
		     *get(boot, "reason") ? ": " : "", get(boot, "reason"),
		     get_int(boot, "ms") / 1000.0, *get(boot, "taint") ? get(boot, "taint") : "?");
		tag_end(m);
	}
}

/* What the suite would like the kernel to have, and what it has. */
static void put_config(struct markup *m, json_t *config)
{
	char *lists[2] = { format("%s", ""), format("%s", "") }, *old;
	const char *name;
	json_t *value;

	json_object_foreach(config, name, value) {
		char **list = &lists[!strcmp(json_string_value(value), "n")];

		old = *list;
		*list = format("%s%s%s=%s", old, *old ? " " : "", name, json_string_value(value));
		free(old);
	}
	pair(m, "configuration", lists[0]);
	pair(m, "not configured", lists[1]);
	free(lists[0]);
	free(lists[1]);
}

static void put_timeline(struct markup *m, const struct result *r)
{
	tag(m, "section", NULL);
	leaf(m, "h2", NULL, "Timeline");
	timeline_html(m, r);
	tag_end(m);
}

static void put_run(struct markup *m, const struct set *set, const struct result *r)
{
	json_t *kernel = json_object_get(r->json, "kernel");

	tag(m, "section", NULL);
	if (set->nr > 1) {
		leaf(m, "h2", NULL, "%s: %s on %s", r->name, verdict_word(r->verdict), r->kernel);
		timeline_html(m, r);
	}
	tag(m, "details", "block");
	if (set->nr == 1)
		attr(m, "open", "open");
	leaf(m, "summary", NULL, "Kernel, machine, options");
	tag(m, "div", "scroll");
	tag(m, "table", "facts");
	pair(m, "kernel", r->kernel);
	pair(m, "package", get(kernel, "version"));
	pairs(m, json_object_get(r->json, "machine"));
	put_known(m, r);
	put_boots(m, r);
	pairs(m, json_object_get(r->json, "caps"));
	pairs(m, json_object_get(r->json, "options"));
	put_config(m, json_object_get(kernel, "config"));
	tag_end(m);
	tag_end(m);
	tag_end(m);
	tag_end(m);
}

int html_write(const struct set *set, struct output *out)
{
	struct markup m;

	markup_begin(&m);
	tag(&m, "html", NULL);
	attr(&m, "lang", "en");
	tag(&m, "head", NULL);
	tag(&m, "meta", NULL);
	attr(&m, "charset", "utf-8");
	xmlTextWriterEndElement(m.w);
	tag(&m, "meta", NULL);
	attr(&m, "name", "viewport");
	attr(&m, "content", "width=device-width, initial-scale=1");
	xmlTextWriterEndElement(m.w);
	leaf(&m, "title", NULL, "%s: kvm-pfn-stress on %s", verdict_word(set->verdict),
	     set->result[0].kernel);
	tag(&m, "style", NULL);
	xmlTextWriterWriteRaw(m.w, BAD_CAST style);
	tag_end(&m);
	tag_end(&m);
	tag(&m, "body", NULL);
	put_header(&m, set);
	tag(&m, "main", NULL);
	cards_html(&m, set);
	if (set->nr == 2)
		put_comparison(&m, set);
	matrix_html(&m, set);
	if (set->nr == 1)
		put_timeline(&m, &set->result[0]);
	put_scenarios(&m, set);
	put_cells(&m, set);
	put_oracles(&m, set);
	for (size_t i = 0; i < set->nr; i++)
		put_run(&m, set, &set->result[i]);
	tag_end(&m);
	tag_end(&m);
	tag_end(&m);
	fputs("<!DOCTYPE html>\n", out->file);
	return markup_end(&m, out->file) ? EXIT_PASS : EXIT_FAIL;
}
