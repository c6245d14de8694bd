// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a set, the fault handler, and what it did for whom (PFNH_FAULT).
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
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
	set->pte_log[index].put_ns = now;
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
	arg->zapped = arg->inserted && set->pte_log[arg->index].zap_seq > seq;
	arg->inserted_any = set->pte_log[arg->index].put_ns >= max(arg->since_ns, 1ull);
	arg->zapped_any = set->pte_log[arg->index].zap_ns >= max(arg->since_ns, 1ull);
	up_read(&set->sem);
	return 0;
}

/**
 * pfnh_tids_alloc - the memory that note_insertion() writes to
 *
 * Return: freed by kvfree(), or NULL. Context: process.
 */
struct pfnh_tids *pfnh_tids_alloc(void)
{
	return kvzalloc(sizeof(struct pfnh_tids), GFP_KERNEL);
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
	u32 script;

	pfnh_count_handler(vma->vm_mm);
	if (index >= set->nr)
		return VM_FAULT_SIGBUS;

	down_read(&set->sem);
	script = pfnh_script_fault(set, index, vmf);
	if (script != PFNH_SCRIPT_NONE) {
		up_read(&set->sem);
		return pfnh_script_answer(vmf, script);
	}
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

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/*
 * The same for a huge entry, where the VMA suits it; else VM_FAULT_FALLBACK, and pfnh_vm_fault() is
 * asked for a small one. The answer depends on nothing that changes: to insert a huge entry where
 * somebody else has put a page table is a WARN in vmf_insert_pfn_pmd().
 */
static vm_fault_t pfnh_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	unsigned long addr = vmf->address & PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;
	struct pfnh_set *set = vma->vm_private_data;
	u32 index = index_of(set, vmf->pgoff), first, i;
	vm_fault_t ret;

	first = index - ((vmf->address - addr) >> PAGE_SHIFT);
	if (order != PMD_SHIFT - PAGE_SHIFT || addr < vma->vm_start || addr + PMD_SIZE > vma->vm_end ||
	    index >= set->nr || first % PFNH_HUGE)
		return VM_FAULT_FALLBACK;

	down_read(&set->sem);
	ret = pfnh_insert_huge(vmf, page_to_pfn(set->cur[first]->page));
	if (ret == VM_FAULT_NOPAGE) {
		note_insertion(set, index);
		spin_lock(&set->tid_lock);
		for (i = first; i < first + PFNH_HUGE; i++)
			set->pte_log[i].put_ns = set->pte_log[index].put_ns;
		spin_unlock(&set->tid_lock);
	}
	up_read(&set->sem);
	pfnh_count_handler(vma->vm_mm);
	return ret;
}

static const struct vm_operations_struct pfnh_vm_ops_huge = {
	.fault		= pfnh_vm_fault,
	.huge_fault	= pfnh_vm_huge_fault,
};
#endif

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

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	if (set->flags & PFNH_F_HUGE) {
		vma->vm_ops = &pfnh_vm_ops_huge;
		return 0;
	}
#endif
	if (set->kind != PFNH_PFNMAP_REMAP) {
		vma->vm_ops = &pfnh_vm_ops_fault[ops];
		return 0;
	}
	vma->vm_ops = &pfnh_vm_ops_remap[ops];
	return remap(set, vma, first);
}
