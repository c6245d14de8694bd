/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracles that the supervisor runs: most between scenarios, when no child is there.
 */
#ifndef ORACLES_OUTSIDE_H
#define ORACLES_OUTSIDE_H

#include "core/run.h"

/* Oracle 7: the kernel's log and taint. Start reading at the end of what is there now. */
void kernel_log_start(void);
/* Judge what came since, while the scenario runs: nothing that was said after a splat is its cause. */
void kernel_log_poll(struct shared *sh);
/* The same at the end, with what was only half said, and the taint. */
void kernel_log_check(struct shared *sh);

/* Oracle 8: resources return to the baseline. */
void resources_baseline(void);
/* Which of them this kernel does not show: nothing is checked there. After resources_baseline(). */
void resources_unseen(char *buf, size_t len);
void resources_check(struct shared *sh);

/**
 * process_born - before the fork: something to know its memory by
 *
 * process_has() in the child; process_gone() when it was reaped, which waits a while: nobody may hold a
 * reference to its mm for good (mmget(): asynchronous page faults), whose memory never came back.
 * Context: the supervisor, one child at a time.
 */
void process_born(void);
void process_has(struct shared *sh);
void process_gone(struct shared *sh);

#endif /* ORACLES_OUTSIDE_H */
