// SPDX-License-Identifier: GPL-2.0-only
/*
 * Near misses: which fault met which invalidation, and where KVM noticed (PFNH_NEAR).
 *
 *	vCPU					some other task
 *	----					---------------
 *	kvm_faultin_pfn(): the fault begins
 *	  an invalidation is open: landed
 *	  retry at the unlocked check: early
 *	pfn resolved				invalidate_range_start(): overlapped
 *	mmu_lock				...
 *	is_page_fault_stale(): hit		invalidate_range_end()
 *
 * A pair of one fault and one invalidation counts once at each check, however often the fault is
 * retried meanwhile: an invalidation that stays open for long earns nothing. It is one fault as long
 * as the task comes back for the same page and has not got it.
 *
 * The address of a fault is the first member of struct kvm_page_fault, from 5.17 to 7.3: a guest
 * physical address, with shadow paging a guest virtual one.
 */
#include <linux/ktime.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "pfnh.h"

#define MAX_FLIGHTS	64
#define MAX_RANGES	64
#define NR_NEAR		8192		/* a power of two */
#define COPY_NEAR	16
#define OLD_NS		NSEC_PER_SEC	/* a window that was left unseen, a start without its end */

/* A task's last fault. */
struct flight {
	const struct task_struct *task;	/* compared only */
	const struct mm_struct *mm;
	u64 addr, since_ns;
	bool in;			/* between begin and locked check */
	bool again;			/* it came back without the page */
	u64 early, hit;			/* last invalidation that it was paired with, by check */
};

/* An invalidation, or a change of memslots. */
struct near_range {
	const struct mm_struct *mm;
	const struct task_struct *task;
	const void *arg;		/* NULL: a change of memslots */
	u64 seq, since_ns, until_ns;	/* until 0: open */
	u64 start, end;
	pid_t tid;
};

static struct flight flights[MAX_FLIGHTS];
static struct near_range ranges[MAX_RANGES];
static u64 range_seq;			/* of the last one; ranges[] is a ring */
static struct {
	const struct mm_struct *mm;
	struct pfnh_near near;
} ring[NR_NEAR];
static u64 ring_head;
static DEFINE_SPINLOCK(lock);		/* all of the above */

/* lock held */
static struct flight *flight_of(bool make)
{
	struct flight *f, *oldest = NULL;
	unsigned int i;

	for (i = 0; i < MAX_FLIGHTS; i++) {
		f = &flights[i];
		if (f->task == current)
			return f;
		if (!oldest || f->since_ns < oldest->since_ns)
			oldest = f;
	}
	if (!make)
		return NULL;
	*oldest = (struct flight){ .task = current };
	return oldest;
}

static void put(enum pfnh_near_what what, const struct mm_struct *mm, u64 addr,
		const struct near_range *r)
{
	struct pfnh_near *n = &ring[ring_head % NR_NEAR].near;

	ring[ring_head % NR_NEAR].mm = mm;
	*n = (struct pfnh_near){ .what = what, .addr = addr, .tid = task_pid_vnr(current) };
	if (r) {
		n->by = r->tid;
		n->start = r->start;
		n->end = r->end;
	}
	ring_head++;
}

static bool is_open(const struct near_range *r, u64 now)
{
	return r->arg && !r->until_ns && now - r->since_ns < OLD_NS;
}

/*
 * The last invalidation that a fault which began then has met, preferably somebody else's; or the last
 * change of memslots.
 */
static const struct near_range *met(const struct mm_struct *mm, u64 since_ns, u64 now, bool memslot)
{
	const struct near_range *own = NULL;
	u64 seq;

	for (seq = range_seq; seq && seq + MAX_RANGES > range_seq; seq--) {
		const struct near_range *r = &ranges[seq % MAX_RANGES];

		if (r->mm != mm || memslot == !!r->arg)
			continue;
		if (!memslot && !is_open(r, now) && r->until_ns < since_ns)
			continue;
		if (r->task != current)
			return r;
		own = r;
	}
	return own;
}

/**
 * pfnh_near_begin - a fault of the caller begins, or is tried again
 * @addr: what it is about
 */
void pfnh_near_begin(u64 addr)
{
	u64 now = ktime_get_ns();
	const struct near_range *r;
	struct flight *f;

	addr &= PAGE_MASK;
	spin_lock(&lock);
	f = flight_of(true);
	if (f->addr != addr || !f->again || f->mm != current->mm) {
		f->early = f->hit = 0;
		f->addr = addr;
		f->mm = current->mm;
		r = met(f->mm, now, now, false);
		if (r && is_open(r, now))
			this_cpu_inc(pfnh_counts.landed);
	}
	f->in = true;
	f->again = false;
	f->since_ns = now;
	spin_unlock(&lock);
}

/**
 * pfnh_near_end - a check has rejected the caller's fault, or it is over
 * @locked: behind the check with mmu_lock held, is_page_fault_stale()
 * @retry: KVM tries again
 */
void pfnh_near_end(bool locked, bool retry)
{
	u64 now = ktime_get_ns();
	const struct near_range *r;
	struct flight *f;
	u64 *last;

	spin_lock(&lock);
	f = flight_of(false);
	if (!f || !f->in)
		goto unlock;
	f->in = false;
	f->again = retry;
	if (!retry) {
		if (locked)
			put(PFNH_NEAR_FAULT, f->mm, f->addr, NULL);
		goto unlock;
	}
	last = locked ? &f->hit : &f->early;
	r = met(f->mm, f->since_ns, now, false);
	if (r && r->task == current)
		goto unlock;		/* it broke COW itself: a race with nobody */
	if (r && r->seq != *last) {
		*last = r->seq;
		put(locked ? PFNH_NEAR_HIT : PFNH_NEAR_EARLY, f->mm, f->addr, r);
		if (locked)
			this_cpu_inc(pfnh_counts.hits);
		else
			this_cpu_inc(pfnh_counts.early_pairs);
	} else if (!r && locked) {
		u64 seq;

		/* what made the root obsolete may be no change of memslots (a module parameter): once */
		r = met(f->mm, f->since_ns, now, true);
		seq = r ? r->seq : U64_MAX;
		if (seq != *last) {
			put(PFNH_NEAR_ROOT, f->mm, f->addr, r);
			this_cpu_inc(pfnh_counts.roots);
		}
		*last = seq;
	}
unlock:
	spin_unlock(&lock);
}

static void range_add(const struct mm_struct *mm, const void *arg, u64 start, u64 end)
{
	u64 now = ktime_get_ns();
	unsigned int i;
	struct near_range *r;

	spin_lock(&lock);
	r = &ranges[++range_seq % MAX_RANGES];
	*r = (struct near_range){ .mm = mm, .task = current, .arg = arg, .seq = range_seq,
		.since_ns = now, .start = start, .end = end, .tid = task_pid_vnr(current) };
	if (!arg)
		goto unlock;
	put(PFNH_NEAR_INVALIDATION, mm, start, r);
	for (i = 0; i < MAX_FLIGHTS; i++) {
		const struct flight *f = &flights[i];

		if (!f->in || f->mm != mm || now - f->since_ns > OLD_NS)
			continue;
		this_cpu_inc(pfnh_counts.overlapped);
		break;
	}
unlock:
	spin_unlock(&lock);
}

/**
 * pfnh_near_start - invalidate_range_start() of a marked mm is called
 * @range: its argument
 */
void pfnh_near_start(const struct mmu_notifier_range *range)
{
	range_add(range->mm, range, range->start, range->end);
}

/**
 * pfnh_near_done - the invalidate_range_end() that belongs to it has returned
 * @range: its argument
 */
void pfnh_near_done(const struct mmu_notifier_range *range)
{
	u64 seq;

	spin_lock(&lock);
	for (seq = range_seq; seq && seq + MAX_RANGES > range_seq; seq--) {
		struct near_range *r = &ranges[seq % MAX_RANGES];

		if (r->task != current || r->arg != range || r->until_ns)
			continue;
		r->until_ns = ktime_get_ns();
		break;
	}
	spin_unlock(&lock);
}

/**
 * pfnh_near_memslot - the caller has put other memslots in place
 */
void pfnh_near_memslot(void)
{
	range_add(current->mm, NULL, 0, 0);
}

/**
 * pfnh_near_pos - where the list ends now
 */
u64 pfnh_near_pos(void)
{
	u64 pos;

	spin_lock(&lock);
	pos = ring_head;
	spin_unlock(&lock);
	return pos;
}

/**
 * pfnh_near_read - PFNH_NEAR
 * @mm: marked by the caller's file
 * @pos: the file's place in the list
 * @arg: room in, the rest filled in
 *
 * Return: 0 or -EFAULT. Context: process.
 */
int pfnh_near_read(const struct mm_struct *mm, u64 *pos, struct pfnh_nears *arg)
{
	struct pfnh_near __user *to = u64_to_user_ptr(arg->buf);
	struct pfnh_near copy[COPY_NEAR];
	unsigned int n;
	bool more = true;

	arg->nr = 0;
	arg->lost = 0;
	while (more && arg->nr < arg->room) {
		n = 0;
		spin_lock(&lock);
		if (ring_head - *pos > NR_NEAR) {
			arg->lost += ring_head - NR_NEAR - *pos;
			*pos = ring_head - NR_NEAR;
		}
		for (; *pos < ring_head && n < COPY_NEAR && arg->nr + n < arg->room; ++*pos)
			if (ring[*pos % NR_NEAR].mm == mm)
				copy[n++] = ring[*pos % NR_NEAR].near;
		more = *pos < ring_head;
		spin_unlock(&lock);
		if (copy_to_user(to + arg->nr, copy, n * sizeof(*copy)))
			return -EFAULT;
		arg->nr += n;
	}
	return 0;
}
