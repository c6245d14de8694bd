// SPDX-License-Identifier: GPL-2.0-only
/*
 * runner: called by run.sh, which has checked every option and given it in its plain form. See
 * runner.h for what is where.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

enum {
	OPT_TOP = 256, OPT_DURATION, OPT_SCENARIO, OPT_KERNEL, OPT_KERNEL_MODULES, OPT_MODULES,
	OPT_KSRC, OPT_HOST, OPT_ACCEL, OPT_VCPUS, OPT_MEMORY, OPT_SEED, OPT_SHARD, OPT_SHARDS,
	OPT_RESULTS, OPT_FAIL_FAST, OPT_NO_INSTALL, OPT_VERBOSE, OPT_REPLAY,
	OPT_REPEAT, OPT_RESUME, OPT_EXPLORERS, OPT_JUDGE,
};

static const struct option options[] = {
	{ "top", required_argument, NULL, OPT_TOP },
	{ "duration-ms", required_argument, NULL, OPT_DURATION },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "kernel-modules", required_argument, NULL, OPT_KERNEL_MODULES },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "ksrc", required_argument, NULL, OPT_KSRC },
	{ "host", no_argument, NULL, OPT_HOST },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "vcpus", required_argument, NULL, OPT_VCPUS },
	{ "memory-mb", required_argument, NULL, OPT_MEMORY },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "shard", required_argument, NULL, OPT_SHARD },
	{ "shards", required_argument, NULL, OPT_SHARDS },
	{ "results", required_argument, NULL, OPT_RESULTS },
	{ "fail-fast", no_argument, NULL, OPT_FAIL_FAST },
	{ "no-install", no_argument, NULL, OPT_NO_INSTALL },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "explorers", required_argument, NULL, OPT_EXPLORERS },
	{ "repeat", required_argument, NULL, OPT_REPEAT },
	{ "resume", required_argument, NULL, OPT_RESUME },
	{ "judge", required_argument, NULL, OPT_JUDGE },
	{ NULL, 0, NULL, 0 },
};

static const char *replay_dir, *resume_dir, *judge_dir;
static bool kernel_given;

static bool parse_options(struct run *run, int argc, char **argv)
{
	size_t nr_scenarios = 0, nr_explorers = 0;
	struct options *o = &run->opt;
	char **scenarios, **explorers;
	int opt;

	/* lists that are given replace those of an old run (load_old()) */
	scenarios = calloc(argc, sizeof(*scenarios));
	explorers = calloc(argc, sizeof(*explorers));
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		unsigned long long number = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (opt) {
		case OPT_TOP: run->top = optarg; break;
		case OPT_DURATION: o->duration_ms = number; break;
		case OPT_SCENARIO: scenarios[nr_scenarios++] = optarg; break;
		case OPT_KERNEL: o->kernel = optarg; kernel_given = true; break;
		case OPT_KERNEL_MODULES: o->kernel_modules = optarg; break;
		case OPT_MODULES: o->modules = optarg; break;
		case OPT_KSRC: o->ksrc = optarg; break;
		case OPT_HOST: o->host = true; break;
		case OPT_ACCEL: o->accel = optarg; break;
		case OPT_VCPUS: o->vcpus = number; break;
		case OPT_MEMORY: o->memory_mb = number; break;
		case OPT_SEED: o->seed = number; break;
		case OPT_SHARD: o->shard = number; break;
		case OPT_SHARDS: o->shards = number; break;
		case OPT_RESULTS: o->results = optarg; break;
		case OPT_FAIL_FAST: o->fail_fast = true; break;
		case OPT_NO_INSTALL: o->no_install = true; break;
		case OPT_VERBOSE: o->verbose = true; break;
		case OPT_REPLAY: replay_dir = optarg; break;
		case OPT_EXPLORERS: explorers[nr_explorers++] = optarg; break;
		case OPT_REPEAT: o->repeat = number; break;
		case OPT_RESUME: resume_dir = optarg; break;
		case OPT_JUDGE: judge_dir = optarg; break;
		default: return false;
		}
	}
	if (nr_scenarios) {
		o->scenarios = scenarios;
		o->nr_scenarios = nr_scenarios;
	}
	if (nr_explorers) {
		o->explorers = explorers;
		o->nr_explorers = nr_explorers;
	}
	return run->top && optind == argc;
}

/* A seed that JSON and every shell can carry; each shard has one of its own. */
static void choose_seed(struct options *o)
{
	if (!o->seed) {
		uint32_t random;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			random = time(NULL) ^ getpid();
		o->seed = random ? random : 1;
	}
	if (o->shards > 1)
		o->seed += o->shard - 1;
}

/* ---- directories ---- */

/* One run at a time in a directory. The lock ends with this process. */
static bool lock_results(struct run *run)
{
	int fd = open(run->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return true;
	say("kvm-pfn-stress: %s: %s", run->dir,
	    errno == EWOULDBLOCK ? "another run is at work there" : strerror(errno));
	return false;
}

static bool choose_results(struct run *run)
{
	const char *kernel = run->opt.host ? "host" : run->opt.kernel;
	const char *base = strrchr(kernel, '/');
	char stamp[32], *name;
	struct tm tm;

	if (resume_dir) {
		run->dir = format("%s", resume_dir);
		return lock_results(run);
	}
	if (judge_dir && !run->opt.results) {
		run->dir = format("%s/judged", judge_dir);
		remove_tree(run->dir);
		if (make_dirs(run->dir))
			return true;
		say("kvm-pfn-stress: %s: %s", run->dir, strerror(errno));
		return false;
	}
	if (run->opt.results) {
		run->dir = format("%s", run->opt.results);
		if (make_dirs(run->dir) && is_empty_dir(run->dir))
			return lock_results(run);
		say("kvm-pfn-stress: %s: the results directory has to be new or empty", run->dir);
		return false;
	}
	localtime_r(&run->start_time, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	base = base && base[1] ? base + 1 : kernel;
	name = format("%s-%s", stamp, base);
	run->dir = format("%s/results/%s", run->top, name);
	for (int i = 2; !access(run->dir, F_OK); i++) {
		free(run->dir);
		free(name);
		name = format("%s-%s-%d", stamp, base, i);
		run->dir = format("%s/results/%s", run->top, name);
	}
	if (!make_dirs(run->dir)) {
		say("kvm-pfn-stress: %s: %s", run->dir, strerror(errno));
		free(name);
		return false;
	}
	free(name);
	return lock_results(run);
}

/* "latest" is the newest run that began, not one that was asked for a kernel that is nowhere. */
static void link_latest(const struct run *run)
{
	char *latest;

	if (run->opt.results || resume_dir)
		return;
	latest = format("%s/results/latest", run->top);
	unlink(latest);
	if (symlink(strrchr(run->dir, '/') + 1, latest))
		say("kvm-pfn-stress: %s: %s", latest, strerror(errno));
	free(latest);
}

/* What a runner that was killed could not remove. */
static void remove_stale(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	char *path;
	int pid;

	while (d && (entry = readdir(d))) {
		if (sscanf(entry->d_name, "run.%d.", &pid) != 1 || !kill(pid, 0) || errno == EPERM)
			continue;
		path = format("%s/%s", dir, entry->d_name);
		remove_tree(path);
		free(path);
	}
	if (d)
		closedir(d);
}

static char *env_or_below_top(const struct run *run, const char *name, const char *below)
{
	const char *value = getenv(name);

	return value && *value ? format("%s", value) : format("%s/%s", run->top, below);
}

static bool choose_tmp(struct run *run)
{
	make_dirs(run->cache);
	remove_stale(run->cache);
	run->tmp = format("%s/run.%d.XXXXXX", run->cache, getpid());
	if (mkdtemp(run->tmp))
		return true;
	say("kvm-pfn-stress: %s: %s", run->tmp, strerror(errno));
	return false;
}

static void learn_commit(struct run *run)
{
	char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	char *line;
	int status;

	argv[2] = format("git -C '%s' describe --always --dirty 2>/dev/null", run->top);
	line = proc_last_line(run, argv, &status);
	snprintf(run->commit, sizeof(run->commit), "%s", line ? line : "unknown");
	free(line);
	free(argv[2]);
}

/* ---- the run ---- */

static void warn_known_issues(struct run *run)
{
	time_t now = time(NULL);

	for (size_t i = 0; i < known_count(run->known); i++) {
		if (known_expired(run->known, i, now))
			ktap_note(run, "known issue %s has expired and covers nothing any more",
				  known_id(run->known, i));
		else if (!run->known_seen[i] && !run->opt.nr_scenarios &&
			 run->opt.shards < 2 && known_covers_kernel(run->known, i,
								    run->kernel_release))
			ktap_note(run, "known issue %s was not seen in this run",
				  known_id(run->known, i));
	}
}

static void run_boots(struct run *run)
{
	struct srun **list = calloc(run->nr + 1, sizeof(*list));
	uint64_t ms;
	size_t nr;

	ktap_begin(run);
	while (!run->interrupted && !run->stop && !run->error_status &&
	       (nr = plan_next_boot(run, list, plan_left(run), &ms)))
		boot_run(run, list, nr, ms);
	free(list);
}

static void finish(struct run *run)
{
	if (run->opt.host && !run->old)
		host_restore(run);
	if (run->old)
		rejudge_repeats(run);
	else if (run->ktap_begun)
		repeat_failures(run);
	run->end_ms = now_ms();
	if (run->error_status == EXIT_USAGE) {
		/* Nothing ran: leave nothing behind, and an older part as it is. */
		if (!resume_dir)
			remove_tree(run->dir);
	} else {
		if (run->ktap_begun) {
			judge_leftovers(run, run->interrupted ? "interrupted" : run->error_status ?
					"the machine did not start" : "--fail-fast");
			bound_note(run, NULL);
			warn_known_issues(run);
		}
		if (run->old)
			rejudge_compare(run);
		result_write(run);
		if (*run->error)
			say("kvm-pfn-stress: %s", run->error);
		live_summary(run);
	}
	if (run->ktap_log && fclose(run->ktap_log))
		results_trouble(run, "ktap.log: %s", strerror(errno));
	remove_tree(run->tmp);
}

static bool load_known(struct run *run)
{
	char *path = format("%s/known-issues", run->configs);
	char err[512];

	run->known = known_load(path, err, sizeof(err));
	if (!run->known)
		say("kvm-pfn-stress: %s", err);
	else
		run->known_seen = calloc(known_count(run->known) + 1, sizeof(*run->known_seen));
	free(path);
	return run->known;
}

static bool check_accel(const struct run *run)
{
	if (!run->opt.accel || strcmp(run->opt.accel, "kvm") || !access("/dev/kvm", R_OK | W_OK))
		return true;
	say("kvm-pfn-stress: --accel kvm: /dev/kvm: %s", strerror(errno));
	return false;
}

/* --replay, --resume: as in the old run, but for what is given beside it. */
static bool load_old(struct run *run, int argc, char **argv)
{
	if (!replay_dir && !resume_dir)
		return true;
	if (resume_dir && run->opt.nr_scenarios) {
		say("kvm-pfn-stress: resume: what that run was to run: --scenario is not for it");
		return false;
	}
	if (!result_load_options(run, replay_dir ?: resume_dir, resume_dir))
		return false;
	/* modules of another kernel are of no use */
	if (kernel_given)
		run->opt.kernel_modules = run->opt.modules = NULL;
	return parse_options(run, argc, argv);
}

/* All that can be known to be wrong before anything is fetched, built or written. */
static bool prepare(struct run *run)
{
	if (judge_dir)
		return result_load_options(run, judge_dir, true) && load_known(run) &&
		       plan_make(run) && rejudge_load(run, judge_dir);
	choose_seed(&run->opt);
	if (!load_known(run) || !plan_make(run) || !check_accel(run))
		return false;
	if (run->opt.host) {
		read_line_file("/proc/sys/kernel/random", "boot_id", run->boot_id,
			       sizeof(run->boot_id));
		if (!host_check(run))
			return false;
	}
	return !resume_dir || resume_load(run, resume_dir);
}

int main(int argc, char **argv)
{
	static struct run run = { .opt = { .kernel = "6.12", .memory_mb = DEFAULT_MEMORY_MB, .shard = 1,
					   .shards = 1, .duration_ms = 60000, .repeat = 3 } };

	if (!parse_options(&run, argc, argv)) {
		say("runner: not for use by hand, see ./run.sh --help");
		return EXIT_USAGE;
	}
	run.start_ms = now_ms();
	run.start_time = time(NULL);
	run.kernel_config = json_object();
	run.caps = json_object();
	run.boots = json_array();
	run.signal_fd = signals_init();
	run.cache = env_or_below_top(&run, "PFN_CACHE", ".cache");
	run.configs = env_or_below_top(&run, "PFN_CONFIGS", "configs");
	run.vm_dir = env_or_below_top(&run, "PFN_VM_DIR", "tools/vm");
	live_phase(&run, NULL);
	if (!load_old(&run, argc, argv) || !prepare(&run) || !choose_results(&run) ||
	    !choose_tmp(&run))
		return EXIT_USAGE;
	learn_commit(&run);
	if (judge_dir) {
		rejudge_run(&run, judge_dir);
		finish(&run);
		return judge_exit(&run);
	}
	if (!run.opt.host)
		qemu_choose_accel(&run);
	if (build_all(&run)) {
		run.build_ms = now_ms();
		link_latest(&run);
		if (resume_dir)
			resume_report(&run);
		run_boots(&run);
	}
	finish(&run);
	return judge_exit(&run);
}
