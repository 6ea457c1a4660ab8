/* The report's pieces: what counts as copied, how losses are drawn, how cells are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/stages/report_chart.h"
#include "lorabuild/stages/report_copies.h"
#include "lorabuild/stages/report_page.h"

#include <math.h>
#include <string.h>

/* The runs of one draft as text, each in brackets; of samples numbered from 10. */
static void check_copies(const char *draft, const char *const *samples, const char *right,
                         size_t longest, size_t from)
{
    struct str text = str_of(draft);
    struct copies *c = copies_open(&text, 1);
    struct strbuf found = {0};
    for (size_t i = 0; samples[i]; i++)
        copies_look(c, str_of(samples[i]), 10 + i);
    const struct copied_draft *d = copies_of(c, 0);
    for (size_t i = 0; i < d->run_count; i++) {
        strbuf_add_byte(&found, '[');
        strbuf_add(&found, draft + d->runs[i].begin, d->runs[i].end - d->runs[i].begin);
        strbuf_add_byte(&found, ']');
    }
    assert_string_equal(found.data ? found.data : "", right);
    assert_int_equal(d->longest, longest);
    if (longest)
        assert_int_equal(d->longest_from, from);
    strbuf_free(&found);
    copies_close(c);
}

#define SAMPLES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void eight_words_in_a_row_are_a_copy(void **state)
{
    (void)state;
    check_copies("We say: one two three four five six seven eight. So.",
                 SAMPLES("one two three four five six seven, eight nine"),
                 "[one two three four five six seven eight]", 8, 10);
    check_copies("one two three four five six seven", SAMPLES("one two three four five six seven"),
                 "", 0, 0);
    check_copies("one two three four Five six seven eight",
                 SAMPLES("one two three four five six seven eight"), "", 0, 0);
    check_copies("a b c d e f g h", SAMPLES("a b c d", "e f g h"), "", 0, 0);
}

static void the_longest_counts_and_marks_join(void **state)
{
    (void)state;
    check_copies("a b c d e f g h i j k l m n",
                 SAMPLES("a b c d e f g h", "x f g h i j k l m n y", "a b c d e f g h"),
                 "[a b c d e f g h i j k l m n]", 9, 11);
    check_copies("a b c d e f g h - z - 1 2 3 4 5 6 7 8 9",
                 SAMPLES("a b c d e f g h 1 2 3 4 5 6 7 8 9"),
                 "[a b c d e f g h][1 2 3 4 5 6 7 8 9]", 9, 10);
    check_copies("a a a a a a a a a a", SAMPLES("a a a a a a a a a"), "[a a a a a a a a a a]", 9,
                 10);
    check_copies("", SAMPLES("a b c d e f g h"), "", 0, 0);
}

static void sixteen_chinese_characters_are_a_copy(void **state)
{
    (void)state;
    check_copies("本方案：消防水池的容积应当满足火灾延续时间内的用水量。",
                 SAMPLES("消防水池的容积应当满足火灾延续时间内的用水量要求"),
                 "[消防水池的容积应当满足火灾延续时间内的用水量]", 22, 10);
    check_copies("消防水池的容积应当满足火灾延续", SAMPLES("消防水池的容积应当满足火灾延续"), "", 0,
                 0);
    check_copies("用 lorabuild 训练适配器需要二十分钟左右", /* 1 word, 14 characters */
                 SAMPLES("用 lorabuild 训练适配器需要二十分钟左右"),
                 "[用 lorabuild 训练适配器需要二十分钟左右]", 15, 10);
}

static void ticks_are_round(void **state)
{
    (void)state;
    static const double cases[][3] = {{0, 10, 2}, {2.1, 2.4, 0.1}, {0, 242, 50}, {0, 1, 0.2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(fabs(chart_tick(cases[i][0], cases[i][1]) - cases[i][2]) < 1e-9);
    assert_true(chart_tick(1, 1) == 1);
}

static void losses_are_a_curve(void **state)
{
    (void)state;
    static const double losses[] = {4, 3, NAN, 2, 1};
    static const struct chart_level levels[] = {{2.5, "now"}, {NAN, "before"}};
    struct strbuf b = {0};
    chart_losses(&b, losses, 5, levels, 2);
    assert_non_null(strstr(b.data, "M48.0 12.0L182.0 73.3M450.0 134.7L584.0 196.0"));
    assert_non_null(strstr(b.data, ">now 2.50</text>"));
    assert_null(strstr(b.data, "before"));
    assert_null(strstr(b.data, "nan"));
    assert_true(str_ends(strbuf_str(&b), "</svg>\n"));
    b.size = 0;
    chart_losses(&b, losses, 0, levels, 0);
    assert_int_equal(b.size, 0);
    static const double flat[] = {2};
    chart_losses(&b, flat, 1, levels, 0);
    assert_null(strstr(b.data, "nan"));
    assert_null(strstr(b.data, "inf"));
    strbuf_free(&b);
}

/* Levels that lie close have their labels below each other. */
static void labels_do_not_cover_each_other(void **state)
{
    (void)state;
    static const double losses[] = {3, 1};
    static const struct chart_level levels[] = {{2.00, "before"}, {2.02, "limit"}, {2.00, "now"}};
    struct strbuf b = {0};
    chart_losses(&b, losses, 2, levels, 3);
    const char *limit = strstr(b.data, "y=\"105.7\">limit"),
               *before = strstr(b.data, ">before 2.00"), *now = strstr(b.data, ">now 2.00");
    assert_non_null(limit);
    assert_true(before > limit && now > before);
    assert_true(strncmp(before - 7, "\"117.7\"", 7) == 0);
    assert_true(strncmp(now - 7, "\"129.7\"", 7) == 0);
    strbuf_free(&b);
}

/* A long training has no more points than can be seen. */
static void a_long_curve_is_short(void **state)
{
    (void)state;
    static double losses[100000];
    struct strbuf b = {0};
    for (size_t i = 0; i < 100000; i++)
        losses[i] = 1 + 1.0 / (double)(i + 1);
    chart_losses(&b, losses, 100000, NULL, 0);
    assert_true(b.size > 2000 && b.size < 20000);
    strbuf_free(&b);
}

static void cells_are_text(void **state)
{
    (void)state;
    struct strbuf b = {0};
    page_row(&b, (const char *[]){"<b>.md", PAGE_NUMBER "3", PAGE_CODE "ab", NULL});
    assert_string_equal(b.data, "<tr><td>&lt;b&gt;.md</td><td class=\"n\">3</td>"
                                "<td><code>ab</code></td></tr>\n");
    strbuf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_words_in_a_row_are_a_copy),
        cmocka_unit_test(the_longest_counts_and_marks_join),
        cmocka_unit_test(sixteen_chinese_characters_are_a_copy),
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(losses_are_a_curve),
        cmocka_unit_test(labels_do_not_cover_each_other),
        cmocka_unit_test(a_long_curve_is_short),
        cmocka_unit_test(cells_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
