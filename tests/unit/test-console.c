// SPDX-License-Identifier: GPL-2.0-only
/* Kernel logs: what is a complaint, what is none, and what only looks like one. */
#include "test.h"
#include "runner.h"

#define T	"[   12.345678] "

static const struct {
	const char *text, *rule, *where;
	bool fatal;
} samples[] = {
	{ T "WARNING: CPU: 1 PID: 77 at virt/kvm/kvm_main.c:2 kvm_put+0x1/0x2 [kvm]\r\n"
	  T "Modules linked in: kvm\n"
	  T "RIP: 0010:kvm_put.isra.0+0x1/0x2 [kvm]\n", "warn", "kvm_put" },
	{ T "WARNING: arch/x86/kvm/mmu/mmu.c:1 at Fault_x+0x1/0x2, CPU#1: stress/7\n", "warn", "" },
	{ T "BUG: unable to handle page fault for address: ffff888000000000\n"
	  T "Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
	  T "RIP: 0010:kvm_tdp_page_fault+0x12/0x34 [kvm]\n", "oops", "kvm_tdp_page_fault", true },
	{ T "BUG: kernel NULL pointer dereference, address: 0000000000000008\n", "oops", "", true },
	{ T "Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1]\n",
	  "oops", "", true },
	{ T "general protection fault, probably for non-canonical address 0x1: 0000 [#1]\n", "oops",
	  "", true },
	{ T "------------[ cut here ]------------\n" T "kernel BUG at mm/memory.c:1234!\n", "bug", "",
	  true },
	{ T "BUG: KASAN: slab-use-after-free in kvm_gpc_refresh+0x1/0x2\n", "kasan", "" },
	{ T "BUG: KCSAN: data-race in a / b\n", "kcsan", "" },
	{ T "BUG: KFENCE: use-after-free read in a+0x1\n", "kfence", "" },
	{ T "UBSAN: array-index-out-of-bounds in mm/x.c:1:2\n", "ubsan", "" },
	{ T "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [stress:77]\n", "soft-lockup", "" },
	{ T "stress invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0\n", "oom", "" },
	{ T "INFO: task stress:77 blocked for more than 30 seconds.\n", "hung-task", "" },
	{ T "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n", "rcu-stall", "" },
	{ T "rcu: INFO: rcu_preempt self-detected stall on CPU\n", "rcu-stall", "" },
	{ T "BUG: Bad page state in process stress  pfn:12345\n", "bad-page", "" },
	{ T "BUG: Bad page map in process stress  pte:1 pmd:2\n", "bad-page", "" },
	{ T "BUG: Bad rss-counter state mm:0 type:MM_ANONPAGES val:1\n", "bad-page", "" },
	{ T "WARNING: possible circular locking dependency detected\n", "lockdep", "" },
	{ T "WARNING: suspicious RCU usage\n", "lockdep", "" },
	{ T "BUG: sleeping function called from invalid context at mm/x.c:1\n", "atomic-sleep", "" },
	{ T "list_add corruption. prev->next should be next (1), but was 2.\n", "bug", "" },
	{ T "refcount_t: underflow; use-after-free.\n", "warn", "" },
	{ T "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n", "panic", "",
	  true },
	{ T "[  T123] WARNING: CPU: 1 PID: 123 at x.c:1 f+0x1/0x2\n", "warn", "" },
	{ "[    0.1][    C1] WARNING: CPU: 1 PID: 0 at x.c:1 f+0x1/0x2\n", "warn", "" },
	{ "<4>[   12.345678] WARNING: CPU: 1 PID: 0 at x.c:1 f+0x1/0x2\n", "warn", "" },
};

static void finds_complaints(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		char *text = format("%s%s%s", T "Linux version 6.12\n", samples[i].text,
				    T "Modules linked in:\n");
		struct splat splat;

		if (!console_find(text, false, &splat))
			fail_msg("nothing found in '%s'", samples[i].text);
		if (strcmp(splat.rule, samples[i].rule) || strcmp(splat.where, samples[i].where) ||
		    splat.fatal != samples[i].fatal)
			fail_msg("'%s': got %s, '%s', fatal %d", samples[i].text, splat.rule,
				 splat.where, splat.fatal);
		assert_null(strchr(splat.line, '\r'));
		assert_null(strstr(splat.line, "12.345678"));
		assert_int_equal(console_find(text, true, &splat), samples[i].fatal);
		free(text);
	}
}

static void passes_over_the_rest(void **state)
{
	static const char * const harmless[] = {
		"",
		"\n\n\n",
		"WARNING: CPU: 1 PID: 77 at x.c:1: said by a program\n",
		"init: BUG: \n",
		"[bracket] BUG: no time\n",
		"[12] BUG: no time\n",
		T "Memory failure: 0x12345: recovery action for dirty LRU page: Recovered\n",
		T "Injecting memory failure for pfn 0x12345 at process virtual address 0x7f\n",
		T "mce: Uncorrected hardware memory error in user-access at 12345000\n",
		T "pfn_helper: loading out-of-tree module taints kernel.\n",
		T "kvm_amd: TSC scaling supported\n",
		T "Warning: lower case\n",
		T "x86/mm: DEBUG: nothing\n",
		T "debugfs: WARNING-free\n",
		T "stress[77]: segfault at 0 ip 1 sp 2 error 4\n",
		T "rcu: \tRCU restricting CPUs from NR_CPUS=8192 to nr_cpu_ids=2.\n",
		T "process 'x' launched '/bin/BUG: ' with NULL argv\n",
		T,
	};
	struct splat splat;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		if (console_find(harmless[i], false, &splat))
			fail_msg("'%s' was taken for %s", harmless[i], splat.rule);
}

static void the_first_complaint_counts(void **state)
{
	static const char text[] =
		T "WARNING: CPU: 1 PID: 77 at a.c:1 first+0x1/0x2\n" T "RIP: 0010:first+0x1/0x2\n"
		T "BUG: unable to handle page fault\n" T "RIP: 0010:second+0x1/0x2\n";
	struct splat splat;

	(void)state;
	assert_true(console_find(text, false, &splat));
	assert_string_equal(splat.where, "first");
	assert_true(console_find(text, true, &splat));
	assert_string_equal(splat.where, "second");
}

#define LOST_TIMER	T "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"			\
			T "RIP: 0010:pv_native_safe_halt+0xf/0x20\n"				\
			T "rcu: rcu_preempt kthread timer wakeup didn't happen for 5251 jiffies!\n"

static void trouble_of_the_host_is_exactly_that(void **state)
{
	(void)state;
	assert_true(console_host_trouble(
		T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n"
		T "CPU: 1 UID: 0 PID: 77 Comm: stress Not tainted 6.12.117\n"
		T "RIP: 0010:__schedule+0x428/0x1540\n", true));
	assert_true(console_host_trouble(
		T "int3: 0000 [#1] PREEMPT SMP NOPTI\n" T "RIP: 0010:__schedule+0x428/0x1540\n", true));
	/* somewhere else */
	assert_false(console_host_trouble(
		T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n" T "RIP: 0010:schedule+0x1/0x2\n", true));
	assert_false(console_host_trouble(
		T "Oops: int3: 0000 [#1] SMP\n" T "RIP: 0010:kvm_arch_vcpu_load+0x1/0x2\n", true));
	/* something else */
	assert_false(console_host_trouble(
		T "Oops: 0000 [#1] PREEMPT SMP NOPTI\n" T "RIP: 0010:__schedule+0x428/0x1540\n", true));
	/* there was a finding before */
	assert_false(console_host_trouble(
		T "WARNING: CPU: 1 PID: 7 at a.c:1 f+0x1/0x2\n"
		T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n"
		T "RIP: 0010:__schedule+0x428/0x1540\n", true));
	/* the kernel died of something else in the end: the int3 is far away */
	assert_false(console_host_trouble(T "Kernel panic - not syncing: x\n", true));
	assert_false(console_host_trouble("", true));
	/* in the kernel proper, before the program began; not in a module */
	assert_true(console_host_trouble(
		T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n"
		T "RIP: 0010:hrtimer_start_range_ns+0x1/0x2\n", false));
	assert_false(console_host_trouble(
		T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n"
		T "RIP: 0010:svm_hardware_enable+0x1/0x2 [kvm_amd]\n", false));
	/* a CPU idles for ever, as its timer is lost; later it could be KVM's doing */
	assert_true(console_host_trouble(LOST_TIMER, false));
	assert_false(console_host_trouble(LOST_TIMER, true));
	assert_false(console_host_trouble(
		T "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
		T "RIP: 0010:pv_native_safe_halt+0xf/0x20\n", false));
	/* cut off */
	assert_false(console_host_trouble(T "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n", true));
}

static void cuts_the_console_at_the_mark(void **state)
{
	struct run run = { .dir = getenv("PFN_TEST_TMP") };
	struct srun s = { .conf = { .name = "two" } };
	char *part;

	(void)state;
	if (!run.dir)
		skip();
	text_file("console.log",
		  T "boot\n" T "kvm-pfn-stress: scenario two-more\n" T "a\n"
		  T "kvm-pfn-stress: scenario two\r\n" T "b\x01\n"
		  T "kvm-pfn-stress: scenario x\n" T "c\n");
	s.console_from = 20;	/* read early or late: the mark counts */
	part = console_part(&run, &s);
	assert_string_equal(part, "kvm-pfn-stress: scenario two\n" T "b \n" T);
	free(part);
	strcpy(s.conf.name, "unmarked");
	part = console_part(&run, &s);
	assert_non_null(strstr(part, "two-more"));
	free(part);
	part = console_tail(&run, 0, 2);
	assert_string_equal(part, T "kvm-pfn-stress: scenario x\n" T "c");
	free(part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_complaints),
		cmocka_unit_test(passes_over_the_rest),
		cmocka_unit_test(the_first_complaint_counts),
		cmocka_unit_test(trouble_of_the_host_is_exactly_that),
		cmocka_unit_test(cuts_the_console_at_the_mark),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
