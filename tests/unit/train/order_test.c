#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/train/order.h"

#include <stdlib.h>
#include <string.h>

/* n windows of two tokens, the i-th told from the others by its first. */
static void make(struct windows *w, size_t n)
{
    *w = (struct windows){.count = n, .items = mem_array(n, sizeof *w->items)};
    for (size_t i = 0; i < n; i++) {
        w->items[i] = (struct window){.ids = mem_array(2, sizeof(int32_t)),
                                      .learned = mem_array(2, 1),
                                      .count = 2,
                                      .samples = mem_array(1, sizeof(struct digest)),
                                      .sample_count = 1};
        w->items[i].ids[0] = (int32_t)i;
        w->items[i].samples[0] = digest_of(&i, sizeof i);
    }
}

static void unmake(struct windows *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->items[i].ids);
        free(w->items[i].learned);
        free(w->items[i].samples);
    }
    free(w->items);
}

static void every_window_once_an_epoch(void **state)
{
    (void)state;
    static const size_t counts[] = {91, 7, 1};
    for (size_t c = 0; c < 3; c++) {
        struct windows w;
        struct order o;
        struct recipe r = recipe_default(false);
        size_t seen[91] = {0}, n;
        r.batch_size = 5;
        r.accumulation = 2;
        make(&w, counts[c]);
        order_init(&o, &w, &r);
        for (int64_t step = 0; step < 10 * o.steps_per_epoch; step++) {
            const uint32_t *which = order_step(&o, step, &n);
            assert_true(n >= 1 && n <= 10);
            for (size_t i = 0; i < n; i++)
                seen[which[i]]++;
            if ((step + 1) % o.steps_per_epoch == 0)
                for (size_t i = 0; i < counts[c]; i++)
                    assert_int_equal(seen[i], (step + 1) / o.steps_per_epoch);
        }
        order_free(&o);
        unmake(&w);
    }
}

static void place_does_not_count(void **state)
{
    (void)state;
    enum { N = 23 };
    struct windows w, turned;
    struct order a, b;
    struct recipe r = recipe_default(false);
    make(&w, N);
    make(&turned, N);
    for (size_t i = 0; i < N / 2; i++) { /* files renamed: the same windows elsewhere */
        struct window other = turned.items[i];
        turned.items[i] = turned.items[N - 1 - i];
        turned.items[N - 1 - i] = other;
    }
    order_init(&a, &w, &r);
    order_init(&b, &turned, &r);
    for (int64_t step = 0; step < 30; step++) {
        size_t n, m;
        const uint32_t *x = order_step(&a, step, &n), *y = order_step(&b, step, &m);
        assert_int_equal(n, m);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(w.items[x[i]].ids[0], turned.items[y[i]].ids[0]);
    }
    order_free(&a);
    order_free(&b);
    unmake(&w);
    unmake(&turned);
}

static void epochs_and_seeds_differ_and_steps_need_no_history(void **state)
{
    (void)state;
    struct windows w;
    struct order o, late, other;
    struct recipe r = recipe_default(false);
    size_t n;
    uint32_t first[4], second[4];
    make(&w, 40);
    order_init(&o, &w, &r);
    order_init(&late, &w, &r);
    r.seed = 43;
    order_init(&other, &w, &r);
    memcpy(first, order_step(&o, 0, &n), sizeof first);
    memcpy(second, order_step(&o, 10, &n), sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_not_equal(first, order_step(&other, 0, &n), sizeof first);
    for (int64_t step = 0; step < 25; step++)
        order_step(&o, step, &n);
    assert_memory_equal(order_step(&late, 24, &n), order_step(&o, 24, &n), sizeof first);
    order_free(&o);
    order_free(&late);
    order_free(&other);
    unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_once_an_epoch),
        cmocka_unit_test(place_does_not_count),
        cmocka_unit_test(epochs_and_seeds_differ_and_steps_need_no_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
