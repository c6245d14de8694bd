// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which scenarios, in which order, in which boot. Those that share a boot come first, in the order
 * of their names; then come those that share a boot with other module parameters, set by set; those with
 * a boot of their own follow.
 */
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

static const char *source_top;

/* There is one source file for each backing, consumer, injector and oracle, and it has its name. */
static bool known_name(const char *kind, const char *name)
{
	char *path = format("%s/kvm-pfn-stress/%ss/%s.c", source_top, kind, name);
	bool ok = !access(path, F_OK);

	free(path);
	return ok;
}

/* @conf: NULL if the file was not read yet. */
static bool wanted(const struct run *run, const char *name, const struct scenario *conf)
{
	if (conf && conf->named) {
		for (size_t i = 0; i < run->opt.nr_scenarios; i++)
			if (!strcmp(run->opt.scenarios[i], name))
				return true;
		return false;
	}
	if (!run->opt.nr_scenarios)
		return true;
	for (size_t i = 0; i < run->opt.nr_scenarios; i++)
		if (!fnmatch(run->opt.scenarios[i], name, 0))
			return true;
	return false;
}

static int by_boot(const void *a, const void *b)
{
	const struct srun *x = a, *y = b;

	if (x->conf.own_boot != y->conf.own_boot)
		return x->conf.own_boot ? 1 : -1;
	if (strcmp(x->conf.params, y->conf.params))
		return strcmp(x->conf.params, y->conf.params);
	return strcmp(x->conf.name, y->conf.name);
}

/* Each machine takes every Nth; when there are more machines than scenarios, some take the same. */
static void keep_shard(struct run *run)
{
	size_t kept = 0, mine = run->opt.shard - 1;

	if (run->opt.shards < 2 || !run->nr)
		return;
	if (mine >= run->nr)
		mine %= run->nr;
	for (size_t i = 0; i < run->nr; i++)
		if (i % run->opt.shards == mine)
			run->s[kept++] = run->s[i];
	run->nr = kept;
}

/* Of the files that match @below in the directory of scenarios, those that are wanted. */
static bool add_matching(struct run *run, const char *below)
{
	char *dir = format("%s/scenarios", run->configs);
	char *pattern = format("%s/%s", dir, below);
	struct scenario conf;
	char err[512];
	bool ok = true;
	glob_t files;

	if (glob(pattern, 0, NULL, &files))
		files.gl_pathc = 0;
	run->s = realloc(run->s, (run->nr + files.gl_pathc + 1) * sizeof(*run->s));
	memset(run->s + run->nr, 0, (files.gl_pathc + 1) * sizeof(*run->s));
	for (size_t i = 0; ok && i < files.gl_pathc; i++) {
		/* A file that is not asked for can not stop the run. */
		const char *rest = files.gl_pathv[i] + strlen(dir) + 1;
		char *name = format("%.*s", (int)strlen(rest) - 5, rest);

		if (wanted(run, name, NULL)) {
			ok = !scenario_parse(dir, name, &conf, known_name, err, sizeof(err));
			if (!ok)
				say("kvm-pfn-stress: %s", err);
			else if (wanted(run, name, &conf))
				run->s[run->nr++].conf = conf;
		}
		free(name);
	}
	if (files.gl_pathc)
		globfree(&files);
	free(pattern);
	free(dir);
	return ok;
}

bool plan_make(struct run *run)
{
	bool ok;

	source_top = run->top;
	ok = add_matching(run, "*.conf") && add_matching(run, "*/*.conf");
	if (ok && !run->nr) {
		say("kvm-pfn-stress: no such scenario, see ./run.sh --list");
		ok = false;
	}
	if (!ok)
		return false;
	qsort(run->s, run->nr, sizeof(*run->s), by_boot);
	keep_shard(run);
	for (size_t i = 0; i < run->nr; i++) {
		run->s[i].counts = json_object();
		run->s[i].pairs = json_array();
		run->s[i].oracles = json_array();
		run->s[i].failures = json_array();
		cells_reset(&run->s[i]);
	}
	return true;
}

struct srun *plan_find(struct run *run, const char *name)
{
	for (size_t i = 0; i < run->nr; i++)
		if (!strcmp(run->s[i].conf.name, name))
			return &run->s[i];
	return NULL;
}

uint64_t plan_left(const struct run *run)
{
	uint64_t weight = 0, done = 0;

	for (size_t i = 0; i < run->nr; i++) {
		weight += run->s[i].conf.weight;
		if (run->s[i].done)
			done += run->s[i].conf.weight;
	}
	return weight ? run->opt.duration_ms * (weight - done) / weight : 0;
}

/*
 * What the next boot runs: all that may share one (same module parameters), else a single scenario. It
 * gets the share of the time that is left which its weights stand for; booting itself is not part of
 * the duration. Returns the number of scenarios, 0 at the end.
 */
size_t plan_next_boot(struct run *run, struct srun **list, uint64_t left_ms, uint64_t *boot_ms)
{
	uint64_t all = 0, mine = 0;
	size_t nr = 0;

	for (size_t i = 0; i < run->nr; i++) {
		struct srun *s = &run->s[i];

		if (s->done)
			continue;
		all += s->conf.weight;
		if (nr && (s->conf.own_boot || list[0]->conf.own_boot ||
			   strcmp(s->conf.params, list[0]->conf.params)))
			continue;
		list[nr++] = s;
		mine += s->conf.weight;
	}
	*boot_ms = all ? left_ms * mine / all : 0;
	return nr;
}
