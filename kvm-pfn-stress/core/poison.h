/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Poisoned pages: which there are, and how they become memory again.
 */
#ifndef CORE_POISON_H
#define CORE_POISON_H

#include "core/run.h"

/**
 * poison_pfn_of - the pfn behind a present page of this process
 * @hva: page
 *
 * Return: pfn, 0 when not present or not allowed to know. Source: /proc/self/pagemap.
 */
uint64_t poison_pfn_of(uint64_t hva);

/**
 * poison_note - remember that this pfn is about to be poisoned
 *
 * The list is shared with the supervisor, which unpoisons what a dead child left. Return: slot
 * number, -1 when the list is full.
 */
int poison_note(struct shared *sh, uint64_t pfn);

/**
 * poison_is - has this pfn PG_hwpoison?
 * @helper_fd: the helper module, -1 without it
 * @pfn: the page
 * @guess: the answer when the flag can't be seen
 */
bool poison_is(int helper_fd, uint64_t pfn, bool guess);

/**
 * poison_undo - unpoison a noted pfn and forget it
 * @sh: shared state
 * @slot: of poison_note()
 * @poisoned: false when the injection failed and nothing has to be undone
 *
 * Return: 0, or -errno: the page is still mapped or referenced; it stays on the list.
 */
int poison_undo(struct shared *sh, int slot, bool poisoned);

/**
 * poison_undo_all - unpoison what is left on the list, waiting up to a second
 *
 * Return: how many pages could not be unpoisoned.
 */
unsigned int poison_undo_all(struct shared *sh);

/* Is there all that poisoning needs? NULL, or the reason why not. */
const char *poison_unsupported(void);

/* HardwareCorrupted of /proc/meminfo, in KiB. */
long poison_accounted(void);

#endif /* CORE_POISON_H */
