/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three kinds of plug-ins. One file each, one const ops table, one line in plugins.c; the name of
 * the file is the name in scenario files.
 */
#ifndef PLUGINS_H
#define PLUGINS_H

#include <string.h>

#include "core/run.h"
#include "core/region.h"

/* What MADV_DONTNEED does to a backing. */
enum dontneed {
	DONTNEED_REFUSED,	/* EINVAL: VM_PFNMAP */
	DONTNEED_LOSES,		/* the next access sees zeroes */
	DONTNEED_KEEPS,		/* the next access faults the same page in again */
};

struct backing_ops {
	const char *name;
	const char *describe;		/* one sentence */
	enum dontneed dontneed;
	bool fork_mapped;		/* memfd: another process can map it too */
	bool poisonable;
	bool exec;			/* guests may execute it */
	bool on_disk;			/* a file that is written back */
	/* shape of the memory and of its memslots; sizes are pages */
	unsigned int granule;		/* calls change so many pages as one (hugetlb); 0: one */
	unsigned int huge;		/* the host may map so many as one; 0: none */
	unsigned int hva_shift, gpa_shift;	/* past an address that suits huge pages */
	unsigned int apron;		/* host memory like it, in front and behind, at most hva_shift */
	uint32_t slot_flags;		/* KVM_MEM_* of its memslot */
	bool alias;			/* two memslots, GUEST_ALIAS_OFFSET apart */
	bool no_vma;			/* KVM does not look at the host mapping, or there is none */
	/*
	 * Private to guests, in a VM of a type that has that (arch_private_vm()): the host can't touch
	 * it. What map() maps is there while a page is shared.
	 */
	bool guest_only;
	const char *apart;		/* consumers that it can't be judged with: names, blanks */
	const struct backing_ops *const *parts;	/* of one memslot, up to NULL: all it is */
	/* what backing_map_anon() and backing_map_file() do */
	int mmap_flags;
	int advice;			/* for madvise(), 0: none */
	unsigned int node;		/* bound to NUMA node N - 1, 0: any */
	/* module sets */
	bool helper;
	uint32_t kind, flags;		/* PFNH_CREATE */
	bool zap_holes;			/* after a zap nothing brings the PTE back but mmap() */
	bool read_only;
	bool remapped;			/* KVM reads the PTEs itself: hva_to_pfn_remapped() */

	/* Make files and sets; 0, or -1 with the reason in run->sh->skip_reason. */
	int (*init)(struct region *r);
	void (*fini)(struct region *r);
	/* Map pages [first, first + nr) at hva; MAP_FIXED. 0 or -errno. */
	int (*map)(struct region *r, uint64_t hva, unsigned int first, unsigned int nr);
	/* Take the pages away below all mappings (unmap_mapping_range), new ones behind them. */
	int (*zap)(struct region *r, unsigned int first, unsigned int nr);
	/* NULL: through the host mapping. */
	int (*fill)(struct region *r, unsigned int page, uint64_t stamp);
	/* The references that a quiet page must have; 0 = right, else a text in buf. NULL: LRU rule. */
	int (*refs)(struct region *r, unsigned int page, char *buf, size_t len, uint64_t *pfn);
};

struct kvm_vm;
struct run_outcome;

/* A number that the guest counts: counts.CONSUMER.NAME of the result. */
struct guest_count {
	const char *name;
	size_t offset;			/* of a uint64_t in struct guest_vcpu */
};

struct consumer_ops {
	const char *name;
	const char *describe;
	struct guest_count counts[MAX_GUEST_COUNTS];
	/* where lives are drawn (draw.h): names between blanks that it cannot be judged with, */
	const char *apart;
	bool alone;			/* and no other consumer in its VM */
	bool writes;			/* KVM itself writes test pages: only SIGKILL ends its waits */
	/* NULL, or why it can't run here. Main thread, before there is a VM. */
	const char *(*unsupported)(struct run *run);
	/* Main thread: the VM has no vCPUs and no regions yet. */
	void (*vm_created)(struct kvm_vm *vm);
	/* Main thread: the VM and its regions exist, no worker runs yet. */
	void (*setup)(struct worker *w);
	/* KVM_RUN gave this answer, no ucall or MMIO: was it for the consumer? Then the vCPU goes on. */
	bool (*exit)(struct worker *w, const struct run_outcome *o);
	/* Runs until run_stopping(); parks when the engine asks for quiet. */
	void (*run)(struct worker *w);
};

struct injector_ops {
	const char *name;
	const char *describe;
	uint32_t gap_us;		/* longest pause between two steps; drawn log-uniformly */
	bool by_supervisor;		/* SIGKILL: not a thread of the child */
	bool memslot_updates;
	const char *apart;		/* as a consumer's */
	/* NULL, or why it can't run here. */
	const char *(*unsupported)(struct run *run);
	/* By the main thread: before there are regions and a VM, and after all workers ended. */
	void (*start)(struct worker *w);
	void (*stop)(struct worker *w);
	/* One injection. Returns how many were made: 0 when nothing could be claimed. */
	unsigned int (*step)(struct worker *w);
};

const struct backing_ops *backing_find(const char *name);
const struct consumer_ops *consumer_find(const char *name);
const struct injector_ops *injector_find(const char *name);

/* Is @name one of the names between blanks in @words, which may be NULL? */
static inline bool plugin_listed(const char *words, const char *name)
{
	size_t len = strlen(name);
	const char *at = words;

	for (; at && (at = strstr(at, name)); at += len)
		if ((at[len] == ' ' || !at[len]) && (at == words || at[-1] == ' '))
			return true;
	return false;
}

#endif /* PLUGINS_H */
