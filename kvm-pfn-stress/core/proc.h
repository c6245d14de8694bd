/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small reads from /proc and /sys.
 */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* First number in a file; @fallback when there is no file or no number. */
long long proc_number(const char *path, long long fallback);

/* Write a text; 0 or -errno. */
int proc_write(const char *path, const char *text);

/* The number behind "key" at the start of a line of a file such as /proc/meminfo; -1 if absent. */
long long proc_field(const char *path, const char *key);

/* Does a file say yes: "Y", or a number that begins with 1? */
bool proc_flag(const char *path);

/* Is this a symbol of the running kernel or of a loaded module? */
bool proc_has_symbol(const char *name);

/* CPU time that a thread got, in ns; 0 when it is gone. */
uint64_t proc_cpu_ns(pid_t pid, pid_t tid);

/* Idle time of all CPUs together, in ms. */
uint64_t proc_idle_ms(void);

/* State letter of a thread ('R', 'S', 'D', 'Z'), 0 when it is gone. */
char proc_state(pid_t pid, pid_t tid);

/* Kernel stack of a sleeping thread, frames joined by '<'; needs CAP_SYS_ADMIN. */
void proc_stack(pid_t pid, pid_t tid, char *buf, unsigned long len);

#endif /* CORE_PROC_H */
