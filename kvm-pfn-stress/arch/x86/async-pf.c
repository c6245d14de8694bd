// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults in the guest (Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_*).
 *
 *	guest				KVM					kworker
 *	-----				---					-------
 *	access, interrupts on		GUP would have to sleep
 *					flags = 1, #PF with a token in CR2	GUP
 *	#PF: flags = 0, and ...
 *	... the same again		halts the vCPU until the page is there
 *	... another page
 *	... hlt until it is there
 *					maps the page, token, interrupt	<-	done
 *	interrupt: token = 0, ACK	next token
 *
 * The memory that both write, and who the vCPU is, are found by the base of GS, which nothing else uses.
 */
#include "core/compat.h"
#include "arch/arch.h"
#include "arch/x86/x86.h"

#define PAGE_READY_VECTOR	0x40
#define SVR_OFFSET		0xf0
#define SVR_ENABLE		(1u << 8)
#define BASE_X2APIC		(1ul << 10)
#define GS_BASE_MSR		0xc0000101
#define X2APIC_EOI_MSR		0x80b
#define ASYNC_PF_EN_MSR		0x4b564d02
#define ASYNC_PF_INT_MSR	0x4b564d06
#define ASYNC_PF_ACK_MSR	0x4b564d07

/* in the kernel too, and ready by interrupt */
#define ASYNC_PF_ENABLED	(1 << 0 | 1 << 1 | 1 << 3)
#define NOT_PRESENT		1
#define EVERY_TOKEN		(~0u)

/* In memory of the guest that nobody touches. */
struct async {
	uint32_t flags, token;	/* KVM's, cleared by the guest */
	uint64_t vcpu;		/* gva of struct guest_vcpu */
} __attribute__((aligned(64)));

asm(".pushsection .text\n"
	".globl arch_interruptible\n"
	"arch_interruptible:\n"
	"	sti\n"
	"	call	*%r8\n"
	"	cli\n"
	"	ret\n"
	".popsection\n");

/* ---- in the guest ---- */

static void forget(struct guest_async *a, uint32_t token)
{
	unsigned int i;

	for (i = 0; i < a->waits && a->token[i] != token; i++)
		;
	if (token == EVERY_TOKEN) {
		a->waits = 0;
	} else if (i == a->waits) {
		a->stray++;
	} else {
		a->token[i] = a->token[a->waits - 1];
		__atomic_store_n(&a->waits, a->waits - 1, __ATOMIC_RELEASE);
		a->ready++;
	}
}

static void page_ready(struct ex_regs *regs)
{
	struct async *own = (struct async *)rdmsr(GS_BASE_MSR);
	uint32_t token = __atomic_load_n(&own->token, __ATOMIC_ACQUIRE);
	struct guest_async *a = &((struct guest_vcpu *)own->vcpu)->async;

	(void)regs;
	wrmsr(X2APIC_EOI_MSR, 0);
	/* the interrupt of a token that arch_async_switch() took away, once */
	if (token || !a->switched)
		forget(a, token);
	a->switched = 0;
	__atomic_store_n(&own->token, 0, __ATOMIC_RELEASE);
	wrmsr(ASYNC_PF_ACK_MSR, 1);
}

static uint64_t cr2(void)
{
	uint64_t v;

	asm volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

/*
 * 0 says that nothing is there (struct kvm_vcpu_pv_apf_data): the next page that is ready takes its
 * place. Two pages of one token are one to the guest.
 */
static void missing(struct guest_async *a, uint64_t token)
{
	unsigned int i;

	for (i = 0; i < a->waits && a->token[i] != token; i++)
		;
	if (!token || i < a->waits) {
		a->bad_token = token;
		a->bad++;
	}
	if (a->waits < GUEST_MAX_ASYNC)
		a->token[a->waits++] = token;
	a->missing++;
}

bool async_page_fault(struct ex_regs *regs)
{
	struct async *own = (struct async *)rdmsr(GS_BASE_MSR);
	struct guest_vcpu *me;
	struct guest_async *a;
	uint64_t rip;

	if (!own || own->flags != NOT_PRESENT)
		return false;
	me = (struct guest_vcpu *)own->vcpu;
	a = &me->async;
	missing(a, cr2());
	own->flags = 0;
	switch (rng_below(&me->rng, 4)) {
	case 0:
		break;
	case 1:
	case 2:
		rip = access_skipped(regs->rip);
		regs->rip = rip ? rip : regs->rip;
		a->skipped += !!rip;
		break;
	default:
		while (__atomic_load_n(&a->waits, __ATOMIC_ACQUIRE))
			asm volatile("sti; hlt; cli" : : : "memory");
	}
	return true;
}

/* ---- on the host ---- */

const char *arch_async_unsupported(void)
{
	return kvm_cpu_has(X86_FEATURE_KVM_ASYNC_PF_INT) ? NULL : "KVM offers no async page faults";
}

void arch_async_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t guest_vcpu)
{
	uint64_t gva = compat_vm_alloc(vm, GUEST_PAGE_SIZE);
	struct kvm_lapic_state apic;
	struct async *own = addr_gva2hva(vm, gva);
	struct kvm_sregs s;

	own->vcpu = guest_vcpu;
	vm_install_exception_handler(vm, PAGE_READY_VECTOR, page_ready);
	vcpu_sregs_get(vcpu, &s);
	s.gs.base = gva;
	s.apic_base |= BASE_X2APIC;
	vcpu_sregs_set(vcpu, &s);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &apic);
	*(uint32_t *)&apic.regs[SVR_OFFSET] |= SVR_ENABLE;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &apic);
	vcpu_set_msr(vcpu, ASYNC_PF_INT_MSR, PAGE_READY_VECTOR);
	vcpu_set_msr(vcpu, ASYNC_PF_EN_MSR, addr_gva2gpa(vm, gva) | ASYNC_PF_ENABLED);
}

void arch_async_switch(struct kvm_vm *vm, struct kvm_vcpu *vcpu, struct guest_async *a)
{
	struct kvm_sregs s;
	struct async *own;

	vcpu_sregs_get(vcpu, &s);
	own = addr_gva2hva(vm, s.gs.base);
	/* KVM forgets what is under way (kvm_pv_enable_async_pf()), and so does the guest */
	vcpu_set_msr(vcpu, ASYNC_PF_EN_MSR, 0);
	a->switched = own->token != 0;
	own->flags = 0;
	own->token = 0;
	a->waits = 0;
	vcpu_set_msr(vcpu, ASYNC_PF_EN_MSR, addr_gva2gpa(vm, s.gs.base) | ASYNC_PF_ENABLED);
}
