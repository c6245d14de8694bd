/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The conformance run: the cells of one group of the outcome table, one after the other.
 */
#ifndef OUTCOMES_CONFORM_H
#define OUTCOMES_CONFORM_H

#include "core/run.h"

/**
 * conform_run - run the cells from sh->cells_done on
 * @sc: a scenario with outcomes = GROUP
 * @sh: results go to sh->cell[]
 *
 * Return: exit status of the child. Context: a fresh child of the supervisor, which goes on with another
 * child if this one dies in a cell.
 */
int conform_run(const struct scenario *sc, struct shared *sh);

#endif /* OUTCOMES_CONFORM_H */
