/* What the operations' tests share: references are naive loops in f64, their gradients finite
 * differences in f64 (fourth order, error about 1e-11). */
#ifndef LORABUILD_TESTS_REFERENCE_H
#define LORABUILD_TESTS_REFERENCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/random.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/tensor/ops.h"
#include "lorabuild/tensor/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INPUTS 6

/* A function of up to six arrays, and where each is an input of the operation. */
struct reference {
    void (*run)(const struct reference *r, double *out);
    double *in[MOST_INPUTS];
    size_t in_count[MOST_INPUTS];
    int inputs;
    size_t out_count;
    const void *shape;
};

static void *(*plain_alloc)(struct backend *b, size_t bytes);

static void *poisoned_alloc(struct backend *b, size_t bytes) /* every f32 a NaN */
{
    void *p = plain_alloc(b, bytes);
    return p ? memset(p, 0xFF, bytes) : NULL;
}

static inline struct backend *test_backend(size_t panel_bytes)
{
    struct error e;
    struct backend *b = cpu_backend_open(COMPUTE_F32, panel_bytes, &e);
    assert_non_null(b);
    plain_alloc = b->alloc;
    b->alloc = poisoned_alloc;
    return b;
}

static inline void fill(float *to, size_t n, const char *name)
{
    struct random r = {.seed = 1, .purpose = random_purpose(name)};
    for (size_t i = 0; i < n; i++)
        to[i] = random_uniform(r, i, -1, 1);
}

static inline float *filled(size_t n, const char *name)
{
    float *to = malloc(n * sizeof *to);
    fill(to, n, name);
    return to;
}

static inline struct value *leaf(struct tape *t, int64_t rows, int64_t cols, const char *name)
{
    struct error e;
    struct value *v = tape_value(t, rows, cols, true, &e);
    assert_non_null(v);
    fill(v->data, (size_t)(rows * cols), name);
    return v;
}

static inline void reference_input(struct reference *r, const float *data, size_t n)
{
    double *copy = malloc(n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (double)data[i];
    r->in[r->inputs] = copy;
    r->in_count[r->inputs++] = n;
}

static inline void reference_free(struct reference *r)
{
    for (int i = 0; i < r->inputs; i++)
        free(r->in[i]);
}

/* Σ (a - b)² / Σ b² */
static inline double nmse(const float *a, const double *b, size_t n)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return error / size;
}

static inline double cosine(const float *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * (double)a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static inline void same_as_reference(const struct reference *r, const float *out)
{
    double *expected = malloc(r->out_count * sizeof *expected);
    r->run(r, expected);
    double off = nmse(out, expected, r->out_count);
    if (!(off <= 1e-10))
        print_error("NMSE %g\n", off);
    assert_true(off <= 1e-10);
    free(expected);
}

static inline double weighted(const struct reference *r, const float *weights, double *out)
{
    double sum = 0;
    r->run(r, out);
    for (size_t i = 0; i < r->out_count; i++)
        sum += (double)weights[i] * out[i];
    return sum;
}

/* `got` against the differences of Σ weights · out by input `which`. */
static inline void same_gradient(const struct reference *r, int which, const float *weights,
                                 const float *got)
{
    static const double steps[4] = {-2, -1, 1, 2}, factors[4] = {1, -8, 8, -1};
    size_t n = r->in_count[which];
    double *expected = malloc(n * sizeof *expected), *out = malloc(r->out_count * sizeof *out);
    double h = 1e-3, *x = r->in[which];
    for (size_t i = 0; i < n; i++) {
        double at = x[i];
        expected[i] = 0;
        for (int j = 0; j < 4; j++) {
            x[i] = at + steps[j] * h;
            expected[i] += factors[j] * weighted(r, weights, out) / (12 * h);
        }
        x[i] = at;
    }
    double off = nmse(got, expected, n), angle = cosine(got, expected, n);
    if (!(off <= 1e-10) || !(angle >= 0.99999999))
        print_error("input %d: NMSE %g, cosine %.12f\n", which, off, angle);
    assert_true(off <= 1e-10);
    assert_true(angle >= 0.99999999);
    free(expected);
    free(out);
}

/* Sets the result's gradient to `weights` and walks back. */
static inline void walk_back(struct tape *t, struct value *out, const float *weights)
{
    struct error e = {0};
    bool adds;
    assert_true(tape_gradient(t, out, &adds, &e));
    memcpy(out->grad, weights, (size_t)(out->rows * out->cols) * sizeof *weights);
    if (!tape_backward(t, &e))
        fail_msg("%s", e.message);
}

#endif
