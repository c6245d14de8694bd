// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared memfd, 4 KiB pages: other processes can map it too, and its pages outlive a mapping.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "core/backing.h"

static int memfd_init(struct region *r)
{
	r->fd = memfd_create("kvm-pfn-stress", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE))
		return backing_skip(r, "memfd_create");
	return 0;
}

const struct backing_ops backing_memfd = {
	.name = "memfd",
	.describe = "a shared memfd in 4 KiB pages",
	.dontneed = DONTNEED_KEEPS,
	.fork_mapped = true,
	.poisonable = true,
	.exec = true,
	.init = memfd_init,
	.fini = backing_close,
	.map = backing_map_file,
};
