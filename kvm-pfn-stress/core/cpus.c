// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/cpus.h"

static int online(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

int cpus_first(void)
{
	return online() > 1 && arch_emulated();
}

int cpus_usable(void)
{
	return online() - cpus_first();
}

void cpus_pin(pid_t tid, int nth, int from, int nr)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(from + nth % nr, &one);
	sched_setaffinity(tid, sizeof(one), &one);
}
