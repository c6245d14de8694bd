// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a clean run says: N times a fault met an invalidation and nothing broke, so that with 95 %
 * certainty it breaks in less than 3 / N of such meetings (rule of three; exactly: the N-th root of
 * 0.05 is above 1 - 3 / N).
 */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static const struct {
	const char *kind, *count, *says;
} kinds[BOUND_KINDS] = {
	{ "invalidation", "hits", "faults thrown away for an invalidation" },
	{ "memslot", "roots", "faults thrown away for a change of memslots" },
	{ "early", "early-pairs", "faults that saw an invalidation before they took the lock" },
};

static uint64_t met(const struct srun *s, unsigned int kind)
{
	json_t *window = json_object_get(s->counts, "window");

	return json_integer_value(json_object_get(window, kinds[kind].count));
}

static json_t *to_json(const uint64_t n[BOUND_KINDS])
{
	json_t *list = json_array(), *o;

	for (unsigned int k = 0; k < BOUND_KINDS; k++) {
		if (!n[k])
			continue;
		o = json_object();
		json_object_set_new(o, "kind", json_string(kinds[k].kind));
		json_object_set_new(o, "met", json_integer(n[k]));
		json_object_set_new(o, "rate_below", json_real(n[k] > 3 ? 3.0 / n[k] : 1));
		json_array_append_new(list, o);
	}
	return list;
}

/* Of one scenario that passed; an empty list if it did not, or if nothing met. */
json_t *bound_json(const struct srun *s)
{
	uint64_t n[BOUND_KINDS] = { 0 };

	for (unsigned int k = 0; k < BOUND_KINDS && s->verdict == VERDICT_PASS; k++)
		n[k] = met(s, k);
	return to_json(n);
}

/* Of all scenarios that passed. */
static void add_up(const struct run *run, uint64_t n[BOUND_KINDS])
{
	for (size_t i = 0; i < run->nr; i++)
		for (unsigned int k = 0; k < BOUND_KINDS && run->s[i].verdict == VERDICT_PASS; k++)
			n[k] += met(&run->s[i], k);
}

json_t *bound_run_json(const struct run *run)
{
	uint64_t n[BOUND_KINDS] = { 0 };

	if (judge_run(run) == VERDICT_PASS)
		add_up(run, n);
	return to_json(n);
}

/* As diagnostics: one line for each kind. */
void bound_note(struct run *run, const struct srun *s)
{
	uint64_t n[BOUND_KINDS] = { 0 };

	if (s ? s->verdict != VERDICT_PASS : judge_run(run) != VERDICT_PASS)
		return;
	if (!s)
		add_up(run, n);
	for (unsigned int k = 0; k < BOUND_KINDS; k++) {
		if (s)
			n[k] = met(s, k);
		if (n[k] > 3)
			ktap_note(run, "%s: no new failure in %llu %s: rate below %.2g at 95 %%",
				  s ? s->conf.name : "all", (unsigned long long)n[k],
				  kinds[k].says, 3.0 / n[k]);
	}
}
