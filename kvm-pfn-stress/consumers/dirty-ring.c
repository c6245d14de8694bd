// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging by rings (KVM_CAP_DIRTY_LOG_RING): one for each vCPU, harvested by vCPU threads between
 * their runs, while the other vCPUs store. Now and then nobody harvests until a ring is full
 * (KVM_EXIT_DIRTY_RING_FULL).
 *
 *	vCPU					harvester
 *	----					---------
 *	store: SPTE writable, no fault		take the entries, KVM_RESET_DIRTY_RINGS:
 *						write-protect what was in them, flush TLBs
 *	store: fault, kvm_dirty_ring_push()	<- else the store is in no ring: lost in a migration
 */
#include <pthread.h>

#include "core/compat.h"
#include "consumers/vcpu.h"
#include "injectors/inject.h"
#include "oracles/dirty.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define TURN_EVERY	16
#define RING_BYTES	16384
#define RESET_TRIES	100
#define LAZY_TURNS	1024

static struct dirty_track *track[MAX_REGIONS];
static uint32_t fetch[GUEST_MAX_VCPUS];	/* the next entry of each ring */
static pthread_mutex_t harvesting = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool lazy;		/* until a ring is full, or for LAZY_TURNS */
static uint64_t reset_ns;		/* when all rings were reset last; harvesting is held */

static const char *ring_unsupported(struct run *run)
{
	if (!kvm_has_cap(KVM_CAP_DIRTY_LOG_RING) && !kvm_has_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL))
		return "this kernel has no KVM_CAP_DIRTY_LOG_RING";
	return dirty_unsupported(run);
}

static void ring_vm_created(struct kvm_vm *vm)
{
	vm_enable_dirty_ring(vm, RING_BYTES);
}

static void ring_setup(struct worker *w)
{
	struct run *run = w->run;
	unsigned int i;

	vcpu_map_dirty_ring(run->vcpu[w->id]);
	if (track[0])
		return;
	for (i = 0; i < run->nr_regions; i++)
		track[i] = dirty_track_start(run->region[i]);
}

static void take_entry(struct run *run, const struct kvm_dirty_gfn *gfn)
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++)
		if (run->region[i]->slot == gfn->slot && gfn->offset < run->region[i]->nr)
			dirty_logged(track[i], gfn->offset);
}

/* Returns how many entries it took. */
static unsigned int take_ring(struct run *run, unsigned int v)
{
	struct kvm_dirty_gfn *ring = run->vcpu[v]->dirty_gfns, *e;
	uint32_t nr = RING_BYTES / sizeof(*ring);
	unsigned int n = 0;

	for (;; n++) {
		e = &ring[fetch[v] % nr];
		/* pairs with the smp_wmb() of kvm_dirty_ring_push() */
		if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return n;
		take_entry(run, e);
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		fetch[v]++;
	}
}

/* 7.3 stops for a signal, and says how far it came: kvm_dirty_ring_reset(). */
static void reset_rings(struct worker *w, unsigned int taken)
{
	unsigned int tries, i;

	for (tries = 0; taken && tries < RESET_TRIES; tries++) {
		int n = __vm_ioctl(w->run->vm, KVM_RESET_DIRTY_RINGS, NULL);

		if (n < 0)
			break;
		taken -= (unsigned int)n < taken ? (unsigned int)n : taken;
		if (!taken)
			break;
		count(w->run->sh, "dirty-ring", "reset-stopped", 1);
		for (i = 0; i < w->run->nr_regions; i++)
			dirty_stopped(track[i]);
	}
	if (taken)
		inject_broken(w, NULL, "reset-dirty-rings");
}

/* Holds harvesting. */
static void harvest(struct worker *w)
{
	struct run *run = w->run;
	unsigned int i, taken = 0;

	record_op(w, "harvest dirty rings", 0, 0);
	for (i = 0; i < run->nr_regions; i++)
		dirty_before(track[i]);
	for (i = 0; i < run->nr_vcpus; i++)
		if (run->vcpu[i]->dirty_gfns)
			taken += take_ring(run, i);
	reset_rings(w, taken);
	reset_ns = now_ns();
	for (i = 0; i < run->nr_regions; i++)
		dirty_after(track[i], "dirty-ring");
}

static void ring_turn(struct worker *w)
{
	/* with few pages a ring is never full */
	if (atomic_load(&lazy) && rng_below(&w->rng, LAZY_TURNS))
		return;
	if (pthread_mutex_trylock(&harvesting))
		return;
	harvest(w);
	atomic_store(&lazy, !rng_below(&w->rng, 32));
	pthread_mutex_unlock(&harvesting);
}

static bool is_full(const struct run_outcome *o)
{
	return o->result == RES_EXIT && o->exit_reason == KVM_EXIT_DIRTY_RING_FULL;
}

/* Before it is reset the guest must not go on: kvm_dirty_ring_check_request(). Holds harvesting. */
static void still_full(struct worker *w)
{
	struct run_outcome o;
	struct failure f = { .rule = "ring-full-ignored", .op = "dirty-ring" };
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	uint64_t ops = __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE);

	vcpu_enter(w->run->vcpu[w->id], &o);
	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	ops = __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE) - ops;
	if (!ops && (is_full(&o) || o.result == RES_KICK))
		return;
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.expected, sizeof(f.expected), "KVM_EXIT_DIRTY_RING_FULL again, at once");
	snprintf(f.got, sizeof(f.got), "%s (exit_reason %u), and %lu accesses",
		 run_result_names[o.result], o.exit_reason, ops);
	fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
}

static bool ring_exit(struct worker *w, const struct run_outcome *o)
{
	if (!is_full(o))
		return false;
	pthread_mutex_lock(&harvesting);
	/* else another vCPU has emptied this ring, too, while this one waited for the lock */
	if (reset_ns < o->start_ns)
		still_full(w);
	count(w->run->sh, "dirty-ring", "full", 1);
	harvest(w);
	atomic_store(&lazy, false);
	pthread_mutex_unlock(&harvesting);
	return true;
}

static void ring_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, ring_turn);
}

const struct consumer_ops consumer_dirty_ring = {
	.name = "dirty-ring",
	.apart = "alias multi-vma guest-memfd",	/* dirty_trackable() */
	.alone = true,	/* all vCPUs have rings */
	.describe = "vCPUs, and their dirty rings harvested and reset between their runs",
	.unsupported = ring_unsupported,
	.vm_created = ring_vm_created,
	.setup = ring_setup,
	.exit = ring_exit,
	.run = ring_run,
};
