// SPDX-License-Identifier: GPL-2.0-only
/*
 * Builds in the background while something is exposed: what the plan says will be asked next. One
 * at a time; what is not asked for any more is stopped. A failed build is not evidence: if the
 * commit is asked for, its build fails again, in the foreground.
 */
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bisect.h"

static void stop(struct bisect *b)
{
	if (b->ahead.running)
		proc_end(&b->ahead.proc, 3000);
	b->ahead.running = NULL;
}

/* Seconds until it is built, if it is being built; else @guess. */
double ahead_left(const struct bisect *b, const char *id, double guess)
{
	if (!b->ahead.running || strcmp(b->ahead.running, id))
		return guess;
	return fmax(1, guess - (now_ms() - b->ahead.began) / 1000.0);
}

/* Ends what none of @plan asks for. What it asks for is built by ahead_poll(). */
void ahead_want(struct bisect *b, const struct plan *plan)
{
	bool wanted = false;

	for (b->ahead.nr = 0; b->ahead.nr < plan->nr_build; b->ahead.nr++) {
		b->ahead.queue[b->ahead.nr] = b->h.c[plan->build[b->ahead.nr]].id;
		wanted |= b->ahead.running &&
			  !strcmp(b->ahead.running, b->ahead.queue[b->ahead.nr]);
	}
	if (!wanted)
		stop(b);
}

/* Kernels: the tree that is being exposed is left alone (build-kernel.sh). */
static void start(struct bisect *b, const char *id)
{
	char *log = format("%s/ahead.log", b->dir), *out = format("%s/ahead.out", b->dir);
	int err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	char **argv = build_command(b, id, true);
	struct spawn spawn = { .argv = argv, .out = fd, .err = err, .keep = -1 };

	setenv("PFN_KERNEL_BUSY", b->in_use ?: "", 1);
	if (fd >= 0 && proc_start(&b->ahead.proc, &spawn)) {
		b->ahead.running = id;
		b->ahead.began = now_ms();
	}
	unsetenv("PFN_KERNEL_BUSY");
	build_free_command(argv);
	if (fd >= 0)
		close(fd);
	if (err >= 0)
		close(err);
	free(log);
	free(out);
}

static void take(struct bisect *b)
{
	char *out = format("%s/ahead.out", b->dir), line[4096] = "";
	FILE *f = b->ahead.proc.status ? NULL : fopen(out, "r");
	const char *id = b->ahead.running;

	while (f && fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	if (*line)
		build_note(b, id, line);
	else
		b->ahead.failed[history_find(&b->h, id)] = true;
	say("bisect: built ahead: %.12s%s", id, *line ? "" : " failed");
	free(out);
	stop(b);
}

/* Call it now and then: takes what is built, and builds the next. */
void ahead_poll(struct bisect *b)
{
	if (b->ahead.running && proc_check(&b->ahead.proc))
		take(b);
	for (unsigned int i = 0; i < b->ahead.nr && !b->ahead.running; i++) {
		int x = history_find(&b->h, b->ahead.queue[i]);

		if (!b->ahead.failed[x] && !b->built[b->h.c[x].same])
			start(b, b->h.c[x].id);
	}
}

/*
 * Before @id is built in the foreground: it may be on its way; what else is built is stopped.
 * Without @id nothing is built any more.
 */
void ahead_wait(struct bisect *b, const char *id)
{
	int x = id ? history_find(&b->h, id) : -1;

	if (x >= 0 && b->built[b->h.c[x].same])
		return;
	b->ahead.nr = 0;
	while (b->ahead.running && x >= 0 && !b->host.interrupted &&
	       !strcmp(b->ahead.running, b->h.c[b->h.c[x].same].id)) {
		struct pollfd fd = { .fd = b->host.signal_fd, .events = POLLIN };

		poll(&fd, 1, 500);
		signals_poll(&b->host);
		ahead_poll(b);
	}
	stop(b);
}
