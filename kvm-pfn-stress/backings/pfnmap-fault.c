// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM calls the handler by fixup_user_fault() and reads the PTE afterwards: a zap in between is
 * suspicion S1 (configs/known-issues).
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_pfnmap_fault = {
	.name = "pfnmap-fault",
	.describe = "VM_PFNMAP with a fault handler that inserts PTEs, as vfio and GPU drivers do",
	.dontneed = DONTNEED_REFUSED,
	.helper = true,
	.kind = PFNH_PFNMAP_FAULT,
	.exec = true,
	.remapped = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
