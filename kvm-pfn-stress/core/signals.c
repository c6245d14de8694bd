// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>

#include "core/run.h"
#include "core/signals.h"

__thread struct thread_signals my_signals;
static __thread volatile bool expected;
static struct shared *shared;

static void on_kick(int sig)
{
	uint64_t sent = me ? atomic_exchange(&me->ws->kicked_ns, 0) : 0;

	(void)sig;
	my_signals.kicks++;
	my_signals.kick_us = sent ? (now_ns() - sent) / 1000 : 0;
}

static void on_sigbus(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	if (!expected) {
		/* not ours: die of it, the supervisor reports whose it is */
		if (info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO)
			atomic_store(&shared->stray_poison, (uint64_t)info->si_addr);
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	my_signals.code = info->si_code;
	my_signals.addr = (uint64_t)info->si_addr;
	my_signals.lsb = info->si_addr_lsb;
	my_signals.sigbus++;
}

void signals_expect_sigbus(bool expect)
{
	expected = expect;
}

void signals_setup(struct shared *sh)
{
	struct sigaction sa;

	shared = sh;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_kick;
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = NULL;
	sa.sa_sigaction = on_sigbus;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGBUS, &sa, NULL);
}
