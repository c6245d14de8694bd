// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/helper.h"
#include "core/pagemap.h"
#include "core/poison.h"
#include "core/proc.h"

#define UNPOISON	"/sys/kernel/debug/hwpoison/unpoison-pfn"

uint64_t poison_pfn_of(uint64_t hva)
{
	uint64_t e;

	pagemap_read(hva, 1, &e);
	return pm_pfn(e);
}

int poison_note(struct shared *sh, uint64_t pfn)
{
	int i;

	for (i = 0; i < MAX_POISON; i++) {
		unsigned long none = 0;

		if (atomic_compare_exchange_strong(&sh->poison[i], &none, pfn))
			return i;
	}
	return -1;
}

bool poison_is(int helper_fd, uint64_t pfn, bool guess)
{
	struct pfnh_pfn p = { .pfn = pfn };

	if (helper_fd < 0 || helper_pfn(helper_fd, &p))
		return guess;
	return p.flags & PFNH_PG_HWPOISON;
}

int poison_undo(struct shared *sh, int slot, bool poisoned)
{
	char text[32];
	int err = 0;

	if (poisoned) {
		snprintf(text, sizeof(text), "0x%lx", atomic_load(&sh->poison[slot]));
		err = proc_write(UNPOISON, text);
	}
	if (!err)
		atomic_store(&sh->poison[slot], 0);
	return err;
}

/* A child that was killed may have noted a page and not have poisoned it: EBUSY, unpoison_memory(). */
static bool undone(struct shared *sh, int slot, int helper_fd)
{
	if (!poison_undo(sh, slot, true))
		return true;
	if (poison_is(helper_fd, atomic_load(&sh->poison[slot]), true))
		return false;
	return !poison_undo(sh, slot, false);
}

unsigned int poison_undo_all(struct shared *sh)
{
	int helper_fd = sh->caps.helper ? helper_open() : -1;
	unsigned int left = 0, tries, i;

	for (tries = 0; tries < 20; tries++) {
		left = 0;
		for (i = 0; i < MAX_POISON; i++)
			if (atomic_load(&sh->poison[i]) && !undone(sh, i, helper_fd))
				left++;
		if (!left)
			break;
		usleep(50000);
	}
	if (helper_fd >= 0)
		close(helper_fd);
	return left;
}

const char *poison_unsupported(void)
{
	if (access(UNPOISON, W_OK))
		return UNPOISON " is not there: CONFIG_HWPOISON_INJECT, modprobe hwpoison-inject";
	return NULL;
}

long poison_accounted(void)
{
	return proc_field("/proc/meminfo", "HardwareCorrupted:");
}
