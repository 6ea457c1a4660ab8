/* quants: the loops that expand stored numbers to f32, one for each type of dtype.h; dtype.c calls
 * them, and nothing else but tests should.
 *
 * A quantised type stores small whole numbers, "quants", in blocks. A block is one or more parts;
 * each has a scale and, in some types, a minimum: number = scale · quant, or that plus (minus) the
 * minimum. A type's own code only unpacks a block into quants of a byte each, scales and minima.
 * The layout stands above it (source: ggml's definitions; gguf-py's quants.py says the same).
 *
 * The code is plain C that compilers vectorise, compiled twice, for the baseline and for AVX2. Both
 * give the same bits, and those of ggml: a scale times a quant has at most 22 significant bits and
 * is exact in f32, so that a number is rounded once at most, when a minimum is added. Only of NaNs
 * (a damaged file's) the payload is left open.
 */
#ifndef LORABUILD_FORMATS_QUANTS_H
#define LORABUILD_FORMATS_QUANTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef void quant_fn(const uint8_t *restrict from, float *restrict to, size_t blocks);

struct quant {
    quant_fn *base, *avx2; /* avx2 is NULL where there is no such processor */
};

extern const struct quant quant_f32, quant_f16, quant_bf16;
extern const struct quant quant_q8_0, quant_q4_0, quant_q4_1, quant_q5_0, quant_q5_1;
extern const struct quant quant_q2_k, quant_q3_k, quant_q4_k, quant_q5_k, quant_q6_k;
extern const struct quant quant_iq4_nl, quant_iq4_xs, quant_mxfp4;

#define EACH static inline __attribute__((always_inline))

EACH float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

EACH uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

EACH uint16_t load_u16(const uint8_t *from)
{
    uint16_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* ---- fields of bits, eight bytes at a time ---- */

#define EACH_BYTE(x) ((x)*0x0101010101010101u)

EACH uint64_t load_eight(const void *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    return eight;
}

/* quants[i] = the field of `bits` bits at `shift` of from[i]. */
EACH void fields(int8_t *restrict quants, const uint8_t *restrict from, int count, int shift,
                 int bits)
{
    for (int i = 0; i < count; i += 8) {
        uint64_t eight = load_eight(from + i) >> shift & EACH_BYTE((1u << bits) - 1);
        memcpy(quants + i, &eight, sizeof eight);
    }
}

/* The same above what is there: its lowest bit becomes bit `at`. */
EACH void add_fields(int8_t *restrict quants, const uint8_t *restrict from, int count, int shift,
                     int bits, int at)
{
    for (int i = 0; i < count; i += 8) {
        uint64_t eight = (load_eight(from + i) >> shift & EACH_BYTE((1u << bits) - 1)) << at;
        eight |= load_eight(quants + i);
        memcpy(quants + i, &eight, sizeof eight);
    }
}

/* ---- numbers ---- */

/* Without branches. f16 has 5 exponent bits of bias 15, f32 has 8 of bias 127: normal numbers
 * move their exponent by 112, infinities and NaNs by twice that, subnormal ones are an integer
 * times 2^-24. Never computes with subnormal f32, so the processor's flush modes do not matter. */
EACH float half_to_float(uint16_t half)
{
    uint32_t magnitude = half & 0x7FFFu;
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t is_special = 0u - (uint32_t)(magnitude >= 0x7C00u);
    uint32_t is_small = 0u - (uint32_t)(magnitude < 0x0400u);
    uint32_t normal = (magnitude << 13) + (112u << 23) + (is_special & (112u << 23));
    uint32_t small = bits_of((float)(int32_t)magnitude * 0x1p-24f);
    return float_of(sign | (is_small & small) | (~is_small & normal));
}

EACH float load_half(const uint8_t *from)
{
    return half_to_float(load_u16(from));
}

/* What follows a block's unpacking. */
enum formula { SCALED, SCALED_PLUS_LEAST, SCALED_MINUS_LEAST };

EACH void apply(enum formula formula, int offset, float scale, float least,
                const int8_t *restrict quants, float *restrict to, int count)
{
    /* Quants stand in memory and parts follow one another: compilers would take bytes apart singly,
     * or transpose a block to have its parts side by side. */
    __asm__ volatile("" : : "r"(quants) : "memory");
    switch (formula) {
    case SCALED:
        for (int i = 0; i < count; i++)
            to[i] = scale * (float)(quants[i] - offset);
        break;
    case SCALED_PLUS_LEAST:
        for (int i = 0; i < count; i++)
            to[i] = scale * (float)(quants[i] - offset) + least;
        break;
    case SCALED_MINUS_LEAST:
        for (int i = 0; i < count; i++)
            to[i] = scale * (float)(quants[i] - offset) - least;
        break;
    }
}

/* Defines quant_NAME out of NAME(from, to, blocks), which is EACH. */
#define QUANT_BASE(name)                                                                     \
    static void name##_base(const uint8_t *restrict from, float *restrict to, size_t blocks) \
    {                                                                                        \
        name(from, to, blocks);                                                              \
    }
#if defined(__x86_64__)
#define QUANT(name)                                                                            \
    QUANT_BASE(name)                                                                           \
    __attribute__((target("avx2"))) static void name##_avx2(const uint8_t *restrict from,      \
                                                            float *restrict to, size_t blocks) \
    {                                                                                          \
        name(from, to, blocks);                                                                \
    }                                                                                          \
    const struct quant quant_##name = {name##_base, name##_avx2};
#else
#define QUANT(name)  \
    QUANT_BASE(name) \
    const struct quant quant_##name = {name##_base, NULL};
#endif

/* The same out of unpack_NAME(from, quants, scales, minima): blocks of `parts` · `part` numbers in
 * `bytes` bytes; `offset` is taken from each quant. */
#define QUANT_BLOCKS(name, parts, part, bytes, offset, formula)                            \
    EACH void name(const uint8_t *restrict from, float *restrict to, size_t blocks)        \
    {                                                                                      \
        for (; blocks > 0; blocks--, from += (bytes)) {                                    \
            int8_t quants[(parts) * (part)];                                               \
            float scale[parts], least[parts] = {0};                                        \
            unpack_##name(from, quants, scale, least);                                     \
            for (int p = 0; p < (parts); p++, to += (part))                                \
                apply(formula, offset, scale[p], least[p], quants + p * (part), to, part); \
        }                                                                                  \
    }                                                                                      \
    QUANT(name)

#endif
