/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PROBE_H
#define PROBE_H

#include "core/run.h"

/**
 * probe_caps - find out what this kernel does
 *
 * By looking for what the kernel has, never by its version, and never by the behaviour under test: a
 * kernel that has the rework but refuses what it must map is a failure, not another kernel.
 * Context: supervisor, before the first child.
 */
void probe_caps(struct caps *c);

#endif /* PROBE_H */
