// SPDX-License-Identifier: GPL-2.0-only
/*
 * KTAP for three parsers that disagree: flat, constant names, reasons in diagnostics before
 * the result line, each line on its way before the next scenario begins.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner.h"

/*
 * What a guest said may stand in a diagnostic, and parsers search all lines for words of their own:
 * kunit.py stops at the first three, others begin anew at a version, or see a result.
 */
static void disarm(char *line)
{
	static const char * const words[] = {
		"not syncing: VFS:", "List of all partitions:", "System halted", "TAP version",
		"[FAIL]", "[PASS]", "[SKIP]", "Bail out",
	};
	char *s;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		while ((s = strstr(line, words[i])))
			s[strcspn(s, " ]")] = '_';
	for (s = line; (s = strstr(s, "ok ")); s++)
		if (isdigit((unsigned char)s[3]))
			s[2] = '_';
}

/* One line to standard output and to ktap.log; what is no printable text becomes a blank. */
static void put_line(struct run *run, char *line)
{
	for (char *s = line; *s; s++)
		if (!isprint((unsigned char)*s))
			*s = ' ';
	if (*line == '#')
		disarm(line);
	live_phase(run, NULL);
	printf("%s\n", line);
	fflush(stdout);
	if (!run->ktap_log)
		return;
	if (fprintf(run->ktap_log, "%s\n", line) < 0 || fflush(run->ktap_log) ||
	    fsync(fileno(run->ktap_log)))
		results_trouble(run, "ktap.log: %s", strerror(errno));
}

__printf(2, 3)
static void put(struct run *run, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) >= 0) {
		put_line(run, line);
		free(line);
	}
	va_end(ap);
}

void ktap_begin(struct run *run)
{
	char *path = format("%s/ktap.log", run->dir);
	size_t lines = run->nr;

	if (run->ktap_begun)
		return;
	for (size_t i = 0; i < run->nr; i++)
		lines += json_array_size(run->s[i].cells);
	run->ktap_begun = true;
	run->ktap_log = fopen(path, "we");
	if (!run->ktap_log)
		results_trouble(run, "%s: %s", path, strerror(errno));
	free(path);
	put(run, "TAP version 13");
	put(run, "1..%zu", lines);
}

void ktap_note(struct run *run, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) >= 0) {
		put(run, "# %s", s);
		free(s);
	}
	va_end(ap);
}

/* One line for each fingerprint: what broke, how often, and whether that is known. */
static void put_failures(struct run *run, const struct srun *s)
{
	json_t *f, *other;
	size_t i, j;

	json_array_foreach(s->failures, i, f) {
		const char *fingerprint = get_text(f, "fingerprint"), *known = get_text(f, "known");
		unsigned long long times = 0;
		bool first = true;

		json_array_foreach(s->failures, j, other) {
			if (strcmp(get_text(other, "fingerprint"), fingerprint))
				continue;
			first &= j >= i;
			times += json_integer_value(json_object_get(other, "count"));
		}
		if (!first || cells_have(s, fingerprint))
			continue;
		ktap_note(run, "%s: %s%s%s%s, %llu x, expected %s, got %s", s->conf.name,
			  fingerprint, *known ? " (known: " : "", known, *known ? ")" : "", times,
			  get_text(f, "expected"), get_text(f, "got"));
	}
}

static void put_cells(struct run *run, const struct srun *s)
{
	json_t *cell;
	size_t i;

	json_array_foreach(s->cells, i, cell) {
		const char *name = get_text(cell, "name"), *known = get_text(cell, "known");
		const char *verdict = get_text(cell, "verdict");
		bool skip = !strcmp(verdict, "skip"), ok = strcmp(verdict, "fail");

		if (skip)
			ktap_note(run, "%s: skipped: %s", name, get_text(cell, "reason"));
		else if (!ok || *known)
			ktap_note(run, "%s: %s%s%s%s, expected %s, got %s", name,
				  get_text(cell, "fingerprint"), *known ? " (known: " : "", known,
				  *known ? ")" : "", get_text(cell, "expected"), get_text(cell, "got"));
		put(run, "%sok %u %s%s", ok ? "" : "not ", ++run->ktap_number, name,
		    skip ? " # SKIP" : "");
	}
}

void ktap_result(struct run *run, const struct srun *s)
{
	unsigned long long ms = s->ms;
	unsigned int n;

	ktap_begin(run);
	put_cells(run, s);
	n = ++run->ktap_number;
	put_failures(run, s);
	if (s->verdict == VERDICT_SKIP) {
		ktap_note(run, "%s: skipped: %s", s->conf.name,
			  *s->reason ? s->reason : "no reason given");
		put(run, "ok %u %s # SKIP", n, s->conf.name);
		return;
	}
	if (s->faults || s->injections)
		ktap_note(run, "%s: %llu faults, %llu injections, %llu window hits", s->conf.name,
			  (unsigned long long)s->faults, (unsigned long long)s->injections,
			  (unsigned long long)s->hits);
	bound_note(run, s);
	if (s->verdict == VERDICT_FAIL) {
		char *command = result_replay_command(run, s), *card = card_name(s, n);

		ktap_note(run, "%s: card failures/%s", s->conf.name, card);
		ktap_note(run, "%s: replay %s", s->conf.name, command);
		free(command);
		free(card);
	}
	put(run, "%sok %u %s # time=%llums", s->verdict == VERDICT_PASS ? "" : "not ", n,
	    s->conf.name, ms);
}
