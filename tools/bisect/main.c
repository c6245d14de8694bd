// SPDX-License-Identifier: GPL-2.0-only
/* bisect: called by run.sh. Options are checked here, before anything is built. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bisect.h"

static const char usage[] =
	"usage: ./run.sh bisect --git TREE --good COMMIT --bad COMMIT [OPTION]...\n"
	"       ./run.sh bisect --continue [DIR]     go on where it stopped\n"
	"       ./run.sh bisect --explain [DIR]      what is known, and why the next step is so\n"
	"       git bisect run .../run.sh bisect-step [--dir DIR] [--commit COMMIT]\n"
	"\n"
	"  --git TREE           repository of the kernel (or of this suite)\n"
	"  --good, --bad COMMIT may be given several times\n"
	"  --find-fix           which commit made it good: bad is the old one\n"
	"  --from RESULTS       scenario, seed and fingerprint of what failed there\n"
	"  --scenario NAME      candidates; the one that fails soonest is used (several times)\n"
	"  --seed N             a seed that is known to fail\n"
	"  --fingerprint GLOB   what counts as the bug (several times; else the first failure)\n"
	"  --confidence P       default 0.99\n"
	"  --build HOW          modules: only KVM, for the kernel that --kernel names (default\n"
	"                       where nothing else differs); kernel: all of it; suite: commits of\n"
	"                       this suite; or a command: gets a commit, prints options of run.sh\n"
	"  --kernel VERSION     the kernel below the modules or the suite (default 6.12)\n"
	"  --config FILE        a fragment of kernel configuration\n"
	"  --likely PATH        commits that touch it are eight times as likely (several times)\n"
	"  --unit UNIT          what exposure is counted in: seconds (default), hits, faults\n"
	"  --failures N         failures that the calibration waits for (default 5)\n"
	"  --limit TIME         exposure without a failure after which it gives up (default 2h)\n"
	"  --slot TIME          longest single run (default 10m)\n"
	"  --parallel N         virtual machines at the same time (default 1)\n"
	"  --ahead N            1: build what is likely to be next during a run, 0: don't (default:\n"
	"                       1 where there are three times as many cores as virtual machines)\n"
	"  --calibrate-only     measure the rate, for bisect-step\n"
	"  --run-option=WORD    a further option of run.sh (several times)\n"
	"  --dir DIR            of the bisection (default results/bisect-DATE; results/bisect)\n"
	"\n"
	"Exit status: 0 found, 1 not found, 2 wrong usage, 130/143 interrupted (--continue).\n"
	"bisect-step: 0 good, 1 bad, 125 cannot be tested, 255 trouble of the host.\n";

enum { OPT_TOP = 256, OPT_GIT, OPT_GOOD, OPT_BAD, OPT_FIX, OPT_FROM, OPT_SCENARIO, OPT_SEED,
	OPT_FINGERPRINT, OPT_CONFIDENCE, OPT_BUILD, OPT_KERNEL, OPT_CONFIG, OPT_LIKELY, OPT_UNIT,
	OPT_FAILURES, OPT_LIMIT, OPT_SLOT, OPT_PARALLEL, OPT_AHEAD, OPT_ONLY, OPT_RUN, OPT_DIR,
	OPT_CONTINUE, OPT_EXPLAIN, OPT_COMMIT, OPT_STEP, OPT_HELP };

static const struct option options[] = {
	{ "top", 1, NULL, OPT_TOP }, { "git", 1, NULL, OPT_GIT }, { "good", 1, NULL, OPT_GOOD },
	{ "bad", 1, NULL, OPT_BAD }, { "find-fix", 0, NULL, OPT_FIX },
	{ "from", 1, NULL, OPT_FROM }, { "scenario", 1, NULL, OPT_SCENARIO },
	{ "seed", 1, NULL, OPT_SEED }, { "fingerprint", 1, NULL, OPT_FINGERPRINT },
	{ "confidence", 1, NULL, OPT_CONFIDENCE }, { "build", 1, NULL, OPT_BUILD },
	{ "kernel", 1, NULL, OPT_KERNEL }, { "config", 1, NULL, OPT_CONFIG },
	{ "likely", 1, NULL, OPT_LIKELY }, { "unit", 1, NULL, OPT_UNIT },
	{ "failures", 1, NULL, OPT_FAILURES }, { "limit", 1, NULL, OPT_LIMIT },
	{ "slot", 1, NULL, OPT_SLOT }, { "parallel", 1, NULL, OPT_PARALLEL },
	{ "ahead", 1, NULL, OPT_AHEAD }, { "calibrate-only", 0, NULL, OPT_ONLY },
	{ "run-option", 1, NULL, OPT_RUN },
	{ "dir", 1, NULL, OPT_DIR }, { "continue", 2, NULL, OPT_CONTINUE },
	{ "explain", 2, NULL, OPT_EXPLAIN }, { "commit", 1, NULL, OPT_COMMIT },
	{ "step", 0, NULL, OPT_STEP }, { "help", 0, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static bool step_mode;

/* One line, and an exit status that git bisect run takes for trouble, not for a verdict. */
static __printf(1, 2) void bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "run.sh: bisect: ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(step_mode ? 255 : EXIT_USAGE);
}

static double number(const char *name, const char *text, double min, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min) || !(value <= max))
		bad("--%s: expected a number from %g to %g, got '%s'", name, min, max, text);
	return value;
}

static double duration(const char *name, const char *text)
{
	char *end;
	double value = strtod(text, &end), unit = 60;

	if (end != text && *end && !end[1])
		unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 :
		       *end == 'd' ? 86400 : 0;
	value *= unit;
	if (end == text || (*end && end[1]) || !(value >= 1) || !(value <= 30 * 86400))
		bad("--%s: expected a time as 60s, 10m, 2h or 1d, got '%s'", name, text);
	return value;
}

struct arguments {
	struct list good, bad, likely;
	const char *from, *dir, *commit;
	bool again, explain, only;
	int ahead;		/* -1: as it fits */
};

static char *absolute(const char *path)
{
	return realpath(path, NULL) ?: format("%s", path);
}

static void add(struct list *list, const char *name, const char *item)
{
	if (!*item)
		bad("--%s: expected a value", name);
	if (list->nr == MAX_POINTS)
		bad("--%s: at most %d", name, MAX_POINTS);
	list_add(list, item);
}

static void parse(struct bisect *b, struct arguments *a, int argc, char **argv)
{
	struct settings *s = &b->set;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case OPT_TOP: b->host.top = optarg; break;
		case OPT_GIT: s->git = absolute(optarg); break;
		case OPT_GOOD: add(&a->good, "good", optarg); break;
		case OPT_BAD: add(&a->bad, "bad", optarg); break;
		case OPT_FIX: s->find_fix = true; break;
		case OPT_FROM: a->from = optarg; break;
		case OPT_SCENARIO: add(&s->scenarios, "scenario", optarg); break;
		case OPT_SEED: s->seed = number("seed", optarg, 1, 1e15); break;
		case OPT_FINGERPRINT: add(&s->fingerprints, "fingerprint", optarg); break;
		case OPT_CONFIDENCE:
			s->confidence = number("confidence", optarg, 0.5, 0.999999);
			break;
		case OPT_BUILD: s->build = optarg; break;
		case OPT_KERNEL: s->kernel = optarg; break;
		case OPT_CONFIG: s->config = absolute(optarg); break;
		case OPT_LIKELY: add(&s->likely, "likely", optarg); break;
		case OPT_UNIT: s->unit = optarg; break;
		case OPT_FAILURES: s->failures = number("failures", optarg, 1, 1000); break;
		case OPT_LIMIT: s->limit = duration("limit", optarg); break;
		case OPT_SLOT: s->slot = duration("slot", optarg); break;
		case OPT_PARALLEL: s->parallel = number("parallel", optarg, 1, MAX_PARALLEL); break;
		case OPT_AHEAD: a->ahead = number("ahead", optarg, 0, 1); break;
		case OPT_ONLY: a->only = true; break;
		case OPT_RUN: add(&s->run_options, "run-option", optarg); break;
		case OPT_DIR: a->dir = optarg; break;
		case OPT_CONTINUE: a->again = true; a->dir = optarg ?: a->dir; break;
		case OPT_EXPLAIN: a->explain = true; a->dir = optarg ?: a->dir; break;
		case OPT_COMMIT: a->commit = optarg; break;
		case OPT_STEP: step_mode = true; break;
		case OPT_HELP: fputs(usage, stdout); exit(0);
		default:
			bad("bad option '%s', see ./run.sh bisect --help", argv[optind - 1]);
		}
	}
	if (optind < argc && (a->again || a->explain))
		a->dir = argv[optind++];
	if (optind < argc)
		bad("what is '%s'? see ./run.sh bisect --help", argv[optind]);
}

/* What a results directory says about the failure: scenario, seed, kernel, fingerprint. */
static void take_results(struct bisect *b, const char *dir)
{
	char *path = format("%s/result.json", dir), *glob;
	json_t *o = json_load_file(path, 0, NULL), *s, *f;
	const char *kernel;
	size_t i, k;

	if (!o)
		bad("--from: '%s' holds no result.json", dir);
	if (!b->set.seed)
		b->set.seed = json_integer_value(json_object_get(o, "seed"));
	b->seed = b->set.seed;
	kernel = get_text(json_object_get(o, "options"), "kernel");
	if (!b->set.kernel && *kernel && *kernel != '/')
		b->set.kernel = strdup(kernel);
	json_array_foreach(json_object_get(o, "scenarios"), i, s)
		json_array_foreach(json_object_get(s, "failures"), k, f) {
			const char *name = get_text(s, "name"), *print = get_text(f, "fingerprint");

			if (json_object_get(f, "known") || !*name || !*print)
				continue;
			if (!b->set.scenarios.nr)
				list_add(&b->set.scenarios, name);
			if (!b->set.fingerprints.nr) {
				glob = fingerprint_glob(print);
				list_add(&b->set.fingerprints, glob);
				free(glob);
			}
		}
	if (!b->set.scenarios.nr)
		bad("--from: nothing failed in '%s'", dir);
	json_decref(o);
	free(path);
}

static void resolve(struct bisect *b, const char *name, const struct list *from, struct list *to)
{
	for (unsigned int i = 0; i < from->nr; i++) {
		char *word = format("%s^{commit}", from->item[i]);
		char *id = git_text(b, "rev-parse", "--verify", "--quiet", "--end-of-options", word,
				    NULL);

		if (!id)
			bad("--%s: no commit '%s' in %s", name, from->item[i], b->set.git);
		list_add(to, id);
		free(id);
		free(word);
	}
	if (!to->nr)
		bad("expected --%s COMMIT", name);
}

/* Only KVM differs: then only KVM is built. */
static bool only_modules(struct bisect *b)
{
	char *text = git_text(b, "diff", "--name-only", b->set.bases.item[0], b->set.tips.item[0],
			      NULL);
	char *line, *save = NULL;
	bool only = text;

	line = text ? strtok_r(text, "\n", &save) : NULL;
	for (; line && only; line = strtok_r(NULL, "\n", &save))
		only = builds_modules(line);

	free(text);
	return only;
}

/* Of the commit that was given as bad: the same question is asked with the same runs. */
static unsigned long first_seed(const struct settings *s)
{
	char digits[6];

	snprintf(digits, sizeof(digits), "%s", s->tips.item[0]);
	return strtoul(digits, NULL, 16) + 1;
}

static void check(struct bisect *b, struct arguments *a)
{
	struct settings *s = &b->set;
	char *inside;

	if (!s->git)
		bad("expected --git TREE");
	inside = git_text(b, "rev-parse", "--git-dir", NULL);
	if (!inside)
		bad("--git: no git repository: '%s'", s->git);
	free(inside);
	resolve(b, "good", &a->good, s->find_fix ? &s->tips : &s->bases);
	resolve(b, "bad", &a->bad, s->find_fix ? &s->bases : &s->tips);
	if (a->from)
		take_results(b, a->from);
	if (!s->scenarios.nr)
		bad("expected --scenario NAME or --from RESULTS");
	for (unsigned int i = 0; i < s->scenarios.nr; i++) {
		char *path = format("%s/scenarios/%s.conf", b->host.configs, s->scenarios.item[i]);

		if (access(path, F_OK))
			bad("no scenario '%s', see ./run.sh --list", s->scenarios.item[i]);
		free(path);
	}
	if (s->unit && strcmp(s->unit, "seconds") && strcmp(s->unit, "hits") &&
	    strcmp(s->unit, "faults"))
		bad("--unit: expected seconds, hits or faults, got '%s'", s->unit);
	if (s->config && access(s->config, R_OK))
		bad("--config: no such file: '%s'", s->config);
	s->build = strdup(s->build ?: only_modules(b) ? "modules" : "kernel");
	s->kernel = strdup(s->kernel ?: "6.12");
	s->unit = strdup(s->unit ?: "seconds");
	s->ahead = a->ahead >= 0 ? (unsigned int)a->ahead :
		   build_apart(b) && sysconf(_SC_NPROCESSORS_ONLN) >= 3L * s->parallel;
	b->seed = s->seed;
	if (!s->seed)
		s->seed = first_seed(s);
}

static void choose_dir(struct bisect *b, const char *dir)
{
	char stamp[32], *latest, *state;
	time_t now = time(NULL);

	if (dir) {
		b->dir = format("%s", dir);
	} else {
		strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime(&now));
		b->dir = format("%s/results/bisect-%s", b->host.top, stamp);
	}
	state = format("%s/state.json", b->dir);
	if (!access(state, F_OK))
		bad("there is a bisection in %s already; --continue goes on with it", b->dir);
	free(state);
	if (!make_dirs(b->dir))
		bad("%s: %s", b->dir, strerror(errno));
	b->dir = absolute(b->dir);
	if (dir)
		return;
	latest = format("%s/results/bisect", b->host.top);
	unlink(latest);
	if (symlink(strrchr(b->dir, '/') + 1, latest))
		say("bisect: %s: %s", latest, strerror(errno));
	free(latest);
}

static void load(struct bisect *b, const char *dir)
{
	char *where = dir ? format("%s", dir) : format("%s/results/bisect", b->host.top);
	char *real = absolute(where);

	if (!state_load(b, real))
		exit(step_mode ? 255 : EXIT_USAGE);
	free(where);
	free(real);
}

/* Two at the same time would write over each other's runs. The lock is held until the end. */
static void lock_dir(const struct bisect *b)
{
	char *path = format("%s/.lock", b->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		bad("%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		bad("another bisect is at work in %s", b->dir);
	free(path);
}

static int step_command(struct bisect *b, const char *commit)
{
	char *word, *id;

	if (!b->scenario || rate_failures(b) < 1)
		bad("no calibration in %s: ./run.sh bisect --calibrate-only makes one", b->dir);
	word = format("%s^{commit}", commit ?: "HEAD");
	id = git_text(b, "rev-parse", "--verify", "--quiet", word, NULL);
	if (!id)
		bad("no commit '%s' in %s", commit ?: "HEAD", b->set.git);
	free(word);
	return bisect_step(b, id);
}

int main(int argc, char **argv)
{
	struct bisect b = { .set = { .confidence = 0.99, .slot = 600, .limit = 7200, .failures = 5,
		.parallel = 1 }, .next_seed = 1 };
	struct arguments a = { .dir = NULL, .ahead = -1 };
	const char *env;

	parse(&b, &a, argc, argv);
	if (!b.host.top)
		return EXIT_USAGE;
	env = getenv("PFN_VM_DIR");
	b.host.vm_dir = env && *env ? format("%s", env) : format("%s/tools/vm", b.host.top);
	env = getenv("PFN_CONFIGS");
	b.host.configs = env && *env ? format("%s", env) : format("%s/configs", b.host.top);
	b.host.signal_fd = signals_init();
	setlinebuf(stdout);
	if (a.again || a.explain || step_mode) {
		load(&b, a.dir);
	} else {
		check(&b, &a);
		b.phase = strdup("calibrate");
	}
	if (!history_load(&b))
		bad("no commits from %s to %s", b.set.bases.item[0], b.set.tips.item[0]);
	if (a.explain) {
		engine_replay(&b);
		report_explain(&b, stdout);
		return 0;
	}
	if (!a.again && !step_mode)
		choose_dir(&b, a.dir);
	lock_dir(&b);
	if (step_mode)
		return step_command(&b, a.commit);
	if (!a.again)
		say("bisect: %u commits, %s, in %s", b.h.g.nr, b.set.build, b.dir);
	if (!state_save(&b))
		return EXIT_FAIL;
	return bisect_run(&b, a.only);
}
