// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages move to the other NUMA node: move_pages(), mbind(MPOL_MF_MOVE), or migrate_pages() for the
 * whole process. The content moves with them.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: pfn = hva_to_pfn(hva)
 *						invalidate: start, migration entry, end
 *	is_page_fault_stale()? must be true
 *	map pfn					copy, new PTE
 *	store to the old page			<- the store is lost
 */
#include <linux/mempolicy.h>
#include <numa.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "injectors/inject.h"

#define MAX_MIGRATE	32	/* pages, but huge ones are moved whole */

enum how { MOVE_PAGES, MBIND, MIGRATE_PAGES, NR_HOW };

static const char *const op_names[NR_HOW] = { "move_pages", "mbind", "migrate_pages" };

static const char *migrate_unsupported(struct run *run)
{
	if (numa_available() < 0)
		return "no NUMA in this kernel";
	if (numa_num_configured_nodes() < 2)
		return "only one NUMA node";
	return inject_any(run, inject_movable) ? NULL : "no region whose pages can be moved";
}

/* A node with memory that is not this one. */
static int other_node(struct worker *w, int node)
{
	int n, nr = numa_num_possible_nodes(), at = rng_below(&w->rng, nr);

	for (n = 0; n < nr; n++, at = (at + 1) % nr)
		if (at != node && numa_bitmask_isbitset(numa_all_nodes_ptr, at))
			return at;
	return node;
}

static void by_move_pages(struct worker *w, uint64_t hva, unsigned int nr)
{
	int *status = calloc(nr, sizeof(*status)), *nodes = calloc(nr, sizeof(*nodes));
	void **pages = calloc(nr, sizeof(*pages));
	unsigned int i;

	for (i = 0; i < nr; i++)
		pages[i] = (void *)(hva + i * GUEST_PAGE_SIZE);
	if (!numa_move_pages(0, nr, pages, NULL, status, 0)) {
		for (i = 0; i < nr; i++)
			nodes[i] = other_node(w, status[i]);
		numa_move_pages(0, nr, pages, nodes, status, MPOL_MF_MOVE);
	}
	free(status);
	free(nodes);
	free(pages);
}

static int node_of(uint64_t hva)
{
	void *page = (void *)hva;
	int status = -1;

	return numa_move_pages(0, 1, &page, NULL, &status, 0) ? -1 : status;
}

/* numaif.h of libnuma hides behind one of the selftests library, which has no mbind() in 6.1. */
static void set_policy(uint64_t hva, uint64_t size, int policy, const struct bitmask *to,
		       unsigned int flags)
{
	syscall(SYS_mbind, hva, size, policy, to ? to->maskp : NULL, to ? to->size + 1 : 0, flags);
}

/* The policy goes back to the default, so that neighbouring VMAs become one again. */
static void by_mbind(struct worker *w, uint64_t hva, uint64_t size)
{
	struct bitmask *to = numa_allocate_nodemask();

	numa_bitmask_setbit(to, other_node(w, node_of(hva)));
	set_policy(hva, size, MPOL_BIND, to, MPOL_MF_MOVE);
	set_policy(hva, size, MPOL_DEFAULT, NULL, 0);
	numa_free_nodemask(to);
}

/* Only some of the pages: neither the process nor a busy page has to move. */
static unsigned int migrate_range(struct worker *w, enum how how)
{
	unsigned int first, nr, moved;
	struct region *r = inject_claim(w, MAX_MIGRATE | CLAIM_HUGE, &first, &nr, inject_movable);
	uint64_t *before, hva;

	if (!r)
		return 0;
	hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	record_op(w, op_names[how], r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, false);
	before = calloc(nr, sizeof(*before));
	pagemap_read(hva, nr, before);
	/* the policy of a backing stays what it is */
	if (how == MOVE_PAGES || r->ops->node)
		by_move_pages(w, hva, nr);
	else
		by_mbind(w, hva, region_bytes(r, nr));
	moved = pagemap_moved(hva, nr, before);
	pages_end(r, first, nr, r->mapped, false);
	region_release(r, first, nr);
	free(before);
	return moved;
}

/* All of this process, its heap and KVM's other memslots too. */
static unsigned int migrate_all(struct worker *w)
{
	struct run *run = w->run;
	struct bitmask *from, *to;
	unsigned int i, moved = 0;
	uint64_t *before;
	int node;

	if (!inject_claim_all(run))
		return 0;
	from = numa_allocate_nodemask();
	to = numa_allocate_nodemask();
	before = calloc(run->nr_pages, sizeof(*before));
	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		record_op(w, op_names[MIGRATE_PAGES], r->gpa, r->nr);
		pages_begin(r, 0, r->nr, r->mapped, false);
		pagemap_read(region_hva(r), r->nr, before + r->base);
	}
	node = other_node(w, -1);
	numa_bitmask_setbit(from, node);
	numa_bitmask_setbit(to, other_node(w, node));
	numa_migrate_pages(0, from, to);
	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		moved += pagemap_moved(region_hva(r), r->nr, before + r->base);
		pages_end(r, 0, r->nr, r->mapped, false);
	}
	inject_release_all(run);
	free(before);
	numa_free_nodemask(from);
	numa_free_nodemask(to);
	return moved;
}

static unsigned int migrate_step(struct worker *w)
{
	/* the whole process is slow, and moves what no injector can claim */
	if (rng_below(&w->rng, 16) == 0)
		return migrate_all(w);
	return migrate_range(w, rng_below(&w->rng, 3) ? MOVE_PAGES : MBIND);
}

const struct injector_ops injector_migrate = {
	.name = "migrate",
	.describe = "move pages to another NUMA node: move_pages(), mbind(), migrate_pages()",
	.gap_us = 500,
	.unsupported = migrate_unsupported,
	.step = migrate_step,
};
