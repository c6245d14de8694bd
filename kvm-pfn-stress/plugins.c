// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables: one line for each plug-in, sorted. Nothing else names them.
 */
#include <string.h>

#include "plugins.h"

#define BACKINGS(X) \
	X(alias) \
	X(anon) \
	X(file) \
	X(guest_memfd) \
	X(guest_memfd_private) \
	X(hole) \
	X(hugetlb) \
	X(hugetlb_1g) \
	X(ksm) \
	X(memfd) \
	X(memfd_secret) \
	X(misaligned) \
	X(mixedmap) \
	X(mixedmap_tail) \
	X(multi_vma) \
	X(node0) \
	X(node1) \
	X(pfnmap_fault) \
	X(pfnmap_huge) \
	X(pfnmap_remap) \
	X(pfnmap_ro) \
	X(pfnmap_tail) \
	X(protread) \
	X(readonly) \
	X(shmem) \
	X(swap) \
	X(thp) \
	X(thp_edges)

#define CONSUMERS(X) \
	X(async_pf) \
	X(dirty_log) \
	X(dirty_ring) \
	X(emulated) \
	X(nested) \
	X(own_ptes) \
	X(pfncache) \
	X(pfncache_hva) \
	X(prefault) \
	X(pv_time) \
	X(smm) \
	X(sweep) \
	X(vcpu)

#define INJECTORS(X) \
	X(aging) \
	X(break) \
	X(convert) \
	X(delay) \
	X(dirty_log) \
	X(dontneed) \
	X(fail_alloc) \
	X(fork) \
	X(gup_error) \
	X(hold) \
	X(kick) \
	X(kill) \
	X(ksm) \
	X(memcg) \
	X(memslot) \
	X(memslot_flags) \
	X(migrate) \
	X(mmap_storm) \
	X(mprotect) \
	X(mremap) \
	X(pageout) \
	X(params) \
	X(poison) \
	X(remap) \
	X(soft_offline) \
	X(thp) \
	X(uffd) \
	X(vm_churn) \
	X(writeback) \
	X(zap)

#define DECLARE_BACKING(n)	extern const struct backing_ops backing_##n;
#define DECLARE_CONSUMER(n)	extern const struct consumer_ops consumer_##n;
#define DECLARE_INJECTOR(n)	extern const struct injector_ops injector_##n;
#define ADDR_BACKING(n)		&backing_##n,
#define ADDR_CONSUMER(n)	&consumer_##n,
#define ADDR_INJECTOR(n)	&injector_##n,

BACKINGS(DECLARE_BACKING)
CONSUMERS(DECLARE_CONSUMER)
INJECTORS(DECLARE_INJECTOR)

static const struct backing_ops *const backings[] = { BACKINGS(ADDR_BACKING) };
static const struct consumer_ops *const consumers[] = { CONSUMERS(ADDR_CONSUMER) };
static const struct injector_ops *const injectors[] = { INJECTORS(ADDR_INJECTOR) };

#define FIND(table, n)							\
	do {								\
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)	\
			if (!strcmp(table[i]->name, n))			\
				return table[i];			\
		return NULL;						\
	} while (0)

const struct backing_ops *backing_find(const char *name)
{
	FIND(backings, name);
}

const struct consumer_ops *consumer_find(const char *name)
{
	FIND(consumers, name);
}

const struct injector_ops *injector_find(const char *name)
{
	FIND(injectors, name);
}
