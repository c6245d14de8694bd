// SPDX-License-Identifier: GPL-2.0-only
/* The outcome table: every cell has one name and, whatever the kernel can do, an answer. */
#include "test.h"
#include "../../kvm-pfn-stress/outcomes/table.h"

#define NR_CAPS	2	/* bits of C_* */
#define NR_BY	4

static const char * const by[NR_BY] = { "", "nested", "emulated", "vmrun" };
static const char *groups[32];
static unsigned int nr_groups;

static int find_groups(void **state)
{
	(void)state;
	for (unsigned int b = 0; b < outcome_nr_backings; b++) {
		unsigned int g = 0;

		while (g < nr_groups && strcmp(groups[g], outcome_backings[b].group))
			g++;
		if (g == nr_groups)
			groups[nr_groups++] = outcome_backings[b].group;
	}
	return 0;
}

static void names_are_unique_and_plain(void **state)
{
	static char names[4096][OUTCOME_NAME_MAX];
	struct outcome_cell cells[OUTCOME_MAX_CELLS];
	unsigned int n = 0;

	(void)state;
	for (unsigned int g = 0; g < nr_groups; g++) {
		unsigned int nr = outcome_cells(groups[g], "", NULL);

		assert_in_range(nr, 1, OUTCOME_MAX_CELLS);
		assert_int_equal(outcome_cells(groups[g], "", cells), nr);
		for (unsigned int i = 0; i < nr; i++) {
			outcome_cell_name("outcomes/all", &cells[i], names[n]);
			assert_int_equal(strspn(names[n], "abcdefghijklmnopqrstuvwxyz0123456789-/"),
					 strlen(names[n]));
			for (unsigned int k = 0; k < n; k++)
				assert_string_not_equal(names[k], names[n]);
			n++;
		}
	}
	assert_false(outcome_group("none"));
	assert_false(outcome_group(""));
}

static void every_cell_has_an_answer(void **state)
{
	struct outcome_cell cells[OUTCOME_MAX_CELLS];

	(void)state;
	for (unsigned int g = 0; g < NR_BY * nr_groups; g++) {
		unsigned int nr = outcome_cells(groups[g / NR_BY], by[g % NR_BY], cells);

		for (unsigned int i = 0; i < nr; i++)
			for (unsigned int caps = 0; caps < 1 << NR_CAPS; caps++) {
				const struct outcome_row *row = outcome_row_of(&cells[i], caps);
				char name[OUTCOME_NAME_MAX];

				if (!row || !row->allowed || !row->why)
					fail_msg("no answer: %s",
						 outcome_cell_name("outcomes/all", &cells[i], name));
			}
	}
}

/* A row that no cell reaches is a mistake: something above it swallows it. */
static void every_row_is_used(void **state)
{
	struct outcome_cell cells[OUTCOME_MAX_CELLS];
	bool used[256] = { false };

	(void)state;
	assert_true(outcome_nr_rows <= 256);
	for (unsigned int g = 0; g < NR_BY * nr_groups; g++) {
		unsigned int nr = outcome_cells(groups[g / NR_BY], by[g % NR_BY], cells);

		for (unsigned int i = 0; i < nr; i++)
			for (unsigned int caps = 0; caps < 1 << NR_CAPS; caps++)
				used[outcome_row_of(&cells[i], caps) - outcome_rows] = true;
	}
	for (unsigned int r = 0; r < outcome_nr_rows; r++)
		if (!used[r])
			fail_msg("row %u is of no use: %s", r, outcome_rows[r].why);
}

/* What the oracle under stress takes from the table, in the words of its own states. */
static void answers_under_stress(void **state)
{
	static const struct {
		unsigned int props;
		enum page_state ps;
		enum access_op op;
		unsigned int caps, allowed;
	} want[] = {
		{ P_HANDLER, PS_MAPPED, OP_STORE, 0, RES_BIT(RES_UCALL) },
		{ P_HANDLER, PS_READONLY, OP_STORE, 0, RES_BIT(RES_EFAULT) },
		{ P_HANDLER, PS_READONLY, OP_LOAD, 0, RES_BIT(RES_UCALL) },
		{ P_HANDLER, PS_HOLE, OP_EXEC, 0, RES_BIT(RES_EFAULT) },
		{ P_HANDLER, PS_NOACCESS, OP_LOAD, 0, RES_BIT(RES_EFAULT) },
		{ P_HANDLER, PS_POISON, OP_RMW, 0, RES_BIT(RES_SIGBUS) },
		{ P_HANDLER, PS_NOSLOT, OP_STORE, 0, RES_BIT(RES_MMIO) },
		{ P_HANDLER, PS_NOSLOT, OP_EXEC, 0, RES_BIT(RES_INTERNAL) },
		{ P_HANDLER, PS_ROSLOT, OP_RMW, 0, RES_BIT(RES_MMIO) },
		{ P_HANDLER, PS_ROSLOT, OP_LOAD, 0, RES_BIT(RES_UCALL) },
		{ P_HANDLER | P_REMAPPED, PS_READONLY, OP_STORE, 0,
		  RES_BIT(RES_EFAULT) | RES_BIT(RES_MMIO) },
		{ P_HANDLER | P_REMAPPED, PS_READONLY, OP_RMW, 0,
		  RES_BIT(RES_EFAULT) | RES_BIT(RES_MMIO) | RES_BIT(RES_INTERNAL) },
		{ P_HANDLER | P_REMAPPED | P_TAIL, PS_MAPPED, OP_LOAD, 0, RES_BIT(RES_EFAULT) },
		{ P_HANDLER | P_REMAPPED | P_TAIL, PS_MAPPED, OP_LOAD, C_UNREFCOUNTED,
		  RES_BIT(RES_UCALL) },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(want) / sizeof(*want); i++) {
		unsigned int got = outcome_under_stress(want[i].props, want[i].ps, want[i].op,
							want[i].caps);
		char a[128], b[128];

		if (got != want[i].allowed)
			fail_msg("%u: %s, not %s", i, outcome_text(got, a, sizeof(a)),
				 outcome_text(want[i].allowed, b, sizeof(b)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_plain),
		cmocka_unit_test(every_cell_has_an_answer),
		cmocka_unit_test(every_row_is_used),
		cmocka_unit_test(answers_under_stress),
	};

	return cmocka_run_group_tests_name("outcomes", tests, find_groups, NULL);
}
