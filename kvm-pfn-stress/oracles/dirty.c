// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which page must be in a dirty log? The guest keeps the stamp of its last store for each page and vCPU
 * (ctl_own()), with the number of the access in it. Time goes down:
 *
 *	harvester			guest
 *	---------			-----
 *	read and clear log k - 1
 *	seq = number of the access	(stores up to here may be in log k - 1 or k)
 *	own stamps: cleared[]
 *					++number > seq
 *					store
 *					own = stamp with the number
 *	own stamps: before[]		differs from cleared[], and its number is above seq: the store
 *					began after log k - 1 was cleared, and is over
 *	read log k			<- the page must be in it
 *
 * But for one case: fast_pf_fix_direct_spte() (6.1 to 7.3) makes the SPTE writable and marks the page
 * behind that, without mmu_lock. Another vCPU stores through it before the page is marked:
 *
 *	harvester			vCPU A				vCPU B
 *					fault on P: SPTE writable
 *									store to P, over
 *	read log k: P is not in it
 *					P is marked, access over
 *	read log k + 1			<- P must be in it
 *
 * So a page that another vCPU was at when log k was read is owed: by the first log that is read after
 * all those accesses are over.
 *
 * Exact, whatever else runs. What else is in the log is counted: a write that was under way, a
 * compare-and-exchange that failed, a writable SPTE that a read made (make_spte() logs those).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/compat.h"
#include "oracles/dirty.h"
#include "oracles/quiet.h"
#include "plugins.h"

static bool logging;

#define LONG_BITS	(8 * sizeof(unsigned long))
/* Numbers in stamps have 16 bits. */
#define SEQ_MAX		0x4000u

/* Of the whole memslot: of a huge page the region may be a part only. */
static size_t log_bytes(const struct region *r)
{
	return (region_bytes(r, r->nr) / GUEST_PAGE_SIZE + LONG_BITS - 1) / LONG_BITS *
	       sizeof(unsigned long);
}

bool dirty_trackable(const struct region *r)
{
	return r->first == r && !r->next && !r->ops->alias && !r->ops->no_vma;
}

const char *dirty_unsupported(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		if (!dirty_trackable(run->region[i]))
			return "a memslot of several parts, an alias, or guest_memfd";
	return NULL;
}

struct dirty_track *dirty_track_alloc(struct region *r)
{
	struct dirty_track *t = calloc(1, sizeof(*t));
	size_t nr = r->run->nr_vcpus * r->nr;

	t->r = r;
	t->cleared = calloc(nr, sizeof(*t->cleared));
	t->before = calloc(nr, sizeof(*t->before));
	t->owed = calloc(r->nr, sizeof(*t->owed));
	t->owed_by = calloc(r->nr, sizeof(*t->owed_by));
	t->owed_ops = calloc(nr, sizeof(*t->owed_ops));
	t->log = calloc(1, log_bytes(r));
	t->stopped = calloc(1, log_bytes(r));
	logging = true;
	return t;
}

void dirty_track_free(struct dirty_track *t)
{
	free(t->cleared);
	free(t->before);
	free(t->owed);
	free(t->owed_by);
	free(t->owed_ops);
	free(t->log);
	free(t->stopped);
	free(t);
}

struct dirty_track *dirty_track_start(struct region *r)
{
	struct dirty_track *t = dirty_track_alloc(r);

	r->slot_flags |= KVM_MEM_LOG_DIRTY_PAGES;
	vm_set_user_memory_region(r->run->vm, r->slot, r->slot_flags, r->gpa,
				  region_bytes(r, r->nr), (void *)region_hva(r));
	return t;
}

void dirty_logged(struct dirty_track *t, unsigned int page)
{
	t->log[page / LONG_BITS] |= 1ul << page % LONG_BITS;
	t->stopped[page / LONG_BITS] &= ~(1ul << page % LONG_BITS);
}

void dirty_stopped(struct dirty_track *t)
{
	size_t i;

	for (i = 0; i < log_bytes(t->r) / sizeof(*t->log); i++)
		t->stopped[i] |= t->log[i];
}

static void numbers(struct run *run, uint64_t *seq)
{
	unsigned int v;

	for (v = 0; v < run->nr_vcpus; v++)
		seq[v] = __atomic_load_n(&run->ctl->vcpu[v].seq, __ATOMIC_SEQ_CST);
}

static void own_stamps(struct dirty_track *t, uint64_t *to)
{
	struct run *run = t->r->run;
	unsigned int v, p;

	for (v = 0; v < run->nr_vcpus; v++)
		for (p = 0; p < t->r->nr; p++)
			to[v * t->r->nr + p] = __atomic_load_n(&ctl_own(run->ctl, v)[t->r->base + p],
							       __ATOMIC_SEQ_CST);
}

void dirty_before(struct dirty_track *t)
{
	unsigned int v;

	memset(t->log, 0, log_bytes(t->r));
	own_stamps(t, t->before);
	numbers(t->r->run, t->seq_before);
	for (v = 0; v < t->r->run->nr_vcpus; v++) {
		const struct guest_vcpu *g = &t->r->run->ctl->vcpu[v];

		t->ops[v] = __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE);
		/* this thread's own vCPU is not in KVM_RUN */
		t->at[v] = me && me->consumer && me->id == v ? NO_PAGE :
			   __atomic_load_n(&g->page, __ATOMIC_ACQUIRE) - t->r->base;
	}
}

/* A store of this vCPU to the page: began after the log was cleared, was over before it was read. */
static bool stored(const struct dirty_track *t, unsigned int v, unsigned int page)
{
	uint64_t now = t->before[v * t->r->nr + page];
	uint16_t ahead = (uint16_t)(now >> 8) - (uint16_t)t->seq[v];

	return now && now != t->cleared[v * t->r->nr + page] && ahead && ahead < SEQ_MAX &&
	       t->seq_before[v] - t->seq[v] < SEQ_MAX;
}

static void missing(const struct dirty_track *t, unsigned int v, unsigned int page, const char *how)
{
	struct region *r = t->r;
	uint64_t now = t->before[v * r->nr + page];
	bool stopped = t->stopped[page / LONG_BITS] & 1ul << page % LONG_BITS;
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "page-missing");
	region_failure(&f, r, page);
	snprintf(f.thread, sizeof(f.thread), "vcpu%u", v);
	snprintf(f.op, sizeof(f.op), "%s", how);
	snprintf(f.expected, sizeof(f.expected), "the page in the log: the guest stored to it");
	snprintf(f.got, sizeof(f.got),
		 "not there; access %u stored 0x%016lx, log cleared before %lu, read after %lu",
		 (unsigned int)(uint16_t)(now >> 8), now, t->seq[v] + 1, t->seq_before[v]);
	fail(r->run->sh, ORACLE_DIRTY_LOG, &f, stopped ? "reset-stopped" : NULL);
}

/* Vcpus other than @v that were at the page when the log was read; what they did by then goes along. */
static unsigned int others_at(struct dirty_track *t, unsigned int v, unsigned int page)
{
	unsigned int u, mask = 0;

	for (u = 0; u < t->r->run->nr_vcpus; u++) {
		if (u == v || t->at[u] != page)
			continue;
		mask |= 1u << u;
		t->owed_ops[u * t->r->nr + page] = t->ops[u];
	}
	return mask;
}

/* The page is not in the log. Was it owed from an earlier one, and nobody is at it any more? */
static bool overdue(struct dirty_track *t, unsigned int page)
{
	unsigned int u, mask = t->owed[page];

	for (u = 0; u < t->r->run->nr_vcpus; u++)
		if (t->ops[u] != t->owed_ops[u * t->r->nr + page])
			mask &= ~(1u << u);
	return t->owed[page] && !mask;
}

static void judge(struct dirty_track *t, const char *how)
{
	struct region *r = t->r;
	unsigned int p, v, due = 0, owed = 0, logged = 0, extra = 0;

	/* a log goes with its memslot */
	if (t->slot_changes & 1 || t->slot_changes != atomic_load(&r->slot_changes)) {
		memset(t->owed, 0, r->nr * sizeof(*t->owed));
		count(r->run->sh, how, "void", 1);
		return;
	}
	for (p = 0; p < r->nr; p++) {
		bool in_log = t->log[p / LONG_BITS] & 1ul << p % LONG_BITS, any = false;

		logged += in_log;
		if (in_log)
			t->owed[p] = 0;
		if (overdue(t, p)) {
			missing(t, t->owed_by[p], p, how);
			t->owed[p] = 0;
		}
		for (v = 0; v < r->run->nr_vcpus; v++) {
			if (!stored(t, v, p))
				continue;
			any = true;
			due++;
			if (in_log || t->owed[p])
				continue;
			t->owed[p] = others_at(t, v, p);
			t->owed_by[p] = v;
			if (!t->owed[p])
				missing(t, v, p, how);
			else
				owed++;
		}
		extra += in_log && !any;
	}
	oracle_checked(r->run, ORACLE_DIRTY_LOG, due);
	count(r->run->sh, how, "harvests", 1);
	count(r->run->sh, how, "pages", logged);
	count(r->run->sh, how, "extra", extra);
	count(r->run->sh, how, "due", due);
	count(r->run->sh, how, "owed", owed);
}

void dirty_after(struct dirty_track *t, const char *how)
{
	struct region *r = t->r;

	if (t->valid)
		judge(t, how);
	else
		memset(t->owed, 0, r->nr * sizeof(*t->owed));
	t->valid = true;
	t->slot_changes = atomic_load(&r->slot_changes);
	numbers(r->run, t->seq);
	own_stamps(t, t->cleared);
}

void dirty_check(struct run *run)
{
	if (!logging)
		snprintf(run->sh->oracle[ORACLE_DIRTY_LOG].skip,
			 sizeof(run->sh->oracle[ORACLE_DIRTY_LOG].skip),
			 "no consumer reads dirty logs");
}
