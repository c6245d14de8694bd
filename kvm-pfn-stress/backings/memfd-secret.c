// SPDX-License-Identifier: GPL-2.0-only
/*
 * memfd_secret(): the host's user may touch these pages, the kernel may not, and GUP refuses them
 * (folio_fast_pin_allowed(), check_vma_flags()): each access of a guest is EFAULT.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "core/backing.h"

static int memfd_secret_init(struct region *r)
{
	r->fd = syscall(SYS_memfd_secret, 0);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE))
		return backing_skip(r, "memfd_secret (secretmem.enable=1)");
	r->mapped = PS_REFUSED;
	return 0;
}

const struct backing_ops backing_memfd_secret = {
	.name = "memfd-secret",
	.describe = "memfd_secret(), which KVM must refuse to map",
	.dontneed = DONTNEED_REFUSED,
	.init = memfd_secret_init,
	.fini = backing_close,
	.map = backing_map_file,
};
