/*
 * Pseudorandom numbers that two numbers decide: "small fast counting"
 * (Doty-Humphrey, PractRand), as in test/fuzz/random.ts.
 */

#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint32_t	a, b, c, counter;
} Random;

static inline uint32_t randomNext(Random *random)
{
	const uint32_t sum = random->a + random->b + random->counter++;

	random->a = random->b ^ (random->b >> 9);
	random->b = random->c + (random->c << 3);
	random->c = ((random->c << 21) | (random->c >> 11)) + sum;
	return sum;
}

static inline void randomStart(Random *random, uint64_t seed, uint32_t stream)
{
	int i;

	*random = (Random){(uint32_t)seed, stream, (uint32_t)(seed >> 32), 1};
	for (i = 0; i < 12; i++)
		randomNext(random);
}

/* 0 to `bound` - 1. */
static inline uint32_t randomBelow(Random *random, uint32_t bound)
{
	return randomNext(random) % bound;
}

static inline uint32_t randomBetween(Random *random, uint32_t least, uint32_t most)
{
	return least + randomBelow(random, most - least + 1);
}

/* True once in `times` on average. */
static inline bool randomOneIn(Random *random, uint32_t times)
{
	return 0 == randomNext(random) % times;
}

#endif
