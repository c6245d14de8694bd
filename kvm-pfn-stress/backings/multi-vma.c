// SPDX-License-Identifier: GPL-2.0-only
/*
 * One memslot over VMAs of different kinds. Each part is a region of its own, with its own backing, to
 * all but those who change the memslot.
 */
#include "core/backing.h"

extern const struct backing_ops backing_anon, backing_hole, backing_memfd, backing_protread,
				backing_shmem;

static const struct backing_ops *const parts[] = {
	&backing_anon, &backing_memfd, &backing_protread, &backing_hole, &backing_shmem,
	&backing_anon, NULL
};

const struct backing_ops backing_multi_vma = {
	.name = "multi-vma",
	.describe = "one memslot over anonymous, memfd, read-only, shared memory and a hole",
	.parts = parts,
};
