/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One access to two pages of different kinds.
 */
#ifndef OUTCOMES_STRADDLE_H
#define OUTCOMES_STRADDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

struct kvm_vcpu;
struct region;

struct straddle {
	struct region *r;	/* of two pages or more, without a memslot yet */
	uint64_t hva;
	struct kvm_vcpu *vcpu;
	unsigned int slot;	/* this memslot and the next one are free */
	enum access_op op;	/* OP_LOAD, OP_STORE */
	uint64_t gva, val;	/* for @ask: what the guest is to access, and to store, */
	const uint64_t *status, *value;	/* and what it says of it */
	char layout[24];	/* the last one, in words of fingerprints */
	bool lost;		/* the access is not over */
};

/**
 * straddle_right - the access across the two pages, once for each layout of memory, ROM and nothing
 * @s: r, hva, vcpu, slot, op, status and value are set
 * @ask: have the guest make the access when it runs next
 * @data: for it
 * @got: what was wrong
 *
 * Return: is each layout answered as it must be?
 */
bool straddle_right(struct straddle *s, void (*ask)(void *data, const struct straddle *s), void *data,
		    char *got, size_t len);

#endif /* OUTCOMES_STRADDLE_H */
