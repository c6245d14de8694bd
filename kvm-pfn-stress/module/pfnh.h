/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the objects of the module share. User space's side is pfn_helper.h.
 *
 * Locks, outermost first:
 *
 *	pfnh_file.lock		one ioctl at a time creates, marks or breaks
 *	pfnh_set.zap_lock	one zap or check at a time; owns the free, retired and bad lists
 *	mmap_lock		the kernel's, around mmap and fault handler; ours in a zap (see
 *				wait_for_mmaps()) and in PFNH_HOLD
 *	pfnh_set.sem		which page is behind which index, and its script; readers: fault
 *				handler and mmap
 *	i_mmap_rwsem, page-table locks: the kernel's, below unmap_mapping_range()
 *
 * Nothing is copied from or to user space with zap_lock or sem held: that may fault, and so take
 * mmap_lock.
 */
#ifndef PFNH_H
#define PFNH_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "pfn_helper.h"

/*
 * Added to the refcount of each page that has one: a kernel that drops references it never took
 * shows as a number, and does not free the page under us.
 */
#define PFNH_BIAS		(1 << 16)

#define PFNH_TAIL_ORDER		3	/* 7 pages out of 8: all but the head */
#define PFNH_SPARE		256	/* retired pages of a set, besides one for each page */
#define PFNH_SPARE_HUGE		(8 * PFNH_HUGE)	/* in blocks: one reference keeps all of one */
#define PFNH_MAX_LEAKS		64	/* references that PFNH_BREAK can hold for one file */

/* The allocation behind tail pages: 1 << PFNH_TAIL_ORDER pages, not compound. */
struct pfnh_block {
	struct list_head list;
	struct page *head;
	bool keep;			/* not to be freed: somebody uses one of its pages */
};

/* One physical page. Lists and flags: zap_lock. */
struct pfnh_pg {
	struct list_head list;		/* free, retired or bad; linked to itself while current */
	struct page *page;
	u32 index;			/* of the set, when it was retired */
	struct pfnh_block *block;	/* of a tail page, which is freed with it; else NULL */
};

struct pfnh_tids;

/* What became of a page's PTEs lately. */
struct pfnh_pte_log {
	u64 zap_seq;			/* zap_count of the last zap; sem held for writing */
	u64 zap_ns;
	u64 put_ns;			/* last insertion for any thread; tid_lock */
};

struct pfnh_set {
	u32 kind;			/* enum pfnh_kind */
	u32 flags;			/* PFNH_F_* */
	u32 nr;				/* pages */
	int base;			/* refcount of a page that nobody uses: 0 or 1 */
	int bias;			/* what the module added to it */
	int id;				/* of its range in the address space of the device node */
	unsigned long pgoff;		/* where that range begins, in pages */
	struct address_space *mapping;	/* of the device node: all sets share it */
	struct mm_struct *mm;		/* creator's (mmgrab); only it may map a REMAP set */

	struct mutex zap_lock;		/* the fields up to sem */
	struct list_head free;		/* may become current */
	struct list_head retired;	/* filled with PFNH_CANARY, oldest first */
	struct list_head bad;		/* lost their canary: never handed out again */
	struct list_head blocks;
	u32 total;			/* pages on the lists and current */
	u64 nr_bad;			/* pages that ever lost their canary */
	struct pfnh_check first_bad;	/* where: value, index, offset */
	bool no_zap;			/* PFNH_BREAK_NO_ZAP: next rotate does not unmap */
	bool broken;			/* a canary was broken on purpose: bad pages may be freed */

	struct rw_semaphore sem;	/* the fields up to tid_lock */
	struct pfnh_pg **cur;		/* [nr] */
	u64 zap_count;
	struct pfnh_pte_log *pte_log;	/* [nr] */
	bool mmap_seen;			/* REMAP: mmap() took pages since the last rotate */
	struct pfnh_script_rule **script;	/* [nr], made by the first PFNH_SCRIPT */
	spinlock_t script_lock;		/* counters of the rules; innermost */
	u64 script_seen, script_fired;	/* of rules that are gone */

	spinlock_t tid_lock;		/* tids */
	struct pfnh_tids *tids;		/* what the fault handler did lately, for whom */
};

struct pfnh_counts {
	u64 stale, early, faultin, invalidate, lock_waits, handler, holds;
	u64 hits, early_pairs, roots, landed, overlapped;
	u64 zaps, zaps_unflushed;
	struct pfnh_answers answers;	/* missed included */
};

/* A policy and what it did so far. The owner excludes others. */
struct pfnh_chance {
	struct pfnh_policy policy;
	u64 seen, fired, rnd;
};

/* A call that ftrace redirected to us. */
struct pfnh_call {
	enum pfnh_hook hook;
	long arg[6];
	long ret;
	bool overridden;	/* the function itself was not called */
	bool unlock;		/* PFNH_FIXUP: drop mmap_lock behind it */
};

/* One open file. */
struct pfnh_file {
	struct mutex lock;		/* all fields */
	struct pfnh_set *set;		/* set once, by PFNH_CREATE: smp_load_acquire() */
	struct mm_struct *marked;
	struct pfnh_counts at_mark;
	u64 near_pos;			/* PFNH_NEAR: what comes next */
	u32 nr_refs;			/* PFNH_BREAK: what is given back at close */
	struct {
		struct page *page;
		struct folio *folio;	/* of a foreign pfn; NULL: a page of the set */
		int delta;
	} refs[PFNH_MAX_LEAKS];
	u32 module_refs;
	u32 nr_rules;			/* PFNH_INJECT: numbers given out */
};

/* pages.c */
struct pfnh_set *pfnh_set_create(const struct pfnh_create *arg, struct file *file);
void pfnh_set_destroy(struct pfnh_set *set);
int pfnh_set_zap(struct pfnh_set *set, const struct pfnh_zap *arg);
int pfnh_set_check(struct pfnh_set *set, struct pfnh_check *res);
struct page *pfnh_set_ref(struct pfnh_set *set, u32 index, int delta);
int pfnh_set_break_canary(struct pfnh_set *set);
int pfnh_set_break_no_zap(struct pfnh_set *set);
extern atomic64_t pfnh_leaked;

/* map.c */
struct pfnh_tids *pfnh_tids_alloc(void);
int pfnh_set_mmap(struct pfnh_set *set, struct vm_area_struct *vma);
int pfnh_set_fault(struct pfnh_set *set, struct pfnh_fault *arg);

/* look.c */
int pfnh_set_page(struct pfnh_set *set, struct pfnh_page *arg);
int pfnh_pfn(struct pfnh_pfn *arg);
int pfnh_file_pfn(struct pfnh_file_pfn *arg);

/* policy.c */
bool pfnh_policy_valid(const struct pfnh_policy *p);
u64 pfnh_random(u64 *state);
bool pfnh_chance_left(const struct pfnh_chance *c);
bool pfnh_chance_take(struct pfnh_chance *c);

/* script.c */
int pfnh_script_set(struct pfnh_set *set, const struct pfnh_script *arg);
int pfnh_script_info(struct pfnh_set *set, struct pfnh_script_info *arg);
void pfnh_script_free(struct pfnh_set *set);
u32 pfnh_script_fault(struct pfnh_set *set, u32 index, const struct vm_fault *vmf);
vm_fault_t pfnh_script_answer(struct vm_fault *vmf, u32 what);

/* zaps.c */
struct mmu_notifier;
struct kvm;
void pfnh_zap_begin(struct mmu_notifier *mn, const struct mm_struct *mm);
void pfnh_zap_flush(const struct kvm *kvm);
void pfnh_zap_end(void);

/* marks.c */
int pfnh_mark(struct mm_struct *mm);
void pfnh_unmark(struct mm_struct *mm);
bool pfnh_marked(const struct mm_struct *mm);
DECLARE_PER_CPU(struct pfnh_counts, pfnh_counts);
void pfnh_count_handler(const struct mm_struct *mm);
void pfnh_count_hold(const struct mm_struct *mm);
void pfnh_counts_read(struct pfnh_counts *res);

/* near.c */
struct mmu_notifier_range;
void pfnh_near_begin(u64 addr);
void pfnh_near_end(bool locked, bool retry);
void pfnh_near_start(const struct mmu_notifier_range *range);
void pfnh_near_done(const struct mmu_notifier_range *range);
void pfnh_near_memslot(void);
u64 pfnh_near_pos(void);
int pfnh_near_read(const struct mm_struct *mm, u64 *pos, struct pfnh_nears *arg);

/* redirect.c */
u64 pfnh_hooks_arm(u64 hooks);
void pfnh_hooks_exit(void);
u64 pfnh_hooks_armed(void);
void pfnh_hook_info(struct pfnh_hook_info *arg);
int pfnh_hooks_init(void);

/* hooks.c */
enum pfnh_answer pfnh_answer_of(long err);
bool pfnh_before(struct pfnh_call *call);
void pfnh_after(struct pfnh_call *call);

/* inject.c */
int pfnh_inject(struct pfnh_file *pf, const struct pfnh_inject *arg);
int pfnh_inject_info(struct pfnh_file *pf, struct pfnh_inject_info *arg);
void pfnh_inject_end(struct pfnh_file *pf, bool forget);
int pfnh_injected(struct pfnh_injected *arg);
void pfnh_resolution_begin(void);
void pfnh_resolution_end(void);
bool pfnh_resolving(void);
bool pfnh_inject_call(struct pfnh_call *call);
void pfnh_inject_unlock(struct pfnh_call *call);
void pfnh_refresh_begin(void);
void pfnh_refresh_end(void);
bool pfnh_refreshing(void);
unsigned long pfnh_resolved_hva(void);

/* delay.c */
int pfnh_delay(struct pfnh_file *pf, const struct pfnh_delay *arg);
int pfnh_delay_info(struct pfnh_file *pf, struct pfnh_delay_info *arg);
void pfnh_delay_end(struct pfnh_file *pf);
bool pfnh_delays(void);
void pfnh_delay_retry(void);
void pfnh_delay_at(enum pfnh_point point, const struct mm_struct *mm, bool sleeps,
		   unsigned long hva);
struct mmu_notifier_range;
void pfnh_invalidate_begin(const struct mmu_notifier_range *range);
void pfnh_invalidate_done(const struct mmu_notifier_range *range);
int pfnh_await(const struct mm_struct *mm, struct pfnh_await *arg);
void pfnh_memslot_begin(void);
void pfnh_memslot_flush(bool done);

/* breakage.c */
int pfnh_break(struct pfnh_file *pf, const struct pfnh_break_arg *arg);
void pfnh_break_undo(struct pfnh_file *pf);

#endif /* PFNH_H */
