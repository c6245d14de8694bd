/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does every CPU take its timer interrupts? QEMU's TCG loses one now and then, and who sleeps on that
 * CPU sleeps until something else wakes it: docs/findings/emulator.md.
 */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include <stdint.h>
#include <stdio.h>

#define OVERDUE_NS	1000000000ull

/* A CPU whose next timer should have gone off. */
struct overdue {
	int cpu;
	uint64_t expires, late;		/* ns of CLOCK_MONOTONIC; for how long */
};

/**
 * timers_overdue - look for a CPU whose next timer is overdue by OVERDUE_NS
 * @list: /proc/timer_list (print_cpu() of kernel/time/timer_list.c, 6.1 to 7.3), or NULL
 * @o: filled in
 *
 * On a CPU that is alive this cannot be: its tick, or what it programmed for its sleep, runs them.
 *
 * Return: 1 if there is one, 0 if not, -1 when nothing can be known.
 */
int timers_overdue(FILE *list, struct overdue *o);

/**
 * timers_wake - have a CPU take the interrupts that wait for it
 * @cpu: number
 *
 * Something has to run there: a process of a moment, which the caller does not wait for if the CPU is
 * really dead.
 */
void timers_wake(int cpu);

#endif /* CORE_TIMERS_H */
