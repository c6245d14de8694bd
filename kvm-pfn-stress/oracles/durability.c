// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guests wrote to a file is on its disk.
 *
 * When all is quiet the guests' memory is unmapped, the file is written back, thrown out of the page
 * cache and read again, past the page cache. What KVM let a guest write without telling the kernel is
 * not there. Its page may be dirty all the same when KVM lets go of it: kvm_set_page_dirty() sets the
 * flag, but does not tell the file, so that nobody ever writes the page back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/proc.h"
#include "core/region.h"
#include "oracles/quiet.h"
#include "plugins.h"

static void lost(struct region *r, unsigned int page, unsigned int word, uint64_t want, uint64_t got)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "not-on-disk");
	region_failure(&f, r, page);
	snprintf(f.expected, sizeof(f.expected), "0x%016lx in word %u of page %u", want, word, page);
	snprintf(f.got, sizeof(f.got), "0x%016lx", got);
	fail(r->run->sh, ORACLE_DURABILITY, &f, NULL);
}

static void compare(struct region *r, const uint64_t *before, const uint64_t *after)
{
	unsigned int page, word, per = GUEST_PAGE_SIZE / sizeof(uint64_t);

	for (page = 0; page < r->nr; page++) {
		for (word = 0; word < per; word++) {
			unsigned int i = page * per + word;

			if (before[i] == after[i])
				continue;
			lost(r, page, word, before[i], after[i]);
			break;
		}
	}
	oracle_checked(r->run, ORACLE_DURABILITY, r->nr);
}

/* What is on the disk; 0 or errno. */
static int read_disk(struct region *r, void *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	if (fsync(r->fd))
		return errno;
	posix_fadvise(r->fd, r->fd_offset, size, POSIX_FADV_DONTNEED);
	proc_write("/proc/sys/vm/drop_caches", "1");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return errno;
	n = pread(fd, buf, size, r->fd_offset);
	close(fd);
	return n == (ssize_t)size ? 0 : n < 0 ? errno : EIO;
}

static void check_region(struct region *r)
{
	size_t size = r->nr * GUEST_PAGE_SIZE;
	struct oracle_count *o = &r->run->sh->oracle[ORACLE_DURABILITY];
	void *before = aligned_alloc(GUEST_PAGE_SIZE, size);
	void *after = aligned_alloc(GUEST_PAGE_SIZE, size);
	int err = EIO;

	/* what everybody sees now, then no mapping of it any more: dirty bits go to the pages */
	if (pread(r->fd, before, size, r->fd_offset) == (ssize_t)size) {
		munmap((void *)region_hva(r), size);
		err = read_disk(r, after, size);
	}
	if (err)
		snprintf(o->skip, sizeof(o->skip), "cannot read the disk: %s", strerror(err));
	else
		compare(r, before, after);
	free(before);
	free(after);
}

void durability_check(struct run *run)
{
	struct oracle_count *o = &run->sh->oracle[ORACLE_DURABILITY];
	unsigned int i, n = 0;

	for (i = 0; i < run->nr_regions; i++) {
		if (!run->region[i]->ops->on_disk)
			continue;
		check_region(run->region[i]);
		n++;
	}
	if (!n)
		snprintf(o->skip, sizeof(o->skip), "no region on a disk");
}
