// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages at host and guest addresses that differ below 2 MiB: the host maps huge
 * pages, KVM must not (kvm_alloc_memslot_metadata(): lpage_info.disallow_lpage).
 */
#include <sys/mman.h>

#include "core/backing.h"

const struct backing_ops backing_misaligned = {
	.name = "misaligned",
	.describe = "transparent huge pages of the host in a memslot that is not aligned like them",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.huge = 512,
	.hva_shift = 3,
	.gpa_shift = 7,
	.advice = MADV_HUGEPAGE,
	.init = backing_init_thp,
	.map = backing_map_anon,
};
