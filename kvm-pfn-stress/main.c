// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supervisor: one child per scenario, its verdict, and the oracles that look from outside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/event.h"
#include "core/helper.h"
#include "core/knob.h"
#include "core/near.h"
#include "core/poison.h"
#include "core/proc.h"
#include "core/watchdog.h"
#include "draw.h"
#include "engine.h"
#include "oracles/outcome.h"
#include "oracles/outside.h"
#include "outcomes/conform.h"
#include "plugins.h"
#include "probe.h"

#define MAX_SCENARIOS	256
#define MIN_SLOT_MS	500
#define TICK_US		20000
#define WATCH_MS	250
/* Of a child whose plug-ins are drawn: what meets what comes first, how long they have comes then. */
#define LIFE_MS		300
#define LIFE_MAX_MS	1000
#define LIVES		20
#define CELLS_MS	120000	/* far more than a conformance scenario needs */
#define LATE_MS		10000	/* what a slot may be longer at most */
#define STARTUP_MS	60000	/* wall clock, for building a VM on a starved host */
#define DEATH_MS	60000	/* likewise, for a killed process to go away */
#define ENDING_MS	120000	/* likewise, from the last worker's end to the process's */

enum verdict { PASS, FAIL, SKIP };

static const char *const verdict_names[] = { "pass", "fail", "skip" };

static struct {
	const char *dir, *known;
	const char *names[MAX_SCENARIOS];
	unsigned int nr_names;
	const char *explorers[MAX_SCENARIOS];
	unsigned int nr_explorers;
	uint64_t duration_ms, seed;
	unsigned int vcpus;
	bool fail_fast, events, list, check;
} opt = {
	.dir = "scenarios",
	.duration_ms = 60000,
	.vcpus = 2,
};

static struct shared *sh;
static int helper = -1;		/* the supervisor's own descriptor, for statistics */
static volatile sig_atomic_t interrupted;

/* Sums over all children of one scenario. */
struct totals {
	uint64_t faults, kills, kills_waiting;
	uint64_t injections[MAX_WORKERS];
	char names[MAX_WORKERS][32];
	unsigned int nr_names;
	uint64_t exits[NR_RESULTS];
	uint64_t access[OP_NR], skipped;
	uint64_t cpu_ms, ran_ms;	/* ran: since there were threads */
	unsigned int explored;	/* turns that were reported */
	unsigned int cells;	/* of the outcome table, that were reported */
	bool exited;		/* the last child, of its own will and with 0 */
	struct pfnh_stats before;
};

static unsigned int ktap_number;	/* of the last result line */

static bool plugin_known(const char *kind, const char *name)
{
	if (!strcmp(kind, "backing"))
		return backing_find(name);
	if (!strcmp(kind, "consumer"))
		return consumer_find(name);
	if (!strcmp(kind, "injector"))
		return injector_find(name);
	return false;
}

static void stats_now(struct pfnh_stats *st)
{
	memset(st, 0, sizeof(*st));
	if (helper >= 0)
		ioctl(helper, PFNH_STATS, st);
}

static uint64_t window_hits(const struct totals *t)
{
	struct pfnh_stats st;

	stats_now(&st);
	return st.hits + st.roots - t->before.hits - t->before.roots;
}

static uint64_t injections(const struct totals *t)
{
	uint64_t n = t->kills;
	unsigned int i;

	for (i = 0; i < t->nr_names; i++)
		n += t->injections[i];
	for (i = 0; i < (unsigned int)atomic_load(&sh->nr_workers); i++)
		n += atomic_load(&sh->worker[i].injections);
	return n;
}

/* Take the dead (or dying) child's counters over, before the next one starts from zero. */
static void add_child(struct totals *t)
{
	unsigned int i, k, n = atomic_load(&sh->nr_workers);

	for (i = 0; i < n; i++) {
		struct worker_shared *ws = &sh->worker[i];

		for (k = 0; k < NR_RESULTS; k++)
			t->exits[k] += atomic_load(&ws->exits[k]);
		if (ws->is_vcpu) {
			const struct guest_vcpu *g = &sh->ctl->vcpu[i];

			for (k = 0; k < OP_NR; k++)
				t->access[k] += g->count[k];
			t->skipped += g->skipped;
			atomic_fetch_add(&sh->oracle[ORACLE_CONTENT].checks, g->checks);
			continue;
		}
		for (k = 0; k < t->nr_names && strcmp(t->names[k], ws->name); k++)
			;
		if (k == t->nr_names)
			snprintf(t->names[t->nr_names++], sizeof(t->names[0]), "%s", ws->name);
		t->injections[k] += atomic_load(&ws->injections);
	}
	t->faults += atomic_load(&sh->faults);
	atomic_store(&sh->nr_workers, 0);
	atomic_store(&sh->faults, 0);
}

static void child_failed(const char *rule, const char *got)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	snprintf(f.expected, sizeof(f.expected), "the scenario's process ends by itself");
	snprintf(f.got, sizeof(f.got), "%s", got);
	fail(sh, ORACLE_SUITE, &f, NULL);
}

/* kvm_send_hwpoison_signal() and memory_failure() tell the thread that made the access. */
static void told_wrong_thread(uint64_t hva)
{
	struct failure f = { .hva = hva };

	snprintf(f.rule, sizeof(f.rule), "sigbus-elsewhere");
	snprintf(f.expected, sizeof(f.expected), "SIGBUS to the thread whose vCPU met the poison");
	snprintf(f.got, sizeof(f.got), "SIGBUS to another thread, hva 0x%lx", hva);
	fail(sh, ORACLE_POISON, &f, NULL);
}

/* --explorers SCENARIO=LETTERS */
static const char *record_of(const struct scenario *sc)
{
	size_t len = strlen(sc->name);
	unsigned int i;

	for (i = 0; i < opt.nr_explorers; i++)
		if (!strncmp(opt.explorers[i], sc->name, len) && opt.explorers[i][len] == '=')
			return opt.explorers[i] + len + 1;
	return NULL;
}

/* What was chosen since the last time. */
static void report_explored(const struct scenario *sc, struct totals *t)
{
	unsigned int nr = atomic_load(&sh->nr_explored);
	char letters[1001];
	struct event e;

	while (t->explored < nr) {
		snprintf(letters, sizeof(letters), "%.*s", (int)(nr - t->explored),
			 sh->explored + t->explored);
		event_begin(&e, "explored");
		event_str(&e, "scenario", sc->name);
		event_num(&e, "from", t->explored);
		event_str(&e, "letters", letters);
		event_end(&e);
		t->explored += strlen(letters);
	}
}

static pid_t start_child(const struct scenario *sc, uint64_t seed)
{
	pid_t pid;

	atomic_store(&sh->running, 0);
	atomic_store(&sh->stray_poison, 0);
	atomic_store(&sh->aim_kill, 0);
	atomic_store(&sh->calm, 0);
	memset(sh->worker, 0, sizeof(sh->worker));
	process_born();
	pid = fork();
	if (!pid) {
		process_has(sh);
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		close(sh->guard_fd);
		_exit(sc->outcomes[0] ? conform_run(sc, sh) :
		      engine_run(sc, sh, seed, opt.vcpus, record_of(sc)));
	}
	return pid;
}

/* Which thread does a process that does not end wait for? */
static void does_not_end(pid_t pid, const char *rule, const char *expected)
{
	struct failure f = { 0 };
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	snprintf(f.expected, sizeof(f.expected), "%s", expected);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		pid_t tid = atoi(e->d_name);
		char state = tid ? proc_state(pid, tid) : 0;

		if (!state || strchr("ZX", state))
			continue;
		snprintf(f.thread, sizeof(f.thread), "tid %d", tid);
		snprintf(f.got, sizeof(f.got), "state %c ", state);
		proc_stack(pid, tid, f.got + strlen(f.got), sizeof(f.got) - strlen(f.got));
		break;
	}
	if (d)
		closedir(d);
	fail(sh, ORACLE_LIVENESS, &f, NULL);
}

static void reaped(struct totals *t, const struct rusage *ru)
{
	process_gone(sh);
	t->cpu_ms += (ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000 +
		     (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1000;
}

/*
 * SIGKILL and wait. Bounded like all liveness: by the time that the task slept while CPUs idled, by
 * the CPU time that it used, and at last by the wall clock. Returns false if it does not die.
 */
static bool kill_child(pid_t pid, struct totals *t)
{
	uint64_t start = now_ns(), looked = 0;
	struct watch wt[2] = { 0 };
	struct rusage ru;

	kill(pid, SIGKILL);
	for (;;) {
		uint64_t ms = (now_ns() - start) / 1000000;
		enum stuck how = NOT_STUCK;
		unsigned int i;

		if (wait4(pid, NULL, WNOHANG, &ru) == pid) {
			reaped(t, &ru);
			atomic_fetch_add(&sh->oracle[ORACLE_LIVENESS].checks, 1);
			return true;
		}
		usleep(2000);
		if (ms - looked < WATCH_MS)
			continue;
		looked = ms;
		for (i = 0; i < (unsigned int)atomic_load(&sh->nr_workers) &&
			    how == NOT_STUCK; i++) {
			pid_t tid = atomic_load(&sh->worker[i].tid);

			if (!proc_state(pid, tid))
				continue;
			how = watch_task(&wt[0], pid, tid, tid);
			break;		/* the first thread that is still there */
		}
		if (how == NOT_STUCK)
			how = watch_task(&wt[1], pid, pid, 1);
		if (how != NOT_STUCK || ms > DEATH_MS) {
			does_not_end(pid, "unkillable",
				     "a fatal signal ends every task in bounded time");
			return false;
		}
	}
}

static void live(const struct scenario *sc, struct totals *t, uint64_t start)
{
	struct event e;
	uint64_t now = t->faults;
	long long pf = proc_number("/sys/kernel/debug/kvm/pf_taken", 0);

	event_begin(&e, "live");
	event_str(&e, "scenario", sc->name);
	event_num(&e, "t_ms", (now_ns() - start) / 1000000);
	event_num(&e, "faults", now + pf);
	event_num(&e, "injections", injections(t));
	event_num(&e, "hits", window_hits(t));
	event_str(&e, "phase", atomic_load(&sh->running) ? "run" : "setup");
	event_end(&e);
	report_explored(sc, t);
}

static void report_cell(const struct scenario *sc, const struct outcome_cell *cell,
			const struct cell_result *c)
{
	enum verdict v = c->verdict == CELL_SKIP ? SKIP :
			 c->verdict == CELL_FAIL && !c->known[0] ? FAIL : PASS;
	char name[OUTCOME_NAME_MAX];
	struct event e;

	outcome_cell_name(sc->name, cell, name);
	if (v == SKIP)
		ktap("# %s: skipped: %s", name, c->reason);
	else if (c->verdict == CELL_FAIL)
		ktap("# %s: %s%s%s, expected %s, got %s", name, c->fingerprint,
		     c->known[0] ? ", known issue " : "", c->known, c->expected, c->got);
	ktap("%s %u %s%s", v == FAIL ? "not ok" : "ok", ++ktap_number, name,
	     v == SKIP ? " # SKIP" : "");

	event_begin(&e, "cell");
	event_str(&e, "scenario", sc->name);
	event_str(&e, "name", name);
	event_str(&e, "verdict", verdict_names[v]);
	event_str(&e, "expected", c->expected);
	event_str(&e, "got", c->got);
	event_str(&e, "reason", c->reason);
	event_str(&e, "fingerprint", c->fingerprint);
	event_str(&e, "known", c->known);
	event_end(&e);
}

/* Those that have a result by now. */
static void report_cells(const struct scenario *sc, struct totals *t)
{
	static struct outcome_cell cells[OUTCOME_MAX_CELLS];

	if (!sc->outcomes[0] || t->cells == atomic_load(&sh->cells_done))
		return;
	outcome_cells(sc->outcomes, sc->consumers[0].name, cells);
	while (t->cells < atomic_load(&sh->cells_done)) {
		report_cell(sc, &cells[t->cells], &sh->cell[t->cells]);
		t->cells++;
	}
}

static bool updates_memslots(const struct scenario *sc)
{
	for (unsigned int i = 0; i < sc->nr_injectors; i++)
		if (injector_find(sc->injectors[i].name)->memslot_updates)
			return true;
	return false;
}

static bool has_kill(const struct scenario *sc)
{
	for (unsigned int i = 0; i < sc->nr_injectors; i++)
		if (injector_find(sc->injectors[i].name)->by_supervisor)
			return true;
	return false;
}

/* End of a life of a process under the kill injector: wait for the right moment, then kill. */
static bool kill_in_wait(pid_t pid, struct totals *t, struct rng *rng)
{
	struct pfnh_stats before, now;
	bool waits = false;
	uint64_t until;

	usleep(rng_log(rng, 100000));
	/* From here on mmap_lock is held for 20 ms or more at a time: whoever waits, waits long. */
	atomic_store(&sh->aim_kill, 1);
	usleep(10000);
	stats_now(&before);
	for (until = now_ns() + 300000000ull; now_ns() < until && !waits;) {
		stats_now(&now);
		waits = now.lock_waits != before.lock_waits;
		if (!waits)
			usleep(500);
	}
	t->faults += proc_number("/sys/kernel/debug/kvm/pf_taken", 0);
	t->kills++;
	t->kills_waiting += waits;
	return kill_child(pid, t);
}

/* What ten seconds must bring, for a slot of this length; at least 1 where there must be any. */
static uint64_t least(unsigned long long ten_seconds, bool any, uint64_t slot_ms)
{
	uint64_t n = ten_seconds * slot_ms / 10000;

	return n ? n : any;
}

/*
 * Hits come by chance: 5e-7 to 1.5e-6 * faults * invalidations / seconds of them (6.12, measured
 * on a loaded and on a quiet host). To ask for any is fair when that promises fifty. Pages injected
 * say little: one call takes up to sixteen of them.
 */
static bool hits_due(const struct totals *t, uint64_t slot_ms)
{
	struct pfnh_stats st;

	stats_now(&st);
	return (sh->caps.hooks & PFNH_HOOK_STALE) && (sh->caps.hooks & PFNH_HOOK_INVALIDATE) &&
	       (double)t->faults * (st.invalidate - t->before.invalidate) * 1000 / slot_ms > 1e8;
}

/* What plug-ins counted as KIND-NAME. */
static uint64_t counted(const char *name)
{
	unsigned int i, nr = atomic_load(&sh->nr_counters);
	char buf[64];

	for (i = 0; i < nr; i++) {
		snprintf(buf, sizeof(buf), "%s-%s", sh->counter[i].kind, sh->counter[i].name);
		if (!strcmp(buf, name))
			return atomic_load(&sh->counter[i].n);
	}
	return 0;
}

/* Oracles look, and count, when the vCPUs stand still. */
static bool counted_late(const char *name)
{
	unsigned int i;

	for (i = 0; i < NR_ORACLES; i++) {
		size_t len = strlen(oracle_names[i]);

		if (!strncmp(name, oracle_names[i], len) && name[len] == '-')
			return true;
	}
	return false;
}

/* What a scenario is there for: so much of it there is, and so much there has to be. */
struct exposure {
	const char *what;
	uint64_t got, want;
	bool late;		/* nothing can be seen of it before the end */
};

#define MAX_EXPOSURES	(3 + MAX_MIN_COUNTS)

static unsigned int exposures(const struct scenario *sc, const struct totals *t, uint64_t faults,
			      uint64_t slot_ms, struct exposure *x)
{
	unsigned int i;

	x[0] = (struct exposure){ "faults", faults, least(sc->min_faults, true, slot_ms) };
	x[1] = (struct exposure){ "injections", injections(t),
				  least(sc->min_injections, sc->nr_injectors > 0, slot_ms) };
	x[2] = (struct exposure){ "window hits", window_hits(t),
				  hits_due(t, slot_ms) ? sc->min_hits : 0 };
	for (i = 0; i < sc->nr_min_counts; i++)
		x[3 + i] = (struct exposure){ sc->min_counts[i].name, counted(sc->min_counts[i].name),
					      least(sc->min_counts[i].value, true, slot_ms),
					      counted_late(sc->min_counts[i].name) };
	return 3 + i;
}

/* Something failed that is no known issue: the scenario ends, whatever it has done by then. */
static bool failed(void)
{
	unsigned int i;

	for (i = 0; i < sh->nr_failures; i++)
		if (!sh->failure[i].known[0])
			return true;
	return false;
}

/*
 * Its time is over, and it did what it is there for. On a busy host the first injection of a short
 * slot can take longer than the slot: it goes on for a while then, rather than fail.
 */
static bool over(const struct scenario *sc, const struct totals *t, uint64_t start, uint64_t end)
{
	uint64_t slot = end - start, now = now_ns();
	struct exposure x[MAX_EXPOSURES];
	unsigned int i, nr;

	if (now < end || now - end >= 3 * slot || now - end >= LATE_MS * 1000000ull ||
	    sc->outcomes[0] || failed())
		return now >= end;
	nr = exposures(sc, t, t->faults + proc_number("/sys/kernel/debug/kvm/pf_taken", 0),
		       slot / 1000000, x);
	for (i = 0; i < nr; i++)
		if (x[i].got < x[i].want && !x[i].late)
			return false;
	return true;
}

static bool workers_busy(void)
{
	unsigned int i, n = atomic_load(&sh->nr_workers);

	for (i = 0; i < n; i++)
		if (atomic_load(&sh->worker[i].phase) == W_BUSY)
			return true;
	return false;
}

/* A child that has to be killed: it does not start, a worker is stuck, or it does not end. */
struct child_watch {
	struct watch worker[MAX_WORKERS];
	uint64_t born, ending;		/* ns; @ending: since when no worker is busy, or 0 */
	bool started;
};

static bool child_stuck(struct child_watch *cw, pid_t pid, uint64_t now)
{
	cw->started |= atomic_load(&sh->running);
	if (!cw->started) {
		if (now - cw->born <= STARTUP_MS * 1000000ull)
			return false;
		child_failed("startup", "the VM was not ready in time");
		return true;
	}
	if (workers_busy()) {
		cw->ending = 0;
		return watch_workers(sh, pid, cw->worker);
	}
	if (!cw->ending)
		cw->ending = now;
	if (now - cw->ending <= ENDING_MS * 1000000ull)
		return false;
	does_not_end(pid, "ending", "a VM without running vCPUs goes away in bounded time");
	return true;
}

/* @slot: of the scenario, ns. In ms. */
static uint64_t life_ms(uint64_t slot)
{
	uint64_t ms = slot / LIVES / 1000000;

	return ms < LIFE_MS ? LIFE_MS : ms > LIFE_MAX_MS ? LIFE_MAX_MS : ms;
}

/*
 * One life of a child: from fork to its end. @life is what it does, @sc or a part of it. Returns false
 * when it can't be got rid of, and the kernel has to be booted again.
 */
static bool one_child(const struct scenario *sc, const struct scenario *life, struct totals *t,
		      uint64_t start, uint64_t end, uint64_t seed, struct rng *rng)
{
	uint64_t born = now_ns(), last_live = born, last_watch = born, looked = born, ran_ms = t->ran_ms;
	struct child_watch cw = { .born = born };
	pid_t pid = start_child(life, seed);
	struct rusage ru;
	char text[64];
	int status;

	for (;;) {
		uint64_t now;

		usleep(TICK_US);
		now = now_ns();
		t->ran_ms += atomic_load(&sh->running) ? (now - looked) / 1000000 : 0;
		if (now - looked > STALL_NS) {
			atomic_fetch_add(&sh->stalls, 1);
			count(sh, "machine", "stalls", 1);
		}
		if (now - looked > STANDSTILL_NS)
			watch_again(cw.worker);
		looked = now;
		if (wait4(pid, &status, WNOHANG, &ru) == pid)
			break;
		if (interrupted || (atomic_load(&sh->running) && over(sc, t, start, end)) ||
		    (life->nr_draw && t->ran_ms - ran_ms > life_ms(end - start)))
			atomic_store(&sh->stop, 1);
		if (now - last_live > 1000000000ull) {
			last_live = now;
			live(sc, t, start);
		}
		report_cells(sc, t);
		if (atomic_load(&sh->running) && has_kill(sc) && !atomic_load(&sh->stop)) {
			bool died = kill_in_wait(pid, t, rng);

			add_child(t);
			return died;
		}
		if (now - last_watch < WATCH_MS * 1000000ull)
			continue;
		last_watch = now;
		kernel_log_poll(sh);
		if (child_stuck(&cw, pid, now)) {
			t->faults += proc_number("/sys/kernel/debug/kvm/pf_taken", 0);
			add_child(t);
			return kill_child(pid, t);
		}
	}
	reaped(t, &ru);
	add_child(t);
	t->exited = WIFEXITED(status) && !WEXITSTATUS(status);
	if (WIFSIGNALED(status) && atomic_load(&sh->stray_poison)) {
		told_wrong_thread(atomic_load(&sh->stray_poison));
	} else if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		child_failed("child-died", text);
	} else if (WEXITSTATUS(status) && WEXITSTATUS(status) != 4) {
		snprintf(text, sizeof(text), "exit status %d: see the console",
			 WEXITSTATUS(status));
		child_failed(WEXITSTATUS(status) == 254 ? "test-assert" : "child-exit", text);
	}
	return true;
}

/* The cell that a child died in, or one that nothing came of. */
static void end_cell(enum cell_verdict v, const char *text)
{
	struct cell_result *c = &sh->cell[atomic_load(&sh->cells_done)];

	memset(c, 0, sizeof(*c));
	c->verdict = v;
	snprintf(c->expected, sizeof(c->expected), "an answer");
	snprintf(v == CELL_SKIP ? c->reason : c->got, sizeof(c->reason), "%s", text);
	if (v == CELL_FAIL)
		snprintf(c->fingerprint, sizeof(c->fingerprint), "suite/child-died/-/-");
	atomic_fetch_add(&sh->cells_done, 1);
}

/*
 * Conformance: one child after the other until every cell has its result. A child that dies fails
 * the cell that it was in. Returns false when the kernel has to be booted again.
 */
static bool run_cells(const struct scenario *sc, struct totals *t, uint64_t start, uint64_t end,
		      struct rng *rng)
{
	unsigned int nr = outcome_cells(sc->outcomes, sc->consumers[0].name, NULL);
	bool alive = true;

	while (alive && atomic_load(&sh->cells_done) < nr && !interrupted && now_ns() < end &&
	       !sh->skip_reason[0]) {
		unsigned int before = atomic_load(&sh->cells_done), done;

		atomic_store(&sh->stop, 0);
		t->exited = false;
		alive = one_child(sc, sc, t, start, end, 0, rng);
		done = atomic_load(&sh->cells_done);
		/* a failure between cells (the kernel's log) ends a child, too: nothing died */
		if (t->exited && done > before)
			continue;
		if (done < nr && !interrupted && now_ns() < end && !sh->skip_reason[0])
			end_cell(CELL_FAIL, "the process died in this cell");
		report_cells(sc, t);
	}
	while (atomic_load(&sh->cells_done) < nr)
		end_cell(CELL_SKIP, sh->skip_reason[0] ? sh->skip_reason : !alive ?
			 "the kernel can't run any more cells" : interrupted ? "interrupted" :
			 "the time was over");
	report_cells(sc, t);
	return alive;
}

/* What a scenario changed about the machine is put back, and so are the pages that it poisoned. */
static void put_back(enum undo_when when)
{
	unsigned int left = poison_undo_all(sh);
	struct failure f = { 0 };

	if (left) {
		snprintf(f.rule, sizeof(f.rule), "cannot-unpoison");
		snprintf(f.expected, sizeof(f.expected), "every page is unpoisoned");
		snprintf(f.got, sizeof(f.got), "%u pages are still in use", left);
		fail(sh, ORACLE_POISON, &f, NULL);
	}
	memset(&f, 0, sizeof(f));
	if (knob_undo_all(sh, when, f.got, sizeof(f.got))) {
		snprintf(f.rule, sizeof(f.rule), "cannot-put-back");
		snprintf(f.expected, sizeof(f.expected), "every setting is as before the scenario");
		fail(sh, ORACLE_SUITE, &f, NULL);
	}
}

static void list_items(struct event *e, const char *key, const struct scenario_item *item,
		       unsigned int nr)
{
	char text[512] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < nr && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, item[i].value ? "%s%s:%u" : "%s%s",
				i ? " " : "", item[i].name, item[i].value);
	if (e)
		event_str(e, key, text);
	else
		ktap("#   %s = %s", key, text);
}

static void report_life(const struct scenario *life, struct event *e)
{
	list_items(e, "regions", life->regions, life->nr_regions);
	list_items(e, "consumers", life->consumers, life->nr_consumers);
	list_items(e, "injectors", life->injectors, life->nr_injectors);
}

/*
 * A life of a scenario that draws: what each leaves behind is put back and reported before the next one,
 * which has other plug-ins. What this machine has not is left out from then on. Returns as one_child().
 */
static bool drawn_child(const struct scenario *sc, struct totals *t, uint64_t start, uint64_t end,
			uint64_t seed, struct rng *rng)
{
	struct scenario life;
	struct event e;
	bool alive;

	if (!draw_life(sc, rng, &life)) {
		snprintf(sh->skip_reason, sizeof(sh->skip_reason), "nothing is left to draw from");
		return true;
	}
	event_begin(&e, "life");
	event_str(&e, "scenario", sc->name);
	report_life(&life, &e);
	event_end(&e);
	count(sh, "draw", "lives", 1);
	sh->memslot_updates = updates_memslots(&life);
	atomic_store(&sh->stop, 0);
	alive = one_child(sc, &life, t, start, end, seed, rng);
	near_report(sc->name, &sh->near);
	memset(&sh->near, 0, sizeof(sh->near));
	/* what the kernel said is judged by what this life did */
	kernel_log_check(sh);
	if (alive)
		put_back(UNDO_LIFE);
	if (failed()) {
		ktap("# %s: a scenario with what failed:", sc->name);
		report_life(&life, NULL);
	} else if (sh->skip_reason[0]) {
		ktap("# %s: without %s: %s", sc->name, sh->skip_name, sh->skip_reason);
		count(sh, "without", sh->skip_name, 1);
		draw_without(sc, sh->skip_name);
		sh->skip_reason[0] = 0;
	}
	return alive;
}

static void report_count(const char *scenario, const char *kind, const char *name, uint64_t value)
{
	struct event e;

	event_begin(&e, "count");
	event_str(&e, "scenario", scenario);
	event_str(&e, "kind", kind);
	event_str(&e, "name", name);
	event_num(&e, "value", value);
	event_end(&e);
}

static void report_counts(const struct scenario *sc, const struct totals *t)
{
	static const char *const ops[OP_NR] = { "load", "store", "rmw", "exec" };
	struct pfnh_stats st;
	unsigned int i;

	stats_now(&st);
	for (i = 0; i < t->nr_names; i++)
		report_count(sc->name, "injection", t->names[i], t->injections[i]);
	if (has_kill(sc)) {
		report_count(sc->name, "injection", "kill", t->kills);
		report_count(sc->name, "wait", "killed-in-mmap-lock", t->kills_waiting);
	}
	if (sh->caps.hooks & PFNH_HOOK_STALE) {
		report_count(sc->name, "window", "hits", st.hits - t->before.hits);
		report_count(sc->name, "window", "roots", st.roots - t->before.roots);
		report_count(sc->name, "window", "stale", st.stale - t->before.stale);
		report_count(sc->name, "window", "landed", st.landed - t->before.landed);
		report_count(sc->name, "window", "overlapped", st.overlapped - t->before.overlapped);
	}
	if (sh->caps.hooks & PFNH_HOOK_FAULTIN) {
		report_count(sc->name, "window", "early", st.early - t->before.early);
		report_count(sc->name, "window", "early-pairs",
			     st.early_pairs - t->before.early_pairs);
		report_count(sc->name, "window", "faultin", st.faultin - t->before.faultin);
	}
	if (sh->caps.hooks & PFNH_HOOK_INVALIDATE)
		report_count(sc->name, "window", "invalidate",
			     st.invalidate - t->before.invalidate);
	if (sh->caps.hooks & PFNH_HOOK_LOCK_WAIT)
		report_count(sc->name, "wait", "mmap-lock", st.lock_waits - t->before.lock_waits);
	for (i = 0; i < OP_NR; i++)
		report_count(sc->name, "access", ops[i], t->access[i]);
	report_count(sc->name, "access", "skipped", t->skipped);
	for (i = 0; i < NR_RESULTS; i++)
		if (t->exits[i])
			report_count(sc->name, "exit", run_result_names[i], t->exits[i]);
	for (i = 0; i < atomic_load(&sh->nr_counters); i++)
		report_count(sc->name, sh->counter[i].kind, sh->counter[i].name,
			     atomic_load(&sh->counter[i].n));
	if (atomic_load(&sh->sweep_ns)) {
		report_count(sc->name, "access", "sweep-pages", atomic_load(&sh->sweep_pages));
		report_count(sc->name, "access", "sweep-ns", atomic_load(&sh->sweep_ns));
	}
}

/* The last operations on the failing page, oldest first. */
static void report_ops(const struct scenario *sc, const struct failure *f)
{
	struct event e;
	unsigned int i;

	for (i = 0; i < f->nr_ops; i++) {
		const struct failure_op *op = &f->op_log[i];

		event_begin(&e, "op");
		event_str(&e, "scenario", sc->name);
		event_num(&e, "t_us", (op->r.t_ns - sh->start_ns) / 1000);
		event_str(&e, "thread", op->thread);
		event_str(&e, "op", op->r.what);
		event_hex(&e, "gpa", op->r.gpa);
		event_num(&e, "detail", op->r.pages);
		event_end(&e);
	}
}

static void report_failure(const struct scenario *sc, const struct failure *f)
{
	struct event e;

	ktap("# %s: %s: %s%s%s", sc->name, f->oracle, f->rule, f->known[0] ? ", known issue " : "",
	     f->known);
	ktap("#   expected: %s", f->expected);
	ktap("#   got: %s", f->got);
	if (f->gpa || f->state[0])
		ktap("#   at: gpa 0x%lx hva 0x%lx %s %s, %s by %s, %lu ms after the start", f->gpa,
		     f->hva, f->backing, f->state, f->op, f->thread, f->t_ms);
	ktap("#   fingerprint: %s", f->fingerprint);

	event_begin(&e, "failure");
	event_str(&e, "scenario", sc->name);
	event_str(&e, "oracle", f->oracle);
	event_str(&e, "rule", f->rule);
	event_str(&e, "expected", f->expected);
	event_str(&e, "got", f->got);
	event_hex(&e, "gpa", f->gpa);
	event_hex(&e, "hva", f->hva);
	event_hex(&e, "pfn", f->pfn);
	event_str(&e, "backing", f->backing);
	event_str(&e, "state", f->state);
	event_str(&e, "thread", f->thread);
	event_str(&e, "op", f->op);
	event_num(&e, "t_ms", f->t_ms);
	event_num(&e, "count", f->count);
	event_str(&e, "fingerprint", f->fingerprint);
	event_str(&e, "known", f->known);
	event_end(&e);
	report_ops(sc, f);
}

static void report_oracles(const struct scenario *sc, bool all_skipped)
{
	unsigned int i, k;
	struct event e;

	for (i = 0; i < NR_ORACLES; i++) {
		enum verdict v = PASS;

		for (k = 0; k < sh->nr_failures; k++)
			if (!sh->failure[k].known[0] &&
			    !strcmp(sh->failure[k].oracle, oracle_names[i]))
				v = FAIL;
		/* in another life of a scenario there may have been something to look at */
		if (v == PASS && ((sh->oracle[i].skip[0] && !atomic_load(&sh->oracle[i].checks)) ||
				  all_skipped))
			v = SKIP;
		if (i == ORACLE_SUITE && v == PASS)
			continue;
		event_begin(&e, "oracle");
		event_str(&e, "scenario", sc->name);
		event_str(&e, "name", oracle_names[i]);
		event_str(&e, "verdict", verdict_names[v]);
		event_num(&e, "checks", atomic_load(&sh->oracle[i].checks));
		event_str(&e, "reason", sh->oracle[i].skip);
		event_end(&e);
	}
}

/*
 * A scenario that did not do what it is there for is no pass. Not enough CPU time for it: the
 * host's trouble, SKIP. CPU time, but no faults: ours, FAIL.
 */
static void check_exposure(const struct scenario *sc, const struct totals *t, uint64_t slot_ms)
{
	struct exposure x[MAX_EXPOSURES];
	unsigned int i, nr = exposures(sc, t, t->faults, slot_ms, x);
	struct failure f = { 0 };

	for (i = 0; i < nr; i++) {
		if (x[i].got >= x[i].want)
			continue;
		if (t->cpu_ms < slot_ms / 2 || t->ran_ms < slot_ms / 2) {
			snprintf(sh->skip_reason, sizeof(sh->skip_reason),
				 "starved: %lu ms of CPU time, threads ran for %lu of %lu ms, %lu %s",
				 t->cpu_ms, t->ran_ms, slot_ms, x[i].got, x[i].what);
			return;
		}
		snprintf(f.rule, sizeof(f.rule), "exposure");
		snprintf(f.expected, sizeof(f.expected), "at least %lu %s", x[i].want, x[i].what);
		snprintf(f.got, sizeof(f.got), "%lu", x[i].got);
		fail(sh, ORACLE_SUITE, &f, NULL);
	}
}

/* A conformance scenario whose cells were all skipped is skipped. */
static void count_cells(const struct scenario *sc)
{
	unsigned int nr = outcome_cells(sc->outcomes, sc->consumers[0].name, NULL), i, skipped = 0;

	for (i = 0; i < nr; i++)
		skipped += sh->cell[i].verdict == CELL_SKIP;
	if (skipped == nr && !sh->skip_reason[0])
		snprintf(sh->skip_reason, sizeof(sh->skip_reason), "no cell could run: %.100s",
			 sh->cell[0].reason);
}

static void shared_reset(void)
{
	struct caps caps = sh->caps;
	struct guest_ctl *ctl = sh->ctl;
	int guard_fd = sh->guard_fd;
	unsigned int nr_undo = sh->nr_undo;
	static struct undo undo[MAX_UNDO];
	pthread_mutexattr_t a;

	memcpy(undo, sh->undo, sizeof(undo));
	memset(sh, 0, sizeof(*sh));
	memcpy(sh->undo, undo, sizeof(undo));
	sh->nr_undo = nr_undo;
	sh->caps = caps;
	sh->ctl = ctl;
	sh->guard_fd = guard_fd;
	sh->start_ns = now_ns();
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&sh->lock, &a);
}

/* Returns the verdict; *reboot when this kernel can't run another scenario. */
static enum verdict run_scenario(const struct scenario *sc, unsigned int index, uint64_t slot_ms,
				 bool *reboot)
{
	uint64_t start, end, seed = opt.seed, life = 0;
	struct totals t = { 0 };
	enum verdict v = PASS;
	const char *known = "", *p;
	struct event e;
	struct rng rng;
	unsigned int i;
	char mark[96];

	/* the same scenario gets the same random numbers, whatever else runs */
	for (p = sc->name; *p; p++)
		seed = seed * 31 + (unsigned char)*p;
	rng_seed(&rng, seed, 0);
	shared_reset();
	draw_start();
	sh->memslot_updates = updates_memslots(sc);
	stats_now(&t.before);
	event_begin(&e, "scenario");
	event_str(&e, "name", sc->name);
	event_num(&e, "index", index);
	event_num(&e, "budget_ms", slot_ms);
	event_end(&e);

	/* a console that is cut off by a crash shows which scenario it was */
	snprintf(mark, sizeof(mark), "kvm-pfn-stress: scenario %.60s\n", sc->name);
	proc_write("/dev/kmsg", mark);

	start = now_ns();
	end = start + slot_ms * 1000000;
	probe_params(sc->params, sh->skip_reason, sizeof(sh->skip_reason));
	if (sc->outcomes[0])
		*reboot = !run_cells(sc, &t, start, end, &rng);
	/* lives that found out what this machine has not may have been all that there was time for */
	while (!sc->outcomes[0] && !*reboot && !interrupted && !failed() && !sh->skip_reason[0] &&
	       (now_ns() < end ||
		(sc->nr_draw && !t.ran_ms && now_ns() < end + LATE_MS * 1000000ull))) {
		*reboot = sc->nr_draw ? !drawn_child(sc, &t, start, end, seed + life++, &rng) :
			  !one_child(sc, sc, &t, start, end, seed + life++, &rng);
		if (!has_kill(sc) && !sc->nr_draw)
			break;
	}

	if (!*reboot)
		put_back(UNDO_SCENARIO);
	kernel_log_check(sh);
	if (!*reboot)
		resources_check(sh);
	if (sc->outcomes[0])
		count_cells(sc);
	else if (!sh->skip_reason[0] && !failed() && !interrupted)
		check_exposure(sc, &t, slot_ms);

	for (i = 0; i < sh->nr_failures; i++) {
		report_failure(sc, &sh->failure[i]);
		if (!sh->failure[i].known[0])
			v = FAIL;
		else
			known = sh->failure[i].known;
	}
	if (v == PASS && sh->skip_reason[0])
		v = SKIP;
	report_counts(sc, &t);
	near_report(sc->name, &sh->near);
	report_explored(sc, &t);
	report_oracles(sc, v == SKIP);
	if (v == SKIP)
		ktap("# %s: skipped: %s", sc->name, sh->skip_reason);
	ktap("# %s: %lu faults, %lu injections, %lu window hits", sc->name, t.faults,
	     injections(&t), window_hits(&t));
	ktap_number++;
	/* nothing behind SKIP: parsers take it for a part of the name */
	if (v == SKIP)
		ktap("ok %u %s # SKIP", ktap_number, sc->name);
	else
		ktap("%s %u %s # time=%lums", v == FAIL ? "not ok" : "ok", ktap_number, sc->name,
		     (now_ns() - start) / 1000000);

	event_begin(&e, "result");
	event_str(&e, "scenario", sc->name);
	event_str(&e, "verdict", verdict_names[v]);
	event_num(&e, "ms", (now_ns() - start) / 1000000);
	event_num(&e, "faults", t.faults);
	event_num(&e, "injections", injections(&t));
	event_num(&e, "hits", window_hits(&t));
	event_str(&e, "known", known);
	event_str(&e, "reason", sh->skip_reason);
	event_end(&e);
	return v;
}

/*
 * Creating the first and destroying the last VM patches kernel text (static keys: preempt
 * notifiers, software-disabled and missing local APICs). Emulators race with that; one VM with a
 * vCPU that has an in-kernel, still disabled APIC stays for the whole run.
 */
static int hold_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0) {
		fprintf(stderr, "kvm-pfn-stress: /dev/kvm: %s\n", strerror(errno));
		return -1;
	}
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP) || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		fprintf(stderr, "kvm-pfn-stress: can't create a VM: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

static int usage(const char *what)
{
	fprintf(stderr, "kvm-pfn-stress: %s: see --help\n", what);
	return 2;
}

static int help(void)
{
	printf("usage: kvm-pfn-stress [--scenario NAME]... [--scenario-dir DIR] [--duration-ms N]\n"
	       "  [--seed N] [--vcpus N] [--known-issues FILE] [--fail-fast] [--events]\n"
	       "  [--explorers SCENARIO=LETTERS]... [--list] [--check]\n"
	       "Runs the scenarios in the order given, all by default, in N ms.\n");
	return 0;
}

static int parse_args(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "scenario", required_argument, NULL, 's' },
		{ "scenario-dir", required_argument, NULL, 'd' },
		{ "duration-ms", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 'r' },
		{ "vcpus", required_argument, NULL, 'v' },
		{ "explorers", required_argument, NULL, 'x' },
		{ "known-issues", required_argument, NULL, 'k' },
		{ "fail-fast", no_argument, NULL, 'f' },
		{ "events", no_argument, NULL, 'e' },
		{ "list", no_argument, NULL, 'l' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			if (opt.nr_names == MAX_SCENARIOS)
				return usage("too many scenarios");
			opt.names[opt.nr_names++] = optarg;
			break;
		case 'd':
			opt.dir = optarg;
			break;
		case 't':
			opt.duration_ms = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			opt.seed = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			opt.vcpus = strtoul(optarg, NULL, 0);
			break;
		case 'x':
			if (opt.nr_explorers == MAX_SCENARIOS || !strchr(optarg, '='))
				return usage("--explorers wants SCENARIO=LETTERS");
			opt.explorers[opt.nr_explorers++] = optarg;
			break;
		case 'k':
			opt.known = optarg;
			break;
		case 'f':
			opt.fail_fast = true;
			break;
		case 'e':
			opt.events = true;
			break;
		case 'l':
			opt.list = true;
			break;
		case 'c':
			opt.check = true;
			break;
		case 'h':
			exit(help());
		default:
			return 2;
		}
	}
	if (optind < argc)
		return usage(argv[optind]);
	if (!opt.duration_ms)
		return usage("--duration-ms wants a number above 0");
	if (!opt.vcpus || opt.vcpus > GUEST_MAX_VCPUS)
		return usage("--vcpus wants 1 to 8");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NAME.conf and DIR/NAME.conf. */
static void all_names(const char *below)
{
	char path[4096], name[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", opt.dir, below);
	d = opendir(path);
	while (d && (e = readdir(d)) && opt.nr_names < MAX_SCENARIOS) {
		char *dot = strrchr(e->d_name, '.');

		snprintf(name, sizeof(name), "%s%s", below, e->d_name);
		if (dot && !strcmp(dot, ".conf")) {
			name[strlen(name) - 5] = '\0';
			opt.names[opt.nr_names++] = strdup(name);
		} else if (!*below && !dot) {
			strcat(name, "/");
			all_names(name);
		}
	}
	if (d)
		closedir(d);
}

static int load(struct scenario *sc)
{
	bool all = !opt.nr_names;
	unsigned int i, nr = 0;
	char err[512];

	if (all) {
		all_names("");
		qsort(opt.names, opt.nr_names, sizeof(*opt.names), by_name);
	}
	if (!opt.nr_names)
		return usage("no scenarios");
	for (i = 0; i < opt.nr_names; i++) {
		if (scenario_parse(opt.dir, opt.names[i], &sc[nr], plugin_known, err, sizeof(err))) {
			fprintf(stderr, "kvm-pfn-stress: %s\n", err);
			return 2;
		}
		if (engine_pages(&sc[nr]) > GUEST_MAX_PAGES) {
			fprintf(stderr, "kvm-pfn-stress: %s: more than %d pages in all regions\n",
				opt.names[i], GUEST_MAX_PAGES);
			return 2;
		}
		nr += !all || !sc[nr].named || opt.list || opt.check;
	}
	opt.nr_names = nr;
	return 0;
}

static void on_signal(int sig)
{
	interrupted = sig;
}

static void begin(const struct utsname *uts)
{
	struct event e;

	event_begin(&e, "begin");
	event_num(&e, "version", 1);
	event_str(&e, "kernel", uts->release);
	event_num(&e, "seed", opt.seed);
	event_num(&e, "taint", proc_number("/proc/sys/kernel/tainted", 0));
	event_num(&e, "scenarios", opt.nr_names);
	event_num(&e, "vcpus", opt.vcpus);
	event_num(&e, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	event_num(&e, "budget_ms", opt.duration_ms);
	event_end(&e);
}

static void cap(const char *name, uint64_t value)
{
	struct event e;

	event_begin(&e, "cap");
	event_str(&e, "name", name);
	event_num(&e, "value", value);
	event_end(&e);
	ktap("# cap: %s=%lu", name, value);
}

int main(int argc, char **argv)
{
	static struct scenario sc[MAX_SCENARIOS];
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned int i, n[3] = { 0 }, lines = 0;
	uint64_t start, cells_ms = 0, weights = 0, left;
	char unseen[256];
	struct utsname uts;
	struct event e;
	bool reboot = false;
	int err = parse_args(argc, argv);

	if (!err)
		err = load(sc);
	if (err)
		return err;
	if (opt.list) {
		for (i = 0; i < opt.nr_names; i++)
			printf("%-24s %s\n", sc[i].name, sc[i].describe);
		return 0;
	}
	if (opt.check)
		return 0;

	uname(&uts);
	fail_setup(opt.known, uts.release);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	event_enable(opt.events);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh != MAP_FAILED)
		knob_guard(sh);
	if (sh == MAP_FAILED || hold_vm()) {
		ktap("TAP version 13\n1..0 # SKIP no KVM");
		return 4;
	}
	sh->ctl = mmap(NULL, ctl_size(GUEST_MAX_PAGES, GUEST_MAX_VCPUS), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	probe_caps(&sh->caps);
	helper = helper_open();
	kernel_log_start();
	resources_baseline();

	begin(&uts);
	ktap("TAP version 13");
	for (i = 0; i < opt.nr_names; i++)
		lines += 1 + outcome_cells(sc[i].outcomes, sc[i].consumers[0].name, NULL);
	ktap("1..%u", lines);
	ktap("# kernel %s, seed %lu", uts.release, opt.seed);
	resources_unseen(unseen, sizeof(unseen));
	if (unseen[0])
		ktap("# no leak of these can be seen here: %s", unseen);
	cap("unrefcounted", sh->caps.unrefcounted);
	cap("sigpending", sh->caps.sigpending);
	cap("poison", sh->caps.poison);
	cap("helper", sh->caps.helper);
	cap("hooks", sh->caps.hooks);

	start = now_ns();
	for (i = 0; i < opt.nr_names; i++)
		weights += sc[i].weight;
	for (i = 0; i < opt.nr_names && !interrupted && !reboot; i++) {
		uint64_t now = now_ns(), spent = (now - start) / 1000000 - cells_ms, slot;
		enum verdict v;

		/* cells take the time that they take, and none of the others' */
		left = spent < opt.duration_ms ? opt.duration_ms - spent : 0;
		slot = left * sc[i].weight / (weights ? weights : 1);
		weights -= sc[i].weight;
		if (slot < MIN_SLOT_MS)
			slot = MIN_SLOT_MS;
		v = run_scenario(&sc[i], i, sc[i].outcomes[0] ? CELLS_MS : slot, &reboot);
		if (sc[i].outcomes[0])
			cells_ms += (now_ns() - now) / 1000000;
		n[v]++;
		if (v == FAIL && opt.fail_fast)
			break;
	}
	if (reboot) {
		event_begin(&e, "reboot");
		event_str(&e, "reason", "a process of the scenario can't be killed");
		event_end(&e);
		ktap("Bail out! a process of the scenario can't be killed");
	}
	if (!reboot && knob_undo_all(sh, UNDO_RUN, unseen, sizeof(unseen)))
		ktap("# could not be put back: %s", unseen);
	ktap("# %u passed, %u failed, %u skipped", n[PASS], n[FAIL], n[SKIP]);
	if (!reboot) {
		event_begin(&e, "end");
		event_str(&e, "verdict", n[FAIL] ? "fail" : n[PASS] ? "pass" : "skip");
		event_end(&e);
	}
	if (interrupted)
		return 128 + interrupted;
	return n[FAIL] ? 1 : n[PASS] ? 0 : 4;
}
