// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of a memslot without a VMA behind it: EFAULT, always.
 */
#include <errno.h>
#include <sys/mman.h>

#include "core/backing.h"

static int hole_init(struct region *r)
{
	r->mapped = PS_HOLE;
	return 0;
}

static int hole_map(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	return munmap((void *)(hva + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE) ? -errno : 0;
}

static int hole_fill(struct region *r, unsigned int page, uint64_t stamp)
{
	return -EFAULT;
}

const struct backing_ops backing_hole = {
	.name = "hole",
	.describe = "no host memory at all",
	.dontneed = DONTNEED_REFUSED,
	.no_vma = true,
	.init = hole_init,
	.map = hole_map,
	.fill = hole_fill,
};
