// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows made wide: tasks sleep, or spin where they must not sleep, at the edges of KVM's windows.
 * The lengths are log-uniform and far below what any detector waits for.
 *
 *	vCPU					another injector
 *	----					----------------
 *	kvm_faultin_pfn(): pfn resolved
 *	  sleeps here				a complete invalidation: start, unmap, end
 *	mmu_lock; is_page_fault_stale()		<- must find it
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "injectors/inject.h"

static const struct point {
	const char *name;
	uint32_t max_us;
} points[PFNH_NR_POINTS] = {
	[PFNH_AT_PFN] = { "at-pfn", 10000 },
	[PFNH_AT_INVALIDATE] = { "at-invalidate", 5000 },
	[PFNH_AT_GPC] = { "at-pfncache", 10000 },
	[PFNH_AT_MEMSLOT] = { "at-memslot", 10000 },
	[PFNH_AT_FLUSH] = { "at-flush", 300 },
	[PFNH_AT_FLUSHED] = { "at-flushed", 300 },
	[PFNH_AT_GPC_INVALID] = { "at-pfncache-invalid", 5000 },
};

static const char *delay_unsupported(struct run *run)
{
	run->delays = true;
	return inject_hooks_unsupported(run, PFNH_HOOK(PFNH_HVA_TO_PFN) | PFNH_HOOK(PFNH_GUP_FAST) |
					PFNH_HOOK(PFNH_GUP) | PFNH_HOOK(PFNH_FOLLOW) |
					PFNH_HOOK(PFNH_FAULTIN) | PFNH_HOOK(PFNH_INVALIDATE) |
					PFNH_HOOK(PFNH_INVALIDATE_END) | PFNH_HOOK(PFNH_GPC) |
					PFNH_HOOK(PFNH_GPC_INVALIDATE) | PFNH_HOOK(PFNH_MEMSLOT) |
					PFNH_HOOK(PFNH_FLUSH) | PFNH_HOOK(PFNH_FLUSH_RANGE));
}

static unsigned int delay_step(struct worker *w)
{
	struct pfnh_delay d = { .min_us = 1, .seed = rng_next(&w->rng) }, off = { 0 };
	struct pfnh_delay_info before = { 0 }, after = { 0 };
	int fd = w->run->helper_fd;

	/* half of the time the window that all the others are about */
	d.point = rng_next(&w->rng) & 1 ? PFNH_AT_PFN : rng_below(&w->rng, PFNH_NR_POINTS);
	d.max_us = 1 + rng_log(&w->rng, points[d.point].max_us);
	d.policy.when = PFNH_EVERY;
	d.policy.n = 1 + rng_below(&w->rng, 8);
	before.point = after.point = off.point = d.point;
	record_op(w, points[d.point].name, 0, 0);
	ioctl(fd, PFNH_DELAY_INFO, &before);
	if (ioctl(fd, PFNH_DELAY, &d)) {
		inject_broken(w, NULL, "PFNH_DELAY");
		return 0;
	}
	usleep(2000 + rng_log(&w->rng, 20000));
	if (ioctl(fd, PFNH_DELAY, &off))
		inject_broken(w, NULL, "PFNH_DELAY");
	ioctl(fd, PFNH_DELAY_INFO, &after);
	return after.delayed - before.delayed;
}

static void delay_stop(struct worker *w)
{
	struct shared *sh = w->run->sh;
	struct pfnh_delay_info info;
	unsigned int p;

	for (p = 0; p < PFNH_NR_POINTS; p++) {
		info = (struct pfnh_delay_info){ .point = p };
		if (ioctl(w->run->helper_fd, PFNH_DELAY_INFO, &info) || !info.delayed)
			continue;
		count(sh, "inject", points[p].name, info.delayed);
		count(sh, "delay-us", points[p].name, (info.slept_ns + info.spun_ns) / 1000);
		if (p != PFNH_AT_PFN && p != PFNH_AT_GPC)
			continue;
		count(sh, "whole", points[p].name, info.whole);
		count(sh, "whole-here", points[p].name, info.whole_here);
	}
}

const struct injector_ops injector_delay = {
	.name = "delay",
	.describe = "make the windows between pfn, mmu_lock, invalidation and TLB flush wide",
	.gap_us = 3000,
	.unsupported = delay_unsupported,
	.stop = delay_stop,
	.step = delay_step,
};
