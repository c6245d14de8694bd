// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory that mbind() keeps on NUMA node 1.
 */
#include "core/backing.h"

const struct backing_ops backing_node1 = {
	.name = "node1",
	.describe = "private anonymous memory on NUMA node 1",
	.dontneed = DONTNEED_LOSES,
	.poisonable = true,
	.exec = true,
	.node = 1 + 1,
	.map = backing_map_anon,
};
