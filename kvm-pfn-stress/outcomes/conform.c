// SPDX-License-Identifier: GPL-2.0-only
/*
 * One cell: bring a page into its state, make one access, compare the answer with the table; then
 * the vCPU must work on, what was refused must not have reached the page, and no reference may
 * stay.
 *
 * One VM with one vCPU serves all cells; each has a memslot of its own, made before the access and
 * deleted after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "consumers/xen.h"
#include "core/cpus.h"
#include "core/helper.h"
#include "core/poison.h"
#include "core/proc.h"
#include "core/signals.h"
#include "oracles/outcome.h"
#include "oracles/quiet.h"
#include "outcomes/conform.h"
#include "outcomes/log.h"
#include "outcomes/state.h"
#include "outcomes/straddle.h"
#include "plugins.h"

#define CELL_CTL_SLOT	1
#define CELL_SLOT	10
#define CELL_WINDOW_GVA	0x7100200000ul	/* by a PTE that the guest changes, and that */
#define CELL_PTE_GVA	0x7100400000ul
#define CELL_HUGE_GVA	0x7140000000ul	/* by an entry of 2 MiB that the host changes */
#define CELL_NOTHING	(1ul << 30)	/* behind the page: no memslot */
#define CELL_ALIAS	(1ul << 32)	/* behind it: another memslot of it, now and then */
#define NO_GPA		(1ull << 52)	/* no CPU has more bits: kvm_mmu_max_gfn(), 6.1 to 7.3 */

/*
 * An access that has no answer after KICK_NS is kicked. It loops if KVM took so many faults for
 * it, or if it used so much CPU time. The clock of the kick is not that of the CPU time, since
 * that one's signals wait for the end of a system call (CONFIG_POSIX_CPU_TIMERS_TASK_WORK).
 */
#define KICK_NS		50000000
#define LOOP_FAULTS	50
#define LOOP_CPU_NS	1500000000ull

/* What host and guest tell each other, in a memslot that no cell touches. */
struct cell_ctl {
	uint64_t op, gva;	/* what to do next, */
	uint64_t val;		/* and what to store over 0 */
	uint64_t emulated;	/* KVM is to do it */
	uint64_t interruptible;	/* as the guest that can wait for a page otherwise */
	uint64_t vmrun;		/* the page at this gpa is the control block */
	uint64_t status, value;	/* enum access_status, and what was loaded */
	struct cell_pte {
		uint64_t set;		/* change it before the access */
		uint64_t gpa, mode;
		uint64_t invlpg, root;	/* and flush: the page; by this root; or not at all */
	} pte;
	uint64_t pte_gva;	/* of CELL_WINDOW_GVA's entry */
	uint64_t good[8];	/* for the access that must work afterwards */
};

/* Runs in the guest. */
static void cell_guest(uint64_t arch)
{
	struct cell_ctl *c = (struct cell_ctl *)CTL_GVA;

	for (;;) {
		uint64_t value = 0;
		enum access_status st;

		GUEST_SYNC(SYNC_PAUSE);
		if (c->pte.set)
			arch_pte_set(c->pte_gva, c->pte.gpa, c->pte.mode);
		if (c->pte.invlpg)
			arch_flush_page(CELL_WINDOW_GVA);
		if (c->pte.root)
			arch_flush_root(c->pte.root);
		switch (c->op) {
		case OP_STORE:
			st = c->vmrun ? arch_nested_run(arch, c->vmrun) :
			     c->interruptible ? arch_interruptible(c->gva, c->val, 0, 0, arch_store) :
			     c->emulated ? arch_emul_store(c->gva, c->val) : arch_store(c->gva, c->val);
			break;
		case OP_RMW:
			st = c->interruptible ?
			     arch_interruptible(c->gva, 0, c->val, (uint64_t)&value, arch_rmw) :
			     c->emulated ? arch_emul_rmw(c->gva, 0, c->val, &value) :
					   arch_rmw(c->gva, 0, c->val, &value);
			break;
		case OP_EXEC:
			st = arch_exec(c->gva, &value);
			break;
		default:
			st = c->emulated ? arch_emul_load(c->gva, &value) : arch_load(c->gva, &value);
		}
		c->value = value;
		c->status = st;
	}
}

/* L1 does nothing but run cell_guest() as L2, and L2 never stops. */
static void cell_host(uint64_t arch)
{
	arch_nested_write(arch, 0);
	arch_nested_run(arch, 0);
	GUEST_SYNC(SYNC_TURN);
}

struct conform {
	struct run *run;
	struct worker *w;
	struct kvm_vcpu *vcpu;
	struct cell_ctl *ctl;
	unsigned int caps;
	timer_t kick;
	bool nested;		/* the guest that makes the accesses is L2 */
	bool vmrun;		/* it is L1, for CONS_VMRUN */
	uint32_t fetched;	/* entries of its dirty ring */
	bool mapped;		/* the guest has page tables for the test page */
	uint64_t root[2];	/* arch_roots() */
	bool xen;		/* xen_enable() */
	const char *no_private;	/* why the VM has no private memory, NULL */
	/*
	 * The cell's error stands for a signal that the cell does not send: KVM may as well try again
	 * until there is one.
	 */
	bool signal_ends;
};

/* The access is over, or the vCPU is lost. */
struct answer {
	unsigned int seen;	/* RES_BIT()s, of all KVM_RUNs that one access took */
	struct run_outcome first;
	uint64_t mmio;		/* RES_MMIO, a write: what, of so many bytes */
	uint32_t mmio_len;
	bool over;
};

/* ---- judgement ---- */

__attribute__((format(printf, 2, 3)))
static void say(struct cell_result *res, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->got, sizeof(res->got), fmt, ap);
	va_end(ap);
}

/* Name of the state in rules: the word that the oracle under stress has for it, if it has one. */
static const char *state_word(enum outcome_state s)
{
	return outcome_states[s].alone ? outcome_states[s].name :
					 page_state_name(outcome_states[s].ps);
}

static void broken(struct conform *cf, const struct outcome_cell *c, const struct state *st,
		   struct cell_result *res, enum oracle_id oracle, const char *rule,
		   const char *detail)
{
	struct shared *sh = cf->run->sh;
	int stop = atomic_load(&sh->stop);
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	snprintf(f.expected, sizeof(f.expected), "%s", res->expected);
	snprintf(f.got, sizeof(f.got), "%s", res->got);
	snprintf(f.backing, sizeof(f.backing), "%s", c->backing->name);
	snprintf(f.state, sizeof(f.state), "%s", outcome_states[c->state].name);
	snprintf(f.thread, sizeof(f.thread), "%s", cf->w->ws->name);
	snprintf(f.op, sizeof(f.op), "%s%s", c->consumer == CONS_NESTED ? "nested-" : "",
		 c->consumer == CONS_VCPU || c->consumer == CONS_NESTED ? outcome_ops[c->op] :
		 outcome_consumers[c->consumer]);
	f.gpa = st->r->gpa;
	f.hva = st->hva;
	f.pfn = st->pfn;
	fail(sh, oracle, &f, detail);
	/* the other cells run all the same */
	atomic_store(&sh->stop, stop);

	failure_name(&f, oracle, detail);
	snprintf(res->fingerprint, sizeof(res->fingerprint), "%s", f.fingerprint);
	snprintf(res->known, sizeof(res->known), "%s", f.known);
	res->verdict = CELL_FAIL;
}

/* ---- the access ---- */

static void arm(struct conform *cf, bool on)
{
	struct itimerspec its = { 0 };

	if (on)
		its.it_value.tv_nsec = its.it_interval.tv_nsec = KICK_NS;
	timer_settime(cf->kick, 0, &its, NULL);
}

static uint64_t faults_now(void)
{
	return proc_number("/sys/kernel/debug/kvm/pf_taken", 0);
}

struct effort {
	uint64_t faults, cpu_ns;
};

static uint64_t cpu_now(void)
{
	return proc_cpu_ns(getpid(), syscall(SYS_gettid));
}

static struct effort effort_now(void)
{
	return (struct effort){ faults_now(), cpu_now() };
}

/* After a kick: has it had all that an answer could need? */
static bool loops(const struct effort *since)
{
	return faults_now() - since->faults >= LOOP_FAULTS ||
	       cpu_now() - since->cpu_ns >= LOOP_CPU_NS;
}

/* Run until the guest says that the access is over; what fails is skipped. */
static void run_access(struct conform *cf, struct answer *a)
{
	struct effort since = effort_now();

	memset(a, 0, sizeof(*a));
	arm(cf, true);
	while (!a->over) {
		struct kvm_run *kr = cf->vcpu->run;
		struct run_outcome o;
		struct ucall uc;

		vcpu_enter(cf->vcpu, &o);
		worker_progress(cf->w);
		atomic_fetch_add(&cf->w->ws->exits[o.result], 1);
		if (o.result == RES_KICK && cf->signal_ends) {
			o.result = RES_EINTR;
		} else if (o.result == RES_KICK) {
			if (!loops(&since))
				continue;
			o.result = RES_LOOP;
			since = effort_now();
		}
		if (!a->seen) {
			a->first = o;
			a->mmio_len = kr->mmio.len;
			memcpy(&a->mmio, kr->mmio.data, sizeof(a->mmio));
		}
		a->seen |= RES_BIT(o.result);
		switch (o.result) {
		case RES_UCALL:
			a->over = get_ucall(cf->vcpu, &uc) == UCALL_SYNC;
			if (!a->over)
				goto out;
			break;
		case RES_MMIO:
			memset(kr->mmio.data, 0, sizeof(kr->mmio.data));
			break;
		default:
			/* without memory for page tables any page may be the one that fails */
			if (arch_skip_access(cf->vcpu) && o.result != RES_ENOMEM)
				goto out;
		}
	}
	/* the last one only says that the guest goes on */
	if (a->first.result != RES_UCALL)
		a->seen &= ~RES_BIT(RES_UCALL);
out:
	arm(cf, false);
}

/* The answer of an ioctl. */
static void answered(struct answer *a, int err, bool sigbus, bool loop)
{
	a->first.err = err;
	a->first.sig_code = my_signals.code;
	a->first.sig_addr = my_signals.addr;
	a->first.sig_lsb = my_signals.lsb;
	switch (err) {
	case 0:
		a->first.result = RES_UCALL;
		break;
	case EINTR:
		a->first.result = sigbus ? RES_SIGBUS : loop ? RES_LOOP : RES_EINTR;
		break;
	case EFAULT:
		a->first.result = RES_EFAULT;
		break;
	case EHWPOISON:
		a->first.result = RES_EHWPOISON;
		break;
	case ENOENT:
		a->first.result = RES_ENOENT;
		break;
	case ENOMEM:
		a->first.result = RES_ENOMEM;
		break;
	default:
		a->first.result = RES_ERRNO;
	}
	a->seen = RES_BIT(a->first.result);
	a->over = true;
}

static void pre_fault(struct conform *cf, uint64_t gpa, uint64_t size, struct answer *a)
{
	struct kvm_pre_fault_memory range = { .gpa = gpa, .size = size };
	struct thread_signals before = my_signals;
	struct effort since = effort_now();
	bool sigbus, loop = false;
	int err;

	memset(a, 0, sizeof(*a));
	arm(cf, true);
	do {
		err = ioctl(cf->vcpu->fd, KVM_PRE_FAULT_MEMORY, &range) ? errno : 0;
		sigbus = my_signals.sigbus != before.sigbus;
		loop = err == EINTR && !sigbus && loops(&since);
	} while ((!err && range.size) || (err == EINTR && !sigbus && !loop && !cf->signal_ends &&
					 my_signals.kicks != before.kicks));
	arm(cf, false);
	worker_progress(cf->w);
	answered(a, err, sigbus, loop && !cf->signal_ends);
}

/* Only that it is activated: nothing is written until KVM_RUN, and then it is gone. */
static void pfncache(struct conform *cf, uint64_t gpa, struct answer *a)
{
	struct thread_signals before = my_signals;
	int err;

	memset(a, 0, sizeof(*a));
	err = xen_vcpu_info_gpa(cf->vcpu, gpa);
	answered(a, err, my_signals.sigbus != before.sigbus, false);
	xen_vcpu_info_gpa(cf->vcpu, ~0ull);
}

static void new_vcpu(struct answer *a)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;

	memset(a, 0, sizeof(*a));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	TEST_ASSERT(vm >= 0, "KVM_CREATE_VM: %s", strerror(errno));
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	answered(a, vcpu < 0 ? errno : 0, false, false);
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
	close(kvm);
}

static void guest_access(struct conform *cf, enum access_op op, uint64_t gva, uint64_t val,
			 struct answer *a)
{
	cf->ctl->op = op;
	cf->ctl->gva = gva;
	cf->ctl->val = val;
	cf->ctl->status = ~0ull;
	run_access(cf, a);
}

/* An access that ended by an exception in the guest is an answer of its own. */
static void by_exception(struct conform *cf, struct answer *a)
{
	if (a->first.result != RES_UCALL || cf->ctl->status != ACCESS_TRAPPED)
		return;
	a->first.result = RES_GUEST;
	a->seen = RES_BIT(RES_GUEST);
}

static uint64_t place_of(enum access_op op)
{
	return op == OP_LOAD ? PAGE_FILL_OFF : op == OP_EXEC ? PAGE_CODE_OFF : PAGE_OWN_OFF(0);
}

static bool is_private(const struct outcome_cell *c)
{
	return c->backing->props & P_GUEST_ONLY && c->state != ST_SHARED;
}

/* The word that guests store to, as the host sees it; if it can't, as the guest does. */
static uint64_t word_of(struct conform *cf, const struct outcome_cell *c, const struct state *st)
{
	struct answer a;

	if (!is_private(c))
		return *(volatile uint64_t *)(st->hva + PAGE_OWN_OFF(0));
	guest_access(cf, OP_LOAD, st->r->gpa + REGION_GVA_OFFSET + PAGE_OWN_OFF(0), 0, &a);
	return cf->ctl->value;
}

/* Did a completed access see and leave behind what it had to? */
static bool content_right(struct conform *cf, const struct outcome_cell *c, const struct state *st,
			  uint64_t val, struct cell_result *res)
{
	enum access_status want = c->op == OP_EXEC && !st->content ? ACCESS_TRAPPED : ACCESS_DONE;
	uint64_t seen = c->op == OP_LOAD || c->op == OP_EXEC ? st->content : 0, now;

	if (cf->ctl->status != want) {
		say(res, "the access ended with status %lu, not %u", cf->ctl->status, want);
		return false;
	}
	if (cf->ctl->value != seen) {
		say(res, "the guest saw 0x%lx, not 0x%lx", cf->ctl->value, seen);
		return false;
	}
	if (c->op == OP_LOAD || c->op == OP_EXEC)
		return true;
	now = word_of(cf, c, st);
	if (now == val)
		return true;
	say(res, "the guest stored 0x%lx, the page has 0x%lx", val, now);
	return false;
}

static bool siginfo_right(const struct state *st, const struct run_outcome *o,
			  struct cell_result *res)
{
	uint64_t addr = o->sig_addr & ~(GUEST_PAGE_SIZE - 1);

	if (o->sig_code == BUS_MCEERR_AR && o->sig_lsb == GUEST_PAGE_SHIFT && addr == st->hva)
		return true;
	say(res, "si_code %d si_addr 0x%lx si_addr_lsb %d, not %d 0x%lx %d", o->sig_code,
	    o->sig_addr, o->sig_lsb, BUS_MCEERR_AR, st->hva, GUEST_PAGE_SHIFT);
	return false;
}

/*
 * A store is a write of what it stores. A read-modify-write reads memory where there is some, and then
 * writes: 0 is what it compares with, and finds.
 */
static bool mmio_right(const struct outcome_cell *c, const struct state *st, const struct answer *a,
		       uint64_t val, struct cell_result *res)
{
	bool write = c->op == OP_STORE || c->op == OP_RMW;

	if ((a->first.mmio_gpa & ~(GUEST_PAGE_SIZE - 1)) != st->r->gpa) {
		say(res, "MMIO at 0x%lx, not in page 0x%lx", a->first.mmio_gpa, st->r->gpa);
		return false;
	}
	if (c->op == OP_RMW && c->state != ST_RO_SLOT)
		return true;
	if (a->first.mmio_write == write &&
	    (!write || (a->mmio == val && a->mmio_len == sizeof(val))))
		return true;
	say(res, "MMIO: a %s of %u bytes, 0x%lx", a->first.mmio_write ? "write" : "read", a->mmio_len,
	    a->first.mmio_write ? a->mmio : 0);
	return false;
}

/* What was no control block says so, and only there. */
static bool block_right(struct conform *cf, struct state *st, struct cell_result *res)
{
	if (cf->ctl->status != ACCESS_DONE || !arch_nested_refused((const void *)st->hva))
		say(res, "VMRUN ended with status %lu, and the block says nothing", cf->ctl->status);
	else if (!state_shared_kept(st))
		say(res, "VMRUN wrote to a page that others read");
	else
		return true;
	return false;
}

/* One store to a page that no cell touches. */
static bool good_store(struct conform *cf, struct answer *a)
{
	uint64_t val = 0x600d + cf->run->sh->cells_done;

	guest_access(cf, OP_STORE, CTL_GVA + offsetof(struct cell_ctl, good), val, a);
	return a->over && a->first.result == RES_UCALL && cf->ctl->good[0] == val;
}

static bool works_on(struct conform *cf, const struct answer *a, struct cell_result *res)
{
	struct answer good;

	if (!a->over) {
		say(res, "the vCPU can't go on after %s (exit_reason %u)",
		    run_result_names[a->first.result], a->first.exit_reason);
		return false;
	}
	if (good_store(cf, &good))
		return true;
	say(res, "a store to a good page gives %s afterwards", run_result_names[good.first.result]);
	return false;
}

static bool writes_time(const struct outcome_cell *c)
{
	return c->consumer == CONS_CLOCK || c->consumer == CONS_STEAL;
}

/* Cells that leave in ctl what they saw, and in ctl->good[0] what they had to see. */
static bool says_itself(const struct outcome_cell *c)
{
	return c->consumer == CONS_WALK || c->consumer == CONS_PDE || writes_time(c) ||
	       c->state == ST_ACROSS;
}

static void judge(struct conform *cf, const struct outcome_cell *c, struct state *st,
		  const struct outcome_row *row, const struct answer *a, uint64_t val,
		  struct cell_result *res)
{
	enum oracle_id oracle = outcome_states[c->state].ps == PS_POISON ? ORACLE_POISON :
				ORACLE_OUTCOME;
	const char *word = state_word(c->state);
	char rule[40];

	oracle_checked(cf->run, oracle, 1);
	if (a->seen & ~row->allowed) {
		say(res, "%s (errno %d, exit_reason %u, suberror %u)",
		    a->first.result == RES_UCALL ? "completes" : run_result_names[a->first.result],
		    a->first.err, a->first.exit_reason, a->first.suberror);
		snprintf(rule, sizeof(rule), "%s-%s", run_result_names[a->first.result], word);
		if (a->first.result == RES_UCALL)
			broken(cf, c, st, res, oracle, "access-completed", word);
		else if (a->first.result == RES_GUEST && c->consumer == CONS_VMRUN &&
			 row->allowed == RES_BIT(RES_INTERNAL))
			broken(cf, c, st, res, ORACLE_OUTCOME, "exception", NULL);
		else
			broken(cf, c, st, res, oracle, rule, NULL);
	} else if (a->first.result == RES_SIGBUS && !siginfo_right(st, &a->first, res)) {
		broken(cf, c, st, res, ORACLE_POISON, "sigbus-siginfo",
		       a->first.sig_addr >> 63 ? outcome_states[c->state].name : NULL);
	} else if ((a->first.result == RES_MEMFAULT || a->first.result == RES_EHWPOISON) &&
		   c->consumer == CONS_VCPU &&
		   !outcome_fault_right(&a->first, st->r->gpa, is_private(c), res->got,
					sizeof(res->got))) {
		broken(cf, c, st, res, oracle, "memory-fault-fields", word);
	} else if (a->first.result == RES_MMIO && !mmio_right(c, st, a, val, res)) {
		broken(cf, c, st, res, ORACLE_OUTCOME, "mmio-address", NULL);
	} else if (a->first.result == RES_UCALL &&
		   (outcome_by_guest(c->consumer) || outcome_by_pte(c->consumer))) {
		oracle_checked(cf->run, ORACLE_CONTENT, 1);
		if (!content_right(cf, c, st, val, res)) {
			broken(cf, c, st, res, ORACLE_CONTENT, "content", word);
		} else if (!state_shared_kept(st)) {
			say(res, "the store reached a page that others read");
			broken(cf, c, st, res, ORACLE_CONTENT, "shared-store", word);
		}
	} else if (a->first.result == RES_UCALL && c->consumer == CONS_VMRUN &&
		   !block_right(cf, st, res)) {
		broken(cf, c, st, res, ORACLE_CONTENT, "control-block", word);
	} else if (a->first.result == RES_UCALL && says_itself(c) &&
		   (cf->ctl->status != ACCESS_DONE || cf->ctl->value != cf->ctl->good[0])) {
		say(res, "status %lu, the guest saw 0x%lx, not 0x%lx", cf->ctl->status,
		    cf->ctl->value, cf->ctl->good[0]);
		broken(cf, c, st, res, ORACLE_CONTENT, "content", word);
	} else if (a->first.result != RES_UCALL && !state_untouched(st)) {
		say(res, "the access was refused and reached the page");
		broken(cf, c, st, res, ORACLE_CONTENT, "refused-store", word);
	}
	if (res->verdict == CELL_FAIL)
		return;
	if (!works_on(cf, a, res))
		broken(cf, c, st, res, ORACLE_OUTCOME, "vcpu-lost", word);
}

static void check_refs(struct conform *cf, const struct outcome_cell *c, struct state *st,
		       struct cell_result *res)
{
	char text[96];

	if (cf->run->helper_fd < 0 || !refcount_diff(st->r, 0, text, sizeof(text), &st->pfn))
		return;
	say(res, "%s", text);
	broken(cf, c, st, res, ORACLE_REFCOUNT, "reference-left", state_word(c->state));
}

/* When nothing goes wrong any more the same access completes. */
static void check_mended(struct conform *cf, const struct outcome_cell *c, struct state *st,
			 uint64_t val, struct cell_result *res)
{
	struct answer a;

	*(volatile uint64_t *)(st->hva + PAGE_OWN_OFF(0)) = 0;
	state_mend(st);
	if (c->consumer == CONS_NEW_VCPU) {
		new_vcpu(&a);
		if (a.first.result == RES_UCALL)
			return;
	} else {
		guest_access(cf, c->op, st->r->gpa + REGION_GVA_OFFSET + place_of(c->op), val, &a);
	}
	if (a.first.result == RES_UCALL && content_right(cf, c, st, val, res))
		return;
	if (a.first.result != RES_UCALL)
		say(res, "%s when nothing was wrong any more", run_result_names[a.first.result]);
	broken(cf, c, st, res, ORACLE_OUTCOME, "not-mended", state_word(c->state));
}

/* ---- one cell ---- */

static void skip(struct cell_result *res, const char *why)
{
	res->verdict = CELL_SKIP;
	snprintf(res->reason, sizeof(res->reason), "%s", why);
}

static const char *unsupported(const struct conform *cf, const struct outcome_cell *c)
{
	if (c->consumer == CONS_PREFAULT && kvm_check_cap(KVM_CAP_PRE_FAULT_MEMORY) <= 0)
		return "KVM_PRE_FAULT_MEMORY is not there (6.11)";
	if (c->consumer == CONS_PFNCACHE)
		return xen_unsupported(false);
	if (c->consumer == CONS_NESTED || c->consumer == CONS_VMRUN)
		return arch_nested_unsupported();
	if (c->consumer == CONS_EMULATED)
		return arch_can_emulate();
	if (c->backing->props & P_GUEST_ONLY)
		return cf->no_private;
	return NULL;
}

static void memslot(struct conform *cf, const struct state *st, bool there)
{
	st->r->slot = CELL_SLOT;
	st->r->slot_flags |= st->slot_flags;
	TEST_ASSERT(!region_set_slots(st->r, there ? st->hva : 0), "memslot: %s", strerror(errno));
}

#define SERIES	24

/* Several accesses of one page, one of which fails now and then: by the policy, and no other. */
static void series(struct conform *cf, const struct outcome_cell *c, struct state *st,
		   const struct outcome_row *row, uint64_t val, struct cell_result *res)
{
	uint64_t failed = 0;
	struct answer a;
	unsigned int i;

	for (i = 0; i < SERIES && res->verdict != CELL_FAIL; i++) {
		state_again(st);
		guest_access(cf, c->op, st->r->gpa + REGION_GVA_OFFSET + place_of(c->op), val, &a);
		failed |= (uint64_t)(a.first.result != RES_UCALL) << i;
		judge(cf, c, st, row, &a, val, res);
		if (!a.over)
			_exit(1);
	}
	if (res->verdict == CELL_FAIL)
		return;
	say(res, "%d of %u", __builtin_popcountll(failed), SERIES);
	if (state_series_right(st, SERIES, failed))
		return;
	say(res, "answers 0x%lx, first one last, are not those of the policy", failed);
	broken(cf, c, st, res, ORACLE_SUITE, "not-injected", outcome_states[c->state].name);
}

/* What KVM refuses only after it has begun: kvm_arch_prepare_memory_region(). All is as before. */
static void refuse(struct conform *cf, const struct state *st)
{
	struct answer a;

	guest_access(cf, OP_LOAD, st->r->gpa + REGION_GVA_OFFSET + PAGE_FILL_OFF, 0, &a);
	TEST_ASSERT(__vm_set_user_memory_region(cf->run->vm, CELL_SLOT + 1, 0, NO_GPA,
						GUEST_PAGE_SIZE, (void *)st->hva),
		    "a memslot at 2^52");
	TEST_ASSERT(region_shift_slots(st->r, st->hva, NO_GPA), "a memslot moved by 2^52");
	/* what that asked of the vCPU is done by KVM_RUN */
	good_store(cf, &a);
}

/* Behind the words that guests use: see consumers/pv-time.c. */
#define CLOCK_OFF	0xa80
#define STEAL_OFF	0x600

static void set_time(struct conform *cf, const struct outcome_cell *c, const struct state *st,
		     bool on)
{
	if (c->consumer == CONS_STEAL)
		arch_steal_time(cf->vcpu, on ? st->r->gpa + STEAL_OFF : ~0ull);
	else
		arch_kvmclock(cf->vcpu, on ? st->r->gpa + CLOCK_OFF : ~0ull);
}

/* KVM_RUN writes it where there is memory; did it? */
static void write_time(struct conform *cf, const struct outcome_cell *c, const struct state *st,
		       struct answer *a)
{
	bool steal = c->consumer == CONS_STEAL;
	void *time = (void *)(st->hva + (steal ? STEAL_OFF : CLOCK_OFF));
	uint32_t before = arch_time_version(time, steal);

	if (!st->slot_changes)
		set_time(cf, c, st, true);
	else if (!steal)
		arch_clock_update(cf->vcpu);
	good_store(cf, a);
	cf->ctl->status = ACCESS_DONE;
	cf->ctl->value = arch_time_version(time, steal) != before;
	cf->ctl->good[0] = !st->no_slot;
	set_time(cf, c, st, false);
}

static long long huge_mappings(void)
{
	return proc_number("/sys/kernel/debug/kvm/pages_2m", 0) +
	       proc_number("/sys/kernel/debug/kvm/pages_1g", 0);
}

/* What vCPUs have mapped, of all sizes; -1: debugfs is not there. */
static long long mapped_now(void)
{
	long long small = proc_number("/sys/kernel/debug/kvm/pages_4k", -1);

	return small < 0 ? small : small + huge_mappings();
}

static long long flushes_now(void)
{
	return proc_number("/sys/kernel/debug/kvm/remote_tlb_flush_requests", 0);
}

struct mappings {
	long long mapped, flushes;
	struct pfnh_stats stats;	/* of the helper module, if it is there */
};

static struct mappings mappings_now(const struct conform *cf)
{
	struct mappings m = { mapped_now(), flushes_now() };

	if (cf->run->helper_fd >= 0)
		ioctl(cf->run->helper_fd, PFNH_STATS, &m.stats);
	return m;
}

/*
 * Mappings that are gone since then, if no TLB was flushed, or not when it had to be: the page is freed
 * when invalidate_range_start() has returned. Said in @res.
 */
static bool unflushed(const struct conform *cf, const struct mappings *before,
		      struct cell_result *res)
{
	struct mappings now = mappings_now(cf);
	bool late = now.stats.zaps_unflushed != before->stats.zaps_unflushed;

	if (now.mapped >= before->mapped || (now.flushes != before->flushes && !late))
		return false;
	say(res, "%lld mappings of vCPUs are gone, and %s", before->mapped - now.mapped,
	    late ? "the TLBs were not flushed before the page went" : "no TLB was flushed");
	return true;
}

/* An access by the window, after its PTE was changed. */
static void window_access(struct conform *cf, enum access_op op, uint64_t val,
			  const struct cell_pte *pte, struct answer *a)
{
	cf->ctl->pte = *pte;
	guest_access(cf, op, CELL_WINDOW_GVA + place_of(op), val, a);
	cf->ctl->pte = (struct cell_pte){ 0 };
}

/*
 * The guest makes an access by the old PTE, changes it, flushes it, and makes the cell's access. KVM
 * writes into its copy of a PTE what it finds when the guest flushes it, or at the access.
 */
static void pte_access(struct conform *cf, const struct outcome_cell *c, struct state *st,
		       uint64_t val, struct answer *a)
{
	unsigned int props = c->backing->props;
	uint64_t root = c->consumer == CONS_ROOT ? cf->root[1] : cf->root[0], status, value;
	struct cell_pte old = { .set = 1, .gpa = st->r->gpa, .mode = WINDOW_READ, .invlpg = 1 };
	struct cell_pte new = { .set = 1, .gpa = st->r->gpa, .mode = st->pte_mode };
	struct cell_pte back = { .set = 1, .gpa = CTL_GPA, .invlpg = 1, .root = cf->root[0] };
	bool upgraded = props & P_PTE_WRITE && !(props & (P_PTE_OTHER | P_PTE_MMIO));
	struct answer unused;

	if (props & P_PTE_OTHER)
		old.gpa = CTL_GPA;
	if (props & P_PTE_MMIO)
		old.gpa += CELL_NOTHING;
	if (props & (P_PTE_WRITE | P_PTE_NONE) && !upgraded)
		old.mode = props & P_PTE_NONE ? WINDOW_ABSENT : WINDOW_WRITE;
	window_access(cf, OP_LOAD, 0, &old, a);
	if (upgraded && a->over) {
		old.mode = WINDOW_WRITE;
		old.invlpg = 0;
		window_access(cf, OP_STORE, val - 1, &old, a);
	}
	if (c->consumer == CONS_ROOT && a->over) {
		old.invlpg = 0;
		old.root = root;
		window_access(cf, OP_LOAD, 0, &old, a);
	}
	if (c->state == ST_SLOT_NEW) {
		memslot(cf, st, true);
		st->no_slot = false;
	}
	new.invlpg = c->consumer == CONS_INVLPG;
	if (c->consumer == CONS_CR3 || c->consumer == CONS_ROOT)
		new.root = root;
	if (a->over)
		window_access(cf, c->op, val, &new, a);
	by_exception(cf, a);
	if (!a->over)
		return;
	status = cf->ctl->status;
	value = cf->ctl->value;
	window_access(cf, OP_LOAD, 0, &back, &unused);
	cf->ctl->status = status;
	cf->ctl->value = value;
}

#define FAR_PAGES	64	/* not mapped with the first: direct_pte_prefetch() */

/*
 * A huge page of the guest, in small ones of the host; the host lets the guest find another one there,
 * which KVM is not told of, and the guest accesses another page of it. The shadow page is of the first:
 * what is mapped by it for the second is not found when the host takes the page away.
 */
static void pde_access(struct conform *cf, const struct state *st, uint64_t val, struct answer *a)
{
	struct kvm_vm *vm = cf->run->vm;
	uint64_t alias = st->r->gpa + CELL_ALIAS, far = FAR_PAGES * GUEST_PAGE_SIZE;

	vm_set_user_memory_region(vm, CELL_SLOT + 1, 0, alias + far, GUEST_PAGE_SIZE,
				  (void *)(st->hva + GUEST_PAGE_SIZE));
	arch_table_set(vm, cf->vcpu, CELL_HUGE_GVA, alias);
	/* a load would allow loads only: FNAME(protect_clean_gpte)() */
	guest_access(cf, OP_STORE, CELL_HUGE_GVA + far + place_of(OP_STORE), 0, a);
	arch_table_set(vm, cf->vcpu, CELL_HUGE_GVA, st->r->gpa);
	if (a->over)
		guest_access(cf, OP_STORE, CELL_HUGE_GVA + place_of(OP_STORE), val, a);
	cf->ctl->value = *(volatile uint64_t *)(st->hva + place_of(OP_STORE));
	cf->ctl->good[0] = val;
	vm_set_user_memory_region(vm, CELL_SLOT + 1, 0, 0, 0, NULL);
}

/* Two pages: what was done is mapped, by a huge page each. */
static void pre_fault_across(struct conform *cf, const struct state *st, struct answer *a)
{
	uint64_t last = (st->r->ops->huge - 1) * GUEST_PAGE_SIZE;
	long long before = huge_mappings();

	pre_fault(cf, st->r->gpa + last, 2 * GUEST_PAGE_SIZE, a);
	cf->ctl->status = ACCESS_DONE;
	cf->ctl->value = huge_mappings() - before;
	cf->ctl->good[0] = 2;
}

static void access_of(struct conform *cf, const struct outcome_cell *c, struct state *st,
		      uint64_t val, struct answer *a)
{
	switch (c->consumer) {
	case CONS_PREFAULT:
		if (c->state == ST_ACROSS)
			pre_fault_across(cf, st, a);
		else
			pre_fault(cf, st->r->gpa, GUEST_PAGE_SIZE, a);
		/* of what is there already */
		if (a->first.result == RES_UCALL)
			pre_fault(cf, st->r->gpa, GUEST_PAGE_SIZE, a);
		/* what was mapped before anybody asked for it */
		if (a->first.result == RES_UCALL && c->backing->props & P_LOG)
			guest_access(cf, OP_STORE, st->r->gpa + REGION_GVA_OFFSET + place_of(OP_STORE),
				     val, a);
		break;
	case CONS_PFNCACHE:
		pfncache(cf, st->r->gpa, a);
		break;
	case CONS_NEW_VCPU:
		new_vcpu(a);
		break;
	case CONS_CLOCK:
	case CONS_STEAL:
		write_time(cf, c, st, a);
		break;
	case CONS_WALK:
		guest_access(cf, OP_LOAD, CELL_TABLE_GVA + offsetof(struct cell_ctl, good), val, a);
		by_exception(cf, a);
		break;
	case CONS_PDE:
		pde_access(cf, st, val, a);
		break;
	case CONS_INVLPG:
	case CONS_CR3:
	case CONS_ROOT:
	case CONS_UNFLUSHED:
		pte_access(cf, c, st, val, a);
		break;
	case CONS_VMRUN:
		cf->ctl->vmrun = st->r->gpa;
		guest_access(cf, OP_STORE, 0, 0, a);
		cf->ctl->vmrun = 0;
		by_exception(cf, a);
		break;
	default:
		cf->ctl->emulated = c->consumer == CONS_EMULATED;
		guest_access(cf, c->op, st->r->gpa + REGION_GVA_OFFSET + place_of(c->op), val, a);
		cf->ctl->emulated = 0;
		/* what a page without code does when it is executed is its content */
		if (c->consumer == CONS_NESTED && (c->op != OP_EXEC || st->no_slot))
			by_exception(cf, a);
	}
}

/* KVM has used the memslot when it changes. What a change asks of the vCPU is done by KVM_RUN. */
static void change_slot(struct conform *cf, const struct outcome_cell *c, struct state *st)
{
	struct answer a;

	guest_access(cf, OP_LOAD, st->r->gpa + REGION_GVA_OFFSET + PAGE_FILL_OFF, 0, &a);
	if (c->consumer == CONS_PFNCACHE)
		pfncache(cf, st->r->gpa, &a);
	if (writes_time(c)) {
		set_time(cf, c, st, true);
		good_store(cf, &a);
	}
	if (c->state == ST_SLOT_NEW) {
		memslot(cf, st, true);
		st->no_slot = false;
	} else if (c->state == ST_SLOT_MOVED) {
		TEST_ASSERT(!region_shift_slots(st->r, st->hva, -GUEST_PAGE_SIZE), "memslot moved: %s",
			    strerror(errno));
		st->hva += GUEST_PAGE_SIZE;
	} else {
		memslot(cf, st, false);
		st->no_slot = c->state == ST_SLOT_GONE;
	}
	if (c->state == ST_SLOT_REPLACED) {
		state_replace(st);
		memslot(cf, st, true);
	}
	good_store(cf, &a);
}

static void log_ctl(struct conform *cf, bool on)
{
	vm_set_user_memory_region(cf->run->vm, CELL_CTL_SLOT, on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
				  CTL_GPA, GUEST_PAGE_SIZE, cf->ctl);
}

/* Pages of a huge one that the guest has addresses for, and the one that it comes back by. */
#define HUGE_PAGES	4
#define HUGE_BACK	3

/*
 * Logging is on, the guest stores to one page that is not the first, logging is off, and the guest
 * comes back: what takes the place of the small mappings begins where the huge page does.
 */
static void come_back(struct conform *cf, const struct outcome_cell *c, struct state *st,
		      struct log *log, struct cell_result *res)
{
	uint64_t gva = st->r->gpa + REGION_GVA_OFFSET + HUGE_BACK * GUEST_PAGE_SIZE;
	uint64_t size = region_bytes(st->r, st->r->nr);
	struct answer a, b;

	if (mprotect((void *)st->hva, size, PROT_NONE) ||
	    mprotect((void *)st->hva, size, PROT_READ | PROT_WRITE))
		return;
	log_on(log);
	guest_access(cf, OP_STORE, gva + place_of(OP_STORE), 0, &a);
	log_off(log);
	guest_access(cf, OP_STORE, gva + place_of(OP_STORE), 0, &b);
	oracle_checked(cf->run, ORACLE_LEVEL, 1);
	if (a.first.result == RES_UCALL && b.first.result == RES_UCALL)
		return;
	say(res, "%s under logging, %s behind it", run_result_names[a.first.result],
	    run_result_names[b.first.result]);
	broken(cf, c, st, res, ORACLE_LEVEL, "not-recovered", NULL);
}

#define LOG_ROUNDS	3

/* Access, read the log, again: the page is in each. */
static void logged(struct conform *cf, const struct outcome_cell *c, struct state *st,
		   const struct outcome_row *row, uint64_t val, struct cell_result *res)
{
	struct log log = { .r = st->r, .vcpu = cf->vcpu, .fetched = &cf->fetched, .how = c->state,
			   .other = CELL_CTL_SLOT };
	bool ring = c->state == ST_LOG_RING;
	/* what is mapped is mapped, and what KVM found in a page table it keeps */
	bool once = c->consumer == CONS_WALK || c->consumer == CONS_PREFAULT;
	unsigned int rounds = once ? 1 : LOG_ROUNDS, i;
	long long huge = huge_mappings(), most = 0, flushes;
	struct mappings before;
	struct answer a;

	/* it is mapped, and can be written, before there is a log */
	if (outcome_by_guest(c->consumer)) {
		access_of(cf, c, st, val, &a);
		most = huge_mappings();
	}
	/* where the guest says that its access is over: at the same offset of another memslot */
	if (ring)
		log_ctl(cf, true);
	if (!log_on(&log)) {
		say(res, "the log is empty at first");
		broken(cf, c, st, res, ORACLE_DIRTY_LOG, "not-all-dirty", NULL);
	}
	for (i = 0; i < rounds && res->verdict != CELL_FAIL; i++) {
		/* what it was logged by is still there */
		if (i == LOG_ROUNDS - 1)
			refuse(cf, st);
		*(volatile uint64_t *)(st->hva + PAGE_OWN_OFF(0)) = 0;
		access_of(cf, c, st, val + i, &a);
		judge(cf, c, st, row, &a, val + i, res);
		if (!a.over)
			_exit(1);
		oracle_checked(cf->run, ORACLE_DIRTY_LOG, 1);
		flushes = flushes_now();
		if (!log_has_page(&log) && res->verdict != CELL_FAIL) {
			say(res, "access %u is not in the log", i + 1);
			broken(cf, c, st, res, ORACLE_DIRTY_LOG, "page-missing", NULL);
		} else if (ring && !log.has_other && res->verdict != CELL_FAIL) {
			say(res, "what the guest wrote behind access %u is not in the ring", i + 1);
			broken(cf, c, st, res, ORACLE_DIRTY_LOG, "page-missing", "other-memslot");
		}
		log_clear(&log);
		if (log_has_page(&log) && res->verdict != CELL_FAIL) {
			say(res, "the log has it again, and nobody wrote");
			broken(cf, c, st, res, ORACLE_DIRTY_LOG, "not-cleared", NULL);
		}
		/* the TLB entry by which it stored must go: kvm_get_dirty_log_protect() and its like */
		if ((c->consumer == CONS_VCPU || c->consumer == CONS_NESTED) &&
		    flushes_now() == flushes && res->verdict != CELL_FAIL) {
			say(res, "the log was cleared, and no TLB was flushed");
			broken(cf, c, st, res, ORACLE_DIRTY_LOG, "not-flushed", NULL);
		}
	}
	before = mappings_now(cf);
	log_off(&log);
	/* small ones made way for a huge one: kvm_mmu_recover_huge_pages(), or .._zap_collapsible_.. */
	if (res->verdict != CELL_FAIL && unflushed(cf, &before, res))
		broken(cf, c, st, res, ORACLE_LEVEL, "not-flushed", NULL);
	if (most > huge && res->verdict != CELL_FAIL) {
		guest_access(cf, OP_LOAD, st->r->gpa + REGION_GVA_OFFSET + PAGE_FILL_OFF, 0, &a);
		oracle_checked(cf->run, ORACLE_LEVEL, 1);
		if (huge_mappings() <= huge) {
			say(res, "small pages, where there was a huge one before the log");
			broken(cf, c, st, res, ORACLE_LEVEL, "not-huge-again", NULL);
		}
		if (res->verdict != CELL_FAIL)
			come_back(cf, c, st, &log, res);
	}
	if (ring)
		log_ctl(cf, false);
	if (res->verdict != CELL_FAIL)
		say(res, "completes");
}

static bool refused_store(const struct outcome_cell *c)
{
	return outcome_by_guest(c->consumer) && (c->op == OP_STORE || c->op == OP_RMW) &&
	       !(c->backing->props & P_GMEM) &&
	       (c->state == ST_PROT_READ || c->state == ST_RO_PTE || c->state == ST_RO_SLOT);
}

/* What was mapped for a load is mapped for loads. */
static void store_after_load(struct conform *cf, const struct outcome_cell *c, struct state *st,
			     const struct outcome_row *row, uint64_t val, struct cell_result *res)
{
	struct answer a;

	guest_access(cf, OP_LOAD, st->r->gpa + REGION_GVA_OFFSET + PAGE_FILL_OFF, 0, &a);
	/* with interrupts on KVM may look for the page by asynchronous page faults: no other answer */
	cf->ctl->interruptible = c->consumer == CONS_VCPU;
	if (a.over)
		access_of(cf, c, st, val, &a);
	cf->ctl->interruptible = 0;
	if (a.over)
		judge(cf, c, st, row, &a, val, res);
	if (!a.over)
		_exit(1);
}

static void attribute(const struct state *st, bool private)
{
	TEST_ASSERT(!region_set_private(st->r, 0, st->r->nr, private),
		    "KVM_SET_MEMORY_ATTRIBUTES: %s", strerror(errno));
}

/*
 * Private memory, by way of a guest that has touched it: only the guest can write there. What the host
 * has mapped was filled by state_enter(). False: it can't be had, sh->skip_reason says why.
 */
static bool make_private(struct conform *cf, const struct outcome_cell *c, struct state *st)
{
	uint64_t gva = st->r->gpa + REGION_GVA_OFFSET, host = st->content;
	uint64_t page[PAGE_OWN_OFF(0) / 8] = { 0 };
	struct answer a;

	attribute(st, true);
	st->content = 0;
	if (st->no_slot || c->state == ST_NO_FILE || c->state == ST_ABSENT)
		return true;
	st->content = stamp_make(0, 2, STAMP_HOST, 0);
	arch_fill(page, st->content);
	guest_access(cf, OP_STORE, gva + PAGE_FILL_OFF, page[PAGE_FILL_OFF / 8], &a);
	guest_access(cf, OP_STORE, gva + PAGE_CODE_OFF, page[PAGE_CODE_OFF / 8], &a);
	if (c->state == ST_POISON)
		return state_poison_file(st);
	if (c->state == ST_PUNCHED) {
		TEST_ASSERT(!st->r->ops->zap(st->r, 0, 1), "a hole in guest_memfd");
		st->content = 0;
	}
	if (c->state == ST_SHARED || c->state == ST_SHARED_BACK) {
		attribute(st, false);
		if (c->state == ST_SHARED) {
			st->content = host;
		} else {
			guest_access(cf, OP_LOAD, gva + PAGE_FILL_OFF, 0, &a);
			attribute(st, true);
		}
	}
	return true;
}

/*
 * What a vCPU stored is there when the page was in swap, or on its disk, and has come back. Where the
 * host has had no fault for writing, or has said MADV_FREE before, KVM alone knows that the page is
 * dirty: 6.12 kvm_tdp_mmu_zap_leafs(), 7.3 kvm_mmu_finish_page_fault().
 */
static void reclaimed(struct conform *cf, const struct outcome_cell *c, struct state *st,
		      uint64_t val, struct cell_result *res)
{
	uint64_t gva = st->r->gpa + REGION_GVA_OFFSET, now;
	struct answer a;

	if (c->backing->props & P_ANON)
		madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_FREE);
	if (c->op == OP_LOAD)
		guest_access(cf, OP_LOAD, gva + PAGE_FILL_OFF, 0, &a);
	guest_access(cf, OP_STORE, gva + place_of(OP_STORE), val, &a);
	/* it may be read only, and that it can't be paged out is another cell's business */
	if (a.first.result != RES_UCALL || !state_page_out(st))
		return;
	oracle_checked(cf->run, ORACLE_CONTENT, 1);
	now = word_of(cf, c, st);
	if (now == val)
		return;
	say(res, "the guest stored 0x%lx; paged out and in again the page has 0x%lx", val, now);
	broken(cf, c, st, res, ORACLE_CONTENT, "lost-in-reclaim", NULL);
}

/*
 * The page goes: of the host, a part of what it has mapped or all of it; of a file that vCPUs map, a
 * part of that.
 */
static bool take_away(const struct outcome_cell *c, struct state *st)
{
	void *hva = (void *)st->hva;

	if (c->backing->props & P_GMEM)
		return st->r->ops->zap && !st->r->ops->zap(st->r, 0, 1);
	/* not of hugetlb pages */
	if ((c->op == OP_LOAD || c->op == OP_EXEC) && !munmap(hva, GUEST_PAGE_SIZE))
		return true;
	return !munmap(hva, region_bytes(st->r, st->r->nr));
}

/*
 * The vCPU has the page mapped, and the host takes it away. What KVM had mapped by a root in use is
 * flushed from the TLBs: kvm_unmap_gfn_range() says so, and flush_on_ret of
 * kvm_mmu_notifier_invalidate_range_start(), 6.1 to 7.3. That is counted, as no access shows it
 * where a vCPU loses its TLB with every exit. Then the same access finds no memory any more.
 */
static void taken_away(struct conform *cf, const struct outcome_cell *c, struct state *st,
		       uint64_t val, struct cell_result *res)
{
	struct outcome_cell hole = { c->consumer, c->backing, ST_HOLE, c->op };
	const struct outcome_row *row = outcome_row_of(&hole, cf->caps);
	bool alias = outcome_by_guest(c->consumer) && (c->op == OP_STORE || c->op == OP_RMW);
	char expected[sizeof(res->expected)];
	struct mappings before;
	struct answer a;

	/*
	 * Another memslot over the page, of which nothing is mapped. KVM looks at memslots in the order
	 * in which they begin in the host's memory.
	 */
	if (alias)
		vm_set_user_memory_region(cf->run->vm, CELL_SLOT + 1, 0, st->r->gpa + CELL_ALIAS,
					  2 * GUEST_PAGE_SIZE,
					  (void *)(st->hva - (c->op == OP_RMW ? GUEST_PAGE_SIZE : 0)));
	before = mappings_now(cf);
	if (!take_away(c, st))
		goto out;
	oracle_checked(cf->run, ORACLE_OUTCOME, 1);
	if (unflushed(cf, &before, res)) {
		broken(cf, c, st, res, ORACLE_OUTCOME, "not-flushed", state_word(c->state));
		goto out;
	}
	/* what KVM emulates is MMIO then */
	if (c->backing->props & P_GMEM || c->consumer == CONS_EMULATED)
		goto out;
	st->cell = &hole;
	memcpy(expected, res->expected, sizeof(expected));
	outcome_text(row->allowed, res->expected, sizeof(res->expected));
	access_of(cf, &hole, st, val, &a);
	judge(cf, &hole, st, row, &a, val, res);
	if (res->verdict != CELL_FAIL)
		memcpy(res->expected, expected, sizeof(expected));
	st->cell = c;
	if (!a.over)
		_exit(1);
out:
	if (alias)
		vm_set_user_memory_region(cf->run->vm, CELL_SLOT + 1, 0, 0, 0, NULL);
}

/*
 * What KVM maps besides what was asked for has the rights of its own page: direct_pte_prefetch() of
 * its older MMU asks for neighbours that can be written (FOLL_WRITE).
 */
#define SHARED_PAGE	(1ull << ST_COW | 1ull << ST_ZERO_PAGE)

static void store_beside(struct conform *cf, const struct state *st, struct answer *a)
{
	guest_access(cf, OP_STORE, st->r->gpa + REGION_GVA_OFFSET + GUEST_PAGE_SIZE +
		     place_of(OP_STORE), 0, a);
	if (!a->over)
		_exit(1);
}

static void ask_straddle(void *data, const struct straddle *s)
{
	struct conform *cf = data;

	worker_progress(cf->w);
	cf->ctl->op = s->op;
	cf->ctl->gva = s->gva;
	cf->ctl->val = s->val;
	cf->ctl->status = ~0ull;
}

/* Across page 0 and the next one, by memslots of its own. */
static void straddle(struct conform *cf, const struct outcome_cell *c, struct state *st,
		     struct cell_result *res)
{
	struct straddle s = {
		.r = st->r, .hva = st->hva, .vcpu = cf->vcpu, .slot = CELL_SLOT, .op = c->op,
		.status = &cf->ctl->status, .value = &cf->ctl->value,
	};

	oracle_checked(cf->run, ORACLE_OUTCOME, 1);
	/* where KVM can be told to it emulates all of them, memory too; else what is no memory */
	cf->ctl->emulated = !arch_can_emulate();
	if (straddle_right(&s, ask_straddle, cf, res->got, sizeof(res->got)))
		say(res, "completes");
	else
		broken(cf, c, st, res, ORACLE_OUTCOME, "straddle", s.layout);
	cf->ctl->emulated = 0;
	if (s.lost)
		_exit(1);
}

static void one_access(struct conform *cf, const struct outcome_cell *c, struct state *st,
		       struct cell_result *res)
{
	const struct outcome_row *row = outcome_row_of(c, cf->caps);
	uint64_t val = 0xce110000 + cf->run->sh->cells_done;
	struct answer a;

	outcome_text(row->allowed, res->expected, sizeof(res->expected));
	if (!cf->mapped)
		virt_map(cf->run->vm, st->r->gpa + REGION_GVA_OFFSET, st->r->gpa, HUGE_PAGES);
	cf->mapped = true;
	if (c->consumer == CONS_STRADDLE) {
		straddle(cf, c, st, res);
		return;
	}
	if (c->consumer == CONS_PFNCACHE && !cf->xen) {
		xen_enable(cf->run->vm, false);
		cf->xen = true;
	}
	if (!st->no_slot)
		memslot(cf, st, true);
	if (st->stale_root) {
		memslot(cf, st, false);
		memslot(cf, st, true);
	} else {
		/* what a change of memslots asks of the vCPU is done by KVM_RUN */
		cf->ctl->good[0] = 0;
		good_store(cf, &a);
	}

	if (c->backing->props & P_GUEST_ONLY && !make_private(cf, c, st)) {
		skip(res, cf->run->sh->skip_reason);
		memslot(cf, st, false);
		return;
	}
	if (state_series(st)) {
		series(cf, c, st, row, val, res);
		memslot(cf, st, false);
		return;
	}
	if (st->refused)
		refuse(cf, st);
	if (st->slot_changes && !outcome_by_pte(c->consumer))
		change_slot(cf, c, st);
	if (c->consumer == CONS_WALK)
		arch_table_set(cf->run->vm, cf->vcpu, CELL_TABLE_GVA, st->r->gpa);
	if (c->backing->props & P_LOG) {
		logged(cf, c, st, row, val, res);
		if (res->verdict != CELL_FAIL)
			check_refs(cf, c, st, res);
		if (res->verdict != CELL_FAIL && outcome_by_guest(c->consumer))
			taken_away(cf, c, st, val, res);
		memslot(cf, st, false);
		return;
	}
	if (c->consumer == CONS_VCPU && c->op == OP_RMW && 1ull << c->state & SHARED_PAGE)
		store_beside(cf, st, &a);
	state_hold(st, true);
	cf->signal_ends = row->allowed & RES_BIT(RES_EINTR);
	access_of(cf, c, st, val, &a);
	cf->signal_ends = false;
	state_hold(st, false);
	state_map(st);

	if (state_mendable(st) && !state_fired(st)) {
		say(res, "%s", run_result_names[a.first.result]);
		broken(cf, c, st, res, ORACLE_SUITE, "not-injected", outcome_states[c->state].name);
	} else {
		judge(cf, c, st, row, &a, val, res);
		if (res->verdict != CELL_FAIL && a.over && refused_store(c))
			store_after_load(cf, c, st, row, val, res);
	}
	if (!a.over)
		_exit(1);	/* another child goes on with a vCPU that works */
	if (res->verdict != CELL_FAIL && state_mendable(st))
		check_mended(cf, c, st, val, res);
	if (!res->got[0])
		say(res, "%s", a.first.result == RES_UCALL ? "completes" :
		    run_result_names[a.first.result]);
	/* vCPUs hold no reference to what they have mapped */
	if (res->verdict != CELL_FAIL)
		check_refs(cf, c, st, res);
	if (res->verdict != CELL_FAIL && a.first.result == RES_UCALL && !st->no_slot &&
	    c->consumer == CONS_VCPU && c->backing->props & P_RECLAIM)
		reclaimed(cf, c, st, val + 1, res);
	if (res->verdict != CELL_FAIL && a.first.result == RES_UCALL && !st->no_slot &&
	    (outcome_by_guest(c->consumer) || c->consumer == CONS_PREFAULT))
		taken_away(cf, c, st, val, res);
	if (!st->no_slot)
		memslot(cf, st, false);
}

/* To clear a GiB takes longer than a vCPU may need for an access: nobody waits for one meanwhile. */
static bool enter(struct conform *cf, struct state *st)
{
	bool gigantic = (st->cell->backing->props & P_GIGANTIC) == P_GIGANTIC, ok;

	atomic_store(&cf->w->ws->phase, gigantic ? W_WAIT : W_BUSY);
	ok = state_enter(st);
	atomic_store(&cf->w->ws->phase, W_BUSY);
	return ok;
}

static void run_cell(struct conform *cf, const struct outcome_cell *c, struct cell_result *res)
{
	struct shared *sh = cf->run->sh;
	const char *why = unsupported(cf, c);
	struct state st = { .run = cf->run, .cell = c };

	memset(res, 0, sizeof(*res));
	if (why) {
		skip(res, why);
		return;
	}
	if (enter(cf, &st))
		one_access(cf, c, &st, res);
	else
		skip(res, sh->skip_reason);
	/* what is at that address next is no private memory */
	if (st.r && c->backing->props & P_GUEST_ONLY)
		attribute(&st, false);
	sh->skip_reason[0] = 0;
	state_leave(&st);
	if (res->verdict == CELL_PASS && !res->got[0])
		skip(res, "nothing was checked");
}

/* For cells whose backing has these P_*. */
static void add_vm(struct conform *cf, unsigned int props)
{
	struct run *run = cf->run;
	unsigned long type = 0;
	bool ring = props & P_RING, idle = !cf->nested && !cf->vmrun;

	/* all of the group, or none */
	if (props & P_GUEST_ONLY)
		cf->no_private = arch_private_vm(&type);
	run->vm = compat_vm_create(1 + idle, 512, cf->nested ? cell_host : cell_guest,
				   cf->no_private ? 0 : type, run->vcpu, ring ? log_ring : NULL);
	arch_vm_setup(run->vm);
	cf->vcpu = run->vcpu[0];
	if (ring)
		vcpu_map_dirty_ring(cf->vcpu);
	cf->ctl = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	vm_set_user_memory_region(run->vm, CELL_CTL_SLOT, 0, CTL_GPA, GUEST_PAGE_SIZE, cf->ctl);
	virt_map(run->vm, CTL_GVA, CTL_GPA, 1);
	virt_map(run->vm, CELL_TABLE_GVA, CTL_GPA, 1);
	arch_map_huge(run->vm, CELL_HUGE_GVA, CTL_GPA, 512);
	cf->ctl->pte_gva = arch_window_setup(run->vm, cf->vcpu, CELL_WINDOW_GVA, CELL_PTE_GVA, CTL_GPA);
	arch_roots(run->vm, cf->vcpu, CELL_WINDOW_GVA, cf->root);
	vcpu_args_set(cf->vcpu, 1, cf->nested || cf->vmrun ? arch_nested_setup(run, 0, cell_guest) :
							     0ul);
	/* a vCPU that does not run again: it keeps a root that memslots make obsolete */
	if (idle) {
		vcpu_args_set(run->vcpu[1], 1, 0ul);
		vcpu_run(run->vcpu[1]);
	}
}

/* Marked for what cells inject. Without its hooks unflushed() goes by what KVM counts alone. */
static void add_helper(struct conform *cf)
{
	struct pfnh_arm arm = { .hooks = PFNH_HOOK(PFNH_INVALIDATE) | PFNH_HOOK(PFNH_FLUSH) |
					 PFNH_HOOK(PFNH_FLUSH_RANGE) };

	cf->run->helper_fd = cf->run->sh->caps.helper ? helper_open() : -1;
	if (cf->run->helper_fd >= 0 && !ioctl(cf->run->helper_fd, PFNH_MARK))
		ioctl(cf->run->helper_fd, PFNH_ARM, &arm);
}

static void add_timer(struct conform *cf)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };

	ev._sigev_un._tid = syscall(SYS_gettid);
	TEST_ASSERT(!timer_create(CLOCK_MONOTONIC, &ev, &cf->kick), "timer_create");
}

int conform_run(const struct scenario *sc, struct shared *sh)
{
	static struct outcome_cell cells[OUTCOME_MAX_CELLS];
	unsigned int nr = outcome_cells(sc->outcomes, sc->consumers[0].name, cells), i;
	struct run *run = calloc(1, sizeof(*run));
	struct worker w = { .run = run, .ws = &sh->worker[0] };
	struct conform cf = { .run = run, .w = &w };
	char mark[OUTCOME_NAME_MAX + 32], name[OUTCOME_NAME_MAX];
	struct answer a;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	the_run = run;
	me = &w;
	run->sc = sc;
	run->sh = sh;
	run->nr_vcpus = 1;
	run->ctl = sh->ctl;
	memset(sh->ctl, 0, sizeof(*sh->ctl));
	cf.caps = outcome_caps(&sh->caps);
	cf.nested = !strcmp(sc->consumers[0].name, outcome_consumers[CONS_NESTED]) &&
		    !arch_nested_unsupported();
	cf.vmrun = cells[0].consumer == CONS_VMRUN && !arch_nested_unsupported();
	signals_setup(sh);
	signals_expect_sigbus(true);
	rcu_register_thread();
	cpus_pin(0, 0, cpus_first(), cpus_usable());
	add_helper(&cf);

	w.ws->is_vcpu = true;
	snprintf(w.ws->name, sizeof(w.ws->name), "vcpu0");
	atomic_store(&w.ws->tid, syscall(SYS_gettid));
	add_vm(&cf, cells[0].backing->props);
	add_timer(&cf);
	atomic_store(&w.ws->phase, W_BUSY);
	atomic_store(&sh->nr_workers, 1);
	atomic_store(&sh->running, 1);

	run_access(&cf, &a);	/* to the first GUEST_SYNC() */
	for (i = atomic_load(&sh->cells_done); i < nr && !run_stopping(run); i++) {
		snprintf(mark, sizeof(mark), "kvm-pfn-stress: cell %s\n",
			 outcome_cell_name(sc->name, &cells[i], name));
		proc_write("/dev/kmsg", mark);
		run_cell(&cf, &cells[i], &sh->cell[i]);
		worker_progress(&w);
		atomic_store(&sh->cells_done, i + 1);
	}
	atomic_store(&sh->faults, faults_now());
	atomic_store(&w.ws->phase, W_DONE);
	kvm_vm_free(run->vm);
	atomic_store(&sh->running, 0);
	return 0;
}
