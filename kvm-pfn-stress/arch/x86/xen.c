// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's shared_info page and event channels (arch/x86/kvm/xen.c).
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "core/compat.h"
#include "consumers/xen.h"

#ifndef KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA
#define KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA	(1 << 8)
#define KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA	0x6
#define KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA	0x9
#endif
#define XEN_MSR		0x40000000

const char *xen_unsupported(bool hva)
{
	int flags = kvm_check_cap(KVM_CAP_XEN_HVM);

	if (!(flags & KVM_XEN_HVM_CONFIG_EVTCHN_SEND))
		return "KVM is built without Xen's event channels (CONFIG_KVM_XEN)";
	if (hva && !(flags & KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA))
		return "this kernel has no shared_info by host address (6.9)";
	return NULL;
}

void xen_enable(struct kvm_vm *vm, bool guest)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
		.msr = guest ? XEN_MSR : 0,
	};
	struct kvm_xen_hvm_attr attr = { .type = KVM_XEN_ATTR_TYPE_LONG_MODE, .u.long_mode = 1 };

	vm_ioctl(vm, KVM_XEN_HVM_CONFIG, &config);
	vm_ioctl(vm, KVM_XEN_HVM_SET_ATTR, &attr);
}

static int shared_info(struct kvm_vm *vm, unsigned int type, uint64_t where)
{
	/* gfn and hva are the same word of a union */
	struct kvm_xen_hvm_attr attr = { .type = type, .u.shared_info.gfn = where };

	return __vm_ioctl(vm, KVM_XEN_HVM_SET_ATTR, &attr) ? errno : 0;
}

int xen_shared_info_gfn(struct kvm_vm *vm, uint64_t gfn)
{
	return shared_info(vm, KVM_XEN_ATTR_TYPE_SHARED_INFO, gfn);
}

int xen_shared_info_hva(struct kvm_vm *vm, uint64_t hva)
{
	return shared_info(vm, KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA, hva);
}

static int vcpu_info(struct kvm_vcpu *vcpu, unsigned int type, uint64_t where)
{
	struct kvm_xen_vcpu_attr attr = { .type = type, .u.gpa = where };

	return __vcpu_ioctl(vcpu, KVM_XEN_VCPU_SET_ATTR, &attr) ? errno : 0;
}

int xen_vcpu_info_gpa(struct kvm_vcpu *vcpu, uint64_t gpa)
{
	return vcpu_info(vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa);
}

int xen_vcpu_info_hva(struct kvm_vcpu *vcpu, uint64_t hva)
{
	return vcpu_info(vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO_HVA, hva);
}

int xen_send(struct kvm_vm *vm, unsigned int port)
{
	struct kvm_irq_routing_xen_evtchn e = {
		.port = port,
		.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
	};

	return __vm_ioctl(vm, KVM_XEN_HVM_EVTCHN_SEND, &e) ? errno : 0;
}
