// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads whose guest runs a nested guest that hammers the pages: faults go through KVM's shadow
 * of the guest's own nested page tables. What the guest hands to KVM to describe the nested guest
 * (vmcb12) is in a test page, too: kvm_vcpu_map() meets everything that happens to it.
 *
 *	KVM, VMRUN				injector
 *	----------				--------
 *	kvm_vcpu_map(): pfn = hva_to_pfn()
 *						munmap(): start, the page is freed, end
 *	reads vmcb12, kvm_vcpu_unmap()		<- the reference keeps the page; stale, but nobody's
 *	runs the nested guest
 *						munmap() and mmap(): another page
 *	#VMEXIT: maps, writes, unmaps		<- must be the new one
 *
 * A vmcb12 that KVM can't map is its user's fault, not the guest's: 6.1 and 6.12 raise #GP in L1 and,
 * when L2 ends, in L2; younger ones say KVM_EXIT_INTERNAL_ERROR, and KVM_EXIT_SHUTDOWN when L2 ends
 * (docs/findings/s9.md).
 */
#include <stdio.h>
#include <string.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "core/proc.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define L2_ACCESSES	8

enum answer { ANSWER_TRAP, ANSWER_INTERNAL, ANSWER_SHUTDOWN };

static const char *const answer_names[] = {
	[ANSWER_TRAP] = "exception",
	[ANSWER_INTERNAL] = "internal-error",
	[ANSWER_SHUTDOWN] = "shutdown",
};

/* 6.13 and later map no page of a pfnmap for KVM's own use, unless they are told to. */
static bool unsafe;

static const char *nested_unsupported(struct run *run)
{
	(void)run;
	unsafe = proc_flag("/sys/module/kvm/parameters/allow_unsafe_mappings");
	return arch_nested_unsupported();
}

/*
 * The guest writes control blocks over stamps: not where others read those. Nor into the helper module's
 * pages: KVM may write to a block for a moment after the page was taken away (kvm_vcpu_map() has a
 * reference, or 6.12 with a pfnmap nothing at all), which the canary of a retired page shows:
 * docs/findings/s9.md. Where that is allowed (allow_unsafe_mappings) the scenario takes none away.
 */
static bool takes_blocks(const struct run *run, const struct region *r)
{
	return r->mapped == PS_MAPPED && !r->ops->no_vma && !r->ops->on_disk && !r->ops->granule &&
	       (!r->ops->helper || unsafe) && r->nr >= 2 * run->nr_vcpus;
}

static void nested_setup(struct worker *w)
{
	struct run *run = w->run;
	struct guest_vcpu *g = &run->ctl->vcpu[w->id];
	unsigned int i;

	for (i = 0; i < run->nr_regions && i < GUEST_MAX_PRIVATE; i++) {
		struct region *r = run->region[i];
		unsigned int page = r->base + r->nr - 1 - w->id;

		if (!takes_blocks(run, r))
			continue;
		ctl_gva(run->ctl)[page] |= GVA_PRIVATE;
		g->nested.private[g->nested.nr_private++] = page;
	}
	g->nested.arch = arch_nested_setup(run, w->id, guest_nested);
	arch_nested_tables(run, w->id);
	g->nested.block = NO_PAGE;
}

static bool never_maps(const struct run *run, const struct region *r)
{
	return r->ops->remapped && run->sh->caps.unrefcounted && !unsafe;
}

/* KVM could not use the control block: was the page in a state that says so? */
static bool judge(struct worker *w, enum answer answer, const struct run_outcome *o)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	struct failure f = { 0 };
	struct region_place place;
	unsigned int page, mask;
	const char *state = NULL;
	bool right;

	if (!outcome_page(w, &place, &page))
		return false;
	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	count(w->run->sh, "nested", answer_names[answer], 1);
	mask = page_states(place.region, page, g->word, page_word(place.region, page));
	right = (mask & ~(1u << PS_MAPPED)) || never_maps(w->run, place.region);
	if (right && answer == ANSWER_INTERNAL)
		return true;
	outcome_describe(w, &f, &place, mask);
	snprintf(f.rule, sizeof(f.rule), "%s%s", answer_names[answer], right ? "" : "-mapped");
	snprintf(f.expected, sizeof(f.expected), "%s", right ? "internal-error" : "L2 runs");
	snprintf(f.got, sizeof(f.got), "%s (exit_reason %u) ", answer_names[answer],
		 o ? o->exit_reason : 0);
	if (!right)
		state = outcome_pte_taken(place.region, page, g->word, w->entered_ns,
					  f.got + strlen(f.got), sizeof(f.got) - strlen(f.got));
	fail(w->run->sh, ORACLE_OUTCOME, &f, state);
	return true;
}

static bool nested_exit(struct worker *w, const struct run_outcome *o)
{
	struct guest_nested *n = &w->run->ctl->vcpu[w->id].nested;

	if (o->result == RES_INTERNAL && n->op == NESTED_RUN)
		return judge(w, ANSWER_INTERNAL, o) && !arch_skip_access(w->run->vcpu[w->id]);
	if (o->result == RES_EXIT && o->exit_reason == KVM_EXIT_SHUTDOWN && n->op == NESTED_EXIT) {
		__atomic_store_n(&n->unwritten, 1, __ATOMIC_RELEASE);
		return judge(w, ANSWER_SHUTDOWN, o);
	}
	return false;
}

static void nested_turn(struct worker *w)
{
	struct run_outcome emulator_failed = { .result = RES_INTERNAL };

	if (w->run->ctl->vcpu[w->id].nested.op != NESTED_NONE)
		judge(w, ANSWER_TRAP, NULL);
	else
		outcome_check(w, &emulator_failed);
}

static void nested_run(struct worker *w)
{
	vcpu_loop(w, L2_ACCESSES, nested_turn);
}

const struct consumer_ops consumer_nested = {
	.name = "nested",
	.writes = true,
	.describe = "nested guests that touch the pages, run from control blocks in test pages",
	.counts = {
		{ "run", offsetof(struct guest_vcpu, nested.runs) },
		{ "fault", offsetof(struct guest_vcpu, nested.faults) },
		{ "changed", offsetof(struct guest_vcpu, windows) },
	},
	.unsupported = nested_unsupported,
	.setup = nested_setup,
	.exit = nested_exit,
	.run = nested_run,
};
