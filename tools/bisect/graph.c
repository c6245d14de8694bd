// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sums over ancestors. A commit with one parent has its parent's sum and its own weight; only a
 * merge has to look at each of its ancestors once, because their sets overlap.
 */
#include <stdlib.h>
#include <string.h>

#include "posterior.h"

static unsigned int words(const struct graph *g)
{
	return (g->nr + 63) / 64;
}

/*
 * first and parent stay the caller's and have to live as long as the graph. Memory: nr / 8 bytes
 * for each merge.
 */
void graph_init(struct graph *g, unsigned int nr, const unsigned int *first,
		const unsigned int *parent)
{
	bool *mark = calloc(nr, sizeof(*mark));

	*g = (struct graph){ .nr = nr, .first = first, .parent = parent };
	g->ancestors = calloc(nr, sizeof(*g->ancestors));
	for (unsigned int x = 0; x < nr; x++) {
		if (first[x + 1] - first[x] < 2)
			continue;
		graph_ancestors(g, x, mark);
		g->ancestors[x] = calloc(words(g), sizeof(uint64_t));
		for (unsigned int c = 0; c <= x; c++)
			if (mark[c])
				g->ancestors[x][c / 64] |= 1ULL << (c % 64);
	}
	free(mark);
}

void graph_fini(struct graph *g)
{
	for (unsigned int x = 0; x < g->nr; x++)
		free(g->ancestors[x]);
	free(g->ancestors);
}

/* mark[c]: is c an ancestor of x, or x itself? All of mark is written. */
void graph_ancestors(const struct graph *g, unsigned int x, bool *mark)
{
	memset(mark, 0, g->nr * sizeof(*mark));
	mark[x] = true;
	for (unsigned int c = x + 1; c-- > 0;)
		for (unsigned int i = g->first[c]; mark[c] && i < g->first[c + 1]; i++)
			mark[g->parent[i]] = true;
}

static void sum_merge(const struct graph *g, unsigned int nr_sums, const double *weight,
		      double *sum, unsigned int x, unsigned int from)
{
	for (unsigned int w = from / 64; w <= x / 64; w++) {
		uint64_t bits = g->ancestors[x][w];

		for (; bits; bits &= bits - 1) {
			unsigned int c = w * 64 + __builtin_ctzll(bits);

			for (unsigned int k = 0; c >= from && k < nr_sums; k++)
				sum[x * nr_sums + k] += weight[c * nr_sums + k];
		}
	}
}

/*
 * sum[x * nr_sums + k] = the sum of weight[c * nr_sums + k] over x and its ancestors c, for all x
 * from @from to @to; weights of commits before @from have to be 0.
 */
void graph_sum(const struct graph *g, unsigned int nr_sums, const double *weight, double *sum,
	       unsigned int from, unsigned int to)
{
	for (unsigned int x = from; x <= to; x++) {
		unsigned int nr_parents = g->first[x + 1] - g->first[x];
		unsigned int parent = nr_parents ? g->parent[g->first[x]] : x;

		if (nr_parents > 1) {
			memset(sum + x * nr_sums, 0, nr_sums * sizeof(*sum));
			sum_merge(g, nr_sums, weight, sum, x, from);
			continue;
		}
		for (unsigned int k = 0; k < nr_sums; k++)
			sum[x * nr_sums + k] = weight[x * nr_sums + k] +
				(nr_parents && parent >= from ? sum[parent * nr_sums + k] : 0);
	}
}
