// SPDX-License-Identifier: GPL-2.0-only
/* The scenario parser: what it reads, and what it says about everything that is wrong. */
#include <sys/stat.h>

#include "test.h"
#include "../../kvm-pfn-stress/scenario.h"

/* A scenario by the path of its file. */
static int parse(const char *path, struct scenario *s, bool (*known)(const char *, const char *),
		 char *err, size_t errlen)
{
	const char *slash = strrchr(path, '/');
	char dir[4096], name[4096];

	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	snprintf(name, sizeof(name), "%.*s", (int)strlen(slash + 1) - 5, slash + 1);
	return scenario_parse(dir, name, s, known, err, errlen);
}

static bool known(const char *kind, const char *name)
{
	return (!strcmp(kind, "backing") && (!strcmp(name, "anon") || !strcmp(name, "memfd"))) ||
	       (!strcmp(kind, "consumer") && !strcmp(name, "vcpu")) ||
	       (!strcmp(kind, "injector") && (!strcmp(name, "zap") || !strcmp(name, "kick"))) ||
	       (!strcmp(kind, "oracle") && !strcmp(name, "refcount"));
}

static void reads_everything(void **state)
{
	struct scenario s;
	char err[512] = "";
	const char *path = text_file("all-keys.conf",
		"# a comment\n"
		"\n"
		"describe = Faults that meet #PF and = signs # and a comment\r\n"
		"regions\t=  anon:512 memfd anon   # two of them\n"
		"consumers = vcpu:2\n"
		"access = load:4 store:2 rmw exec:1\n"
		"injectors = zap:3 kick\n"
		"draw = injectors:1 regions:2\n"
		"vcpus = 3\nmin_faults = 1000\nmin_injections = 0\nmin_hits = 7\n"
		"min_counts = nested-run:8 smm-entry:1\n"
		"weight = 2\nboot = own\nwhen = named\nparams =  kvm.tdp_mmu=N\tkvm_amd.npt=0 \n");

	(void)state;
	assert_int_equal(parse(path, &s, known, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_string_equal(s.name, "all-keys");
	assert_string_equal(s.describe, "Faults that meet #PF and = signs");
	assert_int_equal(s.nr_regions, 3);
	assert_string_equal(s.regions[0].name, "anon");
	assert_int_equal(s.regions[0].value, 512);
	assert_int_equal(s.regions[1].value, 0);
	assert_string_equal(s.regions[2].name, "anon");
	assert_int_equal(s.nr_consumers, 1);
	assert_int_equal(s.nr_access, 4);
	assert_string_equal(s.access[3].name, "exec");
	assert_int_equal(s.nr_injectors, 2);
	assert_int_equal(s.injectors[0].value, 3);
	assert_int_equal(scenario_drawn(&s, "regions", s.nr_regions), 2);
	assert_int_equal(scenario_drawn(&s, "consumers", s.nr_consumers), 1);
	assert_int_equal(scenario_drawn(&s, "injectors", s.nr_injectors), 1);
	assert_int_equal(s.vcpus, 3);
	assert_int_equal(s.weight, 2);
	assert_int_equal(s.min_faults, 1000);
	assert_int_equal(s.min_hits, 7);
	assert_int_equal(s.nr_min_counts, 2);
	assert_string_equal(s.min_counts[0].name, "nested-run");
	assert_int_equal(s.min_counts[0].value, 8);
	assert_true(s.own_boot);
	assert_true(s.named);
	assert_string_equal(s.params, "kvm.tdp_mmu=N kvm_amd.npt=0");
}

static void has_defaults(void **state)
{
	struct scenario s;
	char err[512];
	const char *path = text_file("small.conf", "describe = Small\nregions = anon\n");

	(void)state;
	assert_int_equal(parse(path, &s, NULL, err, sizeof(err)), 0);
	assert_int_equal(s.nr_consumers, 1);
	assert_string_equal(s.consumers[0].name, "vcpu");
	assert_int_equal(s.nr_access, 0);
	assert_int_equal(s.weight, 1);
	assert_false(s.own_boot);
}

static const struct {
	const char *text, *err;
} wrong[] = {
	{ "", "expected a line 'describe" },
	{ "describe = x\n", "expected a line 'regions" },
	{ "describe = x\nregions anon\n", ":2: expected 'key = value', got 'regions anon'" },
	{ "describe =\n", ":1: expected a value for 'describe'" },
	{ "describe = x\nregion = anon\n", ":2: expected a key" },
	{ "describe = x\ndescribe = y\n", ":2: expected 'describe' once" },
	{ "regions = anonn\n", ":1: expected the name of a known backing, got 'anonn'" },
	{ "regions = anon:0\n", ":1: expected a number from 1" },
	{ "regions = anon:\n", ":1: expected a number from 1" },
	{ "regions = anon:-1\n", ":1: expected a number from 1" },
	{ "regions = anon:1x\n", ":1: expected a number from 1" },
	{ "regions = anon:99999999999999999999\n", ":1: expected a number from 1" },
	{ "regions = Anon\n", ":1: expected a name" },
	{ "regions = ../anon\n", ":1: expected a name" },
	{ "regions = a a a a a a a a a a a a a a a a a\n", "a known backing" },
	{ "describe = x\nregions = anon anon anon anon anon anon anon anon anon anon anon anon anon "
	  "anon anon anon anon\n", "expected at most 16 regions at a time: fewer names, or 'draw =" },
	{ "describe = x\nregions = anon\ndraw = regions\n", ":3: expected regions:N, consumers:N" },
	{ "draw = oracles:1\n", ":1: expected regions:N, consumers:N or injectors:N, got 'oracles'" },
	{ "draw = regions:1 regions:2\n", ":1: expected each name once, got 'regions' twice" },
	{ "describe = x\noutcomes = anon\ndraw = regions:1\n", "expected no key but 'describe'" },
	{ "describe = x\noutcomes = anon\nconsumers = none\n", "expected one consumer of group 'anon'" },
	{ "consumers = vcpu vcpu\n", ":1: expected each name once, got 'vcpu' twice" },
	{ "consumers = nested\n", ":1: expected the name of a known consumer" },
	{ "access = jump:1\n", ":1: expected load, store, rmw or exec, got 'jump'" },
	{ "injectors = zapp\n", ":1: expected the name of a known injector, got 'zapp'" },
	{ "vcpus = 0\n", ":1: expected a number from 1 to 8 for 'vcpus'" },
	{ "vcpus = 9\n", ":1: expected a number from 1 to 8 for 'vcpus'" },
	{ "weight = 1.5\n", ":1: expected a number from 1 to 1000 for 'weight'" },
	{ "min_faults = many\n", ":1: expected a number for 'min_faults', got 'many'" },
	{ "min_hits = -1\n", ":1: expected a number for 'min_hits'" },
	{ "min_hits = 99999999999999999999999\n", ":1: expected a number for 'min_hits'" },
	{ "params = kvm_amd.npt\n", ":1: expected kvm.NAME=VALUE, kvm_amd.NAME=VALUE or" },
	{ "params = kvm.npt=\n", ":1: expected kvm.NAME=VALUE" },
	{ "params = kvm.=1\n", ":1: expected kvm.NAME=VALUE" },
	{ "params = kvm.a=1 init=/bin/sh\n", "got 'init=/bin/sh'" },
	{ "params = kvm.a=\"x\n", ":1: expected kvm.NAME=VALUE" },
	{ "params = kvm.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1 "
	  "kvm.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb=1\n",
	  ":1: expected at most 159 characters for 'params'" },
	{ "describe = x\noutcomes = all\n", ":2: expected a group of the outcome table, got 'all'" },
	{ "describe = x\noutcomes = anon\nregions = anon\n", "expected no key but 'describe'" },
	{ "when = never\n", ":1: expected 'named' for 'when', got 'never'" },
	{ "boot = shared\n", ":1: expected 'own' for 'boot', got 'shared'" },
};

static void says_what_is_wrong(void **state)
{
	struct scenario s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *path = text_file("wrong.conf", wrong[i].text);
		char err[512] = "";

		assert_int_equal(parse(path, &s, known, err, sizeof(err)), -1);
		if (!strstr(err, wrong[i].err) || strncmp(err, path, strlen(path)))
			fail_msg("'%s': expected '%s', got '%s'", wrong[i].text, wrong[i].err, err);
		assert_null(strchr(err, '\n'));
	}
}

static void refuses_what_is_no_scenario(void **state)
{
	static const char * const names[] = { "Bad.conf", "-x.conf", ".conf", "a b.conf" };
	struct scenario s;
	char err[512], small[16];
	char *longline;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *path = text_file(names[i], "describe = x\nregions = anon\n");

		assert_int_equal(parse(path, &s, known, err, sizeof(err)), -1);
		assert_non_null(strstr(err, "expected a file name"));
	}
	assert_int_equal(parse("/nonexistent/x.conf", &s, known, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "No such file"));
	assert_int_equal(parse("/nonexistent/x.conf", &s, known, small, sizeof(small)), -1);
	assert_int_equal(strlen(small), sizeof(small) - 1);

	longline = calloc(1, 5001);
	memset(longline, 'x', 5000);
	assert_int_equal(parse(text_file("long.conf", longline), &s, known, err,
					sizeof(err)), -1);
	assert_non_null(strstr(err, "characters"));
	free(longline);
}

static void reads_conformance(void **state)
{
	const char *path = text_file("cells.conf", "describe = Cells\noutcomes = anon\n"), *slash;
	char err[512], dir[4096], *last;
	struct scenario s;

	(void)state;
	assert_int_equal(parse(path, &s, known, err, sizeof(err)), 0);
	assert_string_equal(s.outcomes, "anon");
	assert_int_equal(s.weight, 0);
	assert_int_equal(s.nr_regions, 0);

	/* DIR/NAME */
	slash = strrchr(path, '/');
	snprintf(dir, sizeof(dir), "%.*s/sub", (int)(slash - path), path);
	mkdir(dir, 0777);
	path = text_file("sub/cells.conf", "describe = Cells\noutcomes = anon\n");
	last = strrchr(dir, '/');
	*last = '\0';
	assert_int_equal(scenario_parse(dir, "sub/cells", &s, known, err, sizeof(err)), 0);
	assert_string_equal(s.name, "sub/cells");
	assert_int_equal(scenario_parse(dir, "../cells", &s, known, err, sizeof(err)), -1);
}

static void refuses_a_long_sentence(void **state)
{
	char text[400] = "describe = ", err[512];
	struct scenario s;

	(void)state;
	memset(text + strlen(text), 'x', 256);
	assert_int_equal(parse(text_file("sentence.conf", text), &s, known, err,
					sizeof(err)), -1);
	assert_non_null(strstr(err, ":1: expected at most 255 characters for 'describe'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_everything),
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(refuses_what_is_no_scenario),
		cmocka_unit_test(reads_conformance),
		cmocka_unit_test(refuses_a_long_sentence),
	};

	return cmocka_run_group_tests_name("scenario", tests, NULL, NULL);
}
