// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a rule fires: struct pfnh_policy.
 */
#include "pfnh.h"

/**
 * pfnh_policy_valid - can this be a policy?
 * @p: from user space
 */
bool pfnh_policy_valid(const struct pfnh_policy *p)
{
	if (p->when >= PFNH_NR_WHENS || (p->seed && p->when != PFNH_RANDOM))
		return false;
	if (p->when == PFNH_ALWAYS)
		return !p->n;
	return p->n && (p->when != PFNH_RANDOM || p->n <= 1000000);
}

/**
 * pfnh_random - the next number of a sequence (splitmix64)
 * @state: of the sequence; any start will do
 *
 * Context: any; the caller excludes others.
 */
u64 pfnh_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Can it ever fire again? */
bool pfnh_chance_left(const struct pfnh_chance *c)
{
	return c->policy.when != PFNH_TIMES || c->fired < c->policy.n;
}

/**
 * pfnh_chance_take - one more event: does the rule fire?
 * @c: the rule's; the caller excludes others
 */
bool pfnh_chance_take(struct pfnh_chance *c)
{
	bool fires = false;

	c->seen++;
	switch (c->policy.when) {
	case PFNH_ALWAYS:
		fires = true;
		break;
	case PFNH_TIMES:
		fires = c->fired < c->policy.n;
		break;
	case PFNH_EVERY:
		fires = !(c->seen % c->policy.n);
		break;
	case PFNH_RANDOM:
		fires = pfnh_random(&c->rnd) % 1000000 < c->policy.n;
		break;
	}
	c->fired += fires;
	return fires;
}
