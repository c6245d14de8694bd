// SPDX-License-Identifier: GPL-2.0-only
/*
 * --host: the kernel that runs here is the one under test, on a lab device or in a CI job's VM.
 * What /init does in a virtual machine is done here, and undone on every way out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runner.h"

/* Pages stand still unless something is meant to move them. */
static struct setting {
	const char *path, *quiet;
	char saved[128];
} settings[] = {
	{ "sys/kernel/mm/transparent_hugepage/enabled", "never", "" },
	{ "sys/kernel/mm/transparent_hugepage/defrag", "never", "" },
	{ "sys/kernel/mm/transparent_hugepage/shmem_enabled", "never", "" },
	{ "sys/kernel/mm/ksm/run", "0", "" },
	{ "proc/sys/kernel/numa_balancing", "0", "" },
	{ "proc/sys/vm/compaction_proactiveness", "0", "" },
	{ "proc/sys/debug/kprobes-optimization", "0", "" },
};

static bool helper_loaded, hwpoison_loaded;
static const char *root = "/";
static int guard_fd = -1;	/* its other end: a guardian that sees this process die */

static bool put(const char *name, const char *value)
{
	char *path = format("%s/%s", root, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	free(path);
	if (fd < 0)
		return false;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

/* "always [madvise] never": what stands in brackets is the value. */
static void choice(char *s)
{
	char *open = strchr(s, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return;
	*close = '\0';
	memmove(s, open + 1, close - open);
}

static bool module_in_use(const char *top, const char *name)
{
	char *dir = format("%s/sys/module/%s", top, name);
	char count[16] = "0";
	bool used;

	used = read_line_file(dir, "refcnt", count, sizeof(count)) && atoi(count) > 0;
	free(dir);
	return used;
}

bool host_in_use(const char *top, char *who, size_t size)
{
	char *path = format("%s/sys/kernel/debug/kvm", top);
	DIR *dir = opendir(path);
	struct dirent *e;
	int pid, fd;

	*who = '\0';
	/* PID-FD for each VM: KVM that is built in counts no users */
	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, "%d-%d", &pid, &fd) == 2)
			snprintf(who, size, "process %d has a virtual machine", pid);
	if (dir)
		closedir(dir);
	free(path);
	if (!*who && (module_in_use(top, "kvm_amd") || module_in_use(top, "kvm_intel")))
		snprintf(who, size, "a virtual machine is using it");
	return *who;
}

bool host_check(struct run *run)
{
	struct utsname uts;
	char *kdir, who[64];
	bool ok = true;

	uname(&uts);
	snprintf(run->kernel_release, sizeof(run->kernel_release), "%s", uts.release);
	snprintf(run->kernel_version, sizeof(run->kernel_version), "%s", uts.version);
	run->opt.kernel = format("%s", uts.release);
	strcpy(run->accel, "host");
	kdir = format("/lib/modules/%s/build", uts.release);
	if (geteuid()) {
		say("kvm-pfn-stress: --host needs root");
		ok = false;
	} else if (access("/dev/kvm", F_OK)) {
		say("kvm-pfn-stress: --host needs KVM, and there is no /dev/kvm");
		ok = false;
	} else if (host_in_use("/", who, sizeof(who))) {
		say("kvm-pfn-stress: --host needs KVM for itself, %s", who);
		ok = false;
	} else if (access(kdir, F_OK)) {
		say("kvm-pfn-stress: --host builds a kernel module, and there is no %s", kdir);
		ok = false;
	}
	free(kdir);
	return ok;
}

static void put_back(void)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (*settings[i].saved && !put(settings[i].path, settings[i].saved))
			say("kvm-pfn-stress: cannot put back /%s, it was %s", settings[i].path,
			    settings[i].saved);
		*settings[i].saved = '\0';
	}
}

/* Waits for the end of this process, and puts things back if that came without host_restore(). */
static void guard(bool hwpoison)
{
	int p[2];
	char c = 0;

	if (guard_fd >= 0 || pipe2(p, O_CLOEXEC))
		return;
	if (fork()) {
		close(p[0]);
		guard_fd = p[1];
		return;
	}
	setsid();
	dup2(p[0], 3);
	close(0);
	close(1);
	syscall(SYS_close_range, 4, ~0u, 0);
	while (read(3, &c, 1) < 0 && errno == EINTR)
		;
	if (c == 'e')
		_exit(0);
	put_back();
	if (strcmp(root, "/"))
		_exit(0);
	/* the program under it dies as well: its own guardian needs a little time */
	for (int tries = 0; tries < 20; tries++) {
		usleep(500000);
		if (!syscall(SYS_delete_module, "pfn_helper", O_NONBLOCK) || errno == ENOENT)
			break;
	}
	if (!hwpoison)
		syscall(SYS_delete_module, "hwpoison_inject", O_NONBLOCK);
	_exit(0);
}

void host_quiet(const char *top)
{
	root = top;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		struct setting *s = &settings[i];

		if (*s->saved || !read_line_file(root, s->path, s->saved, sizeof(s->saved)))
			continue;
		choice(s->saved);
	}
	guard(!access("/sys/module/hwpoison_inject", F_OK));
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (*settings[i].saved)
			put(settings[i].path, settings[i].quiet);
}

/* Run a tool of kmod for 10 s at most; true if it said yes. */
static bool kmod(const char *tool, const char *arg)
{
	char *argv[] = { (char *)tool, (char *)arg, NULL };
	struct spawn how = { .argv = argv, .out = -1, .err = -1, .keep = -1 };
	struct proc p;
	bool ok;

	if (!proc_start(&p, &how))
		return false;
	proc_wait(&p, 10000);
	ok = p.exited && !p.status;
	proc_end(&p, 0);
	return ok;
}

void host_restore(struct run *run)
{
	for (int tries = 0; helper_loaded && tries < 20; tries++) {
		helper_loaded = !kmod("rmmod", "pfn_helper");
		if (helper_loaded)
			usleep(500000);
	}
	if (helper_loaded)
		say("kvm-pfn-stress: the module pfn_helper could not be unloaded");
	if (hwpoison_loaded)
		hwpoison_loaded = !kmod("rmmod", "hwpoison_inject");
	put_back();
	if (guard_fd >= 0) {
		if (write(guard_fd, "e", 1) != 1)
			say("kvm-pfn-stress: the guardian is gone");
		close(guard_fd);
		guard_fd = -1;
	}
	(void)run;
}

static bool load_helper(struct run *run)
{
	if (helper_loaded)
		return true;
	/* without it scenarios that poison pages are skipped, with the reason */
	if (access("/sys/module/hwpoison_inject", F_OK))
		hwpoison_loaded = kmod("modprobe", "hwpoison-inject");
	helper_loaded = kmod("insmod", run->path.module);
	if (!helper_loaded) {
		snprintf(run->error, sizeof(run->error), "can not load %s", run->path.module);
		run->error_status = EXIT_FAIL;
	}
	return helper_loaded;
}

static char **program_argv(struct run *run, struct srun **list, size_t nr, uint64_t ms)
{
	char *text = NULL, *save, *word;
	size_t size = 0, n = 0;
	char **argv;
	FILE *mem = open_memstream(&text, &size);

	build_program_args(run, list, nr, ms, mem);
	fclose(mem);
	argv = calloc(size + 8, sizeof(*argv));
	argv[n++] = run->path.suite;
	argv[n++] = "--scenario-dir";
	argv[n++] = format("%s/scenarios", run->configs);
	argv[n++] = "--known-issues";
	argv[n++] = format("%s/known-issues", run->configs);
	for (word = strtok_r(text, "\n", &save); word; word = strtok_r(NULL, "\n", &save))
		argv[n++] = word;
	return argv;
}

bool host_start(struct run *run, struct machine *m, struct srun **list, size_t nr, uint64_t ms)
{
	struct spawn how = { .keep = -1 };
	int fds[2], log;
	char *path;
	bool ok;

	host_quiet("/");
	if (!load_helper(run) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return false;
	path = format("%s/console.log", run->dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	free(path);
	how.argv = program_argv(run, list, nr, ms);
	how.out = fds[1];
	how.err = log;
	ok = proc_start(&m->proc, &how);
	if (log >= 0)
		close(log);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	m->port = fds[0];
	m->poweroff_ms = 20000;
	return ok;
}
