// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in the guest: no libc.
 *
 * What a CPU may still know of an address that was not flushed is what bounds the steps:
 *
 *	entry before	after		flush
 *	absent		present		none: what is absent is not kept by anybody
 *	fewer rights	more rights	none, but an exception may come once
 *	more rights	fewer rights	none: it is as before, or an exception
 *	anything	anything	the address, then this address is exact; or all
 */
#include "arch/arch.h"
#include "guest.h"
#include "tables.h"

#define TABLES_REST	256	/* next to nothing: hardly one of these accesses leaves the guest */

static unsigned int shift_of(unsigned int level)
{
	return GUEST_PAGE_SHIFT + 9 * (level - 1);
}

/* How many entries a user has in a table of this level, the first one in the table, in entry[]. */
static unsigned int nr_of(unsigned int level)
{
	return level == 1 ? 8 : level == TABLES_LEVELS ? 1 : 2;
}

static unsigned int index_of(const struct tables *t, unsigned int level)
{
	static const uint8_t first[] = { 0, 64, 80 };

	return level == TABLES_LEVELS ? t->top : first[level - 1] + t->user * nr_of(level);
}

static unsigned int slot_of(unsigned int level)
{
	static const uint8_t first[] = { 0, 8, 10, 12 };

	return first[level - 1];
}

/* Which of its entries of this level the address goes by. */
static unsigned int of_addr(const struct tables *t, uint64_t addr, unsigned int level)
{
	return (addr >> shift_of(level) & 511) - index_of(t, level);
}

static uint64_t random_addr(const struct tables *t, struct rng *rng)
{
	uint64_t addr = 0;
	unsigned int level;

	for (level = 1; level <= TABLES_LEVELS; level++)
		addr |= ((uint64_t)index_of(t, level) + rng_below(rng, nr_of(level))) << shift_of(level);
	return addr;
}

/* By the same tables as the last one; perhaps by the same last entry, but another way; or any. */
static uint64_t near_addr(const struct tables *t, struct rng *rng)
{
	uint64_t any = random_addr(t, rng), low = (1ul << shift_of(2)) - 1;

	switch (rng_below(rng, 3)) {
	case 0:
		return (t->addr & ~low) | (any & low);
	case 1:
		low = (1ul << shift_of(2 + rng_below(rng, 2))) - 1;
		return (any & ~low) | (t->addr & low);
	default:
		return any;
	}
}

static uint64_t *in_memory(const struct tables *t, unsigned int table, unsigned int level,
			   unsigned int n)
{
	return (uint64_t *)t->gva[table] + index_of(t, level) + n;
}

static bool is_root(unsigned int table)
{
	return table >= TABLES_EACH * (TABLES_LEVELS - 1);
}

static uint64_t page_gpa(struct guest_ctl *ctl, uint64_t page)
{
	return (ctl_gva(ctl)[page] & ~GVA_FLAGS) - REGION_GVA_OFFSET;
}

/* The page that a leaf of this level leads to at @addr. */
static uint64_t leaf_page(struct guest_ctl *ctl, uint64_t to, unsigned int level, uint64_t addr)
{
	uint64_t mask = (1ul << shift_of(level)) - 1, page, gpa;

	gpa = (page_gpa(ctl, to) & ~mask) + (addr & mask & ~(GUEST_PAGE_SIZE - 1));
	page = to + (int64_t)(gpa - page_gpa(ctl, to)) / (int64_t)GUEST_PAGE_SIZE;
	if (page >= ctl->nr_pages || page_gpa(ctl, page) != gpa || ctl_gva(ctl)[page] & GVA_PRIVATE)
		return NO_PAGE;
	return page;
}

/* One level of a walk, from the root down. */
struct step {
	unsigned int table, level, n;
};

static bool is_leaf(const struct step *s, unsigned int rights)
{
	return s->level == 1 || (rights & TE_LEAF);
}

static const struct table_entry *entry_of(const struct tables *t, const struct step *s)
{
	return &t->entry[s->table][slot_of(s->level) + s->n];
}

static unsigned int rights_at(const struct tables *t, const struct step *s)
{
	return arch_entry_rights(*in_memory(t, s->table, s->level, s->n), s->level);
}

static void walk_root(const struct tables *t, uint64_t addr, struct step *s)
{
	s->level = TABLES_LEVELS;
	s->table = TABLES_EACH * (TABLES_LEVELS - 1) + t->at;
	s->n = of_addr(t, addr, s->level);
}

/* Go down by the entry; false at the end of the walk. */
static bool walk_down(const struct tables *t, uint64_t addr, struct step *s)
{
	unsigned int rights = rights_at(t, s);

	if (!(rights & TE_PRESENT) || is_leaf(s, rights))
		return false;
	s->table = entry_of(t, s)->to;
	s->level--;
	s->n = of_addr(t, addr, s->level);
	return true;
}

void tables_walk(const struct tables *t, struct guest_ctl *ctl, uint64_t addr,
		 struct tables_pick *p)
{
	unsigned int all = TE_WRITE, rights;
	struct step s;

	p->page = NO_PAGE;
	p->mode = WINDOW_ABSENT;
	walk_root(t, addr, &s);
	do {
		rights = rights_at(t, &s);
		all = (all & rights & TE_WRITE) | ((all | rights) & TE_NOEXEC);
	} while (walk_down(t, addr, &s));
	if (!(rights & TE_PRESENT))
		return;
	p->page = leaf_page(ctl, entry_of(t, &s)->to, s.level, addr);
	p->mode = (all & TE_WRITE ? WINDOW_WRITE : WINDOW_READ) |
		  (all & TE_NOEXEC ? WINDOW_NOEXEC : 0);
}

/* Write it: in one piece, by a locked instruction, or only the half that changes. */
static void entry_write(struct tables *t, const struct step *s, uint32_t to, unsigned int rights,
			uint64_t gpa, struct rng *rng)
{
	struct table_entry *e = &t->entry[s->table][slot_of(s->level) + s->n];
	uint64_t *p = in_memory(t, s->table, s->level, s->n);
	uint64_t old = *p;

	e->to = to;
	e->stored = 0;
	e->value = arch_entry(gpa, rights, s->level);
	switch (rng_below(rng, 4)) {
	case 0:
		__atomic_store_n(p, e->value, __ATOMIC_SEQ_CST);
		break;
	case 1:
		if (old >> 32 == e->value >> 32) {
			__atomic_store_n((uint32_t *)p, (uint32_t)e->value, __ATOMIC_RELEASE);
			break;
		}
		/* fallthrough */
	default:
		__atomic_store_n(p, e->value, __ATOMIC_RELEASE);
	}
	t->changes[s->level - 1]++;
}

static unsigned int random_rights(struct rng *rng, unsigned int level)
{
	unsigned int leaf = level == 1, rights = 0;

	/* a path needs all of its entries: those above the leaf mostly allow everything */
	if (rng_below(rng, leaf ? 8 : 16))
		rights |= TE_PRESENT;
	if (rng_below(rng, 4))
		rights |= TE_WRITE;
	if (!rng_below(rng, 8))
		rights |= TE_NOEXEC;
	if (rng_below(rng, 4))
		rights |= TE_ACCESSED;
	if (rng_below(rng, 4))
		rights |= TE_DIRTY;
	return rights;
}

static uint64_t random_target(struct tables *t, struct guest_ctl *ctl, struct rng *rng)
{
	uint64_t page = rng_below(rng, ctl->nr_pages);

	if (ctl_gva(ctl)[page] & GVA_PRIVATE)
		return t->favourite;
	if (!rng_below(rng, 64))
		t->favourite = page;
	return rng_next(rng) & 1 ? t->favourite : page;
}

/* Somewhere else, with other rights. */
static void entry_random(struct tables *t, struct guest_ctl *ctl, struct rng *rng,
			 const struct step *s, unsigned int must)
{
	unsigned int rights = random_rights(rng, s->level) | must;
	uint32_t to;

	if (s->level == 1 || (s->level == 2 && !rng_below(rng, 16))) {
		uint64_t mask = (1ul << shift_of(s->level)) - 1;

		to = random_target(t, ctl, rng);
		rights |= TE_LEAF;
		entry_write(t, s, to, rights, page_gpa(ctl, to) & ~mask, rng);
		return;
	}
	to = TABLES_EACH * (s->level - 2) + rng_below(rng, TABLES_EACH);
	/* now and then a table of another level, as if it were one of this */
	if (!rng_below(rng, 32))
		to = rng_below(rng, TABLES_NR - TABLES_EACH);
	entry_write(t, s, to, rights, t->gpa[to], rng);
}

/* Only its rights. */
static void entry_rights(struct tables *t, struct rng *rng, const struct step *s,
			 unsigned int rights)
{
	const struct table_entry *e = entry_of(t, s);

	rights |= arch_entry_rights(e->value, s->level) & TE_LEAF;
	entry_write(t, s, e->to, rights, arch_entry_gpa(e->value), rng);
}

void tables_start(struct tables *t, struct guest_ctl *ctl, struct rng *rng)
{
	struct step s;

	do {
		t->favourite = rng_below(rng, ctl->nr_pages);
	} while (ctl_gva(ctl)[t->favourite] & GVA_PRIVATE);
	/* the roots have entries of the architecture as well: they are used as nothing else */
	for (s.table = 0; s.table < TABLES_NR; s.table++)
		for (s.level = 1; s.level <= TABLES_LEVELS; s.level++)
			for (s.n = 0; s.n < nr_of(s.level); s.n++)
				if ((s.level == TABLES_LEVELS) == is_root(s.table))
					entry_random(t, ctl, rng, &s, 0);
	t->exact = 0;
	t->addr = random_addr(t, rng);
}

/* An entry on the way of @addr, the last one most often; or any. */
static void pick_entry(const struct tables *t, struct rng *rng, uint64_t addr, struct step *s)
{
	unsigned int level = rng_next(rng) & 1 ? 1 : 1 + rng_below(rng, TABLES_LEVELS);

	walk_root(t, addr, s);
	if (rng_below(rng, 4)) {
		while (s->level > level && walk_down(t, addr, s))
			;
		return;
	}
	s->level = level;
	s->n = rng_below(rng, nr_of(level));
	s->table = TABLES_EACH * (level - 1) + rng_below(rng, TABLES_EACH);
}

/*
 * One page by all leaves of a table, nothing left to be marked: KVM prefetches them, and has more
 * SPTEs of the page than a descriptor of its rmap has room for.
 */
static void fill(struct tables *t, struct guest_ctl *ctl, struct rng *rng, unsigned int table)
{
	struct step s = { .table = table, .level = 1 };

	for (s.n = 0; s.n < nr_of(1); s.n++)
		entry_write(t, &s, t->favourite, TE_PRESENT | TE_WRITE | TE_ACCESSED | TE_DIRTY,
			    page_gpa(ctl, t->favourite), rng);
}

static void change(struct tables *t, struct guest_ctl *ctl, struct rng *rng, uint64_t addr)
{
	struct step s;

	pick_entry(t, rng, addr, &s);
	if (s.level == 1 && !rng_below(rng, 16))
		fill(t, ctl, rng, s.table);
	else if (rng_next(rng) & 1)
		entry_rights(t, rng, &s, random_rights(rng, s.level));
	else
		entry_random(t, ctl, rng, &s, 0);
}

/*
 * Allow more than before. Where an entry was absent no CPU has kept anything of it or below it; where
 * it was present only its rights change, and it is marked as used: nobody has to walk it again.
 */
static void widen(struct tables *t, struct guest_ctl *ctl, struct rng *rng, uint64_t addr)
{
	unsigned int rights;
	bool wider = false;
	struct step s;

	walk_root(t, addr, &s);
	for (;;) {
		rights = rights_at(t, &s);
		if (!(rights & TE_PRESENT)) {
			if (wider)
				break;
			if (rng_next(rng) & 1)
				entry_rights(t, rng, &s, random_rights(rng, s.level) | TE_PRESENT);
			else
				entry_random(t, ctl, rng, &s, TE_PRESENT);
			return;
		}
		if (!(rights & TE_WRITE) || (rights & TE_NOEXEC)) {
			wider = true;
			entry_rights(t, rng, &s, TE_PRESENT | TE_WRITE | TE_ACCESSED | TE_DIRTY);
		}
		if (!walk_down(t, addr, &s))
			break;
	}
	if (wider) {
		/* other addresses by the same entries may see an exception, too */
		t->exact = addr;
		t->again = 1;
	}
}

/*
 * Allow less, and go on without a flush. What KVM drops of it by then it has to flush itself before
 * the host takes the page away:
 *
 *	this vCPU			another vCPU			host
 *	---------			------------			----
 *	entry: absent			its own flush: KVM brings the
 *					table in step, no SPTE any more
 *									takes the page: no
 *									SPTE, nothing to flush
 *	access: the old page?
 */
static bool narrow(struct tables *t, struct rng *rng, uint64_t addr)
{
	unsigned int rights;
	struct step s;

	walk_root(t, addr, &s);
	while (walk_down(t, addr, &s))
		;
	rights = rights_at(t, &s);
	if (!(rights & TE_PRESENT))
		return false;
	entry_rights(t, rng, &s, rights & (rng_next(rng) & 1 ? ~TE_PRESENT : ~TE_WRITE));
	t->exact = 0;
	return true;
}

static bool is_exact(const struct tables *t, uint64_t addr)
{
	return t->exact == TABLES_ALL || t->exact == addr;
}

/* How many entries to change now: none while the tables rest. */
static unsigned int how_many(struct tables *t, struct rng *rng)
{
	if (t->rest && is_exact(t, t->addr)) {
		t->rest--;
		return 0;
	}
	t->rest = 0;
	return rng_below(rng, 4) ? 1 : rng_below(rng, 5);
}

static void flush(struct tables *t, struct rng *rng, bool one, struct tables_pick *p)
{
	t->again = 0;
	if (one && (rng_next(rng) & 1)) {
		p->flush = TABLE_FLUSH_ADDR;
		if (t->exact != TABLES_ALL)
			t->exact = t->addr;
		return;
	}
	p->flush = TABLE_FLUSH_ROOT;
	t->at = rng_below(rng, TABLES_EACH);
	t->exact = TABLES_ALL;
	if (!t->rest && rng_below(rng, 4))
		t->rest = rng_log(rng, TABLES_REST);
}

void tables_step(struct tables *t, struct guest_ctl *ctl, struct rng *rng, bool one,
		 struct tables_pick *p)
{
	unsigned int n;

	/*
	 * Often the same again: KVM keeps what it knows of it. Or a neighbour, that it may have
	 * prefetched. Any, while nothing changes: what KVM made of one way shows by another.
	 */
	if (rng_below(rng, t->rest ? 8 : 2))
		t->addr = near_addr(t, rng);
	p->addr = t->addr;
	p->flush = TABLE_KEEP;
	n = how_many(t, rng);
	if (n && is_exact(t, t->addr) && !rng_below(rng, 8)) {
		p->root = t->at;
		p->again = t->again;
		tables_walk(t, ctl, t->addr, p);
		p->late = narrow(t, rng, t->addr);
		if (p->late)
			return;
	} else if (is_exact(t, t->addr) && !rng_below(rng, n ? 4 : 64)) {
		widen(t, ctl, rng, t->addr);
		n = 0;
	}
	if (n)
		t->exact = 0;
	while (n--)
		change(t, ctl, rng, t->addr);
	if (!is_exact(t, t->addr) || !rng_below(rng, 32))
		flush(t, rng, one, p);
	p->late = false;
	p->root = t->at;
	p->again = t->again;
	tables_walk(t, ctl, t->addr, p);
}

void tables_allow(struct tables *t, struct guest_ctl *ctl, struct rng *rng, struct tables_pick *p)
{
	p->addr = t->addr;
	p->root = t->at;
	p->flush = TABLE_KEEP;
	p->late = false;
	do {
		widen(t, ctl, rng, t->addr);
		tables_walk(t, ctl, t->addr, p);
	} while (p->mode != WINDOW_WRITE);
	p->again = t->again;
}

uint64_t tables_addr(const struct tables *t, unsigned int n)
{
	uint64_t i3 = index_of(t, 3) + (n >> 4), i2 = index_of(t, 2) + (n >> 3 & 1);
	uint64_t i1 = index_of(t, 1) + (n & 7);

	return t->top << shift_of(4) | i3 << shift_of(3) | i2 << shift_of(2) | i1 << shift_of(1);
}

unsigned int tables_addr_nr(const struct tables *t, uint64_t addr)
{
	return of_addr(t, addr, 3) << 4 | of_addr(t, addr, 2) << 3 | of_addr(t, addr, 1);
}

bool tables_check(struct tables *t, uint64_t addr, bool store, bool done, uint64_t *got,
		  uint64_t *want)
{
	struct step s;

	walk_root(t, addr, &s);
	do {
		struct table_entry *e = &t->entry[s.table][slot_of(s.level) + s.n];
		unsigned int rights, must, may;

		*got = __atomic_load_n(in_memory(t, s.table, s.level, s.n), __ATOMIC_ACQUIRE);
		rights = arch_entry_rights(*got, s.level);
		must = arch_entry_rights(e->value, s.level);
		if (done)
			must |= TE_ACCESSED;
		if (is_leaf(&s, rights) && store) {
			e->stored = 1;
			if (done)
				must |= TE_DIRTY;
		}
		may = must | TE_ACCESSED | (e->stored ? TE_DIRTY : 0);
		*want = arch_entry(arch_entry_gpa(e->value), must, s.level);
		if ((must & ~rights) || (rights & ~may) ||
		    arch_entry_gpa(*got) != arch_entry_gpa(e->value)) {
			/* it is said once */
			e->stored = 1;
			return false;
		}
	} while (walk_down(t, addr, &s));
	return true;
}

bool tables_only_dirty(uint64_t got, uint64_t want)
{
	unsigned int is = arch_entry_rights(got, 1), must = arch_entry_rights(want, 1);

	return (is & ~must & TE_DIRTY) && is == (must | TE_DIRTY | (is & TE_ACCESSED)) &&
	       arch_entry_gpa(got) == arch_entry_gpa(want);
}
