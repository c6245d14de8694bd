// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marked address spaces, and the counters of what happens on their behalf.
 */
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "pfnh.h"

#define PFNH_MAX_MARKS		64

static struct mm_struct *marks[PFNH_MAX_MARKS];
static unsigned int nr_marks;		/* slots ever used: what a reader must look at */
static DEFINE_SPINLOCK(marks_lock);	/* writers of marks */

DEFINE_PER_CPU(struct pfnh_counts, pfnh_counts);

/* --- marks --- */

/**
 * pfnh_mark - count what happens to @mm from now on
 * @mm: the caller's
 *
 * Takes a reference on the struct, so that its address is not used again while it is marked.
 * Return: 0 or -ENOSPC. Context: process.
 */
int pfnh_mark(struct mm_struct *mm)
{
	unsigned int i;

	spin_lock(&marks_lock);
	for (i = 0; i < PFNH_MAX_MARKS; i++) {
		if (marks[i])
			continue;
		mmgrab(mm);
		WRITE_ONCE(marks[i], mm);
		if (i >= nr_marks)
			WRITE_ONCE(nr_marks, i + 1);
		break;
	}
	spin_unlock(&marks_lock);
	return i < PFNH_MAX_MARKS ? 0 : -ENOSPC;
}

/**
 * pfnh_unmark - undo one pfnh_mark()
 * @mm: the same
 *
 * Context: process.
 */
void pfnh_unmark(struct mm_struct *mm)
{
	unsigned int i;

	spin_lock(&marks_lock);
	for (i = 0; i < PFNH_MAX_MARKS; i++) {
		if (marks[i] == mm) {
			WRITE_ONCE(marks[i], NULL);
			break;
		}
	}
	spin_unlock(&marks_lock);
	mmdrop(mm);
}

/**
 * pfnh_marked - is @mm marked?
 * @mm: compared only, never followed; may be NULL
 *
 * Context: any, also where ftrace and kprobes call.
 */
bool notrace pfnh_marked(const struct mm_struct *mm)
{
	unsigned int i, nr = READ_ONCE(nr_marks);

	if (!mm)
		return false;
	for (i = 0; i < nr; i++)
		if (READ_ONCE(marks[i]) == mm)
			return true;
	return false;
}

/* --- counters --- */

/**
 * pfnh_count_handler - the module's fault handler was called
 * @mm: of the VMA
 */
void pfnh_count_handler(const struct mm_struct *mm)
{
	if (pfnh_marked(mm))
		this_cpu_inc(pfnh_counts.handler);
}

/**
 * pfnh_count_hold - a PFNH_HOLD has ended
 * @mm: whose mmap_lock it was
 */
void pfnh_count_hold(const struct mm_struct *mm)
{
	if (pfnh_marked(mm))
		this_cpu_inc(pfnh_counts.holds);
}

/**
 * pfnh_counts_read - the sums over all CPUs, since the module was loaded
 * @res: filled in
 */
void pfnh_counts_read(struct pfnh_counts *res)
{
	u64 *sum = (u64 *)res;
	unsigned int i;
	int cpu;

	BUILD_BUG_ON(sizeof(*res) % sizeof(u64));
	memset(res, 0, sizeof(*res));
	for_each_possible_cpu(cpu) {
		u64 *n = (u64 *)per_cpu_ptr(&pfnh_counts, cpu);

		for (i = 0; i < sizeof(*res) / sizeof(u64); i++)
			sum[i] += READ_ONCE(n[i]);
	}
}
