// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's parameters that may change while VMs run. nx_huge_pages takes all mappings of all VMs away
 * and wakes the thread that zaps pages which were split for it; its ratio and period let that run
 * often.
 *
 *	vCPU					this thread
 *	----					-----------
 *	exec: huge page, NX: split
 *						set_nx_huge_pages(): kvm_mmu_zap_all_fast()
 *	stale: obsolete root
 *						recovery: zap the split ones
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/proc.h"
#include "injectors/inject.h"

#define PARAM	"/sys/module/kvm/parameters/"

static const struct param {
	const char *path, *value[3];
} params[] = {
	{ PARAM "nx_huge_pages", { "Y", "N", "Y" } },
	{ PARAM "nx_huge_pages_recovery_ratio", { "1", "60", "0" } },
	{ PARAM "nx_huge_pages_recovery_period_ms", { "5", "100", "1000" } },
	{ PARAM "eager_page_split", { "Y", "N", "Y" } },
	{ PARAM "flush_on_reuse", { "Y", "N", "Y" } },
};

#define NR_PARAMS	(sizeof(params) / sizeof(*params))

/* Which can be set here; knob_set() has seen to it that they get back what they were. */
static bool settable[NR_PARAMS];
static char why_not[96];

static void params_start(struct worker *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_PARAMS; i++) {
		settable[i] = knob_set(w->run->sh, params[i].path, params[i].value[0], why_not,
				       sizeof(why_not));
		n += settable[i];
	}
	if (n)
		why_not[0] = 0;
}

static const char *params_unsupported(struct run *run)
{
	return why_not[0] ? why_not : NULL;
}

static unsigned int params_step(struct worker *w)
{
	unsigned int i = rng_below(&w->rng, NR_PARAMS);

	/* half of all: the one that zaps */
	if (rng_next(&w->rng) & 1)
		i = 0;
	if (!settable[i])
		return 0;
	/* in a hot phase too: with nothing mapped for long there is nothing to race with */
	usleep(1000 + rng_log(&w->rng, 10000));
	record_op(w, strrchr(params[i].path, '/') + 1, 0, 0);
	if (proc_write(params[i].path, params[i].value[rng_below(&w->rng, 3)]))
		inject_broken(w, NULL, "parameter");
	return 1;
}

const struct injector_ops injector_params = {
	.name = "params",
	.describe = "change KVM's parameters that may change at run time, nx_huge_pages above all",
	.unsupported = params_unsupported,
	.start = params_start,
	.step = params_step,
};
