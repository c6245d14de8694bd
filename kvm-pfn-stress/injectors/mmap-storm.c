// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers of mmap_lock: mmap(), touch, munmap() of memory that no guest sees. Faults that need
 * mmap_lock wait for it; invalidations of this range bump KVM's sequence count for nothing.
 */
#include <sys/mman.h>

#include "injectors/inject.h"

#define STORM_SIZE	(16 * GUEST_PAGE_SIZE)

static unsigned int storm_step(struct worker *w)
{
	unsigned int i, n = rng_log(&w->rng, 32);

	for (i = 0; i < n && !run_stopping(w->run); i++) {
		char *p = mmap(NULL, STORM_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			inject_broken(w, NULL, "mmap");
			break;
		}
		p[rng_below(&w->rng, STORM_SIZE)] = 1;
		munmap(p, STORM_SIZE);
	}
	return i;
}

const struct injector_ops injector_mmap_storm = {
	.name = "mmap-storm",
	.describe = "fight for mmap_lock by mmap() and munmap() of other memory",
	.gap_us = 200,
	.step = storm_step,
};
