// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failure cards: one for each fingerprint on each kernel, what is new before what is known, in the
 * order of a reader's questions: what rule, where, expected and got, who did what, replay.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

struct card {
	const struct result *r;
	json_t *scenario, *failure;	/* the first one */
	json_t *last;			/* scenario that it was seen in */
	uint64_t times;
	unsigned int scenarios;
};

struct cards {
	struct card *card;
	size_t nr;
};

static struct card *find(struct cards *c, const struct result *r, json_t *failure)
{
	for (size_t i = 0; i < c->nr; i++)
		if (!strcmp(c->card[i].r->kernel, r->kernel) &&
		    !strcmp(get(c->card[i].failure, "fingerprint"), get(failure, "fingerprint")))
			return &c->card[i];
	return NULL;
}

static struct cards collect(const struct set *set, bool known)
{
	struct cards c = { 0 };
	json_t *s, *f;
	size_t k, j;

	for (size_t i = 0; i < set->nr; i++)
		json_array_foreach(set->result[i].scenarios, k, s)
			json_array_foreach(json_object_get(s, "failures"), j, f) {
				struct card *card = find(&c, &set->result[i], f);

				if (is_known(f) != known)
					continue;
				if (!card) {
					c.card = realloc(c.card, (c.nr + 1) * sizeof(*c.card));
					card = &c.card[c.nr++];
					*card = (struct card) {
						.r = &set->result[i], .scenario = s, .failure = f,
					};
				}
				card->times += get_int(f, "count");
				card->scenarios += card->last != s;
				card->last = s;
			}
	return c;
}

/* An address that is 0x0 was not known, a backing that is - does not matter. */
static void row(struct markup *m, const char *name, const char *value, const char *class)
{
	if (!*value || !strcmp(value, "0x0") || !strcmp(value, "-"))
		return;
	tag(m, "div", "row");
	leaf(m, "dt", NULL, "%s", name);
	leaf(m, "dd", class, "%s", value);
	tag_end(m);
}

static void ops_table(struct markup *m, json_t *ops, bool open)
{
	json_t *op;
	size_t i;

	if (!json_array_size(ops))
		return;
	tag(m, "details", NULL);
	if (open)
		attr(m, "open", "open");
	leaf(m, "summary", "dim", "Last operations, oldest first");
	tag(m, "div", "scroll");
	tag(m, "table", "ops");
	json_array_foreach(ops, i, op) {
		tag(m, "tr", NULL);
		leaf(m, "td", "num", "%.3f ms", get_int(op, "t_us") / 1000.0);
		leaf(m, "td", NULL, "%s", get(op, "thread"));
		leaf(m, "td", "strong", "%s", get(op, "op"));
		leaf(m, "td", "mono", "%s", get(op, "gpa"));
		leaf(m, "td", "mono", "%s", get(op, "detail"));
		tag_end(m);
	}
	tag_end(m);
	tag_end(m);
	tag_end(m);
}

static void log_block(struct markup *m, const char *title, const char *text, bool open)
{
	if (!*text)
		return;
	tag(m, "details", NULL);
	if (open)
		attr(m, "open", "open");
	leaf(m, "summary", NULL, "%s", title);
	leaf(m, "pre", NULL, "%s", text);
	tag_end(m);
}

static void often(struct markup *m, const struct card *card)
{
	json_t *again = json_object_get(card->scenario, "repeat");

	if (card->times > 1)
		leaf(m, "p", "dim", "seen %llu times in %u scenario%s",
		     (unsigned long long)card->times, card->scenarios,
		     card->scenarios == 1 ? "" : "s");
	if (get_int(again, "runs"))
		leaf(m, "p", "dim", "ran again: failed %lld of %lld times (95 %%: %.0f to %.0f %%)",
		     (long long)get_int(again, "failed"), (long long)get_int(again, "runs"),
		     get_real(again, "low") * 100, get_real(again, "high") * 100);
}

static void put(struct markup *m, const struct card *card, bool open)
{
	static const char * const places[] = { "gpa", "hva", "pfn" };
	static const char * const who[] = { "backing", "state", "thread", "op" };
	json_t *f = card->failure;
	const char *stack = get(f, "stack");

	tag(m, "article", is_known(f) ? "card known" : "card");
	tag(m, "h3", NULL);
	leaf(m, "span", "oracle", "%s", get(f, "oracle"));
	words(m, " %s", get(f, "rule"));
	tag_end(m);
	often(m, card);
	tag(m, "dl", NULL);
	row(m, "scenario", get(card->scenario, "name"), "strong");
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		row(m, places[i], get(f, places[i]), "mono");
	for (size_t i = 0; i < ARRAY_LEN(who); i++)
		row(m, who[i], get(f, who[i]), NULL);
	row(m, "expected", get(f, "expected"), "good");
	row(m, "got", get(f, "got"), "bad");
	tag_end(m);
	ops_table(m, json_object_get(f, "ops"), open);
	log_block(m, "Stack of the first complaint", stack, true);
	log_block(m, "The end of the console", get(f, "console"), !*stack);
	tag(m, "dl", NULL);
	row(m, "kernel", card->r->kernel, NULL);
	row(m, "fingerprint", get(f, "fingerprint"), "mono");
	row(m, "known as", get(f, "known"), "strong");
	tag_end(m);
	leaf(m, "pre", "replay", "%s", get(f, "replay"));
	tag_end(m);
}

void cards_html(struct markup *m, const struct set *set)
{
	struct cards fresh = collect(set, false), known = collect(set, true);

	tag(m, "section", NULL);
	attr(m, "id", "failures");
	leaf(m, "h2", NULL, "Failures");
	if (!fresh.nr)
		leaf(m, "p", "dim", "%s", set->verdict == VERDICT_FAIL ?
		     "No failure is on record, but the verdict is fail: see below." : "None.");
	for (size_t i = 0; i < fresh.nr; i++)
		put(m, &fresh.card[i], i < 3);
	if (known.nr) {
		tag(m, "details", "block");
		leaf(m, "summary", NULL, "%zu known failure%s, which did not turn the verdict",
		     known.nr, known.nr == 1 ? "" : "s");
		for (size_t i = 0; i < known.nr; i++)
			put(m, &known.card[i], false);
		tag_end(m);
	}
	tag_end(m);
	free(fresh.card);
	free(known.card);
}
