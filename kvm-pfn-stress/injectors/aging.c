// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel asks which pages were used lately, and forgets: KVM's clear_young notifier takes the
 * accessed bits out of SPTEs without a flush, in 7.x without mmu_lock too. Nothing else changes.
 *
 *	vCPU					this thread
 *	----					-----------
 *	load: sets the accessed bit
 *						walk: clear it, in host PTEs and SPTEs
 *	store: sets accessed and dirty		<- both changes in one SPTE: none may be lost
 *
 * By the multi-generational LRU, whose page-table walk calls the notifier since 6.13 and in stable
 * kernels of before that have the fix (ptep_clear_young_notify() in mm/vmscan.c). Whether this one
 * does is found out: KVM has a tracepoint there (kvm_age_hva).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/knob.h"
#include "core/proc.h"
#include "injectors/inject.h"

#define LRU_GEN		"/sys/kernel/debug/lru_gen"
#define MAX_LRUVECS	64

/* The youngest generation of one memory cgroup on one node. */
struct lruvec {
	unsigned int memcg, node;
	unsigned long max;
};

static char why_not[96];

static unsigned int read_lruvecs(struct lruvec *v)
{
	unsigned int memcg = 0, node = 0, n = 0;
	FILE *f = fopen(LRU_GEN, "re");
	unsigned long gen;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "memcg %u", &memcg) == 1)
			continue;
		if (sscanf(line, " node %u", &node) == 1) {
			if (n == MAX_LRUVECS)
				break;
			v[n++] = (struct lruvec){ memcg, node, 0 };
		} else if (n && sscanf(line, " %lu", &gen) == 1) {
			v[n - 1].max = gen;	/* oldest first */
		}
	}
	if (f)
		fclose(f);
	return n;
}

static void aging_start(struct worker *w)
{
	struct lruvec v[MAX_LRUVECS];

	why_not[0] = 0;
	if (!knob_set(w->run->sh, "/sys/kernel/mm/lru_gen/enabled", "0x0007", why_not,
		      sizeof(why_not)))
		return;
	if (!read_lruvecs(v))
		snprintf(why_not, sizeof(why_not), "%s cannot be read: CONFIG_LRU_GEN, debugfs",
			 LRU_GEN);
}

static unsigned int age(void)
{
	struct lruvec v[MAX_LRUVECS], now[MAX_LRUVECS];
	unsigned int n = read_lruvecs(v), i, k, aged = 0;
	char text[80];

	for (i = 0; i < n; i++) {
		/* memcg, node, youngest generation, anonymous pages too, all of them */
		snprintf(text, sizeof(text), "+ %u %u %lu 1 1", v[i].memcg, v[i].node, v[i].max);
		proc_write(LRU_GEN, text);
	}
	k = read_lruvecs(now);
	for (i = 0; i < n && i < k; i++)
		aged += v[i].memcg == now[i].memcg && v[i].node == now[i].node &&
			now[i].max > v[i].max;
	return aged;
}

#define TRACE	"/sys/kernel/tracing/instances/kvm-pfn-stress"
#define EVENT	TRACE "/events/kvm/kvm_age_hva/enable"
#define ASKED	20

/* Events in the buffers of all CPUs; none is read while vCPUs run. */
static unsigned long events(void)
{
	char path[128];
	unsigned long n = 0;
	long cpu;

	for (cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		long long v;

		snprintf(path, sizeof(path), TRACE "/per_cpu/cpu%ld/stats", cpu);
		v = proc_field(path, "entries:");
		n += v > 0 ? v : 0;
	}
	return n;
}

/* The VM is there, and so are pages of this process for the LRU to look at. */
static const char *aging_unsupported(struct run *run)
{
	unsigned int try;
	bool asks = false;
	int err;

	if (why_not[0])
		return why_not;
	if (!knob_mkdir(run->sh, TRACE, why_not, sizeof(why_not)))
		return why_not;
	err = proc_write(EVENT, "1");
	if (err) {
		snprintf(why_not, sizeof(why_not), "%s: %s", EVENT, strerror(-err));
		return why_not;
	}
	for (try = 0; try < ASKED && !asks; try++) {
		age();
		asks = events();
	}
	proc_write(EVENT, "0");
	rmdir(TRACE);
	if (asks)
		return NULL;
	snprintf(why_not, sizeof(why_not), "this kernel's LRU does not ask KVM (6.13, and stable ones)");
	return why_not;
}

static unsigned int aging_step(struct worker *w)
{
	record_op(w, "lru_gen aging", 0, 0);
	return age();
}

const struct injector_ops injector_aging = {
	.name = "aging",
	.describe = "let the multi-generational LRU walk page tables for used pages",
	.gap_us = 2000,
	.unsupported = aging_unsupported,
	.start = aging_start,
	.step = aging_step,
};
