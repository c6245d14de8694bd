// SPDX-License-Identifier: GPL-2.0-only
/* --host: who else uses KVM, and what is put back, also after SIGKILL. */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "runner.h"

#define THP	"sys/kernel/mm/transparent_hugepage/enabled"
#define KSM	"sys/kernel/mm/ksm/run"

static char top[] = "/tmp/host-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char *path = format("%s/%s", top, name), *slash = path + sizeof(top);
	FILE *f;

	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash++ = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

/* A real file keeps what stands behind a shorter text; a setting does not. */
static bool begins(const char *name, const char *text)
{
	char buf[64] = "";

	return read_line_file(top, name, buf, sizeof(buf)) && !strncmp(buf, text, strlen(text));
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_tree(top);
	return 0;
}

static void who_uses_kvm(void **state)
{
	char who[64];

	(void)state;
	assert_false(host_in_use(top, who, sizeof(who)));
	put_file("sys/module/kvm_amd/refcnt", "0\n");
	put_file("sys/kernel/debug/kvm/pf_taken", "7\n");
	assert_false(host_in_use(top, who, sizeof(who)));
	put_file("sys/module/kvm_amd/refcnt", "1\n");
	assert_true(host_in_use(top, who, sizeof(who)));
	assert_string_equal(who, "a virtual machine is using it");
	put_file("sys/module/kvm_amd/refcnt", "0\n");
	put_file("sys/kernel/debug/kvm/4711-12/pf_taken", "7\n");
	assert_true(host_in_use(top, who, sizeof(who)));
	assert_string_equal(who, "process 4711 has a virtual machine");
}

static void settings_are_put_back(void **state)
{
	(void)state;
	put_file(THP, "always [madvise] never\n");
	put_file(KSM, "1\n");
	host_quiet(top);
	assert_true(begins(THP, "never"));
	assert_true(begins(KSM, "0"));
	host_restore(NULL);
	assert_true(begins(THP, "madvise"));
	assert_true(begins(KSM, "1"));
}

static void killed(void **state)
{
	pid_t pid;

	(void)state;
	put_file(THP, "[always] madvise never\n");
	put_file(KSM, "1\n");
	pid = fork();
	if (!pid) {
		host_quiet(top);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && !begins(KSM, "1"); i++)
		usleep(50000);
	assert_true(begins(THP, "always"));
	assert_true(begins(KSM, "1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_uses_kvm),
		cmocka_unit_test(settings_are_put_back),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests_name("host", tests, setup, teardown);
}
