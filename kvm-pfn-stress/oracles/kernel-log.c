// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says of itself: /dev/kmsg from the start of the run on, and new taint bits.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/proc.h"
#include "oracles/outside.h"

/*
 * Bits of /proc/sys/kernel/tainted that only say whose modules are loaded: P, F, R-less, O, E, X, T,
 * N, J. All others mean that something happened (M, B, D, W, L, ...). See tainted-kernels.rst.
 */
#define TAINT_MODULES	((1 << 0) | (1 << 1) | (1 << 12) | (1 << 13) | (1 << 16) | (1 << 18))

static const struct {
	const char *text, *rule;
} patterns[] = {
	{ "WARNING: CPU:", "warn" },
	{ "WARNING: possible", "lockdep" },
	{ "WARNING: suspicious", "lockdep" },
	{ "WARNING: bad unlock", "lockdep" },
	{ "WARNING: lock held", "lockdep" },
	{ "WARNING: inconsistent", "lockdep" },
	{ "WARNING:", "warn" },
	{ "BUG: KASAN:", "kasan" },
	{ "BUG: KCSAN:", "kcsan" },
	{ "BUG: Bad page", "bad-page" },
	{ "BUG: Bad rss-counter", "bad-rss" },
	{ "BUG: soft lockup", "soft-lockup" },
	{ "BUG: sleeping function", "atomic-sleep" },
	{ "BUG: scheduling while atomic", "atomic-sleep" },
	{ "BUG: unable to handle", "oops" },
	{ "BUG: kernel NULL pointer", "oops" },
	{ "BUG:", "bug" },
	{ "kernel BUG at", "bug" },
	{ "UBSAN:", "ubsan" },
	{ "Oops:", "oops" },
	{ "general protection fault", "oops" },
	{ "blocked for more than", "hung-task" },
	{ "rcu_sched self-detected stall", "rcu-stall" },
	{ "rcu_preempt self-detected stall", "rcu-stall" },
	{ "rcu: INFO:", "rcu-stall" },
	{ "refcount_t:", "refcount" },
	{ "invoked oom-killer", "oom" },
};

static int kmsg = -1;
static long long taint0;
static bool said;	/* something since the last look at the taint */

/*
 * A BUG or an oops says where only some lines later ("RIP: 0010:func+0x1/0x2"), and has more lines
 * of its own that match: the first counts, and waits for the place.
 */
static struct {
	const char *rule;	/* NULL: none */
	char text[256];
} waiting;

void kernel_log_start(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
	taint0 = proc_number("/proc/sys/kernel/tainted", 0);
}

/*
 * "... at arch/x86/kvm/mmu/mmu.c:123 kvm_mmu_foo.cold+0x1/0x2 [kvm]": kvm_mmu_foo, else nothing. What
 * the compiler made of a function (.cold, .isra.0, .part.0) is another in the next build.
 */
static void function_of(const char *line, char *buf, size_t len)
{
	const char *plus = strstr(line, "+0x"), *p = plus;

	buf[0] = 0;
	if (!plus)
		return;
	while (p > line && (isalnum((unsigned char)p[-1]) || p[-1] == '_' || p[-1] == '.'))
		p--;
	snprintf(buf, len, "%.*s", (int)strcspn(p, ".+"), p);
}

static void log_failure(struct shared *sh, const char *rule, const char *text, const char *detail)
{
	struct failure f = { 0 };

	/* part of the fingerprint: some warnings are known of scenarios with memslot updates only */
	snprintf(f.backing, sizeof(f.backing), "%s", sh->memslot_updates ? "memslot" : "-");
	snprintf(f.rule, sizeof(f.rule), "%s", rule);
	snprintf(f.expected, sizeof(f.expected), "nothing of this kind in the kernel's log");
	snprintf(f.got, sizeof(f.got), "%s", text);
	fail(sh, ORACLE_KERNEL_LOG, &f, detail && *detail ? detail : NULL);
	said = true;
}

static void flush_waiting(struct shared *sh, const char *func)
{
	if (waiting.rule)
		log_failure(sh, waiting.rule, waiting.text, func);
	waiting.rule = NULL;
}

static void judge_line(struct shared *sh, const char *text)
{
	char func[80];
	unsigned int i;

	function_of(text, func, sizeof(func));
	if (waiting.rule) {
		if (strstr(text, "RIP: 0010:") && *func)
			flush_waiting(sh, func);
		return;
	}
	for (i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		if (!strstr(text, patterns[i].text))
			continue;
		if (!*func && (!strcmp(patterns[i].rule, "bug") || !strcmp(patterns[i].rule, "oops"))) {
			waiting.rule = patterns[i].rule;
			snprintf(waiting.text, sizeof(waiting.text), "%s", text);
		} else {
			log_failure(sh, patterns[i].rule, text, func);
		}
		break;
	}
}

void kernel_log_poll(struct shared *sh)
{
	char rec[8192];
	ssize_t n;

	while (kmsg >= 0) {
		char *text, *end;

		n = read(kmsg, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)
			continue;	/* records were overwritten: go on with the oldest */
		if (n <= 0)
			break;
		rec[n] = 0;
		text = strchr(rec, ';');
		if (!text)
			continue;
		text++;
		end = strchr(text, '\n');
		if (end)
			*end = 0;
		oracle_checked(&(struct run){ .sh = sh }, ORACLE_KERNEL_LOG, 1);
		judge_line(sh, text);
	}
}

void kernel_log_check(struct shared *sh)
{
	long long taint;

	if (kmsg < 0) {
		snprintf(sh->oracle[ORACLE_KERNEL_LOG].skip,
			 sizeof(sh->oracle[ORACLE_KERNEL_LOG].skip), "/dev/kmsg can't be read");
		return;
	}
	kernel_log_poll(sh);
	flush_waiting(sh, NULL);
	/* taint with a line in the log is that line's */
	taint = proc_number("/proc/sys/kernel/tainted", 0);
	if ((taint & ~taint0 & ~TAINT_MODULES) && !said) {
		char text[64];

		snprintf(text, sizeof(text), "taint 0x%llx, was 0x%llx", taint, taint0);
		log_failure(sh, "taint", text, NULL);
	}
	taint0 = taint;
	said = false;
}
