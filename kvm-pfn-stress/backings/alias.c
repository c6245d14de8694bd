// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two memslots over one host range: both gfn ranges have the same content, and each invalidation of
 * the one host range has to find both (kvm_handle_hva_range() walks the hva tree). Guests draw by which
 * of the two they go, with each access.
 */
#include "core/backing.h"

const struct backing_ops backing_alias = {
	.name = "alias",
	.describe = "private anonymous memory that two memslots show",
	.dontneed = DONTNEED_LOSES,
	.poisonable = true,
	.exec = true,
	.alias = true,
	.map = backing_map_anon,
};
