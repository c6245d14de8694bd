// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork(): private pages are shared with the child until somebody writes. Guest stores have to break
 * that, and so do the child's: neither may see what the other wrote after the fork.
 *
 *	vCPU					this thread		the child
 *	----					-----------		---------
 *	load: page mapped, writable
 *						fork(): start, write-protect,
 *						share, end
 *	store: must fault, copy, map the copy				reads its page
 *	... not into the shared page					reads it again: as before
 *									writes its page
 *	load: its own store, not the child's
 *
 * The child has no other thread and calls nothing that takes a lock: _Fork() runs no handlers, so
 * neither malloc() nor RCU may be used in it. It keeps KVM's descriptors open until it ends, which
 * is before the claim is given back.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/pagemap.h"
#include "injectors/inject.h"

#define CHILD_US	3000		/* longest life of a child */
#define CHILD_WORD	0x0ddc417d0ddc417dull	/* no stamp: a guest that reads it says "torn" */

enum { CHILD_FINE, CHILD_SAW, CHILD_ORPHAN };

/* What the child found; shared with it. */
struct found {
	unsigned int page, off;
	uint64_t want, got;
};

/* The child writes, too, and has no huge pages to copy to. */
static bool is_cow(const struct region *r)
{
	return inject_private(r) && !r->ops->read_only && r->ops->granule <= 1;
}

static const char *fork_unsupported(struct run *run)
{
	return inject_any(run, is_cow) ? NULL : "no private memory: nothing is copied on write";
}

static void fork_start(struct worker *w)
{
	void *p = mmap(NULL, sizeof(struct found), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		inject_broken(w, NULL, "mmap");
	else
		w->priv = p;
}

static void fork_stop(struct worker *w)
{
	munmap(w->priv, sizeof(struct found));
}

static bool child_looks(struct found *f, const struct still *s, uint64_t hva)
{
	if (!still_look(s, hva, &f->page, &f->off))
		return false;
	f->want = s->word[f->page][f->off == PAGE_FILL_OFF ? 0 : f->off / 64];
	f->got = *(volatile uint64_t *)(hva + f->page * GUEST_PAGE_SIZE + f->off);
	return true;
}

/* Stores of the child's own, which no guest may see; where guests look, that is where it hurts. */
static void child_writes(uint64_t hva, unsigned int nr, unsigned int vcpus)
{
	unsigned int p, v;

	for (p = 0; p < nr; p += 2)
		for (v = 0; v < vcpus; v++)
			*(volatile uint64_t *)(hva + p * GUEST_PAGE_SIZE + PAGE_OWN_OFF(v)) =
				CHILD_WORD;
}

static void child_main(struct found *f, pid_t parent, struct region *r, unsigned int first,
		       unsigned int nr, unsigned int us, bool writes)
{
	uint64_t hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	struct timespec nap = { .tv_nsec = us * 1000 / 4 };
	struct still s;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CHILD_ORPHAN);
	still_take(&s, r, first, hva, nr);
	for (i = 0; i < 4; i++) {
		nanosleep(&nap, NULL);
		if (child_looks(f, &s, hva))
			_exit(CHILD_SAW);
		if (i == 1 && writes) {
			child_writes(hva, nr, r->run->nr_vcpus);
			still_take(&s, r, first, hva, nr);
		}
	}
	_exit(CHILD_FINE);
}

/* Pages that fork() shared: no longer exclusive, or already copied by a guest's store. */
static unsigned int shared_pages(uint64_t hva, unsigned int nr, const uint64_t *before)
{
	uint64_t e[STILL_PAGES];
	unsigned int i, n = 0;

	pagemap_read(hva, nr, e);
	for (i = 0; i < nr; i++)
		n += pm_pfn(before[i]) && pm_pfn(e[i]) &&
		     (pm_pfn(e[i]) != pm_pfn(before[i]) || !(e[i] & PM_EXCLUSIVE));
	return n;
}

static unsigned int fork_step(struct worker *w)
{
	unsigned int first, nr, shared, us = rng_log(&w->rng, CHILD_US);
	struct region *r = inject_claim(w, STILL_PAGES, &first, &nr, is_cow);
	bool writes = rng_next(&w->rng) & 1;
	uint64_t before[STILL_PAGES], hva;
	struct found *f = w->priv;
	int status = 0;
	pid_t me, pid;

	if (!r)
		return 0;
	hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	record_op(w, "fork", r->gpa + first * GUEST_PAGE_SIZE, nr);
	pages_begin(r, first, nr, r->mapped, false);
	pagemap_read(hva, nr, before);
	me = getpid();
	pid = _Fork();
	if (!pid)
		child_main(f, me, r, first, nr, us, writes);
	shared = shared_pages(hva, nr, before);
	pages_end(r, first, nr, r->mapped, false);
	if (pid < 0) {
		inject_broken(w, r, "fork");
	} else {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		oracle_checked(w->run, ORACLE_CANARY, nr);
		record_op(w, "child gone", r->gpa + first * GUEST_PAGE_SIZE, nr);
		if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SAW)
			inject_written(w, r, first + f->page, "copy-on-write-bypassed", f->off,
				       f->want, f->got);
		else if (status)
			inject_broken(w, r, "child");
	}
	region_release(r, first, nr);
	return shared;
}

const struct injector_ops injector_fork = {
	.name = "fork",
	.describe = "fork() a child that lives for up to 3 ms: private pages are copied on write",
	.gap_us = 3000,
	.unsupported = fork_unsupported,
	.start = fork_start,
	.stop = fork_stop,
	.step = fork_step,
};
