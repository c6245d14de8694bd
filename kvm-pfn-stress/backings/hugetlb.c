// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb, 2 MiB: the host can only map, unmap, protect and drop all 512 pages together.
 */
#include <linux/mman.h>
#include <sys/mman.h>

#include "core/backing.h"

static int hugetlb_init(struct region *r)
{
	/* the memslot injector maps the new place before it unmaps the old one */
	return backing_hugetlb_pool(r, "2048kB", 2 * r->nr / r->ops->granule);
}

const struct backing_ops backing_hugetlb = {
	.name = "hugetlb",
	.describe = "hugetlb pages of 2 MiB",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.granule = 512,
	.huge = 512,
	.mmap_flags = MAP_HUGETLB | MAP_HUGE_2MB,
	.init = hugetlb_init,
	.map = backing_map_anon,
};
