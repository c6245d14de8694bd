/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPUs threads may use.
 */
#ifndef CORE_CPUS_H
#define CORE_CPUS_H

#include <sys/types.h>

/**
 * cpus_first - the first CPU that threads of a scenario may use
 *
 * All stay away from CPU 0 where QEMU's TCG is the CPU: it loses SVM state there, of all places
 * (docs/findings/emulator.md). It is an extra CPU and idles: were it busy with injectors, the emulator
 * would have more busy CPUs than the host, and each TLB flush would wait for one that does not run.
 */
int cpus_first(void);

/* How many they may use, from cpus_first() on. */
int cpus_usable(void);

/* Pin thread @tid (0: the caller) to CPU @from + @nth modulo @nr. */
void cpus_pin(pid_t tid, int nth, int from, int nr);

#endif /* CORE_CPUS_H */
