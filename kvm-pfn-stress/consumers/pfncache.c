// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's own use of test pages: Xen's shared_info and vcpu_info and kvmclock, each a gfn_to_pfn_cache by
 * guest or by host address. They use words of a page that no stamp uses. (A VM with Xen's MSR has no
 * steal time: record_steal_time().)
 *
 *	this thread, SET_ATTR			injector
 *	---------------------			--------
 *	pfn = hva_to_pfn(), kmap()
 *						zap: start, the cache is not valid yet, unmap, end
 *	invalidated since? again		<- else KVM goes on writing to a page that is gone
 *
 * When the page is claimed, so that nobody changes anything, an event is sent: its bit must be in the
 * page that the host has mapped there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "consumers/xen.h"
#include "injectors/inject.h"
#include "oracles/outcome.h"
#include "plugins.h"

#define TURN_EVERY	4
#define CALLS		4	/* of a turn */
/* Behind shared_info's bits; for each vCPU 64 bytes. */
#define VCPU_INFO_OFF(v)	(0xd00 + 64 * (v))
#define CLOCK_OFF(v)		(0xa80 + 32 * (v))

/* shared_info is one for the VM. */
static pthread_mutex_t shared_info = PTHREAD_MUTEX_INITIALIZER;
static struct region *shared_region;	/* where it is, NULL: by host address, or nowhere */
static unsigned int shared_page;
static bool by_hva;			/* this kernel takes host addresses */

static const char *pfncache_unsupported(struct run *run)
{
	(void)run;
	return xen_unsupported(false);
}

/* Where there is pv-time every other guest is none of Xen's, so that it gets its steal time. */
static bool for_xen(struct worker *w)
{
	const struct scenario *sc = w->run->sc;
	unsigned int i;

	for (i = 0; i < sc->nr_consumers; i++)
		if (!strcmp(sc->consumers[i].name, "pv-time"))
			return rng_next(&w->rng) & 1;
	return true;
}

static void pfncache_setup(struct worker *w)
{
	static bool enabled;

	if (enabled)
		return;
	enabled = true;
	xen_enable(w->run->vm, for_xen(w));
	by_hva = !xen_unsupported(true);
}

static void describe(struct worker *w, struct region *r, unsigned int page, const char *how,
		     struct failure *f)
{
	region_failure(f, r, page);
	snprintf(f->thread, sizeof(f->thread), "%s", w->ws->name);
	snprintf(f->op, sizeof(f->op), "%s", how);
}

/* A write by KVM: it works on mapped pages, and on no others. */
static void judge(struct worker *w, struct region *r, unsigned int page, uint64_t w1, int err,
		  bool hva, uint64_t start_ns)
{
	uint64_t w2 = page_word(r, page);
	unsigned int mask = page_states(r, page, w1, w2), bad = ~(1u << PS_MAPPED);
	const char *how = hva ? "pfncache-hva" : "pfncache", *detail = NULL;
	struct failure f = { 0 };

	oracle_checked(w->run, ORACLE_OUTCOME, 1);
	count(w->run->sh, how, r->ops->name, 1);
	if (err)
		count(w->run->sh, how, err == EFAULT ? "efault" : "errno", 1);
	if (r->mapped != PS_MAPPED)
		mask |= 1u << r->mapped;
	/* the host mapping does not know of memslots */
	if (hva && !err)
		bad &= ~(1u << PS_NOSLOT | 1u << PS_ROSLOT);
	if (err == EFAULT ? mask & bad : !err && (w1 != w2 || pw_old(w1) != pw_new(w1) || !(mask & bad)))
		return;
	describe(w, r, page, how, &f);
	snprintf(f.got, sizeof(f.got), "errno %d ", err);
	if (err) {
		snprintf(f.rule, sizeof(f.rule), "%s-%s", err == EFAULT ? "efault" : "errno",
			 page_state_name(pw_new(w1)));
		detail = outcome_pte_taken(r, page, w1, start_ns, f.got + strlen(f.got),
					   sizeof(f.got) - strlen(f.got));
	} else {
		snprintf(f.rule, sizeof(f.rule), "pfncache-completed");
		detail = page_state_name(pw_new(w1));
	}
	snprintf(f.expected, sizeof(f.expected), err ? "it works" : "EFAULT");
	fail(w->run->sh, ORACLE_OUTCOME, &f, detail);
}

static void move_shared_info(struct worker *w, struct region *r, unsigned int page)
{
	struct kvm_vm *vm = w->run->vm;
	bool hva = by_hva && rng_below(&w->rng, 2);
	uint64_t w1 = page_word(r, page), start = now_ns();
	int err;

	if (pthread_mutex_trylock(&shared_info))
		return;
	record_op(w, "shared_info", r->gpa + page * GUEST_PAGE_SIZE, 1);
	if (hva)
		err = xen_shared_info_hva(vm, region_hva(r) + page * GUEST_PAGE_SIZE);
	else
		err = xen_shared_info_gfn(vm, (r->gpa >> GUEST_PAGE_SHIFT) + page);
	shared_region = err || hva ? NULL : r;
	shared_page = page;
	judge(w, r, page, w1, err, hva, start);
	pthread_mutex_unlock(&shared_info);
}

static void move_vcpu_info(struct worker *w, struct region *r, unsigned int page)
{
	uint64_t off = page * GUEST_PAGE_SIZE + VCPU_INFO_OFF(w->id), start = now_ns();
	struct kvm_vcpu *vcpu = w->run->vcpu[w->id];
	uint64_t w1 = page_word(r, page);
	bool hva = by_hva && rng_below(&w->rng, 2);
	int err;

	record_op(w, "vcpu_info", r->gpa + page * GUEST_PAGE_SIZE, 1);
	err = hva ? xen_vcpu_info_hva(vcpu, region_hva(r) + off) : xen_vcpu_info_gpa(vcpu, r->gpa + off);
	judge(w, r, page, w1, err, hva, start);
}

static bool in_page(struct region *r, unsigned int page, unsigned int port)
{
	uint64_t hva = region_hva(r) + page * GUEST_PAGE_SIZE;

	return __atomic_load_n((uint64_t *)(hva + XEN_PENDING_OFF), __ATOMIC_SEQ_CST) & 1ull << port;
}

/* Nobody changes the page now. Is what KVM writes there? */
static void send_when_quiet(struct worker *w, struct region *r, unsigned int page)
{
	uint64_t hva = region_hva(r) + page * GUEST_PAGE_SIZE;
	unsigned int port = 1 + rng_below(&w->rng, XEN_PORTS - 1);
	struct failure f = { 0 };
	int err;

	if (pw_new(page_word(r, page)) != PS_MAPPED)
		return;
	__atomic_store_n((uint64_t *)(hva + XEN_MASK_OFF), ~0ull, __ATOMIC_SEQ_CST);
	__atomic_store_n((uint64_t *)(hva + XEN_PENDING_OFF), 0, __ATOMIC_SEQ_CST);
	err = xen_send(w->run->vm, port);
	if (err == EINVAL)
		return;		/* 6.1: vCPU 0 has no vcpu_info yet */
	oracle_checked(w->run, ORACLE_CONTENT, 1);
	count(w->run->sh, "pfncache", "events", 1);
	if (!err && in_page(r, page, port))
		return;
	describe(w, r, page, "pfncache", &f);
	snprintf(f.rule, sizeof(f.rule), err ? "event-refused" : "event-in-stale-page");
	snprintf(f.expected, sizeof(f.expected), "the bit of port %u in the page", port);
	snprintf(f.got, sizeof(f.got), "errno %d, pending bits 0x%lx", err,
		 *(uint64_t *)(hva + XEN_PENDING_OFF));
	fail(w->run->sh, err ? ORACLE_OUTCOME : ORACLE_CONTENT, &f, NULL);
}

static void send_event(struct worker *w)
{
	struct region *r;

	if (pthread_mutex_trylock(&shared_info))
		return;
	r = shared_region;
	if (r && region_claim_page(r, shared_page)) {
		send_when_quiet(w, r, shared_page);
		region_release(r, shared_page, 1);
	} else {
		/* whatever it answers: nobody knows where the page is */
		xen_send(w->run->vm, 1 + rng_below(&w->rng, XEN_PORTS - 1));
	}
	pthread_mutex_unlock(&shared_info);
}

static void one_call(struct worker *w)
{
	struct run *run = w->run;
	struct region *r = run->region[rng_below(&w->rng, run->nr_regions)];
	unsigned int page = rng_next(&w->rng) & 1 ? region_busy_page(r, &w->rng) :
						    rng_below(&w->rng, r->nr);
	uint64_t gpa = r->gpa + page * GUEST_PAGE_SIZE;
	struct kvm_vcpu *vcpu = run->vcpu[w->id];

	if (r->ops->no_vma || region_private(r, page))
		return;
	/* what stays for a while meets more changes than what moves each time */
	switch (rng_below(&w->rng, 16)) {
	case 0:
		move_shared_info(w, r, page);
		break;
	case 1:
		move_vcpu_info(w, r, page);
		break;
	case 2:
		count(run->sh, "kvmclock", r->ops->name, 1);
		arch_kvmclock(vcpu, gpa + CLOCK_OFF(w->id));
		break;
	default:
		send_event(w);
	}
	worker_progress(w);
}

static void pfncache_turn(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < CALLS; i++)
		one_call(w);
}

static void pfncache_run(struct worker *w)
{
	vcpu_loop(w, TURN_EVERY, pfncache_turn);
}

const struct consumer_ops consumer_pfncache = {
	.name = "pfncache",
	.writes = true,
	.apart = "pv-time",	/* see above: no steal time */
	.describe = "vCPUs, and pages that KVM itself writes: Xen's, kvmclock",
	.unsupported = pfncache_unsupported,
	.setup = pfncache_setup,
	.run = pfncache_run,
};
