// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging of a memslot is switched on for a while, its log is read, and it is switched off again.
 * Neither state nor content of a page changes: no store may be lost.
 *
 *	vCPU					this thread
 *	----					-----------
 *	store: SPTE made writable		KVM_MEM_LOG_DIRTY_PAGES: write-protect all
 *						KVM_GET_DIRTY_LOG: write-protect what is dirty
 *	store: write-protection fault, the
 *	SPTE is made writable without mmu_lock
 *						off: the SPTEs stay as they are
 *
 * Whether the log is complete is not this injector's question.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/compat.h"
#include "injectors/inject.h"

/* Somebody else's log is left alone. */
static bool takes_dirty_log(const struct region *r)
{
	return !(r->slot_flags & KVM_MEM_LOG_DIRTY_PAGES);
}

static const char *dirty_log_unsupported(struct run *run)
{
	return inject_any(run, takes_dirty_log) ? NULL : "all memslots have dirty logging on";
}

static bool set_flags(struct worker *w, struct region *r, uint32_t flags)
{
	uint64_t hva = region_hva(r);

	if (!__vm_set_user_memory_region(w->run->vm, r->slot, flags, r->gpa, r->nr * GUEST_PAGE_SIZE,
					 (void *)hva))
		return true;
	inject_broken(w, r, "dirty-log");
	return false;
}

static unsigned int dirty_log_step(struct worker *w)
{
	unsigned int first, nr, i, reads = 1 + rng_below(&w->rng, 4);
	/* one page: as long as it is claimed nobody can delete or move the memslot */
	struct region *r = inject_claim(w, 1, &first, &nr, takes_dirty_log);
	struct kvm_dirty_log log = { 0 };
	bool read = true;

	if (!r)
		return 0;
	log.slot = r->slot;
	log.dirty_bitmap = calloc((r->nr + 63) / 64, 8);
	record_op(w, "dirty log on", r->gpa, r->nr);
	if (set_flags(w, r, r->slot_flags | KVM_MEM_LOG_DIRTY_PAGES)) {
		for (i = 0; i < reads && read && !run_stopping(w->run); i++) {
			inject_pause(w, 1000);
			record_op(w, "dirty log read", r->gpa, r->nr);
			read = !__vm_ioctl(w->run->vm, KVM_GET_DIRTY_LOG, &log);
		}
		/* ENXIO: with the dirty ring there is no bitmap (KVM_CAP_DIRTY_LOG_RING) */
		if (!read && errno != ENXIO)
			inject_broken(w, r, "dirty-log-read");
		record_op(w, "dirty log off", r->gpa, r->nr);
		set_flags(w, r, r->slot_flags);
	}
	free(log.dirty_bitmap);
	region_release(r, first, nr);
	return 1;
}

const struct injector_ops injector_dirty_log = {
	.name = "dirty-log",
	.describe = "switch dirty logging of a memslot on, read the log, switch it off",
	.gap_us = 2000,
	.unsupported = dirty_log_unsupported,
	.step = dirty_log_step,
};
