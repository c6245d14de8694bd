// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings for the time of a scenario: set, read back, refused, put back, also after SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#undef fail

#include "core/knob.h"
#include "core/proc.h"

static struct shared *sh;
static char path[] = "/tmp/knob-XXXXXX";
static char why[128];

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A real file keeps what is behind a shorter text; a knob does not. */
static void is(const char *text)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	buf[strlen(text)] = 0;
	assert_string_equal(buf, text);
}

static int setup(void **state)
{
	pthread_mutexattr_t a;

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&sh->lock, &a);
	close(mkstemp(path));
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

static void set_and_put_back(void **state)
{
	put("17\n");
	assert_true(knob_set(sh, path, "42", why, sizeof(why)));
	is("42");
	assert_true(knob_set(sh, path, "43", why, sizeof(why)));
	assert_int_equal(knob_undo_all(sh, UNDO_RUN, why, sizeof(why)), 0);
	is("17");
	assert_int_equal(sh->nr_undo, 0);
}

static void kept_for_a_while(void **state)
{
	char other[] = "/tmp/knob2-XXXXXX";

	close(mkstemp(other));
	proc_write(other, "1");
	put("17\n");
	assert_true(knob_set_until(sh, UNDO_SCENARIO, path, "42", why, sizeof(why)));
	assert_true(knob_set(sh, other, "2", why, sizeof(why)));
	assert_int_equal(knob_undo_all(sh, UNDO_LIFE, why, sizeof(why)), 0);
	is("42");
	assert_int_equal(proc_number(other, 0), 1);
	assert_int_equal(sh->nr_undo, 1);
	/* still what it was first */
	assert_true(knob_set_until(sh, UNDO_SCENARIO, path, "43", why, sizeof(why)));
	assert_int_equal(sh->nr_undo, 1);
	assert_int_equal(knob_undo_all(sh, UNDO_SCENARIO, why, sizeof(why)), 0);
	is("17");
	assert_int_equal(sh->nr_undo, 0);
	unlink(other);
}

static void brackets_are_the_value(void **state)
{
	put("always [madvise] never\n");
	assert_true(knob_set(sh, path, "never", why, sizeof(why)));
	assert_int_equal(knob_undo_all(sh, UNDO_RUN, why, sizeof(why)), 0);
	is("madvise");
}

static void what_cannot_be_set(void **state)
{
	assert_false(knob_set(sh, "/nowhere/knob", "1", why, sizeof(why)));
	assert_string_equal(why, "read /nowhere/knob: No such file or directory");
	assert_int_equal(sh->nr_undo, 0);
	assert_false(knob_set(sh, "/proc/self/stat", "1", why, sizeof(why)));
	/* takes the text, keeps its number: uptime counts on */
	assert_false(knob_set_or_skip(sh, "/proc/version", "1"));
	assert_true(sh->skip_reason[0]);
	knob_undo_all(sh, UNDO_RUN, why, sizeof(why));
	/* 0x12 is 18 */
	put("17\n");
	assert_true(knob_set(sh, path, "0x12", why, sizeof(why)));
	knob_undo_all(sh, UNDO_RUN, why, sizeof(why));
}

static void survives_a_kill(void **state)
{
	pid_t pid;
	int st;

	put("5");
	pid = fork();
	if (!pid) {
		knob_set(sh, path, "6", NULL, 0);
		shared_lock(sh);	/* dies with the lock held */
		raise(SIGKILL);
	}
	waitpid(pid, &st, 0);
	is("6");
	assert_int_equal(knob_undo_all(sh, UNDO_RUN, why, sizeof(why)), 0);
	is("5");
	assert_true(knob_set(sh, path, "7", NULL, 0));	/* the lock is not lost */
	knob_undo_all(sh, UNDO_RUN, why, sizeof(why));
}

static void directories_go(void **state)
{
	char dir[] = "/tmp/knob-dir-XXXXXX";
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	rmdir(dir);
	pid = fork();
	if (!pid) {
		if (knob_mkdir(sh, dir, NULL, 0) && knob_mkdir(sh, dir, NULL, 0))
			raise(SIGKILL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(access(dir, F_OK), 0);
	assert_int_equal(sh->nr_undo, 1);
	assert_int_equal(knob_undo_all(sh, UNDO_RUN, why, sizeof(why)), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_false(knob_mkdir(sh, "/nowhere/dir", why, sizeof(why)));
	assert_string_equal(why, "mkdir /nowhere/dir: No such file or directory");
	assert_int_equal(knob_undo_all(sh, UNDO_RUN, why, sizeof(why)), 0);
}

/* The supervisor is killed: its guardian puts things back. */
static void guardian(void **state)
{
	unsigned int i;
	pid_t pid;
	int st;

	put("8");
	pid = fork();
	if (!pid) {
		knob_guard(sh);
		knob_set(sh, path, "9", NULL, 0);
		raise(SIGKILL);
	}
	waitpid(pid, &st, 0);
	for (i = 0; i < 100 && __atomic_load_n(&sh->nr_undo, __ATOMIC_ACQUIRE); i++)
		usleep(50000);
	is("8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_put_back),
		cmocka_unit_test(kept_for_a_while),
		cmocka_unit_test(brackets_are_the_value),
		cmocka_unit_test(what_cannot_be_set),
		cmocka_unit_test(survives_a_kill),
		cmocka_unit_test(directories_go),
		cmocka_unit_test(guardian),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
