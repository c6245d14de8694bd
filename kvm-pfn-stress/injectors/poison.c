// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_HWPOISON on pages that guests use. Private memory is poisoned from this thread, shared
 * memory by another process that maps it too, so that every signal can be told to a thread.
 *
 *	vCPU					this thread / the other process
 *	----					-------------------------------
 *						pfn from pagemap, noted for the supervisor
 *						MADV_HWPOISON: unmap, hwpoison PTE
 *	fault: GUP gives -EHWPOISON
 *	SIGBUS BUS_MCEERR_AR to this thread
 *						punch the hole, MADV_DONTNEED, unpoison by pfn
 *	fault: a fresh page
 *
 * MADV_HWPOISON forces SIGBUS on its caller when it maps the page (memory_failure(), 6.12; not on
 * 6.1): this thread expects it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/poison.h"
#include "core/signals.h"
#include "injectors/inject.h"

#define TOUCH_OFF	(GUEST_PAGE_SIZE - 8)	/* no guest uses the last word */

/* The other process: gets a file of its parent's and a page of it, answers with errno. */
struct poisoner {
	pid_t pid;
	int sock;
};

struct poison_request {
	int fd;
	unsigned int page;
};

static bool poisonable(const struct region *r)
{
	return r->ops->poisonable;
}

static const char *unsupported(struct run *run)
{
	const char *why = poison_unsupported();

	if (why)
		return why;
	return inject_any(run, poisonable) ? NULL : "no region that can be poisoned";
}

static void poisoner_main(pid_t parent, int sock)
{
	struct poison_request q;
	char path[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signals_expect_sigbus(true);
	while (read(sock, &q, sizeof(q)) == sizeof(q)) {
		int fd, err = EFAULT;
		char *p;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", parent, q.fd);
		fd = open(path, O_RDWR | O_CLOEXEC);
		p = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 q.page * GUEST_PAGE_SIZE);
		if (p != MAP_FAILED) {
			(void)*(volatile char *)(p + TOUCH_OFF);
			err = madvise(p, GUEST_PAGE_SIZE, MADV_HWPOISON) ? errno : 0;
			munmap(p, GUEST_PAGE_SIZE);
		}
		close(fd);
		if (write(sock, &err, sizeof(err)) != sizeof(err))
			break;
	}
	_exit(0);
}

/* The main thread forks before there are regions and a VM: the other process has none of them. */
static void poison_start(struct worker *w)
{
	struct poisoner *p = calloc(1, sizeof(*p));
	pid_t parent = getpid();
	int s[2];

	w->priv = p;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s)) {
		inject_broken(w, NULL, "socketpair");
		return;
	}
	p->sock = s[0];
	p->pid = fork();
	if (!p->pid) {
		close(s[0]);
		poisoner_main(parent, s[1]);
	}
	close(s[1]);
}

static void poison_stop(struct worker *w)
{
	struct poisoner *p = w->priv;

	close(p->sock);
	if (p->pid > 0)
		waitpid(p->pid, NULL, 0);
	free(p);
}

/* One page; returns 0 or errno. */
static int poison_page(struct worker *w, struct region *r, unsigned int page, uint64_t hva)
{
	struct poisoner *p = w->priv;
	struct poison_request q = { r->fd, page };
	int err = EIO;

	if (r->ops->fork_mapped) {
		if (write(p->sock, &q, sizeof(q)) != sizeof(q) ||
		    read(p->sock, &err, sizeof(err)) != sizeof(err))
			return EIO;
		return err;
	}
	signals_expect_sigbus(true);
	err = madvise((void *)hva, GUEST_PAGE_SIZE, MADV_HWPOISON) ? errno : 0;
	signals_expect_sigbus(false);
	return err;
}

static unsigned int poison_step(struct worker *w)
{
	unsigned int page, nr;
	struct region *r = inject_claim(w, 1, &page, &nr, poisonable);
	uint64_t hva, gpa, pfn;
	int slot, err;
	bool hit;

	if (!r)
		return 0;
	hva = region_hva(r) + page * GUEST_PAGE_SIZE;
	gpa = r->gpa + page * GUEST_PAGE_SIZE;
	*(volatile uint64_t *)(hva + TOUCH_OFF) = 1;	/* a page of its own, not the zero page */
	pfn = poison_pfn_of(hva);
	slot = pfn ? poison_note(w->run->sh, pfn) : -1;
	if (slot < 0) {
		region_release(r, page, 1);
		return 0;
	}

	record_op(w, "MADV_HWPOISON", gpa, 1);
	pages_begin(r, page, 1, PS_POISON, true);
	err = poison_page(w, r, page, hva);
	/* without the module the flag can't be seen: take the system call's word */
	hit = poison_is(w->run->helper_fd, pfn, !err);
	if (!err && hit) {
		pages_end(r, page, 1, PS_POISON, true);
		inject_pause(w, 3000);
		inject_answered(w, r, page, 1);
	} else {
		record_op(w, "... failed", gpa, 1);
	}

	record_op(w, "unpoison", gpa, 1);
	pages_begin(r, page, 1, r->mapped, true);
	if (r->ops->fork_mapped && fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					     page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE))
		inject_broken(w, r, "punch-hole");
	if (madvise((void *)hva, GUEST_PAGE_SIZE, MADV_DONTNEED))
		inject_broken(w, r, "MADV_DONTNEED");
	/* while somebody still holds the page this is EBUSY; the supervisor tries again */
	poison_undo(w->run->sh, slot, hit);
	pages_end(r, page, 1, r->mapped, true);
	inject_fill(w, r, page, 1, true);
	region_release(r, page, 1);
	return !err && hit;
}

const struct injector_ops injector_poison = {
	.name = "poison",
	/* they move, copy or write back pages that they have not claimed */
	.apart = "fork ksm memcg migrate misaligned pageout soft-offline thp thp-edges uffd writeback",
	.describe = "MADV_HWPOISON a page in use, and unpoison it later",
	.gap_us = 1000,
	.unsupported = unsupported,
	.start = poison_start,
	.stop = poison_stop,
	.step = poison_step,
};
