// SPDX-License-Identifier: GPL-2.0-only
/*
 * GUP refuses special PTEs; VM_IO lets KVM read them. Refused with EFAULT until the rework of 6.13.
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_mixedmap_tail = {
	.name = "mixedmap-tail",
	.describe = "VM_MIXEDMAP and VM_IO of pages without a refcount, by special PTEs",
	.dontneed = DONTNEED_KEEPS,
	.helper = true,
	.kind = PFNH_MIXEDMAP,
	.flags = PFNH_F_TAIL | PFNH_F_IO,
	.exec = true,
	.remapped = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
