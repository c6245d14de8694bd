// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86: the instructions that touch test pages, and how the host gets a vCPU out of them.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "arch/x86/x86.h"
#include "core/proc.h"

#define PF_VECTOR_NR	14

/*
 * arch_exec() calls into the test page with rax = 0xff0, which no guest maps. Zeroed memory decodes
 * as "add %al, (%rax)", so that executing a page that nobody filled is a #PF in its first
 * instruction; the handler below turns that into ACCESS_TRAPPED. The code leaves rax alone: when the
 * page is taken away after its first instruction, what follows is zeroes as well. Its offset in a page
 * is not that of the code: KVM would take it for an address in the code's page, see
 * docs/findings/fetch-gpa.md.
 *
 * The code is the same in every page and loads the fill stamp as data. It must not hold anything
 * that changes: emulators (QEMU's multi-threaded TCG) may go on executing old bytes when another CPU
 * writes code at the moment it is translated. For the same reason ACCESS_TRAPPED proves nothing.
 */
asm(".pushsection .text\n"
	".globl arch_load, arch_store, arch_rmw, arch_exec\n"
	".globl arch_emul_load, arch_emul_store, arch_emul_rmw\n"
	".globl x86_emul_load_insn, x86_emul_store_insn, x86_emul_rmw_insn\n"
	".globl x86_load_insn, x86_store_insn, x86_rmw_insn\n"
	".globl x86_skipped, x86_trapped, x86_exec_skipped, x86_exec_trapped\n"
	"arch_load:\n"
	"x86_load_insn:\n"
	"	mov	(%rdi), %rax\n"
	"	mov	%rax, (%rsi)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"arch_store:\n"
	"x86_store_insn:\n"
	"	mov	%rsi, (%rdi)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"arch_rmw:\n"
	"	mov	%rsi, %rax\n"
	"x86_rmw_insn:\n"
	"	lock cmpxchg	%rdx, (%rdi)\n"
	"	mov	%rax, (%rcx)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"arch_exec:\n"
	"	xor	%edx, %edx\n"
	"	xor	%ecx, %ecx\n"
	"	mov	$0xff0, %eax\n"
	"	call	*%rdi\n"
	"	mov	%rcx, (%rsi)\n"
	"	mov	%edx, %eax\n"
	"	ret\n"
	/* "ud2", "kvm": with kvm.force_emulation_prefix KVM emulates what follows (handle_ud()) */
	"arch_emul_load:\n"
	"	.byte	0x0f, 0x0b, 0x6b, 0x76, 0x6d\n"
	"x86_emul_load_insn:\n"
	"	mov	(%rdi), %rax\n"
	"	mov	%rax, (%rsi)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"arch_emul_store:\n"
	"	.byte	0x0f, 0x0b, 0x6b, 0x76, 0x6d\n"
	"x86_emul_store_insn:\n"
	"	mov	%rsi, (%rdi)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"arch_emul_rmw:\n"
	"	mov	%rsi, %rax\n"
	"	.byte	0x0f, 0x0b, 0x6b, 0x76, 0x6d\n"
	"x86_emul_rmw_insn:\n"
	"	lock cmpxchg	%rdx, (%rdi)\n"
	"	mov	%rax, (%rcx)\n"
	"	xor	%eax, %eax\n"
	"	ret\n"
	"x86_skipped:\n"
	"	mov	$1, %eax\n"		/* ACCESS_SKIPPED */
	"	ret\n"
	"x86_trapped:\n"
	"	mov	$2, %eax\n"		/* ACCESS_TRAPPED */
	"	ret\n"
	"x86_exec_skipped:\n"
	"	mov	$1, %edx\n"
	"	ret\n"
	"x86_exec_trapped:\n"
	"	mov	$2, %edx\n"		/* ACCESS_TRAPPED */
	"	ret\n"
	".popsection\n");

extern const char x86_load_insn[], x86_store_insn[], x86_rmw_insn[];
extern const char x86_emul_load_insn[], x86_emul_store_insn[], x86_emul_rmw_insn[];
extern const char x86_skipped[], x86_trapped[], x86_exec_skipped[], x86_exec_trapped[];

static bool at_access(uint64_t rip)
{
	static const char *const insn[] = {
		x86_load_insn, x86_store_insn, x86_rmw_insn,
		x86_emul_load_insn, x86_emul_store_insn, x86_emul_rmw_insn,
	};
	unsigned int i;

	for (i = 0; i < sizeof(insn) / sizeof(insn[0]); i++)
		if (rip == (uint64_t)insn[i])
			return true;
	return false;
}

static bool in_test_page(uint64_t rip)
{
	return rip >= REGION_GVA_OFFSET;
}

uint64_t access_trapped(uint64_t rip)
{
	if (in_test_page(rip))
		return (uint64_t)x86_exec_trapped;
	return at_access(rip) ? (uint64_t)x86_trapped : 0;
}

uint64_t access_skipped(uint64_t rip)
{
	if (in_test_page(rip))
		return (uint64_t)x86_exec_skipped;
	return at_access(rip) ? (uint64_t)x86_skipped : 0;
}

/* Runs in the guest. */
static void guest_page_fault(struct ex_regs *regs)
{
	uint64_t rip = access_trapped(regs->rip);

	if (async_page_fault(regs))
		return;
	if (!rip)
		asm volatile("ud2");
	regs->rip = rip;
}

#define PTE_PRESENT	1ul
#define PTE_WRITE	2ul
#define PTE_ACCESSED	0x20ul
#define PTE_ALL		0x67ul		/* present, writable, user, accessed, dirty */
#define PTE_NX		(1ul << 63)
#define PTE_ADDR	0xffffffffff000ul
#define CR0_WP		(1ul << 16)

void arch_pte_set(uint64_t pte, uint64_t gpa, uint64_t mode)
{
	static const uint8_t bits[] = {
		[WINDOW_WRITE] = PTE_PRESENT | PTE_WRITE,
		[WINDOW_READ] = PTE_PRESENT | PTE_ACCESSED,
		[WINDOW_ABSENT] = 0,
		[WINDOW_USED] = PTE_ALL,
	};

	gpa |= bits[mode & ~WINDOW_NOEXEC] | (mode & WINDOW_NOEXEC ? PTE_NX : 0);
	__atomic_store_n((uint64_t *)pte, gpa, __ATOMIC_SEQ_CST);
}

void arch_flush_page(uint64_t gva)
{
	asm volatile("invlpg (%0)" : : "r"(gva) : "memory");
}

void arch_flush_root(uint64_t root)
{
	asm volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

/* The entry of the guest's page tables for @gva at @at; host memory. */
static uint64_t *table_entry(struct kvm_vm *vm, const struct kvm_sregs *s, uint64_t gva,
			     unsigned int at)
{
	unsigned int level = s->cr4 & X86_CR4_LA57 ? 5 : 4;
	uint64_t table = s->cr3 & PTE_ADDR, *entry;

	for (;; level--) {
		entry = (uint64_t *)addr_gpa2hva(vm, table) + (gva >> (3 + 9 * level) & 511);
		if (level == at)
			return entry;
		table = *entry & PTE_ADDR;
	}
}

void arch_table_fill(void *hva, uint64_t gva, uint64_t gpa, bool used)
{
	uint64_t bits = used ? PTE_ALL : PTE_PRESENT | PTE_WRITE;

	__atomic_store_n((uint64_t *)hva + (gva >> 12 & 511), gpa | bits, __ATOMIC_SEQ_CST);
}

void arch_table_set(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t table)
{
	struct kvm_sregs s;
	uint64_t *entry;

	vcpu_sregs_get(vcpu, &s);
	entry = table_entry(vm, &s, gva, 2);
	__atomic_store_n(entry, (*entry & ~PTE_ADDR) | table, __ATOMIC_SEQ_CST);
	vcpu_sregs_set(vcpu, &s);
}

uint64_t guest_table(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva)
{
	struct kvm_sregs s;

	vcpu_sregs_get(vcpu, &s);
	return *table_entry(vm, &s, gva, 2) & PTE_ADDR;
}

void arch_map_huge(struct kvm_vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages)
{
	uint64_t end = gva + pages * GUEST_PAGE_SIZE, size;

	for (; gva < end; gva += size, gpa += size) {
		bool huge = !((gva | gpa) % PG_SIZE_2M) && end - gva >= PG_SIZE_2M;

		size = huge ? PG_SIZE_2M : GUEST_PAGE_SIZE;
		virt_map_level(vm, gva, gpa, size, huge ? PG_LEVEL_2M : PG_LEVEL_4K);
	}
}

uint64_t arch_window_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t pte_gva,
			   uint64_t gpa)
{
	struct kvm_sregs s;

	virt_map(vm, gva, gpa, 1);
	vcpu_sregs_get(vcpu, &s);
	s.cr0 |= CR0_WP;
	vcpu_sregs_set(vcpu, &s);
	virt_map(vm, pte_gva, *table_entry(vm, &s, gva, 2) & PTE_ADDR, 1);
	return pte_gva + (gva >> 12 & 511) * 8;
}

uint64_t copy_root(struct kvm_vm *vm, const struct kvm_sregs *s, uint64_t level4)
{
	void *to = addr_gpa2hva(vm, level4);
	uint64_t cr3 = level4;

	if (s->cr4 & X86_CR4_LA57) {
		uint64_t *top;

		cr3 = addr_gva2gpa(vm, compat_vm_alloc(vm, GUEST_PAGE_SIZE));
		top = addr_gpa2hva(vm, cr3);
		memcpy(top, addr_gpa2hva(vm, s->cr3 & PTE_ADDR), GUEST_PAGE_SIZE);
		top[0] = (top[0] & ~PTE_ADDR) | level4;
	}
	memcpy(to, (void *)((uint64_t)table_entry(vm, s, 0, 4) & ~(GUEST_PAGE_SIZE - 1)),
	       GUEST_PAGE_SIZE);
	return cr3 | (s->cr3 & ~PTE_ADDR);
}

void arch_roots(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t root[2])
{
	struct kvm_sregs s;
	unsigned int level;
	uint64_t *entry = &root[1];

	vcpu_sregs_get(vcpu, &s);
	root[0] = root[1] = s.cr3;
	for (level = s.cr4 & X86_CR4_LA57 ? 5 : 4; level > 1; level--) {
		uint64_t copy = addr_gva2gpa(vm, compat_vm_alloc(vm, GUEST_PAGE_SIZE));

		memcpy(addr_gpa2hva(vm, copy), addr_gpa2hva(vm, *entry & PTE_ADDR), GUEST_PAGE_SIZE);
		*entry = (*entry & ~PTE_ADDR) | copy;
		entry = (uint64_t *)addr_gpa2hva(vm, copy) + (gva >> (3 + 9 * level) & 511);
	}
}

void arch_fill(void *hva, uint64_t stamp)
{
	static const union {
		uint8_t byte[8];
		uint64_t word;
	} code = { { 0x48, 0x8b, 0x0d, 0xf1, 0xff, 0xff, 0xff, 0xc3 } };
			/* mov PAGE_FILL_OFF - 23(%rip), %rcx; ret */
	uint64_t *p = hva;

	_Static_assert(PAGE_FILL_OFF - (PAGE_CODE_OFF + 7) == -15, "the displacement above is 0xf1");
	__atomic_store_n(p + PAGE_CODE_OFF / 8, code.word, __ATOMIC_RELEASE);
	__atomic_store_n(p + PAGE_FILL_OFF / 8, stamp, __ATOMIC_RELEASE);
}

void arch_vm_setup(struct kvm_vm *vm)
{
	vm_install_exception_handler(vm, PF_VECTOR_NR, guest_page_fault);
}

int arch_skip_access(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	if (access_skipped(regs.rip))
		regs.rip = access_skipped(regs.rip);
	else if (nested_skip(regs.rip))
		regs.rip = nested_skip(regs.rip);
	else
		return -1;
	vcpu_regs_set(vcpu, &regs);
	return 0;
}

#define MSR_KVMCLOCK		0x4b564d01
#define MSR_STEAL_TIME		0x4b564d03
#define MSR_ENABLED		1

void arch_kvmclock(struct kvm_vcpu *vcpu, uint64_t gpa)
{
	vcpu_set_msr(vcpu, MSR_KVMCLOCK, gpa == ~0ull ? 0 : gpa | MSR_ENABLED);
}

void arch_steal_time(struct kvm_vcpu *vcpu, uint64_t gpa)
{
	vcpu_set_msr(vcpu, MSR_STEAL_TIME, gpa == ~0ull ? 0 : gpa | MSR_ENABLED);
}

int arch_clock_update(struct kvm_vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0) ? errno : 0;
}

const char *arch_spaces_unsupported(void)
{
	if (!kvm_has_cap(KVM_CAP_X86_SMM) || kvm_check_cap(KVM_CAP_MULTI_ADDRESS_SPACE) < 2)
		return "this kernel's KVM has no system management mode (CONFIG_KVM_SMM)";
	return NULL;
}

void arch_second_space(struct kvm_vcpu *vcpu, bool second)
{
	struct kvm_vcpu_events events;

	vcpu_events_get(vcpu, &events);
	events.flags |= KVM_VCPUEVENT_VALID_SMM;
	events.smi.smm = second;
	vcpu_events_set(vcpu, &events);
}

/* struct pvclock_vcpu_time_info, struct kvm_steal_time */
uint32_t arch_time_version(const void *time, bool steal)
{
	return __atomic_load_n((const uint32_t *)time + (steal ? 2 : 0), __ATOMIC_SEQ_CST);
}

void arch_describe_vcpu(struct kvm_vcpu *vcpu, char *buf, unsigned long len)
{
	struct kvm_vcpu_events ev;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	vcpu_sregs_get(vcpu, &sregs);
	vcpu_events_get(vcpu, &ev);
	snprintf(buf, len, "rip 0x%llx rsp 0x%llx rdi 0x%llx cr2 0x%llx vector %d/%d", regs.rip,
		 regs.rsp, regs.rdi, sregs.cr2, ev.exception.injected, ev.exception.nr);
}

#ifndef KVM_X86_SW_PROTECTED_VM
#define KVM_X86_SW_PROTECTED_VM	1	/* 6.8 */
#endif

const char *arch_private_vm(unsigned long *type)
{
	*type = KVM_X86_SW_PROTECTED_VM;
	if (kvm_check_cap(KVM_CAP_VM_TYPES) >> KVM_X86_SW_PROTECTED_VM & 1)
		return NULL;
	return "needs CONFIG_KVM_SW_PROTECTED_VM (6.8) or modules with "
	       "tools/vm/sw-protected-vm.patch, and kvm.tdp_mmu";
}

const char *arch_can_emulate(void)
{
	return proc_flag("/sys/module/kvm/parameters/force_emulation_prefix") ? NULL :
	       "needs kvm.force_emulation_prefix=1";
}

bool arch_emulated(void)
{
	uint32_t eax, ebx, ecx, edx;

	/* the hypervisor leaf: "TCGTCGTCGTCG" */
	asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(0x40000000), "c"(0));
	return ebx == 0x54474354 && ecx == 0x43544743 && edx == 0x47435447;
}
