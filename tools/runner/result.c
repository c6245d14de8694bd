// SPDX-License-Identifier: GPL-2.0-only
/*
 * result.json: docs/results.md is its documentation, docs/result.schema.json its schema. Written
 * beside its name and renamed, again after each scenario: what is there is always whole.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define SCHEMA_VERSION	1

static void set_number(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer(value));
}

static void set_bool(json_t *o, const char *key, bool value)
{
	json_object_set_new(o, key, json_boolean(value));
}

/* A version prefix becomes the exact version that ran; a path stays what it is. */
static char *exact_kernel(const struct run *run)
{
	size_t len = strspn(run->kernel_version, "0123456789.");

	if (strchr(run->opt.kernel, '/') || !isdigit((unsigned char)run->kernel_version[0]))
		return format("%s", run->opt.kernel);
	return format("%.*s", (int)len, run->kernel_version);
}

static void append_option(char **command, const char *option, const char *value)
{
	bool plain = !strpbrk(value, " \t'\"$&;|<>()*?[]\\`!#~");
	char *old = *command;

	*command = format(plain ? "%s --%s %s" : "%s --%s '%s'", old, option, value);
	free(old);
}

static void append_number(char **command, const char *option, uint64_t value, const char *unit)
{
	char *text = format("%llu%s", (unsigned long long)value, unit);

	append_option(command, option, text);
	free(text);
}

/* SCENARIO=LETTERS up to its first new failure, or NULL if there are none or too many for a line. */
char *result_explorers(const struct srun *s)
{
	size_t i, nr = s->explored ? strlen(s->explored) : 0;
	json_t *f;

	json_array_foreach(s->failures, i, f) {
		size_t turns = json_integer_value(json_object_get(f, "t_ms")) / EXPLORE_TURN_MS + 1;

		if (!json_object_get(f, "known") && turns < nr)
			nr = turns;
	}
	return nr && nr <= 1000 ? format("%s=%.*s", s->conf.name, (int)nr, s->explored) : NULL;
}

char *result_replay_command(const struct run *run, const struct srun *s)
{
	const struct options *o = &run->opt;
	/* cells take the time that they take */
	uint64_t seconds = *s->conf.outcomes ? 0 : (s->budget_ms + 999) / 1000;
	char *command = format("./run.sh"), *kernel = exact_kernel(run);
	char *explorers = result_explorers(s);

	if (o->host) {
		free(command);
		command = format("./run.sh --host");
	} else {
		append_option(&command, "kernel", kernel);
	}
	append_number(&command, "seed", o->seed, "");
	append_option(&command, "scenario", s->conf.name);
	append_number(&command, "duration", seconds < 10 ? 10 : seconds, "s");
	if (o->kernel_modules)
		append_option(&command, "kernel-modules", o->kernel_modules);
	if (o->modules)
		append_option(&command, "modules", o->modules);
	if (o->ksrc)
		append_option(&command, "ksrc", o->ksrc);
	if (!o->host && o->memory_mb != DEFAULT_MEMORY_MB)
		append_number(&command, "memory", o->memory_mb, "M");
	if (o->vcpus)
		append_number(&command, "vcpus", o->vcpus, "");
	if (o->accel)
		append_option(&command, "accel", o->accel);
	if (explorers)
		append_option(&command, "explorers", explorers);
	free(explorers);
	free(kernel);
	return command;
}

static json_t *options_json(const struct run *run)
{
	const struct options *opt = &run->opt;
	json_t *o = json_object(), *names = json_array();
	char *kernel = exact_kernel(run);

	for (size_t i = 0; i < opt->nr_scenarios; i++)
		json_array_append_new(names, json_string(opt->scenarios[i]));
	set_number(o, "duration_ms", opt->duration_ms);
	json_object_set_new(o, "scenarios", names);
	set_text(o, "kernel", kernel);
	if (opt->kernel_modules)
		set_text(o, "kernel_modules", opt->kernel_modules);
	if (opt->modules)
		set_text(o, "modules", opt->modules);
	if (opt->ksrc)
		set_text(o, "ksrc", opt->ksrc);
	if (opt->accel)
		set_text(o, "accel", opt->accel);
	set_number(o, "vcpus", opt->vcpus);
	set_number(o, "memory_mb", opt->memory_mb);
	set_number(o, "seed", opt->seed);
	if (opt->shards > 1) {
		set_number(o, "shard", opt->shard);
		set_number(o, "shards", opt->shards);
	}
	set_bool(o, "host", opt->host);
	set_bool(o, "fail_fast", opt->fail_fast);
	free(kernel);
	return o;
}

static json_t *items_json(const struct scenario_item *items, unsigned int nr)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < nr; i++)
		json_array_append_new(list, json_string(items[i].name));
	return list;
}

static json_t *scenario_json(const struct srun *s)
{
	json_t *o = json_object();
	json_t *f = json_array_get(s->failures, 0);

	set_text(o, "name", s->conf.name);
	set_text(o, "describe", s->conf.describe);
	json_object_set_new(o, "regions", items_json(s->conf.regions, s->conf.nr_regions));
	json_object_set_new(o, "consumers", items_json(s->conf.consumers, s->conf.nr_consumers));
	json_object_set_new(o, "injectors", items_json(s->conf.injectors, s->conf.nr_injectors));
	set_text(o, "verdict", verdict_name(s->verdict));
	if (*s->reason)
		set_text(o, "reason", s->reason);
	set_number(o, "boot", s->boot);
	if (s->boot)
		set_number(o, "console", s->console_from);
	set_number(o, "budget_ms", s->budget_ms);
	json_object_set_new(o, "seconds", json_real(s->ms / 1000.0));
	if (s->said != VERDICT_NONE)
		set_number(o, "machine_pct", s->machine_pct);
	set_number(o, "faults", s->faults);
	set_number(o, "injections", s->injections);
	set_number(o, "hits", s->hits);
	set_number(o, "known", s->known);
	if (f)
		json_object_set(o, "first_failure_ms", json_object_get(f, "t_ms"));
	if (s->repeat)
		json_object_set(o, "repeat", s->repeat);
	json_object_set(o, "counts", s->counts);
	if (s->explored)
		set_text(o, "explorers", s->explored);
	if (json_array_size(s->pairs))
		json_object_set(o, "pairs", s->pairs);
	json_object_set_new(o, "bounds", bound_json(s));
	json_object_set(o, "oracles", s->oracles);
	json_object_set(o, "failures", s->failures);
	if (json_array_size(s->cells))
		json_object_set(o, "cells", s->cells);
	return o;
}

static json_t *known_json(const struct run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < known_count(run->known); i++) {
		json_t *o = json_object();

		set_text(o, "id", known_id(run->known, i));
		set_text(o, "link", known_link(run->known, i));
		set_number(o, "seen", run->known_seen[i]);
		set_bool(o, "expired", known_expired(run->known, i, time(NULL)));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *totals_json(const struct run *run)
{
	uint64_t faults = 0, injections = 0, hits = 0, known = 0;
	unsigned int count[4] = { 0 }, cells[4] = { 0 };
	json_t *o = json_object();

	for (size_t i = 0; i < run->nr; i++) {
		count[run->s[i].verdict]++;
		faults += run->s[i].faults;
		injections += run->s[i].injections;
		hits += run->s[i].hits;
		known += run->s[i].known;
		for (enum verdict v = VERDICT_PASS; v <= VERDICT_SKIP; v++)
			cells[v] += cells_count(&run->s[i], v);
	}
	set_number(o, "scenarios", run->nr);
	set_number(o, "passed", count[VERDICT_PASS]);
	set_number(o, "failed", count[VERDICT_FAIL]);
	set_number(o, "skipped", count[VERDICT_SKIP]);
	set_number(o, "not_run", count[VERDICT_NONE]);
	set_number(o, "faults", faults);
	set_number(o, "injections", injections);
	set_number(o, "hits", hits);
	set_number(o, "known", known);
	set_number(o, "cells_passed", cells[VERDICT_PASS]);
	set_number(o, "cells_failed", cells[VERDICT_FAIL]);
	set_number(o, "cells_skipped", cells[VERDICT_SKIP]);
	return o;
}

static json_t *times_json(const struct run *run)
{
	json_t *o = json_object();
	struct tm tm;
	char text[32];

	gmtime_r(&run->start_time, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set_text(o, "start", text);
	if (run->build_ms)
		set_number(o, "build_ms", run->build_ms - run->start_ms);
	if (run->first_boot_ms)
		set_number(o, "boot_ms", run->first_boot_ms - run->start_ms);
	if (run->first_event_ms)
		set_number(o, "first_event_ms", run->first_event_ms - run->start_ms);
	set_number(o, "end_ms", (run->end_ms ? run->end_ms : now_ms()) - run->start_ms);
	return o;
}

static json_t *kernel_json(const struct run *run)
{
	json_t *o = json_object();

	set_text(o, "requested", run->opt.kernel);
	set_text(o, "release", run->kernel_release);
	set_text(o, "version", run->kernel_version);
	json_object_set(o, "config", run->kernel_config);
	return o;
}

static json_t *machine_json(const struct run *run)
{
	json_t *o = json_object();

	set_text(o, "kind", run->opt.host ? "host" : "qemu");
	if (!run->opt.host) {
		set_text(o, "accel", run->accel);
		set_text(o, "qemu_version", run->qemu_version);
		set_number(o, "cpus", run->smp);
		set_number(o, "memory_mb", run->opt.memory_mb);
	}
	return o;
}

/* When it is judged again, what is not judged stays as it is. */
static void set_fact(const struct run *run, json_t *o, const char *key, json_t *value)
{
	json_t *old = json_object_get(run->old, key);

	json_object_set(o, key, old ? old : value);
	json_decref(value);
}

static json_t *run_json(const struct run *run)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < run->nr; i++)
		json_array_append_new(list, scenario_json(&run->s[i]));
	set_text(o, "schema", "kvm-pfn-stress-result");
	set_number(o, "version", SCHEMA_VERSION);
	set_text(o, "commit", run->commit);
	if (*run->judged_by)
		set_text(o, "judged_by", run->judged_by);
	/* Written along the way too: until the end there is no verdict. */
	set_text(o, "verdict", run->end_ms ? verdict_name(judge_run(run)) : "none");
	if (run->end_ms)
		set_number(o, "exit", judge_exit(run));
	set_bool(o, "interrupted", run->interrupted);
	if (*run->error)
		set_text(o, "error", run->error);
	if (run->running)
		set_text(o, "running", run->running);
	if (*run->boot_id)
		set_text(o, "boot_id", run->boot_id);
	set_fact(run, o, "kernel", kernel_json(run));
	set_fact(run, o, "machine", machine_json(run));
	set_number(o, "seed", run->opt.seed);
	set_fact(run, o, "options", options_json(run));
	set_fact(run, o, "times", times_json(run));
	json_object_set_new(o, "totals", totals_json(run));
	json_object_set_new(o, "bounds", run->end_ms ? bound_run_json(run) : json_array());
	set_number(o, "host_trouble", run->host_trouble);
	json_object_set_new(o, "known_issues", known_json(run));
	json_object_set(o, "caps", run->caps);
	json_object_set(o, "boots", run->boots);
	json_object_set_new(o, "scenarios", list);
	return o;
}

static bool write_whole(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	size_t len = strlen(text);
	bool ok;

	if (fd < 0)
		return false;
	errno = ENOSPC;		/* what a short write means */
	ok = write(fd, text, len) == (ssize_t)len && !fsync(fd);
	return !close(fd) && ok;
}

void result_write(struct run *run)
{
	char *path = format("%s/result.json", run->dir);
	char *tmp = format("%s/.result.json.tmp", run->dir);
	json_t *o = run_json(run);
	char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	char *line = text ? format("%s\n", text) : NULL;

	if (!line || !write_whole(tmp, line) || rename(tmp, path)) {
		results_trouble(run, "%s: %s", path, strerror(errno));
		unlink(tmp);
	}
	free(line);
	free(text);
	json_decref(o);
	free(tmp);
	free(path);
}

/* Of the kernel's configuration what the suite asks for (kvm-pfn-stress/config): as it is there. */
void result_learn_config(struct run *run, const char *config)
{
	char *path = format("%s/kvm-pfn-stress/config", run->top), line[256], have[256];
	FILE *want = fopen(path, "re"), *file = fopen(config, "re");

	free(path);
	while (want && file && fgets(line, sizeof(line), want)) {
		size_t len = strcspn(line, "=");

		if (strncmp(line, "CONFIG_", 7) || line[len] != '=')
			continue;
		line[len] = '\0';
		json_object_set_new(run->kernel_config, line, json_string("n"));
		rewind(file);
		while (fgets(have, sizeof(have), file)) {
			if (strncmp(have, line, len) || have[len] != '=')
				continue;
			have[strcspn(have, "\n")] = '\0';
			set_text(run->kernel_config, line, have + len + 1);
			break;
		}
	}
	if (want)
		fclose(want);
	if (file)
		fclose(file);
}

/* ---- replay ---- */

static const char *keep_text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? format("%s", s) : NULL;
}

static bool has_failed(json_t *scenario)
{
	return !strcmp(json_string_value(json_object_get(scenario, "verdict")) ?: "", "fail");
}

static void keep_explorers(struct options *opt, json_t *list)
{
	json_t *s;
	size_t i;

	opt->explorers = calloc(json_array_size(list) + 1, sizeof(*opt->explorers));
	opt->nr_explorers = 0;
	json_array_foreach(list, i, s)
		if (json_object_get(s, "explorers"))
			opt->explorers[opt->nr_explorers++] =
				format("%s=%s", json_string_value(json_object_get(s, "name")) ?: "",
				       json_string_value(json_object_get(s, "explorers")));
}

static void keep_scenarios(struct options *opt, json_t *list, bool all)
{
	bool failed_only = false;
	json_t *s;
	size_t i;

	opt->scenarios = calloc(json_array_size(list) + 1, sizeof(*opt->scenarios));
	opt->nr_scenarios = 0;
	json_array_foreach(list, i, s)
		failed_only |= !all && has_failed(s);
	json_array_foreach(list, i, s) {
		if (failed_only && !has_failed(s))
			continue;
		opt->scenarios[opt->nr_scenarios++] = (char *)keep_text(s, "name");
	}
}

/*
 * The same seed, kernel and modules; the scenarios that run->opt names, or those that failed, or all
 * if none did, with the time that each of them had.
 */
bool result_load_options(struct run *run, const char *dir, bool all)
{
	char *path = format("%s/result.json", dir);
	struct options *opt = &run->opt;
	uint64_t budget = 0;
	json_error_t error;
	json_t *o, *args, *list, *s;
	size_t i;

	o = json_load_file(path, 0, &error);
	args = json_object_get(o, "options");
	list = json_object_get(o, "scenarios");
	if (!args || !json_array_size(list) ||
	    json_integer_value(json_object_get(o, "version")) != SCHEMA_VERSION) {
		say("kvm-pfn-stress: %s: expected a result.json of version %d%s%s", path,
		    SCHEMA_VERSION, o ? "" : ": ", o ? "" : error.text);
		json_decref(o);
		free(path);
		return false;
	}
	if (!opt->nr_scenarios)
		keep_scenarios(opt, list, all);
	if (!all)
		keep_explorers(opt, list);
	json_array_foreach(list, i, s)
		for (size_t k = 0; k < opt->nr_scenarios; k++)
			if (!strcmp(opt->scenarios[k],
				    json_string_value(json_object_get(s, "name")) ?: "") &&
			    !json_object_get(s, "cells"))
				budget += json_integer_value(json_object_get(s, "budget_ms"));
	opt->duration_ms = budget && !all ? budget :
			   (uint64_t)json_integer_value(json_object_get(args, "duration_ms"));
	opt->kernel = keep_text(args, "kernel");
	opt->kernel_modules = keep_text(args, "kernel_modules");
	opt->modules = keep_text(args, "modules");
	opt->ksrc = keep_text(args, "ksrc");
	opt->accel = keep_text(args, "accel");
	opt->vcpus = json_integer_value(json_object_get(args, "vcpus"));
	opt->memory_mb = json_integer_value(json_object_get(args, "memory_mb"));
	opt->seed = json_integer_value(json_object_get(args, "seed"));
	opt->host = json_is_true(json_object_get(args, "host"));
	opt->fail_fast = all && json_is_true(json_object_get(args, "fail_fast"));
	opt->shard = opt->shards = 1;
	json_decref(o);
	free(path);
	return true;
}
