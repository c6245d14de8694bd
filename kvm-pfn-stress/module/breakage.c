// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNH_BREAK: errors made on purpose, to see every oracle red. What changes a reference is given
 * back when the file is closed, so that the suite can go on.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/page_ref.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "pfnh.h"

static int note_ref(struct pfnh_file *pf, struct page *page, struct folio *folio, int delta)
{
	pf->refs[pf->nr_refs].page = page;
	pf->refs[pf->nr_refs].folio = folio;
	pf->refs[pf->nr_refs].delta = delta;
	pf->nr_refs++;
	return 0;
}

static int break_ref(struct pfnh_file *pf, u32 index, int delta)
{
	struct page *page;

	if (!pf->set)
		return -ENODATA;
	if (pf->nr_refs == PFNH_MAX_LEAKS)
		return -ENOSPC;
	page = pfnh_set_ref(pf->set, index, delta);
	return page ? note_ref(pf, page, NULL, delta) : -EINVAL;
}

/* Not a page that is free: -EBUSY. */
static int break_pfn_ref(struct pfnh_file *pf, u64 pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct folio *folio;

	if (!page)
		return -ENXIO;
	if (pf->nr_refs == PFNH_MAX_LEAKS)
		return -ENOSPC;
	folio = page_folio(page);
	if (!folio_try_get(folio))
		return -EBUSY;
	if (page_folio(page) != folio) {	/* freed or split before we had it */
		folio_put(folio);
		return -EBUSY;
	}
	return note_ref(pf, NULL, folio, 1);
}

static int break_lockup(u64 ms)
{
	u64 end = ktime_get_ns() + ms * NSEC_PER_MSEC;

	preempt_disable();
	while (ktime_get_ns() < end)
		cpu_relax();
	preempt_enable();
	return 0;
}

/* Uninterruptible on purpose: what khungtaskd looks for. */
static int break_hung(u64 ms)
{
	unsigned long left = msecs_to_jiffies(ms) + 1;

	while (left)
		left = schedule_timeout_uninterruptible(left);
	return 0;
}

/* The compiler would make an undefined instruction of a NULL that it knows. */
static int break_oops(void)
{
	unsigned long *p = NULL;

	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(*p, 1);
	return -EFAULT;
}

/* What has a file to give back: pf->lock held. */
static int break_file(struct pfnh_file *pf, const struct pfnh_break_arg *arg)
{
	switch (arg->what) {
	case PFNH_BREAK_REF_LEAK:
		return break_ref(pf, arg->index, 1);
	case PFNH_BREAK_REF_DROP:
		return break_ref(pf, arg->index, -1);
	case PFNH_BREAK_PFN_REF_LEAK:
		return break_pfn_ref(pf, arg->arg);
	case PFNH_BREAK_MODULE_REF:
		__module_get(THIS_MODULE);
		pf->module_refs++;
		return 0;
	case PFNH_BREAK_CANARY:
		return pf->set ? pfnh_set_break_canary(pf->set) : -ENODATA;
	case PFNH_BREAK_NO_ZAP:
		return pf->set ? pfnh_set_break_no_zap(pf->set) : -ENODATA;
	}
	return -EINVAL;
}

/**
 * pfnh_break - PFNH_BREAK
 * @pf: the open file
 * @arg: what, not yet checked
 *
 * Return: 0, -EINVAL, -ENODATA (no set, or nothing to break), -ENXIO and -EBUSY (no such page, or
 * a free one), -ENOSPC (too many references), -EINTR (killed). Context: process, no lock held, so
 * that the task that dies of an oops takes none with it.
 */
int pfnh_break(struct pfnh_file *pf, const struct pfnh_break_arg *arg)
{
	int ret;

	switch (arg->what) {
	case PFNH_BREAK_WARN:
		WARN(1, "pfn_helper: PFNH_BREAK_WARN\n");
		return 0;
	case PFNH_BREAK_OOPS:
		return break_oops();
	case PFNH_BREAK_PANIC:
		panic("pfn_helper: PFNH_BREAK_PANIC");
	case PFNH_BREAK_LOCKUP:
		return arg->arg && arg->arg <= 60000 ? break_lockup(arg->arg) : -EINVAL;
	case PFNH_BREAK_HUNG:
		return arg->arg && arg->arg <= 600000 ? break_hung(arg->arg) : -EINVAL;
	}

	mutex_lock(&pf->lock);
	ret = break_file(pf, arg);
	mutex_unlock(&pf->lock);
	return ret;
}

/**
 * pfnh_break_undo - give back all references that pfnh_break() changed
 * @pf: the open file, in release(); its set still exists
 */
void pfnh_break_undo(struct pfnh_file *pf)
{
	while (pf->nr_refs) {
		pf->nr_refs--;
		if (pf->refs[pf->nr_refs].folio)
			folio_put(pf->refs[pf->nr_refs].folio);
		else
			page_ref_sub(pf->refs[pf->nr_refs].page, pf->refs[pf->nr_refs].delta);
	}
	/* The last one is the file's own: fops.owner keeps the module until after release(). */
	for (; pf->module_refs; pf->module_refs--)
		module_put(THIS_MODULE);
}
