// SPDX-License-Identifier: GPL-2.0-only
/*
 * One exposure: build the commit, let run.sh run it for so long, and take what result.json says as
 * evidence. Several machines run the same commit with different seeds; their exposures add up, and
 * the first failure that matches ends all of them.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bisect.h"

static const char * const names[] = {
	[CLEAN] = "clean", [FAILED] = "failed", [FOREIGN] = "foreign", [NO_BUILD] = "no-build",
	[NO_BOOT] = "no-boot", [SKIPPED] = "skipped", [TROUBLE] = "trouble", [STOPPED] = "stopped",
};

const char *outcome_name(enum outcome outcome)
{
	return names[outcome];
}

enum outcome outcome_of(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], name))
			return i;
	return TROUBLE;
}

bool fingerprint_matches(const struct list *globs, const char *fingerprint)
{
	for (unsigned int i = 0; i < globs->nr; i++)
		if (!fnmatch(globs->item[i], fingerprint, 0))
			return true;
	return false;
}

/*
 * What else is the same bug: the same rule of the same oracle, whatever the page and the access.
 * What the kernel log says, and a hang, are too general for that.
 */
char *fingerprint_glob(const char *fingerprint)
{
	const char *rule = strchr(fingerprint, '/');
	const char *rest = rule ? strchr(rule + 1, '/') : NULL;

	if (!rest || !strncmp(fingerprint, "kernel-log/", 11) ||
	    !strncmp(fingerprint, "liveness/", 9) || !strncmp(fingerprint, "suite/", 6))
		return format("%s", fingerprint);
	return format("%.*s/*", (int)(rest - fingerprint), fingerprint);
}

static double number_of(json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static json_t *find_scenario(json_t *o, const char *name)
{
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(o, "scenarios"), i, s)
		if (!strcmp(get_text(s, "name"), name))
			return s;
	return NULL;
}

/* The first failure that is no known issue; one that matches goes before one that does not. */
static json_t *find_failure(json_t *s, const struct list *fingerprints, bool *matches)
{
	json_t *f, *found = NULL;
	size_t i;

	*matches = false;
	json_array_foreach(json_object_get(s, "failures"), i, f) {
		if (*get_text(f, "known"))
			continue;
		if (fingerprint_matches(fingerprints, get_text(f, "fingerprint"))) {
			*matches = true;
			return f;
		}
		if (!found)
			found = f;
	}
	return found;
}

static void note(char **where, const char *text)
{
	free(*where);
	*where = *text ? strdup(text) : NULL;
}

static bool began(json_t *o)
{
	json_t *boot;
	size_t i;

	json_array_foreach(json_object_get(o, "boots"), i, boot)
		if (json_object_get(boot, "begin_ms"))
			return true;
	return false;
}

/*
 * What a result.json says about one scenario. Without fingerprints any failure of KVM matches; one
 * of the suite itself never does unless it is asked for by name. Fills exposure, seconds,
 * fingerprint and replay of @ev.
 */
enum outcome judge_result(json_t *o, const char *scenario, const struct list *fingerprints,
			  const char *unit, struct evidence *ev)
{
	static const struct list any = { .item = { "[!s]*", "s[!u]*" }, .nr = 2 };
	json_t *s = find_scenario(o, scenario), *f;
	bool matches;
	double part = 1;

	ev->exposure = ev->seconds = 0;
	/* a kernel that panics before the program speaks: the runner calls it an error */
	if (s && !began(o) && json_array_size(json_object_get(o, "boots")) &&
	    number_of(o, "host_trouble") <= 0) {
		f = find_failure(s, fingerprints->nr ? fingerprints : &any, &matches);
		note(&ev->fingerprint, f ? get_text(f, "fingerprint") : get_text(o, "error"));
		return f && matches ? FAILED : NO_BOOT;
	}
	if (!s || *get_text(o, "error")) {
		note(&ev->fingerprint, *get_text(o, "error") ? get_text(o, "error") : "no result");
		return TROUBLE;
	}
	f = find_failure(s, fingerprints->nr ? fingerprints : &any, &matches);
	if (f)
		note(&ev->fingerprint, get_text(f, "fingerprint"));
	if (!strcmp(get_text(s, "verdict"), "skip")) {
		note(&ev->fingerprint, get_text(s, "reason"));
		/* "starved": the host was too busy for it to run (kvm-pfn-stress/main.c) */
		return number_of(o, "host_trouble") > 0 ||
		       !strncmp(get_text(s, "reason"), "starved", 7) ? TROUBLE : SKIPPED;
	}
	ev->seconds = number_of(s, "seconds");
	if (f) {
		/* judged at the end of the scenario: no time of its own */
		double t = number_of(f, "t_ms") / 1000;

		note(&ev->replay, get_text(f, "replay"));
		if (t > 0 && ev->seconds > 0 && t < ev->seconds) {
			part = t / ev->seconds;
			ev->seconds = t;
		} else if (t > 0 && ev->seconds <= 0) {
			ev->seconds = t;
		}
	}
	ev->exposure = strcmp(unit, "seconds") ? number_of(s, unit) * part : ev->seconds;
	if (f)
		return matches ? FAILED : FOREIGN;
	if (!strcmp(get_text(s, "verdict"), "pass") ||
	    json_is_true(json_object_get(o, "interrupted")))
		return CLEAN;
	note(&ev->fingerprint, "no verdict");
	return TROUBLE;
}

/* Units of exposure for each second of it, from what ran so far. */
double pace(const struct bisect *b)
{
	double exposure = 0, seconds = 0;

	if (!strcmp(b->set.unit, "seconds"))
		return 1;
	for (unsigned int i = 0; i < b->nr_ev; i++) {
		if (!b->scenario || strcmp(b->ev[i].scenario, b->scenario))
			continue;
		exposure += b->ev[i].exposure;
		seconds += b->ev[i].seconds;
	}
	return exposure > 0 && seconds > 0 ? exposure / seconds : 10;
}

struct machine_run {
	struct proc proc;
	char *results;
};

static void start(struct bisect *b, struct machine_run *m, const struct list *options,
		  const char *scenario, unsigned long seed, double seconds, const char *results)
{
	const char *fake = getenv("PFN_BISECT_RUN");
	char *argv[MAX_POINTS * 2 + 16], *run = format("%s/run.sh", b->host.top);
	char *log = format("%s.log", results);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	struct spawn how = { .argv = argv, .out = fd, .err = fd, .keep = -1 };
	unsigned int n = 0, i = 0;

	argv[n++] = fake && *fake ? (char *)fake : run;
	if (options->nr && *options->item[0] != '-')
		argv[0] = options->item[i++];
	for (; i < options->nr; i++)
		argv[n++] = options->item[i];
	for (i = 0; i < b->set.run_options.nr; i++)
		argv[n++] = b->set.run_options.item[i];
	argv[n++] = "--scenario";
	argv[n++] = (char *)scenario;
	argv[n++] = "--seed";
	argv[n++] = format("%lu", seed);
	argv[n++] = "--duration";
	argv[n++] = format("%.0fs", fmax(1, ceil(seconds)));
	argv[n++] = "--results";
	argv[n++] = (char *)results;
	argv[n++] = "--fail-fast";
	argv[n] = NULL;
	m->results = strdup(results);
	proc_start(&m->proc, &how);
	if (fd >= 0)
		close(fd);
	free(log);
	free(run);
}

static enum outcome judge_machine(struct bisect *b, struct machine_run *m, const char *scenario,
				  struct evidence *ev)
{
	char *path = format("%s/result.json", m->results);
	json_t *o = json_load_file(path, 0, NULL);
	enum outcome outcome = TROUBLE;

	free(path);
	if (o)
		outcome = judge_result(o, scenario, &b->set.fingerprints, b->set.unit, ev);
	else
		note(&ev->fingerprint, "run.sh left no result.json");
	json_decref(o);
	return outcome;
}

/* Which of two outcomes says more about the commit? */
static bool says_more(enum outcome a, enum outcome b)
{
	static const int rank[] = {
		[FAILED] = 7, [FOREIGN] = 6, [CLEAN] = 5, [NO_BOOT] = 4, [SKIPPED] = 3,
		[NO_BUILD] = 2, [TROUBLE] = 1, [STOPPED] = 0,
	};

	return rank[a] > rank[b];
}

/* run.sh takes 18 digits */
static unsigned long new_seed(struct bisect *b)
{
	return (b->set.seed * 1000 + b->next_seed++) % 1000000000000000000ul ?: 1;
}

static void run_machines(struct bisect *b, struct evidence *ev, const struct list *options,
			 const char *scenario, unsigned long seed, double seconds)
{
	struct machine_run m[MAX_PARALLEL] = { 0 };
	unsigned int nr = b->set.parallel ?: 1, left = nr;
	bool judged[MAX_PARALLEL] = { false }, ending = false;
	struct evidence failed = { 0 };

	for (unsigned int i = 0; i < nr; i++) {
		char *results = format("%s/runs/%04u-%.12s%s%.0u", b->dir, b->nr_ev, ev->commit,
				       i ? "-" : "", i);

		remove_tree(results);	/* what a run left that was killed */
		start(b, &m[i], options, scenario, seed ?: new_seed(b), seconds, results);
		if (!i)
			ev->results = strdup(results);
		free(results);
	}
	ev->outcome = STOPPED;
	while (left) {
		struct pollfd fd = { .fd = b->host.signal_fd, .events = POLLIN };

		ahead_poll(b);
		poll(&fd, 1, 1000);
		signals_poll(&b->host);
		if (b->host.interrupted && !ending) {
			ending = true;
			for (unsigned int i = 0; i < nr; i++)
				if (!judged[i])
					kill(-m[i].proc.pid, SIGTERM);
		}
		for (unsigned int i = 0; i < nr; i++) {
			struct evidence one = { 0 };
			enum outcome outcome;

			if (judged[i] || !proc_check(&m[i].proc))
				continue;
			judged[i] = true;
			left--;
			outcome = judge_machine(b, &m[i], scenario, &one);
			/* stopped as another failed: what it has seen until then is not in its result */
			if (failed.seconds > 0 && outcome != FAILED && one.seconds <= 0) {
				one.exposure = failed.exposure;
				one.seconds = failed.seconds;
			}
			ev->exposure += one.exposure;
			ev->seconds += one.seconds;
			if (says_more(outcome, ev->outcome)) {
				ev->outcome = outcome;
				note(&ev->fingerprint, one.fingerprint ?: "");
				note(&ev->replay, one.replay ?: "");
				note(&ev->results, m[i].results);
			}
			free(one.fingerprint);
			free(one.replay);
			if (outcome == FAILED && left && !ending) {
				ending = true;
				failed = (struct evidence){ .exposure = one.exposure,
							    .seconds = one.seconds };
				for (unsigned int k = 0; k < nr; k++)
					if (!judged[k])
						kill(-m[k].proc.pid, SIGTERM);
			}
		}
	}
	for (unsigned int i = 0; i < nr; i++) {
		proc_end(&m[i].proc, 0);
		free(m[i].results);
	}
	if (b->host.interrupted && ev->outcome != FAILED)
		ev->outcome = STOPPED;
}

/*
 * Builds and runs a commit, at most for one slot. What came of it is added to the evidence, and
 * given back; a run that a signal stopped is forgotten, and gives NULL.
 */
struct evidence *expose(struct bisect *b, const char *id, const char *phase, const char *scenario,
			unsigned long seed, double exposure)
{
	double seconds = fmin(fmax(exposure / pace(b) / fmax(1, b->set.parallel), 1), b->set.slot);
	struct evidence ev = { .commit = strdup(id), .phase = strdup(phase),
		.scenario = strdup(scenario), .seed = seed, .asked = seconds };
	uint64_t begin = now_ms(), built;
	struct list options = { .nr = 0 };
	char *runs = format("%s/runs", b->dir), *error;

	make_dirs(runs);
	free(runs);
	ahead_wait(b, id);
	ev.outcome = build_commit(b, id, &options, &error);
	built = now_ms();
	ev.build = (built - begin) / 1000.0;
	if (ev.outcome == CLEAN) {
		run_machines(b, &ev, &options, scenario, seed, seconds);
	} else if (error) {
		note(&ev.fingerprint, error);
	}
	free(error);
	for (unsigned int i = 0; i < options.nr; i++)
		free(options.item[i]);
	ev.took = (now_ms() - begin) / 1000.0;
	if (ev.outcome == STOPPED)
		return NULL;
	b->ev = realloc(b->ev, (b->nr_ev + 1) * sizeof(*b->ev));
	b->ev[b->nr_ev] = ev;
	return &b->ev[b->nr_ev++];
}
