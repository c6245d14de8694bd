// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads that hammer pages at random: kvm_tdp_page_fault() and below.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "core/signals.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define EXIT_PRESET	0xdeadu		/* 6.1 leaves exit_reason untouched on errors */

static enum run_result classify(struct run_outcome *o, int ret, bool sigbus, bool kicked)
{
	if (ret < 0) {
		/* whoever ends KVM_RUN for a signal says so: kvm_handle_signal_exit(), 6.1 to 7.3 */
		if (o->err == EINTR && o->exit_reason != KVM_EXIT_INTR)
			return RES_ERRNO;
		if (o->err == EINTR && sigbus)
			return RES_SIGBUS;
		if (o->err == EINTR)
			return kicked ? RES_KICK : RES_EINTR;
		if (o->err == EFAULT)
			return o->exit_reason == KVM_EXIT_MEMORY_FAULT ? RES_MEMFAULT : RES_EFAULT;
		if (o->err == ENOMEM)
			return RES_ENOMEM;
		return o->err == EHWPOISON ? RES_EHWPOISON : RES_ERRNO;
	}
	switch (o->exit_reason) {
	case KVM_EXIT_IO:
		return RES_UCALL;
	case KVM_EXIT_MMIO:
		return RES_MMIO;
	case KVM_EXIT_INTERNAL_ERROR:
		return RES_INTERNAL;
	default:
		return RES_EXIT;
	}
}

void vcpu_enter(struct kvm_vcpu *vcpu, struct run_outcome *o)
{
	struct thread_signals before = my_signals;
	struct kvm_run *kr = vcpu->run;
	int ret;

	memset(o, 0, sizeof(*o));
	o->start_ns = now_ns();
	kr->exit_reason = EXIT_PRESET;
	ret = __vcpu_run(vcpu);
	o->err = ret < 0 ? errno : 0;
	o->exit_reason = kr->exit_reason;
	o->sig_code = my_signals.code;
	o->sig_addr = my_signals.addr;
	o->sig_lsb = my_signals.lsb;
	if (o->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		o->suberror = kr->internal.suberror;
	if (o->exit_reason == KVM_EXIT_MMIO) {
		o->mmio_gpa = kr->mmio.phys_addr;
		o->mmio_write = kr->mmio.is_write;
	}
	if (o->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		/* 6.1's header does not name it */
		const struct compat_memory_fault *f = (const void *)&kr->hw;

		o->fault_flags = f->flags;
		o->fault_gpa = f->gpa;
		o->fault_size = f->size;
	}
	o->sigbus = my_signals.sigbus != before.sigbus;
	o->result = classify(o, ret, o->sigbus,
			     my_signals.kicks != before.kicks);
}

static void unexpected_ucall(struct worker *w, const struct ucall *uc)
{
	char what[20];

	snprintf(what, sizeof(what), "ucall %lu 0x%lx", (unsigned long)uc->cmd,
		 (unsigned long)uc->args[0]);
	record_op(w, what, 0, 0);
}

int vcpu_step(struct worker *w)
{
	struct kvm_vcpu *vcpu = w->run->vcpu[w->id];
	struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	struct kvm_run *kr = vcpu->run;

	for (;;) {
		struct run_outcome o;
		struct ucall uc;

		vcpu_enter(vcpu, &o);
		w->entered_ns = o.start_ns;
		atomic_fetch_add_explicit(&w->ws->exits[o.result], 1, memory_order_relaxed);
		worker_progress(w);

		switch (o.result) {
		case RES_KICK:
			count_longest(w->run->sh, "longest", "kick-us", my_signals.kick_us);
			if (atomic_load(&w->run->sh->ask_where))
				arch_describe_vcpu(vcpu, w->ws->where, sizeof(w->ws->where));
			continue;
		case RES_UCALL:
			if (get_ucall(vcpu, &uc) == UCALL_SYNC)
				return uc.args[1];
			unexpected_ucall(w, &uc);
			o.result = RES_EXIT;	/* an exception in the guest */
			outcome_check(w, &o);
			return -1;
		case RES_MMIO:
			if (!outcome_check(w, &o))
				return -1;
			if (!o.mmio_write)
				memset(kr->mmio.data, 0, sizeof(kr->mmio.data));
			__atomic_store_n(&g->mmio, 1, __ATOMIC_RELEASE);
			continue;
		default:
			if (outcome_delivery(w, &o))
				continue;
			if (w->consumer->exit && w->consumer->exit(w, &o))
				continue;
			if (outcome_injected(w, &o))
				continue;
			if (!outcome_check(w, &o))
				return -1;
			if (arch_skip_access(vcpu)) {
				o.result = RES_EXIT;
				outcome_check(w, &o);
				return -1;
			}
		}
	}
}

void vcpu_loop(struct worker *w, unsigned int every, void (*turn)(struct worker *w))
{
	w->run->ctl->vcpu[w->id].turn = every;
	for (;;) {
		int what = vcpu_step(w);

		if (what == SYNC_REPORT)
			content_report(w);
		else if (what == SYNC_TURN)
			turn(w);
		else
			break;
		if (run_stopping(w->run))
			break;
	}
}

static void vcpu_run_pages(struct worker *w)
{
	vcpu_loop(w, 0, NULL);
}

const struct consumer_ops consumer_vcpu = {
	.name = "vcpu",
	.describe = "vCPUs load, store, read-modify-write and execute random pages",
	.run = vcpu_run_pages,
};
