// SPDX-License-Identifier: GPL-2.0-only
/*
 * Under stress: the answer of KVM_RUN is one that the outcome table (outcomes/table.c) allows in
 * any of the states that the page was in during the access.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/compat.h"
#include "core/helper.h"
#include "core/region.h"
#include "oracles/outcome.h"
#include "plugins.h"
#include "tables.h"

static const char *const rule_names[RULE_NR] = {
	[RULE_TORN] = "torn",
	[RULE_STALE] = "stale",
	[RULE_FUTURE] = "future",
	[RULE_LOST] = "lost",
	[RULE_ACCESS] = "access-completed",
	[RULE_TRAPPED] = "trapped",
	[RULE_WINDOW] = "window-ignored",
	[RULE_MARKS] = "page-table-marks",
	[RULE_NESTED] = "nested-answer",
	[RULE_NPF] = "npf",
	[RULE_NPF_CODE] = "npf-code",
	[RULE_NPF_ADDRESS] = "npf-address",
	[RULE_NPF_PAGE] = "npf-page",
};

static const char *const nested_names[NR_NESTED_OPS] = {
	[NESTED_RUN] = "nested-run",
	[NESTED_EXIT] = "nested-exit",
};

#define ONE(n)	(1u << (n))

unsigned int outcome_caps(const struct caps *c)
{
	return (c->unrefcounted ? C_UNREFCOUNTED : 0) | (c->sigpending ? C_SIGPENDING : 0);
}

static unsigned int props_of(const struct region *r)
{
	unsigned int props = 0;

	if (r && r->ops->remapped)
		props |= P_REMAPPED;
	if (r && (r->ops->flags & PFNH_F_TAIL))
		props |= P_TAIL;
	if (r && r->ops->guest_only)
		props |= P_GUEST_ONLY;
	return props | P_HANDLER;
}

/*
 * All answers that are right if the page of this region was in these states. Whether an access that
 * just works was right is judged by the guest (guest.c).
 */
static unsigned int allowed_in(unsigned int mask, const struct region *r, const struct caps *caps,
			       enum access_op op)
{
	unsigned int props = props_of(r), c = outcome_caps(caps), s, all = 0;

	/* mprotect() changes nothing about what this kernel refuses */
	if (r && r->mapped == PS_REFUSED)
		mask |= ONE(PS_REFUSED);
	/* stores to a read-only memslot get no further than __gfn_to_hva_many() */
	if (r && r->mapped == PS_ROSLOT && (op == OP_STORE || op == OP_RMW))
		return outcome_under_stress(props, PS_ROSLOT, op, c);

	for (s = 0; s < PS_NR; s++) {
		if (!(mask & ONE(s)))
			continue;
		if (s == PS_REFUSED)
			all |= outcome_under_stress(props | P_REMAPPED | P_TAIL, PS_MAPPED, op,
						    c & ~C_UNREFCOUNTED);
		else
			all |= outcome_under_stress(props, s, op, c);
	}
	/*
	 * The attribute is looked at twice: is the access private, and is the page
	 * (kvm_mmu_page_fault(), kvm_faultin_pfn())?
	 */
	if ((mask & ONE(PS_SHARED)) && (mask & ONE(PS_MAPPED)))
		all |= ONE(RES_MEMFAULT);
	/*
	 * An emulated compare-and-exchange begins without a memslot and ends at the host's page when
	 * there is one again; if that can't be written the emulator gives up
	 * (emulator_cmpxchg_emulated(), X86EMUL_UNHANDLEABLE, 6.1 to 7.3).
	 */
	if (op == OP_RMW && (mask & ONE(PS_NOSLOT)) &&
	    (mask & (ONE(PS_READONLY) | ONE(PS_HOLE) | ONE(PS_NOACCESS) | ONE(PS_POISON))))
		all |= ONE(RES_INTERNAL);
	return all;
}

static void states_text(unsigned int mask, char *buf, size_t len)
{
	unsigned int s, n = 0;

	buf[0] = 0;
	if (mask == ~0u) {
		snprintf(buf, len, "many");
		return;
	}
	for (s = 0; s < PS_NR; s++)
		if (mask & ONE(s))
			n += snprintf(buf + n, len - n, "%s%s", n ? ">" : "", page_state_name(s));
}

/* Everything that a failure card says about the page of this vCPU's access. */
void outcome_describe(struct worker *w, struct failure *f, const struct region_place *place,
		      unsigned int mask)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];

	snprintf(f->thread, sizeof(f->thread), "%s", w->ws->name);
	snprintf(f->op, sizeof(f->op), "%s", g->nested.op % NR_NESTED_OPS ? nested_names[g->nested.op] :
		 g->op < OP_NR ? outcome_ops[g->op] : "-");
	states_text(mask, f->state, sizeof(f->state));
	if (!place->region)
		return;
	snprintf(f->backing, sizeof(f->backing), "%s", place->region->ops->name);
	f->gpa = place->gpa + (g->page - place->region->base) * GUEST_PAGE_SIZE;
	f->hva = place->hva + (f->gpa - place->gpa);
}

/* The page that the guest says it is at; false when it was never at one. */
bool outcome_page(struct worker *w, struct region_place *place, unsigned int *page)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	uint64_t gva;

	memset(place, 0, sizeof(*place));
	if (g->page >= w->run->nr_pages)
		return false;
	gva = ctl_gva(w->run->ctl)[g->page];
	if (!region_at(w->run, gva - REGION_GVA_OFFSET, place))
		return false;
	*page = g->page - place->region->base;
	return true;
}

/*
 * Between the signal and this look the memslot may have moved, and more than once: where the page was
 * then is known by the place of its region, and the same offset.
 */
static bool was_there(struct run *run, const struct region_place *place, unsigned int page,
		      uint64_t w1, uint64_t addr)
{
	struct region *r = place->region;
	uint64_t now = place->hva + page * GUEST_PAGE_SIZE;

	if (addr == now || (place->old_hva && addr == place->old_hva + page * GUEST_PAGE_SIZE))
		return true;
	return page_states(r, page, w1, page_word(r, page)) & ONE(PS_NOSLOT) &&
	       region_of_hva(run, addr) == r && region_same_offset(addr, now);
}

/* SIGBUS must say which page, and that the access needs action. */
static bool sigbus_right(struct worker *w, const struct run_outcome *o,
			 const struct region_place *place, unsigned int page, struct failure *f)
{
	uint64_t off = page * GUEST_PAGE_SIZE, addr = o->sig_addr & ~(GUEST_PAGE_SIZE - 1);

	oracle_checked(w->run, ORACLE_POISON, 1);
	if (o->sig_code == BUS_MCEERR_AR && o->sig_lsb == GUEST_PAGE_SHIFT &&
	    was_there(w->run, place, page, w->run->ctl->vcpu[w->id].word, addr))
		return true;
	snprintf(f->rule, sizeof(f->rule), "sigbus-siginfo");
	snprintf(f->expected, sizeof(f->expected), "si_code %d si_addr 0x%lx si_addr_lsb %d",
		 BUS_MCEERR_AR, place->hva + off, GUEST_PAGE_SHIFT);
	snprintf(f->got, sizeof(f->got), "si_code %d si_addr 0x%lx si_addr_lsb %d", o->sig_code,
		 o->sig_addr, o->sig_lsb);
	return false;
}

static bool mmio_right(struct worker *w, const struct run_outcome *o, struct failure *f)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	bool write = g->op == OP_STORE || g->op == OP_RMW;

	/* an emulated locked access to MMIO is a read and then a write */
	if ((o->mmio_gpa & ~(GUEST_PAGE_SIZE - 1)) == f->gpa + g->alias &&
	    (o->mmio_write == write || g->op == OP_RMW))
		return true;
	snprintf(f->rule, sizeof(f->rule), "mmio-address");
	snprintf(f->expected, sizeof(f->expected), "%s in page 0x%lx", write ? "write" : "read",
		 f->gpa + g->alias);
	snprintf(f->got, sizeof(f->got), "%s at 0x%lx", o->mmio_write ? "write" : "read",
		 o->mmio_gpa);
	return false;
}

bool outcome_fault_right(const struct run_outcome *o, uint64_t gpa, int private, char *got,
			 size_t len)
{
	uint64_t flag = o->fault_flags & KVM_MEMORY_EXIT_FLAG_PRIVATE;

	if (o->exit_reason == KVM_EXIT_MEMORY_FAULT && !o->sigbus && o->fault_gpa == gpa &&
	    o->fault_size == GUEST_PAGE_SIZE && o->fault_flags == flag &&
	    (private < 0 || !flag == !private))
		return true;
	snprintf(got, len, "exit_reason %u gpa 0x%lx size 0x%lx flags 0x%lx%s",
		 o->exit_reason, o->fault_gpa, o->fault_size, o->fault_flags,
		 o->sigbus ? ", SIGBUS" : "");
	return false;
}

/* Of a page that is neither private nor shared all the time it may be either. */
static bool fault_right(const struct run_outcome *o, unsigned int mask, struct failure *f)
{
	int private = mask & ONE(PS_SHARED) ? -1 : 1;

	if (outcome_fault_right(o, f->gpa, private, f->got, sizeof(f->got)))
		return true;
	snprintf(f->rule, sizeof(f->rule), "memory-fault-fields");
	snprintf(f->expected, sizeof(f->expected), "gpa 0x%lx, one page%s", f->gpa,
		 private > 0 ? ", private" : "");
	return false;
}

/*
 * Suspicion S1: was the PTE taken away again between fixup_user_fault() and the second
 * follow_pfnmap_start() of hva_to_pfn_remapped()? The module knows for whom its handler inserted a
 * PTE, and of its own zaps; of everything else the page word says whether a call of ours was under
 * way during the access. The handler is not asked when another thread (a vCPU, or an injector that
 * writes a stamp) has inserted the PTE meanwhile: then the zap and the page word have to agree.
 * What was found goes to the card.
 */
const char *outcome_pte_taken(struct region *r, unsigned int page, uint64_t w1, uint64_t since_ns,
			      char *card, size_t len)
{
	struct pfnh_fault q = { .index = page, .since_ns = since_ns };
	uint64_t w2 = page_word(r, page);
	bool overlap = (w1 & PW_BUSY) || w1 != w2;

	if (!r->ops->remapped || ioctl(r->fd, PFNH_FAULT, &q))
		return NULL;
	snprintf(card, len, " pte inserted %u/%u zapped %u/%u page word 0x%lx 0x%lx", q.inserted,
		 q.inserted_any, q.zapped, q.zapped_any, w1, w2);
	/* what was over before the access began excuses nothing: KVM_RUN is many accesses */
	if (!overlap)
		return NULL;
	if (q.zapped || (q.inserted_any && q.zapped_any && !q.inserted))
		return "zap-overlap";
	return q.inserted ? "invalidate-overlap" : NULL;
}

/* May what KVM takes for MMIO be from before a memslot came? docs/findings/mmio-sync.md */
static bool stale_mmio(const struct worker *w)
{
	return w->run->ctl->vcpu[w->id].in_window && w->run->sh->memslot_updates;
}

/*
 * Only what was injected into this thread's last resolution, for that page: what KVM got over
 * excuses nothing that came later. hva_to_pfn() makes KVM_PFN_ERR_SIGPENDING of -EINTR since 6.2
 * and of -EAGAIN since 6.13; before, both are KVM_PFN_ERR_FAULT as everything but -EHWPOISON is.
 * Both answers for both are the price of not knowing the kernel here.
 */
static unsigned int injected(struct run *run, const struct region_place *place, unsigned int page,
			     uint64_t since_ns)
{
	struct pfnh_injected q = { .since_ns = since_ns };
	uint64_t off = page * GUEST_PAGE_SIZE;

	if (ioctl(run->helper_fd, PFNH_INJECTED, &q) || !q.count || q.later)
		return 0;
	if (q.hook == PFNH_TOPUP)
		return ONE(RES_ENOMEM);
	if (!place->region || (q.hva != place->hva + off &&
			       (!place->old_hva || q.hva != place->old_hva + off)))
		return 0;
	switch (q.error) {
	case -EHWPOISON:
		return ONE(RES_SIGBUS);
	case -EINTR:
	case -EAGAIN:
		return ONE(RES_EINTR) | ONE(RES_EFAULT);
	case 0:
		return 0;
	default:
		return ONE(RES_EFAULT);
	}
}

bool outcome_injected(struct worker *w, const struct run_outcome *o)
{
	uint64_t alloc_fails = atomic_load(&w->ws->alloc_fails_ns);
	struct failure f = { 0 };
	struct region_place place;
	unsigned int page = 0;

	/*
	 * Any allocation on the way: for page tables, or (GUP: -ENOMEM) for the page itself. Which of
	 * them failed is not known, one in five does: every error in that time counts as theirs.
	 */
	if ((o->result == RES_ENOMEM || o->result == RES_EFAULT) && alloc_fails &&
	    alloc_fails >= o->start_ns) {
		oracle_checked(w->run, ORACLE_OUTCOME, 1);
		count(w->run->sh, "injected-answer", run_result_names[o->result], 1);
		return true;
	}
	if (!w->run->errors_injected)
		return false;
	outcome_page(w, &place, &page);
	if (!(injected(w->run, &place, page, o->start_ns) & ONE(o->result)))
		return false;
	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	count(w->run->sh, "injected-answer", run_result_names[o->result], 1);
	if (o->result == RES_SIGBUS && !sigbus_right(w, o, &place, page, &f)) {
		outcome_describe(w, &f, &place, 0);
		return fail(w->run->sh, ORACLE_POISON, &f, "injected");
	}
	return true;
}

bool outcome_delivery(struct worker *w, const struct run_outcome *o)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	struct failure f = { 0 };
	struct region_place place;
	unsigned int page, mask = 0;

	if (o->result != RES_INTERNAL || o->suberror != KVM_INTERNAL_ERROR_DELIVERY_EV)
		return false;
	if (outcome_page(w, &place, &page))
		mask = page_states(place.region, page, g->word, page_word(place.region, page));
	else if (!g->own_tables)	/* it writes to a page table, which KVM emulates */
		return false;
	outcome_describe(w, &f, &place, mask);
	snprintf(f.rule, sizeof(f.rule), "event-delivery");
	f.op[0] = f.backing[0] = 0;	/* it has to do with neither */
	snprintf(f.expected, sizeof(f.expected), "mmio, or the access completes");
	snprintf(f.got, sizeof(f.got), "KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_DELIVERY_EV ");
	arch_describe_vcpu(w->run->vcpu[w->id], f.got + strlen(f.got), sizeof(f.got) - strlen(f.got));
	/* what KVM takes for MMIO although it is mapped */
	fail(w->run->sh, ORACLE_OUTCOME, &f, mask != ONE(PS_MAPPED) ? NULL :
	     stale_mmio(w) ? "window" : "mapped");
	return true;
}

/*
 * The emulator goes by the host's address (emulator_read_write_onepage(), kvm_write_guest_page()),
 * with the vCPU's thread as user: what user space could not do is MMIO to it, poison included. Its
 * compare-and-exchange gives up (__try_cmpxchg_user(), X86EMUL_UNHANDLEABLE). If the page's content went
 * between its look at the old value and the exchange, that fails (X86EMUL_CMPXCHG_FAILED) and the guest
 * does the instruction again, behind the prefix: no emulation any more (x86_emulate_insn(), 6.1 to 7.3).
 */
static unsigned int allowed_emulated(unsigned int mask, const struct region *r,
				     const struct caps *caps, enum access_op op, bool changed)
{
	unsigned int works = ONE(PS_MAPPED), native = allowed_in(mask, r, caps, op);

	if (op == OP_LOAD)
		works |= ONE(PS_READONLY) | ONE(PS_ROSLOT);
	if (r->mapped != PS_MAPPED)
		mask |= ONE(r->mapped);
	if (!(mask & ~works))
		return 0;
	if (op != OP_RMW)
		return ONE(RES_MMIO);
	return ONE(RES_MMIO) | ONE(RES_INTERNAL) | (changed ? native : 0);
}

bool outcome_check(struct worker *w, const struct run_outcome *o)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	enum access_op op = g->op < OP_NR ? g->op : OP_LOAD;
	enum oracle_id oracle = o->result == RES_SIGBUS || o->result == RES_EHWPOISON ?
				ORACLE_POISON : ORACLE_OUTCOME;
	struct failure f = { 0 };
	struct region_place place;
	const char *detail = NULL;
	unsigned int page = 0, mask = 0, all = 0;
	bool at_page = outcome_page(w, &place, &page), changed;

	if (at_page) {
		mask = page_states(place.region, page, g->word, page_word(place.region, page));
		changed = g->word & PW_BUSY || g->word != page_word(place.region, page);
		all = g->emulated && op != OP_EXEC ?
		      allowed_emulated(mask, place.region, &w->run->sh->caps, op, changed) :
		      allowed_in(mask, place.region, &w->run->sh->caps, op);
	}
	/* too many changes since: everything may be right */
	if (mask == ~0u)
		count(w->run->sh, "outcome", "unjudged", 1);
	else
		oracle_checked(w->run, ORACLE_OUTCOME, 1);
	outcome_describe(w, &f, &place, mask);
	/* of a page that is poisoned and cannot be accessed, the access comes first: as in the rule */
	if (mask & ONE(PS_POISON) && !(mask & ONE(PS_NOACCESS)))
		oracle = ORACLE_POISON;

	if (all & ONE(o->result)) {
		if (o->result == RES_SIGBUS && !sigbus_right(w, o, &place, page, &f))
			return fail(w->run->sh, ORACLE_POISON, &f,
				    o->sig_addr >> 63 ? "kernel-address" : NULL);
		if (o->result == RES_MMIO && !mmio_right(w, o, &f))
			return fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
		if (o->result == RES_MEMFAULT && !fault_right(o, mask, &f))
			return fail(w->run->sh, ORACLE_OUTCOME, &f, NULL);
		if (o->result == RES_MEMFAULT && !(mask & ONE(PS_NOSLOT)))
			count(w->run->sh, "convert", "mismatch", 1);
		return true;
	}
	/* "efault-mapped": the answer, and the state that it is wrong in */
	snprintf(f.rule, sizeof(f.rule), "%s-%s", run_result_names[o->result],
		 !at_page ? "elsewhere" : mask & ONE(PS_NOACCESS) ? page_state_name(PS_NOACCESS) :
		 page_state_name(pw_new(g->word)));
	outcome_text(all, f.expected, sizeof(f.expected));
	snprintf(f.got, sizeof(f.got), "%s (errno %d, exit_reason %u, suberror %u) ",
		 run_result_names[o->result], o->err, o->exit_reason, o->suberror);
	arch_describe_vcpu(w->run->vcpu[w->id], f.got + strlen(f.got),
			   sizeof(f.got) - strlen(f.got));
	if (at_page && o->result == RES_EFAULT)
		detail = outcome_pte_taken(place.region, page, g->word, o->start_ns,
					   f.got + strlen(f.got), sizeof(f.got) - strlen(f.got));
	else if ((o->result == RES_MMIO || o->result == RES_INTERNAL) && stale_mmio(w) &&
		 !(mask & ONE(PS_NOACCESS)))
		detail = "window";
	return fail(w->run->sh, oracle, &f, detail);
}

void content_report(struct worker *w)
{
	const struct guest_vcpu *g = &w->run->ctl->vcpu[w->id];
	const struct guest_report *rep = &g->report;
	struct failure f = { 0 };
	struct region_place place;
	unsigned int page = 0, mask = 0;

	if (outcome_page(w, &place, &page))
		mask = page_states(place.region, page, g->word, page_word(place.region, page));
	outcome_describe(w, &f, &place, mask);
	snprintf(f.rule, sizeof(f.rule), "%s", rep->rule < RULE_NR ? rule_names[rep->rule] : "?");
	if (rep->got == PFNH_CANARY)	/* no stamp, but we know whose it is: of a retired page */
		snprintf(f.rule, sizeof(f.rule), "%s", rule_names[RULE_STALE]);
	if (rep->rule == RULE_ACCESS) {
		/* the right answer was an error: this is the outcome oracle's */
		mask = ONE(pw_new(g->word));	/* the same before and after, says the guest */
		outcome_text(allowed_in(mask, place.region, &w->run->sh->caps, g->op), f.expected,
			     sizeof(f.expected));
		snprintf(f.got, sizeof(f.got), "the access completed (value 0x%lx)", rep->got);
		fail(w->run->sh, mask & ONE(PS_POISON) ? ORACLE_POISON : ORACLE_OUTCOME, &f,
		     page_state_name(pw_new(g->word)));
		return;
	}
	if (rep->rule == RULE_MARKS) {
		snprintf(f.expected, sizeof(f.expected), "page table entry 0x%016lx", rep->expected);
		snprintf(f.got, sizeof(f.got), "0x%016lx", rep->got);
		/* known of kernels before 6.12, and of no other page: docs/findings/retry-dirty.md */
		fail(w->run->sh, ORACLE_CONTENT, &f,
		     (mask & ONE(PS_NOSLOT)) && tables_only_dirty(rep->got, rep->expected) ?
		     "dirty-no-memslot" : NULL);
		return;
	}
	if (rep->rule >= RULE_NESTED) {
		if (rep->rule == RULE_NPF_PAGE)
			f.backing[0] = 0;	/* it has to do with none */
		snprintf(f.expected, sizeof(f.expected), "0x%lx", rep->expected);
		snprintf(f.got, sizeof(f.got), "0x%lx", rep->got);
		fail(w->run->sh, ORACLE_CONTENT, &f, NULL);
		return;
	}
	snprintf(f.expected, sizeof(f.expected), "0x%016lx (page %u gen %u writer %u)",
		 rep->expected, stamp_page(rep->expected), stamp_gen(rep->expected),
		 stamp_writer(rep->expected));
	snprintf(f.got, sizeof(f.got), "0x%016lx (page %u gen %u writer %u), generation %u open",
		 rep->got, stamp_page(rep->got), stamp_gen(rep->got), stamp_writer(rep->got),
		 pw_gen(g->word));
	fail(w->run->sh, ORACLE_CONTENT, &f, NULL);
}
