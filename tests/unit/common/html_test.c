#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/html.h"

static void check(struct str text, const char *right)
{
    struct strbuf b = {0};
    html_add_text(&b, text);
    assert_string_equal(b.data ? b.data : "", right);
    strbuf_free(&b);
}

static void nothing_in_a_text_is_markup(void **state)
{
    (void)state;
    check(STR("<script>alert(\"1\" & '2')</script>"),
          "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
    check(STR("&lt;"), "&amp;lt;");
    check(STR(""), "");
}

static void letters_stay_and_what_is_none_is_shown(void **state)
{
    (void)state;
    check(STR("消防方案\n\tß"), "消防方案\n\tß");
    check(STR("a\0b\x1b[31m\x7f"), "a\uFFFDb\uFFFD[31m\uFFFD");
    check(STR("\xff\xe6\xb6"), "\uFFFD\uFFFD\uFFFD");
    check(STR("\xc2\x85"), "\uFFFD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_a_text_is_markup),
        cmocka_unit_test(letters_stay_and_what_is_none_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
