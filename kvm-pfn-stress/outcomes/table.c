// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data of the outcome table, and how to look something up. Kernel functions are those of x86
 * with TDP; where no version is named, 6.1, 6.12 and 7.3 agree.
 */
#include <stdio.h>
#include <string.h>

#include "outcomes/table.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define S(n)		(1ull << ST_##n)
#define R(n)		RES_BIT(RES_##n)
#define PTES		(1u << CONS_INVLPG | 1u << CONS_CR3 | 1u << CONS_ROOT | 1u << CONS_UNFLUSHED)
#define NESTED		(1u << CONS_NESTED)
#define EMULATED	(1u << CONS_EMULATED)
#define VCPU		(1u << CONS_VCPU | NESTED | EMULATED | PTES)
#define PREFAULT	(1u << CONS_PREFAULT)
#define PFNCACHE	(1u << CONS_PFNCACHE)
#define WALK		(1u << CONS_WALK)
#define VMRUN		(1u << CONS_VMRUN)
#define TIME		(1u << CONS_CLOCK | 1u << CONS_STEAL)
#define LOGGED		(S(LOG_GET) | S(LOG_CLEAR) | S(LOG_ALL) | S(LOG_RING))
#define WRITES		(1u << OP_STORE | 1u << OP_RMW)

_Static_assert(NR_STATES <= 64, "a mask of states has 64 bits");

const char *const run_result_names[NR_RESULTS] = {
	[RES_UCALL] = "ucall",
	[RES_KICK] = "kick",
	[RES_EFAULT] = "efault",
	[RES_SIGBUS] = "sigbus",
	[RES_MMIO] = "mmio",
	[RES_INTERNAL] = "internal-error",
	[RES_EINTR] = "eintr",
	[RES_EHWPOISON] = "ehwpoison",
	[RES_ERRNO] = "errno",
	[RES_EXIT] = "exit",
	[RES_MEMFAULT] = "memory-fault",
	[RES_LOOP] = "loop",
	[RES_ENOENT] = "enoent",
	[RES_ENOMEM] = "enomem",
	[RES_GUEST] = "guest-exception",
};

const char *const outcome_consumers[NR_CONSUMERS] = {
	[CONS_VCPU] = "vcpu",
	[CONS_NESTED] = "nested",
	[CONS_EMULATED] = "emulated",
	[CONS_PREFAULT] = "prefault",
	[CONS_PFNCACHE] = "pfncache",
	[CONS_NEW_VCPU] = "new-vcpu",
	[CONS_WALK] = "walk",
	[CONS_PDE] = "pde",
	[CONS_CLOCK] = "kvmclock",
	[CONS_STEAL] = "steal-time",
	[CONS_INVLPG] = "invlpg",
	[CONS_CR3] = "cr3",
	[CONS_ROOT] = "root",
	[CONS_UNFLUSHED] = "unflushed",
	[CONS_VMRUN] = "vmrun",
	[CONS_STRADDLE] = "straddle",
};

const char *const outcome_ops[OP_NR] = { "load", "store", "rmw", "exec" };

const struct outcome_state_def outcome_states[NR_STATES] = {
	[ST_PRESENT] = { "present", "the host has touched the page", PS_MAPPED,
		.lacks = P_OWN },
	[ST_ABSENT] = { "absent", "nobody has touched the page yet", PS_MAPPED,
		.needs = P_DEMAND, .lacks = P_OWN },
	[ST_NOT_MAPPED] = { "not-mapped", "the page is there, the host's PTE is not", PS_MAPPED,
		.needs = P_HANDLER, .lacks = P_ANON | P_OWN },
	[ST_ZERO_PAGE] = { "zero-page", "the host has only read it: the shared zero page",
		PS_MAPPED,
		.needs = P_COW, .lacks = P_OWN },
	[ST_KSM] = { "ksm", "merged with an equal page by KSM", PS_MAPPED,
		.needs = P_PRIVATE, .lacks = P_OWN },
	[ST_COW] = { "cow", "shared with a child process since fork()", PS_MAPPED,
		.needs = P_COW, .lacks = P_OWN },
	[ST_SPLIT] = { "split", "part of a huge page that the host maps by small PTEs", PS_MAPPED,
		.needs = P_HUGE },
	[ST_CLEAN] = { "clean", "written back: a store has to make it dirty again", PS_MAPPED,
		.needs = P_DISK, .lacks = P_LOG },
	[ST_PAGED_OUT] = { "paged-out", "in swap, or on the disk only", PS_MAPPED,
		.needs = P_RECLAIM },
	[ST_PROT_READ] = { "prot-read", "PROT_READ, the host has read the page", PS_READONLY,
		.lacks = P_OWN },
	[ST_PROT_READ_ABSENT] = { "prot-read-absent", "PROT_READ, no PTE", PS_READONLY,
		.needs = P_HANDLER, .lacks = P_OWN },
	[ST_RO_PTE] = { "ro-pte", "a read-only PTE in a writable VMA; the driver refuses writes",
		PS_READONLY, .alone = true, .needs = P_RO_PTE },
	[ST_RO_PTE_UPGRADE] = { "ro-pte-upgrade",
		"a read-only PTE in a writable VMA; a write fault would make it writable",
		PS_MAPPED, .alone = true, .needs = P_RO_UPGRADE },
	[ST_HOLE] = { "hole", "no VMA", PS_HOLE, .lacks = P_OWN },
	[ST_ZAPPED] = { "zapped", "no PTE, and no fault handler to make one", PS_HOLE,
		.needs = P_REMAPPED, .lacks = P_HANDLER },
	[ST_BEYOND_EOF] = { "beyond-eof", "the VMA is longer than the file", PS_HOLE,
		.needs = P_FILE, .lacks = P_OWN },
	[ST_PROT_NONE] = { "prot-none", "PROT_NONE, the page is there", PS_NOACCESS,
		.lacks = P_OWN },
	[ST_PROT_NONE_ABSENT] = { "prot-none-absent", "PROT_NONE, no PTE", PS_NOACCESS,
		.needs = P_HANDLER, .lacks = P_OWN },
	[ST_POISON] = { "poison", "hwpoison", PS_POISON, .needs = P_POISON, .lacks = P_OWN },
	[ST_POISON_BLOCKED] = { "poison-blocked", "hwpoison, and the vCPU's thread blocks SIGBUS",
		PS_POISON, .alone = true, .needs = P_POISON | P_PRIVATE, .lacks = P_OWN },
	[ST_POISON_IGNORED] = { "poison-ignored", "hwpoison, and the process ignores SIGBUS",
		PS_POISON, .alone = true, .needs = P_POISON | P_PRIVATE, .lacks = P_OWN },
	[ST_POISON_READ] = { "poison-read", "hwpoison, and PROT_READ",
		PS_POISON, .alone = true, .needs = P_POISON, .lacks = P_OWN | P_GMEM },
	[ST_POISON_RO_SLOT] = { "poison-ro-slot", "hwpoison, in a memslot with KVM_MEM_READONLY",
		PS_POISON, .alone = true, .needs = P_POISON, .lacks = P_OWN | P_GMEM },
	[ST_NO_SLOT] = { "no-slot", "no memslot", PS_NOSLOT, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_RO_SLOT] = { "ro-slot", "a memslot with KVM_MEM_READONLY", PS_ROSLOT,
		.lacks = P_OWN | P_GMEM },
	[ST_SLOT_CHANGED] = { "slot-changed",
		"the memslot was deleted and added again, and the vCPU has not run since",
		PS_MAPPED, .alone = true, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_SLOT_REFUSED] = { "slot-refused",
		"KVM has just refused to move the memslot, and to make another one",
		PS_MAPPED, .alone = true, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_SLOT_NEW] = { "slot-new", "the memslot was added after an access",
		PS_MAPPED, .alone = true, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_SLOT_GONE] = { "slot-gone", "the memslot was used, and then deleted",
		PS_NOSLOT, .alone = true, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_SLOT_REPLACED] = { "slot-replaced",
		"the memslot was used, deleted, and added again over other memory",
		PS_MAPPED, .alone = true, .needs = P_PRIVATE, .lacks = P_OWN },
	[ST_SLOT_MOVED] = { "slot-moved", "the memslot was used, and then moved by one page",
		PS_MAPPED, .alone = true, .needs = P_GUP | P_ANON, .lacks = P_OWN },
	[ST_ACROSS] = { "across", "the last page of one huge page, and the first of the next",
		PS_MAPPED, .alone = true, .needs = P_HUGE },
	[ST_PTE_ABSENT] = { "pte-absent", "the guest's PTE is absent now", PS_MAPPED,
		.alone = true, .needs = P_PTES },
	[ST_PTE_READ] = { "pte-read", "the guest's PTE is read only now", PS_MAPPED,
		.alone = true, .needs = P_PTES },
	[ST_PUNCHED] = { "punched", "the guest has touched it, and a hole was punched into the file",
		PS_MAPPED, .alone = true, .needs = P_GUEST_ONLY },
	[ST_SHARED] = { "shared", "the guest has touched it, and it is shared with the host now",
		PS_SHARED, .needs = P_GUEST_ONLY },
	[ST_SHARED_BACK] = { "shared-back", "... and private again", PS_MAPPED, .alone = true,
		.needs = P_GUEST_ONLY },
	[ST_NO_FILE] = { "no-file", "private, in a memslot without guest_memfd", PS_HOLE,
		.alone = true, .needs = P_GUEST_ONLY },
	[ST_LOG_GET] = { "log-get", "dirty logging; KVM_GET_DIRTY_LOG clears",
		PS_MAPPED, .alone = true, .needs = P_LOG, .lacks = P_RING },
	[ST_LOG_CLEAR] = { "log-clear", "dirty logging; KVM_CLEAR_DIRTY_LOG clears",
		PS_MAPPED, .alone = true, .needs = P_LOG, .lacks = P_RING },
	[ST_LOG_ALL] = { "log-all", "... and all pages are dirty at first",
		PS_MAPPED, .alone = true, .needs = P_LOG, .lacks = P_RING },
	[ST_LOG_RING] = { "log-ring", "dirty logging; KVM_RESET_DIRTY_RINGS clears",
		PS_MAPPED, .alone = true, .needs = P_LOG | P_RING },
#define INJECTED(n, d, ps, p)	{ n, d, ps, .alone = true, .needs = p }
	[ST_HANDLER_SIGBUS] = INJECTED("handler-sigbus",
			"the driver's fault handler gives VM_FAULT_SIGBUS", PS_HOLE, P_SCRIPT),
	[ST_HANDLER_OOM] = INJECTED("handler-oom", "... VM_FAULT_OOM",
			PS_HOLE, P_SCRIPT),
	[ST_HANDLER_HWPOISON] = INJECTED("handler-hwpoison", "... VM_FAULT_HWPOISON",
			PS_POISON, P_SCRIPT),
	[ST_HANDLER_RETRY] = INJECTED("handler-retry",
			"... drops the lock, VM_FAULT_RETRY, and then the page",
			PS_MAPPED, P_SCRIPT),
	[ST_HANDLER_NOPAGE] = INJECTED("handler-nopage",
			"... once VM_FAULT_NOPAGE without a PTE, and then the page",
			PS_MAPPED, P_SCRIPT),
	[ST_GUP_EHWPOISON] = INJECTED("gup-ehwpoison", "get_user_pages_unlocked() gives -EHWPOISON",
			PS_POISON, P_INJECT_GUP),
	[ST_GUP_EAGAIN] = INJECTED("gup-eagain", "... -EAGAIN",
			PS_HOLE, P_INJECT_GUP),
	[ST_GUP_EINTR] = INJECTED("gup-eintr", "... -EINTR",
			PS_HOLE, P_INJECT_GUP),
	[ST_GUP_EFAULT] = INJECTED("gup-efault", "... -EFAULT",
			PS_HOLE, P_INJECT_GUP),
	[ST_GUP_ENOMEM] = INJECTED("gup-enomem", "... -ENOMEM",
			PS_HOLE, P_INJECT_GUP),
	[ST_GUP_NOWAIT_0] = INJECTED("gup-nowait-0", "... no page to calls with FOLL_NOWAIT",
			PS_MAPPED, P_INJECT_GUP),
	[ST_GUP_TIMES] = INJECTED("gup-times", "... -EHWPOISON three times, and then never again",
			PS_MAPPED, P_INJECT_GUP),
	[ST_GUP_EVERY] = INJECTED("gup-every", "... -EHWPOISON every third time",
			PS_MAPPED, P_INJECT_GUP),
	[ST_GUP_RANDOM] = INJECTED("gup-random", "... -EHWPOISON every other time, at random",
			PS_MAPPED, P_INJECT_GUP),
	[ST_FIXUP_EFAULT] = INJECTED("fixup-efault", "fixup_user_fault() gives -EFAULT",
			PS_HOLE, P_INJECT_PTE),
	[ST_FIXUP_ENOMEM] = INJECTED("fixup-enomem", "... -ENOMEM",
			PS_HOLE, P_INJECT_PTE),
	[ST_FIXUP_EINTR] = INJECTED("fixup-eintr", "... -EINTR",
			PS_HOLE, P_INJECT_PTE),
	[ST_FIXUP_UNLOCKED] = INJECTED("fixup-unlocked", "... 0 after it dropped mmap_lock",
			PS_MAPPED, P_INJECT_PTE),
	[ST_FOLLOW_ONCE] = INJECTED("follow-once", "the first follow_pfnmap_start() finds no PTE",
			PS_MAPPED, P_INJECT_PTE),
	[ST_FOLLOW_TWICE] = INJECTED("follow-twice",
			"neither does the second, as if the PTE had been zapped again",
			PS_MAPPED, P_INJECT_PTE),
	[ST_TOPUP_ENOMEM] = INJECTED("topup-enomem", "no memory for KVM's page tables",
			PS_HOLE, P_INJECT_GUP),
	[ST_VCPU_ENOMEM] = INJECTED("vcpu-enomem", "no memory for a new vCPU's shadow MMU",
			PS_HOLE, P_INJECT_GUP),
#undef INJECTED
};

const struct outcome_backing outcome_backings[] = {
	{ "anon", NULL, "anon", "private anonymous memory",
	  P_GUP | P_DEMAND | P_HANDLER | P_PRIVATE | P_ANON | P_COW | P_POISON },
	{ "anon-table", "anon", "walk", "private anonymous memory with a page table of the guest",
	  P_GUP | P_DEMAND | P_HANDLER | P_PRIVATE | P_ANON | P_COW | P_POISON | P_TABLE },
	{ "thp", NULL, "huge", "transparent huge pages of 2 MiB",
	  P_GUP | P_DEMAND | P_HANDLER | P_ANON | P_COW | P_HUGE | P_POISON | P_BRIEF },
	{ "swap", NULL, "swap", "private anonymous memory, and swap",
	  P_GUP | P_DEMAND | P_HANDLER | P_ANON | P_COW | P_RECLAIM | P_POISON | P_BRIEF },
	/* behind swap, which sees to it that there is some */
	{ "shmem-swap", "shmem", "swap", "shared anonymous memory, and swap",
	  P_GUP | P_DEMAND | P_HANDLER | P_RECLAIM | P_BRIEF },
	{ "memfd", NULL, "file", "a shared memfd",
	  P_GUP | P_DEMAND | P_HANDLER | P_FILE | P_POISON },
	{ "shmem", NULL, "shmem", "shared anonymous memory",
	  P_GUP | P_DEMAND | P_HANDLER | P_BRIEF },
	{ "file", NULL, "disk", "a file on a disk",
	  P_GUP | P_DEMAND | P_HANDLER | P_FILE | P_DISK | P_RECLAIM | P_BRIEF },
	{ "guest-memfd", NULL, "guest-memfd", "guest_memfd that the host can map as well",
	  P_GUP | P_DEMAND | P_HANDLER | P_GMEM | P_POISON | P_BRIEF },
	{ "guest-memfd-private", NULL, "guest-memfd-private", "guest_memfd that is private",
	  P_DEMAND | P_GMEM | P_GUEST_ONLY | P_POISON },
	{ "memfd-secret", NULL, "secret", "memfd_secret(): not even in the kernel's direct map",
	  P_DEMAND | P_HANDLER | P_SECRET },
	{ "hugetlb", NULL, "hugetlb", "hugetlb pages of 2 MiB",
	  P_GUP | P_DEMAND | P_HANDLER | P_ANON | P_POISON },
	{ "pfnmap-remap", NULL, "pfnmap", "VM_PFNMAP by remap_pfn_range()", P_REMAPPED },
	{ "pfnmap-fault", NULL, "pfnmap", "VM_PFNMAP by a fault handler", P_REMAPPED | P_HANDLER },
	{ "pfnmap-tail", NULL, "pfnmap", "VM_PFNMAP of pages whose refcount is 0",
	  P_REMAPPED | P_HANDLER | P_TAIL },
	{ "pfnmap-ro-pte", NULL, "pfnmap", "VM_PFNMAP, read-only PTEs",
	  P_REMAPPED | P_HANDLER | P_RO_PTE | P_OWN },
	{ "pfnmap-ro-upgrade", NULL, "pfnmap", "VM_PFNMAP, read-only PTEs until the first write",
	  P_REMAPPED | P_HANDLER | P_RO_UPGRADE | P_OWN },
	{ "pfnmap-scripted", "pfnmap-fault", "handler", "VM_PFNMAP by a fault handler that is told "
	  "what to answer", P_REMAPPED | P_HANDLER | P_SCRIPT | P_OWN },
	{ "mixedmap", NULL, "mixedmap", "VM_MIXEDMAP of refcounted pages", P_GUP | P_HANDLER },
	{ "mixedmap-tail", NULL, "mixedmap", "VM_MIXEDMAP and VM_IO of pages whose refcount is 0",
	  P_REMAPPED | P_HANDLER | P_TAIL },
	{ "mixedmap-special", NULL, "mixedmap",
	  "VM_MIXEDMAP of pages whose refcount is 0, without VM_IO",
	  P_HANDLER | P_TAIL | P_REFUSED },
	{ "anon-injected", "anon", "inject", "private anonymous memory, errors injected into GUP",
	  P_GUP | P_DEMAND | P_HANDLER | P_INJECT_GUP | P_OWN },
	{ "anon-logged", "anon", "logged", "private anonymous memory, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_LOG | P_OWN | P_BRIEF },
	{ "memfd-logged", "memfd", "logged", "a shared memfd, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_LOG | P_OWN | P_BRIEF },
	{ "thp-logged", "thp", "logged", "transparent huge pages, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_LOG | P_OWN | P_BRIEF },
	{ "hugetlb-logged", "hugetlb", "logged", "hugetlb pages of 2 MiB, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_LOG | P_OWN | P_BRIEF },
	{ "hugetlb-1g-logged", "hugetlb-1g", "gigantic", "a hugetlb page of 1 GiB, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_GIGANTIC | P_OWN | P_BRIEF },
	{ "pfnmap-logged", "pfnmap-fault", "logged", "VM_PFNMAP by a fault handler, dirty logging",
	  P_REMAPPED | P_HANDLER | P_LOG | P_OWN | P_BRIEF },
#define RINGED(plugin, describe, props) \
	{ plugin "-ring", plugin, "ring", describe ", dirty ring", \
	  P_HANDLER | P_LOG | P_RING | P_OWN | P_BRIEF | (props) }
	RINGED("anon", "private anonymous memory", P_GUP | P_DEMAND),
	RINGED("thp", "transparent huge pages", P_GUP | P_DEMAND),
	RINGED("pfnmap-fault", "VM_PFNMAP by a fault handler", P_REMAPPED),
#undef RINGED
	{ "table-logged", "anon", "walk", "private anonymous memory with a page table, dirty logging",
	  P_GUP | P_DEMAND | P_HANDLER | P_TABLE | P_LOG | P_OWN },
#define PTE(name, was, props)	{ name, "anon", "ptes", \
		"private anonymous memory; the guest's PTE was " was, P_GUP | P_DEMAND | P_HANDLER | \
		P_PRIVATE | P_ANON | P_COW | P_BRIEF | P_PTES | (props) }
	PTE("pte-other", "of another page", P_PTE_OTHER | P_PTE_WRITE),
	PTE("pte-other-read", "of another page, read only", P_PTE_OTHER),
	PTE("pte-read", "read only", 0),
	PTE("pte-upgraded", "read only, and then was not, without a flush", P_PTE_WRITE),
	PTE("pte-mmio", "of a gfn without a memslot", P_PTE_MMIO | P_PTE_WRITE),
	PTE("pte-absent", "absent", P_PTE_NONE),
	PTE("pte-read-logged", "read only, dirty logging", P_LOG | P_OWN),
#undef PTE
	{ "pfnmap-injected", "pfnmap-fault", "inject",
	  "VM_PFNMAP by a fault handler, errors injected into the lookup of the PTE",
	  P_REMAPPED | P_HANDLER | P_INJECT_PTE | P_OWN },
};

const unsigned int outcome_nr_backings = ARRAY_LEN(outcome_backings);

#define ACCESSIBLE	(S(PRESENT) | S(ABSENT) | S(NOT_MAPPED) | S(ZERO_PAGE) | S(KSM) | S(COW) | \
			 S(SLOT_CHANGED) | S(SLOT_REFUSED) | S(SLOT_NEW) | S(SLOT_REPLACED) | \
			 S(SLOT_MOVED) | S(ACROSS) | S(SPLIT) | S(CLEAN) | S(PAGED_OUT) | \
			 S(SHARED))
#define NONE		(S(NO_SLOT) | S(SLOT_GONE))
#define BAD_PAGE	(S(POISON) | S(POISON_BLOCKED) | S(POISON_IGNORED) | S(POISON_READ) | \
			 S(POISON_RO_SLOT))
#define BAD_GUP		(S(GUP_EHWPOISON) | S(GUP_EAGAIN) | S(GUP_EINTR) | S(GUP_EFAULT) | \
			 S(GUP_ENOMEM))

/* The first row that matches is the answer. */
const struct outcome_row outcome_rows[] = {
	{ .consumers = 1u << CONS_NEW_VCPU, .allowed = R(ENOMEM),
	  .why = "kvm_arch_vcpu_create(): kvm_mmu_create() fails, the errno goes to user space" },

	{ .consumers = 1u << CONS_STRADDLE, .allowed = R(UCALL) | R(MMIO),
	  .why = "emulator_read_write(): page by page, an exit for each one that is no memory" },

	{ .states = LOGGED, .allowed = R(UCALL),
	  .why = "mark_page_dirty_in_slot(): the page is in the log whoever wrote, each time anew" },

	/* shadow paging: KVM reads the guest's tables through the host's mapping */
	{ .consumers = WALK, .states = S(HOLE) | S(PROT_NONE), .allowed = R(EFAULT),
	  .why = "user space must be told: findings/s9.md" },
	{ .consumers = WALK, .states = S(POISON), .allowed = R(SIGBUS) | R(EHWPOISON) | R(EFAULT),
	  .why = "user space must be told: findings/s9.md" },
	{ .consumers = WALK, .states = S(NO_SLOT), .allowed = R(GUEST),
	  .why = "walk_addr_generic(): no host address is a #PF; the guest asked for it" },
	{ .consumers = WALK, .allowed = R(UCALL),
	  .why = "walk_addr_generic() only reads, where accessed and dirty bits are set" },

	{ .consumers = 1u << CONS_PDE, .allowed = R(UCALL),
	  .why = "kvm_mmu_get_child_sp(): a shadow page of another gfn is not used (0cb2af2ea66a)" },

	/* nested guests: KVM maps the control block for itself, for writing, whatever it does with it */
	{ .consumers = VMRUN, .states = NONE | S(RO_SLOT), .allowed = R(INTERNAL) | R(GUEST),
	  .why = "kvm_vcpu_map(): an error pfn; #GP, as the guest asked for it, or the user is told" },
	{ .consumers = VMRUN, .needs = P_REMAPPED, .caps = C_UNREFCOUNTED, .allowed = R(INTERNAL),
	  .why = "hva_to_pfn_remapped(): kfp->pin without kvm.allow_unsafe_mappings: nothing would "
		 "keep the page; findings/s9.md" },
	{ .consumers = VMRUN, .needs = P_REMAPPED | P_TAIL, .allowed = R(INTERNAL),
	  .why = "kvm_try_get_pfn() refuses refcount 0, and user space must be told: "
		 "findings/s9.md" },
	{ .consumers = VMRUN, .needs = P_REFUSED, .allowed = R(INTERNAL),
	  .why = "neither has GUP a page, and user space must be told: findings/s9.md" },
	{ .consumers = VMRUN, .states = ACCESSIBLE, .allowed = R(UCALL),
	  .why = "nested_svm_vmrun(): VMEXIT_INVALID, which is written there" },
	{ .consumers = VMRUN, .allowed = R(INTERNAL),
	  .why = "kvm_vcpu_map(): an error pfn, and user space must be told: findings/s9.md" },

	/* the guest's own PTE */
	{ .consumers = PTES, .states = S(PTE_ABSENT), .allowed = R(GUEST),
	  .why = "FNAME(walk_addr_generic)(): not present, #PF" },
	{ .consumers = PTES, .states = S(PTE_READ), .ops = WRITES, .allowed = R(GUEST),
	  .why = "FNAME(walk_addr_generic)(): permission_fault(), #PF; CR0.WP is set" },

	/* private guest_memfd: nothing is MMIO, and no signal */
	{ .consumers = VCPU, .states = NONE | S(NO_FILE), .needs = P_GUEST_ONLY,
	  .allowed = R(MEMFAULT),
	  .why = "kvm_handle_noslot_fault(), 6.12 kvm_faultin_pfn_private(), 7.3 "
		 "kvm_mmu_faultin_pfn_gmem(): kvm_mmu_prepare_memory_fault_exit()" },
	{ .consumers = PREFAULT, .states = NONE | S(NO_FILE), .needs = P_GUEST_ONLY,
	  .allowed = R(EFAULT),
	  .why = "the same, as an errno" },

	/* guest_memfd: not the host's mapping, but the file has the last word */
	{ .consumers = VCPU | PREFAULT, .states = S(POISON), .needs = P_GMEM,
	  .allowed = R(EHWPOISON),
	  .why = "__kvm_gmem_get_pfn(): EHWPOISON, and KVM_EXIT_MEMORY_FAULT" },
	{ .consumers = VCPU | PREFAULT, .needs = P_GMEM, .allowed = R(UCALL),
	  .why = "kvm_mmu_faultin_pfn_gmem() does not look at the VMA" },

	/* gfn_to_pfn_cache: always for writing, by the address, and any error is EFAULT */
	{ .consumers = PFNCACHE, .states = NONE | S(RO_SLOT), .allowed = R(EFAULT),
	  .why = "__kvm_gpc_refresh(): kvm_is_error_hva()" },
	{ .consumers = PFNCACHE, .states = S(PROT_READ) | S(PROT_READ_ABSENT) | S(RO_PTE) |
					   S(RO_PTE_UPGRADE), .allowed = R(EFAULT),
	  .why = "hva_to_pfn_retry(): is_error_noslot_pfn() of KVM_PFN_ERR_FAULT or _RO_FAULT" },
	{ .consumers = PFNCACHE, .states = BAD_PAGE | BAD_GUP | S(HANDLER_HWPOISON),
	  .allowed = R(EFAULT),
	  .why = "hva_to_pfn_retry(): is_error_noslot_pfn(), no signal is sent" },

	/* what is not there, or must not be touched at all */
	{ .consumers = TIME, .states = S(SLOT_GONE), .allowed = R(UCALL),
	  .why = "kvm_gpc_refresh(), kvm_gfn_to_hva_cache_init(): it is not written, and "
		 "nobody is told" },
	{ .consumers = NESTED, .states = NONE, .ops = 1u << OP_EXEC, .allowed = R(GUEST),
	  .why = "handle_emulation_failure(): #UD for a nested guest" },
	{ .consumers = VCPU, .states = NONE, .ops = 1u << OP_EXEC, .allowed = R(INTERNAL),
	  .why = "x86_emulate_instruction() can't fetch from MMIO: handle_emulation_failure()" },
	{ .consumers = VCPU, .states = NONE, .allowed = R(MMIO),
	  .why = "kvm_handle_noslot_fault(): emulated, and MMIO to the emulator" },
	{ .consumers = PREFAULT, .states = NONE, .allowed = R(ENOENT),
	  .why = "RET_PF_EMULATE is ENOENT: 6.12 kvm_tdp_map_page(), 7.3 kvm_tdp_page_prefault()" },
	{ .states = S(HOLE), .allowed = R(EFAULT),
	  .why = "hva_to_pfn(): no VMA is KVM_PFN_ERR_FAULT" },
	{ .states = S(ZAPPED), .allowed = R(EFAULT),
	  .why = "hva_to_pfn_remapped(): fixup_user_fault() gets SIGBUS from do_fault()" },
	{ .states = S(BEYOND_EOF), .allowed = R(EFAULT),
	  .why = "shmem_fault() gives SIGBUS, GUP EFAULT: KVM_PFN_ERR_FAULT" },
	{ .states = S(PROT_NONE) | S(PROT_NONE_ABSENT), .allowed = R(EFAULT),
	  .why = "GUP's check_vma_flags(), vma_permits_fault() of fixup_user_fault(); a PTE that "
		 "is there is not asked: findings/prot-none.md" },
	{ .consumers = VCPU, .states = S(POISON_READ), .ops = WRITES, .allowed = R(EFAULT),
	  .why = "GUP's check_vma_flags() comes before the page" },
	{ .consumers = VCPU, .states = S(POISON_RO_SLOT), .ops = WRITES, .allowed = R(MMIO),
	  .why = "KVM_HVA_ERR_RO_BAD comes before the page" },
	{ .states = S(POISON) | S(POISON_READ) | S(POISON_RO_SLOT), .allowed = R(SIGBUS),
	  .why = "hva_to_pfn(): GUP gives EHWPOISON; kvm_send_hwpoison_signal(), and EINTR for the "
		 "signal" },
	{ .states = S(POISON_BLOCKED) | S(POISON_IGNORED),
	  .allowed = R(SIGBUS) | R(EHWPOISON) | R(EFAULT),
	  .why = "user space must be told: findings/s3.md" },

	{ .consumers = VCPU, .states = S(RO_SLOT), .ops = WRITES, .allowed = R(MMIO),
	  .why = "KVM_HVA_ERR_RO_BAD is KVM_PFN_ERR_RO_FAULT: RET_PF_EMULATE, and MMIO to the "
		 "emulator" },

	/* errors */
	{ .states = S(HANDLER_SIGBUS) | S(HANDLER_OOM), .allowed = R(EFAULT),
	  .why = "vm_fault_to_errno() of fixup_user_fault(); any error is KVM_PFN_ERR_FAULT" },
	{ .states = S(HANDLER_HWPOISON), .allowed = R(SIGBUS),
	  .why = "as for any poisoned page: findings/s4.md" },
	{ .states = S(HANDLER_RETRY) | S(FIXUP_UNLOCKED), .allowed = R(UCALL),
	  .why = "hva_to_pfn_remapped(): -EAGAIN if mmap_lock was dropped, hva_to_pfn() goes to "
		 "retry" },
	{ .states = S(HANDLER_NOPAGE) | S(FOLLOW_TWICE), .allowed = R(UCALL),
	  .why = "nothing is wrong with the memory, a retry finds the page: findings/s1.md" },
	{ .states = S(FOLLOW_ONCE), .allowed = R(UCALL),
	  .why = "hva_to_pfn_remapped(): fixup_user_fault(), and look again" },
	{ .states = S(GUP_EHWPOISON), .allowed = R(SIGBUS),
	  .why = "KVM_PFN_ERR_HWPOISON, kvm_send_hwpoison_signal()" },
	{ .states = S(GUP_EINTR), .caps = C_SIGPENDING, .allowed = R(EINTR),
	  .why = "KVM_PFN_ERR_SIGPENDING" },
	{ .states = S(GUP_EAGAIN), .caps = C_UNREFCOUNTED, .allowed = R(EINTR),
	  .why = "KVM_PFN_ERR_SIGPENDING since 6.13" },
	{ .states = S(GUP_EAGAIN) | S(GUP_EINTR) | S(GUP_EFAULT) | S(GUP_ENOMEM),
	  .allowed = R(EFAULT),
	  .why = "hva_to_pfn(): any other error is KVM_PFN_ERR_FAULT" },
	{ .states = S(GUP_TIMES) | S(GUP_EVERY) | S(GUP_RANDOM), .allowed = R(SIGBUS) | R(UCALL),
	  .why = "what was not injected into is as ever, and what failed can be had again" },
	{ .states = S(GUP_NOWAIT_0), .allowed = R(UCALL),
	  .why = "KVM_PFN_ERR_NEEDS_IO (until 6.12 *async); then GUP may wait" },
	{ .states = S(FIXUP_EFAULT) | S(FIXUP_ENOMEM) | S(FIXUP_EINTR), .allowed = R(EFAULT),
	  .why = "hva_to_pfn(): any error of hva_to_pfn_remapped() is KVM_PFN_ERR_FAULT" },
	{ .states = S(TOPUP_ENOMEM), .allowed = R(ENOMEM),
	  .why = "mmu_topup_memory_caches(): the errno goes to user space" },

	/* pages without a refcount, before the rework of 6.13 */
	{ .needs = P_SECRET, .allowed = R(EFAULT),
	  .why = "GUP refuses secretmem: check_vma_flags(), and in the fast path the page's "
		 "mapping" },
	{ .lacks = P_REMAPPED, .needs = P_REFUSED, .allowed = R(EFAULT),
	  .why = "GUP refuses special PTEs; without VM_IO or VM_PFNMAP hva_to_pfn() does not look "
		 "at the PTE itself" },
	{ .needs = P_TAIL | P_REMAPPED, .nocaps = C_UNREFCOUNTED, .states = S(PROT_READ),
	  .ops = WRITES, .allowed = R(EFAULT) | R(MMIO) | R(INTERNAL) | R(GUEST),
	  .why = "hva_to_pfn_remapped(): KVM_PFN_ERR_RO_FAULT comes before kvm_try_get_pfn(); a "
		 "nested guest gets #UD, where others stop with an internal error" },
	{ .needs = P_TAIL | P_REMAPPED, .nocaps = C_UNREFCOUNTED, .allowed = R(EFAULT),
	  .why = "until 6.12 hva_to_pfn_remapped(): kvm_try_get_pfn() refuses refcount 0" },

	/* read only */
	{ .consumers = VCPU, .states = S(PROT_READ_ABSENT), .needs = P_REMAPPED, .ops = WRITES,
	  .allowed = R(EFAULT),
	  .why = "hva_to_pfn_remapped(): vma_permits_fault() of fixup_user_fault()" },
	{ .consumers = VCPU, .states = S(PROT_READ), .needs = P_REMAPPED, .ops = 1u << OP_STORE,
	  .allowed = R(MMIO),
	  .why = "hva_to_pfn_remapped(): a PTE that is there and read only is "
		 "KVM_PFN_ERR_RO_FAULT: emulated, and the emulator takes it for MMIO" },
	{ .consumers = NESTED, .states = S(PROT_READ), .needs = P_REMAPPED, .ops = 1u << OP_RMW,
	  .allowed = R(MMIO) | R(GUEST),
	  .why = "the same; emulator_cmpxchg_emulated() gives up, and a nested guest gets #UD" },
	{ .consumers = VCPU, .states = S(PROT_READ), .needs = P_REMAPPED, .ops = 1u << OP_RMW,
	  .allowed = R(MMIO) | R(INTERNAL),
	  .why = "the same; emulator_cmpxchg_emulated() gives up with X86EMUL_UNHANDLEABLE" },
	{ .consumers = VCPU, .states = S(PROT_READ) | S(PROT_READ_ABSENT), .lacks = P_REMAPPED,
	  .ops = WRITES, .allowed = R(EFAULT),
	  .why = "GUP's check_vma_flags()" },
	{ .consumers = VCPU, .states = S(RO_PTE), .ops = 1u << OP_STORE,
	  .allowed = R(MMIO) | R(EFAULT),
	  .why = "hva_to_pfn_remapped(): KVM_PFN_ERR_RO_FAULT, emulated as MMIO; EFAULT if the "
		 "handler were asked" },
	{ .consumers = NESTED, .states = S(RO_PTE), .ops = 1u << OP_RMW,
	  .allowed = R(MMIO) | R(GUEST) | R(EFAULT),
	  .why = "the same; emulator_cmpxchg_emulated() gives up, and a nested guest gets #UD" },
	{ .consumers = VCPU, .states = S(RO_PTE), .ops = 1u << OP_RMW,
	  .allowed = R(MMIO) | R(INTERNAL) | R(EFAULT),
	  .why = "the same; emulator_cmpxchg_emulated() gives up with X86EMUL_UNHANDLEABLE" },
	{ .consumers = VCPU, .states = S(RO_PTE_UPGRADE), .ops = WRITES, .allowed = R(UCALL),
	  .why = "KVM_PFN_ERR_RO_FAULT, emulated: the emulator's write to user memory "
		 "(kvm_vcpu_write_guest(), __try_cmpxchg_user()) faults on the host and the "
		 "handler makes the PTE writable" },

	/* all the rest is memory */
	{ .states = ACCESSIBLE | S(PTE_READ) | S(RO_SLOT) | S(PROT_READ) | S(PROT_READ_ABSENT) |
		    S(RO_PTE) | S(RO_PTE_UPGRADE), .allowed = R(UCALL),
	  .why = "hva_to_pfn_fast(), hva_to_pfn_slow(), hva_to_pfn_remapped()" },
};

const unsigned int outcome_nr_rows = ARRAY_LEN(outcome_rows);

bool outcome_group(const char *group)
{
	return outcome_cells(group, "", NULL);
}

bool outcome_consumer(const char *group, const char *by)
{
	return *by && outcome_cells(group, by, NULL);
}

bool outcome_by_guest(enum outcome_consumer c)
{
	return c == CONS_VCPU || c == CONS_NESTED || c == CONS_EMULATED;
}

static bool state_fits(enum outcome_state s, unsigned int props)
{
	const struct outcome_state_def *d = &outcome_states[s];

	if (s == ST_NO_SLOT && props & P_GUEST_ONLY)
		return true;
	return (props & d->needs) == d->needs && !(props & d->lacks);
}

bool outcome_by_pte(enum outcome_consumer c)
{
	return 1u << c & PTES;
}

/* Where the old PTE allowed all that the new one does, the guest has to flush it. */
static bool pte_cell_fits(enum outcome_consumer c, unsigned int props, enum outcome_state s,
			  enum access_op op)
{
	const uint64_t states = S(PRESENT) | S(ZERO_PAGE) | S(NO_SLOT) | S(RO_SLOT) |
				S(SLOT_NEW) | S(PTE_ABSENT) | S(PTE_READ);

	if (1ull << s & LOGGED)
		return op == OP_STORE;
	if (!(1ull << s & states) || (props & P_LOG) || (op != OP_LOAD && op != OP_STORE))
		return false;
	return c != CONS_UNFLUSHED || props & P_PTE_NONE ||
	       (op == OP_STORE && !(props & P_PTE_WRITE));
}

/*
 * A pre-fault and a walk are always a read, a pfncache always for writing, and it asks neither without
 * waiting nor for page tables.
 */
static bool cell_fits(enum outcome_consumer c, unsigned int props, enum outcome_state s,
		      enum access_op op)
{
	const uint64_t walked = S(PRESENT) | S(PROT_READ) | S(HOLE) | S(PROT_NONE) | S(POISON) |
				S(NO_SLOT) | S(RO_SLOT);
	const uint64_t series = S(GUP_TIMES) | S(GUP_EVERY) | S(GUP_RANDOM);
	const uint64_t emulated = S(PRESENT) | S(ABSENT) | S(ZERO_PAGE) | S(KSM) | S(COW) |
				  S(NO_SLOT) | S(RO_SLOT);

	if ((props & P_GIGANTIC) == P_GIGANTIC)
		return c == CONS_VCPU && s == ST_LOG_ALL && op == OP_STORE;
	if (c == CONS_PFNCACHE && props & P_GUEST_ONLY)
		return false;	/* it goes by the host's address */
	if (!(props & P_TABLE) != (c != CONS_WALK && c != CONS_PDE) ||
	    !(props & P_PTES) != !outcome_by_pte(c))
		return false;
	switch (c) {
	case CONS_VMRUN:
		if (1ull << s & LOGGED)
			return op == OP_STORE && props & P_GUP;
		return op == OP_STORE && !outcome_states[s].alone && !(props & (P_OWN | P_GMEM));
	case CONS_STRADDLE:
		return (op == OP_LOAD || op == OP_STORE) && s == ST_PRESENT && props & P_PRIVATE;
	case CONS_CLOCK:
	case CONS_STEAL:
		return op == OP_STORE &&
		       1ull << s & (LOGGED | S(SLOT_GONE) | S(SLOT_REPLACED));
	case CONS_WALK:
		return op == OP_LOAD && 1ull << s & (walked | LOGGED);
	case CONS_PDE:
		return op == OP_STORE && s == ST_PRESENT;
	case CONS_VCPU:
	case CONS_NESTED:
		if (1ull << s & LOGGED)
			return op == OP_STORE || op == OP_RMW;
		return s != ST_VCPU_ENOMEM && s != ST_ACROSS &&
		       (!(props & P_BRIEF) || op == OP_LOAD || op == OP_STORE);
	case CONS_EMULATED:
		return 1ull << s & (emulated | LOGGED) && (op == OP_STORE || op == OP_RMW);
	case CONS_PREFAULT:
		return op == OP_LOAD && !(1ull << s & (series | S(VCPU_ENOMEM) | S(SLOT_MOVED)));
	case CONS_PFNCACHE:
		return op == OP_STORE && !(1ull << s & (series | S(GUP_NOWAIT_0) | S(TOPUP_ENOMEM) |
							S(VCPU_ENOMEM) | S(SLOT_CHANGED) |
							S(ACROSS) | LOGGED));
	case CONS_NEW_VCPU:
		return s == ST_VCPU_ENOMEM && op == OP_LOAD;
	case CONS_INVLPG:
	case CONS_CR3:
	case CONS_ROOT:
	case CONS_UNFLUSHED:
		return pte_cell_fits(c, props, s, op);
	case NR_CONSUMERS:
		break;
	}
	return false;
}

static bool is_by(const char *by, enum outcome_consumer c)
{
	return *by ? !strcmp(by, outcome_consumers[c]) :
		     c != CONS_NESTED && c != CONS_EMULATED && c != CONS_VMRUN;
}

unsigned int outcome_cells(const char *group, const char *by, struct outcome_cell *cells)
{
	unsigned int n = 0, b, c, s, op;

	for (b = 0; b < outcome_nr_backings; b++) {
		const struct outcome_backing *ob = &outcome_backings[b];

		if (strcmp(ob->group, group))
			continue;
		for (c = 0; c < NR_CONSUMERS; c++)
			for (s = 0; s < NR_STATES; s++)
				for (op = 0; op < OP_NR; op++) {
					if (!is_by(by, c) || !state_fits(s, ob->props) ||
					    !cell_fits(c, ob->props, s, op))
						continue;
					if (cells)
						cells[n] = (struct outcome_cell){ c, ob, s, op };
					n++;
				}
	}
	return n;
}

const char *outcome_cell_name(const char *scenario, const struct outcome_cell *c, char *buf)
{
	snprintf(buf, OUTCOME_NAME_MAX, "%.*s/%s/%s/%s/%s", (int)strcspn(scenario, "/"), scenario,
		 outcome_consumers[c->consumer], c->backing->name, outcome_states[c->state].name,
		 outcome_ops[c->op]);
	return buf;
}

static bool in_mask(uint64_t mask, unsigned int n)
{
	return !mask || (mask & (1ull << n));
}

static const struct outcome_row *find_row(enum outcome_consumer c, unsigned int props,
					  enum outcome_state s, enum access_op op,
					  unsigned int caps)
{
	unsigned int i;

	for (i = 0; i < outcome_nr_rows; i++) {
		const struct outcome_row *r = &outcome_rows[i];

		if (in_mask(r->consumers, c) && in_mask(r->states, s) && in_mask(r->ops, op) &&
		    (props & r->needs) == r->needs && !(props & r->lacks) &&
		    (caps & r->caps) == r->caps && !(caps & r->nocaps))
			return r;
	}
	return NULL;
}

const struct outcome_row *outcome_row_of(const struct outcome_cell *c, unsigned int caps)
{
	return find_row(c->consumer, c->backing->props, c->state, c->op, caps);
}

unsigned int outcome_under_stress(unsigned int props, enum page_state ps, enum access_op op,
				  unsigned int caps)
{
	unsigned int s, all = 0;

	for (s = 0; s < NR_STATES; s++) {
		const struct outcome_row *r;

		if (outcome_states[s].alone || outcome_states[s].ps != ps)
			continue;
		r = find_row(CONS_VCPU, props, s, op, caps);
		if (r)
			all |= r->allowed;
	}
	return all;
}

const char *outcome_text(unsigned int allowed, char *buf, size_t len)
{
	unsigned int r, n = 0;

	buf[0] = 0;
	for (r = 0; r < NR_RESULTS && n < len; r++)
		if (allowed & RES_BIT(r))
			n += snprintf(buf + n, len - n, "%s%s", n ? " or " : "",
				      r == RES_UCALL ? "completes" : run_result_names[r]);
	return buf;
}
