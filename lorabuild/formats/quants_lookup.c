/* Types whose 4 bits are looked up in a table of 16 quants. The table is scaled once for each part
 * and then read: no number is computed twice, and none in another way than scale · quant. */
#include "lorabuild/formats/quants.h"

enum { PART = 32, HALF = PART / 2 };

/* Numbers that lie closer together near zero, as weights do. */
static const int8_t unequal[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};
/* Twice the values of e2m1: sign, two bits of exponent, one of fraction. */
static const int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* Number i is found by the low half of byte i, number 16 + i by the high half. */
EACH void look_up(const int8_t *table, float scale, const uint8_t *restrict from,
                  float *restrict to)
{
    float scaled[16];
    apply(SCALED, 0, scale, 0, table, scaled, 16);
    for (int i = 0; i < HALF; i++) {
        to[i] = scaled[from[i] & 15];
        to[i + HALF] = scaled[from[i] >> 4];
    }
}

/* f16 scale, 16 bytes. */
EACH void iq4_nl(const uint8_t *restrict from, float *restrict to, size_t blocks)
{
    for (; blocks > 0; blocks--, from += 2 + HALF, to += PART)
        look_up(unequal, load_half(from), from + 2, to);
}
QUANT(iq4_nl)

/* f16 d; of the eight parts' 6-bit scales u16 of the high 2 bits and 4 bytes of the low 4; 128
 * bytes, 16 a part. */
EACH void iq4_xs(const uint8_t *restrict from, float *restrict to, size_t blocks)
{
    for (; blocks > 0; blocks--, from += 136) {
        float d = load_half(from);
        int high = load_u16(from + 2);
        for (int p = 0; p < 8; p++, to += PART) {
            int s = (from[4 + p / 2] >> p % 2 * 4 & 15) | (high >> 2 * p & 3) << 4;
            look_up(unequal, d * (float)(s - 32), from + 8 + p * HALF, to);
        }
    }
}
QUANT(iq4_xs)

/* The exponent e as a byte, 16 bytes. The scale is half of 2^(e - 127), because the table is
 * doubled: a subnormal number for e = 0 and 1; and 2^127 for 255, the standard's NaN, as in ggml.
 */
EACH void mxfp4(const uint8_t *restrict from, float *restrict to, size_t blocks)
{
    for (; blocks > 0; blocks--, from += 1 + HALF, to += PART) {
        uint32_t e = *from;
        float scale = float_of(e < 2 ? 0x00200000u << e : (e - 1) << 23);
        look_up(e2m1, scale, from + 1, to);
    }
}
QUANT(mxfp4)
