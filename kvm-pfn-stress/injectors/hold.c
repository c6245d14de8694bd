// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module holds mmap_lock for writing for a while: faults that need it wait, and a fatal signal
 * finds them waiting (mmap_read_lock_killable() in GUP). A signal that does not kill waits as they do
 * (docs/findings/s8.md): the longest hold and the longest kick are counted.
 */
#include <sys/ioctl.h>

#include "injectors/inject.h"

static const char *hold_unsupported(struct run *run)
{
	return run->helper_fd < 0 ? "the helper module is not loaded" : NULL;
}

static unsigned int hold_step(struct worker *w)
{
	struct pfnh_hold h = { .us = rng_log(&w->rng, 4000) };
	uint64_t start;

	if (atomic_load(&w->run->sh->aim_kill))
		h.us = 20000 + rng_below(&w->rng, 80000);
	record_op(w, "mmap_lock held", 0, 0);
	start = now_ns();
	if (ioctl(w->run->helper_fd, PFNH_HOLD, &h))
		inject_broken(w, NULL, "PFNH_HOLD");
	count_longest(w->run->sh, "longest", "hold-us", (now_ns() - start) / 1000);
	return 1;
}

const struct injector_ops injector_hold = {
	.name = "hold",
	.describe = "hold mmap_lock for writing for up to 4 ms",
	.gap_us = 4000,
	.unsupported = hold_unsupported,
	.step = hold_step,
};
