/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outcome table: what each way from a gfn to a pfn must answer, for each kind of host memory
 * in each state. One truth for the conformance run (outcomes/conform.c: one cell after the other,
 * alone), for the outcome oracle (oracles/outcome.c: under stress), for the runner (which cells
 * there are, before anything runs) and for docs/outcomes.md. libc only.
 *
 * A cell is (consumer, backing, state, access). Backings and states have properties; a cell exists
 * where they fit. Its answer is that of the first row that matches.
 */
#ifndef OUTCOMES_TABLE_H
#define OUTCOMES_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "guest.h"

/* How a KVM_RUN or an ioctl ended. Names in run_result_names[]. */
enum run_result {
	RES_UCALL,	/* the guest wants something: the access is over; an ioctl: 0 */
	RES_KICK,	/* EINTR, and this thread's signal handler ran */
	RES_EFAULT,	/* EFAULT */
	RES_SIGBUS,	/* EINTR, and SIGBUS arrived in this thread */
	RES_MMIO,	/* KVM_EXIT_MMIO */
	RES_INTERNAL,	/* KVM_EXIT_INTERNAL_ERROR */
	RES_EINTR,	/* EINTR without any signal: never right */
	RES_EHWPOISON,	/* EHWPOISON */
	RES_ERRNO,	/* another errno */
	RES_EXIT,	/* another exit reason */
	RES_MEMFAULT,	/* EFAULT and KVM_EXIT_MEMORY_FAULT */
	RES_LOOP,	/* no answer: faults again and again until it is kicked */
	RES_ENOENT,	/* ENOENT */
	RES_ENOMEM,	/* ENOMEM */
	RES_GUEST,	/* the guest got an exception instead */
	NR_RESULTS
};

extern const char *const run_result_names[NR_RESULTS];

#define RES_BIT(r)	(1u << (r))

/* Who makes KVM resolve a gfn. */
enum outcome_consumer {
	CONS_VCPU,	/* an access of the guest: KVM_RUN */
	CONS_NESTED,	/* ... of a nested guest */
	CONS_EMULATED,	/* ... that KVM emulates */
	CONS_PREFAULT,	/* KVM_PRE_FAULT_MEMORY */
	CONS_PFNCACHE,	/* a gfn_to_pfn_cache is activated: KVM_XEN_VCPU_SET_ATTR */
	CONS_NEW_VCPU,	/* KVM_CREATE_VCPU, in a VM of its own */
	CONS_WALK,	/* a vCPU whose page table is in the page, with shadow paging */
	CONS_PDE,	/* a vCPU whose page directory the host has rewritten, with shadow paging */
	CONS_CLOCK,	/* KVM_RUN writes the vCPU's clock there, by a gfn_to_pfn_cache */
	CONS_STEAL,	/* KVM_RUN writes the stolen time there, by a gfn_to_hva_cache */
	/* shadow paging: an access by a PTE that the guest has just changed; what it flushes it by */
	CONS_INVLPG,
	CONS_CR3,
	CONS_ROOT,	/* CR3, in an address space that shares the page table with another */
	CONS_UNFLUSHED,	/* nothing: the old PTE allowed less */
	CONS_VMRUN,	/* VMRUN of a page that is no control block, as KVM has to write there */
	CONS_STRADDLE,	/* an access across two pages, of each two kinds that there are */
	NR_CONSUMERS
};

/* What a page may be when it is accessed. */
enum outcome_state {
	ST_PRESENT,		/* the host has touched it */
	ST_ABSENT,		/* nobody has touched it */
	ST_NOT_MAPPED,		/* the page is there, the PTE is not */
	ST_ZERO_PAGE,		/* the host has read it only */
	ST_KSM,			/* merged */
	ST_COW,			/* shared with a child after fork() */
	ST_SPLIT,		/* a huge page, mapped by small PTEs */
	ST_CLEAN,		/* written back to the disk */
	ST_PAGED_OUT,		/* in swap, or on the disk only */
	ST_PROT_READ,
	ST_PROT_READ_ABSENT,
	ST_RO_PTE,		/* read-only PTE, writable VMA; a write fault is refused */
	ST_RO_PTE_UPGRADE,	/* ... a write fault makes it writable */
	ST_HOLE,		/* no VMA */
	ST_ZAPPED,		/* no PTE, and no handler that could make one */
	ST_BEYOND_EOF,		/* the VMA is longer than the file */
	ST_PROT_NONE,
	ST_PROT_NONE_ABSENT,
	ST_POISON,
	ST_POISON_BLOCKED,	/* poison, and the thread has SIGBUS blocked */
	ST_POISON_IGNORED,	/* poison, and the process ignores SIGBUS */
	ST_POISON_READ,		/* poison, and PROT_READ */
	ST_POISON_RO_SLOT,	/* poison in a memslot with KVM_MEM_READONLY */
	ST_NO_SLOT,
	ST_RO_SLOT,
	ST_SLOT_CHANGED,	/* the memslot was deleted and added again just before */
	ST_SLOT_REFUSED,	/* KVM has just refused to change it */
	ST_SLOT_NEW,		/* it was added after an access */
	ST_SLOT_GONE,		/* it was used, and deleted */
	ST_SLOT_REPLACED,	/* ... and added again over other memory */
	ST_SLOT_MOVED,		/* ... and moved by one page */
	ST_ACROSS,		/* the last page of one huge page and the first of the next */
	/* what a driver's fault handler answers */
	ST_HANDLER_SIGBUS,
	ST_HANDLER_OOM,
	ST_HANDLER_HWPOISON,
	ST_HANDLER_RETRY,
	ST_HANDLER_NOPAGE,
	/* what the functions that KVM calls return, by the helper module */
	ST_GUP_EHWPOISON,
	ST_GUP_EAGAIN,
	ST_GUP_EINTR,
	ST_GUP_EFAULT,
	ST_GUP_ENOMEM,
	ST_GUP_NOWAIT_0,
	ST_GUP_TIMES,		/* by each policy, several accesses */
	ST_GUP_EVERY,
	ST_GUP_RANDOM,
	ST_FIXUP_EFAULT,
	ST_FIXUP_ENOMEM,
	ST_FIXUP_EINTR,
	ST_FIXUP_UNLOCKED,
	ST_FOLLOW_ONCE,
	ST_FOLLOW_TWICE,
	ST_TOPUP_ENOMEM,
	ST_VCPU_ENOMEM,
	ST_PTE_ABSENT,		/* the guest's */
	ST_PTE_READ,
	ST_PUNCHED,		/* used, and then taken out of the file */
	ST_SHARED,		/* used, and then shared with the host */
	ST_SHARED_BACK,		/* ... and private again */
	ST_NO_FILE,		/* private, and the memslot has no guest_memfd */
	ST_LOG_GET,		/* dirty logging: who clears, and is all dirty at first? */
	ST_LOG_CLEAR,
	ST_LOG_ALL,
	ST_LOG_RING,		/* a dirty ring */
	NR_STATES
};

struct outcome_state_def {
	const char *name;
	const char *describe;
	enum page_state ps;	/* what the oracle under stress calls it */
	bool alone;		/* never happens under stress */
	unsigned int needs;	/* P_*: backings that can be in this state have all of them, */
	unsigned int lacks;	/* and none of these */
};

/* Properties of backings. */
#define P_GUP		(1u << 0)	/* get_user_pages() finds the page */
#define P_REMAPPED	(1u << 1)	/* VM_IO or VM_PFNMAP: KVM reads the PTE itself */
#define P_TAIL		(1u << 2)	/* struct pages whose refcount is 0 */
#define P_REFUSED	(1u << 3)	/* neither GUP nor KVM can find a pfn */
#define P_DEMAND	(1u << 4)	/* a fault brings a page that was not there before */
#define P_HANDLER	(1u << 5)	/* a fault brings the PTE back */
#define P_PRIVATE	(1u << 6)	/* private anonymous memory in 4 KiB pages */
#define P_FILE		(1u << 7)	/* a file that can be shorter than its mapping */
#define P_POISON	(1u << 8)	/* can be poisoned and healed */
#define P_RO_PTE	(1u << 9)	/* PTEs are read only, a write fault is refused */
#define P_RO_UPGRADE	(1u << 10)	/* PTEs are read only, a write fault is granted */
#define P_SCRIPT	(1u << 11)	/* the fault handler does what it is told */
#define P_INJECT_GUP	(1u << 12)	/* GUP fails as it is told */
#define P_INJECT_PTE	(1u << 13)	/* fixup_user_fault() and follow_pfnmap_start() do */
#define P_OWN		(1u << 14)	/* here for its own states only */
#define P_SECRET	(1u << 15)	/* memfd_secret */
#define P_ANON		(1u << 16)	/* private: what is unmapped is gone */
#define P_COW		(1u << 17)	/* ... copied by whoever writes first */
#define P_HUGE		(1u << 18)	/* the host maps it huge, and can split the mapping */
#define P_DISK		(1u << 19)	/* a file that is written back */
#define P_GIGANTIC	(P_LOG | P_DISK) /* 1 GiB: one cell, it takes long; no file is logged */
#define P_RECLAIM	(1u << 20)	/* can be paged out */
#define P_GMEM		(1u << 21)	/* guest_memfd: vCPUs get pages of the file */
#define P_GUEST_ONLY	(1u << 31)	/* ... and the host can't touch it: private */
#define P_TABLE		(1u << 23)	/* for CONS_WALK and CONS_PDE */
#define P_LOG		(1u << 24)	/* for the states of its memslot's dirty log */
/* The guest's PTE before it was changed; none: read only, of the same page. */
#define P_PTES		(1u << 25)	/* for CONS_INVLPG and those behind it */
#define P_PTE_OTHER	(1u << 26)	/* of another page */
#define P_PTE_MMIO	(1u << 27)	/* of none: where there is no memslot */
#define P_PTE_NONE	(1u << 28)	/* absent */
#define P_PTE_WRITE	(1u << 29)	/* not read only */
#define P_RING		(1u << 30)	/* in a VM with dirty rings */
#define P_BRIEF		(1u << 22)	/* loads and stores only: the page is like those of others */

/* What kernels differ in; found by probing (probe.c). */
#define C_UNREFCOUNTED	(1u << 0)	/* maps pages without a refcount (6.13) */
#define C_SIGPENDING	(1u << 1)	/* a signal ends the wait for a page (6.2) */

struct outcome_backing {
	const char *name;
	const char *plugin;	/* the backing that it is, if that has another name */
	const char *group;	/* of the scenario: outcomes = GROUP */
	const char *describe;
	unsigned int props;
};

struct outcome_row {
	unsigned int consumers;	/* masks; 0 means all */
	uint64_t states;
	unsigned int ops;
	unsigned int needs, lacks;	/* properties of the backing */
	unsigned int caps, nocaps;	/* capabilities of the kernel */
	unsigned int allowed;		/* RES_BIT()s */
	const char *why;
};

struct outcome_cell {
	enum outcome_consumer consumer;
	const struct outcome_backing *backing;
	enum outcome_state state;
	enum access_op op;
};

extern const char *const outcome_consumers[NR_CONSUMERS];
extern const struct outcome_state_def outcome_states[NR_STATES];
extern const char *const outcome_ops[OP_NR];
extern const struct outcome_backing outcome_backings[];
extern const unsigned int outcome_nr_backings;
extern const struct outcome_row outcome_rows[];
extern const unsigned int outcome_nr_rows;

#define OUTCOME_MAX_CELLS	512	/* of one group */
#define OUTCOME_NAME_MAX	96

/* Is there a group of this name? */
bool outcome_group(const char *group);

/**
 * outcome_cells - the cells of a group, in the order in which they run
 * @group: name
 * @by: consumer: only its cells; "": all but those of nested guests and their control blocks, and of
 *	what is emulated
 * @cells: filled in; room for OUTCOME_MAX_CELLS, or NULL to count
 *
 * Return: how many.
 */
unsigned int outcome_cells(const char *group, const char *by, struct outcome_cell *cells);

/**
 * outcome_cell_name - "outcomes/vcpu/anon/poison/load"
 * @scenario: in which the cell is; its folder comes first
 * @c: cell
 * @buf: room for OUTCOME_NAME_MAX
 *
 * Return: @buf.
 */
const char *outcome_cell_name(const char *scenario, const struct outcome_cell *c, char *buf);

/* Has the group cells of this consumer? */
bool outcome_consumer(const char *group, const char *by);

/* An access of a guest, by page tables that it leaves alone? */
bool outcome_by_guest(enum outcome_consumer c);

/* Does the guest change the PTE by which it makes its access? */
bool outcome_by_pte(enum outcome_consumer c);

/**
 * outcome_row - the answer to a cell
 * @c: cell
 * @caps: C_* of the kernel
 *
 * Return: the row; NULL when there is none, which a unit test excludes.
 */
const struct outcome_row *outcome_row_of(const struct outcome_cell *c, unsigned int caps);

/**
 * outcome_under_stress - what an access of a vCPU may end in, by what the oracle knows
 * @props: P_* of the backing
 * @ps: state of the page
 * @op: access
 * @caps: C_* of the kernel
 *
 * Return: RES_BIT()s: all answers of the states that @ps may stand for.
 */
unsigned int outcome_under_stress(unsigned int props, enum page_state ps, enum access_op op,
				  unsigned int caps);

/* "completes or mmio"; returns @buf. */
const char *outcome_text(unsigned int allowed, char *buf, size_t len);

#endif /* OUTCOMES_TABLE_H */
