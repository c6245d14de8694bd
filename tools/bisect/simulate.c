// SPDX-License-Identifier: GPL-2.0-only
/*
 * simulate [--count N] [--commits N] [--seed N] [--confidence P] [--merges] [--mean S]...
 *
 * Bisections of made-up histories: how often is the culprit right, and how long does it take?
 * Against git bisect run with a test that takes a multiple of the mean time to failure, and
 * against a Bayesian bisection that counts runs. Time is what builds, boots and exposure take;
 * nobody pays for verification. Prints a table in Markdown.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posterior.h"

#define BOOT_SECONDS	10
#define BUILD_SECONDS	300
#define CALIBRATION	5	/* failures that are waited for where the rate is not known */

static unsigned int nr_commits = 1000;
static unsigned long count = 10000, seed = 1;
static double confidence = 0.99;
static bool merges;

struct world {
	struct graph g;
	unsigned short rng[3];
	double mean;
	bool known;		/* the rate was measured before, at no cost */
	bool foreign;		/* there is a second bug, as frequent as ours */
	/* of this bisection */
	unsigned int culprit, stranger;
	bool *bad, *strange;	/* commits that have the bug, and the other one */
	double *build;		/* seconds that are left, 0: is built */
	unsigned int queue[2], nr_queue;	/* what is built while something is tested */
	double seconds;
	unsigned int builds;
	double failures, exposure;	/* of the calibration */
};

struct result {
	double right, seconds, squares, builds;
};

static double exponential(struct world *w, double mean)
{
	return -mean * log(1 - erand48(w->rng));
}

enum outcome { CLEAN, FAILED, FOREIGN };

/* What is built ahead gets on; what is built in part and wanted no more is thrown away. */
static void pass_time(struct world *w, double seconds)
{
	unsigned int i = 0;

	w->seconds += seconds;
	for (; i < w->nr_queue && seconds > 0; i++) {
		double *left = &w->build[w->queue[i]], step = fmin(*left, seconds);

		*left -= step;
		seconds -= step;
		w->builds += step > 0 && *left <= 0;
	}
}

/* Builds x if need be, boots it, exposes it. *lasted: exposure until the end of the run. */
static enum outcome expose(struct world *w, unsigned int x, double seconds, double *lasted)
{
	double ours = w->bad[x] ? exponential(w, w->mean) : INFINITY;
	double other = w->foreign && w->strange[x] ? exponential(w, w->mean) : INFINITY;

	if (w->build[x] > 0) {
		w->builds++;
		w->seconds += w->build[x];
		w->build[x] = 0;
	}
	*lasted = fmin(seconds, fmin(ours, other));
	pass_time(w, BOOT_SECONDS + *lasted);
	return *lasted == seconds ? CLEAN : ours < other ? FAILED : FOREIGN;
}

/* A new bisection: where the bugs are, and what the calibration says about the rate. */
static void begin(struct world *w, unsigned long nr)
{
	unsigned int last = w->g.nr - 1, left = CALIBRATION;
	double lasted;

	w->rng[0] = seed * 7919 + nr;
	w->rng[1] = nr >> 16;
	w->rng[2] = seed;
	for (int i = 0; i < 8; i++)
		erand48(w->rng);
	w->culprit = erand48(w->rng) * w->g.nr;
	w->stranger = erand48(w->rng) * w->g.nr;
	for (unsigned int x = 0; x < w->g.nr; x++)
		w->build[x] = BUILD_SECONDS;
	w->seconds = w->builds = w->nr_queue = 0;
	if (!merges) {
		for (unsigned int x = 0; x < w->g.nr; x++) {
			w->bad[x] = x >= w->culprit;
			w->strange[x] = x >= w->stranger;
		}
	} else {
		for (unsigned int x = 0; x < w->g.nr; x++) {
			w->bad[x] = x == w->culprit;
			w->strange[x] = x == w->stranger;
			for (unsigned int i = w->g.first[x]; i < w->g.first[x + 1]; i++) {
				w->bad[x] |= w->bad[w->g.parent[i]];
				w->strange[x] |= w->strange[w->g.parent[i]];
			}
		}
	}
	w->failures = 1e6;
	w->exposure = 1e6 * w->mean;
	if (w->known)
		return;
	w->failures = w->exposure = 0;
	while (left) {
		if (expose(w, last, INFINITY, &lasted) == FAILED)
			left--;
		w->exposure += lasted;
	}
	w->failures = CALIBRATION;
}

/* Builds what the plan says, and nothing else. */
static void build_ahead(struct world *w, const struct plan *plan)
{
	for (unsigned int i = 0; i < w->nr_queue; i++)
		if (w->build[w->queue[i]] > 0 && !(plan->nr_build && plan->build[0] == w->queue[i]))
			w->build[w->queue[i]] = BUILD_SECONDS;
	w->nr_queue = plan->nr_build;
	memcpy(w->queue, plan->build, sizeof(w->queue));
}

static void expose_it(struct world *w, struct engine *e, const struct choice *choice)
{
	double lasted;

	if (expose(w, choice->commit, choice->exposure, &lasted) == FAILED)
		engine_failed(e, choice->commit, lasted);
	else
		engine_clean(e, choice->commit, lasted);
}

static bool ours(struct world *w, double ahead)
{
	struct costs costs = { .build = w->build, .boot = BOOT_SECONDS, .speed = 1 };
	unsigned int best = 0;
	struct choice choice;
	struct plan plan;
	struct engine e;
	double p;

	costs.min_exposure = fmax(10, 0.12 * w->exposure / w->failures);
	engine_init(&e, &w->g, NULL, false);
	engine_calibrate(&e, w->failures, w->exposure);
	while (engine_best(&e, &best, &p) && p < confidence) {
		if (!ahead) {
			if (!engine_choose(&e, &costs, &choice))
				break;
			expose_it(w, &e, &choice);
			continue;
		}
		if (!engine_plan(&e, &costs, &plan))
			break;
		build_ahead(w, &plan);
		if (plan.test.exposure > 0)
			expose_it(w, &e, &plan.test);
		else
			pass_time(w, w->build[plan.build[0]]);
	}
	w->nr_queue = 0;
	engine_fini(&e);
	return best == w->culprit;
}

/* The candidate that splits the others best, as git does it. */
static unsigned int git_middle(struct world *w, const bool *candidate, unsigned int *nr)
{
	double *weight = calloc(w->g.nr, sizeof(*weight)), *sum = calloc(w->g.nr, sizeof(*sum));
	double best = -1;
	unsigned int middle = 0;

	*nr = 0;
	for (unsigned int x = 0; x < w->g.nr; x++)
		*nr += weight[x] = candidate[x];
	graph_sum(&w->g, 1, weight, sum, 0, w->g.nr - 1);
	for (unsigned int x = 0; x < w->g.nr; x++) {
		if (!candidate[x] || fmin(sum[x], *nr - sum[x]) <= best)
			continue;
		best = fmin(sum[x], *nr - sum[x]);
		middle = x;
	}
	free(weight);
	free(sum);
	return middle;
}

/* aware: after a foreign failure the test goes on; else any failure is the bug. */
static bool git_bisect(struct world *w, double times, bool aware)
{
	bool *candidate = malloc(w->g.nr * sizeof(bool)), *mark = calloc(w->g.nr, sizeof(bool));
	unsigned int nr, x, culprit = 0;

	memset(candidate, true, w->g.nr * sizeof(bool));
	for (x = git_middle(w, candidate, &nr); nr > 1; x = git_middle(w, candidate, &nr)) {
		double left = times * w->exposure / w->failures, lasted;
		enum outcome outcome;

		do {
			outcome = expose(w, x, left, &lasted);
			left -= lasted;
		} while (outcome == FOREIGN && aware);
		graph_ancestors(&w->g, x, mark);
		for (unsigned int c = 0; c < w->g.nr; c++)
			candidate[c] &= mark[c] == (outcome != CLEAN);
	}
	for (unsigned int c = 0; c < w->g.nr; c++)
		if (candidate[c])
			culprit = c;
	free(candidate);
	free(mark);
	return culprit == w->culprit;
}

static bool git_aware(struct world *w, double times)
{
	return git_bisect(w, times, true);
}

static bool git_naive(struct world *w, double times)
{
	return git_bisect(w, times, false);
}

static double coin(double p)
{
	return p <= 0 || p >= 1 ? 0 : -(p * log2(p) + (1 - p) * log2(1 - p));
}

/*
 * Counts runs of one mean time to failure; the commit is the one whose run tells most, whatever a
 * build costs. A run with a foreign failure does not count.
 */
static bool run_counter(struct world *w, double unused)
{
	double length = w->exposure / w->failures, p = 1 - exp(-1), lasted, best, total;
	double *post, *sum;
	bool *mark = calloc(w->g.nr, sizeof(bool));
	unsigned int x, culprit;

	(void)unused;
	post = calloc(w->g.nr, sizeof(*post));
	sum = calloc(w->g.nr, sizeof(*sum));
	for (x = 0; x < w->g.nr; x++)
		post[x] = 1.0 / w->g.nr;
	for (;;) {
		enum outcome outcome;

		for (culprit = x = 0; x < w->g.nr; x++)
			if (post[x] > post[culprit])
				culprit = x;
		if (post[culprit] >= confidence)
			break;
		graph_sum(&w->g, 1, post, sum, 0, w->g.nr - 1);
		best = -1;
		for (unsigned int c = 0, pick = 0; c < w->g.nr; c++, x = pick) {
			double bits = sum[c] > 1e-9 ? coin(sum[c] * p) - sum[c] * coin(p) : 0;

			if (bits > best) {
				best = bits;
				pick = c;
			}
		}
		outcome = expose(w, x, length, &lasted);
		if (outcome == FOREIGN)
			continue;
		graph_ancestors(&w->g, x, mark);
		total = 0;
		for (unsigned int c = 0; c < w->g.nr; c++) {
			if (outcome == FAILED)
				post[c] *= mark[c] ? p : 0;
			else
				post[c] *= mark[c] ? 1 - p : 1;
			total += post[c];
		}
		for (unsigned int c = 0; c < w->g.nr; c++)
			post[c] /= total;
	}
	free(mark);
	free(post);
	free(sum);
	return culprit == w->culprit;
}

typedef bool (*method)(struct world *w, double times);

static struct result measure(struct world *w, method m, double times)
{
	struct result r = { 0 };

	for (unsigned long i = 0; i < count; i++) {
		begin(w, i);
		r.right += m(w, times);
		r.seconds += w->seconds;
		r.squares += w->seconds * w->seconds;
		r.builds += w->builds;
	}
	r.right /= count;
	r.seconds /= count;
	r.builds /= count;
	return r;
}

static void row(struct world *w, const char *name, const struct result *r, double base)
{
	printf("| %.0f | %s | %s | %s | %.4f | %.0f | %.1f | ", w->mean,
	       w->known ? "calibrated" : "unknown", w->foreign ? "yes" : "no", name, r->right,
	       r->seconds, r->builds);
	if (base > 0)
		printf("%.2f |\n", base / r->seconds);
	else
		printf("|\n");
	fflush(stdout);
}

/* The smallest multiple (in steps of a half) with which git bisect is as often right. */
static struct result cheapest_git(struct world *w, double right, double *times)
{
	struct result r = { 0 };

	for (*times = 1; *times <= 60; *times += *times < 16 ? 0.5 : 4) {
		r = measure(w, git_aware, *times);
		if (r.right >= right)
			break;
	}
	return r;
}

static void cell(struct world *w)
{
	static const double multiples[] = { 3, 7, 10 };
	struct result us = measure(w, ours, 0), r = measure(w, ours, 1);
	double standard = fmin(us.right, confidence), times;
	char name[64];

	row(w, "this", &us, 0);
	row(w, "this, building ahead", &r, us.seconds);
	for (int i = 0; i < 3; i++) {
		r = measure(w, git_aware, multiples[i]);
		snprintf(name, sizeof(name), "git bisect run, %g x", multiples[i]);
		row(w, name, &r, us.seconds);
		if (!w->foreign)
			continue;
		r = measure(w, git_naive, multiples[i]);
		snprintf(name, sizeof(name), "git, any failure is bad, %g x", multiples[i]);
		row(w, name, &r, us.seconds);
	}
	r = cheapest_git(w, standard, &times);
	snprintf(name, sizeof(name), "git, cheapest as good: %g x", times);
	row(w, name, &r, us.seconds);
	r = measure(w, run_counter, 0);
	row(w, "counting runs", &r, us.seconds);
}

/* A line, or one with side branches of some ten commits, as subsystem trees are merged. */
static void history(struct graph *g)
{
	unsigned int *first = calloc(nr_commits + 1, sizeof(*first));
	unsigned int *parent = calloc(2 * nr_commits, sizeof(*parent)), nr = 0, trunk = 0;

	for (unsigned int x = 0; x < nr_commits; x++) {
		first[x] = nr;
		if (!x)
			continue;
		if (!merges || x % 12 >= 2) {
			parent[nr++] = x - 1;
		} else if (x % 12 == 1) {	/* the branch begins where the trunk was */
			parent[nr++] = trunk;
		} else {			/* the merge of the branch is the trunk */
			parent[nr++] = trunk;
			parent[nr++] = x - 1;
			trunk = x;
		}
	}
	first[nr_commits] = nr;
	graph_init(g, nr_commits, first, parent);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "commits", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "confidence", required_argument, NULL, 'p' },
		{ "mean", required_argument, NULL, 'm' },
		{ "merges", no_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	double means[16] = { 60, 600, 3600 };
	unsigned int nr_means = 0, nr;
	struct world w = { 0 };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'n': count = strtoul(optarg, NULL, 10); break;
		case 'c': nr_commits = strtoul(optarg, NULL, 10); break;
		case 's': seed = strtoul(optarg, NULL, 10); break;
		case 'p': confidence = atof(optarg); break;
		case 'm': means[nr_means++ % 16] = atof(optarg); break;
		case 'g': merges = true; break;
		default: return 2;
		}
	}
	if (optind != argc || !count || nr_commits < 2 || confidence <= 0 || confidence >= 1)
		return 2;
	history(&w.g);
	nr = w.g.nr;
	w.bad = calloc(nr, sizeof(*w.bad));
	w.strange = calloc(nr, sizeof(*w.strange));
	w.build = calloc(nr, sizeof(*w.build));
	printf("%lu bisections a cell, %u commits%s, build %d s, boot %d s, confidence %g, ", count,
	       nr_commits, merges ? " with merges" : "", BUILD_SECONDS, BOOT_SECONDS, confidence);
	printf("seed %lu\n\n", seed);
	printf("| mean s | rate | foreign | method | right | seconds | builds | this / method |\n");
	printf("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
	for (unsigned int m = 0; m < (nr_means ?: 3); m++)
		for (int known = 1; known >= 0; known--)
			for (int foreign = 0; foreign < 2; foreign++) {
				w.mean = means[m];
				w.known = known;
				w.foreign = foreign;
				cell(&w);
			}
	graph_fini(&w.g);
	return 0;
}
