// SPDX-License-Identifier: GPL-2.0-only
/*
 * --resume: goes on where a run ended that did not come to its end. What has a verdict keeps it.
 * The scenario that ran then is charged if the machine went down with it (--host: the kernel has
 * booted since); if only the runner was killed, it runs again.
 */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static void take(json_t **to, json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	if (!value)
		return;
	json_decref(*to);
	*to = json_incref(value);
}

static void restore(struct srun *s, json_t *o)
{
	s->verdict = s->said = get_verdict(o);
	s->done = true;
	s->boot = json_integer_value(json_object_get(o, "boot"));
	s->budget_ms = json_integer_value(json_object_get(o, "budget_ms"));
	s->ms = json_number_value(json_object_get(o, "seconds")) * 1000;
	s->faults = json_integer_value(json_object_get(o, "faults"));
	s->injections = json_integer_value(json_object_get(o, "injections"));
	s->hits = json_integer_value(json_object_get(o, "hits"));
	s->known = json_integer_value(json_object_get(o, "known"));
	snprintf(s->reason, sizeof(s->reason), "%s", get_text(o, "reason"));
	take(&s->counts, o, "counts");
	take(&s->pairs, o, "pairs");
	if (*get_text(o, "explorers"))
		s->explored = format("%s", get_text(o, "explorers"));
	take(&s->oracles, o, "oracles");
	take(&s->failures, o, "failures");
	take(&s->cells, o, "cells");
}

static void restore_known(struct run *run, json_t *issues)
{
	json_t *issue;
	size_t i;

	json_array_foreach(issues, i, issue)
		for (size_t k = 0; k < known_count(run->known); k++)
			if (!strcmp(known_id(run->known, k), get_text(issue, "id")))
				run->known_seen[k] =
					json_integer_value(json_object_get(issue, "seen"));
}

static long last_end(json_t *boots, const char *key)
{
	json_t *last = json_array_get(boots, json_array_size(boots) - 1);

	return json_integer_value(json_array_get(json_object_get(last, key), 1));
}

/*
 * The boot that ended with the runner could not be noted by it: it is what the logs have after the last
 * one that was.
 */
static void note_lost_boot(struct run *run, const char *dir)
{
	json_int_t events = last_end(run->boots, "events"), console = last_end(run->boots, "console");
	json_int_t events_end = file_size(dir, "events.log");
	bool died = *run->died_in;
	json_t *boot, *names;

	if (events_end <= events && !died)
		return;
	names = json_array();
	for (size_t i = 0; i < run->nr; i++)
		json_array_append_new(names, json_string(run->s[i].conf.name));
	boot = json_pack("{s:I, s:s, s:i, s:i, s:s, s:i, s:o, s:[I, I], s:[I, I]}",
			 "number", (json_int_t)json_array_size(run->boots) + 1,
			 "end", boot_end_name(died ? BOOT_EXITED : BOOT_STOPPED),
			 "ms", 0, "begin_ms", 0,
			 "process", died ? "went down and booted again" : "was left behind",
			 "garbled_lines", 0, "scenarios", names, "events", events, events_end,
			 "console", console, (json_int_t)file_size(dir, "console.log"));
	json_array_append_new(run->boots, boot);
}

/* What the directory of --resume has; after plan_make(). False if there is nothing to do. */
bool resume_load(struct run *run, const char *dir)
{
	char *path = format("%s/result.json", dir);
	json_t *o = json_load_file(path, 0, NULL), *s, *args;
	size_t i;

	free(path);
	if (json_object_get(o, "exit") && !json_is_true(json_object_get(o, "interrupted"))) {
		say("kvm-pfn-stress: --resume: that run has come to its end");
		json_decref(o);
		return false;
	}
	json_array_foreach(json_object_get(o, "scenarios"), i, s) {
		struct srun *mine = plan_find(run, get_text(s, "name"));

		if (!mine || get_verdict(s) == VERDICT_NONE ||
		    (get_verdict(s) == VERDICT_SKIP && !strcmp(get_text(s, "reason"), "interrupted")))
			continue;
		restore(mine, s);
	}
	take(&run->boots, o, "boots");
	take(&run->caps, o, "caps");
	restore_known(run, json_object_get(o, "known_issues"));
	/* all that the others ran is not missing here: plan_make() took the names of this part */
	args = json_object_get(o, "options");
	run->opt.shards = json_integer_value(json_object_get(args, "shards"));
	run->opt.shard = json_integer_value(json_object_get(args, "shard"));
	run->host_trouble = json_integer_value(json_object_get(o, "host_trouble"));
	snprintf(run->died_in, sizeof(run->died_in), "%s", get_text(o, "running"));
	if (!*get_text(o, "boot_id") || !strcmp(get_text(o, "boot_id"), run->boot_id))
		*run->died_in = '\0';
	note_lost_boot(run, dir);
	json_decref(o);
	return true;
}

/* The verdicts that were there, first of all; then the one that the machine did not survive. */
void resume_report(struct run *run)
{
	struct srun *victim = plan_find(run, run->died_in);
	char *tail;
	json_t *f;

	ktap_begin(run);
	for (size_t i = 0; i < run->nr; i++)
		if (run->s[i].done)
			ktap_result(run, &run->s[i]);
	if (!victim || victim->done)
		return;
	victim->boot = json_array_size(run->boots);
	f = judge_add_failure(run, victim, "suite", "exit", "", "a machine that survives it",
			      "it went down and booted again");
	tail = console_tail(run, 0, CONSOLE_TAIL_LINES);
	if (*tail)
		json_object_set_new(f, "console", json_string(tail));
	free(tail);
	victim->console_from = console_size(run);
	judge_finish(run, victim);
}
