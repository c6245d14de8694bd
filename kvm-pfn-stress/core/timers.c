// SPDX-License-Identifier: GPL-2.0-only
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/timers.h"

#define WAKE_MS	200

int timers_overdue(FILE *list, struct overdue *o)
{
	unsigned long long now = 0, expires;
	int cpu = -1, known = -1;
	char line[256];

	while (list && fgets(line, sizeof(line), list)) {
		if (sscanf(line, "now at %llu nsecs", &now) == 1 || sscanf(line, "cpu: %d", &cpu) == 1 ||
		    cpu < 0 || sscanf(line, " .expires_next : %llu nsecs", &expires) != 1)
			continue;
		known = 0;
		if (now < expires || now - expires < OVERDUE_NS)
			continue;
		*o = (struct overdue){ cpu, expires, now - expires };
		return 1;
	}
	return known;
}

void timers_wake(int cpu)
{
	pid_t pid = fork();
	unsigned int ms;
	cpu_set_t set;

	if (!pid) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		_exit(0);
	}
	for (ms = 0; pid > 0 && !waitpid(pid, NULL, WNOHANG) && ms < WAKE_MS; ms++)
		usleep(1000);
	if (pid > 0 && ms == WAKE_MS)
		kill(pid, SIGKILL);
}
