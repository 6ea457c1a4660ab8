#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/memory.h"
#include "lorabuild/run/word_diff.h"

#include <stdlib.h>
#include <string.h>

static void gives(const char *before, const char *now, const char *wanted)
{
    struct strbuf out = {0};
    word_diff(&out, str_of(before), str_of(now));
    assert_string_equal(out.data ? out.data : "", wanted);
    strbuf_free(&out);
}

static void words_are_compared(void **state)
{
    (void)state;
    gives("", "", "");
    gives("the same", "the  same\n", "the same");
    gives("We carry the bus.", "We carry the tram.", "We carry the [-bus.-] {+tram.+}");
    gives("a b c d", "a c d e", "a [-b-] c d {+e+}");
    gives("", "new", "{+new+}");
    gives("old", "", "[-old-]");
    gives("x y", "y x", "[-x-] y {+x+}");
}

static void characters_without_spaces_are_words(void **state)
{
    (void)state;
    gives("请撰写系统安全性说明", "请撰写系统可靠性说明", "请撰写系统[-安全-]{+可靠+}性说明");
    gives("v1方案", "v2方案", "[-v1-]{+v2+}方案");
}

static void long_texts_are_not_compared_word_by_word(void **state)
{
    (void)state;
    struct strbuf a = {0}, b = {0}, out = {0};
    for (int i = 0; i < 5000; i++) {
        strbuf_printf(&a, "a%d ", i);
        strbuf_printf(&b, "%c%d ", i < 10 ? 'a' : 'b', i);
    }
    word_diff(&out, strbuf_str(&a), strbuf_str(&b));
    assert_int_equal(strncmp(out.data, "a0 a1 ", 6), 0);
    assert_non_null(strstr(out.data, "a9 [-a10 "));
    assert_non_null(strstr(out.data, "a4999-] {+b10 "));
    strbuf_free(&a);
    strbuf_free(&b);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_compared),
        cmocka_unit_test(characters_without_spaces_are_words),
        cmocka_unit_test(long_texts_are_not_compared_word_by_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
