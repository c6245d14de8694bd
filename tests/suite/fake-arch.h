/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest accesses without a guest: each test says what happens in them. */
#ifndef FAKE_ARCH_H
#define FAKE_ARCH_H

#include "arch/arch.h"

extern struct fake_access {
	enum access_status status;
	uint64_t value;			/* what a load, an exec or the compare finds */
	void (*during)(void);		/* called in the middle of the access */
	uint64_t stored;		/* out: last value stored */
	uint64_t gva;			/* out: where */
	/* arch_nested_fault() */
	uint64_t got[NESTED_FAULT_WORDS], want[NESTED_FAULT_WORDS];
} fake;

#endif /* FAKE_ARCH_H */
