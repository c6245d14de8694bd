// SPDX-License-Identifier: GPL-2.0-only
/*
 * The failure card, in the order of a reader's questions: what rule was broken, where, expected and
 * got, who did what last to that page, on which kernel, and the one line that runs it again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static void field(FILE *file, const char *name, const char *value)
{
	if (*value)
		fprintf(file, "  %-12s %s\n", name, value);
}

static void write_ops(FILE *file, json_t *ops)
{
	json_t *o;
	size_t i;

	if (!json_array_size(ops))
		return;
	fprintf(file, "\n  last operations, oldest first\n");
	json_array_foreach(ops, i, o)
		fprintf(file, "  %12lld us  %-12s %-14s %-14s %s\n",
			(long long)json_integer_value(json_object_get(o, "t_us")),
			get_text(o, "thread"), get_text(o, "op"), get_text(o, "gpa"),
			get_text(o, "detail"));
}

static void write_block(FILE *file, const char *title, const char *tail)
{
	if (!*tail)
		return;
	fprintf(file, "\n  %s\n", title);
	while (*tail) {
		size_t len = strcspn(tail, "\n");

		fprintf(file, "  | %.*s\n", (int)len, tail);
		tail += len + !!tail[len];
	}
}

static void write_failure(FILE *file, struct run *run, const struct srun *s, json_t *f)
{
	static const char * const places[] = {
		"gpa", "hva", "pfn", "backing", "state", "thread", "op",
	};
	char when[64];

	fprintf(file, "%s: %s\n\n", get_text(f, "oracle"), get_text(f, "rule"));
	field(file, "scenario", s->conf.name);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		field(file, places[i], get_text(f, places[i]));
	snprintf(when, sizeof(when), "%lld ms after the scenario began",
		 (long long)json_integer_value(json_object_get(f, "t_ms")));
	field(file, "when", when);
	snprintf(when, sizeof(when), "%lld times",
		 (long long)json_integer_value(json_object_get(f, "count")));
	if (json_integer_value(json_object_get(f, "count")) > 1)
		field(file, "how often", when);
	field(file, "expected", get_text(f, "expected"));
	field(file, "got", get_text(f, "got"));
	write_ops(file, json_object_get(f, "ops"));
	write_block(file, "the first complaint of the kernel, decoded", get_text(f, "stack"));
	write_block(file, "the end of the console", get_text(f, "console"));
	fputc('\n', file);
	field(file, "kernel", run->kernel_release);
	fprintf(file, "  %-12s %llu\n", "seed", (unsigned long long)run->opt.seed);
	field(file, "fingerprint", get_text(f, "fingerprint"));
	field(file, "known", get_text(f, "known"));
	field(file, "replay", get_text(f, "replay"));
}

/* Without a directory: outcomes/anon is outcomes-anon. */
/* After the fact: how often it failed when it ran again. */
void card_repeated(struct run *run, const struct srun *s)
{
	char *dir = format("%s/failures", run->dir), *path;
	char *name = card_name(s, s->card);
	FILE *file;

	path = format("%s/%s", dir, name);
	file = fopen(path, "ae");
	if (file) {
		fprintf(file, "\n  %-12s %lld times: failed %lld times, the same way %lld times "
			"(95 %%: %.0f %% to %.0f %%)\n", "ran again",
			(long long)json_integer_value(json_object_get(s->repeat, "runs")),
			(long long)json_integer_value(json_object_get(s->repeat, "failed")),
			(long long)json_integer_value(json_object_get(s->repeat, "same")),
			json_number_value(json_object_get(s->repeat, "low")) * 100,
			json_number_value(json_object_get(s->repeat, "high")) * 100);
		fclose(file);
	}
	free(path);
	free(name);
	free(dir);
}

char *card_name(const struct srun *s, unsigned int number)
{
	char *name = format("%02u-%s.txt", number, s->conf.name);

	for (char *c = strchr(name, '/'); c; c = strchr(c, '/'))
		*c = '-';
	return name;
}

void card_write(struct run *run, struct srun *s, unsigned int number)
{
	char *dir = format("%s/failures", run->dir);
	char *name = card_name(s, number);
	char *path = format("%s/%s", dir, name);
	FILE *file = NULL;
	size_t i;
	json_t *f;

	if (make_dirs(dir))
		file = fopen(path, "we");
	if (!file) {
		results_trouble(run, "%s: %s", path, strerror(errno));
		goto out;
	}
	json_array_foreach(s->failures, i, f) {
		if (i)
			fprintf(file, "\n----\n\n");
		write_failure(file, run, s, f);
	}
	if (fclose(file))
		results_trouble(run, "%s: %s", path, strerror(errno));
out:
	free(path);
	free(name);
	free(dir);
}
