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
	case PS_SHARED:
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
	uint64_t want = w1 & PW_ZERO ? 0 : stamp_make(me->page, pw_gen(w1), STAMP_HOST, 0);
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

/*
 * L2: an access that L1 may be told of.
 *
 *	L2				KVM			L1
 *	--				---			--
 *	access = INSIDE
 *	the access			NPT12 forbids it
 *					#VMEXIT			access is INSIDE: KVM has to say why
 *								access = WAITS
 *								VMRUN, again if it must be
 *	says how the access has ended	<-----------------------
 *
 * L1 has used the fields that tell the host what is under way.
 */
static enum access_status nested_access(struct guest_vcpu *me, uint64_t a, uint64_t b, uint64_t c,
					uint64_t d, const void *access)
{
	struct guest_nested *n = &me->nested;
	uint64_t page = me->page, op = me->op, word = me->word, alias = me->alias;
	uint64_t window = me->in_window;
	enum access_status st;

	n->verdict = L1_SILENT;
	do {
		__atomic_store_n(&n->access, L2_INSIDE, __ATOMIC_SEQ_CST);
		st = arch_nested_access(n->arch, a, b, c, d, access);
		__atomic_store_n(&n->access, L2_OUTSIDE, __ATOMIC_SEQ_CST);
		n->op = NESTED_NONE;
		me->page = page;
		me->op = op;
		me->alias = alias;
		me->in_window = window;
		__atomic_store_n(&me->word, word, __ATOMIC_SEQ_CST);
	} while (st == ACCESS_AGAIN);
	return st;
}

static bool is_direct(const struct guest_vcpu *me)
{
	return !me->async.on && !me->nested.arch;
}

static enum access_status indirect(struct guest_vcpu *me, uint64_t a, uint64_t b, uint64_t c,
				   uint64_t d, const void *access)
{
	return me->async.on ? arch_interruptible(a, b, c, d, access) :
			      nested_access(me, a, b, c, d, access);
}

static enum access_status load(struct guest_vcpu *me, uint64_t gva, uint64_t *out)
{
	if (!is_direct(me))
		return indirect(me, gva, (uint64_t)out, 0, 0, arch_load);
	return me->emulated ? arch_emul_load(gva, out) : arch_load(gva, out);
}

static enum access_status store(struct guest_vcpu *me, uint64_t gva, uint64_t val)
{
	if (!is_direct(me))
		return indirect(me, gva, val, 0, 0, arch_store);
	return me->emulated ? arch_emul_store(gva, val) : arch_store(gva, val);
}

static enum access_status rmw(struct guest_vcpu *me, uint64_t gva, uint64_t expect, uint64_t val,
			      uint64_t *out)
{
	if (!is_direct(me))
		return indirect(me, gva, expect, val, (uint64_t)out, arch_rmw);
	return me->emulated ? arch_emul_rmw(gva, expect, val, out) : arch_rmw(gva, expect, val, out);
}

static enum access_status exec(struct guest_vcpu *me, uint64_t gva, uint64_t *out)
{
	if (!is_direct(me))
		return indirect(me, gva, (uint64_t)out, 0, 0, arch_exec);
	return arch_exec(gva, out);
}

/* The guest's own page table is asked before KVM is, whatever the state of the page. */
static bool window_forbids(const struct guest_vcpu *me, enum access_op op)
{
	uint64_t mode = me->window_mode & ~(uint64_t)WINDOW_NOEXEC;

	if (me->walk_mode == WINDOW_READ || me->walk_mode == WINDOW_ABSENT)
		return true;
	if (op == OP_EXEC && (me->window_mode & WINDOW_NOEXEC))
		return true;
	return mode == WINDOW_ABSENT || (mode == WINDOW_READ && (op == OP_STORE || op == OP_RMW));
}

static bool window_restricts(const struct guest_vcpu *me)
{
	return me->window != NO_PAGE &&
	       ((me->window_mode != WINDOW_WRITE && me->window_mode != WINDOW_USED) ||
		me->walk_mode == WINDOW_READ || me->walk_mode == WINDOW_ABSENT ||
		me->window_again || me->window_late);
}

/* An access that the window forbids has ended as it must: with L1 it is L1 that has ended it. */
static bool window_trapped(const struct guest_vcpu *me, enum access_status st)
{
	return st == ACCESS_TRAPPED && (!me->nested.arch || me->nested.verdict == L1_REFUSED);
}

static enum access_status access_word(struct guest_vcpu *me, uint64_t id, enum access_op op,
				      uint64_t gva, bool fill_word, uint64_t last, uint64_t stamp,
				      uint64_t *v)
{
	switch (op) {
	case OP_STORE:
		return store(me, gva + PAGE_OWN_OFF(id), stamp);
	case OP_RMW:
		return rmw(me, gva + PAGE_OWN_OFF(id), last, stamp, v);
	case OP_EXEC:
		return exec(me, gva + PAGE_CODE_OFF, v);
	default:
		return load(me, gva + (fill_word ? PAGE_FILL_OFF : PAGE_OWN_OFF(id)), v);
	}
}

static void window_marks(struct guest_vcpu *me, enum access_op op, enum access_status st)
{
	bool done = st == ACCESS_DONE && !__atomic_load_n(&me->mmio, __ATOMIC_ACQUIRE) &&
		    !me->window_late;
	uint64_t got, want;

	me->checks++;
	if (!tables_check(&me->tables, me->tables.addr, op == OP_STORE || op == OP_RMW, done, &got,
			  &want))
		report(me, RULE_MARKS, got, want);
}

/* @now: if the page is behind the window, by the window */
static void access_page(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id, uint64_t page,
			enum access_op op, bool now)
{
	uint64_t *word = &ctl_words(ctl)[page];
	uint64_t *own = &ctl_own(ctl, id)[page];
	uint64_t gva = ctl_gva(ctl)[page];
	uint64_t w1, w2, v = 0, last = *own, stamp;
	bool fill_word = op == OP_EXEC || (op == OP_LOAD && (rng_next(&me->rng) & 1));
	bool window = false, forbidden, late;
	enum access_status st;

	if (gva & GVA_PRIVATE)
		return;
	me->alias = 0;
	if ((gva & GVA_ALIAS) && (rng_next(&me->rng) & 1))
		me->alias = GUEST_ALIAS_OFFSET;
	gva = (gva & ~GVA_FLAGS) + me->alias;
	if (page == me->window && me->window_gva && (now || (rng_next(&me->rng) & 1))) {
		me->alias = 0;
		gva = me->window_gva;
		window = true;
	}
	w1 = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	if (op == OP_EXEC && !(w1 & PW_FILLED)) {
		op = OP_LOAD;
		fill_word = true;
	}
	/* now: L1 changes the window when it was told of this access */
	forbidden = window && window_forbids(me, op);
	late = window && me->window_late;
	me->page = page;
	me->op = op;
	me->in_window = window;
	me->mmio = 0;
	__atomic_store_n(&me->word, w1, __ATOMIC_SEQ_CST);

	stamp = stamp_make(page, pw_gen(w1), id, ++me->seq);
	st = access_word(me, id, op, gva, fill_word, last, stamp, &v);
	if (window && me->own_tables && me->window_again && st == ACCESS_TRAPPED &&
	    !window_forbids(me, op)) {
		me->window_again = 0;
		st = access_word(me, id, op, gva, fill_word, last, stamp, &v);
	}
	arch_guest_mb();
	w2 = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	me->count[op]++;
	__atomic_store_n(&me->ops, me->ops + 1, __ATOMIC_RELEASE);
	/* what L1 has refused it may have rewritten since */
	if (window && (me->own_tables || (me->nested.arch && me->nested.verdict != L1_REFUSED)))
		window_marks(me, op, st);
	if (late && st == ACCESS_TRAPPED) {
		me->skipped++;
		return;
	}
	if (forbidden && me->nested.verdict != L1_ALLOWED) {
		if (!window_trapped(me, st))
			report(me, RULE_WINDOW, v, me->window_mode);
		return;
	}
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
	if (st == ACCESS_TRAPPED) {
		if (op != OP_EXEC && me->nested.arch)
			GUEST_SYNC(SYNC_TURN);
		else if (op != OP_EXEC)
			report(me, RULE_TRAPPED, 0, w1);
		return;
	}
	/* the emulator goes by the host's mapping: what KVM finds no pfn for is no obstacle */
	if (w1 == w2 && pw_old(w1) == pw_new(w1) && state_forbids(pw_new(w1), op) &&
	    !(me->emulated && pw_new(w1) == PS_REFUSED)) {
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
		access_page(ctl, me, id, p, OP_STORE, false);
	if (p == end)
		GUEST_SYNC(SYNC_SWEEP);
}

/*
 * Now and then a vCPU stays on a page for a while: only what does not leave the guest uses a TLB entry
 * that should have been flushed, and only the same address again uses what KVM caches of an MMIO
 * exit. Accesses that take no fault cost next to nothing; those that do end the stay.
 */
#define STAY_ODDS	32
#define STAY_MAX_LOG2	12
#define STAY_SKIPPED	3
#define STAY_LONG	1024	/* a nested guest does not end then: its end flushes the TLB, too */

/*
 * Every fourth one is near the last one: dirty rings and prefetching take neighbours together, up to 64
 * pages of them (kvm_dirty_ring_reset()), and one page behind is too far.
 */
#define NEAR		32
#define TOO_FAR		64

/*
 * Some are the last one of 64: what KVM does by words of a bitmap goes wrong there first.
 */
static uint64_t edge_of(struct guest_ctl *ctl, uint64_t page)
{
	uint64_t gfn = ctl_gva(ctl)[page] >> GUEST_PAGE_SHIFT, edge = page + 63 - (gfn & 63);

	if (edge >= ctl->nr_pages || ctl_gva(ctl)[edge] >> GUEST_PAGE_SHIFT != (gfn | 63))
		return page;
	return edge;
}

static uint64_t random_page(struct guest_ctl *ctl, struct guest_vcpu *me)
{
	uint64_t page;

	if (me->window_gva && me->window != NO_PAGE && !(rng_next(&me->rng) & 3))
		return me->window;
	if (!(rng_next(&me->rng) & 3)) {
		page = me->again + (rng_next(&me->rng) & 3 ?
				    rng_below(&me->rng, 2 * NEAR) - NEAR : TOO_FAR);
		if (page < ctl->nr_pages)
			return page;
	}
	page = rng_below(&me->rng, ctl->nr_pages);
	return rng_next(&me->rng) & 7 ? page : edge_of(ctl, page);
}

static void random_access(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id)
{
	uint64_t skipped = me->skipped;

	if (me->stay) {
		me->stay--;
	} else {
		me->again = random_page(ctl, me);
		if (!me->emulated && !rng_below(&me->rng, me->own_tables ? 8 * STAY_ODDS : STAY_ODDS))
			me->stay = 1 << rng_below(&me->rng, STAY_MAX_LOG2 + 1);
	}
	access_page(ctl, me, id, me->again, me->access[rng_below(&me->rng, 16)], false);
	if (me->skipped != skipped && me->stay > STAY_SKIPPED)
		me->stay = STAY_SKIPPED;
}

static void window_access(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id)
{
	if (me->window != NO_PAGE)
		access_page(ctl, me, id, me->window, me->access[rng_below(&me->rng, 16)], true);
}

/*
 * Page tables change, and the window is the address that is accessed next. Shadow paging write-protects
 * a page table or lets it go out of step (unsync) until the guest flushes the translation:
 *
 *	this vCPU			KVM				another vCPU
 *	---------			---				------------
 *	writes an entry			unsync, page table writable	writes its own in the same table
 *	flushes				brings the entry in step
 *	access				<- must be by the new entry
 */
static void window_move(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t id)
{
	struct tables *t = &me->tables;
	struct tables_pick p;

	/* KVM may have to emulate what follows: that is no access to a test page */
	__atomic_store_n(&me->page, NO_PAGE, __ATOMIC_RELEASE);
	if (me->own_tables == 1) {
		tables_start(t, ctl, &me->rng);
		me->own_tables = 2;
	}
	tables_step(t, ctl, &me->rng, true, &p);
	if (p.flush == TABLE_FLUSH_ROOT)
		arch_flush_root(t->root[p.root]);
	else if (p.flush == TABLE_FLUSH_ADDR)
		arch_flush_page(p.addr);
	me->windows++;
	me->window_gva = p.addr;
	me->window_mode = p.mode;
	me->window_again = p.again;
	me->window_late = p.late;
	me->window = p.mode == WINDOW_ABSENT ? t->favourite : p.page;
	window_access(ctl, me, id);
	if (p.late && me->window != NO_PAGE) {
		/* without an exit the CPU keeps what it has */
		me->again = me->window;
		me->stay = 1 << rng_below(&me->rng, STAY_MAX_LOG2 + 1);
	}
}

/* Something else than a checked access begins: the host is told of which page. */
static uint64_t block_begin(struct guest_ctl *ctl, struct guest_vcpu *me, enum nested_op nop,
			    enum access_op op)
{
	uint64_t w = 0;

	if (me->nested.block != NO_PAGE)
		w = __atomic_load_n(&ctl_words(ctl)[me->nested.block], __ATOMIC_ACQUIRE);
	me->alias = 0;
	me->in_window = 0;
	me->mmio = 0;
	me->op = op;
	me->nested.op = nop;
	me->page = me->nested.block;
	__atomic_store_n(&me->word, w, __ATOMIC_SEQ_CST);
	return w;
}

static uint64_t block_word(struct guest_ctl *ctl, const struct guest_vcpu *me)
{
	arch_guest_mb();
	return __atomic_load_n(&ctl_words(ctl)[me->nested.block], __ATOMIC_ACQUIRE);
}

static bool block_lost(struct guest_vcpu *me, enum access_status st)
{
	__atomic_store_n(&me->ops, me->ops + 1, __ATOMIC_RELEASE);
	if (st == ACCESS_DONE && !__atomic_load_n(&me->mmio, __ATOMIC_ACQUIRE))
		return false;
	me->skipped++;
	return true;
}

/*
 * L1: its nested page table changes, or the root, and where L2 finds its window. As window_move(), but
 * that the flush comes with VMRUN.
 */
static void nested_window(struct guest_ctl *ctl, struct guest_vcpu *me)
{
	static const uint8_t walk[8] = { WINDOW_READ, WINDOW_ABSENT, WINDOW_USED };
	uint64_t mode = walk[rng_below(&me->rng, 8)];
	struct tables *t = &me->tables;
	struct tables_pick p;

	/* half of the time none: then the control block may be in a page that goes */
	me->window = NO_PAGE;
	if (rng_next(&me->rng) & 1)
		return;
	if (!me->windows++)
		tables_start(t, ctl, &me->rng);
	tables_step(t, ctl, &me->rng, false, &p);
	me->window_gva = arch_nested_window(me->nested.arch, t, &p);
	me->window_mode = p.mode;
	me->window_again = p.again;
	me->window_late = p.late;
	me->window = p.mode == WINDOW_ABSENT ? t->favourite : p.page;
	if (mode == me->walk_mode || rng_below(&me->rng, 4))
		return;
	me->walk_mode = mode;
	arch_nested_walk(me->nested.arch, mode);
}

/* L1: may what L2 wanted be done after all? Only if that leads to the page that L2 believes is there. */
static bool nested_allow(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t page)
{
	struct tables_pick p;

	if (rng_next(&me->rng) & 1)
		return false;
	tables_allow(&me->tables, ctl, &me->rng, &p);
	arch_nested_walk(me->nested.arch, WINDOW_WRITE);
	me->walk_mode = WINDOW_WRITE;
	me->window_mode = p.mode;
	me->window_again = p.again;
	me->window_late = 0;
	return p.mode == WINDOW_WRITE && p.page == page;
}

/*
 * L1: L2 has left the CPU in an access, so it was forbidden. The control block is only in a page that
 * goes while the window allows all.
 */
static void nested_fault(struct guest_ctl *ctl, struct guest_vcpu *me, uint64_t gva, uint64_t w0)
{
	uint64_t page = me->page, op = me->op, got[NESTED_FAULT_WORDS] = { 0 };
	uint64_t want[NESTED_FAULT_WORDS], word = me->word, window = me->in_window;
	struct guest_nested *n = &me->nested;
	enum guest_rule rule = RULE_NONE;
	unsigned int i;
	bool lost, allowed;

	block_begin(ctl, me, NESTED_NONE, OP_LOAD);
	lost = block_lost(me, arch_nested_fault(n->arch, gva, op, got, want));
	lost = lost || (gva && !content_kept(w0, block_word(ctl, me)));
	me->page = page;
	me->op = op;
	me->in_window = window;
	__atomic_store_n(&me->word, word, __ATOMIC_SEQ_CST);
	me->checks++;
	for (i = 0; i < NESTED_FAULT_WORDS && rule == RULE_NONE && !lost; i++)
		if (got[i] != want[i])
			rule = RULE_NPF + i;
	if (rule == RULE_NPF_ADDRESS && got[2] == (want[2] & ~(GUEST_PAGE_SIZE - 1)))
		rule = RULE_NPF_PAGE;
	if (!want[0])
		rule = RULE_NPF;
	if (!want[0] && me->in_window && me->window_again) {
		/* by the rights that the CPU still knew: once */
		me->window_again = 0;
		rule = RULE_NONE;
		allowed = true;
	} else {
		allowed = want[0] && nested_allow(ctl, me, page);
		n->faults += !!want[0];
	}
	i = rule == RULE_NPF_PAGE ? 2 : rule - RULE_NPF;
	if (rule != RULE_NONE)
		report(me, rule, got[want[0] ? i : 1], want[i]);
	n->verdict = allowed ? L1_ALLOWED : L1_REFUSED;
	n->access = L2_WAITS;
	arch_nested_resume(n->arch, allowed ? ACCESS_AGAIN : want[0] ? ACCESS_TRAPPED : ACCESS_SKIPPED);
}

/*
 * L1, once: another page behind the window, the control block to its page, run L2, and look at what
 * KVM has written there.
 *
 *	L1			KVM				claimer
 *	--			---				-------
 *	w0 = word
 *	writes the block
 *	w1 = word
 *	VMRUN			maps, reads, unmaps the block
 *				runs L2				munmap() ... again and again
 *				maps, writes, unmaps the block
 *	w2 = word			as w1, and no access allowed: it must not work
 *	reads the block
 *	w3 = word			content kept since w0: KVM's answer is there
 */
static void nested_host(struct guest_ctl *ctl, struct guest_vcpu *me)
{
	struct guest_nested *n = &me->nested;
	uint64_t pick = rng_below(&me->rng, n->nr_private + 1), gva = 0, w0, w1, w2, got = 0, want;
	enum access_status st;

	if (n->access != L2_WAITS || n->verdict != L1_ALLOWED)
		nested_window(ctl, me);
	/* what L1 is told of a fault it must be able to read */
	n->block = pick < n->nr_private && !window_restricts(me) ? n->private[pick] : NO_PAGE;
	if (n->block != NO_PAGE)
		gva = ctl_gva(ctl)[n->block] & ~GVA_FLAGS;
	w0 = block_begin(ctl, me, NESTED_NONE, OP_STORE);
	if (block_lost(me, arch_nested_write(n->arch, gva)))
		return;

	n->unwritten = 0;
	n->runs++;
	w1 = block_begin(ctl, me, NESTED_RUN, OP_STORE);
	st = arch_nested_run(n->arch, gva ? gva - REGION_GVA_OFFSET : 0);
	if (st == ACCESS_TRAPPED)
		GUEST_SYNC(SYNC_TURN);
	n->op = NESTED_NONE;
	if (st != ACCESS_DONE || __atomic_load_n(&n->unwritten, __ATOMIC_ACQUIRE))
		return;
	if (__atomic_load_n(&n->access, __ATOMIC_SEQ_CST) == L2_INSIDE) {
		nested_fault(ctl, me, gva, w0);
		return;
	}
	if (gva) {
		/* KVM has written the block after this number was drawn: for the dirty-log oracle */
		__atomic_store_n(&ctl_own(ctl, me - ctl->vcpu)[n->block],
				 stamp_make(n->block, 0, me - ctl->vcpu, me->seq), __ATOMIC_SEQ_CST);
		w2 = block_word(ctl, me);
		me->page = n->block;
		me->op = OP_STORE;
		if (w1 == w2 && pw_old(w1) == pw_new(w1) && state_forbids(pw_new(w1), OP_STORE)) {
			n->op = NESTED_RUN;
			report(me, RULE_ACCESS, 0, w1);
			return;
		}
	}
	block_begin(ctl, me, NESTED_NONE, OP_LOAD);
	if (block_lost(me, arch_nested_answer(n->arch, gva, &got, &want)))
		return;
	me->checks++;
	if (got != want && (!gva || content_kept(w0, block_word(ctl, me)))) {
		n->op = NESTED_EXIT;
		report(me, RULE_NESTED, got, want);
	}
}

/* L2, after so many accesses: back to L1. An exception where KVM can't tell L1. */
static void nested_yield(struct guest_ctl *ctl, struct guest_vcpu *me)
{
	block_begin(ctl, me, NESTED_EXIT, OP_STORE);
	++me->seq;
	if (arch_nested_yield(me->nested.arch) == ACCESS_TRAPPED)
		GUEST_SYNC(SYNC_TURN);
	me->nested.op = NESTED_NONE;
}

void guest_nested(uint64_t id)
{
	struct guest_ctl *ctl = (struct guest_ctl *)CTL_GVA;
	struct guest_vcpu *me = &ctl->vcpu[id];
	uint64_t n = 0;

	me->nested.op = NESTED_NONE;
	for (;;) {
		if (__atomic_load_n(&ctl->pause, __ATOMIC_ACQUIRE)) {
			GUEST_SYNC(SYNC_PAUSE);
		} else if (++n > me->turn && !(me->stay & STAY_LONG)) {
			n = 0;
			nested_yield(ctl, me);
			window_access(ctl, me, id);
		} else {
			random_access(ctl, me, id);
		}
	}
}

void guest_main(uint64_t id)
{
	struct guest_ctl *ctl = (struct guest_ctl *)CTL_GVA;
	struct guest_vcpu *me = &ctl->vcpu[id];
	uint64_t n = 0;

	for (;;) {
		if (__atomic_load_n(&ctl->pause, __ATOMIC_ACQUIRE)) {
			GUEST_SYNC(SYNC_PAUSE);
		} else if (me->nested.arch) {
			nested_host(ctl, me);
		} else if (me->sweep) {
			sweep(ctl, me, id);
		} else if (me->turn && !me->stay && ++n > me->turn) {
			n = 0;
			__atomic_store_n(&me->page, NO_PAGE, __ATOMIC_RELEASE);
			GUEST_SYNC(SYNC_TURN);
		} else {
			if (me->own_tables && !me->stay && (rng_next(&me->rng) & 3))
				window_move(ctl, me, id);
			else
				random_access(ctl, me, id);
		}
	}
}
