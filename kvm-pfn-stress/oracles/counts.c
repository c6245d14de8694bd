// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM counts its mappings by size for each VM (kvm_update_page_stats(), 6.1 to 7.3; pages_4k,
 * pages_2m and pages_1g in debugfs). To delete a memslot takes all of them away
 * (kvm_mmu_zap_all_fast(), behind KVM_X86_QUIRK_SLOT_ZAP_ALL, which is on): with no vCPU running each
 * count is 0 then. What is left was counted with one size and uncounted with another, or never
 * uncounted. In a VM with private memory a memslot takes its own with it, and no others
 * (kvm_arch_flush_shadow_memslot(), 6.12 and 7.3): there all of them have to go.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/compat.h"
#include "core/proc.h"
#include "core/region.h"
#include "oracles/quiet.h"
#include "plugins.h"

#define FAR	(1ull << 39)	/* of no region, nor its alias */

/* False: it can't be done. The program's memslot is moved: the library wants to delete it itself. */
static bool take_all(struct run *run)
{
	bool all = false;
	unsigned int i;

	if (!run->nr_regions || region_set_slots(run->region[0]->first, 0))
		return false;
	for (i = 0; i < run->nr_regions; i++)
		all |= run->region[i]->ops->guest_only;
	if (!all)
		return true;
	for (i = 1; i < run->nr_regions; i++)
		if (run->region[i]->first == run->region[i] && region_set_slots(run->region[i], 0))
			return false;
	vm_set_user_memory_region(run->vm, CTL_SLOT, 0, CTL_GPA, 0, run->ctl);
	vm_mem_region_move(run->vm, 0, FAR);
	return true;
}

void counts_check(struct run *run)
{
	static const char *const names[] = { "pages_4k", "pages_2m", "pages_1g" };
	struct failure f = { 0 };
	char path[96];
	unsigned int i;

	if (!take_all(run))
		return;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		long long n;

		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(),
			 run->vm->fd, names[i]);
		n = proc_number(path, 0);
		oracle_checked(run, ORACLE_RESOURCES, 1);
		if (!n)
			continue;
		snprintf(f.rule, sizeof(f.rule), "mapping-count");
		snprintf(f.op, sizeof(f.op), "%s", names[i]);
		snprintf(f.expected, sizeof(f.expected), "0 without mappings");
		snprintf(f.got, sizeof(f.got), "%s is %lld", names[i], n);
		fail(run->sh, ORACLE_RESOURCES, &f, NULL);
	}
}
