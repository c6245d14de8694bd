/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which fault met which invalidation: what the helper module saw, by consumer, backing and injector.
 */
#ifndef CORE_NEAR_H
#define CORE_NEAR_H

#include "core/run.h"

/* Names of this scenario's consumers, backings and injectors. Context: child, before workers run. */
void near_start(struct run *run);

/**
 * near_collect - take over what the module has seen since the last time
 * @run: the scenario
 *
 * Adds to sh->near. The module remembers some thousand events, so many times a second. Context: main
 * thread of the child. Without the module it does nothing.
 */
void near_collect(struct run *run);

/* Report sh->near as "@pair" events (docs/results.md). Context: supervisor. */
void near_report(const char *scenario, const struct near_misses *n);

#endif /* CORE_NEAR_H */
