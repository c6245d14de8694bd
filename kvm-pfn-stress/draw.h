/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scenarios with the key "draw": each life of the child puts some of the scenario's regions, consumers
 * and injectors together, those first that have met least.
 */
#ifndef DRAW_H
#define DRAW_H

#include "core/rng.h"
#include "scenario.h"

/**
 * draw_start - nobody has met anybody, and all can be had
 *
 * Context: these are the supervisor's.
 */
void draw_start(void);

/**
 * draw_life - put the next life together
 * @from: the scenario
 * @rng: what decides where there is nothing else to go by
 * @life: filled in: @from, with the lists as they were drawn
 *
 * Depends on @rng and draw_without() alone, so that a seed gives the same lives again.
 *
 * Return: false if a list has nothing left that can be had.
 */
bool draw_life(const struct scenario *from, struct rng *rng, struct scenario *life);

/* A plug-in that cannot be had here: no more of it, and nobody met anybody in the last life. */
void draw_without(const struct scenario *from, const char *name);

#endif /* DRAW_H */
