/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * pfn_helper: memory that ordinary user space cannot make, and a look at what KVM does with it.
 *
 * One open file of /dev/pfn-helper owns one set of pages (PFNH_CREATE), which it maps with mmap(2):
 * offset N * page size is page N of the set. Root (CAP_SYS_ADMIN) only. All pages live until the
 * last mapping and the last descriptor are gone. Mappings must be MAP_SHARED of a descriptor that
 * is open for reading and writing; a PFNH_PFNMAP_REMAP set is mapped by its creator's process only.
 *
 * Every page of a set has an "incarnation": the physical page that stands behind it now. A retire
 * (PFNH_ZAP with PFNH_ZAP_ROTATE) puts a fresh zeroed page in its place, takes the old one away
 * from every mapping, and, after the unmapping has ended, fills the old one with PFNH_CANARY. A
 * retired page that loses its canary was written through a stale mapping.
 *
 * Errors of all calls: EFAULT; EINVAL for any field out of range, unknown flags and a pad that is
 * not 0; ENODATA for a call that needs a set before there is one; EINTR when killed. PFNH_CREATE:
 * EBUSY if the file has a set, ENOMEM. PFNH_ZAP: ENOMEM, or ENOSPC when all spare pages are still
 * referenced or have lost their canary; then nothing has changed. PFNH_PFN: ENXIO if no such page
 * is online. PFNH_MARK: EBUSY if the file marks another mm, ENOSPC. PFNH_BREAK: enum pfnh_break.
 */
#ifndef PFN_HELPER_H
#define PFN_HELPER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PFNH_DEVICE	"/dev/pfn-helper"
#define PFNH_VERSION	1
#define PFNH_MAX_PAGES	4096
#define PFNH_CANARY	0xdeadca7adeadca7aULL

enum pfnh_kind {
	PFNH_PFNMAP_REMAP,	/* VM_PFNMAP, PTEs made by mmap (remap_pfn_range), no handler */
	PFNH_PFNMAP_FAULT,	/* VM_PFNMAP, PTEs made by the fault handler (vmf_insert_pfn) */
	PFNH_MIXEDMAP,		/* VM_MIXEDMAP, fault handler; refcounted pages (vm_insert_page) */
	PFNH_NR_KINDS
};

/* flags of PFNH_CREATE */
#define PFNH_F_TAIL	(1u << 0)  /* pages have a struct page and refcount 0 (tail pages, TTM) */
#define PFNH_F_IO	(1u << 1)  /* add VM_IO (PFNMAP kinds have it anyway) */
#define PFNH_F_RO_PTE	(1u << 2)  /* PTEs read-only although the VMA may be writable: SIGBUS */
#define PFNH_F_RO_UPGRADE (1u << 3) /* with RO_PTE: a CPU write makes its PTE writable instead */
#define PFNH_F_ALL	(PFNH_F_TAIL | PFNH_F_IO | PFNH_F_RO_PTE | PFNH_F_RO_UPGRADE)

struct pfnh_create {
	__u32 kind;		/* enum pfnh_kind */
	__u32 flags;		/* PFNH_F_* */
	__u32 nr_pages;		/* 1..PFNH_MAX_PAGES */
	__u32 pad;		/* must be 0 */
};

/* flags of PFNH_ZAP */
#define PFNH_ZAP_ROTATE	(1u << 0)  /* retire the pages behind the range as well */
#define PFNH_ZAP_ALL	(PFNH_ZAP_ROTATE)

struct pfnh_zap {
	__u32 first;		/* page index */
	__u32 nr;		/* pages, at least 1 */
	__u32 flags;
	__u32 pad;
};

struct pfnh_hold {		/* hold mmap_lock of the caller's mm for writing */
	__u32 us;		/* at most 2000000 */
	__u32 pad;
};

struct pfnh_page {		/* a page of the set: index in; everything else out */
	__u32 index;
	__s32 refcount;		/* page_ref_count() less the module's bias */
	__s32 mapcount;
	__s32 base;		/* refcount when no mapping and nobody else holds it (0 or 1) */
	__u64 pfn;
	__u64 flags;		/* PFNH_PG_* */
};

struct pfnh_pfn {		/* any pfn (from pagemap): pfn in; the rest out */
	__u64 pfn;
	__s32 refcount;
	__s32 mapcount;
	__u64 flags;		/* PFNH_PG_* */
};

#define PFNH_PG_HWPOISON	(1ull << 0)
#define PFNH_PG_LRU		(1ull << 1)
#define PFNH_PG_DIRTY		(1ull << 2)
#define PFNH_PG_RESERVED	(1ull << 3)
#define PFNH_PG_COMPOUND	(1ull << 4)
#define PFNH_PG_ANON		(1ull << 5)
#define PFNH_PG_SWAPCACHE	(1ull << 6)
#define PFNH_PG_KSM		(1ull << 7)
#define PFNH_PG_ZERO		(1ull << 8)

struct pfnh_check {		/* the canaries of all retired pages of this set */
	__u64 checked;		/* pages looked at */
	__u64 bad;		/* pages with a wrong word */
	__u64 value;		/* first wrong word: its value, */
	__u32 index;		/* the page's index when it was retired, */
	__u32 offset;		/* and the byte offset in it */
};

struct pfnh_fault {		/* S1: did a zap overlap this thread's last fault on that page? */
	__u32 index;		/* in */
	__s32 tid;		/* in: 0 = the caller */
	__u64 since_ns;		/* in: CLOCK_MONOTONIC; insertions before it do not count */
	__u32 inserted;		/* out: the handler inserted a PTE for tid since then */
	__u32 zapped;		/* out: ... and a zap of that page began after that insert */
};

struct pfnh_stats {		/* of all marked mms together, since this file's PFNH_MARK */
	__u64 hooks;		/* PFNH_HOOK_*: what could be hooked on this kernel */
	__u64 stale;		/* locked retry check fired: fault and invalidation overlapped */
	__u64 early;		/* fault retried at the earlier, unlocked check */
	__u64 faultin;		/* gfn -> pfn resolutions for page faults */
	__u64 invalidate;	/* mmu_notifier invalidate_range_start calls of KVM */
	__u64 lock_waits;	/* waits of marked tasks for their own mmap_lock, to read, while
				 * somebody held it for writing
				 */
	__u64 handler;		/* calls of the module's fault handler */
	__u64 leaked;		/* pages of all sets since the module was loaded that could not be
				 * freed: still referenced, or a stale mapping may exist
				 */
	__u64 holds;		/* PFNH_HOLD calls that have ended */
};

#define PFNH_HOOK_STALE		(1ull << 0)
#define PFNH_HOOK_FAULTIN	(1ull << 1)
#define PFNH_HOOK_INVALIDATE	(1ull << 2)
#define PFNH_HOOK_LOCK_WAIT	(1ull << 3)

/* PFNH_BREAK: errors made on purpose, to see every oracle red */
enum pfnh_break {
	PFNH_BREAK_CANARY = 1,	/* write into the page retired last; ENODATA: none */
	PFNH_BREAK_REF_LEAK,	/* keep a reference on page `index` (given back at close); ENOSPC */
	PFNH_BREAK_REF_DROP,	/* drop a reference of page `index` (given back at close) */
	PFNH_BREAK_NO_ZAP,	/* next rotate retires without unmapping: a stale mapping */
	PFNH_BREAK_WARN,	/* WARN_ON(1) */
	PFNH_BREAK_PFN_REF_LEAK,/* keep a reference on pfn `arg` (given back at close); ENXIO: not
				 * online, EBUSY: free
				 */
	PFNH_BREAK_MODULE_REF,	/* take a module reference of the helper (given back at close) */
	PFNH_BREAK_OOPS,	/* NULL dereference in this task */
	PFNH_BREAK_PANIC,	/* panic() */
	PFNH_BREAK_LOCKUP,	/* spin with preemption off for `arg` ms, at most 60000 */
	PFNH_BREAK_HUNG,	/* uninterruptible sleep for `arg` ms, at most 600000 */
};

struct pfnh_break_arg {
	__u32 what;		/* enum pfnh_break */
	__u32 index;
	__u64 arg;
};

#define PFNH_IOC	0xb7
#define PFNH_GET_VERSION	_IO(PFNH_IOC, 0)
#define PFNH_CREATE		_IOW(PFNH_IOC, 1, struct pfnh_create)
#define PFNH_ZAP		_IOW(PFNH_IOC, 2, struct pfnh_zap)
#define PFNH_HOLD		_IOW(PFNH_IOC, 3, struct pfnh_hold)
#define PFNH_PAGE		_IOWR(PFNH_IOC, 4, struct pfnh_page)
#define PFNH_PFN		_IOWR(PFNH_IOC, 5, struct pfnh_pfn)
#define PFNH_CHECK		_IOR(PFNH_IOC, 6, struct pfnh_check)
#define PFNH_FAULT		_IOWR(PFNH_IOC, 7, struct pfnh_fault)
#define PFNH_MARK		_IO(PFNH_IOC, 8)	/* the caller's mm, until close */
#define PFNH_STATS		_IOR(PFNH_IOC, 9, struct pfnh_stats)
#define PFNH_BREAK		_IOW(PFNH_IOC, 10, struct pfnh_break_arg)

#endif /* PFN_HELPER_H */
