/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's shared_info page and event channels: user space says where KVM is to write, and when. The
 * shortest way into gfn_to_pfn_cache. x86 only.
 */
#ifndef CONSUMERS_XEN_H
#define CONSUMERS_XEN_H

#include <stdbool.h>
#include <stdint.h>

struct kvm_vcpu;
struct kvm_vm;

/* struct shared_info of a 64-bit guest: no stamp of a test page is there. */
#define XEN_PENDING_OFF		0x800
#define XEN_MASK_OFF		0xa00
#define XEN_PORTS		64	/* the first word of each */

/* NULL, or why this kernel can't; @hva: shared_info by host address, too. */
const char *xen_unsupported(bool hva);

/*
 * Event channels and long mode. @guest: the guest has Xen's MSR, so that pending events are looked
 * for before each entry, and no steal time is written (kvm_xen_msr_enabled(), 6.1 to 7.3). Ends the
 * process by TEST_ASSERT when it can't be done.
 */
void xen_enable(struct kvm_vm *vm, bool guest);

/* Where shared_info is: 0 or errno. */
int xen_shared_info_gfn(struct kvm_vm *vm, uint64_t gfn);
int xen_shared_info_hva(struct kvm_vm *vm, uint64_t hva);	/* 0: nowhere */

/* Where a vCPU's vcpu_info is, 64 bytes of one page: 0 or errno. */
int xen_vcpu_info_gpa(struct kvm_vcpu *vcpu, uint64_t gpa);
int xen_vcpu_info_hva(struct kvm_vcpu *vcpu, uint64_t hva);

/* Set the pending bit of a port, for vCPU 0: 0 or errno. */
int xen_send(struct kvm_vm *vm, unsigned int port);

#endif /* CONSUMERS_XEN_H */
