/* random: counter-based random numbers (Philox4x32-10; Salmon et al. 2011, "Parallel random
 * numbers: as easy as 1, 2, 3").
 *
 * There is no state to save or share: a number is a pure function of (seed, step, purpose,
 * index), so a resumed, reordered or differently threaded run draws the same ones. `purpose`
 * is the digest-like hash of a name, made by random_purpose("dropout layers.3.q").
 */
#ifndef LORABUILD_COMMON_RANDOM_H
#define LORABUILD_COMMON_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t seed, purpose;
    uint32_t step;
};

uint64_t random_purpose(const char *name);
void random_block(struct random r, uint64_t index, uint32_t words[static 4]);
uint32_t random_u32(struct random r, uint64_t index);
/* Uniform over 0 … below-1, without bias. */
uint64_t random_below(struct random r, uint64_t index, uint64_t below);
float random_unit(struct random r, uint64_t index); /* [0, 1), 24 bits */
float random_uniform(struct random r, uint64_t index, float lo, float hi);
/* A seeded order of 0 … n-1 (Fisher–Yates). */
void random_order(struct random r, uint32_t *order, uint32_t n);

#endif
