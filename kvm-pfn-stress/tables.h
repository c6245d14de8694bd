/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small random graph of page tables that a guest rewrites, and what it translates at any moment. A
 * table may be reached by several entries of other rights, and be used as a table of several levels.
 *
 * All users of a VM share the tables; each has entries of its own in them:
 *
 *	as a table of level	entries of user N
 *	1 (the last one)	8 * N and 7 more
 *	2			64 + 2 * N and 1 more
 *	3			80 + 2 * N and 1 more
 *	4			t->top
 *
 * Nothing here knows how a root is put in force or how a translation is flushed: the tables may be the
 * guest's own, or those that it makes for a nested guest.
 */
#ifndef TABLES_H
#define TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rng.h"

struct guest_ctl;

#define TABLES_LEVELS	4
#define TABLES_EACH	2			/* of a level */
#define TABLES_NR	(TABLES_LEVELS * TABLES_EACH)
#define TABLES_USERS	8
#define TABLES_ENTRIES	(8 + 2 + 2 + 1)		/* of one user in one table, all levels together */
#define TABLES_SPAN	(1ul << 39)		/* of one entry of level 4 */
#define TABLES_TOP(user)	(96 + (user))		/* t->top where nothing speaks against it */
#define TABLES_BASE(user)	(TABLES_TOP(user) * TABLES_SPAN)
#define TABLES_ADDRS		(8 * 2 * 2)		/* of one user */

/* An entry, as far as architectures agree; what is not said is allowed. */
#define TE_PRESENT	1u
#define TE_WRITE	2u
#define TE_NOEXEC	4u
#define TE_ACCESSED	8u
#define TE_DIRTY	16u
#define TE_LEAF		32u	/* in a table of level 2: maps 2 MiB */

struct table_entry {
	uint64_t value;		/* as the user wrote it last */
	uint32_t to;		/* number of the table, or of the page */
	uint32_t stored;	/* a store by it was tried since then */
};

/* What is to be done before tables_pick.addr is accessed. */
enum table_flush {
	TABLE_KEEP,		/* nothing */
	TABLE_FLUSH_ADDR,	/* flush that address, and all that the CPU keeps of upper tables */
	TABLE_FLUSH_ROOT,	/* put the root in force, and flush all */
};

struct tables_pick {
	uint64_t addr;
	enum table_flush flush;
	uint64_t root;		/* number of it: 0, 1 */
	uint64_t mode;		/* enum window_mode of the address */
	uint64_t page;		/* behind the address; NO_PAGE if it translates to none */
	/*
	 * Rights were widened without a flush: a CPU may go by the old ones once, but an exception
	 * makes it forget them.
	 */
	bool again;
	/* The last entry allows less than @mode, and nothing was flushed: @mode, or an exception. */
	bool late;
};

/* One user's. In guest memory; the guest has it for itself when it runs. */
struct tables {
	/* by the host, before the guest runs */
	uint64_t user, top;
	uint64_t gva[TABLES_NR], gpa[TABLES_NR];	/* level l: 2 * (l - 1) and the next */
	uint64_t root[TABLES_EACH];	/* for the architecture: what puts it in force */
	/* by the guest */
	struct table_entry entry[TABLES_NR][TABLES_ENTRIES];
	uint64_t at;			/* root in force */
	uint64_t addr;			/* picked last */
	uint64_t exact;			/* needs no flush: TABLES_ALL, 0 for nothing, or this address */
	uint64_t again;			/* tables_pick.again, until there is a flush */
	uint64_t rest;			/* steps to go in which no right is taken away */
	uint64_t favourite;		/* page that many leaves lead to */
	uint64_t changes[TABLES_LEVELS];	/* entries of each level that were written */
};

#define TABLES_ALL	(~0ull)

/**
 * tables_start - write all entries of a user for the first time
 * @t: user, gva and gpa are set
 * @ctl: the test pages that leaves lead to
 * @rng: choices
 *
 * Context: guest, before tables_step(). Entries of others are left alone.
 */
void tables_start(struct tables *t, struct guest_ctl *ctl, struct rng *rng);

/**
 * tables_step - rewrite some entries, and pick the address to access next
 * @t: the tables, started
 * @ctl: test pages
 * @rng: choices
 * @one: one address can be flushed without the others
 * @p: filled in: what the tables say of the address when p->flush has been done
 *
 * Until the next step each access to the address is as @p says. Context: guest.
 */
void tables_step(struct tables *t, struct guest_ctl *ctl, struct rng *rng, bool one,
		 struct tables_pick *p);

/**
 * tables_allow - widen rights until the address that was picked last may be used in any way
 * @t: the tables
 * @ctl: test pages
 * @rng: choices
 * @p: filled in; there may be no test page behind the address. No flush is needed
 *
 * Context: guest.
 */
void tables_allow(struct tables *t, struct guest_ctl *ctl, struct rng *rng, struct tables_pick *p);

/**
 * tables_walk - what the tables say of an address, as they are in memory
 * @t: the tables
 * @ctl: test pages
 * @addr: of the user
 * @p: its mode and page are filled in
 */
void tables_walk(const struct tables *t, struct guest_ctl *ctl, uint64_t addr,
		 struct tables_pick *p);

/* The addresses of a user, from 0 to TABLES_ADDRS - 1, and which one an address is. Context: any. */
uint64_t tables_addr(const struct tables *t, unsigned int n);
unsigned int tables_addr_nr(const struct tables *t, uint64_t addr);

/**
 * tables_check - are the entries by which an access went as the CPU has to leave them?
 * @t: the tables
 * @addr: what was accessed; tables_step() picked it, and nothing was rewritten since
 * @store: it was a store, or a read-modify-write
 * @done: it was completed by the CPU itself; else its entries may have been marked or not
 * @got, @want: filled in when they are not: the first such entry
 *
 * Return: they are. An entry that is not is not judged again by its dirty bit. Context: guest.
 */
bool tables_check(struct tables *t, uint64_t addr, bool store, bool done, uint64_t *got,
		  uint64_t *want);

/**
 * tables_only_dirty - is an entry only dirty that must not be?
 * @got, @want: as of tables_check()
 *
 * Return: it is, and everything else is right. Context: any.
 */
bool tables_only_dirty(uint64_t got, uint64_t want);

#endif /* TABLES_H */
