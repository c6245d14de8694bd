// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "core/helper.h"
#include "core/poison.h"
#include "core/signals.h"
#include "outcomes/state.h"
#include "plugins.h"

#define CELL_PAGES	2

/* Memory that has nothing to offer to a scenario but an answer. */
static const struct backing_ops only_here[] = {
	{
		.name = "pfnmap-ro-pte", .helper = true, .kind = PFNH_PFNMAP_FAULT,
		.flags = PFNH_F_RO_PTE, .remapped = true, .init = helper_init, .fini = helper_fini,
		.map = helper_map, .zap = helper_zap, .refs = helper_refs,
	}, {
		.name = "pfnmap-ro-upgrade", .helper = true, .kind = PFNH_PFNMAP_FAULT,
		.flags = PFNH_F_RO_PTE | PFNH_F_RO_UPGRADE, .remapped = true, .init = helper_init,
		.fini = helper_fini, .map = helper_map, .zap = helper_zap, .refs = helper_refs,
	}, {
		.name = "mixedmap-special", .helper = true, .kind = PFNH_MIXEDMAP,
		.flags = PFNH_F_TAIL, .init = helper_init, .fini = helper_fini, .map = helper_map,
		.zap = helper_zap, .refs = helper_refs,
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
}

/* The PTEs go, the pages stay. */
static bool drop_ptes(struct state *st)
{
	int err;

	munmap((void *)st->hva, st->r->nr * GUEST_PAGE_SIZE);
	err = st->r->ops->map(st->r, st->hva, 0, st->r->nr);
	errno = -err;
	return !err || cannot(st, "mmap");
}

static bool protect(struct state *st, int prot)
{
	return !mprotect((void *)st->hva, st->r->nr * GUEST_PAGE_SIZE, prot) || cannot(st, "mprotect");
}

/* A page that is there, but has no PTE; of private memory one that is not there. */
static bool absent(struct state *st)
{
	if (st->cell->backing->props & P_PRIVATE)
		return true;
	fill(st);
	return drop_ptes(st);
}

static bool poison(struct state *st)
{
	const char *why = poison_unsupported();
	uint64_t pfn;

	if (why) {
		snprintf(st->run->sh->skip_reason, sizeof(st->run->sh->skip_reason), "%s", why);
		return false;
	}
	fill(st);
	pfn = st->pfn = poison_pfn_of(st->hva);
	st->poison = pfn ? poison_note(st->run->sh, pfn) : -1;
	if (st->poison < 0)
		return cannot(st, "pagemap");
	if (madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_HWPOISON))
		return cannot(st, "MADV_HWPOISON");
	return true;
}

static void heal(struct state *st)
{
	if (st->r->fd >= 0)
		fallocate(st->r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, GUEST_PAGE_SIZE);
	madvise((void *)st->hva, GUEST_PAGE_SIZE, MADV_DONTNEED);
	poison_undo(st->run->sh, st->poison, true);	/* if not, the supervisor tries again */
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
	const struct backing_ops *ops = find_backing(c->backing->name);

	st->poison = -1;
	if (!ops) {
		snprintf(st->run->sh->skip_reason, sizeof(st->run->sh->skip_reason),
			 "there is no backing %s", c->backing->name);
		return false;
	}
	st->run->nr_pages = 0;
	st->r = region_create(st->run, ops, CELL_PAGES);
	if (!st->r)
		return false;
	st->hva = region_hva(st->r);

	switch (c->state) {
	case ST_PRESENT:
		fill(st);
		return true;
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
		errno = ENOSYS;
		return cannot(st, "ksm");
	case ST_COW:
		return share(st);
	case ST_PROT_READ:
		fill(st);
		return protect(st, PROT_READ);
	case ST_PROT_READ_ABSENT:
		return absent(st) && protect(st, PROT_READ);
	case ST_HOLE:
		fill(st);
		munmap((void *)st->hva, st->r->nr * GUEST_PAGE_SIZE);
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
	case ST_POISON_BLOCKED:
	case ST_POISON_IGNORED:
		return poison(st);
	case ST_NO_SLOT:
		fill(st);
		st->no_slot = true;
		return true;
	case ST_SLOT_CHANGED:
		fill(st);
		st->stale_root = true;
		return true;
	case ST_RO_SLOT:
		fill(st);
		st->slot_flags = KVM_MEM_READONLY;
		return true;
	case NR_STATES:
		break;
	}
	errno = EINVAL;
	return cannot(st, "state");
}

void state_hold(struct state *st, bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	if (st->cell->state == ST_POISON_BLOCKED) {
		pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	} else if (st->cell->state == ST_POISON_IGNORED) {
		if (on)
			signal(SIGBUS, SIG_IGN);
		else
			signals_setup();
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
	case ST_RO_SLOT:
		return !*(volatile uint64_t *)(st->hva + PAGE_OWN_OFF(0));
	default:
		return true;
	}
}

bool state_shared_kept(struct state *st)
{
	return !st->child || end_child(st);
}

void state_leave(struct state *st)
{
	if (st->child > 0)
		end_child(st);
	if (st->poison >= 0)
		heal(st);
	if (st->r)
		regions_destroy(st->run);
}
