// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's emulator does an access across a page boundary page by page (emulator_read_write()): what is
 * memory it reads and writes there, the rest is one MMIO exit for each page. The exit by which it has
 * begun says the address of one of the two pages only.
 *
 *	page 0		page 1
 *	...  [3 bytes]	[5 bytes]  ...
 *
 * Nobody else touches the pages: all bytes of both are compared.
 */
#include <stdio.h>
#include <string.h>

#include "core/compat.h"
#include "consumers/vcpu.h"
#include "core/region.h"
#include "oracles/outcome.h"
#include "outcomes/straddle.h"

#define FIRST		3		/* bytes in page 0 */
#define BYTES		8
#define OFF		(GUEST_PAGE_SIZE - FIRST)
#define PAGES		2

enum kind { KIND_MEMORY, KIND_ROM, KIND_NOTHING, NR_KINDS };

static const char *const kind_names[] = { "memory", "rom", "nothing" };

/* What has to be there after an access, and the exits that it takes. */
struct answers {
	uint8_t pages[PAGES * GUEST_PAGE_SIZE];
	uint8_t loaded[BYTES];
	struct part {
		uint64_t gpa;
		uint32_t len;
		bool write;
		uint8_t data[BYTES];
	} exits[PAGES];
	unsigned int nr;
};

static uint8_t device_byte(uint64_t gpa)
{
	return 0xa0 + (gpa & 0xf);
}

static void set_memslots(const struct straddle *s, const enum kind *kind, bool there)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		uint64_t off = i * GUEST_PAGE_SIZE;

		if (kind[i] != KIND_NOTHING)
			vm_set_user_memory_region(s->vcpu->vm, s->slot + i,
						  kind[i] == KIND_ROM ? KVM_MEM_READONLY : 0,
						  s->r->gpa + off, there ? GUEST_PAGE_SIZE : 0,
						  (void *)(s->hva + off));
	}
}

static void expect_part(const struct straddle *s, enum kind kind, unsigned int from, unsigned int len,
			struct answers *a)
{
	bool write = s->op == OP_STORE, device = kind == KIND_NOTHING || (write && kind == KIND_ROM);
	const uint8_t *val = (const uint8_t *)&s->val + from;
	struct part *p = &a->exits[a->nr];
	unsigned int i;

	a->nr += device;
	if (device)
		*p = (struct part){ s->r->gpa + OFF + from, len, write };
	for (i = 0; i < len; i++) {
		uint8_t *byte = &a->pages[OFF + from + i];

		if (device)
			p->data[i] = write ? val[i] : device_byte(p->gpa + i);
		else if (write)
			*byte = val[i];
		if (!write)
			a->loaded[from + i] = device ? p->data[i] : *byte;
	}
}

/* Also the exit's answer. */
static bool exit_right(const struct straddle *s, const struct answers *a, unsigned int nr, char *got,
		       size_t len)
{
	const struct part *p = &a->exits[nr];
	struct kvm_run *kr = s->vcpu->run;

	if (nr < a->nr && kr->mmio.phys_addr == p->gpa && kr->mmio.len == p->len &&
	    kr->mmio.is_write == p->write &&
	    (!p->write || !memcmp(kr->mmio.data, p->data, p->len))) {
		if (!p->write)
			memcpy(kr->mmio.data, p->data, p->len);
		return true;
	}
	snprintf(got, len, "%s: MMIO exit %u of %u is a %s of %u bytes at 0x%llx", s->layout, nr + 1,
		 a->nr, kr->mmio.is_write ? "write" : "read", kr->mmio.len, kr->mmio.phys_addr);
	return false;
}

static bool one_layout(struct straddle *s, void (*ask)(void *data, const struct straddle *s),
		       void *data, const struct answers *a, char *got, size_t len)
{
	unsigned int exits = 0;
	struct run_outcome o;
	bool right = true;

	ask(data, s);
	for (;;) {
		vcpu_enter(s->vcpu, &o);
		if (o.result == RES_KICK)
			continue;
		if (o.result != RES_MMIO)
			break;
		right = right && exit_right(s, a, exits, got, len);
		exits++;
	}
	s->lost = o.result != RES_UCALL;
	if (!right)
		return false;
	if (s->lost || *s->status != ACCESS_DONE)
		snprintf(got, len, "%s: %s (errno %d, exit_reason %u), status %lu", s->layout,
			 run_result_names[o.result], o.err, o.exit_reason, *s->status);
	else if (exits != a->nr)
		snprintf(got, len, "%s: %u MMIO exits, not %u", s->layout, exits, a->nr);
	else if (s->op == OP_LOAD && memcmp(s->value, a->loaded, BYTES))
		snprintf(got, len, "%s: the guest saw 0x%lx", s->layout, *s->value);
	else if (memcmp((void *)s->hva, a->pages, sizeof(a->pages)))
		snprintf(got, len, "%s: memory is not as it must be, 0x%lx across the boundary",
			 s->layout, *(volatile uint64_t *)(s->hva + OFF));
	else
		return true;
	return false;
}

bool straddle_right(struct straddle *s, void (*ask)(void *data, const struct straddle *s), void *data,
		    char *got, size_t len)
{
	unsigned int n, i;
	bool right = true;

	s->gva = s->r->gpa + REGION_GVA_OFFSET + OFF;
	for (n = 0; n < NR_KINDS * NR_KINDS && right; n++) {
		enum kind kind[PAGES] = { n / NR_KINDS, n % NR_KINDS };
		struct answers a = { 0 };

		s->val = 0x1112131415161718 + n * 0x0101010101010101;
		for (i = 0; i < BYTES; i++)
			*(volatile uint8_t *)(s->hva + OFF + i) = 0xc0 + i;
		memcpy(a.pages, (void *)s->hva, sizeof(a.pages));
		expect_part(s, kind[0], 0, FIRST, &a);
		expect_part(s, kind[1], FIRST, BYTES - FIRST, &a);
		snprintf(s->layout, sizeof(s->layout), "%s-%s", kind_names[kind[0]],
			 kind_names[kind[1]]);
		set_memslots(s, kind, true);
		right = one_layout(s, ask, data, &a, got, len);
		set_memslots(s, kind, false);
	}
	return right;
}
