// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens before and after each hooked function: counters, and calls to what injects.
 */
#include <linux/kvm_host.h>
#include <linux/mmu_notifier.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "pfnh.h"

/* arch/x86/kvm/mmu/mmu_internal.h, 6.1 to 7.3 */
#define RET_PF_CONTINUE		0
#define RET_PF_RETRY		1

/**
 * pfnh_answer_of - the class of an errno, or 0
 * @err: negative errno, or 0
 */
enum pfnh_answer pfnh_answer_of(long err)
{
	switch (err) {
	case 0:
		return PFNH_A_ZERO;
	case -EFAULT:
		return PFNH_A_EFAULT;
	case -EHWPOISON:
		return PFNH_A_EHWPOISON;
	case -EINTR:
		return PFNH_A_EINTR;
	case -EAGAIN:
		return PFNH_A_EAGAIN;
	case -ENOMEM:
		return PFNH_A_ENOMEM;
	case -EINVAL:
		return PFNH_A_EINVAL;
	}
	return PFNH_A_OTHER;
}

static enum pfnh_answer answer_of_int(long ret)
{
	ret = (int)ret;
	return ret > 0 ? PFNH_A_OK : pfnh_answer_of(ret);
}

/* Values of include/linux/kvm_host.h. */
static enum pfnh_answer answer_of_pfn(kvm_pfn_t pfn)
{
	if (!is_error_noslot_pfn(pfn))
		return PFNH_A_OK;
	if (pfn == KVM_PFN_ERR_FAULT)
		return PFNH_A_EFAULT;
	if (pfn == KVM_PFN_ERR_HWPOISON)
		return PFNH_A_EHWPOISON;
	if (pfn == KVM_PFN_ERR_RO_FAULT)
		return PFNH_A_RO_FAULT;
#ifdef KVM_PFN_ERR_SIGPENDING
	if (pfn == KVM_PFN_ERR_SIGPENDING)
		return PFNH_A_EINTR;
#endif
#ifdef KVM_PFN_ERR_NEEDS_IO
	if (pfn == KVM_PFN_ERR_NEEDS_IO)
		return PFNH_A_NEEDS_IO;
#endif
	return PFNH_A_OTHER;
}

static void count_answer(enum pfnh_hook hook, enum pfnh_answer a)
{
	bool fatal = fatal_signal_pending(current);

	switch (hook) {
	case PFNH_GUP:
		this_cpu_inc(pfnh_counts.answers.gup[a]);
		if (fatal)
			this_cpu_inc(pfnh_counts.answers.fatal_gup[a]);
		break;
	case PFNH_FIXUP:
		this_cpu_inc(pfnh_counts.answers.fixup[a]);
		break;
	case PFNH_HVA_TO_PFN:
		this_cpu_inc(pfnh_counts.answers.pfn[a]);
		if (fatal)
			this_cpu_inc(pfnh_counts.answers.fatal_pfn[a]);
		break;
	default:
		this_cpu_inc(pfnh_counts.answers.fault[a]);
		if (fatal)
			this_cpu_inc(pfnh_counts.answers.fatal_fault[a]);
	}
}

/*
 * int kvm_mmu_notifier_invalidate_range_start(mn, const struct mmu_notifier_range *range) and
 * void kvm_mmu_notifier_invalidate_range_end(mn, range): in whatever task, for a marked mm. mm
 * calls start without a lock that forbids sleeping, unless the range is not blockable.
 */
static const struct mmu_notifier_range *marked_range(const struct pfnh_call *call)
{
	const struct mmu_notifier_range *range = (void *)call->arg[1];

	return pfnh_marked(range->mm) ? range : NULL;
}

/**
 * pfnh_before - a hooked function is about to be called
 * @call: function and arguments
 *
 * Return: true if it must not be called: call->ret is its result. Context: the function's.
 */
bool pfnh_before(struct pfnh_call *call)
{
	const struct mmu_notifier_range *range;

	switch (call->hook) {
	case PFNH_FAULTIN:	/* (struct kvm_vcpu *vcpu, struct kvm_page_fault *fault, ...) */
		pfnh_near_begin(*(const gpa_t *)call->arg[1]);
		return false;
	case PFNH_INVALIDATE:
		range = marked_range(call);
		if (range) {
			this_cpu_inc(pfnh_counts.invalidate);
			pfnh_near_start(range);
			pfnh_zap_begin((struct mmu_notifier *)call->arg[0], range->mm);
			pfnh_invalidate_begin(range);
		}
		return false;
	case PFNH_GPC:
		pfnh_refresh_begin();
		return false;
	case PFNH_MEMSLOT:
		pfnh_memslot_begin();
		return false;
	case PFNH_FLUSH_SLOT:
		pfnh_memslot_flush(false);
		return false;
	case PFNH_FLUSH:
	case PFNH_FLUSH_RANGE:	/* (struct kvm *kvm, ...) */
		pfnh_zap_flush((const struct kvm *)call->arg[0]);
		pfnh_delay_at(PFNH_AT_FLUSH, current->mm, false, 0);
		return false;
	case PFNH_HVA_TO_PFN:
		pfnh_resolution_begin();
		return false;
	case PFNH_GUP_FAST:
	case PFNH_GUP:
	case PFNH_PIN_FAST:
	case PFNH_PIN:
	case PFNH_FIXUP:
	case PFNH_FOLLOW:
	case PFNH_TOPUP:
	case PFNH_VCPU_MEM:
		return pfnh_inject_call(call);
	default:
		return false;
	}
}

/**
 * pfnh_after - a hooked function has returned, or was not called
 * @call: with its result, which may be changed
 *
 * Context: the function's.
 */
void pfnh_after(struct pfnh_call *call)
{
	const struct mmu_notifier_range *range;

	switch (call->hook) {
	case PFNH_STALE:	/* bool: fault and invalidation overlapped */
		if ((u8)call->ret)
			this_cpu_inc(pfnh_counts.stale);
		pfnh_near_end(true, (u8)call->ret);
		break;
	case PFNH_FAULTIN:	/* int, enum RET_PF */
		this_cpu_inc(pfnh_counts.faultin);
		if ((int)call->ret == RET_PF_RETRY)
			this_cpu_inc(pfnh_counts.early);
		if ((int)call->ret != RET_PF_CONTINUE)
			pfnh_near_end(false, (int)call->ret == RET_PF_RETRY);
		if ((int)call->ret == RET_PF_RETRY)
			pfnh_delay_retry();
		else if ((int)call->ret == RET_PF_CONTINUE && pfnh_delays())
			pfnh_delay_at(PFNH_AT_PFN, current->mm, true, pfnh_resolved_hva());
		break;
	case PFNH_INVALIDATE:
		range = marked_range(call);
		if (range)
			pfnh_zap_end();
		if (range && !(int)call->ret)
			pfnh_delay_at(PFNH_AT_INVALIDATE, range->mm,
				      mmu_notifier_range_blockable(range), 0);
		break;
	case PFNH_INVALIDATE_END:
		range = marked_range(call);
		if (range) {
			pfnh_near_done(range);
			pfnh_invalidate_done(range);
		}
		break;
	case PFNH_GPC:
		pfnh_refresh_end();
		break;
	case PFNH_MEMSLOT:
		pfnh_near_memslot();
		pfnh_delay_at(PFNH_AT_MEMSLOT, current->mm, true, 0);
		break;
	case PFNH_FLUSH_SLOT:
		pfnh_memslot_flush(true);
		break;
	case PFNH_GPC_INVALIDATE:
		pfnh_delay_at(PFNH_AT_GPC_INVALID, current->mm, true, 0);
		break;
	case PFNH_FLUSH:
	case PFNH_FLUSH_RANGE:
		pfnh_delay_at(PFNH_AT_FLUSHED, current->mm, false, 0);
		break;
	case PFNH_GUP:
	case PFNH_PIN:
		if (pfnh_resolving())
			count_answer(PFNH_GUP, answer_of_int(call->ret));
		break;
	case PFNH_FIXUP:
		pfnh_inject_unlock(call);
		if (pfnh_resolving())
			count_answer(PFNH_FIXUP, (int)call->ret ? answer_of_int(call->ret) :
				     PFNH_A_OK);
		break;
	case PFNH_HVA_TO_PFN:
		count_answer(PFNH_HVA_TO_PFN, answer_of_pfn(call->ret));
		pfnh_resolution_end();
		if (pfnh_delays() && pfnh_refreshing())
			pfnh_delay_at(PFNH_AT_GPC, current->mm, true, pfnh_resolved_hva());
		break;
	case PFNH_PAGE_FAULT:
		count_answer(PFNH_PAGE_FAULT, answer_of_int(call->ret));
		break;
	default:
		break;
	}
}
