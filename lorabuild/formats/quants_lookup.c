/* Types whose 4 bits are looked up in a table of 16 quants. */
#include "lorabuild/formats/quants.h"

enum { BLOCK = 32, HALF = BLOCK / 2 };

/* Numbers that lie closer together near zero, as weights do. */
static const int8_t unequal[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
/* Twice the values of e2m1: sign, two bits of exponent, one of fraction. */
static const int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* Quant i is found by the low half of byte i, quant 16 + i by the high half. */
EACH void look_up(int8_t *restrict quants, const int8_t *restrict table,
                  const uint8_t *restrict from)
{
    for (int i = 0; i < HALF; i++) {
        quants[i] = table[from[i] & 15];
        quants[i + HALF] = table[from[i] >> 4];
    }
}

/* f16 scale, 16 bytes. */
EACH void unpack_iq4_nl(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    (void)least;
    *scale = load_half(from);
    look_up(quants, unequal, from + 2);
}
QUANT_BLOCKS(iq4_nl, 1, BLOCK, 18, 0, SCALED)

/* f16 d; of the eight parts' 6-bit scales u16 of the high 2 bits and 4 bytes of the low 4; 128
 * bytes, 16 a part. */
EACH void unpack_iq4_xs(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    float d = load_half(from);
    int high = load_u16(from + 2);
    (void)least;
    for (int p = 0; p < 8; p++) {
        int s = (from[4 + p / 2] >> p % 2 * 4 & 15) | (high >> 2 * p & 3) << 4;
        scale[p] = d * (float)(s - 32);
        look_up(quants + p * BLOCK, unequal, from + 8 + p * HALF);
    }
}
QUANT_BLOCKS(iq4_xs, 8, BLOCK, 136, 0, SCALED)

/* The exponent e as a byte, 16 bytes. The scale is half of 2^(e - 127), because the table is
 * doubled: a subnormal number for e = 0 and 1; and 2^127 for 255, the standard's NaN, as in ggml.
 */
EACH void unpack_mxfp4(const uint8_t *from, int8_t *quants, float *scale, float *least)
{
    uint32_t e = *from;
    (void)least;
    *scale = float_of(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    look_up(quants, e2m1, from + 1);
}
QUANT_BLOCKS(mxfp4, 1, BLOCK, 17, 0, SCALED)
