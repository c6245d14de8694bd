// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cells of the outcome table: a conformance scenario has a result for each, and each is a line of KTAP.
 * Which cells there are is known before anything runs, and whatever happens each gets a verdict.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"
#include "../../kvm-pfn-stress/outcomes/table.h"

static void set_verdict(json_t *cell, enum verdict v)
{
	set_text(cell, "verdict", verdict_name(v));
}

static void add_cell(json_t *list, const char *name)
{
	json_t *cell = json_object();

	set_text(cell, "name", name);
	set_verdict(cell, VERDICT_NONE);
	json_array_append_new(list, cell);
}

/* Those of the table, the first time; then the same without results. */
void cells_reset(struct srun *s)
{
	static struct outcome_cell cells[OUTCOME_MAX_CELLS];
	unsigned int nr = s->cells ? 0 : outcome_cells(s->conf.outcomes, s->conf.consumers[0].name,
						       cells);
	char name[OUTCOME_NAME_MAX];
	json_t *list = json_array(), *cell;
	size_t i;

	for (i = 0; i < nr; i++)
		add_cell(list, outcome_cell_name(s->conf.name, &cells[i], name));
	json_array_foreach(s->cells, i, cell)
		add_cell(list, get_text(cell, "name"));
	json_decref(s->cells);
	s->cells = list;
}

/* Cells that were in the table when it ran, which may not be those of today. */
void cells_take(struct srun *s, json_t *old)
{
	json_decref(s->cells);
	s->cells = old ? json_incref(old) : json_array();
	cells_reset(s);
}

static json_t *find(const struct srun *s, const char *name)
{
	json_t *cell;
	size_t i;

	json_array_foreach(s->cells, i, cell)
		if (!strcmp(get_text(cell, "name"), name))
			return cell;
	return NULL;
}

void cells_event(struct srun *s, const struct event *ev)
{
	static const char * const texts[] = { "expected", "got", "reason", "fingerprint" };
	const char *verdict = event_text(ev, "verdict", "fail");
	json_t *cell = find(s, event_text(ev, "name", ""));

	if (!cell || get_verdict(cell) != VERDICT_NONE)
		return;
	set_text(cell, "verdict", verdict);
	if (get_verdict(cell) == VERDICT_NONE)
		set_verdict(cell, VERDICT_FAIL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (*event_text(ev, texts[i], ""))
			set_text(cell, texts[i], event_text(ev, texts[i], ""));
}

size_t cells_count(const struct srun *s, enum verdict v)
{
	json_t *cell;
	size_t i, n = 0;

	json_array_foreach(s->cells, i, cell)
		n += get_verdict(cell) == v;
	return n;
}

bool cells_have(const struct srun *s, const char *fingerprint)
{
	json_t *cell;
	size_t i;

	json_array_foreach(s->cells, i, cell)
		if (!strcmp(get_text(cell, "fingerprint"), fingerprint))
			return true;
	return false;
}

void cells_match_known(struct run *run, struct srun *s)
{
	json_t *cell;
	size_t i;

	json_array_foreach(s->cells, i, cell) {
		const char *fingerprint = get_text(cell, "fingerprint"), *id;

		if (!*fingerprint)
			continue;
		id = known_match(run->known, fingerprint, run->kernel_release, time(NULL));
		set_verdict(cell, id ? VERDICT_PASS : VERDICT_FAIL);
		if (id)
			set_text(cell, "known", id);
	}
}

/* The last cell that the program named on the console. */
static json_t *last_begun(const struct run *run, const struct srun *s)
{
	static const char mark[] = "kvm-pfn-stress: cell ";
	char *text = console_part(run, s), *at, *line = NULL;
	json_t *cell = NULL;

	for (at = text; at && (at = strstr(at, mark)); at += strlen(mark))
		line = at + strlen(mark);
	if (line) {
		line[strcspn(line, "\r\n")] = '\0';
		cell = find(s, line);
	}
	free(text);
	return cell;
}

/* What has no result now gets none any more: one of them is to blame if the kernel died. */
void cells_finish(struct run *run, struct srun *s)
{
	json_t *cell, *begun = NULL;
	size_t i;

	if (s->verdict != VERDICT_SKIP && s->boot && s->said == VERDICT_NONE)
		begun = last_begun(run, s);
	json_array_foreach(s->cells, i, cell) {
		if (get_verdict(cell) != VERDICT_NONE)
			continue;
		if (s->verdict == VERDICT_FAIL && (cell == begun || s->said != VERDICT_NONE)) {
			set_verdict(cell, VERDICT_FAIL);
			set_text(cell, "expected", "a result");
			set_text(cell, "got", "none");
			continue;
		}
		set_verdict(cell, VERDICT_SKIP);
		set_text(cell, "reason", *s->reason ? s->reason : "the machine did not live to run it");
	}
}
