#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/dtype.h"
#include "lorabuild/formats/gguf.h"

#include <math.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* By the definition of binary16, in f64. */
static double half_value(unsigned half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent == 0    ? ldexp(fraction, -24)
                       : exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                                        : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

static void every_f16_is_expanded_exactly(void **state)
{
    (void)state;
    uint16_t *halves = mem_alloc(65536 * sizeof *halves);
    float *all = mem_alloc(65536 * sizeof *all);
    for (unsigned i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    dtype_to_f32(DTYPE_F16, halves, all, 65536);
    for (unsigned i = 0; i < 65536; i++) {
        float wanted = (float)half_value(i);
        if (isnan(wanted)) {
            assert_true(isnan(all[i]) && isnan(f16_to_f32((uint16_t)i)));
            assert_int_equal(bits_of(all[i]) >> 31, i >> 15);
            continue;
        }
        assert_int_equal(bits_of(all[i]), bits_of(wanted));
        assert_int_equal(bits_of(f16_to_f32((uint16_t)i)), bits_of(wanted));
        assert_int_equal(f32_to_f16(wanted), i);
    }
    free(all);
    free(halves);
}

/* Halfway between two neighbours goes to the even one, a hair to each side to the nearer. */
static void f32_rounds_to_the_nearest_even_f16(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x7BFF; i++) {
        double middle = (half_value(i) + half_value(i + 1)) / 2;
        float at = (float)middle;
        assert_true((double)at == middle);
        assert_int_equal(f32_to_f16(at), i % 2 ? i + 1 : i);
        assert_int_equal(f32_to_f16(nextafterf(at, 0)), i);
        assert_int_equal(f32_to_f16(-nextafterf(at, INFINITY)), 0x8000 | (i + 1));
    }
    assert_int_equal(f32_to_f16(65519.99f), 0x7BFF);
    assert_int_equal(f32_to_f16(65520.0f), 0x7C00);
    assert_int_equal(f32_to_f16(1e30f), 0x7C00);
    assert_int_equal(f32_to_f16(1e-30f), 0);
    assert_true(isnan(f16_to_f32(f32_to_f16(NAN))));
}

static void f32_rounds_to_the_nearest_even_bf16(void **state)
{
    (void)state;
    static const struct {
        uint32_t from;
        uint16_t to;
    } cases[] = {{0x3F800000, 0x3F80}, {0x3F808000, 0x3F80}, {0x3F808001, 0x3F81},
                 {0x3F818000, 0x3F82}, {0x7F7FFFFF, 0x7F80}, {0xFF800000, 0xFF80},
                 {0x00000001, 0x0000}, {0x00008001, 0x0001}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float x;
        memcpy(&x, &cases[i].from, sizeof x);
        assert_int_equal(f32_to_bf16(x), cases[i].to);
    }
    uint32_t low_nan = 0x7F800001;
    float x;
    memcpy(&x, &low_nan, sizeof x);
    assert_true(isnan(bf16_to_f32(f32_to_bf16(x))));
    assert_int_equal(bits_of(bf16_to_f32(0xC040)), bits_of(-3.0f));
}

/* tiny.f32 is what gguf-py made of each tensor of tiny.gguf; quants_test has the other types. */
static void every_common_type_equals_gguf_py(void **state)
{
    (void)state;
    struct error e = {0};
    struct strbuf wanted = read_file(GOLDEN "tiny.f32");
    struct gguf *g = gguf_open(GOLDEN "tiny.gguf", &e);
    size_t at = 0;
    unsigned seen = 0;
    assert_ok(g, e);
    for (size_t i = 0; i < gguf_tensor_count(g); i++) {
        const struct weight_tensor *t = gguf_tensor(g, i);
        size_t n = 1;
        for (int d = 0; d < t->dims; d++)
            n *= (size_t)t->shape[d];
        float *got = mem_alloc(n * sizeof *got);
        dtype_to_f32(t->type, t->data, got, n);
        assert_true(at + n * sizeof *got <= wanted.size);
        assert_memory_equal(got, wanted.data + at, n * sizeof *got);
        at += n * sizeof *got;
        seen |= 1u << t->type;
        free(got);
    }
    assert_int_equal(at, wanted.size);
    assert_int_equal(seen, (2u << DTYPE_Q4_1) - 1);
    gguf_close(g);
    strbuf_free(&wanted);
}

static void sizes_are_whole_blocks_without_overflow(void **state)
{
    (void)state;
    size_t bytes = 0;
    assert_true(dtype_bytes(DTYPE_Q4_1, 64, &bytes));
    assert_int_equal(bytes, 40);
    assert_false(dtype_bytes(DTYPE_Q4_1, 65, &bytes));
    assert_false(dtype_bytes(DTYPE_F32, UINT64_MAX / 2, &bytes));
    assert_true(dtype_bytes(DTYPE_Q8_0, 0, &bytes) && bytes == 0);
    assert_string_equal(dtype_name(DTYPE_Q4_1), "Q4_1");
    assert_int_equal(dtype_block(DTYPE_Q8_0), 32);
    assert_int_equal(dtype_block_bytes(DTYPE_Q8_0), 34);
    assert_true(dtype_bytes(DTYPE_Q6_K, 512, &bytes) && bytes == 420);
    assert_false(dtype_bytes(DTYPE_Q6_K, 288, &bytes));
    dtype_to_f32(DTYPE_F32, NULL, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_is_expanded_exactly),
        cmocka_unit_test(f32_rounds_to_the_nearest_even_f16),
        cmocka_unit_test(f32_rounds_to_the_nearest_even_bf16),
        cmocka_unit_test(every_common_type_equals_gguf_py),
        cmocka_unit_test(sizes_are_whole_blocks_without_overflow),
    };
    return cmocka_run_group_tests_name("dtype", tests, NULL, NULL);
}
