// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that ksmd may merge. Pages that are equal, and ksmd itself, are an injector's business.
 */
#include <sys/mman.h>

#include "core/backing.h"

const struct backing_ops backing_ksm = {
	.name = "ksm",
	.describe = "private anonymous memory that may be merged (MADV_MERGEABLE)",
	.dontneed = DONTNEED_LOSES,
	.exec = true,
	.advice = MADV_MERGEABLE,
	.map = backing_map_anon,
};
