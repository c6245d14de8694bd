// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region table: published by RCU, claimed page by page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "core/region.h"
#include "plugins.h"

/*
 * Regions live here: far above the program and its heap, far below libraries and stacks, so that no
 * mmap() of anybody else ever lands in a hole that an injector made. 1 GiB apart.
 */
#define ARENA_START	0x100000000000ul
#define ARENA_SLOTS	16384u
#define ARENA_STRIDE	0x40000000ul

#define FIRST_SLOT	10

struct region_table {
	unsigned int nr;
	struct region_place place[MAX_REGIONS];
};

static struct region_table *table;
static atomic_uint arena_next;
static _Atomic uint8_t arena_owner[ARENA_SLOTS];	/* id of a memslot's first region, plus 1 */

static const char *const state_names[PS_NR] = {
	[PS_MAPPED] = "mapped",
	[PS_READONLY] = "read-only",
	[PS_HOLE] = "hole",
	[PS_NOACCESS] = "prot-none",
	[PS_POISON] = "poisoned",
	[PS_NOSLOT] = "no-memslot",
	[PS_ROSLOT] = "read-only-memslot",
	[PS_REFUSED] = "refused",
	[PS_SHARED] = "shared",
};

const char *page_state_name(enum page_state s)
{
	return s < PS_NR ? state_names[s] : "?";
}

static uint64_t arena_hva(struct region *r, unsigned int n)
{
	atomic_store(&arena_owner[n], r->first->id + 1);
	return ARENA_START + n * ARENA_STRIDE + r->first->ops->hva_shift * GUEST_PAGE_SIZE;
}

/* Is a region there, or was one there before its last move? */
static bool arena_taken(unsigned int n)
{
	const struct region_table *t;
	bool taken = false;
	unsigned int i;

	rcu_read_lock();
	t = rcu_dereference(table);
	for (i = 0; t && i < t->nr && !taken; i++)
		taken = (t->place[i].hva - ARENA_START) / ARENA_STRIDE == n ||
			(t->place[i].old_hva - ARENA_START) / ARENA_STRIDE == n;
	rcu_read_unlock();
	return taken;
}

/* The last place is for parking. */
uint64_t region_new_hva(struct region *r)
{
	unsigned int n;

	do
		n = atomic_fetch_add(&arena_next, 1) % (ARENA_SLOTS - 1);
	while (arena_taken(n));
	return arena_hva(r, n);
}

bool region_same_offset(uint64_t a, uint64_t b)
{
	return (a - ARENA_START) % ARENA_STRIDE == (b - ARENA_START) % ARENA_STRIDE;
}

uint64_t region_parking_hva(struct region *r)
{
	return arena_hva(r, ARENA_SLOTS - 1);
}

/* That part of a memslot. */
static struct region *part_of(struct region *r, uint64_t page)
{
	for (; r && page >= r->nr; r = r->next)
		page -= r->nr;
	return r;
}

struct region *region_of_hva(struct run *run, uint64_t hva)
{
	uint64_t n = (hva - ARENA_START) / ARENA_STRIDE;
	unsigned int owner;

	if (hva < ARENA_START || n >= ARENA_SLOTS)
		return NULL;
	owner = atomic_load(&arena_owner[n]);
	if (!owner || owner > run->nr_regions)
		return NULL;
	return part_of(run->region[owner - 1],
		       (hva - ARENA_START) % ARENA_STRIDE / GUEST_PAGE_SIZE -
		       run->region[owner - 1]->ops->hva_shift);
}

struct region *region_of_guest(struct run *run, uint64_t addr)
{
	uint64_t gpa = addr >= REGION_GVA_OFFSET ? addr - REGION_GVA_OFFSET : addr;
	struct region *r;

	if (gpa >= REGION_GPA + GUEST_ALIAS_OFFSET)
		gpa -= GUEST_ALIAS_OFFSET;
	if (gpa < REGION_GPA || (gpa - REGION_GPA) / REGION_GPA_STRIDE >= run->nr_regions)
		return NULL;
	r = run->region[(gpa - REGION_GPA) / REGION_GPA_STRIDE]->first;
	return part_of(r, gpa < r->gpa ? 0 : (gpa - r->gpa) / GUEST_PAGE_SIZE) ?: r;
}

unsigned int region_pages(const struct backing_ops *ops, unsigned int pages)
{
	unsigned int unit = ops->granule ? ops->granule : 1;

	if (unit > GUEST_MAX_PAGES)
		return pages;		/* a part of one huge page: enough to touch */
	return (pages + unit - 1) / unit * unit;
}

uint64_t region_bytes(const struct region *r, unsigned int nr)
{
	return (nr < r->ops->granule ? r->ops->granule : nr) * GUEST_PAGE_SIZE;
}

static struct region *region_alloc(struct run *run, const struct backing_ops *ops,
				   unsigned int pages, struct region *before)
{
	struct region *r = calloc(1, sizeof(*r));

	r->run = run;
	r->ops = ops;
	r->id = run->nr_regions;
	r->base = run->nr_pages;
	r->nr = pages;
	r->first = before ? before->first : r;
	r->slot = before ? before->slot : FIRST_SLOT + 2 * r->id;
	r->gpa = before ? before->gpa + before->nr * GUEST_PAGE_SIZE :
		 REGION_GPA + r->id * REGION_GPA_STRIDE + ops->gpa_shift * GUEST_PAGE_SIZE;
	r->slot_flags = ops->slot_flags;
	r->mapped = ops->slot_flags & KVM_MEM_READONLY ? PS_ROSLOT :
		    ops->read_only ? PS_READONLY : PS_MAPPED;
	r->fd = -1;
	r->claimed = calloc(pages, 1);
	r->history = calloc(pages, sizeof(*r->history));
	if (before)
		before->next = r;
	return r;
}

/* One region at its host address, entered into the table. */
static struct region *region_add(struct run *run, const struct backing_ops *ops, unsigned int pages,
				 struct region *before)
{
	struct region *r;
	uint64_t hva;
	int err;

	if (run->nr_regions == MAX_REGIONS) {
		snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason),
			 "more than %d regions", MAX_REGIONS);
		return NULL;
	}
	r = region_alloc(run, ops, pages, before);
	if (ops->init && ops->init(r))
		return NULL;
	if (!table)
		table = calloc(1, sizeof(*table));
	hva = before ? table->place[before->id].hva + before->nr * GUEST_PAGE_SIZE :
	      region_new_hva(r);
	err = ops->map(r, hva, 0, pages);
	if (err) {
		snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason), "%s: mmap: %s",
			 ops->name, strerror(-err));
		return NULL;
	}
	table->place[table->nr++] = (struct region_place){
		r, r->gpa, pages * GUEST_PAGE_SIZE, hva
	};
	run->region[run->nr_regions++] = r;
	run->nr_pages += pages;
	return r;
}

struct region *region_create(struct run *run, const struct backing_ops *ops, unsigned int pages)
{
	struct region *r = NULL;
	unsigned int i, n = 0;

	if (!ops->parts)
		return region_add(run, ops, pages, NULL);
	while (ops->parts[n])
		n++;
	for (i = 0; i < n; i++) {
		r = region_add(run, ops->parts[i], pages * (i + 1) / n - pages * i / n, r);
		if (!r)
			return NULL;
	}
	return r->first;
}

/* KVM_SET_USER_MEMORY_REGION2 is there where guest_memfd is. */
static int set_one_slot(struct region *r, uint32_t slot, uint64_t gpa, uint64_t size, uint64_t hva)
{
	struct compat_region2 reg = {
		.slot = slot,
		.flags = r->slot_flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = hva,
		.guest_memfd_offset = r->fd_offset,
		.guest_memfd = r->fd,
	};

	if (!(r->slot_flags & KVM_MEM_GUEST_MEMFD))
		return __vm_set_user_memory_region(r->run->vm, slot, r->slot_flags, gpa, size,
						   (void *)hva);
	if (!size)
		reg.flags = 0;
	return ioctl(r->run->vm->fd, COMPAT_SET_USER_MEMORY_REGION2, &reg);
}

static int set_slot(struct region *r, uint32_t slot, uint64_t gpa, uint64_t size, uint64_t hva)
{
	int err = set_one_slot(r, slot, gpa, size, hva);

	if (!err && r->run->spaces > 1)
		err = set_one_slot(r, slot | REGION_SECOND_SPACE, gpa, size, hva);
	return err;
}

int region_shift_slots(struct region *r, uint64_t hva, uint64_t off)
{
	uint64_t size = 0;
	struct region *part;
	int err;

	for (part = r; hva && part; part = part->next)
		size += region_bytes(part, part->nr);
	atomic_fetch_add(&r->slot_changes, 1);
	err = set_slot(r, r->slot, r->gpa + off, size, hva);
	if (!err && r->ops->alias)
		err = set_slot(r, r->slot + 1, r->gpa + off + GUEST_ALIAS_OFFSET, size, hva);
	atomic_fetch_add(&r->slot_changes, 1);
	return err ? -1 : 0;
}

int region_set_slots(struct region *r, uint64_t hva)
{
	return region_shift_slots(r, hva, 0);
}

int region_set_private(struct region *r, unsigned int first, unsigned int nr, bool private)
{
	struct compat_memory_attributes a = {
		.address = r->gpa + first * GUEST_PAGE_SIZE,
		.size = nr * GUEST_PAGE_SIZE,
		.attributes = private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0,
	};

	return ioctl(r->run->vm->fd, COMPAT_SET_MEMORY_ATTRIBUTES, &a);
}

bool region_guest_huge(const struct region *r)
{
	return r->ops->huge && (r->run->seed + r->id) % 4;
}

static void guest_map(struct region *r, uint64_t off)
{
	if (region_guest_huge(r))
		arch_map_huge(r->run->vm, r->gpa + off + REGION_GVA_OFFSET, r->gpa + off, r->nr);
	else
		virt_map(r->run->vm, r->gpa + off + REGION_GVA_OFFSET, r->gpa + off, r->nr);
}

void regions_publish_all(struct run *run)
{
	unsigned int i, p;

	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];
		uint64_t flags = r->ops->alias ? GVA_ALIAS : 0;

		if (r == r->first)
			TEST_ASSERT(!region_set_slots(r, table->place[i].hva), "memslots of %s: %s",
				    r->ops->name, strerror(errno));
		if (r->ops->guest_only)
			TEST_ASSERT(!region_set_private(r, 0, r->nr, true),
				    "KVM_SET_MEMORY_ATTRIBUTES: %s", strerror(errno));
		guest_map(r, 0);
		if (r->ops->alias)
			guest_map(r, GUEST_ALIAS_OFFSET);
		for (p = 0; p < r->nr; p++)
			ctl_gva(run->ctl)[r->base + p] =
				(r->gpa + REGION_GVA_OFFSET + p * GUEST_PAGE_SIZE) | flags;
		pages_begin(r, 0, r->nr, r->mapped, true);
		pages_end(r, 0, r->nr, r->mapped, true);
		pages_fill(r, 0, r->nr);
	}
}

void region_unmap(struct region *r, uint64_t hva)
{
	uint64_t apron = r->ops->apron * GUEST_PAGE_SIZE;

	munmap((void *)(hva - apron), region_bytes(r, r->nr) + 2 * apron);
}

void regions_destroy(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		region_unmap(r, table->place[i].hva);
		if (r->ops->fini)
			r->ops->fini(r);
		free(r->claimed);
		free(r->history);
		free(r);
	}
	run->nr_regions = 0;
	free(table);
	table = NULL;
}

uint64_t region_hva(struct region *r)
{
	uint64_t hva;

	rcu_read_lock();
	hva = rcu_dereference(table)->place[r->id].hva;
	rcu_read_unlock();
	return hva;
}

bool region_at(struct run *run, uint64_t gpa, struct region_place *place)
{
	const struct region_table *t;
	unsigned int i;
	bool found = false;

	(void)run;
	rcu_read_lock();
	t = rcu_dereference(table);
	for (i = 0; i < t->nr && !found; i++) {
		if (gpa - t->place[i].gpa < t->place[i].size) {
			*place = t->place[i];
			found = true;
		}
	}
	rcu_read_unlock();
	return found;
}

void region_move(struct region *r, uint64_t hva)
{
	static pthread_mutex_t movers = PTHREAD_MUTEX_INITIALIZER;
	struct region_table *old, *new = malloc(sizeof(*new));

	pthread_mutex_lock(&movers);
	old = table;
	*new = *old;
	for (; r; r = r->next) {
		struct region_place *place = &new->place[r->id];

		place->old_hva = place->hva;
		place->hva = hva + (r->gpa - r->first->gpa);
	}
	rcu_assign_pointer(table, new);
	pthread_mutex_unlock(&movers);
	synchronize_rcu();
	free(old);
}

bool region_claim_page(struct region *r, unsigned int page)
{
	return !atomic_exchange_explicit(&r->claimed[page], 1, memory_order_acquire);
}

static bool claim_range(struct region *r, unsigned int first, unsigned int nr, unsigned int *got)
{
	for (*got = 0; *got < nr; (*got)++)
		if (!region_claim_page(r, first + *got))
			return false;
	return true;
}

/* All or none. */
static bool claim_whole(struct region *r, unsigned int first, unsigned int nr)
{
	unsigned int got;

	if (claim_range(r, first, nr, &got))
		return true;
	region_release(r, first, got);
	return false;
}

/* A random run of blocks of so many pages, at most max pages or one block; all or none. */
static unsigned int claim_blocks(struct region *r, struct rng *rng, unsigned int block,
				 unsigned int max, unsigned int *first)
{
	unsigned int all = r->nr / block, nr;

	if (!all) {		/* a part of one huge page */
		*first = 0;
		return claim_whole(r, 0, r->nr) ? r->nr : 0;
	}
	nr = max / block < all ? max / block : all;
	nr = nr ? rng_log(rng, nr) : 1;
	*first = rng_below(rng, all - nr + 1) * block;
	return claim_whole(r, *first, nr * block) ? nr * block : 0;
}

unsigned int region_claim(struct region *r, struct rng *rng, unsigned int max, unsigned int *first)
{
	bool huge = max & CLAIM_HUGE;
	unsigned int nr;

	if (r->ops->no_vma && !(max & CLAIM_NO_VMA))
		return 0;
	max &= ~(CLAIM_HUGE | CLAIM_NO_VMA);
	if (r->ops->granule > 1)
		return huge ? claim_blocks(r, rng, r->ops->granule, max, first) : 0;
	/* rarely: one such call takes as long as dozens of others */
	if (huge && r->ops->huge && r->nr >= r->ops->huge && !rng_below(rng, 12))
		return claim_blocks(r, rng, r->ops->huge, r->ops->huge, first);
	nr = rng_log(rng, max < r->nr ? max : r->nr);
	*first = rng_below(rng, r->nr - nr + 1);
	claim_range(r, *first, nr, &nr);
	return nr;
}

unsigned int region_claim_at(struct region *r, struct rng *rng, unsigned int at, unsigned int max,
			     unsigned int *first)
{
	unsigned int pages = max & ~(CLAIM_HUGE | CLAIM_NO_VMA), nr;

	if (r->ops->granule > 1 || (r->ops->no_vma && !(max & CLAIM_NO_VMA)))
		return region_claim(r, rng, max, first);
	nr = rng_log(rng, pages < r->nr ? pages : r->nr);
	*first = at - rng_below(rng, (at < nr ? at + 1 : nr));
	if (*first + nr > r->nr)
		*first = r->nr - nr;
	claim_range(r, *first, nr, &nr);
	return nr;
}

bool region_claim_all(struct region *r)
{
	struct region *part, *undo;

	for (part = r; part; part = part->next) {
		if (claim_whole(part, 0, part->nr))
			continue;
		for (undo = r; undo != part; undo = undo->next)
			region_release(undo, 0, undo->nr);
		return false;
	}
	return true;
}

void region_release_all(struct region *r)
{
	for (; r; r = r->next)
		region_release(r, 0, r->nr);
}

void region_release(struct region *r, unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		atomic_store_explicit(&r->claimed[i], 0, memory_order_release);
}

/*
 * The history goes first, so that whoever sees the word finds it there. The word is ordered against
 * the claimer's system calls by their being system calls, and against the fill stamp by the fence;
 * pairs with the loads around the access in guest.c.
 */
static void page_set(struct region *r, unsigned int page, uint64_t word)
{
	atomic_store_explicit(&r->history[page][pw_seq(word) % PAGE_HISTORY], word,
			      memory_order_release);
	__atomic_store_n(&ctl_words(r->run->ctl)[r->base + page], word, __ATOMIC_SEQ_CST);
}

void pages_begin(struct region *r, unsigned int first, unsigned int nr, enum page_state to,
		 bool lose)
{
	unsigned int p;

	for (p = first; p < first + nr; p++) {
		uint64_t w = page_word(r, p);

		page_set(r, p, pw_make(w, pw_new(w), to, pw_gen(w),
				       PW_BUSY | (lose ? 0 : w & (PW_FILLED | PW_ZERO))));
	}
}

unsigned int region_busy_page(const struct region *r, struct rng *rng)
{
	unsigned int first = rng_below(rng, r->nr), i, p;

	for (i = 0; i < r->nr; i++) {
		p = (first + i) % r->nr;
		if (page_word(r, p) & PW_BUSY)
			return p;
	}
	return first;
}

void pages_end(struct region *r, unsigned int first, unsigned int nr, enum page_state state,
	       bool lost)
{
	unsigned int p;

	for (p = first; p < first + nr; p++) {
		uint64_t w = page_word(r, p);

		page_set(r, p, pw_make(w, state, state, pw_gen(w) + lost,
				       lost ? 0 : w & (PW_FILLED | PW_ZERO)));
	}
}

void pages_fill(struct region *r, unsigned int first, unsigned int nr)
{
	uint64_t hva = region_hva(r);
	unsigned int p;

	for (p = first; p < first + nr; p++) {
		uint64_t w = page_word(r, p);
		uint64_t stamp = stamp_make(r->base + p, pw_gen(w), STAMP_HOST, 0);
		uint64_t flags = PW_FILLED;

		if (pw_new(w) != r->mapped && pw_new(w) != PS_SHARED)
			continue;
		if (r->ops->guest_only && pw_new(w) != PS_SHARED) {
			flags |= PW_ZERO;
		} else if (r->ops->fill) {
			if (r->ops->fill(r, p, stamp))
				continue;
		} else {
			arch_fill((void *)(hva + p * GUEST_PAGE_SIZE), stamp);
		}
		page_set(r, p, pw_make(w, pw_new(w), pw_new(w), pw_gen(w), flags));
	}
}

unsigned int page_states(struct region *r, unsigned int page, uint64_t w1, uint64_t w2)
{
	unsigned int mask = 1u << pw_old(w1) | 1u << pw_new(w1) | 1u << pw_old(w2) |
			    1u << pw_new(w2);
	unsigned int n = (pw_seq(w2) - pw_seq(w1)) & 0xffffff, i;

	if (n >= PAGE_HISTORY)
		return ~0u;
	for (i = 1; i < n; i++) {
		unsigned int seq = (pw_seq(w1) + i) & 0xffffff;
		uint64_t w = atomic_load_explicit(&r->history[page][seq % PAGE_HISTORY],
						  memory_order_acquire);

		if (pw_seq(w) != seq)
			return ~0u;
		mask |= 1u << pw_old(w) | 1u << pw_new(w);
	}
	return mask;
}

void region_failure(struct failure *f, struct region *r, unsigned int page)
{
	snprintf(f->backing, sizeof(f->backing), "%s", r->ops->name);
	snprintf(f->state, sizeof(f->state), "%s", page_state_name(pw_new(page_word(r, page))));
	f->gpa = r->gpa + page * GUEST_PAGE_SIZE;
	f->hva = region_hva(r) + page * GUEST_PAGE_SIZE;
}
