// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNH_DELAY: windows made wide, and proof that something fits into them.
 *
 *	vCPU					some other task
 *	----					---------------
 *	kvm_faultin_pfn(): pfn resolved
 *	PFNH_AT_PFN: sleeps			invalidate_range_start()
 *	  |					  PFNH_AT_INVALIDATE: sleeps
 *	  |					unmap, invalidate_range_end()
 *	wakes up				one "whole" invalidation in that window
 *	mmu_lock; is_page_fault_stale()
 *
 * PFNH_DELAY_MEET turns it round: the vCPU sleeps until the invalidation comes, and who makes it sleeps
 * in PFNH_AWAIT until there is a vCPU to be met, so that neither depends on how long the other takes.
 *
 * A delay runs in a wrapper (redirect.c), so in the context of the function: it sleeps where that
 * is legal at this point and right now nothing forbids it, else it spins, no longer than
 * PFNH_SPIN_MAX_US and with interrupts as they are; with interrupts off it does not delay at all,
 * since that would hold up the TLB shootdowns of what should fit into the window. A fatal signal
 * ends a sleep.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mmu_notifier.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "pfnh.h"

#define MAX_DELAYS	32
#define MAX_WINDOWS	64
#define MAX_INVALIDATIONS 64
#define MAX_WAITERS	32
#define RETRY_NS	(300 * NSEC_PER_USEC)	/* if the end of the invalidation was missed */
#define AWAIT_NS	(500 * NSEC_PER_USEC)
#define SHORT_NS	(20 * NSEC_PER_USEC)	/* not worth a sleep */

struct delay {
	struct pfnh_file *owner;	/* NULL: free */
	const struct mm_struct *mm;
	struct pfnh_delay arg;
	struct pfnh_chance chance;
	u64 rnd;
	struct pfnh_delay_info info;
};

/* A task that sits in a delay. */
struct window {
	const struct mm_struct *mm;	/* NULL: free */
	enum pfnh_point point;
	u64 since_ns;
	unsigned long hva;
	unsigned int whole, whole_here;
	struct task_struct *task;
	bool meet;			/* it waits for the begin of an invalidation, */
	bool end;			/* a whole one, */
	bool retry;			/* or for the end of one, */
	bool met;			/* which has come */
	bool taken;			/* by a task in PFNH_AWAIT */
};

/* A task in PFNH_AWAIT. */
struct waiter {
	const struct mm_struct *mm;	/* NULL: free */
	struct task_struct *task;
	unsigned int faults;		/* so many are worth an invalidation */
	bool got;			/* one at least: */
	unsigned long hva;
	pid_t tid;
};

/* An invalidation under way; a start whose end never came is overwritten after a while. */
struct invalidation {
	const struct task_struct *task;
	const void *range;		/* the caller's struct: the same at start and end */
	u64 since_ns;
};

static struct delay delays[MAX_DELAYS];
static unsigned int nr_delays;		/* in use; read without lock as a hint */
static u64 average_ns;			/* how long invalidations take */
static struct window windows[MAX_WINDOWS];
static struct waiter waiters[MAX_WAITERS];
static unsigned int next_waiter;	/* whose turn it is */
static struct invalidation invalidations[MAX_INVALIDATIONS];
static DEFINE_SPINLOCK(lock);		/* all of the above */

static const struct {
	bool sleeps;
	u64 needs;			/* hooks */
} points[PFNH_NR_POINTS] = {
	[PFNH_AT_PFN] = { true, PFNH_HOOK(PFNH_FAULTIN) | PFNH_HOOK(PFNH_INVALIDATE) |
		PFNH_HOOK(PFNH_INVALIDATE_END) | PFNH_HOOK(PFNH_HVA_TO_PFN) |
		PFNH_HOOK(PFNH_GUP_FAST) | PFNH_HOOK(PFNH_GUP) | PFNH_HOOK(PFNH_FOLLOW) },
	[PFNH_AT_INVALIDATE] = { true, PFNH_HOOK(PFNH_INVALIDATE) },
	[PFNH_AT_GPC] = { true, PFNH_HOOK(PFNH_GPC) | PFNH_HOOK(PFNH_INVALIDATE) |
		PFNH_HOOK(PFNH_INVALIDATE_END) | PFNH_HOOK(PFNH_HVA_TO_PFN) |
		PFNH_HOOK(PFNH_GUP_FAST) | PFNH_HOOK(PFNH_GUP) | PFNH_HOOK(PFNH_FOLLOW) },
	[PFNH_AT_MEMSLOT] = { true, PFNH_HOOK(PFNH_MEMSLOT) },
	[PFNH_AT_FLUSH] = { false, PFNH_HOOK(PFNH_FLUSH) | PFNH_HOOK(PFNH_FLUSH_RANGE) },
	[PFNH_AT_FLUSHED] = { false, PFNH_HOOK(PFNH_FLUSH) | PFNH_HOOK(PFNH_FLUSH_RANGE) },
	[PFNH_AT_GPC_INVALID] = { true, PFNH_HOOK(PFNH_GPC_INVALIDATE) },
};

/* --- the interface --- */

/* lock held */
static struct delay *delay_of(const struct pfnh_file *pf, u32 point)
{
	unsigned int i;

	for (i = 0; i < MAX_DELAYS; i++)
		if (delays[i].owner == pf && (!pf || delays[i].arg.point == point))
			return &delays[i];
	return NULL;
}

static bool valid(const struct pfnh_delay *arg)
{
	if (arg->point >= PFNH_NR_POINTS || (arg->flags & ~PFNH_DELAY_ALL) || arg->policy.seed)
		return false;
	if (arg->flags && (!(arg->flags & PFNH_DELAY_MEET) ||
			   !(~arg->flags & (PFNH_DELAY_SAMPLE | PFNH_DELAY_END)) ||
			   (arg->point != PFNH_AT_PFN && arg->point != PFNH_AT_GPC)))
		return false;
	if (!arg->max_us)
		return !arg->flags && !arg->min_us && !arg->policy.when && !arg->policy.n && !arg->seed;
	if (!arg->min_us || arg->min_us > arg->max_us ||
	    arg->max_us > (points[arg->point].sleeps ? PFNH_SLEEP_MAX_US : PFNH_SPIN_MAX_US))
		return false;
	return pfnh_policy_valid(&arg->policy);
}

/**
 * pfnh_delay - PFNH_DELAY
 * @pf: the open file, which marks an mm; its lock is held
 * @arg: not yet checked
 *
 * Return: 0, -EINVAL, -ENOENT (a hook is missing), -ENOSPC. Context: process.
 */
int pfnh_delay(struct pfnh_file *pf, const struct pfnh_delay *arg)
{
	struct delay *d;
	int ret = 0;

	if (!pf->marked || !valid(arg))
		return -EINVAL;
	if (arg->max_us && pfnh_hooks_arm(points[arg->point].needs))
		return -ENOENT;

	spin_lock(&lock);
	d = delay_of(pf, arg->point);
	if (!d && arg->max_us) {
		d = delay_of(NULL, 0);
		if (d) {
			memset(d, 0, sizeof(*d));
			d->owner = pf;
			d->mm = pf->marked;
			WRITE_ONCE(nr_delays, nr_delays + 1);
		} else {
			ret = -ENOSPC;
		}
	}
	if (d) {
		d->arg = *arg;
		d->rnd = arg->seed;
		memset(&d->chance, 0, sizeof(d->chance));
		d->chance.policy = arg->policy;
		d->chance.rnd = pfnh_random(&d->rnd);
	}
	spin_unlock(&lock);
	return ret;
}

/**
 * pfnh_delay_info - PFNH_DELAY_INFO
 * @pf: the open file
 * @arg: point in, the rest filled in
 *
 * Return: 0 or -EINVAL.
 */
int pfnh_delay_info(struct pfnh_file *pf, struct pfnh_delay_info *arg)
{
	struct pfnh_delay_info res = { .point = arg->point };
	struct delay *d;

	if (arg->point >= PFNH_NR_POINTS || arg->pad)
		return -EINVAL;
	spin_lock(&lock);
	d = delay_of(pf, arg->point);
	if (d)
		res = d->info;
	spin_unlock(&lock);
	res.point = arg->point;
	*arg = res;
	return 0;
}

/**
 * pfnh_delay_end - take away all delays of a file
 * @pf: the open file
 *
 * Tasks that sit in one finish it.
 */
void pfnh_delay_end(struct pfnh_file *pf)
{
	unsigned int i;

	spin_lock(&lock);
	for (i = 0; i < MAX_DELAYS; i++) {
		if (delays[i].owner != pf)
			continue;
		delays[i].owner = NULL;
		WRITE_ONCE(nr_delays, nr_delays - 1);
	}
	spin_unlock(&lock);
}

/**
 * pfnh_delays - is any delay set, so that it is worth following who is where?
 */
bool pfnh_delays(void)
{
	return READ_ONCE(nr_delays);
}

/* --- delays --- */

/*
 * Log-uniform: each power of two between the limits is as likely as the next, and within it each
 * length. Many short delays, few long ones.
 */
static u64 draw_ns(struct delay *d)
{
	u64 min = d->arg.min_us * (u64)NSEC_PER_USEC, max = d->arg.max_us * (u64)NSEC_PER_USEC;
	unsigned int low = ilog2(min), high = ilog2(max);
	unsigned int bit = low + pfnh_random(&d->rnd) % (high - low + 1);
	u64 ns = (1ull << bit) + (pfnh_random(&d->rnd) & ((1ull << bit) - 1));

	return clamp(ns, min, max);
}

static void spin(u64 ns)
{
	u64 end = ktime_get_ns() + ns;

	while (ktime_get_ns() < end)
		cpu_relax();
}

static void sleep_killable(u64 ns)
{
	ktime_t t = ns_to_ktime(ns);

	set_current_state(TASK_KILLABLE);
	schedule_hrtimeout(&t, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
}

/* Until somebody sets *done and wakes the caller, or the time is over. */
static void sleep_until(const bool *done, u64 ns, unsigned int state)
{
	ktime_t t = ns_to_ktime(ns);

	set_current_state(state);	/* pairs with wake_up_process() behind WRITE_ONCE(*done) */
	if (!READ_ONCE(*done))
		schedule_hrtimeout(&t, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
}

static bool may_sleep(void)
{
	return preemptible() && !rcu_preempt_depth() && !fatal_signal_pending(current);
}

/* Does a rule make the faults of an mm meet invalidations? lock held */
static bool meets(const struct mm_struct *mm)
{
	unsigned int i;

	for (i = 0; i < MAX_DELAYS; i++)
		if (delays[i].owner && delays[i].mm == mm &&
		    (delays[i].arg.flags & PFNH_DELAY_MEET))
			return true;
	return false;
}

/* lock held */
static struct window *window_open(const struct mm_struct *mm, enum pfnh_point point,
				  unsigned long hva)
{
	unsigned int i;

	for (i = 0; i < MAX_WINDOWS; i++) {
		if (windows[i].mm)
			continue;
		windows[i] = (struct window){ .mm = mm, .point = point, .hva = hva,
			.since_ns = ktime_get_ns(), .task = current };
		return &windows[i];
	}
	return NULL;
}

/* What its task has waited for is there. It leaves the window under lock, so it is alive. lock held */
static void window_met(struct window *w)
{
	WRITE_ONCE(w->met, true);
	wake_up_process(w->task);
}

/* A window where a fault waits for an invalidation that nobody is about to make. lock held */
static bool window_free(const struct window *w, const struct mm_struct *mm)
{
	return w->mm == mm && w->meet && !w->met && !w->taken;
}

/* All windows of its mm are its business now. lock held */
static void windows_take(struct waiter *by)
{
	unsigned int i;

	for (i = 0; i < MAX_WINDOWS; i++) {
		struct window *w = &windows[i];

		if (!window_free(w, by->mm))
			continue;
		w->taken = true;
		by->hva = w->hva;
		by->tid = task_pid_vnr(w->task);
		WRITE_ONCE(by->got, true);
	}
}

/* Are there as many as this one waits for? lock held */
static bool windows_suffice(const struct waiter *by)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_WINDOWS; i++)
		n += window_free(&windows[i], by->mm);
	return n >= by->faults;
}

/* A fault has begun to wait. Of those whom it suffices the next in turn gets it. lock held */
static void windows_offer(const struct mm_struct *mm)
{
	unsigned int i;

	for (i = 0; i < MAX_WAITERS; i++) {
		struct waiter *by = &waiters[(next_waiter + i) % MAX_WAITERS];

		if (by->mm != mm || by->got || !windows_suffice(by))
			continue;
		next_waiter = by - waiters + 1;
		windows_take(by);
		wake_up_process(by->task);
		break;
	}
}

/**
 * pfnh_await - PFNH_AWAIT
 * @mm: marked
 * @arg: max_us and faults in, the rest filled in
 *
 * Return: 0, -EINVAL, -ENOSPC. Context: process; sleeps.
 */
int pfnh_await(const struct mm_struct *mm, struct pfnh_await *arg)
{
	struct waiter *by = NULL;
	unsigned int i;

	if (!arg->max_us || arg->max_us > PFNH_SLEEP_MAX_US || !arg->faults || arg->pad)
		return -EINVAL;
	spin_lock(&lock);
	for (i = 0; i < MAX_WAITERS && !by; i++)
		if (!waiters[i].mm)
			by = &waiters[i];
	if (!by) {
		spin_unlock(&lock);
		return -ENOSPC;
	}
	*by = (struct waiter){ .mm = mm, .task = current, .faults = arg->faults };
	if (windows_suffice(by))
		windows_take(by);
	spin_unlock(&lock);

	sleep_until(&by->got, arg->max_us * (u64)NSEC_PER_USEC, TASK_INTERRUPTIBLE);

	spin_lock(&lock);
	if (!by->got)
		windows_take(by);	/* fewer than it wanted */
	arg->hva = by->hva;
	arg->tid = by->tid;
	by->mm = NULL;
	spin_unlock(&lock);
	return 0;
}

/**
 * pfnh_delay_retry - KVM will try the caller's fault again, since an invalidation is open
 *
 * If it is to meet invalidations it lets go of its CPU until the end of it, instead of spinning: under
 * emulation it is the CPU that the invalidation needs.
 */
void pfnh_delay_retry(void)
{
	struct window *w = NULL;

	if (!READ_ONCE(nr_delays) || !may_sleep())
		return;
	spin_lock(&lock);
	if (meets(current->mm))
		w = window_open(current->mm, PFNH_NR_POINTS, 0);
	if (w)
		w->retry = true;
	spin_unlock(&lock);
	if (!w)
		return;
	sleep_until(&w->met, RETRY_NS, TASK_KILLABLE);
	spin_lock(&lock);
	w->mm = NULL;
	spin_unlock(&lock);
}

/* All faults of an mm that wait for an invalidation go on. */
static void let_go(const struct mm_struct *mm)
{
	unsigned int i;

	spin_lock(&lock);
	for (i = 0; i < MAX_WINDOWS; i++)
		if (windows[i].mm == mm && windows[i].meet && !windows[i].met)
			window_met(&windows[i]);
	spin_unlock(&lock);
}

/**
 * pfnh_memslot_begin - the caller is about to put other memslots in place
 *
 * That waits for all faults under way (SRCU): those that wait for an invalidation had better go on.
 */
void pfnh_memslot_begin(void)
{
	if (READ_ONCE(nr_delays))
		let_go(current->mm);
}

/**
 * pfnh_memslot_flush - the caller is about to throw away what is mapped by a memslot, or has done so
 * @done: which
 *
 *	vCPU				the caller
 *	----				----------
 *	fault: pfn resolved		kvm_swap_active_memslots()
 *	  waits				kvm_arch_flush_shadow_memslot(): waits for such a fault,
 *	  |				makes the roots obsolete
 *	goes on
 *	is_page_fault_stale()? must be true
 */
void pfnh_memslot_flush(bool done)
{
	struct pfnh_await arg = { .max_us = AWAIT_NS / NSEC_PER_USEC, .faults = 1 };
	bool meet;

	if (!READ_ONCE(nr_delays))
		return;
	spin_lock(&lock);
	meet = meets(current->mm);
	spin_unlock(&lock);
	if (meet && done)
		let_go(current->mm);
	else if (meet && may_sleep())
		pfnh_await(current->mm, &arg);
}

/**
 * pfnh_delay_at - a task is at a point: delay it, if a rule says so
 * @point: where
 * @mm: whose
 * @sleeps: false if this call may not sleep although the point mostly may
 * @hva: the address that was resolved, or 0
 *
 * Context: the hooked function's.
 */
void pfnh_delay_at(enum pfnh_point point, const struct mm_struct *mm, bool sleeps,
		   unsigned long hva)
{
	const struct pfnh_file *owner;
	struct window *w = NULL;
	struct delay *d;
	u64 ns = 0, more = 0, begin;
	unsigned int i;

	if (!READ_ONCE(nr_delays) || irqs_disabled())
		return;
	spin_lock(&lock);
	for (i = 0; i < MAX_DELAYS; i++) {
		d = &delays[i];
		if (d->owner && d->mm == mm && d->arg.point == point && d->arg.max_us)
			break;
	}
	if (i == MAX_DELAYS || !pfnh_chance_take(&d->chance)) {
		if (i < MAX_DELAYS)
			d->info.seen++;
		spin_unlock(&lock);
		return;
	}
	d->info.seen++;
	owner = d->owner;
	ns = draw_ns(d);
	if (point == PFNH_AT_PFN || point == PFNH_AT_GPC)
		w = window_open(mm, point, hva);
	if (w && (d->arg.flags & PFNH_DELAY_MEET)) {
		w->meet = true;
		w->end = d->arg.flags & PFNH_DELAY_END;
		windows_offer(mm);
	}
	if (d->arg.flags & PFNH_DELAY_SAMPLE)
		more = pfnh_random(&d->rnd) % (2 * average_ns + 1);
	spin_unlock(&lock);

	/* the lock is dropped: preempt_count is the caller's own again */
	sleeps = sleeps && points[point].sleeps && may_sleep();
	begin = ktime_get_ns();
	if (w && w->meet) {
		if (sleeps)
			sleep_until(&w->met, ns, TASK_KILLABLE);
		more = READ_ONCE(w->met) ? min_t(u64, more, PFNH_SPIN_MAX_US * NSEC_PER_USEC) : 0;
		if (sleeps && more >= SHORT_NS)
			sleep_killable(more);
		else
			spin(more);
	} else if (sleeps && ns >= SHORT_NS) {
		sleep_killable(ns);
	} else {
		spin(min_t(u64, ns, PFNH_SPIN_MAX_US * NSEC_PER_USEC));
	}
	ns = ktime_get_ns() - begin;

	spin_lock(&lock);
	d = delay_of(owner, point);	/* it may be gone meanwhile */
	if (d && d->mm == mm) {
		d->info.delayed++;
		if (sleeps)
			d->info.slept_ns += ns;
		else
			d->info.spun_ns += ns;
		d->info.longest_ns = max_t(u64, d->info.longest_ns, ns);
		if (w) {
			d->info.whole += w->whole;
			d->info.whole_here += w->whole_here;
			d->info.windows_hit += w->whole > 0;
		}
	}
	if (w)
		w->mm = NULL;
	spin_unlock(&lock);
}

/* --- invalidations --- */

/**
 * pfnh_invalidate_begin - invalidate_range_start() is called for a marked mm
 * @range: its argument
 */
void pfnh_invalidate_begin(const struct mmu_notifier_range *range)
{
	struct invalidation *inv = &invalidations[0];
	unsigned int i;

	if (!READ_ONCE(nr_delays))
		return;
	spin_lock(&lock);
	for (i = 0; i < MAX_INVALIDATIONS; i++) {
		if (!invalidations[i].task) {
			inv = &invalidations[i];
			break;
		}
		if (invalidations[i].since_ns < inv->since_ns)
			inv = &invalidations[i];
	}
	*inv = (struct invalidation){ .task = current, .range = range,
		.since_ns = ktime_get_ns() };
	for (i = 0; i < MAX_WINDOWS; i++) {
		struct window *w = &windows[i];

		if (w->mm == range->mm && w->meet && !w->end && !w->met)
			window_met(w);
	}
	spin_unlock(&lock);
}

/**
 * pfnh_invalidate_done - the invalidate_range_end() that belongs to it has returned
 * @range: its argument
 */
void pfnh_invalidate_done(const struct mmu_notifier_range *range)
{
	unsigned int i;
	u64 since = 0;

	if (!READ_ONCE(nr_delays))
		return;
	spin_lock(&lock);
	for (i = 0; i < MAX_INVALIDATIONS && !since; i++) {
		struct invalidation *inv = &invalidations[i];

		if (inv->task != current || inv->range != range)
			continue;
		since = inv->since_ns;
		inv->task = NULL;
	}
	if (since)
		average_ns = average_ns - average_ns / 8 + (ktime_get_ns() - since) / 8;
	for (i = 0; since && i < MAX_WINDOWS; i++) {
		struct window *w = &windows[i];

		if (w->mm == range->mm && w->retry && !w->met)
			window_met(w);
		if (w->mm != range->mm || w->since_ns > since)
			continue;
		if (w->meet && w->end && !w->met)
			window_met(w);
		w->whole++;
		if (w->hva >= range->start && w->hva < range->end)
			w->whole_here++;
	}
	spin_unlock(&lock);
}
