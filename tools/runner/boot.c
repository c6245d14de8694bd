// SPDX-License-Identifier: GPL-2.0-only
/*
 * One boot: start a machine, read its port until the end of file, and bound everything in time.
 *
 * The bounds run on a fair clock: wall-clock time less the time that the machine's threads were
 * ready to run and the host gave them no CPU. A starved host is slow; it is no hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

#define TICK_MS			250
#define BEGIN_BOUND_MS		120000	/* power-on to @begin, emulated */
#define SILENCE_BOUND_MS	120000	/* there is an @live event each second */
#define DYING_BOUND_MS		10000	/* silence after an oops: its lock is never given back */
#define LOST_BOUND_MS		5000	/* end of file to the end of the process */
#define SCENARIO_EXTRA_MS	60000

const char *boot_end_name(enum boot_end end)
{
	static const char * const names[] = {
		[BOOT_RUNNING] = "running",
		[BOOT_ENDED] = "ended",
		[BOOT_REBOOT] = "reboot",
		[BOOT_EXITED] = "exited",
		[BOOT_NO_BEGIN] = "no-begin",
		[BOOT_HUNG] = "hung",
		[BOOT_NO_POWEROFF] = "no-poweroff",
		[BOOT_STOPPED] = "stopped",
	};

	return names[end];
}

static void log_events(struct boot *b, const char *data, size_t len)
{
	errno = ENOSPC;		/* what a short write means */
	if (b->events_log >= 0 && write(b->events_log, data, len) != (ssize_t)len)
		results_trouble(b->run, "events.log: %s", strerror(errno));
	/* the machine that runs it may be the one that dies */
	if (b->events_log >= 0 && b->run->opt.host)
		fdatasync(b->events_log);
}

/* Reads what there is; true at the end of file. */
static bool read_port(struct boot *b)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(b->m.port, buf, sizeof(buf))) > 0) {
		log_events(b, buf, n);
		b->fair_event = b->fair_ms;
		port_feed(&b->port, buf, n);
	}
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void tick(struct boot *b, uint64_t *last, uint64_t *last_delay_ns)
{
	uint64_t now = now_ms(), delay_ns = proc_run_delay_ns(&b->m.proc);
	uint64_t wall = now - *last;
	uint64_t starved = delay_ns > *last_delay_ns ? (delay_ns - *last_delay_ns) / 1000000 : 0;

	b->fair_ms += starved < wall ? wall - starved : 0;
	*last = now;
	*last_delay_ns = delay_ns;
}

static uint64_t bound(uint64_t ms)
{
	return env_ms("PFN_BOUND_MS", ms);
}

/* Was there an oops? A look at the console each two seconds at most. */
static bool dying(struct boot *b)
{
	struct splat splat;
	char *text;
	bool found;

	if (b->fair_ms - b->fair_looked < 2000)
		return false;
	b->fair_looked = b->fair_ms;
	text = console_read(b->run, b->run->console_boot, -1);
	found = console_find(text, true, &splat);
	free(text);
	return found;
}

static enum boot_end check_bounds(struct boot *b)
{
	uint64_t now = b->fair_ms;

	if (b->closing)
		return now - b->fair_end > bound(b->m.poweroff_ms) ? BOOT_NO_POWEROFF :
		       BOOT_RUNNING;
	if (!b->begun)
		return now > bound(BEGIN_BOUND_MS) ? BOOT_NO_BEGIN : BOOT_RUNNING;
	if (now - b->fair_event > bound(SILENCE_BOUND_MS))
		return BOOT_HUNG;
	if (now - b->fair_event > bound(DYING_BOUND_MS) && dying(b))
		return BOOT_HUNG;
	if (b->running && now - b->fair_scenario >
	    bound(b->running->budget_ms * 3 + SCENARIO_EXTRA_MS))
		return BOOT_HUNG;
	return BOOT_RUNNING;
}

static enum boot_end how_it_ended(const struct boot *b)
{
	if (b->rebooting)
		return BOOT_REBOOT;
	if (b->ended)
		return BOOT_ENDED;
	return b->begun ? BOOT_EXITED : BOOT_NO_BEGIN;
}

static void watch(struct boot *b)
{
	struct run *run = b->run;
	uint64_t last = now_ms(), delay_ns = 0, eof_at = 0;

	while (b->end == BOOT_RUNNING) {
		struct pollfd fd[2] = {
			{ .fd = run->signal_fd, .events = POLLIN },
			{ .fd = b->m.port, .events = POLLIN },
		};
		bool exited;

		poll(fd, eof_at ? 1 : 2, TICK_MS);
		signals_poll(run);
		tick(b, &last, &delay_ns);
		/* First whether it is over, then the port: so nothing that it wrote is missed. */
		exited = proc_check(&b->m.proc);
		if (!eof_at && read_port(b))
			eof_at = b->fair_ms ? b->fair_ms : 1;
		live_update(b);
		if (run->interrupted || run->stop)
			b->end = BOOT_STOPPED;
		else if (exited)
			b->end = how_it_ended(b);
		else if (eof_at && !b->closing)
			b->end = b->fair_ms - eof_at > bound(LOST_BOUND_MS) ? BOOT_EXITED :
				 BOOT_RUNNING;
		else
			b->end = check_bounds(b);
	}
}

static void open_events_log(struct boot *b)
{
	char *path = format("%s/events.log", b->run->dir);

	b->events_log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (b->events_log < 0)
		results_trouble(b->run, "%s: %s", path, strerror(errno));
	b->events_from = file_size(b->run->dir, "events.log");
	free(path);
}

static bool start(struct boot *b)
{
	struct run *run = b->run;
	char *initrd = NULL;
	bool ok;

	if (run->opt.host)
		return host_start(run, &b->m, b->list, b->nr, b->ms);
	ok = build_initrd(run, b->list, b->nr, b->ms, &initrd) &&
	     qemu_start(run, &b->m, initrd, b->list[0]->conf.params);
	free(initrd);
	return ok;
}

static void record(struct boot *b)
{
	json_t *boot = json_object(), *names = json_array();

	for (size_t i = 0; i < b->nr; i++)
		json_array_append_new(names, json_string(b->list[i]->conf.name));
	json_object_set_new(boot, "number", json_integer(b->number));
	json_object_set_new(boot, "end", json_string(boot_end_name(b->end)));
	json_object_set_new(boot, "ms", json_integer(b->finish - b->start));
	if (b->begun)
		json_object_set_new(boot, "begin_ms", json_integer(b->begin - b->start));
	if (*b->taint)
		json_object_set_new(boot, "taint", json_string(b->taint));
	if (*b->reboot_reason)
		json_object_set_new(boot, "reason", json_string(b->reboot_reason));
	proc_describe(&b->m.proc, b->process, sizeof(b->process));
	json_object_set_new(boot, "process", json_string(b->process));
	json_object_set_new(boot, "garbled_lines", json_integer(b->port.garbled));
	json_object_set_new(boot, "scenarios", names);
	if (*b->list[0]->conf.params)
		json_object_set_new(boot, "params", json_string(b->list[0]->conf.params));
	json_array_append_new(b->run->boots, boot);
}

/* Where its logs are in the files of all boots, for judge. */
static void record_logs(struct boot *b)
{
	struct run *run = b->run;
	json_t *boot = json_array_get(run->boots, json_array_size(run->boots) - 1);

	json_object_set_new(boot, "events", json_pack("[I, I]", (json_int_t)b->events_from,
			    (json_int_t)file_size(run->dir, "events.log")));
	json_object_set_new(boot, "console", json_pack("[I, I]", (json_int_t)run->console_boot,
			    (json_int_t)console_size(run)));
}

void boot_run(struct run *run, struct srun **list, size_t nr, uint64_t ms)
{
	struct boot *b = calloc(1, sizeof(*b));

	b->run = run;
	b->number = json_array_size(run->boots) + 1;
	b->list = list;
	b->nr = nr;
	b->ms = ms;
	b->m.port = -1;
	b->port.on_event = judge_event;
	b->port.arg = b;
	run->console_boot = console_size(run);
	b->start = now_ms();
	if (!run->first_boot_ms)
		run->first_boot_ms = b->start;
	live_phase(run, "boot");
	open_events_log(b);
	if (start(b)) {
		watch(b);
		/* The status has to be read before the group is gone. */
		b->finish = now_ms();
		record(b);
		if (!b->m.proc.exited)
			proc_end(&b->m.proc, b->end == BOOT_STOPPED ? 1000 : 0);
		else
			proc_end(&b->m.proc, 0);
		read_port(b);
		port_eof(&b->port);
		close(b->m.port);
		record_logs(b);
		judge_death(b);
	} else if (!*run->error && !run->interrupted) {
		snprintf(run->error, sizeof(run->error), "can not start the machine: %s",
			 strerror(errno));
		run->error_status = EXIT_FAIL;
	}
	if (b->events_log >= 0)
		close(b->events_log);
	free(b);
}
