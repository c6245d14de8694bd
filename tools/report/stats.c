// SPDX-License-Identifier: GPL-2.0-only
/* What counts prove, and numbers that a person takes in at a glance. */
#include <math.h>
#include <stdlib.h>

#include "report.h"

/* Wilson's interval at 95 %: holds for few trials, too. */
struct interval stats_share(uint64_t hits, uint64_t of)
{
	const double z = 1.96;
	struct interval in = { 0, 1 };
	double p, n = of, middle, half;

	if (!of)
		return in;
	p = hits / n;
	middle = (p + z * z / (2 * n)) / (1 + z * z / n);
	half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
	in.low = fmax(0, middle - half);
	in.high = fmin(1, middle + half);
	return in;
}

/* "1.2M" */
char *stats_short(double value)
{
	if (value >= 9.995e8)
		return format("%.3gG", value / 1e9);
	if (value >= 999500)
		return format("%.3gM", value / 1e6);
	if (value >= 9999.5)
		return format("%.3gk", value / 1e3);
	return format("%.0f", value);
}

/*
 * Nothing happened in N trials: at 95 % it happens less often than once in N/3. Only the number of
 * trials is behind it: a fault that no injector could reach proves nothing.
 */
char *stats_bound(uint64_t trials)
{
	char *n = stats_short(trials), *third = stats_short(trials / 3.0), *s;

	if (trials < 30)
		s = format("only %s: nothing is proved", n);
	else
		s = format("none in %s: at 95 %%, less than one in %s", n, third);
	free(n);
	free(third);
	return s;
}
