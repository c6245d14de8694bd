// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the host has mapped with PROT_READ only: loads work, stores are EFAULT. The fill stamp
 * comes through another mapping.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/backing.h"

static int protread_init(struct region *r)
{
	r->fd = memfd_create("kvm-pfn-stress", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE))
		return backing_skip(r, "memfd_create");
	return 0;
}

static int protread_map(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	void *p = mmap((void *)(hva + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE, PROT_READ,
		       MAP_SHARED | MAP_FIXED, r->fd, first * GUEST_PAGE_SIZE);

	return p == MAP_FAILED ? -errno : 0;
}

static int protread_fill(struct region *r, unsigned int page, uint64_t stamp)
{
	void *p = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       page * GUEST_PAGE_SIZE);

	if (p == MAP_FAILED)
		return -errno;
	arch_fill(p, stamp);
	munmap(p, GUEST_PAGE_SIZE);
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
	.map = protread_map,
	.fill = protread_fill,
};
