// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do the TLBs of vCPUs lose what an invalidation takes, and in time?
 *
 *	mm					KVM
 *	--					---
 *	invalidate_range_start()		mmu_lock: SPTEs go
 *						  kvm_flush_remote_tlbs()
 *	  returns				<- here all of that is over
 *	PTEs go, the page is freed
 *	invalidate_range_end()			a flush that comes here is too late
 *
 * Only counters are looked at: which SPTEs are gone KVM does not say, but how many there are
 * (kvm->stat.pages, 5.14 to 7.3). With faults or other invalidations beside it a count says nothing
 * about this one, so who judges by it must see to it that there are none.
 */
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "arch.h"
#include "pfnh.h"

#define MAX_ZAPS	16

/* A task in invalidate_range_start(). */
static struct zap {
	const struct task_struct *task;	/* NULL: free */
	struct kvm *kvm;
	u64 before, flushed;		/* mappings when it began, and at the last flush since */
	u64 flushes;			/* that KVM has counted by then */
} zaps[MAX_ZAPS];
static DEFINE_SPINLOCK(lock);		/* zaps */

/* lock held */
static struct zap *zap_of(const struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < MAX_ZAPS; i++)
		if (zaps[i].task == task)
			return &zaps[i];
	return NULL;
}

/* The VM of KVM's notifier; NULL if struct kvm is not what this module was built for. */
static struct kvm *kvm_of(struct mmu_notifier *mn, const struct mm_struct *mm)
{
	struct kvm *kvm = container_of(mn, struct kvm, mmu_notifier);

	return kvm->mm == mm ? kvm : NULL;
}

/**
 * pfnh_zap_begin - kvm_mmu_notifier_invalidate_range_start() is called for a marked mm
 * @mn, @mm: of its arguments
 *
 * Context: the function's.
 */
void pfnh_zap_begin(struct mmu_notifier *mn, const struct mm_struct *mm)
{
	struct kvm *kvm = kvm_of(mn, mm);
	struct zap *z;

	if (!kvm)
		return;
	spin_lock(&lock);
	z = zap_of(current) ?: zap_of(NULL);
	if (z) {
		u64 n = pfnh_arch_mappings(kvm);

		*z = (struct zap){ .task = current, .kvm = kvm, .before = n, .flushed = n,
			.flushes = kvm->stat.generic.remote_tlb_flush_requests };
	}
	spin_unlock(&lock);
}

/**
 * pfnh_zap_flush - KVM is about to flush the TLBs of a VM
 * @kvm: which
 *
 * Context: the function's: mmu_lock may be held, interrupts are on.
 */
void pfnh_zap_flush(const struct kvm *kvm)
{
	struct zap *z;

	spin_lock(&lock);
	z = zap_of(current);
	if (z && z->kvm == kvm) {
		z->flushed = pfnh_arch_mappings(kvm);
		z->flushes = kvm->stat.generic.remote_tlb_flush_requests + 1;
	}
	spin_unlock(&lock);
}

/**
 * pfnh_zap_end - kvm_mmu_notifier_invalidate_range_start() has returned
 *
 * A flush that KVM has counted and we did not see (the compiler made it a part of its caller) may
 * have come at any time.
 */
void pfnh_zap_end(void)
{
	struct zap *z;
	u64 now;

	spin_lock(&lock);
	z = zap_of(current);
	if (z) {
		now = pfnh_arch_mappings(z->kvm);
		if (now < z->before)
			this_cpu_inc(pfnh_counts.zaps);
		if (now < z->flushed && z->kvm->stat.generic.remote_tlb_flush_requests <= z->flushes)
			this_cpu_inc(pfnh_counts.zaps_unflushed);
		z->task = NULL;
	}
	spin_unlock(&lock);
}
