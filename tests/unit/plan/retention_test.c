#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/plan/retention.h"

#include <stdio.h>
#include <string.h>

/* Which of `count` versions with these numbers are kept, as "1 4 8". */
static void kept(char text[256], const int *numbers, size_t count, int in_use, int pinned,
                 int start)
{
    struct retention_version v[64];
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        v[i] = (struct retention_version){.number = numbers[i],
                                          .in_use = numbers[i] == in_use,
                                          .pinned = numbers[i] == pinned,
                                          .start = numbers[i] == start};
    retention_choose(v, count);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (v[i].reason != RETAIN_NOT)
            at += (size_t)snprintf(text + at, 256 - at, "%s%d", at ? " " : "", v[i].number);
}

static void first_numbers(int *numbers, int n)
{
    for (int i = 0; i < n; i++)
        numbers[i] = i + 1;
}

static const struct {
    int built, in_use, pinned, start;
    const char *kept;
} cases[] = {
    {0, 0, 0, 0, ""},
    {1, 1, 0, 0, "1"},
    {2, 2, 0, 0, "1 2"},
    {3, 3, 0, 0, "2 3"}, /* 1 would have to go when there is a 4 */
    {4, 4, 0, 0, "2 3 4"},
    {5, 5, 0, 0, "2 4 5"}, /* of three and two ago the even one */
    {8, 8, 0, 0, "4 6 7 8"},
    {9, 9, 0, 0, "4 6 8 9"},
    {9, 9, 3, 0, "3 4 6 8 9"}, /* pinned: one more, not in place of another */
    {9, 9, 0, 5, "4 5 6 8 9"}, /* where the next build starts */
    {9, 2, 0, 0, "2 4 6 8 9"}, /* gone back: the newest stays to return to */
    {16, 16, 0, 0, "8 12 14 15 16"},
    {17, 17, 0, 0, "8 12 14 16 17"},
    {33, 33, 0, 0, "16 24 28 30 32 33"},
};

static void exponential_ages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int numbers[64];
        char text[256];
        first_numbers(numbers, cases[i].built);
        kept(text, numbers, (size_t)cases[i].built, cases[i].in_use, cases[i].pinned,
             cases[i].start);
        if (strcmp(text, cases[i].kept) != 0)
            fail_msg("case %zu: kept %s, wanted %s", i, text, cases[i].kept);
    }
}

static void gaps_are_no_loss(void **state)
{
    (void)state;
    char text[256];
    /* v4 and v6 were forgotten: of each age the next best stands in. */
    kept(text, (const int[]){1, 2, 3, 5, 7, 8, 9}, 7, 9, 0, 0);
    assert_string_equal(text, "2 7 8 9");
}

/* Run after every build or only now: the same versions are left. */
static void daily_is_as_now(void **state)
{
    (void)state;
    int numbers[64], left[64];
    size_t count = 0;
    char daily[256], now[256];
    for (int built = 1; built <= 60; built++) {
        struct retention_version v[64];
        left[count++] = built;
        for (size_t i = 0; i < count; i++)
            v[i] = (struct retention_version){.number = left[i], .in_use = left[i] == built};
        retention_choose(v, count);
        size_t kept_count = 0;
        for (size_t i = 0; i < count; i++)
            if (v[i].reason != RETAIN_NOT)
                left[kept_count++] = left[i];
        count = kept_count;
        first_numbers(numbers, built);
        kept(now, numbers, (size_t)built, built, 0, 0);
        kept(daily, left, count, built, 0, 0);
        assert_string_equal(daily, now);
    }
}

static void reasons(void **state)
{
    (void)state;
    struct retention_version v[] = {{.number = 1, .pinned = true},
                                    {.number = 2},
                                    {.number = 3, .start = true},
                                    {.number = 4, .in_use = true, .pinned = true},
                                    {.number = 5}};
    retention_choose(v, 5);
    assert_int_equal(v[0].reason, RETAIN_PINNED);
    assert_int_equal(v[1].reason, RETAIN_AGE);
    assert_int_equal(v[2].reason, RETAIN_START);
    assert_int_equal(v[3].reason, RETAIN_IN_USE);
    assert_int_equal(v[4].reason, RETAIN_NEWEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_ages),
        cmocka_unit_test(gaps_are_no_loss),
        cmocka_unit_test(daily_is_as_now),
        cmocka_unit_test(reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
