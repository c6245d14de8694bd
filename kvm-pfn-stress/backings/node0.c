// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory that mbind() keeps on NUMA node 0.
 */
#include "core/backing.h"

const struct backing_ops backing_node0 = {
	.name = "node0",
	.describe = "private anonymous memory on NUMA node 0",
	.dontneed = DONTNEED_LOSES,
	.poisonable = true,
	.exec = true,
	.node = 0 + 1,
	.map = backing_map_anon,
};
