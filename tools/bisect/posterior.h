/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mathematics of a bisection whose test fails only now and then. Knows commits as numbers and
 * exposure as seconds; nothing of git, kernels or virtual machines. docs/bisect.md has the method.
 */
#ifndef PFN_BISECT_POSTERIOR_H
#define PFN_BISECT_POSTERIOR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Commits in topological order: the parents of a commit have smaller numbers. Parents outside of
 * the range are left out.
 */
struct graph {
	unsigned int nr;
	const unsigned int *first;	/* nr + 1: where its parents begin in parent[] */
	const unsigned int *parent;
	uint64_t **ancestors;		/* of merges only: a bit for each commit */
};

void graph_init(struct graph *g, unsigned int nr, const unsigned int *first,
		const unsigned int *parent);
void graph_fini(struct graph *g);
void graph_ancestors(const struct graph *g, unsigned int x, bool *mark);
void graph_sum(const struct graph *g, unsigned int nr_sums, const double *weight, double *sum,
	       unsigned int from, unsigned int to);

struct engine {
	const struct graph *g;
	bool find_fix;		/* looks for the commit that made it good */
	double failures;	/* Gamma posterior of the failure rate: shape */
	double exposure;	/* and rate: seconds of exposure that ended in those failures */
	double *prior;
	double *clean;		/* seconds without a failure, if this commit were the culprit */
	double *posterior;	/* sum 1, but for a contradiction */
	bool *out;		/* a failure says that it cannot be this commit */
	double *scratch;
	bool *mark;
};

/* What it costs to test a commit. */
struct costs {
	const double *build;	/* seconds for each commit, 0: is built */
	const double *works;	/* probability that it builds and boots; NULL: all do */
	double boot;		/* seconds from start to exposure */
	double speed;		/* seconds of exposure per second, > 1 with several machines */
	double min_exposure;	/* shorter ones are not worth it */
	double max_exposure;	/* 0: any */
};

struct choice {
	unsigned int commit;
	double exposure;	/* seconds */
	double p_bad;		/* that the commit has the bug */
	double p_fail;		/* that the exposure shows it */
	double bits;		/* expected information */
	double seconds;		/* expected duration, build and boot included */
};

/* What to do next where one commit can be tested while another is built. */
struct plan {
	struct choice test;		/* exposure 0: nothing but to wait for the build */
	unsigned int build[2], nr_build;	/* what to build meanwhile, in this order */
};

void engine_init(struct engine *e, const struct graph *g, const double *prior, bool find_fix);
void engine_fini(struct engine *e);
void engine_calibrate(struct engine *e, double failures, double exposure);
void engine_clean(struct engine *e, unsigned int x, double seconds);
bool engine_failed(struct engine *e, unsigned int x, double seconds);
bool engine_contradicts(struct engine *e, unsigned int x);
bool engine_best(const struct engine *e, unsigned int *culprit, double *p);
double engine_p_bad(const struct engine *e, unsigned int x);
double engine_entropy(const struct engine *e);
bool engine_choose(struct engine *e, const struct costs *costs, struct choice *choice);
bool engine_plan(struct engine *e, const struct costs *costs, struct plan *plan);

double rate_clean_exposure(double failures, double exposure, double p_miss);
double rate_p_clean(double failures, double exposure, double seconds);

#endif /* PFN_BISECT_POSTERIOR_H */
