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
 *
 * The other VM has a guest_memfd, too, of which pages are allocated and punched out, and which is
 * bound to a memslot, or refused. Each keeps the other: whichever is closed last, both go, and the
 * file's pages with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
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
#define GMEM_PAGES	1024	/* of the guest_memfd, and */
#define GMEM_BOUND	16	/* of those its memslot has, at: */
#define GMEM_GPA	(CHURN_GPA + (1ul << 32))
#define GMEM_SLOT	(CHURN_SLOT + 1)
#define NO_GPA		(1ul << 52)	/* no CPU has more bits: kvm_mmu_max_gfn() */

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

/* 0, or the errno. */
static int gmem_fallocate(int fd, int mode, unsigned int first, unsigned int nr)
{
	int ret;

	do
		ret = fallocate(fd, mode, first * GUEST_PAGE_SIZE, nr * GUEST_PAGE_SIZE);
	while (ret && errno == EINTR);	/* of signals that have nothing to do with it */
	return ret ? errno : 0;
}

/* A memslot of so many pages of the file, from @first on: 0, or the errno. */
static int gmem_bind(struct kvm_vm *vm, int fd, uint32_t slot, uint64_t gpa, unsigned int first,
		     unsigned int nr)
{
	struct compat_region2 r = {
		.slot = slot,
		.flags = nr ? KVM_MEM_GUEST_MEMFD : 0,
		.guest_phys_addr = gpa,
		.memory_size = nr * GUEST_PAGE_SIZE,
		.userspace_addr = (uint64_t)addr_gpa2hva(vm, CHURN_GPA),
		.guest_memfd = fd,
		.guest_memfd_offset = first * GUEST_PAGE_SIZE,
	};

	return ioctl(vm->fd, COMPAT_SET_USER_MEMORY_REGION2, &r) ? errno : 0;
}

static void gmem_answer(struct worker *w, const char *what, int want, int err)
{
	struct failure f = { 0 };

	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	if (err == want)
		return;
	snprintf(f.rule, sizeof(f.rule), "gmem-%s", what);
	snprintf(f.expected, sizeof(f.expected), "%s", want ? strerror(want) : "it is done");
	snprintf(f.got, sizeof(f.got), "%s", err ? strerror(err) : "it is done");
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.backing, sizeof(f.backing), "guest-memfd");
	fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
}

/* Each at another place: before the file is looked at, because of what it has, and behind that. */
static void gmem_refused(struct worker *w, struct kvm_vm *vm, int fd)
{
	const unsigned int first = GMEM_BOUND, nr = GMEM_BOUND;
	const uint64_t other = GMEM_GPA + GMEM_PAGES * GUEST_PAGE_SIZE;
	int err;

	gmem_answer(w, "bind-changed", EINVAL, gmem_bind(vm, fd, GMEM_SLOT, other, first, nr));
	gmem_answer(w, "bind-same-gfn", EEXIST,
		    gmem_bind(vm, fd, GMEM_SLOT + 1, GMEM_GPA, first, nr));
	gmem_answer(w, "bind-no-file", EINVAL,
		    gmem_bind(vm, vm->fd, GMEM_SLOT + 1, other, first, nr));
	gmem_answer(w, "bind-beyond-file", EINVAL,
		    gmem_bind(vm, fd, GMEM_SLOT + 1, other, GMEM_PAGES - 1, nr));
	gmem_answer(w, "bind-beyond-gfn", EINVAL,
		    gmem_bind(vm, fd, GMEM_SLOT + 1, NO_GPA, first, nr));
	/* EINVAL until kvm_gmem_commit_memory_region() */
	err = gmem_bind(vm, fd, GMEM_SLOT + 1, other, first - 1, nr);
	gmem_answer(w, "bind-same-pages", err == EINVAL ? EINVAL : EEXIST, err);
}

/* The file, for the caller to close; -1 if there is none. */
static int gmem_use(struct worker *w, struct kvm_vm *vm)
{
	const int keep = FALLOC_FL_KEEP_SIZE, punch = keep | FALLOC_FL_PUNCH_HOLE;
	struct compat_guest_memfd g = { .size = GMEM_PAGES * GUEST_PAGE_SIZE };
	unsigned int first = rng_below(&w->rng, GMEM_PAGES / 4);
	unsigned int nr = GMEM_PAGES / 2 + rng_below(&w->rng, GMEM_PAGES / 4);
	int fd = ioctl(vm->fd, COMPAT_CREATE_GUEST_MEMFD, &g);

	if (fd < 0 && errno == ENOTTY)	/* 6.8, if built in: KVM_PRIVATE_MEM */
		return -1;
	gmem_answer(w, "create", 0, fd < 0 ? errno : 0);
	if (fd < 0)
		return -1;
	record_op(w, "guest_memfd", 0, nr);
	gmem_answer(w, "allocate", 0, gmem_fallocate(fd, keep, first, nr));
	gmem_answer(w, "allocate-beyond-file", EINVAL,
		    gmem_fallocate(fd, keep, GMEM_PAGES - 1, 2));
	gmem_answer(w, "allocate-longer", EOPNOTSUPP, gmem_fallocate(fd, 0, 0, 1));
	gmem_answer(w, "punch", 0, gmem_fallocate(fd, punch, first + nr / 4, nr / 2));
	/* what is there already, and what is not */
	gmem_answer(w, "allocate-again", 0, gmem_fallocate(fd, keep, first, nr / 2));
	/* until 6.17 only of a VM of a type with private memory */
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_GUEST_MEMFD) <= 0)
		return fd;
	gmem_answer(w, "bind", 0, gmem_bind(vm, fd, GMEM_SLOT, GMEM_GPA, 0, GMEM_BOUND));
	gmem_refused(w, vm, fd);
	if (rng_below(&w->rng, 2))
		gmem_answer(w, "unbind", 0, gmem_bind(vm, fd, GMEM_SLOT, GMEM_GPA, 0, 0));
	return fd;
}

static unsigned int vm_churn_step(struct worker *w)
{
	unsigned int nr = 1 + rng_below(&w->rng, MAX_VCPUS), v;
	bool file_first = rng_below(&w->rng, 2);
	struct kvm_vcpu *vcpu[MAX_VCPUS];
	struct kvm_vm *vm;
	int gmem;

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
	gmem = gmem_use(w, vm);
	if (gmem >= 0 && file_first)
		close(gmem);
	record_op(w, "destroy VM", 0, 0);
	kvm_vm_free(vm);
	if (gmem >= 0 && !file_first)
		close(gmem);
	return 1;
}

const struct injector_ops injector_vm_churn = {
	.name = "vm-churn",
	.describe = "create, run and destroy another VM in the same process",
	.gap_us = 2000,
	.step = vm_churn_step,
};
