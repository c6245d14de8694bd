// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging of a memslot is switched on for a while, its log is read, and it is switched off
 * again. Neither state nor content of a page changes: no store may be lost, and none that began after
 * it was switched on may be missing from the log, whatever was mapped writable or huge before.
 *
 *	vCPU					this thread
 *	----					-----------
 *	store: SPTE made writable		KVM_MEM_LOG_DIRTY_PAGES: write-protect all
 *						KVM_GET_DIRTY_LOG: write-protect what is dirty
 *	store: write-protection fault, the
 *	SPTE is made writable without mmu_lock
 *						off: the SPTEs stay as they are
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/compat.h"
#include "injectors/inject.h"
#include "oracles/dirty.h"

#define HOW	"dirty-switched"

#define STORE_US	5000	/* that a store to a claimed page is waited for */
#define PAGES		8

/*
 * Reading the log clears it, a call of its own does, or that and all is dirty at first: then nothing is
 * write-protected, nor split, before it is cleared. Of the whole VM, so it changes while no thread has a
 * memslot logged.
 */
static const uint64_t manual_flags[] = {
	0, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
	KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET,
	KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET,
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int logging;		/* threads; lock */
static bool manual;			/* changes under lock, and only while nobody logs */

/* Somebody else's log is left alone; the flags of a memslot with guest_memfd can't be changed. */
static bool takes_dirty_log(const struct region *r)
{
	return !(r->first->slot_flags & (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_GUEST_MEMFD));
}

static const char *dirty_log_unsupported(struct run *run)
{
	return inject_any(run, takes_dirty_log) ? NULL :
	       "all memslots have a dirty log, or cannot have one";
}

static unsigned int slot_pages(const struct region *r)
{
	uint64_t size = 0;

	for (; r; r = r->next)
		size += region_bytes(r, r->nr);
	return size / GUEST_PAGE_SIZE;
}

/* Differs when a guest has stored to these pages meanwhile. */
static uint64_t stores(const struct region *r, unsigned int first, unsigned int nr)
{
	uint64_t sum = 0;
	unsigned int v, p;

	for (v = 0; v < r->run->nr_vcpus; v++)
		for (p = first; p < first + nr; p++)
			sum += __atomic_load_n(&ctl_own(r->run->ctl, v)[r->base + p],
					       __ATOMIC_RELAXED);
	return sum;
}

/*
 * Only what guests stored to since it was switched on, or read, can be missing. The claimed pages stay
 * mapped as they were.
 */
static void await_store(struct worker *w, const struct region *r, unsigned int first,
			unsigned int nr)
{
	uint64_t end = now_ns() + STORE_US * 1000, before = stores(r, first, nr);

	while (stores(r, first, nr) == before && now_ns() < end && !run_stopping(w->run))
		usleep(50);
}

static void logging_begins(struct worker *w)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 };

	pthread_mutex_lock(&lock);
	if (!logging++) {
		cap.args[0] = manual_flags[rng_below(&w->rng, 4)];
		manual = cap.args[0];
		if (ioctl(w->run->vm->fd, KVM_ENABLE_CAP, &cap))
			inject_broken(w, NULL, "manual-dirty-log-protect");
	}
	pthread_mutex_unlock(&lock);
}

static void logging_ended(void)
{
	pthread_mutex_lock(&lock);
	logging--;
	pthread_mutex_unlock(&lock);
}

/* What to clear: all of it, the front part, or one word of the bitmap, where a huge page begins. */
static void pick_part(struct worker *w, const struct region *r, struct kvm_clear_dirty_log *clear)
{
	unsigned int pages = slot_pages(r), at = rng_below(&w->rng, pages), huge = r->ops->huge;

	clear->num_pages = pages;
	switch (rng_below(&w->rng, 4)) {
	case 0:
		clear->num_pages = at & ~63u;
		break;
	case 1:
		/* if that is in front of the memslot: its first word */
		if (huge)
			at -= (at + r->ops->gpa_shift) % huge;
		clear->first_page = at < pages ? at & ~63u : 0;
		clear->num_pages = pages - clear->first_page < 64 ? pages - clear->first_page : 64;
	}
}

/* False: no bitmap, or broken. */
static bool harvest(struct worker *w, const struct region *r, unsigned long *bitmap)
{
	struct kvm_dirty_log get = { .slot = r->slot, .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = { .slot = r->slot };

	pick_part(w, r, &clear);
	clear.dirty_bitmap = bitmap + clear.first_page / 64;
	record_op(w, manual ? "dirty log read, clear" : "dirty log read", r->gpa, slot_pages(r));
	if (!ioctl(w->run->vm->fd, KVM_GET_DIRTY_LOG, &get) &&
	    (!manual || !clear.num_pages || !ioctl(w->run->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear)))
		return true;
	/* with the dirty ring there is no bitmap (KVM_CAP_DIRTY_LOG_RING) */
	if (errno != ENXIO)
		inject_broken(w, r, "dirty-log-read");
	return false;
}

static void read_log(struct worker *w, const struct region *claimed, unsigned int first,
		     unsigned int nr)
{
	struct region *r = claimed->first;
	struct dirty_track *t = dirty_trackable(r) ? dirty_track_alloc(r) : NULL;
	unsigned long *bitmap = t ? t->log : calloc((slot_pages(r) + 63) / 64, 8);
	unsigned int reads = 1 + rng_below(&w->rng, 4);

	if (t)
		dirty_after(t, HOW);	/* the first round begins */
	while (reads-- && !run_stopping(w->run)) {
		/* or at once: what is still being done about the last one */
		if (rng_below(&w->rng, 4))
			await_store(w, claimed, first, nr);
		else
			inject_pause(w, 1000);
		if (t)
			dirty_before(t);
		if (!harvest(w, r, bitmap))
			break;
		if (t)
			dirty_after(t, HOW);
	}
	if (t)
		dirty_track_free(t);
	else
		free(bitmap);
}

static unsigned int dirty_log_step(struct worker *w)
{
	unsigned int page, nr;
	/* as long as a page is claimed nobody can delete or move the memslot */
	struct region *claimed = inject_claim(w, PAGES | CLAIM_HUGE, &page, &nr, takes_dirty_log);
	struct region *r;
	uint32_t flags;

	if (!claimed)
		return 0;
	logging_begins(w);
	r = claimed->first;
	flags = r->slot_flags;
	record_op(w, "dirty log on", r->gpa, slot_pages(r));
	r->slot_flags |= KVM_MEM_LOG_DIRTY_PAGES;
	if (region_set_slots(r, region_hva(r)))
		inject_broken(w, r, "dirty-log-on");
	else
		read_log(w, claimed, page, nr);
	record_op(w, "dirty log off", r->gpa, slot_pages(r));
	r->slot_flags = flags;
	if (region_set_slots(r, region_hva(r)))
		inject_broken(w, r, "dirty-log-off");
	logging_ended();
	region_release(claimed, page, nr);
	return 1;
}

const struct injector_ops injector_dirty_log = {
	.name = "dirty-log",
	.apart = "nested",	/* docs/findings/write-track.md: it kills the kernel */
	.describe = "switch dirty logging of a memslot on, read the log, switch it off",
	.gap_us = 2000,
	.unsupported = dirty_log_unsupported,
	.step = dirty_log_step,
};
