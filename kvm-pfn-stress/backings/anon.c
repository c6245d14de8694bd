// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory, 4 KiB pages.
 */
#include "core/backing.h"

const struct backing_ops backing_anon = {
	.name = "anon",
	.describe = "private anonymous memory in 4 KiB pages",
	.dontneed = DONTNEED_LOSES,
	.poisonable = true,
	.exec = true,
	.map = backing_map_anon,
};
