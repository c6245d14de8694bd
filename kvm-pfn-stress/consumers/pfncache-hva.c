// SPDX-License-Identifier: GPL-2.0-only
/*
 * gfn_to_pfn_cache by a host address outside of all memslots: Xen's shared_info. A second thread maps
 * the one or the other page of a memfd there while the cache is refreshed.
 *
 *	vCPU 0's thread, SET_ATTR		remapper
 *	-------------------------		--------
 *	mmu_seq = kvm->mmu_invalidate_seq
 *	pfn = hva_to_pfn(): page A
 *						mmap(MAP_FIXED) page B: start (the cache is not
 *						valid yet), unmap A, end: without a memslot
 *						mmu_invalidate_seq stays as it is
 *	mmu_invalidate_seq == mmu_seq: valid	<- KVM goes on writing to page A
 *
 * Both pages stay in the memfd: what KVM writes to the wrong one harms nobody. Then all is quiet, an
 * event is sent, and its bit must be in the page that is mapped. Every mmap() is also an
 * invalidation that the refresh has to wait for (docs/findings/s10.md).
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/compat.h"
#include "consumers/vcpu.h"
#include "consumers/xen.h"
#include "core/signals.h"
#include "injectors/inject.h"
#include "plugins.h"

#define TURN_EVERY	4
#define ROUNDS		16	/* a turn */
#define SPIN_MAX	4096
#define DROP_BYTES	(64ul << 20)

/* Shared by vCPU 0's thread and the remapper. */
static struct {
	pthread_t thread;
	int fd;
	char *where;			/* where shared_info is */
	char *page[2];			/* both pages, mapped for good */
	unsigned int now;		/* which is at where */
	atomic_ulong asked, done;	/* rounds */
	atomic_bool stop;
	uint64_t longest_us;
	unsigned int turns;
	struct rng rng;
} x;

struct drop {
	void *mem;
	uint64_t start_ns, end_ns;
	atomic_bool ended;
};

/* SIGUSR1 for this thread after so many ns. */
static void alarm_in(long ns)
{
	static __thread timer_t timer;
	static __thread bool made;
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec its = { .it_value = { 0, ns } };

	ev._sigev_un._tid = syscall(SYS_gettid);
	if (!made && timer_create(CLOCK_MONOTONIC, &ev, &timer))
		return;
	made = true;
	timer_settime(timer, 0, &its, NULL);
}

static const char *hva_unsupported(struct run *run)
{
	(void)run;
	return xen_unsupported(true);
}

static void map_page(unsigned int n)
{
	void *p = mmap(x.where, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, x.fd,
		       n * GUEST_PAGE_SIZE);

	TEST_ASSERT(p == x.where, "mmap");
	x.now = n;
}

static void *remapper(void *arg)
{
	uint32_t i, spin;
	cpu_set_t all;

	(void)arg;
	/* not where the thread that made it is pinned */
	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	while (!atomic_load(&x.stop)) {
		if (atomic_load(&x.asked) == atomic_load(&x.done)) {
			sched_yield();
			continue;
		}
		spin = rng_log(&x.rng, SPIN_MAX);
		for (i = 0; i < spin; i++)
			__asm__ volatile("" ::: "memory");
		map_page(!x.now);
		atomic_fetch_add(&x.done, 1);
	}
	return NULL;
}

static void hva_setup(struct worker *w)
{
	unsigned int i;

	if (w->id)
		return;
	xen_enable(w->run->vm, true);
	x.fd = memfd_create("shared_info", MFD_CLOEXEC);
	TEST_ASSERT(x.fd >= 0 && !ftruncate(x.fd, 2 * GUEST_PAGE_SIZE), "memfd");
	x.where = mmap(NULL, GUEST_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 2; i++) {
		x.page[i] = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, x.fd,
				 i * GUEST_PAGE_SIZE);
		/* masked: pending bits are all that an event changes */
		memset(x.page[i] + XEN_MASK_OFF, 0xff, XEN_PORTS / 8);
	}
	rng_seed(&x.rng, w->run->seed, 2000);
	map_page(0);
}

static uint64_t *pending(unsigned int n)
{
	return (uint64_t *)(x.page[n] + XEN_PENDING_OFF);
}

static void wrong_page(struct worker *w, unsigned int port)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "event-in-stale-page");
	snprintf(f.backing, sizeof(f.backing), "memfd");
	snprintf(f.thread, sizeof(f.thread), "%s", w->ws->name);
	snprintf(f.op, sizeof(f.op), "pfncache");
	snprintf(f.expected, sizeof(f.expected), "the bit of port %u in the page that is mapped", port);
	snprintf(f.got, sizeof(f.got), "pending bits there 0x%lx, in the page mapped before 0x%lx",
		 *pending(x.now), *pending(!x.now));
	f.hva = (uint64_t)x.where;
	fail(w->run->sh, ORACLE_CONTENT, &f, "outside-memslots");
}

static void broken(struct worker *w, const char *what, int err)
{
	errno = err;
	inject_broken(w, NULL, what);
}

static bool hva_round(struct worker *w)
{
	unsigned int port = 1 + rng_below(&w->rng, XEN_PORTS - 1);
	struct kvm_vm *vm = w->run->vm;
	uint64_t start, us;
	int err;

	/* a cache that is gone is looked up again; so is one that the last mmap() made invalid */
	if (rng_below(&w->rng, 2))
		xen_shared_info_hva(vm, 0);
	*pending(0) = *pending(1) = 0;
	atomic_fetch_add(&x.asked, 1);
	start = now_ns();
	err = xen_shared_info_hva(vm, (uint64_t)x.where);
	us = (now_ns() - start) / 1000;
	while (atomic_load(&x.asked) != atomic_load(&x.done) && !run_stopping(w->run))
		sched_yield();
	/* in the middle of an mmap() there may be nothing */
	if (run_stopping(w->run) || err == EFAULT)
		return true;
	if (err) {
		broken(w, "shared-info", err);
		return false;
	}
	count(w->run->sh, "pfncache", "refresh", 1);
	count(w->run->sh, "pfncache", "refresh-us", us);
	if (us > x.longest_us) {
		count(w->run->sh, "pfncache", "refresh-longest-us", us - x.longest_us);
		x.longest_us = us;
	}
	err = xen_send(vm, port);
	if (err) {
		broken(w, "event-channel-send", err);
		return false;
	}
	oracle_checked(w->run, ORACLE_CONTENT, 1);
	worker_progress(w);
	if (*pending(x.now) & 1ull << port)
		return true;
	wrong_page(w, port);
	return true;
}

/* Drops a lot of memory that KVM knows nothing of: one invalidation, of many milliseconds. */
static void *drop(void *arg)
{
	struct drop *d = arg;
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
	d->start_ns = now_ns();
	madvise(d->mem, DROP_BYTES, MADV_DONTNEED);
	d->end_ns = now_ns();
	atomic_store(&d->ended, true);
	return NULL;
}

/*
 * Suspicion S10: how long does a refresh wait for an invalidation that is none of its business, on
 * how much CPU time, and does a signal end it? Measured, not judged: docs/findings/s10.md.
 */
static void unrelated(struct worker *w)
{
	struct drop d = { 0 };
	uint64_t start, us, cpu, off, longest = 0, longest_cpu = 0;
	struct timespec c0, c1;
	unsigned long kicks = 0;
	bool signalled = false;
	pthread_t thread;

	d.mem = mmap(NULL, DROP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d.mem == MAP_FAILED)
		return;
	/* page by page: with KASAN, emulated, all at once takes seconds without a sign of life */
	for (off = 0; off < DROP_BYTES; off += GUEST_PAGE_SIZE) {
		((volatile char *)d.mem)[off] = 1;
		worker_progress(w);
	}
	if (pthread_create(&thread, NULL, drop, &d))
		return;
	while (!atomic_load(&d.ended)) {
		xen_shared_info_hva(w->run->vm, 0);
		kicks = my_signals.kicks;
		alarm_in(1000000);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &c0);
		start = now_ns();
		if (xen_shared_info_hva(w->run->vm, (uint64_t)x.where))
			continue;
		us = (now_ns() - start) / 1000;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &c1);
		cpu = (c1.tv_sec - c0.tv_sec) * 1000000 + (c1.tv_nsec - c0.tv_nsec) / 1000;
		worker_progress(w);
		if (us <= longest)
			continue;
		longest = us;
		longest_cpu = cpu;
		signalled = my_signals.kicks != kicks;
	}
	pthread_join(thread, NULL);
	munmap(d.mem, DROP_BYTES);
	count(w->run->sh, "unrelated", "invalidation-us", (d.end_ns - d.start_ns) / 1000);
	count(w->run->sh, "unrelated", "refresh-us", longest);
	count(w->run->sh, "unrelated", "refresh-cpu-us", longest_cpu);
	/* it came 1 ms after the start: the call went on, and did its work */
	if (signalled && longest > 1000)
		count(w->run->sh, "unrelated", "signal-ignored-us", longest - 1000);
}

static void hva_turn(struct worker *w)
{
	int i;

	if (!(x.turns++ % 32))
		unrelated(w);

	for (i = 0; i < ROUNDS && !run_stopping(w->run); i++)
		if (!hva_round(w))
			return;
}

static void hva_run(struct worker *w)
{
	if (w->id) {
		vcpu_loop(w, 0, NULL);
		return;
	}
	TEST_ASSERT(!pthread_create(&x.thread, NULL, remapper, NULL), "pthread_create");
	vcpu_loop(w, TURN_EVERY, hva_turn);
	atomic_store(&x.stop, true);
	pthread_join(x.thread, NULL);
}

const struct consumer_ops consumer_pfncache_hva = {
	.name = "pfncache-hva",
	.describe = "vCPUs, and a gfn_to_pfn_cache outside of all memslots whose page changes",
	.unsupported = hva_unsupported,
	.setup = hva_setup,
	.run = hva_run,
};
