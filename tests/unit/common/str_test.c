#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/random.h"
#include "lorabuild/common/str.h"

#include <stdlib.h>
#include <string.h>

static void numbers_are_read_in_full(void **state)
{
    (void)state;
    int64_t n;
    double x;
    assert_true(str_to_int(STR("-9223372036854775808"), &n));
    assert_true(n == INT64_MIN);
    assert_true(str_to_int(STR("0x10"), &n) && n == 16);
    assert_false(str_to_int(STR("9223372036854775808"), &n));
    assert_false(str_to_int(STR("1 "), &n));
    assert_false(str_to_int(STR(""), &n));
    assert_true(str_to_double(STR("1e-4"), &x) && x == 1e-4);
    assert_false(str_to_double(STR("nan"), &x));
    assert_false(str_to_double(STR("0x10"), &x));
    assert_false(str_to_double(STR("1,5"), &x));
}

static void large_numbers_have_commas(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(str_count(0, text), "0");
    assert_string_equal(str_count(999, text), "999");
    assert_string_equal(str_count(1204, text), "1,204");
    assert_string_equal(str_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void a_path_behind_a_folder(void **state)
{
    (void)state;
    assert_string_equal(path_behind("/p/clients/a", "/p"), "clients/a");
    assert_string_equal(path_behind("/project/a", "/p"), "/project/a");
    assert_string_equal(path_behind("/p", "/p"), "/p");
}

static void utf8_refuses_what_is_not(void **state)
{
    (void)state;
    size_t bad = 0;
    assert_true(utf8_valid(STR("a\u00e9\u4e2d\U0001F600"), NULL));
    assert_false(utf8_valid(STR("ok\xC0\x80"), &bad));
    assert_int_equal(bad, 2);
    assert_false(utf8_valid(STR("\xED\xA0\x80"), NULL));
    assert_false(utf8_valid(STR("\xF4\x90\x80\x80"), NULL));
    assert_false(utf8_valid(STR("\xE4\xB8"), NULL));
}

static void shown_text_is_fit_for_a_terminal(void **state)
{
    (void)state;
    struct strbuf b = {0};
    strbuf_add_shown(&b, STR("\u4e2d\x1b[2J\xff\u202e"));
    assert_string_equal(b.data, "\u4e2d\\x1b[2J\\xff\\xe2\\x80\\xae");
    strbuf_free(&b);
}

static void paths_are_cleaned_by_text(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a/./b//c/", "a/b/c"}, {"a/../b", "b"}, {"../a", "../a"}, {"../../a/..", "../.."},
        {"/../a", "/a"},        {"a/..", "."},   {"/", "/"},       {"./", "."}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *clean = path_clean(pairs[i][0]);
        assert_string_equal(clean, pairs[i][1]);
        free(clean);
    }
    assert_true(path_is_beneath("a/b", "a"));
    assert_false(path_is_beneath("ab", "a"));
}

/* Known answers of Philox4x32-10 from the Random123 distribution's kat_vectors. */
static void philox_gives_the_published_numbers(void **state)
{
    (void)state;
    uint32_t w[4];
    random_block((struct random){0, 0, 0}, 0, w);
    assert_int_equal(w[0], 0x6627e8d5);
    assert_int_equal(w[1], 0xe169c58d);
    assert_int_equal(w[2], 0xbc57ac4c);
    assert_int_equal(w[3], 0x9b00dbd8);
}

static void an_order_holds_each_index_once(void **state)
{
    (void)state;
    uint32_t order[100];
    unsigned char seen[100] = {0};
    random_order((struct random){.seed = 42, .purpose = random_purpose("order")}, order, 100);
    for (int i = 0; i < 100; i++)
        seen[order[i]]++;
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_full),
        cmocka_unit_test(large_numbers_have_commas),
        cmocka_unit_test(a_path_behind_a_folder),
        cmocka_unit_test(utf8_refuses_what_is_not),
        cmocka_unit_test(shown_text_is_fit_for_a_terminal),
        cmocka_unit_test(paths_are_cleaned_by_text),
        cmocka_unit_test(philox_gives_the_published_numbers),
        cmocka_unit_test(an_order_holds_each_index_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
