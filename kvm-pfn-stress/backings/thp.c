// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transparent huge pages: KVM maps 2 MiB where the host does (host_pfn_mapping_level()). What
 * changes a few of the 512 pages splits the host's mapping first, and KVM's with it; injectors
 * change all 512 of them now and then, after which the next fault makes a new huge page.
 */
#include <sys/mman.h>

#include "core/backing.h"

const struct backing_ops backing_thp = {
	.name = "thp",
	.describe = "transparent huge pages of 2 MiB, at host and guest addresses that suit",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.huge = 512,
	.advice = MADV_HUGEPAGE,
	.init = backing_init_thp,
	.map = backing_map_anon,
};
