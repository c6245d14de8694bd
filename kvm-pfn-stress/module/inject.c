// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNH_INJECT: errors in the functions that KVM calls, by rules; and who got which (PFNH_INJECTED).
 *
 * A "resolution" is one call of hva_to_pfn(). Its thread has a slot of state from the first one on;
 * the slot is its own as long as it is in there, and remembered as long as nobody needs the room.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "pfnh.h"

#define MAX_RULES	32
#define NR_THREADS	256
#define THREAD_WAYS	32
#define NR_RECORDS	16

struct rule {
	struct pfnh_file *owner;	/* NULL: free */
	bool ended;			/* only to be asked how often it fired; may be taken */
	u32 serial;			/* another one for each use of the slot */
	u32 id;				/* the owner's number for it */
	const struct mm_struct *mm;
	struct pfnh_inject arg;
	struct pfnh_chance chance;
	u64 failed;			/* calls; chance.fired counts without bursts */
};

struct thread {
	pid_t tid;			/* 0: free */
	u64 last_ns;
	/* of the thread itself only */
	u32 depth;			/* resolutions it is in */
	u32 refreshing;			/* gfn_to_pfn_caches */
	bool slow;			/* this one has asked the slow path */
	unsigned long hva;		/* that was resolved last */
	u64 resolutions;
	struct rule *burst;		/* goes on failing, */
	u32 burst_serial, burst_left;	/* if it is still the same rule, so many times */
	/* injections: lock */
	u32 pos;
	struct {
		u64 ns, hva, resolution;
		u32 hook;
		s32 error;
	} rec[NR_RECORDS];
};

static struct rule rules[MAX_RULES];
static unsigned int nr_rules;		/* in use; read without lock as a hint */
static u32 serial;
static struct thread threads[NR_THREADS];
static DEFINE_SPINLOCK(lock);		/* all of the above */

/* What can be injected where, and what the function could return there. */
static const struct {
	enum pfnh_hook hook;
	u64 needs;			/* other hooks */
	s16 errors[6];			/* ends with 1 */
	bool resolution;		/* only inside hva_to_pfn() */
} kinds[] = {
	{ PFNH_GUP, PFNH_HOOK(PFNH_GUP_FAST), { -EHWPOISON, -EAGAIN, -EINTR, -EFAULT, -ENOMEM, 0 },
	  true },
	{ PFNH_GUP_FAST, 0, { 0, 1 }, true },
	{ PFNH_PIN, PFNH_HOOK(PFNH_PIN_FAST), { -EHWPOISON, -EAGAIN, -EINTR, -EFAULT, -ENOMEM, 1 },
	  true },
	{ PFNH_FIXUP, 0, { -EFAULT, -ENOMEM, -EINTR, 0, 1 }, true },
	{ PFNH_FOLLOW, 0, { -EINVAL, 1 }, true },
	{ PFNH_TOPUP, 0, { -ENOMEM, 1 }, false },
	{ PFNH_VCPU_MEM, 0, { -ENOMEM, 1 }, false },
};

/* --- threads --- */

/* lock held. @make: takes the place of the one that was here longest ago; never of one at work. */
static struct thread *thread_of(pid_t tid, bool make)
{
	struct thread *t, *oldest = NULL;
	unsigned int i;

	for (i = 0; i < THREAD_WAYS; i++) {
		t = &threads[((u32)tid + i) % NR_THREADS];
		if (t->tid == tid)
			return t;
		if (!t->depth && !t->refreshing && (!oldest || t->last_ns < oldest->last_ns))
			oldest = t;
	}
	if (!make || !oldest)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->tid = tid;
	return oldest;
}

static struct thread *resolver(void)
{
	struct thread *t = thread_of(task_pid_vnr(current), false);

	return t && t->depth ? t : NULL;
}

/**
 * pfnh_resolution_begin - the caller enters hva_to_pfn()
 *
 * A thread that finds no slot is not followed: nothing is injected into it.
 */
void pfnh_resolution_begin(void)
{
	struct thread *t;

	spin_lock(&lock);
	t = thread_of(task_pid_vnr(current), true);
	if (t) {
		t->depth++;
		t->resolutions++;
		t->slow = false;
		t->burst = NULL;
		t->last_ns = ktime_get_ns();
	} else {
		this_cpu_inc(pfnh_counts.answers.missed);
	}
	spin_unlock(&lock);
}

/**
 * pfnh_resolution_end - it leaves hva_to_pfn()
 */
void pfnh_resolution_end(void)
{
	struct thread *t;

	spin_lock(&lock);
	t = resolver();
	if (t)
		t->depth--;
	spin_unlock(&lock);
}

/**
 * pfnh_resolving - is the caller in hva_to_pfn()?
 */
bool pfnh_resolving(void)
{
	bool res;

	spin_lock(&lock);
	res = resolver();
	spin_unlock(&lock);
	return res;
}

/**
 * pfnh_refresh_begin - the caller enters the refresh of a gfn_to_pfn_cache
 */
void pfnh_refresh_begin(void)
{
	struct thread *t;

	spin_lock(&lock);
	t = thread_of(task_pid_vnr(current), true);
	if (t)
		t->refreshing++;
	spin_unlock(&lock);
}

/**
 * pfnh_refresh_end - it leaves it
 */
void pfnh_refresh_end(void)
{
	struct thread *t;

	spin_lock(&lock);
	t = thread_of(task_pid_vnr(current), false);
	if (t && t->refreshing)
		t->refreshing--;
	spin_unlock(&lock);
}

/**
 * pfnh_refreshing - is the caller in one?
 */
bool pfnh_refreshing(void)
{
	struct thread *t;
	bool res;

	spin_lock(&lock);
	t = thread_of(task_pid_vnr(current), false);
	res = t && t->refreshing;
	spin_unlock(&lock);
	return res;
}

/**
 * pfnh_resolved_hva - the address that the caller's last resolution was about, or 0
 */
unsigned long pfnh_resolved_hva(void)
{
	struct thread *t;
	unsigned long hva;

	spin_lock(&lock);
	t = thread_of(task_pid_vnr(current), false);
	hva = t ? t->hva : 0;
	spin_unlock(&lock);
	return hva;
}

static void record(struct thread *t, enum pfnh_hook hook, int error, unsigned long hva)
{
	t->last_ns = ktime_get_ns();
	t->rec[t->pos].ns = t->last_ns;
	t->rec[t->pos].hva = hva & PAGE_MASK;
	t->rec[t->pos].resolution = t->resolutions;
	t->rec[t->pos].hook = hook;
	t->rec[t->pos].error = error;
	t->pos = (t->pos + 1) % NR_RECORDS;
}

/**
 * pfnh_injected - PFNH_INJECTED
 * @arg: tid and since_ns in, the rest filled in
 *
 * Return: 0 or -EINVAL. Context: process.
 */
int pfnh_injected(struct pfnh_injected *arg)
{
	struct pfnh_injected res = { .tid = arg->tid, .since_ns = arg->since_ns };
	struct thread *t;
	unsigned int i;

	if (arg->tid < 0)
		return -EINVAL;
	spin_lock(&lock);
	t = thread_of(arg->tid ? arg->tid : task_pid_vnr(current), false);
	for (i = 0; t && i < NR_RECORDS; i++) {
		if (!t->rec[i].ns || t->rec[i].ns < arg->since_ns)
			continue;
		res.count++;
		res.mask |= PFNH_HOOK(t->rec[i].hook);
		res.errors |= PFNH_ERROR(pfnh_answer_of(t->rec[i].error));
		if (t->rec[i].ns < res.ns)
			continue;
		res.ns = t->rec[i].ns;
		res.hva = t->rec[i].hva;
		res.later = t->resolutions - t->rec[i].resolution;
		res.hook = t->rec[i].hook;
		res.error = t->rec[i].error;
	}
	spin_unlock(&lock);
	*arg = res;
	return 0;
}

/* --- rules --- */

static int kind_of(u32 hook)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].hook == hook)
			return i;
	return -1;
}

static bool valid(const struct pfnh_inject *arg)
{
	int i, k = kind_of(arg->hook);
	bool known = false;

	if (k < 0 || (arg->flags & ~PFNH_INJECT_ALL) || arg->flags == PFNH_INJECT_ALL ||
	    arg->pad || arg->tid < 0 || arg->burst > 1000 || !pfnh_policy_valid(&arg->policy))
		return false;
	for (i = 0; i < ARRAY_SIZE(kinds[k].errors) && kinds[k].errors[i] != 1; i++)
		known |= kinds[k].errors[i] == arg->error;
	if (!known || (arg->flags && arg->hook != PFNH_GUP))
		return false;
	if (!arg->error && arg->hook == PFNH_GUP && (arg->flags & PFNH_INJECT_WAIT))
		return false;
	if (!arg->start && !arg->end)
		return true;
	return kinds[k].resolution && arg->start < arg->end;
}

/**
 * pfnh_inject - PFNH_INJECT
 * @pf: the open file, which marks an mm; its lock is held
 * @arg: not yet checked
 *
 * Return: the rule's number, -EINVAL, -ENOENT (a hook is missing), -ENOSPC. Context: process.
 */
int pfnh_inject(struct pfnh_file *pf, const struct pfnh_inject *arg)
{
	struct rule *r = NULL;
	u64 needs;
	int i;

	if (!pf->marked || !valid(arg))
		return -EINVAL;
	i = kind_of(arg->hook);
	needs = PFNH_HOOK(arg->hook) | kinds[i].needs;
	if (kinds[i].resolution)
		needs |= PFNH_HOOK(PFNH_HVA_TO_PFN);
	if (pfnh_hooks_arm(needs))
		return -ENOENT;

	spin_lock(&lock);
	for (i = 0; i < MAX_RULES && !r; i++)
		if (!rules[i].owner)
			r = &rules[i];
	for (i = 0; i < MAX_RULES && !r; i++)
		if (rules[i].ended)
			r = &rules[i];
	if (r) {
		memset(r, 0, sizeof(*r));
		r->serial = ++serial;
		r->id = pf->nr_rules++;
		r->mm = pf->marked;
		r->arg = *arg;
		r->chance.policy = arg->policy;
		r->chance.rnd = arg->policy.seed;
		r->owner = pf;
		WRITE_ONCE(nr_rules, nr_rules + 1);
	}
	spin_unlock(&lock);
	return r ? r->id : -ENOSPC;
}

/**
 * pfnh_inject_info - PFNH_INJECT_INFO
 * @pf: the open file
 * @arg: id in, the rest filled in
 *
 * Return: 0, -EINVAL, or -ENOENT for a rule that is not the file's.
 */
int pfnh_inject_info(struct pfnh_file *pf, struct pfnh_inject_info *arg)
{
	int i, ret = -ENOENT;

	if (arg->pad)
		return -EINVAL;
	spin_lock(&lock);
	for (i = 0; i < MAX_RULES; i++) {
		if (rules[i].owner != pf || rules[i].id != arg->id)
			continue;
		arg->seen = rules[i].chance.seen;
		arg->fired = rules[i].failed;
		ret = 0;
	}
	spin_unlock(&lock);
	return ret;
}

/**
 * pfnh_inject_end - end all rules of a file
 * @pf: the open file
 * @forget: it is being closed
 */
void pfnh_inject_end(struct pfnh_file *pf, bool forget)
{
	int i;

	spin_lock(&lock);
	for (i = 0; i < MAX_RULES; i++) {
		if (rules[i].owner != pf)
			continue;
		if (!rules[i].ended)
			WRITE_ONCE(nr_rules, nr_rules - 1);
		rules[i].ended = true;
		if (forget)
			memset(&rules[i], 0, sizeof(rules[i]));
	}
	spin_unlock(&lock);
}

static bool matches(const struct rule *r, enum pfnh_hook hook, unsigned long hva)
{
	const struct pfnh_inject *a = &r->arg;

	return r->owner && !r->ended && a->hook == hook && r->mm == current->mm &&
	       (!a->tid || a->tid == task_pid_vnr(current)) &&
	       (!a->end || (hva >= a->start && hva < a->end));
}

/* Does a rule make this call fail? lock held. */
static struct rule *decide(struct thread *t, enum pfnh_hook hook, unsigned long hva, bool nowait)
{
	struct rule *r;
	int i;

	if (t && t->burst && t->burst->owner && t->burst->serial == t->burst_serial &&
	    t->burst_left && matches(t->burst, hook, hva)) {
		t->burst_left--;
		t->burst->failed++;
		return t->burst;
	}
	for (i = 0; i < MAX_RULES; i++) {
		r = &rules[i];
		if (!matches(r, hook, hva))
			continue;
		if (hook == PFNH_GUP &&
		    (((r->arg.flags & PFNH_INJECT_NOWAIT) && !nowait) ||
		     ((r->arg.flags & PFNH_INJECT_WAIT) && nowait) ||
		     (!r->arg.error && !nowait)))
			continue;
		if (!pfnh_chance_take(&r->chance))
			continue;
		r->failed++;
		if (t && r->arg.burst > 1) {
			t->burst = r;
			t->burst_serial = r->serial;
			t->burst_left = r->arg.burst - 1;
		}
		return r;
	}
	return NULL;
}

/* Could a rule make the slow path fail? Then it must be asked. lock held. */
static bool slow_wanted(struct thread *t, enum pfnh_hook slow, unsigned long hva)
{
	int i;

	if (t->slow)
		return false;
	for (i = 0; i < MAX_RULES; i++)
		if (matches(&rules[i], slow, hva) && pfnh_chance_left(&rules[i].chance))
			return true;
	return false;
}

/*
 * fixup_user_fault(mm, address, fault_flags, bool *unlocked) whose fault handler drops mmap_lock:
 * it comes back with the lock held again, and says so.
 */
static void drop_lock(struct pfnh_call *call)
{
	struct mm_struct *mm = (void *)call->arg[0];
	bool *unlocked = (void *)call->arg[3];

	mmap_read_unlock(mm);
	cond_resched();
	mmap_read_lock(mm);
	*unlocked = true;
}

/**
 * pfnh_inject_call - a function that can be made to fail is called
 * @call: function and arguments
 *
 * Return: true if it fails, with call->ret set. Context: the function's, which may sleep.
 */
bool pfnh_inject_call(struct pfnh_call *call)
{
	enum pfnh_hook hook = call->hook;
	unsigned long hva = 0;
	struct thread *t;
	struct rule *r = NULL;
	bool nowait = false, resolution = true;
	int error = 0;

	switch (hook) {
	case PFNH_GUP:		/* long (start, nr_pages, pages, gup_flags) */
	case PFNH_PIN:
		nowait = call->arg[3] & FOLL_NOWAIT;
		fallthrough;
	case PFNH_GUP_FAST:	/* int (start, nr_pages, gup_flags, pages) */
	case PFNH_PIN_FAST:
		hva = call->arg[0];
		break;
	case PFNH_FIXUP:	/* int (mm, address, fault_flags, unlocked) */
		hva = call->arg[1];
		break;
	case PFNH_FOLLOW:
		hva = pfnh_follow_address(call->arg);
		break;
	default:
		resolution = false;
	}

	if (!READ_ONCE(nr_rules) && !pfnh_delays())
		return false;
	spin_lock(&lock);
	t = resolution ? resolver() : thread_of(task_pid_vnr(current), true);
	if (resolution && !t)
		goto out;
	if (resolution)
		t->hva = hva;
	if ((hook == PFNH_GUP_FAST && slow_wanted(t, PFNH_GUP, hva)) ||
	    (hook == PFNH_PIN_FAST && slow_wanted(t, PFNH_PIN, hva))) {
		call->ret = hook == PFNH_PIN_FAST ? -EFAULT : 0;
		spin_unlock(&lock);
		return true;
	}
	r = decide(t, hook, hva, nowait);
	if (r) {
		error = r->arg.error;
		if (t)
			record(t, hook, error, hva);
	}
	if (t && (hook == PFNH_GUP || hook == PFNH_PIN))
		t->slow = true;
out:
	spin_unlock(&lock);
	if (!r)
		return false;
	call->ret = error;
	if (hook == PFNH_FIXUP && !error) {
		call->unlock = true;
		return false;
	}
	return true;
}

/**
 * pfnh_inject_unlock - the rest of a fixup_user_fault() that drops mmap_lock
 * @call: it has been called, and a rule wanted it
 */
void pfnh_inject_unlock(struct pfnh_call *call)
{
	if (call->unlock && !(int)call->ret)
		drop_lock(call);
}
