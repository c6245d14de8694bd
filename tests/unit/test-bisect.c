// SPDX-License-Identifier: GPL-2.0-only
/* The engine of the bisection: sums over merges, the posterior, what it asks for next. */
#include "test.h"
#include <math.h>
#include "../../tools/bisect/posterior.h"

#define NEAR(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

/*
 *	0 - 1 - 3 - 5 - 6
 *	  \ 2 - 4 /
 */
static const unsigned int first[] = { 0, 0, 1, 2, 3, 4, 6, 7 };
static const unsigned int parent[] = { 0, 0, 1, 2, 3, 4, 5 };

static void line(struct graph *g, unsigned int nr)
{
	unsigned int *f = calloc(nr + 1, sizeof(*f)), *p = calloc(nr, sizeof(*p));

	for (unsigned int x = 1; x < nr; x++) {
		p[x - 1] = x - 1;
		f[x + 1] = x;
	}
	graph_init(g, nr, f, p);
}

static void line_free(struct graph *g)
{
	free((void *)g->first);
	free((void *)g->parent);
	graph_fini(g);
}

static void sums_count_an_ancestor_once(void **state)
{
	static const double w[] = { 1, 2, 4, 8, 16, 32, 64 };
	static const double want[] = { 1, 3, 5, 11, 21, 63, 127 };
	struct graph g;
	double sum[7];
	bool mark[7];

	(void)state;
	graph_init(&g, 7, first, parent);
	graph_sum(&g, 1, w, sum, 0, 6);
	for (int x = 0; x < 7; x++)
		NEAR(sum[x], want[x]);
	graph_ancestors(&g, 4, mark);
	for (int c = 0; c < 7; c++)
		assert_int_equal(mark[c], c == 0 || c == 2 || c == 4);
	graph_fini(&g);
}

static void a_failure_is_certain(void **state)
{
	struct graph g;
	struct engine e;
	unsigned int c = 0;
	double p;

	(void)state;
	graph_init(&g, 7, first, parent);
	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 3, 30);
	assert_true(engine_failed(&e, 4, 10));
	for (int i = 0; i < 7; i++)
		NEAR(e.posterior[i], i == 0 || i == 2 || i == 4 ? 1.0 / 3 : 0);
	NEAR(e.failures, 4);
	NEAR(e.exposure, 40);
	assert_false(engine_contradicts(&e, 3));	/* 0 may still be the culprit */
	assert_true(engine_failed(&e, 3, 10));
	assert_true(engine_best(&e, &c, &p));
	assert_int_equal(c, 0);
	NEAR(p, 1);
	engine_fini(&e);
	graph_fini(&g);
}

static void silence_counts_by_its_length(void **state)
{
	struct graph g;
	struct engine e;

	(void)state;
	line(&g, 2);
	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 1e9, 60e9);	/* a rate that is known: 1 in 60 s */
	engine_clean(&e, 0, 30);
	engine_clean(&e, 0, 90);
	NEAR(engine_p_bad(&e, 0), exp(-2) / (1 + exp(-2)));
	engine_fini(&e);

	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 2, 120);		/* the same mean, seen twice: it may be rarer */
	engine_clean(&e, 0, 120);
	NEAR(engine_p_bad(&e, 0), 0.25 / 1.25);
	engine_fini(&e);
	line_free(&g);
}

static void the_order_of_evidence_does_not_matter(void **state)
{
	struct engine a, b;
	struct graph g;

	(void)state;
	line(&g, 9);
	engine_init(&a, &g, NULL, false);
	engine_init(&b, &g, NULL, false);
	engine_calibrate(&a, 2, 100);
	engine_clean(&a, 3, 70);
	engine_failed(&a, 6, 20);
	engine_clean(&a, 6, 40);
	engine_calibrate(&b, 2, 100);
	engine_clean(&b, 6, 40);
	engine_clean(&b, 3, 70);
	engine_failed(&b, 6, 20);
	for (int c = 0; c < 9; c++)
		NEAR(a.posterior[c], b.posterior[c]);
	engine_fini(&a);
	engine_fini(&b);
	line_free(&g);
}

static void a_contradiction_changes_nothing(void **state)
{
	struct graph g;
	struct engine e;

	(void)state;
	graph_init(&g, 7, first, parent);
	engine_init(&e, &g, (const double[]){ 0, 1, 1, 1, 1, 1, 1 }, false);
	engine_calibrate(&e, 3, 30);
	assert_true(engine_failed(&e, 3, 10));
	assert_true(engine_contradicts(&e, 4));
	assert_false(engine_failed(&e, 4, 10));
	NEAR(e.failures, 4);
	NEAR(e.posterior[1], 0.5);
	engine_fini(&e);
	graph_fini(&g);
}

/* A fix: commits without it fail. */
static void finds_a_fix(void **state)
{
	struct graph g;
	struct engine e;
	unsigned int c = 0;
	double p;

	(void)state;
	line(&g, 10);
	engine_init(&e, &g, NULL, true);
	engine_calibrate(&e, 1e9, 60e9);
	assert_true(engine_failed(&e, 4, 5));	/* 4 does not have it yet */
	NEAR(e.posterior[4], 0);
	NEAR(e.posterior[5], 0.2);
	engine_clean(&e, 5, 3000);		/* 5 has it */
	assert_true(engine_best(&e, &c, &p));
	assert_int_equal(c, 5);
	assert_true(p > 0.999999);
	engine_fini(&e);
	line_free(&g);
}

/* Where building costs nothing, a commit that is bad with 1/e; where it costs much, with a half. */
static void asks_for_what_tells_most(void **state)
{
	double build[100] = { 0 };
	struct costs costs = { .build = build, .speed = 1 };
	struct choice cheap, dear;
	struct graph g;
	struct engine e;

	(void)state;
	line(&g, 100);
	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 1e9, 60e9);
	assert_true(engine_choose(&e, &costs, &cheap));
	assert_in_range(cheap.commit, 35, 55);
	for (int i = 0; i < 100; i++)
		build[i] = 6000;
	assert_true(engine_choose(&e, &costs, &dear));
	assert_in_range(dear.commit, 45, 55);
	assert_true(dear.exposure > cheap.exposure);
	build[20] = 0;		/* but one that is built already is worth a look */
	assert_true(engine_choose(&e, &costs, &cheap));
	assert_int_equal(cheap.commit, 20);
	costs.max_exposure = 7;
	assert_true(engine_choose(&e, &costs, &cheap));
	NEAR(cheap.exposure, 7);
	engine_fini(&e);
	line_free(&g);
}

static void avoids_what_does_not_work(void **state)
{
	double build[3] = { 0 }, works[3] = { 1, 0, 1 };
	struct costs costs = { .build = build, .works = works, .speed = 1 };
	struct choice choice;
	struct graph g;
	struct engine e;

	(void)state;
	line(&g, 3);
	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 10, 100);
	assert_true(engine_choose(&e, &costs, &choice));
	assert_int_equal(choice.commit, 0);
	works[0] = 0;		/* 2 is known to be bad, nothing is left to ask */
	assert_false(engine_choose(&e, &costs, &choice));
	engine_fini(&e);
	line_free(&g);
}

/* What is built while something is tested: what is asked after its silence, or after its failure. */
static void builds_what_comes_next(void **state)
{
	double build[100];
	struct costs costs = { .build = build, .speed = 1 };
	struct graph g;
	struct engine e;
	struct plan plan;

	(void)state;
	line(&g, 100);
	engine_init(&e, &g, NULL, false);
	engine_calibrate(&e, 1e9, 60e9);
	for (int i = 0; i < 100; i++)
		build[i] = 300;
	assert_true(engine_plan(&e, &costs, &plan));
	NEAR(plan.test.exposure, 0);		/* nothing is built */
	assert_int_equal(plan.nr_build, 1);
	assert_in_range(plan.build[0], 40, 60);
	build[50] = 0;
	assert_true(engine_plan(&e, &costs, &plan));
	assert_int_equal(plan.test.commit, 50);
	assert_int_equal(plan.nr_build, 1);	/* if it is silent it is asked again */
	assert_in_range(plan.build[0], 10, 40);
	engine_clean(&e, 50, 120);
	build[75] = 200;			/* is on its way: until then 50 costs nothing */
	assert_true(engine_plan(&e, &costs, &plan));
	assert_int_equal(plan.build[0], 75);
	assert_int_equal(plan.test.commit, 50);
	assert_in_range(plan.test.exposure, 1, 200);
	build[75] = 0;
	assert_true(engine_plan(&e, &costs, &plan));
	assert_int_equal(plan.test.commit, 75);
	for (unsigned int i = 0; i < plan.nr_build; i++)
		assert_in_range(plan.build[i], 51, 99);
	engine_fini(&e);
	line_free(&g);
}

static void exposure_for_a_doubt(void **state)
{
	(void)state;
	NEAR(rate_p_clean(5, 300, rate_clean_exposure(5, 300, 0.01)), 0.01);
	assert_true(fabs(rate_clean_exposure(1e9, 60e9, exp(-3)) - 180) < 1e-3);
	assert_true(rate_clean_exposure(2, 120, 0.01) > 5 * rate_clean_exposure(20, 1200, 0.2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_count_an_ancestor_once),
		cmocka_unit_test(a_failure_is_certain),
		cmocka_unit_test(silence_counts_by_its_length),
		cmocka_unit_test(the_order_of_evidence_does_not_matter),
		cmocka_unit_test(a_contradiction_changes_nothing),
		cmocka_unit_test(finds_a_fix),
		cmocka_unit_test(asks_for_what_tells_most),
		cmocka_unit_test(avoids_what_does_not_work),
		cmocka_unit_test(builds_what_comes_next),
		cmocka_unit_test(exposure_for_a_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
