// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/backing.h"
#include "core/compat.h"
#include "core/helper.h"
#include "core/knob.h"
#include "core/pagemap.h"
#include "core/poison.h"
#include "core/proc.h"
#include "core/signals.h"
#include "outcomes/state.h"
#include "plugins.h"

#define CELL_PAGES	2

#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif

static int secret_init(struct region *r)
{
	r->fd = syscall(SYS_memfd_secret, 0);
	if (r->fd < 0 || ftruncate(r->fd, r->nr * GUEST_PAGE_SIZE))
		return backing_skip(r, "memfd_secret (secretmem.enable=1 before 6.5)");
	return 0;
}

/* Memory that has nothing to offer to a scenario but an answer. */
static const struct backing_ops only_here[] = {
	{
		.name = "pfnmap-ro-pte", .helper = true, .kind = PFNH_PFNMAP_FAULT,
		.flags = PFNH_F_RO_PTE, .remapped = true, .init = helper_init, .fini = helper_fini,
		.map = backing_map_file, .zap = helper_zap, .refs = helper_refs,
	}, {
		.name = "pfnmap-ro-upgrade", .helper = true, .kind = PFNH_PFNMAP_FAULT,
		.flags = PFNH_F_RO_PTE | PFNH_F_RO_UPGRADE, .remapped = true, .init = helper_init,
		.fini = helper_fini, .map = backing_map_file, .zap = helper_zap, .refs = helper_refs,
	}, {
		.name = "mixedmap-special", .helper = true, .kind = PFNH_MIXEDMAP,
		.flags = PFNH_F_TAIL, .init = helper_init, .fini = helper_fini, .map = backing_map_file,
		.zap = helper_zap, .refs = helper_refs,
	}, {
		.name = "memfd-secret", .init = secret_init, .fini = backing_close,
		.map = backing_map_file,
	},
};

static const struct backing_ops *find_backing(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(only_here) / sizeof(*only_here); i++)
		if (!strcmp(only_here[i].name, name))
			return &only_here[i];
	return backing_find(name);
}

static bool cannot(struct state *st, const char *what)
{
	struct shared *sh = st->run->sh;

	snprintf(sh->skip_reason, sizeof(sh->skip_reason), "%s: %s", what, strerror(errno));
	return false;
}

static void touch(struct state *st)
{
	(void)*(volatile uint64_t *)st->hva;
}

static void fill(struct state *st)
{
	st->content = stamp_make(0, 1, STAMP_HOST, 0);
	arch_fill((void *)st->hva, st->content);
	if (st->cell->backing->props & P_TABLE)
		arch_table_fill((void *)st->hva, CELL_TABLE_GVA, CTL_GPA,
				!(st->cell->backing->props & P_LOG));
}

/* The PTEs go, the pages of a file stay. */
static bool drop_ptes(struct state *st)
{
	int err;

	munmap((void *)st->hva, region_bytes(st->r, st->r->nr));
	err = st->r->ops->map(st->r, st->hva, 0, st->r->nr);
	errno = -err;
	return !err || cannot(st, "mmap");
}

static bool protect(struct state *st, int prot)
{
	return !mprotect((void *)st->hva, region_bytes(st->r, st->r->nr), prot) ||
	       cannot(st, "mprotect");
}

/* A page that is there, but has no PTE; of private memory one that is not there. */
static bool absent(struct state *st)
{
	if (st->r->ops->dontneed == DONTNEED_LOSES)
		return true;
	fill(st);
	return drop_ptes(st);
}

static bool can_poison(struct state *st)
{
	const char *why = poison_unsupported();

	if (why)
		snprintf(st->run->sh->skip_reason, sizeof(st->run->sh->skip_reason), "%s", why);
	return !why;
}

static bool poison(struct state *st)
{
	uint64_t pfn;

	if (!can_poison(st))
		return false;
	fill(st);
	pfn = st->pfn = poison_pfn_of(st->hva);
	st->poison = pfn ? poison_note(st->run->sh, pfn) : -1;
	if (st->poison < 0)
		return cannot(st, "pagemap");
	if (!madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_HWPOISON))
		return true;
	/* guest_memfd keeps the page (kvm_gmem_error_folio()), which is EBUSY: the flag tells */
	if (st->cell->backing->props & P_GMEM && poison_is(st->run->helper_fd, pfn, errno == EBUSY))
		return true;
	cannot(st, "MADV_HWPOISON");
	if (!poison_is(st->run->helper_fd, pfn, false)) {
		poison_undo(st->run->sh, st->poison, false);
		st->poison = -1;
	}
	return false;
}

#define CORRUPT		"/sys/kernel/debug/hwpoison/corrupt-pfn"

bool state_poison_file(struct state *st)
{
	char text[32];
	int err;

	if (st->run->helper_fd < 0) {
		snprintf(st->run->sh->skip_reason, sizeof(st->run->sh->skip_reason),
			 "which page the file has needs the helper module");
		return false;
	}
	err = helper_file_pfn(st->run->helper_fd, st->r->fd, 0, &st->pfn);
	errno = -err;
	if (err)
		return cannot(st, "PFNH_FILE_PFN");
	st->poison = poison_note(st->run->sh, st->pfn);
	if (st->poison < 0)
		return cannot(st, "too many poisoned pages");
	snprintf(text, sizeof(text), "0x%lx", st->pfn);
	/* EBUSY for a page that the file goes on having: the flag tells */
	err = proc_write(CORRUPT, text);
	if (poison_is(st->run->helper_fd, st->pfn, false))
		return true;
	poison_undo(st->run->sh, st->poison, false);
	st->poison = -1;
	errno = -err;
	return cannot(st, CORRUPT);
}

static void heal(struct state *st)
{
	if (st->r->fd >= 0)
		backing_punch(st->r, 0, 1);
	madvise((void *)st->hva, region_bytes(st->r, 1), MADV_DONTNEED);
	poison_undo(st->run->sh, st->poison, true);	/* if not, the supervisor tries again */
}

/* One huge page, to begin with: its pages stand one behind the other. */
static bool huge_at(struct state *st, uint64_t hva)
{
	unsigned int n = st->r->ops->huge;
	uint64_t first = 0, last = 0;

	pagemap_read(hva, 1, &first);
	pagemap_read(hva + (n - 1) * GUEST_PAGE_SIZE, 1, &last);
	errno = ENOMEM;
	return (pm_pfn(first) && !(pm_pfn(first) % n) && pm_pfn(last) == pm_pfn(first) + n - 1) ||
	       cannot(st, "huge page");
}

static bool huge(struct state *st)
{
	return huge_at(st, st->hva);
}

/* Two of them. */
static bool across(struct state *st)
{
	uint64_t second = st->hva + st->r->ops->huge * GUEST_PAGE_SIZE;

	fill(st);
	*(volatile uint64_t *)second = 0;
	return huge(st) && huge_at(st, second);
}

/* The page that the guest will have is the second one. */
static bool two_pages(struct state *st)
{
	fill(st);
	arch_fill((void *)(st->hva + GUEST_PAGE_SIZE), st->content);
	arch_fill((void *)st->hva, stamp_make(0, 2, STAMP_HOST, 0));
	st->slot_changes = true;
	return !(st->cell->backing->props & P_HUGE) || huge(st);
}

void state_replace(struct state *st)
{
	st->other_hva = st->hva;
	st->hva = region_new_hva(st->r);
	TEST_ASSERT(!st->r->ops->map(st->r, st->hva, 0, st->r->nr), "mmap: %s", strerror(errno));
	region_move(st->r, st->hva);
	st->content = stamp_make(0, 2, STAMP_HOST, 0);
	arch_fill((void *)st->hva, st->content);
}

/* What concerns a part of it makes small PTEs, of the same pages. */
static bool split(struct state *st)
{
	void *second = (void *)(st->hva + GUEST_PAGE_SIZE);

	fill(st);
	return huge(st) &&
	       ((!mprotect(second, GUEST_PAGE_SIZE, PROT_READ) &&
		 !mprotect(second, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE)) ||
		cannot(st, "mprotect")) && huge(st);
}

static bool write_back(struct state *st)
{
	fill(st);
	return !msync((void *)st->hva, GUEST_PAGE_SIZE, MS_SYNC) || cannot(st, "msync");
}

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21	/* 5.4 */
#endif

#define PAGEOUT_TRIES	100

/* In swap, or of a file not in the page cache either: there KVM cannot have it mapped. */
static bool is_out(struct state *st)
{
	unsigned char cached = 1;
	uint64_t e = PM_PRESENT;

	if (st->cell->backing->props & P_ANON) {
		pagemap_read(st->hva, 1, &e);
		return e & PM_SWAP;
	}
	return !mincore((void *)st->hva, GUEST_PAGE_SIZE, &cached) && !(cached & 1);
}

bool state_page_out(struct state *st)
{
	unsigned int i;

	for (i = 0; i < PAGEOUT_TRIES; i++) {
		if (is_out(st))
			return true;
		usleep(i * 100);
		worker_progress(me);
		if (!i && msync((void *)st->hva, GUEST_PAGE_SIZE, MS_SYNC))
			return cannot(st, "msync");
		if (madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_PAGEOUT))
			return cannot(st, "MADV_PAGEOUT");
	}
	errno = ETIMEDOUT;
	return cannot(st, "the page stays in memory");
}

#define KSM		"/sys/kernel/mm/ksm/"
#define KSM_TRIES	300

/* Page 1 gets what page 0 has, and ksmd merges them. */
static bool merge(struct state *st)
{
	struct shared *sh = st->run->sh;
	char *why = sh->skip_reason;
	uint64_t e[2] = { 0 };
	unsigned int i;

	if (madvise((void *)st->hva, 2 * GUEST_PAGE_SIZE, MADV_MERGEABLE))
		return cannot(st, "MADV_MERGEABLE");
	fill(st);
	memcpy((void *)(st->hva + GUEST_PAGE_SIZE), (void *)st->hva, GUEST_PAGE_SIZE);
	if (!knob_set(sh, KSM "sleep_millisecs", "2", why, sizeof(sh->skip_reason)) ||
	    !knob_set(sh, KSM "run", "1", why, sizeof(sh->skip_reason)))
		return false;
	for (i = 0; i < KSM_TRIES && (!pm_pfn(e[0]) || pm_pfn(e[0]) != pm_pfn(e[1])); i++) {
		usleep(10000);
		worker_progress(me);
		pagemap_read(st->hva, 2, e);
	}
	if (!knob_set(sh, KSM "run", "0", why, sizeof(sh->skip_reason)))
		return false;
	errno = ETIMEDOUT;
	return i < KSM_TRIES || cannot(st, "ksmd did not merge two equal pages");
}

/* ---- errors: a driver's handler, and what KVM calls ---- */

static bool script(struct state *st, enum pfnh_script_what what, bool once)
{
	struct pfnh_script s = { .nr = 1, .what = what };

	if (once)
		s.policy = (struct pfnh_policy){ .when = PFNH_TIMES, .n = 1 };
	fill(st);
	st->scripted = true;
	return drop_ptes(st) && (!ioctl(st->r->fd, PFNH_SCRIPT, &s) || cannot(st, "PFNH_SCRIPT"));
}

static bool inject_by(struct state *st, enum pfnh_hook hook, int error, unsigned int flags,
		      unsigned int burst, const struct pfnh_policy *policy)
{
	struct pfnh_inject in = { .hook = hook, .error = error, .flags = flags, .burst = burst,
		.policy = *policy };
	struct pfnh_hook_info info = { .hook = hook };

	if (hook != PFNH_TOPUP && hook != PFNH_VCPU_MEM) {
		in.start = st->hva;
		in.end = st->hva + GUEST_PAGE_SIZE;
	}
	in.tid = syscall(SYS_gettid);
	if (st->run->helper_fd < 0)
		return cannot(st, PFNH_DEVICE);
	st->rule = ioctl(st->run->helper_fd, PFNH_INJECT, &in);
	if (st->rule >= 0)
		return true;
	ioctl(st->run->helper_fd, PFNH_HOOK_INFO, &info);
	return cannot(st, info.symbol[0] ? info.symbol : "PFNH_INJECT");
}

/* Each time, or with a burst once. */
static bool inject(struct state *st, enum pfnh_hook hook, int error, unsigned int flags,
		   unsigned int burst)
{
	static const struct pfnh_policy always, once = { .when = PFNH_TIMES, .n = 1 };

	return inject_by(st, hook, error, flags, burst, burst ? &once : &always);
}

/* What must fire when, in a series of accesses: random by the count of what fired alone. */
static const struct series {
	enum outcome_state state;
	struct pfnh_policy policy;
} all_series[] = {
	{ ST_GUP_TIMES, { .when = PFNH_TIMES, .n = 3 } },
	{ ST_GUP_EVERY, { .when = PFNH_EVERY, .n = 3 } },
	{ ST_GUP_RANDOM, { .when = PFNH_RANDOM, .n = 500000, .seed = 1 } },
};

static const struct pfnh_policy *policy_of(const struct state *st)
{
	unsigned int i;

	for (i = 0; i < sizeof(all_series) / sizeof(*all_series); i++)
		if (all_series[i].state == st->cell->state)
			return &all_series[i].policy;
	return NULL;
}

bool state_series(const struct state *st)
{
	return policy_of(st);
}

void state_again(struct state *st)
{
	madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_DONTNEED);
	fill(st);
}

bool state_series_right(const struct state *st, unsigned int nr, uint64_t failed)
{
	const struct pfnh_policy *p = policy_of(st);
	struct pfnh_inject_info info = { .id = st->rule };
	uint64_t want = 0;
	unsigned int i;

	if (ioctl(st->run->helper_fd, PFNH_INJECT_INFO, &info) ||
	    info.fired != (unsigned int)__builtin_popcountll(failed))
		return false;
	/* one that can't fire any more does not look */
	if (p->when != PFNH_TIMES && info.seen != nr)
		return false;
	if (p->when == PFNH_RANDOM)
		return info.fired && info.fired < nr;
	for (i = 0; i < nr; i++)
		if (p->when == PFNH_TIMES ? i < p->n : !((i + 1) % p->n))
			want |= 1ull << i;
	return failed == want;
}

bool state_mendable(const struct state *st)
{
	return st->scripted || st->rule >= 0;
}

bool state_fired(const struct state *st)
{
	struct pfnh_script_info script = { 0 };
	struct pfnh_inject_info info = { .id = st->rule };

	if (st->scripted)
		return !ioctl(st->r->fd, PFNH_SCRIPT_INFO, &script) && script.fired;
	return !ioctl(st->run->helper_fd, PFNH_INJECT_INFO, &info) && info.fired;
}

void state_mend(struct state *st)
{
	struct pfnh_script s = { .nr = 1, .what = PFNH_SCRIPT_NONE };

	if (st->scripted)
		ioctl(st->r->fd, PFNH_SCRIPT, &s);
	if (st->rule >= 0)
		ioctl(st->run->helper_fd, PFNH_INJECT_END);
	st->scripted = false;
	st->rule = -1;
}

/* A child that shares the page, and says by its exit status whether its copy stayed what it was. */
static bool share(struct state *st)
{
	uint64_t *word = (uint64_t *)(st->hva + PAGE_OWN_OFF(0));
	int fds[2];
	char c;

	fill(st);
	if (pipe(fds))
		return cannot(st, "pipe");
	st->child = fork();
	if (!st->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[1]);
		if (read(fds[0], &c, 1))
			_exit(2);
		_exit(*(volatile uint64_t *)word != 0);
	}
	close(fds[0]);
	st->pipe = fds[1];
	return st->child > 0 || cannot(st, "fork");
}

/* Is what the child has still what it had? */
static bool end_child(struct state *st)
{
	int status = -1;

	close(st->pipe);
	waitpid(st->child, &status, 0);
	st->child = 0;
	return !status;
}

bool state_enter(struct state *st)
{
	const struct outcome_cell *c = st->cell;
	const char *name = c->backing->plugin ? c->backing->plugin : c->backing->name;
	const struct backing_ops *ops = find_backing(name);
	unsigned int nr;

	st->poison = st->rule = -1;
	st->pte_mode = WINDOW_USED;
	if (!ops) {
		snprintf(st->run->sh->skip_reason, sizeof(st->run->sh->skip_reason),
			 "there is no backing %s", name);
		return false;
	}
	st->run->nr_pages = 0;
	nr = ops->huge ? ops->huge : CELL_PAGES;
	st->r = region_create(st->run, ops, region_pages(ops, c->state == ST_ACROSS ? 2 * nr : nr));
	if (!st->r)
		return false;
	st->hva = region_hva(st->r);

	switch (c->state) {
	case ST_PRESENT:
		fill(st);
		return !(c->backing->props & P_HUGE) || huge(st);
	case ST_ABSENT:
		return true;
	case ST_NOT_MAPPED:
		return absent(st);
	case ST_ZERO_PAGE:
	case ST_RO_PTE:
	case ST_RO_PTE_UPGRADE:
		touch(st);
		return true;
	case ST_KSM:
		return merge(st);
	case ST_COW:
		return share(st);
	case ST_SPLIT:
		return split(st);
	case ST_CLEAN:
		return write_back(st);
	case ST_PAGED_OUT:
		fill(st);
		return state_page_out(st);
	case ST_PROT_READ:
		fill(st);
		return protect(st, PROT_READ);
	case ST_PROT_READ_ABSENT:
		return absent(st) && protect(st, PROT_READ);
	case ST_HOLE:
		fill(st);
		munmap((void *)st->hva, region_bytes(st->r, st->r->nr));
		return true;
	case ST_ZAPPED:
		fill(st);
		return !ops->zap(st->r, 0, 1) || cannot(st, "zap");
	case ST_BEYOND_EOF:
		fill(st);
		return !ftruncate(st->r->fd, 0) || cannot(st, "ftruncate");
	case ST_PROT_NONE:
		fill(st);
		return protect(st, PROT_NONE);
	case ST_PROT_NONE_ABSENT:
		return absent(st) && protect(st, PROT_NONE);
	case ST_POISON:
		if (ops->guest_only)	/* when the guest has touched it */
			return can_poison(st);
		/* fall through */
	case ST_POISON_BLOCKED:
	case ST_POISON_IGNORED:
		return poison(st);
	case ST_POISON_READ:
		return poison(st) && protect(st, PROT_READ);
	case ST_POISON_RO_SLOT:
		st->slot_flags = KVM_MEM_READONLY;
		return poison(st);
	case ST_NO_SLOT:
		fill(st);
		st->no_slot = true;
		return true;
	case ST_SLOT_CHANGED:
		fill(st);
		st->stale_root = true;
		return true;
	case ST_SLOT_NEW:
		st->no_slot = true;
		/* fall through */
	case ST_SLOT_GONE:
	case ST_SLOT_REPLACED:
		fill(st);
		st->slot_changes = true;
		return true;
	case ST_SLOT_MOVED:
		return two_pages(st);
	case ST_ACROSS:
		return across(st);
	case ST_SLOT_REFUSED:
		fill(st);
		st->refused = true;
		return true;
	case ST_NO_FILE:
		st->r->slot_flags &= ~KVM_MEM_GUEST_MEMFD;
		/* fall through */
	case ST_PUNCHED:
	case ST_SHARED:
	case ST_SHARED_BACK:
		fill(st);
		return true;
	case ST_PTE_ABSENT:
	case ST_PTE_READ:
		fill(st);
		st->pte_mode = c->state == ST_PTE_READ ? WINDOW_READ : WINDOW_ABSENT;
		return true;
	case ST_LOG_GET:
	case ST_LOG_CLEAR:
	case ST_LOG_ALL:
	case ST_LOG_RING:
		fill(st);
		return true;
	case ST_RO_SLOT:
		fill(st);
		st->slot_flags = KVM_MEM_READONLY;
		return true;
	case ST_HANDLER_SIGBUS:
		return script(st, PFNH_SCRIPT_SIGBUS, false);
	case ST_HANDLER_OOM:
		return script(st, PFNH_SCRIPT_OOM, false);
	case ST_HANDLER_HWPOISON:
		return script(st, PFNH_SCRIPT_HWPOISON, false);
	case ST_HANDLER_RETRY:
		return script(st, PFNH_SCRIPT_RETRY, true);
	case ST_HANDLER_NOPAGE:
		return script(st, PFNH_SCRIPT_NOPAGE, true);
	case ST_GUP_EHWPOISON:
		fill(st);
		return inject(st, PFNH_GUP, -EHWPOISON, 0, 0);
	case ST_GUP_EAGAIN:
		fill(st);
		return inject(st, PFNH_GUP, -EAGAIN, 0, 0);
	case ST_GUP_EINTR:
		fill(st);
		return inject(st, PFNH_GUP, -EINTR, 0, 0);
	case ST_GUP_EFAULT:
		fill(st);
		return inject(st, PFNH_GUP, -EFAULT, 0, 0);
	case ST_GUP_ENOMEM:
		fill(st);
		return inject(st, PFNH_GUP, -ENOMEM, 0, 0);
	case ST_GUP_NOWAIT_0:
		fill(st);
		return inject(st, PFNH_GUP, 0, PFNH_INJECT_NOWAIT, 0);
	case ST_GUP_TIMES:
	case ST_GUP_EVERY:
	case ST_GUP_RANDOM:
		fill(st);
		return inject_by(st, PFNH_GUP, -EHWPOISON, 0, 0, policy_of(st));
	case ST_FIXUP_EFAULT:
		return absent(st) && inject(st, PFNH_FIXUP, -EFAULT, 0, 0);
	case ST_FIXUP_ENOMEM:
		return absent(st) && inject(st, PFNH_FIXUP, -ENOMEM, 0, 0);
	case ST_FIXUP_EINTR:
		return absent(st) && inject(st, PFNH_FIXUP, -EINTR, 0, 0);
	case ST_FIXUP_UNLOCKED:
		return absent(st) && inject(st, PFNH_FIXUP, 0, 0, 0);
	case ST_FOLLOW_ONCE:
		fill(st);
		return inject(st, PFNH_FOLLOW, -EINVAL, 0, 1);
	case ST_FOLLOW_TWICE:
		fill(st);
		return inject(st, PFNH_FOLLOW, -EINVAL, 0, 2);
	case ST_TOPUP_ENOMEM:
		fill(st);
		/* can it be done? state_hold() does it, so that no other fault gets the error */
		if (!inject(st, PFNH_TOPUP, -ENOMEM, 0, 1))
			return false;
		state_mend(st);
		return true;
	case ST_VCPU_ENOMEM:
		return inject(st, PFNH_VCPU_MEM, -ENOMEM, 0, 1);
	case NR_STATES:
		break;
	}
	errno = EINVAL;
	return cannot(st, "state");
}

void state_map(struct state *st)
{
	/* what the host maps of private memory is another one */
	if ((st->cell->backing->props & (P_GMEM | P_GUEST_ONLY)) == P_GMEM)
		drop_ptes(st);
}

void state_hold(struct state *st, bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	if (st->cell->state == ST_TOPUP_ENOMEM) {
		if (on)
			inject(st, PFNH_TOPUP, -ENOMEM, 0, 1);
	} else if (st->cell->state == ST_POISON_BLOCKED) {
		pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	} else if (st->cell->state == ST_POISON_IGNORED) {
		if (on)
			signal(SIGBUS, SIG_IGN);
		else
			signals_setup(st->run->sh);
	}
}

/* States in which the host may read the page without harm. */
bool state_untouched(const struct state *st)
{
	switch (st->cell->state) {
	case ST_PROT_READ:
	case ST_PROT_READ_ABSENT:
	case ST_RO_PTE:
	case ST_NO_SLOT:
	case ST_SLOT_GONE:
	case ST_RO_SLOT:
		return !*(volatile uint64_t *)(st->hva + PAGE_OWN_OFF(0));
	default:
		return true;
	}
}

/* Anybody who reads memory that he never wrote sees it. */
static bool zero_page_kept(void)
{
	volatile uint64_t *page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool kept;

	TEST_ASSERT(page != MAP_FAILED, "mmap: %s", strerror(errno));
	kept = !page[PAGE_OWN_OFF(0) / sizeof(*page)];
	munmap((void *)page, GUEST_PAGE_SIZE);
	return kept;
}

bool state_shared_kept(struct state *st)
{
	if (st->cell->state == ST_ZERO_PAGE && !zero_page_kept())
		return false;
	return !st->child || end_child(st);
}

void state_leave(struct state *st)
{
	if (st->child > 0)
		end_child(st);
	if (st->r && state_mendable(st))
		state_mend(st);
	if (st->poison >= 0)
		heal(st);
	if (st->other_hva)
		region_unmap(st->r, st->other_hva);
	if (st->r)
		regions_destroy(st->run);
}
