/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions: a memslot, the host VMA behind it, and the state of every page. Regions of several backings
 * can share one memslot, as its parts: multi-vma.
 *
 * Where a region is in the host's address space is published by RCU: vCPU and injector threads look
 * it up without locks (region_hva(), region_at()), an injector that moves a region republishes the
 * table, and the old one is freed after a grace period. Nobody holds the read lock across KVM_RUN or
 * across a system call that can sleep.
 *
 * Pages are claimed: whoever changes what is behind a page claims it first, so that one page has at
 * most one change under way and its page word (core/stamp.h) says which. Claims never wait.
 */
#ifndef CORE_REGION_H
#define CORE_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/run.h"

#define PAGE_HISTORY	32

struct backing_ops;

struct region {
	struct run *run;
	const struct backing_ops *ops;
	unsigned int id;
	uint32_t slot;
	uint32_t slot_flags;		/* KVM_MEM_* */
	struct region *first;		/* of the regions that share the memslot: itself, mostly */
	atomic_uint slot_changes;	/* of the memslot, two each: odd while one is under way */
	struct region *next;		/* the one behind it in the same memslot, or NULL */
	unsigned int base;		/* number of page 0 in the control area */
	unsigned int nr;		/* pages */
	uint64_t gpa;
	enum page_state mapped;		/* what a mapped page is: PS_MAPPED, or less */
	int fd;				/* the backing's file, -1 if none */
	uint64_t fd_offset;		/* where in it the region begins */
	atomic_uchar *claimed;		/* one byte a page */
	_Atomic uint64_t (*history)[PAGE_HISTORY];	/* last page words, by sequence */
	void *priv;			/* the backing's */
};

/* One place of one region, immutable. */
struct region_place {
	struct region *region;
	uint64_t gpa, size, hva, old_hva;	/* old_hva: where it was before the last move, or 0 */
};

/* How many pages a region of that backing has if a scenario asks for so many: whole granules. */
unsigned int region_pages(const struct backing_ops *ops, unsigned int pages);

/**
 * region_create - a region with its host mapping, not yet a memslot
 * @run: the scenario
 * @ops: backing
 * @pages: size in pages, of region_pages()
 *
 * A backing with parts becomes several regions, of which the first is returned.
 *
 * Return: the region, or NULL with run->sh->skip_reason set.
 * Context: main thread of the child, before workers run.
 */
struct region *region_create(struct run *run, const struct backing_ops *ops, unsigned int pages);

/* A region's size in bytes, as system calls and memslots want it: granules are whole. */
uint64_t region_bytes(const struct region *r, unsigned int nr);

/* Make memslots of all regions, map them in the guest, fill them, publish the table. */
void regions_publish_all(struct run *run);

/* Give everything back. Context: main thread, workers are gone. */
void regions_destroy(struct run *run);

/**
 * region_hva - where the region is now
 *
 * Takes and leaves an RCU read-side critical section. A claimed page's region does not move: the
 * mover claims all pages.
 */
uint64_t region_hva(struct region *r);

/**
 * region_at - the place that holds a guest physical address
 * @run: the scenario
 * @gpa: address
 * @place: copy of the place
 *
 * Return: true if there is one. Context: any registered thread, not in KVM_RUN.
 */
bool region_at(struct run *run, uint64_t gpa, struct region_place *place);

/**
 * region_move - publish a new host address
 * @r: first region of a memslot, all pages claimed by the caller (region_claim_all())
 * @hva: new address; the caller has moved the memslot
 *
 * Moves all parts. Returns after a grace period: no reader knows the old address any more.
 */
void region_move(struct region *r, uint64_t hva);

/* Do the guest's page tables map it by huge pages where they fit? Mostly, if the host may. */
bool region_guest_huge(const struct region *r);

/**
 * region_unmap - unmap all of a region, or of a part of one, and what its backing has around it
 * @hva: where it is mapped; no memslot has it any more
 */
void region_unmap(struct region *r, uint64_t hva);

/* Is it for one vCPU alone, which writes more there than a stamp? */
static inline bool region_private(const struct region *r, unsigned int page)
{
	return ctl_gva(r->run->ctl)[r->base + page] & GVA_PRIVATE;
}

/* In the number of a memslot: of the second address space. */
#define REGION_SECOND_SPACE	(1u << 16)

/**
 * region_set_slots - make or delete the memslots of a region, all of them
 * @r: first region of a memslot
 * @hva: where the region is; 0: delete
 *
 * Return: 0, or -1 with errno, from KVM_SET_USER_MEMORY_REGION(2).
 */
int region_set_slots(struct region *r, uint64_t hva);

/* The same for all memslots of the region @off bytes behind their guest addresses; r->gpa stays. */
int region_shift_slots(struct region *r, uint64_t hva, uint64_t off);

/**
 * region_set_private - have pages of guest_memfd private to the guest, or shared with the host
 * @r, @first, @nr: claimed pages, or before workers run
 * @private: shared ones are at the region's host address
 *
 * Return: 0, or -1 with errno, from KVM_SET_MEMORY_ATTRIBUTES.
 */
int region_set_private(struct region *r, unsigned int first, unsigned int nr, bool private);

/**
 * region_of_hva - the region that a host virtual address belongs to, or belonged to before a move
 * @run: the scenario
 * @hva: address
 *
 * Return: the region, or NULL if it is none's. Context: any thread of the child.
 */
struct region *region_of_hva(struct run *run, uint64_t hva);

/**
 * region_of_guest - the region of a guest address
 * @run: the scenario
 * @addr: physical, or virtual as the guest maps test pages
 *
 * Return: the region, or NULL. Moving memslots does not matter. Context: any.
 */
struct region *region_of_guest(struct run *run, uint64_t addr);

/* A fresh address range for @r, far from anything else; the caller maps it with MAP_FIXED. */
uint64_t region_new_hva(struct region *r);

/* Are two host addresses as far from where their regions begin? */
bool region_same_offset(uint64_t a, uint64_t b);

/* One more, always the same, where no region ever is: for one injector. */
uint64_t region_parking_hva(struct region *r);

/*
 * Added to the number of pages that a caller asks for:
 * CLAIM_HUGE	it takes any number: of a huge page that calls can only change as a whole, all pages;
 *		where the host may map many pages as one, now and then all of those. Without it regions
 *		of the former are not claimed
 * CLAIM_NO_VMA	regions of which KVM does not look at the host mapping, too (guest_memfd)
 */
#define CLAIM_HUGE	(1u << 31)
#define CLAIM_NO_VMA	(1u << 30)

/**
 * region_claim - claim a random run of pages
 * @r: region
 * @rng: the caller's
 * @max: at most so many pages (log-uniform below it), and CLAIM_*
 * @first: first page claimed
 *
 * Return: how many pages are claimed from @first on; 0 when the place drawn was taken, or when the
 * region is not for this caller.
 */
unsigned int region_claim(struct region *r, struct rng *rng, unsigned int max, unsigned int *first);

/* The same around page @at, if it can be; of regions with granules just as region_claim(). */
unsigned int region_claim_at(struct region *r, struct rng *rng, unsigned int at, unsigned int max,
			     unsigned int *first);

/* Claim this page. Return: false when it is taken. */
bool region_claim_page(struct region *r, unsigned int page);

/* Claim all pages of all regions of @r's memslot, or none: false. @r is the first of them. */
bool region_claim_all(struct region *r);
void region_release_all(struct region *r);

void region_release(struct region *r, unsigned int first, unsigned int nr);

/**
 * region_busy_page - a page that is being changed at this moment
 * @r: region
 * @rng: where the search begins
 *
 * For ioctls that resolve one page: they meet the invalidation, not its result.
 *
 * Return: such a page, if there is one; else any.
 */
unsigned int region_busy_page(const struct region *r, struct rng *rng);

static inline uint64_t page_word(const struct region *r, unsigned int page)
{
	return __atomic_load_n(&ctl_words(r->run->ctl)[r->base + page], __ATOMIC_ACQUIRE);
}

/**
 * pages_begin - a call that changes claimed pages starts
 * @r, @first, @nr: claimed pages
 * @to: state afterwards
 * @lose: the call takes the content away
 *
 * From here on the old and the new answer are right.
 */
void pages_begin(struct region *r, unsigned int first, unsigned int nr, enum page_state to,
		 bool lose);

/**
 * pages_end - the call has returned
 * @state: state now; differs from pages_begin()'s when the call failed
 * @lost: the content is gone: the generation goes up, old stamps are stale from here on
 */
void pages_end(struct region *r, unsigned int first, unsigned int nr, enum page_state state,
	       bool lost);

/*
 * Write fill stamps through the host mapping, if the pages are in the region's mapped state. Of memory
 * that only guests can touch, zero is the stamp: the caller had its content taken away.
 */
void pages_fill(struct region *r, unsigned int first, unsigned int nr);

/**
 * page_states - which states was the page in between two page words?
 * @r, @page: page
 * @w1: word when the access began
 * @w2: word now
 *
 * Return: bit mask of enum page_state, all bits when the history does not reach back to @w1.
 */
unsigned int page_states(struct region *r, unsigned int page, uint64_t w1, uint64_t w2);

const char *page_state_name(enum page_state s);

/* What the failure is about: backing, state, gpa and hva of this page, as they are now. */
void region_failure(struct failure *f, struct region *r, unsigned int page);

#endif /* CORE_REGION_H */
