// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables.c against a CPU that keeps every translation and every upper table for as long as it may: what
 * the tables say of an address is what that CPU does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/compat.h"
#include "fake-arch.h"
#include "tables.h"

#define PAGES	40
#define STEPS	100000

static struct guest_ctl *ctl;
static struct tables *users;
static struct rng rng;

/* What the CPU keeps: of an entry, by the address bits that lead to it. */
static struct kept {
	uint64_t prefix, table;
	unsigned int level, all, rights;
	bool used;
} kept[64];

static void forget(bool (*which)(const struct kept *k, uint64_t addr), uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < 64; i++)
		if (which(&kept[i], addr))
			kept[i].used = false;
}

static unsigned int shift(unsigned int level)
{
	return 12 + 9 * (level - 1);
}

static bool of_tables(const struct kept *k, uint64_t addr)
{
	return !(k->rights & TE_LEAF) || k->prefix == addr >> shift(k->level);
}

static bool any(const struct kept *k, uint64_t addr)
{
	return true;
}

static struct kept *find(uint64_t addr, unsigned int level)
{
	unsigned int i;

	for (i = 0; i < 64; i++)
		if (kept[i].used && kept[i].level == level && kept[i].prefix == addr >> shift(level))
			return &kept[i];
	return NULL;
}

static uint64_t *memory_of(const struct tables *t, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < TABLES_NR; i++)
		if (t->gpa[i] == gpa)
			return (uint64_t *)t->gva[i];
	fail_msg("no table at 0x%lx", gpa);
	return NULL;
}

static void keep(uint64_t addr, unsigned int level, uint64_t gpa, unsigned int all,
		 unsigned int rights)
{
	struct kept *k = find(addr, level);
	unsigned int i;

	for (i = 0; !k && i < 64; i++)
		if (!kept[i].used)
			k = &kept[i];
	if (k)
		*k = (struct kept){ addr >> shift(level), gpa, level, all, rights, true };
}

/*
 * An access: by the lowest entry that is kept, and from there by memory. Returns the gpa, 0 for an
 * exception, after which nothing of the address is kept.
 */
static uint64_t cpu_access(const struct tables *t, uint64_t root, uint64_t addr, bool store,
			   bool exec)
{
	unsigned int level, rights = 0, all = TE_WRITE;
	uint64_t gpa = root;
	struct kept *k = NULL;

	for (level = 1; level <= TABLES_LEVELS && !k; level++)
		k = find(addr, level);
	level = TABLES_LEVELS;
	if (k) {
		gpa = k->table;
		level = k->level - 1;
		all = k->all;
		rights = k->rights;
		/* the dirty bit is set by a walk from the root */
		if ((rights & TE_LEAF) && store && !(rights & TE_DIRTY)) {
			gpa = root;
			level = TABLES_LEVELS;
			rights = 0;
			all = TE_WRITE;
		}
	}
	while (!(rights & TE_LEAF)) {
		uint64_t *e = memory_of(t, gpa) + (addr >> shift(level) & 511);

		rights = arch_entry_rights(*e, level);
		if (!(rights & TE_PRESENT))
			goto exception;
		all = (all & rights & TE_WRITE) | ((all | rights) & TE_NOEXEC);
		if ((rights & TE_LEAF) && store && !(all & TE_WRITE))
			goto exception;
		if ((rights & TE_LEAF) && exec && (all & TE_NOEXEC))
			goto exception;
		rights |= TE_ACCESSED | (store && (rights & TE_LEAF) ? TE_DIRTY : 0);
		gpa = arch_entry_gpa(*e);
		*e = arch_entry(gpa, rights, level);
		keep(addr, level, gpa, all, rights);
		if (rights & TE_LEAF)
			break;
		level--;
	}
	if ((store && !(all & TE_WRITE)) || (exec && (all & TE_NOEXEC)))
		goto exception;
	k = find(addr, 2);
	return k && (k->rights & TE_LEAF) ? gpa + (addr & ((1ul << 21) - GUEST_PAGE_SIZE)) : gpa;
exception:
	forget(of_tables, addr);
	return 0;
}

static bool allowed(uint64_t mode, bool store, bool exec)
{
	uint64_t rw = mode & ~(uint64_t)WINDOW_NOEXEC;

	return rw != WINDOW_ABSENT && !(store && rw != WINDOW_WRITE) &&
	       !(exec && (mode & WINDOW_NOEXEC));
}

static uint64_t gpa_of(uint64_t page)
{
	return (ctl_gva(ctl)[page] & ~GVA_FLAGS) - REGION_GVA_OFFSET;
}

/* One step of a user, and accesses until the next. */
static void step(struct tables *t, bool one)
{
	unsigned int n = 1 + rng_below(&rng, 3);
	struct tables_pick p;

	tables_step(t, ctl, &rng, one, &p);
	assert_true(one || p.flush != TABLE_FLUSH_ADDR);
	if (p.flush == TABLE_FLUSH_ROOT)
		forget(any, 0);
	else if (p.flush == TABLE_FLUSH_ADDR)
		forget(of_tables, p.addr);
	if (p.mode != WINDOW_ABSENT && p.page == NO_PAGE)
		return;
	while (n--) {
		bool store = rng_next(&rng) & 1, exec = !store && (rng_next(&rng) & 1);
		uint64_t root = t->gpa[TABLES_NR - TABLES_EACH + p.root], got, want, gpa;

		gpa = cpu_access(t, root, p.addr, store, exec);
		if (!gpa && p.again) {
			gpa = cpu_access(t, root, p.addr, store, exec);
			p.again = false;
		}
		if (allowed(p.mode, store, exec) && !(p.late && !gpa))
			assert_int_equal(gpa, gpa_of(p.page));
		else
			assert_int_equal(gpa, 0);
		assert_true(tables_check(t, p.addr, store, gpa && !p.late, &got, &want));
	}
}

static void setup_users(unsigned int nr)
{
	unsigned int u, i;

	memset(users, 0, nr * sizeof(*users));
	memset(kept, 0, sizeof(kept));
	for (u = 0; u < nr; u++) {
		users[u].user = u;
		users[u].top = TABLES_TOP(u);
		for (i = 0; i < TABLES_NR; i++) {
			users[u].gva[i] = 0x200000000ul + i * GUEST_PAGE_SIZE;
			users[u].gpa[i] = 0x1000000 + i * GUEST_PAGE_SIZE;
		}
		tables_start(&users[u], ctl, &rng);
	}
}

static void test_steps(void **state)
{
	unsigned int i;

	setup_users(1);
	for (i = 0; i < STEPS; i++)
		step(&users[0], true);
	for (i = 0; i < TABLES_LEVELS; i++)
		assert_true(users[0].changes[i] > STEPS / 100);
}

static void test_steps_by_root_only(void **state)
{
	unsigned int i;

	setup_users(1);
	for (i = 0; i < STEPS; i++)
		step(&users[0], false);
}

/* Others rewrite their entries of the same tables. */
static void test_users(void **state)
{
	struct tables_pick p;
	unsigned int i;

	setup_users(TABLES_USERS);
	for (i = 0; i < STEPS; i++) {
		step(&users[3], true);
		tables_step(&users[i % 2 ? 2 : 4], ctl, &rng, true, &p);
	}
}

/* The entry of the root, of an access that was completed. */
static uint64_t *accessed(bool store, struct tables_pick *p)
{
	uint64_t root;

	do {
		tables_step(&users[0], ctl, &rng, true, p);
		memset(kept, 0, sizeof(kept));
		root = TABLES_NR - TABLES_EACH + p->root;
	} while (p->page == NO_PAGE || p->late ||
		 !cpu_access(&users[0], users[0].gpa[root], p->addr, store, false));
	return memory_of(&users[0], users[0].gpa[root]) + (p->addr >> shift(4) & 511);
}

static void test_check(void **state)
{
	struct tables_pick p;
	uint64_t got, want, *e;

	setup_users(1);
	e = accessed(true, &p);
	assert_true(tables_check(&users[0], p.addr, true, true, &got, &want));
	*e &= ~(uint64_t)TE_ACCESSED;
	assert_false(tables_check(&users[0], p.addr, true, true, &got, &want));
	assert_int_equal(got, *e);
	assert_int_equal(want, *e | TE_ACCESSED);
	*e |= TE_ACCESSED;
	*e ^= TE_WRITE;
	assert_false(tables_check(&users[0], p.addr, true, true, &got, &want));

	/* an access that may have got that far, or not */
	setup_users(1);
	e = accessed(false, &p);
	*e = users[0].entry[TABLES_NR - TABLES_EACH + p.root][TABLES_ENTRIES - 1].value;
	assert_true(tables_check(&users[0], p.addr, false, false, &got, &want));
	*e |= TE_ACCESSED;
	assert_true(tables_check(&users[0], p.addr, false, false, &got, &want));
	*e ^= GUEST_PAGE_SIZE;
	assert_false(tables_check(&users[0], p.addr, false, false, &got, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_steps_by_root_only),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_check),
	};
	unsigned int i;

	ctl = mmap((void *)CTL_GVA, 1 << 20, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	users = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap((void *)0x200000000ul, TABLES_NR * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ctl->nr_pages = PAGES;
	ctl->nr_vcpus = 1;
	/* two regions */
	for (i = 0; i < PAGES; i++)
		ctl_gva(ctl)[i] = REGION_GPA + REGION_GVA_OFFSET + (i % 20) * GUEST_PAGE_SIZE +
				  i / 20 * REGION_GPA_STRIDE;
	rng_seed(&rng, 7, 7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
