// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest store must fail with EFAULT, and must not reach the page.
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_pfnmap_ro = {
	.name = "pfnmap-ro",
	.describe = "VM_PFNMAP that the VMA allows to read only",
	.dontneed = DONTNEED_REFUSED,
	.helper = true,
	.kind = PFNH_PFNMAP_FAULT,
	.read_only = true,
	.fill = backing_fill_file,
	.exec = true,
	.remapped = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
