/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest program and the host share: the control area, a memslot of its own that no injector
 * ever touches.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

#include "core/rng.h"
#include "core/stamp.h"
#include "tables.h"

#define GUEST_MAX_VCPUS		8
#define GUEST_MAX_PAGES		32768
#define GUEST_PAGE_SHIFT	12
#define GUEST_PAGE_SIZE		(1ul << GUEST_PAGE_SHIFT)

#define CTL_SLOT		1
#define CTL_GPA			0xc0000000ul
#define CTL_GVA			0x5000000000ul
#define REGION_GPA		0x100000000ul	/* of region 0; the next is 1 GiB further up */
#define REGION_GPA_STRIDE	0x40000000ul
#define REGION_GVA_OFFSET	0x6000000000ul	/* gva = gpa + this */
#define GUEST_ALIAS_OFFSET	0x800000000ul	/* second memslot over the same memory: gpa + this */
#define GVA_ALIAS		1ul		/* in a page's gva: there is a second memslot */
#define GVA_PRIVATE		2ul		/* one vCPU's own, for KVM to use */
#define GVA_FLAGS		(GUEST_PAGE_SIZE - 1)
#define WINDOW_GVA(vcpu)	(0x7000000000ul + 0x200000ul * (vcpu))	/* of a nested guest */

/* Where in a test page things are: the fill stamp, code that loads it, a word for each vCPU. */
#define PAGE_FILL_OFF		8
#define PAGE_CODE_OFF		16
#define PAGE_OWN_OFF(vcpu)	(64 + 64 * (vcpu))

enum access_op { OP_LOAD, OP_STORE, OP_RMW, OP_EXEC, OP_NR };

/* How an access ended, as the guest sees it. */
enum access_status {
	ACCESS_DONE,
	ACCESS_SKIPPED,	/* the host skipped the instruction: KVM_RUN failed, as it had to */
	/*
	 * The guest took an exception: it executed a page that nobody filled, or it is a nested guest
	 * and KVM's emulator gave up.
	 */
	ACCESS_TRAPPED,
	ACCESS_AGAIN,	/* a nested guest: L1 allows it now, and no result yet */
};

/* What a guest tells the host by GUEST_SYNC(). */
enum guest_sync {
	SYNC_PAUSE = 1,	/* saw ctl->pause, waits to be run again */
	SYNC_SWEEP,	/* sweep mode: touched every page once */
	SYNC_REPORT,	/* vcpu->report is a broken rule */
	SYNC_TURN,	/* vcpu->turn accesses are over, or an exception: the host's turn */
};

/*
 * What the guest allows in its window; with WINDOW_USED all, and nothing is left for KVM to note in the
 * entry: it need not wait for the first store.
 */
enum window_mode { WINDOW_WRITE, WINDOW_READ, WINDOW_ABSENT, WINDOW_USED };
#define WINDOW_NOEXEC	4	/* with one of them: and no execution */

/* What KVM does with a control block at the moment: see struct guest_nested. */
enum nested_op { NESTED_NONE, NESTED_RUN, NESTED_EXIT, NR_NESTED_OPS };

#define NESTED_FAULT_WORDS	3	/* of arch_nested_fault() */

/* Is L2 in an access? When it has left the CPU in one it waits for L1 to say how that ends. */
enum nested_access { L2_OUTSIDE, L2_INSIDE, L2_WAITS };

/* What L1 had to say to an access of L2. */
enum nested_verdict { L1_SILENT, L1_ALLOWED, L1_REFUSED };

enum guest_rule {
	RULE_NONE,
	RULE_TORN,	/* not a stamp at all, or that of another page or writer */
	RULE_STALE,	/* a generation that was closed before the access began */
	RULE_FUTURE,	/* a generation that nobody has written yet */
	RULE_LOST,	/* a completed store is not there */
	RULE_ACCESS,	/* an access was completed that had to fail */
	RULE_TRAPPED,	/* an exception for no reason */
	RULE_WINDOW,	/* an access was completed that the guest's own page table forbids */
	RULE_MARKS,	/* an access left a page table entry otherwise than the CPU has to */
	RULE_NESTED,	/* the nested guest ended with another answer than it gave */
	RULE_NPF,	/* ... in an access that nobody forbids, or not by a nested page fault */
	RULE_NPF_CODE,	/* a nested page fault that says another reason */
	RULE_NPF_ADDRESS,	/* ... another address */
	RULE_NPF_PAGE,	/* ... the right page, but its first byte */
	RULE_NR
};

struct guest_report {
	uint64_t rule;		/* enum guest_rule */
	uint64_t got, expected;
};

#define GUEST_MAX_PRIVATE	16
#define NO_PAGE			(~0ull)

/*
 * A vCPU that runs a nested guest: the vCPU's program is L1, its accesses are made by L2. What L1 hands
 * to KVM to describe L2 (x86: vmcb12) is the control block, in a test page that the vCPU has for itself
 * or in memory that nobody touches.
 */
struct guest_nested {
	/* written by the host while the guest does not run */
	uint64_t arch;		/* gva of what the architecture needs; 0: no nested guest */
	uint64_t nr_private, private[GUEST_MAX_PRIVATE];	/* numbers of pages */
	/* written by the guest */
	uint64_t block;		/* number of the page, NO_PAGE */
	uint64_t op;		/* enum nested_op: KVM uses the control block now */
	uint64_t runs;		/* times that L2 was entered */
	uint64_t access;	/* enum nested_access */
	uint64_t faults;	/* nested page faults that L1 was right to be told of */
	uint64_t verdict;	/* enum nested_verdict on L2's last access */
	/* written by the host: L2 ended, and KVM could not say so in the control block */
	uint64_t unwritten;
};

#define GUEST_MAX_ASYNC	64	/* KVM: ASYNC_PF_PER_VCPU */

/* A vCPU that is told when KVM brings in a page, and when it is there. */
struct guest_async {
	/* written by the host while the guest does not run */
	uint64_t on;		/* accesses with interrupts on */
	uint64_t switched;	/* a token was taken away: the interrupt for it comes without one */
	/* written by the guest */
	uint64_t missing, ready;	/* times that it was told */
	uint64_t skipped;	/* accesses that the guest gave up */
	uint64_t stray;		/* told of a page that nobody waits for */
	uint64_t bad, bad_token;	/* told of a missing page by a token that is 0, or in use */
	uint64_t waits, token[GUEST_MAX_ASYNC];	/* for these */
};

struct guest_vcpu {
	/* written by the host while the guest does not run */
	struct rng rng;
	uint8_t access[16];	/* enum access_op, drawn uniformly */
	uint64_t turn;		/* SYNC_TURN after so many accesses; 0: never */
	uint64_t emulated;	/* loads, stores and rmw by KVM's emulator */
	uint64_t sweep;		/* touch all pages once, in order, by stores; then SYNC_SWEEP */
	/* written by the guest */
	uint64_t ops;		/* accesses that ended */
	uint64_t skipped;	/* ... of which the host skipped */
	uint64_t count[OP_NR];
	uint64_t checks;	/* words compared */
	/* the access under way */
	uint64_t page, op, word;
	uint64_t alias;		/* 0, or GUEST_ALIAS_OFFSET: by the second memslot */
	uint64_t seq;
	struct guest_report report;
	/* written by the host during the access: it was completed by an MMIO exit */
	uint64_t mmio;
	/* a second translation that the guest changes: 0, or an address, and the page behind it */
	uint64_t window_gva, window;
	uint64_t window_mode;	/* enum window_mode, WINDOW_NOEXEC */
	uint64_t windows;	/* times that it was changed */
	uint64_t walk_mode;	/* L2: what its page table for the window may be used for */
	uint64_t in_window;	/* this access goes there */
	uint64_t window_again;	/* rights of before may bring an exception, once */
	uint64_t window_late;	/* less is allowed now, an exception may come at any time */
	/* what translates it, where it is the guest's own page tables: tables.user is a vCPU */
	uint64_t own_tables;	/* 0: no; 1: yes; 2: and they were written for the first time */
	struct tables tables;
	/* the page of the last random access, and how many more stay on it */
	uint64_t again, stay;
	struct guest_nested nested;
	struct guest_async async;
} __attribute__((aligned(64)));

struct guest_ctl {
	uint64_t pause;
	uint64_t nr_pages;
	uint64_t nr_vcpus;
	uint64_t pad[5];
	struct guest_vcpu vcpu[GUEST_MAX_VCPUS];
	/*
	 * Followed by, see ctl_*() below:
	 *	uint64_t word[nr_pages]			page words
	 *	uint64_t gva[nr_pages]
	 *	uint64_t own[nr_vcpus][nr_pages]	last store of each vCPU to its own word there
	 */
};

static inline uint64_t *ctl_words(struct guest_ctl *c)
{
	return (uint64_t *)(c + 1);
}

static inline uint64_t *ctl_gva(struct guest_ctl *c)
{
	return ctl_words(c) + c->nr_pages;
}

static inline uint64_t *ctl_own(struct guest_ctl *c, unsigned int vcpu)
{
	return ctl_words(c) + (2 + vcpu) * c->nr_pages;
}

/* Whole pages. */
static inline uint64_t ctl_size(unsigned int pages, unsigned int vcpus)
{
	uint64_t size = sizeof(struct guest_ctl) + (2ul + vcpus) * pages * sizeof(uint64_t);

	return (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

/**
 * guest_main - the hammering loop; the first function that a vCPU runs
 * @id: number of the vCPU
 *
 * Runs in the guest: no libc, no host data but the control area at CTL_GVA.
 */
void guest_main(uint64_t id);

/* The same in a nested guest: what L2 runs. */
void guest_nested(uint64_t id);

#endif /* GUEST_H */
