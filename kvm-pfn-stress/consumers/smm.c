// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads that are in and out of system management mode: KVM then has other memslots for them,
 * those of its second address space, and page tables of its own. Both have the same memory, at the
 * same guest addresses: whatever happens to it has to be seen in both.
 *
 *	vCPU in SMM				injector
 *	-----------				--------
 *	maps the page by memslot 1:N
 *						munmap(): start, zap what is mapped by memslots 0:N
 *						and 1:N, end
 *	access: must be the new page		<- else only the first address space was looked at
 *
 * The host switches the mode (KVM_SET_VCPU_EVENTS) where the guest stands; no SMI handler is needed.
 * Dirty logs are left to others: each address space has its own.
 */
#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "plugins.h"

#define TURN_EVERY	24

static const char *smm_unsupported(struct run *run)
{
	(void)run;
	return arch_spaces_unsupported();
}

/* What the first address space has the second one gets, too, from now on. */
static void smm_setup(struct worker *w)
{
	struct run *run = w->run;
	struct userspace_mem_region *program = memslot2region(run->vm, 0);
	unsigned int i;

	if (run->spaces > 1)
		return;
	run->spaces = 2;
	vm_set_user_memory_region(run->vm, REGION_SECOND_SPACE, 0, program->region.guest_phys_addr,
				  program->region.memory_size,
				  (void *)program->region.userspace_addr);
	vm_set_user_memory_region(run->vm, CTL_SLOT | REGION_SECOND_SPACE, 0, CTL_GPA,
				  ctl_size(run->nr_pages, run->nr_vcpus), run->ctl);
	for (i = 0; i < run->nr_regions; i++)
		if (run->region[i] == run->region[i]->first)
			TEST_ASSERT(!region_set_slots(run->region[i], region_hva(run->region[i])),
				    "memslots of the second address space");
}

static void smm_turn(struct worker *w)
{
	bool second = rng_next(&w->rng) & 1;

	arch_second_space(w->run->vcpu[w->id], second);
	count(w->run->sh, "smm", second ? "entered" : "left", 1);
}

static void smm_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, smm_turn);
}

const struct consumer_ops consumer_smm = {
	.name = "smm",
	.describe = "vCPUs in and out of system management mode, where they have other memslots",
	/* dirty logs: see above; a page of guest_memfd belongs to one memslot */
	.apart = "dirty-log dirty-ring guest-memfd",
	.unsupported = smm_unsupported,
	.setup = smm_setup,
	.run = smm_run,
};
