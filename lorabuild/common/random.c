#include "lorabuild/common/random.h"

#include <string.h>
#include <xxhash.h>

uint64_t random_purpose(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

void random_block(struct random r, uint64_t index, uint32_t words[static 4])
{
    uint64_t key = r.seed;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t mixed_step = r.step * 0x9E3779B9u;
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32) ^ mixed_step;
    uint32_t c2 = (uint32_t)r.purpose, c3 = (uint32_t)(r.purpose >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = (uint32_t)p1, c2 = n2, c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

uint32_t random_u32(struct random r, uint64_t index)
{
    uint32_t words[4];
    random_block(r, index, words);
    return words[0];
}

uint64_t random_below(struct random r, uint64_t index, uint64_t below)
{
    uint64_t limit = below ? UINT64_MAX - UINT64_MAX % below : 0;
    for (;; index += (uint64_t)1 << 40) { /* a rejected draw looks far away, not at a neighbour */
        uint32_t words[4];
        random_block(r, index, words);
        uint64_t n = (uint64_t)words[0] << 32 | words[1];
        if (n < limit || below <= 1)
            return below <= 1 ? 0 : n % below;
    }
}

float random_unit(struct random r, uint64_t index)
{
    return (float)(random_u32(r, index) >> 8) * 0x1p-24f;
}

float random_uniform(struct random r, uint64_t index, float lo, float hi)
{
    return lo + (hi - lo) * random_unit(r, index);
}

void random_order(struct random r, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = (uint32_t)random_below(r, i, i), other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}
