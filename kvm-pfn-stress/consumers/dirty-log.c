// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging by bitmap: all memslots are logged, and vCPU threads harvest the log of one between
 * their runs, while the other vCPUs store. Reading clears it (kvm_get_dirty_log_protect()), or a call
 * of its own does (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, kvm_clear_dirty_log_protect()), turn by turn.
 * Where KVM can be made to emulate accesses, it does so in every other turn. The program's own memslot
 * is logged as well: its page tables, and L1's, are then write-protected for two reasons
 * (kvm_mmu_slot_gfn_write_protect()), of which the log takes back but one.
 *
 *	vCPU					harvester
 *	----					---------
 *	store: SPTE writable, no fault		bitmap: xchg 0
 *						write-protect, flush TLBs
 *	store: fault, mark_page_dirty()		<- else the store is in no log: lost in a migration
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "injectors/inject.h"
#include "oracles/dirty.h"
#include "plugins.h"

#define TURN_EVERY	16
#define ROUNDS		4
#define PAUSE_US	500

#define PROGRAM_SLOT	0	/* by vm_create() of the selftests */

static struct dirty_track *track[MAX_REGIONS];
static void *program_log;
static uint64_t program_pages;
static pthread_mutex_t harvesting = PTHREAD_MUTEX_INITIALIZER;
static bool manual;

static void set_manual(struct worker *w, uint64_t flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags } };

	if (manual == !!flags)
		return;
	if (ioctl(w->run->vm->fd, KVM_ENABLE_CAP, &cap))
		inject_broken(w, NULL, "manual-dirty-log-protect");
	manual = flags;
}

static void log_program(struct run *run)
{
	struct userspace_mem_region *program = memslot2region(run->vm, PROGRAM_SLOT);

	program_pages = program->region.memory_size / GUEST_PAGE_SIZE;
	program_log = calloc((program_pages + 63) / 64, 8);
	vm_set_user_memory_region(run->vm, PROGRAM_SLOT, KVM_MEM_LOG_DIRTY_PAGES,
				  program->region.guest_phys_addr, program->region.memory_size,
				  (void *)program->region.userspace_addr);
}

/* What is in there nobody looks at. Holds harvesting. */
static void harvest_program(struct worker *w)
{
	struct kvm_dirty_log get = { .slot = PROGRAM_SLOT, .dirty_bitmap = program_log };
	struct kvm_clear_dirty_log clear = { .slot = PROGRAM_SLOT, .num_pages = program_pages,
					     .dirty_bitmap = program_log };

	if (ioctl(w->run->vm->fd, KVM_GET_DIRTY_LOG, &get) ||
	    (manual && ioctl(w->run->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear)))
		inject_broken(w, NULL, "program-dirty-log");
}

static void dirty_setup(struct worker *w)
{
	struct run *run = w->run;
	unsigned int i;

	if (track[0])
		return;
	/* all of it is dirty at first, and write-protected, or split, when that is cleared */
	if (rng_below(&w->rng, 2))
		set_manual(w, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
	for (i = 0; i < run->nr_regions; i++)
		track[i] = dirty_track_start(run->region[i]);
	log_program(run);
}

/* The memslot may be gone: then there is no log, and nothing is known when it comes back. */
static bool failed(struct worker *w, struct dirty_track *t, const char *what)
{
	if (errno != ENOENT)
		inject_broken(w, t->r, what);
	t->valid = false;
	return true;
}

static bool harvest(struct worker *w, struct dirty_track *t)
{
	struct kvm_dirty_log get = { .slot = t->r->slot, .dirty_bitmap = t->log };
	/* all of it, or the front part; what was read and not cleared is in the log the next time too */
	unsigned int part = rng_below(&w->rng, 2) ? t->r->nr : rng_below(&w->rng, t->r->nr) & ~63u;
	struct kvm_clear_dirty_log clear = { .slot = t->r->slot, .num_pages = part,
					     .dirty_bitmap = t->log };

	if (ioctl(w->run->vm->fd, KVM_GET_DIRTY_LOG, &get))
		return !failed(w, t, "get-dirty-log");
	if (manual && part && ioctl(w->run->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear))
		return !failed(w, t, "clear-dirty-log");
	return true;
}

/* Mostly the memslot that another vCPU is at: a harvest must take away what is in its TLB. */
static struct dirty_track *aim(struct worker *w)
{
	struct run *run = w->run;
	unsigned int v = rng_below(&w->rng, run->nr_vcpus), i;
	uint64_t page = __atomic_load_n(&run->ctl->vcpu[v].page, __ATOMIC_ACQUIRE);

	for (i = 0; v != w->id && i < run->nr_regions; i++)
		if (page - run->region[i]->base < run->region[i]->nr)
			return track[i];
	return track[rng_below(&w->rng, run->nr_regions)];
}

static void dirty_turn(struct worker *w)
{
	struct dirty_track *t = aim(w);
	/* again at once: only the next log shows what was stored meanwhile, before a fault logs it */
	unsigned int rounds = 1 + rng_below(&w->rng, ROUNDS);

	if (pthread_mutex_trylock(&harvesting))
		return;
	/* rarely: the flag that all is dirty at first goes with it */
	if (!rng_below(&w->rng, 8))
		set_manual(w, manual ? 0 : KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	if (rng_next(&w->rng) & 1)
		harvest_program(w);
	while (rounds-- && !run_stopping(w->run)) {
		record_op(w, manual ? "get, clear dirty log" : "get dirty log", t->r->gpa,
			  t->r->nr);
		dirty_before(t);
		if (!harvest(w, t))
			break;
		dirty_after(t, manual ? "dirty-manual" : "dirty-bitmap");
		inject_pause(w, PAUSE_US);
	}
	pthread_mutex_unlock(&harvesting);
	/* what KVM writes for the guest is logged elsewhere: __kvm_write_guest_page() */
	if (!arch_can_emulate())
		w->run->ctl->vcpu[w->id].emulated = rng_below(&w->rng, 2);
}

static void dirty_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, dirty_turn);
}

const struct consumer_ops consumer_dirty_log = {
	.name = "dirty-log",
	.apart = "alias multi-vma guest-memfd",	/* dirty_trackable() */
	.describe = "vCPUs, and the dirty log of a memslot read and cleared between their runs",
	.unsupported = dirty_unsupported,
	.setup = dirty_setup,
	.run = dirty_run,
};
