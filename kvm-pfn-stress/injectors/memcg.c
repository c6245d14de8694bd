// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reclaim by the program's own memory cgroup, as a container's limit does it: whatever is charged to it
 * may go to swap or out of the page cache, and comes back with the next access. No claims: which pages,
 * and when, is up to the kernel, and the content stays.
 *
 *	vCPU					this thread
 *	----					-----------
 *						memory.high goes down
 *	fault: memory for page tables is
 *	charged, above the limit: reclaims
 *	in its own fault			memory.reclaim: unmap: start, swap entry, end
 *	is_page_fault_stale()? must be true
 *
 * Asks the guest's accessed bits on its way (clear_flush_young() and clear_young() of KVM), on 6.1 too.
 * memory.max is left alone: who can't go below it is killed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/proc.h"
#include "injectors/inject.h"

#define MIN_KIB	64
#define MAX_KIB	1024	/* a step is over long before the watchdog takes it for stuck */

static char dir[100], why_not[128];

static int put(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return proc_write(path, value);
}

static long long number(const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return proc_number(path, 0);
}

static void memcg_start(struct worker *w)
{
	char pid[16], path[128];

	why_not[0] = 0;
	if (!knob_cgroup(w->run->sh, "memory", dir, sizeof(dir), why_not, sizeof(why_not)))
		return;
	snprintf(path, sizeof(path), "%s/memory.reclaim", dir);
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (access(path, W_OK))
		snprintf(why_not, sizeof(why_not), "no memory.reclaim (5.19)");
	else if (put("cgroup.procs", pid))
		snprintf(why_not, sizeof(why_not), "cannot join %.100s", dir);
}

static bool goes_out(const struct region *r)
{
	return r->ops->on_disk || (inject_movable(r) && proc_field("/proc/meminfo", "SwapTotal:") > 0);
}

static const char *memcg_unsupported(struct run *run)
{
	if (why_not[0])
		return why_not;
	return inject_any(run, goes_out) ? NULL : "no swap, and no region in a file on a disk";
}

static unsigned long stolen(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/memory.stat", dir);
	return proc_field(path, "pgsteal ");
}

static unsigned int memcg_step(struct worker *w)
{
	unsigned long kib = MIN_KIB + rng_log(&w->rng, MAX_KIB), before = stolen();
	bool high = !rng_below(&w->rng, 3);
	char text[32];

	record_op(w, high ? "memory.high" : "memory.reclaim", 0, kib / 4);
	if (high) {
		/* a little: who is far above it is made to sleep for long */
		snprintf(text, sizeof(text), "%lld", number("memory.current") - (kib << 10) / 8);
		if (put("memory.high", text))
			inject_broken(w, NULL, "memory.high");
		usleep(rng_log(&w->rng, 2000));
		if (put("memory.high", "max"))
			inject_broken(w, NULL, "memory.high");
	} else {
		snprintf(text, sizeof(text), "%luK", kib);
		put("memory.reclaim", text);	/* EAGAIN: it was less */
	}
	return stolen() - before;
}

const struct injector_ops injector_memcg = {
	.name = "memcg",
	.describe = "the memory cgroup reclaims pages, on demand and below a limit",
	.gap_us = 5000,
	.unsupported = memcg_unsupported,
	.start = memcg_start,
	.step = memcg_step,
};
