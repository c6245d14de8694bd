// SPDX-License-Identifier: GPL-2.0-only
/*
 * When what happened: scenarios and boots, faults and injections a second, window hits, failures.
 * The rates come from the @live events of events.log, the places of the boots from result.json.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define WIDTH	1000.0
#define LANE	56.0
#define BAR	26.0
#define BINS	250

struct span {
	char name[64];
	double from, to;	/* s */
};

struct bin { double seconds, value[3]; };

struct sample { double t, dt, value[3]; };

struct timeline {
	struct span *span;
	size_t nr;
	double end;
	struct sample *sample;
	size_t nr_samples;
};

static double field(const char *line, const char *key, double otherwise)
{
	char *word = format(" %s=", key);
	const char *at = strstr(line, word);
	double value = at ? atof(at + strlen(word)) : otherwise;

	free(word);
	return value;
}

static void add_sample(struct timeline *t, double at, double dt, const double *value)
{
	struct sample *s;

	t->sample = realloc(t->sample, (t->nr_samples + 1) * sizeof(*t->sample));
	s = &t->sample[t->nr_samples++];
	s->t = at;
	s->dt = dt;
	memcpy(s->value, value, sizeof(s->value));
}

/* The next boot that reached the program: where it began, in seconds from the start of the run. */
static double next_begin(const struct result *r, size_t *boot)
{
	json_t *boots = json_object_get(r->json, "boots"), *b;
	double at = get_int(json_object_get(r->json, "times"), "boot_ms") / 1000.0;
	size_t i;

	json_array_foreach(boots, i, b) {
		if (i >= *boot && json_object_get(b, "begin_ms")) {
			*boot = i + 1;
			return at + get_int(b, "begin_ms") / 1000.0;
		}
		at += get_int(b, "ms") / 1000.0;
	}
	return at;
}

static void read_events(struct timeline *t, const struct result *r)
{
	static const char * const keys[] = { "faults", "injections", "hits" };
	char *path = format("%s/events.log", r->dir), *line = NULL;
	FILE *file = fopen(path, "re");
	double now = 0, last_ms = 0, last[3] = { 0 }, value[3];
	size_t size = 0, boot = 0;

	while (file && getline(&line, &size, file) > 0) {
		struct span *s = t->nr ? &t->span[t->nr - 1] : NULL;
		bool live = !strncmp(line, "@live ", 6), result = !strncmp(line, "@result ", 8);

		if (!strncmp(line, "@begin ", 7)) {
			double at = next_begin(r, &boot);

			now = at > now ? at : now;
		} else if (!strncmp(line, "@scenario name=", 15)) {
			t->span = realloc(t->span, (t->nr + 1) * sizeof(*t->span));
			s = &t->span[t->nr++];
			snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(line + 15, " \n"),
				 line + 15);
			s->from = s->to = now;
			last_ms = 0;
			memset(last, 0, sizeof(last));
		} else if (s && (live || result)) {
			double ms = field(line, live ? "t_ms" : "ms", last_ms);

			for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
				double n = field(line, keys[i], last[i]);

				value[i] = n > last[i] ? n - last[i] : 0;
				last[i] = n;
			}
			if (ms > last_ms)
				add_sample(t, s->from + last_ms / 1000, (ms - last_ms) / 1000,
					   value);
			last_ms = ms > last_ms ? ms : last_ms;
			now = s->to = s->from + last_ms / 1000;
		}
	}
	/* the run goes on after it: repetitions */
	t->end = now;
	free(line);
	free(path);
	if (file)
		fclose(file);
}

/* A sample belongs to every bin that it overlaps, in proportion. */
static void spread(struct bin *bins, size_t nr, double width, double from, const struct sample *s)
{
	size_t b = (s->t - from) / width;

	for (; b < nr && from + b * width < s->t + s->dt; b++) {
		double a = from + b * width, z = a + width;
		double part = (z < s->t + s->dt ? z : s->t + s->dt) - (a > s->t ? a : s->t);

		if (part <= 0)
			continue;
		bins[b].seconds += part;
		for (int k = 0; k < 3; k++)
			bins[b].value[k] += s->value[k] * part / s->dt;
	}
}

static void put_spans(struct markup *m, const struct timeline *t, const struct result *r,
		      double from, double scale)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct span *s = &t->span[i];
		json_t *o = scenario_find(r, s->name);
		double x = (s->from - from) * scale, w = (s->to - s->from) * scale;
		size_t room = w / 7;

		tag(m, "rect", o && to_verdict(get(o, "verdict")) == VERDICT_FAIL ? "s-fail" :
		    o && to_verdict(get(o, "verdict")) == VERDICT_SKIP ? "s-skip" :
		    o && get_int(o, "known") ? "s-known" : "s-pass");
		attr(m, "x", "%.1f", x);
		attr(m, "y", "0");
		attr(m, "width", "%.1f", w > 2 ? w - 1 : 1.0);
		attr(m, "height", "%.0f", BAR - 4);
		leaf(m, "title", NULL, "%s: %s, %.1f s", s->name,
		     o ? verdict_word(to_verdict(get(o, "verdict"))) : "?", s->to - s->from);
		tag_end(m);
		if (room < 4)
			continue;
		tag(m, "text", "s-name");
		attr(m, "x", "%.1f", x + 4);
		attr(m, "y", "15");
		words(m, "%.*s%s", (int)(strlen(s->name) > room ? room - 1 : room), s->name,
		      strlen(s->name) > room ? "…" : "");
		tag_end(m);
	}
}

static void put_lane(struct markup *m, const struct bin *bins, size_t nr, size_t which, double y,
		     double width, const char *name)
{
	double peak = 0, x = 0;
	char *text = NULL, *most;
	size_t size;
	FILE *d;

	for (size_t i = 0; i < nr; i++)
		if (bins[i].seconds > 0 && bins[i].value[which] / bins[i].seconds > peak)
			peak = bins[i].value[which] / bins[i].seconds;
	d = open_memstream(&text, &size);
	fprintf(d, "M0,%.1f", y + LANE - 6);
	for (size_t i = 0; i < nr; i++, x += width) {
		double rate = bins[i].seconds > 0 ? bins[i].value[which] / bins[i].seconds : 0;

		fprintf(d, "V%.1fH%.1f", y + LANE - 6 - (peak ? rate / peak : 0) * (LANE - 20),
			x + width);
	}
	fprintf(d, "V%.1fZ", y + LANE - 6);
	fclose(d);
	tag(m, "path", which == 0 ? "c-faults" : which == 1 ? "c-injections" : "c-hits");
	attr(m, "d", "%s", text);
	tag_end(m);
	free(text);
	most = stats_short(peak);
	tag(m, "text", "lane");
	attr(m, "x", "2");
	attr(m, "y", "%.0f", y + 10);
	words(m, "%s, peak %s/s", name, most);
	tag_end(m);
	free(most);
}

static void put_failures(struct markup *m, const struct timeline *t, const struct result *r,
			 double from, double scale, double bottom)
{
	for (size_t i = 0; i < t->nr; i++) {
		json_t *o = scenario_find(r, t->span[i].name), *f;
		size_t k;

		json_array_foreach(json_object_get(o, "failures"), k, f) {
			double at = t->span[i].from + get_int(f, "t_ms") / 1000.0;
			double x = ((at < t->span[i].to ? at : t->span[i].to) - from) * scale;

			tag(m, "path", is_known(f) ? "f-known" : "f-new");
			attr(m, "d", "M%.1f,%.1fV%.1f", x, BAR - 2, bottom);
			leaf(m, "title", NULL, "%s", get(f, "fingerprint"));
			tag_end(m);
		}
	}
}

void timeline_html(struct markup *m, const struct result *r)
{
	struct timeline t = { 0 };
	struct bin bins[BINS] = { 0 };
	double from, scale, height = BAR + 3 * LANE + 18;
	size_t nr;

	read_events(&t, r);
	if (!t.nr || t.end <= t.span[0].from)
		goto out;
	from = t.span[0].from;
	scale = WIDTH / (t.end - from);
	nr = t.end - from < BINS ? t.end - from + 1 : BINS;
	for (size_t i = 0; i < t.nr_samples; i++)
		spread(bins, nr, (t.end - from) / nr, from, &t.sample[i]);
	tag(m, "div", "scroll");
	tag(m, "svg", "timeline");
	attr(m, "viewBox", "0 0 %.0f %.0f", WIDTH, height);
	attr(m, "role", "img");
	leaf(m, "title", NULL, "Scenarios, faults, injections, window hits and failures over time");
	put_spans(m, &t, r, from, scale);
	put_lane(m, bins, nr, 0, BAR, WIDTH / nr, "faults");
	put_lane(m, bins, nr, 1, BAR + LANE, WIDTH / nr, "injections");
	put_lane(m, bins, nr, 2, BAR + 2 * LANE, WIDTH / nr, "window hits");
	put_failures(m, &t, r, from, scale, BAR + 3 * LANE - 6);
	for (int i = 0; i <= 5; i++) {
		tag(m, "text", i == 5 ? "tick end" : i ? "tick middle" : "tick");
		attr(m, "x", "%.0f", WIDTH / 5 * i);
		attr(m, "y", "%.0f", height - 4);
		words(m, "%.*f s", t.end - from < 15, from + (t.end - from) / 5 * i);
		tag_end(m);
	}
	tag_end(m);
	tag_end(m);
out:
	free(t.span);
	free(t.sample);
}
