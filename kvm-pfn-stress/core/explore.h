/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Explorers: ways to make faults and invalidations meet, of which one has its turn at a time. Which
 * one is best depends on the scenario, the kernel and the machine; so those that earn near misses
 * get more turns, and none gets all.
 */
#ifndef CORE_EXPLORE_H
#define CORE_EXPLORE_H

#include "core/run.h"

#define EXPLORE_MS	75		/* a turn */

/* Before workers run. Context: main thread of the child. */
void explore_start(struct run *run);

/**
 * explore_turn - end the turn under way, credit it with what it earned, begin the next
 * @run: the scenario; near_collect() is up to date
 * @record: letters to follow, or NULL: choose by what was earned. Where it ends, choose
 *
 * The choice is added to sh->explored, since what was earned depends on timing; everything else about
 * a turn is drawn from the seed and its number. Context: main thread of the child.
 */
void explore_turn(struct run *run, const char *record);

/* End the turn under way. Context: main thread of the child. */
void explore_stop(struct run *run);

#endif /* CORE_EXPLORE_H */
