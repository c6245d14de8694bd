/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The helper module, seen from the program.
 */
#ifndef CORE_HELPER_H
#define CORE_HELPER_H

#include "core/region.h"
#include "plugins.h"

/* Open the device: a file descriptor, or -1 with errno. */
int helper_open(void);

/* backing_ops of all backings that are sets of the module's pages. */
int helper_init(struct region *r);
void helper_fini(struct region *r);
int helper_zap(struct region *r, unsigned int first, unsigned int nr);
int helper_refs(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn);

/* Look at any page by pfn; 0 or -errno. */
int helper_pfn(int fd, struct pfnh_pfn *p);

/* The pfn of page @index of an open file, also where the host can't map it; 0 or -errno. */
int helper_file_pfn(int fd, int file, uint64_t index, uint64_t *pfn);

#endif /* CORE_HELPER_H */
