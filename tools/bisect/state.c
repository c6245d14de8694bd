// SPDX-License-Identifier: GPL-2.0-only
/*
 * state.json: what was asked for, and all evidence so far. Written whole after each step, so that
 * whoever is killed loses the step that was under way and no more. Everything else follows from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisect.h"

#define VERSION	1

void list_add(struct list *list, const char *item)
{
	if (list->nr < MAX_POINTS)
		list->item[list->nr++] = strdup(item);
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(o, key, json_string(text));
}

static void set_number(json_t *o, const char *key, double value)
{
	/* whole numbers to the last digit: seeds */
	json_object_set_new(o, key, value == floor(value) && fabs(value) < 1e15 ?
			    json_integer(value) : json_real(value));
}

static void set_list(json_t *o, const char *key, const struct list *list)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < list->nr; i++)
		json_array_append_new(a, json_string(list->item[i]));
	json_object_set_new(o, key, a);
}

static char *take_text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? strdup(s) : NULL;
}

static double get_number(json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void get_list(json_t *o, const char *key, struct list *list)
{
	json_t *item;
	size_t i;

	list->nr = 0;
	json_array_foreach(json_object_get(o, key), i, item)
		list_add(list, json_string_value(item) ?: "");
}

/* Each setting once, for both directions. */
#define TEXTS(X)	X(git) X(build) X(kernel) X(config) X(unit)
#define NUMBERS(X)	X(confidence) X(slot) X(limit) X(seed) X(failures) X(parallel) X(ahead) \
			X(find_fix)
#define LISTS(X)	X(bases) X(tips) X(scenarios) X(fingerprints) X(likely) X(run_options)

static json_t *settings_json(const struct settings *s)
{
	json_t *o = json_object();

#define X(name)	put_text(o, #name, s->name);
	TEXTS(X)
#undef X
#define X(name)	set_number(o, #name, s->name);
	NUMBERS(X)
#undef X
#define X(name)	set_list(o, #name, &s->name);
	LISTS(X)
#undef X
	return o;
}

static void settings_get(struct settings *s, json_t *o)
{
#define X(name)	s->name = take_text(o, #name);
	TEXTS(X)
#undef X
#define X(name)	s->name = get_number(o, #name);
	NUMBERS(X)
#undef X
#define X(name)	get_list(o, #name, &s->name);
	LISTS(X)
#undef X
}

static json_t *evidence_json(const struct evidence *ev)
{
	json_t *o = json_object();

	put_text(o, "commit", ev->commit);
	put_text(o, "phase", ev->phase);
	put_text(o, "scenario", ev->scenario);
	json_object_set_new(o, "seed", json_integer(ev->seed));
	put_text(o, "outcome", outcome_name(ev->outcome));
	set_number(o, "exposure", ev->exposure);
	set_number(o, "seconds", ev->seconds);
	set_number(o, "asked", ev->asked);
	set_number(o, "took", ev->took);
	set_number(o, "build", ev->build);
	put_text(o, "fingerprint", ev->fingerprint);
	put_text(o, "replay", ev->replay);
	put_text(o, "results", ev->results);
	return o;
}

static void evidence_get(struct evidence *ev, json_t *o)
{
	*ev = (struct evidence){
		.commit = take_text(o, "commit") ?: strdup(""),
		.phase = take_text(o, "phase") ?: strdup(""),
		.scenario = take_text(o, "scenario") ?: strdup(""),
		.seed = json_integer_value(json_object_get(o, "seed")),
		.outcome = outcome_of(json_string_value(json_object_get(o, "outcome")) ?: ""),
		.exposure = get_number(o, "exposure"), .seconds = get_number(o, "seconds"),
		.asked = get_number(o, "asked"), .took = get_number(o, "took"),
		.build = get_number(o, "build"),
		.fingerprint = take_text(o, "fingerprint"), .replay = take_text(o, "replay"),
		.results = take_text(o, "results"),
	};
}

static bool write_synced(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	size_t len = strlen(text);
	bool ok;

	if (fd < 0)
		return false;
	errno = ENOSPC;
	ok = write(fd, text, len) == (ssize_t)len && !fsync(fd);
	return !close(fd) && ok;
}

bool state_save(struct bisect *b)
{
	char *path = format("%s/state.json", b->dir), *tmp = format("%s/.state.json.tmp", b->dir);
	json_t *o = json_object(), *list = json_array(), *posterior = json_object();
	char *text;
	bool ok;

	put_text(o, "schema", "kvm-pfn-stress-bisect");
	json_object_set_new(o, "version", json_integer(VERSION));
	json_object_set_new(o, "settings", settings_json(&b->set));
	put_text(o, "phase", b->phase);
	put_text(o, "verdict", b->verdict);
	put_text(o, "why", b->why);
	put_text(o, "scenario", b->scenario);
	json_object_set_new(o, "seed", json_integer(b->seed));
	set_number(o, "next_seed", b->next_seed);
	put_text(o, "verified_culprit", b->verified.culprit);
	put_text(o, "verified_parent", b->verified.parent);
	put_text(o, "verified_revert", b->verified.revert);
	for (unsigned int i = 0; i < b->nr_ev; i++)
		json_array_append_new(list, evidence_json(&b->ev[i]));
	json_object_set_new(o, "evidence", list);
	/* for others to read; not read back */
	for (unsigned int x = 0; b->e.failures > 0 && x < b->h.g.nr; x++)
		if (b->e.posterior[x] >= 1e-6)
			set_number(posterior, b->h.c[x].id, b->e.posterior[x]);
	json_object_set_new(o, "posterior", posterior);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	ok = text && write_synced(tmp, text) && !rename(tmp, path);
	if (!ok)
		say("bisect: %s: %s", path, strerror(errno));
	free(text);
	json_decref(o);
	free(tmp);
	free(path);
	return ok;
}

/* False, with a line about it, if there is no bisection in that directory. */
bool state_load(struct bisect *b, const char *dir)
{
	char *path = format("%s/state.json", dir);
	json_error_t error;
	json_t *o = json_load_file(path, 0, &error), *list, *item;
	size_t i;

	if (!o || get_number(o, "version") != VERSION || !json_object_get(o, "settings")) {
		say("bisect: %s: expected the state of a bisection%s%s", path, o ? "" : ": ",
		    o ? "" : error.text);
		json_decref(o);
		free(path);
		return false;
	}
	free(path);
	b->dir = strdup(dir);
	settings_get(&b->set, json_object_get(o, "settings"));
	b->phase = take_text(o, "phase") ?: strdup("calibrate");
	b->verdict = take_text(o, "verdict");
	b->why = take_text(o, "why");
	b->scenario = take_text(o, "scenario");
	b->seed = json_integer_value(json_object_get(o, "seed"));
	b->next_seed = get_number(o, "next_seed");
	b->verified.culprit = take_text(o, "verified_culprit");
	b->verified.parent = take_text(o, "verified_parent");
	b->verified.revert = take_text(o, "verified_revert");
	list = json_object_get(o, "evidence");
	b->ev = calloc(json_array_size(list) + 1, sizeof(*b->ev));
	json_array_foreach(list, i, item)
		evidence_get(&b->ev[b->nr_ev++], item);
	json_decref(o);
	return true;
}
