// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of pages: allocation, mapping, fault handler, zap, rotation and canaries.
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
#include <linux/ktime.h>
#include <linux/memory_hotplug.h>
#include <linux/mmap_lock.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "pfnh.h"

/*
 * What the fault handler did for a thread lately. KVM_RUN asks right after it returned, in the same
 * thread, so that few entries for each thread suffice; other threads cannot push them out unless
 * more than PFNH_TID_WAYS of them share a hash.
 */
#define PFNH_TID_SLOTS	128
#define PFNH_TID_WAYS	16
#define PFNH_TID_RECS	16

struct pfnh_tid {
	pid_t tid;
	u32 pos;				/* next to overwrite */
	u64 last_ns;
	struct {
		u64 ns;				/* 0: unused */
		u64 seq;			/* zap_count when it was inserted */
		u32 index;
	} rec[PFNH_TID_RECS];
};

struct pfnh_tids {
	struct pfnh_tid slot[PFNH_TID_SLOTS];
};

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

static int grow(struct pfnh_set *set)
{
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

/*
 * Collect @nr zeroed pages that nobody uses on @fresh: new ones as long as the set may grow, then
 * the longest retired ones. A retired page that still has a reference stays where it is.
 * zap_lock held. Returns 0, -ENOMEM, -ENOSPC (all spare pages are referenced or bad) or -EINTR.
 */
static int collect(struct pfnh_set *set, u32 nr, struct list_head *fresh)
{
	u32 limit = 2 * set->nr + PFNH_SPARE;
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

	if (ret != -EINTR) {
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

/* --- the fault handler's memory: which thread got which page, and when --- */

static struct pfnh_tid *tid_slot(struct pfnh_set *set, pid_t tid, bool make)
{
	struct pfnh_tid *slot, *oldest = NULL;
	unsigned int i;

	lockdep_assert_held(&set->tid_lock);
	for (i = 0; i < PFNH_TID_WAYS; i++) {
		slot = &set->tids->slot[(tid + i) % PFNH_TID_SLOTS];
		if (slot->tid == tid)
			return slot;
		if (!oldest || slot->last_ns < oldest->last_ns)
			oldest = slot;
	}
	if (!make)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->tid = tid;
	return oldest;
}

/* Called by the fault handler with sem held for reading: zap_count stands still. */
static void note_insertion(struct pfnh_set *set, u32 index)
{
	struct pfnh_tid *slot;
	u64 now = ktime_get_ns();

	spin_lock(&set->tid_lock);
	slot = tid_slot(set, task_pid_vnr(current), true);
	slot->last_ns = now;
	slot->rec[slot->pos].ns = now;
	slot->rec[slot->pos].seq = set->zap_count;
	slot->rec[slot->pos].index = index;
	slot->pos = (slot->pos + 1) % PFNH_TID_RECS;
	spin_unlock(&set->tid_lock);
}

/**
 * pfnh_set_fault - did a zap overlap a thread's last fault on a page?
 * @set: the set
 * @arg: PFNH_FAULT's argument, filled in
 *
 * Handler and zap exclude each other by sem, so that "after" is exact and no matter of clocks.
 *
 * Return: 0 or -EINVAL. Context: process, takes sem for reading.
 */
int pfnh_set_fault(struct pfnh_set *set, struct pfnh_fault *arg)
{
	pid_t tid = arg->tid ? arg->tid : task_pid_vnr(current);
	struct pfnh_tid *slot;
	u64 seq = 0, ns = 0;
	unsigned int i;

	if (arg->index >= set->nr || arg->tid < 0)
		return -EINVAL;

	down_read(&set->sem);
	spin_lock(&set->tid_lock);
	slot = tid_slot(set, tid, false);
	for (i = 0; slot && i < PFNH_TID_RECS; i++) {
		if (slot->rec[i].index == arg->index && slot->rec[i].ns > ns) {
			ns = slot->rec[i].ns;
			seq = slot->rec[i].seq;
		}
	}
	spin_unlock(&set->tid_lock);
	arg->inserted = ns && ns >= arg->since_ns;
	arg->zapped = arg->inserted && set->zap_seq[arg->index] > seq;
	up_read(&set->sem);
	return 0;
}

/* --- mapping --- */

static u32 index_of(struct pfnh_set *set, pgoff_t pgoff)
{
	return pgoff - set->pgoff;
}

/* The protection of the PTEs of @vma: without write permission for PFNH_F_RO_PTE. */
static pgprot_t prot_of(struct pfnh_set *set, struct vm_area_struct *vma)
{
	if (set->flags & PFNH_F_RO_PTE)
		return vm_get_page_prot(vma->vm_flags & ~VM_SHARED);
	return vma->vm_page_prot;
}

/*
 * mmap_lock or the VMA's lock is held. unmap_mapping_range() takes neither of them: sem alone keeps
 * lookup and insertion together. VM_FAULT_NOPAGE also if somebody else was faster.
 */
static vm_fault_t pfnh_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct pfnh_set *set = vma->vm_private_data;
	u32 index = index_of(set, vmf->pgoff);
	struct page *page;
	vm_fault_t ret;

	pfnh_count_handler(vma->vm_mm);
	if (index >= set->nr)
		return VM_FAULT_SIGBUS;

	down_read(&set->sem);
	page = set->cur[index]->page;
	if (set->kind == PFNH_PFNMAP_FAULT)
		ret = vmf_insert_pfn_prot(vma, vmf->address, page_to_pfn(page),
					  prot_of(set, vma));
	else if (set->flags & PFNH_F_TAIL)
		ret = pfnh_insert_special(vma, vmf->address, page_to_pfn(page));
	else
		ret = vmf_insert_page(vma, vmf->address, page);
	if (ret == VM_FAULT_NOPAGE)
		note_insertion(set, index);
	up_read(&set->sem);
	return ret;
}

/*
 * A CPU write through a read-only PTE in a writable VMA. That these handlers exist makes
 * vma_set_page_prot() take write permission from vm_page_prot (vma_wants_writenotify()), which is
 * what makes the PTEs of VM_MIXEDMAP read-only. The two answers:
 *
 *  - SIGBUS: the PTE stays read-only;
 *  - 0 from pfn_mkwrite: do_wp_page() makes it writable. There is no page_mkwrite then, since the
 *    kernel retries for ever if it succeeds on a page without page->mapping; without it the kernel
 *    makes the PTE writable on its own.
 */
static vm_fault_t pfnh_vm_refuse_write(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static vm_fault_t pfnh_vm_allow_write(struct vm_fault *vmf)
{
	return 0;
}

enum { VM_OPS_RW, VM_OPS_RO, VM_OPS_RO_UPGRADE, NR_VM_OPS };

/* No fault handler: where a PTE is missing the kernel answers SIGBUS (do_fault()). */
static const struct vm_operations_struct pfnh_vm_ops_remap[NR_VM_OPS] = {
	[VM_OPS_RW]		= { },
	[VM_OPS_RO]		= { .pfn_mkwrite = pfnh_vm_refuse_write },
	[VM_OPS_RO_UPGRADE]	= { .pfn_mkwrite = pfnh_vm_allow_write },
};

static const struct vm_operations_struct pfnh_vm_ops_fault[NR_VM_OPS] = {
	[VM_OPS_RW] = {
		.fault		= pfnh_vm_fault,
	},
	[VM_OPS_RO] = {
		.fault		= pfnh_vm_fault,
		.page_mkwrite	= pfnh_vm_refuse_write,
		.pfn_mkwrite	= pfnh_vm_refuse_write,
	},
	[VM_OPS_RO_UPGRADE] = {
		.fault		= pfnh_vm_fault,
		.pfn_mkwrite	= pfnh_vm_allow_write,
	},
};

/*
 * All PTEs of @vma, now. Page by page, since the pages are not contiguous; and a VMA of one page by
 * vmf_insert_pfn_prot(), which makes the same PTE: remap_pfn_range() of a whole VMA sets VM_PAT on
 * x86 before 6.16, and to unmap such a VMA after its first page was zapped is a WARN_ON_ONCE in
 * get_pat_info(). On failure the kernel unmaps what was mapped.
 */
static int remap(struct pfnh_set *set, struct vm_area_struct *vma, u32 first)
{
	unsigned long nr = vma_pages(vma), i;
	pgprot_t prot = prot_of(set, vma);
	int ret = 0;

	down_read(&set->sem);
	WRITE_ONCE(set->mmap_seen, true);
	for (i = 0; i < nr && !ret; i++) {
		unsigned long addr = vma->vm_start + i * PAGE_SIZE;
		unsigned long pfn = page_to_pfn(set->cur[first + i]->page);

		if (nr > 1)
			ret = remap_pfn_range(vma, addr, pfn, PAGE_SIZE, prot);
		else if (vmf_insert_pfn_prot(vma, addr, pfn, prot) != VM_FAULT_NOPAGE)
			ret = -ENOMEM;
	}
	up_read(&set->sem);
	return ret;
}

/**
 * pfnh_set_mmap - map a range of a set
 * @set: the set
 * @vma: as the mmap handler got it; vm_pgoff is the first page's index
 *
 * All sets share the address space of the device node, in which each has a range of its own: the
 * VMA's vm_pgoff is moved there, so that unmap_mapping_range() finds this set's mappings only.
 * Shared mappings only: vmf_insert_pfn() has a BUG_ON against copy-on-write ones.
 *
 * Return: 0, -EINVAL (private, beyond the end, or a REMAP set in another process than its
 * creator's) or -ENOMEM. Context: mmap_lock held for writing.
 */
int pfnh_set_mmap(struct pfnh_set *set, struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma), first = vma->vm_pgoff;
	unsigned int ops = VM_OPS_RW;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (first >= set->nr || nr > set->nr - first)
		return -EINVAL;
	if (set->kind == PFNH_PFNMAP_REMAP && vma->vm_mm != set->mm)
		return -EINVAL;

	if (set->flags & PFNH_F_RO_UPGRADE)
		ops = VM_OPS_RO_UPGRADE;
	else if (set->flags & PFNH_F_RO_PTE)
		ops = VM_OPS_RO;

	vma->vm_pgoff += set->pgoff;
	vma->vm_private_data = set;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	if (set->kind == PFNH_MIXEDMAP)
		vm_flags_set(vma, VM_MIXEDMAP | (set->flags & PFNH_F_IO ? VM_IO : 0));
	else
		vm_flags_set(vma, VM_PFNMAP | VM_IO);

	if (set->kind != PFNH_PFNMAP_REMAP) {
		vma->vm_ops = &pfnh_vm_ops_fault[ops];
		return 0;
	}
	vma->vm_ops = &pfnh_vm_ops_remap[ops];
	return remap(set, vma, first);
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
			set->zap_seq[i] = set->zap_count;
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

/* --- a look at pages --- */

static u64 page_flags(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long flags = pfnh_page_flags(page);
	unsigned long head = pfnh_page_flags(&folio->page);
	u64 res = 0;

	/* A huge page of hugetlb is poisoned as a whole, others page by page. */
	if (folio_test_hugetlb(folio))
		flags |= head;
#ifdef CONFIG_MEMORY_FAILURE
	if (flags & BIT(PG_hwpoison))
		res |= PFNH_PG_HWPOISON;
#endif
	if (head & BIT(PG_lru))
		res |= PFNH_PG_LRU;
	if (head & BIT(PG_dirty))
		res |= PFNH_PG_DIRTY;
	if (flags & BIT(PG_reserved))
		res |= PFNH_PG_RESERVED;
	if (PageCompound(page))
		res |= PFNH_PG_COMPOUND;
	if (is_zero_pfn(page_to_pfn(page)))
		res |= PFNH_PG_ZERO;
	if (pfnh_page_is_typed(&folio->page))
		return res;

	if (folio_test_anon(folio))
		res |= PFNH_PG_ANON;
	if (folio_test_ksm(folio))
		res |= PFNH_PG_KSM;
	if ((head & BIT(PG_swapbacked)) && (head & BIT(PG_swapcache)))
		res |= PFNH_PG_SWAPCACHE;
	return res;
}

static int mapcount_of(struct page *page)
{
	return pfnh_page_is_typed(&page_folio(page)->page) ? 0 : pfnh_mapcount(page);
}

/**
 * pfnh_set_page - describe the page that is now behind an index
 * @set: the set
 * @arg: PFNH_PAGE's argument, filled in
 *
 * Return: 0 or -EINVAL. Context: process, takes sem for reading.
 */
int pfnh_set_page(struct pfnh_set *set, struct pfnh_page *arg)
{
	struct page *page;

	if (arg->index >= set->nr)
		return -EINVAL;

	down_read(&set->sem);
	page = set->cur[arg->index]->page;
	arg->refcount = page_ref_count(page) - set->bias;
	arg->mapcount = mapcount_of(page);
	arg->base = set->base;
	arg->pfn = page_to_pfn(page);
	arg->flags = page_flags(page);
	up_read(&set->sem);
	return 0;
}

/**
 * pfnh_pfn - describe the page with a given number
 * @arg: PFNH_PFN's argument, filled in; the refcount of a compound page is that of its folio
 *
 * Takes no reference, because that would be seen: what is read may belong to different moments if
 * the page is freed or split meanwhile.
 *
 * Return: 0, or -ENXIO if there is no such page or it is not online. Context: any.
 */
int pfnh_pfn(struct pfnh_pfn *arg)
{
	struct page *page = pfn_to_online_page(arg->pfn);

	if (!page)
		return -ENXIO;
	arg->refcount = page_ref_count(&page_folio(page)->page);
	arg->mapcount = mapcount_of(page);
	arg->flags = page_flags(page);
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

	ida_free(&pfnh_ids, set->id);
	mmdrop(set->mm);
	kvfree(set->tids);
	kvfree(set->zap_seq);
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
	set->zap_seq = kvcalloc(set->nr, sizeof(*set->zap_seq), GFP_KERNEL);
	set->tids = kvzalloc(sizeof(*set->tids), GFP_KERNEL);
	if (!set->cur || !set->zap_seq || !set->tids) {
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
