// SPDX-License-Identifier: GPL-2.0-only
/*
 * SVM in the guest: L1 runs L2 with nested paging (arch/x86/kvm/svm/nested.c). L2 has L1's page tables,
 * and its guest-physical addresses are L1's, but for its windows: the host puts L1's own nested page
 * table (NPT12) together, of which KVM makes a shadow, and L1 rewrites a part of it (tables.h).
 *
 *	gva   --page tables of L1-->  gpa of L2   --NPT12-->  gpa of L1
 *	test page			the same		the same
 *	WINDOW_GVA(vcpu) + 4096 * N	tables_addr(N)		what L1 wants, or nothing
 *
 * L2 leaves the CPU at the VMMCALL below, or in an access that NPT12 forbids. In both cases it has
 * left its registers on its stack before, and goes on behind: nothing of L2 is lost with a vmcb12 that
 * is gone. What L2 asks of the host (GUEST_SYNC()) L1 doesn't see: it does not intercept I/O.
 */
#include <string.h>

#include "core/compat.h"
#include "svm_util.h"
#include "arch/arch.h"
#include "arch/x86/x86.h"
#include "core/region.h"
#include "core/run.h"
#include "plugins.h"

#define UD_VECTOR_NR	6
#define GP_VECTOR_NR	13
/* No memslot of L1 is at either: L2's last page table for its windows; the windows (tables.top) */
#define WALK_GPA	0xd0000000ul
#define WINDOW_TOP	1		/* a CPU may have 40 bits of address */
#define STACK_PAGES	4

#define NESTED_PAGING	1		/* of nested_ctl */
#define NPT_PRESENT	1ul
#define NPT_WRITE	2ul
#define NPT_USER	4ul
#define NPT_USED	0x60ul		/* accessed, dirty: else KVM sets them */
#define NPT_FLAGS	(NPT_PRESENT | NPT_WRITE | NPT_USER)
#define NPT_LARGE	(1ul << 7)
#define NPT_NX		(1ul << 63)
#define NPT_ADDR	0xffffffffff000ul

/* EXITINFO1 of a nested page fault: AMD64 Architecture Programmer's Manual, volume 2, 15.25.6 */
#define NPF_PRESENT	1ul
#define NPF_WRITE	2ul
#define NPF_USER	4ul		/* each access to nested page tables is one of a user */
#define NPF_FETCH	16ul
#define NPF_FINAL	(1ul << 32)	/* of the page */
#define NPF_WALK	(1ul << 33)	/* of a page table of L2; each walk is a write */

#define VMCB_EXIT_CODE	offsetof(struct vmcb, control.exit_code)
#define VMCB_EXIT_INFO1	offsetof(struct vmcb, control.exit_info_1)
#define VMCB_EXIT_INFO2	offsetof(struct vmcb, control.exit_info_2)
#define VMCB_SAVE	offsetof(struct vmcb, save)
#define VMCB_SAVE_END	(VMCB_SAVE + 0x2a0)
#define VMCB_EFER	offsetof(struct vmcb, save.efer)
#define VMCB_CTL_END	0x100

/* In memory of the guest that nobody touches. */
struct nested {
	/* the first two: where L2 goes on, and the gva that it accesses */
	uint64_t l2_rsp;
	uint64_t l2_gva;
	uint64_t block;			/* gva of a vmcb12 beside, and its gpa */
	uint64_t block_gpa;
	uint64_t window_gva;		/* of L2's window, and what NPT12 translates there */
	uint64_t window_addr;
	uint64_t walk;			/* gva of NPT12's entry for WALK_GPA, and what it leads to */
	uint64_t walk_gpa;
	const struct tables *tables;	/* gva */
	uint64_t npt_gva;		/* of the other tables of NPT12, one behind the other */
	uint64_t npt_gpa;		/* the first is the root */
	struct vmcb vmcb __attribute__((aligned(GUEST_PAGE_SIZE)));
};

/* What a function must leave as it was. */
#define PUSH_ALL	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"

asm(".pushsection .text\n"
	".globl x86_vmrun, x86_vmrun_insn, x86_vmrun_skipped, x86_vmrun_trapped\n"
	".globl x86_yield, x86_yield_insn, x86_yield_trapped, x86_l2_resume, x86_l2_start\n"
	".globl x86_l2_access\n"
	/* rdi: gpa of vmcb12 */
	"x86_vmrun:\n"
	PUSH_ALL
	"	mov	%rdi, %rax\n"
	"	clgi\n"
	"x86_vmrun_insn:\n"
	"	vmrun	%rax\n"
	"	xor	%eax, %eax\n"
	"1:	stgi\n"
	"	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n"
	"x86_vmrun_skipped:\n"
	"	mov	$1, %eax\n"		/* ACCESS_SKIPPED */
	"	jmp	1b\n"
	"x86_vmrun_trapped:\n"
	"	mov	$2, %eax\n"		/* ACCESS_TRAPPED */
	"	jmp	1b\n"
	/* rdi: struct nested */
	"x86_yield:\n"
	PUSH_ALL
	"	mov	%rsp, (%rdi)\n"
	"x86_yield_insn:\n"
	"	vmmcall\n"
	/* with an enum access_status in eax */
	"x86_l2_resume:\n"
	"2:	pop	%r15\n"
	"	pop	%r14\n"
	"	pop	%r13\n"
	"	pop	%r12\n"
	"	pop	%rbp\n"
	"	pop	%rbx\n"
	"	ret\n"
	"x86_yield_trapped:\n"
	"	mov	$2, %eax\n"
	"	jmp	2b\n"
	/* rdi: struct nested; rsi, rdx, rcx, r8: for the function in r9 */
	"x86_l2_access:\n"
	PUSH_ALL
	"	mov	%rsp, (%rdi)\n"
	"	mov	%rsi, 8(%rdi)\n"
	"	mov	%rsi, %rdi\n"
	"	mov	%rdx, %rsi\n"
	"	mov	%rcx, %rdx\n"
	"	mov	%r8, %rcx\n"
	"	call	*%r9\n"
	"	jmp	2b\n"
	/* x86_l2_resume returns to here the first time, with the vCPU's number and what to run */
	"x86_l2_start:\n"
	"	and	$-16, %rsp\n"
	"	mov	%rbx, %rdi\n"
	"	call	*%rbp\n"
	"	ud2\n"
	".popsection\n");

extern const char x86_vmrun_insn[], x86_vmrun_skipped[], x86_vmrun_trapped[];
extern const char x86_yield_insn[], x86_yield_trapped[], x86_l2_resume[], x86_l2_start[];
enum access_status x86_vmrun(uint64_t gpa);
enum access_status x86_yield(uint64_t nested);
enum access_status x86_l2_access(uint64_t nested, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				 const void *access);

/* ---- in the guest ---- */

static void guest_gp(struct ex_regs *regs)
{
	if (regs->rip == (uint64_t)x86_vmrun_insn)
		regs->rip = (uint64_t)x86_vmrun_trapped;
	else if (regs->rip == (uint64_t)x86_yield_insn)
		regs->rip = (uint64_t)x86_yield_trapped;
	else
		asm volatile("int3");
}

/*
 * Where KVM's emulator gives up the guest's user is told (KVM_EXIT_INTERNAL_ERROR), unless it is L2 that
 * does the access: L2 gets #UD (handle_emulation_failure()).
 */
static void guest_ud(struct ex_regs *regs)
{
	uint64_t rip = access_trapped(regs->rip);

	if (!rip)
		asm volatile("int3");
	regs->rip = rip;
}

/*
 * EFER first: when the page loses its content while the rest is written EFER.SVME is 0, with which VMRUN
 * ends at once. Else L2 could begin with half of its state, and what it does then takes the VM down.
 */
enum access_status arch_nested_write(uint64_t arch, uint64_t gva)
{
	struct nested *n = (struct nested *)arch;
	const uint64_t *from = (const uint64_t *)&n->vmcb;
	enum access_status st = ACCESS_DONE;
	uint64_t off;

	if (!gva)
		gva = n->block;
	n->vmcb.save.rsp = n->l2_rsp;
	st = arch_store(gva + VMCB_EFER, from[VMCB_EFER / 8]);
	for (off = VMCB_SAVE; off < VMCB_SAVE_END && st == ACCESS_DONE; off += 8)
		if (off != VMCB_EFER)
			st = arch_store(gva + off, from[off / 8]);
	for (off = 0; off < VMCB_CTL_END && st == ACCESS_DONE; off += 8)
		st = arch_store(gva + off, from[off / 8]);
	return st;
}

enum access_status arch_nested_run(uint64_t arch, uint64_t gpa)
{
	return x86_vmrun(gpa ? gpa : ((struct nested *)arch)->block_gpa);
}

enum access_status arch_nested_answer(uint64_t arch, uint64_t gva, uint64_t *got, uint64_t *want)
{
	*want = SVM_EXIT_VMMCALL;
	return arch_load((gva ? gva : ((struct nested *)arch)->block) + VMCB_EXIT_CODE, got);
}

static uint64_t window_gva(const struct tables *t, uint64_t addr)
{
	return WINDOW_GVA(t->user) + tables_addr_nr(t, addr) * GUEST_PAGE_SIZE;
}

uint64_t arch_nested_window(uint64_t arch, const struct tables *t, const struct tables_pick *p)
{
	struct nested *n = (struct nested *)arch;

	n->tables = t;
	n->window_addr = p->addr;
	n->window_gva = window_gva(t, p->addr);
	n->vmcb.control.nested_cr3 = t->root[p->root];
	if (p->flush != TABLE_KEEP)
		n->vmcb.control.tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	return n->window_gva;
}

void arch_nested_walk(uint64_t arch, uint64_t mode)
{
	static const uint8_t bits[] = {
		[WINDOW_WRITE] = NPT_FLAGS,
		[WINDOW_READ] = NPT_PRESENT | NPT_USER,
		[WINDOW_ABSENT] = 0,
		[WINDOW_USED] = NPT_FLAGS | NPT_USED,
	};
	struct nested *n = (struct nested *)arch;

	__atomic_store_n((uint64_t *)n->walk, n->walk_gpa | bits[mode], __ATOMIC_SEQ_CST);
	n->vmcb.control.tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
}

/* L2 runs, so VMRUN has flushed: there may have been one before that didn't get so far. */
static void l2_runs(struct nested *n)
{
	n->vmcb.control.tlb_ctl = TLB_CONTROL_DO_NOTHING;
}

/* What L2 returns when it goes on: from VMMCALL, if it did not leave the CPU elsewhere. */
static void l2_status(struct nested *n, enum access_status st)
{
	n->vmcb.save.rax = st;
}

enum access_status arch_nested_yield(uint64_t arch)
{
	enum access_status st;

	l2_status((struct nested *)arch, ACCESS_DONE);
	st = x86_yield(arch);
	l2_runs((struct nested *)arch);
	return st;
}

void arch_nested_resume(uint64_t arch, enum access_status st)
{
	l2_status((struct nested *)arch, st);
}

enum access_status arch_nested_access(uint64_t arch, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				      const void *access)
{
	enum access_status st = x86_l2_access(arch, a, b, c, d, access);

	l2_runs((struct nested *)arch);
	return st;
}

/* A table of NPT12. */
static uint64_t *npt_table(const struct nested *n, uint64_t gpa)
{
	unsigned int i;

	gpa &= NPT_ADDR;
	for (i = 0; n->tables && i < TABLES_NR; i++)
		if (n->tables->gpa[i] == gpa)
			return (uint64_t *)n->tables->gva[i];
	return (uint64_t *)(n->npt_gva + gpa - n->npt_gpa);
}

/* EXITINFO1 for an access to a gpa of L2 at this stage; 0 if NPT12 allows it. */
static uint64_t npt_fault(const struct nested *n, uint64_t gpa, uint64_t op, uint64_t stage)
{
	uint64_t code = NPF_USER | stage, all = NPT_WRITE | NPT_USER, nx = 0;
	uint64_t e = n->vmcb.control.nested_cr3;
	unsigned int l;

	if (op == OP_STORE || op == OP_RMW)
		code |= NPF_WRITE;
	if (op == OP_EXEC)
		code |= NPF_FETCH;
	for (l = 4; l; l--) {
		e = __atomic_load_n(npt_table(n, e) + (gpa >> (3 + 9 * l) & 511), __ATOMIC_SEQ_CST);
		if (!(e & NPT_PRESENT))
			return code;
		all &= e;
		nx |= e & NPT_NX;
		if (l < 4 && (e & NPT_LARGE))
			break;
	}
	if (!(all & NPT_USER) || ((code & NPF_WRITE) && !(all & NPT_WRITE)) ||
	    ((code & NPF_FETCH) && nx))
		return code | NPF_PRESENT;
	return 0;
}

enum access_status arch_nested_fault(uint64_t arch, uint64_t gva, uint64_t op,
				     uint64_t got[NESTED_FAULT_WORDS],
				     uint64_t want[NESTED_FAULT_WORDS])
{
	static const uint32_t off[] = { VMCB_EXIT_CODE, VMCB_EXIT_INFO1, VMCB_EXIT_INFO2 };
	const struct nested *n = (const struct nested *)arch;
	enum access_status st = ACCESS_DONE;
	unsigned int i;

	want[1] = want[0] = 0;
	want[2] = n->l2_gva - REGION_GVA_OFFSET;
	if (!((n->l2_gva ^ n->window_gva) & ~(GUEST_PAGE_SIZE - 1))) {
		/* L2's own page table comes first */
		want[2] = WALK_GPA + (n->l2_gva >> 12 & 511) * 8;
		want[1] = npt_fault(n, want[2], OP_STORE, NPF_WALK);
		if (want[1])
			op = OP_STORE;
		else
			want[2] = n->window_addr + (n->l2_gva & (GUEST_PAGE_SIZE - 1));
	}
	if (!want[1])
		want[1] = npt_fault(n, want[2], op, NPF_FINAL);
	if (want[1])
		want[0] = SVM_EXIT_NPF;
	for (i = 0; i < NESTED_FAULT_WORDS && st == ACCESS_DONE; i++)
		st = arch_load((gva ? gva : n->block) + off[i], &got[i]);
	/* which byte of its page code is fetched by is the CPU's affair */
	if (op == OP_EXEC)
		got[2] = (got[2] & ~(GUEST_PAGE_SIZE - 1)) | (want[2] & (GUEST_PAGE_SIZE - 1));
	return st;
}

/* ---- on the host ---- */

uint64_t nested_skip(uint64_t rip)
{
	return rip == (uint64_t)x86_vmrun_insn ? (uint64_t)x86_vmrun_skipped : 0;
}

const char *arch_nested_unsupported(void)
{
	if (!kvm_cpu_has(X86_FEATURE_SVM))
		return "KVM offers no nested SVM";
	return kvm_cpu_has(X86_FEATURE_NPT) ? NULL : "KVM offers no nested paging to guests (npt=0?)";
}

/* Memory for a nested page table. */
struct npt {
	struct kvm_vm *vm;
	uint64_t next;		/* gva */
	unsigned int left;
	uint64_t root;		/* gpa */
};

static uint64_t npt_alloc(struct npt *npt)
{
	uint64_t gpa = addr_gva2gpa(npt->vm, npt->next);

	TEST_ASSERT(npt->left--, "nested page tables need more pages");
	npt->next += GUEST_PAGE_SIZE;
	return gpa;
}

/* The entry that maps @gpa of L2 at a level, 1: 4 KiB. */
static uint64_t *npt_entry(struct npt *npt, uint64_t gpa, unsigned int level)
{
	uint64_t table = npt->root, *e;
	unsigned int l;

	for (l = 4;; l--) {
		e = (uint64_t *)addr_gpa2hva(npt->vm, table) + (gpa >> (12 + 9 * (l - 1)) & 511);
		if (l == level)
			return e;
		if (!*e)
			*e = npt_alloc(npt) | NPT_FLAGS;
		table = *e & NPT_ADDR;
	}
}

/* As the guest's own page tables: mostly huge where the host may map huge. */
static void npt_map_region(struct npt *npt, const struct region *r, uint64_t off)
{
	uint64_t gpa = r->gpa + off, end = gpa + r->nr * GUEST_PAGE_SIZE, size;

	for (; gpa < end; gpa += size) {
		bool huge = region_guest_huge(r) && !(gpa % PG_SIZE_2M) && end - gpa >= PG_SIZE_2M;

		size = huge ? PG_SIZE_2M : GUEST_PAGE_SIZE;
		*npt_entry(npt, gpa, huge ? 2 : 1) = gpa | NPT_FLAGS | (huge ? NPT_LARGE : 0);
	}
}

/* NPT12. */
static void npt_build(struct run *run, struct npt *npt, struct nested *n)
{
	uint64_t first, gpa;
	unsigned int i;

	npt->vm = run->vm;
	npt->left = 16 + 8 * run->nr_regions + run->nr_pages / 128;
	first = compat_vm_alloc(run->vm, npt->left * GUEST_PAGE_SIZE);
	npt->next = first;
	npt->root = npt_alloc(npt);
	for (gpa = 0; gpa < 4ul << 30; gpa += 2ul << 20)
		if (gpa != WALK_GPA)
			*npt_entry(npt, gpa, 2) = gpa | NPT_FLAGS | NPT_LARGE;
	if (!run->nr_regions)
		for (gpa = REGION_GPA; gpa < REGION_GPA + (1ul << 30); gpa += 2ul << 20)
			*npt_entry(npt, gpa, 2) = gpa | NPT_FLAGS | NPT_LARGE;
	for (i = 0; i < run->nr_regions; i++) {
		npt_map_region(npt, run->region[i], 0);
		if (run->region[i]->ops->alias)
			npt_map_region(npt, run->region[i], GUEST_ALIAS_OFFSET);
	}
	n->npt_gva = first;
	n->npt_gpa = npt->root;
	n->walk = first + ((uint64_t)npt_entry(npt, WALK_GPA, 1) -
			   (uint64_t)addr_gpa2hva(run->vm, npt->root));
}

static struct vmcb_seg vmcb_segment(const struct kvm_segment *s)
{
	return (struct vmcb_seg){
		.selector = s->selector,
		.base = s->base,
		.limit = s->limit,
		.attrib = s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 8 |
			  s->l << 9 | s->db << 10 | s->g << 11,
	};
}

static void vmcb_build(struct kvm_vcpu *vcpu, struct vmcb *vmcb, uint64_t ncr3)
{
	struct vmcb_control_area *ctl = &vmcb->control;
	struct vmcb_save_area *save = &vmcb->save;
	struct kvm_sregs s;

	vcpu_sregs_get(vcpu, &s);
	save->es = vmcb_segment(&s.es);
	save->cs = vmcb_segment(&s.cs);
	save->ss = vmcb_segment(&s.ss);
	save->ds = vmcb_segment(&s.ds);
	save->gdtr = (struct vmcb_seg){ .base = s.gdt.base, .limit = s.gdt.limit };
	save->idtr = (struct vmcb_seg){ .base = s.idt.base, .limit = s.idt.limit };
	save->efer = s.efer;
	save->cr0 = s.cr0;
	save->cr3 = s.cr3;
	save->cr4 = s.cr4;
	save->dr6 = 0xffff0ff0;
	save->dr7 = 0x400;
	save->rflags = 2;
	save->rip = (uint64_t)x86_l2_resume;
	save->g_pat = 0x0007040600070406;
	ctl->intercept = 1ull << INTERCEPT_VMRUN | 1ull << INTERCEPT_VMMCALL;
	ctl->asid = 1;
	ctl->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	ctl->COMPAT_NESTED_CTL = NESTED_PAGING;
	ctl->nested_cr3 = ncr3;
}

/* What x86_l2_resume takes from the stack the first time. */
static uint64_t first_stack(struct kvm_vm *vm, unsigned int id, void (*l2)(uint64_t))
{
	uint64_t stack = compat_vm_alloc(vm, STACK_PAGES * GUEST_PAGE_SIZE);
	uint64_t *top = addr_gva2hva(vm, stack + (STACK_PAGES - 1) * GUEST_PAGE_SIZE);

	top[511 - 1] = (uint64_t)x86_l2_start;
	top[511 - 2] = id;
	top[511 - 3] = (uint64_t)l2;
	return stack + STACK_PAGES * GUEST_PAGE_SIZE - 8 * 8;
}

uint64_t arch_nested_setup(struct run *run, unsigned int id, void (*l2)(uint64_t))
{
	uint64_t gva = compat_vm_alloc(run->vm, sizeof(struct nested)), hsave;
	struct kvm_vcpu *vcpu = run->vcpu[id];
	struct npt npt = { 0 };
	struct kvm_sregs s;
	struct nested *n;

	_Static_assert(sizeof(*n) == 2 * GUEST_PAGE_SIZE, "one page each for the pointers and vmcb12");
	vm_install_exception_handler(run->vm, GP_VECTOR_NR, guest_gp);
	vm_install_exception_handler(run->vm, UD_VECTOR_NR, guest_ud);
	hsave = compat_vm_alloc(run->vm, GUEST_PAGE_SIZE);
	vcpu_sregs_get(vcpu, &s);
	s.efer |= EFER_SVME;
	vcpu_sregs_set(vcpu, &s);
	vcpu_set_msr(vcpu, MSR_VM_HSAVE_PA, addr_gva2gpa(run->vm, hsave));

	n = addr_gva2hva(run->vm, gva);
	n->block = compat_vm_alloc(run->vm, GUEST_PAGE_SIZE);
	n->block_gpa = addr_gva2gpa(run->vm, n->block);
	npt_build(run, &npt, n);
	n->l2_rsp = first_stack(run->vm, id, l2);
	vmcb_build(vcpu, addr_gva2hva(run->vm, gva + GUEST_PAGE_SIZE), npt.root);
	return gva;
}

/* VMEXIT_INVALID; younger KVMs take all of the field for the exit code */
bool arch_nested_refused(const void *page)
{
	return *(const volatile uint64_t *)((const char *)page + VMCB_EXIT_CODE) == ~0ull;
}

void arch_nested_tables(struct run *run, unsigned int id)
{
	struct nested *n = addr_gva2hva(run->vm, run->ctl->vcpu[id].nested.arch);
	struct tables *t = &run->ctl->vcpu[id].tables, *first = t;
	unsigned int i, v;

	for (v = 0; v < id && first == t; v++)
		if (run->ctl->vcpu[v].nested.arch)
			first = &run->ctl->vcpu[v].tables;
	for (i = 0; i < TABLES_NR; i++) {
		bool root = i >= TABLES_EACH * (TABLES_LEVELS - 1);

		t->gva[i] = first->gva[i];
		if (first == t || root)
			t->gva[i] = compat_vm_alloc(run->vm, GUEST_PAGE_SIZE);
		t->gpa[i] = addr_gva2gpa(run->vm, t->gva[i]);
		if (!root)
			continue;
		/* what is not a window is the same in both */
		memcpy(addr_gva2hva(run->vm, t->gva[i]), addr_gpa2hva(run->vm, n->npt_gpa),
		       sizeof(uint64_t));
		t->root[i % TABLES_EACH] = t->gpa[i];
	}
	t->user = id;
	t->top = WINDOW_TOP;
	for (i = 0; i < TABLES_ADDRS; i++)
		virt_map(run->vm, WINDOW_GVA(id) + i * GUEST_PAGE_SIZE, tables_addr(t, i), 1);
	n->walk_gpa = guest_table(run->vm, run->vcpu[id], WINDOW_GVA(id));
	*(uint64_t *)addr_gva2hva(run->vm, n->walk) = n->walk_gpa | NPT_FLAGS;
	arch_table_set(run->vm, run->vcpu[id], WINDOW_GVA(id), WALK_GPA);
}
