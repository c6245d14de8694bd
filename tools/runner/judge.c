// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events and deaths -> verdicts.
 *
 * A scenario is reported when the next one begins or its boot is over, not at its @result: if the
 * kernel falls over in between, that is still the failure of the one that ran.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"

#define FAILURES_MAX	200	/* a scenario: the card and result.json need no more to be useful */
#define EXPLORER_LETTERS	"abcdefghijklmnopqrstuvwxyz"
#define PAIRS_MAX	2000
#define MACHINE_MS_LEAST 1000
#define MACHINE_PCT_LEAST 50	/* of the time, for too little exposure to be the program's fault */
#define OPS_MAX		256	/* a failure */

/* ---- events ---- */

static void on_begin(struct boot *b, const struct event *ev)
{
	struct run *run = b->run;

	if (b->begun)
		return;
	b->begun = true;
	b->begin = now_ms();
	if (!run->first_event_ms)
		run->first_event_ms = b->begin;
	run->boots_begun++;
	snprintf(b->taint, sizeof(b->taint), "%s", event_text(ev, "taint", ""));
	snprintf(run->kernel_release, sizeof(run->kernel_release), "%s",
		 event_text(ev, "kernel", run->kernel_release));
}

static void on_cap(struct boot *b, const struct event *ev)
{
	set_text(b->run->caps, event_text(ev, "name", "unknown"), event_text(ev, "value", ""));
}

/* Everything that a lost boot said about it goes: it runs again from the start. */
static void reset(struct srun *s)
{
	json_object_clear(s->counts);
	json_array_clear(s->pairs);
	free(s->explored);
	s->explored = NULL;
	json_array_clear(s->oracles);
	json_array_clear(s->failures);
	cells_reset(s);
	s->running = false;
	s->boot = 0;
	s->said = VERDICT_NONE;
}

static bool rejudging(const struct boot *b)
{
	return b->run->old;
}

static long old_console_from(const struct boot *b, const struct srun *s)
{
	json_t *old = rejudge_old(b->run, s), *from = json_object_get(old, "console");

	if (from && json_integer_value(json_object_get(old, "boot")) == b->number)
		return json_integer_value(from);
	return b->run->console_boot;
}

static void on_scenario(struct boot *b, const struct event *ev)
{
	struct srun *s = plan_find(b->run, event_text(ev, "name", ""));

	if (b->running)		/* no @result came: judge_finish() sees that */
		b->last = b->running;
	b->running = NULL;
	if (b->last)
		judge_finish(b->run, b->last);
	b->last = NULL;
	if (!s || s->done)
		return;
	if (rejudging(b))	/* an earlier boot was stopped in it */
		reset(s);
	b->running = s;
	b->fair_scenario = b->fair_ms;
	b->scenario = now_ms();
	b->live_faults = b->live_injections = b->live_hits = b->live_t_ms = 0;
	s->running = true;
	s->boot = b->number;
	s->budget_ms = event_number(ev, "budget_ms");
	s->console_from = rejudging(b) ? old_console_from(b, s) : console_size(b->run);
	b->run->running = s->conf.name;
	result_write(b->run);
}

static void on_live(struct boot *b, const struct event *ev)
{
	b->live_t_ms = event_number(ev, "t_ms");
	b->live_faults = event_number(ev, "faults");
	b->live_injections = event_number(ev, "injections");
	b->live_hits = event_number(ev, "hits");
	snprintf(b->phase, sizeof(b->phase), "%s", event_text(ev, "phase", ""));
}

static void on_count(struct srun *s, const struct event *ev)
{
	const char *kind = event_text(ev, "kind", "other");
	json_t *group = json_object_get(s->counts, kind);

	if (!group) {
		group = json_object();
		json_object_set_new(s->counts, kind, group);
	}
	json_object_set_new(group, event_text(ev, "name", "unknown"),
			    json_integer(event_number(ev, "value")));
}

static void on_pair(struct srun *s, const struct event *ev)
{
	static const char * const who[] = { "consumer", "backing", "injector" };
	static const char * const numbers[] = {
		"faults", "invalidations", "hits", "here", "early", "roots",
	};
	json_t *o;

	if (json_array_size(s->pairs) >= PAIRS_MAX)
		return;
	o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(who); i++)
		if (*event_text(ev, who[i], ""))
			set_text(o, who[i], event_text(ev, who[i], ""));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (event_number(ev, numbers[i]))
			json_object_set_new(o, numbers[i],
					    json_integer(event_number(ev, numbers[i])));
	json_array_append_new(s->pairs, o);
}

/* In order, so that what is there is where it belongs; a gap ends the record. */
static void on_explored(struct srun *s, const struct event *ev)
{
	const char *letters = event_text(ev, "letters", "");
	size_t len = s->explored ? strlen(s->explored) : 0;
	char *old = s->explored;

	if (event_number(ev, "from") != len || letters[strspn(letters, EXPLORER_LETTERS)])
		return;
	s->explored = format("%s%s", old ? old : "", letters);
	free(old);
}

static void on_oracle(struct srun *s, const struct event *ev)
{
	json_t *o = json_object();

	set_text(o, "name", event_text(ev, "name", "unknown"));
	set_text(o, "verdict", event_text(ev, "verdict", "skip"));
	json_object_set_new(o, "checks", json_integer(event_number(ev, "checks")));
	if (*event_text(ev, "reason", ""))
		set_text(o, "reason", event_text(ev, "reason", ""));
	json_array_append_new(s->oracles, o);
}

static void on_failure(struct run *run, struct srun *s, const struct event *ev)
{
	static const char * const texts[] = {
		"oracle", "rule", "expected", "got", "gpa", "hva", "pfn", "backing", "state",
		"thread", "op", "fingerprint",
	};
	uint64_t times;
	json_t *f;

	if (json_array_size(s->failures) >= FAILURES_MAX)
		return;
	f = json_object();
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *value = event_text(ev, texts[i], NULL);

		if (value && *value)
			set_text(f, texts[i], value);
	}
	if (!*get_text(f, "oracle"))
		set_text(f, "oracle", "unknown");
	if (!*get_text(f, "rule"))
		set_text(f, "rule", "unknown");
	if (!*get_text(f, "fingerprint")) {
		char *fingerprint = format("%s/%s/-/-", get_text(f, "oracle"),
					   get_text(f, "rule"));

		set_text(f, "fingerprint", fingerprint);
		free(fingerprint);
	}
	json_object_set_new(f, "t_ms", json_integer(event_number(ev, "t_ms")));
	times = event_number(ev, "count");
	json_object_set_new(f, "count", json_integer(times ? times : 1));
	json_object_set_new(f, "ops", json_array());
	json_array_append_new(s->failures, f);
	if (run->opt.verbose)
		say("  failure %s %s", s->conf.name, get_text(f, "fingerprint"));
}

static void on_op(struct srun *s, const struct event *ev)
{
	static const char * const texts[] = { "thread", "op", "gpa", "detail" };
	size_t nr = json_array_size(s->failures);
	json_t *ops, *o;

	if (!nr)
		return;
	ops = json_object_get(json_array_get(s->failures, nr - 1), "ops");
	if (json_array_size(ops) >= OPS_MAX)
		return;
	o = json_object();
	json_object_set_new(o, "t_us", json_integer(event_number(ev, "t_us")));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (*event_text(ev, texts[i], ""))
			set_text(o, texts[i], event_text(ev, texts[i], ""));
	json_array_append_new(ops, o);
}

/* How much of the time since the scenario began the host let the machine run. */
static unsigned int machine_pct(const struct boot *b, const struct srun *s)
{
	uint64_t wall = now_ms() - b->scenario, fair = b->fair_ms - b->fair_scenario;

	if (rejudging(b))
		return rejudge_machine_pct(b->run, s);
	/* of less nothing can be said */
	return wall >= MACHINE_MS_LEAST && fair < wall ? fair * 100 / wall : 100;
}

static void on_result(struct boot *b, struct srun *s, const struct event *ev)
{
	const char *verdict = event_text(ev, "verdict", "");

	if (!strcmp(verdict, "pass"))
		s->said = VERDICT_PASS;
	else if (!strcmp(verdict, "skip"))
		s->said = VERDICT_SKIP;
	else
		s->said = VERDICT_FAIL;
	s->ms = event_number(ev, "ms");
	s->faults = event_number(ev, "faults");
	s->injections = event_number(ev, "injections");
	s->hits = event_number(ev, "hits");
	snprintf(s->reason, sizeof(s->reason), "%s", event_text(ev, "reason", ""));
	s->boot = b->number;
	s->machine_pct = machine_pct(b, s);
	s->running = false;
	if (b->running == s)
		b->running = NULL;
	if (b->last && b->last != s)
		judge_finish(b->run, b->last);
	b->last = s;
}

static void on_closing(struct boot *b)
{
	if (!b->closing)
		b->fair_end = b->fair_ms;
	b->closing = true;
}

static void on_end(struct boot *b)
{
	b->ended = true;
	on_closing(b);
}

static void on_reboot(struct boot *b, const struct event *ev)
{
	b->rebooting = true;
	snprintf(b->reboot_reason, sizeof(b->reboot_reason), "%s", event_text(ev, "reason", ""));
	on_closing(b);
}

static void on_fatal(struct boot *b, const struct event *ev)
{
	snprintf(b->fatal, sizeof(b->fatal), "%s", event_text(ev, "reason", "no reason given"));
	on_closing(b);
}

/* init says it when the program is over, which is nothing new if the program said so itself. */
static void on_exit_status(struct boot *b, const struct event *ev)
{
	if (!b->closing)
		snprintf(b->fatal, sizeof(b->fatal), "the program ended with status %s",
			 event_text(ev, "status", "unknown"));
	on_closing(b);
}

void judge_event(void *arg, const struct event *ev)
{
	struct boot *b = arg;
	struct srun *s;

	if (b->run->stop)
		return;

	if (!strcmp(ev->name, "begin"))
		on_begin(b, ev);
	else if (!strcmp(ev->name, "cap"))
		on_cap(b, ev);
	else if (!strcmp(ev->name, "scenario"))
		on_scenario(b, ev);
	else if (!strcmp(ev->name, "live"))
		on_live(b, ev);
	else if (!strcmp(ev->name, "end"))
		on_end(b);
	else if (!strcmp(ev->name, "reboot"))
		on_reboot(b, ev);
	else if (!strcmp(ev->name, "fatal"))
		on_fatal(b, ev);
	else if (!strcmp(ev->name, "exit"))
		on_exit_status(b, ev);

	/* The rest is about a scenario; what names none is about the one that runs. */
	s = plan_find(b->run, event_text(ev, "scenario", ""));
	if (!s)
		s = b->running ? b->running : b->last;
	if (!s || s->done)
		return;
	if (!strcmp(ev->name, "count"))
		on_count(s, ev);
	else if (!strcmp(ev->name, "explored"))
		on_explored(s, ev);
	else if (!strcmp(ev->name, "pair"))
		on_pair(s, ev);
	else if (!strcmp(ev->name, "oracle"))
		on_oracle(s, ev);
	else if (!strcmp(ev->name, "cell"))
		cells_event(s, ev);
	else if (!strcmp(ev->name, "failure"))
		on_failure(b->run, s, ev);
	else if (!strcmp(ev->name, "op"))
		on_op(s, ev);
	else if (!strcmp(ev->name, "result"))
		on_result(b, s, ev);
}

/* ---- failures that the runner finds ---- */

/* What has the fingerprint of a failure that is there already counts once more. */
json_t *judge_add_failure(struct run *run, struct srun *s, const char *oracle, const char *rule,
			  const char *detail, const char *expected, const char *got)
{
	char *fingerprint = format("%s/%s/-/-%s%s", oracle, rule, *detail ? "/" : "", detail);
	json_t *f;
	size_t i;

	(void)run;
	json_array_foreach(s->failures, i, f)
		if (!strcmp(get_text(f, "fingerprint"), fingerprint)) {
			int64_t count = json_integer_value(json_object_get(f, "count"));

			json_object_set_new(f, "count", json_integer(count + 1));
			free(fingerprint);
			return f;
		}
	f = json_object();
	set_text(f, "oracle", oracle);
	set_text(f, "rule", rule);
	set_text(f, "expected", expected);
	set_text(f, "got", got);
	set_text(f, "fingerprint", fingerprint);
	json_object_set_new(f, "t_ms", json_integer(s->ms));
	json_object_set_new(f, "count", json_integer(1));
	json_object_set_new(f, "ops", json_array());
	json_array_append_new(s->failures, f);
	free(fingerprint);
	return f;
}

static bool has_failure_of(const struct srun *s, const char *oracle)
{
	size_t i;
	json_t *f;

	json_array_foreach(s->failures, i, f)
		if (!strcmp(get_text(f, "oracle"), oracle))
			return true;
	return false;
}

/* The first stack of the kernel goes with the first failure that its log is about. */
static void add_stack(struct run *run, struct srun *s, const char *console)
{
	char *stack;
	size_t i;
	json_t *f;

	json_array_foreach(s->failures, i, f) {
		if (strcmp(get_text(f, "oracle"), "kernel-log") || json_object_get(f, "stack"))
			continue;
		stack = run->old ? rejudge_stack(run, s, get_text(f, "fingerprint")) : NULL;
		if (!stack)
			stack = stack_of(run, console);
		if (stack)
			set_text(f, "stack", stack);
		free(stack);
		return;
	}
}

/* What the kernel printed while the scenario ran, if the program did not see it itself. */
static void look_at_console(struct run *run, struct srun *s)
{
	struct splat splat;
	char *text;

	if (!s->boot)
		return;
	text = console_part(run, s);
	if (!has_failure_of(s, "kernel-log") && console_find(text, false, &splat))
		judge_add_failure(run, s, "kernel-log", splat.rule, splat.where,
				  "nothing from the kernel but information", splat.line);
	add_stack(run, s, text);
	free(text);
}

static const char *known_id_of(const struct run *run, json_t *failure)
{
	return known_match(run->known, get_text(failure, "fingerprint"), run->kernel_release,
			   time(NULL));
}

static bool has_new_failure(const struct run *run, const struct srun *s)
{
	json_t *f;
	size_t i;

	json_array_foreach(s->failures, i, f)
		if (!known_id_of(run, f))
			return true;
	return false;
}

/* An oracle that says fail without a failure, a pass that nothing ran for: no silent pass. */
static void look_for_gaps(struct run *run, struct srun *s)
{
	json_t *o;
	size_t i;

	json_array_foreach(s->oracles, i, o)
		if (!strcmp(get_text(o, "verdict"), "fail") &&
		    !has_failure_of(s, get_text(o, "name")))
			judge_add_failure(run, s, get_text(o, "name"), "unexplained", "",
					  "a failure event from an oracle that fails",
					  *get_text(o, "reason") ? get_text(o, "reason") : "none");
	if (s->said != VERDICT_NONE && s->said != VERDICT_SKIP && cells_count(s, VERDICT_NONE))
		judge_add_failure(run, s, "suite", "no-result", "", "a result of each cell",
				  "none");
	if (has_new_failure(run, s))
		return;
	if (s->said == VERDICT_NONE)
		judge_add_failure(run, s, "suite", "no-result", "", "a result of the scenario",
				  "none");
	else if ((s->said == VERDICT_FAIL || cells_count(s, VERDICT_FAIL)) &&
		 !json_array_size(s->failures))
		judge_add_failure(run, s, "suite", "unexplained", "",
				  "a failure event before the verdict", "none");
	else if (s->said == VERDICT_PASS && s->conf.min_faults && !s->faults)
		judge_add_failure(run, s, "suite", "exposure", "", "faults", "none");
}

static bool is_exposure(json_t *failure)
{
	return !strcmp(get_text(failure, "oracle"), "suite") &&
	       !strcmp(get_text(failure, "rule"), "exposure");
}

/*
 * Too little happened, and nothing else is wrong. The program tells a starved host by its own CPU time,
 * but an emulated machine's clock of CPU time goes on while the host runs others instead of it: a
 * scenario that had less than half of its machine could not do what it is there for. No finding: SKIP.
 */
static void look_for_starvation(struct run *run, struct srun *s)
{
	size_t i, few = 0;
	json_t *f, *o;

	if (s->said == VERDICT_NONE || s->machine_pct >= MACHINE_PCT_LEAST ||
	    cells_count(s, VERDICT_FAIL))
		return;
	json_array_foreach(s->failures, i, f) {
		if (is_exposure(f))
			few++;
		else if (!known_id_of(run, f))
			return;
	}
	if (!few)
		return;
	s->said = VERDICT_SKIP;
	snprintf(s->reason, sizeof(s->reason),
		 "starved: the host gave the machine %u %% of the time, too little happened",
		 s->machine_pct);
	for (i = json_array_size(s->failures); i--;)
		if (is_exposure(json_array_get(s->failures, i)))
			json_array_remove(s->failures, i);
	json_array_foreach(s->oracles, i, o)
		if (!strcmp(get_text(o, "name"), "suite") && !strcmp(get_text(o, "verdict"), "fail")) {
			set_text(o, "verdict", "skip");
			set_text(o, "reason", s->reason);
		}
}

static void match_known(struct run *run, struct srun *s)
{
	json_t *f;
	size_t i;

	cells_match_known(run, s);
	s->known = 0;
	json_array_foreach(s->failures, i, f) {
		const char *id = known_id_of(run, f);

		if (!id)
			continue;
		set_text(f, "known", id);
		s->known++;
		for (size_t k = 0; k < known_count(run->known); k++)
			if (!strcmp(known_id(run->known, k), id))
				run->known_seen[k]++;
	}
}

static void add_replay(struct run *run, struct srun *s)
{
	char *command = result_replay_command(run, s);
	json_t *f;
	size_t i;

	json_array_foreach(s->failures, i, f)
		set_text(f, "replay", command);
	free(command);
}

/* Known failures do not turn the verdict; what the program was told about them does not count. */
static enum verdict decide(const struct srun *s)
{
	if (cells_count(s, VERDICT_FAIL))
		return VERDICT_FAIL;
	if (json_array_size(s->failures) > s->known)
		return VERDICT_FAIL;
	return s->known && s->said == VERDICT_FAIL ? VERDICT_PASS : s->said;
}

static void report(struct run *run, struct srun *s)
{
	s->done = true;
	s->running = false;
	cells_finish(run, s);
	s->card = run->ktap_number + json_array_size(s->cells) + 1;
	if (json_array_size(s->failures))
		card_write(run, s, s->card);
	ktap_result(run, s);
	if (run->running == s->conf.name)
		run->running = NULL;
	result_write(run);
	if (s->verdict == VERDICT_FAIL && run->opt.fail_fast && !run->old)
		run->stop = true;
}

void judge_finish(struct run *run, struct srun *s)
{
	if (s->done)
		return;
	look_at_console(run, s);
	look_for_gaps(run, s);
	look_for_starvation(run, s);
	match_known(run, s);
	add_replay(run, s);
	s->verdict = decide(s);
	report(run, s);
}

/* Scenarios that never got their turn. */
void judge_leftovers(struct run *run, const char *reason)
{
	for (size_t i = 0; i < run->nr; i++) {
		struct srun *s = &run->s[i];

		if (s->done)
			continue;
		s->verdict = VERDICT_SKIP;
		snprintf(s->reason, sizeof(s->reason), "%s",
			 run->old ? get_text(rejudge_old(run, s), "reason") : reason);
		report(run, s);
	}
}

/* ---- deaths ---- */

static struct srun *first_pending(struct boot *b)
{
	for (size_t i = 0; i < b->nr; i++)
		if (!b->list[i]->done)
			return b->list[i];
	return NULL;
}

/*
 * Trouble of the host counts only where it can be: emulated, with the KVM that the kernel came
 * with. It is retried once; the second time the scenario could not be run: no finding either.
 */
static bool was_host_trouble(struct boot *b, struct srun *victim, const char *text)
{
	struct run *run = b->run;

	if (run->opt.host || run->opt.modules || strcmp(run->accel, "tcg") ||
	    !console_host_trouble(text, b->begun))
		return false;
	run->host_trouble++;
	ktap_note(run, "trouble of the host, not a finding: %s, boot %u",
		  strstr(text, "int3") ? "int3 of the kernel's own" : "a CPU without a timer",
		  b->number);
	if (victim == b->last)	/* it was through: its own result stands */
		return true;
	if (++victim->trouble < 2) {
		reset(victim);
		return true;
	}
	reset(victim);
	victim->verdict = VERDICT_SKIP;
	snprintf(victim->reason, sizeof(victim->reason),
		 "the emulator took the machine twice");
	report(run, victim);
	return true;
}

static void blame(struct boot *b, struct srun *victim, const char *text)
{
	static const struct { const char *oracle, *rule, *expected, *got; } by_end[] = {
		[BOOT_ENDED] = { "suite", "no-result", "a result of each scenario", "none" },
		[BOOT_REBOOT] = { "suite", "no-result", "a result before the reboot", "none" },
		[BOOT_EXITED] = { "suite", "exit", "the end marker", "an end without it" },
		[BOOT_NO_BEGIN] = { "suite", "boot", "a kernel that starts the program",
				    "nothing from the program" },
		[BOOT_HUNG] = { "liveness", "hang", "events from the program", "silence" },
		[BOOT_NO_POWEROFF] = { "liveness", "power-off", "power off after the end",
				       "a machine that goes on" },
	};
	char *got, *tail;
	struct splat splat;
	json_t *f;

	victim->boot = b->number;
	if (victim == b->running)
		victim->ms = rejudging(b) ? rejudge_ms(b->run, victim) : now_ms() - b->scenario;
	tail = console_tail(b->run, b->run->console_boot, CONSOLE_TAIL_LINES);
	if (console_find(text, true, &splat) || console_find(text, false, &splat)) {
		if (splat.fatal || !has_failure_of(victim, "kernel-log")) {
			f = judge_add_failure(b->run, victim, "kernel-log", splat.rule, splat.where,
					      by_end[b->end].expected, splat.line);
			set_text(f, "console", tail);
		}
	}
	if (!has_failure_of(victim, "kernel-log")) {
		got = format("%s; the machine %s", *b->fatal ? b->fatal : by_end[b->end].got,
			     b->process);
		f = judge_add_failure(b->run, victim, by_end[b->end].oracle, by_end[b->end].rule,
				      "", by_end[b->end].expected, got);
		set_text(f, "console", tail);
		free(got);
	}
	free(tail);
}

/*
 * After every boot, whatever its end: reports the scenario that ran last, and sees to it that one
 * more is decided, so that the number of boots has a bound.
 */
void judge_death(struct boot *b)
{
	struct srun *victim = b->running ? b->running : b->last ? b->last : first_pending(b);
	struct run *run = b->run;
	bool good = b->end == BOOT_ENDED || b->end == BOOT_REBOOT;
	bool progress = false, trouble = false;
	char *text;

	for (size_t i = 0; i < b->nr; i++)
		progress |= b->list[i]->done || b->list[i] == b->last;
	if (b->end == BOOT_STOPPED) {
		if (b->last)
			judge_finish(run, b->last);
		return;
	}
	if (b->running && good)
		judge_finish(run, b->running);
	if (!good && victim) {
		if (victim != b->running && victim != b->last)
			victim->console_from = run->console_boot;
		text = console_part(run, victim);
		trouble = was_host_trouble(b, victim, text);
		if (!trouble) {
			blame(b, victim, text);
			if (victim != b->last)
				judge_finish(run, victim);
		}
		free(text);
		progress = true;
	}
	if (b->last)
		judge_finish(run, b->last);
	if (b->end == BOOT_ENDED || !progress)
		while ((victim = first_pending(b)) && !run->stop) {
			blame(b, victim, "");
			judge_finish(run, victim);
			if (b->end != BOOT_ENDED)
				break;
		}
	if (b->end == BOOT_NO_BEGIN && !run->boots_begun && !trouble) {
		run->stop = true;
		snprintf(run->error, sizeof(run->error),
			 "the kernel never started the program%s%s, see console.log",
			 *b->fatal ? ": " : "", b->fatal);
		run->error_status = EXIT_FAIL;
	}
}

enum verdict judge_run(const struct run *run)
{
	enum verdict v = VERDICT_SKIP;

	if (run->error_status)
		return VERDICT_FAIL;
	for (size_t i = 0; i < run->nr; i++) {
		if (run->s[i].verdict == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (run->s[i].verdict == VERDICT_PASS)
			v = VERDICT_PASS;
	}
	return v;
}

enum exit_status judge_exit(const struct run *run)
{
	enum verdict v = judge_run(run);

	if (run->interrupted)
		return 128 + run->interrupted;
	if (run->error_status)
		return run->error_status;
	if (v == VERDICT_FAIL || run->disk_failed)
		return EXIT_FAIL;
	return v == VERDICT_SKIP ? EXIT_SKIP : EXIT_PASS;
}
