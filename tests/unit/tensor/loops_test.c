#include "tests/unit/tensor/reference.h"

#include "lorabuild/tensor/cpu/loops.h"

static void exp_is_accurate_and_safe(void **state)
{
    (void)state;
    const struct loops *l = loops_choose();
    double worst = 0;
    for (int i = -860; i <= 850; i++) {
        float x[7];
        double sum = 0;
        for (int j = 0; j < 7; j++)
            x[j] = (float)i * 0.1f + (float)j * 0.013f;
        float copy[7];
        memcpy(copy, x, sizeof x);
        double got = l->exp_sum(x, 0, 7);
        for (int j = 0; j < 7; j++) {
            worst = fmax(worst, fabs((double)x[j] / exp((double)copy[j]) - 1));
            sum += (double)x[j];
        }
        assert_true(fabs(got / sum - 1) < 1e-6);
    }
    if (!(worst < 2e-7))
        print_error("relative error %g\n", worst);
    assert_true(worst < 2e-7);
    float odd[4] = {NAN, -INFINITY, -1e30f, 1e30f};
    l->exp_sum(odd, 0, 4);
    assert_true(isnan(odd[0]));
    assert_true(odd[1] >= 0 && odd[1] < 1e-37f && odd[2] >= 0 && odd[2] < 1e-37f);
    assert_true(isfinite(odd[3]) && odd[3] > 1e38f);
}

#define N 1000

struct all { /* what every loop makes of the same numbers */
    float dot, max, norm, sum, stored[DTYPE_COUNT], y[15][N];
    uint16_t bf16[N];
};

static void run_all(const struct loops *l, struct all *r)
{
    static float x[N], g[N], d[N], sums[N / 32];
    static uint8_t stored[N * 4];
    memset(r, 0, sizeof *r);
    fill(x, N, "x");
    fill(g, N, "g");
    fill(d, N, "d");
    fill(sums, N / 32, "sums");
    for (int i = 0; i < N * 4; i++)
        stored[i] = (uint8_t)(i % 2 ? 0x30 + i % 7 : i * 37);
    for (int i = 0; i < 14; i++)
        fill(r->y[i], N, "y");
    r->dot = l->dot(x, g, N);
    r->max = l->max(x, N);
    l->add(r->y[0], x, g, N);
    l->accumulate(r->y[1], x, N);
    l->scale(r->y[2], 0.3f, N);
    r->sum = (float)l->exp_sum(r->y[3], 0.5f, N);
    l->exp_scaled(r->y[4], 7.5f, 0.25f, N);
    l->softmax_back(r->y[5], x, 0.1f, 0.7f, N);
    l->swiglu(r->y[6], x, g, N);
    l->swiglu_back(r->y[7], true, r->y[8], false, x, g, d, N);
    r->norm = l->norm(r->y[9], x, g, 1e-5f, N);
    l->norm_back(r->y[10], true, x, g, d, 0.9f, N);
    l->turn_halves(r->y[11], x, true, g, d, N / 2);
    l->turn_neighbours(r->y[12], x, false, g, d, N / 2);
    l->masked(r->y[13], x, stored, 1.25f, N);
    l->to_bf16(r->bf16, x, N);
    l->round_bf16(r->y[14], x, N);
    for (int type = 0; type < DTYPE_COUNT; type++)
        if (l->dot_stored[type])
            r->stored[type] = l->dot_stored[type](stored, x, sums, N / 32 * 32);
}

static void instruction_sets_give_the_same_bits(void **state)
{
    (void)state;
    static struct all base, chosen;
    run_all(&loops_base, &base);
    run_all(loops_choose(), &chosen);
    assert_memory_equal(&base, &chosen, sizeof base);
    assert_true(isfinite(base.dot) && isfinite(base.stored[DTYPE_Q4_1]));
}

static void bf16_is_rounded_as_formats_do(void **state)
{
    (void)state;
    const struct loops *l = loops_choose();
    static const float odd[] = {0,         -0.0f,   1.00390625f, 1.01171875f, NAN,
                                -INFINITY, 3.4e38f, 1e-40f,      -1.7f};
    uint16_t got[9];
    float rounded[9];
    l->to_bf16(got, odd, 9);
    l->round_bf16(rounded, odd, 9);
    for (int i = 0; i < 9; i++) {
        float back = bf16_to_f32(got[i]);
        assert_int_equal(got[i], f32_to_bf16(odd[i]));
        assert_memory_equal(&back, &rounded[i], sizeof back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_accurate_and_safe),
        cmocka_unit_test(instruction_sets_give_the_same_bits),
        cmocka_unit_test(bf16_is_rounded_as_formats_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
