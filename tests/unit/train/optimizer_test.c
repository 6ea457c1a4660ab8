#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"
#include "lorabuild/common/threads.h"
#include "lorabuild/train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fill(float *x, size_t n, uint64_t seed, uint32_t step)
{
    struct random r = {seed, random_purpose("optimizer test"), step};
    for (size_t i = 0; i < n; i++)
        x[i] = random_uniform(r, i, -1, 1);
}

/* AdamW in f64, as the paper writes it. */
static void equals_the_paper(void **state)
{
    (void)state;
    enum { N = 1000, STEPS = 25 };
    static double w[N], m[N], v[N];
    static float weights[N], g[N];
    struct optimizer o;
    optimizer_init(&o, N);
    fill(weights, N, 1, 0);
    for (int i = 0; i < N; i++)
        w[i] = weights[i];
    for (int t = 1; t <= STEPS; t++) {
        fill(g, N, 2, (uint32_t)t);
        double squares = 0, rate = 1e-3 / t;
        for (int i = 0; i < N; i++)
            squares += (double)g[i] * g[i];
        double clip = 1.0 / (sqrt(squares) + 1e-6), norm;
        norm = optimizer_step(&o, weights, g, rate, 0.1, 1.0);
        assert_true(fabs(norm - sqrt(squares)) < 1e-9);
        for (int i = 0; i < N; i++) {
            double x = g[i] * (clip < 1 ? clip : 1);
            m[i] = 0.9 * m[i] + 0.1 * x;
            v[i] = 0.999 * v[i] + 0.001 * x * x;
            w[i] -= rate * 0.1 * w[i];
            w[i] -= rate * (m[i] / (1 - pow(0.9, t))) / (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-8);
        }
    }
    for (int i = 0; i < N; i++)
        assert_true(fabs(weights[i] - w[i]) < 2e-6);
    assert_int_equal(o.step, STEPS);
    optimizer_free(&o);
}

static void short_gradients_are_not_stretched(void **state)
{
    (void)state;
    float clipped[2] = {0, 0}, free_of_it[2] = {0, 0}, g[2] = {0.3f, 0.4f};
    struct optimizer a, b;
    optimizer_init(&a, 2);
    optimizer_init(&b, 2);
    optimizer_step(&a, clipped, g, 1e-2, 0, 1.0);
    optimizer_step(&b, free_of_it, g, 1e-2, 0, 0);
    assert_memory_equal(clipped, free_of_it, sizeof clipped);
    assert_memory_equal(a.v, b.v, sizeof clipped);
    optimizer_free(&a);
    optimizer_free(&b);
}

static void no_number_moves_nothing(void **state)
{
    (void)state;
    float w[2] = {1, 2}, g[2] = {1, NAN};
    struct optimizer o;
    optimizer_init(&o, 2);
    assert_false(isfinite(optimizer_step(&o, w, g, 1e-2, 0.1, 1)));
    assert_true(w[0] == 1 && w[1] == 2 && o.step == 0 && o.m[0] == 0);
    g[1] = INFINITY;
    assert_false(isfinite(optimizer_step(&o, w, g, 1e-2, 0.1, 1)));
    optimizer_free(&o);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    enum { N = 100003, STEPS = 5 };
    float *w[3], *g = mem_array(N, sizeof *g);
    struct optimizer o[3];
    for (int run = 0; run < 3; run++) {
        threads_set(run + 1);
        w[run] = mem_array(N, sizeof *g);
        optimizer_init(&o[run], N);
        fill(w[run], N, 3, 0);
        for (uint32_t t = 0; t < STEPS; t++) {
            fill(g, N, 4, t);
            optimizer_step(&o[run], w[run], g, 1e-3, 0.01, 1);
        }
        assert_memory_equal(w[run], w[0], N * sizeof *g);
        assert_memory_equal(o[run].v, o[0].v, N * sizeof *g);
    }
    for (int run = 0; run < 3; run++) {
        optimizer_free(&o[run]);
        free(w[run]);
    }
    free(g);
    threads_set(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_paper),
        cmocka_unit_test(short_gradients_are_not_stretched),
        cmocka_unit_test(no_number_moves_nothing),
        cmocka_unit_test(threads_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
