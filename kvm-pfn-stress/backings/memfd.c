// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared memfd, 4 KiB pages: other processes can map it too, and its pages outlive a mapping.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugins.h"

static int memfd_init(struct region *r)
{
	r->fd = memfd_create("kvm-pfn-stress", MFD_CLOEXEC);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE)) {
		snprintf(r->run->sh->skip_reason, sizeof(r->run->sh->skip_reason),
			 "memfd_create: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static void memfd_fini(struct region *r)
{
	close(r->fd);
}

static int memfd_map(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	void *p = mmap((void *)(hva + first * GUEST_PAGE_SIZE), nr * GUEST_PAGE_SIZE,
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r->fd,
		       first * GUEST_PAGE_SIZE);

	return p == MAP_FAILED ? -errno : 0;
}

const struct backing_ops backing_memfd = {
	.name = "memfd",
	.describe = "a shared memfd in 4 KiB pages",
	.dontneed = DONTNEED_KEEPS,
	.fork_mapped = true,
	.poisonable = true,
	.exec = true,
	.init = memfd_init,
	.fini = memfd_fini,
	.map = memfd_map,
};
