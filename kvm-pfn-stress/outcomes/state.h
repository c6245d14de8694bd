/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a page gets into each state of the outcome table, and out of it again.
 */
#ifndef OUTCOMES_STATE_H
#define OUTCOMES_STATE_H

#define CELL_TABLE_GVA	0x7100100000ul	/* translated by the page itself, far behind its stamps */

#include "core/region.h"
#include "outcomes/table.h"

struct state {
	struct run *run;
	const struct outcome_cell *cell;
	struct region *r;	/* page 0 is the one */
	uint64_t hva;
	uint64_t content;	/* what a load must see: the fill stamp, or 0 */
	uint64_t pfn;		/* for the failure card */
	uint32_t slot_flags;	/* KVM_MEM_* */
	uint64_t pte_mode;	/* enum window_mode, of the guest's own PTE */
	bool no_slot;
	bool refused;		/* KVM has refused a change of the memslot */
	bool slot_changes;	/* after it was used */
	uint64_t other_hva;	/* memory that it was over before, 0 */
	bool stale_root;	/* memslots change without a KVM_RUN before the access */
	int poison;		/* slot in sh->poison, -1 */
	pid_t child;		/* ST_COW: has the page too */
	int pipe;
	bool scripted;		/* the fault handler has a script, */
	int rule;		/* or an error is injected: its rule, -1 */
};

/**
 * state_enter - a region of the cell's backing whose page 0 is in the cell's state
 * @st: run and cell are set
 *
 * Return: true, or false with the reason in run->sh->skip_reason. Call state_leave() in either
 * case.
 */
bool state_enter(struct state *st);

/* ST_SLOT_REPLACED: other memory, at st->hva; what was there stays where it is. */
void state_replace(struct state *st);

/**
 * state_poison_file - poison the page that the region's file has first, mapped or not
 *
 * Return: true, or false with the reason in run->sh->skip_reason; state_leave() heals it.
 */
bool state_poison_file(struct state *st);

/**
 * state_page_out - the page goes to swap, or to its disk
 *
 * Of a backing with P_RECLAIM. Return: true, or false with the reason in run->sh->skip_reason.
 */
bool state_page_out(struct state *st);

/* What holds during the access only: signal masks and handlers, errors without an address. */
void state_hold(struct state *st, bool on);

/* Is the cell about a series of accesses, some of which fail? */
bool state_series(const struct state *st);

/* The page is as it was before, for the next access of a series. */
void state_again(struct state *st);

/* Did those fail that had to? @failed: a bit for each of @nr accesses, at most 64. */
bool state_series_right(const struct state *st, unsigned int nr, uint64_t failed);

/* After the access: the host can look at the page again, where that changes nothing for the guest. */
void state_map(struct state *st);

/* After a refused access: is the page as it was, as far as the host can see? */
bool state_untouched(const struct state *st);

/* After a completed access: do others that shared the page, or the zero page, have what they had? */
bool state_shared_kept(struct state *st);

/* Does the state have something that goes wrong and can be mended? */
bool state_mendable(const struct state *st);

/* Did what was to go wrong go wrong? */
bool state_fired(const struct state *st);

/* From here on nothing goes wrong any more. */
void state_mend(struct state *st);

void state_leave(struct state *st);

#endif /* OUTCOMES_STATE_H */
