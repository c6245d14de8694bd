// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugetlb, 2 MiB: the host can only map, unmap, protect and drop all 512 pages together.
 */
#include <linux/mman.h>
#include <sys/mman.h>

#include "core/backing.h"

static int hugetlb_init(struct region *r)
{
	/*
	 * The memslot injector maps the new place before it unmaps the old one; and a fault under
	 * way holds a page that is dropped meanwhile, where KVM takes references (until 6.12), its
	 * async work as well.
	 */
	return backing_hugetlb_pool(r, "2048kB",
				    2 * r->nr / r->ops->granule + 2 * r->run->nr_vcpus);
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
