// SPDX-License-Identifier: GPL-2.0-only
/*
 * Posterior over culprits and the choice of what to test next.
 *
 * The bug fails at a rate that is not known: n failures in E seconds of exposure leave a Gamma
 * distribution with shape n and rate E (prior 1/rate). If commit c is the culprit, each second
 * without a failure at a commit that has c counts against it. With the rate integrated out:
 *
 *	P(c) ~ prior(c) * (E / (E + clean(c))) ^ n	0 if some commit failed without c in it
 *
 * A failure adds to n, its exposure to E, whoever the culprit is: a commit that failed is bad.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "posterior.h"

#define NR_STEPS	12

/* Exposures that are considered, in units of the mean time to failure. */
static const double steps[NR_STEPS] = {
	0.12, 0.25, 0.4, 0.6, 0.8, 1.1, 1.5, 2, 2.7, 3.6, 5, 8,
};

void engine_init(struct engine *e, const struct graph *g, const double *prior, bool find_fix)
{
	*e = (struct engine){ .g = g, .find_fix = find_fix };
	e->prior = calloc(g->nr, sizeof(*e->prior));
	e->clean = calloc(g->nr, sizeof(*e->clean));
	e->posterior = calloc(g->nr, sizeof(*e->posterior));
	e->out = calloc(g->nr, sizeof(*e->out));
	e->mark = calloc(g->nr, sizeof(*e->mark));
	e->scratch = calloc((size_t)g->nr * 6, sizeof(*e->scratch));
	for (unsigned int c = 0; c < g->nr; c++)
		e->prior[c] = prior ? prior[c] : 1;
}

void engine_fini(struct engine *e)
{
	free(e->prior);
	free(e->clean);
	free(e->posterior);
	free(e->out);
	free(e->mark);
	free(e->scratch);
}

/* (exposure / (exposure + seconds)) ^ failures: no failure in so many seconds at a bad commit. */
double rate_p_clean(double failures, double exposure, double seconds)
{
	return exp(-failures * log1p(seconds / exposure));
}

/* How many seconds without a failure leave a bad commit no more than p_miss? */
double rate_clean_exposure(double failures, double exposure, double p_miss)
{
	return exposure * expm1(-log(p_miss) / failures);
}

static void update(struct engine *e)
{
	double sum = 0, clean = NAN, p = 0;

	for (unsigned int c = 0; c < e->g->nr; c++) {
		if (e->clean[c] != clean)
			p = rate_p_clean(e->failures, e->exposure, clean = e->clean[c]);
		e->posterior[c] = e->out[c] ? 0 : e->prior[c] * p;
		sum += e->posterior[c];
	}
	for (unsigned int c = 0; sum > 0 && c < e->g->nr; c++)
		e->posterior[c] /= sum;
}

/* What was seen where the bug surely is. Has to be called before anything else is. */
void engine_calibrate(struct engine *e, double failures, double exposure)
{
	e->failures += failures;
	e->exposure += exposure;
	update(e);
}

/* mark[c]: does x have the bug if c is the culprit? */
static void mark_bad(struct engine *e, unsigned int x)
{
	graph_ancestors(e->g, x, e->mark);
	for (unsigned int c = 0; e->find_fix && c < e->g->nr; c++)
		e->mark[c] = !e->mark[c];
}

/* x was exposed for so many seconds, and the bug did not show. */
void engine_clean(struct engine *e, unsigned int x, double seconds)
{
	mark_bad(e, x);
	for (unsigned int c = 0; c < e->g->nr; c++)
		if (e->mark[c])
			e->clean[c] += seconds;
	update(e);
}

/* Would a failure of x leave no candidate? */
bool engine_contradicts(struct engine *e, unsigned int x)
{
	mark_bad(e, x);
	for (unsigned int c = 0; c < e->g->nr; c++)
		if (e->mark[c] && !e->out[c] && e->prior[c] > 0)
			return false;
	return true;
}

/*
 * The bug showed at x after so many seconds of an exposure. False if that contradicts what is
 * known; then nothing has changed.
 */
bool engine_failed(struct engine *e, unsigned int x, double seconds)
{
	if (engine_contradicts(e, x))
		return false;
	for (unsigned int c = 0; c < e->g->nr; c++)
		if (!e->mark[c])
			e->out[c] = true;
	e->failures++;
	e->exposure += seconds;
	update(e);
	return true;
}

/* The most probable culprit. */
bool engine_best(const struct engine *e, unsigned int *culprit, double *p)
{
	*p = 0;
	for (unsigned int c = 0; c < e->g->nr; c++)
		if (e->posterior[c] > *p)
			*p = e->posterior[*culprit = c];
	return *p > 0;
}

double engine_p_bad(const struct engine *e, unsigned int x)
{
	double *sum = calloc(e->g->nr, sizeof(*sum)), p;

	graph_sum(e->g, 1, e->posterior, sum, 0, x);
	p = e->find_fix ? 1 - sum[x] : sum[x];
	free(sum);
	return p;
}

double engine_entropy(const struct engine *e)
{
	double h = 0;

	for (unsigned int c = 0; c < e->g->nr; c++)
		if (e->posterior[c] > 0)
			h -= e->posterior[c] * log2(e->posterior[c]);
	return h;
}

/* Entropy of a coin, in bits. */
static double coin(double p)
{
	return p <= 0 || p >= 1 ? 0 : -(p * log2(p) + (1 - p) * log2(1 - p));
}

/* Of an exposure that ends after t seconds, or with a failure before: how long does it take? */
static double expected_seconds(double n, double exposure, double t)
{
	if (fabs(n - 1) < 1e-9)
		return exposure * log1p(t / exposure);
	return exposure / (n - 1) * -expm1(-(n - 1) * log1p(t / exposure));
}

/* For each candidate: posterior times the probability, doubt and saving of a failure. */
static void weigh(struct engine *e, double t, double *weight, unsigned int from, unsigned int to)
{
	double clean = NAN, miss = 0, doubt = 0, lasts = 0;

	for (unsigned int c = from; c <= to; c++, weight += 3) {
		double p = e->posterior[c];

		if (e->clean[c] != clean) {
			clean = e->clean[c];
			miss = rate_p_clean(e->failures, e->exposure + clean, t);
			doubt = coin(miss);
			lasts = expected_seconds(e->failures, e->exposure + clean, t);
		}
		weight[0] = p * (1 - miss);
		weight[1] = p * doubt;
		weight[2] = p * (t - lasts);	/* what a failure saves */
	}
}

/*
 * Which commit, and for how long? The one whose outcome tells most about the culprit per second,
 * with the time to build it. The information that an exposure of x gives is what is not known
 * about its outcome, less what would not be known even if the culprit were.
 * False if no commit that can be tested would tell anything.
 */
bool engine_choose(struct engine *e, const struct costs *costs, struct choice *choice)
{
	double *weight = e->scratch, *sum = e->scratch + (size_t)e->g->nr * 3;
	double best = 0, mean = e->exposure / e->failures, total[3], fail[3];
	unsigned int from = 0, to = e->g->nr - 1;

	while (from < to && e->posterior[from] < 1e-9)
		from++;
	while (to > from && e->posterior[to] < 1e-9)
		to--;
	for (unsigned int s = 0; s < NR_STEPS; s++) {
		double t = fmax(steps[s] * mean, costs->min_exposure);

		if (costs->max_exposure > 0 && t > costs->max_exposure) {
			if (s)
				break;
			t = costs->max_exposure;
		}
		weigh(e, t, weight + from * 3, from, to);
		graph_sum(e->g, 3, weight, sum, from, to);
		memset(total, 0, sizeof(total));
		for (unsigned int c = from; c <= to; c++)
			for (int k = 0; k < 3; k++)
				total[k] += weight[c * 3 + k];
		for (unsigned int x = from; x <= to; x++) {
			double works = costs->works ? costs->works[x] : 1, bits, seconds;

			for (int k = 0; k < 3; k++)
				fail[k] = e->find_fix ? total[k] - sum[x * 3 + k] : sum[x * 3 + k];
			bits = coin(fail[0]) - fail[1];
			seconds = costs->build[x] + costs->boot + (t - fail[2]) / costs->speed;
			if (works <= 0 || bits < 1e-9 || works * bits <= best * seconds)
				continue;
			best = works * bits / seconds;
			*choice = (struct choice){ .commit = x, .exposure = t, .p_fail = fail[0],
				.bits = bits, .seconds = seconds };
		}
	}
	if (best > 0)
		choice->p_bad = engine_p_bad(e, choice->commit);
	return best > 0;
}
