// SPDX-License-Identifier: GPL-2.0-only
/*
 * report judge: decides again from the logs that a run left, by the rules of today: known issues, what
 * the kernel's log must not hold, what a pass needs. Each boot's part of events.log goes through the
 * code that judged it the first time, with its part of console.log. What the program found stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

static int64_t number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

json_t *rejudge_old(const struct run *run, const struct srun *s)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(run->old, "scenarios"), i, o)
		if (!strcmp(get_text(o, "name"), s->conf.name))
			return o;
	return NULL;
}

uint64_t rejudge_ms(const struct run *run, const struct srun *s)
{
	return json_number_value(json_object_get(rejudge_old(run, s), "seconds")) * 1000 + 0.5;
}

unsigned int rejudge_machine_pct(const struct run *run, const struct srun *s)
{
	json_t *pct = json_object_get(rejudge_old(run, s), "machine_pct");

	return pct ? json_integer_value(pct) : 100;
}

/* A stack was decoded with the kernel at hand: what is there is better than what could be had now. */
char *rejudge_stack(const struct run *run, const struct srun *s, const char *fingerprint)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(rejudge_old(run, s), "failures"), i, f)
		if (!strcmp(get_text(f, "fingerprint"), fingerprint) && *get_text(f, "stack"))
			return format("%s", get_text(f, "stack"));
	return NULL;
}

/* The logs' parts of a boot; a single boot has all of them. */
static bool find_parts(struct run *run, json_t *boot, json_int_t *events, json_int_t *console)
{
	if (json_unpack(boot, "{s:[I, I], s:[I, I]}", "events", &events[0], &events[1], "console",
			&console[0], &console[1]) >= 0)
		return true;
	events[0] = console[0] = 0;
	events[1] = console[1] = LONG_MAX;
	return json_array_size(run->boots) == 1;
}

static bool link_log(struct run *run, const char *dir, const char *name)
{
	char *from = format("%s/%s", dir, name), *to = format("%s/%s", run->dir, name);
	char *target = realpath(from, NULL);
	/* a run that never got as far as a boot has none */
	bool ok = !target || !symlink(target, to);

	if (!ok)
		say("kvm-pfn-stress: %s: %s", to, strerror(errno));
	free(target);
	free(to);
	free(from);
	return ok;
}

/* After plan_make(); before anything is written. */
bool rejudge_load(struct run *run, const char *dir)
{
	char *path = format("%s/result.json", dir);
	json_int_t part[2];
	json_t *o;
	size_t i;

	run->old = json_load_file(path, 0, NULL);
	free(path);
	if (!json_object_get(run->old, "exit")) {
		say("kvm-pfn-stress: judge: that run did not come to its end: ./run.sh resume %s", dir);
		return false;
	}
	json_array_foreach(json_object_get(run->old, "scenarios"), i, o) {
		struct srun *s = plan_find(run, get_text(o, "name"));

		if (!s) {
			say("kvm-pfn-stress: judge: there is no scenario '%s' any more",
			    get_text(o, "name"));
			return false;
		}
		/* the cells that there were then */
		cells_take(s, json_object_get(o, "cells"));
	}
	run->boots = json_incref(json_object_get(run->old, "boots"));
	json_array_foreach(run->boots, i, o)
		if (!find_parts(run, o, part, part)) {
			say("kvm-pfn-stress: judge: %s is too old: it does not say where each boot "
			    "begins in its logs", dir);
			return false;
		}
	return true;
}

static void feed(struct run *run, struct boot *b, long from, long to)
{
	char *path = format("%s/events.log", run->dir), buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		results_trouble(run, "%s: %s", path, strerror(errno));
	for (; fd >= 0 && from < to; from += n) {
		n = pread(fd, buf, to - from < (long)sizeof(buf) ? to - from : (long)sizeof(buf), from);
		if (n <= 0)
			break;
		port_feed(&b->port, buf, n);
	}
	port_eof(&b->port);
	if (fd >= 0)
		close(fd);
	free(path);
}

static enum boot_end to_end(const char *name)
{
	enum boot_end end = BOOT_STOPPED;

	while (end > BOOT_RUNNING && strcmp(boot_end_name(end), name))
		end--;
	return end > BOOT_RUNNING ? end : BOOT_EXITED;
}

static void judge_boot(struct run *run, json_t *boot)
{
	struct boot *b = calloc(1, sizeof(*b));
	json_int_t events[2], console[2];
	json_t *name;
	size_t i;

	find_parts(run, boot, events, console);
	b->run = run;
	b->number = number(boot, "number");
	b->list = calloc(json_array_size(json_object_get(boot, "scenarios")) + 1, sizeof(*b->list));
	json_array_foreach(json_object_get(boot, "scenarios"), i, name) {
		struct srun *s = plan_find(run, json_string_value(name) ?: "");

		if (s)
			b->list[b->nr++] = s;
	}
	b->port.on_event = judge_event;
	b->port.arg = b;
	snprintf(b->process, sizeof(b->process), "%s", get_text(boot, "process"));
	run->console_boot = console[0];
	run->console_end = console[1];
	feed(run, b, events[0], events[1]);
	b->end = to_end(get_text(boot, "end"));
	judge_death(b);
	free(b->list);
	free(b);
}

void rejudge_run(struct run *run, const char *dir)
{
	json_t *kernel = json_object_get(run->old, "kernel"), *boot;
	int status = number(run->old, "exit");
	size_t i;

	if (!link_log(run, dir, "events.log") || !link_log(run, dir, "console.log"))
		run->disk_failed = true;
	snprintf(run->judged_by, sizeof(run->judged_by), "%s", run->commit);
	snprintf(run->commit, sizeof(run->commit), "%s", get_text(run->old, "commit"));
	snprintf(run->kernel_release, sizeof(run->kernel_release), "%s", get_text(kernel, "release"));
	snprintf(run->accel, sizeof(run->accel), "%s",
		 get_text(json_object_get(run->old, "machine"), "accel"));
	snprintf(run->boot_id, sizeof(run->boot_id), "%s", get_text(run->old, "boot_id"));
	ktap_begin(run);
	json_array_foreach(run->boots, i, boot)
		judge_boot(run, boot);
	/* What was no matter of the logs. */
	if (json_is_true(json_object_get(run->old, "interrupted")))
		run->interrupted = status - 128;
	if (*get_text(run->old, "error")) {
		snprintf(run->error, sizeof(run->error), "%s", get_text(run->old, "error"));
		run->error_status = status;
	}
	if (status == EXIT_FAIL && strcmp(get_text(run->old, "verdict"), "fail"))
		run->disk_failed = true;
}

/* How often what failed then did so again. */
void rejudge_repeats(struct run *run)
{
	for (size_t i = 0; i < run->nr; i++) {
		struct srun *s = &run->s[i];

		s->repeat = json_incref(json_object_get(rejudge_old(run, s), "repeat"));
		if (s->repeat && s->verdict == VERDICT_FAIL)
			repeat_report(run, s);
	}
}

/* What is decided otherwise now. */
void rejudge_compare(struct run *run)
{
	for (size_t i = 0; i < run->nr; i++) {
		const struct srun *s = &run->s[i];
		json_t *old = rejudge_old(run, s);

		if (strcmp(get_text(old, "verdict"), verdict_name(s->verdict)))
			ktap_note(run, "%s: was %s, is %s by the rules of today", s->conf.name,
				  get_text(old, "verdict"), verdict_name(s->verdict));
	}
}
