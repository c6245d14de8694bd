// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous memory on a machine that has somewhere to swap to: a zram device of its own. What sends the
 * pages there is an injector's business.
 */
#include "core/backing.h"
#include "core/disk.h"
#include "core/knob.h"

/* Of the scenario's devices, what regions have now. */
static uint64_t used;

static uint64_t need(const struct region *r)
{
	return 4 * r->nr + 256;
}

static int swap_init(struct region *r)
{
	struct shared *sh = r->run->sh;
	char dev[32];

	if (used + need(r) > sh->swap_pages) {
		if (disk_create(sh, need(r) * GUEST_PAGE_SIZE, dev, sizeof(dev)) ||
		    !knob_swapon(sh, dev, need(r), sh->skip_reason, sizeof(sh->skip_reason)))
			return -1;
		sh->swap_pages += need(r);
	}
	used += need(r);
	return 0;
}

static void swap_fini(struct region *r)
{
	used -= need(r);
}

const struct backing_ops backing_swap = {
	.name = "swap",
	.describe = "private anonymous memory that can be swapped out to zram",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.init = swap_init,
	.fini = swap_fini,
	.map = backing_map_anon,
};
