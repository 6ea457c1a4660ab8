#include "lorabuild/formats/dtype.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie");

enum { BLOCK = 32 }; /* numbers in a quantised block */

static const struct {
    const char *name;
    size_t block, bytes;
} types[DTYPE_COUNT] = {
    [DTYPE_F32] = {"F32", 1, 4},
    [DTYPE_F16] = {"F16", 1, 2},
    [DTYPE_BF16] = {"BF16", 1, 2},
    [DTYPE_Q8_0] = {"Q8_0", BLOCK, 2 + BLOCK},         /* f16 scale; 32 signed bytes */
    [DTYPE_Q4_0] = {"Q4_0", BLOCK, 2 + BLOCK / 2},     /* f16 scale; 32 nibbles */
    [DTYPE_Q4_1] = {"Q4_1", BLOCK, 2 + 2 + BLOCK / 2}, /* f16 scale, f16 minimum; 32 nibbles */
};

const char *dtype_name(enum dtype type)
{
    return types[type].name;
}

size_t dtype_block(enum dtype type)
{
    return types[type].block;
}

size_t dtype_block_bytes(enum dtype type)
{
    return types[type].bytes;
}

bool dtype_bytes(enum dtype type, uint64_t n, size_t *bytes)
{
    return n % types[type].block == 0 &&
           !__builtin_mul_overflow(n / types[type].block, types[type].bytes, bytes);
}

/* The loops below are plain C that compilers vectorise. On x86 each is compiled twice, for the
 * baseline and for AVX2. Either gives the same bits: scale times quant is exact in f32 (11 bits
 * times at most 8), so each number is rounded once at most, in Q4_1's addition. */
#define EACH static inline __attribute__((always_inline))

EACH float from_bits(uint32_t bits)
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

/* Without branches. f16 has 5 exponent bits of bias 15, f32 has 8 of bias 127: normal numbers
 * move their exponent by 112, infinities and NaNs by twice that, subnormal ones are an integer
 * times 2^-24. Never computes with subnormal f32, so the processor's flush modes do not matter. */
EACH float expand_f16(uint16_t half)
{
    uint32_t magnitude = half & 0x7FFFu;
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t is_special = 0u - (uint32_t)(magnitude >= 0x7C00u);
    uint32_t is_small = 0u - (uint32_t)(magnitude < 0x0400u);
    uint32_t normal = (magnitude << 13) + (112u << 23) + (is_special & (112u << 23));
    uint32_t small = bits_of((float)(int32_t)magnitude * 0x1p-24f);
    return from_bits(sign | (is_small & small) | (~is_small & normal));
}

EACH uint16_t load_u16(const uint8_t *from)
{
    uint16_t x;
    memcpy(&x, from, sizeof x);
    return x;
}

EACH void expand_f16s(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = expand_f16(load_u16(from + 2 * i));
}

EACH void expand_bf16s(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from_bits((uint32_t)load_u16(from + 2 * i) << 16);
}

EACH void expand_q8_0(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++, from += 2 + BLOCK, to += BLOCK) {
        float scale = expand_f16(load_u16(from));
        const int8_t *quants = (const int8_t *)from + 2;
        for (int i = 0; i < BLOCK; i++)
            to[i] = scale * (float)quants[i];
    }
}

EACH void expand_q4_0(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++, from += 2 + BLOCK / 2, to += BLOCK) {
        float scale = expand_f16(load_u16(from));
        const uint8_t *quants = from + 2;
        for (int i = 0; i < BLOCK / 2; i++)
            to[i] = scale * (float)((quants[i] & 15) - 8);
        for (int i = 0; i < BLOCK / 2; i++)
            to[i + BLOCK / 2] = scale * (float)((quants[i] >> 4) - 8);
    }
}

EACH void expand_q4_1(const uint8_t *restrict from, float *restrict to, size_t n)
{
    for (size_t b = 0; b < n / BLOCK; b++, from += 4 + BLOCK / 2, to += BLOCK) {
        float scale = expand_f16(load_u16(from)), least = expand_f16(load_u16(from + 2));
        const uint8_t *quants = from + 4;
        for (int i = 0; i < BLOCK / 2; i++)
            to[i] = scale * (float)(quants[i] & 15) + least;
        for (int i = 0; i < BLOCK / 2; i++)
            to[i + BLOCK / 2] = scale * (float)(quants[i] >> 4) + least;
    }
}

EACH void expand(enum dtype type, const void *from, float *to, size_t n)
{
    switch (type) {
    case DTYPE_F32: memcpy(to, from, n * sizeof *to); break;
    case DTYPE_F16: expand_f16s(from, to, n); break;
    case DTYPE_BF16: expand_bf16s(from, to, n); break;
    case DTYPE_Q8_0: expand_q8_0(from, to, n); break;
    case DTYPE_Q4_0: expand_q4_0(from, to, n); break;
    case DTYPE_Q4_1: expand_q4_1(from, to, n); break;
    case DTYPE_COUNT: break;
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void expand_avx2(enum dtype type, const void *from,
                                                        float *to, size_t n)
{
    expand(type, from, to, n);
}
#endif

void dtype_to_f32(enum dtype type, const void *from, float *to, size_t n)
{
    if (n == 0)
        return;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        expand_avx2(type, from, to, n);
        return;
    }
#endif
    expand(type, from, to, n);
}

uint16_t f32_to_bf16(float x)
{
    uint32_t bits = bits_of(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN whose set bits may all be cut */
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

float bf16_to_f32(uint16_t x)
{
    return from_bits((uint32_t)x << 16);
}

float f16_to_f32(uint16_t x)
{
    return expand_f16(x);
}

/* `value` without its lowest `shift` bits, rounded to nearest, ties to even. */
static uint32_t shift_rounded(uint32_t value, unsigned shift)
{
    uint32_t kept = value >> shift, half = 1u << (shift - 1), rest = value & (2 * half - 1);
    return kept + (rest > half || (rest == half && (kept & 1)));
}

uint16_t f32_to_f16(float x)
{
    uint32_t bits = bits_of(x), magnitude = bits & 0x7FFFFFFFu;
    uint32_t sign = bits >> 16 & 0x8000u;
    if (magnitude > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
    if (magnitude >= 0x47800000u) /* 65536 and above */
        return (uint16_t)(sign | 0x7C00u);
    if (magnitude >= 0x38800000u) /* 2^-14: normal; rounding may carry up to infinity */
        return (uint16_t)(sign | shift_rounded(magnitude - (112u << 23), 13));
    unsigned exponent = magnitude >> 23;
    if (exponent < 102) /* below half of 2^-24 */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_rounded((magnitude & 0x7FFFFFu) | 0x800000u, 126 - exponent));
}
