/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bisect: from "it failed last night" to the guilty commit. Who does what:
 *
 *	main.c	    options, commands, exit status
 *	search.c    calibrate, search, verify: what is done in which order
 *	posterior.c, lookahead.c, graph.c	which commit it is, what to test next and what to build
 *		    meanwhile; know nothing else
 *	history.c   the commits between good and bad, from git
 *	build.c	    makes of a commit something that run.sh can run
 *	ahead.c	    the same in the background, while something is exposed
 *	expose.c    one exposure: run.sh, and what its result.json says
 *	state.c	    everything that happened so far, on disk after each step
 *	report.c    for people: text, HTML, --explain
 *
 * Processes, signals and strings are the runner's (proc.c, util.c).
 */
#ifndef PFN_BISECT_H
#define PFN_BISECT_H

#include "../runner/runner.h"
#include "posterior.h"

#define MAX_POINTS	32	/* good or bad points, scenarios, paths, fingerprints */
#define MAX_PARALLEL	64

struct list {
	char *item[MAX_POINTS];
	unsigned int nr;
};

/* What was asked for. All of it is in state.json. */
struct settings {
	char *git;
	struct list bases, tips;	/* full ids: good and bad; for a fix, bad and good */
	struct list scenarios;		/* names */
	struct list fingerprints;	/* exact, or globs */
	struct list likely;		/* paths whose commits are more likely */
	struct list run_options;	/* further options of run.sh */
	char *build;			/* modules, kernel, suite, or a command */
	char *kernel;			/* the base of modules */
	char *config;			/* a fragment, for kernel */
	char *unit;			/* seconds, hits or faults */
	double confidence;
	double slot;			/* seconds that one run may take */
	double limit;			/* seconds of exposure that calibration may take */
	unsigned long seed;
	unsigned int failures;		/* of the calibration */
	unsigned int parallel;
	unsigned int ahead;	/* builds while something is exposed: 0 or 1 */
	bool find_fix;
};

struct commit {
	char *id, *subject;
	bool changes;		/* builds into something else than its parent */
	unsigned int same;	/* the first commit with the same build */
	double broken;		/* how often it did not build or boot */
	char *where;		/* it is built, NULL: it is not */
};

struct history {
	struct commit *c;
	unsigned int *first, *parent;
	struct graph g;
	double *prior;
};

enum outcome { CLEAN, FAILED, FOREIGN, NO_BUILD, NO_BOOT, SKIPPED, TROUBLE, STOPPED };

/* One exposure, or the attempt. Kept for ever: the posterior is made of these. */
struct evidence {
	char *commit;
	char *phase;		/* choose, measure, search, culprit, parent, revert, step */
	char *scenario;
	unsigned long seed;	/* 0: a new one for each run */
	enum outcome outcome;
	double exposure;	/* in the unit asked for */
	double seconds;		/* of exposure, by the clock of the scenario */
	double asked;		/* seconds that the run was to take */
	double took, build;	/* seconds, with build; of the build alone */
	char *fingerprint;	/* of the failure, or what went wrong */
	char *replay;
	char *results;		/* directory */
};

struct bisect {
	struct settings set;
	struct history h;
	struct engine e;
	struct evidence *ev;
	unsigned int nr_ev;
	struct run host;	/* signals, for proc.c */
	char *dir;		/* of this bisection */
	char *phase;		/* calibrate, search, verify, done, failed */
	char *verdict;		/* one line, when it is over */
	char *why;		/* the last choice, for --explain */
	/* the arm that calibration chose */
	char *scenario;
	unsigned long seed;
	bool *built;		/* by commit */
	char *in_use;		/* what the build of the commit that is exposed said */
	struct {
		struct proc proc;
		const char *running;	/* the commit that is built, or NULL */
		uint64_t began;
		const char *queue[2];	/* commits that are wanted */
		unsigned int nr;
		bool *failed;		/* by commit */
	} ahead;
	unsigned int next_seed;
	struct { char *culprit, *parent, *revert; } verified;
};

/* history.c */
bool history_load(struct bisect *b);
char *git_text(struct bisect *b, const char *what, ...);
char *capture(struct bisect *b, char * const *argv, int *status);
int history_find(const struct history *h, const char *id);
bool builds_modules(const char *path);

/* build.c */
char **build_command(struct bisect *b, const char *id, bool background);
void build_free_command(char **argv);
void build_note(struct bisect *b, const char *id, const char *line);
bool build_keeps(const struct bisect *b);
bool build_apart(const struct bisect *b);
enum outcome build_commit(struct bisect *b, const char *id, struct list *options, char **error);
char *build_reverted(struct bisect *b, const char *bad, const char *culprit, char **error);
double build_guess(const struct bisect *b);

/* ahead.c */
double ahead_left(const struct bisect *b, const char *id, double guess);
void ahead_want(struct bisect *b, const struct plan *plan);
void ahead_poll(struct bisect *b);
void ahead_wait(struct bisect *b, const char *id);

/* expose.c */
const char *outcome_name(enum outcome outcome);
enum outcome outcome_of(const char *name);
struct evidence *expose(struct bisect *b, const char *id, const char *phase, const char *scenario,
			unsigned long seed, double exposure);
enum outcome judge_result(json_t *o, const char *scenario, const struct list *fingerprints,
			  const char *unit, struct evidence *ev);
bool fingerprint_matches(const struct list *globs, const char *fingerprint);
char *fingerprint_glob(const char *fingerprint);
double pace(const struct bisect *b);

/* state.c */
bool state_save(struct bisect *b);
bool state_load(struct bisect *b, const char *dir);
void list_add(struct list *list, const char *item);

/* search.c */
int bisect_run(struct bisect *b, bool calibrate_only);
int bisect_step(struct bisect *b, const char *commit);
void engine_replay(struct bisect *b);
double rate_failures(const struct bisect *b);
double rate_exposure(const struct bisect *b);
double clean_at(const struct bisect *b, const char *commit);
void search_costs(struct bisect *b, struct costs *costs);

/* report.c */
void report_write(struct bisect *b);
void report_explain(struct bisect *b, FILE *out);
void report_verdict(struct bisect *b, FILE *out);

#endif /* PFN_BISECT_H */
