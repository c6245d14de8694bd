// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/compat.h"
#include "outcomes/log.h"

#define LONG_BITS	(8 * sizeof(unsigned long))

static void manual(struct log *l, uint64_t flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags } };

	if (l->how != ST_LOG_GET)
		TEST_ASSERT(!ioctl(l->r->run->vm->fd, KVM_ENABLE_CAP, &cap),
			    "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: %s", strerror(errno));
}

static bool get(struct log *l)
{
	struct kvm_dirty_log get = { .slot = l->r->slot, .dirty_bitmap = l->bitmap };

	TEST_ASSERT(!ioctl(l->r->run->vm->fd, KVM_GET_DIRTY_LOG, &get), "KVM_GET_DIRTY_LOG: %s",
		    strerror(errno));
	return l->bitmap[0] & 1;
}

void log_ring(struct kvm_vm *vm)
{
	vm_enable_dirty_ring(vm, LOG_RING_BYTES);
}

/* Takes all that is in the ring. Is the page among it? */
static bool take(struct log *l)
{
	struct kvm_dirty_gfn *ring = l->vcpu->dirty_gfns, *e;
	const uint32_t nr = LOG_RING_BYTES / sizeof(*ring);
	bool has = false;

	l->has_other = false;
	for (;; ++*l->fetched) {
		e = &ring[*l->fetched % nr];
		/* pairs with the smp_wmb() of kvm_dirty_ring_push() */
		if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return has;
		has |= e->slot == l->r->slot && !e->offset;
		l->has_other |= e->slot == l->other;
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
}

static void flags(struct log *l, uint32_t flags)
{
	l->r->slot_flags = flags;
	TEST_ASSERT(!region_set_slots(l->r, region_hva(l->r)), "KVM_MEM_LOG_DIRTY_PAGES: %s",
		    strerror(errno));
}

bool log_on(struct log *l)
{
	bool all;

	if (l->how == ST_LOG_RING) {
		flags(l, l->r->slot_flags | KVM_MEM_LOG_DIRTY_PAGES);
		take(l);
		log_clear(l);
		return true;
	}
	l->pages = region_bytes(l->r, l->r->nr) / GUEST_PAGE_SIZE;
	l->bitmap = calloc((l->pages + LONG_BITS - 1) / LONG_BITS, sizeof(*l->bitmap));
	manual(l, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
		  (l->how == ST_LOG_ALL ? KVM_DIRTY_LOG_INITIALLY_SET : 0));
	flags(l, l->r->slot_flags | KVM_MEM_LOG_DIRTY_PAGES);
	all = get(l);
	log_clear(l);
	return all || l->how != ST_LOG_ALL;
}

bool log_has_page(struct log *l)
{
	if (l->how == ST_LOG_RING)
		return take(l);
	return get(l) && (l->how == ST_LOG_GET || get(l));
}

void log_clear(struct log *l)
{
	struct kvm_clear_dirty_log clear = { .slot = l->r->slot, .num_pages = l->pages,
					     .dirty_bitmap = l->bitmap };

	if (l->how == ST_LOG_RING)
		TEST_ASSERT(__vm_ioctl(l->r->run->vm, KVM_RESET_DIRTY_RINGS, NULL) >= 0,
			    "KVM_RESET_DIRTY_RINGS: %s", strerror(errno));
	else if (l->how != ST_LOG_GET)
		TEST_ASSERT(!ioctl(l->r->run->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear),
			    "KVM_CLEAR_DIRTY_LOG: %s", strerror(errno));
}

void log_off(struct log *l)
{
	flags(l, l->r->slot_flags & ~KVM_MEM_LOG_DIRTY_PAGES);
	if (l->how == ST_LOG_RING)
		return;
	manual(l, 0);
	free(l->bitmap);
}
