// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guests wrote to a file is on its disk.
 *
 * When all is quiet the guests' memory is unmapped, the file is written back and thrown out of the page
 * cache, and read again. A page that KVM let a guest write without telling the kernel that it is dirty
 * comes back from the disk with what was there before.
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
	snprintf(f.backing, sizeof(f.backing), "%s", r->ops->name);
	snprintf(f.state, sizeof(f.state), "%s", page_state_name(pw_new(page_word(r, page))));
	snprintf(f.expected, sizeof(f.expected), "0x%016lx in word %u of page %u", want, word, page);
	snprintf(f.got, sizeof(f.got), "0x%016lx", got);
	f.gpa = r->gpa + page * GUEST_PAGE_SIZE;
	f.hva = region_hva(r) + page * GUEST_PAGE_SIZE;
	fail(r->run->sh, ORACLE_DURABILITY, &f, NULL);
}

/* Pages of the file that are still in the page cache. They prove nothing. */
static unsigned char *in_cache(const struct region *r, size_t size)
{
	unsigned char *vec = malloc(r->nr);
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, r->fd, r->fd_offset);

	memset(vec, 1, r->nr);
	if (p != MAP_FAILED) {
		mincore(p, size, vec);
		munmap(p, size);
	}
	return vec;
}

static unsigned int compare(struct region *r, const uint64_t *before, const uint64_t *after,
			    const unsigned char *cached)
{
	unsigned int page, word, checked = 0, per = GUEST_PAGE_SIZE / sizeof(uint64_t);

	for (page = 0; page < r->nr; page++) {
		if (cached[page] & 1)
			continue;
		checked++;
		for (word = 0; word < per; word++) {
			unsigned int i = page * per + word;

			if (before[i] == after[i])
				continue;
			lost(r, page, word, before[i], after[i]);
			break;
		}
	}
	return checked;
}

static void check_region(struct region *r)
{
	size_t size = r->nr * GUEST_PAGE_SIZE;
	uint64_t *before = malloc(size), *after = calloc(1, size);
	struct oracle_count *o = &r->run->sh->oracle[ORACLE_DURABILITY];
	unsigned char *cached = NULL;
	unsigned int try, checked = 0;

	/* what everybody sees now, then no mapping of it any more: dirty bits go to the pages */
	if (pread(r->fd, before, size, r->fd_offset) != (ssize_t)size)
		goto out;
	munmap((void *)region_hva(r), size);
	if (fsync(r->fd)) {
		snprintf(o->skip, sizeof(o->skip), "fsync: %s", strerror(errno));
		goto out;
	}
	for (try = 0; try < 5; try++) {
		posix_fadvise(r->fd, r->fd_offset, size, POSIX_FADV_DONTNEED);
		proc_write("/proc/sys/vm/drop_caches", "1");
		free(cached);
		cached = in_cache(r, size);
		if (!memchr(cached, 1, r->nr))
			break;
		usleep(20000 << try);
	}
	if (pread(r->fd, after, size, r->fd_offset) == (ssize_t)size)
		checked = compare(r, before, after, cached);
	oracle_checked(r->run, ORACLE_DURABILITY, checked);
	if (!checked)
		snprintf(o->skip, sizeof(o->skip), "no page leaves the page cache");
out:
	free(before);
	free(after);
	free(cached);
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
