// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures and the operation rings: small things that every floor needs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/known.h"
#include "core/run.h"

struct run *the_run;
__thread struct worker *me;

const char *const oracle_names[NR_ORACLES] = {
	[ORACLE_CONTENT] = "content",
	[ORACLE_CANARY] = "canary",
	[ORACLE_REFCOUNT] = "refcount",
	[ORACLE_OUTCOME] = "outcome",
	[ORACLE_POISON] = "poison",
	[ORACLE_LEVEL] = "level",
	[ORACLE_DURABILITY] = "durability",
	[ORACLE_DIRTY_LOG] = "dirty-log",
	[ORACLE_LIVENESS] = "liveness",
	[ORACLE_KERNEL_LOG] = "kernel-log",
	[ORACLE_RESOURCES] = "resources",
	[ORACLE_SUITE] = "suite",
};

static struct known_issues *known;
static const char *release;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void shared_lock(struct shared *sh)
{
	if (pthread_mutex_lock(&sh->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&sh->lock);
}

void shared_unlock(struct shared *sh)
{
	pthread_mutex_unlock(&sh->lock);
}

void record_op(struct worker *w, const char *what, uint64_t gpa, uint32_t pages)
{
	unsigned int i = atomic_fetch_add_explicit(&w->ws->ring_head, 1, memory_order_relaxed);
	struct op_record *r = &w->ws->ring[i & (RING_OPS - 1)];

	r->t_ns = now_ns();
	r->gpa = gpa;
	r->pages = pages;
	strncpy(r->what, what, sizeof(r->what) - 1);
}

/* NULL when there are too many. A new one is published before anything is counted. */
static struct counter *counter_of(struct shared *sh, const char *kind, const char *name)
{
	unsigned int i = 0, nr = atomic_load(&sh->nr_counters);
	struct counter *c = NULL;
	bool locked = false;

again:
	for (; i < nr; i++) {
		c = &sh->counter[i];
		if (!strcmp(c->kind, kind) && !strcmp(c->name, name))
			goto out;
	}
	c = NULL;
	if (!locked) {
		shared_lock(sh);
		locked = true;
		nr = atomic_load(&sh->nr_counters);
		goto again;
	}
	if (nr == MAX_COUNTERS)
		goto out;
	c = &sh->counter[nr];
	snprintf(c->kind, sizeof(c->kind), "%s", kind);
	snprintf(c->name, sizeof(c->name), "%s", name);
	atomic_store(&sh->nr_counters, nr + 1);
out:
	if (locked)
		shared_unlock(sh);
	return c;
}

void count(struct shared *sh, const char *kind, const char *name, unsigned long n)
{
	struct counter *c = counter_of(sh, kind, name);

	if (c)
		atomic_fetch_add_explicit(&c->n, n, memory_order_relaxed);
}

void count_longest(struct shared *sh, const char *kind, const char *name, unsigned long n)
{
	struct counter *c = counter_of(sh, kind, name);
	unsigned long was = c ? atomic_load(&c->n) : n;

	while (n > was && !atomic_compare_exchange_weak(&c->n, &was, n))
		;
}

void fail_setup(const char *known_issues, const char *kernel_release)
{
	char err[256];

	release = kernel_release;
	if (!known_issues)
		return;
	known = known_load(known_issues, err, sizeof(err));
	if (!known) {
		fprintf(stderr, "kvm-pfn-stress: %s\n", err);
		exit(2);
	}
}

/* The last operations on the failing page of all threads, in the order of time. */
static void collect_ops(struct shared *sh, struct failure *f)
{
	unsigned int w, i, k;

	for (w = 0; w < MAX_WORKERS; w++) {
		for (i = 0; i < RING_OPS; i++) {
			struct op_record r = sh->worker[w].ring[i];

			if (!r.t_ns || (f->gpa && r.pages && (f->gpa < r.gpa ||
			    f->gpa - r.gpa >= r.pages * GUEST_PAGE_SIZE)))
				continue;
			/* into its place among the newest */
			for (k = f->nr_ops; k && f->op_log[k - 1].r.t_ns > r.t_ns; k--)
				;
			if (f->nr_ops < FAILURE_OPS) {
				memmove(&f->op_log[k + 1], &f->op_log[k],
					(f->nr_ops++ - k) * sizeof(f->op_log[0]));
			} else if (k) {
				k--;
				memmove(&f->op_log[0], &f->op_log[1], k * sizeof(f->op_log[0]));
			} else {
				continue;
			}
			f->op_log[k].r = r;
			strcpy(f->op_log[k].thread, sh->worker[w].name);
		}
	}
}

void failure_name(struct failure *f, enum oracle_id oracle, const char *detail)
{
	const char *op = f->op[0] ? f->op : "-", *id;

	strncpy(f->oracle, oracle_names[oracle], sizeof(f->oracle) - 1);
	snprintf(f->fingerprint, sizeof(f->fingerprint), "%s/%s/%s/%s%s%s", f->oracle, f->rule,
		 f->backing[0] ? f->backing : "-", op, detail ? "/" : "", detail ? detail : "");
	id = known ? known_match(known, f->fingerprint, release, time(NULL)) : NULL;
	if (id)
		strncpy(f->known, id, sizeof(f->known) - 1);
}

bool fail(struct shared *sh, enum oracle_id oracle, const struct failure *f, const char *detail)
{
	struct failure n = *f;
	bool goes_on;
	unsigned int i;

	failure_name(&n, oracle, detail);
	n.t_ms = (now_ns() - sh->start_ns) / 1000000;
	n.count = 1;
	goes_on = n.known[0];
	shared_lock(sh);
	for (i = 0; i < sh->nr_failures; i++)
		if (!strcmp(sh->failure[i].fingerprint, n.fingerprint))
			break;
	if (i < sh->nr_failures) {
		sh->failure[i].count++;
	} else if (i < (goes_on ? MAX_KNOWN : MAX_FAILURES)) {
		collect_ops(sh, &n);
		sh->failure[sh->nr_failures++] = n;
	}
	shared_unlock(sh);
	if (!goes_on)
		atomic_store(&sh->stop, 1);
	return goes_on;
}
