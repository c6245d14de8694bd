// SPDX-License-Identifier: GPL-2.0-only
/* Lives that are drawn: everything meets everything soon, but for what cannot be judged together. */
#include "../../kvm-pfn-stress/draw.h"
#include "../../kvm-pfn-stress/plugins.h"
#include "test.h"

#define NR_REGIONS	20
#define NR_CONSUMERS	6
#define NR_INJECTORS	12

static const struct consumer_ops consumers[NR_CONSUMERS] = {
	{ .name = "c0" }, { .name = "c1", .apart = "i3" }, { .name = "c2" }, { .name = "c3" },
	{ .name = "c4", .alone = true }, { .name = "c5" },
};

static const struct injector_ops injectors[NR_INJECTORS] = {
	{ .name = "i0", .apart = "i10 i1" }, { .name = "i1" }, { .name = "i2" }, { .name = "i3" },
	{ .name = "i4" }, { .name = "i5" }, { .name = "i6" }, { .name = "i7" }, { .name = "i8" },
	{ .name = "i9" }, { .name = "i10" }, { .name = "i11" },
};

const struct backing_ops *backing_find(const char *name)
{
	static const struct backing_ops r19 = { .name = "r19", .apart = "c10 c1" }, others;

	return strcmp(name, "r19") ? &others : &r19;
}

const struct consumer_ops *consumer_find(const char *name)
{
	return &consumers[atoi(name + 1)];
}

const struct injector_ops *injector_find(const char *name)
{
	return &injectors[atoi(name + 1)];
}

static unsigned int fill(struct scenario_item *list, char kind, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		snprintf(list[i].name, sizeof(list[i].name), "%c%u", kind, i);
	return nr;
}

static struct scenario everything(void)
{
	struct scenario s = {
		.draw = { { "regions", 4 }, { "consumers", 3 }, { "injectors", 4 } }, .nr_draw = 3,
	};

	s.nr_regions = fill(s.regions, 'r', NR_REGIONS);
	s.nr_consumers = fill(s.consumers, 'c', NR_CONSUMERS);
	s.nr_injectors = fill(s.injectors, 'i', NR_INJECTORS);
	return s;
}

static bool has(const struct scenario_item *list, unsigned int nr, const char *name)
{
	while (nr--)
		if (!strcmp(list[nr].name, name))
			return true;
	return false;
}

static bool together(const struct scenario *l, const char *a, const char *b)
{
	const char *names[] = { a, b };
	unsigned int i, n = 0;

	for (i = 0; i < 2; i++)
		n += has(l->regions, l->nr_regions, names[i]) ||
		     has(l->consumers, l->nr_consumers, names[i]) ||
		     has(l->injectors, l->nr_injectors, names[i]);
	return n == 2;
}

/* Lives until all consumers have met all regions and injectors that they may meet. */
static unsigned int lives_to_meet(uint64_t seed)
{
	static const unsigned int want = NR_CONSUMERS * (NR_REGIONS + NR_INJECTORS) - 2;
	bool met[NR_CONSUMERS][NR_REGIONS + NR_INJECTORS] = { { false } };
	struct scenario from = everything(), l;
	unsigned int lives, n = 0, i, k, c;
	struct rng rng;

	rng_seed(&rng, seed, 0);
	draw_start();
	for (lives = 0; n < want && lives < 1000; lives++) {
		assert_true(draw_life(&from, &rng, &l));
		assert_int_equal(l.nr_regions, 4);
		assert_int_equal(l.nr_injectors, 4);
		assert_false(together(&l, "c1", "i3") || together(&l, "c1", "r19"));
		assert_false(together(&l, "i0", "i10") || together(&l, "i1", "i0"));
		assert_int_equal(l.nr_consumers, together(&l, "c4", l.regions[0].name) ? 1 : 3);
		for (i = 0; i < l.nr_consumers; i++) {
			c = atoi(l.consumers[i].name + 1);
			for (k = 0; k < l.nr_regions; k++)
				met[c][atoi(l.regions[k].name + 1)] = true;
			for (k = 0; k < l.nr_injectors; k++)
				met[c][NR_REGIONS + atoi(l.injectors[k].name + 1)] = true;
		}
		for (n = c = 0; c < NR_CONSUMERS; c++)
			for (k = 0; k < NR_REGIONS + NR_INJECTORS; k++)
				n += met[c][k];
	}
	return lives;
}

/*
 * Five consumers, three at a time, and one that is alone: 20 regions and 12 injectors by fours take
 * 5 lives each for it, and at least 9 for the others.
 */
static void all_meet_soon(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++)
		assert_in_range(lives_to_meet(seed), 14, 32);
}

static void a_seed_gives_the_same_lives(void **state)
{
	struct scenario from = everything(), a[10], b[10], c[10];
	struct scenario *to[] = { a, b, c };
	unsigned int i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct rng rng;

		rng_seed(&rng, i == 2 ? 8 : 7, 0);
		draw_start();
		for (k = 0; k < 10; k++)
			assert_true(draw_life(&from, &rng, &to[i][k]));
	}
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
}

static void what_cannot_be_had_is_left_out(void **state)
{
	struct scenario from = everything(), l;
	unsigned int i;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1, 0);
	draw_start();
	draw_without(&from, "r3");
	draw_without(&from, "i7");
	for (i = 0; i < 100; i++) {
		assert_true(draw_life(&from, &rng, &l));
		assert_false(has(l.regions, l.nr_regions, "r3"));
		assert_false(has(l.injectors, l.nr_injectors, "i7"));
	}
	/* a list that is not drawn from is there as it stands, and what is drawn goes with it */
	from.draw[1].value = NR_CONSUMERS;
	assert_true(draw_life(&from, &rng, &l));
	assert_int_equal(l.nr_consumers, NR_CONSUMERS);
	assert_false(together(&l, "c0", "i3"));
	for (i = 0; i < NR_CONSUMERS; i++)
		draw_without(&from, from.consumers[i].name);
	assert_false(draw_life(&from, &rng, &l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_meet_soon),
		cmocka_unit_test(a_seed_gives_the_same_lives),
		cmocka_unit_test(what_cannot_be_had_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
