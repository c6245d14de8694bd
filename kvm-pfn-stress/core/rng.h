/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeded random numbers, for host threads and for the guest: no state but the caller's, no libc.
 */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s;
};

/**
 * rng_next - next 64 random bits (splitmix64)
 * @r: the caller's own state; not shared between threads
 */
static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/**
 * rng_seed - an independent stream for every (seed, stream) pair
 * @r: state to set
 * @seed: the run's seed
 * @stream: number of the thread, scenario, ... that draws
 */
static inline void rng_seed(struct rng *r, uint64_t seed, uint64_t stream)
{
	r->s = seed ^ (stream * 0xd1342543de82ef95ULL);
	rng_next(r);
	r->s ^= rng_next(r) << 1;
}

/**
 * rng_below - uniform in [0, n)
 * @r: state
 * @n: bound, at least 1 and below 2^32
 */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return ((rng_next(r) >> 32) * n) >> 32;
}

/**
 * rng_log - log-uniform in [1, max]: as many draws from [1, 2) as from [max / 2, max)
 * @r: state
 * @max: bound, at least 1
 *
 * Race windows differ in length by orders of magnitude; a uniform delay would spend nearly all
 * draws on the longest.
 */
static inline uint32_t rng_log(struct rng *r, uint32_t max)
{
	unsigned int bits = 32 - __builtin_clz(max | 1);
	uint32_t top = 1u << rng_below(r, bits);
	uint32_t v = top + rng_below(r, top);

	return v > max ? max : v;
}

#endif /* CORE_RNG_H */
