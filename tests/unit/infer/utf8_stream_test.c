#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/infer/utf8_stream.h"

#include <string.h>

/* `text` in pieces of `piece` bytes; what came out must be whole characters each time. */
static void streams_as(const char *text, size_t piece, const char *wanted)
{
    struct utf8_stream s = {{0}};
    struct strbuf all = {0};
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += piece) {
        struct strbuf out = {0};
        utf8_stream_add(&s, (struct str){text + i, n - i < piece ? n - i : piece}, &out);
        assert_true(utf8_valid(strbuf_str(&out), NULL));
        strbuf_add_str(&all, strbuf_str(&out));
        strbuf_free(&out);
    }
    assert_string_equal(all.size ? all.data : "", wanted);
    strbuf_free(&all);
    utf8_stream_free(&s);
}

static void any_cut_gives_the_same_text(void **state)
{
    (void)state;
    const char *text = "a\u00e9\u4e2d\U0001F468\u200D\U0001F469 z";
    for (size_t piece = 1; piece < 20; piece++)
        streams_as(text, piece, text);
}

static void what_is_no_character_is_replaced(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 6; piece++) {
        streams_as("a\xFFz", piece, "a\uFFFDz");
        streams_as("\xC0\x80", piece, "\uFFFD\uFFFD");
        streams_as("\xE4\xB8z", piece, "\uFFFD\uFFFDz");
        streams_as("ok\xE4\xB8", piece, "ok"); /* unfinished at the end */
        streams_as("ok\xF0", piece, "ok");
    }
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    struct utf8_stream s = {{0}};
    struct strbuf out = {0};
    utf8_stream_add(&s, STR(""), &out);
    assert_int_equal(out.size, 0);
    utf8_stream_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_text),
        cmocka_unit_test(what_is_no_character_is_replaced),
        cmocka_unit_test(nothing_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
