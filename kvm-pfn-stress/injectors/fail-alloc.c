// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own fault injection (fail_page_alloc, failslab): allocations of a vCPU's thread fail now
 * and then, those for page tables and those that GUP makes for the page itself.
 *
 *	vCPU					this thread
 *	----					-----------
 *						/proc/self/task/TID/make-it-fail
 *	fault: mmu_topup_memory_caches()
 *	ENOMEM; or GUP: -ENOMEM, EFAULT		outcome_injected(): right
 *						make-it-fail off
 *	fault: works				nothing stayed behind
 *
 * Needs CONFIG_FAULT_INJECTION_DEBUG_FS, CONFIG_FAIL_PAGE_ALLOC and CONFIG_FAILSLAB
 * (configs/kernel/debug.config). KVM's ioctls allocate memory, too: not beside
 * injectors after which a vCPU has to be moved on.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/proc.h"
#include "injectors/inject.h"

#define ROOT	"/sys/kernel/debug/"
#define MANY	1000000000ll

static const char *const attrs[] = { ROOT "fail_page_alloc", ROOT "failslab" };
static const char *const names[] = { "fail-page-alloc", "failslab" };

static char why_not[128];

static long long left(unsigned int i)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/times", attrs[i]);
	return proc_number(path, MANY);
}

static bool set(struct worker *w, const char *dir, const char *file, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return knob_set(w->run->sh, path, value, why_not, sizeof(why_not));
}

static void fail_alloc_start(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!set(w, attrs[i], "task-filter", "Y") || !set(w, attrs[i], "verbose", "0") ||
		    !set(w, attrs[i], "ignore-gfp-wait", "N") || !set(w, attrs[i], "interval", "1") ||
		    !set(w, attrs[i], "times", "1000000000") || !set(w, attrs[i], "probability", "20"))
			return;
	}
	/* pages for user space are "highmem" on x86-64, too */
	if (set(w, attrs[0], "min-order", "0") && set(w, attrs[0], "ignore-gfp-highmem", "N"))
		why_not[0] = 0;
}

static const char *fail_alloc_unsupported(struct run *run)
{
	(void)run;
	return why_not[0] ? why_not : NULL;
}

static unsigned int fail_alloc_step(struct worker *w)
{
	unsigned int v = rng_below(&w->rng, w->run->nr_vcpus), i, n = 0;
	struct worker_shared *ws = &w->run->sh->worker[v];	/* vCPU workers come first */
	long long before[2] = { left(0), left(1) };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/make-it-fail", atomic_load(&ws->tid));
	record_op(w, "make-it-fail", 0, 0);
	atomic_store(&ws->alloc_fails_ns, ~0ul);
	if (proc_write(path, "1"))
		inject_broken(w, NULL, "make-it-fail");
	usleep(1000 + rng_log(&w->rng, 20000));
	if (proc_write(path, "0"))
		inject_broken(w, NULL, "make-it-fail");
	atomic_store(&ws->alloc_fails_ns, now_ns());
	for (i = 0; i < 2; i++) {
		unsigned int fired = before[i] - left(i);

		count(w->run->sh, "inject", names[i], fired);
		n += fired;
	}
	return n;
}

const struct injector_ops injector_fail_alloc = {
	.name = "fail-alloc",
	.describe = "allocations of vCPU threads fail (the kernel's fail_page_alloc and failslab)",
	.gap_us = 2000,
	.unsupported = fail_alloc_unsupported,
	.start = fail_alloc_start,
	.step = fail_alloc_step,
};
