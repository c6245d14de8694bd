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
 * is online. PFNH_FILE_PFN: EBADF, ENOENT if the page is not there. PFNH_MARK: EBUSY if the file
 * marks another mm, ENOSPC. PFNH_BREAK: enum pfnh_break.
 * PFNH_MARK_TASK: as PFNH_MARK, for the mm of another task; ESRCH if there is none.
 * PFNH_ARM, PFNH_INJECT, PFNH_DELAY: ENOENT if a function that is needed is not there or cannot be
 * hooked (PFNH_HOOK_INFO says which), ENOSPC for too many rules. PFNH_INJECT_INFO: ENOENT for no
 * such rule.
 */
#ifndef PFN_HELPER_H
#define PFN_HELPER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PFNH_DEVICE	"/dev/pfn-helper"
#define PFNH_VERSION	2
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
/*
 * PFNMAP_FAULT only: blocks of PFNH_HUGE contiguous pages, mapped by huge entries where a fault
 * allows it. EOPNOTSUPP where the kernel maps no pfns so.
 */
#define PFNH_F_HUGE	(1u << 4)
#define PFNH_HUGE	512	/* nr_pages, and all that PFNH_ZAP_ROTATE takes, are multiples of it */
#define PFNH_F_ALL	(PFNH_F_TAIL | PFNH_F_IO | PFNH_F_RO_PTE | PFNH_F_RO_UPGRADE | PFNH_F_HUGE)

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

struct pfnh_file_pfn {		/* a page of any open file, if it is in the page cache */
	__s32 fd;		/* in */
	__u32 pad;		/* must be 0 */
	__u64 index;		/* in: page of the file */
	__u64 pfn;		/* out */
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
#define PFNH_PG_PRIVATE		(1ull << 9)	/* buffers or the like hold a reference */
#define PFNH_PG_ORDER_SHIFT	56		/* from here on: the order of the folio */

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
	__u32 inserted_any;	/* out: the handler inserted it for whomever since then */
	__u32 zapped_any;	/* out: a zap of that page began since then */
};

struct pfnh_task {		/* PFNH_MARK_TASK */
	__s32 pid;		/* as the caller sees it; one that exec()s has another mm then */
	__u32 pad;		/* must be 0 */
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
	/* near misses, see PFNH_NEAR */
	__u64 hits;		/* pairs of a fault and an invalidation at the locked check */
	__u64 early_pairs;	/* the same at the unlocked one */
	__u64 roots;		/* faults that the locked check rejected for another reason: the
				 * memslots changed
				 */
	__u64 landed;		/* faults that began while an invalidation was open */
	__u64 overlapped;	/* invalidations that began while a fault had not been checked */
	__u64 zaps;		/* invalidate_range_start calls that lowered the number of mappings */
	__u64 zaps_unflushed;	/* of these: and it was lower than at the last flush, see zaps.c */
};

/*
 * PFNH_NEAR: what happened to faults and by invalidations of the mm that this file marks (EINVAL if
 * it marks none), in order, from its PFNH_MARK on; each is returned once. The module keeps the last
 * few thousand of all files.
 *
 * HIT and EARLY are pairs of one fault and one invalidation that was open or began after the fault:
 * the last such. Each pair counts once at each check. Needs PFNH_STALE, PFNH_FAULTIN,
 * PFNH_INVALIDATE and PFNH_INVALIDATE_END, ROOT's `by` PFNH_MEMSLOT; PFNH_MARK arms them.
 */
enum pfnh_near_what {
	PFNH_NEAR_FAULT,	/* a fault passed the locked check */
	PFNH_NEAR_HIT,		/* KVM threw a resolved pfn away: the locked check fired */
	PFNH_NEAR_EARLY,	/* the unlocked check fired, before or behind the resolution */
	PFNH_NEAR_ROOT,		/* the locked check fired, but no invalidation was near */
	PFNH_NEAR_INVALIDATION,	/* an invalidation begins */
};

struct pfnh_near {
	__u32 what;		/* enum pfnh_near_what */
	__s32 tid;		/* whose fault or invalidation */
	__s32 by;		/* HIT, EARLY: whose invalidation; ROOT: who changed memslots; or 0 */
	__u32 pad;
	__u64 addr;		/* page of the fault: guest physical, with shadow paging virtual */
	__u64 start, end;	/* host virtual addresses of the invalidation */
};

struct pfnh_nears {
	__u64 buf;		/* in: to struct pfnh_near[room] */
	__u32 room;		/* in */
	__u32 nr;		/* out */
	__u64 lost;		/* out: of all files, that came and went unread */
};

/*
 * Functions that the module can hook, found by name when they are armed. A return value, an error
 * or a delay is put in by a wrapper to which ftrace redirects the call, in marked mms only.
 */
enum pfnh_hook {
	PFNH_STALE,		/* is_page_fault_stale() */
	PFNH_FAULTIN,		/* kvm_faultin_pfn(), 7.3: kvm_mmu_faultin_pfn() */
	PFNH_INVALIDATE,	/* kvm_mmu_notifier_invalidate_range_start() */
	PFNH_LOCK_WAIT,		/* rwsem_down_read_slowpath(), by a kprobe that only looks */
	PFNH_INVALIDATE_END,	/* kvm_mmu_notifier_invalidate_range_end() */
	PFNH_HVA_TO_PFN,	/* hva_to_pfn(): one resolution; all of PFNH_GUP.. happen in it */
	PFNH_GUP_FAST,		/* get_user_pages_fast_only() */
	PFNH_GUP,		/* get_user_pages_unlocked() */
	PFNH_PIN_FAST,		/* pin_user_pages_fast() (7.3: kvm_vcpu_map()) */
	PFNH_PIN,		/* pin_user_pages_unlocked() */
	PFNH_FIXUP,		/* fixup_user_fault() */
	PFNH_FOLLOW,		/* follow_pfnmap_start(), 6.1: follow_pte() */
	PFNH_TOPUP,		/* mmu_topup_memory_caches(): page tables of the vCPU's fault */
	PFNH_VCPU_MEM,		/* kvm_mmu_create(): memory of a new vCPU */
	PFNH_PAGE_FAULT,	/* kvm_mmu_page_fault(): what a guest's fault returns */
	PFNH_PRE_FAULT,		/* kvm_arch_vcpu_pre_fault_memory() (6.11 and newer) */
	PFNH_GPC,		/* __kvm_gpc_refresh(), 6.1: kvm_gfn_to_pfn_cache_refresh() */
	PFNH_MEMSLOT,		/* kvm_swap_active_memslots() */
	PFNH_FLUSH,		/* kvm_flush_remote_tlbs() */
	PFNH_FLUSH_RANGE,	/* kvm_flush_remote_tlbs_range(), 6.1: ..._with_address() */
	PFNH_FLUSH_SLOT,	/* kvm_arch_flush_shadow_memslot() */
	PFNH_GPC_INVALIDATE,	/* gfn_to_pfn_cache_invalidate_start() */
	PFNH_NR_HOOKS
};

/* pfnh_stats.hooks and PFNH_ARM; PFNH_MARK arms the first five, and PFNH_MEMSLOT */
#define PFNH_HOOK(h)		(1ull << (h))
#define PFNH_HOOK_STALE		PFNH_HOOK(PFNH_STALE)
#define PFNH_HOOK_FAULTIN	PFNH_HOOK(PFNH_FAULTIN)
#define PFNH_HOOK_INVALIDATE	PFNH_HOOK(PFNH_INVALIDATE)
#define PFNH_HOOK_LOCK_WAIT	PFNH_HOOK(PFNH_LOCK_WAIT)

struct pfnh_arm {
	__u64 hooks;		/* in: PFNH_HOOK(); out: those that are not armed */
};

struct pfnh_hook_info {
	__u32 hook;		/* in: enum pfnh_hook */
	__s32 error;		/* out: 0 armed, else why not: -ENOENT no such function (inlined,
				 * renamed, kvm not loaded), -EBUSY held by a livepatch, -EAGAIN
				 * nobody asked for it yet
				 */
	__u64 calls;		/* wrapped calls in marked mms */
	__u64 overridden;	/* calls that got an injected result */
	char symbol[48];	/* the function that is hooked, or was looked for first */
};

/* When does a rule fire? */
enum pfnh_when {
	PFNH_ALWAYS,
	PFNH_TIMES,		/* the first n times, then never; once: n = 1 */
	PFNH_EVERY,		/* each nth time */
	PFNH_RANDOM,		/* n in a million, by seed */
	PFNH_NR_WHENS
};

struct pfnh_policy {
	__u32 when;		/* enum pfnh_when */
	__u32 n;		/* 0 for PFNH_ALWAYS, else at least 1; RANDOM: at most 1000000 */
	__u64 seed;		/* RANDOM only, else 0 */
};

/*
 * PFNH_INJECT: from now on the hooked function fails in the mm that this file marks (EINVAL if it
 * marks none). The ioctl returns the rule's number, 0 or more, and arms what it needs; a file's
 * rules go with it. What a rule can do:
 *
 *	hook		error					what happens
 *	PFNH_GUP	-EHWPOISON -EAGAIN -EINTR -EFAULT -ENOMEM	get_user_pages_unlocked()
 *			or 0 pages (only calls with FOLL_NOWAIT); get_user_pages_fast_only() before
 *			it in the same resolution finds nothing, so that this one is asked
 *	PFNH_GUP_FAST	0		no page without the slow path
 *	PFNH_PIN	as PFNH_GUP, without 0 pages; pin_user_pages_fast() before it as well
 *	PFNH_FIXUP	-EFAULT -ENOMEM -EINTR	not even tried, mmap_lock stays held
 *			0		done; then mmap_lock is dropped and taken again, *unlocked
 *					= true: KVM looks the VMA up again
 *	PFNH_FOLLOW	-EINVAL		no PTE; burst 1: the first lookup of a resolution only, KVM
 *					calls the fault handler and looks again; burst 2: both fail
 *	PFNH_TOPUP	-ENOMEM
 *	PFNH_VCPU_MEM	-ENOMEM
 *
 * Apart from the last two only calls inside hva_to_pfn() are hit, so that the program's own page
 * faults and system calls never are.
 */
struct pfnh_inject {
	__u32 hook;		/* enum pfnh_hook */
	__s32 error;		/* 0 or -errno */
	__u64 start, end;	/* host virtual addresses, end exclusive; 0, 0: all. The last two
				 * hooks have no address: must be 0, 0
				 */
	__s32 tid;		/* this thread only; 0: all of marked mms */
	__u32 flags;		/* PFNH_INJECT_* */
	__u32 burst;		/* calls that fail in one resolution once the rule fires; 0 = 1 */
	__u32 pad;
	struct pfnh_policy policy;
};

/* flags of PFNH_INJECT, for PFNH_GUP only: neither, or one of them */
#define PFNH_INJECT_NOWAIT	(1u << 0)  /* only calls with FOLL_NOWAIT (before an async fault) */
#define PFNH_INJECT_WAIT	(1u << 1)  /* only calls without it */
#define PFNH_INJECT_ALL		(PFNH_INJECT_NOWAIT | PFNH_INJECT_WAIT)

struct pfnh_inject_info {
	__u32 id;		/* in: of a rule of this file, also of one that has ended */
	__u32 pad;		/* must be 0 */
	__u64 seen;		/* out: calls that matched */
	__u64 fired;		/* out: calls that failed by this rule */
};

/*
 * PFNH_INJECTED: what was injected into the KVM_RUN or ioctl that this thread is back from? As
 * PFNH_FAULT: ask right after the return. mask says it all; the rest is of the last one.
 */
struct pfnh_injected {
	__s32 tid;		/* in: 0 = the caller */
	__u32 count;		/* out: injections since then (the module remembers 16 a thread) */
	__u64 since_ns;		/* in: CLOCK_MONOTONIC */
	__u64 mask;		/* out: PFNH_HOOK() of each hook that injected */
	__u64 errors;		/* out: PFNH_ERROR() of each error */
	__u64 hva;		/* out: page address; 0 if the hook has none */
	__u64 ns;		/* out: when */
	__u32 hook;		/* out */
	__s32 error;		/* out */
	__u64 later;		/* out: resolutions of that thread since the last one's */
};

/* Answers that user space cannot see. Counted for marked mms since PFNH_MARK. */
enum pfnh_answer {		/* PFNH_ERROR() and pfnh_answers */
	PFNH_A_OK,		/* a pfn; GUP: 1 page; fault: the guest goes on */
	PFNH_A_ZERO,		/* GUP: no page; fault: exit to user space */
	PFNH_A_EFAULT,		/* hva_to_pfn(): KVM_PFN_ERR_FAULT */
	PFNH_A_EHWPOISON,	/* KVM_PFN_ERR_HWPOISON */
	PFNH_A_EINTR,		/* KVM_PFN_ERR_SIGPENDING */
	PFNH_A_EAGAIN,
	PFNH_A_ENOMEM,
	PFNH_A_RO_FAULT,	/* KVM_PFN_ERR_RO_FAULT */
	PFNH_A_NEEDS_IO,	/* KVM_PFN_ERR_NEEDS_IO */
	PFNH_A_EINVAL,
	PFNH_A_OTHER,
	PFNH_NR_ANSWERS
};

#define PFNH_ERROR(a)		(1ull << (a))

struct pfnh_answers {
	__u64 gup[PFNH_NR_ANSWERS];	/* get_user_pages_unlocked() in hva_to_pfn() */
	__u64 fixup[PFNH_NR_ANSWERS];	/* fixup_user_fault() in it; OK: 0 */
	__u64 pfn[PFNH_NR_ANSWERS];	/* hva_to_pfn() */
	__u64 fault[PFNH_NR_ANSWERS];	/* kvm_mmu_page_fault() */
	__u64 fatal_gup[PFNH_NR_ANSWERS];	/* of these, with a fatal signal pending */
	__u64 fatal_pfn[PFNH_NR_ANSWERS];
	__u64 fatal_fault[PFNH_NR_ANSWERS];
	__u64 missed;		/* resolutions not followed: too many threads at once */
};

/*
 * PFNH_DELAY: from now on tasks are delayed at a point, in the mm that this file marks, by a time
 * drawn log-uniformly from min_us..max_us. One rule for each point and file; another one replaces
 * it, max_us = 0 (and all else 0) ends it; a file's rules go with it. Errors as PFNH_INJECT.
 *
 *	point			where							how
 *	PFNH_AT_PFN		a fault's pfn is resolved, mmu_lock not yet taken	sleep
 *	PFNH_AT_INVALIDATE	behind KVM's invalidate_range_start, before its end	sleep
 *	PFNH_AT_GPC		a gfn_to_pfn_cache's pfn is resolved, not yet used	sleep
 *	PFNH_AT_GPC_INVALID	the gfn_to_pfn_caches of a range have been invalidated, KVM's	sleep
 *				mmu_invalidate_begin() is to come
 *	PFNH_AT_MEMSLOT		the memslots have been swapped, the rest to come	sleep
 *	PFNH_AT_FLUSH		before kvm_flush_remote_tlbs() and _range()		spin
 *	PFNH_AT_FLUSHED		behind them						spin
 *
 * A point that sleeps spins where the caller may not sleep. Nothing is delayed with interrupts off.
 *
 * PFNH_DELAY_MEET, at PFNH_AT_PFN and PFNH_AT_GPC only: the task waits there for the begin of the next
 * invalidation of its mm, no longer than that time, and goes on with it; with PFNH_DELAY_SAMPLE a
 * moment later, which is drawn uniformly from 0 to twice as long as invalidations took lately, so
 * that the task meets each part of one, and what follows it, equally often; with PFNH_DELAY_END it goes
 * on with the end of that invalidation. With such a rule a fault
 * that the unlocked check rejects sleeps until the end of the invalidation before KVM tries it again, a
 * change of memslots lets all of them go on, and what throws away the pages of a deleted memslot
 * (kvm_arch_flush_shadow_memslot(), if PFNH_FLUSH_SLOT is armed) waits for one first, and lets it go on
 * behind.
 */
enum pfnh_point {
	PFNH_AT_PFN, PFNH_AT_INVALIDATE, PFNH_AT_GPC, PFNH_AT_GPC_INVALID, PFNH_AT_MEMSLOT,
	PFNH_AT_FLUSH, PFNH_AT_FLUSHED, PFNH_NR_POINTS
};

#define PFNH_SLEEP_MAX_US	100000	/* far below what a lockup or stall detector waits for, */
#define PFNH_SPIN_MAX_US	1000	/* which look at no less than seconds */

struct pfnh_delay {
	__u32 point;		/* enum pfnh_point */
	__u32 min_us, max_us;	/* 1 to PFNH_SLEEP_MAX_US, PFNH_SPIN_MAX_US where it spins */
	__u32 flags;		/* PFNH_DELAY_* */
	__u64 seed;		/* of the lengths, and of PFNH_RANDOM */
	struct pfnh_policy policy;	/* which calls; its seed must be 0 */
};

#define PFNH_DELAY_MEET		(1u << 0)
#define PFNH_DELAY_SAMPLE	(1u << 1)	/* with MEET */
#define PFNH_DELAY_END		(1u << 2)	/* with MEET, not with SAMPLE */
#define PFNH_DELAY_ALL		(PFNH_DELAY_MEET | PFNH_DELAY_SAMPLE | PFNH_DELAY_END)

struct pfnh_delay_info {	/* of this file's rule; all 0 if there never was one */
	__u32 point;		/* in */
	__u32 pad;		/* must be 0 */
	__u64 seen;		/* out: calls in that mm */
	__u64 delayed;
	__u64 slept_ns, spun_ns;	/* in all */
	__u64 longest_ns;
	/* PFNH_AT_PFN and PFNH_AT_GPC: mmu_notifier invalidations of the mm that began and ended
	 * while a task was in this delay: all, those that covered the address that it had resolved,
	 * and delays that had one at least
	 */
	__u64 whole, whole_here, windows_hit;
};

/*
 * PFNH_AWAIT: sleep until so many faults of the mm that this file marks (EINVAL if it marks none) wait
 * for an invalidation, see PFNH_DELAY_MEET, or the time is over, and say for which page one of them is.
 * All that wait then are this caller's, and no other one gets them; of several callers each has its
 * turn. A signal ends it early.
 */
struct pfnh_await {
	__u32 max_us;		/* in: 1 to PFNH_SLEEP_MAX_US */
	__u32 faults;		/* in: at least 1 */
	__u64 hva;		/* out: the address that it has resolved */
	__s32 tid;		/* out: whose fault; 0: none came */
	__u32 pad;		/* must be 0 */
};

/*
 * PFNH_SCRIPT: what the set's fault handler answers for some pages (kinds with a handler only, else
 * EINVAL). Replaces what these pages had; NONE takes it away. Faults of the CPU in user mode are
 * left alone unless PFNH_SCRIPT_USER is given: the script is for those that KVM asks for.
 */
enum pfnh_script_what {
	PFNH_SCRIPT_NONE,
	PFNH_SCRIPT_SIGBUS,	/* VM_FAULT_SIGBUS */
	PFNH_SCRIPT_OOM,	/* VM_FAULT_OOM; not with PFNH_SCRIPT_USER, the CPU would retry */
	PFNH_SCRIPT_HWPOISON,	/* VM_FAULT_HWPOISON */
	PFNH_SCRIPT_RETRY,	/* lock dropped, VM_FAULT_RETRY; only if the caller allows it, else
				 * the page is inserted and the rule has not fired
				 */
	PFNH_SCRIPT_NOPAGE,	/* VM_FAULT_NOPAGE, no PTE */
	PFNH_NR_SCRIPTS
};

#define PFNH_SCRIPT_USER	(1u << 0)

struct pfnh_script {
	__u32 first;		/* page index */
	__u32 nr;		/* pages, at least 1 */
	__u32 what;		/* enum pfnh_script_what */
	__u32 flags;		/* PFNH_SCRIPT_USER */
	struct pfnh_policy policy;	/* counts all these pages' faults; NONE: zeroed */
};

struct pfnh_script_info {	/* the rule of a page */
	__u32 index;		/* in */
	__u32 what;		/* out: enum pfnh_script_what */
	__u64 seen;		/* out: faults that asked; NONE: all of the set's past */
	__u64 fired;		/* out */
};

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
#define PFNH_ARM		_IOWR(PFNH_IOC, 11, struct pfnh_arm)
#define PFNH_HOOK_INFO		_IOWR(PFNH_IOC, 12, struct pfnh_hook_info)
#define PFNH_INJECT		_IOW(PFNH_IOC, 13, struct pfnh_inject)
#define PFNH_INJECT_END		_IO(PFNH_IOC, 14)	/* all rules of this file; each may be asked
						 * for its counts until its place is needed
						 */
#define PFNH_INJECT_INFO	_IOWR(PFNH_IOC, 15, struct pfnh_inject_info)
#define PFNH_INJECTED		_IOWR(PFNH_IOC, 16, struct pfnh_injected)
#define PFNH_ANSWERS		_IOR(PFNH_IOC, 17, struct pfnh_answers)
#define PFNH_SCRIPT		_IOW(PFNH_IOC, 18, struct pfnh_script)
#define PFNH_SCRIPT_INFO	_IOWR(PFNH_IOC, 19, struct pfnh_script_info)
#define PFNH_DELAY		_IOW(PFNH_IOC, 20, struct pfnh_delay)
#define PFNH_DELAY_INFO		_IOWR(PFNH_IOC, 21, struct pfnh_delay_info)
#define PFNH_MARK_TASK		_IOW(PFNH_IOC, 23, struct pfnh_task)
#define PFNH_NEAR		_IOWR(PFNH_IOC, 22, struct pfnh_nears)

#define PFNH_AWAIT		_IOWR(PFNH_IOC, 24, struct pfnh_await)
#define PFNH_FILE_PFN		_IOWR(PFNH_IOC, 25, struct pfnh_file_pfn)

#endif /* PFN_HELPER_H */
