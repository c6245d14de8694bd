// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file on a disk, mapped shared: stores dirty pages that are written back, which takes write access
 * away from host and guest each time (page_mkclean()), and what was written is on the disk in the end.
 */
#include "core/backing.h"
#include "core/disk.h"

static int file_init(struct region *r)
{
	r->fd = disk_file(r->run->sh, r->nr * GUEST_PAGE_SIZE);
	return r->fd < 0 ? -1 : 0;
}

const struct backing_ops backing_file = {
	.name = "file",
	.describe = "a file on a disk, mapped shared",
	.dontneed = DONTNEED_KEEPS,
	.exec = true,
	.on_disk = true,
	.init = file_init,
	.fini = backing_close,
	.map = backing_map_file,
};
