// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tail pages of a non-compound high-order allocation. Refused with EFAULT until the rework of 6.13,
 * mapped since; the refcount is 0 and stays 0.
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_pfnmap_tail = {
	.name = "pfnmap-tail",
	.describe = "VM_PFNMAP of pages with a struct page but no refcount, as GPU TTM makes them",
	.dontneed = DONTNEED_REFUSED,
	.helper = true,
	.kind = PFNH_PFNMAP_FAULT,
	.flags = PFNH_F_TAIL,
	.exec = true,
	.remapped = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
