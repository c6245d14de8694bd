// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory: shmem pages without a file descriptor. One mapping that no injector
 * touches keeps the pages; mremap() with an old size of 0 makes further mappings of them.
 */
#include <errno.h>
#include <sys/mman.h>

#include "core/backing.h"

static int shmem_init(struct region *r)
{
	r->priv = mmap(NULL, r->nr * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return r->priv == MAP_FAILED ? backing_skip(r, "mmap") : 0;
}

static void shmem_fini(struct region *r)
{
	munmap(r->priv, r->nr * GUEST_PAGE_SIZE);
}

static int shmem_map(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	char *from = r->priv;
	void *p = mremap(from + first * GUEST_PAGE_SIZE, 0, nr * GUEST_PAGE_SIZE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(hva + first * GUEST_PAGE_SIZE));

	return p == MAP_FAILED ? -errno : 0;
}

const struct backing_ops backing_shmem = {
	.name = "shmem",
	.describe = "shared anonymous memory in 4 KiB pages",
	.dontneed = DONTNEED_KEEPS,
	.exec = true,
	.init = shmem_init,
	.fini = shmem_fini,
	.map = shmem_map,
};
