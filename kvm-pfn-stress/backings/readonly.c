// SPDX-License-Identifier: GPL-2.0-only
/*
 * A read-only memslot over writable memory: stores are KVM_EXIT_MMIO, whatever the host mapping is
 * like; loads fault in pages for reading (hva_to_pfn()).
 */
#include <linux/kvm.h>

#include "core/backing.h"

const struct backing_ops backing_readonly = {
	.name = "readonly",
	.describe = "private anonymous memory in a memslot with KVM_MEM_READONLY",
	.dontneed = DONTNEED_LOSES,
	.poisonable = true,
	.exec = true,
	.slot_flags = KVM_MEM_READONLY,
	.map = backing_map_anon,
};
