// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scenario that failed runs again, with the same seed, kernel and modules, so that whoever reads
 * of the failure knows whether a replay will show it. Bounded in number and time; the verdict
 * stands, whatever comes out. Each repetition is a run of its own, in repeat/ of the results.
 */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

#define SCENARIOS_MAX	4
#define REPEAT_MS_MAX	30000	/* of stress, for one repetition */
#define BOOT_MS		180000	/* for what is around it */
#define ALL_MS		120000	/* or as long as the run itself: then no other begins */

static void add(char **argv, size_t *n, const char *option, const char *value)
{
	argv[(*n)++] = format("--%s", option);
	argv[(*n)++] = format("%s", value);
}

static void add_number(char **argv, size_t *n, const char *option, uint64_t value)
{
	char *text = format("%llu", (unsigned long long)value);

	add(argv, n, option, text);
	free(text);
}

static char **arguments(struct run *run, const struct srun *s, const char *results)
{
	const struct options *o = &run->opt;
	char **argv = calloc(40, sizeof(*argv));
	char *explorers = result_explorers(s);
	uint64_t ms = s->budget_ms < 5000 ? 5000 : s->budget_ms;
	size_t n = 0;

	argv[n++] = format("/proc/self/exe");
	add(argv, &n, "top", run->top);
	add(argv, &n, "scenario", s->conf.name);
	add(argv, &n, "results", results);
	add_number(argv, &n, "duration-ms", ms > REPEAT_MS_MAX ? REPEAT_MS_MAX : ms);
	add_number(argv, &n, "seed", o->seed);
	add_number(argv, &n, "memory-mb", o->memory_mb);
	add_number(argv, &n, "repeat", 0);
	if (o->vcpus)
		add_number(argv, &n, "vcpus", o->vcpus);
	if (o->host)
		argv[n++] = format("--host");
	else
		add(argv, &n, "kernel", o->kernel);
	if (o->kernel_modules)
		add(argv, &n, "kernel-modules", o->kernel_modules);
	if (o->modules)
		add(argv, &n, "modules", o->modules);
	if (o->ksrc)
		add(argv, &n, "ksrc", o->ksrc);
	if (o->accel)
		add(argv, &n, "accel", o->accel);
	if (explorers)
		add(argv, &n, "explorers", explorers);
	free(explorers);
	if (o->no_install)
		argv[n++] = format("--no-install");
	return argv;
}

static bool same_failure(const struct srun *s, json_t *scenario)
{
	json_t *f, *g;
	size_t i, k;

	json_array_foreach(s->failures, i, f)
		json_array_foreach(json_object_get(scenario, "failures"), k, g)
			if (!json_object_get(f, "known") &&
			    json_equal(json_object_get(f, "fingerprint"),
				       json_object_get(g, "fingerprint")))
				return true;
	return false;
}

/* Returns false if it came to no verdict: not counted. */
static bool once(struct run *run, const struct srun *s, const char *results, bool *failed,
		 bool *same)
{
	char *path = format("%s/result.json", results), **argv = arguments(run, s, results);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct spawn how = { .argv = argv, .out = null, .err = null, .keep = -1 };
	uint64_t end = now_ms() + 3 * REPEAT_MS_MAX + BOOT_MS;
	json_t *o = NULL, *scenario;
	const char *verdict = "";
	struct proc p;
	bool passed;

	if (proc_start(&p, &how)) {
		while (!proc_check(&p) && !run->interrupted && now_ms() < end) {
			usleep(50000);
			signals_poll(run);
		}
		proc_end(&p, p.exited ? 0 : 5000);
		o = json_load_file(path, 0, NULL);
	}
	scenario = json_array_get(json_object_get(o, "scenarios"), 0);
	if (json_object_get(o, "exit"))
		verdict = json_string_value(json_object_get(scenario, "verdict")) ?: "";
	*failed = !strcmp(verdict, "fail");
	*same = *failed && same_failure(s, scenario);
	passed = !strcmp(verdict, "pass");
	json_decref(o);
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	free(argv);
	free(path);
	if (null >= 0)
		close(null);
	return *failed || passed;
}

/* Wilson's interval at 95 %. */
static void interval(unsigned int hits, unsigned int of, double *low, double *high)
{
	const double z = 1.96;
	double p = (double)hits / of, n = of;
	double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
	double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

	*low = fmax(0, middle - half);
	*high = fmin(1, middle + half);
}

void repeat_report(struct run *run, const struct srun *s)
{
	json_int_t runs, failed, same;
	double low, high;

	if (json_unpack(s->repeat, "{s:I, s:I, s:I, s:F, s:F}", "runs", &runs, "failed", &failed,
			"same", &same, "low", &low, "high", &high))
		return;
	ktap_note(run, "%s: ran again %lld times, failed %lld times, with the same failure %lld times "
		  "(95 %%: %.0f %% to %.0f %%)", s->conf.name, runs, failed, same, low * 100,
		  high * 100);
	card_repeated(run, s);
}

static void repeat_scenario(struct run *run, struct srun *s, uint64_t end)
{
	unsigned int runs = 0, failures = 0, sames = 0;
	double low, high;

	for (unsigned int i = 1; i <= run->opt.repeat && !run->interrupted && now_ms() < end; i++) {
		char *name = format("%s", s->conf.name), *results;
		bool failed, same;

		for (char *c = strchr(name, '/'); c; c = strchr(c, '/'))
			*c = '-';
		results = format("%s/repeat/%s-%u", run->dir, name, i);
		live_phase(run, "repeat");
		if (once(run, s, results, &failed, &same)) {
			runs++;
			failures += failed;
			sames += same;
		}
		free(results);
		free(name);
	}
	if (!runs)
		return;
	interval(failures, runs, &low, &high);
	s->repeat = json_pack("{s:i, s:i, s:i, s:f, s:f}", "runs", runs, "failed", failures, "same",
			      sames, "low", low, "high", high);
	repeat_report(run, s);
	result_write(run);
}

static bool is_new_failure(const struct srun *s)
{
	return s->verdict == VERDICT_FAIL && s->boot;
}

/* After everything else, so that no result waits for it. */
void repeat_failures(struct run *run)
{
	uint64_t ms = run->opt.duration_ms, end = now_ms() + (ms > ALL_MS ? ms : ALL_MS);
	unsigned int nr = 0;

	if (!run->opt.repeat || run->opt.fail_fast || run->interrupted || run->error_status)
		return;
	for (size_t i = 0; i < run->nr && nr < SCENARIOS_MAX; i++)
		if (is_new_failure(&run->s[i]) && ++nr)
			repeat_scenario(run, &run->s[i], end);
}
