// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest program: touch test pages in a seeded order, and check every word that comes back.
 *
 * What is right follows from the page word before (w1) and after (w2) the access. core/region.c
 * orders the claimer's side; time goes down:
 *
 *	claimer				guest
 *	-------				-----
 *	word: FILLED off
 *	munmap() / zap / ... {		w1 = word	gen g: may see gen g or 0, not older
 *	}				access
 *	word: gen g + 1			w2 = word
 *					w1 = word	gen g + 1: a stamp of gen g is STALE
 *	fill stamp of gen g + 1		access
 *	word: FILLED			w2 = word
 *					w1 = word	FILLED, gen g + 1 ...
 *					access		... exactly the stamp of gen g + 1, and what
 *					w2 = word	this vCPU stored last, when w2 says the same
 */
#include "core/compat.h"
#include "arch/arch.h"
#include "guest.h"

/* a is older than b; generations have 20 bits and wrap */
static bool gen_before(uint32_t a, uint32_t b)
{
	uint32_t d = (b - a) & STAMP_GEN_MASK;

	return d && d < STAMP_GEN_MASK / 2;
}

/* Nobody took the content away between w1 and w2: taking it bumps gen and drops FILLED first. */
static bool content_kept(uint64_t w1, uint64_t w2)
{
	return (w1 & w2 & PW_FILLED) && pw_gen(w1) == pw_gen(w2);
}

/* A completed access of this kind is wrong while the page is in this state. */
static bool state_forbids(enum page_state s, enum access_op op)
{
	switch (s) {
	case PS_MAPPED:
		return false;
	case PS_READONLY:
	case PS_ROSLOT:
		return op == OP_STORE || op == OP_RMW;
	default:
		return true;
	}
}

static void report(struct guest_vcpu *me, enum guest_rule rule, uint64_t got, uint64_t expected)
{
	me->report.got = got;
	me->report.expected = expected;
	me->report.rule = rule;
	GUEST_SYNC(SYNC_REPORT);
	me->report.rule = RULE_NONE;
}

static void check_fill(struct guest_vcpu *me, uint64_t v, uint64_t w1, uint64_t w2)
{
	uint64_t want = stamp_make(me->page, pw_gen(w1), STAMP_HOST, 0);
	bool strict = content_kept(w1, w2);

	me->checks++;
	if (v == want || (!v && !strict))
		return;
	if (!v)
		report(me, RULE_LOST, v, want);
	else if (!stamp_valid(v) || stamp_page(v) != me->page || stamp_writer(v) != STAMP_HOST)
		report(me, RULE_TORN, v, want);
	else if (gen_before(stamp_gen(v), pw_gen(w1)))
		report(me, RULE_STALE, v, want);
	else if (strict || gen_before(pw_gen(w2), stamp_gen(v)))
		report(me, RULE_FUTURE, v, want);
}

/*
 * Only this vCPU writes its own word. last is what it stored there last, when it is known that the
 * store went to the content of generation stamp_gen(last); 0 when nothing is known.
 */
static void check_own(struct guest_vcpu *me, uint64_t id, uint64_t v, uint64_t last, uint64_t w1,
		      uint64_t w2)
{
	me->checks++;
	if (v && (!stamp_valid(v) || stamp_page(v) != me->page || stamp_writer(v) != id))
		report(me, RULE_TORN, v, last);
	else if (!last)
		return;
	else if (gen_before(stamp_gen(last), pw_gen(w1)) && v == last)
		report(me, RULE_STALE, v, 0);
	else if (content_kept(w1, w2) && stamp_gen(last) == pw_gen(w1) && v != last)
		report(me, RULE_LOST, v, last);
}

static enum access_status load(const struct guest_vcpu *me, uint64_t gva, uint64_t *out)
{
	return me->emulated ? arch_emul_load(gva, out) : arch_load(gva, out);
}

static enum access_status store(const struct guest_vcpu *me, uint64_t gva, uint64_t val)
{
	return me->emulated ? arch_emul_store(gva, val) : arch_store(gva, val);
}

static enum access_status rmw(const struct guest_vcpu *me, uint64_t gva, uint64_t expect,
			      uint64_t val, uint64_t *out)
{
	return me->emulated ? arch_emul_rmw(gva, expect, val, out) : arch_rmw(gva, expect, val, out);
}

static void access_page(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id, uint64_t page,
			enum access_op op)
{
	uint64_t *word = &ctl_words(ctl)[page];
	uint64_t *own = &ctl_own(ctl, id)[page];
	uint64_t gva = ctl_gva(ctl)[page];
	uint64_t w1, w2, v = 0, last = *own, stamp;
	bool fill_word = op == OP_EXEC || (op == OP_LOAD && (rng_next(&me->rng) & 1));
	enum access_status st;

	me->alias = 0;
	if (gva & GVA_ALIAS) {
		me->alias = rng_next(&me->rng) & 1 ? GUEST_ALIAS_OFFSET : 0;
		gva = (gva & ~GVA_ALIAS) + me->alias;
	}
	w1 = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	if (op == OP_EXEC && !(w1 & PW_FILLED)) {
		op = OP_LOAD;
		fill_word = true;
	}
	me->page = page;
	me->op = op;
	me->mmio = 0;
	__atomic_store_n(&me->word, w1, __ATOMIC_SEQ_CST);

	stamp = stamp_make(page, pw_gen(w1), id, ++me->seq);
	switch (op) {
	case OP_STORE:
		st = store(me, gva + PAGE_OWN_OFF(id), stamp);
		break;
	case OP_RMW:
		st = rmw(me, gva + PAGE_OWN_OFF(id), last, stamp, &v);
		break;
	case OP_EXEC:
		st = arch_exec(gva + PAGE_CODE_OFF, &v);
		break;
	default:
		st = load(me, gva + (fill_word ? PAGE_FILL_OFF : PAGE_OWN_OFF(id)), &v);
	}
	arch_guest_mb();
	w2 = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	me->count[op]++;
	__atomic_store_n(&me->ops, me->ops + 1, __ATOMIC_RELEASE);
	if (st == ACCESS_SKIPPED || __atomic_load_n(&me->mmio, __ATOMIC_ACQUIRE)) {
		/*
		 * The emulator restarts a compare-and-exchange that read MMIO and then meets a
		 * memslot (X86EMUL_CMPXCHG_FAILED): it may have taken effect after all.
		 */
		if (op == OP_RMW && st != ACCESS_SKIPPED)
			*own = 0;
		me->skipped++;
		return;
	}
	if (st == ACCESS_TRAPPED)
		return;
	if (w1 == w2 && pw_old(w1) == pw_new(w1) && state_forbids(pw_new(w1), op)) {
		report(me, RULE_ACCESS, v, w1);
		return;
	}
	if (op == OP_STORE || (op == OP_RMW && v == last))
		*own = content_kept(w1, w2) ? stamp : 0;
	if (op == OP_STORE)
		return;
	/*
	 * The emulator copies byte by byte: what changes at the same time may be torn, and what it
	 * stored may be torn between the page that goes and the one that comes.
	 */
	if (me->emulated && op != OP_EXEC && (!content_kept(w1, w2) || (!fill_word && !last)))
		return;
	if (fill_word)
		check_fill(me, v, w1, w2);
	else
		check_own(me, id, v, last, w1, w2);
}

static void sweep(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id)
{
	uint64_t p = ctl->nr_pages * id / ctl->nr_vcpus;
	uint64_t end = ctl->nr_pages * (id + 1) / ctl->nr_vcpus;

	for (; p < end && !__atomic_load_n(&ctl->pause, __ATOMIC_ACQUIRE); p++)
		access_page(ctl, me, id, p, OP_STORE);
	if (p == end)
		GUEST_SYNC(SYNC_SWEEP);
}

void guest_main(uint64_t id)
{
	struct guest_ctl *ctl = (struct guest_ctl *)CTL_GVA;
	struct guest_vcpu *me = &ctl->vcpu[id];
	uint64_t n = 0;

	for (;;) {
		if (__atomic_load_n(&ctl->pause, __ATOMIC_ACQUIRE))
			GUEST_SYNC(SYNC_PAUSE);
		else if (me->sweep)
			sweep(ctl, me, id);
		else if (me->turn && ++n > me->turn) {
			n = 0;
			__atomic_store_n(&me->page, ~0ull, __ATOMIC_RELEASE);
			GUEST_SYNC(SYNC_TURN);
		} else
			access_page(ctl, me, id, rng_below(&me->rng, ctl->nr_pages),
				    me->access[rng_below(&me->rng, 16)]);
	}
}
