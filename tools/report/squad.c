// SPDX-License-Identifier: GPL-2.0-only
/*
 * What SQUAD's submit API takes: tests.json (result and log), metrics.json, metadata.json. The
 * suite is kvm-pfn-stress, or kvm-pfn-stress/KERNEL where there are several kernels.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "report.h"

static bool dump(const char *dir, const char *name, json_t *o)
{
	char *path = format("%s/%s", dir, name);
	bool ok = !json_dump_file(o, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

	if (!ok)
		fprintf(stderr, "report: %s: %s\n", path, strerror(errno));
	free(path);
	json_decref(o);
	return ok;
}

static json_t *result_of(const struct set *set, const struct group *g)
{
	static const char * const names[] = {
		[VERDICT_SKIP] = "skip", [VERDICT_PASS] = "pass", [VERDICT_NONE] = "fail",
		[VERDICT_FAIL] = "fail",
	};
	json_t *o = json_object(), *s;
	size_t k;

	json_object_set_new(o, "result", json_string(names[g->verdict]));
	for (size_t i = 0; i < set->nr && !json_object_get(o, "log"); i++) {
		const struct result *r = &set->result[i];

		json_array_foreach(r->scenarios, k, s) {
			char *log;

			if (strcmp(r->kernel, g->kernel) || strcmp(get(s, "name"), g->name) ||
			    to_verdict(get(s, "verdict")) != g->verdict)
				continue;
			log = failures_text(r, s, 65536);
			if (*log)
				json_object_set_new(o, "log", json_string(log));
			free(log);
			break;
		}
	}
	return o;
}

static void add_metric(json_t *metrics, const char *suite, const char *name, const char *what,
		       double value)
{
	char *key = format("%s/%s.%s", suite, name, what);

	json_object_set_new(metrics, key, json_real(value));
	free(key);
}

int squad_write(const struct set *set, struct output *out)
{
	json_t *tests = json_object(), *metrics = json_object(), *metadata = json_object();
	json_t *kernels = json_array(), *seeds = json_array();
	bool ok;

	if (mkdir(out->path, 0777) && errno != EEXIST) {
		fprintf(stderr, "report: %s: %s\n", out->path, strerror(errno));
		return EXIT_FAIL;
	}
	for (size_t i = 0; i < set->nr_groups; i++) {
		const struct group *g = &set->group[i];
		char *label = group_label(set, g), *key = format("kvm-pfn-stress/%s", label);
		const char *cell;
		json_t *verdict;

		json_object_set_new(tests, key, result_of(set, g));
		if (g->seconds > 0) {
			add_metric(metrics, "kvm-pfn-stress", label, "faults-per-second",
				   g->faults / g->seconds);
			add_metric(metrics, "kvm-pfn-stress", label, "injections", g->injections);
			add_metric(metrics, "kvm-pfn-stress", label, "window-hits", g->hits);
		}
		json_object_foreach(g->cells, cell, verdict) {
			char *name = format("kvm-pfn-stress/%.*s%s",
					    (int)(strlen(label) - strlen(g->name)), label, cell);

			json_object_set(tests, name, verdict);
			free(name);
		}
		free(label);
		free(key);
	}
	json_object_set_new(tests, "kvm-pfn-stress/complete",
			    json_string(set->nr_incomplete ? "fail" : "pass"));
	for (size_t i = 0; i < set->nr; i++) {
		json_array_append_new(kernels, json_string(set->result[i].kernel));
		json_array_append_new(seeds, json_integer(get_int(set->result[i].json, "seed")));
	}
	if (set->nr) {
		char *when = iso_time(result_start(&set->result[0]));

		json_object_set_new(metadata, "datetime", json_string(when));
		json_object_set_new(metadata, "suite_version",
				    json_string(get(set->result[0].json, "commit")));
		free(when);
	}
	json_object_set_new(metadata, "kernels", kernels);
	json_object_set_new(metadata, "seeds", seeds);
	ok = dump(out->path, "tests.json", tests);
	ok &= dump(out->path, "metrics.json", metrics);
	ok &= dump(out->path, "metadata.json", metadata);
	return ok ? EXIT_PASS : EXIT_FAIL;
}
