#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/lineage.h"
#include "cache/lineage_remove.h"
#include "tests/unit/cache/scratch.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY "00112233445566778899aabbccddeeff"

/* v1, v2 and v12, the last in use; what their records look like. */
static void make(const struct scratch *s)
{
    static const int numbers[] = {1, 2, 12};
    for (size_t i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "x/v%d/manifest.json", numbers[i]);
        put_file(at(s, name), "{}");
        snprintf(name, sizeof name, "x/x-2026-11-25-v%d.tar.zst", numbers[i]);
        put_file(at(s, name), "12345");
        snprintf(name, sizeof name, "x/x-2026-11-25-v%d.tar.sha256", numbers[i]);
        put_file(at(s, name), "1");
    }
    put_file(at(s, "x/history"), "v1 2026-11-24 10:00:00 " KEY " " SHA "\n"
                                 "v2 2026-11-25 10:00:00 " KEY " " SHA "\n"
                                 "v12 2026-11-26 10:00:00 " KEY " " SHA "\n");
    put_file(at(s, "x/set-aside"), "2\n12\n");
    put_file(at(s, "x/blocked"), "v2 2026-11-25 secret name.md\nv12 2026-11-25 b.md\n");
    put_file(at(s, "x/chosen"), "v2 2026-11-25\n");
    assert_true(lineage_set_current(at(s, "x"), 12, NULL));
}

static bool there(const struct scratch *s, const char *name)
{
    struct stat st;
    return lstat(at(s, name), &st) == 0;
}

static void content_is(const struct scratch *s, const char *name, const char *text)
{
    struct strbuf b = {0};
    assert_true(file_read(&b, at(s, name), 1 << 20, NULL));
    assert_string_equal(b.data, text);
    strbuf_free(&b);
}

static void removed(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct error e = {0};
    size_t archives;
    make(&s);
    assert_int_equal(lineage_bytes(at(&s, "x"), "x", 2, &archives), 2 + 5 + 1);
    assert_int_equal(archives, 1);
    assert_true(lineage_remove(at(&s, "x"), "x", 2, false, &e));
    assert_false(there(&s, "x/v2"));
    assert_false(there(&s, "x/x-2026-11-25-v2.tar.zst"));
    assert_false(there(&s, "x/x-2026-11-25-v2.tar.sha256"));
    assert_true(there(&s, "x/v12/manifest.json"));
    assert_true(there(&s, "x/x-2026-11-25-v12.tar.zst"));
    content_is(&s, "x/set-aside", "2\n12\n"); /* the records stay */
    assert_true(lineage_remove(at(&s, "x"), "x", 2, false, &e));
    assert_false(lineage_remove(at(&s, "x"), "x", 12, false, &e));
    assert_true(there(&s, "x/v12/manifest.json"));
    scratch_remove(&s);
}

/* A file goes out of folder, manifest and archive; the archive keeps its date. */
static void a_file_is_dropped(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct error e = {0};
    struct lineage_event *events;
    size_t count;
    make(&s);
    put_file(at(&s, "x/v1/manifest.json"), "{\"files\": {\"a\": {}, \"page.html\": {}}}");
    put_file(at(&s, "x/v1/page.html"), "names");
    for (int times = 0; times < 2; times++) {
        assert_true(lineage_drop_file(at(&s, "x"), "x", 1, "page.html", &e));
        assert_false(there(&s, "x/v1/page.html"));
        content_is(&s, "x/v1/manifest.json", "{\n  \"files\": {\n    \"a\": {}\n  }\n}\n");
        assert_false(there(&s, "x/x-2026-11-25-v1.tar.zst"));
        assert_true(there(&s, "x/x-2026-11-24-v1.tar.zst")); /* the history's date */
        assert_true(lineage_history_read(at(&s, "x"), &events, &count, &e));
        assert_int_equal(count, 4); /* also after the second time */
        assert_int_equal(events[3].number, 1);
        assert_string_equal(events[3].date, "2026-11-24");
        assert_string_not_equal(events[3].tar_sha256, SHA);
        free(events);
    }
    assert_true(lineage_drop_file(at(&s, "x"), "x", 7, "page.html", &e));
    scratch_remove(&s);
}

static void erased(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct error e = {0};
    struct lineage_event *events;
    size_t count;
    make(&s);
    assert_true(lineage_remove(at(&s, "x"), "x", 2, true, &e));
    content_is(&s, "x/set-aside", "12\n");
    content_is(&s, "x/blocked", "v12 2026-11-25 b.md\n");
    assert_false(there(&s, "x/chosen"));
    assert_true(there(&s, "x/CURRENT"));
    assert_true(lineage_history_read(at(&s, "x"), &events, &count, NULL));
    assert_int_equal(count, 3);
    assert_int_equal(events[1].number, 2);
    assert_string_equal(events[1].date, "2026-11-25");
    assert_true(digest_is_zero(events[1].want_key));
    assert_false(digest_is_zero(events[2].want_key));
    free(events);
    assert_true(lineage_remove(at(&s, "x"), "x", 12, true, &e));
    assert_false(there(&s, "x/CURRENT"));
    assert_false(there(&s, "x/current"));
    assert_true(there(&s, "x/v1/manifest.json"));
    scratch_remove(&s);
}

/* No number is given twice, though nothing but the history knows it any more. */
static void numbers_are_kept(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct lineage l;
    make(&s);
    for (int n = 1; n <= 12; n++)
        assert_true(lineage_remove(at(&s, "x"), "x", n, true, NULL));
    assert_true(lineage_load(&l, at(&s, "x"), "x", NULL));
    assert_int_equal(l.highest, 12);
    assert_int_equal(l.count, 0);
    lineage_free(&l);
    scratch_remove(&s);
}

static void left_overs(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    char own[80];
    put_file(at(&s, "x/manifest.json.999999999.tmp"), "");
    put_file(at(&s, "x/inner/a.999999999.tmp"), "");
    put_file(at(&s, "x/.v3.gone/a"), "");
    put_file(at(&s, "x/notes.tmp"), "");
    snprintf(own, sizeof own, "x/a.%ld.tmp", (long)getppid()); /* of one that lives */
    put_file(at(&s, own), "");
    assert_true(sweep_temporaries(at(&s, "x"), "", false, NULL));
    assert_false(there(&s, "x/manifest.json.999999999.tmp"));
    assert_false(there(&s, "x/.v3.gone"));
    assert_true(there(&s, "x/inner/a.999999999.tmp"));
    assert_true(there(&s, "x/notes.tmp"));
    assert_true(there(&s, own));
    assert_true(sweep_temporaries(at(&s, "x"), "b", true, NULL));
    assert_true(there(&s, "x/inner/a.999999999.tmp"));
    assert_true(sweep_temporaries(at(&s, "x"), "a", true, NULL));
    assert_false(there(&s, "x/inner/a.999999999.tmp"));
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed),    cmocka_unit_test(a_file_is_dropped),
        cmocka_unit_test(erased),     cmocka_unit_test(numbers_are_kept),
        cmocka_unit_test(left_overs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
