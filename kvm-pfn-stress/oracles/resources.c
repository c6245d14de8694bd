// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a scenario took is back when its process is gone: module use counts, KVM's statistics,
 * debugfs entries, page tables, KVM's slabs, poisoned memory, memory at all.
 *
 * The supervisor's own VM is part of the baseline. Freeing is partly deferred (RCU, SRCU, work
 * items): a value that is off is looked at again for a while before it counts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/helper.h"
#include "core/knob.h"
#include "core/poison.h"
#include "core/proc.h"
#include "oracles/outside.h"

#define TRIES		20
#define TRY_US		100000
#define NOT_THERE	INT64_MIN	/* no count and no statistic is anywhere near */

/* Not in every kernel: merged caches (no slab_nomerge), counters that came later. */
static long long field(const char *path, const char *key)
{
	long long v = proc_field(path, key);

	return v < 0 ? NOT_THERE : v;
}

static long long debugfs_kvm(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s", name);
	return proc_number(path, NOT_THERE);
}

static long long pages_4k(void)
{
	return debugfs_kvm("pages_4k");
}

static long long pages_2m(void)
{
	return debugfs_kvm("pages_2m");
}

static long long pages_1g(void)
{
	return debugfs_kvm("pages_1g");
}

static long long kvm_refs(void)
{
	return proc_number("/sys/module/kvm/refcnt", NOT_THERE);
}

static long long kvm_vendor_refs(void)
{
	long long v = proc_number("/sys/module/kvm_amd/refcnt", NOT_THERE);

	return v != NOT_THERE ? v : proc_number("/sys/module/kvm_intel/refcnt", NOT_THERE);
}

static long long helper_module_refs(void)
{
	return proc_number("/sys/module/pfn_helper/refcnt", NOT_THERE);
}

/* Directories below debugfs: one for each VM. */
static long long debugfs_vms(void)
{
	DIR *d = opendir("/sys/kernel/debug/kvm");
	struct dirent *e;
	long long n = 0;

	if (!d)
		return NOT_THERE;
	while ((e = readdir(d)))
		n += e->d_type == DT_DIR && e->d_name[0] != '.';
	closedir(d);
	return n;
}

static long long sec_page_tables(void)
{
	proc_write("/proc/sys/vm/stat_refresh", "1");	/* fold the per-CPU differences */
	return field("/proc/meminfo", "SecPageTables:");
}

static long long corrupted(void)
{
	return poison_accounted();
}

static long long leaked(void)
{
	struct pfnh_stats st = { 0 };
	int fd = helper_open();

	if (fd < 0)
		return NOT_THERE;
	if (ioctl(fd, PFNH_STATS, &st))
		st.leaked = 0;
	close(fd);
	return st.leaked;
}

/* Free pages on per-CPU lists count neither as free nor as used by anybody. */
static long long pcp_kib(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	long long pages = 0, n;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %lld", &n) == 1)
			pages += n;
	fclose(f);
	return pages * 4;
}

static long long mem_used(void)
{
	long long total = proc_field("/proc/meminfo", "MemTotal:");
	long long free = proc_field("/proc/meminfo", "MemFree:");
	long long cache = proc_field("/proc/meminfo", "Cached:");
	long long reclaimable = proc_field("/proc/meminfo", "SReclaimable:");

	return total - free - cache - reclaimable - pcp_kib();
}

static long long slab_objects(const char *cache)
{
	char path[96], key[64];

	/* what lies free on lists of one CPU counts as active; this gives it back */
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	proc_write(path, "1");
	snprintf(key, sizeof(key), "%s ", cache);
	return field("/proc/slabinfo", key);
}

static long long shadow_pages(void)
{
	return slab_objects("kvm_mmu_page_header");
}

static long long vcpus(void)
{
	return slab_objects("kvm_vcpu");
}

static long long async_faults(void)
{
	return slab_objects("kvm_async_pf");
}

static long long rmap_descs(void)
{
	return slab_objects("pte_list_desc");
}

static const char *cgroup = "";		/* shared->cgroup */

/*
 * Kernel memory that is charged to the cgroup of the scenarios' processes, and none of them is left:
 * all that KVM allocates for a VM is (GFP_KERNEL_ACCOUNT). 0 also where there is no such cgroup.
 * What can be reclaimed is none of it: a loop device has hundreds of inodes in debugfs as long as
 * it is there.
 */
static long long charged_kib(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	return (proc_field(path, "kernel ") - proc_field(path, "slab_reclaimable ")) / 1024;
}

/* What else is charged to it and not accounted for: pages that are neither anybody's nor free. */
static long long charged_unknown_kib(void)
{
	static const char *const known[] = { "anon ", "file ", "kernel ", "sock ", "hugetlb " };
	char path[128];
	long long bytes, n;
	unsigned int i;

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	bytes = proc_number(path, 0);
	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		n = proc_field(path, known[i]);
		bytes -= n > 0 ? n : 0;
	}
	return bytes / 1024;
}

#define CHARGE_BATCH		64	/* pages: MEMCG_CHARGE_BATCH, 6.1 to 7.3 */

/* What a CPU has charged in advance, and as much again: its counts may be late. */
#define CHARGED_PER_CPU_KIB	(2 * CHARGE_BATCH * 4)

/*
 * memory.stat adds up what CPUs have counted when that is a batch a CPU (memcg_rstat_updated()), or
 * some time later. A process that comes and goes in that cgroup has counted enough for all.
 */
static void add_up_charges(void)
{
	size_t len = (sysconf(_SC_NPROCESSORS_CONF) + 2) * 2 * CHARGE_BATCH * getpagesize();
	char path[128];
	pid_t pid;

	if (!*cgroup)
		return;
	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
		if (!proc_write(path, "0"))
			mmap(NULL, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static struct resource {
	const char *rule;
	long long (*read)(void);
	long long slack;	/* how much may be off: per-CPU caches of the allocators */
	long long base;
	long long per_cpu;	/* more slack */
} resources[] = {
	{ "kvm-module-refs", kvm_refs, 0, 0 },
	{ "kvm-vendor-module-refs", kvm_vendor_refs, 0, 0 },
	{ "helper-module-refs", helper_module_refs, 0, 0 },
	{ "debugfs-vms", debugfs_vms, 0, 0 },
	{ "stat-pages-4k", pages_4k, 0, 0 },
	{ "stat-pages-2m", pages_2m, 0, 0 },
	{ "stat-pages-1g", pages_1g, 0, 0 },
	{ "secondary-page-tables", sec_page_tables, 0, 0 },
	{ "hwpoison-accounting", corrupted, 0, 0 },
	{ "helper-pages-leaked", leaked, 0, 0 },
	{ "slab-shadow-pages", shadow_pages, 0, 0 },
	{ "slab-vcpus", vcpus, 0, 0 },
	{ "slab-async-faults", async_faults, 0, 0 },
	{ "slab-rmap-descriptors", rmap_descs, 0, 0 },
	{ "charged-kib", charged_kib, 128, 0 },
	{ "charged-unknown-kib", charged_unknown_kib, 0, 0, CHARGED_PER_CPU_KIB },
	{ "memory-kib", mem_used, 16384, 0 },
};

#define NR_RESOURCES	(sizeof(resources) / sizeof(*resources))

void resources_baseline(void)
{
	unsigned int i;

	proc_write("/proc/sys/vm/drop_caches", "3");
	for (i = 0; i < NR_RESOURCES; i++)
		resources[i].base = resources[i].read();
}

void resources_unseen(char *buf, size_t len)
{
	size_t n = 0;
	unsigned int i;

	buf[0] = 0;
	for (i = 0; i < NR_RESOURCES && n < len; i++)
		if (resources[i].base == NOT_THERE)
			n += snprintf(buf + n, len - n, "%s%s", n ? ", " : "", resources[i].rule);
}

/* KASAN keeps freed objects back, up to 1/32 of all memory (mm/kasan/quarantine.c). In doubt only. */
static long long quarantine(void)
{
	static int kasan = -1;

	if (kasan < 0)
		kasan = proc_has_symbol("kasan_quarantine_put");
	return kasan ? proc_field("/proc/meminfo", "MemTotal:") / 32 : 0;
}

/* More than the baseline is a leak, less is an underflow. */
static bool off(const struct resource *r, long long v)
{
	long long slack = r->slack + r->per_cpu * sysconf(_SC_NPROCESSORS_CONF);

	if (v == NOT_THERE || r->base == NOT_THERE)
		return false;
	if (!slack)
		return v != r->base;
	return v - r->base > slack && v - r->base > slack + quarantine();
}

void resources_check(struct shared *sh)
{
	unsigned int i, try;

	cgroup = sh->cgroup;
	for (i = 0; i < NR_RESOURCES; i++) {
		struct resource *r = &resources[i];
		long long v = r->read();
		struct failure f = { 0 };

		for (try = 0; try < TRIES && off(r, v); try++) {
			if (!try)
				proc_write("/proc/sys/vm/drop_caches", "3");
			usleep(TRY_US);
			add_up_charges();
			v = r->read();
		}
		if (v != NOT_THERE && r->base != NOT_THERE)
			atomic_fetch_add(&sh->oracle[ORACLE_RESOURCES].checks, 1);
		if (!off(r, v))
			continue;
		snprintf(f.rule, sizeof(f.rule), "%s", r->rule);
		snprintf(f.expected, sizeof(f.expected), "%lld", r->base);
		snprintf(f.got, sizeof(f.got), "%lld", v);
		fail(sh, ORACLE_RESOURCES, &f, v > r->base ? "leak" : "underflow");
		r->base = v;	/* the next scenario is not to blame */
	}
}

static int mark = -1;

void process_born(void)
{
	mark = memfd_create("kvm-pfn-stress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mark >= 0 && ftruncate(mark, getpagesize())) {
		close(mark);
		mark = -1;
	}
}

void process_has(struct shared *sh)
{
	char dir[100], path[128], why[128];

	if (knob_cgroup(sh, "memory", dir, sizeof(dir), why, sizeof(why))) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
		proc_write(path, "0");
	}
	if (mark < 0)
		return;
	mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, mark, 0);
	close(mark);
}

/* memfd_add_seals(), 6.1 to 7.3: EBUSY as long as anybody maps it shared and writable. */
static bool mapped(void)
{
	return fcntl(mark, F_ADD_SEALS, F_SEAL_WRITE) && errno == EBUSY;
}

void process_gone(struct shared *sh)
{
	struct failure f = { 0 };
	unsigned int try;

	if (mark < 0)
		return;
	for (try = 0; try < TRIES && mapped(); try++)
		usleep(TRY_US);
	atomic_fetch_add(&sh->oracle[ORACLE_RESOURCES].checks, 1);
	if (mapped()) {
		snprintf(f.rule, sizeof(f.rule), "process-memory");
		snprintf(f.expected, sizeof(f.expected), "the memory of a process goes with it");
		snprintf(f.got, sizeof(f.got), "something holds on to its mm");
		fail(sh, ORACLE_RESOURCES, &f, "leak");
	}
	close(mark);
	mark = -1;
}
