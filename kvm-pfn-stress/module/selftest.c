// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the helper module keep the promises of pfn_helper.h? libc only:
 *
 *	gcc -O2 -static -pthread -o selftest selftest.c
 *
 * Without arguments all cases run, and KTAP comes out; with "only NAME..." those. With other
 * arguments an error is made that the kernel log must show: warn, oops, panic, lockup MS, hung MS.
 *
 * Runs in a throw-away VM. /dev/kvm is only opened when the module is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pfn_helper.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096ul
#define WORDS		(PAGE / sizeof(uint64_t))

static bool failed;		/* the current case */

#define CHECK(cond, fmt, ...)							\
	do {									\
		if (!(cond)) {							\
			printf("# %s:%d: %s: " fmt "\n", __func__, __LINE__,	\
			       #cond, ##__VA_ARGS__);				\
			failed = true;						\
		}								\
	} while (0)

/* The call must fail with this errno. */
#define CHECK_ERR(call, err)							\
	do {									\
		errno = 0;							\
		long ret_ = (long)(call);					\
		CHECK(ret_ == -1 && errno == (err), "returned %ld, errno %d (%s), not %s",	\
		      ret_, errno, strerror(errno), #err);			\
	} while (0)

#define CHECK_OK(call)								\
	do {									\
		long ret_ = (long)(call);					\
		CHECK(ret_ == 0, "returned %ld, errno %d (%s)", ret_, errno, strerror(errno)); \
	} while (0)

static const char * const kind_name[] = { "PFNMAP_REMAP", "PFNMAP_FAULT", "MIXEDMAP" };

/* --- helpers --- */

static int dev_open(void)
{
	int fd = open(PFNH_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("Bail out! %s: %s\n", PFNH_DEVICE, strerror(errno));
		exit(1);
	}
	return fd;
}

static int create(int fd, unsigned int kind, unsigned int flags, unsigned int nr)
{
	struct pfnh_create arg = { .kind = kind, .flags = flags, .nr_pages = nr };

	return ioctl(fd, PFNH_CREATE, &arg);
}

static int zap(int fd, unsigned int first, unsigned int nr, unsigned int flags)
{
	struct pfnh_zap arg = { .first = first, .nr = nr, .flags = flags };

	return ioctl(fd, PFNH_ZAP, &arg);
}

static int brk_(int fd, unsigned int what, unsigned int index, uint64_t value)
{
	struct pfnh_break_arg arg = { .what = what, .index = index, .arg = value };

	return ioctl(fd, PFNH_BREAK, &arg);
}

static struct pfnh_page page_of(int fd, unsigned int index)
{
	struct pfnh_page arg = { .index = index };

	CHECK_OK(ioctl(fd, PFNH_PAGE, &arg));
	return arg;
}

static struct pfnh_check check_of(int fd)
{
	struct pfnh_check arg = { };

	CHECK_OK(ioctl(fd, PFNH_CHECK, &arg));
	return arg;
}

static struct pfnh_stats stats_of(int fd)
{
	struct pfnh_stats arg = { };

	CHECK_OK(ioctl(fd, PFNH_STATS, &arg));
	return arg;
}

static uint64_t leaked(void)
{
	int fd = dev_open();
	uint64_t n = stats_of(fd).leaked;

	close(fd);
	return n;
}

static uint64_t *map(int fd, unsigned int first, unsigned int nr, int prot)
{
	return mmap(NULL, nr * PAGE, prot, MAP_SHARED, fd, first * PAGE);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static _Thread_local sigjmp_buf fault_jmp;
static _Thread_local volatile sig_atomic_t fault_armed;

static void on_fault(int sig)
{
	if (!fault_armed) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(fault_jmp, sig);
}

/* The signal that an access raised, or 0. */
static int try_load(const volatile uint64_t *p, uint64_t *value)
{
	int sig = sigsetjmp(fault_jmp, 1);

	if (!sig) {
		fault_armed = 1;
		*value = *p;
	}
	fault_armed = 0;
	return sig;
}

static int try_store(volatile uint64_t *p, uint64_t value)
{
	int sig = sigsetjmp(fault_jmp, 1);

	if (!sig) {
		fault_armed = 1;
		*p = value;
	}
	fault_armed = 0;
	return sig;
}

static long read_number(const char *path, const char *key)
{
	char line[256];
	long n = -1;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!key) {
			n = atol(line);
			break;
		}
		if (!strncmp(line, key, strlen(key)))
			n = atol(line + strlen(key));
	}
	if (f)
		fclose(f);
	return n;
}

static uint64_t pfn_of(const void *p)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd >= 0) {
		if (pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
			entry = 0;
		close(fd);
	}
	return entry & ((1ull << 55) - 1);
}

/* --- cases --- */

static void test_open(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct cap[2] = { };
	int status, fd = dev_open();
	pid_t pid = fork();

	if (!pid) {
		cap[0].effective = cap[0].permitted = 1u << CAP_DAC_OVERRIDE;
		if (syscall(SYS_capset, &hdr, cap))
			_exit(2);
		_exit(open(PFNH_DEVICE, O_RDWR) == -1 && errno == EPERM ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK(status == 0, "open without CAP_SYS_ADMIN: child status %#x", status);
	CHECK(ioctl(fd, PFNH_GET_VERSION) == PFNH_VERSION, "version");
	CHECK_ERR(ioctl(fd, _IO(PFNH_IOC, 99)), ENOTTY);
	CHECK_ERR(ioctl(fd, _IO(0x12, 1)), ENOTTY);
	close(fd);
}

static void test_no_set(void)
{
	struct pfnh_page page = { };
	struct pfnh_check check;
	struct pfnh_fault fault = { };
	int fd = dev_open();

	CHECK_ERR(zap(fd, 0, 1, 0), ENODATA);
	CHECK_ERR(ioctl(fd, PFNH_PAGE, &page), ENODATA);
	CHECK_ERR(ioctl(fd, PFNH_CHECK, &check), ENODATA);
	CHECK_ERR(ioctl(fd, PFNH_FAULT, &fault), ENODATA);
	CHECK_ERR(brk_(fd, PFNH_BREAK_CANARY, 0, 0), ENODATA);
	CHECK_ERR(brk_(fd, PFNH_BREAK_NO_ZAP, 0, 0), ENODATA);
	CHECK_ERR(brk_(fd, PFNH_BREAK_REF_LEAK, 0, 0), ENODATA);
	CHECK_ERR(map(fd, 0, 1, PROT_READ), ENODATA);
	close(fd);
}

static void test_bad_create(void)
{
	struct pfnh_create arg = { .kind = PFNH_MIXEDMAP, .nr_pages = 1, .pad = 1 };
	unsigned int bad_flag = 1;
	int fd = dev_open();

	while (bad_flag & PFNH_F_ALL)
		bad_flag <<= 1;
	CHECK_ERR(create(fd, PFNH_NR_KINDS, 0, 1), EINVAL);
	CHECK_ERR(create(fd, -1, 0, 1), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, bad_flag, 1), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, 1u << 31, 1), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, PFNH_F_RO_UPGRADE, 1), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, 0, 0), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, 0, PFNH_MAX_PAGES + 1), EINVAL);
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, 0, -1), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_CREATE, &arg), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_CREATE, NULL), EFAULT);
	CHECK_OK(create(fd, PFNH_MIXEDMAP, 0, 1));
	CHECK_ERR(create(fd, PFNH_MIXEDMAP, 0, 1), EBUSY);
	close(fd);

	fd = dev_open();
	CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, PFNH_F_TAIL, PFNH_MAX_PAGES));
	close(fd);
}

static void test_bad_input(void)
{
	struct pfnh_await await = { .max_us = 1, .faults = 1 };
	struct pfnh_nears nears = { };
	struct pfnh_task task = { };
	struct pfnh_zap z = { .nr = 1, .pad = 1 };
	struct pfnh_hold hold = { };
	struct pfnh_page page = { .index = 8 };
	struct pfnh_fault fault = { .index = 8 };
	struct pfnh_pfn pfn = { .pfn = ~0ull };
	int fd = dev_open();

	CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, 0, 8));
	CHECK_ERR(ioctl(fd, PFNH_ZAP, &z), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_ZAP, NULL), EFAULT);
	CHECK_ERR(zap(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(zap(fd, 8, 1, 0), EINVAL);
	CHECK_ERR(zap(fd, 0, 9, 0), EINVAL);
	CHECK_ERR(zap(fd, 7, 2, 0), EINVAL);
	CHECK_ERR(zap(fd, 1, -1, 0), EINVAL);
	CHECK_ERR(zap(fd, -1, 2, 0), EINVAL);
	CHECK_ERR(zap(fd, 0, 1, ~PFNH_ZAP_ALL), EINVAL);

	CHECK_ERR(ioctl(fd, PFNH_HOLD, &hold), EINVAL);
	hold.us = 2000001;
	CHECK_ERR(ioctl(fd, PFNH_HOLD, &hold), EINVAL);
	hold = (struct pfnh_hold){ .us = 1, .pad = 1 };
	CHECK_ERR(ioctl(fd, PFNH_HOLD, &hold), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_HOLD, NULL), EFAULT);

	CHECK_ERR(ioctl(fd, PFNH_PAGE, &page), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_PAGE, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_FAULT, &fault), EINVAL);
	fault = (struct pfnh_fault){ .index = 0, .tid = -1 };
	CHECK_ERR(ioctl(fd, PFNH_FAULT, &fault), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_FAULT, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_CHECK, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_STATS, NULL), EFAULT);
	task.pid = 0x3fffffff;
	CHECK_ERR(ioctl(fd, PFNH_MARK_TASK, &task), ESRCH);
	task.pad = 1;
	CHECK_ERR(ioctl(fd, PFNH_MARK_TASK, &task), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_AWAIT, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_AWAIT, &await), EINVAL);	/* marks nothing */
	CHECK_ERR(ioctl(fd, PFNH_NEAR, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_NEAR, &nears), EINVAL);	/* marks nothing */
	CHECK_ERR(ioctl(fd, PFNH_PFN, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_BREAK, NULL), EFAULT);

	CHECK_ERR(ioctl(fd, PFNH_PFN, &pfn), ENXIO);
	pfn.pfn = 1ull << 40;
	CHECK_ERR(ioctl(fd, PFNH_PFN, &pfn), ENXIO);
	pfn.pfn = 1ull << 34;
	CHECK_ERR(ioctl(fd, PFNH_PFN, &pfn), ENXIO);

	CHECK_ERR(brk_(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_HUNG + 1, 0, 0), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_REF_LEAK, 8, 0), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_REF_DROP, 8, 0), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_PFN_REF_LEAK, 0, ~0ull), ENXIO);
	CHECK_ERR(brk_(fd, PFNH_BREAK_CANARY, 0, 0), ENODATA);
	CHECK_ERR(brk_(fd, PFNH_BREAK_LOCKUP, 0, 0), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_LOCKUP, 0, 60001), EINVAL);
	CHECK_ERR(brk_(fd, PFNH_BREAK_HUNG, 0, 600001), EINVAL);
	close(fd);
}

static void test_bad_mmap(void)
{
	unsigned int kind;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		int status, ro, fd = dev_open();
		pid_t pid;

		CHECK_OK(create(fd, kind, 0, 8));
		CHECK_ERR(map(fd, 0, 9, PROT_READ), EINVAL);
		CHECK_ERR(map(fd, 8, 1, PROT_READ), EINVAL);
		CHECK_ERR(map(fd, 7, 2, PROT_READ), EINVAL);
		CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, -(off_t)PAGE), EOVERFLOW);
		CHECK_ERR(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), EINVAL);
		CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);

		pid = fork();
		if (!pid) {
			void *p = map(fd, 0, 2, PROT_READ);

			_exit(p == MAP_FAILED ? errno : 0);
		}
		waitpid(pid, &status, 0);
		CHECK(WEXITSTATUS(status) == (kind == PFNH_PFNMAP_REMAP ? EINVAL : 0),
		      "%s mapped by another process: status %#x", kind_name[kind], status);
		close(fd);

		ro = open(PFNH_DEVICE, O_RDONLY);
		CHECK_OK(create(ro, kind, 0, 8));
		CHECK_ERR(map(ro, 0, 1, PROT_READ), EINVAL);
		close(ro);
	}
}

/* All kinds: zeroed, writable, seen by a second mapping; refcounts before, while and after. */
static void test_access(void)
{
	static const unsigned int flags[] = { 0, PFNH_F_TAIL, PFNH_F_IO, PFNH_F_TAIL | PFNH_F_IO };
	unsigned int kind, f, i, nr = 20;
	uint64_t leaks = leaked();

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		for (f = 0; f < ARRAY_SIZE(flags); f++) {
			bool tail = flags[f] & PFNH_F_TAIL;
			int base = tail ? 0 : 1, fd = dev_open();
			int use = kind == PFNH_MIXEDMAP && !tail;
			uint64_t *a, *b, *one;

			CHECK_OK(create(fd, kind, flags[f], nr));
			for (i = 0; i < nr; i++) {
				struct pfnh_page pg = page_of(fd, i);

				CHECK(pg.refcount == base && pg.base == base && !pg.mapcount,
				      "%s %#x page %u: refcount %d base %d mapcount %d",
				      kind_name[kind], flags[f], i, pg.refcount, pg.base,
				      pg.mapcount);
			}
			a = map(fd, 0, nr, PROT_READ | PROT_WRITE);
			b = map(fd, 0, nr, PROT_READ);
			one = map(fd, 7, 1, PROT_READ | PROT_WRITE);
			CHECK(a != MAP_FAILED && b != MAP_FAILED && one != MAP_FAILED, "mmap");
			for (i = 0; i < nr * WORDS; i += 64)
				CHECK(a[i] == 0, "word %u is %#llx", i, (long long)a[i]);
			for (i = 0; i < nr; i++)
				a[i * WORDS + i] = i + 1;
			for (i = 0; i < nr; i++)
				CHECK(b[i * WORDS + i] == i + 1, "page %u", i);
			CHECK(one[7] == 8, "one page alone");
			one[8] = 99;
			CHECK(a[7 * WORDS + 8] == 99, "one page alone, stored");
			for (i = 0; i < nr; i++) {
				struct pfnh_page pg = page_of(fd, i);
				int maps = use * (i == 7 ? 3 : 2);

				CHECK(pg.refcount == base + maps && pg.mapcount == maps,
				      "%s %#x page %u: refcount %d mapcount %d, mapped",
				      kind_name[kind], flags[f], i, pg.refcount, pg.mapcount);
				if (pfn_of(a) && use)
					CHECK(pfn_of(a + i * WORDS) == pg.pfn, "pfn");
			}
			munmap(a, nr * PAGE);
			munmap(b + 3 * WORDS, 5 * PAGE);	/* splits */
			munmap(b, nr * PAGE);
			munmap(one, PAGE);
			for (i = 0; i < nr; i++)
				CHECK(page_of(fd, i).refcount == base, "after munmap: %d",
				      page_of(fd, i).refcount);
			close(fd);
		}
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static void test_zap(void)
{
	unsigned int kind, tail, i, nr = 8;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		for (tail = 0; tail < 2; tail++) {
			int sig, fd = dev_open(), other = dev_open();
			uint64_t pfn, value, *p, *q;
			struct pfnh_check c;

			CHECK_OK(create(fd, kind, tail * PFNH_F_TAIL, nr));
			CHECK_OK(create(other, kind, tail * PFNH_F_TAIL, nr));
			p = map(fd, 0, nr, PROT_READ | PROT_WRITE);
			q = map(other, 0, nr, PROT_READ | PROT_WRITE);
			for (i = 0; i < nr; i++)
				p[i * WORDS] = q[i * WORDS] = i + 1;

			/* A zap alone changes no content, and other sets not at all. */
			CHECK_OK(zap(fd, 2, 3, 0));
			for (i = 0; i < nr; i++) {
				bool gone = kind == PFNH_PFNMAP_REMAP && i >= 2 && i < 5;

				sig = try_load(p + i * WORDS, &value);
				CHECK(gone ? sig == SIGBUS : !sig && value == i + 1,
				      "%s page %u: signal %d value %llu", kind_name[kind], i, sig,
				      (long long)value);
				CHECK(!try_load(q + i * WORDS, &value) && value == i + 1, "other");
			}

			/* A rotate leaves zeroes here and canaries behind. */
			pfn = page_of(fd, 3).pfn;
			CHECK_OK(zap(fd, 1, 4, PFNH_ZAP_ROTATE));
			CHECK(page_of(fd, 3).pfn != pfn, "same page");
			c = check_of(fd);
			CHECK(c.checked == 4 && !c.bad, "checked %lld bad %lld",
			      (long long)c.checked, (long long)c.bad);
			if (kind == PFNH_PFNMAP_REMAP) {
				CHECK(try_store(p + WORDS, 1) == SIGBUS, "mapped after rotate");
				/* again, in two parts, the second of one page */
				CHECK(mmap(p + WORDS, 3 * PAGE, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, fd, PAGE) == p + WORDS, "mmap");
				CHECK(mmap(p + 4 * WORDS, PAGE, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, fd, 4 * PAGE) == p + 4 * WORDS,
				      "mmap");
			}
			for (i = 0; i < nr; i++) {
				sig = try_load(p + i * WORDS, &value);
				CHECK(!sig && value == (i >= 1 && i < 5 ? 0 : i + 1),
				      "%s page %u: signal %d value %llu", kind_name[kind], i, sig,
				      (long long)value);
			}
			p[WORDS] = 77;
			CHECK(check_of(fd).bad == 0, "canary");
			/* The single-page VMA zapped, then unmapped: no WARN in the log. */
			CHECK_OK(zap(fd, 0, nr, 0));
			munmap(p + 4 * WORDS, PAGE);
			munmap(p, nr * PAGE);
			munmap(q, nr * PAGE);
			close(fd);
			close(other);
		}
	}
}

static void test_recycle(void)
{
	unsigned int kind, i;
	uint64_t leaks = leaked();

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		int fd = dev_open();
		struct pfnh_check c;
		uint64_t *p;

		CHECK_OK(create(fd, kind, kind == PFNH_PFNMAP_FAULT ? PFNH_F_TAIL : 0, 64));
		p = map(fd, 0, 64, PROT_READ | PROT_WRITE);
		for (i = 0; i < 300; i++) {
			uint64_t value = 0;

			if (kind != PFNH_PFNMAP_REMAP) {
				CHECK(p[i % 64 * WORDS + 5] == 0, "not zeroed");
				p[i % 64 * WORDS + 5] = i;
			}
			CHECK_OK(zap(fd, 0, 64, PFNH_ZAP_ROTATE));
			if (kind == PFNH_PFNMAP_REMAP)
				CHECK(try_load(p, &value) == SIGBUS, "still mapped");
		}
		c = check_of(fd);
		CHECK(c.checked <= 64 + 256 + 7 && c.checked >= 64 && !c.bad,
		      "checked %lld bad %lld", (long long)c.checked, (long long)c.bad);
		close(fd);
		munmap(p, 64 * PAGE);
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static void test_break_canary(void)
{
	uint64_t leaks = leaked();
	int i, fd = dev_open();
	struct pfnh_check c;

	CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, 0, 4));
	CHECK_OK(zap(fd, 2, 1, PFNH_ZAP_ROTATE));
	CHECK_OK(brk_(fd, PFNH_BREAK_CANARY, 0, 0));
	c = check_of(fd);
	CHECK(c.bad == 1 && c.index == 2 && c.offset == 2048 && c.value == ~PFNH_CANARY,
	      "bad %lld index %u offset %u value %#llx", (long long)c.bad, c.index, c.offset,
	      (long long)c.value);
	CHECK(check_of(fd).bad == 1, "counted twice");

	/* Found when the page is to be used again, as well. */
	CHECK_OK(zap(fd, 1, 1, PFNH_ZAP_ROTATE));
	CHECK_OK(brk_(fd, PFNH_BREAK_CANARY, 0, 0));
	for (i = 0; i < 300; i++)
		CHECK_OK(zap(fd, 0, 4, PFNH_ZAP_ROTATE));
	CHECK(check_of(fd).bad == 2, "bad %lld", (long long)check_of(fd).bad);
	close(fd);
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static void test_break_no_zap(void)
{
	unsigned int kind;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		int fd = dev_open();
		struct pfnh_check c;
		uint64_t value, *p;

		CHECK_OK(create(fd, kind, 0, 4));
		p = map(fd, 0, 4, PROT_READ | PROT_WRITE);
		p[3 * WORDS] = 1;
		CHECK_OK(brk_(fd, PFNH_BREAK_NO_ZAP, 0, 0));
		CHECK_OK(zap(fd, 0, 4, PFNH_ZAP_ROTATE));
		CHECK(!try_load(p + 3 * WORDS, &value) && value == PFNH_CANARY, "%s: no canary",
		      kind_name[kind]);
		CHECK(check_of(fd).bad == 0, "bad too early");
		p[3 * WORDS + 10] = 0x1234;
		c = check_of(fd);
		CHECK(c.bad == 1 && c.index == 3 && c.offset == 80 && c.value == 0x1234,
		      "%s: bad %lld index %u offset %u value %#llx", kind_name[kind],
		      (long long)c.bad, c.index, c.offset, (long long)c.value);
		/* Only that one rotate */
		CHECK_OK(zap(fd, 0, 4, PFNH_ZAP_ROTATE));
		CHECK(try_load(p + WORDS, &value) == (kind == PFNH_PFNMAP_REMAP ? SIGBUS : 0) &&
		      (kind == PFNH_PFNMAP_REMAP || value == 0), "stale after the next rotate");
		munmap(p, 4 * PAGE);
		close(fd);
	}
}

static void test_break_ref(void)
{
	uint64_t leaks = leaked();
	unsigned int tail, i;

	for (tail = 0; tail < 2; tail++) {
		int fd = dev_open();
		int base = !tail;

		CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, tail * PFNH_F_TAIL, 4));
		CHECK_OK(brk_(fd, PFNH_BREAK_REF_LEAK, 1, 0));
		CHECK_OK(brk_(fd, PFNH_BREAK_REF_LEAK, 1, 0));
		CHECK_OK(brk_(fd, PFNH_BREAK_REF_DROP, 2, 0));
		CHECK(page_of(fd, 1).refcount == base + 2, "refcount %d", page_of(fd, 1).refcount);
		CHECK(page_of(fd, 2).refcount == base - 1, "refcount %d", page_of(fd, 2).refcount);
		CHECK(page_of(fd, 3).refcount == base, "refcount %d", page_of(fd, 3).refcount);
		CHECK_OK(zap(fd, 0, 4, PFNH_ZAP_ROTATE));
		for (i = 3; i < 64; i++)
			CHECK_OK(brk_(fd, PFNH_BREAK_REF_LEAK, 0, 0));
		CHECK_ERR(brk_(fd, PFNH_BREAK_REF_LEAK, 0, 0), ENOSPC);
		close(fd);
	}
	CHECK(leaked() == leaks, "not given back: leaked %lld", (long long)(leaked() - leaks));
}

/* What a file has, mapped or not. */
static void test_file_pfn(void)
{
	struct pfnh_file_pfn arg = { .fd = -1 };
	int fd = dev_open(), file = memfd_create("pfnh", 0);
	uint64_t *map;

	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, &arg), EBADF);
	arg.fd = file;
	arg.pad = 1;
	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, &arg), EINVAL);
	arg.pad = 0;
	CHECK_OK(ftruncate(file, 2 * PAGE));
	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, &arg), ENOENT);
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	map[WORDS] = 1;
	mlock(map + WORDS, PAGE);
	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, &arg), ENOENT);
	arg.index = 1;
	CHECK_OK(ioctl(fd, PFNH_FILE_PFN, &arg));
	CHECK(arg.pfn && arg.pfn == pfn_of(map + WORDS), "pfn %#llx", (long long)arg.pfn);
	munmap(map, 2 * PAGE);
	CHECK_OK(ioctl(fd, PFNH_FILE_PFN, &arg));
	arg.index = 2;
	CHECK_ERR(ioctl(fd, PFNH_FILE_PFN, &arg), ENOENT);
	close(file);
	close(fd);
}

static void test_pfn(void)
{
	struct pfnh_pfn pfn = { };
	int before, fd = dev_open(), other;
	struct pfnh_page pg;
	uint64_t *anon;

	/* A page of a set */
	CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, PFNH_F_TAIL, 4));
	pg = page_of(fd, 1);
	pfn.pfn = pg.pfn;
	CHECK_OK(ioctl(fd, PFNH_PFN, &pfn));
	CHECK(pfn.refcount == 0 && !pfn.mapcount && !(pfn.flags & PFNH_PG_COMPOUND),
	      "tail page: refcount %d mapcount %d flags %#llx", pfn.refcount, pfn.mapcount,
	      (long long)pfn.flags);

	/* An anonymous page, and a reference too many on it */
	anon = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pfn.pfn = 0;
	if (anon[0] == 0)
		pfn.pfn = pfn_of(anon);
	CHECK_OK(ioctl(fd, PFNH_PFN, &pfn));
	CHECK(pfn.flags & PFNH_PG_ZERO, "zero page: pfn %#llx flags %#llx", (long long)pfn.pfn,
	      (long long)pfn.flags);
	anon[0] = 1;
	mlock(anon, PAGE);
	pfn.pfn = pfn_of(anon);
	CHECK_OK(ioctl(fd, PFNH_PFN, &pfn));
	CHECK((pfn.flags & PFNH_PG_ANON) && !(pfn.flags & (PFNH_PG_ZERO | PFNH_PG_HWPOISON |
	      PFNH_PG_KSM | PFNH_PG_RESERVED)) && pfn.mapcount == 1 && pfn.refcount >= 1,
	      "anonymous: refcount %d mapcount %d flags %#llx", pfn.refcount, pfn.mapcount,
	      (long long)pfn.flags);
	before = pfn.refcount;
	other = dev_open();
	CHECK_OK(brk_(other, PFNH_BREAK_PFN_REF_LEAK, 0, pfn.pfn));
	CHECK_OK(ioctl(fd, PFNH_PFN, &pfn));
	CHECK(pfn.refcount == before + 1, "leak: %d, was %d", pfn.refcount, before);
	close(other);
	CHECK_OK(ioctl(fd, PFNH_PFN, &pfn));
	CHECK(pfn.refcount == before, "given back: %d, was %d", pfn.refcount, before);
	munmap(anon, PAGE);

	/* Every pfn there is: none may disturb the kernel. */
	for (pfn.pfn = 0; pfn.pfn < 3ull << 18; pfn.pfn += 1)
		if (ioctl(fd, PFNH_PFN, &pfn) && errno != ENXIO) {
			CHECK(0, "pfn %#llx: errno %d", (long long)pfn.pfn, errno);
			break;
		}
	close(fd);
}

static void test_read_only(void)
{
	unsigned int kind, tail, upgrade;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		for (tail = 0; tail < 2; tail++) {
			for (upgrade = 0; upgrade < 2; upgrade++) {
				unsigned int flags = PFNH_F_RO_PTE | tail * PFNH_F_TAIL |
						     upgrade * PFNH_F_RO_UPGRADE;
				int sig, i, want = upgrade ? 0 : SIGBUS, fd = dev_open();
				uint64_t value, *p;

				CHECK_OK(create(fd, kind, flags, 4));
				p = map(fd, 0, 4, PROT_READ | PROT_WRITE);
				for (i = 0; i < 4; i++) {
					if (i & 1)	/* also a write without a read before */
						CHECK(!try_load(p + i * WORDS, &value) && !value,
						      "%s load", kind_name[kind]);
					sig = try_store(p + i * WORDS, 5);
					CHECK(sig == want, "%s %#x page %d: signal %d",
					      kind_name[kind], flags, i, sig);
					CHECK(!try_load(p + i * WORDS, &value) &&
					      value == (upgrade ? 5 : 0), "%s: load after store",
					      kind_name[kind]);
				}
				/* mprotect() away and back does not make it writable. */
				mprotect(p, 4 * PAGE, PROT_READ);
				CHECK(try_store(p, 6) == SIGSEGV, "PROT_READ");
				mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE);
				CHECK(try_store(p, 6) == want, "PROT_WRITE again");
				munmap(p, 4 * PAGE);
				/* one page: the other way of REMAP */
				p = map(fd, 2, 1, PROT_READ | PROT_WRITE);
				CHECK(try_store(p, 7) == want, "%s one page", kind_name[kind]);
				munmap(p, PAGE);
				close(fd);
			}
		}
	}
}

static void test_fork(void)
{
	uint64_t leaks = leaked();
	unsigned int kind, tail, i;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		for (tail = 0; tail < 2; tail++) {
			int status, fd = dev_open(), pipefd[2];
			uint64_t value, *p;
			char c;
			pid_t pid;

			CHECK_OK(create(fd, kind, tail * PFNH_F_TAIL, 8));
			p = map(fd, 0, 8, PROT_READ | PROT_WRITE);
			p[0] = 1;
			CHECK_OK(pipe(pipefd));
			pid = fork();
			if (!pid) {
				/* The mapping is shared; stores until it is killed. */
				value = 0;
				if (try_load(p, &value) || value != 1)
					_exit(1);
				if (write(pipefd[1], "", 1) != 1)
					_exit(2);
				for (i = 0;; i++)
					try_store(p + i % (8 * WORDS), i);
			}
			CHECK(read(pipefd[0], &c, 1) == 1, "child");
			for (i = 0; i < 50; i++)
				CHECK_OK(zap(fd, i % 4, 4, PFNH_ZAP_ROTATE));
			CHECK(check_of(fd).bad == 0, "%s: bad %lld", kind_name[kind],
			      (long long)check_of(fd).bad);
			/* The parent's part goes first; the child keeps the set alive. */
			munmap(p, 8 * PAGE);
			close(fd);
			usleep(1000);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			CHECK(WIFSIGNALED(status), "status %#x", status);
			close(pipefd[0]);
			close(pipefd[1]);
		}
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static void test_close_order(void)
{
	uint64_t leaks = leaked();
	long refs = read_number("/sys/module/pfn_helper/refcnt", NULL);
	unsigned int kind;

	for (kind = 0; kind < PFNH_NR_KINDS; kind++) {
		int fd = dev_open();
		uint64_t value, *p, *moved;

		CHECK_OK(create(fd, kind, 0, 8));
		p = map(fd, 0, 8, PROT_READ | PROT_WRITE);
		p[0] = 3;
		close(fd);
		CHECK(p[0] == 3, "content");
		p[5 * WORDS] = 4;
		CHECK(syscall(SYS_delete_module, "pfn_helper", O_NONBLOCK) == -1 &&
		      (errno == EWOULDBLOCK || errno == EBUSY), "unload while mapped: errno %d",
		      errno);
		CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs + 1, "refcnt");

		moved = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		moved = mremap(p, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
		CHECK(moved != MAP_FAILED && !try_load(moved + 5 * WORDS, &value) && value == 4,
		      "mremap");
		CHECK(mremap(moved, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "grow");
		munmap(moved, 8 * PAGE);
		CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs, "refcnt after");
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static void test_unload(void)
{
	long refs = read_number("/sys/module/pfn_helper/refcnt", NULL);
	int fd = dev_open();

	CHECK(syscall(SYS_delete_module, "pfn_helper", O_NONBLOCK) == -1 &&
	      (errno == EWOULDBLOCK || errno == EBUSY), "unload while open: errno %d", errno);
	CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs + 1, "refcnt open");
	CHECK_OK(brk_(fd, PFNH_BREAK_MODULE_REF, 0, 0));
	CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs + 2, "refcnt broken");
	close(fd);
	CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs, "refcnt closed");
}

static int hold_fd;
static atomic_int holding;

static void *hold_thread(void *arg)
{
	struct pfnh_hold hold = { .us = 300000 };

	atomic_store(&holding, 1);
	CHECK_OK(ioctl(hold_fd, PFNH_HOLD, &hold));
	atomic_store(&holding, 0);
	return NULL;
}

static void test_hold(void)
{
	struct pfnh_stats before, after;
	pthread_t thread;
	unsigned char vec;
	uint64_t start, took;
	int other;

	hold_fd = dev_open();
	CHECK_OK(ioctl(hold_fd, PFNH_MARK));
	CHECK_OK(ioctl(hold_fd, PFNH_MARK));
	before = stats_of(hold_fd);
	CHECK(before.hooks & PFNH_HOOK_LOCK_WAIT, "hooks %#llx", (long long)before.hooks);
	pthread_create(&thread, NULL, hold_thread, NULL);
	while (!atomic_load(&holding))
		usleep(1000);
	usleep(50000);
	start = now_ns();
	mincore((void *)((uintptr_t)&holding & -PAGE), PAGE, &vec);	/* reads mmap_lock */
	took = now_ns() - start;
	pthread_join(thread, NULL);
	after = stats_of(hold_fd);
	CHECK(took > 100000000 && took < 5000000000ull, "reader waited %llu us",
	      (long long)took / 1000);
	CHECK(after.lock_waits > before.lock_waits, "lock_waits %llu", (long long)after.lock_waits);
	CHECK(after.holds == before.holds + 1, "holds %llu", (long long)after.holds);

	/* The counts begin with the mark of each file. */
	other = dev_open();
	CHECK_OK(ioctl(other, PFNH_MARK));
	CHECK(stats_of(other).holds == 0, "holds %llu", (long long)stats_of(other).holds);
	close(other);
	if (!fork())
		_exit(ioctl(hold_fd, PFNH_MARK) == -1 && errno == EBUSY ? 0 : 1);
	int status;

	wait(&status);
	CHECK(status == 0, "marked for another process: %#x", status);
	close(hold_fd);
}

static void test_marks(void)
{
	int i, fds[65];

	for (i = 0; i < 64; i++) {
		fds[i] = dev_open();
		CHECK_OK(ioctl(fds[i], PFNH_MARK));
	}
	fds[i] = dev_open();
	CHECK_ERR(ioctl(fds[i], PFNH_MARK), ENOSPC);
	close(fds[5]);
	CHECK_OK(ioctl(fds[i], PFNH_MARK));
	for (i = 0; i < 65; i++)
		if (i != 5)
			close(fds[i]);
}

static struct pfnh_fault fault_of(int fd, unsigned int index, int tid, uint64_t since)
{
	struct pfnh_fault arg = { .index = index, .tid = tid, .since_ns = since };

	CHECK_OK(ioctl(fd, PFNH_FAULT, &arg));
	return arg;
}

static void test_fault(void)
{
	unsigned int kind;

	for (kind = PFNH_PFNMAP_FAULT; kind <= PFNH_MIXEDMAP; kind++) {
		uint64_t start = now_ns();
		struct pfnh_stats before;
		int fd = dev_open();
		struct pfnh_fault f;
		volatile uint64_t *p;
		unsigned int i;

		CHECK_OK(ioctl(fd, PFNH_MARK));
		CHECK_OK(create(fd, kind, 0, 64));
		p = map(fd, 0, 64, PROT_READ | PROT_WRITE);
		before = stats_of(fd);
		f = fault_of(fd, 3, 0, start);
		CHECK(!f.inserted && !f.zapped, "untouched");
		p[3 * WORDS] = 1;
		f = fault_of(fd, 3, 0, start);
		CHECK(f.inserted && !f.zapped, "inserted %u zapped %u", f.inserted, f.zapped);
		f = fault_of(fd, 3, gettid(), start);
		CHECK(f.inserted && !f.zapped, "inserted %u zapped %u, by tid", f.inserted,
		      f.zapped);
		CHECK(!fault_of(fd, 3, 1, start).inserted, "another thread");
		f = fault_of(fd, 3, 1, start);
		CHECK(f.inserted_any && !f.zapped_any, "inserted %u zapped %u, by anybody",
		      f.inserted_any, f.zapped_any);
		CHECK(!fault_of(fd, 4, 0, start).inserted_any, "another page, by anybody");
		CHECK(!fault_of(fd, 4, 0, start).inserted, "another page");
		CHECK(!fault_of(fd, 3, 0, now_ns()).inserted, "before since_ns");
		CHECK_OK(zap(fd, 4, 2, PFNH_ZAP_ROTATE));
		CHECK(!fault_of(fd, 3, 0, start).zapped, "another page zapped");
		CHECK_OK(zap(fd, 2, 2, 0));
		f = fault_of(fd, 3, 0, start);
		CHECK(f.inserted && f.zapped, "inserted %u zapped %u", f.inserted, f.zapped);
		CHECK(f.inserted_any && f.zapped_any, "inserted %u zapped %u, by anybody",
		      f.inserted_any, f.zapped_any);
		f = fault_of(fd, 3, 0, now_ns());
		CHECK(!f.inserted_any && !f.zapped_any, "by anybody, before since_ns");
		p[3 * WORDS] = 1;
		CHECK(!fault_of(fd, 3, 0, start).zapped, "zapped before it was inserted again");
		for (i = 32; i < 64; i++)
			p[i * WORDS] = 1;
		CHECK(fault_of(fd, 63, 0, start).inserted, "the last one is remembered");
		CHECK(stats_of(fd).handler >= before.handler + 34, "handler %llu",
		      (long long)(stats_of(fd).handler - before.handler));
		munmap((void *)p, 64 * PAGE);
		close(fd);
	}
}

/* Loads, stores, rotates and, for REMAP, mmap() side by side: no canary may die. */
static struct {
	int fd;
	unsigned int kind;
	uint64_t *p;
	atomic_bool stop;
	atomic_ullong accesses, signals;
} st;

static void *stress_access(void *arg)
{
	unsigned long i, seed = (unsigned long)arg;
	uint64_t value;

	for (i = 0; !atomic_load_explicit(&st.stop, memory_order_relaxed); i++) {
		volatile uint64_t *p;
		int sig;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		p = st.p + (seed >> 33) % (16 * WORDS);
		sig = i & 1 ? try_store(p, seed) : try_load(p, &value);
		if (!sig && !(i & 1) && value == PFNH_CANARY) {
			printf("# loaded the canary\n");
			failed = true;
			break;
		}
		atomic_fetch_add(sig ? &st.signals : &st.accesses, 1);
	}
	return NULL;
}

static void *stress_mmap(void *arg)
{
	unsigned int i;

	for (i = 0; !atomic_load(&st.stop); i++) {
		unsigned int first = i % 13, nr = i % 3 + 1;

		if (mmap(st.p + first * WORDS, nr * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, st.fd, first * PAGE) == MAP_FAILED) {
			printf("# mmap: %s\n", strerror(errno));
			failed = true;
			break;
		}
		try_store(st.p + first * WORDS, i);
	}
	return NULL;
}

static void test_stress(void)
{
	uint64_t leaks = leaked();
	unsigned int tail;

	for (st.kind = 0; st.kind < PFNH_NR_KINDS; st.kind++) {
		for (tail = 0; tail < 2; tail++) {
			bool remap = st.kind == PFNH_PFNMAP_REMAP;
			pthread_t threads[3];
			uint64_t end = now_ns() + 1500000000;
			unsigned int i, rotates = 0;
			struct pfnh_check c;

			st.fd = dev_open();
			st.stop = st.accesses = st.signals = 0;
			CHECK_OK(create(st.fd, st.kind, tail * PFNH_F_TAIL, 16));
			st.p = map(st.fd, 0, 16, PROT_READ | PROT_WRITE);
			for (i = 0; i < 2; i++)
				pthread_create(&threads[i], NULL, stress_access, (void *)(i + 1ul));
			if (remap)
				pthread_create(&threads[i++], NULL, stress_mmap, NULL);
			for (; now_ns() < end; rotates++)
				if (zap(st.fd, rotates % 16, 1, rotates % 4 ? PFNH_ZAP_ROTATE : 0))
					CHECK(0, "zap: %s", strerror(errno));
			st.stop = true;
			while (i)
				pthread_join(threads[--i], NULL);
			c = check_of(st.fd);
			CHECK(c.bad == 0, "%s: bad %lld", kind_name[st.kind], (long long)c.bad);
			CHECK(remap || !st.signals, "%s: %lld signals", kind_name[st.kind],
			      (long long)st.signals);
			CHECK(st.accesses > 100 && rotates > 5, "%lld accesses, %u zaps",
			      (long long)st.accesses, rotates);
			munmap(st.p, 16 * PAGE);
			close(st.fd);
		}
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

/* --- injection: a real guest (real mode) that stores to one page and says so by an I/O exit --- */

static struct {
	int fd, kvm, vm, vcpu;		/* fd: carries the mark */
	struct kvm_run *run;
	int run_len;
	unsigned char *low;
	uint64_t *page;			/* what the guest stores to: gpa 10000h */
} vm;

/* Returns false without KVM. @page: a mapping of one page. */
static bool vm_open(int fd, void *page)
{
	/* mov ax,1000h; mov ds,ax; 1: mov [0],ax; out 10h,al; jmp 1b */
	static const unsigned char code[] = {
		0xb8, 0x00, 0x10, 0x8e, 0xd8, 0xa3, 0x00, 0x00, 0xe6, 0x10, 0xeb, 0xf9,
	};
	struct kvm_userspace_memory_region mem = { .memory_size = 0x10000 };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;

	vm.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm.kvm < 0)
		return false;
	vm.fd = fd;
	vm.page = page;
	vm.low = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(vm.low + 0x1000, code, sizeof(code));
	vm.vm = ioctl(vm.kvm, KVM_CREATE_VM, 0);
	mem.userspace_addr = (uintptr_t)vm.low;
	CHECK_OK(ioctl(vm.vm, KVM_SET_USER_MEMORY_REGION, &mem));
	mem = (struct kvm_userspace_memory_region){ .slot = 1, .memory_size = PAGE,
		.guest_phys_addr = 0x10000, .userspace_addr = (uintptr_t)page };
	CHECK_OK(ioctl(vm.vm, KVM_SET_USER_MEMORY_REGION, &mem));
	vm.vcpu = ioctl(vm.vm, KVM_CREATE_VCPU, 0);
	vm.run_len = ioctl(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm.run = mmap(NULL, vm.run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vm.vcpu, 0);
	CHECK_OK(ioctl(vm.vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = sregs.cs.selector = 0;
	CHECK_OK(ioctl(vm.vcpu, KVM_SET_SREGS, &sregs));
	CHECK_OK(ioctl(vm.vcpu, KVM_SET_REGS, &regs));
	return true;
}

static void vm_close(void)
{
	munmap(vm.run, vm.run_len);
	munmap(vm.low, 0x10000);
	close(vm.vcpu);
	close(vm.vm);
	close(vm.kvm);
}

/* 0: the store was done; else errno of KVM_RUN, or the signal + 1000. */
static volatile sig_atomic_t sigbus_code;

static void on_sigbus(int sig, siginfo_t *info, void *ctx)
{
	sigbus_code = info->si_code;
}

static int vm_store(void)
{
	struct sigaction old, sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int ret, err;

	sigbus_code = 0;
	sigaction(SIGBUS, &sa, &old);
	vm.run->exit_reason = 0xdead;
	alarm(3);
	ret = ioctl(vm.vcpu, KVM_RUN, 0);
	err = errno;
	alarm(0);
	sigaction(SIGBUS, &old, NULL);
	if (sigbus_code)
		return 1000 + SIGBUS;
	if (ret)
		return err;
	CHECK(vm.run->exit_reason == KVM_EXIT_IO, "exit_reason %u", vm.run->exit_reason);
	return 0;
}

/* The page leaves the guest: the next store faults. */
static void vm_unmap(void)
{
	CHECK_OK(madvise(vm.page, PAGE, MADV_DONTNEED));
}

static int inject_rule(unsigned int hook, int error, unsigned int flags, unsigned int when,
		       unsigned int n, unsigned int burst)
{
	struct pfnh_inject arg = {
		.hook = hook, .error = error, .flags = flags, .burst = burst,
		.policy = { .when = when, .n = n },
	};

	if (hook != PFNH_TOPUP && hook != PFNH_VCPU_MEM) {
		arg.start = (uintptr_t)vm.page;
		arg.end = arg.start + PAGE;
	}
	return ioctl(vm.fd, PFNH_INJECT, &arg);
}

static uint64_t fired(int id)
{
	struct pfnh_inject_info arg = { .id = id };

	CHECK_OK(ioctl(vm.fd, PFNH_INJECT_INFO, &arg));
	return arg.fired;
}

static struct pfnh_hook_info hook_info(unsigned int hook)
{
	struct pfnh_hook_info arg = { .hook = hook };

	CHECK_OK(ioctl(vm.fd, PFNH_HOOK_INFO, &arg));
	return arg;
}

static struct pfnh_answers answers(void)
{
	struct pfnh_answers arg;

	CHECK_OK(ioctl(vm.fd, PFNH_ANSWERS, &arg));
	return arg;
}

static const char * const answer_name[PFNH_NR_ANSWERS] = {
	"ok", "0", "EFAULT", "EHWPOISON", "EINTR", "EAGAIN", "ENOMEM", "RO_FAULT", "NEEDS_IO",
	"EINVAL", "other",
};

static const char *answers_text(const __u64 *now, const __u64 *before)
{
	static char buf[2][256];
	static int turn;
	char *b = buf[turn ^= 1];
	unsigned int i, n = 0;

	b[0] = 0;
	for (i = 0; i < PFNH_NR_ANSWERS; i++)
		if (now[i] > before[i])
			n += snprintf(b + n, sizeof(buf[0]) - n, " %s:%llu", answer_name[i],
				      (long long)(now[i] - before[i]));
	return b;
}

static const struct {
	const char *name;
	unsigned int hook;
	int error;
	unsigned int flags, burst;
	bool pfnmap;
} inject_cases[] = {
	{ "gup-ehwpoison", PFNH_GUP, -EHWPOISON, PFNH_INJECT_WAIT, 0, false },
	{ "gup-ehwpoison-nowait", PFNH_GUP, -EHWPOISON, PFNH_INJECT_NOWAIT, 0, false },
	{ "gup-eagain", PFNH_GUP, -EAGAIN, PFNH_INJECT_WAIT, 0, false },
	{ "gup-eagain-nowait", PFNH_GUP, -EAGAIN, PFNH_INJECT_NOWAIT, 0, false },
	{ "gup-eintr", PFNH_GUP, -EINTR, PFNH_INJECT_WAIT, 0, false },
	{ "gup-eintr-nowait", PFNH_GUP, -EINTR, PFNH_INJECT_NOWAIT, 0, false },
	{ "gup-efault", PFNH_GUP, -EFAULT, PFNH_INJECT_WAIT, 0, false },
	{ "gup-efault-nowait", PFNH_GUP, -EFAULT, PFNH_INJECT_NOWAIT, 0, false },
	{ "gup-enomem", PFNH_GUP, -ENOMEM, PFNH_INJECT_WAIT, 0, false },
	{ "gup-0-nowait", PFNH_GUP, 0, PFNH_INJECT_NOWAIT, 0, false },
	{ "gup-fast", PFNH_GUP_FAST, 0, 0, 0, false },
	{ "fixup-efault", PFNH_FIXUP, -EFAULT, 0, 0, true },
	{ "fixup-enomem", PFNH_FIXUP, -ENOMEM, 0, 0, true },
	{ "fixup-eintr", PFNH_FIXUP, -EINTR, 0, 0, true },
	{ "fixup-unlock", PFNH_FIXUP, 0, 0, 0, true },
	{ "follow-once", PFNH_FOLLOW, -EINVAL, 0, 1, true },
	{ "follow-twice", PFNH_FOLLOW, -EINVAL, 0, 2, true },
	{ "topup-enomem", PFNH_TOPUP, -ENOMEM, 0, 0, false },
};

/* A call without FOLL_NOWAIT comes only if one with it found nothing: make it so. */
static void inject_case(unsigned int c)
{
	uint64_t start, before = hook_info(inject_cases[c].hook).overridden;
	struct pfnh_answers a, b;
	struct pfnh_injected q;
	int id, first, second;

	if (!inject_cases[c].pfnmap)
		vm_unmap();
	if (inject_cases[c].flags == PFNH_INJECT_WAIT)
		CHECK(inject_rule(PFNH_GUP, 0, PFNH_INJECT_NOWAIT, PFNH_TIMES, 1, 0) >= 0, "%s",
		      strerror(errno));
	id = inject_rule(inject_cases[c].hook, inject_cases[c].error, inject_cases[c].flags,
			 PFNH_TIMES, 1, inject_cases[c].burst);
	if (id < 0) {
		CHECK(errno == ENOENT, "%s: %s", inject_cases[c].name, strerror(errno));
		printf("# %-20s SKIPPED: no %s\n", inject_cases[c].name,
		       hook_info(inject_cases[c].hook).symbol);
		return;
	}
	a = answers();
	start = now_ns();
	first = vm_store();
	b = answers();
	q = (struct pfnh_injected){ .since_ns = start };
	CHECK_OK(ioctl(vm.fd, PFNH_INJECTED, &q));
	second = vm_store();
	printf("# %-20s %s: KVM_RUN %s, then %s; gup%s pfn%s\n", inject_cases[c].name,
	       hook_info(inject_cases[c].hook).symbol,
	       first > 1000 ? "SIGBUS" : first ? strerror(first) : "works",
	       second ? strerror(second) : "works", answers_text(b.gup, a.gup),
	       answers_text(b.pfn, a.pfn));
	CHECK(second == 0, "%s: %s", inject_cases[c].name, strerror(second));
	CHECK(fired(id) == (inject_cases[c].burst ? inject_cases[c].burst : 1), "%s: fired %llu",
	      inject_cases[c].name, (long long)fired(id));
	CHECK(q.count && (q.mask & PFNH_HOOK(inject_cases[c].hook)) &&
	      q.hook == inject_cases[c].hook && q.error == inject_cases[c].error,
	      "%s: count %u mask %#llx hook %u error %d", inject_cases[c].name, q.count,
	      (long long)q.mask, q.hook, q.error);
	/* what KVM got over it asked again for */
	CHECK((q.later > 0) == (inject_cases[c].flags == PFNH_INJECT_NOWAIT && !first),
	      "%s: later %llu", inject_cases[c].name, (long long)q.later);
	if (inject_cases[c].hook != PFNH_TOPUP)
		CHECK(q.hva == (uintptr_t)vm.page, "%s: hva", inject_cases[c].name);
	if (inject_cases[c].hook != PFNH_FIXUP || inject_cases[c].error)
		CHECK(hook_info(inject_cases[c].hook).overridden > before, "%s: overridden",
		      inject_cases[c].name);
	CHECK_OK(ioctl(vm.fd, PFNH_INJECT_END));
}

static void test_inject(void)
{
	struct pfnh_arm all = { .hooks = PFNH_HOOK(PFNH_NR_HOOKS) - 1 };
	static const struct pfnh_answers zero;
	struct pfnh_answers a;
	int fd = dev_open(), set, pfnmap, id, vcpu;
	uint64_t leaks = leaked();
	unsigned int c;
	void *p;

	vm.fd = fd;
	CHECK_OK(ioctl(fd, PFNH_MARK));
	ioctl(fd, PFNH_ARM, &all);
	for (c = 0; c < PFNH_NR_HOOKS; c++) {
		struct pfnh_hook_info h = hook_info(c);

		printf("# hook %2u %s %s\n", c, h.symbol, h.error ? strerror(-h.error) : "armed");
		CHECK(!!h.error == !!(all.hooks & PFNH_HOOK(c)), "hook %u", c);
	}

	for (pfnmap = 0; pfnmap < 2; pfnmap++) {
		set = dev_open();
		CHECK_OK(create(set, PFNH_PFNMAP_FAULT, 0, 1));
		p = pfnmap ? map(set, 0, 1, PROT_READ | PROT_WRITE) :
		    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (!vm_open(fd, p)) {
			printf("# no /dev/kvm: not checked\n");
			return;
		}
		CHECK(vm_store() == 0, "the guest works");
		for (c = 0; c < ARRAY_SIZE(inject_cases); c++) {
			if (inject_cases[c].pfnmap != pfnmap)
				continue;
			if (pfnmap)
				CHECK_OK(zap(set, 0, 1, PFNH_ZAP_ROTATE));
			inject_case(c);
		}
		if (!pfnmap) {
			id = inject_rule(PFNH_VCPU_MEM, -ENOMEM, 0, PFNH_TIMES, 1, 0);
			vcpu = ioctl(vm.vm, KVM_CREATE_VCPU, 1);
			CHECK(vcpu == -1 && errno == ENOMEM, "KVM_CREATE_VCPU: %d %s", vcpu,
			      strerror(errno));
			vcpu = ioctl(vm.vm, KVM_CREATE_VCPU, 1);
			CHECK(vcpu >= 0 && fired(id) == 1, "KVM_CREATE_VCPU: %s", strerror(errno));
			close(vcpu);
			/* every 3rd of 30: 10 fail */
			CHECK_OK(ioctl(fd, PFNH_INJECT_END));
			id = inject_rule(PFNH_GUP, -ENOMEM, 0, PFNH_EVERY, 3, 0);
			for (c = 0; c < 30; c++) {
				vm_unmap();
				vm_store();
			}
			printf("# every 3rd: %llu fired\n", (long long)fired(id));
			CHECK(fired(id) >= 10, "every 3rd: %llu", (long long)fired(id));
			CHECK_OK(ioctl(fd, PFNH_INJECT_END));
		} else {
			CHECK(page_of(set, 0).refcount == 1, "refcount %d",
			      page_of(set, 0).refcount);
		}
		vm_close();
		munmap(p, PAGE);
		close(set);
	}
	a = answers();
	printf("# kvm_mmu_page_fault():%s\n", answers_text(a.fault, zero.fault));
	CHECK(a.fault[PFNH_A_OK] && a.fault[PFNH_A_EFAULT] && a.pfn[PFNH_A_OK] &&
	      a.pfn[PFNH_A_EHWPOISON], "answers");
	close(fd);
	CHECK(leaked() == leaks, "leaked");
}

static const char * const point_name[PFNH_NR_POINTS] = {
	[PFNH_AT_PFN] = "pfn", [PFNH_AT_INVALIDATE] = "invalidate", [PFNH_AT_GPC] = "gpc",
	[PFNH_AT_MEMSLOT] = "memslot", [PFNH_AT_FLUSH] = "flush", [PFNH_AT_FLUSHED] = "flushed",
	[PFNH_AT_GPC_INVALID] = "gpc-invalid",
};

static struct pfnh_delay_info delay_info(unsigned int point)
{
	struct pfnh_delay_info arg = { .point = point };

	CHECK_OK(ioctl(vm.fd, PFNH_DELAY_INFO, &arg));
	return arg;
}

/* Takes the page away, over and over; adds and deletes a memslot; lets a pfncache be refreshed. */
static void *delay_disturb(void *arg)
{
	struct kvm_userspace_memory_region mem = { .slot = 2, .guest_phys_addr = 0x100000,
		.userspace_addr = (uintptr_t)vm.low };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry clock;
	} msr = { .head.nmsrs = 1, .clock.index = 0x4b564d01 };	/* MSR_KVM_SYSTEM_TIME_NEW */
	unsigned int i;

	for (i = 0; !atomic_load(&st.stop); i++) {
		vm_unmap();
		if (i % 8 == 0) {
			mem.memory_size = mem.memory_size ? 0 : PAGE;
			CHECK_OK(ioctl(vm.vm, KVM_SET_USER_MEMORY_REGION, &mem));
		}
		if (i % 4 == 0) {
			msr.clock.data = msr.clock.data == 0x10101 ? 0x10201 : 0x10101;
			CHECK(ioctl(st.fd, KVM_SET_MSRS, &msr) == 1, "KVM_SET_MSRS: %s",
			      strerror(errno));
		}
	}
	return NULL;
}

/* Takes the page away from under each fault on it that waits for that; the VM has other pages, too. */
static void *await_disturb(void *arg)
{
	unsigned int *got = arg;

	while (!atomic_load(&st.stop)) {
		struct pfnh_await await = { .max_us = 2000, .faults = 1 };

		CHECK_OK(ioctl(vm.fd, PFNH_AWAIT, &await));
		CHECK(!await.tid == !await.hva, "%d 0x%llx", await.tid, (long long)await.hva);
		__atomic_fetch_add(got, await.hva == (uintptr_t)vm.page, __ATOMIC_RELAXED);
		vm_unmap();
	}
	return NULL;
}

static void check_await(int fd)
{
	struct pfnh_delay d = { .point = PFNH_AT_PFN, .min_us = 20000, .max_us = 20000, .seed = 1,
		.flags = PFNH_DELAY_MEET | PFNH_DELAY_END,
		.policy = { PFNH_RANDOM, 800000, 0 } };
	struct pfnh_await await = { .max_us = 0, .faults = 1 };
	struct pfnh_stats before, after;
	unsigned int got = 0, faults = 0;
	pthread_t thread;
	uint64_t end;

	CHECK_ERR(ioctl(fd, PFNH_AWAIT, &await), EINVAL);
	await = (struct pfnh_await){ .max_us = 1000 };
	CHECK_ERR(ioctl(fd, PFNH_AWAIT, &await), EINVAL);
	await = (struct pfnh_await){ .max_us = 1000, .faults = 1 };
	CHECK_OK(ioctl(fd, PFNH_AWAIT, &await));
	CHECK(!await.tid && !await.hva, "nobody waits");

	CHECK_OK(ioctl(fd, PFNH_DELAY, &d));
	CHECK_OK(ioctl(fd, PFNH_STATS, &before));
	st.stop = false;
	pthread_create(&thread, NULL, await_disturb, &got);
	end = now_ns() + 20000000000;
	for (; now_ns() < end && __atomic_load_n(&got, __ATOMIC_RELAXED) < 20; faults++)
		CHECK(vm_store() == 0, "KVM_RUN");
	st.stop = true;
	pthread_join(thread, NULL);
	CHECK_OK(ioctl(fd, PFNH_STATS, &after));
	printf("# %u stores, %u faults waited, %llu hits\n", faults, got,
	       (long long)(after.hits - before.hits));
	CHECK(got >= 20 && after.hits - before.hits > got / 2, "await");
	d = (struct pfnh_delay){ .point = PFNH_AT_PFN };
	CHECK_OK(ioctl(fd, PFNH_DELAY, &d));
}

static void test_delay(void)
{
	struct pfnh_delay ok = { .point = PFNH_AT_PFN, .min_us = 1, .max_us = 20000, .seed = 1 }, d;
	int fd = dev_open(), other = dev_open();
	struct pfnh_delay_info info = { .point = PFNH_NR_POINTS };
	unsigned int p, faults = 0;
	pthread_t thread;
	uint64_t end;

#define BAD_DELAY(...)							\
	do {								\
		d = ok;							\
		__VA_ARGS__;						\
		CHECK_ERR(ioctl(fd, PFNH_DELAY, &d), EINVAL);		\
	} while (0)
	CHECK_ERR(ioctl(fd, PFNH_DELAY, &ok), EINVAL);		/* marks nothing */
	CHECK_OK(ioctl(fd, PFNH_MARK));
	CHECK_OK(ioctl(other, PFNH_MARK));
	BAD_DELAY(d.point = PFNH_NR_POINTS);
	BAD_DELAY(d.flags = PFNH_DELAY_ALL + 1);
	BAD_DELAY(d.flags = PFNH_DELAY_SAMPLE);
	BAD_DELAY(d.flags = PFNH_DELAY_END);
	BAD_DELAY(d.flags = PFNH_DELAY_ALL);
	BAD_DELAY(d.point = PFNH_AT_INVALIDATE, d.flags = PFNH_DELAY_MEET);
	BAD_DELAY(d.min_us = 0);
	BAD_DELAY(d.min_us = 20001);
	BAD_DELAY(d.max_us = PFNH_SLEEP_MAX_US + 1);
	BAD_DELAY(d.point = PFNH_AT_FLUSH, d.max_us = PFNH_SPIN_MAX_US + 1);
	BAD_DELAY(d.max_us = 0);
	BAD_DELAY(d.policy.seed = 1);
	BAD_DELAY(d.policy.when = PFNH_NR_WHENS);
	BAD_DELAY(d.policy.when = PFNH_EVERY);
	CHECK_ERR(ioctl(fd, PFNH_DELAY, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_DELAY_INFO, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_DELAY_INFO, &info), EINVAL);
	info = (struct pfnh_delay_info){ .pad = 1 };
	CHECK_ERR(ioctl(fd, PFNH_DELAY_INFO, &info), EINVAL);

	vm.fd = fd;
	if (!vm_open(fd, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0))) {
		printf("# no /dev/kvm: not checked\n");
		return;
	}
	/* a vCPU that does not run, for the pfncache: the other one holds its mutex in KVM_RUN */
	st.fd = ioctl(vm.vm, KVM_CREATE_VCPU, 1);
	for (p = 0; p < PFNH_NR_POINTS; p++) {
		d = (struct pfnh_delay){ .point = p, .min_us = 1, .seed = p + 1,
			.max_us = p >= PFNH_AT_FLUSH ? PFNH_SPIN_MAX_US : 5000 };
		CHECK_OK(ioctl(fd, PFNH_DELAY, &d));
		d.policy = (struct pfnh_policy){ .when = PFNH_EVERY, .n = 2 };
		CHECK_OK(ioctl(fd, PFNH_DELAY, &d));	/* in its place */
	}
	st.stop = false;
	pthread_create(&thread, NULL, delay_disturb, NULL);
	for (end = now_ns() + 4000000000; now_ns() < end; faults++)
		CHECK(vm_store() == 0, "KVM_RUN");
	st.stop = true;
	pthread_join(thread, NULL);
	printf("# %u stores\n", faults);
	for (p = 0; p < PFNH_NR_POINTS; p++) {
		info = delay_info(p);
		printf("# at %-10s seen %llu delayed %llu us: slept %llu spun %llu longest %llu\n",
		       point_name[p], (long long)info.seen, (long long)info.delayed,
		       (long long)info.slept_ns / 1000, (long long)info.spun_ns / 1000,
		       (long long)info.longest_ns / 1000);
		if (info.whole)
			printf("#    %llu whole invalidations, %llu of that page, in %llu delays\n",
			       (long long)info.whole, (long long)info.whole_here,
			       (long long)info.windows_hit);
		CHECK(info.delayed > 0 && info.delayed <= info.seen / 2, "at %s", point_name[p]);
		CHECK(p >= PFNH_AT_FLUSH ? !info.slept_ns : info.slept_ns > 0, "at %s",
		      point_name[p]);
		if (p == PFNH_AT_PFN)
			CHECK(info.whole_here > 0, "no invalidation fit into the window");
		d = (struct pfnh_delay){ .point = p };
		CHECK_OK(ioctl(fd, PFNH_DELAY, &d));
	}
	check_await(fd);
	close(st.fd);
	munmap(vm.page, PAGE);
	vm_close();
	close(other);
	close(fd);
}

/*
 * A process dies at any point of injections and delays: nothing stays behind, and the module can go
 * and come back although hooks are armed. Runs last: the module starts again from zero.
 */
static void *die_run(void *arg)
{
	for (;;)
		vm_store();
	return NULL;
}

static void die(void)
{
	struct pfnh_delay d = { .min_us = 1, .max_us = 20000 };
	struct pfnh_script s = { .nr = 1, .what = PFNH_SCRIPT_NOPAGE,
		.policy = { .when = PFNH_EVERY, .n = 5 } };
	int fd = dev_open(), set = dev_open();
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ioctl(fd, PFNH_MARK) || create(set, PFNH_PFNMAP_FAULT, 0, 1) ||
	    ioctl(set, PFNH_SCRIPT, &s) || !vm_open(fd, map(set, 0, 1, PROT_READ | PROT_WRITE)))
		_exit(1);
	for (d.point = 0; d.point < PFNH_AT_FLUSH; d.point++)
		ioctl(fd, PFNH_DELAY, &d);
	inject_rule(PFNH_FOLLOW, -EINVAL, 0, PFNH_EVERY, 3, 2);
	inject_rule(PFNH_FIXUP, 0, 0, PFNH_EVERY, 2, 0);
	pthread_create(&thread, NULL, die_run, NULL);
	for (;;)
		zap(set, 0, 1, PFNH_ZAP_ROTATE);
}

static void test_die(void)
{
	uint64_t leaks = leaked(), start;
	unsigned int i;
	int status, fd;

	if (access("/dev/kvm", F_OK) || access("/lib/pfn_helper.ko", F_OK)) {
		printf("# no /dev/kvm or no /lib/pfn_helper.ko: not checked\n");
		return;
	}
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid)
			die();
		usleep(50000 + i * 7919);
		kill(pid, SIGKILL);
		start = now_ns();
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		      WTERMSIG(status) == SIGKILL, "status %#x", status);
		CHECK(now_ns() - start < 10000000000, "took %lld ms to die",
		      (long long)(now_ns() - start) / 1000000);
	}
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
	CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == 0, "in use");
	start = now_ns();
	CHECK_OK(syscall(SYS_delete_module, "pfn_helper", O_NONBLOCK));
	printf("# unloaded with hooks armed in %lld ms\n", (long long)(now_ns() - start) / 1000000);
	fd = open("/lib/pfn_helper.ko", O_RDONLY | O_CLOEXEC);
	CHECK_OK(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
	fd = dev_open();
	CHECK_OK(ioctl(fd, PFNH_MARK));
	close(fd);
}

/* What a scripted handler does to KVM_RUN, and that the next fault is served again. */
static void test_script(void)
{
	static const char * const names[] = {
		"none", "SIGBUS", "OOM", "HWPOISON", "RETRY", "NOPAGE",
	};
	struct pfnh_script s = { .nr = 1, .policy = { .when = PFNH_TIMES, .n = 1 } };
	struct pfnh_script_info info = { };
	int fd = dev_open(), set = dev_open();
	volatile uint64_t *p;
	uint64_t value;

	vm.fd = fd;
	CHECK_OK(ioctl(fd, PFNH_MARK));
	CHECK_OK(create(set, PFNH_PFNMAP_FAULT, 0, 2));
	p = map(set, 0, 2, PROT_READ | PROT_WRITE);
	if (!vm_open(fd, (void *)p)) {
		printf("# no /dev/kvm: not checked\n");
		return;
	}
	for (s.what = PFNH_SCRIPT_SIGBUS; s.what < PFNH_NR_SCRIPTS; s.what++) {
		int first, second;

		CHECK_OK(zap(set, 0, 1, PFNH_ZAP_ROTATE));
		CHECK_OK(ioctl(set, PFNH_SCRIPT, &s));
		first = vm_store();
		second = vm_store();
		printf("# %-8s KVM_RUN %s, then %s\n", names[s.what],
		       first > 1000 ? "SIGBUS" : first ? strerror(first) : "works",
		       second ? strerror(second) : "works");
		CHECK(first == (s.what == PFNH_SCRIPT_RETRY ? 0 : EFAULT), "%s: %d", names[s.what],
		      first);
		CHECK(second == 0, "%s", names[s.what]);
		CHECK_OK(ioctl(set, PFNH_SCRIPT_INFO, &info));
		CHECK(info.what == s.what && info.fired == 1 && info.seen >= 1,
		      "%s: what %u seen %llu fired %llu", names[s.what], info.what,
		      (long long)info.seen, (long long)info.fired);
		/* user mode is not asked */
		CHECK_OK(zap(set, 0, 1, 0));
		s.policy = (struct pfnh_policy){ .when = PFNH_ALWAYS };
		CHECK_OK(ioctl(set, PFNH_SCRIPT, &s));
		CHECK(try_load((uint64_t *)p, &value) == 0, "%s: user mode", names[s.what]);
		s.policy = (struct pfnh_policy){ .when = PFNH_TIMES, .n = 1 };
	}
	vm_close();

	/* user mode is asked */
	s.flags = PFNH_SCRIPT_USER;
	for (s.what = PFNH_SCRIPT_SIGBUS; s.what < PFNH_NR_SCRIPTS; s.what++) {
		bool signal = s.what == PFNH_SCRIPT_SIGBUS || s.what == PFNH_SCRIPT_HWPOISON;

		CHECK_OK(zap(set, 0, 1, 0));
		if (s.what == PFNH_SCRIPT_OOM) {
			CHECK_ERR(ioctl(set, PFNH_SCRIPT, &s), EINVAL);
			continue;
		}
		CHECK_OK(ioctl(set, PFNH_SCRIPT, &s));
		CHECK(try_load((uint64_t *)p, &value) == (signal ? SIGBUS : 0), "%s, user",
		      names[s.what]);
		CHECK(try_load((uint64_t *)p, &value) == 0, "%s, user", names[s.what]);
		CHECK_OK(ioctl(set, PFNH_SCRIPT_INFO, &info));
		CHECK(info.fired == 1, "%s: fired %llu", names[s.what], (long long)info.fired);
	}
	s = (struct pfnh_script){ .nr = 2 };
	CHECK_OK(ioctl(set, PFNH_SCRIPT, &s));
	CHECK_OK(ioctl(set, PFNH_SCRIPT_INFO, &info));
	CHECK(info.what == PFNH_SCRIPT_NONE && info.fired == 9, "what %u fired %llu", info.what,
	      (long long)info.fired);
	munmap((void *)p, 2 * PAGE);
	close(set);
	close(fd);
}

static void test_bad_inject(void)
{
	struct pfnh_inject ok = { .hook = PFNH_GUP, .error = -EFAULT }, i;
	struct pfnh_script sok = { .nr = 1, .what = PFNH_SCRIPT_SIGBUS }, s;
	struct pfnh_inject_info info = { };
	struct pfnh_hook_info hook = { .hook = PFNH_NR_HOOKS };
	struct pfnh_arm arm = { .hooks = PFNH_HOOK(PFNH_NR_HOOKS) };
	struct pfnh_injected q = { .tid = -1 };
	struct pfnh_script_info si = { .index = 4 };
	int fd = dev_open(), set = dev_open(), remap = dev_open(), n;

#define BAD_INJECT(...)							\
	do {								\
		i = ok;							\
		__VA_ARGS__;						\
		CHECK_ERR(ioctl(fd, PFNH_INJECT, &i), EINVAL);		\
	} while (0)
	CHECK_ERR(ioctl(fd, PFNH_INJECT, &ok), EINVAL);		/* marks nothing */
	CHECK_OK(ioctl(fd, PFNH_MARK));
	BAD_INJECT(i.hook = PFNH_NR_HOOKS);
	BAD_INJECT(i.hook = PFNH_STALE);
	BAD_INJECT(i.hook = PFNH_HVA_TO_PFN);
	BAD_INJECT(i.error = EFAULT);
	BAD_INJECT(i.error = -EIO);
	BAD_INJECT(i.hook = PFNH_FOLLOW);
	BAD_INJECT(i.hook = PFNH_TOPUP);
	BAD_INJECT(i.flags = PFNH_INJECT_ALL);
	BAD_INJECT(i.flags = 4);
	BAD_INJECT(i.hook = PFNH_FIXUP, i.flags = PFNH_INJECT_WAIT);
	BAD_INJECT(i.error = 0, i.flags = PFNH_INJECT_WAIT);
	BAD_INJECT(i.pad = 1);
	BAD_INJECT(i.tid = -1);
	BAD_INJECT(i.burst = 1001);
	BAD_INJECT(i.start = 1, i.end = 1);
	BAD_INJECT(i.hook = PFNH_TOPUP, i.error = -ENOMEM, i.end = 1);
	BAD_INJECT(i.policy.when = PFNH_NR_WHENS);
	BAD_INJECT(i.policy.n = 1);
	BAD_INJECT(i.policy.seed = 1);
	BAD_INJECT(i.policy.when = PFNH_TIMES);
	BAD_INJECT(i.policy.when = PFNH_EVERY);
	BAD_INJECT(i.policy.when = PFNH_RANDOM, i.policy.n = 1000001);
	CHECK_ERR(ioctl(fd, PFNH_INJECT, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_INJECT_INFO, &info), ENOENT);
	info.pad = 1;
	CHECK_ERR(ioctl(fd, PFNH_INJECT_INFO, &info), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_INJECT_INFO, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_INJECTED, &q), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_INJECTED, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_HOOK_INFO, &hook), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_HOOK_INFO, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_ARM, &arm), EINVAL);
	CHECK_ERR(ioctl(fd, PFNH_ARM, NULL), EFAULT);
	CHECK_ERR(ioctl(fd, PFNH_ANSWERS, NULL), EFAULT);
	for (n = 0; n < 33 && ioctl(fd, PFNH_INJECT, &ok) == n; n++)
		;
	CHECK((n == 32 && errno == ENOSPC) || (!n && errno == ENOENT), "%d rules: %s", n,
	      strerror(errno));
	CHECK_OK(ioctl(fd, PFNH_INJECT_END));
	CHECK_OK(ioctl(fd, PFNH_INJECT_END));

#define BAD_SCRIPT(...)							\
	do {								\
		s = sok;							\
		__VA_ARGS__;						\
		CHECK_ERR(ioctl(set, PFNH_SCRIPT, &s), EINVAL);		\
	} while (0)
	CHECK_ERR(ioctl(set, PFNH_SCRIPT, &sok), ENODATA);
	CHECK_ERR(ioctl(set, PFNH_SCRIPT_INFO, &si), ENODATA);
	CHECK_OK(create(set, PFNH_PFNMAP_FAULT, 0, 4));
	BAD_SCRIPT(s.what = PFNH_NR_SCRIPTS);
	BAD_SCRIPT(s.nr = 0);
	BAD_SCRIPT(s.nr = 5);
	BAD_SCRIPT(s.first = 4);
	BAD_SCRIPT(s.first = -1);
	BAD_SCRIPT(s.flags = 2);
	BAD_SCRIPT(s.policy.n = 1);
	BAD_SCRIPT(s.what = PFNH_SCRIPT_NONE, s.policy.when = PFNH_TIMES, s.policy.n = 1);
	BAD_SCRIPT(s.what = PFNH_SCRIPT_NONE, s.flags = PFNH_SCRIPT_USER);
	CHECK_ERR(ioctl(set, PFNH_SCRIPT, NULL), EFAULT);
	CHECK_ERR(ioctl(set, PFNH_SCRIPT_INFO, &si), EINVAL);
	CHECK_ERR(ioctl(set, PFNH_SCRIPT_INFO, NULL), EFAULT);
	CHECK_OK(create(remap, PFNH_PFNMAP_REMAP, 0, 1));
	CHECK_ERR(ioctl(remap, PFNH_SCRIPT, &sok), EINVAL);
	close(remap);
	close(set);
	close(fd);
}

/* A real guest (real mode, a loop that stores to 16 pages) while pages are rotated. */
static void *kvm_rotate(void *arg)
{
	unsigned int i;

	for (i = 0; !atomic_load(&st.stop); i++)
		if (zap(st.fd, i % 16, 1, i & 1 ? PFNH_ZAP_ROTATE : 0))
			break;
	return NULL;
}

/* The last faults were this thread's, and met those who zapped. */
static void check_near(int fd, pid_t vcpu)
{
	static struct pfnh_near list[8192];
	struct pfnh_nears arg = { .buf = (uintptr_t)list, .room = 8192 };
	unsigned int i, n[PFNH_NEAR_INVALIDATION + 1] = { };

	CHECK_OK(ioctl(fd, PFNH_NEAR, &arg));
	for (i = 0; i < arg.nr; i++) {
		const struct pfnh_near *e = &list[i];

		CHECK(e->what <= PFNH_NEAR_INVALIDATION && e->tid > 0, "event %u", i);
		n[e->what]++;
		if (e->what != PFNH_NEAR_INVALIDATION)
			CHECK(e->tid == vcpu && e->addr < 0x20000, "fault of %d, 0x%llx", e->tid,
			      (long long)e->addr);
		if (e->what == PFNH_NEAR_HIT || e->what == PFNH_NEAR_EARLY)
			CHECK(e->by > 0 && e->by != vcpu && e->end > e->start, "by %d", e->by);
	}
	CHECK(n[PFNH_NEAR_FAULT] && n[PFNH_NEAR_EARLY] && n[PFNH_NEAR_INVALIDATION],
	      "%u events", arg.nr);
	CHECK_OK(ioctl(fd, PFNH_NEAR, &arg));
	CHECK(arg.nr < 100, "%u events twice", arg.nr);
}

static void test_kvm(void)
{
	/* 10000h..1ffffh, all pages, for ever: mov ax,1000h; mov ds,ax; xor bx,bx;
	 * 1: mov [bx],ax; add bx,1000h; jmp 1b
	 */
	static const unsigned char code[] = {
		0xb8, 0x00, 0x10, 0x8e, 0xd8, 0x31, 0xdb,
		0x89, 0x07, 0x81, 0xc3, 0x00, 0x10, 0xeb, 0xf8,
	};
	struct kvm_userspace_memory_region mem[2] = { };
	int kvm = open("/dev/kvm", O_RDWR), vm, vcpu, len;
	struct pfnh_stats s;
	struct kvm_run *run;
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	pthread_t thread;
	unsigned char *low;
	uint64_t end;

	if (kvm < 0) {
		printf("# no /dev/kvm: hooks of KVM not checked\n");
		return;
	}
	st.fd = dev_open();
	CHECK_OK(ioctl(st.fd, PFNH_MARK));
	s = stats_of(st.fd);
	CHECK((s.hooks & (PFNH_HOOK_STALE | PFNH_HOOK_FAULTIN | PFNH_HOOK_INVALIDATE)) ==
	      (PFNH_HOOK_STALE | PFNH_HOOK_FAULTIN | PFNH_HOOK_INVALIDATE),
	      "hooks %#llx", (long long)s.hooks);
	CHECK_OK(create(st.fd, PFNH_PFNMAP_FAULT, 0, 16));
	st.p = map(st.fd, 0, 16, PROT_READ | PROT_WRITE);
	low = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(low + 0x1000, code, sizeof(code));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	mem[0] = (struct kvm_userspace_memory_region){ .slot = 0, .memory_size = 0x10000,
		.userspace_addr = (uintptr_t)low };
	mem[1] = (struct kvm_userspace_memory_region){ .slot = 1, .memory_size = 0x10000,
		.guest_phys_addr = 0x10000, .userspace_addr = (uintptr_t)st.p };
	CHECK_OK(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem[0]));
	CHECK_OK(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem[1]));
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	CHECK_OK(ioctl(vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = sregs.cs.selector = 0;
	CHECK_OK(ioctl(vcpu, KVM_SET_SREGS, &sregs));
	CHECK_OK(ioctl(vcpu, KVM_SET_REGS, &regs));

	st.stop = false;
	pthread_create(&thread, NULL, kvm_rotate, NULL);
	end = now_ns() + 8000000000ull;
	do {
		struct pfnh_fault f;
		uint64_t start = now_ns();
		int ret, err;

		/* A timer signal would do; an exit at the next fault is enough here. */
		run->immediate_exit = 0;
		alarm(1);
		ret = ioctl(vcpu, KVM_RUN, 0);
		err = errno;
		alarm(0);
		if (ret == -1 && err == EINTR)
			continue;
		/* S1: the handler's PTE was zapped before KVM read it. Which page: any. */
		unsigned int i, hit = 0;

		for (i = 0; i < 16; i++) {
			f = fault_of(st.fd, i, 0, start);
			hit |= f.inserted && f.zapped;
		}
		CHECK(ret == -1 && err == EFAULT && hit, "KVM_RUN %d errno %d exit %u hit %u",
		      ret, err, run->exit_reason, hit);
	} while (now_ns() < end && !failed);
	st.stop = true;
	pthread_join(thread, NULL);
	s = stats_of(st.fd);
	printf("# kvm: stale %llu early %llu faultin %llu invalidate %llu handler %llu\n",
	       (long long)s.stale, (long long)s.early, (long long)s.faultin,
	       (long long)s.invalidate, (long long)s.handler);
	CHECK(s.faultin > 100 && s.invalidate > 100 && s.handler > 100, "counters");
	CHECK(s.stale + s.early > 0, "no window hit");
	CHECK(s.hits + s.roots <= s.stale && s.early_pairs <= s.early && s.early_pairs > 0,
	      "pairs: %llu of %llu, early %llu of %llu", (long long)(s.hits + s.roots),
	      (long long)s.stale, (long long)s.early_pairs, (long long)s.early);
	check_near(st.fd, gettid());
	CHECK(check_of(st.fd).bad == 0, "canary");
	munmap(run, len);
	close(vcpu);
	close(vm);
	close(kvm);
	close(st.fd);
	munmap(st.p, 16 * PAGE);
	munmap(low, 0x10000);
}

static void test_memory(void)
{
	long before = 0, after;
	uint64_t leaks = leaked();
	unsigned int i;

	for (i = 0; i < 240; i++) {
		int fd = dev_open();
		uint64_t *p, value;

		if (i == 40)
			before = read_number("/proc/meminfo", "MemFree:");
		CHECK_OK(create(fd, i % PFNH_NR_KINDS, i & 1 ? PFNH_F_TAIL : 0, 256));
		p = map(fd, 0, 256, PROT_READ | PROT_WRITE);
		try_load(p + i % 256 * WORDS, &value);
		CHECK_OK(zap(fd, 0, 256, PFNH_ZAP_ROTATE));
		try_store(p + i % 256 * WORDS, 1);
		CHECK_OK(zap(fd, 0, 256, PFNH_ZAP_ROTATE));
		munmap(p, 256 * PAGE);
		close(fd);
	}
	usleep(200000);
	after = read_number("/proc/meminfo", "MemFree:");
	printf("# MemFree before %ld kB, after 200 sets %ld kB\n", before, after);
	/* 200 sets have 200 MiB and more */
	CHECK(before - after < 8192, "lost %ld kB", before - after);
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

/* A reference that lasts: pages in a pipe. They are left alone, and counted. */
static void test_leak(void)
{
	uint64_t leaks = leaked();
	int fd = dev_open(), pipefd[2];
	struct iovec iov;
	uint64_t *p;

	CHECK_OK(create(fd, PFNH_MIXEDMAP, 0, 4));
	p = map(fd, 0, 4, PROT_READ | PROT_WRITE);
	p[0] = 0x77;
	CHECK_OK(pipe(pipefd));
	iov = (struct iovec){ .iov_base = p, .iov_len = PAGE };
	CHECK(vmsplice(pipefd[1], &iov, 1, 0) == (ssize_t)PAGE, "vmsplice: %s", strerror(errno));
	CHECK(page_of(fd, 0).refcount == 3, "refcount %d", page_of(fd, 0).refcount);
	munmap(p, 4 * PAGE);
	close(fd);
	CHECK(leaked() == leaks + 1, "leaked %lld", (long long)(leaked() - leaks));
	close(pipefd[0]);
	close(pipefd[1]);
}

static int write_number(const char *path, uint64_t n)
{
	FILE *f = fopen(path, "w");
	int ret;

	if (!f)
		return -1;
	fprintf(f, "%#llx", (long long)n);
	ret = fclose(f);
	return ret;
}

/* A poisoned page of a set is seen as such, and does not stop the set from being freed. */
static void test_poison(void)
{
	static const char dir[] = "/sys/kernel/debug/hwpoison";
	char corrupt[64], unpoison[64];
	uint64_t leaks = leaked();
	unsigned int tail;

	snprintf(corrupt, sizeof(corrupt), "%s/corrupt-pfn", dir);
	snprintf(unpoison, sizeof(unpoison), "%s/unpoison-pfn", dir);
	if (access(corrupt, W_OK)) {
		printf("# no %s: poison not checked\n", dir);
		return;
	}
	for (tail = 0; tail < 2; tail++) {
		int fd = dev_open();
		struct pfnh_page pg;

		CHECK_OK(create(fd, PFNH_PFNMAP_FAULT, tail * PFNH_F_TAIL, 4));
		pg = page_of(fd, 1);
		CHECK(!(pg.flags & PFNH_PG_HWPOISON), "before");
		write_number(corrupt, pg.pfn);
		pg = page_of(fd, 1);
		CHECK(pg.flags & PFNH_PG_HWPOISON, "flags %#llx", (long long)pg.flags);
		printf("# tail %u: refcount %d of %d while poisoned\n", tail, pg.refcount, pg.base);
		write_number(unpoison, pg.pfn);
		pg = page_of(fd, 1);
		printf("# tail %u: refcount %d, flags %#llx after unpoison\n", tail, pg.refcount,
		       (long long)pg.flags);
		close(fd);
	}
	printf("# leaked %lld\n", (long long)(leaked() - leaks));
}

/* Killed in every state, many times */
static void test_kill(void)
{
	uint64_t leaks = leaked();
	long refs = read_number("/sys/module/pfn_helper/refcnt", NULL);
	unsigned int i;

	for (i = 0; i < 60; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			struct pfnh_hold hold = { .us = 100000 };
			pthread_t threads[2];

			st.kind = i % PFNH_NR_KINDS;
			st.fd = dev_open();
			st.stop = false;
			ioctl(st.fd, PFNH_MARK);
			create(st.fd, st.kind, i & 8 ? PFNH_F_TAIL : 0, 512);
			st.p = map(st.fd, 0, 512, PROT_READ | PROT_WRITE);
			pthread_create(&threads[0], NULL, stress_access, (void *)5ul);
			if (st.kind == PFNH_PFNMAP_REMAP)
				pthread_create(&threads[1], NULL, stress_mmap, NULL);
			brk_(st.fd, PFNH_BREAK_REF_LEAK, 3, 0);
			for (;;) {
				if (i & 1)
					ioctl(st.fd, PFNH_HOLD, &hold);
				zap(st.fd, 0, 512, PFNH_ZAP_ROTATE);
			}
		}
		usleep(5000 + i * 1000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	usleep(100000);
	CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == refs, "refcnt");
	CHECK(leaked() == leaks, "leaked %lld", (long long)(leaked() - leaks));
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "open", test_open },
	{ "no_set", test_no_set },
	{ "bad_create", test_bad_create },
	{ "bad_input", test_bad_input },
	{ "bad_mmap", test_bad_mmap },
	{ "access", test_access },
	{ "zap", test_zap },
	{ "recycle", test_recycle },
	{ "break_canary", test_break_canary },
	{ "break_no_zap", test_break_no_zap },
	{ "break_ref", test_break_ref },
	{ "pfn", test_pfn },
	{ "file-pfn", test_file_pfn },
	{ "read_only", test_read_only },
	{ "fork", test_fork },
	{ "close_order", test_close_order },
	{ "unload", test_unload },
	{ "hold", test_hold },
	{ "marks", test_marks },
	{ "fault", test_fault },
	{ "stress", test_stress },
	{ "kill", test_kill },
	{ "bad_inject", test_bad_inject },
	{ "inject", test_inject },
	{ "delay", test_delay },
	{ "script", test_script },
	{ "kvm", test_kvm },
	{ "memory", test_memory },
	{ "leak", test_leak },
	{ "poison", test_poison },
	{ "die", test_die },
};

static void on_alarm(int sig)
{
}

static int make_error(int argc, char **argv)
{
	static const char * const names[] = {
		[PFNH_BREAK_WARN] = "warn", [PFNH_BREAK_OOPS] = "oops",
		[PFNH_BREAK_PANIC] = "panic", [PFNH_BREAK_LOCKUP] = "lockup",
		[PFNH_BREAK_HUNG] = "hung",
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i] || strcmp(names[i], argv[1]))
			continue;
		ret = brk_(dev_open(), i, 0, argc > 2 ? atol(argv[2]) : 0);
		printf("# %s: %s\n", argv[1], ret ? strerror(errno) : "done");
		return ret ? 1 : 0;
	}
	fprintf(stderr, "usage: selftest [warn | oops | panic | lockup MS | hung MS]\n");
	return 2;
}

/* selftest only NAME...: these cases */
static bool chosen(int argc, char **argv, const char *name)
{
	int i;

	for (i = 2; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction fault = { .sa_handler = on_fault };
	struct sigaction wake = { .sa_handler = on_alarm };
	unsigned int i, nr_run = 0, nr_failed = 0;

	if (argc > 1 && strcmp(argv[1], "only"))
		return make_error(argc, argv);

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGALRM, &wake, NULL);
	printf("TAP version 13\n");
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		uint64_t start = now_ns();

		if (argc > 2 && !chosen(argc, argv, tests[i].name))
			continue;
		failed = false;
		tests[i].run();
		CHECK(read_number("/sys/module/pfn_helper/refcnt", NULL) == 0, "module in use");
		nr_failed += failed;
		printf("%sok %u pfn_helper_%s # time=%llums\n", failed ? "not " : "", ++nr_run,
		       tests[i].name, (long long)(now_ns() - start) / 1000000);
	}
	printf("1..%u\n", nr_run);
	return nr_failed ? 1 : 0;
}
