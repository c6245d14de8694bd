// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads whose guest rewrites its own page tables: one gva, the window, leads to another test page
 * every few accesses, or to the same by a read-only or an absent entry. With shadow paging KVM has to
 * see each of these writes (guest.c, window_move(), has the timeline); with nested paging of the
 * hardware it sees none.
 */
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "plugins.h"

#define PTE_GVA(vcpu)	(WINDOW_GVA(GUEST_MAX_VCPUS) + GUEST_PAGE_SIZE * (vcpu))

static void own_ptes_setup(struct worker *w)
{
	struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	uint64_t gpa = (ctl_gva(w->run->ctl)[0] & ~GVA_FLAGS) - REGION_GVA_OFFSET;

	g->window_gva = WINDOW_GVA(w->id);
	g->window_pte = arch_window_setup(w->run->vm, w->run->vcpu[w->id], g->window_gva,
					  PTE_GVA(w->id), gpa);
}

static void own_ptes_run(struct worker *w)
{
	vcpu_loop(w, 0, NULL);
}

const struct consumer_ops consumer_own_ptes = {
	.name = "own-ptes",
	.describe = "vCPUs whose guest rewrites the page table entries of the pages",
	.counts = { { "changed", offsetof(struct guest_vcpu, windows) } },
	.setup = own_ptes_setup,
	.run = own_ptes_run,
};
