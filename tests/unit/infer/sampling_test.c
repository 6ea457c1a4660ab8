#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/infer/sampling.h"

#include <math.h>
#include <string.h>

static const struct draft_options greedy = {.temperature = 0, .top_p = 1, .repeat_penalty = 1};

static int32_t pick(struct draft_options o, const float *logits, size_t n, const int32_t *recent,
                    size_t recent_count, uint32_t step)
{
    float copy[16];
    memcpy(copy, logits, n * sizeof *logits);
    return sampling_pick(&o, copy, n, recent, recent_count, step);
}

static void ties_go_to_the_lowest_id(void **state)
{
    (void)state;
    const float logits[] = {1, 5, 5, 2, 5};
    struct draft_options one = greedy;
    one.temperature = 1;
    one.top_k = 1;
    assert_int_equal(pick(greedy, logits, 5, NULL, 0, 0), 1);
    for (uint32_t step = 0; step < 50; step++)
        assert_int_equal(pick(one, logits, 5, NULL, 0, step), 1);
    const float broken[] = {1, NAN, 2};
    assert_int_equal(pick(greedy, broken, 3, NULL, 0, 0), -1);
}

/* Shares of 20,000 draws lie within 5 standard errors of `wanted`. */
static void draws_follow(struct draft_options o, const float *logits, const double *wanted)
{
    enum { DRAWS = 20000 };
    int counts[4] = {0};
    for (uint32_t step = 0; step < DRAWS; step++)
        counts[pick(o, logits, 4, NULL, 0, step)]++;
    for (int i = 0; i < 4; i++) {
        double error = sqrt(wanted[i] * (1 - wanted[i]) / DRAWS);
        assert_true(fabs(counts[i] / (double)DRAWS - wanted[i]) <= 5 * error);
    }
}

static void draws_have_their_probabilities(void **state)
{
    (void)state;
    const float logits[] = {logf(0.1f), logf(0.4f), logf(0.3f), logf(0.2f)};
    struct draft_options o = {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 5};
    draws_follow(o, logits, (double[]){0.1, 0.4, 0.3, 0.2});
    o.top_k = 2;
    draws_follow(o, logits, (double[]){0, 4.0 / 7, 3.0 / 7, 0});
    o.top_k = 0;
    o.top_p = 0.69; /* 0.4 + 0.3 is the first sum that reaches it */
    draws_follow(o, logits, (double[]){0, 4.0 / 7, 3.0 / 7, 0});
    o.top_p = 0.71;
    draws_follow(o, logits, (double[]){0, 4.0 / 9, 3.0 / 9, 2.0 / 9});
    o.top_p = 1;
    o.temperature = 0.5; /* squares the odds */
    draws_follow(o, logits, (double[]){1 / 30.0, 16 / 30.0, 9 / 30.0, 4 / 30.0});
}

/* Top-p looks at the probabilities before the temperature, as llama.cpp's chain does. */
static void temperature_comes_last(void **state)
{
    (void)state;
    const float logits[] = {logf(0.1f), logf(0.4f), logf(0.3f), logf(0.2f)};
    struct draft_options o = {.temperature = 100, .top_p = 0.35, .repeat_penalty = 1};
    for (uint32_t step = 0; step < 50; step++)
        assert_int_equal(pick(o, logits, 4, NULL, 0, step), 1);
}

static void repetition_costs_once_and_within_64(void **state)
{
    (void)state;
    const float logits[] = {4, 3, -1, -1.5f};
    struct draft_options o = greedy;
    int32_t recent[70];
    o.repeat_penalty = 1.3;
    recent[0] = recent[1] = 0; /* 4 / 1.3 = 3.08 > 3: a second time would make it 2.4 */
    assert_int_equal(pick(o, logits, 4, recent, 2, 0), 0);
    o.repeat_penalty = 1.5;
    assert_int_equal(pick(o, logits, 4, recent, 2, 0), 1);
    for (int i = 1; i < 70; i++)
        recent[i] = 9; /* no token of this vocabulary */
    assert_int_equal(pick(o, logits, 4, recent, 64, 0), 1);
    assert_int_equal(pick(o, logits, 4, recent, 65, 0), 0);
    const float negative[] = {-1, -1.2f};
    int32_t first = 0;
    assert_int_equal(pick(o, negative, 2, &first, 1, 0), 1); /* -1 · 1.5 */
}

static void seeds_and_steps_decide(void **state)
{
    (void)state;
    const float logits[16] = {0};
    struct draft_options a = {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 1}, b = a;
    int same = 0;
    b.seed = 2;
    for (uint32_t step = 0; step < 64; step++) {
        int32_t x = pick(a, logits, 16, NULL, 0, step);
        assert_int_equal(x, pick(a, logits, 16, NULL, 0, step));
        same += x == pick(b, logits, 16, NULL, 0, step);
    }
    assert_true(same < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_to_the_lowest_id),
        cmocka_unit_test(draws_have_their_probabilities),
        cmocka_unit_test(temperature_comes_last),
        cmocka_unit_test(repetition_costs_once_and_within_64),
        cmocka_unit_test(seeds_and_steps_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
