// SPDX-License-Identifier: GPL-2.0-only
/*
 * JUnit XML: a test suite for each directory, a test case for each scenario and cell. What did not
 * run is an error, what failed a failure with its card, what the run lacks an error of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct counts { unsigned int tests, failures, errors, skipped; };

static void count(struct counts *c, enum verdict v)
{
	c->tests++;
	c->failures += v == VERDICT_FAIL;
	c->errors += v == VERDICT_NONE;
	c->skipped += v == VERDICT_SKIP;
}

static struct counts count_result(const struct result *r)
{
	struct counts c = { 0 };
	json_t *s, *cell;
	size_t i, k;

	json_array_foreach(r->scenarios, i, s) {
		count(&c, to_verdict(get(s, "verdict")));
		json_array_foreach(json_object_get(s, "cells"), k, cell)
			count(&c, to_verdict(get(cell, "verdict")));
	}
	if (r->incomplete)
		count(&c, VERDICT_NONE);
	return c;
}

static void put_counts(struct markup *m, struct counts c)
{
	attr(m, "tests", "%u", c.tests);
	attr(m, "failures", "%u", c.failures);
	attr(m, "errors", "%u", c.errors);
}

static void put_case(struct markup *m, const struct result *r, const char *class,
		     const char *name, double seconds)
{
	tag(m, "testcase", NULL);
	attr(m, "classname", "kvm-pfn-stress.%s%s%s", r->requested, *class ? "." : "", class);
	attr(m, "name", "%s", name);
	attr(m, "time", "%.3f", seconds);
}

static void put_end(struct markup *m, enum verdict v, const char *message, const char *type,
		    const char *text)
{
	static const char * const tags[] = {
		[VERDICT_SKIP] = "skipped", [VERDICT_NONE] = "error", [VERDICT_FAIL] = "failure",
	};

	if (v != VERDICT_PASS) {
		tag(m, tags[v], NULL);
		attr(m, "message", "%s", message);
		if (v != VERDICT_SKIP)
			attr(m, "type", "%s", *type ? type : "none");
		words(m, "%s", text);
		tag_end(m);
	}
	tag_end(m);
}

static void put_scenario(struct markup *m, const struct result *r, json_t *s)
{
	enum verdict v = to_verdict(get(s, "verdict"));
	json_t *list = new_failures(s), *cell;
	const char *type = get(json_array_get(list, 0), "fingerprint");
	char *text = failures_text(r, s, 1 << 20);
	const char *reason = get(s, "reason");
	size_t i;

	if (v == VERDICT_FAIL)
		reason = type;
	else if (v == VERDICT_NONE)
		reason = "it did not run";
	put_case(m, r, "", get(s, "name"), get_real(s, "seconds"));
	put_end(m, v, reason, type, v == VERDICT_FAIL ? text : "");
	json_array_foreach(json_object_get(s, "cells"), i, cell) {
		char *what = format("expected %s, got %s", get(cell, "expected"), get(cell, "got"));

		v = to_verdict(get(cell, "verdict"));
		put_case(m, r, get(s, "name"), get(cell, "name"), 0);
		put_end(m, v, v == VERDICT_SKIP ? get(cell, "reason") : what, "outcome", "");
		free(what);
	}
	free(text);
	json_decref(list);
}

static void put_property(struct markup *m, const char *name, const char *value)
{
	if (!*value)
		return;
	tag(m, "property", NULL);
	attr(m, "name", "%s", name);
	attr(m, "value", "%s", value);
	tag_end(m);
}

static void put_result(struct markup *m, const struct result *r)
{
	char *seed = format("%lld", (long long)get_int(r->json, "seed"));
	struct counts c = count_result(r);
	json_t *s;
	size_t i;

	tag(m, "testsuite", NULL);
	attr(m, "name", "kvm-pfn-stress.%s", r->requested);
	put_counts(m, c);
	attr(m, "skipped", "%u", c.skipped);
	attr(m, "time", "%.3f", get_int(json_object_get(r->json, "times"), "end_ms") / 1000.0);
	attr(m, "timestamp", "%.19s", get(json_object_get(r->json, "times"), "start"));
	tag(m, "properties", NULL);
	put_property(m, "results", r->name);
	put_property(m, "kernel", r->kernel);
	put_property(m, "seed", seed);
	put_property(m, "suite", get(r->json, "commit"));
	tag_end(m);
	json_array_foreach(r->scenarios, i, s)
		put_scenario(m, r, s);
	if (r->incomplete) {
		put_case(m, r, "", "complete", 0);
		put_end(m, VERDICT_NONE, r->incomplete, "incomplete", "");
	}
	tag_end(m);
	free(seed);
}

int junit_write(const struct set *set, struct output *out)
{
	struct counts sum = { 0 };
	struct markup m;

	for (size_t i = 0; i < set->nr; i++) {
		struct counts c = count_result(&set->result[i]);

		sum.tests += c.tests;
		sum.failures += c.failures;
		sum.errors += c.errors;
	}
	markup_begin(&m);
	xmlTextWriterSetIndent(m.w, 1);
	xmlTextWriterStartDocument(m.w, NULL, "UTF-8", NULL);
	tag(&m, "testsuites", NULL);
	put_counts(&m, sum);
	for (size_t i = 0; i < set->nr; i++)
		put_result(&m, &set->result[i]);
	tag_end(&m);
	return markup_end(&m, out->file) ? EXIT_PASS : EXIT_FAIL;
}
