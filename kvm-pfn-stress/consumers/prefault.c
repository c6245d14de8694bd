// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_PRE_FAULT_MEMORY from the vCPU's thread, between runs of the guest: kvm_tdp_map_page() (6.12),
 * kvm_tdp_page_prefault() (7.3). A fault for reading without a guest that waits for it: what goes
 * wrong is an errno, and a part that was done is success.
 *
 *	this thread				injector
 *	-----------				--------
 *	srcu_read_lock()
 *	fault: pfn = hva_to_pfn(hva)
 *						zap: start, unmap, end
 *	is_page_fault_stale()? again		<- else an SPTE of a page that has gone
 *						memslot: INVALID, synchronize_srcu()
 *	fault: INVALID? -EAGAIN			<- else both wait for each other (findings/s7.md)
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/compat.h"
#include "consumers/vcpu.h"
#include "core/region.h"
#include "core/signals.h"
#include "core/watchdog.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define PREFAULT_MAX	16	/* pages */
#define TURN_EVERY	8	/* accesses of the guest between two calls */
/*
 * A call of 16 pages takes a millisecond or three; that much CPU time is no answer. Timers of CPU time
 * expire on the way back to user space, which is just what does not happen: the alarm is by the clock.
 * It counts unless the machine stood still.
 */
#define NO_ANSWER_NS	250000000ull
#define ALARM_NS	500000000ull

/* One call, and what is known about it. */
struct prefault {
	struct region *r;
	unsigned int first, nr, done;	/* pages: asked for, and done */
	uint64_t word[PREFAULT_MAX];	/* before the call */
	uint64_t start_ns;
	int err;
	bool sigbus, kicked, stuck;
	const char *waits;		/* memslot_update() that is held up */
};

static const char *prefault_unsupported(struct run *run)
{
	(void)run;
	if (!kvm_has_cap(KVM_CAP_PRE_FAULT_MEMORY))
		return "this kernel has no KVM_PRE_FAULT_MEMORY (6.11)";
	return NULL;
}

/* SIGUSR1 for this thread after so much time: the loops in the kernel look for signals. */
static void alarm_set(timer_t timer, uint64_t ns)
{
	struct itimerspec its = { .it_value = { ns / 1000000000, ns % 1000000000 } };

	timer_settime(timer, 0, &its, NULL);
}

/* Of one worker. */
struct state {
	timer_t timer;
	struct prefault p;
	bool after_run;		/* p did not end while all rest; KVM_RUN was called since */
};

static struct state *state_of(struct worker *w)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct state *st = w->priv;

	if (st)
		return st;
	st = calloc(1, sizeof(*st));
	ev._sigev_un._tid = syscall(SYS_gettid);
	TEST_ASSERT(!timer_create(CLOCK_MONOTONIC, &ev, &st->timer), "timer_create");
	w->priv = st;
	return st;
}

static uint64_t my_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void describe(struct worker *w, const struct prefault *p, unsigned int page,
		     struct failure *f)
{
	region_failure(f, p->r, page);
	snprintf(f->thread, sizeof(f->thread), "%s", w->ws->name);
	snprintf(f->op, sizeof(f->op), "prefault");
}

/* Pages that were done must have been there at some time during the call. */
static void check_done(struct worker *w, const struct prefault *p)
{
	unsigned int i;

	for (i = 0; i < p->done; i++) {
		uint64_t now = page_word(p->r, p->first + i);
		enum page_state s = pw_new(now);
		struct failure f = { 0 };

		if (now != p->word[i] || pw_old(now) != s || s == PS_MAPPED || s == PS_READONLY ||
		    s == PS_ROSLOT || s == PS_SHARED)
			continue;
		describe(w, p, p->first + i, &f);
		snprintf(f.rule, sizeof(f.rule), "prefault-completed");
		snprintf(f.state, sizeof(f.state), "%s", page_state_name(s));
		snprintf(f.expected, sizeof(f.expected), "an error");
		snprintf(f.got, sizeof(f.got), "%u pages of %u done", p->done, p->nr);
		if (!fail(w->run->sh, s == PS_POISON ? ORACLE_POISON : ORACLE_OUTCOME, &f,
			  page_state_name(s)))
			return;
	}
}

/* What the page at which the call ended may have answered, by the states that it was in. */
static bool error_right(const struct prefault *p, unsigned int mask)
{
	const unsigned int both = 1u << PS_SHARED | 1u << PS_MAPPED;
	unsigned int efault = 1u << PS_HOLE | 1u << PS_NOACCESS | 1u << PS_REFUSED;

	/* nothing is MMIO that is private */
	if (p->r->ops->guest_only)
		efault |= 1u << PS_NOSLOT;
	/* is the access private, and is the page? The attribute may change in between */
	if ((mask & both) == both)
		efault |= both;
	if (p->sigbus)
		return mask & 1u << PS_POISON;
	if (p->kicked && (!p->err || p->err == EINTR))
		return true;
	switch (p->err) {
	case 0:		/* part of it was done; the reason for the rest is not told */
		return mask & (efault | 1u << PS_POISON | 1u << PS_NOSLOT);
	case EFAULT:
		return mask & efault;
	case ENOENT:
		return mask & 1u << PS_NOSLOT && !p->r->ops->guest_only;
	case EAGAIN:	/* while the memslot goes */
		return mask & 1u << PS_NOSLOT;
	default:
		return false;
	}
}

static const char *error_name(const struct prefault *p)
{
	if (p->sigbus)
		return "sigbus";
	switch (p->err) {
	case 0: return "partial";
	case EFAULT: return "efault";
	case ENOENT: return "enoent";
	case EAGAIN: return "eagain";
	case EINTR: return "eintr";
	case EHWPOISON: return "ehwpoison";
	default: return "errno";
	}
}

static void check_error(struct worker *w, const struct prefault *p)
{
	unsigned int page = p->first + p->done;
	uint64_t w1 = p->word[p->done];
	unsigned int mask = page_states(p->r, page, w1, page_word(p->r, page));
	const char *detail = NULL;
	struct failure f = { 0 };

	/* mprotect() changes nothing about what this kernel refuses */
	if (p->r->mapped == PS_REFUSED)
		mask |= 1u << PS_REFUSED;
	if (error_right(p, mask))
		return;
	describe(w, p, page, &f);
	snprintf(f.rule, sizeof(f.rule), "%s-%s", error_name(p), page_state_name(pw_new(w1)));
	snprintf(f.state, sizeof(f.state), "%s", page_state_name(pw_new(w1)));
	snprintf(f.expected, sizeof(f.expected), "the answer that the page's state asks for");
	snprintf(f.got, sizeof(f.got), "errno %d, %u pages of %u done%s%s", p->err, p->done, p->nr,
		 p->sigbus ? ", SIGBUS" : "", p->kicked ? ", a signal" : "");
	if (p->err == EFAULT || !p->err)
		detail = outcome_pte_taken(p->r, page, w1, p->start_ns, f.got + strlen(f.got),
					   sizeof(f.got) - strlen(f.got));
	fail(w->run->sh, p->sigbus || p->err == EHWPOISON ? ORACLE_POISON : ORACLE_OUTCOME, &f,
	     detail);
}

/*
 * Does a memslot update wait for the end of this call? Of the memslot that is prefaulted, or of another:
 * that one makes all roots obsolete, too (kvm_mmu_zap_all_fast()). NULL: none.
 */
static const char *memslot_update(struct run *run, const struct region *r)
{
	const char *what = NULL;
	unsigned int i;

	for (i = 0; i < run->nr_regions; i++) {
		uint64_t w = page_word(run->region[i], 0);

		if (!(w & PW_BUSY) || (pw_new(w) != PS_NOSLOT && pw_old(w) != PS_NOSLOT))
			continue;
		if (run->region[i] == r)
			return "own-memslot-update";
		what = "memslot-update";
	}
	return what;
}

static void report_stuck(struct worker *w, const struct prefault *p, const char *why)
{
	struct failure f = { 0 };

	describe(w, p, p->first + p->done, &f);
	snprintf(f.rule, sizeof(f.rule), "prefault-livelock");
	snprintf(f.expected, sizeof(f.expected), "an answer");
	snprintf(f.got, sizeof(f.got), "%llu ms of CPU time in one call, until a signal",
		 NO_ANSWER_NS / 1000000);
	fail(w->run->sh, ORACLE_LIVENESS, &f, why);
}

static void prefault_call(struct worker *w, struct prefault *p, timer_t timer)
{
	struct kvm_pre_fault_memory range = {
		.gpa = p->r->gpa + p->first * GUEST_PAGE_SIZE,
		.size = p->nr * GUEST_PAGE_SIZE,
	};
	struct thread_signals before;
	unsigned int i, stalls;
	uint64_t cpu;
	int ret;

	for (i = 0; i < p->nr; i++)
		p->word[i] = page_word(p->r, p->first + i);
	record_op(w, "prefault", range.gpa, p->nr);
	alarm_set(timer, ALARM_NS);
	stalls = atomic_load(&w->run->sh->stalls);
	cpu = my_cpu_ns();
	before = my_signals;
	p->start_ns = now_ns();
	atomic_store(&w->asks, p->r->base + p->first);
	atomic_store(&w->asks_nr, p->nr);
	ret = ioctl(w->run->vcpu[w->id]->fd, KVM_PRE_FAULT_MEMORY, &range);
	p->err = ret ? errno : 0;
	atomic_store(&w->asks_nr, 0);
	p->waits = memslot_update(w->run, p->r);
	p->stuck = my_cpu_ns() - cpu >= NO_ANSWER_NS;
	alarm_set(timer, 0);
	/* the witness has to get a CPU, too, before it can say so */
	if (p->stuck)
		usleep(STALL_NS / 1000);
	p->stuck = p->stuck && stalls == atomic_load(&w->run->sh->stalls);
	p->done = p->nr - range.size / GUEST_PAGE_SIZE;
	p->sigbus = my_signals.sigbus != before.sigbus;
	p->kicked = my_signals.kicks != before.kicks;
	worker_progress(w);
}

static void prefault_draw(struct worker *w, struct prefault *p)
{
	struct run *run = w->run;

	p->r = run->region[rng_below(&w->rng, run->nr_regions)];
	p->nr = rng_log(&w->rng, p->r->nr < PREFAULT_MAX ? p->r->nr : PREFAULT_MAX);
	p->first = rng_below(&w->rng, p->r->nr - p->nr + 1);
}

static void prefault_judge(struct worker *w, const struct prefault *p)
{
	struct shared *sh = w->run->sh;

	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	count(sh, "prefault", p->r->ops->name, 1);
	if (p->done < p->nr)
		count(sh, "prefault", error_name(p), 1);
	check_done(w, p);
	if (p->done < p->nr)
		check_error(w, p);
}

/*
 * A call that gets nowhere: because of a memslot update that it holds up itself; or of invalidations
 * that keep coming, so again while all injectors rest; or of a root that only KVM_RUN reloads, so
 * again after one; or for ever.
 */
static void prefault_turn(struct worker *w)
{
	struct shared *sh = w->run->sh;
	struct state *st = state_of(w);
	struct prefault *p = &st->p;

	if (!st->after_run)
		prefault_draw(w, p);
	prefault_call(w, p, st->timer);
	prefault_judge(w, p);
	if (st->after_run) {
		report_stuck(w, p, p->stuck ? NULL : "obsolete-root");
		st->after_run = false;
		atomic_fetch_sub(&sh->calm, 1);
		return;
	}
	if (!p->stuck)
		return;
	if (p->waits) {
		report_stuck(w, p, p->waits);
		return;
	}
	atomic_fetch_add(&sh->calm, 1);
	prefault_call(w, p, st->timer);
	prefault_judge(w, p);
	if (p->stuck && !p->waits && !run_stopping(w->run)) {
		st->after_run = true;
		return;
	}
	if (p->stuck && p->waits)
		report_stuck(w, p, p->waits);
	atomic_fetch_sub(&sh->calm, 1);
}

static void prefault_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, prefault_turn);
}

const struct consumer_ops consumer_prefault = {
	.name = "prefault",
	.describe = "vCPUs, and KVM_PRE_FAULT_MEMORY on random ranges between their runs",
	.unsupported = prefault_unsupported,
	.run = prefault_run,
};
