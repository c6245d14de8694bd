// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calibrate, search, verify. Each step is one exposure; between two steps all that matters is in
 * the evidence, so that a step is chosen the same way whether the last one was now or yesterday.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bisect.h"

#define TROUBLE_MAX	3	/* times in a row that the host may fail */
#define FOREIGN_MAX	20	/* runs in a row that foreign failures end, or that see nothing */

static void set_phase(struct bisect *b, const char *phase)
{
	free(b->phase);
	b->phase = strdup(phase);
}

static void set_note(char **where, char *text)
{
	free(*where);
	*where = text;
}

static bool is_phase(const struct evidence *ev, const char *phase)
{
	return !strcmp(ev->phase, phase);
}

static int over(struct bisect *b, const char *phase, char *verdict)
{
	set_phase(b, phase);
	set_note(&b->verdict, verdict);
	return 0;
}

/* The commit that surely has the bug. */
static const char *bad_commit(const struct bisect *b)
{
	return b->set.find_fix ? b->set.bases.item[0] : b->set.tips.item[0];
}

double rate_failures(const struct bisect *b)
{
	double n = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++)
		n += is_phase(&b->ev[i], "measure") && b->ev[i].outcome == FAILED;
	return n;
}

/* Exposure of the calibration, in the unit of the bisection. */
double rate_exposure(const struct bisect *b)
{
	double sum = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++)
		if (is_phase(&b->ev[i], "measure"))
			sum += b->ev[i].exposure;
	return fmax(sum, 1e-3);
}

/* How long a commit was clean, all runs together. */
double clean_at(const struct bisect *b, const char *commit)
{
	double sum = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++)
		if (!strcmp(b->ev[i].commit, commit) &&
		    (b->ev[i].outcome == CLEAN || b->ev[i].outcome == FOREIGN))
			sum += b->ev[i].exposure;
	return sum;
}

static bool failed_at(const struct bisect *b, const char *commit, const char *phase)
{
	for (unsigned int i = 0; i < b->nr_ev; i++)
		if (!strcmp(b->ev[i].commit, commit) && is_phase(&b->ev[i], phase) &&
		    b->ev[i].outcome == FAILED)
			return true;
	return false;
}

static void replay_one(struct bisect *b, const struct evidence *ev)
{
	int x = history_find(&b->h, ev->commit);

	if (x < 0 || is_phase(ev, "choose") || is_phase(ev, "step"))
		return;
	if (ev->outcome != NO_BUILD && ev->outcome != TROUBLE && build_keeps(b))
		b->built[b->h.c[x].same] = true;
	switch (ev->outcome) {
	case FAILED:
		/* of the calibration the rate knows already */
		if (!is_phase(ev, "measure") && !engine_failed(&b->e, x, ev->exposure))
			over(b, "failed", format("%.12s failed, which no single commit explains",
						 ev->commit));
		break;
	case CLEAN:
	case FOREIGN:
		if (!is_phase(ev, "measure"))
			engine_clean(&b->e, x, ev->exposure);
		break;
	case NO_BUILD:
	case NO_BOOT:
	case SKIPPED:
		b->h.c[b->h.c[x].same].broken++;
		break;
	default:
		break;
	}
}

/* The posterior from all evidence. Call it once, when the calibration is complete. */
void engine_replay(struct bisect *b)
{
	if (b->e.failures > 0 || rate_failures(b) < 1)
		return;
	engine_calibrate(&b->e, rate_failures(b), rate_exposure(b));
	for (unsigned int i = 0; i < b->nr_ev; i++)
		replay_one(b, &b->ev[i]);
}

/* ---- how long a run has to be ---- */

/* Some bugs are seen when all is quiet, at the end of a run however long it is. */
static bool judged_at_end(const struct bisect *b, const struct evidence *ev)
{
	return ev->outcome == FAILED && ev->seconds >= 0.9 * ev->asked * fmax(1, b->set.parallel);
}

static bool calibrates(const struct bisect *b, const struct evidence *ev, const char *scenario)
{
	return (is_phase(ev, "choose") || is_phase(ev, "measure")) &&
	       !strcmp(ev->scenario, scenario) && (!b->scenario || ev->seed == b->seed);
}

/*
 * Of the next run of a calibration, in seconds. Silence doubles it; a failure before the end makes
 * it some times the mean, so that boots cost little; one that only the end shows leaves it alone,
 * as a longer run would show it later.
 */
static double run_length(const struct bisect *b, const char *scenario)
{
	double length = 10, failures = 0, seconds = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++) {
		const struct evidence *ev = &b->ev[i];

		if (!calibrates(b, ev, scenario))
			continue;
		seconds += ev->seconds;
		failures += ev->outcome == FAILED;
		if (ev->outcome == CLEAN && ev->asked >= length)
			length = 2 * ev->asked;
		else if (ev->outcome == FAILED && !judged_at_end(b, ev))
			length = fmax(length, 4 * seconds / failures);
	}
	return fmin(length, b->set.slot);
}

/*
 * The shortest run that is worth as much as its length says. With one seed for all runs, or with a
 * failure that only the end of a run shows, two short runs are not one long one.
 */
static double shortest_run(const struct bisect *b)
{
	double shortest = 10, failures = 0, at_end = 0, longest = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++) {
		const struct evidence *ev = &b->ev[i];

		if (!is_phase(ev, "measure") || ev->outcome != FAILED)
			continue;
		failures++;
		at_end += judged_at_end(b, ev);
		longest = fmax(longest, ev->seconds / fmax(1, b->set.parallel));
	}
	if (b->seed || 2 * at_end > failures)
		shortest = fmax(shortest, 1.2 * longest);
	return fmin(shortest, b->set.slot);
}

/* The same in units of exposure, all machines together. */
static double shortest(const struct bisect *b)
{
	return shortest_run(b) * pace(b) * fmax(1, b->set.parallel);
}

/* The same seed would run into the same foreign failure again. */
static unsigned long seed_for(const struct bisect *b, const char *commit, unsigned long seed)
{
	for (unsigned int i = 0; i < b->nr_ev; i++)
		if (b->ev[i].outcome == FOREIGN && b->ev[i].seed == seed &&
		    !strcmp(b->ev[i].commit, commit))
			return 0;
	return seed;
}

/* Runs that see next to nothing lead nowhere: none of what is counted, or ended by another failure. */
static bool idle(const struct bisect *b)
{
	unsigned int n = 0;

	while (n < b->nr_ev && n < FOREIGN_MAX) {
		const struct evidence *ev = &b->ev[b->nr_ev - 1 - n];

		if ((ev->outcome != CLEAN && ev->outcome != FOREIGN) ||
		    ev->exposure >= 0.02 * ev->asked * pace(b))
			break;
		n++;
	}
	return n == FOREIGN_MAX;
}

/* One exposure; afterwards the state is on disk. NULL: stopped, or the host is in trouble. */
static struct evidence *step(struct bisect *b, const char *id, const char *phase,
			     const char *scenario, unsigned long seed, double exposure)
{
	struct evidence *ev = NULL;

	for (int i = 0; i < TROUBLE_MAX; i++) {
		ev = expose(b, id, phase, scenario, seed_for(b, id, seed), exposure);
		if (!ev) {
			state_save(b);
			return NULL;
		}
		say("bisect: %-8s %.12s %s after %.0f s%s%s", phase, id, outcome_name(ev->outcome),
		    ev->seconds, ev->fingerprint ? ": " : "", ev->fingerprint ?: "");
		if (ev->outcome != TROUBLE)
			break;
	}
	if (b->e.failures > 0)
		replay_one(b, ev);
	if (ev->outcome == TROUBLE) {
		say("bisect: trouble of the host, three times in a row: see %s.log; "
		    "--continue goes on", ev->results ?: b->dir);
		ev = NULL;
	}
	if (ev && idle(b)) {
		say("bisect: %d runs in a row saw no %s: it needs another scenario or unit",
		    FOREIGN_MAX, b->set.unit);
		ev = NULL;
	}
	state_save(b);
	report_write(b);
	return ev;
}

/* ---- calibration: which scenario and seed, and how often it fails ---- */

struct arm {
	const char *scenario;
	unsigned long seed;
	double failures, exposure;
	unsigned int runs;
};

/* Scenarios with the seed that was asked for, and with a new one for each run. */
static unsigned int arms(struct bisect *b, struct arm *arm)
{
	unsigned int nr = 0;

	for (unsigned int s = 0; s < b->set.scenarios.nr; s++)
		for (int fresh = !b->seed; fresh < 2; fresh++)
			arm[nr++] = (struct arm){ b->set.scenarios.item[s], fresh ? 0 : b->seed };
	for (unsigned int a = 0; a < nr; a++)
		for (unsigned int i = 0; i < b->nr_ev; i++) {
			struct evidence *ev = &b->ev[i];

			if (!is_phase(ev, "choose") || ev->seed != arm[a].seed ||
			    strcmp(ev->scenario, arm[a].scenario))
				continue;
			arm[a].failures += ev->outcome == FAILED;
			arm[a].exposure += ev->seconds;
			arm[a].runs++;
		}
	return nr;
}

static void learn_fingerprint(struct bisect *b, const struct evidence *ev)
{
	char *glob;

	if (ev->outcome != FAILED || b->set.fingerprints.nr || !ev->fingerprint)
		return;
	glob = fingerprint_glob(ev->fingerprint);
	list_add(&b->set.fingerprints, glob);
	say("bisect: what counts as the bug from now on: %s", glob);
	free(glob);
	state_save(b);
}

/* Bad commits that do not even run end it. */
static bool runs_at_all(struct bisect *b, const struct evidence *ev)
{
	if (ev->outcome != NO_BUILD && ev->outcome != NO_BOOT && ev->outcome != SKIPPED)
		return true;
	over(b, "failed", format("the %s commit cannot be tested: %s, %s",
				 b->set.find_fix ? "old" : "bad", outcome_name(ev->outcome),
				 ev->fingerprint ?: "no reason"));
	return false;
}

static int choose_arm(struct bisect *b)
{
	struct arm arm[MAX_POINTS * 2], *next = arm, *best = arm;
	unsigned int nr = arms(b, arm);
	double total = 0, failures = 0, most = 0, score = -1;
	struct evidence *ev;

	for (unsigned int a = 0; a < nr; a++) {
		double s = (arm[a].failures + 0.1) / (arm[a].exposure + 10);

		if (arm[a].seed)	/* new seeds see more: the old one has to be much better */
			s /= 3;
		total += arm[a].exposure;
		failures += arm[a].failures;
		most = fmax(most, arm[a].failures);
		if (arm[a].runs < next->runs)
			next = &arm[a];
		if (s > score) {
			score = s;
			best = &arm[a];
		}
	}
	if (nr == 1 || most >= 2 || (failures > 0 && total > b->set.limit / 4)) {
		b->scenario = strdup(best->scenario);
		b->seed = best->seed;
		say("bisect: %s fails soonest, with %s", b->scenario,
		    b->seed ? "the seed that was given" : "a new seed for each run");
		return state_save(b) ? 0 : 1;
	}
	if (total > b->set.limit)
		return over(b, "failed", format("%.12s did not fail in %.0f s", bad_commit(b),
						total));
	ev = step(b, bad_commit(b), "choose", next->scenario, next->seed,
		  run_length(b, next->scenario) * pace(b) * fmax(1, b->set.parallel));
	if (!ev)
		return 1;
	learn_fingerprint(b, ev);
	runs_at_all(b, ev);
	return 0;
}

static int calibrate(struct bisect *b)
{
	struct evidence *ev;

	if (!b->scenario)
		return choose_arm(b);
	if (rate_failures(b) >= b->set.failures) {
		engine_replay(b);
		say("bisect: fails once in %.0f %s, measured %.0f times",
		    rate_exposure(b) / rate_failures(b), b->set.unit, rate_failures(b));
		set_phase(b, "search");
		return state_save(b) ? 0 : 1;
	}
	if (rate_exposure(b) / pace(b) > b->set.limit * (1 + rate_failures(b)))
		return over(b, "failed", format("%.12s failed %.0f times in %.0f %s", bad_commit(b),
						rate_failures(b), rate_exposure(b), b->set.unit));
	ev = step(b, bad_commit(b), "measure", b->scenario, b->seed,
		  run_length(b, b->scenario) * pace(b) * fmax(1, b->set.parallel));
	if (!ev)
		return 1;
	learn_fingerprint(b, ev);
	runs_at_all(b, ev);
	return 0;
}

/* ---- search ---- */

/* Build, boot and the chance to work of each commit; the caller frees build and works. */
void search_costs(struct bisect *b, struct costs *costs)
{
	const struct history *h = &b->h;
	double *build = calloc(h->g.nr, sizeof(*build)), *works = calloc(h->g.nr, sizeof(*works));
	double guess = build_guess(b), boot = 20, nr = 1, live = 0;

	for (unsigned int i = 0; i < b->nr_ev; i++) {
		if (b->ev[i].seconds <= 0)
			continue;
		boot += fmax(0, b->ev[i].took - b->ev[i].build - b->ev[i].seconds);
		nr++;
	}
	for (unsigned int x = 0; x < h->g.nr; x++)
		live += b->e.posterior[x] > 1e-6;
	for (unsigned int x = 0; x < h->g.nr; x++) {
		unsigned int same = h->c[x].same;

		build[x] = b->built[same] ? 0 : ahead_left(b, h->c[same].id, guess);
		works[x] = h->c[same].broken > 0 ? 0 : 1;
		/* what breaks one commit often breaks its neighbours */
		for (unsigned int y = 0; works[x] > 0 && !b->built[same] && y < h->g.nr; y++)
			if (h->c[y].broken > 0)
				works[x] *= 1 - 0.7 * exp(-fabs((double)x - y) / (1 + live / 20));
	}
	*costs = (struct costs){ .build = build, .works = works, .boot = boot / nr };
	costs->speed = pace(b) * fmax(1, b->set.parallel);
	costs->min_exposure = shortest_run(b) * costs->speed;
	costs->max_exposure = b->set.slot * costs->speed;
}

/*
 * Commits that no test tells apart: one that cannot be tested, with one child, is as its child.
 * class[x]: the newest of those that x is one of.
 */
static void find_classes(const struct bisect *b, unsigned int *class)
{
	const struct history *h = &b->h;
	unsigned int *child = calloc(h->g.nr, sizeof(*child)), *nr = calloc(h->g.nr, sizeof(*nr));

	for (unsigned int x = 0; x < h->g.nr; x++)
		for (unsigned int i = h->first[x]; i < h->first[x + 1]; i++) {
			child[h->parent[i]] = x;
			nr[h->parent[i]]++;
		}
	for (unsigned int x = h->g.nr; x-- > 0;)
		class[x] = h->c[h->c[x].same].broken > 0 && nr[x] == 1 ? class[child[x]] : x;
	free(child);
	free(nr);
}

/* NULL, or which commits it is one of, where these are as probable as was asked for. */
static char *ambiguous(const struct bisect *b)
{
	unsigned int nr = b->h.g.nr, *class = calloc(nr, sizeof(*class)), best = 0;
	double *sum = calloc(nr, sizeof(*sum));
	char *text = NULL, *more;

	find_classes(b, class);
	for (unsigned int x = 0; x < nr; x++)
		sum[class[x]] += b->e.posterior[x];
	for (unsigned int x = 0; x < nr; x++)
		if (sum[x] > sum[best])
			best = x;
	for (unsigned int x = 0; sum[best] >= b->set.confidence && x < nr; x++) {
		if (class[x] != best || b->e.posterior[x] < 1e-6)
			continue;
		more = format("%s %.12s (%.3f)", text ?: "one of these, which no test tells apart:",
			      b->h.c[x].id, b->e.posterior[x]);
		free(text);
		text = more;
	}
	free(class);
	free(sum);
	return text;
}

/* The best test, and what is to be built while it runs. */
static bool choose(struct bisect *b, struct costs *costs, struct choice *choice)
{
	struct plan plan;
	unsigned int next;

	if (!b->set.ahead)
		return engine_choose(&b->e, costs, choice);
	if (!engine_plan(&b->e, costs, &plan))
		return false;
	for (unsigned int i = 0; i < plan.nr_build; i++)
		plan.build[i] = b->h.c[plan.build[i]].same;
	ahead_want(b, &plan);
	*choice = plan.test;
	if (choice->exposure > 0)
		return true;
	/* what is built then costs nothing more, so that the exposure is another one */
	next = plan.build[0];
	ahead_poll(b);
	ahead_wait(b, b->h.c[next].id);
	for (unsigned int x = 0; x < b->h.g.nr; x++)
		if (b->h.c[x].same == next)
			((double *)costs->build)[x] = 0;
	return engine_choose(&b->e, costs, choice);
}

static int search(struct bisect *b)
{
	struct choice choice;
	struct costs costs;
	unsigned int best;
	char *several;
	double p;
	bool any;

	if (!engine_best(&b->e, &best, &p))
		return over(b, "failed", format("no commit explains what was seen"));
	if (p >= b->set.confidence) {
		ahead_wait(b, NULL);
		set_phase(b, "verify");
		return state_save(b) ? 0 : 1;
	}
	several = ambiguous(b);
	if (several)
		return over(b, "done", several);
	search_costs(b, &costs);
	any = choose(b, &costs, &choice);
	free((void *)costs.build);
	free((void *)costs.works);
	if (!any)
		return over(b, "failed", format("nothing is left that can be tested"));
	set_note(&b->why, format("%.12s for %.0f %s: bad with probability %.2f, fails with %.2f; "
				 "%.2f bits in %.0f s; %.2f bits to go, %.12s leads with %.3f",
				 b->h.c[choice.commit].id, choice.exposure, b->set.unit,
				 choice.p_bad, choice.p_fail, choice.bits, choice.seconds,
				 engine_entropy(&b->e), b->h.c[best].id, p));
	say("bisect: next %s", b->why);
	return step(b, b->h.c[choice.commit].id, "search", b->scenario, b->seed,
		    choice.exposure) ? 0 : 1;
}

/* ---- verification ---- */

/* Exposure without a failure that leaves no more doubt than was asked for. */
static double needed(const struct bisect *b, double p_miss)
{
	return rate_clean_exposure(b->e.failures, b->e.exposure, p_miss);
}

/* 1: it failed, 0: go on, 2: it is clean for long enough, -1: stopped, 3: cannot be tested */
static int verify_one(struct bisect *b, const char *id, const char *phase, double enough)
{
	double done = clean_at(b, id);
	struct evidence *ev;

	if (failed_at(b, id, phase))
		return 1;
	if (done >= enough)
		return 2;
	ev = step(b, id, phase, b->scenario, b->seed,
		  fmax(enough - done, shortest(b)));
	if (!ev)
		return -1;
	if (ev->outcome == NO_BUILD || ev->outcome == NO_BOOT || ev->outcome == SKIPPED)
		return 3;
	return ev->outcome == FAILED;
}

/*
 * The commit must fail again; else the search goes on, with that silence as evidence. Patience costs
 * nothing where it does fail, and giving up costs the bisection: ten times less doubt.
 */
static int verify_bad(struct bisect *b, const char *id)
{
	double enough = clean_at(b, id) + needed(b, (1 - b->set.confidence) / 10);
	int got = 0;

	if (b->verified.culprit)
		return 2;
	while (!got)
		got = verify_one(b, id, "culprit", enough);
	if (got == 1)
		set_note(&b->verified.culprit, format("%.12s failed again", id));
	else if (got == 3)
		set_note(&b->verified.culprit, format("%.12s cannot be tested", id));
	return got;
}

static int verify_clean(struct bisect *b, const char *id)
{
	double enough = needed(b, 1 - b->set.confidence);
	int got = 0;
	char *text;

	while (!got)
		got = verify_one(b, id, "parent", enough);
	if (got == 2 || got == 3) {
		text = got == 3 ? format("%.12s cannot be tested", id) :
		       format("%.12s clean for %.0f %s, %.0f were needed", id, clean_at(b, id),
			      b->set.unit, enough);
		if (b->verified.parent && !strstr(b->verified.parent, text)) {
			char *both = format("%s; %s", b->verified.parent, text);

			free(text);
			text = both;
		}
		set_note(&b->verified.parent, text);
	}
	return got;
}

/* The tip with the culprit reverted is clean; without the fix it fails. */
static int verify_revert(struct bisect *b, const char *culprit)
{
	double enough = needed(b, 1 - b->set.confidence);
	char *error, *id, *git = b->set.git;
	int got = 0;

	if (b->verified.revert)
		return 2;
	id = build_reverted(b, b->set.tips.item[0], culprit, &error);
	if (!id) {
		set_note(&b->verified.revert, format("not tested: %s", error ?: "stopped"));
		free(error);
		return b->host.interrupted ? -1 : 3;
	}
	b->set.git = format("%s/clone", b->dir);	/* where that commit is */
	while (!got) {
		char *clone = b->set.git;

		got = verify_one(b, id, "revert", enough);
		b->set.git = git;			/* not for the state */
		state_save(b);
		b->set.git = clone;
	}
	free(b->set.git);
	b->set.git = git;
	if (got == 3)
		set_note(&b->verified.revert, format("not tested: it does not build or boot"));
	else if (got > 0 && (got == 2) != b->set.find_fix)
		set_note(&b->verified.revert, got == 2 ?
			 format("%.12s without it is clean for %.0f %s", b->set.tips.item[0],
				clean_at(b, id), b->set.unit) :
			 format("%.12s without it fails", b->set.tips.item[0]));
	else if (got > 0)
		set_note(&b->verified.revert, got == 1 ?
			 format("%.12s still FAILS without it: there is another cause",
				b->set.tips.item[0]) :
			 format("%.12s without it does NOT fail", b->set.tips.item[0]));
	free(id);
	return got;
}

/* Parents of the culprit, also those that are good points and outside of the range. */
static unsigned int parents_of(struct bisect *b, const char *id, char **parents)
{
	char *text = git_text(b, "rev-list", "--parents", "-n", "1", id, NULL), *word, *save = NULL;
	unsigned int n = 0;

	word = text ? strtok_r(text, " ", &save) : NULL;
	for (; word; word = strtok_r(NULL, " ", &save))
		if (strcmp(word, id) && n < MAX_POINTS)
			parents[n++] = strdup(word);
	free(text);
	return n;
}

static int verify(struct bisect *b)
{
	char *parents[MAX_POINTS];
	unsigned int best = 0, nr;
	const char *culprit;
	int got = 0;
	double p;

	engine_best(&b->e, &best, &p);
	if (p < b->set.confidence) {	/* what was seen meanwhile speaks against it */
		set_note(&b->verified.culprit, NULL);
		set_note(&b->verified.parent, NULL);
		set_phase(b, "search");
		return 0;
	}
	culprit = b->h.c[best].id;
	nr = parents_of(b, culprit, parents);
	/* what has to fail first, then what has to be clean */
	for (unsigned int i = 0; i < (b->set.find_fix ? nr : 1) && got >= 0; i++) {
		got = verify_bad(b, b->set.find_fix ? parents[i] : culprit);
		if (got != 2 || b->verified.culprit)
			continue;
		/* that silence counts: there may be another to look for */
		engine_best(&b->e, &best, &p);
		return p < b->set.confidence ? 0 :
		       over(b, "failed", format("%.12s did not fail again", culprit));
	}
	for (unsigned int i = 0; i < (b->set.find_fix ? 1 : nr) && got >= 0; i++) {
		const char *id = b->set.find_fix ? culprit : parents[i];

		got = verify_clean(b, id);
		if (got != 1)
			continue;
		if (history_find(&b->h, id) < 0)
			return over(b, "failed",
				    format("%.12s was said to be good, and fails", id));
		return 0;	/* search again: it counts as evidence */
	}
	if (got >= 0)
		got = verify_revert(b, culprit);
	for (unsigned int i = 0; i < nr; i++)
		free(parents[i]);
	if (got < 0)
		return 1;
	engine_best(&b->e, &best, &p);
	if (p < b->set.confidence)
		return 0;
	return over(b, "done", format("%s %s", b->h.c[best].id, b->h.c[best].subject));
}

/*
 * Until it is over, or the calibration is. Exit status: 0 the culprit was found, 1 it was not,
 * 128 + signal.
 */
int bisect_run(struct bisect *b, bool calibrate_only)
{
	static const struct {
		const char *phase;
		int (*step)(struct bisect *b);
	} phases[] = { { "calibrate", calibrate }, { "search", search }, { "verify", verify } };
	int trouble = 0;

	if (strcmp(b->phase, "calibrate"))
		engine_replay(b);
	while (!trouble && !b->host.interrupted) {
		unsigned int i = 0;

		if (calibrate_only && !strcmp(b->phase, "search"))
			return 0;

		while (i < ARRAY_LEN(phases) && strcmp(phases[i].phase, b->phase))
			i++;
		if (i == ARRAY_LEN(phases))
			break;
		trouble = phases[i].step(b);
		if (!state_save(b))
			return 1;
		report_write(b);
	}
	ahead_wait(b, NULL);
	if (b->host.interrupted) {
		say("bisect: stopped; ./run.sh bisect --continue %s goes on", b->dir);
		return 128 + b->host.interrupted;
	}
	if (trouble)
		return 1;
	report_verdict(b, stdout);
	return strcmp(b->phase, "done") ? 1 : strncmp(b->verdict, "one of", 6) ? 0 : 1;
}

/*
 * One commit for git bisect run: 0 good, 1 bad, 125 cannot be tested, 255 trouble of the host.
 * The doubt that was asked for is shared by the commits that git will ask about.
 */
int bisect_step(struct bisect *b, const char *commit)
{
	double doubt = (1 - b->set.confidence) / fmax(1, ceil(log2(b->h.g.nr + 1)));
	double enough = rate_clean_exposure(rate_failures(b), rate_exposure(b), doubt), done = 0;

	for (int i = 0; done < enough && i < FOREIGN_MAX; i++) {
		double next = fmax(enough - done, shortest(b));
		struct evidence *ev = expose(b, commit, "step", b->scenario,
					     seed_for(b, commit, b->seed), next);

		if (!ev)
			return 255;
		state_save(b);
		done += ev->exposure;
		say("bisect-step: %.12s %s, %.0f of %.0f %s%s%s", commit, outcome_name(ev->outcome),
		    done, enough, b->set.unit, ev->fingerprint ? ": " : "", ev->fingerprint ?: "");
		switch (ev->outcome) {
		case FAILED:
			return b->set.find_fix ? 0 : 1;
		case CLEAN:
			i--;
			if (ev->exposure <= 0)
				return 255;
			break;
		case FOREIGN:	/* the exposure until then counts, and another seed may go on */
			break;
		case NO_BUILD:
		case NO_BOOT:
		case SKIPPED:
			return 125;
		default:
			return 255;
		}
	}
	if (done < enough)
		return 125;
	return b->set.find_fix ? 1 : 0;
}
