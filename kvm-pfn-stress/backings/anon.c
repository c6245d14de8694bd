// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory, 4 KiB pages.
 */
#include <errno.h>
#include <sys/mman.h>

#include "plugins.h"

static int anon_map(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	void *p = mmap((void *)(hva + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE,
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)r;
	return p == MAP_FAILED ? -errno : 0;
}

const struct backing_ops backing_anon = {
	.name = "anon",
	.describe = "private anonymous memory in 4 KiB pages",
	.dontneed = DONTNEED_LOSES,
	.cow = true,
	.poisonable = true,
	.exec = true,
	.map = anon_map,
};
