// SPDX-License-Identifier: GPL-2.0-only
/*
 * What to test now and what to build meanwhile, where a machine can do both at the same time.
 *
 *	builds	| x     | y, asked if x is good | z, asked if x is bad
 *	tests	  waits | x ................... fails, waits | z ...
 *
 * The best test is the one of engine_choose(), where a build on its way costs what is left of it.
 * While it runs, what would be asked after either of its outcomes is built. If the best test has
 * to wait for its build, what is built already is exposed until then: that costs nothing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "posterior.h"

#define FILLER_BITS	1e-3	/* a test that tells less is not worth a boot */

/* What would be known if x were exposed for so long, and failed or did not. Free *then. */
static bool suppose(const struct engine *e, unsigned int x, double seconds, bool failed,
		    struct engine *then)
{
	size_t n = e->g->nr;

	engine_init(then, e->g, e->prior, e->find_fix);
	memcpy(then->clean, e->clean, n * sizeof(*e->clean));
	memcpy(then->out, e->out, n * sizeof(*e->out));
	engine_calibrate(then, e->failures, e->exposure);
	if (failed)
		return engine_failed(then, x, seconds);
	engine_clean(then, x, seconds);
	return true;
}

/* The best test among commits that are built, or among those that are not. */
static bool choose_among(struct engine *e, const struct costs *costs, bool built,
			 double max_exposure, struct choice *choice)
{
	double *works = calloc(e->g->nr, sizeof(*works));
	struct costs some = *costs;
	bool any;

	for (unsigned int x = 0; x < e->g->nr; x++)
		if ((costs->build[x] <= 0) == built)
			works[x] = costs->works ? costs->works[x] : 1;
	some.works = works;
	if (max_exposure > 0)
		some.max_exposure = costs->max_exposure > 0 ?
				    fmin(max_exposure, costs->max_exposure) : max_exposure;
	any = engine_choose(e, &some, choice);
	free(works);
	return any;
}

/* What is asked after this outcome, if it is worth a build, which costs nothing now. */
static void build_after(struct engine *e, const struct costs *costs, bool failed, struct plan *plan)
{
	/* a failure comes in the middle, more or less */
	double t = plan->test.exposure * (failed ? 0.5 : 1);
	struct choice next, there;
	struct engine then;

	if (suppose(e, plan->test.commit, t, failed, &then) &&
	    choose_among(&then, costs, false, 0, &next) &&
	    (!choose_among(&then, costs, true, 0, &there) ||
	     next.bits / (next.seconds - costs->build[next.commit]) >
	     there.bits / there.seconds) &&
	    (!plan->nr_build || plan->build[0] != next.commit))
		plan->build[plan->nr_build++] = next.commit;
	engine_fini(&then);
}

/*
 * False if no commit that can be tested would tell anything. Where the test has to fail before two
 * builds could end, its silence is built for first: then there is time for it.
 */
bool engine_plan(struct engine *e, const struct costs *costs, struct plan *plan)
{
	double left, long_enough = 0;
	struct choice best;

	*plan = (struct plan){ .nr_build = 0 };
	if (!engine_choose(e, costs, &best))
		return false;
	left = costs->build[best.commit];
	if (left > 0) {
		plan->build[plan->nr_build++] = best.commit;
		left = (left - costs->boot) * costs->speed;
		if (left >= costs->min_exposure &&
		    choose_among(e, costs, true, left, &best) && best.bits > FILLER_BITS)
			plan->test = best;
		return true;
	}
	plan->test = best;
	for (unsigned int x = 0; x < e->g->nr; x++)
		long_enough = fmax(long_enough, 2 * costs->build[x]);
	for (int i = 0; i < 2; i++)
		build_after(e, costs, (best.exposure / costs->speed >= long_enough) != i, plan);
	return true;
}
