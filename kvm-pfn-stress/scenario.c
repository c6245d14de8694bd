// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scenario file parser: `key = value` lines, one table of keys, and for everything that is
 * wrong one sentence that says where and what was expected.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf.h"
#include "outcomes/table.h"
#include "scenario.h"

#define fail(p, ...)	conf_fail(&(p)->at, __VA_ARGS__)
#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define LINE_MAX_LEN	1024

struct parser {
	struct conf_at at;
	bool (*known)(const char *kind, const char *name);
	struct scenario *s;
};

enum key_type { KEY_TEXT, KEY_LIST, KEY_ACCESS, KEY_DRAW, KEY_NUMBER, KEY_COUNT,
		KEY_WORD, KEY_PARAMS, KEY_GROUP };

struct key {
	const char *name;
	enum key_type type;
	size_t offset;		/* of the value in struct scenario */
	size_t nr_offset;	/* KEY_LIST: of the number of items */
	unsigned int max;	/* KEY_LIST: items; KEY_NUMBER: the largest value */
	const char *kind;	/* KEY_LIST: what known() is asked for; KEY_WORD: the only value */
	bool may_repeat;	/* KEY_LIST: the same name twice means two of them */
};

#define AT(f)	.offset = offsetof(struct scenario, f)
#define LIST(f)	AT(f), .nr_offset = offsetof(struct scenario, nr_##f), \
		.max = ARRAY_LEN(((struct scenario *)0)->f)

static const struct key keys[] = {
	{ "describe",       KEY_TEXT,   AT(describe) },
	{ "regions",        KEY_LIST,   LIST(regions), .kind = "backing", .may_repeat = true },
	{ "consumers",      KEY_LIST,   LIST(consumers), .kind = "consumer" },
	{ "access",         KEY_ACCESS, LIST(access) },
	{ "injectors",      KEY_LIST,   LIST(injectors), .kind = "injector" },
	{ "draw",           KEY_DRAW,   LIST(draw) },
	{ "vcpus",          KEY_NUMBER, AT(vcpus), .max = 8 },
	{ "weight",         KEY_NUMBER, AT(weight), .max = 1000 },
	{ "min_faults",     KEY_COUNT,  AT(min_faults) },
	{ "min_injections", KEY_COUNT,  AT(min_injections) },
	{ "min_hits",       KEY_COUNT,  AT(min_hits) },
	{ "min_counts",     KEY_LIST,   LIST(min_counts) },
	{ "boot",           KEY_WORD,   AT(own_boot), .kind = "own" },
	{ "when",           KEY_WORD,   AT(named), .kind = "named" },
	{ "params",         KEY_PARAMS, AT(params) },
	{ "outcomes",       KEY_GROUP,  AT(outcomes) },
};

static const char * const access_names[] = { "load", "store", "rmw", "exec", NULL };
static const char * const draw_names[] = { "regions", "consumers", "injectors", NULL };

/* A comment is a line of its own, or a '#' between blanks ("#PF" is no comment). */
static void cut_comment(char *s)
{
	char *c = s + strspn(s, " \t");

	if (*c == '#') {
		*c = '\0';
		return;
	}
	for (c = strchr(c, '#'); c; c = strchr(c + 1, '#')) {
		if (isspace((unsigned char)c[-1]) && (!c[1] || isspace((unsigned char)c[1]))) {
			*c = '\0';
			return;
		}
	}
}

static bool name_ok(const char *s)
{
	if (!islower((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && !strchr("-_", *s))
			return false;
	return true;
}

static bool parse_number(const char *s, unsigned long long *value)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*value = strtoull(s, &end, 10);
	return !errno && !*end;
}

static bool is_one_of(const char *name, const char * const *names)
{
	while (*names && strcmp(name, *names))
		names++;
	return *names;
}

static int parse_item(struct parser *p, const struct key *key, char *word,
		      struct scenario_item *item)
{
	char *colon = strchr(word, ':');
	unsigned long long value;

	if (colon) {
		*colon = '\0';
		if (!parse_number(colon + 1, &value) || !value || value > 1 << 24)
			return fail(p, "expected a number from 1 to %d after '%s:', got '%s'",
				    1 << 24, word, colon + 1);
		item->value = value;
	}
	if (!name_ok(word) || strlen(word) >= sizeof(item->name))
		return fail(p, "expected a name of at most %zu of a-z, 0-9, '-' and '_', got '%s'",
			    sizeof(item->name) - 1, word);
	strcpy(item->name, word);
	if (key->type == KEY_ACCESS && !is_one_of(word, access_names))
		return fail(p, "expected load, store, rmw or exec, got '%s'", word);
	if (key->type == KEY_DRAW && (!item->value || !is_one_of(word, draw_names)))
		return fail(p, "expected regions:N, consumers:N or injectors:N, got '%s'", word);
	/* the consumers of the outcome table are not all plug-ins: check_conformance() */
	if (key->kind && p->known && !*p->s->outcomes && !p->known(key->kind, word))
		return fail(p, "expected the name of a known %s, got '%s'", key->kind, word);
	return 0;
}

static int parse_list(struct parser *p, const struct key *key, char *value)
{
	struct scenario_item *items = (void *)((char *)p->s + key->offset);
	unsigned int *nr = (void *)((char *)p->s + key->nr_offset);
	char *save, *word;

	for (word = strtok_r(value, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (*nr == key->max)
			return fail(p, "expected at most %u names for '%s'", key->max, key->name);
		if (parse_item(p, key, word, &items[*nr]))
			return -1;
		for (unsigned int i = 0; i < *nr && !key->may_repeat; i++)
			if (!strcmp(items[i].name, items[*nr].name))
				return fail(p, "expected each name once, got '%s' twice",
					    items[i].name);
		(*nr)++;
	}
	return 0;
}

/* "kvm.tdp_mmu=N": what the kernel's command line takes, without anything that needs a quote there. */
static bool param_ok(const char *s)
{
	static const char * const modules[] = { "kvm.", "kvm_amd.", "kvm_intel." };
	size_t name, i;

	for (i = 0; i < ARRAY_LEN(modules) && strncmp(s, modules[i], strlen(modules[i])); i++)
		;
	if (i == ARRAY_LEN(modules))
		return false;
	s += strlen(modules[i]);
	name = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (!name || s[name] != '=' || !s[name + 1])
		return false;
	for (s += name + 1; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_", *s))
			return false;
	return true;
}

static int parse_params(struct parser *p, char *value)
{
	char *to = p->s->params, *save, *word;

	for (word = strtok_r(value, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (!param_ok(word))
			return fail(p, "expected kvm.NAME=VALUE, kvm_amd.NAME=VALUE or "
				    "kvm_intel.NAME=VALUE, got '%s'", word);
		if (strlen(p->s->params) + strlen(word) + 2 > sizeof(p->s->params))
			return fail(p, "expected at most %zu characters for 'params'",
				    sizeof(p->s->params) - 1);
		to += sprintf(to, "%s%s", to == p->s->params ? "" : " ", word);
	}
	return 0;
}

static int parse_value(struct parser *p, const struct key *key, char *value)
{
	void *field = (char *)p->s + key->offset;
	unsigned long long number;

	if (!*value)
		return fail(p, "expected a value for '%s'", key->name);

	switch (key->type) {
	case KEY_TEXT:
		if (strlen(value) >= sizeof(p->s->describe))
			return fail(p, "expected at most %zu characters for '%s'",
				    sizeof(p->s->describe) - 1, key->name);
		strcpy(field, value);
		return 0;
	case KEY_LIST:
	case KEY_ACCESS:
	case KEY_DRAW:
		return parse_list(p, key, value);
	case KEY_NUMBER:
		if (!parse_number(value, &number) || !number || number > key->max)
			return fail(p, "expected a number from 1 to %u for '%s', got '%s'",
				    key->max, key->name, value);
		*(unsigned int *)field = number;
		return 0;
	case KEY_COUNT:
		if (!parse_number(value, &number))
			return fail(p, "expected a number for '%s', got '%s'", key->name, value);
		*(unsigned long long *)field = number;
		return 0;
	case KEY_WORD:
		if (strcmp(value, key->kind))
			return fail(p, "expected '%s' for '%s', got '%s'", key->kind, key->name, value);
		*(bool *)field = true;
		return 0;
	case KEY_PARAMS:
		return parse_params(p, value);
	case KEY_GROUP:
		if (strlen(value) >= sizeof(p->s->outcomes) || !outcome_group(value))
			return fail(p, "expected a group of the outcome table, got '%s'", value);
		strcpy(field, value);
		return 0;
	}
	return -1;
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int parse_line(struct parser *p, char *line, bool *seen)
{
	const struct key *key;
	char *equals;

	cut_comment(line);
	line = conf_trim(line);
	if (!*line)
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return fail(p, "expected 'key = value', got '%s'", line);
	*equals = '\0';
	line = conf_trim(line);
	key = find_key(line);
	if (!key)
		return fail(p, "expected a key of a scenario (describe, regions, ...), got '%s'",
			    line);
	if (seen[key - keys])
		return fail(p, "expected '%s' once, this is the second", key->name);
	seen[key - keys] = true;
	return parse_value(p, key, conf_trim(equals + 1));
}

/* NAME, or DIR/NAME. */
static int set_name(struct parser *p, const char *name)
{
	const char *slash = strchr(name, '/');

	if (strlen(name) < sizeof(p->s->name)) {
		strcpy(p->s->name, name);
		if (slash)
			p->s->name[slash - name] = '\0';
		if (name_ok(p->s->name) && (!slash || name_ok(slash + 1))) {
			strcpy(p->s->name, name);
			return 0;
		}
	}
	return fail(p, "expected a file name of at most %zu of a-z, 0-9, '-' and '_'",
		    sizeof(p->s->name) - 1);
}

static int check_conformance(struct parser *p)
{
	struct scenario *s = p->s;

	if (s->nr_regions || s->nr_access || s->nr_injectors || s->vcpus || s->nr_draw || s->weight ||
	    s->min_faults || s->min_injections || s->min_hits || s->nr_min_counts)
		return fail(p, "expected no key but 'describe', 'consumers', 'boot' and 'params' "
			    "beside 'outcomes'");
	if (s->nr_consumers > 1 ||
	    (s->nr_consumers && !outcome_consumer(s->outcomes, s->consumers[0].name)))
		return fail(p, "expected one consumer of group '%s' of the outcome table, got '%s'",
			    s->outcomes, s->consumers[s->nr_consumers - 1].name);
	return 0;
}

unsigned int scenario_drawn(const struct scenario *s, const char *list, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < s->nr_draw; i++)
		if (!strcmp(s->draw[i].name, list) && s->draw[i].value < nr)
			return s->draw[i].value;
	return nr;
}

static int check_numbers(struct parser *p)
{
	const struct scenario *s = p->s;
	const struct {
		const char *list;
		unsigned int nr, max;
	} lists[] = {
		{ "regions", s->nr_regions, MAX_REGIONS },
		{ "consumers", s->nr_consumers, MAX_CONSUMERS },
		{ "injectors", s->nr_injectors, MAX_INJECTORS },
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (scenario_drawn(s, lists[i].list, lists[i].nr) > lists[i].max)
			return fail(p, "expected at most %u %s at a time: fewer names, or "
				    "'draw = %s:N'", lists[i].max, lists[i].list, lists[i].list);
	return 0;
}

static int set_defaults(struct parser *p)
{
	struct scenario *s = p->s;

	if (!*s->describe)
		return fail(p, "expected a line 'describe = ...' before the end of the file");
	if (*s->outcomes)
		return check_conformance(p);
	if (!s->nr_regions)
		return fail(p, "expected a line 'regions = ...' before the end of the file");
	if (!s->nr_consumers) {
		strcpy(s->consumers[0].name, "vcpu");
		s->nr_consumers = 1;
	}
	if (!s->weight)
		s->weight = 1;
	return check_numbers(p);
}

static int parse_stream(struct parser *p, const char *name, FILE *file)
{
	bool seen[ARRAY_LEN(keys)] = { false };
	char line[LINE_MAX_LEN];

	p->at.line = 1;
	if (set_name(p, name))
		return -1;
	for (; fgets(line, sizeof(line), file); p->at.line++) {
		if (!strchr(line, '\n') && !feof(file))
			return fail(p, "expected a line of at most %d characters",
				    LINE_MAX_LEN - 2);
		if (parse_line(p, line, seen))
			return -1;
	}
	if (ferror(file))
		return fail(p, "expected a readable file: %s", strerror(errno));
	return set_defaults(p);
}

int scenario_parse(const char *dir, const char *name, struct scenario *s,
		   bool (*known)(const char *kind, const char *name), char *err, size_t errlen)
{
	char path[4096];
	struct parser p = { .at = { path, 1, err, errlen }, .known = known, .s = s };
	FILE *file;
	int ret;

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), "%s/%s.conf", dir, name);
	file = fopen(path, "re");
	if (!file)
		return fail(&p, "expected a readable file: %s", strerror(errno));
	ret = parse_stream(&p, name, file);
	fclose(file);
	return ret;
}
