/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scenario while it runs: the part that supervisor and child share (struct shared), and the part
 * that the child's threads share (struct run).
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "guest.h"
#include "scenario.h"
#include "module/pfn_helper.h"
#include "outcomes/table.h"
#include "core/rng.h"

#define MAX_WORKERS	32
#define MAX_FAILURES	64
#define MAX_KNOWN	48	/* of them; what is new always finds a place */
#define MAX_POISON	1024
#define MAX_COUNTERS	512
#define MAX_GUEST_COUNTS 6
#define MAX_UNDO	32
#define NR_EXPLORERS	8
#define RING_OPS	2048	/* a power of two */

/* What kvm in this kernel does; found by probing (probe.c), the same for all scenarios. */
struct caps {
	bool unrefcounted;	/* maps pages without a refcount (the rework of 6.13) */
	bool sigpending;	/* FOLL_INTERRUPTIBLE: a signal ends the wait for a page (6.2) */
	bool poison;		/* MADV_HWPOISON, and unpoison through debugfs */
	bool helper;		/* the helper module is there */
	uint64_t hooks;		/* PFNH_HOOK_* that this kernel lets us set */
};

enum worker_phase {
	W_IDLE,		/* parked by the engine, or not there */
	W_BUSY,		/* must make progress */
	W_WAIT,		/* sleeps of its own accord */
	W_DONE,
};

/* One operation, for the failure card. */
struct op_record {
	uint64_t t_ns;		/* CLOCK_MONOTONIC */
	uint64_t gpa;
	uint32_t pages;
	char what[20];
};

struct worker_shared {
	char name[32];		/* "vcpu0", "remap", ... */
	bool is_vcpu;
	atomic_int tid;
	atomic_int phase;	/* enum worker_phase */
	atomic_ulong progress;	/* goes up as long as the worker lives */
	atomic_ulong injections;
	atomic_ulong exits[NR_RESULTS];	/* vCPUs: by enum run_result */
	atomic_ulong kicked_ns;	/* vCPUs: when the first kick was sent that has not arrived; or 0 */
	atomic_ulong alloc_fails_ns;	/* vCPUs: until then its allocations failed; ~0: they do */
	atomic_uint ring_head;
	char where[128];	/* written by a kicked vCPU when sh->ask_where is set */
	struct op_record ring[RING_OPS];
};

#define FAILURE_OPS	16

struct failure_op {
	struct op_record r;
	char thread[32];
};

struct failure {
	char oracle[16], rule[40], expected[96], got[288], backing[32], state[48], thread[32];
	char op[16];
	char fingerprint[160], known[32];
	uint64_t gpa, hva, pfn;
	uint64_t t_ms;
	uint64_t count;		/* how often it was seen; the rest is of the first time */
	unsigned int nr_ops;	/* the last operations on that page, oldest first */
	struct failure_op op_log[FAILURE_OPS];
};

/* A setting of the machine that has to be undone (core/knob.h). */
enum undo_kind {
	UNDO_WRITE,	/* write value to path */
	UNDO_SWAP,	/* swapoff(path) */
	UNDO_MODULE,	/* unload module path */
	UNDO_MOUNT,	/* umount(path), and its directory goes */
	UNDO_RMDIR,	/* rmdir(path): a cgroup, a tracefs instance */
};

/* When: what is dear to set up is kept for who needs it next. */
enum undo_when {
	UNDO_LIFE,	/* when the process of the scenario is gone */
	UNDO_SCENARIO,	/* behind the last of its processes: disks, swap, huge pages */
	UNDO_RUN,	/* behind the last scenario: modules */
};

struct undo {
	enum undo_kind kind;
	enum undo_when when;
	char path[112], value[64];
};

/* Something that a plug-in counts, by kind and name. */
struct counter {
	char kind[16], name[32];
	atomic_ulong n;
};

/* A cell of the outcome table; written by the child before its number is in sh->cells_done. */
struct cell_result {
	enum cell_verdict { CELL_PASS, CELL_FAIL, CELL_SKIP } verdict;
	char expected[64], got[192], reason[160];
	char fingerprint[160], known[32];	/* of a failure */
};

struct oracle_count {
	atomic_ulong checks;
	char skip[96];		/* why it could not check */
};

enum oracle_id {
	ORACLE_CONTENT, ORACLE_CANARY, ORACLE_REFCOUNT, ORACLE_OUTCOME, ORACLE_POISON,
	ORACLE_LEVEL, ORACLE_DURABILITY, ORACLE_DIRTY_LOG, ORACLE_LIVENESS,
	ORACLE_KERNEL_LOG, ORACLE_RESOURCES, ORACLE_SUITE, NR_ORACLES
};

extern const char *const oracle_names[NR_ORACLES];

/*
 * Near misses of a scenario, from PFNH_NEAR: by consumer (vCPU), region and who injected. The last of
 * each is for what is none of ours: the guest's own memory; kernel threads and children.
 */
#define NEAR_REGION	MAX_REGIONS
#define NEAR_BY		MAX_WORKERS

struct near_misses {
	char region[MAX_REGIONS + 1][32];	/* backings */
	char worker[MAX_WORKERS + 1][32];	/* consumers and injectors; not their threads' names */
	uint32_t faults[GUEST_MAX_VCPUS][MAX_REGIONS + 1];
	uint32_t invalidations[MAX_REGIONS + 1][MAX_WORKERS + 1];
	struct near_pair {
		uint32_t hits, here, early, roots;	/* here: it took that page away */
	} pair[GUEST_MAX_VCPUS][MAX_REGIONS + 1][MAX_WORKERS + 1];
	uint64_t here, hits, roots, lost;	/* sums */
};

/* Which explorer had which turn, by letter (core/explore.h): what a replay follows. */
#define EXPLORED_MAX	65536

/* Survives the child: MAP_SHARED, made by the supervisor. */
struct shared {
	atomic_int stop;	/* end of the scenario, set by either side */
	atomic_int running;	/* the child's threads run */
	atomic_int ask_where;	/* kicked vCPUs say where they are */
	atomic_int calm;	/* injectors rest: somebody waits for KVM to answer a vCPU */
	atomic_uint stalls;	/* the supervisor got no CPU for STALL_NS: nobody may have */
	atomic_ulong stray_poison;	/* hva that a thread without a vCPU got SIGBUS for */
	uint64_t lost_timer;	/* when it should have gone off; supervisor */
	atomic_int aim_kill;	/* the supervisor wants waits for mmap_lock, to kill in them */
	uint64_t start_ns;
	struct caps caps;
	atomic_int nr_workers;
	struct worker_shared worker[MAX_WORKERS];
	struct oracle_count oracle[NR_ORACLES];
	pthread_mutex_t lock;	/* failures, undo; robust, process-shared */
	unsigned int nr_failures;
	struct failure failure[MAX_FAILURES];
	/* filled in by the child at its end */
	struct pfnh_stats stats;
	struct near_misses near;	/* by the child's main thread */
	atomic_uint nr_explored;
	char explored[EXPLORED_MAX];
	double earned[NR_EXPLORERS];	/* by a turn of each, on average; below 0: not tried yet */
	atomic_ulong faults;	/* KVM's own count of page faults (pf_taken) */
	atomic_ulong sweep_pages, sweep_ns;
	atomic_uint nr_counters;
	struct counter counter[MAX_COUNTERS];
	char skip_reason[128];
	char skip_name[32];	/* the plug-in that cannot be had here */
	bool memslot_updates;	/* an injector of this scenario adds and deletes memslots */
	struct guest_ctl *ctl;	/* control area, mapped by the supervisor as well */
	/* conformance: cells before cells_done have a result, the one at it is running */
	atomic_uint cells_done;
	struct cell_result cell[OUTCOME_MAX_CELLS];
	/* poisoned pfns that are not yet unpoisoned */
	atomic_ulong poison[MAX_POISON];
	char cgroup[100];	/* that scenarios run in, "": none */
	/* settings that are not yet put back */
	unsigned int nr_undo;
	struct undo undo[MAX_UNDO];
	uint64_t swap_pages, disk_bytes;	/* of the scenario's own swap and file system, so far */
	int guard_fd;		/* of the supervisor: its guardian waits for the end of this pipe */
};

struct region;
struct worker;

/* Private to the child. */
struct run {
	const struct scenario *sc;
	struct shared *sh;
	uint64_t seed;
	unsigned int nr_vcpus;
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[GUEST_MAX_VCPUS];
	struct guest_ctl *ctl;
	int helper_fd;		/* -1 without the module; this one carries the mark */
	unsigned int spaces;	/* address spaces that have memslots, if more than one */
	unsigned int nr_regions, nr_pages;
	struct region *region[MAX_REGIONS];
	struct worker *worker[MAX_WORKERS];
	unsigned int nr_workers;
	pthread_barrier_t barrier;
	atomic_bool hot;		/* injectors do not pause now */
	atomic_bool aim;		/* they prefer the pages that vCPUs are at */
	atomic_bool meet;		/* they wait for a fault that waits for them */
	bool together, split;		/* where threads run (engine.c); main thread */
	unsigned int one_cpu;
	bool drawn;			/* put together by chance: what has nothing to do rests */
	bool delays;			/* an injector uses PFNH_DELAY itself */
	bool errors_injected;		/* the helper module makes KVM's calls fail */
};

/* One thread. */
struct worker {
	struct run *run;
	struct worker_shared *ws;
	const struct consumer_ops *consumer;	/* one of these two */
	const struct injector_ops *injector;
	unsigned int id;	/* vCPU number, or number of the injector */
	unsigned int weight;
	/* injectors */
	bool rests;		/* nothing here that it could change */
	bool aims;		/* it takes pages that it is told to take */
	uint64_t target;	/* the address behind a fault that waits for this one; or 0 */
	pthread_t thread;
	struct rng rng;
	/* vCPUs */
	uint64_t entered_ns;	/* when the last KVM_RUN was called */
	/* its thread's ioctl resolves so many pages, from there on (as in guest_vcpu.page) */
	_Atomic uint64_t asks_nr, asks;
	uint64_t counted[MAX_GUEST_COUNTS];	/* of the consumer's counts, so far; main thread */
	void *priv;		/* the plug-in's */
};

extern struct run *the_run;		/* of this child; signal handlers need it */
extern __thread struct worker *me;	/* of this thread; NULL in the supervisor */

uint64_t now_ns(void);

static inline bool run_stopping(struct run *run)
{
	return atomic_load_explicit(&run->sh->stop, memory_order_relaxed);
}

/* The worker lives; the watchdog looks at this. */
static inline void worker_progress(struct worker *w)
{
	atomic_fetch_add_explicit(&w->ws->progress, 1, memory_order_relaxed);
}

static inline void oracle_checked(struct run *run, enum oracle_id id, unsigned long n)
{
	atomic_fetch_add_explicit(&run->sh->oracle[id].checks, n, memory_order_relaxed);
}

/* sh->lock. A holder that was killed does no harm. */
void shared_lock(struct shared *sh);
void shared_unlock(struct shared *sh);

/**
 * record_op - remember an operation on pages for the failure card
 * @w: the calling thread's worker
 * @what: short text, at most 19 bytes
 * @gpa: first byte
 * @pages: how many
 */
void record_op(struct worker *w, const char *what, uint64_t gpa, uint32_t pages);

/**
 * count - add to a number of the result (counts.KIND.NAME)
 * @sh: shared state
 * @kind: at most 15 bytes
 * @name: at most 31 bytes
 * @n: how much
 *
 * Context: any thread of the child. For what happens thousands of times a second, not millions.
 */
void count(struct shared *sh, const char *kind, const char *name, unsigned long n);

/* The same for a number that is the largest value seen, by any life of the scenario. */
void count_longest(struct shared *sh, const char *kind, const char *name, unsigned long n);

/**
 * fail - an oracle found a broken rule
 * @sh: shared state
 * @oracle: which
 * @f: everything but oracle, fingerprint, known, t_ms and count
 * @detail: last part of the fingerprint, or NULL
 *
 * A failure that is a known issue is counted; any other ends the scenario.
 *
 * Return: true when the scenario goes on (known issue).
 * Context: any thread of child or supervisor.
 */
bool fail(struct shared *sh, enum oracle_id oracle, const struct failure *f, const char *detail);

/**
 * failure_name - fill in oracle, fingerprint and known issue, as fail() does
 * @f: everything else
 */
void failure_name(struct failure *f, enum oracle_id oracle, const char *detail);

/* The known-issues file and the kernel it is matched with; before the first fork. */
void fail_setup(const char *known_issues, const char *kernel_release);

#endif /* CORE_RUN_H */
