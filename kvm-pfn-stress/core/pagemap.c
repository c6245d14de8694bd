// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <numa.h>
#include <string.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "guest.h"

void pagemap_read(uint64_t hva, unsigned int nr, uint64_t *e)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t want = nr * sizeof(*e);

	if (fd < 0 || pread(fd, e, want, (hva >> GUEST_PAGE_SHIFT) * sizeof(*e)) != want)
		memset(e, 0, want);
	if (fd >= 0)
		close(fd);
}

unsigned int pagemap_moved(uint64_t hva, unsigned int nr, const uint64_t *before)
{
	uint64_t e[64];
	unsigned int i, k, n = 0;

	for (i = 0; i < nr; i += k) {
		unsigned int part = nr - i < 64 ? nr - i : 64;

		pagemap_read(hva + i * GUEST_PAGE_SIZE, part, e);
		for (k = 0; k < part; k++)
			n += pm_pfn(e[k]) && pm_pfn(before[i + k]) &&
			     pm_pfn(e[k]) != pm_pfn(before[i + k]);
	}
	return n;
}

bool pagemap_drain(uint64_t hva)
{
	void *page = (void *)hva;
	int node = 0, status;

	if (numa_move_pages(0, 1, &page, NULL, &node, 0))
		return false;
	if (node < 0)
		node = 0;
	return !numa_move_pages(0, 1, &page, &node, &status, 0);
}
