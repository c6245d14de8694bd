// SPDX-License-Identifier: GPL-2.0-only
/* For the terminal: cards, a summary, and merge's KTAP. */
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* One failure in the order of a reader's questions. */
char *card_text(const struct result *r, json_t *scenario, json_t *f)
{
	static const char * const keys[] = {
		"gpa", "hva", "pfn", "backing", "state", "thread", "op", "expected", "got",
	};
	char *text = NULL;
	json_t *op;
	size_t size, i;
	FILE *file = open_memstream(&text, &size);

	fprintf(file, "%s: %s\n  scenario     %s\n", get(f, "oracle"), get(f, "rule"),
		get(scenario, "name"));
	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (*get(f, keys[i]) && strcmp(get(f, keys[i]), "0x0"))
			fprintf(file, "  %-12s %s\n", keys[i], get(f, keys[i]));
	if (get_int(f, "count") > 1)
		fprintf(file, "  how often    %lld times\n", (long long)get_int(f, "count"));
	fprintf(file, "  kernel       %s\n  seed         %lld\n  fingerprint  %s\n", r->kernel,
		(long long)get_int(r->json, "seed"), get(f, "fingerprint"));
	if (is_known(f))
		fprintf(file, "  known        %s\n", get(f, "known"));
	fprintf(file, "  replay       %s\n", get(f, "replay"));
	if (json_array_size(json_object_get(f, "ops")))
		fprintf(file, "  last operations, oldest first\n");
	json_array_foreach(json_object_get(f, "ops"), i, op)
		fprintf(file, "  %12lld us  %-12s %-14s %-14s %s\n", (long long)get_int(op, "t_us"),
			get(op, "thread"), get(op, "op"), get(op, "gpa"), get(op, "detail"));
	if (*get(f, "stack"))
		fprintf(file, "  stack\n%s\n", get(f, "stack"));
	if (*get(f, "console"))
		fprintf(file, "  the end of the console\n%s\n", get(f, "console"));
	fclose(file);
	return text;
}

/* The cards of what is new, else of what is known; cut to MAX bytes between two characters. */
char *failures_text(const struct result *r, json_t *scenario, size_t max)
{
	json_t *list = new_failures(scenario), *f;
	char *text = format("%s", ""), *old, *card;
	size_t i, len;

	if (!json_array_size(list)) {
		json_decref(list);
		list = json_incref(json_object_get(scenario, "failures"));
	}
	json_array_foreach(list, i, f) {
		old = text;
		card = card_text(r, scenario, f);
		text = format("%s%s%s", old, i ? "\n" : "", card);
		free(old);
		free(card);
		if (strlen(text) > max)
			break;
	}
	json_decref(list);
	len = strlen(text);
	if (len > max) {
		len = max;
		while (len && (text[len] & 0xc0) == 0x80)
			len--;
		text[len] = '\0';
	}
	return text;
}

static void put_summary(const struct set *set, FILE *file, const char *prefix)
{
	uint64_t faults = 0, injections = 0, hits = 0, known = 0;
	unsigned int nr[4] = { 0 };
	char *bound;

	for (size_t i = 0; i < set->nr_groups; i++) {
		const struct group *g = &set->group[i];

		nr[g->verdict]++;
		faults += g->faults;
		injections += g->injections;
		hits += g->hits;
		known += g->known;
	}
	fprintf(file, "%s%s: %u passed, %u failed, %u skipped, %u not run; %zu run%s\n", prefix,
		set->verdict == VERDICT_NONE ? "incomplete" : verdict_word(set->verdict),
		nr[VERDICT_PASS], nr[VERDICT_FAIL], nr[VERDICT_SKIP], nr[VERDICT_NONE], set->nr,
		set->nr == 1 ? "" : "s");
	fprintf(file, "%s%llu faults, %llu injections, %llu window hits, %llu known failure%s\n",
		prefix, (unsigned long long)faults, (unsigned long long)injections,
		(unsigned long long)hits, (unsigned long long)known, known == 1 ? "" : "s");
	if (set->verdict == VERDICT_PASS) {
		bound = stats_bound(hits);
		fprintf(file, "%swrong answers to overlapped faults: %s\n", prefix, bound);
		free(bound);
	}
	for (size_t i = 0; i < set->nr_incomplete; i++)
		fprintf(file, "%smissing: %s\n", prefix, set->incomplete[i]);
}

static void put_failures(const struct set *set, const struct group *g, FILE *file,
			 const char *prefix, bool with_known)
{
	json_t *seen = json_object(), *s, *f;
	size_t i, k;

	for (size_t n = 0; n < set->nr; n++) {
		const struct result *r = &set->result[n];

		if (strcmp(r->kernel, g->kernel))
			continue;
		json_array_foreach(r->scenarios, i, s) {
			if (strcmp(get(s, "name"), g->name))
				continue;
			json_array_foreach(json_object_get(s, "failures"), k, f) {
				if ((is_known(f) && !with_known) ||
				    json_object_get(seen, get(f, "fingerprint")))
					continue;
				json_object_set_new(seen, get(f, "fingerprint"), json_true());
				fprintf(file, "%s%s%s%s%s, expected %s, got %s\n", prefix,
					get(f, "fingerprint"), is_known(f) ? " (known: " : "",
					get(f, "known"), is_known(f) ? ")" : "",
					get(f, "expected"), get(f, "got"));
				if (!is_known(f))
					fprintf(file, "%sreplay %s\n", prefix, get(f, "replay"));
			}
		}
	}
	json_decref(seen);
}

static void put_share(const struct group *g, FILE *file, const char *prefix)
{
	unsigned int ran = g->nr[VERDICT_FAIL] + g->nr[VERDICT_PASS];
	struct interval in = stats_share(g->nr[VERDICT_FAIL], ran);

	if (g->nr[VERDICT_FAIL] && ran > 1)
		fprintf(file, "%sfailed in %u of %u runs: %.0f %% to %.0f %% of all, at 95 %%\n",
			prefix, g->nr[VERDICT_FAIL], ran, in.low * 100, in.high * 100);
}

int text_write(const struct set *set, struct output *out)
{
	for (size_t i = 0; i < set->nr; i++) {
		const struct result *r = &set->result[i];

		fprintf(out->file, "%s: %s on %s, seed %lld, %s\n", r->name,
			verdict_word(r->verdict), r->kernel, (long long)get_int(r->json, "seed"),
			get(json_object_get(r->json, "times"), "start"));
	}
	fprintf(out->file, "\n");
	for (size_t i = 0; i < set->nr_groups; i++) {
		const struct group *g = &set->group[i];
		char *label = group_label(set, g), *faults = stats_short(g->faults);
		char *injections = stats_short(g->injections), *hits = stats_short(g->hits);

		fprintf(out->file, "%-8s %-24s %6s faults %6s injections %6s hits  %s\n",
			verdict_word(g->verdict), label, faults, injections, hits, g->reason);
		put_failures(set, g, out->file, "           ", true);
		put_share(g, out->file, "           ");
		free(label);
		free(faults);
		free(injections);
		free(hits);
	}
	fprintf(out->file, "\n");
	put_summary(set, out->file, "");
	pairs_text(set, out->file);
	return EXIT_PASS;
}

int merge_write(const struct set *set, struct output *out)
{
	fprintf(out->file, "TAP version 13\n1..%zu\n", set->nr_groups + 1);
	for (size_t i = 0; i < set->nr_groups; i++) {
		const struct group *g = &set->group[i];
		char *label = group_label(set, g), *prefix = format("# %s: ", label);
		bool skip = g->verdict == VERDICT_SKIP;

		put_failures(set, g, out->file, prefix, false);
		put_share(g, out->file, prefix);
		if (skip)
			fprintf(out->file, "%sskipped: %s\n", prefix,
				*g->reason ? g->reason : "no reason given");
		fprintf(out->file, "%sok %zu %s%s\n", g->verdict > VERDICT_PASS ? "not " : "",
			i + 1, label, skip ? " # SKIP" : "");
		free(label);
		free(prefix);
	}
	put_summary(set, out->file, "# ");
	fprintf(out->file, "%sok %zu complete\n", set->nr_incomplete ? "not " : "",
		set->nr_groups + 1);
	return set_exit(set);
}
