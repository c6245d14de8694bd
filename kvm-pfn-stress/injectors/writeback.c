// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write a file back to its disk while guests store to it. The content stays; each dirty page loses its
 * write access for a moment, and the store that comes next makes it dirty again.
 *
 *	vCPU					this thread
 *	----					-----------
 *	store: writable SPTE, page dirty
 *						fsync(): page_mkclean(): start, write-protect, end
 *						page is clean, its content goes to the disk
 *	store through a mapping that stayed	<- never gets there: the durability oracle sees it
 */
#include <fcntl.h>
#include <unistd.h>

#include "injectors/inject.h"

static bool on_disk(const struct region *r)
{
	return r->ops->on_disk;
}

static const char *writeback_unsupported(struct run *run)
{
	return inject_any(run, on_disk) ? NULL : "no region on a disk";
}

static unsigned int writeback_step(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)];
	unsigned int first = rng_below(&w->rng, r->nr), nr = rng_log(&w->rng, r->nr - first);

	if (!on_disk(r))
		return 0;
	/* no claim: nothing changes for anybody else */
	record_op(w, "writeback", r->gpa + first * GUEST_PAGE_SIZE, nr);
	if (sync_file_range(r->fd, r->fd_offset + first * GUEST_PAGE_SIZE, nr * GUEST_PAGE_SIZE,
			    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			    SYNC_FILE_RANGE_WAIT_AFTER))
		inject_broken(w, r, "sync_file_range");
	return 1;
}

const struct injector_ops injector_writeback = {
	.name = "writeback",
	.describe = "write pages of a file back to its disk",
	.gap_us = 500,
	.unsupported = writeback_unsupported,
	.step = writeback_step,
};
