/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stamps and page words: what the guest and the host tell each other about a page.
 *
 * A stamp is one aligned 64-bit word of guest memory, so that it cannot tear:
 *
 *	63      48 47    28 27  24 23       8 7      0
 *	+---------+--------+------+----------+--------+
 *	|  page   |  gen   |writer| sequence | check  |
 *	+---------+--------+------+----------+--------+
 *
 * page is the page's number in the region table, gen the content generation it belongs to, writer
 * a vCPU or STAMP_HOST, check a hash of the rest. 0 is no stamp: memory that nobody wrote yet.
 *
 * A page word is the state of one page, in memory that guest and host share and that is never
 * disturbed. Only the thread that claimed the page (region.h) writes it:
 *
 *	63      44 43       20 19        8     7..4     3..0
 *	+---------+-----------+-----------+---------+---------+
 *	|   gen   | sequence  |   flags   |   new   |   old   |
 *	+---------+-----------+-----------+---------+---------+
 *
 * sequence goes up with every write of the word. old and new are enum page_state; they differ while
 * the claimer's call is under way, and then both answers are right. gen goes up after a call that
 * took the content away has returned: from then on nobody may see a stamp of an older gen.
 * PW_FILLED says that the host's fill stamp is there and that nothing may take it away. Where the host
 * can't write, zero is in its place (PW_ZERO): that nothing may take the content away is the same.
 */
#ifndef CORE_STAMP_H
#define CORE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STAMP_HOST	15u
#define STAMP_GEN_MASK	0xfffffu

enum page_state {
	PS_MAPPED,	/* readable and writable */
	PS_READONLY,	/* the host VMA or the PTE may be read only */
	PS_HOLE,	/* no VMA, or a pfnmap without PTE and without handler: EFAULT */
	PS_NOACCESS,	/* PROT_NONE: EFAULT */
	PS_POISON,	/* hwpoison: SIGBUS */
	PS_NOSLOT,	/* no memslot: KVM_EXIT_MMIO */
	PS_ROSLOT,	/* read-only memslot: stores are KVM_EXIT_MMIO */
	PS_REFUSED,	/* pages that this kernel refuses to map: EFAULT */
	PS_SHARED,	/* private memory that is shared now: the host's, readable and writable */
	PS_NR
};

#define PW_FILLED	(1ull << 8)
#define PW_BUSY		(1ull << 9)	/* the claimer's call is under way */
#define PW_ZERO		(1ull << 10)	/* with PW_FILLED: zero is there, the host can't write a stamp */

static inline enum page_state pw_old(uint64_t w)
{
	return w & 0xf;
}

static inline enum page_state pw_new(uint64_t w)
{
	return (w >> 4) & 0xf;
}

static inline uint32_t pw_seq(uint64_t w)
{
	return (w >> 20) & 0xffffff;
}

static inline uint32_t pw_gen(uint64_t w)
{
	return w >> 44;
}

/**
 * pw_make - the next page word
 * @prev: the word before; the sequence goes up by one
 * @old, @new: states, equal when no call is under way
 * @gen: content generation
 * @flags: PW_*
 */
static inline uint64_t pw_make(uint64_t prev, enum page_state old, enum page_state new,
			       uint32_t gen, uint64_t flags)
{
	return ((uint64_t)(gen & STAMP_GEN_MASK) << 44) |
	       ((uint64_t)((pw_seq(prev) + 1) & 0xffffff) << 20) |
	       flags | ((uint64_t)new << 4) | old;
}

static inline uint8_t stamp_check(uint64_t v)
{
	v >>= 8;
	v *= 0x9e3779b97f4a7c15ULL;
	return (v >> 56) | 1;	/* never 0, so that no stamp is 0 */
}

/**
 * stamp_make - a stamp
 * @page: number in the region table, below 65536
 * @gen: content generation (20 bits are kept)
 * @writer: vCPU number below 15, or STAMP_HOST
 * @seq: the writer's sequence number (16 bits are kept)
 */
static inline uint64_t stamp_make(uint32_t page, uint32_t gen, uint32_t writer, uint32_t seq)
{
	uint64_t v = ((uint64_t)(page & 0xffff) << 48) |
		     ((uint64_t)(gen & STAMP_GEN_MASK) << 28) |
		     ((uint64_t)(writer & 0xf) << 24) | ((uint64_t)(seq & 0xffff) << 8);

	return v | stamp_check(v);
}

static inline bool stamp_valid(uint64_t v)
{
	return (uint8_t)v == stamp_check(v);
}

static inline uint32_t stamp_page(uint64_t v)
{
	return v >> 48;
}

static inline uint32_t stamp_gen(uint64_t v)
{
	return (v >> 28) & STAMP_GEN_MASK;
}

static inline uint32_t stamp_writer(uint64_t v)
{
	return (v >> 24) & 0xf;
}

#endif /* CORE_STAMP_H */
