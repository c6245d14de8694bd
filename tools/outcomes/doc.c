// SPDX-License-Identifier: GPL-2.0-only
/*
 * The outcome table for people: prints docs/outcomes.md but for intro and notes. With --cells
 * FOLDER/GROUP: the names of the group's cells in a scenario of that folder.
 */
#include <stdio.h>
#include <string.h>

#include "outcomes/table.h"

static const char *const cap_names[] = {
	"maps pages without a refcount (6.13)",
	"a signal ends the wait for a page (6.2)",
};

#define ALL_CAPS	((1u << sizeof(cap_names) / sizeof(*cap_names)) - 1)

static void names_of(uint64_t mask, unsigned int nr, const char *(*name)(unsigned int))
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++)
		if (mask & (1ull << i))
			printf("%s%s", n++ ? ", " : "", name(i));
	if (!n)
		printf("all");
}

static const char *consumer_name(unsigned int i)
{
	return outcome_consumers[i];
}

static const char *state_name(unsigned int i)
{
	return outcome_states[i].name;
}

static const char *op_name(unsigned int i)
{
	return outcome_ops[i];
}

static bool covers(const struct outcome_row *r, const struct outcome_backing *b)
{
	return (b->props & r->needs) == r->needs && !(b->props & r->lacks);
}

static void backings_of(const struct outcome_row *r)
{
	unsigned int i, n = 0;

	if (!r->needs && !r->lacks) {
		printf("all");
		return;
	}
	for (i = 0; i < outcome_nr_backings; i++)
		if (covers(r, &outcome_backings[i]))
			printf("%s%s", n++ ? ", " : "", outcome_backings[i].name);
}

static void caps_of(const struct outcome_row *r)
{
	unsigned int i;

	for (i = 0; i < sizeof(cap_names) / sizeof(*cap_names); i++)
		if ((r->caps | r->nocaps) & (1u << i))
			printf("%s%s", r->nocaps & (1u << i) ? "not: " : "", cap_names[i]);
}

static void print_rows(void)
{
	char text[128];
	unsigned int i;

	printf("## Answers\n\nThe first row that fits is the answer.\n\n"
	       "| consumer | state | memory | access | kernel | answer | why |\n"
	       "| --- | --- | --- | --- | --- | --- | --- |\n");
	for (i = 0; i < outcome_nr_rows; i++) {
		const struct outcome_row *r = &outcome_rows[i];

		printf("| ");
		names_of(r->consumers, NR_CONSUMERS, consumer_name);
		printf(" | ");
		names_of(r->states, NR_STATES, state_name);
		printf(" | ");
		backings_of(r);
		printf(" | ");
		names_of(r->ops, OP_NR, op_name);
		printf(" | ");
		caps_of(r);
		printf(" | %s | %s |\n", outcome_text(r->allowed, text, sizeof(text)), r->why);
	}
}

static void print_answer(const struct outcome_cell *c)
{
	const struct outcome_row *without = outcome_row_of(c, 0);
	const struct outcome_row *with = outcome_row_of(c, ALL_CAPS);
	char text[128];

	printf(" | %s", outcome_text(without->allowed, text, sizeof(text)));
	if (without->allowed != with->allowed)
		printf("; 7.3: %s", outcome_text(with->allowed, text, sizeof(text)));
}

static void print_cells(const char *group)
{
	static struct outcome_cell cells[OUTCOME_MAX_CELLS];
	unsigned int nr = outcome_cells(group, "", cells), i, first;

	printf("\n### outcomes/%s: %u cells\n", group, nr);
	for (i = 0; i < nr;) {
		const struct outcome_cell *c = &cells[i];

		if (!i || c->backing != c[-1].backing)
			printf("\n%s: %s.\n", c->backing->name, c->backing->describe);
		if (!i || c->backing != c[-1].backing || c->consumer != c[-1].consumer) {
			printf("\n| %s |", outcome_consumers[c->consumer]);
			for (first = i; i < nr && cells[i].state == cells[first].state; i++)
				printf(" %s |", outcome_ops[cells[i].op]);
			printf("\n| --- |");
			for (i = first; i < nr && cells[i].state == cells[first].state; i++)
				printf(" --- |");
			printf("\n");
			i = first;
		}
		printf("| %s", outcome_states[c->state].name);
		for (first = i; i < nr && cells[i].state == cells[first].state &&
		     cells[i].consumer == cells[first].consumer; i++)
			print_answer(&cells[i]);
		printf(" |\n");
	}
}

static bool is_first_of_group(unsigned int b)
{
	unsigned int i;

	for (i = 0; i < b; i++)
		if (!strcmp(outcome_backings[i].group, outcome_backings[b].group))
			return false;
	return true;
}

static void print_document(void)
{
	unsigned int i, total = 0;

	for (i = 0; i < outcome_nr_backings; i++)
		if (is_first_of_group(i))
			total += outcome_cells(outcome_backings[i].group, "", NULL);
	printf("## States\n\n| state | the page | under stress |\n| --- | --- | --- |\n");
	for (i = 0; i < NR_STATES; i++)
		printf("| %s | %s | %s |\n", outcome_states[i].name, outcome_states[i].describe,
		       outcome_states[i].alone ? "does not happen" : "happens");
	printf("\n");
	print_rows();
	printf("\n## Cells\n\n%u in all.\n", total);
	for (i = 0; i < outcome_nr_backings; i++)
		if (is_first_of_group(i))
			print_cells(outcome_backings[i].group);
	printf("\n");
}

int main(int argc, char **argv)
{
	static struct outcome_cell cells[OUTCOME_MAX_CELLS];
	char name[OUTCOME_NAME_MAX];
	unsigned int i, nr;

	if (argc == 3 && !strcmp(argv[1], "--cells")) {
		const char *group = strchr(argv[2], '/');

		nr = group ? outcome_cells(group + 1, "", cells) : 0;
		for (i = 0; i < nr; i++)
			printf("%s\n", outcome_cell_name(argv[2], &cells[i], name));
		return !nr;
	}
	print_document();
	return 0;
}
