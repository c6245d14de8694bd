// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a run needs, in the order in which one thing needs the other. Every step is a script of
 * tools/vm that prints the path of what it made (docs/architecture.md) and costs next to nothing
 * when it was made before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"

#define KSRC_DEFAULT	"6.1"	/* tests linked to this library run on all kernels */

static char *tool(struct run *run, const char *script, const char *a, const char *b, const char *c)
{
	char *path = format("%s/%s", run->vm_dir, script);
	char *argv[] = { path, (char *)a, (char *)b, (char *)c, NULL };
	char *line;
	int status;

	live_phase(run, script);
	line = proc_last_line(run, argv, &status);
	if (!line && !run->interrupted) {
		snprintf(run->error, sizeof(run->error), "%s%s%s failed", script, a ? " " : "",
			 a ? a : "");
		run->error_status = status == EXIT_USAGE ? EXIT_USAGE : EXIT_FAIL;
	}
	free(path);
	return line;
}

static bool step(struct run *run, char **result, const char *script, const char *a, const char *b,
		 const char *c)
{
	*result = tool(run, script, a, b, c);
	return *result;
}

static void learn_versions(struct run *run)
{
	struct tool_paths *p = &run->path;
	char *argv[] = { format("%s/qemu", p->qemu), "--version", NULL };
	char *line;
	int status;

	read_line_file(p->kernel, "release", run->kernel_release, sizeof(run->kernel_release));
	read_line_file(p->kernel, "version", run->kernel_version, sizeof(run->kernel_version));
	line = format("%s/config", p->kernel);
	result_learn_config(run, line);
	free(line);
	/* The copyright is the last line, the version the first: ask for the first. */
	argv[0] = format("exec \"%s\" --version | sed -n '1s/^QEMU emulator version //p'", argv[0]);
	line = proc_last_line(run, (char *[]){ "/bin/sh", "-c", argv[0], NULL }, &status);
	snprintf(run->qemu_version, sizeof(run->qemu_version), "%s", line ? line : "unknown");
	free(line);
}

/* A kernel image of the user's own may come without what a module is built with: go on without. */
static bool helper_module(struct run *run)
{
	struct tool_paths *p = &run->path;

	if (step(run, &p->headers, "fetch-headers.sh", run->opt.kernel, NULL, NULL))
		return step(run, &p->module, "build-module.sh", p->headers, NULL, NULL);
	if (run->interrupted || !strchr(run->opt.kernel, '/') || run->error_status != EXIT_USAGE)
		return false;
	say("kvm-pfn-stress: no helper module for this kernel: what needs it is skipped");
	run->error_status = EXIT_PASS;
	*run->error = '\0';
	p->module = format("-");
	return true;
}

/* The cache keeps what was used last; a long run needs its own for each boot. */
static bool hold(struct run *run, char **path)
{
	char *own = format("%s/base", run->tmp);

	if (link(*path, own)) {
		snprintf(run->error, sizeof(run->error), "can not link %s: %s", *path,
			 strerror(errno));
		free(own);
		return false;
	}
	free(*path);
	*path = own;
	return true;
}

bool build_all(struct run *run)
{
	struct tool_paths *p = &run->path;
	const char *ksrc = run->opt.ksrc, *kernel = run->opt.kernel;
	char *known;

	if (run->opt.kernel_modules)
		setenv("PFN_KERNEL_MODULES", run->opt.kernel_modules, 1);
	if (run->opt.no_install)
		setenv("PFN_NO_INSTALL", "1", 1);
	if (run->opt.verbose)
		setenv("PFN_VERBOSE", "1", 1);
	setenv("PFN_CACHE", run->cache, 1);
	known = format("%s/known-issues", run->configs);
	setenv("PFN_KNOWN_ISSUES", known, 1);
	free(known);

	if (!run->opt.host && !step(run, &p->kernel, "fetch-kernel.sh", kernel, NULL, NULL))
		return false;
	if (!ksrc) {
		if (!step(run, &p->source, "fetch-source.sh", KSRC_DEFAULT, NULL, NULL))
			return false;
		ksrc = p->source;
	}
	if (!step(run, &p->lib, "build-lib.sh", ksrc, NULL, NULL) ||
	    !step(run, &p->suite, "build-suite.sh", p->lib, NULL, NULL))
		return false;
	if (run->opt.host) {
		p->headers = format("/boot/config-%s", run->kernel_release);
		result_learn_config(run, p->headers);
		free(p->headers);
		p->headers = format("/lib/modules/%s/build", run->kernel_release);
		return step(run, &p->module, "build-module.sh", p->headers, NULL, NULL);
	}
	if (!helper_module(run) ||
	    !step(run, &p->initramfs, "initramfs.sh", p->kernel, p->suite, p->module) ||
	    !hold(run, &p->initramfs) ||
	    !step(run, &p->qemu, "fetch-qemu.sh", NULL, NULL, NULL))
		return false;
	learn_versions(run);
	return !run->interrupted;
}

/* One argument a line. */
void build_program_args(struct run *run, struct srun **list, size_t nr, uint64_t ms, FILE *out)
{
	fprintf(out, "--events\n--duration-ms\n%llu\n--seed\n%llu\n",
		(unsigned long long)(ms ? ms : 1), (unsigned long long)run->opt.seed);
	if (run->opt.vcpus)
		fprintf(out, "--vcpus\n%u\n", run->opt.vcpus);
	if (!run->opt.host)
		fprintf(out, "--scenario-dir\n/scenarios\n--known-issues\n/etc/known-issues\n");
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "--scenario\n%s\n", list[i]->conf.name);
	for (size_t i = 0; i < run->opt.nr_explorers; i++)
		fprintf(out, "--explorers\n%s\n", run->opt.explorers[i]);
}

static bool write_args(struct run *run, struct srun **list, size_t nr, uint64_t ms,
		       const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	build_program_args(run, list, nr, ms, file);
	return !fclose(file);
}

/* The kernel reads archives one after the other; each begins at a multiple of four bytes. */
static bool join(const char *base, const char *overlay, const char *path)
{
	static const char zero[512];
	struct stat st;
	bool ok;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	ok = copy_append(base, fd) && !fstat(fd, &st) &&
	     write(fd, zero, -st.st_size & 511) == (-st.st_size & 511) && copy_append(overlay, fd);
	return !close(fd) && ok;
}

/* base + overlay: arguments, scenario files and the user's modules differ, the rest stays. */
bool build_initrd(struct run *run, struct srun **list, size_t nr, uint64_t ms, char **path)
{
	char *overlay = format("%s/overlay.cpio", run->tmp);
	char *args = format("%s/args", run->tmp);
	char *scenarios = format("%s/scenarios", run->configs);
	char *script = format("%s/overlay.sh", run->vm_dir);
	const char *modules = run->opt.modules ? run->opt.modules : "-";
	char *argv[] = { script, overlay, args, (char *)modules, scenarios, NULL };
	bool ok = false;
	char *made;
	int status;

	*path = format("%s/initrd", run->tmp);
	if (!write_args(run, list, nr, ms, args)) {
		snprintf(run->error, sizeof(run->error), "can not write %s: %s", args,
			 strerror(errno));
		goto out;
	}
	made = proc_last_line(run, argv, &status);
	if (made && join(run->path.initramfs, made, *path))
		ok = true;
	else if (!run->interrupted)
		snprintf(run->error, sizeof(run->error), "%s",
			 made ? "can not write the initramfs" : "overlay.sh failed");
	free(made);
out:
	if (!ok)
		run->error_status = EXIT_FAIL;
	free(overlay);
	free(args);
	free(scenarios);
	free(script);
	return ok;
}
