/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals, told to the thread that got them.
 */
#ifndef CORE_SIGNALS_H
#define CORE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

struct thread_signals {
	volatile unsigned long kicks;	/* SIGUSR1 */
	volatile uint64_t kick_us;	/* how long the last one took to get here, 0: not known */
	volatile unsigned long sigbus;	/* SIGBUS of which the rest is the last: */
	volatile int code, lsb;
	volatile uint64_t addr;
};

struct shared;

extern __thread struct thread_signals my_signals;

/* Install the handlers; for the whole child. Poison that nobody expects is told in sh->stray_poison. */
void signals_setup(struct shared *sh);

/* Let this thread's SIGBUS be recorded in my_signals instead of ending the program. */
void signals_expect_sigbus(bool expect);

#endif /* CORE_SIGNALS_H */
