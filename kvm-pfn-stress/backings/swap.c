// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory on a machine that has somewhere to swap to: a zram device of its own. What sends the
 * pages there is an injector's business.
 */
#include "core/backing.h"
#include "core/disk.h"
#include "core/knob.h"

static int swap_init(struct region *r)
{
	uint64_t pages = 4 * r->nr + 256;
	struct shared *sh = r->run->sh;
	char dev[32];

	if (disk_create(sh, pages * GUEST_PAGE_SIZE, dev, sizeof(dev)))
		return -1;
	return knob_swapon(sh, dev, pages, sh->skip_reason, sizeof(sh->skip_reason)) ? 0 : -1;
}

const struct backing_ops backing_swap = {
	.name = "swap",
	.describe = "private anonymous memory that can be swapped out to zram",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.init = swap_init,
	.map = backing_map_anon,
};
