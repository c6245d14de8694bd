/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What backings share: mapping private memory or a file as struct backing_ops says.
 */
#ifndef CORE_BACKING_H
#define CORE_BACKING_H

#include "plugins.h"

/**
 * backing_map_anon - map pages of private anonymous memory
 *
 * backing_ops.map() by the properties mmap_flags, advice and node.
 */
int backing_map_anon(struct region *r, uint64_t hva, unsigned int first, unsigned int nr);

/* The same for pages of r->fd, shared, from r->fd_offset on. */
int backing_map_file(struct region *r, uint64_t hva, unsigned int first, unsigned int nr);

/* backing_ops.fill() through a mapping of its own, where the host may only read the region's. */
int backing_fill_file(struct region *r, unsigned int page, uint64_t stamp);

/**
 * backing_init_thp - transparent huge pages where MADV_HUGEPAGE asks for them; backing_ops.init()
 *
 * khugepaged stays away. It works at nice 19, and vCPUs that wait for the end of its invalidation
 * spin in the fault at nice 0: on a busy machine one collapse takes seconds.
 */
int backing_init_thp(struct region *r);

/* backing_ops.fini() of those with a file descriptor. */
void backing_close(struct region *r);

/* "NAME: what: strerror(errno)" into the skip reason; returns -1. */
int backing_skip(struct region *r, const char *what);

/* Take pages out of a file below all mappings: FALLOC_FL_PUNCH_HOLE. backing_ops.zap(). */
int backing_punch(struct region *r, unsigned int first, unsigned int nr);

/**
 * backing_hugetlb_pool - have free huge pages of hugetlb for the time of the scenario
 * @size: their size as in sysfs, "2048kB"
 * @nr: how many
 *
 * Return: 0, or -1 with the skip reason.
 */
int backing_hugetlb_pool(struct region *r, const char *size, unsigned int nr);

#endif /* CORE_BACKING_H */
