// SPDX-License-Identifier: GPL-2.0-only
/* Reads result.json and looks into it. What is not there reads as "", 0 or NULL. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report.h"

char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

const char *get(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

int64_t get_int(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

double get_real(json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

enum verdict to_verdict(const char *name)
{
	if (!strcmp(name, "pass"))
		return VERDICT_PASS;
	if (!strcmp(name, "fail"))
		return VERDICT_FAIL;
	return strcmp(name, "skip") ? VERDICT_NONE : VERDICT_SKIP;
}

const char *verdict_word(enum verdict v)
{
	static const char * const words[] = {
		[VERDICT_SKIP] = "skip", [VERDICT_PASS] = "pass", [VERDICT_NONE] = "not run",
		[VERDICT_FAIL] = "fail",
	};

	return words[v];
}

bool is_known(json_t *failure)
{
	return *get(failure, "known");
}

/* The failures of a scenario that no known issue covers: a new array. */
json_t *new_failures(json_t *scenario)
{
	json_t *list = json_array(), *f;
	size_t i;

	json_array_foreach(json_object_get(scenario, "failures"), i, f)
		if (!is_known(f))
			json_array_append(list, f);
	return list;
}

time_t result_start(const struct result *r)
{
	struct tm tm = { 0 };

	if (!strptime(get(json_object_get(r->json, "times"), "start"), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return 0;
	return timegm(&tm);
}

char *iso_time(time_t t)
{
	char text[40];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	return format("%s", text);
}

json_t *scenario_find(const struct result *r, const char *name)
{
	json_t *s;
	size_t i;

	json_array_foreach(r->scenarios, i, s)
		if (!strcmp(get(s, "name"), name))
			return s;
	return NULL;
}

static char *why_incomplete(const struct result *r)
{
	json_t *s;
	size_t i;

	if (*get(r->json, "error"))
		return format("%s", get(r->json, "error"));
	if (json_is_true(json_object_get(r->json, "interrupted")))
		return format("it was interrupted");
	if (!json_object_get(r->json, "exit"))
		return format("it never came to its end");
	json_array_foreach(r->scenarios, i, s)
		if (to_verdict(get(s, "verdict")) == VERDICT_NONE)
			return format("%s did not run", get(s, "name"));
	return NULL;
}

/* Returns false, with a line on standard error, if there is no result.json of version 1. */
bool load_result(struct result *r, const char *dir)
{
	char *path = format("%s/result.json", dir);
	json_error_t error;
	json_t *kernel;
	size_t len;

	r->json = json_load_file(path, 0, &error);
	if (!r->json)
		fprintf(stderr, "report: %s: %s\n", path, error.text);
	else if (strcmp(get(r->json, "schema"), "kvm-pfn-stress-result") ||
		 get_int(r->json, "version") != 1)
		fprintf(stderr, "report: %s: expected a result.json of version 1\n", path);
	else
		goto good;
	free(path);
	return false;
good:
	free(path);
	r->dir = dir;
	len = strlen(dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	r->name = format("%.*s", (int)len, dir);
	if (strrchr(r->name, '/') && strrchr(r->name, '/')[1])
		r->name = strrchr(r->name, '/') + 1;
	r->scenarios = json_object_get(r->json, "scenarios");
	kernel = json_object_get(r->json, "kernel");
	r->requested = get(kernel, "requested");
	r->kernel = *get(kernel, "release") ? get(kernel, "release") : r->requested;
	r->verdict = to_verdict(get(r->json, "verdict"));
	r->incomplete = why_incomplete(r);
	return true;
}
