#include "tests/unit/formats/scratch.h"

#include "lorabuild/common/random.h"
#include "lorabuild/formats/dtype.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/quants.h"

#include <math.h>

static const struct {
    enum dtype type;
    const struct quant *quant;
} types[] = {
    {DTYPE_F32, &quant_f32},     {DTYPE_F16, &quant_f16},       {DTYPE_BF16, &quant_bf16},
    {DTYPE_Q8_0, &quant_q8_0},   {DTYPE_Q4_0, &quant_q4_0},     {DTYPE_Q4_1, &quant_q4_1},
    {DTYPE_Q5_0, &quant_q5_0},   {DTYPE_Q5_1, &quant_q5_1},     {DTYPE_Q2_K, &quant_q2_k},
    {DTYPE_Q3_K, &quant_q3_k},   {DTYPE_Q4_K, &quant_q4_k},     {DTYPE_Q5_K, &quant_q5_k},
    {DTYPE_Q6_K, &quant_q6_k},   {DTYPE_IQ4_NL, &quant_iq4_nl}, {DTYPE_IQ4_XS, &quant_iq4_xs},
    {DTYPE_MXFP4, &quant_mxfp4},
};

#define TYPES ((int)(sizeof types / sizeof *types))
_Static_assert(TYPES == (int)DTYPE_COUNT, "every type is tested");

/* The same bits, or two numbers that are none. */
static void assert_same(const float *a, const float *b, size_t n, enum dtype type)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            fail_msg("%s: number %zu is %a, not %a", dtype_name(type), i, (double)a[i],
                     (double)b[i]);
}

static bool has_avx2(const struct quant *q)
{
#if defined(__x86_64__)
    return q->avx2 && __builtin_cpu_supports("avx2");
#else
    return q->avx2 != NULL;
#endif
}

static size_t count_of(const struct weight_tensor *t)
{
    size_t n = 1;
    for (int d = 0; d < t->dims; d++)
        n *= (size_t)t->shape[d];
    return n;
}

/* quants.f32 is what gguf-py made of each tensor of quants.gguf: ordinary scales of both signs,
 * infinite ones, none, subnormal ones. The baseline's loop is compared; the next test does AVX2. */
static void every_block_type_equals_gguf_py(void **state)
{
    (void)state;
    struct error e = {0};
    struct strbuf wanted = read_file("tests/golden/quants/quants.f32");
    struct gguf *g = gguf_open("tests/golden/quants/quants.gguf", &e);
    size_t at = 0, none = 0;
    unsigned seen = 0;
    assert_ok(g, e);
    for (size_t i = 0; i < gguf_tensor_count(g); i++) {
        const struct weight_tensor *t = gguf_tensor(g, i);
        size_t n = count_of(t);
        float *got = mem_alloc(n * sizeof *got), *expected = mem_alloc(n * sizeof *got);
        assert_true(at + n * sizeof *got <= wanted.size);
        memcpy(expected, wanted.data + at, n * sizeof *got);
        types[t->type].quant->base(t->data, got, n / dtype_block(t->type));
        assert_same(got, expected, n, t->type);
        dtype_to_f32(t->type, t->data, got, n);
        assert_same(got, expected, n, t->type);
        for (size_t j = 0; j < n; j++)
            none += isnan(got[j]) != 0;
        at += n * sizeof *got;
        seen |= 1u << t->type;
        free(expected);
        free(got);
    }
    assert_int_equal(at, wanted.size);
    assert_int_equal(seen, (1u << DTYPE_COUNT) - (1u << DTYPE_Q8_0));
    assert_true(none > 12 * 256); /* the odd scales are really there */
    gguf_close(g);
    strbuf_free(&wanted);
}

static void instruction_sets_give_the_same_bits(void **state)
{
    (void)state;
    enum { BLOCKS = 500 };
    for (int i = 0; i < TYPES; i++) {
        assert_int_equal(types[i].type, i);
        if (!has_avx2(types[i].quant))
            continue;
        enum dtype type = types[i].type;
        size_t n = BLOCKS * dtype_block(type), bytes = BLOCKS * dtype_block_bytes(type);
        struct random r = {.seed = 6, .purpose = random_purpose(dtype_name(type))};
        /* Exactly as large as needed: a sanitizer would tell of a byte more. */
        uint8_t *stored = mem_alloc(bytes);
        float *base = mem_alloc(n * sizeof *base), *wide = mem_alloc(n * sizeof *wide);
        for (size_t j = 0; j < bytes; j++)
            stored[j] = (uint8_t)random_u32(r, j);
        types[i].quant->base(stored, base, BLOCKS);
        types[i].quant->avx2(stored, wide, BLOCKS);
        assert_same(wide, base, n, type);
        free(wide);
        free(base);
        free(stored);
    }
}

/* A byte more or less in front: nothing is read as if it were aligned. */
static void unaligned_blocks_are_read_alike(void **state)
{
    (void)state;
    for (int i = 0; i < TYPES; i++) {
        enum dtype type = types[i].type;
        char stored[3 * 256 + 8] = {0};
        float aligned[3 * 256], shifted[3 * 256];
        size_t bytes = 3 * dtype_block_bytes(type), n = 3 * dtype_block(type);
        assert_true(bytes < sizeof stored && n <= 3 * 256);
        for (size_t j = 0; j < sizeof stored; j++)
            stored[j] = (char)(j * 37 % 100);
        dtype_to_f32(type, stored + 1, shifted, n);
        memmove(stored, stored + 1, bytes);
        dtype_to_f32(type, stored, aligned, n);
        assert_same(shifted, aligned, n, type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_type_equals_gguf_py),
        cmocka_unit_test(instruction_sets_give_the_same_bits),
        cmocka_unit_test(unaligned_blocks_are_read_alike),
    };
    return cmocka_run_group_tests_name("quants", tests, NULL, NULL);
}
