// SPDX-License-Identifier: GPL-2.0-only
/*
 * mark SECONDS COMMAND ARGUMENT...: run somebody else's KVM test for that long, again and again if it
 * ends before, with the hooks of the helper module, and say what they counted:
 *
 *	bench NAME ms hits roots early faults invalidations cpu-ms rss-kb status
 *
 * hits, roots, early: PFNH_NEAR; faults: resolutions of all vCPUs. With 0 SECONDS: once, to its
 * end, with its output and without hooks, and only
 *
 *	cost NAME ms cpu-ms rss-kb
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../kvm-pfn-stress/module/pfn_helper.h"

static unsigned long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(126);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);	/* it stops when it has the mm of the test */
	execv(argv[0], argv);
	_exit(127);
}

static const char *base(const char *path)
{
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static unsigned long long cpu_ms(const struct rusage *ru)
{
	return (ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000ull +
	       (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1000;
}

static int only_cost(char **argv)
{
	unsigned long long begin = now_ms();
	struct rusage ru;
	int status;
	pid_t pid = fork();

	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &ru) != pid)
		return 1;
	printf("cost %s %llu %llu %ld\n", base(argv[0]), now_ms() - begin, cpu_ms(&ru), ru.ru_maxrss);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	unsigned long long begin = now_ms(), end, cpu = 0;
	struct pfnh_stats sum = { 0 }, st;
	struct rusage ru = { 0 };
	int status = 0;
	long rss = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: mark SECONDS COMMAND ARGUMENT...\n");
		return 2;
	}
	if (!strcmp(argv[1], "0"))
		return only_cost(argv + 2);
	end = begin + strtoul(argv[1], NULL, 10) * 1000;
	while (now_ms() < end) {
		int fd = open(PFNH_DEVICE, O_RDWR | O_CLOEXEC);
		struct pfnh_task task = { .pid = start(argv + 2) };
		unsigned long long began = now_ms();

		if (fd < 0 || waitpid(task.pid, &status, 0) != task.pid || !WIFSTOPPED(status) ||
		    ioctl(fd, PFNH_MARK_TASK, &task)) {
			fprintf(stderr, "mark: %s: %s\n", argv[2], strerror(errno));
			kill(task.pid, SIGKILL);
			return 1;
		}
		ptrace(PTRACE_DETACH, task.pid, NULL, NULL);
		while (!wait4(task.pid, &status, WNOHANG, &ru)) {
			if (now_ms() >= end)
				kill(-task.pid, SIGKILL);
			usleep(10000);
		}
		if (!ioctl(fd, PFNH_STATS, &st)) {
			sum.hits += st.hits;
			sum.roots += st.roots;
			sum.early_pairs += st.early_pairs;
			sum.faultin += st.faultin - st.early;
			sum.invalidate += st.invalidate;
		}
		cpu += cpu_ms(&ru);
		rss = ru.ru_maxrss > rss ? ru.ru_maxrss : rss;
		close(fd);
		if (now_ms() - began < 50)
			break;		/* it does not run here */
	}
	printf("bench %s %llu %llu %llu %llu %llu %llu %llu %ld %s%d\n",
	       base(argv[2]), now_ms() - begin,
	       (unsigned long long)sum.hits, (unsigned long long)sum.roots,
	       (unsigned long long)sum.early_pairs, (unsigned long long)sum.faultin,
	       (unsigned long long)sum.invalidate, cpu, rss,
	       WIFSIGNALED(status) ? "signal-" : "exit-",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}
