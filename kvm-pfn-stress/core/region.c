// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region table: published by RCU, claimed page by page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
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

static const char *const state_names[PS_NR] = {
	[PS_MAPPED] = "mapped",
	[PS_READONLY] = "read-only",
	[PS_HOLE] = "hole",
	[PS_NOACCESS] = "prot-none",
	[PS_POISON] = "poisoned",
	[PS_NOSLOT] = "no-memslot",
	[PS_ROSLOT] = "read-only-memslot",
	[PS_REFUSED] = "refused",
};

const char *page_state_name(enum page_state s)
{
	return s < PS_NR ? state_names[s] : "?";
}

uint64_t region_new_hva(struct region *r)
{
	unsigned int n = atomic_fetch_add(&arena_next, 1);

	(void)r;
	return ARENA_START + (n % ARENA_SLOTS) * ARENA_STRIDE;
}

struct region *region_create(struct run *run, const struct backing_ops *ops, unsigned int pages)
{
	struct region *r = calloc(1, sizeof(*r));
	uint64_t hva;
	int err;

	r->run = run;
	r->ops = ops;
	r->id = run->nr_regions;
	r->slot = FIRST_SLOT + r->id;
	r->base = run->nr_pages;
	r->nr = pages;
	r->gpa = REGION_GPA + r->id * REGION_GPA_STRIDE;
	r->mapped = ops->read_only ? PS_READONLY : PS_MAPPED;
	r->fd = -1;
	r->claimed = calloc(pages, 1);
	r->history = calloc(pages, sizeof(*r->history));

	if (ops->init && ops->init(r))
		return NULL;
	hva = region_new_hva(r);
	err = ops->map(r, hva, 0, pages);
	if (err) {
		snprintf(run->sh->skip_reason, sizeof(run->sh->skip_reason), "%s: mmap: %s",
			 ops->name, strerror(-err));
		return NULL;
	}
	if (!table)
		table = calloc(1, sizeof(*table));
	table->place[table->nr++] = (struct region_place){ r, r->gpa, pages * GUEST_PAGE_SIZE, hva };
	run->region[run->nr_regions++] = r;
	run->nr_pages += pages;
	return r;
}

void regions_publish_all(struct run *run)
{
	unsigned int i, p;

	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];
		struct region_place *pl = &table->place[i];

		vm_set_user_memory_region(run->vm, r->slot, r->slot_flags, r->gpa, pl->size,
					  (void *)pl->hva);
		virt_map(run->vm, r->gpa + REGION_GVA_OFFSET, r->gpa, r->nr);
		for (p = 0; p < r->nr; p++)
			ctl_gva(run->ctl)[r->base + p] =
				r->gpa + REGION_GVA_OFFSET + p * GUEST_PAGE_SIZE;
		pages_begin(r, 0, r->nr, r->mapped, true);
		pages_end(r, 0, r->nr, r->mapped, true);
		pages_fill(r, 0, r->nr);
	}
}

void regions_destroy(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		munmap((void *)table->place[i].hva, table->place[i].size);
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
	new->place[r->id].old_hva = old->place[r->id].hva;
	new->place[r->id].hva = hva;
	rcu_assign_pointer(table, new);
	pthread_mutex_unlock(&movers);
	synchronize_rcu();
	free(old);
}

unsigned int region_claim(struct region *r, struct rng *rng, unsigned int max, unsigned int *first)
{
	unsigned int nr = rng_log(rng, max < r->nr ? max : r->nr);
	unsigned int at = rng_below(rng, r->nr - nr + 1), i;

	for (i = 0; i < nr; i++)
		if (atomic_exchange_explicit(&r->claimed[at + i], 1, memory_order_acquire))
			break;
	*first = at;
	return i;
}

bool region_claim_all(struct region *r)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++) {
		if (atomic_exchange_explicit(&r->claimed[i], 1, memory_order_acquire)) {
			region_release(r, 0, i);
			return false;
		}
	}
	return true;
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
				       PW_BUSY | (lose ? 0 : w & PW_FILLED)));
	}
}

void pages_end(struct region *r, unsigned int first, unsigned int nr, enum page_state state,
	       bool lost)
{
	unsigned int p;

	for (p = first; p < first + nr; p++) {
		uint64_t w = page_word(r, p);

		page_set(r, p, pw_make(w, state, state, pw_gen(w) + lost,
				       lost ? 0 : w & PW_FILLED));
	}
}

void pages_fill(struct region *r, unsigned int first, unsigned int nr)
{
	uint64_t hva = region_hva(r);
	unsigned int p;

	for (p = first; p < first + nr; p++) {
		uint64_t w = page_word(r, p);
		uint64_t stamp = stamp_make(r->base + p, pw_gen(w), STAMP_HOST, 0);

		if (pw_new(w) != r->mapped)
			continue;
		if (r->ops->fill) {
			if (r->ops->fill(r, p, stamp))
				continue;
		} else {
			arch_fill((void *)(hva + p * GUEST_PAGE_SIZE), stamp);
		}
		page_set(r, p, pw_make(w, pw_new(w), pw_new(w), pw_gen(w), PW_FILLED));
	}
}

unsigned int page_states(struct region *r, unsigned int page, uint64_t w1, uint64_t w2)
{
	unsigned int mask = 1u << pw_old(w1) | 1u << pw_new(w1) | 1u << pw_old(w2) | 1u << pw_new(w2);
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
