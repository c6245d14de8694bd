// SPDX-License-Identifier: GPL-2.0-only
/*
 * mutants: does the suite find the bugs that patches put back into KVM? Builds each, runs ./run.sh
 * on it until something fails, and judges what was found by the patch's header (README.md).
 *
 * What has been run is kept in RESULTS/state.json, one entry for each (mutant, seed, way of
 * running): a call that was stopped goes on where it was. The key has the digest of the patches and
 * of the suite, so that an edit of either is run again.
 */
#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_MUTANTS 512
#define MAX_SEEDS 64
#define LINE 4096

struct mutant {
	char *path, *name;
	char class[64], scenarios[512], expect[256], fingerprints[1024];
	char *modules; /* directory of build-kvm.sh, or NULL */
};

static struct {
	const char *kernel, *duration, *results, *dir;
	unsigned int seeds;
	bool whole, build_only, selftests;
	char **patches;
	unsigned int nr_patches;
} opt = { .duration = "10s", .seeds = 1 };

static struct mutant mutants[MAX_MUTANTS];
static unsigned int nr_mutants;
static char *top; /* of the source tree */
static json_t *state; /* [ { key, mutant, seed, verdict, ... } ] */
static volatile sig_atomic_t stopped;

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

__attribute__((format(printf, 2, 3), noreturn)) static void die(int status, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "mutants: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* ---- the patches ---- */

/* "# Key: value" in front of a patch, "// Key: value" before a semantic one; may be repeated. */
static void header(const char *line, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key), have = strlen(buf);

	while (*line == '#' || *line == '/' || *line == ' ')
		line++;
	if (strncmp(line, key, n) || line[n] != ':')
		return;
	line += n + 1;
	line += strspn(line, " ");
	snprintf(buf + have, size - have, "%s%.*s", have ? " " : "", (int)strcspn(line, "\n"),
		 line);
}

static void add_mutant(const char *path)
{
	struct mutant *m = &mutants[nr_mutants];
	char line[LINE], *dot;
	FILE *f = fopen(path, "re");

	if (!f)
		die(2, "%s: %s", path, strerror(errno));
	if (++nr_mutants == MAX_MUTANTS)
		die(2, "more than %d mutants", MAX_MUTANTS);
	m->path = realpath(path, NULL);
	m->name = format("%s", strrchr(m->path, '/') + 1);
	dot = strrchr(m->name, '.');
	if (dot)
		*dot = 0;
	while (fgets(line, sizeof(line), f) && (*line == '#' || !strncmp(line, "//", 2))) {
		header(line, "Class", m->class, sizeof(m->class));
		header(line, "Scenario", m->scenarios, sizeof(m->scenarios));
		header(line, "Expect", m->expect, sizeof(m->expect));
		header(line, "Fingerprint", m->fingerprints, sizeof(m->fingerprints));
	}
	fclose(f);
	/* somebody else's patch: whatever is reported counts */
	if (!*m->class)
		strcpy(m->class, "-");
	if (!*m->expect)
		strcpy(m->expect, "*");
	if (!*m->fingerprints)
		strcpy(m->fingerprints, "*");
}

static void add_folder(const char *dir)
{
	static const char *const kinds[] = { "patch", "diff", "cocci" };
	glob_t g;

	for (size_t k = 0; k < 3; k++) {
		char *pattern = format("%s/*.%s", dir, kinds[k]);

		if (!glob(pattern, 0, NULL, &g)) {
			for (size_t i = 0; i < g.gl_pathc; i++)
				add_mutant(g.gl_pathv[i]);
			globfree(&g);
		}
		free(pattern);
	}
}

static bool matches(const char *word, const char *globs)
{
	char *copy = format("%s", globs), *save = NULL, *g;
	bool yes = false;

	for (g = strtok_r(copy, " ", &save); g && !yes; g = strtok_r(NULL, " ", &save))
		yes = !fnmatch(g, word, 0);
	free(copy);
	return yes;
}

/* ---- running things ---- */

/* Runs with standard error (and output, without last) appended to log; last: its last line. */
static int run_program(char *const argv[], const char *log, char *last, size_t size)
{
	int fd[2] = { -1, -1 }, status;
	char line[LINE];
	pid_t pid;
	FILE *f;

	if (last && pipe(fd))
		die(1, "pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (!freopen(log, "a", stderr))
			_exit(127);
		dup2(last ? fd[1] : 2, 1);
		if (last) {
			close(fd[0]);
			close(fd[1]);
		}
		if (!freopen("/dev/null", "r", stdin))
			_exit(127);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		die(1, "fork: %s", strerror(errno));
	if (last) {
		close(fd[1]);
		*last = 0;
		f = fdopen(fd[0], "r");
		while (f && fgets(line, sizeof(line), f))
			snprintf(last, size, "%.*s", (int)strcspn(line, "\n"), line);
		if (f)
			fclose(f);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static char *tool(const char *name)
{
	return format("%s/tools/vm/%s", top, name);
}

/* Its modules; NULL if they don't build. */
static char *build(const char *patch, const char *log)
{
	char *script = tool("build-kvm.sh"), out[PATH_MAX];
	char *argv[] = { script, (char *)opt.kernel, (char *)patch, NULL };
	int status = run_program(argv, log, out, sizeof(out));

	free(script);
	return status || !*out ? NULL : format("%s", out);
}

/* ---- upstream's tests in the place of the suite ---- */

/*
 * The runner takes what a program in the VM says for the suite's words. selftests.sh runs
 * upstream's tests there and says them; each test is a scenario.
 */
static void use_selftests(const char *dir)
{
	char source[PATH_MAX], lib[PATH_MAX], line[LINE], *log = format("%s/selftests.log", dir);
	char *fetch = tool("fetch-source.sh"), *make = tool("build-lib.sh"), *pattern, *path;
	char *fetch_argv[] = { fetch, (char *)opt.kernel, NULL };
	char *make_argv[] = { make, source, NULL };
	char *extra = format("%s/tools/mutants/selftests.sh", top);
	glob_t g;
	FILE *f;

	if (run_program(fetch_argv, log, source, sizeof(source)) ||
	    run_program(make_argv, log, lib, sizeof(lib)))
		die(1, "no selftests of %s: see %s", opt.kernel, log);
	pattern = format("%s/scenarios", dir);
	mkdir(pattern, 0777);
	pattern = format("%s/tests/*", lib);
	if (glob(pattern, 0, NULL, &g))
		die(1, "%s has no tests", lib);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *name = strrchr(g.gl_pathv[i], '/') + 1;

		path = format("%s/scenarios/%s.conf", dir, name);
		f = fopen(path, "we");
		if (!f)
			die(1, "%s: %s", path, strerror(errno));
		fprintf(f, "describe = upstream's %s\nregions = anon\n", name);
		fclose(f);
		free(path);
		path = format("%s\n%s", extra, g.gl_pathv[i]);
		free(extra);
		extra = path;
	}
	globfree(&g);
	path = format("%s/env", dir);
	f = fopen(path, "we");
	if (!f || fputs("PROGRAM=/extra/selftests.sh\n", f) < 0 || fclose(f))
		die(1, "%s: %s", path, strerror(errno));
	snprintf(line, sizeof(line), "%s", path);
	setenv("PFN_GUEST_ENV", line, 1);
	setenv("PFN_EXTRA_FILES", extra, 1);
	setenv("PFN_CONFIGS", dir, 1);
}

/* ---- judging ---- */

struct finding {
	const char *verdict;
	char oracle[32], scenario[64], fingerprint[192];
	double seconds; /* of stress, until then */
};

/* Failures that are no known issue, soonest first within a scenario; scenarios in their order. */
static bool first_failure(json_t *result, const struct mutant *m, bool expected,
			  struct finding *found)
{
	double before = 0;
	json_t *s, *f;
	size_t i, k;

	json_array_foreach(json_object_get(result, "scenarios"), i, s)
	{
		double took = json_number_value(json_object_get(s, "seconds"));
		bool any = false;

		if (strcmp(text(s, "verdict"), "pass") && strcmp(text(s, "verdict"), "fail"))
			continue;
		json_array_foreach(json_object_get(s, "failures"), k, f)
		{
			json_t *t = json_object_get(f, "t_ms");
			double at = before + (t ? json_number_value(t) / 1000 : took);

			if (*text(f, "known") || (any && at >= found->seconds))
				continue;
			if (expected && (!matches(text(f, "oracle"), m->expect) ||
					 !matches(text(f, "fingerprint"), m->fingerprints)))
				continue;
			any = true;
			found->seconds = at;
			snprintf(found->oracle, sizeof(found->oracle), "%s", text(f, "oracle"));
			snprintf(found->scenario, sizeof(found->scenario), "%s", text(s, "name"));
			snprintf(found->fingerprint, sizeof(found->fingerprint), "%s",
				 text(f, "fingerprint"));
		}
		if (any)
			return true;
		before += took;
	}
	return false;
}

static struct finding judge(const char *path, const struct mutant *m)
{
	json_t *result = json_load_file(path, 0, NULL);
	struct finding f = { .verdict = "BROKEN" };
	bool control = !strcmp(m->expect, "none");

	if (json_array_size(json_object_get(result, "boots"))) {
		if (control)
			f.verdict = first_failure(result, m, false, &f) ? "FALSE-ALARM" : "clean";
		else if (first_failure(result, m, !opt.selftests, &f))
			f.verdict = "found";
		else
			f.verdict = first_failure(result, m, false, &f) ? "WRONG-ORACLE" : "MISSED";
	}
	json_decref(result);
	return f;
}

/* ---- state ---- */

static char *state_path;

static void state_load(void)
{
	state_path = format("%s/state.json", opt.results);
	state = json_load_file(state_path, 0, NULL);
	if (!json_is_array(state))
		state = json_array();
}

static void state_save(void)
{
	char *tmp = format("%s.tmp", state_path);

	if (json_dump_file(state, tmp, JSON_INDENT(1)) || rename(tmp, state_path))
		die(1, "%s: %s", state_path, strerror(errno));
	free(tmp);
}

static json_t *state_find(const char *key)
{
	json_t *o;
	size_t i;

	json_array_foreach(state, i, o)
		if (!strcmp(text(o, "key"), key) && strcmp(text(o, "verdict"), "BROKEN"))
			return o;
	return NULL;
}

static void state_add(const char *key, const struct mutant *m, unsigned int seed,
		      const struct finding *f)
{
	json_array_append_new(state,
			      json_pack("{ss ss ss si ss ss ss sf ss}", "key", key, "mutant",
					m->name, "class", m->class, "seed", (int)seed, "verdict",
					f->verdict, "oracle", f->oracle, "scenario", f->scenario,
					"seconds", f->seconds, "fingerprint", f->fingerprint));
	state_save();
}

/* ---- tables ---- */

static void row(const char *name, const char *class, const char *verdict, const char *oracle,
		const char *scenario, const char *seconds, const char *fingerprint)
{
	printf("%-26s %-13s %-12s %-11s %-16s %7s  %s\n", name, class, verdict, oracle, scenario,
	       seconds, fingerprint);
	fflush(stdout);
}

static void row_of(json_t *o, unsigned int seeds)
{
	char *name = seeds > 1 ? format("%s/%lld", text(o, "mutant"),
					(long long)json_integer_value(json_object_get(o, "seed"))) :
				 format("%s", text(o, "mutant"));
	bool any = *text(o, "oracle");
	char seconds[16] = "-";

	if (any)
		snprintf(seconds, sizeof(seconds), "%.1f",
			 json_number_value(json_object_get(o, "seconds")));
	row(name, text(o, "class"), text(o, "verdict"), any ? text(o, "oracle") : "-",
	    any ? text(o, "scenario") : "-", seconds, any ? text(o, "fingerprint") : "-");
	free(name);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct score {
	char class[64];
	unsigned int runs, found, mutants, mutants_found;
};

static struct score *score_of(struct score *scores, unsigned int *nr, const char *class)
{
	for (unsigned int i = 0; i < *nr; i++)
		if (!strcmp(scores[i].class, class))
			return &scores[i];
	snprintf(scores[*nr].class, sizeof(scores[*nr].class), "%s", class);
	return &scores[(*nr)++];
}

/* A mutant counts as found when most of its runs found it. */
static void print_scores(char *const *keys, unsigned int nr_keys)
{
	static struct score scores[MAX_MUTANTS], all;
	static double medians[MAX_MUTANTS];
	unsigned int nr = 0, nr_medians = 0, controls = 0, alarms = 0;

	for (unsigned int i = 0; i < nr_mutants; i++) {
		struct mutant *m = &mutants[i];
		bool control = !strcmp(m->expect, "none");
		double seconds[MAX_SEEDS];
		unsigned int runs = 0, found = 0;
		struct score *s;

		for (unsigned int k = 0; k < nr_keys; k++) {
			json_t *o = state_find(keys[k]);

			if (!o || strcmp(text(o, "mutant"), m->name))
				continue;
			runs++;
			if (!strcmp(text(o, "verdict"), "found"))
				seconds[found++] = json_number_value(json_object_get(o, "seconds"));
			if (control) {
				controls++;
				alarms += strcmp(text(o, "verdict"), "clean") != 0;
			}
		}
		if (control || !runs)
			continue;
		s = score_of(scores, &nr, m->class);
		s->runs += runs;
		s->found += found;
		s->mutants++;
		s->mutants_found += found * 2 > runs;
		if (found) {
			qsort(seconds, found, sizeof(*seconds), by_number);
			medians[nr_medians++] = seconds[found / 2];
		}
	}
	printf("\n%-16s %8s %8s\n", "class", "mutants", "found");
	for (unsigned int i = 0; i < nr; i++) {
		printf("%-16s %8u %8u\n", scores[i].class, scores[i].mutants,
		       scores[i].mutants_found);
		all.mutants += scores[i].mutants;
		all.mutants_found += scores[i].mutants_found;
	}
	qsort(medians, nr_medians, sizeof(*medians), by_number);
	printf("%-16s %8u %8u  %.0f %%, median time to detection %.1f s; "
	       "%u of %u controls reported\n",
	       "all", all.mutants, all.mutants_found,
	       all.mutants ? 100.0 * all.mutants_found / all.mutants : 0,
	       nr_medians ? medians[nr_medians / 2] : 0, alarms, controls);
}

/* ---- the work ---- */

static void on_signal(int sig)
{
	stopped = sig;
}

/* What the suite is: an edit of it asks for new runs. */
static char *suite_digest(void)
{
	char *argv[] = { "/bin/sh", "-c", NULL, NULL }, out[128];

	argv[2] = format(
		"cd '%s' && find kvm-pfn-stress configs/scenarios configs/known-issues "
		"-type f -print0 | "
		"sort -z | xargs -0 cat | sha256sum | cut -c1-12",
		top);
	run_program(argv, "/dev/null", out, sizeof(out));
	return format("%s", out);
}

static void stress(const struct mutant *m, unsigned int seed, const char *dir, const char *log)
{
	char *argv[64], *copy = format("%s", m->scenarios), *save = NULL, *s;
	unsigned int n = 0;

	argv[n++] = format("%s/run.sh", top);
	argv[n++] = "--kernel";
	argv[n++] = (char *)opt.kernel;
	argv[n++] = "--duration";
	argv[n++] = (char *)opt.duration;
	argv[n++] = "--seed";
	argv[n++] = format("%u", seed);
	argv[n++] = "--results";
	argv[n++] = (char *)dir;
	argv[n++] = "--modules";
	argv[n++] = m->modules;
	argv[n++] = "--fail-fast";
	argv[n++] = "--repeat";
	argv[n++] = "0";
	for (s = strtok_r(copy, " ", &save); s && !opt.whole && !opt.selftests && n < 60;
	     s = strtok_r(NULL, " ", &save)) {
		argv[n++] = "--scenario";
		argv[n++] = s;
	}
	argv[n] = NULL;
	run_program(argv, log, NULL, 0);
	free(copy);
}

static char *key_of(const struct mutant *m, unsigned int seed, const char *digest)
{
	const char *how = opt.selftests ? "selftests" : opt.whole ? "default" : "own";

	return format("%s:%s:%s:%s:%u:%s", opt.kernel, m->name,
		      m->modules ? strrchr(m->modules, '/') + 1 : "-", how, seed,
		      opt.selftests ? opt.duration : format("%s:%s", opt.duration, digest));
}

static int work(void)
{
	static char *keys[MAX_MUTANTS * MAX_SEEDS];
	char *digest = suite_digest();
	unsigned int nr_keys = 0;
	bool bad = false;

	row("mutant", "class", "verdict", "oracle", "scenario", "seconds", "fingerprint");
	for (unsigned int i = 0; i < nr_mutants && !stopped; i++) {
		struct mutant *m = &mutants[i];
		char *log = format("%s/%s.log", opt.results, m->name);

		m->modules = build(m->path, log);
		if (opt.build_only) {
			row(m->name, m->class, m->modules ? "built" : "BROKEN", "-", "-", "-",
			    m->modules ? m->modules : log);
			bad |= !m->modules;
			continue;
		}
		for (unsigned int seed = 1; seed <= opt.seeds && !stopped; seed++) {
			char *key = key_of(m, seed, digest);
			char *dir = format("%s/%s%s%s", opt.results, m->name,
					   opt.seeds > 1 ? format("-%u", seed) : "",
					   opt.selftests ? "-selftests" : "");
			json_t *o = state_find(key);

			if (!o) {
				struct finding f = { .verdict = "BROKEN" };
				char *argv[] = { "/bin/rm", "-rf", dir, NULL };

				run_program(argv, log, NULL, 0);
				if (m->modules) {
					stress(m, seed, dir, log);
					f = judge(format("%s/result.json", dir), m);
				}
				if (stopped)
					break;
				state_add(key, m, seed, &f);
				o = json_array_get(state, json_array_size(state) - 1);
			}
			row_of(o, opt.seeds);
			bad |= strcmp(text(o, "verdict"), "found") &&
			       strcmp(text(o, "verdict"), "clean");
			keys[nr_keys++] = key;
		}
		free(log);
	}
	if (!opt.build_only)
		print_scores(keys, nr_keys);
	if (stopped)
		fprintf(stderr, "mutants: stopped; the same command goes on from here\n");
	return stopped ? 128 + stopped : bad;
}

static error_t parse(int key, char *arg, struct argp_state *st)
{
	switch (key) {
	case 'd':
		opt.duration = arg;
		return 0;
	case 'w':
		opt.whole = true;
		return 0;
	case 'r':
		opt.results = arg;
		return 0;
	case 's':
		opt.seeds = atoi(arg);
		if (!opt.seeds || opt.seeds > MAX_SEEDS)
			argp_error(st, "--seeds wants 1 to %d", MAX_SEEDS);
		return 0;
	case 'f':
		opt.dir = arg;
		return 0;
	case 'b':
		opt.build_only = true;
		return 0;
	case 'u':
		opt.selftests = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!opt.kernel) {
			opt.kernel = arg;
			return 0;
		}
		opt.patches = &st->argv[st->next - 1];
		opt.nr_patches = st->argc - st->next + 1;
		st->next = st->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(st, "which kernel?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "duration", 'd', "TIME", 0, "how long each may run (10s)", 0 },
		{ "default", 'w', 0, 0, "the default run, not the scenario that the header names",
		  0 },
		{ "seeds", 's', "N", 0, "runs of each, with seeds 1 to N (1)", 0 },
		{ "dir", 'f', "DIR", 0, "the patches of this folder (tools/mutants/KERNEL)", 0 },
		{ "results", 'r', "DIR", 0,
		  "where results and state go; goes on with what is there", 0 },
		{ "build", 'b', 0, 0, "only build the modules", 0 },
		{ "against-selftests", 'u', 0, 0, "upstream's KVM selftests instead of the suite",
		  0 },
		{ 0 }
	};
	static const struct argp argp = {
		options,
		parse,
		"KERNEL [PATCH...]",
		"Puts KVM bugs back one at a time, and tells what was found, by what and "
		"how soon.\v"
		"Exit 0: every mutant was found as its header says, no control was reported.",
		0,
		0,
		0
	};
	struct sigaction sa = { .sa_handler = on_signal };

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	top = getenv("PFN_TOP");
	if (!top)
		die(2, "start it by tools/mutants/run.sh");
	for (unsigned int i = 0; i < opt.nr_patches; i++)
		add_mutant(opt.patches[i]);
	if (!opt.nr_patches)
		add_folder(opt.dir ? opt.dir : format("%s/tools/mutants/%s", top, opt.kernel));
	if (!nr_mutants)
		die(2, "no patches in %s", opt.dir ? opt.dir : "tools/mutants");
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	state_load();
	if (opt.selftests)
		use_selftests(opt.results);
	return work();
}
