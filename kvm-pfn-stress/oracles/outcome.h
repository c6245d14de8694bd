/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Oracle 4, outcome, with oracle 5, poison: what KVM_RUN may answer.
 */
#ifndef ORACLES_OUTCOME_H
#define ORACLES_OUTCOME_H

#include "core/run.h"
#include "outcomes/table.h"

/* What is known about one KVM_RUN. */
struct run_outcome {
	enum run_result result;
	int err;		/* errno of KVM_RUN, 0 */
	uint32_t exit_reason;
	uint64_t start_ns;	/* when it was called */
	int sig_code, sig_lsb;	/* RES_SIGBUS: siginfo */
	uint64_t sig_addr;
	uint32_t suberror;	/* RES_INTERNAL */
	uint64_t mmio_gpa;	/* RES_MMIO */
	bool mmio_write;
	bool sigbus;		/* SIGBUS arrived in this thread */
	uint64_t fault_gpa, fault_size, fault_flags;	/* KVM_EXIT_MEMORY_FAULT */
};

/**
 * outcome_check - is this answer right for the access that the vCPU was in?
 * @w: the vCPU's worker
 * @o: what KVM_RUN said
 *
 * Judges by the page's states between the start of the access and now. Return: true when the vCPU
 * may go on with the next access. Context: the vCPU's thread, right after KVM_RUN.
 */
bool outcome_check(struct worker *w, const struct run_outcome *o);

struct region;
struct region_place;

/* The page that the guest says it is at, for consumers with answers of their own; false: at none. */
bool outcome_page(struct worker *w, struct region_place *place, unsigned int *page);

/* Everything that a failure card says about it, and of the states (bits) that it was in. */
void outcome_describe(struct worker *w, struct failure *f, const struct region_place *place,
		      unsigned int mask);

/**
 * outcome_pte_taken - was an EFAULT that of suspicion S1 (docs/findings/s1.md)?
 * @r, @page: page
 * @w1: page word before the access
 * @since_ns: when it began
 * @card, @len: takes what was found, for the failure card
 *
 * Return: the last part of the fingerprint, or NULL.
 */
const char *outcome_pte_taken(struct region *r, unsigned int page, uint64_t w1, uint64_t since_ns,
			      char *card, size_t len);

/**
 * outcome_injected - is this answer the one to an error that the helper module injected?
 * @w: the vCPU's worker
 * @o: what KVM_RUN said
 *
 * Return: true when the vCPU may try the same access again, whose page is well. Context: the vCPU's
 * thread, right after KVM_RUN, before outcome_check().
 */
bool outcome_injected(struct worker *w, const struct run_outcome *o);

/**
 * outcome_delivery - was MMIO refused because of an event that nobody delivered?
 * @w: the vCPU's worker
 * @o: what KVM_RUN said
 *
 * docs/findings/exitintinfo.md. Return: true when the vCPU may try the same access again. Context: the
 * vCPU's thread, right after KVM_RUN.
 */
bool outcome_delivery(struct worker *w, const struct run_outcome *o);

/**
 * outcome_fault_right - does KVM_EXIT_MEMORY_FAULT say what it must, without a signal?
 * @o: what KVM_RUN said
 * @gpa: of the page
 * @private: 1 the access was private, 0 it was not, -1 either is right
 * @got, @len: takes what it says, if it is wrong
 */
bool outcome_fault_right(const struct run_outcome *o, uint64_t gpa, int private, char *got,
			 size_t len);

/* What the outcome table has to know of this kernel: C_*. */
unsigned int outcome_caps(const struct caps *c);

/* A rule that the guest found broken (content oracle); ends the scenario. */
void content_report(struct worker *w);

#endif /* ORACLES_OUTCOME_H */
