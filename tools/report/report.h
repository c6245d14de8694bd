/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report reads results directories (docs/results.md) and writes what people and CI systems want to
 * see. It judges nothing: verdicts are the runner's. Who does what:
 *
 *	main.c		arguments
 *	load.c		result.json, events.log
 *	groups.c	the same scenario on the same kernel in all directories; one verdict
 *	stats.c		what a number of passes or failures proves
 *	pairs.c		who met whom, for text.c
 *	text.c		the terminal; merge
 *	kcidb.c, junit.c, squad.c	for CI systems
 *	html.c		the page: cards.c, matrix.c and timeline.c are parts of it; markup.c writes
 *			HTML and XML through libxml2
 */
#ifndef PFN_REPORT_H
#define PFN_REPORT_H

#include <jansson.h>
#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

enum { EXIT_PASS = 0, EXIT_FAIL = 1, EXIT_USAGE = 2, EXIT_SKIP = 4 };

/* In the order in which one outweighs another. */
enum verdict { VERDICT_SKIP, VERDICT_PASS, VERDICT_NONE, VERDICT_FAIL };

/* One results directory. */
struct result {
	const char *dir;
	const char *name;	/* its last part */
	json_t *json;
	json_t *scenarios;	/* borrowed from json */
	const char *kernel;	/* release, or what was asked for */
	const char *requested;
	enum verdict verdict;
	char *incomplete;	/* why it is no verdict, or NULL */
};

/* What became of one scenario on one kernel, in all directories together. */
struct group {
	const char *kernel, *requested, *name, *describe, *reason;
	enum verdict verdict;
	unsigned int nr[4];	/* results with each verdict */
	uint64_t faults, injections, hits, known;
	double seconds;
	json_t *cells;		/* { name: verdict }, the worst of all */
};

struct set {
	struct result *result;
	size_t nr;
	struct group *group;
	size_t nr_groups;
	size_t nr_kernels;
	enum verdict verdict;
	char **incomplete;	/* sentences: what is missing for a joint verdict */
	size_t nr_incomplete;
};

struct output {
	const char *path;	/* of -o; NULL: standard output */
	FILE *file;
	const char *origin;	/* KCIDB */
	const char *build_id;
};

/* load.c */
bool load_result(struct result *r, const char *dir);
const char *get(json_t *o, const char *key);
int64_t get_int(json_t *o, const char *key);
double get_real(json_t *o, const char *key);
enum verdict to_verdict(const char *name);
const char *verdict_word(enum verdict v);
json_t *scenario_find(const struct result *r, const char *name);
bool is_known(json_t *failure);
json_t *new_failures(json_t *scenario);
__printf(1, 2) char *format(const char *fmt, ...);
time_t result_start(const struct result *r);
char *iso_time(time_t t);

/* groups.c */
void set_group(struct set *set);
struct group *group_find(const struct set *set, const char *kernel, const char *name);
char *group_label(const struct set *set, const struct group *g);
int set_exit(const struct set *set);

/* stats.c */
struct interval { double low, high; };
struct interval stats_share(uint64_t hits, uint64_t of);
char *stats_bound(uint64_t trials);
char *stats_short(double value);

/* text.c, kcidb.c, junit.c, squad.c, html.c */
char *card_text(const struct result *r, json_t *scenario, json_t *failure);
char *failures_text(const struct result *r, json_t *scenario, size_t max);
int text_write(const struct set *set, struct output *out);
int merge_write(const struct set *set, struct output *out);
int kcidb_write(const struct set *set, struct output *out);
int junit_write(const struct set *set, struct output *out);
int squad_write(const struct set *set, struct output *out);
int html_write(const struct set *set, struct output *out);

/* pairs.c */
void pairs_text(const struct set *set, FILE *file);

/* markup.c: elements through libxml2, which does all the escaping */
struct markup {
	xmlBufferPtr buffer;
	xmlTextWriterPtr w;
};

void markup_begin(struct markup *m);
bool markup_end(struct markup *m, FILE *file);
void tag(struct markup *m, const char *name, const char *class);
void tag_end(struct markup *m);
__printf(3, 4) void attr(struct markup *m, const char *name, const char *fmt, ...);
__printf(2, 3) void words(struct markup *m, const char *fmt, ...);
__printf(4, 5) void leaf(struct markup *m, const char *name, const char *class, const char *fmt,
			   ...);

/* cards.c, matrix.c, timeline.c */
void cards_html(struct markup *m, const struct set *set);
void matrix_html(struct markup *m, const struct set *set);
void timeline_html(struct markup *m, const struct result *r);

#endif /* PFN_REPORT_H */
