/* loops: the inner loops over one row, built once for each instruction set and chosen at run
 * time. Sums run in 16 fixed lanes and nothing is contracted, so that all of them give the
 * same bits. */
#ifndef LORABUILD_TENSOR_CPU_LOOPS_H
#define LORABUILD_TENSOR_CPU_LOOPS_H

#include "lorabuild/formats/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loops {
    float (*dot)(const float *a, const float *b, size_t n);
    float (*max)(const float *x, size_t n);
    void (*add)(float *to, const float *a, const float *b, size_t n); /* to = a + b */
    void (*accumulate)(float *to, const float *from, size_t n);       /* to += from */
    void (*scale)(float *x, float by, size_t n);
    /* x = exp(x - shift); returns the sum. */
    double (*exp_sum)(float *x, float shift, size_t n);
    /* p = exp(p · scale - shift). */
    void (*exp_scaled)(float *p, float scale, float shift, size_t n);
    /* d = p · (d - mean) · scale: softmax's backward. */
    void (*softmax_back)(float *d, const float *p, float mean, float scale, size_t n);
    void (*swiglu)(float *y, const float *gate, const float *up, size_t n);
    /* Either result may be NULL; add: to what it holds. */
    void (*swiglu_back)(float *d_gate, bool add_gate, float *d_up, bool add_up, const float *gate,
                        const float *up, const float *dy, size_t n);
    float (*norm)(float *y, const float *x, const float *gain, float epsilon, size_t n);
    void (*norm_back)(float *dx, bool add, const float *x, const float *gain, const float *dy,
                      float r, size_t n);
    /* One head's rotation; sin = -sin turns back. to may be from. */
    void (*turn_halves)(float *to, const float *from, bool add, const float *cos, const float *sin,
                        size_t half);
    void (*turn_neighbours)(float *to, const float *from, bool add, const float *cos,
                            const float *sin, size_t half);
    /* to = from · by where the mask has a bit, else 0. */
    void (*masked)(float *to, const float *from, const uint8_t *mask, float by, size_t n);
    void (*to_bf16)(uint16_t *to, const float *from, size_t n);
    void (*round_bf16)(float *to, const float *from, size_t n); /* to may be from */
    /* Dot products of a stored row, by its type, and x; `sums` holds the sum of each 32 of x.
     * NULL for a type that has none. */
    float (*dot_stored[DTYPE_COUNT])(const void *row, const float *x, const float *sums, size_t n);
};

extern const struct loops loops_base, loops_avx2, loops_avx512;
const struct loops *loops_choose(void);

#endif
