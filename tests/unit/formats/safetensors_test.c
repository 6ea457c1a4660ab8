#include "tests/unit/formats/scratch.h"

#include "lorabuild/formats/safetensors.h"

static void the_real_librarys_file_is_read(void **state)
{
    (void)state;
    struct error e = {0};
    struct safetensors *s = safetensors_open(GOLDEN "tiny.safetensors", &e);
    assert_ok(s, e);
    assert_int_equal(safetensors_count(s), 5);
    assert_string_equal(safetensors_at(s, 0)->name, "a.bf");
    assert_string_equal(safetensors_at(s, 4)->name, "scalar");
    const struct weight_tensor *b = safetensors_find(s, "b");
    assert_true(b && b->type == DTYPE_F32 && b->dims == 2 && b->shape[0] == 2 && b->shape[1] == 3);
    float wanted[6] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f};
    assert_int_equal(b->size_bytes, sizeof wanted);
    assert_memory_equal(b->data, wanted, sizeof wanted);
    float half[3];
    const struct weight_tensor *a = safetensors_find(s, "a.half");
    dtype_to_f32(a->type, a->data, half, 3);
    assert_true(half[0] == 1.5f && half[1] == -0.25f && half[2] == 65504.0f);
    assert_int_equal(safetensors_find(s, "scalar")->dims, 0);
    assert_int_equal(safetensors_find(s, "empty")->size_bytes, 0);
    assert_null(safetensors_find(s, "positions"));
    assert_int_equal(safetensors_other_count(s), 1);
    assert_string_equal(safetensors_other(s, 0), "positions");
    assert_string_equal(safetensors_metadata(s, "name"), "城");
    assert_null(safetensors_metadata(s, "none"));
    safetensors_close(s);
}

static const float numbers[4] = {1, 2, 3, 4};
static const uint16_t halves[3] = {0x3C00, 0x4000, 0xC000};
static const struct weight_tensor tensors[] = {
    {"z", DTYPE_F16, 1, {3}, halves, 6},
    {"b", DTYPE_F32, 2, {2, 2}, numbers, 16},
    {"a\"城", DTYPE_BF16, 1, {1}, halves, 2},
    {"a", DTYPE_F32, 1, {1}, numbers, 4},
};

static void what_is_written_is_read(void **state)
{
    struct error e = {0};
    char *path = path_join(*state, "x.safetensors");
    const char *const metadata[] = {"format", "pt", "a", "1", NULL};
    assert_ok(safetensors_write(path, tensors, 4, metadata, &e), e);
    struct safetensors *s = safetensors_open(path, &e);
    assert_ok(s, e);
    assert_int_equal(safetensors_count(s), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct weight_tensor *t = safetensors_find(s, tensors[i].name);
        assert_non_null(t);
        assert_int_equal(t->type, tensors[i].type);
        assert_int_equal(t->size_bytes, tensors[i].size_bytes);
        assert_memory_equal(t->data, tensors[i].data, t->size_bytes);
        assert_int_equal((uintptr_t)t->data % dtype_block_bytes(t->type), 0);
    }
    assert_string_equal(safetensors_metadata(s, "format"), "pt");
    /* T43: onto the file that is mapped. */
    assert_ok(safetensors_write(path, safetensors_find(s, "b"), 1, NULL, &e), e);
    safetensors_close(s);
    s = safetensors_open(path, &e);
    assert_ok(s, e);
    assert_memory_equal(safetensors_find(s, "b")->data, numbers, sizeof numbers);
    safetensors_close(s);
    free(path);
}

static void the_order_of_the_input_does_not_matter(void **state)
{
    struct error e = {0};
    char *first = path_join(*state, "1"), *second = path_join(*state, "2");
    const char *const one[] = {"a", "1", "b", "2", NULL}, *const other[] = {"b", "2", "a", "1",
                                                                            NULL};
    struct weight_tensor turned[4];
    for (size_t i = 0; i < 4; i++)
        turned[i] = tensors[3 - i];
    assert_ok(safetensors_write(first, tensors, 4, one, &e), e);
    assert_ok(safetensors_write(second, turned, 4, other, &e), e);
    struct strbuf x = read_file(first), y = read_file(second);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    strbuf_free(&x);
    strbuf_free(&y);
    free(first);
    free(second);
}

static void nonsense_is_not_written(void **state)
{
    struct error e = {0};
    char *path = path_join(*state, "x");
    struct weight_tensor twice[2] = {tensors[1], tensors[1]}, lie = tensors[1], block = tensors[1];
    lie.size_bytes = 12;
    block.type = DTYPE_Q8_0;
    twice[1].type = DTYPE_F16;
    twice[1].size_bytes = 8;
    assert_false(safetensors_write(path, twice, 2, NULL, &e));
    assert_error(e, ERROR_INTERNAL, "'b' is written twice");
    assert_false(safetensors_write(path, &lie, 1, NULL, &e));
    assert_false(safetensors_write(path, &block, 1, NULL, &e));
    assert_error(e, ERROR_INTERNAL, "'b' (Q8_0, 16 bytes)");
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

static void lying_headers_are_refused(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *why; /* NULL: accepted */
    } cases[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
         "'a' ends behind the end of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12,
         "4 bytes at the end belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
         "'a' leaves a gap in the data before it"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12, "'b' overlaps another one"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
         "'a' has a shape that does not fit its bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0,
         "'a' has an impossible shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
         "'a' has a shape that is not a list of whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8,
         "'a' has no valid data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8,
         "'a' has no valid data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
         "'a' has more than 4 dimensions"},
        {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8,
         "'a' is of type F8_E4M3; weights are read as F32, F16 or BF16"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8, "not valid JSON: duplicate object key"},
        {"{\"a\\u001b[2J\":{}}", 0, "tensor 'a\\x1b[2J' has no dtype"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ holds something that is not text"},
        {"{\"a\":7}", 0, "'a' has no dtype"},
        {"[]", 0, "not a safetensors file"},
        {"{", 0, "not valid JSON"},
    };
    char *path = path_join(*state, "x.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf b = {0};
        struct error e = {0};
        uint64_t n = strlen(cases[i].header);
        strbuf_add(&b, &n, sizeof n);
        strbuf_add_text(&b, cases[i].header);
        for (size_t j = 0; j < cases[i].data; j++)
            strbuf_add_byte(&b, 0);
        write_file(path, b.data, b.size);
        struct safetensors *s = safetensors_open(path, &e);
        if (cases[i].why) {
            assert_null(s);
            assert_error(e, ERROR_INPUT, cases[i].why);
            assert_error(e, ERROR_INPUT, path);
        } else {
            assert_ok(s, e);
            safetensors_close(s);
        }
        strbuf_free(&b);
    }
    free(path);
}

static void sizes_of_headers_are_not_believed(void **state)
{
    static const struct {
        uint64_t header;
        const char *why;
    } cases[] = {{UINT64_MAX, "not a safetensors file (a header of 18446744073709551615 bytes)"},
                 {100000001, "not a safetensors file"},
                 {99999999, "cut off: the header needs 100000007 bytes, the file has 10"},
                 {3, "cut off"}};
    char *path = path_join(*state, "x.safetensors");
    struct error e = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[10] = "12345678{}";
        memcpy(bytes, &cases[i].header, 8);
        write_file(path, bytes, sizeof bytes);
        assert_null(safetensors_open(path, &e));
        assert_error(e, ERROR_INPUT, cases[i].why);
    }
    write_file(path, "1234567", 7);
    assert_null(safetensors_open(path, &e));
    assert_error(e, ERROR_INPUT, "7 bytes are too few");
    write_file(path, "", 0);
    assert_null(safetensors_open(path, &e));
    assert_null(safetensors_open("/nowhere/x.safetensors", &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_librarys_file_is_read),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(the_order_of_the_input_does_not_matter, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(nonsense_is_not_written, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(lying_headers_are_refused, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(sizes_of_headers_are_not_believed, scratch_make,
                                        scratch_remove),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
