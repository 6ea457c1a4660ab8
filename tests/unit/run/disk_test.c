#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/run/disk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void sizes_in_words(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *words;
    } table[] = {{0, "0 kB"},           {1, "1 kB"},
                 {999499, "999 kB"},    {999500, "1.0 MB"},
                 {17300000, "17 MB"},   {1288490188, "1.3 GB"},
                 {420000000, "420 MB"}, {3000000000000, "3.0 TB"}};
    char text[24];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(disk_words(table[i].bytes, text), table[i].words);
}

/* Both folders on one file system; neither exists. */
static struct disk_need need(uint64_t save, uint64_t version, bool saved)
{
    return (struct disk_need){"/tmp/none/keep", "/tmp/none/adapters", save, version, saved};
}

static void what_is_there_at_once_is_needed(void **state)
{
    (void)state;
    struct disk_room r;
    struct disk_need n = need(3000, 100, false);
    assert_true(disk_has_room(&n, &r));
    assert_int_equal(r.needed_bytes, 6000); /* a save, and the next beside it */
    assert_string_equal(r.folder, "/tmp/none/keep");
    assert_true(r.free_bytes > 0);
    n = need(3000, 2000, false);
    disk_has_room(&n, &r);
    assert_int_equal(r.needed_bytes, 7000); /* the last save, the version, its archive */
    n = need(3000, 2000, true);
    disk_has_room(&n, &r);
    assert_int_equal(r.needed_bytes, 4000); /* the save is there already */
}

static void too_much_is_refused_with_numbers(void **state)
{
    (void)state;
    struct error e = {0};
    struct disk_need n = need(1ull << 60, 1, false);
    assert_false(disk_check(&n, &e));
    assert_int_equal(e.kind, ERROR_LIMIT);
    assert_non_null(strstr(e.message, "on /tmp/none/keep"));
    assert_non_null(strstr(e.message, " free: free "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_in_words),
        cmocka_unit_test(what_is_there_at_once_is_needed),
        cmocka_unit_test(too_much_is_refused_with_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
