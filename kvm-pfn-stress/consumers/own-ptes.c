// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads whose guest rewrites its own page tables: one address, the window, leads to another test
 * page every few accesses, or allows less, by an entry of any level of tables that several others lead
 * to (tables.h). With shadow paging KVM has to see each of these writes (guest.c, window_move(), has the
 * timeline); with nested paging of the hardware it sees none.
 */
#include "arch/arch.h"
#include "consumers/vcpu.h"
#include "plugins.h"

static void own_ptes_setup(struct worker *w)
{
	arch_tables_setup(w->run, w->id);
	w->run->ctl->vcpu[w->id].own_tables = 1;
}

static void own_ptes_run(struct worker *w)
{
	vcpu_loop(w, 0, NULL);
}

const struct consumer_ops consumer_own_ptes = {
	.name = "own-ptes",
	.describe = "vCPUs whose guest rewrites the page table entries of the pages",
	.counts = {
		{ "changed", offsetof(struct guest_vcpu, windows) },
		{ "level1", offsetof(struct guest_vcpu, tables.changes[0]) },
		{ "level2", offsetof(struct guest_vcpu, tables.changes[1]) },
		{ "level3", offsetof(struct guest_vcpu, tables.changes[2]) },
		{ "level4", offsetof(struct guest_vcpu, tables.changes[3]) },
	},
	.setup = own_ptes_setup,
	.run = own_ptes_run,
};
