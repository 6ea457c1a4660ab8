/* ggml's "K" types: blocks of 256 in parts of 16 or 32, each with a small whole scale (and, in
 * some, a small whole minimum) that f16 numbers of the whole block multiply.
 *
 * Bits of several numbers share a byte: a run of 32 bytes holds one field of 32 quants, then above
 * it one of the next 32, and so on. */
#include "lorabuild/formats/quants.h"

enum { BLOCK = 256, RUN = 32 };

/* 256 quants of 2 bits from 64 bytes, above the `at` bits that are there. */
EACH void add_twos(int8_t *restrict quants, const uint8_t *restrict from, int at)
{
    for (int r = 0; r < BLOCK / RUN; r++)
        add_fields(quants + r * RUN, from + r / 4 * RUN, RUN, r % 4 * 2, 2, at);
}

EACH void twos(int8_t *restrict quants, const uint8_t *restrict from)
{
    for (int r = 0; r < BLOCK / RUN; r++)
        fields(quants + r * RUN, from + r / 4 * RUN, RUN, r % 4 * 2, 2);
}

/* 256 quants of 4 bits from 128 bytes. */
EACH void fours(int8_t *restrict quants, const uint8_t *restrict from)
{
    for (int r = 0; r < BLOCK / RUN; r++)
        fields(quants + r * RUN, from + r / 2 * RUN, RUN, r % 2 * 4, 4);
}

/* One bit more for each of 256 quants from 32 bytes. */
EACH void add_ones(int8_t *restrict quants, const uint8_t *restrict from, int at)
{
    for (int r = 0; r < BLOCK / RUN; r++)
        add_fields(quants + r * RUN, from, RUN, r, 1, at);
}

/* 16 bytes of scale (low half) and minimum (high half), 64 bytes of 2 bits, f16 d, f16 m. */
EACH void unpack_q2_k(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    float d = load_half(from + 80), m = load_half(from + 82);
    int8_t small[16];
    fields(small, from, 16, 0, 4);
    apply(SCALED, 0, d, 0, small, scale, 16);
    fields(small, from, 16, 4, 4);
    apply(SCALED, 0, m, 0, small, least, 16);
    twos(quants, from + 16);
}
QUANT_BLOCKS(q2_k, 16, 16, 84, 0, SCALED_MINUS_LEAST)

/* 32 bytes of third bits, 64 bytes of 2 bits, 12 bytes of scales, f16 d. Of the 16 scales of 6 bits
 * the low 4 stand in 8 bytes, low halves first, and the high 2 in 4 bytes, in the same way. */
EACH void unpack_q3_k(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    const uint8_t *low = from + 96, *high = low + 8;
    float d = load_half(from + 108);
    (void)least;
    for (int p = 0; p < 16; p++) {
        int s = (low[p % 8] >> p / 8 * 4 & 15) | (high[p % 4] >> p / 4 * 2 & 3) << 4;
        scale[p] = d * (float)(s - 32);
    }
    twos(quants, from + 32);
    add_ones(quants, from, 2);
}
QUANT_BLOCKS(q3_k, 16, 16, 110, 4, SCALED)

/* f16 d, f16 m, and 12 bytes of eight 6-bit scales and minima: 4 bytes hold scales 0 to 3, 4 bytes
 * minima 0 to 3, and 4 bytes the low 4 bits of scales (low halves) and minima 4 to 7, whose high 2
 * bits are the tops of the first 8 bytes. */
EACH void scales_and_minima(const uint8_t *from, float *scale, float *least)
{
    const uint8_t *s = from + 4, *m = s + 4, *both = m + 4;
    float by = load_half(from), by_least = load_half(from + 2);
    for (int p = 0; p < 4; p++) {
        scale[p] = by * (float)(s[p] & 63);
        scale[p + 4] = by * (float)((both[p] & 15) | s[p] >> 6 << 4);
        least[p] = by_least * (float)(m[p] & 63);
        least[p + 4] = by_least * (float)(both[p] >> 4 | m[p] >> 6 << 4);
    }
}

/* Scales and minima (16 bytes), 128 bytes of 4 bits. */
EACH void unpack_q4_k(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    scales_and_minima(from, scale, least);
    fours(quants, from + 16);
}
QUANT_BLOCKS(q4_k, 8, 32, 144, 0, SCALED_MINUS_LEAST)

/* Scales and minima (16 bytes), 32 bytes of fifth bits, 128 bytes of 4 bits. */
EACH void unpack_q5_k(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    scales_and_minima(from, scale, least);
    fours(quants, from + 48);
    add_ones(quants, from + 16, 4);
}
QUANT_BLOCKS(q5_k, 8, 32, 176, 0, SCALED_MINUS_LEAST)

/* 128 bytes of 4 bits, where each half block has its low halves in two runs; 64 bytes of the 2 bits
 * above; 16 signed scales; f16 d. */
EACH void unpack_q6_k(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    float d = load_half(from + 208);
    (void)least;
    apply(SCALED, 0, d, 0, (const int8_t *)from + 192, scale, 16);
    for (int r = 0; r < BLOCK / RUN; r++)
        fields(quants + r * RUN, from + (r / 4 * 2 + r % 2) * RUN, RUN, r % 4 / 2 * 4, 4);
    add_twos(quants, from + 128, 4);
}
QUANT_BLOCKS(q6_k, 16, 16, 210, 32, SCALED)
