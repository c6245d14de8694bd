// SPDX-License-Identifier: GPL-2.0-only
/*
 * Non-fatal signals to vCPU threads. KVM_RUN may end with EINTR, and the fault is done again: nothing
 * may be lost and nothing may be done twice.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "injectors/inject.h"

static unsigned int kick_step(struct worker *w)
{
	struct shared *sh = w->run->sh;
	struct worker_shared *ws = &sh->worker[rng_below(&w->rng, w->run->nr_vcpus)];
	unsigned long none = 0;

	atomic_compare_exchange_strong(&ws->kicked_ns, &none, now_ns());
	/* vCPU workers come first in the table (engine.c) */
	return !syscall(SYS_tgkill, getpid(), atomic_load(&ws->tid), SIGUSR1);
}

const struct injector_ops injector_kick = {
	.name = "kick",
	.describe = "send vCPU threads a signal that they handle",
	.gap_us = 2000,
	.step = kick_step,
};
