// SPDX-License-Identifier: GPL-2.0-only
/* What people get to see: report.txt for a mail, report.html with the posterior, --explain. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bisect.h"

/* What was seen of one commit, all runs together. */
struct seen {
	const char *commit;
	double clean, failed_after;
	unsigned int runs, failures, foreign, broken;
};

static unsigned int collect(const struct bisect *b, struct seen *seen)
{
	unsigned int nr = 0, k;

	for (unsigned int i = 0; i < b->nr_ev; i++) {
		const struct evidence *ev = &b->ev[i];

		if (!strcmp(ev->phase, "choose") || !strcmp(ev->phase, "step"))
			continue;
		for (k = 0; k < nr && strcmp(seen[k].commit, ev->commit); k++)
			;
		if (k == nr)
			seen[nr++] = (struct seen){ .commit = ev->commit };
		seen[k].runs++;
		if (ev->outcome == CLEAN || ev->outcome == FOREIGN)
			seen[k].clean += ev->exposure;
		seen[k].foreign += ev->outcome == FOREIGN;
		seen[k].failures += ev->outcome == FAILED;
		if (ev->outcome == FAILED)
			seen[k].failed_after += ev->exposure;
		seen[k].broken += ev->outcome == NO_BUILD || ev->outcome == NO_BOOT ||
				  ev->outcome == SKIPPED;
	}
	return nr;
}

static double posterior_of(const struct bisect *b, const char *id)
{
	int x = history_find(&b->h, id);

	return x >= 0 && b->e.failures > 0 ? b->e.posterior[x] : 0;
}

static void evidence_table(const struct bisect *b, FILE *out)
{
	struct seen *seen = calloc(b->nr_ev + 1, sizeof(*seen));
	unsigned int nr = collect(b, seen);

	fprintf(out, "  %-12s %5s %8s %12s %8s %9s\n", "commit", "runs", "failures", "clean",
		"foreign", "culprit");
	for (unsigned int i = 0; i < nr; i++) {
		fprintf(out, "  %.12s %5u %8u %12.0f %8u %9.4f", seen[i].commit, seen[i].runs,
			seen[i].failures, seen[i].clean, seen[i].foreign,
			posterior_of(b, seen[i].commit));
		fprintf(out, "%s\n", seen[i].broken ? "  cannot be tested" : "");
	}
	free(seen);
}

static const struct evidence *shown(const struct bisect *b)
{
	for (unsigned int i = b->nr_ev; i-- > 0;)
		if (b->ev[i].outcome == FAILED && b->ev[i].replay)
			return &b->ev[i];
	return NULL;
}

static double wall(const struct bisect *b, double *exposure)
{
	double sum = 0;

	*exposure = 0;
	for (unsigned int i = 0; i < b->nr_ev; i++) {
		sum += b->ev[i].took;
		*exposure += b->ev[i].seconds;
	}
	return sum;
}

/* Foreign failures are findings too, only not this one. */
static void foreign(const struct bisect *b, FILE *out)
{
	for (unsigned int i = 0; i < b->nr_ev; i++) {
		unsigned int k = 0;

		if (b->ev[i].outcome != FOREIGN || !b->ev[i].fingerprint)
			continue;
		while (k < i && (b->ev[k].outcome != FOREIGN || !b->ev[k].fingerprint ||
				 strcmp(b->ev[k].fingerprint, b->ev[i].fingerprint)))
			k++;
		if (k == i)
			fprintf(out, "Another failure, seen on the way at %.12s: %s\n  %s\n",
				b->ev[i].commit, b->ev[i].fingerprint, b->ev[i].replay ?: "");
	}
}

static bool found(const struct bisect *b, unsigned int *best, double *p)
{
	return b->e.failures > 0 && engine_best(&b->e, best, p) && *p >= b->set.confidence;
}

static void heading(struct bisect *b, FILE *out)
{
	unsigned int best = 0;
	char *text;
	double p;

	if (!found(b, &best, &p)) {
		fprintf(out, "No culprit yet (%s)%s%s\n", b->phase,
			b->verdict ? ": " : "", b->verdict ?: "");
		return;
	}
	fprintf(out, "The %s is, with an error probability of %.2g,\n\n", b->set.find_fix ? "fix" :
		"first bad commit", 1 - p);
	text = git_text(b, "show", "-s",
			"--format=  commit %H%n  Author: %an <%ae>%n  Date:   %ad%n%n      %s",
			b->h.c[best].id, NULL);
	fprintf(out, "%s\n\n", text ?: b->h.c[best].id);
	if (!b->set.find_fix)
		fprintf(out, "Fixes: %.12s (\"%s\")\n", b->h.c[best].id, b->h.c[best].subject);
	free(text);
}

/* The text of the report: plain, short lines, to be pasted into a mail. */
void report_verdict(struct bisect *b, FILE *out)
{
	const struct evidence *ev = shown(b);
	double exposure, seconds = wall(b, &exposure);

	heading(b, out);
	for (unsigned int i = 0; i < b->set.fingerprints.nr; i++)
		fprintf(out, "Fingerprint: %s\n", b->set.fingerprints.item[i]);
	if (ev)
		fprintf(out, "Replay: %s\n", ev->replay);
	if (b->verified.culprit || b->verified.parent || b->verified.revert) {
		fprintf(out, "\nVerified:\n");
		if (b->verified.culprit)
			fprintf(out, "  %s\n", b->verified.culprit);
		if (b->verified.parent)
			fprintf(out, "  %s\n", b->verified.parent);
		if (b->verified.revert)
			fprintf(out, "  revert: %s\n", b->verified.revert);
	}
	fprintf(out, "\nOf %u commits; scenario %s; ", b->h.g.nr, b->scenario ?: "-");
	fprintf(out, "fails once in %.1f %s (%.0f failures in %.1f).\n",
		b->e.failures > 0 ? b->e.exposure / b->e.failures : 0, b->set.unit,
		b->e.failures, b->e.exposure);
	fprintf(out, "%u runs, %.0f s, of which %.0f s exposure.\n\n", b->nr_ev, seconds, exposure);
	evidence_table(b, out);
	foreign(b, out);
}

/* Why the next step is what it is. */
void report_explain(struct bisect *b, FILE *out)
{
	report_verdict(b, out);
	fprintf(out, "\nPhase: %s\n", b->phase);
	if (b->why)
		fprintf(out, "Last choice: %s\n", b->why);
	if (b->e.failures <= 0) {
		fprintf(out, "The failure rate is being measured: %.0f of %u failures in %.0f %s\n",
			rate_failures(b), b->set.failures, rate_exposure(b), b->set.unit);
		return;
	}
	fprintf(out, "%.2f bits to go. Posterior (oldest first, those above 0.001):\n",
		engine_entropy(&b->e));
	for (unsigned int x = 0; x < b->h.g.nr; x++) {
		int width = b->e.posterior[x] * 40 + 0.5;

		if (b->e.posterior[x] < 0.001)
			continue;
		fprintf(out, "  %.12s %.4f %-40.*s %.60s\n", b->h.c[x].id, b->e.posterior[x], width,
			"########################################", b->h.c[x].subject);
	}
}

static void html(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc(*text, out);
		}
}

static void html_posterior(struct bisect *b, FILE *out)
{
	double most = 0;
	unsigned int nr = b->h.g.nr;

	for (unsigned int x = 0; x < nr; x++)
		most = fmax(most, b->e.posterior[x]);
	fprintf(out, "<h2>Posterior</h2>\n<svg viewBox=\"0 0 1000 220\" role=\"img\" "
		"aria-label=\"probability of each commit, oldest first\">\n"
		"<line x1=\"0\" y1=\"200\" x2=\"1000\" y2=\"200\"/>\n");
	for (unsigned int x = 0; x < nr && most > 0; x++) {
		double height = 190 * b->e.posterior[x] / most;

		if (height < 0.3)
			continue;
		fprintf(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\">",
			1000.0 * x / nr, 200 - height, fmax(1.5, 900.0 / nr), height);
		fprintf(out, "<title>%.12s %.4f ", b->h.c[x].id, b->e.posterior[x]);
		html(out, b->h.c[x].subject);
		fprintf(out, "</title></rect>\n");
	}
	fprintf(out, "<text x=\"0\" y=\"216\">oldest</text>"
		"<text x=\"1000\" y=\"216\" text-anchor=\"end\">newest of %u</text>\n</svg>\n", nr);
}

static void html_evidence(struct bisect *b, FILE *out)
{
	fprintf(out, "<h2>Runs</h2>\n<table><tr><th>#<th>phase<th>commit<th>outcome<th>exposure"
		"<th>seconds<th>fingerprint</tr>\n");
	for (unsigned int i = 0; i < b->nr_ev; i++) {
		const struct evidence *ev = &b->ev[i];

		fprintf(out, "<tr class=\"%s\"><td>%u<td>%s<td><code>%.12s</code><td>%s",
			outcome_name(ev->outcome), i, ev->phase, ev->commit,
			outcome_name(ev->outcome));
		fprintf(out, "<td>%.0f<td>%.0f<td>", ev->exposure, ev->took);
		html(out, ev->fingerprint ?: "");
		fprintf(out, "</tr>\n");
	}
	fprintf(out, "</table>\n");
}

static void report_html(struct bisect *b, FILE *out)
{
	char *text = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&text, &size);

	report_verdict(b, mem);
	fclose(mem);
	fprintf(out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
		"<title>bisection</title>\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n"
		"<style>body{font:15px system-ui,sans-serif;max-width:70rem;"
		"margin:2rem auto;padding:0 1rem}"
		"pre,code{font:13px ui-monospace,monospace}pre{overflow-x:auto;padding:1rem;"
		"background:#8881}svg{width:100%%}rect{fill:#c33}line{stroke:currentColor}"
		"text{font-size:14px;fill:currentColor}table{border-collapse:collapse}"
		"td,th{text-align:left;padding:.1rem .8rem .1rem 0;border-bottom:1px solid #8884}"
		".failed td{color:#c33}:root{color-scheme:light dark}</style>\n"
		"<h1>Bisection</h1>\n<pre>");
	html(out, text);
	fprintf(out, "</pre>\n");
	free(text);
	if (b->e.failures > 0)
		html_posterior(b, out);
	html_evidence(b, out);
	fprintf(out, "</html>\n");
}

static void write_one(struct bisect *b, const char *name,
		      void (*write)(struct bisect *b, FILE *out))
{
	char *path = format("%s/%s", b->dir, name), *tmp = format("%s/.%s.tmp", b->dir, name);
	FILE *out = fopen(tmp, "we");

	if (out) {
		write(b, out);
		if (!fclose(out))
			rename(tmp, path);
	}
	free(path);
	free(tmp);
}

void report_write(struct bisect *b)
{
	write_one(b, "report.txt", report_verdict);
	write_one(b, "report.html", report_html);
}
