// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_memfd that only guests can touch, in a VM of a type with private memory: a fault takes the page
 * from the file if the gfn's attribute is private (kvm_mmu_faultin_pfn_private(), 7.3 ..._gmem()), and
 * from the host's mapping, anonymous memory here, while it is shared (injectors/convert.c). The host has
 * no stamp to write: a page that comes back is zeroes, and what is checked are the words of the vCPUs.
 */
#include <sys/ioctl.h>

#include "core/backing.h"
#include "core/compat.h"

static int guest_memfd_private_init(struct region *r)
{
	struct compat_guest_memfd g = { .size = r->nr * GUEST_PAGE_SIZE };

	r->fd = ioctl(r->run->vm->fd, COMPAT_CREATE_GUEST_MEMFD, &g);
	return r->fd < 0 ? backing_skip(r, "KVM_CREATE_GUEST_MEMFD") : 0;
}

const struct backing_ops backing_guest_memfd_private = {
	.name = "guest-memfd-private",
	.describe = "guest_memfd that only guests can touch",
	.dontneed = DONTNEED_KEEPS,	/* it, and a new memslot: the file has the pages */
	.exec = true,
	.slot_flags = KVM_MEM_GUEST_MEMFD,
	.no_vma = true,
	.guest_only = true,
	/* KVM goes by the host's address there, or (nested) takes an L2 address for the guest's */
	.apart = "emulated nested pfncache pfncache-hva pv-time smm",
	.init = guest_memfd_private_init,
	.fini = backing_close,
	.map = backing_map_anon,
	.zap = backing_punch,
};
