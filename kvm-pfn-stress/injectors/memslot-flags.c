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

#define TOO_FAR		(1ull << 52)	/* kvm_mmu_max_gfn(), 6.1 to 7.3: no CPU has more address bits */
#define SPARE_SLOT	500		/* a number that no region has */
#define AWAY		0x20000000ull	/* the upper half of a region's guest addresses is nobody's */

enum change { DELETED, READONLY, MOVED, AS_BEFORE };

static enum page_state state_in(const struct region *part, enum change to)
{
	if (to == AS_BEFORE)
		return part->mapped;
	return to == READONLY ? PS_ROSLOT : PS_NOSLOT;
}

static void change(struct worker *w, struct region *r, enum change to, const char *op)
{
	uint32_t flags = r->slot_flags;
	struct region *part;
	int err;

	for (part = r; part; part = part->next) {
		record_op(w, op, part->gpa, part->nr);
		pages_begin(part, 0, part->nr, state_in(part, to), false);
	}
	if (to == READONLY)
		r->slot_flags |= KVM_MEM_READONLY;
	err = region_shift_slots(r, to == DELETED ? 0 : region_hva(r), to == MOVED ? AWAY : 0);
	r->slot_flags = flags;
	if (err)
		inject_broken(w, r, op);
	for (part = r; part; part = part->next)
		pages_end(part, 0, part->nr, state_in(part, to), false);
	if (to == AS_BEFORE)
		return;
	inject_pause(w, 300);
	for (part = r; part; part = part->next)
		inject_answered(w, part, 0, part->nr);
}

/*
 * What KVM refuses only after it has begun (kvm_arch_prepare_memory_region()): to move a memslot
 * behind the last guest address, which it has made invalid by then, or to make one there. All is as
 * before.
 */
static void refused(struct worker *w, struct region *r, bool create)
{
	struct region *part;
	bool done;

	for (part = r; part; part = part->next) {
		record_op(w, create ? "memslot create, refused" : "memslot move, refused", part->gpa,
			  part->nr);
		pages_begin(part, 0, part->nr, create ? part->mapped : PS_NOSLOT, false);
	}
	if (create)
		done = !__vm_set_user_memory_region(w->run->vm, SPARE_SLOT, 0, TOO_FAR,
						    GUEST_PAGE_SIZE, (void *)region_hva(r));
	else
		done = !region_shift_slots(r, region_hva(r), TOO_FAR);
	if (done)
		inject_broken(w, r, "memslot at 2^52");
	for (part = r; part; part = part->next)
		pages_end(part, 0, part->nr, part->mapped, false);
	if (done)
		return;
	/* it is there, and the guest gets to it */
	for (part = r; part; part = part->next)
		inject_answered(w, part, 0, part->nr);
}

/* All of it can be written, so that the memslot alone decides what a store gets. */
static bool writable(const struct region *r)
{
	for (; r; r = r->next)
		if (r->mapped != PS_MAPPED)
			return false;
	return true;
}

/* A memslot with guest_memfd can be deleted only, and there must be room for it elsewhere. */
static bool takes_move(const struct region *r)
{
	const struct region *part;
	uint64_t size = 0;

	for (part = r->first; part; part = part->next)
		size += region_bytes(part, part->nr);
	return !(r->first->slot_flags & KVM_MEM_GUEST_MEMFD) && size <= AWAY / 2;
}

static const char *memslot_flags_unsupported(struct run *run)
{
	return inject_any(run, takes_move) ? NULL : "no memslot that can be changed";
}

static unsigned int memslot_flags_step(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)]->first;

	if (!takes_move(r) || !region_claim_all(r))
		return 0;
	if (!rng_below(&w->rng, 4)) {
		refused(w, r, rng_next(&w->rng) & 1);
	} else if ((rng_next(&w->rng) & 1) && writable(r) && !r->slot_flags) {
		change(w, r, DELETED, "memslot delete");
		change(w, r, READONLY, "memslot read-only");
		change(w, r, DELETED, "memslot delete");
		change(w, r, AS_BEFORE, "memslot writable");
	} else {
		/* KVM_MR_MOVE: it is never away, but its old address is nobody's at once */
		change(w, r, MOVED, "memslot move away");
		change(w, r, AS_BEFORE, "memslot move back");
	}
	region_release_all(r);
	return 1;
}

const struct injector_ops injector_memslot_flags = {
	.name = "memslot-flags",
	.describe = "make the memslot read only, move it and back, or try what KVM refuses",
	.gap_us = 3000,
	.memslot_updates = true,
	.unsupported = memslot_flags_unsupported,
	.step = memslot_flags_step,
};
