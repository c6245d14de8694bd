/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracles that look when all is quiet: no vCPU runs and no injector is at work, the VM still exists.
 * Context: main thread of the child.
 */
#ifndef ORACLES_QUIET_H
#define ORACLES_QUIET_H

#include "core/run.h"

struct region;

/* Oracle 2: retired pages of the module keep their canary. */
void canary_check(struct run *run);

/**
 * refcount_diff - has a page the references that its mappings explain?
 * @r, @page: page
 * @buf, @len: what is wrong
 * @pfn: of the page
 *
 * Waits a while for references that go away by themselves. Return: 0, or more (1) or fewer (-1).
 */
int refcount_diff(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn);

/* Oracle 3: pages have the references that their mappings explain. */
void refcount_check(struct run *run);

/* Oracle 10: what KVM maps huge, the host maps huge. Takes all mappings away from the guest. */
void level_check(struct run *run);
/* While vCPUs run, now and then: counts.huge.seen. What is huge at the end is a matter of chance. */
void level_look(struct run *run);

/* What guests wrote to a file is on its disk. Unmaps the regions of files. */
void durability_check(struct run *run);

/* Oracle 8, of this VM: no mapping is counted when there are none. Deletes a memslot. */
void counts_check(struct run *run);

/* Oracle 9 (oracles/dirty.h) looks while the guest runs; says here if it had no log to look at. */
void dirty_check(struct run *run);

#endif /* ORACLES_QUIET_H */
