/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracle 6, liveness: workers that must make progress and do not.
 *
 * Two ways to be stuck, and neither is told by the wall clock alone: a worker that got a lot of CPU
 * time and used it for nothing (a fault that is retried for ever), and one that sleeps for long while
 * CPUs had nothing to do (a lock that nobody gives back). On a starved host neither holds.
 */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include "core/run.h"

#define STUCK_CPU_NS	4000000000ull	/* own CPU time without progress */
#define STUCK_SLEEP_MS	8000		/* asleep, while ... */
#define STUCK_IDLE_MS	4000		/* ... CPUs were idle for so long, all together */

/*
 * Where the machine itself stands still CPU time says nothing: the host's, if it is emulated, counts as
 * the task's. The supervisor, which looks every 20 ms, is the witness.
 */
#define STALL_NS	250000000ull
#define STANDSTILL_NS	1000000000ull	/* all get their time again */

/* One task under watch. */
struct watch {
	uint64_t progress;
	uint64_t cpu_ns, idle_ms, wall_ns;
	bool started, calmed;
	bool gone;	/* at the last look, though it did not say that it ends */
};

enum stuck {
	NOT_STUCK,
	STUCK_SPINS,
	STUCK_SLEEPS,
	STUCK_DEAD,
};

/**
 * watch_task - look at one task
 * @wt: zeroed before the first look
 * @pid, @tid: the task
 * @progress: any number that changes while the task does its work
 */
enum stuck watch_task(struct watch *wt, pid_t pid, pid_t tid, uint64_t progress);

/* All get their time again. Context: the supervisor. */
void watch_again(struct watch wt[MAX_WORKERS]);

/**
 * watch_workers - look at all workers of a running child
 * @sh: shared state
 * @pid: the child
 * @wt: one for each worker, zeroed at the start
 *
 * A stuck worker is a liveness failure, with its kernel stack. Return: true if one is stuck.
 */
bool watch_workers(struct shared *sh, pid_t pid, struct watch wt[MAX_WORKERS]);

#endif /* CORE_WATCHDOG_H */
