/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows how KVM selftests libraries differ: 6.1, 6.12 and 7.x.
 *
 * 6.1 has kvm_util_base.h, 7.x has include/x86/ in place of include/x86_64/.
 */
#ifndef CORE_COMPAT_H
#define CORE_COMPAT_H

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

/* tools/include/linux/kernel.h makes this nothing; here it has to wait. */
#undef synchronize_rcu
#include <urcu.h>

#if __has_include("kvm_util_base.h")
#define LIBKVM_6_1 1
#elif __has_include("x86/processor.h") || __has_include("arm64/processor.h")
#define LIBKVM_7 1
#endif

/* Constants that younger headers have and that older ones lack. */
#ifndef BUS_MCEERR_AR
#define BUS_MCEERR_AR 4
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD (1ul << 2)
#endif
#ifndef KVM_CAP_VM_TYPES
#define KVM_CAP_VM_TYPES 235
#endif
#ifndef KVM_MEMORY_EXIT_FLAG_PRIVATE
#define KVM_MEMORY_EXIT_FLAG_PRIVATE (1ull << 3)
#endif
#ifndef KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ull << 3)
#endif
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#endif
#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP (1ull << 0)
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ull << 1)
#endif

/* struct kvm_userspace_memory_region2 and struct kvm_create_guest_memfd, 6.8 */
struct compat_region2 {
	uint32_t slot, flags;
	uint64_t guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
	uint32_t guest_memfd, pad1;
	uint64_t pad2[14];
};

struct compat_guest_memfd {
	uint64_t size, flags, reserved[6];
};

/* struct kvm_memory_attributes, 6.8, and what KVM_EXIT_MEMORY_FAULT has in struct kvm_run */
struct compat_memory_attributes {
	uint64_t address, size, attributes, flags;
};

struct compat_memory_fault {
	uint64_t flags, gpa, size;
};

#define COMPAT_SET_MEMORY_ATTRIBUTES	_IOW(KVMIO, 0xd2, struct compat_memory_attributes)
#define COMPAT_SET_USER_MEMORY_REGION2	_IOW(KVMIO, 0x49, struct compat_region2)
#define COMPAT_CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct compat_guest_memfd)

#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};
#endif

/* 6.1's x86 vCPUs begin with a stack that no call has left behind: the guest's SSE would fault. */
static inline void compat_align_stack(struct kvm_vcpu *vcpu)
{
#if defined(LIBKVM_6_1) && defined(__x86_64__)
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	regs.rsp = (regs.rsp & ~15ull) - 8;
	vcpu_regs_set(vcpu, &regs);
#else
	(void)vcpu;
#endif
}

/**
 * compat_vm_create - a VM with vCPUs that start at @code
 * @nr: vCPUs
 * @pages: pages of page tables and program that slot 0 must have room for, beyond the default
 * @code: first function
 * @type: for KVM_CREATE_VM: 0, or arch_private_vm()'s
 * @vcpus: filled in
 * @created: NULL, or called when there are no vCPUs yet
 *
 * Return: the VM. Ends the process by TEST_ASSERT when it can't be made.
 */
static inline struct kvm_vm *compat_vm_create(uint32_t nr, uint64_t pages, void *code,
					      unsigned long type, struct kvm_vcpu **vcpus,
					      void (*created)(struct kvm_vm *vm))
{
	/* The library counts page tables only: N / 512 * 2 pages for N pages asked for. */
	uint64_t extra = pages * 256;
	struct kvm_vm *vm;
	uint32_t i;

#ifdef LIBKVM_6_1
	vm = __vm_create(VM_MODE_DEFAULT, nr, extra);
	if (type) {	/* it can't be asked for one: the same again, by its own means */
		kvm_vm_release(vm);
		vm->type = type;
		kvm_vm_restart(vm);
	}
#else
	struct vm_shape shape = VM_SHAPE_DEFAULT;

	shape.type = type;
	vm = __vm_create(shape, nr, extra);
#endif
	if (created)
		created(vm);
	for (i = 0; i < nr; i++)
		vcpus[i] = vm_vcpu_add(vm, i, code);
	for (i = 0; i < nr; i++)
		compat_align_stack(vcpus[i]);
#ifdef LIBKVM_6_1
	vm_init_descriptor_tables(vm);
	for (i = 0; i < nr; i++)
		vcpu_init_descriptor_tables(vcpus[i]);
#endif
#ifdef LIBKVM_7
	kvm_arch_vm_finalize_vcpus(vm);
#endif
	return vm;
}

/* Fresh pages of the guest, mapped: their gva. */
static inline uint64_t compat_vm_alloc(struct kvm_vm *vm, uint64_t size)
{
#ifdef LIBKVM_7
	return vm_alloc(vm, size, KVM_UTIL_MIN_VADDR);
#else
	return vm_vaddr_alloc(vm, size, KVM_UTIL_MIN_VADDR);
#endif
}

/* struct vmcb_control_area */
#ifdef LIBKVM_7
#define COMPAT_NESTED_CTL	misc_ctl
#else
#define COMPAT_NESTED_CTL	nested_ctl
#endif

#endif /* CORE_COMPAT_H */
