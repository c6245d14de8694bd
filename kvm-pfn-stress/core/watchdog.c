// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/event.h"
#include "core/proc.h"
#include "core/timers.h"
#include "core/watchdog.h"

enum stuck watch_task(struct watch *wt, pid_t pid, pid_t tid, uint64_t progress)
{
	uint64_t cpu = proc_cpu_ns(pid, tid), idle = proc_idle_ms(), wall = now_ns();

	if (!wt->started || wt->progress != progress) {
		*wt = (struct watch){ progress, cpu, idle, wall, true, wt->calmed };
		return NOT_STUCK;
	}
	if (cpu < wt->cpu_ns)	/* it is gone, and its times are 0 */
		return NOT_STUCK;
	if (cpu - wt->cpu_ns > STUCK_CPU_NS)
		return STUCK_SPINS;
	if (wall - wt->wall_ns > STUCK_SLEEP_MS * 1000000ull && idle - wt->idle_ms > STUCK_IDLE_MS &&
	    cpu - wt->cpu_ns < STUCK_CPU_NS / 8)
		return STUCK_SLEEPS;
	return NOT_STUCK;
}

static uint64_t progress_of(struct shared *sh, unsigned int i)
{
	uint64_t p = atomic_load(&sh->worker[i].progress);

	/* vCPU workers come first: worker i runs vCPU i */
	if (sh->worker[i].is_vcpu)
		p += __atomic_load_n(&sh->ctl->vcpu[i].ops, __ATOMIC_ACQUIRE);
	return p;
}

/* If a signal gets the vCPU out of KVM_RUN, it can say itself where it is. */
static void ask_vcpu(struct shared *sh, struct worker_shared *ws, pid_t pid, pid_t tid)
{
	long long before = proc_number("/sys/kernel/debug/kvm/exits", 0), after;

	usleep(100000);
	after = proc_number("/sys/kernel/debug/kvm/exits", 0);
	atomic_store(&sh->ask_where, 1);
	syscall(SYS_tgkill, pid, tid, SIGUSR1);
	usleep(200000);
	atomic_store(&sh->ask_where, 0);
	snprintf(ws->where + strlen(ws->where), sizeof(ws->where) - strlen(ws->where),
		 ", %lld exits in 100 ms", after - before);
}

static void describe(struct shared *sh, unsigned int i, pid_t pid, enum stuck how)
{
	static const char *const verbs[] = {
		[STUCK_SPINS] = "spins",
		[STUCK_SLEEPS] = "sleeps",
		[STUCK_DEAD] = "dies",
	};
	struct worker_shared *ws = &sh->worker[i];
	pid_t tid = atomic_load(&ws->tid);
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s-%s", ws->is_vcpu ? "vcpu" : ws->name, verbs[how]);
	snprintf(f.thread, sizeof(f.thread), "%s", ws->name);
	snprintf(f.expected, sizeof(f.expected), "progress within %d s of CPU or %d s of sleep",
		 (int)(STUCK_CPU_NS / 1000000000), STUCK_SLEEP_MS / 1000);
	if (ws->is_vcpu)
		ask_vcpu(sh, ws, pid, tid);
	snprintf(f.got, sizeof(f.got), "state %c %s ", proc_state(pid, tid), ws->where);
	proc_stack(pid, tid, f.got + strlen(f.got), sizeof(f.got) - strlen(f.got));
	if (ws->is_vcpu && sh->ctl->vcpu[i].page < sh->ctl->nr_pages) {
		uint64_t page = sh->ctl->vcpu[i].page;

		f.gpa = ctl_gva(sh->ctl)[page] - REGION_GVA_OFFSET;
		snprintf(f.state, sizeof(f.state), "word 0x%lx", ctl_words(sh->ctl)[page]);
	}
	fail(sh, ORACLE_LIVENESS, &f, NULL);
}

/*
 * A thread that ends says so before; one that an oops ends does not. The threads of a process that
 * dies go one after the other: so not at the first look.
 */
static bool is_gone(struct shared *sh, unsigned int i, pid_t pid, struct watch *wt)
{
	char leader = proc_state(pid, pid);
	bool before = wt->gone;

	wt->gone = leader && leader != 'Z' && !proc_state(pid, atomic_load(&sh->worker[i].tid)) &&
		   atomic_load(&sh->worker[i].phase) == W_BUSY;
	return before && wt->gone;
}

/* A vCPU on its way to being stuck gets rest: only what it can't do then is KVM's fault. */
static void calm_down(struct shared *sh, unsigned int i, pid_t pid, struct watch *wt)
{
	uint64_t cpu = proc_cpu_ns(pid, atomic_load(&sh->worker[i].tid)) - wt->cpu_ns;
	bool calm = sh->worker[i].is_vcpu && cpu > STUCK_CPU_NS / 3;

	if (calm == wt->calmed)
		return;
	atomic_fetch_add(&sh->calm, calm ? 1 : -1);
	wt->calmed = calm;
}

void watch_again(struct watch wt[MAX_WORKERS])
{
	unsigned int i;

	for (i = 0; i < MAX_WORKERS; i++)
		wt[i] = (struct watch){ .calmed = wt[i].calmed };
}

/*
 * Who sleeps on a CPU that the machine owes an interrupt is woken, and all get their time again. Once:
 * a CPU whose timer is still the same is dead, and that is a failure.
 */
static bool interrupt_lost(struct shared *sh, struct watch wt[MAX_WORKERS])
{
	FILE *list = fopen("/proc/timer_list", "re");
	struct overdue o;
	bool lost = timers_overdue(list, &o) == 1 && o.expires != sh->lost_timer;

	if (list)
		fclose(list);
	if (!lost)
		return false;
	sh->lost_timer = o.expires;
	timers_wake(o.cpu);
	watch_again(wt);
	count(sh, "machine", "lost-timers", 1);
	ktap("# CPU %d was owed a timer interrupt for %lu ms: docs/findings/emulator.md", o.cpu,
	     o.late / 1000000);
	return true;
}

bool watch_workers(struct shared *sh, pid_t pid, struct watch wt[MAX_WORKERS])
{
	unsigned int i, n = atomic_load(&sh->nr_workers);
	bool stuck = false;

	for (i = 0; i < n; i++) {
		enum stuck how;

		if (atomic_load(&sh->worker[i].phase) != W_BUSY)
			continue;
		how = watch_task(&wt[i], pid, atomic_load(&sh->worker[i].tid), progress_of(sh, i));
		calm_down(sh, i, pid, &wt[i]);
		if (is_gone(sh, i, pid, &wt[i]))
			how = STUCK_DEAD;
		atomic_fetch_add(&sh->oracle[ORACLE_LIVENESS].checks, 1);
		if (how == NOT_STUCK)
			continue;
		if (how == STUCK_SLEEPS && interrupt_lost(sh, wt))
			return false;
		describe(sh, i, pid, how);
		stuck = true;
	}
	return stuck;
}
