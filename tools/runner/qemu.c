// SPDX-License-Identifier: GPL-2.0-only
/*
 * One throw-away virtual machine: two NUMA nodes, no devices but a console that goes to a file and
 * a virtio port for the results. The port is one end of a socket pair: what QEMU has written before
 * it died can still be read, whatever it died of.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner.h"

#define ARGS_MAX	80
/*
 * slab_nomerge: the resources oracle counts objects of single caches. no_timer_check: on a busy host an
 * emulated machine loses so many ticks that check_timer() gives up, "IO-APIC + timer doesn't work".
 */
#define KERNEL_ARGS	"console=ttyS0 panic=-1 printk.time=1 slab_nomerge log_buf_len=4M no_timer_check"
#define PORT_NAME	"org.kvm-pfn-stress.results"

struct args {
	char *v[ARGS_MAX];
	size_t nr;
};

static void add(struct args *a, const char *s)
{
	if (a->nr < ARGS_MAX - 1)
		a->v[a->nr++] = format("%s", s);
}

__printf(3, 4)
static void add_opt(struct args *a, const char *name, const char *fmt, ...)
{
	va_list ap;

	add(a, name);
	va_start(ap, fmt);
	if (a->nr < ARGS_MAX - 1 && vasprintf(&a->v[a->nr], fmt, ap) >= 0)
		a->nr++;
	va_end(ap);
}

static void free_args(struct args *a)
{
	for (size_t i = 0; i < a->nr; i++)
		free(a->v[i]);
}

/* At run time no GiB is in one piece, and at boot only if the kernel does not lie in it by chance. */
#define GIGANTIC_ARGS	" hugepagesz=1G hugepages=1:1 nokaslr"
#define GIGANTIC_MB	4096		/* of so much memory it can be spared */

static bool nested_enabled(const char *module)
{
	char *dir = format("/sys/module/%s/parameters", module);
	char value[8] = "";
	bool ok;

	ok = read_line_file(dir, "nested", value, sizeof(value)) && strchr("1Y", value[0]);
	free(dir);
	return ok;
}

/* Nested KVM is what is wanted; else TCG emulates a CPU with SVM. /dev/kvm is not opened here. */
void qemu_choose_accel(struct run *run)
{
	bool kvm;

	if (run->opt.accel)
		kvm = !strcmp(run->opt.accel, "kvm");
	else
		kvm = (nested_enabled("kvm_amd") || nested_enabled("kvm_intel")) &&
		      !access("/dev/kvm", R_OK | W_OK);
	strcpy(run->accel, kvm ? "kvm" : "tcg");
	run->smp = sysconf(_SC_NPROCESSORS_ONLN);
	if (run->smp > 4)
		run->smp = 4;
	if (run->opt.vcpus)
		run->smp = run->opt.vcpus;
	if (run->smp < 2)
		run->smp = 2;
	/* TCG loses SVM state of CPU 0, where no vCPU may run: docs/findings/emulator.md */
	if (!kvm)
		run->smp++;
}

static void numa_args(struct run *run, struct args *a)
{
	unsigned int half = (run->smp + 1) / 2, mem = run->opt.memory_mb / 2;

	for (int node = 0; node < 2; node++) {
		unsigned int first = node ? half : 0, last = node ? run->smp - 1 : half - 1;

		add_opt(a, "-object", "memory-backend-ram,id=node%d,size=%uM", node, mem);
		add_opt(a, "-numa", "node,nodeid=%d,cpus=%u-%u,memdev=node%d", node, first, last,
			node);
	}
}

static void machine_args(struct run *run, struct args *a, const char *initrd, const char *params,
			 int port)
{
	bool kvm = !strcmp(run->accel, "kvm");
	const char *extra = getenv("PFN_KERNEL_ARGS");

	add_opt(a, "-name", "kvm-pfn-stress");
	add_opt(a, "-M", "q35");
	add_opt(a, "-accel", "%s", kvm ? "kvm" : "tcg,thread=multi");
	add_opt(a, "-cpu", "%s", kvm ? "host" : "max");
	/* A socket for each CPU: cores of one socket on two nodes make the guest kernel WARN. */
	add_opt(a, "-smp", "%u,sockets=%u,cores=1,threads=1", run->smp, run->smp);
	add_opt(a, "-m", "%uM", run->opt.memory_mb / 2 * 2);
	numa_args(run, a);
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add_opt(a, "-display", "none");
	add(a, "-no-reboot");
	add_opt(a, "-chardev", "file,id=console,path=%s/console.log,append=on", run->dir);
	add_opt(a, "-serial", "chardev:console");
	add_opt(a, "-device", "virtio-serial-pci");
	add_opt(a, "-chardev", "socket,id=results,fd=%d", port);
	add_opt(a, "-device", "virtserialport,chardev=results,name=%s", PORT_NAME);
	add_opt(a, "-kernel", "%s/vmlinuz", run->path.kernel);
	add_opt(a, "-initrd", "%s", initrd);
	/* modprobe reads the parameters of modules there, and so do modules that are built in */
	add_opt(a, "-append", "%s%s%s%s%s%s", KERNEL_ARGS,
		run->opt.memory_mb >= GIGANTIC_MB ? GIGANTIC_ARGS : "", *params ? " " : "", params,
		extra ? " " : "", extra ? extra : "");
}

/* So that a person can start the very same machine: quoted for a shell. */
static void save_command(struct run *run, const struct args *a)
{
	char *path = format("%s/qemu-cmd", run->dir);
	FILE *file = fopen(path, "ae");

	if (!file) {
		results_trouble(run, "%s: %s", path, strerror(errno));
		free(path);
		return;
	}
	for (size_t i = 0; i < a->nr; i++) {
		bool plain = !strpbrk(a->v[i], " '\"$&;|<>()*?\\");

		fprintf(file, "%s%s%s%s", i ? " " : "", plain ? "" : "'", a->v[i],
			plain ? "" : "'");
	}
	fputc('\n', file);
	if (fclose(file))
		results_trouble(run, "%s: %s", path, strerror(errno));
	free(path);
}

bool qemu_start(struct run *run, struct machine *m, const char *initrd, const char *params)
{
	struct args a = { .nr = 0 };
	struct spawn how;
	int fds[2], log;
	char *path;
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return false;
	a.v[a.nr++] = format("%s/qemu", run->path.qemu);
	machine_args(run, &a, initrd, params, fds[1]);
	save_command(run, &a);
	path = format("%s/qemu.log", run->dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	free(path);
	how.argv = a.v;
	how.out = log;
	how.err = log;
	how.keep = fds[1];
	ok = proc_start(&m->proc, &how);
	if (log >= 0)
		close(log);
	close(fds[1]);
	free_args(&a);
	if (!ok) {
		close(fds[0]);
		return false;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	m->port = fds[0];
	m->poweroff_ms = 20000;
	return true;
}
