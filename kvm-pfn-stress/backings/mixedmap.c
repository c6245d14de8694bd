// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PTEs are normal ones: GUP takes a reference, KVM gives it back.
 */
#include "core/backing.h"
#include "core/helper.h"

const struct backing_ops backing_mixedmap = {
	.name = "mixedmap",
	.describe = "VM_MIXEDMAP of refcounted pages (vm_insert_page)",
	.dontneed = DONTNEED_KEEPS,
	.helper = true,
	.kind = PFNH_MIXEDMAP,
	.exec = true,
	.init = helper_init,
	.fini = helper_fini,
	.map = backing_map_file,
	.zap = helper_zap,
	.refs = helper_refs,
};
