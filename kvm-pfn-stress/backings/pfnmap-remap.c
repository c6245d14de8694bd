// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP refuses VM_PFNMAP, so KVM reads the PTE (hva_to_pfn_remapped()). After a zap no handler brings
 * the PTE back: EFAULT, until the range is mapped again.
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_pfnmap_remap = {
	.name = "pfnmap-remap",
	.describe = "VM_PFNMAP by remap_pfn_range(): all PTEs made by mmap(), no fault handler",
	.dontneed = DONTNEED_REFUSED,
	.helper = true,
	.kind = PFNH_PFNMAP_REMAP,
	.zap_holes = true,
	.exec = true,
	.remapped = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
