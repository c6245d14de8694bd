// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the host has mapped with PROT_READ only: loads work, stores are EFAULT. The fill stamp
 * comes through another mapping.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "core/backing.h"

static int protread_init(struct region *r)
{
	r->fd = memfd_create("kvm-pfn-stress", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE))
		return backing_skip(r, "memfd_create");
	return 0;
}

const struct backing_ops backing_protread = {
	.name = "protread",
	.describe = "a shared memfd that is mapped PROT_READ",
	.dontneed = DONTNEED_KEEPS,
	.exec = true,
	.read_only = true,
	.init = protread_init,
	.fini = backing_close,
	.map = backing_map_file,
	.fill = backing_fill_file,
};
