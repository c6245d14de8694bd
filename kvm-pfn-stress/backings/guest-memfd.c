// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_memfd that the host can map: KVM takes pages from the file, whatever the host's mapping is
 * like (kvm_mmu_faultin_pfn_gmem()); only a hole punched into the file takes them away. Private:
 * guest-memfd-private.c.
 */
#include <sys/ioctl.h>

#include "core/backing.h"
#include "core/compat.h"

#define FLAGS	(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

static int guest_memfd_init(struct region *r)
{
	struct compat_guest_memfd g = { .size = r->nr * GUEST_PAGE_SIZE, .flags = FLAGS };
	int vm = r->run->vm->fd, has = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD_FLAGS);

	if (has < 0 || (has & FLAGS) != FLAGS) {
		snprintf(r->run->sh->skip_reason, sizeof(r->run->sh->skip_reason),
			 "guest-memfd: KVM_CAP_GUEST_MEMFD_FLAGS is %d: none that the host can map",
			 has);
		return -1;
	}
	r->fd = ioctl(vm, COMPAT_CREATE_GUEST_MEMFD, &g);
	return r->fd < 0 ? backing_skip(r, "KVM_CREATE_GUEST_MEMFD") : 0;
}

const struct backing_ops backing_guest_memfd = {
	.name = "guest-memfd",
	.describe = "guest_memfd that the host can map as well",
	.dontneed = DONTNEED_KEEPS,
	.exec = true,
	.slot_flags = KVM_MEM_GUEST_MEMFD,
	.no_vma = true,
	.init = guest_memfd_init,
	.fini = backing_close,
	.map = backing_map_file,
	.zap = backing_punch,
};
