// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memslot changes while its memory stays where it is: it becomes read only and writable again
 * (which KVM allows by deleting it and adding it again only), or it moves to another guest physical
 * address and back. Host pages and their content are the same all the time.
 *
 *	vCPU					this thread
 *	----					-----------
 *	store: slot writable, pfn
 *						delete, add with KVM_MEM_READONLY
 *	stale: obsolete root			<- else the store goes to a read-only memslot
 */
#include "core/compat.h"
#include "injectors/inject.h"

#define AWAY_GPA	0x20000000ull	/* from the region: its gpa + 512 MiB is nobody's */

static void set_slot(struct worker *w, struct region *r, uint64_t gpa, uint32_t flags, bool add,
		     enum page_state state, const char *op)
{
	uint64_t hva = region_hva(r), size = add ? r->nr * GUEST_PAGE_SIZE : 0;

	record_op(w, op, r->gpa, r->nr);
	pages_begin(r, 0, r->nr, state, false);
	if (__vm_set_user_memory_region(w->run->vm, r->slot, flags, gpa, size,
					add ? (void *)hva : NULL))
		inject_broken(w, r, op);
	pages_end(r, 0, r->nr, state, false);
}

static void rest(struct worker *w, struct region *r)
{
	inject_pause(w, 300);
	inject_answered(w, r, 0, r->nr);
}

/* What a page is in a read-only memslot, if not less. */
static enum page_state read_only(const struct region *r)
{
	return r->mapped == PS_MAPPED ? PS_ROSLOT : r->mapped;
}

static void readonly_and_back(struct worker *w, struct region *r)
{
	uint32_t flags = r->slot_flags;

	set_slot(w, r, r->gpa, 0, false, PS_NOSLOT, "memslot delete");
	rest(w, r);
	set_slot(w, r, r->gpa, flags | KVM_MEM_READONLY, true, read_only(r), "memslot read-only");
	rest(w, r);
	set_slot(w, r, r->gpa, 0, false, PS_NOSLOT, "memslot delete");
	set_slot(w, r, r->gpa, flags, true, r->mapped, "memslot writable");
}

/* KVM_MR_MOVE: the slot is never away, but its old address is nobody's at once. */
static void move_and_back(struct worker *w, struct region *r)
{
	set_slot(w, r, r->gpa + AWAY_GPA, r->slot_flags, true, PS_NOSLOT, "memslot move away");
	rest(w, r);
	set_slot(w, r, r->gpa, r->slot_flags, true, r->mapped, "memslot move back");
}

static unsigned int memslot_flags_step(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)];

	if (!region_claim_all(r))
		return 0;
	if (rng_next(&w->rng) & 1)
		readonly_and_back(w, r);
	else
		move_and_back(w, r);
	region_release(r, 0, r->nr);
	return 1;
}

const struct injector_ops injector_memslot_flags = {
	.name = "memslot-flags",
	.describe = "make the memslot read only, or move it to another guest address, and back",
	.gap_us = 3000,
	.memslot_updates = true,
	.step = memslot_flags_step,
};
