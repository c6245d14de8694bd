// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/backing.h"
#include "core/knob.h"
#include "core/proc.h"

int backing_skip(struct region *r, const char *what)
{
	snprintf(r->run->sh->skip_reason, sizeof(r->run->sh->skip_reason), "%s: %s: %s",
		 r->ops->name, what, strerror(errno));
	return -1;
}

static bool has_properties(const struct region *r)
{
	return r->ops->advice || r->ops->node;
}

static int full_prot(const struct region *r)
{
	return PROT_READ | (r->ops->read_only ? 0 : PROT_WRITE);
}

/*
 * Before its first page comes the VMA has to be like its neighbours: with an anon_vma of its own it
 * would never be merged with them, and what is in pieces gets no huge pages. Nobody has access yet.
 */
static int prepare(const struct region *r, void *p, size_t len)
{
	unsigned long mask = 1ul << r->ops->node >> 1;

	if (!has_properties(r))
		return 0;
	if (r->ops->advice && madvise(p, len, r->ops->advice))
		return -errno;
	/* one bit more than there are: the kernel takes one off. libkvm hides numaif.h. */
	if (mask && syscall(SYS_mbind, p, len, MPOL_BIND, &mask, r->ops->node + 1, 0))
		return -errno;
	return mprotect(p, len, full_prot(r)) ? -errno : 0;
}

static int first_prot(const struct region *r)
{
	return has_properties(r) ? PROT_NONE : full_prot(r);
}

int backing_map_anon(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	/* what maps all of it maps all around it */
	size_t apron = nr == r->nr ? r->ops->apron * GUEST_PAGE_SIZE : 0;
	size_t len = region_bytes(r, nr) + 2 * apron;
	void *p = mmap((void *)(hva + first * GUEST_PAGE_SIZE - apron), len, first_prot(r),
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | r->ops->mmap_flags, -1, 0);

	return p == MAP_FAILED ? -errno : prepare(r, p, len);
}

int backing_map_file(struct region *r, uint64_t hva, unsigned int first, unsigned int nr)
{
	size_t len = region_bytes(r, nr);
	void *p = mmap((void *)(hva + first * GUEST_PAGE_SIZE), len, first_prot(r),
		       MAP_SHARED | MAP_FIXED | r->ops->mmap_flags, r->fd,
		       r->fd_offset + first * GUEST_PAGE_SIZE);

	return p == MAP_FAILED ? -errno : prepare(r, p, len);
}

int backing_fill_file(struct region *r, unsigned int page, uint64_t stamp)
{
	void *p = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       page * GUEST_PAGE_SIZE);

	if (p == MAP_FAILED)
		return -errno;
	arch_fill(p, stamp);
	munmap(p, GUEST_PAGE_SIZE);
	return 0;
}

#define THP	"/sys/kernel/mm/transparent_hugepage/"

int backing_init_thp(struct region *r)
{
	static const struct {
		const char *path, *value;
	} knobs[] = {
		{ THP "khugepaged/pages_to_scan", "1" },
		{ THP "khugepaged/max_ptes_none", "0" },
		{ THP "khugepaged/scan_sleep_millisecs", "60000" },
		{ THP "defrag", "madvise" },	/* faults may compact to get a huge page */
		{ THP "enabled", "madvise" },
	};
	size_t i;

	for (i = 0; i < sizeof(knobs) / sizeof(*knobs); i++)
		if (!knob_set_or_skip(r->run->sh, knobs[i].path, knobs[i].value))
			return -1;
	return 0;
}

void backing_close(struct region *r)
{
	close(r->fd);
}

int backing_punch(struct region *r, unsigned int first, unsigned int nr)
{
	return fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 r->fd_offset + first * GUEST_PAGE_SIZE, region_bytes(r, nr)) ? -errno : 0;
}

static long long pool_number(const char *size, const char *what, char *path, size_t len)
{
	snprintf(path, len, "/sys/kernel/mm/hugepages/hugepages-%s/%s", size, what);
	return proc_number(path, -1);
}

int backing_hugetlb_pool(struct region *r, const char *size, unsigned int nr)
{
	char path[96], text[32];
	long long unused = pool_number(size, "free_hugepages", path, sizeof(path)) -
			   pool_number(size, "resv_hugepages", path, sizeof(path));
	long long all = pool_number(size, "nr_hugepages", path, sizeof(path));

	if (all < 0) {
		errno = ENOENT;
		return backing_skip(r, path);
	}
	if (unused >= nr)
		return 0;
	snprintf(text, sizeof(text), "%lld", all + nr - unused);
	return knob_set_or_skip(r->run->sh, path, text) ? 0 : -1;
}
