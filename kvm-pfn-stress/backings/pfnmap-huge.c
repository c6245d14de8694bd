// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio maps large BARs so: vmf_insert_pfn_pmd() from ->huge_fault() (6.12). KVM finds the huge entry by
 * follow_pfnmap_start(), and its size by walking the host's page table (host_pfn_mapping_level()).
 */
#include <sys/mman.h>

#include "core/backing.h"
#include "core/helper.h"

static int pfnmap_huge_init(struct region *r)
{
	/* the handler is asked where the host may have huge pages only */
	return backing_init_thp(r) ? -1 : helper_init(r);
}

const struct backing_ops backing_pfnmap_huge = {
	.name = "pfnmap-huge",
	.describe = "VM_PFNMAP with a fault handler that inserts huge entries, as vfio does",
	.dontneed = DONTNEED_REFUSED,
	.advice = MADV_HUGEPAGE,
	.granule = 512,
	.huge = 512,
	.helper = true,
	.kind = PFNH_PFNMAP_FAULT,
	.flags = PFNH_F_HUGE,
	.exec = true,
	.remapped = true,
	.init = pfnmap_huge_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
