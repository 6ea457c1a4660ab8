/* Whole numbers, and blocks of 32 that share one scale or a scale and a minimum. */
#include "lorabuild/formats/quants.h"

enum { BLOCK = 32, HALF = BLOCK / 2 };

EACH void f32(const uint8_t *restrict from, float *restrict to, size_t n)
{
    memcpy(to, from, n * sizeof *to);
}
QUANT(f32)

EACH void f16(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = load_half(from + 2 * i);
}
QUANT(f16)

EACH void bf16(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = float_of((uint32_t)load_u16(from + 2 * i) << 16);
}
QUANT(bf16)

/* f16 scale, 32 signed bytes. */
EACH void unpack_q8_0(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    (void)least;
    *scale = load_half(from);
    memcpy(quants, from + 2, BLOCK);
}
QUANT_BLOCKS(q8_0, 1, BLOCK, 34, 0, SCALED)

/* Quant i is the low half of byte i, quant 16 + i the high half. */
EACH void nibbles(int8_t *restrict quants, const uint8_t *restrict from)
{
    fields(quants, from, HALF, 0, 4);
    fields(quants + HALF, from, HALF, 4, 4);
}

/* f16 scale, 16 bytes. */
EACH void unpack_q4_0(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    (void)least;
    *scale = load_half(from);
    nibbles(quants, from + 2);
}
QUANT_BLOCKS(q4_0, 1, BLOCK, 18, 8, SCALED)

/* f16 scale, f16 minimum, 16 bytes. */
EACH void unpack_q4_1(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    *scale = load_half(from);
    *least = load_half(from + 2);
    nibbles(quants, from + 4);
}
QUANT_BLOCKS(q4_1, 1, BLOCK, 20, 0, SCALED_PLUS_LEAST)

/* Bit i of the 32 is 16 in quant i. Each byte of a word gets the byte of eight bits and keeps its
 * own; adding 127 carries any bit to the top. */
EACH void add_fifth_bits(int8_t *quants, const uint8_t *bits)
{
    for (int i = 0; i < BLOCK; i += 8) {
        uint64_t eight = EACH_BYTE((uint64_t)bits[i / 8]) & 0x8040201008040201u;
        eight = (eight + EACH_BYTE(127u)) >> 3 & EACH_BYTE(16u);
        eight |= load_eight(quants + i);
        memcpy(quants + i, &eight, sizeof eight);
    }
}

/* f16 scale, 32 fifth bits, 16 bytes. */
EACH void unpack_q5_0(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    (void)least;
    *scale = load_half(from);
    nibbles(quants, from + 6);
    add_fifth_bits(quants, from + 2);
}
QUANT_BLOCKS(q5_0, 1, BLOCK, 22, 16, SCALED)

/* f16 scale, f16 minimum, 32 fifth bits, 16 bytes. */
EACH void unpack_q5_1(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    *scale = load_half(from);
    *least = load_half(from + 2);
    nibbles(quants, from + 8);
    add_fifth_bits(quants, from + 4);
}
QUANT_BLOCKS(q5_1, 1, BLOCK, 24, 0, SCALED_PLUS_LEAST)
