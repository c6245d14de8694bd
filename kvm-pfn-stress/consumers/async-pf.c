// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads whose guest runs with interrupts on: a fault that would have to sleep (userfaultfd, I/O,
 * a GUP that gives no page under FOLL_NOWAIT) is left to a kworker, and the vCPU goes on
 * (kvm_setup_async_pf(), virt/kvm/async_pf.c). Every other vCPU gets told, by #PF and an interrupt
 * (arch/x86/async-pf.c has the protocol); KVM halts the others until the page is there.
 *
 *	vCPU				kworker			injector
 *	----				-------			--------
 *	fault: GUP, FOLL_NOWAIT: no page
 *	queues work, runs the guest	GUP, in this mm
 *								munmap(), memslot: another hva
 *					done: page ready
 *	maps the page: must look again				<- else a page that has gone
 *
 * It is switched off and on again while pages are under way: KVM has to forget all of them, or it
 * halts a vCPU for what nobody brings (kvm_async_pf_hash_reset()).
 *
 * Every token must come back: the guest waits for all of them, and the watchdog for the guest.
 */
#include <stdio.h>

#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "core/run.h"
#include "plugins.h"

#define TURN_EVERY	8

static const char *async_pf_unsupported(struct run *run)
{
	(void)run;
	return arch_async_unsupported();
}

static bool told[GUEST_MAX_VCPUS];	/* vCPUs that are: the others are halted */

static void async_pf_setup(struct worker *w)
{
	struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	static unsigned int nr;

	g->async.on = 1;
	told[w->id] = !(nr++ % 2);
	if (told[w->id])
		arch_async_setup(w->run->vm, w->run->vcpu[w->id],
				 CTL_GVA + ((uint64_t)g - (uint64_t)w->run->ctl));
}

/* With pages under way, if the guest went on without them. */
static void async_pf_turn(struct worker *w)
{
	struct guest_async *a = &w->run->ctl->vcpu[w->id].async;

	if (!told[w->id] || !a->waits || rng_below(&w->rng, 4) == 0)
		return;
	record_op(w, "async-pf off, on", 0, a->waits);
	arch_async_switch(w->run->vm, w->run->vcpu[w->id], a);
	count(w->run->sh, "async-pf", "switched", 1);
}

static void stray_token(struct worker *w, const struct guest_async *a)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "page-ready-for-nobody");
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.expected, sizeof(f.expected), "tokens of pages that were missing, once each");
	snprintf(f.got, sizeof(f.got), "%lu others, beside %lu right ones", a->stray, a->ready);
	fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
}

static void bad_token(struct worker *w, const struct guest_async *a)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "page-missing-token");
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.expected, sizeof(f.expected), "tokens that are neither 0 nor another missing page's");
	snprintf(f.got, sizeof(f.got), "%lu of %lu, the last one 0x%lx", a->bad, a->missing,
		 a->bad_token);
	fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
}

static void async_pf_run(struct worker *w)
{
	const struct guest_async *a = &w->run->ctl->vcpu[w->id].async;

	vcpu_loop(w, TURN_EVERY, async_pf_turn);
	oracle_checked(w->run, ORACLE_OUTCOME, a->ready + a->missing);
	if (a->stray)
		stray_token(w, a);
	if (a->bad)
		bad_token(w, a);
}

const struct consumer_ops consumer_async_pf = {
	.name = "async-pf",
	/* SIGBUS for a page that is ready, wherever the vCPU is; docs/findings/async-refused.md */
	.apart = "poison gup-error memfd-secret",
	.describe = "vCPUs that go on while a page is brought in, and are told when it is there",
	.counts = {
		{ "missing", offsetof(struct guest_vcpu, async.missing) },
		{ "ready", offsetof(struct guest_vcpu, async.ready) },
		{ "skipped", offsetof(struct guest_vcpu, async.skipped) },
	},
	.unsupported = async_pf_unsupported,
	.setup = async_pf_setup,
	.run = async_pf_run,
};
