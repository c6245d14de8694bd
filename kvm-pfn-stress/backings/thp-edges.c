// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages that lie across both ends of the memslot: host memory goes on in front of it
 * and behind. KVM must not map those two huge, and must map the ones between
 * (kvm_alloc_memslot_metadata(): disallow_lpage of the first and the last block). Nor do huge pages
 * begin where a word of the dirty bitmap does: to clear one word may be to protect two of them
 * (kvm_arch_mmu_enable_log_dirty_pt_masked()).
 *
 *	host	|---- huge ----|---- huge ----|---- huge ----|
 *	memslot	        |-----------------------------|
 *	guest	        4 KiB ..|---- huge ----|4 KiB ..
 */
#include <sys/mman.h>

#include "core/backing.h"

#define EDGE	288	/* no multiple of 64; more of a huge page in front than in the memslot */

const struct backing_ops backing_thp_edges = {
	.name = "thp-edges",
	.describe = "transparent huge pages, those at both ends of the memslot only by half in it",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.huge = 512,
	.hva_shift = EDGE,
	.gpa_shift = EDGE,
	.apron = EDGE,
	.advice = MADV_HUGEPAGE,
	.init = backing_init_thp,
	.map = backing_map_anon,
};
