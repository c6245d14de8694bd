// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of kernel functions redirected to wrappers of ours, as livepatch does it.
 *
 *	caller		ftrace				wrapper
 *	------		------				-------
 *	call f
 *	  f: call ftrace
 *			on_entry(): marked mm?
 *			  no: on with f
 *			  yes: return to the wrapper
 *							pfnh_before(): a result of ours, a delay
 *							pfnh_arch_call(): f, behind its ftrace call
 *							pfnh_after(): counts, a delay
 *	<-------------------------------------------------------- return f's result
 *
 * The wrapper is an ordinary C function in the caller's context: where f may sleep it may sleep,
 * and interrupts are as f found them. No return address is replaced (no rethook), so stacks read
 * well and nothing can run out. f's arguments must fit into six registers, no more, none on the
 * stack; callers rely on nothing that the calling convention does not promise, because kernels with
 * ftrace call sites are built without -fipa-ra (gcc, opts.cc: profile_flag).
 *
 * One ftrace_ops for all: to take it away waits for RCU tasks once. Armed hooks stay armed until
 * this module or the function's goes, so that kernel text is patched seldom and before vCPUs run.
 *
 * A task may be in a wrapper, asleep, when this module is to go: pfnh_hooks_exit().
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "arch.h"
#include "compat.h"
#include "pfnh.h"

#define PFNH_WRITER_LOCKED	1	/* kernel/locking/rwsem.c, 6.1 to 7.3 */
#define PFNH_ENTRY_SIZE		32	/* no function is shorter than that to its ftrace call */

struct hook {
	const char *symbols[2];		/* the first that exists */
	unsigned long wrapper;
	bool any_mm;			/* the wrapper finds out whose mm it is about */
	/* state: hooks_lock; read without it by on_entry() and wrappers */
	const char *symbol;		/* that is armed */
	unsigned long addr;		/* where it is; 0: not armed */
	unsigned long target;		/* behind its ftrace call; written before any wrapper runs */
	bool asked;
	int error;
	atomic64_t calls, overridden;
};

/* defined below the wrappers */
static struct hook hooks[PFNH_NR_HOOKS];
static DEFINE_MUTEX(hooks_lock);
static atomic_t inside;			/* tasks in wrappers */

/* --- wrappers --- */

static noinline long wrapped(enum pfnh_hook n, long a0, long a1, long a2, long a3, long a4,
			     long a5)
{
	struct pfnh_call call = { .hook = n, .arg = { a0, a1, a2, a3, a4, a5 } };
	struct hook *h = &hooks[n];

	atomic_inc(&inside);
	atomic64_inc(&h->calls);
	call.overridden = pfnh_before(&call);
	if (call.overridden)
		atomic64_inc(&h->overridden);
	else
		call.ret = pfnh_arch_call(a0, a1, a2, a3, a4, a5, READ_ONCE(h->target));
	pfnh_after(&call);
	atomic_dec(&inside);
	return call.ret;
}

#define WRAPPERS(X) \
	X(PFNH_STALE) X(PFNH_FAULTIN) X(PFNH_INVALIDATE) X(PFNH_INVALIDATE_END) \
	X(PFNH_HVA_TO_PFN) X(PFNH_GUP_FAST) X(PFNH_GUP) X(PFNH_PIN_FAST) X(PFNH_PIN) \
	X(PFNH_FIXUP) X(PFNH_FOLLOW) X(PFNH_TOPUP) X(PFNH_VCPU_MEM) X(PFNH_PAGE_FAULT) \
	X(PFNH_PRE_FAULT) X(PFNH_GPC) X(PFNH_MEMSLOT) X(PFNH_FLUSH) X(PFNH_FLUSH_RANGE)	\
	X(PFNH_FLUSH_SLOT) X(PFNH_GPC_INVALIDATE)

#define DEFINE_WRAPPER(n)							\
	static noinline long wrapper_##n(long a0, long a1, long a2, long a3, long a4, long a5)	\
	{									\
		return wrapped(n, a0, a1, a2, a3, a4, a5);			\
	}
WRAPPERS(DEFINE_WRAPPER)

#define HOOK(n, ...)								\
	[n] = {									\
		.symbols = { __VA_ARGS__ },					\
		.wrapper = (unsigned long)wrapper_##n,				\
	}

static struct hook hooks[PFNH_NR_HOOKS] = {
	HOOK(PFNH_STALE, "is_page_fault_stale"),
	HOOK(PFNH_FAULTIN, "kvm_mmu_faultin_pfn", "kvm_faultin_pfn"),
	HOOK(PFNH_INVALIDATE, "kvm_mmu_notifier_invalidate_range_start"),
	HOOK(PFNH_INVALIDATE_END, "kvm_mmu_notifier_invalidate_range_end"),
	HOOK(PFNH_HVA_TO_PFN, "hva_to_pfn"),
	HOOK(PFNH_GUP_FAST, "get_user_pages_fast_only"),
	HOOK(PFNH_GUP, "get_user_pages_unlocked"),
	HOOK(PFNH_PIN_FAST, "pin_user_pages_fast"),
	HOOK(PFNH_PIN, "pin_user_pages_unlocked"),
	HOOK(PFNH_FIXUP, "fixup_user_fault"),
	HOOK(PFNH_FOLLOW, "follow_pfnmap_start", "follow_pte"),
	HOOK(PFNH_TOPUP, "mmu_topup_memory_caches"),
	HOOK(PFNH_VCPU_MEM, "kvm_mmu_create"),
	HOOK(PFNH_PAGE_FAULT, "kvm_mmu_page_fault"),
	HOOK(PFNH_PRE_FAULT, "kvm_arch_vcpu_pre_fault_memory"),
	HOOK(PFNH_GPC, "__kvm_gpc_refresh", "kvm_gfn_to_pfn_cache_refresh"),
	HOOK(PFNH_MEMSLOT, "kvm_swap_active_memslots"),
	HOOK(PFNH_FLUSH, "kvm_flush_remote_tlbs"),
	HOOK(PFNH_FLUSH_RANGE, "kvm_flush_remote_tlbs_range", "kvm_flush_remote_tlbs_with_address"),
	HOOK(PFNH_FLUSH_SLOT, "kvm_arch_flush_shadow_memslot"),
	HOOK(PFNH_GPC_INVALIDATE, "gfn_to_pfn_cache_invalidate_start"),
	[PFNH_LOCK_WAIT] = { .symbols = { "rwsem_down_read_slowpath" } },
};

/* --- the redirection, where the kernel can --- */

#ifdef CONFIG_FUNCTION_TRACER

static bool registered;			/* ops; hooks_lock */

/*
 * Called by ftrace, preemption on or off: only looks. Interrupts and NMIs (perf calls
 * get_user_pages_fast_only()) are no business of ours.
 */
static void notrace on_entry(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	unsigned int i;

	if (!in_task())
		return;
	for (i = 0; i < PFNH_NR_HOOKS; i++) {
		struct hook *h = &hooks[i];
		unsigned long addr = READ_ONCE(h->addr);

		if (!h->wrapper || !addr || ip - addr >= PFNH_ENTRY_SIZE)
			continue;
		if (h->any_mm || pfnh_marked(current->mm)) {
			WRITE_ONCE(h->target, ip + PFNH_FENTRY_SIZE);
			pfnh_redirect(fregs, h->wrapper);
		}
		return;
	}
}

static struct ftrace_ops ops;

/* Into ftrace's list; with the first one the ops go live. */
static int redirect(unsigned long addr)
{
	int err;

	err = ftrace_set_filter_ip(&ops, addr, 0, 0);
	if (err || registered)
		return err;
	err = register_ftrace_function(&ops);
	if (err)
		ftrace_free_filter(&ops);
	registered = !err;
	return err;
}

/* Nothing is redirected any more; wrappers may still run. */
static void redirect_nothing(void)
{
	if (registered)
		unregister_ftrace_function(&ops);
	registered = false;
	ftrace_free_filter(&ops);
	memset(&ops, 0, sizeof(ops));
	ops.func = on_entry;
	ops.flags = FTRACE_OPS_FL_IPMODIFY;
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
	ops.flags |= FTRACE_OPS_FL_SAVE_REGS;
#endif
}

#else

static int redirect(unsigned long addr)
{
	return -EOPNOTSUPP;
}

static void redirect_nothing(void)
{
}

#endif /* CONFIG_FUNCTION_TRACER */

/* --- the probe that only looks --- */

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
		this_cpu_inc(pfnh_counts.lock_waits);
	return 0;
}
NOKPROBE_SYMBOL(pre_lock_wait);

static struct kprobe lock_wait;

/* --- arming --- */

/* The address of a function, also of a local one and of a module's. A probe that is never armed. */
static unsigned long look_up(const char *symbol)
{
	struct kprobe kp = { .symbol_name = symbol, .flags = KPROBE_FLAG_DISABLED };
	unsigned long addr = 0;

	if (!register_kprobe(&kp)) {
		addr = (unsigned long)kp.addr;
		unregister_kprobe(&kp);
	}
	return addr;
}

static int arm_lock_wait(struct hook *h)
{
	int err;

	memset(&lock_wait, 0, sizeof(lock_wait));
	lock_wait.symbol_name = h->symbols[0];
	lock_wait.pre_handler = pre_lock_wait;
	err = register_kprobe(&lock_wait);
	if (!err)
		h->addr = (unsigned long)lock_wait.addr;
	return err;
}

static int arm(struct hook *h)
{
	unsigned long addr = 0;
	unsigned int i;
	int err;

	for (i = 0; !addr && i < ARRAY_SIZE(h->symbols) && h->symbols[i]; i++) {
		h->symbol = h->symbols[i];
		addr = look_up(h->symbol);
	}
	if (!addr) {
		h->symbol = NULL;
		return -ENOENT;
	}
	if (!h->wrapper)
		return arm_lock_wait(h);
	WRITE_ONCE(h->addr, addr);
	err = redirect(addr);
	if (err)
		WRITE_ONCE(h->addr, 0);
	return err;
}

/**
 * pfnh_hooks_arm - arm what is not armed yet, or whose module has gone since
 * @mask: PFNH_HOOK() of those that are wanted
 *
 * Return: those that could not be armed; pfnh_hook_info() tells why. Context: process; may sleep.
 */
u64 pfnh_hooks_arm(u64 mask)
{
	u64 missing = 0;
	unsigned int i;

	mutex_lock(&hooks_lock);
	for (i = 0; i < PFNH_NR_HOOKS; i++) {
		struct hook *h = &hooks[i];

		if (!(mask & PFNH_HOOK(i)))
			continue;
		h->asked = true;
		if (!h->addr)
			h->error = arm(h);
		if (h->error)
			missing |= PFNH_HOOK(i);
	}
	mutex_unlock(&hooks_lock);
	return missing;
}

/**
 * pfnh_hooks_armed - which hooks work
 *
 * Return: PFNH_HOOK(). Context: process; may sleep.
 */
u64 pfnh_hooks_armed(void)
{
	unsigned int i;
	u64 res = 0;

	mutex_lock(&hooks_lock);
	for (i = 0; i < PFNH_NR_HOOKS; i++)
		if (hooks[i].addr)
			res |= PFNH_HOOK(i);
	mutex_unlock(&hooks_lock);
	return res;
}

/**
 * pfnh_hook_info - PFNH_HOOK_INFO
 * @arg: hook has been checked; the rest is filled in
 */
void pfnh_hook_info(struct pfnh_hook_info *arg)
{
	struct hook *h = &hooks[arg->hook];

	mutex_lock(&hooks_lock);
	arg->error = h->asked ? h->error : -EAGAIN;
	arg->calls = atomic64_read(&h->calls);
	arg->overridden = atomic64_read(&h->overridden);
	strscpy(arg->symbol, h->symbol ? h->symbol : h->symbols[0], sizeof(arg->symbol));
	mutex_unlock(&hooks_lock);
}

/* kvm.ko goes: nobody is in it. What is left is redirected anew. */
static int on_module(struct notifier_block *nb, unsigned long what, void *data)
{
	struct module *mod = data;
	unsigned int i;
	bool gone = false;

	if (what != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	mutex_lock(&hooks_lock);
	for (i = 0; i < PFNH_NR_HOOKS; i++) {
		struct hook *h = &hooks[i];

		if (!h->addr || !within_module(h->addr, mod))
			continue;
		gone = true;
		WRITE_ONCE(h->addr, 0);
		h->error = -ENOENT;
	}
	if (gone) {
		redirect_nothing();
		for (i = 0; i < PFNH_NR_HOOKS; i++)
			if (hooks[i].wrapper && hooks[i].addr && redirect(hooks[i].addr))
				WRITE_ONCE(hooks[i].addr, 0);
	}
	mutex_unlock(&hooks_lock);
	return NOTIFY_OK;
}

static struct notifier_block on_module_nb = { .notifier_call = on_module };

/**
 * pfnh_hooks_init - before the first pfnh_hooks_arm()
 *
 * Return: 0 or -errno.
 */
int pfnh_hooks_init(void)
{
	hooks[PFNH_INVALIDATE].any_mm = true;		/* by range->mm: also kswapd's, ksmd's */
	hooks[PFNH_INVALIDATE_END].any_mm = true;
	redirect_nothing();
	return register_module_notifier(&on_module_nb);
}

/**
 * pfnh_hooks_exit - take all hooks away, at module exit
 *
 * A task on its way to a wrapper, or behind its last instruction but the return, has not slept of
 * its own accord: synchronize_rcu_tasks() waits for it. Those between are counted.
 */
void pfnh_hooks_exit(void)
{
	unsigned int ms = 0;

	unregister_module_notifier(&on_module_nb);
	mutex_lock(&hooks_lock);
	redirect_nothing();
	if (hooks[PFNH_LOCK_WAIT].addr)
		unregister_kprobe(&lock_wait);
	mutex_unlock(&hooks_lock);

	synchronize_rcu_tasks();
	for (; atomic_read(&inside); ms += 10) {
		if (!(ms % 10000) && ms)
			pr_info("waiting for %d tasks in hooked functions\n", atomic_read(&inside));
		msleep(10);
	}
	synchronize_rcu_tasks();
}
