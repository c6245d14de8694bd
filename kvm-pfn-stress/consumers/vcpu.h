/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One KVM_RUN and the judgement on it; shared by all consumers that run vCPUs.
 */
#ifndef CONSUMERS_VCPU_H
#define CONSUMERS_VCPU_H

#include "core/run.h"

struct kvm_vcpu;
struct run_outcome;

/**
 * vcpu_enter - one KVM_RUN, and what it answered
 * @vcpu: the vCPU
 * @o: filled in
 *
 * Context: the vCPU's thread, with its signal handlers (core/signals.h).
 */
void vcpu_enter(struct kvm_vcpu *vcpu, struct run_outcome *o);

/**
 * vcpu_step - run the vCPU until it wants something
 * @w: the vCPU's worker
 *
 * Failing accesses are judged (oracles/outcome.c) and skipped. Return: enum guest_sync, or -1 when
 * the vCPU can't go on. Context: the vCPU's thread.
 */
int vcpu_step(struct worker *w);

/**
 * vcpu_loop - run the vCPU's random accesses until the end
 * @w: the vCPU's worker
 * @every: call @turn after so many accesses, 0 for never
 * @turn: what the consumer does between two runs; no access of the guest is under way
 *
 * Context: the vCPU's thread.
 */
void vcpu_loop(struct worker *w, unsigned int every, void (*turn)(struct worker *w));

#endif /* CONSUMERS_VCPU_H */
