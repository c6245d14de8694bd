/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracle 9, dirty log: no page that a guest stored to is missing from the log.
 */
#ifndef ORACLES_DIRTY_H
#define ORACLES_DIRTY_H

#include "core/region.h"

/* What is known of one region since its log was cleared; one harvester at a time uses it. */
struct dirty_track {
	struct region *r;
	bool valid;			/* there was a harvest before */
	uint64_t seq[GUEST_MAX_VCPUS];	/* of the vCPUs' accesses, after the log was cleared */
	unsigned int slot_changes;	/* region's, then */
	uint64_t *cleared;		/* [vcpu][page]: last stores then */
	uint64_t *before;		/* [vcpu][page]: last stores before the log is read */
	uint64_t seq_before[GUEST_MAX_VCPUS];
	uint64_t at[GUEST_MAX_VCPUS];	/* pages that vCPUs were at before the log is read */
	uint64_t ops[GUEST_MAX_VCPUS];	/* their accesses that were over then */
	uint8_t *owed;			/* [page]: vCPUs that may still mark it */
	uint8_t *owed_by;		/* [page]: the vCPU that stored */
	uint64_t *owed_ops;		/* [vcpu][page]: ops when it became owed */
	unsigned long *log;		/* the harvester's bitmap, a bit for each page */
	unsigned long *stopped;		/* pages whose last reset was stopped by a signal */
};

/* NULL, or why the logs of these regions are not read: one memslot is one region. */
const char *dirty_unsupported(struct run *run);

/* Nothing else can be said of the log of a memslot of several parts, an alias, or guest_memfd. */
bool dirty_trackable(const struct region *r);

/* A track for a region whose log somebody switches on; freed by dirty_track_free(). */
struct dirty_track *dirty_track_alloc(struct region *r);
void dirty_track_free(struct dirty_track *t);

/**
 * dirty_track_start - switch logging on for a region
 * @r: region
 *
 * Return: freed with the process. Context: consumer's setup().
 */
struct dirty_track *dirty_track_start(struct region *r);

/* The page is in the log. Between dirty_before() and dirty_after(). */
void dirty_logged(struct dirty_track *t, unsigned int page);

/* The call that makes these pages (t->log) tracked again was stopped on its way, and called again. */
void dirty_stopped(struct dirty_track *t);

/**
 * dirty_before - a harvest starts: remember which stores are over
 * @t: the region
 *
 * Before the log is read; t->log is cleared. Context: a worker's thread.
 */
void dirty_before(struct dirty_track *t);

/**
 * dirty_after - the log was read and cleared, and pages are tracked again
 * @t: the region; t->log has what was in the log
 * @how: "bitmap", "manual" or "ring"
 *
 * Judges, and starts the next round. Context: the same.
 */
void dirty_after(struct dirty_track *t, const char *how);

#endif /* ORACLES_DIRTY_H */
