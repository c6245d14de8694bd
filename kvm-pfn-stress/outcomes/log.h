/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty log of a cell's memslot: what KVM or the guest wrote to its first page must be in there.
 */
#ifndef OUTCOMES_LOG_H
#define OUTCOMES_LOG_H

#include <stdbool.h>

#include "core/region.h"
#include "outcomes/table.h"

struct log {
	struct region *r;		/* one memslot, which is there */
	struct kvm_vcpu *vcpu;		/* whose dirty ring it is */
	uint32_t *fetched;		/* entries taken from that ring */
	enum outcome_state how;		/* ST_LOG_* */
	uint32_t other;			/* dirty ring: another memslot that is logged, of one page; */
	bool has_other;			/* was that in the ring, too? */
	unsigned long *bitmap;
	unsigned int pages;
};

/**
 * log_on - switch logging on
 * @l: r, vcpu, fetched and how are set
 *
 * The log is clear then. Ends the process by TEST_ASSERT when it can't be done.
 *
 * Return: true, or false where everything had to be dirty at first (KVM_DIRTY_LOG_INITIALLY_SET) and
 * the first page is not.
 */
bool log_on(struct log *l);

/* Is the first page in the log? Where reading does not clear, it must be there a second time. */
bool log_has_page(struct log *l);

/* Whatever has been read is clear and protected again. */
void log_clear(struct log *l);

/* A VM's dirty rings, before it has vCPUs; their size in bytes. */
#define LOG_RING_BYTES	16384
void log_ring(struct kvm_vm *vm);

void log_off(struct log *l);

#endif /* OUTCOMES_LOG_H */
