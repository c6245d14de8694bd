/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ENGINE_H
#define ENGINE_H

#include "core/run.h"

/**
 * engine_run - run one scenario in this process
 * @sc: what
 * @sh: shared with the supervisor, which ends the run by sh->stop
 * @seed: everything random comes from it
 * @vcpus: from the command line; the scenario may say otherwise
 * @explorers: letters of a run that is replayed, or NULL
 *
 * Return: exit status of the child: 0 (failures are in @sh), 4 with sh->skip_reason.
 * Context: main thread of a child of the supervisor.
 */
int engine_run(const struct scenario *sc, struct shared *sh, uint64_t seed, unsigned int vcpus,
	       const char *explorers);

/* Pages and vCPUs that the scenario will use; for sizing the control area before the fork. */
unsigned int engine_pages(const struct scenario *sc);

#endif /* ENGINE_H */
