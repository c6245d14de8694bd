// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/proc.h"

static ssize_t slurp(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n < 0 ? -errno : n;
}

long long proc_number(const char *path, long long fallback)
{
	char buf[64], *end;
	long long v;

	if (slurp(path, buf, sizeof(buf)) <= 0)
		return fallback;
	v = strtoll(buf, &end, 0);
	return end == buf ? fallback : v;
}

bool proc_flag(const char *path)
{
	char buf[8];

	return slurp(path, buf, sizeof(buf)) > 0 && (*buf == 'Y' || *buf == '1');
}

int proc_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

long long proc_field(const char *path, const char *key)
{
	char line[256];
	long long v = -1;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key))) {
			v = strtoll(line + strlen(key) + strspn(line + strlen(key), ": \t"), NULL, 10);
			break;
		}
	}
	fclose(f);
	return v;
}

bool proc_has_symbol(const char *name)
{
	char line[512], sym[256];
	bool found = false;
	FILE *f = fopen("/proc/kallsyms", "re");

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", sym) == 1 && !strcmp(sym, name);
	fclose(f);
	return found;
}

uint64_t proc_cpu_ns(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	return proc_number(path, 0);
}

uint64_t proc_idle_ms(void)
{
	unsigned long long user, nice, sys, idle;
	char buf[256];

	if (slurp("/proc/stat", buf, sizeof(buf)) <= 0 ||
	    sscanf(buf, "cpu %llu %llu %llu %llu", &user, &nice, &sys, &idle) != 4)
		return 0;
	return idle * 1000 / sysconf(_SC_CLK_TCK);
}

char proc_state(pid_t pid, pid_t tid)
{
	char path[64], buf[512], *p;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (slurp(path, buf, sizeof(buf)) <= 0)
		return 0;
	p = strrchr(buf, ')');
	return p && p[1] == ' ' ? p[2] : 0;
}

void proc_stack(pid_t pid, pid_t tid, char *buf, unsigned long len)
{
	char path[64], text[4096], *line, *save, state = proc_state(pid, tid);
	unsigned long n = 0;

	buf[0] = 0;
	/* 6.1 warns about return probes on the stack of a task that runs (rethook_find_ret_addr()) */
	if (state != 'S' && state != 'D')
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
	if (slurp(path, text, sizeof(text)) <= 0)
		return;
	for (line = strtok_r(text, "\n", &save); line && n + 2 < len;
	     line = strtok_r(NULL, "\n", &save)) {
		char *sym = strchr(line, ' '), *plus;

		sym = sym ? sym + 1 : line;
		plus = strchr(sym, '+');
		if (plus)
			*plus = 0;
		n += snprintf(buf + n, len - n, "%s%s", n ? "<" : "", sym);
		if (n >= len)
			n = len - 1;
	}
}
