// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads whose loads, stores and compare-and-exchanges are emulated: KVM reads and writes test
 * pages through the host's mapping (kvm_vcpu_gfn_to_hva(), copy to and from user,
 * __try_cmpxchg_user()), without a pfn and without an invalidation to wait for.
 *
 *	vCPU					injector
 *	----					--------
 *	hva = gfn_to_hva(memslots)
 *						memslot: deleted, added with another hva
 *	copy_to_user(hva)			<- SRCU: the old hva is unmapped after the update
 *
 * Needs a boot with kvm.force_emulation_prefix=1.
 */
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "plugins.h"

static const char *emulated_unsupported(struct run *run)
{
	(void)run;
	return arch_can_emulate();
}

static void emulated_run(struct worker *w)
{
	w->run->ctl->vcpu[w->id].emulated = 1;
	vcpu_loop(w, 0, NULL);
}

const struct consumer_ops consumer_emulated = {
	.name = "emulated",
	.describe = "vCPUs whose accesses KVM emulates, through the host's mapping",
	.unsupported = emulated_unsupported,
	.run = emulated_run,
};
