#include "tests/unit/tensor/reference.h"

#include "lorabuild/tensor/cpu/cpu.h"

#include "lorabuild/common/memory.h"

static const int64_t shapes[][3] = {/* m, n, k: those of SmolLM2, and odd ones */
                                    {512, 576, 576}, {512, 192, 576}, {512, 576, 1536},
                                    {512, 16, 576},  {512, 16, 1536}, {512, 576, 16},
                                    {16, 576, 512},  {576, 16, 512},  {100, 151, 77},
                                    {7, 576, 576},   {1, 577, 31},    {64, 192, 1000},
                                    {129, 193, 1},   {128, 3000, 96}};
#define SHAPES (sizeof shapes / sizeof *shapes)

struct operands {
    float *a, *b, *c;
};

static struct operands operands(const int64_t *s)
{
    return (struct operands){filled((size_t)(s[0] * s[2]), "a"), filled((size_t)(s[2] * s[1]), "b"),
                             filled((size_t)(s[0] * s[1]), "c")};
}

static void done(struct operands o)
{
    free(o.a);
    free(o.b);
    free(o.c);
}

static struct product product_of(const int64_t *s, struct operands o, bool turn_a, bool turn_b)
{
    return (struct product){.m = s[0],
                            .n = s[1],
                            .k = s[2],
                            .a = o.a,
                            .stride_a = turn_a ? s[0] : s[2],
                            .turn_a = turn_a,
                            .b = o.b,
                            .stride_b = turn_b ? s[2] : s[1],
                            .turn_b = turn_b,
                            .c = o.c,
                            .stride_c = s[1],
                            .alpha = 0.5f,
                            .add = true};
}

/* Some elements of C + alpha · op(A) op(B). */
static void same_elements(const struct product *p, const float *before)
{
    for (int64_t t = 0; t < 50; t++) {
        int64_t i = t * 7919 % p->m, j = t * 104729 % p->n;
        double sum = 0, size = 0;
        for (int64_t k = 0; k < p->k; k++) {
            double a = (double)p->a[p->turn_a ? k * p->stride_a + i : i * p->stride_a + k];
            double b = (double)p->b[p->turn_b ? j * p->stride_b + k : k * p->stride_b + j];
            sum += a * b;
            size += fabs(a * b);
        }
        double expected = (double)p->alpha * sum + (p->add ? (double)before[i * p->n + j] : 0);
        assert_true(fabs((double)p->c[i * p->n + j] - expected) <= 1e-6 * (size + 1));
    }
}

static void products_are_their_formula_in_all_turns(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int turn = 0; turn < 4; turn++) {
            struct error e;
            struct operands o = operands(shapes[i]);
            float *before = filled((size_t)(shapes[i][0] * shapes[i][1]), "c");
            struct product p = product_of(shapes[i], o, turn & 1, turn & 2);
            assert_true(product_run(&p, &e));
            same_elements(&p, before);
            free(before);
            done(o);
        }
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    int before = threads_count();
    for (size_t i = 0; i < SHAPES; i++)
        for (int turn = 0; turn < 4; turn++) {
            struct error e;
            struct operands one = operands(shapes[i]);
            threads_set(1);
            struct product p = product_of(shapes[i], one, turn & 1, turn & 2);
            assert_true(product_run(&p, &e));
            for (int threads = 2; threads <= 5; threads += 3) {
                struct operands more = operands(shapes[i]);
                threads_set(threads);
                struct product q = product_of(shapes[i], more, turn & 1, turn & 2);
                assert_true(product_run(&q, &e));
                assert_memory_equal(one.c, more.c,
                                    (size_t)(shapes[i][0] * shapes[i][1]) * sizeof(float));
                done(more);
            }
            done(one);
        }
    threads_set(before);
}

/* The path of bf16, in f32, which every processor has. */
static void primitives_are_kept_and_give_the_same_numbers(void **state)
{
    (void)state;
    struct error e;
    struct product_cache *cache = product_cache_open(&e);
    assert_non_null(cache);
    for (size_t i = 0; i < SHAPES; i++)
        for (int turn = 0; turn < 4; turn++) {
            struct operands o = operands(shapes[i]);
            float *before = filled((size_t)(shapes[i][0] * shapes[i][1]), "c");
            struct product p = product_of(shapes[i], o, false, turn & 1);
            struct product_typed t = {DTYPE_F32, p.m, p.n, p.k, o.a, o.b, p.turn_b, o.c, turn & 2};
            p.alpha = 1;
            p.add = t.add;
            for (int round = 0; round < 2; round++) {
                memcpy(o.c, before, (size_t)(p.m * p.n) * sizeof *o.c);
                assert_true(product_typed_run(cache, &t, &e));
                same_elements(&p, before);
            }
            free(before);
            done(o);
        }
    product_cache_close(cache);
}

static double bf16_value(float x)
{
    return (double)bf16_to_f32(f32_to_bf16(x));
}

/* Element (i, j) of x Wᵀ, or of x W, of rounded numbers. */
static double rounded_element(const float *x, const float *w, const int64_t *s, bool turned,
                              int64_t i, int64_t j, double *size)
{
    double sum = *size = 0;
    for (int64_t k = 0; k < s[2]; k++) {
        double one =
            bf16_value(x[i * s[2] + k]) * bf16_value(turned ? w[j * s[2] + k] : w[k * s[1] + j]);
        sum += one;
        *size += fabs(one);
    }
    return sum;
}

/* With bf16 instructions and without: products of rounded numbers, summed in f32. */
static void bf16_is_the_product_of_rounded_numbers(void **state)
{
    (void)state;
    struct error e = {0};
    struct backend *b = cpu_backend_open(COMPUTE_BF16, 1 << 20, &e);
    assert_non_null(b);
    for (size_t i = 0; i < SHAPES; i++)
        for (int turned = 0; turned < 2; turned++) {
            const int64_t *s = shapes[i];
            struct operands o = operands(s);
            struct matrix w = {DTYPE_F32, turned ? s[1] : s[2], turned ? s[2] : s[1], o.b, -1};
            assert_true(product_frozen(b->own, &w, turned, o.a, s[0], o.c, false, &e));
            for (int64_t t = 0; t < 30; t++) {
                int64_t row = t * 7919 % s[0], col = t * 104729 % s[1];
                double size, expected = rounded_element(o.a, o.b, s, turned, row, col, &size);
                double got = (double)o.c[row * s[1] + col];
                assert_true(fabs(got - expected) <= 2e-6 * (size + 1e-3));
            }
            done(o);
        }
    cpu_backend_close(b);
}

static void its_speed_is_told_where_it_is_native(void **state)
{
    (void)state;
    struct error e = {0};
    struct product_cache *cache = product_cache_open(&e);
    double f32 = 0, bf16 = 0;
    assert_true(cpu_measure(&f32, &bf16, &e));
    assert_true(f32 > 1e8 && product_has_bf16(cache) == (bf16 > 0));
    product_cache_close(cache);
}

/* A panel of every type, kept or not, gives what the type's own numbers give. */
static void few_rows_and_panels_agree(void **state)
{
    (void)state;
    struct error e;
    float *x = filled(5 * 64, "x"), few[3 * 33], many[5 * 33], again[5 * 33];
    uint8_t *stored = malloc(33 * 64 * 4);
    for (int type = 0; type < DTYPE_COUNT; type++) {
        struct matrix w = {(enum dtype)type, 33, 64, stored, type};
        for (size_t i = 0; i < 33 * 64 * 4; i++) /* exponents that stay small in every type */
            stored[i] = (uint8_t)(i % 2 ? 0x30 + i % 7 : i * 37);
        struct backend *b = test_backend(1 << 20), *none = test_backend(0);
        struct cpu *c = b->own;
        product_few_rows(c, &w, x, 3, few, false, 1);
        assert_true(product_frozen(c, &w, true, x, 5, many, false, &e));
        assert_true(product_frozen(none->own, &w, true, x, 5, again, false, &e));
        assert_memory_equal(many, again, sizeof many);
        double size = 0;
        for (int i = 0; i < 3 * 33; i++)
            size = fmax(size, fabs((double)many[i]));
        for (int i = 0; i < 3 * 33; i++)
            assert_true(fabs((double)few[i] - (double)many[i]) <= 1e-5 * size);
        assert_true(isfinite(size) && size > 0);
        cpu_backend_close(b);
        cpu_backend_close(none);
    }
    free(x);
    free(stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_their_formula_in_all_turns),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(primitives_are_kept_and_give_the_same_numbers),
        cmocka_unit_test(bf16_is_the_product_of_rounded_numbers),
        cmocka_unit_test(its_speed_is_told_where_it_is_native),
        cmocka_unit_test(few_rows_and_panels_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
