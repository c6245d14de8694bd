// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "core/compat.h"
#include "consumers/xen.h"
#include "fake-arch.h"

struct fake_access fake;

static enum access_status access_at(uint64_t gva)
{
	fake.gva = gva;
	if (fake.during)
		fake.during();
	return fake.status;
}

enum access_status arch_load(uint64_t gva, uint64_t *out)
{
	enum access_status st = access_at(gva);

	*out = fake.value;
	return st;
}

enum access_status arch_exec(uint64_t gva, uint64_t *out)
{
	return arch_load(gva, out);
}

enum access_status arch_store(uint64_t gva, uint64_t val)
{
	fake.stored = val;
	return access_at(gva);
}

enum access_status arch_rmw(uint64_t gva, uint64_t expect, uint64_t val, uint64_t *out)
{
	enum access_status st = access_at(gva);

	*out = fake.value;
	if (fake.value == expect)
		fake.stored = val;
	return st;
}

enum access_status arch_emul_load(uint64_t gva, uint64_t *out)
{
	return arch_load(gva, out);
}

enum access_status arch_emul_store(uint64_t gva, uint64_t val)
{
	return arch_store(gva, val);
}

enum access_status arch_emul_rmw(uint64_t gva, uint64_t expect, uint64_t val, uint64_t *out)
{
	return arch_rmw(gva, expect, val, out);
}

enum access_status arch_interruptible(uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				      const void *access)
{
	return access_at(a);
}

const char *arch_async_unsupported(void)
{
	return "no KVM here";
}

void arch_async_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t guest_vcpu) { }
void arch_async_switch(struct kvm_vm *vm, struct kvm_vcpu *vcpu, struct guest_async *a) { }

void arch_fill(void *hva, uint64_t stamp)
{
	((uint64_t *)hva)[PAGE_FILL_OFF / 8] = stamp;
}

void arch_vm_setup(struct kvm_vm *vm) { }

int arch_skip_access(struct kvm_vcpu *vcpu)
{
	return 0;
}

void arch_describe_vcpu(struct kvm_vcpu *vcpu, char *buf, unsigned long len)
{
	snprintf(buf, len, "fake");
}

void arch_map_huge(struct kvm_vm *vm, uint64_t gva, uint64_t gpa, unsigned int pages) { }

bool arch_emulated(void)
{
	return false;
}

void arch_kvmclock(struct kvm_vcpu *vcpu, uint64_t gpa) { }
void arch_steal_time(struct kvm_vcpu *vcpu, uint64_t gpa) { }

int arch_clock_update(struct kvm_vcpu *vcpu)
{
	return 0;
}

uint32_t arch_time_version(const void *time, bool steal)
{
	return 0;
}

const char *arch_private_vm(unsigned long *type)
{
	*type = 0;
	return "no KVM here";
}

const char *arch_can_emulate(void)
{
	return "no KVM here";
}

void arch_pte_set(uint64_t pte, uint64_t gpa, uint64_t mode) { }
void arch_flush_page(uint64_t gva) { }
void arch_tables_setup(struct run *run, unsigned int vcpu) { }

void arch_flush_root(uint64_t root) { }

void arch_roots(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t root[2]) { }

uint64_t arch_entry(uint64_t gpa, unsigned int rights, unsigned int level)
{
	return gpa | rights;
}

uint64_t arch_entry_gpa(uint64_t entry)
{
	return entry & ~(GUEST_PAGE_SIZE - 1);
}

unsigned int arch_entry_rights(uint64_t entry, unsigned int level)
{
	return (entry & 63) | (level == 1 ? TE_LEAF : 0);
}

uint64_t arch_window_setup(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t pte_gva,
			   uint64_t gpa)
{
	return 0;
}

enum access_status arch_nested_write(uint64_t arch, uint64_t gva)
{
	return access_at(gva);
}

enum access_status arch_nested_run(uint64_t arch, uint64_t gpa)
{
	return access_at(gpa);
}

enum access_status arch_nested_answer(uint64_t arch, uint64_t gva, uint64_t *got, uint64_t *want)
{
	*want = 1;
	return arch_load(gva, got);
}

uint64_t arch_nested_window(uint64_t arch, const struct tables *t, const struct tables_pick *p)
{
	return 0;
}

void arch_nested_walk(uint64_t arch, uint64_t mode) { }
void arch_nested_tables(struct run *run, unsigned int vcpu) { }

enum access_status arch_nested_access(uint64_t arch, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				      const void *access)
{
	return access_at(a);
}

enum access_status arch_nested_fault(uint64_t arch, uint64_t gva, uint64_t op,
				     uint64_t got[NESTED_FAULT_WORDS],
				     uint64_t want[NESTED_FAULT_WORDS])
{
	memcpy(got, fake.got, sizeof(fake.got));
	memcpy(want, fake.want, sizeof(fake.want));
	return ACCESS_DONE;
}

void arch_nested_resume(uint64_t arch, enum access_status st) { }

enum access_status arch_nested_yield(uint64_t arch)
{
	return access_at(0);
}

const char *arch_spaces_unsupported(void)
{
	return "no KVM here";
}

void arch_second_space(struct kvm_vcpu *vcpu, bool second) { }

void arch_table_fill(void *hva, uint64_t gva, uint64_t gpa, bool used) { }

void arch_table_set(struct kvm_vm *vm, struct kvm_vcpu *vcpu, uint64_t gva, uint64_t table) { }

const char *arch_nested_unsupported(void)
{
	return "no KVM here";
}

bool arch_nested_refused(const void *page)
{
	return false;
}

uint64_t arch_nested_setup(struct run *run, unsigned int vcpu, void (*l2)(uint64_t))
{
	return 0;
}

/* What consumers use of one architecture only. */
const char *xen_unsupported(bool hva)
{
	return "no KVM here";
}

void xen_enable(struct kvm_vm *vm, bool guest) { }

int xen_shared_info_gfn(struct kvm_vm *vm, uint64_t gfn)
{
	return ENOSYS;
}

int xen_shared_info_hva(struct kvm_vm *vm, uint64_t hva)
{
	return ENOSYS;
}

int xen_vcpu_info_gpa(struct kvm_vcpu *vcpu, uint64_t gpa)
{
	return ENOSYS;
}

int xen_vcpu_info_hva(struct kvm_vcpu *vcpu, uint64_t hva)
{
	return ENOSYS;
}

int xen_send(struct kvm_vm *vm, unsigned int port)
{
	return ENOSYS;
}

/* of x86.c, for nested.c */
uint64_t access_trapped(uint64_t rip);

uint64_t access_trapped(uint64_t rip)
{
	return 0;
}
