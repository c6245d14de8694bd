// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNH_PAGE and PFNH_PFN: refcount, mapcount and flags of a page, without touching it. PFNH_FILE_PFN:
 * which page a file has, also where the host can't map it (guest_memfd).
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "pfnh.h"

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
	res |= (u64)folio_order(folio) << PFNH_PG_ORDER_SHIFT;
	if (pfnh_page_is_typed(&folio->page) && !folio_test_hugetlb(folio))
		return res;
	if (!folio_test_hugetlb(folio) && folio_test_private(folio))
		res |= PFNH_PG_PRIVATE;

	if (folio_test_anon(folio))
		res |= PFNH_PG_ANON;
	if (folio_test_ksm(folio))
		res |= PFNH_PG_KSM;
	if ((head & BIT(PG_swapbacked)) && (head & BIT(PG_swapcache)))
		res |= PFNH_PG_SWAPCACHE;
	return res;
}

/* Of all pages of a folio, as its refcount is. */
static int folio_mapcount_of(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (pfnh_page_is_typed(&folio->page) && !folio_test_hugetlb(folio))
		return 0;
	return pfnh_folio_mapcount(folio);
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
 * @arg: PFNH_PFN's argument, filled in; refcount and mapcount of a compound page are its folio's
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
	arg->mapcount = folio_mapcount_of(page);
	arg->flags = page_flags(page);
	return 0;
}

/**
 * pfnh_file_pfn - the pfn of a page of a file
 * @arg: PFNH_FILE_PFN's argument, filled in
 *
 * Return: 0, -EBADF, or -ENOENT if it is not in the page cache. Context: process.
 */
int pfnh_file_pfn(struct pfnh_file_pfn *arg)
{
	struct file *file = fget(arg->fd);
	struct page *page;

	if (!file)
		return -EBADF;
	page = find_get_page(file->f_mapping, arg->index);
	fput(file);
	if (!page)
		return -ENOENT;
	arg->pfn = page_to_pfn(page);
	put_page(page);
	return 0;
}
