// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNH_SCRIPT: fault handlers that fail as told.
 *
 * A rule is shared by the pages it was made for and goes with the last of them. sem protects which
 * page has which rule; script_lock the rules' counters, since handlers hold sem for reading only.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/slab.h>

#include "compat.h"
#include "pfnh.h"

struct pfnh_script_rule {
	u32 pages;			/* that have it */
	u32 what, flags;
	struct pfnh_chance chance;
};

static void drop(struct pfnh_set *set, u32 index)
{
	struct pfnh_script_rule *rule = set->script[index];

	set->script[index] = NULL;
	if (!rule || --rule->pages)
		return;
	set->script_seen += rule->chance.seen;
	set->script_fired += rule->chance.fired;
	kfree(rule);
}

/**
 * pfnh_script_set - PFNH_SCRIPT
 * @set: the set
 * @arg: its argument, not yet checked
 *
 * Return: 0, -EINVAL, -ENOMEM. Context: process, takes sem for writing.
 */
int pfnh_script_set(struct pfnh_set *set, const struct pfnh_script *arg)
{
	static const struct pfnh_policy none;
	struct pfnh_script_rule *rule = NULL;
	u32 i;

	if (arg->what >= PFNH_NR_SCRIPTS || (arg->flags & ~PFNH_SCRIPT_USER) || !arg->nr ||
	    arg->first >= set->nr || arg->nr > set->nr - arg->first ||
	    set->kind == PFNH_PFNMAP_REMAP)
		return -EINVAL;
	if (arg->what == PFNH_SCRIPT_NONE ? arg->flags || memcmp(&arg->policy, &none, sizeof(none)) :
	    !pfnh_policy_valid(&arg->policy))
		return -EINVAL;
	if (arg->what == PFNH_SCRIPT_OOM && (arg->flags & PFNH_SCRIPT_USER))
		return -EINVAL;

	if (arg->what != PFNH_SCRIPT_NONE) {
		rule = kzalloc(sizeof(*rule), GFP_KERNEL);
		if (!rule)
			return -ENOMEM;
		rule->pages = arg->nr;
		rule->what = arg->what;
		rule->flags = arg->flags;
		rule->chance.policy = arg->policy;
		rule->chance.rnd = arg->policy.seed;
	}
	down_write(&set->sem);
	if (!set->script)
		set->script = kvcalloc(set->nr, sizeof(*set->script), GFP_KERNEL);
	if (!set->script) {
		up_write(&set->sem);
		kfree(rule);
		return -ENOMEM;
	}
	for (i = arg->first; i < arg->first + arg->nr; i++) {
		drop(set, i);
		set->script[i] = rule;
	}
	up_write(&set->sem);
	return 0;
}

/**
 * pfnh_script_info - PFNH_SCRIPT_INFO
 * @set: the set
 * @arg: filled in
 *
 * Return: 0 or -EINVAL. Context: process, takes sem for reading.
 */
int pfnh_script_info(struct pfnh_set *set, struct pfnh_script_info *arg)
{
	struct pfnh_script_rule *rule;

	if (arg->index >= set->nr)
		return -EINVAL;
	down_read(&set->sem);
	rule = set->script ? set->script[arg->index] : NULL;
	spin_lock(&set->script_lock);
	arg->what = rule ? rule->what : PFNH_SCRIPT_NONE;
	arg->seen = rule ? rule->chance.seen : set->script_seen;
	arg->fired = rule ? rule->chance.fired : set->script_fired;
	spin_unlock(&set->script_lock);
	up_read(&set->sem);
	return 0;
}

/* The end of the set: no mapping is left. */
void pfnh_script_free(struct pfnh_set *set)
{
	u32 i;

	for (i = 0; set->script && i < set->nr; i++)
		drop(set, i);
	kvfree(set->script);
}

/**
 * pfnh_script_fault - does the script answer this fault?
 * @set: the set; sem held for reading
 * @index: page
 * @vmf: the fault
 *
 * Return: what to answer by pfnh_script_answer(), or PFNH_SCRIPT_NONE.
 */
u32 pfnh_script_fault(struct pfnh_set *set, u32 index, const struct vm_fault *vmf)
{
	struct pfnh_script_rule *rule = set->script ? set->script[index] : NULL;
	bool fires;

	if (!rule)
		return PFNH_SCRIPT_NONE;
	if ((vmf->flags & FAULT_FLAG_USER) && !(rule->flags & PFNH_SCRIPT_USER))
		return PFNH_SCRIPT_NONE;
	if (rule->what == PFNH_SCRIPT_RETRY && !(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return PFNH_SCRIPT_NONE;
	spin_lock(&set->script_lock);
	fires = pfnh_chance_take(&rule->chance);
	spin_unlock(&set->script_lock);
	return fires ? rule->what : PFNH_SCRIPT_NONE;
}

/**
 * pfnh_script_answer - answer it
 * @vmf: the fault; sem not held
 * @what: of pfnh_script_fault()
 *
 * RETRY drops the lock that the fault was taken with, as __folio_lock_or_retry() does; from then on
 * the VMA, its file and the set may be gone. With RETRY_NOWAIT the lock stays.
 *
 * Return: VM_FAULT_*.
 */
vm_fault_t pfnh_script_answer(struct vm_fault *vmf, u32 what)
{
	switch (what) {
	case PFNH_SCRIPT_OOM:
		return VM_FAULT_OOM;
	case PFNH_SCRIPT_HWPOISON:
		return VM_FAULT_HWPOISON;
	case PFNH_SCRIPT_NOPAGE:
		return VM_FAULT_NOPAGE;
	case PFNH_SCRIPT_RETRY:
		if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
			pfnh_release_fault_lock(vmf);
		return VM_FAULT_RETRY;
	}
	return VM_FAULT_SIGBUS;
}
