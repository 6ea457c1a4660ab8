#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/train/schedule.h"
#include "lorabuild/train/trainer.h"

#include <math.h>

static struct recipe ten_epochs(void)
{
    struct recipe r = recipe_default(false);
    r.batch_size = 10;
    r.epochs = 10;
    return r;
}

/* T25: 91, 7 and 1 samples, batch 10, ten epochs, warm-up 5 %. */
static void small_sets_have_whole_epochs(void **state)
{
    (void)state;
    struct recipe r = ten_epochs();
    assert_int_equal(training_steps(&r, 91), 100);
    assert_int_equal(training_steps(&r, 7), 10);
    assert_int_equal(training_steps(&r, 1), 10);
    r.accumulation = 2;
    assert_int_equal(training_steps(&r, 91), 50);
    r.epochs = 2.5;
    r.accumulation = 1;
    assert_int_equal(training_steps(&r, 91), 25);
    r.steps = 33;
    assert_int_equal(training_steps(&r, 91), 33);
}

static void auto_aims_at_120_steps_within_10_passes(void **state)
{
    (void)state;
    struct recipe r = recipe_default(false);
    assert_int_equal(training_steps(&r, 4), 10);      /* ten passes of one step */
    assert_int_equal(training_steps(&r, 40), 100);    /* ten passes of ten */
    assert_int_equal(training_steps(&r, 143), 108);   /* three passes of 36 */
    assert_int_equal(training_steps(&r, 4000), 1000); /* never less than all once */
    for (size_t n = 25; n < 800; n++) {
        int64_t steps = training_steps(&r, n);
        assert_true(steps >= 60 && steps <= 200);
        assert_int_equal(steps % ((n + 3) / 4), 0);
    }
}

static void updates_take_their_share(void **state)
{
    (void)state;
    struct recipe r = recipe_default(false);
    r.steps = 200;
    assert_int_equal(training_update_steps(&r, 10, 100), 20);
    assert_int_equal(training_update_steps(&r, 1, 100), 10); /* at least ten */
    assert_int_equal(training_update_steps(&r, 100, 100), 200);
    assert_int_equal(training_update_steps(&r, 0, 100), 0);
}

/* The formulas once more, written another way. */
static double expected(enum recipe_schedule kind, int64_t t, int64_t w, int64_t d, int64_t s)
{
    if (s < w)
        return 2e-4 * (s + 1.0) / w;
    double p = (s - w) / (double)(t - w), q = (s - (t - d)) / (double)d;
    if (kind == SCHEDULE_LINEAR)
        return 2e-4 * (1 - p);
    if (kind == SCHEDULE_COSINE)
        return 1e-4 * (1 + cos(acos(-1) * p));
    return kind == SCHEDULE_WSD && s >= t - d ? 2e-4 * (1 - sqrt(q)) : 2e-4;
}

static void rates_equal_the_formula_and_none_is_zero(void **state)
{
    (void)state;
    static const struct {
        size_t windows;
        int64_t steps, warmup, decay;
    } cases[] = {{91, 100, 5, 20}, {7, 10, 1, 2}, {1, 10, 1, 2}};
    for (int kind = SCHEDULE_CONSTANT; kind <= SCHEDULE_WSD; kind++)
        for (size_t c = 0; c < 3; c++) {
            struct recipe r = ten_epochs();
            r.schedule = kind;
            int64_t steps = training_steps(&r, cases[c].windows);
            struct schedule s = schedule_make(&r, steps, 0);
            assert_int_equal(steps, cases[c].steps);
            assert_int_equal(s.warmup, cases[c].warmup);
            for (int64_t i = 0; i < steps; i++) {
                double rate = schedule_rate(&s, i),
                       wanted = expected(kind, steps, cases[c].warmup, cases[c].decay, i);
                assert_true(rate > 0 && rate <= 2e-4 * (1 + 1e-15));
                assert_true(fabs(rate - wanted) <= 1e-12 * wanted);
            }
        }
}

static void warmup_in_steps_again_and_too_long(void **state)
{
    (void)state;
    struct recipe r = recipe_default(false);
    r.warmup = 3;
    struct schedule s = schedule_make(&r, 100, 0);
    assert_int_equal(s.warmup, 3);
    s = schedule_make(&r, 100, 10);
    assert_int_equal(s.warmup, 10);
    assert_true(s.peak == r.learning_rate * SCHEDULE_UPDATE_RATE);
    s = schedule_make(&r, 10, 10); /* gives way to the decay */
    assert_int_equal(s.warmup, 8);
    assert_int_equal(s.decay, 2);
    s = schedule_make(&r, 1, 10);
    assert_true(schedule_rate(&s, 0) == 2e-4 * SCHEDULE_UPDATE_RATE);
    r.schedule = SCHEDULE_LINEAR;
    s = schedule_make(&r, 2, 10);
    assert_true(schedule_rate(&s, 0) == 2e-4 * SCHEDULE_UPDATE_RATE && schedule_rate(&s, 1) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sets_have_whole_epochs),
        cmocka_unit_test(auto_aims_at_120_steps_within_10_passes),
        cmocka_unit_test(updates_take_their_share),
        cmocka_unit_test(rates_equal_the_formula_and_none_is_zero),
        cmocka_unit_test(warmup_in_steps_again_and_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
