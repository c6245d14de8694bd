// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marked address spaces, and probes that count what KVM does on their behalf.
 *
 * The probes only look. They are armed by the first PFNH_MARK and stay until the module goes, so
 * that kernel text is patched once and before vCPUs run. A probe holds no reference on kvm.ko: when
 * kvm.ko goes, the kernel disables it, and the next PFNH_MARK arms it again.
 *
 *	function				counted
 *	is_page_fault_stale			returned true: fault and invalidation overlapped
 *	kvm_faultin_pfn (6.1, 6.12)
 *	kvm_mmu_faultin_pfn (7.3)		called; returned RET_PF_RETRY
 *	kvm_mmu_notifier_invalidate_range_start	called for a marked mm
 *	rwsem_down_read_slowpath		a writer has the mmap_lock of a marked task
 *
 * All are local functions of the kernel: what a compiler has inlined or changed the signature of
 * (.isra, .constprop) is not hooked, and its bit in pfnh_stats.hooks stays clear.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/mmu_notifier.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "pfnh.h"

#define PFNH_MAX_MARKS		64
#define RET_PF_RETRY		1	/* arch/x86/kvm/mmu/mmu_internal.h, 6.1 to 7.3 */
#define PFNH_WRITER_LOCKED	1	/* kernel/locking/rwsem.c, 6.1 to 7.3 */

static struct mm_struct *marks[PFNH_MAX_MARKS];
static unsigned int nr_marks;		/* slots ever used: what a reader must look at */
static DEFINE_SPINLOCK(marks_lock);	/* writers of marks */

static DEFINE_PER_CPU(struct pfnh_counts, counts);

/* --- marks --- */

/**
 * pfnh_mark - count what happens to @mm from now on
 * @mm: the caller's
 *
 * Takes a reference on the struct, so that its address is not used again while it is marked.
 * Return: 0 or -ENOSPC. Context: process.
 */
int pfnh_mark(struct mm_struct *mm)
{
	unsigned int i;

	spin_lock(&marks_lock);
	for (i = 0; i < PFNH_MAX_MARKS; i++) {
		if (marks[i])
			continue;
		mmgrab(mm);
		WRITE_ONCE(marks[i], mm);
		if (i >= nr_marks)
			WRITE_ONCE(nr_marks, i + 1);
		break;
	}
	spin_unlock(&marks_lock);
	return i < PFNH_MAX_MARKS ? 0 : -ENOSPC;
}

/**
 * pfnh_unmark - undo one pfnh_mark()
 * @mm: the same
 *
 * Context: process.
 */
void pfnh_unmark(struct mm_struct *mm)
{
	unsigned int i;

	spin_lock(&marks_lock);
	for (i = 0; i < PFNH_MAX_MARKS; i++) {
		if (marks[i] == mm) {
			WRITE_ONCE(marks[i], NULL);
			break;
		}
	}
	spin_unlock(&marks_lock);
	mmdrop(mm);
}

/**
 * pfnh_marked - is @mm marked?
 * @mm: compared only, never followed; may be NULL
 *
 * Context: any, including probe handlers.
 */
bool pfnh_marked(const struct mm_struct *mm)
{
	unsigned int i, nr = READ_ONCE(nr_marks);

	if (!mm)
		return false;
	for (i = 0; i < nr; i++)
		if (READ_ONCE(marks[i]) == mm)
			return true;
	return false;
}
NOKPROBE_SYMBOL(pfnh_marked);

/* --- counters --- */

/**
 * pfnh_count_handler - the module's fault handler was called
 * @mm: of the VMA
 */
void pfnh_count_handler(const struct mm_struct *mm)
{
	if (pfnh_marked(mm))
		this_cpu_inc(counts.handler);
}

/**
 * pfnh_count_hold - a PFNH_HOLD has ended
 * @mm: whose mmap_lock it was
 */
void pfnh_count_hold(const struct mm_struct *mm)
{
	if (pfnh_marked(mm))
		this_cpu_inc(counts.holds);
}

/**
 * pfnh_counts_read - the sums over all CPUs, since the module was loaded
 * @res: filled in
 */
void pfnh_counts_read(struct pfnh_counts *res)
{
	int cpu;

	memset(res, 0, sizeof(*res));
	for_each_possible_cpu(cpu) {
		struct pfnh_counts *c = per_cpu_ptr(&counts, cpu);

		res->stale += READ_ONCE(c->stale);
		res->early += READ_ONCE(c->early);
		res->faultin += READ_ONCE(c->faultin);
		res->invalidate += READ_ONCE(c->invalidate);
		res->lock_waits += READ_ONCE(c->lock_waits);
		res->handler += READ_ONCE(c->handler);
		res->holds += READ_ONCE(c->holds);
	}
}

/* --- probes: handlers run with preemption or interrupts off --- */

/* Entry of a return probe: nonzero spares the return of calls that are not ours. */
static int enter_marked(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return !pfnh_marked(current->mm);
}
NOKPROBE_SYMBOL(enter_marked);

/* bool is_page_fault_stale(struct kvm_vcpu *, struct kvm_page_fault *, ...) */
static int ret_stale(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if ((u8)regs_return_value(regs))
		this_cpu_inc(counts.stale);
	return 0;
}
NOKPROBE_SYMBOL(ret_stale);

/* int kvm_faultin_pfn(struct kvm_vcpu *, struct kvm_page_fault *, ...) */
static int ret_faultin(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	this_cpu_inc(counts.faultin);
	if ((int)regs_return_value(regs) == RET_PF_RETRY)
		this_cpu_inc(counts.early);
	return 0;
}
NOKPROBE_SYMBOL(ret_faultin);

/* int kvm_mmu_notifier_invalidate_range_start(mn, const struct mmu_notifier_range *range) */
static int pre_invalidate(struct kprobe *kp, struct pt_regs *regs)
{
	const struct mmu_notifier_range *range = (void *)regs_get_kernel_argument(regs, 1);

	if (pfnh_marked(range->mm))
		this_cpu_inc(counts.invalidate);
	return 0;
}
NOKPROBE_SYMBOL(pre_invalidate);

/*
 * rwsem_down_read_slowpath(struct rw_semaphore *sem, long count, unsigned int state). Without the
 * writer's bit in count the lock is stolen or the reader queues behind a writer that waits as well:
 * not counted, so that each count is a wait for somebody who had the lock.
 */
static int pre_lock_wait(struct kprobe *kp, struct pt_regs *regs)
{
	struct mm_struct *mm = current->mm;

	if (mm && regs_get_kernel_argument(regs, 0) == (unsigned long)&mm->mmap_lock &&
	    (regs_get_kernel_argument(regs, 1) & PFNH_WRITER_LOCKED) && pfnh_marked(mm))
		this_cpu_inc(counts.lock_waits);
	return 0;
}
NOKPROBE_SYMBOL(pre_lock_wait);

struct hook {
	u64 bit;
	const char *symbols[3];		/* the first that exists */
	kretprobe_handler_t ret;	/* return probe, or */
	kprobe_pre_handler_t pre;	/* entry probe */
	bool armed;
	struct kretprobe rp;		/* rp.kp alone is the entry probe */
};

static struct hook hooks[] = {
	{
		.bit = PFNH_HOOK_STALE,
		.symbols = { "is_page_fault_stale" },
		.ret = ret_stale,
	}, {
		.bit = PFNH_HOOK_FAULTIN,
		.symbols = { "kvm_mmu_faultin_pfn", "kvm_faultin_pfn" },
		.ret = ret_faultin,
	}, {
		.bit = PFNH_HOOK_INVALIDATE,
		.symbols = { "kvm_mmu_notifier_invalidate_range_start" },
		.pre = pre_invalidate,
	}, {
		.bit = PFNH_HOOK_LOCK_WAIT,
		.symbols = { "rwsem_down_read_slowpath" },
		.pre = pre_lock_wait,
	},
};

static DEFINE_MUTEX(hooks_lock);

static void hook_disarm(struct hook *h)
{
	if (!h->armed)
		return;
	if (h->ret)
		unregister_kretprobe(&h->rp);
	else
		unregister_kprobe(&h->rp.kp);
	h->armed = false;
}

/* A struct that was registered before has state of its own: always start from zero. */
static int hook_register(struct hook *h, const char *symbol)
{
	memset(&h->rp, 0, sizeof(h->rp));
	h->rp.kp.symbol_name = symbol;
	if (h->ret) {
		h->rp.handler = h->ret;
		h->rp.entry_handler = enter_marked;
		h->rp.maxactive = 256;
		return register_kretprobe(&h->rp);
	}
	h->rp.kp.pre_handler = h->pre;
	return register_kprobe(&h->rp.kp);
}

/**
 * pfnh_hooks_arm - arm what is not armed yet, or whose module has gone since
 *
 * What cannot be armed is left out: pfnh_hooks_armed() tells. Context: process; may sleep.
 */
void pfnh_hooks_arm(void)
{
	unsigned int i, j;

	mutex_lock(&hooks_lock);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		struct hook *h = &hooks[i];

		if (h->armed && kprobe_gone(&h->rp.kp))
			hook_disarm(h);
		for (j = 0; !h->armed && j < ARRAY_SIZE(h->symbols) && h->symbols[j]; j++)
			h->armed = !hook_register(h, h->symbols[j]);
	}
	mutex_unlock(&hooks_lock);
}

/**
 * pfnh_hooks_disarm - take all probes away, at module exit
 */
void pfnh_hooks_disarm(void)
{
	unsigned int i;

	mutex_lock(&hooks_lock);
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		hook_disarm(&hooks[i]);
	mutex_unlock(&hooks_lock);
}

/**
 * pfnh_hooks_armed - which hooks count
 *
 * Return: PFNH_HOOK_*. Context: process; may sleep.
 */
u64 pfnh_hooks_armed(void)
{
	unsigned int i;
	u64 res = 0;

	mutex_lock(&hooks_lock);
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].armed && !kprobe_gone(&hooks[i].rp.kp))
			res |= hooks[i].bit;
	mutex_unlock(&hooks_lock);
	return res;
}
