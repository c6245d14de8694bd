/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracles that the supervisor runs between scenarios, when no child is there.
 */
#ifndef ORACLES_OUTSIDE_H
#define ORACLES_OUTSIDE_H

#include "core/run.h"

/* Oracle 7: the kernel's log and taint. Start reading at the end of what is there now. */
void kernel_log_start(void);
/* Judge everything that came since. */
void kernel_log_check(struct shared *sh);

/* Oracle 8: resources return to the baseline. */
void resources_baseline(void);
void resources_check(struct shared *sh);

#endif /* ORACLES_OUTSIDE_H */
