#include "lorabuild/formats/dtype.h"

#include "lorabuild/formats/quants.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie");

static const struct {
    const char *name;
    size_t block, bytes;
    const struct quant *quant;
} types[DTYPE_COUNT] = {
    [DTYPE_F32] = {"F32", 1, 4, &quant_f32},
    [DTYPE_F16] = {"F16", 1, 2, &quant_f16},
    [DTYPE_BF16] = {"BF16", 1, 2, &quant_bf16},
    [DTYPE_Q8_0] = {"Q8_0", 32, 34, &quant_q8_0},
    [DTYPE_Q4_0] = {"Q4_0", 32, 18, &quant_q4_0},
    [DTYPE_Q4_1] = {"Q4_1", 32, 20, &quant_q4_1},
    [DTYPE_Q5_0] = {"Q5_0", 32, 22, &quant_q5_0},
    [DTYPE_Q5_1] = {"Q5_1", 32, 24, &quant_q5_1},
    [DTYPE_Q2_K] = {"Q2_K", 256, 84, &quant_q2_k},
    [DTYPE_Q3_K] = {"Q3_K", 256, 110, &quant_q3_k},
    [DTYPE_Q4_K] = {"Q4_K", 256, 144, &quant_q4_k},
    [DTYPE_Q5_K] = {"Q5_K", 256, 176, &quant_q5_k},
    [DTYPE_Q6_K] = {"Q6_K", 256, 210, &quant_q6_k},
    [DTYPE_IQ4_NL] = {"IQ4_NL", 32, 18, &quant_iq4_nl},
    [DTYPE_IQ4_XS] = {"IQ4_XS", 256, 136, &quant_iq4_xs},
    [DTYPE_MXFP4] = {"MXFP4", 32, 17, &quant_mxfp4},
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

void dtype_to_f32(enum dtype type, const void *from, float *to, size_t n)
{
    const struct quant *q = types[type].quant;
    if (n == 0)
        return;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        q->avx2(from, to, n / types[type].block);
        return;
    }
#endif
    q->base(from, to, n / types[type].block);
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
    return float_of((uint32_t)x << 16);
}

float f16_to_f32(uint16_t x)
{
    return half_to_float(x);
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
