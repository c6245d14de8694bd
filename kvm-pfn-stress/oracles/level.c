// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM maps huge, the host maps huge.
 *
 * KVM counts its huge mappings for the whole VM (pages_2m, pages_1g in debugfs). Taking access away from
 * one block of host memory unmaps just this block from the guest, and what the counts lose was mapped
 * there. mprotect() of a whole block does not split the host's huge page, and makes a VMA of its own of
 * it, so that smaps says how the host maps it:
 *
 *	pages_2m			n
 *	mprotect(block, PROT_NONE)	kvm_unmap_gfn_range() of the block
 *	pages_2m			n - 1: KVM had it huge
 *	mprotect(block, PROT_READ)	still in one piece
 *	smaps				2048 kB huge? Else KVM is wrong
 *
 * Blocks are those of the guest, 2 MiB. What is left over at both ends of a memslot, or lies at host
 * addresses that do not suit, must not be huge at all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/compat.h"
#include "core/proc.h"
#include "core/region.h"
#include "oracles/quiet.h"
#include "plugins.h"

#define BLOCK		512u		/* pages */
#define KPF_ZERO_PAGE	24

/* Huge mappings of this VM, in blocks; -1: unknown. */
static long long mapped_huge(struct run *run)
{
	char path[96];
	long long m2, g1;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/pages_2m", getpid(), run->vm->fd);
	m2 = proc_number(path, -1);
	strcpy(strrchr(path, '/'), "/pages_1g");
	g1 = proc_number(path, 0);
	return m2 < 0 ? -1 : m2 + 512 * g1;
}

/* A read fault of THP may map the huge zero page, which smaps does not count. */
static bool huge_zero_page(uint64_t hva)
{
	uint64_t entry = 0, flags = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (pread(fd, &entry, 8, (hva >> GUEST_PAGE_SHIFT) * 8) != 8)
			entry = 0;
		close(fd);
	}
	entry &= (1ull << 55) - 1;
	fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (!entry || entry % BLOCK || pread(fd, &flags, 8, entry * 8) != 8)
		flags = 0;
	close(fd);
	return flags >> KPF_ZERO_PAGE & 1;
}

/* Does the host map the VMA that begins here by huge entries? */
static bool host_huge(uint64_t hva)
{
	static const char *const fields[] = {
		"AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:",
		"Private_Hugetlb:",
	};
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool inside = false;
	long long kib = 0;
	char line[512];
	size_t i;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from == hva;
		for (i = 0; inside && i < sizeof(fields) / sizeof(*fields); i++)
			if (!strncmp(line, fields[i], strlen(fields[i])))
				kib += strtoll(line + strlen(fields[i]), NULL, 10);
	}
	if (f)
		fclose(f);
	return kib >= 2048 || huge_zero_page(hva);
}

static void wrong(struct region *r, unsigned int first, unsigned int nr, long long got,
		  const char *rule)
{
	struct failure f = { 0 };

	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	region_failure(&f, r, first);
	snprintf(f.expected, sizeof(f.expected), "no huge mapping of these %u pages", nr);
	snprintf(f.got, sizeof(f.got), "%lld of 2 MiB", got);
	fail(r->run->sh, ORACLE_LEVEL, &f, NULL);
}

/* Blocks that are mapped huge. */
struct huge {
	unsigned long host, kvm;
};

/* One block, or pages that are none. */
static void check_piece(struct region *r, unsigned int first, unsigned int nr, struct huge *huge)
{
	uint64_t hva = region_hva(r) + first * GUEST_PAGE_SIZE;
	uint64_t len = region_bytes(r, nr), block = BLOCK * GUEST_PAGE_SIZE;
	bool whole = nr >= BLOCK || len > block;
	long long before = mapped_huge(r->run), got;

	if (mprotect((void *)hva, len, PROT_NONE))
		return;		/* no VMA, or one that takes no mprotect() */
	got = before - mapped_huge(r->run);
	oracle_checked(r->run, ORACLE_LEVEL, 1);
	/*
	 * 6.1's smaps does not count huge pages without access (follow_trans_huge_pmd()). Executable,
	 * so that the VMA stays one of its own beside read-only neighbours.
	 */
	if (mprotect((void *)hva, len, PROT_READ | PROT_EXEC))
		mprotect((void *)hva, len, PROT_READ);
	if (whole && !(hva % block) && (r->ops->remapped ? r->ops->huge : host_huge(hva))) {
		huge->host++;
		huge->kvm += got > 0;
	} else if (got) {
		wrong(r, first, nr, got, !whole ? "huge-beyond-memslot" :
		      hva % block ? "huge-misaligned" : "huge-not-in-host");
	}
	mprotect((void *)hva, len, PROT_READ | (r->ops->read_only ? 0 : PROT_WRITE));
}

void level_look(struct run *run)
{
	count(run->sh, "huge", "seen", mapped_huge(run) > 0);
}

void level_check(struct run *run)
{
	struct oracle_count *o = &run->sh->oracle[ORACLE_LEVEL];
	struct huge huge = { 0 };
	unsigned int i, p, nr;

	if (mapped_huge(run) < 0) {
		snprintf(o->skip, sizeof(o->skip), "no statistics of this VM: debugfs, kvm/PID-FD");
		return;
	}
	for (i = 0; i < run->nr_regions; i++) {
		struct region *r = run->region[i];

		for (p = 0; p < r->nr && !r->ops->no_vma; p += nr) {
			nr = BLOCK - (r->gpa / GUEST_PAGE_SIZE + p) % BLOCK;
			if (nr > r->nr - p || r->ops->granule > BLOCK)
				nr = r->nr - p;
			check_piece(r, p, nr, &huge);
		}
	}
	count(run->sh, "level", "huge-in-host", huge.host);
	count(run->sh, "level", "huge-in-kvm", huge.kvm);
	/* KVM may always map small: the host may have made a huge page that no guest has met yet */
	if (huge.host && !huge.kvm)
		snprintf(o->skip, sizeof(o->skip), "the host maps %lu blocks huge, KVM none of them",
			 huge.host);
}
