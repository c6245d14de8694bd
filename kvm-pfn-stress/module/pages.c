// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of pages: allocation, zap, rotation, canaries, release. map.c has the fault handler.
 *
 * A rotate, next to a guest that accesses the page (retire = fill with the canary):
 *
 *	rotate				fault handler (KVM or CPU)
 *	------				--------------------------
 *	take fresh pages, zero them
 *	down_write(sem)
 *	put them in place		down_read(sem): waits
 *	unmap_mapping_range()
 *	up_write(sem)
 *					looks up the fresh page, inserts it, up_read(sem)
 *	retire the old pages
 *
 * The handler holds sem from lookup to insertion, so that it never inserts a retired page. vfio-pci
 * (memory_lock) and TTM (the reservation) order zap and fault in the same way.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/idr.h>
#include <linux/mmap_lock.h>
#include <linux/page_ref.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pfnh.h"

/* Pages of all sets that could not be freed, since the module was loaded. */
atomic64_t pfnh_leaked = ATOMIC64_INIT(0);

static DEFINE_IDA(pfnh_ids);

/* --- allocation --- */

static struct pfnh_pg *pg_new(struct page *page, struct pfnh_block *block)
{
	struct pfnh_pg *pg = kzalloc(sizeof(*pg), GFP_KERNEL);

	if (!pg)
		return NULL;
	INIT_LIST_HEAD(&pg->list);
	pg->page = page;
	pg->block = block;
	return pg;
}

/* Add one page to the free list. */
static int grow_page(struct pfnh_set *set)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct pfnh_pg *pg;

	if (!page)
		return -ENOMEM;
	pg = pg_new(page, NULL);
	if (!pg) {
		__free_page(page);
		return -ENOMEM;
	}
	page_ref_add(page, set->bias);
	list_add_tail(&pg->list, &set->free);
	set->total++;
	return 0;
}

/*
 * Add the tails of one block to the free list. Without __GFP_COMP only the head of a block has a
 * reference: the tails have a struct page and refcount 0, as the pages of many drivers do.
 */
static int grow_block(struct pfnh_set *set)
{
	struct pfnh_block *block = kzalloc(sizeof(*block), GFP_KERNEL);
	unsigned int i, nr = 1 << PFNH_TAIL_ORDER;
	struct pfnh_pg *pg, *next;
	LIST_HEAD(pgs);

	if (!block)
		return -ENOMEM;
	block->head = alloc_pages(GFP_KERNEL, PFNH_TAIL_ORDER);
	if (!block->head)
		goto free_block;

	for (i = 1; i < nr; i++) {
		pg = pg_new(block->head + i, block);
		if (!pg)
			goto free_pgs;
		list_add_tail(&pg->list, &pgs);
	}
	list_splice_tail(&pgs, &set->free);
	list_add_tail(&block->list, &set->blocks);
	set->total += nr - 1;
	return 0;

free_pgs:
	list_for_each_entry_safe(pg, next, &pgs, list)
		kfree(pg);
	__free_pages(block->head, PFNH_TAIL_ORDER);
free_block:
	kfree(block);
	return -ENOMEM;
}

/* Pages as those of grow_page(), beside each other and aligned for a huge entry. */
static int grow_huge(struct pfnh_set *set)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL,
					get_order(PFNH_HUGE * PAGE_SIZE));
	struct pfnh_pg *pg, *next;
	LIST_HEAD(pgs);
	unsigned int i;

	if (!page)
		return -ENOMEM;
	split_page(page, get_order(PFNH_HUGE * PAGE_SIZE));
	for (i = 0; i < PFNH_HUGE; i++) {
		pg = pg_new(page + i, NULL);
		if (!pg)
			goto free;
		list_add_tail(&pg->list, &pgs);
	}
	list_for_each_entry(pg, &pgs, list)
		page_ref_add(pg->page, set->bias);
	list_splice_tail(&pgs, &set->free);
	set->total += PFNH_HUGE;
	return 0;

free:
	list_for_each_entry_safe(pg, next, &pgs, list)
		kfree(pg);
	for (i = 0; i < PFNH_HUGE; i++)
		__free_page(page + i);
	return -ENOMEM;
}

static int grow(struct pfnh_set *set)
{
	if (set->flags & PFNH_F_HUGE)
		return grow_huge(set);
	return set->flags & PFNH_F_TAIL ? grow_block(set) : grow_page(set);
}

/* --- canaries: zap_lock held --- */

static void canary_fill(struct page *page)
{
	u64 *p = kmap_local_page(page);

	memset64(p, PFNH_CANARY, PAGE_SIZE / sizeof(*p));
	kunmap_local(p);
}

/* Check one retired page; the first wrong word of all times is remembered. */
static bool canary_intact(struct pfnh_set *set, struct pfnh_pg *pg)
{
	u64 *p = kmap_local_page(pg->page);
	unsigned int i, nr = PAGE_SIZE / sizeof(*p);
	u64 value = PFNH_CANARY;

	for (i = 0; i < nr; i++) {
		value = READ_ONCE(p[i]);
		if (value != PFNH_CANARY)
			break;
	}
	kunmap_local(p);
	if (i == nr)
		return true;

	if (!set->nr_bad++) {
		set->first_bad.value = value;
		set->first_bad.index = pg->index;
		set->first_bad.offset = i * sizeof(*p);
	}
	return false;
}

/* Check all retired pages; those that lost their canary change to the bad list. */
static u64 canary_check_all(struct pfnh_set *set)
{
	struct pfnh_pg *pg, *next;
	u64 checked = 0;

	list_for_each_entry_safe(pg, next, &set->retired, list) {
		if (!canary_intact(set, pg))
			list_move_tail(&pg->list, &set->bad);
		checked++;
		cond_resched();
	}
	return checked;
}

/* Retired pages from @pg on: the whole block, in order, and nobody uses it any more? */
static bool block_unused(struct pfnh_set *set, struct pfnh_pg *pg)
{
	unsigned long pfn = page_to_pfn(pg->page);
	unsigned int i;

	for (i = 0; i < PFNH_HUGE; i++) {
		if (list_entry_is_head(pg, &set->retired, list) || page_to_pfn(pg->page) != pfn + i ||
		    page_ref_count(pg->page) != set->base + set->bias || !canary_intact(set, pg))
			return false;
		pg = list_next_entry(pg, list);
	}
	return IS_ALIGNED(pfn, PFNH_HUGE);
}

/* Move retired blocks to @fresh, until there are @nr pages more. Returns how many are missing. */
static u32 collect_blocks(struct pfnh_set *set, u32 nr, struct list_head *fresh)
{
	struct pfnh_pg *pg = list_first_entry(&set->retired, struct pfnh_pg, list), *next;
	unsigned int i;

	while (nr && !list_entry_is_head(pg, &set->retired, list)) {
		if (!block_unused(set, pg)) {
			pg = list_next_entry(pg, list);
			continue;
		}
		for (i = 0; i < PFNH_HUGE; i++) {
			next = list_next_entry(pg, list);
			list_move_tail(&pg->list, fresh);
			pg = next;
		}
		nr -= PFNH_HUGE;
		cond_resched();
	}
	return nr;
}

/*
 * Collect @nr zeroed pages that nobody uses on @fresh: new ones as long as the set may grow, then
 * the longest retired ones. A retired page that still has a reference stays where it is.
 * zap_lock held. Returns 0, -ENOMEM, -ENOSPC (all spare pages are referenced or bad) or -EINTR.
 */
static int collect(struct pfnh_set *set, u32 nr, struct list_head *fresh)
{
	bool huge = set->flags & PFNH_F_HUGE;
	u32 limit = 2 * set->nr + (huge ? PFNH_SPARE_HUGE : PFNH_SPARE);
	struct pfnh_pg *pg, *next;
	int ret = 0;

	while (nr && !ret) {
		while (nr && !list_empty(&set->free)) {
			list_move_tail(set->free.next, fresh);
			nr--;
		}
		if (!nr)
			break;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		else if (set->total >= limit)
			ret = -ENOSPC;
		else
			ret = grow(set);
		cond_resched();
	}

	if (ret != -EINTR && huge) {
		nr = collect_blocks(set, nr, fresh);
	} else if (ret != -EINTR) {
		list_for_each_entry_safe(pg, next, &set->retired, list) {
			if (!nr)
				break;
			if (page_ref_count(pg->page) != set->base + set->bias)
				continue;
			if (canary_intact(set, pg)) {
				list_move_tail(&pg->list, fresh);
				nr--;
			} else {
				list_move_tail(&pg->list, &set->bad);
			}
			cond_resched();
		}
	}
	if (nr) {
		list_splice_tail(fresh, &set->free);
		return ret;
	}

	list_for_each_entry(pg, fresh, list) {
		clear_highpage(pg->page);
		cond_resched();
	}
	return 0;
}

/* --- zap and rotate --- */

static void unmap(struct pfnh_set *set, const struct pfnh_zap *arg)
{
	unmap_mapping_range(set->mapping, (loff_t)(set->pgoff + arg->first) << PAGE_SHIFT,
			    (loff_t)arg->nr << PAGE_SHIFT, 1);
}

/*
 * Wait until every mmap() of a REMAP set that looked up its pages before now has linked its VMA.
 * The PTEs of such a VMA are made before unmap_mapping_range() can find it. mmap() holds mmap_lock
 * for writing until it is linked, and only the creator's mm may map the set.
 */
static void wait_for_mmaps(struct pfnh_set *set)
{
	if (!mmget_not_zero(set->mm))
		return;		/* all its tasks are gone, and their mmap() calls with them */
	mmap_read_lock(set->mm);
	mmap_read_unlock(set->mm);
	mmput(set->mm);
}

/**
 * pfnh_set_zap - take a range away from all mappings; with PFNH_ZAP_ROTATE retire its pages
 * @set: the set
 * @arg: PFNH_ZAP's argument; the range has been checked
 *
 * Both forms hold sem for writing: an insertion is either before the zap and removed by it, or
 * after it, which makes PFNH_FAULT's answer exact.
 *
 * Return: 0, -EINTR (killed), -ENOMEM, or -ENOSPC when all spare pages are still referenced or have
 * lost their canary; on error nothing has changed. Context: process; takes zap_lock, sem, and for
 * REMAP the creator's mmap_lock; must not be called with mmap_lock held.
 */
int pfnh_set_zap(struct pfnh_set *set, const struct pfnh_zap *arg)
{
	bool rotate = arg->flags & PFNH_ZAP_ROTATE;
	bool skip = false, unlinked = false;
	LIST_HEAD(fresh);
	LIST_HEAD(old);
	struct pfnh_pg *pg, *next;
	int ret;
	u32 i;

	if (mutex_lock_killable(&set->zap_lock))
		return -EINTR;

	if (rotate) {
		ret = collect(set, arg->nr, &fresh);
		if (ret) {
			mutex_unlock(&set->zap_lock);
			return ret;
		}
		skip = set->no_zap;
		set->no_zap = false;
	}

	down_write(&set->sem);
	if (!skip) {
		set->zap_count++;
		for (i = arg->first; i < arg->first + arg->nr; i++)
			set->pte_log[i] = (struct pfnh_pte_log){
				.zap_seq = set->zap_count,
				.zap_ns = ktime_get_ns(),
				.put_ns = set->pte_log[i].put_ns,
			};
	}
	if (rotate) {
		for (i = arg->first; i < arg->first + arg->nr; i++) {
			pg = list_first_entry(&fresh, struct pfnh_pg, list);
			list_del_init(&pg->list);
			set->cur[i]->index = i;
			list_add_tail(&set->cur[i]->list, &old);
			set->cur[i] = pg;
		}
	}
	if (!skip) {
		unlinked = rotate && set->mmap_seen;
		if (unlinked)
			set->mmap_seen = false;
		unmap(set, arg);
	}
	up_write(&set->sem);

	if (unlinked) {
		wait_for_mmaps(set);
		unmap(set, arg);
	}

	list_for_each_entry_safe(pg, next, &old, list) {
		canary_fill(pg->page);
		list_move_tail(&pg->list, &set->retired);
	}
	mutex_unlock(&set->zap_lock);
	return 0;
}

/**
 * pfnh_set_check - check the canaries of all retired pages
 * @set: the set
 * @res: PFNH_CHECK's result; bad counts every page that was ever found bad, here or at its reuse
 *
 * Return: 0 or -EINTR (killed). Context: process, takes zap_lock.
 */
int pfnh_set_check(struct pfnh_set *set, struct pfnh_check *res)
{
	u64 checked;

	if (mutex_lock_killable(&set->zap_lock))
		return -EINTR;
	checked = canary_check_all(set);
	*res = set->first_bad;
	res->checked = checked;
	res->bad = set->nr_bad;
	mutex_unlock(&set->zap_lock);
	return 0;
}

/* --- errors on purpose --- */

/**
 * pfnh_set_ref - change the refcount of the page behind an index
 * @set: the set
 * @index: which
 * @delta: 1 or -1
 *
 * Return: the page, which lives as long as the set, so that the caller can undo it; NULL if there
 * is no such index. Context: process, takes sem for reading.
 */
struct page *pfnh_set_ref(struct pfnh_set *set, u32 index, int delta)
{
	struct page *page;

	if (index >= set->nr)
		return NULL;
	down_read(&set->sem);
	page = set->cur[index]->page;
	page_ref_add(page, delta);
	up_read(&set->sem);
	return page;
}

/**
 * pfnh_set_break_canary - overwrite a word in the page that was retired last
 * @set: the set
 *
 * Return: 0, -EINTR (killed), or -ENODATA if no page is retired. Context: process, takes zap_lock.
 */
int pfnh_set_break_canary(struct pfnh_set *set)
{
	struct pfnh_pg *pg;
	u64 *p;

	if (mutex_lock_killable(&set->zap_lock))
		return -EINTR;
	if (list_empty(&set->retired)) {
		mutex_unlock(&set->zap_lock);
		return -ENODATA;
	}
	pg = list_last_entry(&set->retired, struct pfnh_pg, list);
	p = kmap_local_page(pg->page);
	p[PAGE_SIZE / sizeof(*p) / 2] = ~PFNH_CANARY;
	kunmap_local(p);
	set->broken = true;
	mutex_unlock(&set->zap_lock);
	return 0;
}

/**
 * pfnh_set_break_no_zap - let the next rotate leave the mappings of the retired pages alone
 * @set: the set
 *
 * Return: 0 or -EINTR (killed). Context: process, takes zap_lock.
 */
int pfnh_set_break_no_zap(struct pfnh_set *set)
{
	if (mutex_lock_killable(&set->zap_lock))
		return -EINTR;
	set->no_zap = true;
	set->broken = true;
	mutex_unlock(&set->zap_lock);
	return 0;
}

/* --- life --- */

/*
 * Free what nobody uses. A page with a reference too many or too few is left alone for good:
 * freeing it could corrupt whoever holds it. So is one that lost its canary without our doing,
 * because a stale mapping of it may still exist. Short-lived references (memory scanners) get
 * 200 ms to go.
 */
static void free_pages_of(struct pfnh_set *set, struct list_head *pgs, struct list_head *bad)
{
	struct pfnh_block *block, *next_block;
	struct pfnh_pg *pg, *next;
	unsigned int tries = 100;
	u64 leaked = 0, lost = 0;

	if (set->broken)
		list_splice_tail_init(bad, pgs);
	list_for_each_entry_safe(pg, next, bad, list) {
		if (pg->block)
			pg->block->keep = true;
		lost++;
		kfree(pg);
	}

	list_for_each_entry_safe(pg, next, pgs, list) {
		bool busy;

		while (page_ref_count(pg->page) != set->base + set->bias && tries) {
			usleep_range(1000, 2000);
			tries--;
		}
		if (pg->block) {
			busy = page_ref_count(pg->page) || PageHWPoison(pg->page);
			if (busy)
				pg->block->keep = true;
		} else {
			busy = !page_ref_freeze(pg->page, set->base + set->bias);
			if (!busy) {
				page_ref_unfreeze(pg->page, 1);
				__free_page(pg->page);
			}
		}
		leaked += busy;
		kfree(pg);
		cond_resched();
	}

	list_for_each_entry_safe(block, next_block, &set->blocks, list) {
		if (!block->keep)
			__free_pages(block->head, PFNH_TAIL_ORDER);
		kfree(block);
	}

	atomic64_add(leaked + lost, &pfnh_leaked);
	if (leaked)
		pr_warn_ratelimited("%llu pages still referenced at release: leaked\n", leaked);
	if (lost)
		pr_warn_ratelimited("%llu pages may have a stale mapping: leaked\n", lost);
}

/**
 * pfnh_set_destroy - the end of a set
 * @set: the set; no mapping and no other user is left
 *
 * Context: process; may sleep.
 */
void pfnh_set_destroy(struct pfnh_set *set)
{
	u64 nr_bad = set->nr_bad;
	LIST_HEAD(pgs);
	u32 i;

	canary_check_all(set);
	if (set->nr_bad > nr_bad)
		pr_warn("%llu retired pages lost their canary: page %u, offset %#x, value %#llx\n",
			set->nr_bad - nr_bad, set->first_bad.index, set->first_bad.offset,
			set->first_bad.value);

	for (i = 0; i < set->nr; i++)
		if (set->cur[i])
			list_add_tail(&set->cur[i]->list, &pgs);
	list_splice_tail_init(&set->free, &pgs);
	list_splice_tail_init(&set->retired, &pgs);
	free_pages_of(set, &pgs, &set->bad);

	pfnh_script_free(set);
	ida_free(&pfnh_ids, set->id);
	mmdrop(set->mm);
	kvfree(set->tids);
	kvfree(set->pte_log);
	kvfree(set->cur);
	kfree(set);
}

/**
 * pfnh_set_create - make a set of zeroed pages
 * @arg: PFNH_CREATE's argument, checked
 * @file: the open device, whose address space the mappings will be in
 *
 * Return: the set, or ERR_PTR: -ENOMEM, -ENOSPC (too many sets), -EINTR (killed). Context: process.
 */
struct pfnh_set *pfnh_set_create(const struct pfnh_create *arg, struct file *file)
{
	struct pfnh_set *set = kzalloc(sizeof(*set), GFP_KERNEL);
	struct pfnh_pg *pg;
	LIST_HEAD(fresh);
	int ret = -ENOMEM;
	u32 i;

	if (!set)
		return ERR_PTR(-ENOMEM);

	set->kind = arg->kind;
	set->flags = arg->flags;
	set->nr = arg->nr_pages;
	set->base = arg->flags & PFNH_F_TAIL ? 0 : 1;
	set->bias = arg->flags & PFNH_F_TAIL ? 0 : PFNH_BIAS;
	set->mapping = file->f_mapping;
	mutex_init(&set->zap_lock);
	init_rwsem(&set->sem);
	spin_lock_init(&set->tid_lock);
	spin_lock_init(&set->script_lock);
	INIT_LIST_HEAD(&set->free);
	INIT_LIST_HEAD(&set->retired);
	INIT_LIST_HEAD(&set->bad);
	INIT_LIST_HEAD(&set->blocks);

	set->id = ida_alloc_max(&pfnh_ids, (1 << 20) - 1, GFP_KERNEL);
	if (set->id < 0) {
		ret = set->id;
		kfree(set);
		return ERR_PTR(ret);
	}
	set->pgoff = (unsigned long)set->id * PFNH_MAX_PAGES;
	set->mm = current->mm;
	mmgrab(set->mm);

	set->cur = kvcalloc(set->nr, sizeof(*set->cur), GFP_KERNEL);
	set->pte_log = kvcalloc(set->nr, sizeof(*set->pte_log), GFP_KERNEL);
	set->tids = pfnh_tids_alloc();
	if (!set->cur || !set->pte_log || !set->tids) {
		set->nr = set->cur ? set->nr : 0;
		goto destroy;
	}

	ret = collect(set, set->nr, &fresh);
	if (ret)
		goto destroy;
	for (i = 0; i < set->nr; i++) {
		pg = list_first_entry(&fresh, struct pfnh_pg, list);
		list_del_init(&pg->list);
		set->cur[i] = pg;
	}
	return set;

destroy:
	pfnh_set_destroy(set);
	return ERR_PTR(ret);
}
