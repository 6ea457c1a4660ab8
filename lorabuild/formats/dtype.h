/* dtype: the number types that weights are stored in, and their expansion to f32.
 *
 * Quantised types come in blocks of dtype_block() numbers along a row (ggml's layouts; source:
 * the GGUF specification and gguf-py's quants). A row is always whole blocks.
 */
#ifndef LORABUILD_FORMATS_DTYPE_H
#define LORABUILD_FORMATS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_Q8_0,
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q2_K,
    DTYPE_Q3_K,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_IQ4_NL,
    DTYPE_IQ4_XS,
    DTYPE_MXFP4,
    DTYPE_COUNT
};

const char *dtype_name(enum dtype type); /* "F32", "Q4_1": the name in tables and messages */
size_t dtype_block(enum dtype type);     /* numbers in a block: 1, 32 or 256 */
size_t dtype_block_bytes(enum dtype type);
/* Bytes of n numbers; false where n is not whole blocks or the product overflows. */
bool dtype_bytes(enum dtype type, uint64_t n, size_t *bytes);

/* n numbers (whole blocks) from `from`, which need not be aligned, to f32. Exact: each result is
 * the f32 nearest to the stored number, the same on every machine and instruction set. */
void dtype_to_f32(enum dtype type, const void *from, float *to, size_t n);
uint16_t f32_to_bf16(float x); /* round to nearest even; NaN stays NaN */
float bf16_to_f32(uint16_t x);
uint16_t f32_to_f16(float x);
float f16_to_f32(uint16_t x);

#endif
