// SPDX-License-Identifier: GPL-2.0-only
/* The live line of a terminal; off a terminal a heartbeat every 30 s. Both on standard error. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runner.h"

#define HEARTBEAT_MS	30000
#define LIVE_MS		500

static bool shown;
static uint64_t last_ms, last_t_ms, last_faults, last_injections;
static uint64_t fault_rate, injection_rate;

static bool clear_line(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
	return true;
}

static bool on_terminal(void)
{
	static int tty = -1;

	if (tty < 0) {
		tty = isatty(2);
		say_set_live(clear_line);
	}
	return tty;
}

/* At most as wide as the terminal; whatever is printed next overwrites it. Frees the text. */
static void show(char *text)
{
	struct winsize size = { .ws_col = 0 };
	int width = 80;

	if (!ioctl(2, TIOCGWINSZ, &size) && size.ws_col > 4)
		width = size.ws_col;
	fprintf(stderr, "  %.*s\r", width - 3, text);
	fflush(stderr);
	shown = true;
	free(text);
}

/* What the runner does before there is anything to count; NULL: make room for another line. */
void live_phase(struct run *run, const char *what)
{
	(void)run;
	if (!on_terminal())
		return;
	clear_line();
	if (!what)
		return;
	show(format("%s ...", what));
}

static void update_rates(const struct boot *b)
{
	uint64_t ms = b->live_t_ms - last_t_ms;

	if (b->live_t_ms < last_t_ms || b->live_faults < last_faults) {
		/* another scenario */
		last_t_ms = last_faults = last_injections = 0;
		fault_rate = injection_rate = 0;
		ms = b->live_t_ms;
	}
	if (ms < 500)
		return;
	fault_rate = (b->live_faults - last_faults) * 1000 / ms;
	injection_rate = b->live_injections > last_injections ?
			 (b->live_injections - last_injections) * 1000 / ms : 0;
	last_t_ms = b->live_t_ms;
	last_faults = b->live_faults;
	last_injections = b->live_injections;
}

static char *status_line(const struct boot *b)
{
	const struct run *run = b->run;
	unsigned int done = 0, failed = 0;
	uint64_t elapsed, left;
	char *line, *rates;

	for (size_t i = 0; i < run->nr; i++) {
		done += run->s[i].done;
		failed += run->s[i].verdict == VERDICT_FAIL;
	}
	if (!b->begun)
		return format("boot %u of %s ...", b->number, run->opt.kernel);
	elapsed = b->running ? b->live_t_ms : 0;
	left = plan_left(run);
	left = left > elapsed ? left - elapsed : 0;
	rates = format("%llu faults/s  %llu injections/s  %llu hits",
		       (unsigned long long)fault_rate, (unsigned long long)injection_rate,
		       (unsigned long long)b->live_hits);
	line = format("%s%s%s %u/%zu  %s  %u failed  %llu:%02llu left",
		      b->running ? b->running->conf.name : b->closing ? "power off" : "between",
		      *b->phase && b->running ? " " : "", b->running ? b->phase : "",
		      done + !!b->running, run->nr, rates, failed,
		      (unsigned long long)left / 60000, (unsigned long long)left / 1000 % 60);
	free(rates);
	return line;
}

void live_update(struct boot *b)
{
	uint64_t now = now_ms();
	char *line;

	update_rates(b);
	if (!last_ms)
		last_ms = now;
	if (now - last_ms < (on_terminal() ? LIVE_MS : HEARTBEAT_MS))
		return;
	last_ms = now;
	line = status_line(b);
	if (on_terminal()) {
		clear_line();
		show(line);
	} else {
		say("  %s", line);
		free(line);
	}
}

void live_summary(struct run *run)
{
	uint64_t faults = 0, injections = 0, hits = 0;
	unsigned int count[4] = { 0 }, known = 0;

	for (size_t i = 0; i < run->nr; i++) {
		const struct srun *s = &run->s[i];

		count[s->verdict]++;
		faults += s->faults;
		injections += s->injections;
		hits += s->hits;
		known += s->known;
	}
	say("%s on %s: %u passed, %u failed, %u skipped%s", verdict_name(judge_run(run)),
	    *run->kernel_release ? run->kernel_release : run->opt.kernel, count[VERDICT_PASS],
	    count[VERDICT_FAIL], count[VERDICT_SKIP], run->interrupted ? ", interrupted" : "");
	say("  %llu faults, %llu injections, %llu window hits, %u known failure%s, seed %llu",
	    (unsigned long long)faults, (unsigned long long)injections, (unsigned long long)hits,
	    known, known == 1 ? "" : "s", (unsigned long long)run->opt.seed);
	if (run->host_trouble)
		say("  %u boot%s lost to trouble of the host, not counted as failures",
		    run->host_trouble, run->host_trouble == 1 ? "" : "s");
	say("  results in %s", run->dir);
}
