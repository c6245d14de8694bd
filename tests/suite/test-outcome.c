// SPDX-License-Identifier: GPL-2.0-only
/*
 * The outcome and poison oracles: every state with every answer, the SIGBUS's fields, MMIO's
 * address, and the page history that they judge by.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#undef fail		/* cmocka's; the suite has a function of that name */

#include "core/compat.h"
#include "core/region.h"
#include "fake-arch.h"
#include "oracles/outcome.h"
#include "plugins.h"

static struct shared *sh;
static struct run run;
static struct worker_shared ws;
static struct worker w = { .run = &run, .ws = &ws };
static struct region *r;
static struct region_place place;

/* The last failure that an oracle reported. */
static const struct failure *failed(void)
{
	return sh->nr_failures ? &sh->failure[sh->nr_failures - 1] : NULL;
}

/* Build a run with one region of the backing, without KVM: memslots go nowhere. */
static void with_region(const char *backing)
{
	memset(sh, 0, sizeof(*sh));
	memset(&run, 0, sizeof(run));
	pthread_mutex_init(&sh->lock, NULL);
	run.sh = sh;
	run.ctl = sh->ctl = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	run.helper_fd = -1;
	r = region_create(&run, backing_find(backing), 4);
	assert_non_null(r);
	run.ctl->nr_pages = 4;
	ctl_gva(run.ctl)[2] = r->gpa + REGION_GVA_OFFSET + 2 * GUEST_PAGE_SIZE;
	assert_true(region_at(&run, r->gpa, &place));
	pages_begin(r, 0, 4, r->mapped, true);
	pages_end(r, 0, 4, r->mapped, true);
	snprintf(ws.name, sizeof(ws.name), "vcpu0");
}

static int teardown(void **state)
{
	regions_destroy(&run);
	return 0;
}

/* The vCPU is in an access to page 2 that began now. */
static void access_begins(enum access_op op)
{
	run.ctl->vcpu[0].page = 2;
	run.ctl->vcpu[0].op = op;
	run.ctl->vcpu[0].word = page_word(r, 2);
}

static uint64_t fault_flags;

static bool answer(enum run_result result)
{
	struct run_outcome o = {
		.result = result,
		.sig_code = BUS_MCEERR_AR,
		.sig_lsb = 12,
		.sig_addr = place.hva + 2 * GUEST_PAGE_SIZE + 0x123,
		.mmio_gpa = r->gpa + 2 * GUEST_PAGE_SIZE + 64,
		.mmio_write = run.ctl->vcpu[0].op != OP_LOAD,
		.exit_reason = KVM_EXIT_MEMORY_FAULT,
		.fault_gpa = r->gpa + 2 * GUEST_PAGE_SIZE,
		.fault_size = GUEST_PAGE_SIZE,
		.fault_flags = fault_flags,
	};

	sh->nr_failures = 0;
	return outcome_check(&w, &o);
}

static void state_is(enum page_state s)
{
	pages_begin(r, 2, 1, s, false);
	pages_end(r, 2, 1, s, false);
}

static void test_table(void **state)
{
	static const struct {
		enum page_state s;
		enum access_op op;
		unsigned int right;
	} rows[] = {
		{ PS_MAPPED, OP_LOAD, 0 }, { PS_MAPPED, OP_STORE, 0 },
		{ PS_READONLY, OP_LOAD, 0 }, { PS_READONLY, OP_STORE, 1 << RES_EFAULT },
		{ PS_HOLE, OP_LOAD, 1 << RES_EFAULT }, { PS_HOLE, OP_EXEC, 1 << RES_EFAULT },
		{ PS_NOACCESS, OP_STORE, 1 << RES_EFAULT },
		{ PS_POISON, OP_LOAD, 1 << RES_SIGBUS }, { PS_POISON, OP_RMW, 1 << RES_SIGBUS },
		{ PS_NOSLOT, OP_STORE, 1 << RES_MMIO }, { PS_NOSLOT, OP_EXEC, 1 << RES_INTERNAL },
		{ PS_ROSLOT, OP_LOAD, 0 }, { PS_ROSLOT, OP_STORE, 1 << RES_MMIO },
		{ PS_REFUSED, OP_LOAD, 1 << RES_EFAULT },
		{ PS_SHARED, OP_LOAD, 0 }, { PS_SHARED, OP_RMW, 0 },
	};
	unsigned int i, res;

	with_region("anon");
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		state_is(rows[i].s);
		access_begins(rows[i].op);
		for (res = RES_EFAULT; res < NR_RESULTS; res++) {
			bool right = rows[i].right & (1u << res);

			if (answer(res) == right && !failed() == right)
				continue;
			print_error("state %u op %u answer %s: expected %s\n", rows[i].s,
				    rows[i].op, run_result_names[res], right ? "right" : "wrong");
			assert_true(false);
		}
	}
}

static void test_fingerprints(void **state)
{
	with_region("anon");
	access_begins(OP_LOAD);
	assert_false(answer(RES_EFAULT));
	assert_string_equal(failed()->fingerprint, "outcome/efault-mapped/anon/load");
	assert_int_equal(failed()->gpa, r->gpa + 2 * GUEST_PAGE_SIZE);
	state_is(PS_POISON);
	access_begins(OP_STORE);
	assert_false(answer(RES_EFAULT));
	assert_string_equal(failed()->fingerprint, "poison/efault-poisoned/anon/store");
	state_is(PS_MAPPED);
	access_begins(OP_STORE);
	assert_false(answer(RES_SIGBUS));
	assert_string_equal(failed()->oracle, "poison");
	assert_true(sh->stop);
}

static void test_both_answers_while_a_call_is_under_way(void **state)
{
	with_region("anon");
	access_begins(OP_LOAD);
	pages_begin(r, 2, 1, PS_HOLE, true);
	assert_true(answer(RES_EFAULT));
	pages_end(r, 2, 1, PS_HOLE, true);
	pages_begin(r, 2, 1, PS_MAPPED, true);
	pages_end(r, 2, 1, PS_MAPPED, true);
	assert_true(answer(RES_EFAULT));	/* was a hole in between */
	assert_false(answer(RES_SIGBUS));	/* but never poisoned */
	access_begins(OP_LOAD);
	assert_false(answer(RES_EFAULT));	/* a new access: mapped all the time */
}

/* A compare-and-exchange that is emulated without a memslot, and met one whose page is read-only. */
static void test_emulation_meets_a_memslot(void **state)
{
	with_region("anon");
	state_is(PS_NOSLOT);
	access_begins(OP_RMW);
	assert_false(answer(RES_INTERNAL));
	state_is(PS_READONLY);
	assert_true(answer(RES_INTERNAL));
	access_begins(OP_RMW);
	assert_false(answer(RES_INTERNAL));	/* there was a memslot all the time */
	state_is(PS_NOSLOT);
	access_begins(OP_STORE);
	state_is(PS_READONLY);
	assert_false(answer(RES_INTERNAL));
}

/* Nothing is MMIO that is private. What is not private all the time may be taken for either. */
static void test_private(void **state)
{
	static struct backing_ops ops;

	with_region("anon");
	ops = *r->ops;
	ops.guest_only = true;
	r->ops = &ops;
	fault_flags = KVM_MEMORY_EXIT_FLAG_PRIVATE;
	state_is(PS_NOSLOT);
	access_begins(OP_EXEC);
	assert_false(answer(RES_MMIO));
	assert_false(answer(RES_INTERNAL));
	assert_false(answer(RES_EFAULT));
	assert_true(answer(RES_MEMFAULT));
	fault_flags = 0;
	assert_false(answer(RES_MEMFAULT));
	assert_string_equal(failed()->rule, "memory-fault-fields");
	fault_flags = KVM_MEMORY_EXIT_FLAG_PRIVATE | 1;
	assert_false(answer(RES_MEMFAULT));

	state_is(PS_MAPPED);
	access_begins(OP_STORE);
	assert_false(answer(RES_MEMFAULT));
	pages_begin(r, 2, 1, PS_SHARED, true);
	for (fault_flags = 0; fault_flags <= KVM_MEMORY_EXIT_FLAG_PRIVATE;
	     fault_flags += KVM_MEMORY_EXIT_FLAG_PRIVATE)
		assert_true(answer(RES_MEMFAULT));
	pages_end(r, 2, 1, PS_SHARED, true);
	access_begins(OP_STORE);
	fault_flags = 0;
	assert_false(answer(RES_MEMFAULT));
}

static void test_history_too_short(void **state)
{
	unsigned int i;

	with_region("anon");
	access_begins(OP_LOAD);
	for (i = 0; i < PAGE_HISTORY; i++)
		state_is(PS_MAPPED);
	assert_int_equal(page_states(r, 2, run.ctl->vcpu[0].word, page_word(r, 2)), ~0u);
	assert_true(answer(RES_EFAULT));	/* can't be judged */
}

static void sigbus(int code, int lsb, uint64_t addr, bool right)
{
	struct run_outcome o = {
		.result = RES_SIGBUS, .sig_code = code, .sig_lsb = lsb, .sig_addr = addr,
	};

	sh->nr_failures = 0;
	assert_int_equal(outcome_check(&w, &o), right);
	if (!right)
		assert_string_equal(failed()->rule, "sigbus-siginfo");
}

static void test_sigbus_fields(void **state)
{
	uint64_t hva;

	with_region("memfd");
	hva = place.hva + 2 * GUEST_PAGE_SIZE;
	state_is(PS_POISON);
	access_begins(OP_LOAD);
	sigbus(BUS_MCEERR_AR, 12, hva, true);
	sigbus(5, 12, hva, false);		/* BUS_MCEERR_AO */
	sigbus(BUS_MCEERR_AR, 21, hva, false);
	sigbus(BUS_MCEERR_AR, 12, hva + GUEST_PAGE_SIZE, false);
	sigbus(BUS_MCEERR_AR, 12, 0, false);
}

static void test_mmio_address(void **state)
{
	struct run_outcome o = { .result = RES_MMIO, .mmio_write = true };

	with_region("anon");
	state_is(PS_NOSLOT);
	access_begins(OP_STORE);
	o.mmio_gpa = r->gpa + 2 * GUEST_PAGE_SIZE + 64;
	assert_true(outcome_check(&w, &o));
	o.mmio_gpa += GUEST_PAGE_SIZE;
	assert_false(outcome_check(&w, &o));
	assert_string_equal(failed()->rule, "mmio-address");
	o.mmio_gpa -= GUEST_PAGE_SIZE;
	o.mmio_write = false;
	assert_false(outcome_check(&w, &o));
}

static void test_failure_elsewhere(void **state)
{
	with_region("anon");
	run.ctl->vcpu[0].page = ~0ull;	/* never at a page yet */
	assert_false(answer(RES_EFAULT));
	assert_string_equal(failed()->rule, "efault-elsewhere");
}

static void test_region_moves(void **state)
{
	struct region_place now;
	uint64_t hva;

	with_region("memfd");
	hva = region_new_hva(r);
	assert_int_not_equal(hva, place.hva);
	assert_true(region_claim_all(r));
	assert_false(region_claim_all(r));
	assert_int_equal(r->ops->map(r, hva, 0, r->nr), 0);
	region_move(r, hva);
	munmap((void *)place.hva, place.size);
	assert_int_equal(region_hva(r), hva);
	assert_true(region_at(&run, r->gpa + 1, &now));
	assert_int_equal(now.old_hva, place.hva);
	assert_false(region_at(&run, r->gpa + now.size, &now));
	region_release(r, 0, r->nr);
	assert_true(region_claim_all(r));
}

static void test_claims(void **state)
{
	struct rng rng = { 1 };
	unsigned int first, second, n, m;

	with_region("anon");
	n = region_claim(r, &rng, 2, &first);
	assert_in_range(n, 1, 2);
	/* nobody gets the same page twice */
	for (int i = 0; i < 1000; i++) {
		m = region_claim(r, &rng, 4, &second);
		if (m)
			assert_true(second + m <= first || second >= first + n);
		region_release(r, second, m);
	}
}

/* What the helper module would say, for a descriptor that is none. */
#define FAKE_HELPER	100000

static struct pfnh_injected told;

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd != FAKE_HELPER)
		return syscall(SYS_ioctl, fd, request, arg);
	assert_int_equal(request, PFNH_INJECTED);
	*(struct pfnh_injected *)arg = told;
	return 0;
}

static bool injected(enum run_result result, int err)
{
	struct run_outcome o = { .result = result, .err = err, .sig_code = BUS_MCEERR_AR,
		.sig_lsb = GUEST_PAGE_SHIFT, .sig_addr = place.hva + 2 * GUEST_PAGE_SIZE };

	return outcome_injected(&w, &o);
}

/* Only the answer to this error, on this page, by the last resolution. */
static void test_injected(void **state)
{
	static const struct {
		uint32_t hook;
		int error;
		enum run_result right[2];
	} cases[] = {
		{ PFNH_GUP, -EHWPOISON, { RES_SIGBUS, RES_SIGBUS } },
		{ PFNH_GUP, -EAGAIN, { RES_EFAULT, RES_EINTR } },
		{ PFNH_GUP, -EINTR, { RES_EFAULT, RES_EINTR } },
		{ PFNH_GUP, -EFAULT, { RES_EFAULT, RES_EFAULT } },
		{ PFNH_GUP, -ENOMEM, { RES_EFAULT, RES_EFAULT } },
		{ PFNH_FIXUP, -EINTR, { RES_EFAULT, RES_EINTR } },
		{ PFNH_FOLLOW, -EINVAL, { RES_EFAULT, RES_EFAULT } },
		{ PFNH_TOPUP, -ENOMEM, { RES_ENOMEM, RES_ENOMEM } },
	};
	unsigned int i, res;

	with_region("anon");
	run.ctl->vcpu[0].page = 2;
	run.helper_fd = FAKE_HELPER;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		told = (struct pfnh_injected){ .count = 1, .hook = cases[i].hook,
			.error = cases[i].error, .hva = place.hva + 2 * GUEST_PAGE_SIZE };
		run.errors_injected = true;
		for (res = 0; res < NR_RESULTS; res++)
			assert_int_equal(injected(res, ENOMEM), res == cases[i].right[0] ||
					 res == cases[i].right[1]);
		res = cases[i].right[0];
		told.later = 1;			/* KVM got over it and asked again */
		assert_false(injected(res, ENOMEM));
		told.later = 0;
		told.count = 0;
		assert_false(injected(res, ENOMEM));
		told.count = 1;
		told.hva += GUEST_PAGE_SIZE;	/* another page; a topup has none */
		assert_int_equal(injected(res, ENOMEM), res == RES_ENOMEM);
		told.hva -= GUEST_PAGE_SIZE;
		run.errors_injected = false;
		assert_false(injected(res, ENOMEM));
	}
	assert_null(failed());

	/* the right signal with the wrong address is a failure */
	told = (struct pfnh_injected){ .count = 1, .hook = PFNH_GUP, .error = -EHWPOISON,
		.hva = place.hva + 2 * GUEST_PAGE_SIZE };
	run.errors_injected = true;
	outcome_injected(&w, &(struct run_outcome){ .result = RES_SIGBUS,
			 .sig_code = BUS_MCEERR_AO, .sig_lsb = GUEST_PAGE_SHIFT,
			 .sig_addr = place.hva + 2 * GUEST_PAGE_SIZE });
	assert_string_equal(failed()->rule, "sigbus-siginfo");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_table, teardown),
		cmocka_unit_test_teardown(test_fingerprints, teardown),
		cmocka_unit_test_teardown(test_both_answers_while_a_call_is_under_way, teardown),
		cmocka_unit_test_teardown(test_emulation_meets_a_memslot, teardown),
		cmocka_unit_test_teardown(test_private, teardown),
		cmocka_unit_test_teardown(test_history_too_short, teardown),
		cmocka_unit_test_teardown(test_sigbus_fields, teardown),
		cmocka_unit_test_teardown(test_mmio_address, teardown),
		cmocka_unit_test_teardown(test_failure_elsewhere, teardown),
		cmocka_unit_test_teardown(test_region_moves, teardown),
		cmocka_unit_test_teardown(test_claims, teardown),
		cmocka_unit_test_teardown(test_injected, teardown),
	};

	rcu_register_thread();
	sh = calloc(1, sizeof(*sh));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
