// SPDX-License-Identifier: GPL-2.0-only
/*
 * One hugetlb page of 1 GiB, of which the guest touches the first pages. Clearing it takes a second
 * or so, and most machines have no GiB in one piece: the scenario is skipped there.
 */
#include <linux/mman.h>
#include <sys/mman.h>

#include "core/backing.h"

static int hugetlb_1g_init(struct region *r)
{
	return backing_hugetlb_pool(r, "1048576kB", 1);
}

const struct backing_ops backing_hugetlb_1g = {
	.name = "hugetlb-1g",
	.describe = "a hugetlb page of 1 GiB",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.granule = 512 * 512,
	.huge = 512 * 512,
	.mmap_flags = MAP_HUGETLB | MAP_HUGE_1GB,
	.init = hugetlb_1g_init,
	.map = backing_map_anon,
};
