// SPDX-License-Identifier: GPL-2.0-only
/*
 * KCIDB v5.3: one test for each scenario of each directory, and one for each cell. A test that
 * never got its turn is MISS, one that the emulator took is ERROR; nothing is ever null.
 *
 * Without --build there is a checkout and a build that stand for the kernel: what Debian calls it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define EXCERPT_MAX	16384	/* characters; bytes are never fewer */

static void set_text(json_t *o, const char *key, const char *value)
{
	if (*value)
		json_object_set_new(o, key, json_string(value));
}

static json_t *object(const char *id, const char *origin)
{
	json_t *o = json_object();

	set_text(o, "id", id);
	set_text(o, "origin", origin);
	return o;
}

static const char *status(json_t *scenario)
{
	switch (to_verdict(get(scenario, "verdict"))) {
	case VERDICT_PASS: return "PASS";
	case VERDICT_FAIL: return "FAIL";
	case VERDICT_NONE: return "MISS";
	case VERDICT_SKIP: break;
	}
	if (!strncmp(get(scenario, "reason"), "the emulator", 12))
		return "ERROR";
	/* no boot: it never had its turn */
	return get_int(scenario, "boot") ? "SKIP" : "MISS";
}

static json_t *misc(const struct result *r, json_t *scenario)
{
	static const char * const numbers[] = { "faults", "injections", "hits", "known" };
	json_t *o = json_object(), *list = json_array(), *f;
	size_t i;

	for (i = 0; i < ARRAY_LEN(numbers); i++)
		json_object_set_new(o, numbers[i], json_integer(get_int(scenario, numbers[i])));
	json_object_set_new(o, "seed", json_integer(get_int(r->json, "seed")));
	set_text(o, "suite", get(r->json, "commit"));
	json_array_foreach(json_object_get(scenario, "failures"), i, f) {
		json_t *one = json_object();

		set_text(one, "fingerprint", get(f, "fingerprint"));
		set_text(one, "known", get(f, "known"));
		set_text(one, "replay", get(f, "replay"));
		json_object_set_new(one, "count", json_integer(get_int(f, "count")));
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "failures", list);
	return o;
}

/* Dots part the levels of a path; letters, digits, _ and - are all it may have. */
static void add_level(char **path, const char *name)
{
	char *old = *path, *s;

	*path = format("%s.%s", old, name);
	for (s = *path + strlen(old) + 1; *s; s++)
		if (*s == '/')
			*s = '.';
		else if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-')
			*s = '_';
	free(old);
}

/* NAME is that of a scenario or of a cell, which begins with its scenario's. */
static char *path_of(const char *name)
{
	char *path = format("kvm-pfn-stress");

	add_level(&path, name);
	return path;
}

static json_t *test(const struct output *out, const struct result *r, const char *build,
		    const char *name, const char *what)
{
	char *path = path_of(name), *start = iso_time(result_start(r));
	char *id = format("%s:%s-%lld-%lld-%s", out->origin, r->name, (long long)result_start(r),
			  (long long)get_int(r->json, "seed"), path);
	json_t *o = object(id, out->origin);

	set_text(o, "build_id", build);
	set_text(o, "path", path);
	set_text(o, "status", what);
	set_text(o, "start_time", start);
	free(path);
	free(start);
	free(id);
	return o;
}

static const char *cell_status(json_t *cell)
{
	static const char * const names[] = {
		[VERDICT_SKIP] = "SKIP", [VERDICT_PASS] = "PASS", [VERDICT_NONE] = "MISS",
		[VERDICT_FAIL] = "FAIL",
	};

	return names[to_verdict(get(cell, "verdict"))];
}

static void add_scenario(json_t *tests, const struct output *out, const struct result *r,
			 const char *build, json_t *scenario)
{
	json_t *o = test(out, r, build, get(scenario, "name"), status(scenario)), *number;
	char *excerpt = failures_text(r, scenario, EXCERPT_MAX);
	double seconds = get_real(scenario, "seconds");
	json_t *cell, *c;
	size_t i;

	set_text(o, "comment", get(scenario, "describe"));
	set_text(o, "log_excerpt", *excerpt ? excerpt : get(scenario, "reason"));
	json_object_set_new(o, "duration", json_real(seconds));
	if (seconds > 0 && get_int(scenario, "faults")) {
		number = json_object();
		json_object_set_new(number, "value",
				    json_real(get_int(scenario, "faults") / seconds));
		set_text(number, "unit", "faults/s");
		json_object_set_new(o, "number", number);
	}
	json_object_set_new(o, "misc", misc(r, scenario));
	json_array_append_new(tests, o);
	free(excerpt);
	json_array_foreach(json_object_get(scenario, "cells"), i, cell) {
		c = test(out, r, build, get(cell, "name"), cell_status(cell));
		excerpt = *get(cell, "expected") ?
			  format("expected %s, got %s", get(cell, "expected"), get(cell, "got")) :
			  format("%s", get(cell, "reason"));
		set_text(c, "log_excerpt", excerpt);
		json_array_append_new(tests, c);
		free(excerpt);
	}
}

/* One that is there already is left alone: several directories may be of one kernel. */
static void add_once(json_t *list, json_t *o)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (!strcmp(get(other, "id"), get(o, "id"))) {
			json_decref(o);
			return;
		}
	json_array_append_new(list, o);
}

int kcidb_write(const struct set *set, struct output *out)
{
	json_t *root = json_object(), *version = json_object(), *checkouts = json_array();
	json_t *builds = json_array(), *tests = json_array(), *o, *s;
	size_t k;

	for (size_t i = 0; i < set->nr; i++) {
		const struct result *r = &set->result[i];
		const char *package = get(json_object_get(r->json, "kernel"), "version");
		char *checkout = format("%s:%s", out->origin, *package ? package : r->kernel);
		char *build = format("%s:%s", out->origin, r->kernel);

		if (!out->build_id) {
			o = object(checkout, out->origin);
			add_once(checkouts, o);
			o = object(build, out->origin);
			set_text(o, "checkout_id", checkout);
			set_text(o, "architecture", "x86_64");
			add_once(builds, o);
		}
		json_array_foreach(r->scenarios, k, s)
			add_scenario(tests, out, r, out->build_id ? out->build_id : build, s);
		free(checkout);
		free(build);
	}
	json_object_set_new(version, "major", json_integer(5));
	json_object_set_new(version, "minor", json_integer(3));
	json_object_set_new(root, "version", version);
	json_object_set_new(root, "checkouts", checkouts);
	json_object_set_new(root, "builds", builds);
	json_object_set_new(root, "tests", tests);
	json_dumpf(root, out->file, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	fputc('\n', out->file);
	json_decref(root);
	return EXIT_PASS;
}
