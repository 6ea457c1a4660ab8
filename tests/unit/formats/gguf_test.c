#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/gguf.h"

static void values_of_every_kind_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t value;
    } integers[] = {{"test.u8", 200},        {"test.i8", -100},        {"test.u16", 60000},
                    {"test.i16", -30000},    {"test.u32", 4000000000}, {"test.i32", -2000000000},
                    {"test.i64", INT64_MIN}, {"general.alignment", 64}};
    struct error e = {0};
    struct gguf *g = gguf_open(GOLDEN "tiny.gguf", &e);
    int64_t n;
    double x;
    bool yes = false;
    struct str text;
    assert_ok(g, e);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        assert_true(gguf_get_int(g, integers[i].key, &n));
        assert_true(n == integers[i].value);
    }
    assert_false(gguf_get_int(g, "test.u64", &n)); /* 2^63 does not fit */
    assert_false(gguf_get_int(g, "test.text", &n));
    assert_false(gguf_get_int(g, "test.yes", &n));
    assert_false(gguf_get_int(g, "test.none", &n));
    assert_true(gguf_get_number(g, "test.f32", &x) && x == (double)1e-5f);
    assert_true(gguf_get_number(g, "test.f64", &x) && x == 0.1);
    assert_false(gguf_get_number(g, "test.u8", &x));
    assert_true(gguf_get_bool(g, "test.yes", &yes) && yes);
    assert_true(gguf_get_str(g, "general.architecture", &text) && str_is(text, "llama"));
    assert_true(gguf_get_str(g, "test.text", &text) && str_is(text, "城市"));
    assert_false(gguf_get_str(g, "test.texts", &text));
    gguf_close(g);
}

static void lists_are_read(void **state)
{
    (void)state;
    struct error e = {0};
    struct gguf *g = gguf_open(GOLDEN "tiny.gguf", &e);
    size_t n = 9;
    assert_ok(g, e);
    const struct str *texts = gguf_get_strs(g, "test.texts", &n);
    assert_int_equal(n, 3);
    assert_true(str_is(texts[0], "a") && str_is(texts[1], "Ġb") && str_is(texts[2], ""));
    const int32_t *ints = gguf_get_ints(g, "test.ints", &n);
    assert_int_equal(n, 3);
    assert_true(ints[0] == 1 && ints[1] == -2 && ints[2] == 3);
    const int32_t *truths = gguf_get_ints(g, "test.truths", &n);
    assert_int_equal(n, 3);
    assert_true(truths[0] == 1 && truths[1] == 0 && truths[2] == 1);
    const float *floats = gguf_get_floats(g, "test.floats", &n);
    assert_int_equal(n, 2);
    assert_true(floats[0] == 0.5f && floats[1] == -1.25f);
    assert_null(gguf_get_ints(g, "test.floats", &n));
    assert_null(gguf_get_strs(g, "test.u8", &n));
    assert_int_equal(n, 0);
    gguf_close(g);
}

static void shapes_are_turned_round(void **state)
{
    (void)state;
    struct error e = {0};
    struct gguf *g = gguf_open(GOLDEN "tiny.gguf", &e);
    assert_ok(g, e);
    assert_int_equal(gguf_tensor_count(g), 6);
    const struct weight_tensor *t = gguf_tensor(g, 0);
    assert_string_equal(t->name, "f32");
    assert_int_equal(t->dims, 3);
    assert_true(t->shape[0] == 2 && t->shape[1] == 3 && t->shape[2] == 5);
    assert_int_equal(t->size_bytes, 120);
    assert_int_equal(((const char *)t->data - gguf_map(g)->bytes.data) % 64, 0);
    gguf_close(g);
}

/* A GGUF made by hand: one pair and the tensors that follow. */
struct sketch {
    struct strbuf b;
};

static void u32(struct sketch *s, uint32_t n)
{
    strbuf_add(&s->b, &n, sizeof n);
}

static void u64(struct sketch *s, uint64_t n)
{
    strbuf_add(&s->b, &n, sizeof n);
}

static void text(struct sketch *s, const char *t)
{
    u64(s, strlen(t));
    strbuf_add_text(&s->b, t);
}

static void begin(struct sketch *s, uint32_t version, uint64_t tensors, uint64_t pairs)
{
    strbuf_add_text(&s->b, "GGUF");
    u32(s, version);
    u64(s, tensors);
    u64(s, pairs);
}

static void tensor(struct sketch *s, const char *name, uint64_t ne, uint32_t type, uint64_t offset)
{
    text(s, name);
    u32(s, 1);
    u64(s, ne);
    u32(s, type);
    u64(s, offset);
}

static void data(struct sketch *s, size_t n)
{
    while (s->b.size % 32)
        strbuf_add_byte(&s->b, 0);
    while (n--)
        strbuf_add_byte(&s->b, 1);
}

static void refused(void **state, struct sketch *s, const char *why)
{
    struct error e = {0};
    char *path = path_join(*state, "x.gguf");
    write_file(path, s->b.data, s->b.size);
    struct gguf *g = gguf_open(path, &e);
    if (why) {
        assert_null(g);
        assert_error(e, ERROR_INPUT, why);
        assert_error(e, ERROR_INPUT, path);
    } else {
        assert_ok(g, e);
        gguf_close(g);
    }
    strbuf_free(&s->b);
    free(path);
}

static void lying_headers_are_refused(void **state)
{
    static const struct {
        uint64_t ne, offset;
        uint32_t type;
        const char *why; /* NULL: accepted */
    } cases[] = {
        {8, 0, 0, NULL},
        {8, 32, 0, "tensor 'a' ends behind the end"},
        {8, 4, 0, "tensor 'a' does not lie at a multiple of 32 bytes"},
        {9, 0, 0, "tensor 'a' ends behind the end"},
        {UINT64_MAX, 0, 0, "tensor 'a' has an impossible shape"},
        {INT64_MAX, 0, 0, "tensor 'a' has an impossible size"},
        {8, UINT64_MAX - 31, 0, "tensor 'a' ends behind the end"},
        {8, 0, 2, "tensor 'a' is Q4_0, in blocks of 32 numbers, but has rows of 8"},
        {256, 0, 16,
         "tensor 'a' is IQ2_XXS, which cannot be read here; take a file whose tensors are of "
         "these: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, "
         "IQ4_NL, IQ4_XS, MXFP4"},
        {8, 0, 4, "tensor 'a' has the unknown type 4"},
        {8, 0, 999, "tensor 'a' has the unknown type 999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sketch s = {0};
        begin(&s, 3, 1, 0);
        tensor(&s, "a", cases[i].ne, cases[i].type, cases[i].offset);
        data(&s, 32);
        refused(state, &s, cases[i].why);
    }
}

/* Every number of a type, with rows around its block: only whole blocks that are in the file are
 * taken, and then they are as ggml numbers and sizes its types. */
static void types_are_taken_in_whole_blocks(void **state)
{
    static const struct {
        enum dtype type;
        size_t block, bytes;
    } known[] = {
        [0] = {DTYPE_F32, 1, 4},       [1] = {DTYPE_F16, 1, 2},
        [2] = {DTYPE_Q4_0, 32, 18},    [3] = {DTYPE_Q4_1, 32, 20},
        [6] = {DTYPE_Q5_0, 32, 22},    [7] = {DTYPE_Q5_1, 32, 24},
        [8] = {DTYPE_Q8_0, 32, 34},    [10] = {DTYPE_Q2_K, 256, 84},
        [11] = {DTYPE_Q3_K, 256, 110}, [12] = {DTYPE_Q4_K, 256, 144},
        [13] = {DTYPE_Q5_K, 256, 176}, [14] = {DTYPE_Q6_K, 256, 210},
        [20] = {DTYPE_IQ4_NL, 32, 18}, [23] = {DTYPE_IQ4_XS, 256, 136},
        [30] = {DTYPE_BF16, 1, 2},     [39] = {DTYPE_MXFP4, 32, 17},
        [63] = {DTYPE_F32, 0, 0},
    };
    static const size_t rows[] = {1, 31, 32, 33, 255, 256, 288, 512};
    for (uint32_t type = 0; type < 64; type++) {
        size_t block = known[type].block, bytes = known[type].bytes;
        for (size_t i = 0; i < (block ? sizeof rows / sizeof *rows : 1); i++) {
            struct sketch s = {0};
            size_t row = rows[i];
            size_t needed = block ? row / block * bytes : 0;
            begin(&s, 3, 1, 0);
            tensor(&s, "a", row, type, 0);
            data(&s, needed);
            if (block && row % block == 0) {
                struct sketch cut = {0};
                strbuf_add(&cut.b, s.b.data, s.b.size - 1);
                refused(state, &cut, "tensor 'a' ends behind the end");
            }
            refused(state, &s,
                    !block        ? "tensor 'a' "
                    : row % block ? "numbers, but has rows of "
                                  : NULL);
        }
    }
}

static void counts_beyond_the_file_are_refused(void **state)
{
    struct sketch s = {0};
    begin(&s, 3, UINT64_MAX, 0);
    refused(state, &s, "claims 18446744073709551615 entries in 8 bytes");
    s = (struct sketch){0};
    begin(&s, 3, 0, 1ull << 40);
    refused(state, &s, "claims 1099511627776 entries");
    s = (struct sketch){0};
    begin(&s, 3, 0, 1);
    text(&s, "list");
    u32(&s, 9);
    u32(&s, 5);
    u64(&s, 1ull << 62);
    refused(state, &s, "claims 4611686018427387904 entries");
}

static void doubles_and_overlaps_are_refused(void **state)
{
    struct sketch s = {0};
    begin(&s, 3, 2, 0);
    tensor(&s, "a", 8, 0, 0);
    tensor(&s, "a", 8, 0, 32);
    data(&s, 64);
    refused(state, &s, "tensor 'a' stands in the file twice");
    s = (struct sketch){0};
    begin(&s, 3, 2, 0);
    tensor(&s, "a", 16, 0, 0);
    tensor(&s, "b", 8, 0, 32);
    data(&s, 64);
    refused(state, &s, "tensor 'b' overlaps another one");
    s = (struct sketch){0};
    begin(&s, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        text(&s, "k");
        u32(&s, 4);
        u32(&s, 7);
    }
    refused(state, &s, "key 'k' stands in the file twice");
}

static void odd_files_are_named(void **state)
{
    struct sketch s = {0};
    begin(&s, 1, 0, 0);
    refused(state, &s, "GGUF version 1");
    s = (struct sketch){0};
    begin(&s, 0x03000000, 0, 0);
    refused(state, &s, "big-endian");
    s = (struct sketch){0};
    refused(state, &s, "not a GGUF file");
    s = (struct sketch){0};
    begin(&s, 3, 0, 1);
    text(&s, "general.alignment");
    u32(&s, 4);
    u32(&s, 48);
    refused(state, &s, "general.alignment is 48, not a power of two");
    s = (struct sketch){0};
    begin(&s, 3, 0, 1);
    text(&s, "deep");
    u32(&s, 9);
    for (int i = 0; i < 8; i++) {
        u32(&s, 9);
        u64(&s, 1);
    }
    refused(state, &s, "lists within lists");
    s = (struct sketch){0};
    begin(&s, 2, 0, 0);
    refused(state, &s, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(shapes_are_turned_round),
        cmocka_unit_test_setup_teardown(lying_headers_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(types_are_taken_in_whole_blocks, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(counts_beyond_the_file_are_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(doubles_and_overlaps_are_refused, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(odd_files_are_named, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
