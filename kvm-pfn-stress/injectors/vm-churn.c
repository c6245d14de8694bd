// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another VM comes and goes beside the one under stress, in the same process: made, run for a
 * little, or not run at all, destroyed. vCPUs that never run are added to the VM under stress as
 * well.
 *
 *	vCPU of the VM under stress		this thread
 *	----					-----------
 *	fault: reads mmu_invalidate_seq		KVM_CREATE_VM: mmu_notifier_register()
 *	map pfn					KVM_RUN, another mmu_lock, the same mm
 *						close: zap everything, notifier unregister, SRCU
 *	is_page_fault_stale(): its own VM's	<- else one VM's invalidations are another's
 *
 * Both VMs are users of one mm: every invalidation calls both. What has to be back afterwards (page
 * tables, vCPUs, debugfs directories, module references) is the resources oracle's.
 */
#include <sched.h>
#include <unistd.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "injectors/inject.h"

#define MAX_VCPUS	2
#define MORE_VCPUS	4	/* that never run; bounded, since they stay until the VM goes */
#define CHURN_PAGES	64	/* of a region of its own, at: */
#define CHURN_GPA	REGION_GPA
#define CHURN_SLOT	10
#define ROUNDS		2

/* Runs in the other VM: touch all pages, say so. */
static void churn_guest(uint64_t id)
{
	uint64_t n, p;

	for (n = 1;; n++) {
		for (p = 0; p < CHURN_PAGES; p++)
			((volatile uint64_t *)(REGION_GVA_OFFSET + p * GUEST_PAGE_SIZE))[id] = n;
		GUEST_SYNC(n);
	}
}

static void run_some(struct worker *w, struct kvm_vcpu **vcpu, unsigned int nr, uint64_t *mem)
{
	unsigned int v, p;
	uint64_t round;
	struct ucall uc;

	for (round = 1; round <= ROUNDS && !run_stopping(w->run); round++) {
		for (v = 0; v < nr; v++) {
			vcpu_run(vcpu[v]);
			if (get_ucall(vcpu[v], &uc) != UCALL_SYNC || uc.args[1] != round)
				inject_broken(w, NULL, "vm-churn-guest");
			for (p = 0; p < CHURN_PAGES; p++)
				if (mem[p * GUEST_PAGE_SIZE / 8 + v] != round)
					inject_broken(w, NULL, "vm-churn-memory");
			worker_progress(w);
		}
	}
}

/* A vCPU in the VM under stress: nobody has its file descriptor, it goes with the VM. */
static void add_vcpu(struct worker *w)
{
	uintptr_t *made = (uintptr_t *)&w->priv;
	int fd;

	if (*made == MORE_VCPUS)
		return;
	record_op(w, "create vCPU", 0, 0);
	fd = __vm_ioctl(w->run->vm, KVM_CREATE_VCPU, (void *)(w->run->nr_vcpus + (*made)++));
	if (fd < 0)
		inject_broken(w, NULL, "KVM_CREATE_VCPU");
	else
		close(fd);
}

static unsigned int vm_churn_step(struct worker *w)
{
	unsigned int nr = 1 + rng_below(&w->rng, MAX_VCPUS), v;
	struct kvm_vcpu *vcpu[MAX_VCPUS];
	struct kvm_vm *vm;

	/* no vCPU on CPU 0 under TCG (engine.c): wait for the first placement */
	if (arch_emulated() && sched_getcpu() == 0)
		return 0;
	if (!rng_below(&w->rng, 8))
		add_vcpu(w);
	record_op(w, "create VM", 0, 0);
	vm = compat_vm_create(nr, CHURN_PAGES / 256 + 512, churn_guest, 0, vcpu, NULL);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, CHURN_GPA, CHURN_SLOT, CHURN_PAGES,
				    0);
	virt_map(vm, REGION_GVA_OFFSET, CHURN_GPA, CHURN_PAGES);
	worker_progress(w);
	for (v = 0; v < nr; v++)
		vcpu_args_set(vcpu[v], 1, (uint64_t)v);
	/* now and then it is destroyed before anything ran */
	if (rng_below(&w->rng, 4))
		run_some(w, vcpu, nr, addr_gpa2hva(vm, CHURN_GPA));
	record_op(w, "destroy VM", 0, 0);
	kvm_vm_free(vm);
	return 1;
}

const struct injector_ops injector_vm_churn = {
	.name = "vm-churn",
	.describe = "create, run and destroy another VM in the same process",
	.gap_us = 2000,
	.step = vm_churn_step,
};
