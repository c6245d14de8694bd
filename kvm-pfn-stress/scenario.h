/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scenario files: configs/scenarios/NAME.conf and DIR/NAME.conf, read by the host before anything is
 * built and by the program before anything runs. libc only. The keys are listed in
 * docs/architecture.md.
 */
#ifndef PFN_SCENARIO_H
#define PFN_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_MIN_COUNTS	8
/* What there can be of each at a time. */
#define MAX_REGIONS	16
#define MAX_CONSUMERS	8
#define MAX_INJECTORS	16

/* region: value is pages; all others: value is a weight. 0 is the default of whoever uses it. */
struct scenario_item {
	char name[32];
	unsigned int value;
};

struct scenario {
	char name[64];			/* of the file, without .conf: NAME or DIR/NAME */
	char describe[256];
	struct scenario_item regions[32];
	struct scenario_item consumers[16];
	struct scenario_item access[8];
	struct scenario_item injectors[32];
	struct scenario_item draw[3];	/* so many of each list in each life; see draw.h */
	unsigned int nr_regions;
	unsigned int nr_consumers;
	unsigned int nr_access;
	unsigned int nr_injectors;
	unsigned int nr_draw;
	char outcomes[32];		/* group of the outcome table: a conformance scenario */
	unsigned int vcpus;		/* 0: as the command line says */
	unsigned int weight;		/* share of the duration; 0 for a conformance scenario */
	unsigned long long min_faults;
	unsigned long long min_injections;
	unsigned long long min_hits;
	struct scenario_item min_counts[MAX_MIN_COUNTS];	/* KIND-NAME in the result */
	unsigned int nr_min_counts;
	bool own_boot;
	bool named;			/* runs only when it is asked for by its name */
	char params[160];		/* of kernel modules: MODULE.NAME=VALUE, between single blanks */
};

/* How many of them a life has: as "draw" says, or all. */
unsigned int scenario_drawn(const struct scenario *s, const char *list, unsigned int nr);

/*
 * Reads DIR/NAME.conf. Returns 0, or -1 with "file:line: what was expected" in err. known() says
 * whether there is a name of that kind ("backing", "consumer", "injector"); NULL takes every name.
 */
int scenario_parse(const char *dir, const char *name, struct scenario *s,
		   bool (*known)(const char *kind, const char *name), char *err, size_t errlen);

#endif /* PFN_SCENARIO_H */
