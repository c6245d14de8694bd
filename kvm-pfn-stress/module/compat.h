/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between the kernels that the module builds on (6.1 to 7.3), and nothing else.
 */
#ifndef PFNH_COMPAT_H
#define PFNH_COMPAT_H

#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

/* vm_flags_set() came with 6.3; before it drivers wrote vm_flags, mmap_lock held for writing. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/*
 * Put a special PTE for @pfn, which has a struct page, into a VM_MIXEDMAP @vma. vmf_insert_pfn()
 * is out of the question: its BUG_ON refuses a valid pfn there. pfn_t went away with 6.17.
 */
static inline vm_fault_t pfnh_insert_special(struct vm_area_struct *vma, unsigned long addr,
					     unsigned long pfn)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return vmf_insert_mixed(vma, addr, __pfn_to_pfn_t(pfn, PFN_DEV));
#else
	return vmf_insert_mixed(vma, addr, pfn);
#endif
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* Put a huge entry for the pfns from @pfn on into a VM_PFNMAP VMA. */
static inline vm_fault_t pfnh_insert_huge(struct vm_fault *vmf, unsigned long pfn)
{
	bool write = vmf->flags & FAULT_FLAG_WRITE;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write);
#else
	return vmf_insert_pfn_pmd(vmf, pfn, write);
#endif
}
#endif

/* The raw flags of a page, without the checks of the accessors: the page may change under us. */
static inline unsigned long pfnh_page_flags(const struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return READ_ONCE(page->flags);
#else
	return READ_ONCE(page->flags.f);
#endif
}

/*
 * Page-table entries that map @page; since page_mapcount() went away (6.8 to 6.12), for a large
 * folio those that map any part of it.
 */
static inline int pfnh_mapcount(struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return page_mapcount(page);
#else
	return folio_mapcount(page_folio(page));
#endif
}

/*
 * Page-table entries that map any part of @folio, the large and the small ones. 6.1 does not export
 * its folio_mapcount(); there, huge mappings of a file count for each page as well.
 */
static inline int pfnh_folio_mapcount(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	long i, nr = folio_nr_pages(folio);
	int n, sum;

	if (!folio_test_large(folio))
		return page_mapcount(&folio->page);
	n = folio_entire_mapcount(folio);
	if (folio_test_hugetlb(folio))
		return n;
	sum = folio_test_anon(folio) ? n : n - n * nr;
	for (i = 0; i < nr; i++)
		sum += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	/* one process maps it huge and another in parts: each part counts one more */
	if (folio_test_anon(folio) && folio_test_double_map(folio))
		sum -= nr;
#endif
	return sum;
#else
	return folio_mapcount(folio);
#endif
}

/* A page whose mapping and mapcount fields are something else: slab, page table, buddy. */
static inline bool pfnh_page_is_typed(struct page *page)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return PageSlab(page) || page_has_type(page);
#else
	return page_has_type(page);
#endif
}

/* Give up the lock that a fault was taken with: the VMA's, since 6.4, or mmap_lock. */
static inline void pfnh_release_fault_lock(struct vm_fault *vmf)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	mmap_read_unlock(vmf->vma->vm_mm);
#else
	release_fault_lock(vmf);
#endif
}

/* The address that follow_pfnmap_start(args), since 6.12, or follow_pte() is asked for. */
static inline unsigned long pfnh_follow_address(const long *arg)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return arg[1];
#else
	return ((const struct follow_pfnmap_args *)arg[0])->address;
#endif
}

#ifdef CONFIG_FUNCTION_TRACER
/* Where the function that called ftrace goes on; in a ftrace_ops with FTRACE_OPS_FL_IPMODIFY. */
static __always_inline void pfnh_redirect(struct ftrace_regs *fregs, unsigned long ip)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	ftrace_instruction_pointer_set(fregs, ip);
#else
	ftrace_regs_set_instruction_pointer(fregs, ip);
#endif
}
#endif

#endif /* PFNH_COMPAT_H */
