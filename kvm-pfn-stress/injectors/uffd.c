// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd: accesses wait until this thread answers. A range is registered for a while; its
 * faults are answered at once, late, or not at all before the range is given up.
 *
 *	vCPU					this thread
 *	----					-----------
 *	fault: GUP waits for an answer
 *						kick: KVM_RUN must end with EINTR all the same
 *	fault again				UFFDIO_COPY, ZEROPAGE, CONTINUE, WRITEPROTECT
 *	map pfn
 *	store to a write-protected page: must	<- else the words of the page have changed before
 *	ask as well				   anybody was asked
 *
 * missing: private memory is dropped, the page comes from us; minor: shared memory is dropped from
 * the page tables, the page stays in the page cache; write-protect: the page stays where it is.
 *
 * FOLL_INTERRUPTIBLE (hva_to_pfn_slow(), 6.2) is what lets a non-fatal signal end the wait; older
 * kernels let the vCPU wait. No hold is as long as what the watchdog takes for stuck.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/compat.h"
#include "arch/arch.h"
#include "core/pagemap.h"
#include "core/proc.h"
#include "injectors/inject.h"

#define MAX_PAGES	8
#define PM_UFFD_WP	(1ull << 57)
#define LATE_US		50000
#define NEVER_US	300000
#define KICK_NS		2000000000ull	/* without an answer for so long, and ... */
#define KICK_IDLE_MS	1000		/* ... CPUs idle for so long, all together */

enum mode { MISSING, MINOR, WP, NR_MODES };
enum patience { AT_ONCE, LATE, NEVER };

static const uint64_t register_mode[NR_MODES] = {
	[MISSING] = UFFDIO_REGISTER_MODE_MISSING,
	[MINOR] = UFFDIO_REGISTER_MODE_MINOR,
	[WP] = UFFDIO_REGISTER_MODE_WP,
};

static const char *const mode_names[NR_MODES] = { "uffd missing", "uffd minor", "uffd wp" };

/* What each region takes; found out by unsupported(), when they exist and nothing runs. */
static unsigned char modes[MAX_REGIONS];

struct uffd {
	int fd, err;
	bool unkickable;	/* this kernel does not let a signal end the wait */
	char *page;		/* source of UFFDIO_COPY */
};

/* A range while it is registered. */
struct hold {
	struct region *r;
	unsigned int first, nr;
	uint64_t hva;
	enum mode mode;
	bool asked[MAX_PAGES];
	unsigned int faults;
	struct still still;	/* WP */
	uint64_t wp[MAX_PAGES];	/* WP: pagemap entries */
};

static struct uffd the_uffd = { .fd = -1 };

static bool do_register(uint64_t hva, unsigned int nr, enum mode mode)
{
	struct uffdio_register reg = {
		.range = { hva, nr * GUEST_PAGE_SIZE },
		.mode = register_mode[mode],
	};

	return !ioctl(the_uffd.fd, UFFDIO_REGISTER, &reg);
}

static bool do_unregister(uint64_t hva, unsigned int nr)
{
	struct uffdio_range range = { hva, nr * GUEST_PAGE_SIZE };

	/* it wakes who waits for a missing page, but for nothing else (userfaultfd_unregister()) */
	return !ioctl(the_uffd.fd, UFFDIO_UNREGISTER, &range) &&
	       !ioctl(the_uffd.fd, UFFDIO_WAKE, &range);
}

static int open_uffd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	/* the first call says what there is; what is asked for must be there: two descriptors */
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return fd < 0 ? -1 : (close(fd), -1);
	close(fd);
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	api.features &= features;
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void uffd_start(struct worker *w)
{
	struct uffd *u = &the_uffd;

	u->page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	u->fd = open_uffd(UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_PAGEFAULT_FLAG_WP |
			  UFFD_FEATURE_WP_HUGETLBFS_SHMEM | UFFD_FEATURE_MISSING_SHMEM);
	u->err = u->fd < 0 ? errno : 0;
	w->priv = u;
}

static void uffd_stop(struct worker *w)
{
	struct uffd *u = w->priv;

	if (u->fd >= 0)
		close(u->fd);
	munmap(u->page, GUEST_PAGE_SIZE);
}

/* MADV_DONTNEED makes missing pages of private memory, minor ones of shared. */
static bool makes_sense(const struct region *r, enum mode mode)
{
	if (r->ops->granule > 1 || !inject_movable(r))
		return false;
	switch (mode) {
	case MISSING:
		return r->ops->dontneed == DONTNEED_LOSES;
	case MINOR:
		return r->ops->dontneed == DONTNEED_KEEPS;
	default:
		return !r->ops->read_only;
	}
}

static bool takes_uffd(const struct region *r)
{
	return modes[r->id];
}

static const char *uffd_unsupported(struct run *run)
{
	static char why[96];
	unsigned int i;
	enum mode m;

	if (the_uffd.fd < 0) {
		snprintf(why, sizeof(why), "userfaultfd: %s", strerror(the_uffd.err));
		return why;
	}
	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		modes[i] = 0;
		for (m = 0; m < NR_MODES; m++) {
			if (!makes_sense(r, m) || !do_register(region_hva(r), r->nr, m))
				continue;
			do_unregister(region_hva(r), r->nr);
			modes[i] |= 1u << m;
		}
	}
	return inject_any(run, takes_uffd) ? NULL : "userfaultfd takes no region";
}

/* Every page that is still write-protected must hold what it held. */
static void check_wp(struct worker *w, struct hold *h, unsigned int page)
{
	unsigned int i, off;
	uint64_t e, at = h->hva + page * GUEST_PAGE_SIZE;
	struct still one = { .nr = 1, .words = h->still.words, .skip = { h->still.skip[page] } };

	pagemap_read(at, 1, &e);
	if (!(h->wp[page] & PM_UFFD_WP) || !(e & PM_UFFD_WP))
		return;
	memcpy(one.word[0], h->still.word[page], sizeof(one.word[0]));
	oracle_checked(w->run, ORACLE_CANARY, 1);
	if (still_look(&one, at, &i, &off))
		inject_written(w, h->r, h->first + page, "write-protection-bypassed", off,
			       one.word[0][off == PAGE_FILL_OFF ? 0 : off / 64],
			       *(volatile uint64_t *)(at + off));
}

/* One by one: 6.1 refuses a range that others have split into several VMAs (mwriteprotect_range()). */
static bool write_protect(struct hold *h, unsigned int page, unsigned int nr, uint64_t mode)
{
	bool ok = true;

	for (; nr; nr--, page++) {
		struct uffdio_writeprotect wp = {
			.range = { h->hva + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE },
			.mode = mode,
		};

		ok &= !ioctl(the_uffd.fd, UFFDIO_WRITEPROTECT, &wp);
	}
	return ok;
}

/* What is there already (EEXIST) or cannot be had now (EAGAIN) is asked for again, or given up. */
static void answer(struct worker *w, struct hold *h, unsigned int page)
{
	struct region *r = h->r;
	struct uffdio_range one = { h->hva + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE };
	struct uffdio_zeropage zero = { .range = one };
	struct uffdio_continue minor = { .range = one };
	struct uffdio_copy copy = {
		.dst = one.start,
		.src = (uint64_t)the_uffd.page,
		.len = GUEST_PAGE_SIZE,
	};

	switch (h->mode) {
	case MISSING:
		if (rng_next(&w->rng) & 1) {
			ioctl(the_uffd.fd, UFFDIO_ZEROPAGE, &zero);
			break;
		}
		arch_fill(the_uffd.page, stamp_make(r->base + h->first + page,
						    pw_gen(page_word(r, h->first + page)),
						    STAMP_HOST, 0));
		ioctl(the_uffd.fd, UFFDIO_COPY, &copy);
		break;
	case MINOR:
		ioctl(the_uffd.fd, UFFDIO_CONTINUE, &minor);
		break;
	default:
		check_wp(w, h, page);
		write_protect(h, page, 1, 0);
	}
	/* for waiters that came between an earlier answer and this one */
	ioctl(the_uffd.fd, UFFDIO_WAKE, &one);
}

/* Read one question; the page, or -1. */
static int question(struct hold *h, int timeout_ms)
{
	struct pollfd p = { the_uffd.fd, POLLIN, 0 };
	struct uffd_msg msg;
	uint64_t off;

	if (poll(&p, 1, timeout_ms) <= 0 || read(the_uffd.fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return -1;
	off = msg.arg.pagefault.address - h->hva;
	if (off >= h->nr * GUEST_PAGE_SIZE)
		return -1;
	h->asked[off / GUEST_PAGE_SIZE] = true;
	h->faults++;
	return off / GUEST_PAGE_SIZE;
}

static void kick_ignored(struct worker *w, struct hold *h, unsigned int v, unsigned int page)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "kick-ignored");
	snprintf(f.backing, sizeof(f.backing), "%s", h->r->ops->name);
	snprintf(f.thread, sizeof(f.thread), "%s", w->run->sh->worker[v].name);
	snprintf(f.state, sizeof(f.state), "%s", mode_names[h->mode]);
	snprintf(f.expected, sizeof(f.expected),
		 "a signal ends KVM_RUN, or a pre-fault, while it waits for a page");
	snprintf(f.got, sizeof(f.got), "it waited on for more than %llu s ",
		 KICK_NS / 1000000000);
	proc_stack(getpid(), atomic_load(&w->run->sh->worker[v].tid), f.got + strlen(f.got),
		   sizeof(f.got) - strlen(f.got));
	f.gpa = h->r->gpa + (h->first + page) * GUEST_PAGE_SIZE;
	f.hva = h->hva + page * GUEST_PAGE_SIZE;
	fail(w->run->sh, ORACLE_LIVENESS, &f, NULL);
}

/*
 * "KVM: x86: Allow to respond to generic signals during slow PF" came with these functions, in
 * 6.2. To read kallsyms takes a second in an emulated machine: only when there is a doubt.
 */
static bool too_old(void)
{
	return !proc_has_symbol("kvm_handle_noslot_fault") && !proc_has_symbol("__kvm_faultin_pfn");
}

/*
 * What waits in copy_from_user() and the like goes on until a fatal signal (fault_signal_pending(),
 * 6.1 to 7.3): KVM's emulator, which reads a read-only memslot for a compare-and-exchange. Neither
 * kvm_vcpu_map() nor hva_to_pfn_retry() asks for FOLL_INTERRUPTIBLE.
 */
static bool kickable(const struct worker *vcpu, const struct region *r)
{
	const struct guest_vcpu *g = &vcpu->run->ctl->vcpu[vcpu->id];

	return !vcpu->consumer->writes && !g->emulated &&
	       !(r->first->slot_flags & KVM_MEM_READONLY && g->op == OP_RMW);
}

/* Is it a page of ours that this vCPU waits for, in KVM_RUN or another ioctl? Then which one. */
static bool waits(const struct worker *vcpu, const struct hold *h, unsigned int *page)
{
	const struct guest_vcpu *g = &vcpu->run->ctl->vcpu[vcpu->id];
	uint64_t from = h->r->base + h->first, nr = atomic_load(&vcpu->asks_nr), i;
	uint64_t first = nr ? atomic_load(&vcpu->asks) : __atomic_load_n(&g->page, __ATOMIC_RELAXED);

	for (i = 0; i < (nr ? nr : 1); i++) {
		if (first + i - from >= h->nr || !h->asked[first + i - from])
			continue;
		*page = first + i - from;
		return true;
	}
	return false;
}

/* vCPUs that wait for a page of ours: a signal must get them out. */
static void kick_waiters(struct worker *w, struct hold *h)
{
	struct run *run = w->run;
	unsigned int v;

	for (v = 0; v < run->nr_vcpus; v++) {
		struct worker_shared *ws = &run->sh->worker[v];
		struct guest_vcpu *g = &run->ctl->vcpu[v];
		unsigned int page;
		uint64_t ops = __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE);
		uint64_t start = now_ns(), kicked = start, idle = proc_idle_ms();
		unsigned long progress = atomic_load(&ws->progress);

		if (atomic_load(&ws->phase) != W_BUSY || !waits(run->worker[v], h, &page))
			continue;
		record_op(w, "kick", h->r->gpa + (h->first + page) * GUEST_PAGE_SIZE, 1);
		syscall(SYS_tgkill, getpid(), atomic_load(&ws->tid), SIGUSR1);
		if (the_uffd.unkickable || !kickable(run->worker[v], h->r))
			continue;
		oracle_checked(run, ORACLE_LIVENESS, 1);
		while (atomic_load(&ws->progress) == progress &&
		       __atomic_load_n(&g->ops, __ATOMIC_ACQUIRE) == ops &&
		       atomic_load(&ws->phase) == W_BUSY) {
			if (now_ns() - start > KICK_NS && proc_idle_ms() - idle > KICK_IDLE_MS) {
				the_uffd.unkickable = too_old();
				if (!the_uffd.unkickable)
					kick_ignored(w, h, v, page);
				return;
			}
			/* a signal between two KVM_RUN, where nothing waits, is gone: again */
			if (now_ns() - kicked > KICK_NS / 16) {
				kicked = now_ns();
				syscall(SYS_tgkill, getpid(), atomic_load(&ws->tid), SIGUSR1);
			}
			usleep(200);
			worker_progress(w);
		}
	}
}

static void serve(struct worker *w, struct hold *h)
{
	struct shared *sh = w->run->sh;
	static const enum patience often[] = { AT_ONCE, AT_ONCE, LATE, NEVER };
	enum patience patience = often[rng_below(&w->rng, 4)];
	uint64_t until;
	int page;

	if (atomic_load(&sh->aim_kill))		/* somebody wants to see a waiting vCPU killed */
		patience = NEVER;
	until = now_ns() + 1000ull * rng_log(&w->rng, patience == NEVER ? NEVER_US : LATE_US);
	while (now_ns() < until && !run_stopping(w->run) && !atomic_load(&sh->calm)) {
		page = question(h, 1);
		worker_progress(w);
		if (page < 0)
			continue;
		if (patience == NEVER) {
			kick_waiters(w, h);
			continue;
		}
		if (patience == LATE)
			usleep(rng_log(&w->rng, LATE_US));
		answer(w, h, page);
	}
}

static bool protect(struct worker *w, struct hold *h)
{
	if (!write_protect(h, 0, h->nr, UFFDIO_WRITEPROTECT_MODE_WP))
		return false;
	pagemap_read(h->hva, h->nr, h->wp);
	still_take(&h->still, h->r, h->first, h->hva, h->nr);
	return true;
}

static unsigned int uffd_step(struct worker *w)
{
	struct hold h = { 0 };
	struct region *r = h.r = inject_claim(w, MAX_PAGES, &h.first, &h.nr, takes_uffd);
	unsigned int page;
	bool lose;

	if (!r)
		return 0;
	do
		h.mode = rng_below(&w->rng, NR_MODES);
	while (!(modes[r->id] & 1u << h.mode));
	h.hva = region_hva(r) + h.first * GUEST_PAGE_SIZE;
	lose = h.mode == MISSING;

	record_op(w, mode_names[h.mode], r->gpa + h.first * GUEST_PAGE_SIZE, h.nr);
	pages_begin(r, h.first, h.nr, r->mapped, lose);
	if (!do_register(h.hva, h.nr, h.mode))
		inject_broken(w, r, "uffd-register");
	if (h.mode == WP ? !protect(w, &h) :
	    madvise((void *)h.hva, h.nr * GUEST_PAGE_SIZE, MADV_DONTNEED))
		inject_broken(w, r, "uffd");
	pages_end(r, h.first, h.nr, r->mapped, lose);

	serve(w, &h);

	record_op(w, "uffd off", r->gpa + h.first * GUEST_PAGE_SIZE, h.nr);
	pages_begin(r, h.first, h.nr, r->mapped, false);
	if (h.mode == WP) {
		for (page = 0; page < h.nr; page++)
			check_wp(w, &h, page);
		write_protect(&h, 0, h.nr, 0);
	}
	if (!do_unregister(h.hva, h.nr))
		inject_broken(w, r, "uffd-unregister");
	pages_end(r, h.first, h.nr, r->mapped, false);
	inject_fill(w, r, h.first, h.nr, lose);
	region_release(r, h.first, h.nr);
	return h.faults;
}

const struct injector_ops injector_uffd = {
	.name = "uffd",
	.describe = "userfaultfd: faults are answered at once, late, or not at all for a while",
	.gap_us = 1000,
	.unsupported = uffd_unsupported,
	.start = uffd_start,
	.stop = uffd_stop,
	.step = uffd_step,
};
