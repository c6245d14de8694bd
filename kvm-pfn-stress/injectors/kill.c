// SPDX-License-Identifier: GPL-2.0-only
/*
 * SIGKILL to the whole vCPU process, preferably while its threads wait for mmap_lock.
 *
 *	vCPU					hold			supervisor
 *	----					----			----------
 *						mmap_lock for writing
 *	fault: mmap_read_lock_killable() waits
 *									SIGKILL
 *	GUP: -EAGAIN or -EINTR, not retried
 *	KVM_RUN ends, the task dies		...			waitpid(), bounded
 *
 * Not a thread of the process that dies: the supervisor kills (main.c), and starts the next child.
 */
#include "plugins.h"

const struct injector_ops injector_kill = {
	.name = "kill",
	.describe = "SIGKILL the vCPU process while its threads wait for mmap_lock",
	.by_supervisor = true,
};
