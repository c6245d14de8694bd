// SPDX-License-Identifier: GPL-2.0-only
/*
 * The content oracle: what the guest program says about one access, for every rule of guest.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/compat.h"
#include "fake-arch.h"

static struct guest_ctl *ctl;
static struct guest_vcpu *vcpu;
static jmp_buf out;
static uint64_t rule;		/* what the guest reported */
static uint64_t fake_off;	/* zap_during() acts on accesses at this offset */

/* The guest's way out: GUEST_SYNC(). */
void ucall(uint64_t cmd, int nargs, ...)
{
	va_list ap;
	uint64_t what;

	va_start(ap, nargs);
	va_arg(ap, char *);
	what = va_arg(ap, uint64_t);
	va_end(ap);
	if (what == SYNC_REPORT)
		rule = vcpu->report.rule;
	else
		longjmp(out, 1);
}

static void pause_after(void)
{
	ctl->pause = 1;
}

/* Let the guest make one access of this kind; returns the rule that it found broken. */
static uint64_t one(enum access_op op)
{
	int i;

	rule = RULE_NONE;
	ctl->pause = 0;
	for (i = 0; i < 16; i++)
		vcpu->access[i] = op;
	if (!setjmp(out))
		guest_main(0);
	return rule;
}

/* Loads draw fill word or own word: repeat until it was the wanted one. */
static uint64_t load_of(uint64_t off, uint64_t value)
{
	do {
		fake.value = off == PAGE_FILL_OFF ? value : 0;
		rule = RULE_NONE;
		vcpu->rng.s += 7;
		fake.value = value;
		one(OP_LOAD);
	} while ((fake.gva & 0xfff) != off);
	return rule;
}

static void word(enum page_state old, enum page_state new, uint32_t gen, uint64_t flags)
{
	ctl_words(ctl)[0] = pw_make(ctl_words(ctl)[0], old, new, gen, flags);
}

static void share_during(void)
{
	word(PS_SHARED, PS_SHARED, 6, PW_FILLED);
	pause_after();
}

static int setup(void **state)
{
	memset(ctl, 0, ctl_size(1, 1));
	ctl->nr_pages = 1;
	ctl->nr_vcpus = 1;
	ctl_gva(ctl)[0] = REGION_GVA_OFFSET;
	vcpu = &ctl->vcpu[0];
	memset(&fake, 0, sizeof(fake));
	fake.during = pause_after;
	word(PS_MAPPED, PS_MAPPED, 5, PW_FILLED);
	return 0;
}

static uint64_t fill(uint32_t gen)
{
	return stamp_make(0, gen, STAMP_HOST, 0);
}

static void test_fill_right(void **state)
{
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(5)), RULE_NONE);
	fake.value = fill(5);
	assert_int_equal(one(OP_EXEC), RULE_NONE);
}

static void test_fill_stale(void **state)
{
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(4)), RULE_STALE);
	fake.value = fill(4);
	assert_int_equal(one(OP_EXEC), RULE_STALE);
	/* also when nothing has been filled yet, or while a call is under way */
	word(PS_MAPPED, PS_MAPPED, 5, 0);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(4)), RULE_STALE);
	word(PS_MAPPED, PS_HOLE, 5, PW_BUSY);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(4)), RULE_STALE);
}

/* Private memory: zero is what has to be there, until it is shared. */
static void test_fill_zero(void **state)
{
	word(PS_MAPPED, PS_MAPPED, 5, PW_FILLED | PW_ZERO);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_NONE);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(4)), RULE_STALE);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(5)), RULE_FUTURE);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0x1234), RULE_TORN);
	word(PS_MAPPED, PS_SHARED, 5, PW_BUSY);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_NONE);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(4)), RULE_STALE);
	word(PS_SHARED, PS_SHARED, 6, PW_FILLED);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(6)), RULE_NONE);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_LOST);
	/* the first stamp after it was shared, in the middle of the access */
	word(PS_MAPPED, PS_MAPPED, 5, PW_FILLED | PW_ZERO);
	fake.during = share_during;
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(6)), RULE_NONE);
}

static void test_fill_wraps(void **state)
{
	word(PS_MAPPED, PS_MAPPED, 0, PW_FILLED);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(STAMP_GEN_MASK)), RULE_STALE);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(1)), RULE_FUTURE);
}

static void test_fill_lost(void **state)
{
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_LOST);
	word(PS_MAPPED, PS_MAPPED, 5, 0);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_NONE);
}

static void test_fill_torn(void **state)
{
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(5) ^ (1ull << 40)), RULE_TORN);
	assert_int_equal(load_of(PAGE_FILL_OFF, stamp_make(1, 5, STAMP_HOST, 0)), RULE_TORN);
	assert_int_equal(load_of(PAGE_FILL_OFF, stamp_make(0, 5, 3, 0)), RULE_TORN);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0xdeadca7adeadca7aull), RULE_TORN);
}

static void zap_during(void)
{
	pause_after();
	if ((fake.gva & 0xfff) != fake_off)
		return;		/* not the access that the test waits for */
	word(PS_MAPPED, PS_MAPPED, 5, PW_BUSY);
	word(PS_MAPPED, PS_MAPPED, 6, 0);
}

static void test_zap_during_access(void **state)
{
	fake_off = PAGE_FILL_OFF;
	fake.during = zap_during;
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_NONE);
	setup(NULL);
	fake.during = zap_during;
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(5)), RULE_NONE);
	setup(NULL);
	fake.during = zap_during;
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(6)), RULE_NONE);
}

static void test_store_kept(void **state)
{
	uint64_t mine;

	assert_int_equal(one(OP_STORE), RULE_NONE);
	mine = fake.stored;
	assert_int_equal(stamp_writer(mine), 0);
	assert_int_equal(stamp_gen(mine), 5);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), mine), RULE_NONE);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), 0), RULE_LOST);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), stamp_make(0, 5, 0, 999)), RULE_LOST);
	/* a new generation: zeroes are right, the old store is stale */
	word(PS_MAPPED, PS_MAPPED, 6, 0);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), 0), RULE_NONE);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), mine), RULE_STALE);
}

static void test_store_while_busy_proves_nothing(void **state)
{
	fake_off = PAGE_OWN_OFF(0);
	fake.during = zap_during;
	assert_int_equal(one(OP_STORE), RULE_NONE);
	fake.during = pause_after;
	word(PS_MAPPED, PS_MAPPED, 6, PW_FILLED);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), 0), RULE_NONE);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), fake.stored), RULE_NONE);
}

static void test_rmw(void **state)
{
	uint64_t first;

	one(OP_STORE);
	first = fake.stored;
	fake.value = first;
	assert_int_equal(one(OP_RMW), RULE_NONE);
	assert_int_not_equal(fake.stored, first);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), fake.stored), RULE_NONE);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), first), RULE_LOST);
	fake.value = first;
	assert_int_equal(one(OP_RMW), RULE_LOST);
}

static void test_foreign_writer_is_torn(void **state)
{
	assert_int_equal(load_of(PAGE_OWN_OFF(0), stamp_make(0, 5, 1, 1)), RULE_TORN);
}

static void test_forbidden_access(void **state)
{
	static const enum page_state none[] = { PS_HOLE, PS_NOACCESS, PS_POISON, PS_NOSLOT, PS_REFUSED };
	unsigned int i;

	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		word(none[i], none[i], 5, PW_FILLED);
		assert_int_equal(load_of(PAGE_FILL_OFF, fill(5)), RULE_ACCESS);
		assert_int_equal(one(OP_STORE), RULE_ACCESS);
	}
	word(PS_READONLY, PS_READONLY, 5, PW_FILLED);
	assert_int_equal(load_of(PAGE_FILL_OFF, fill(5)), RULE_NONE);
	assert_int_equal(one(OP_STORE), RULE_ACCESS);
	assert_int_equal(one(OP_RMW), RULE_ACCESS);
	/* old and new answer are right while the call is under way */
	word(PS_MAPPED, PS_HOLE, 5, PW_BUSY | PW_FILLED);
	assert_int_equal(one(OP_STORE), RULE_NONE);
}

static void test_skipped_and_trapped(void **state)
{
	fake.status = ACCESS_SKIPPED;
	word(PS_HOLE, PS_HOLE, 5, PW_FILLED);
	assert_int_equal(load_of(PAGE_FILL_OFF, 0), RULE_NONE);
	assert_int_equal(one(OP_STORE), RULE_NONE);
	assert_true(vcpu->skipped > 0);
	fake.status = ACCESS_TRAPPED;
	word(PS_MAPPED, PS_MAPPED, 5, PW_FILLED);
	assert_int_equal(one(OP_EXEC), RULE_NONE);
}

static void mmio_during(void)
{
	vcpu->mmio = 1;
	pause_after();
}

static void test_mmio(void **state)
{
	uint64_t first;

	one(OP_STORE);
	first = fake.stored;
	fake.during = mmio_during;
	one(OP_STORE);			/* went to MMIO: memory still has the first */
	fake.during = pause_after;
	assert_int_equal(load_of(PAGE_OWN_OFF(0), first), RULE_NONE);
	fake.during = mmio_during;
	fake.value = first;
	one(OP_RMW);			/* may or may not have reached memory */
	fake.during = pause_after;
	assert_int_equal(load_of(PAGE_OWN_OFF(0), first), RULE_NONE);
	assert_int_equal(load_of(PAGE_OWN_OFF(0), fake.stored), RULE_NONE);
}

/* The access that the guest made by its window. */
static uint64_t window_access(enum access_op op, enum window_mode mode, enum access_status status)
{
	vcpu->window_gva = WINDOW_GVA(0);
	vcpu->window_mode = mode;
	fake.status = status;
	do {
		vcpu->rng.s += 7;
		one(op);
	} while ((fake.gva & ~GVA_FLAGS) != WINDOW_GVA(0));
	return rule;
}

static void test_window(void **state)
{
	assert_int_equal(window_access(OP_STORE, WINDOW_WRITE, ACCESS_DONE), RULE_NONE);
	assert_int_equal(window_access(OP_STORE, WINDOW_WRITE, ACCESS_TRAPPED), RULE_TRAPPED);
	assert_int_equal(window_access(OP_STORE, WINDOW_READ, ACCESS_TRAPPED), RULE_NONE);
	assert_int_equal(window_access(OP_STORE, WINDOW_READ, ACCESS_DONE), RULE_WINDOW);
	assert_int_equal(window_access(OP_STORE, WINDOW_READ, ACCESS_SKIPPED), RULE_WINDOW);
	assert_int_equal(window_access(OP_LOAD, WINDOW_READ, ACCESS_TRAPPED), RULE_TRAPPED);
	assert_int_equal(window_access(OP_LOAD, WINDOW_ABSENT, ACCESS_TRAPPED), RULE_NONE);
	assert_int_equal(window_access(OP_EXEC, WINDOW_ABSENT, ACCESS_DONE), RULE_WINDOW);
	fake.value = stamp_make(1, 5, STAMP_HOST, 0);	/* of another page */
	assert_int_equal(window_access(OP_EXEC, WINDOW_READ, ACCESS_DONE), RULE_TORN);
}

static void leave_in_access(void)
{
	vcpu->nested.access = L2_INSIDE;
	ctl->pause = 1;
}

/* What L1 says when L2 has left in an access for this (@got), and L1's own walk says that (@want). */
static uint64_t left_in_access(const uint64_t got[NESTED_FAULT_WORDS],
			       const uint64_t want[NESTED_FAULT_WORDS])
{
	static uint64_t table[TABLES_NR][512];
	unsigned int i;

	memset(table, 0, sizeof(table));
	for (i = 0; i < TABLES_NR; i++)
		vcpu->tables.gva[i] = (uint64_t)table[i];
	vcpu->tables.top = 1;
	vcpu->tables.addr = tables_addr(&vcpu->tables, 0);
	vcpu->nested.arch = 1;
	vcpu->nested.access = L2_WAITS;	/* or L1 would change the window first */
	vcpu->nested.verdict = L1_ALLOWED;
	memcpy(fake.got, got, sizeof(fake.got));
	memcpy(fake.want, want, sizeof(fake.want));
	fake.during = leave_in_access;
	return one(OP_LOAD);
}

static void test_nested_fault(void **state)
{
	const uint64_t right[] = { 0x400, 0x100000004, 0x1000 }, none[] = { 0, 0, 0x1000 };
	const uint64_t end[] = { 0x81, 0, 0 }, walk[] = { 0x400, 0x200000004, 0x1000 };
	const uint64_t inside[] = { 0x400, 0x100000004, 0x1080 };
	const uint64_t far[] = { 0x400, 0x100000004, 0x2000 };

	assert_int_equal(left_in_access(right, right), RULE_NONE);
	assert_int_equal(vcpu->nested.faults, 1);
	assert_int_equal(vcpu->nested.access, L2_WAITS);
	assert_int_equal(left_in_access(right, none), RULE_NPF);
	assert_int_equal(vcpu->nested.faults, 1);
	assert_int_equal(vcpu->nested.verdict, L1_REFUSED);
	assert_int_equal(left_in_access(end, right), RULE_NPF);
	assert_int_equal(left_in_access(walk, right), RULE_NPF_CODE);
	assert_int_equal(left_in_access(far, right), RULE_NPF_ADDRESS);
	assert_int_equal(left_in_access(right, inside), RULE_NPF_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fill_right, setup),
		cmocka_unit_test_setup(test_fill_stale, setup),
		cmocka_unit_test_setup(test_fill_zero, setup),
		cmocka_unit_test_setup(test_fill_wraps, setup),
		cmocka_unit_test_setup(test_fill_lost, setup),
		cmocka_unit_test_setup(test_fill_torn, setup),
		cmocka_unit_test_setup(test_zap_during_access, setup),
		cmocka_unit_test_setup(test_store_kept, setup),
		cmocka_unit_test_setup(test_store_while_busy_proves_nothing, setup),
		cmocka_unit_test_setup(test_rmw, setup),
		cmocka_unit_test_setup(test_foreign_writer_is_torn, setup),
		cmocka_unit_test_setup(test_forbidden_access, setup),
		cmocka_unit_test_setup(test_skipped_and_trapped, setup),
		cmocka_unit_test_setup(test_mmio, setup),
		cmocka_unit_test_setup(test_window, setup),
		cmocka_unit_test_setup(test_nested_fault, setup),
	};

	ctl = mmap((void *)CTL_GVA, 1 << 20, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
