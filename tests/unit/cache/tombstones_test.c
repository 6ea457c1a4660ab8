#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/tombstones.h"
#include "tests/unit/cache/scratch.h"

static struct digest numbered(uint8_t n)
{
    return (struct digest){{n, 1, 2, 3}};
}

static void read_list(struct tombstones *t, const char *folder)
{
    struct error e = {0};
    if (!tombstones_read(t, folder, &e))
        fail_msg("%s", e.message);
}

/* Two documents: "a.md" with source 1 and texts 2, 3; "b.md" with text 4. */
static void write_two(const char *folder)
{
    struct tombstones t;
    struct error e = {0};
    read_list(&t, folder);
    assert_true(tombstones_add_document(&t, "2026-11-25", &e));
    tombstones_add(&t, TOMBSTONE_NAME, STR("a.md"));
    tombstones_add_digest(&t, TOMBSTONE_SOURCE, numbered(1));
    tombstones_add_digest(&t, TOMBSTONE_TEXT, numbered(2));
    tombstones_add_digest(&t, TOMBSTONE_TEXT, numbered(3));
    assert_true(tombstones_add_document(&t, "2026-11-26", &e));
    tombstones_add(&t, TOMBSTONE_NAME, STR("b.md"));
    tombstones_add_digest(&t, TOMBSTONE_TEXT, numbered(4));
    if (!tombstones_write(&t, folder, &e))
        fail_msg("%s", e.message);
    tombstones_free(&t);
}

static void found_by_kind_and_bytes(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct tombstones t;
    read_list(&t, at(&s, "forgotten")); /* a missing folder is an empty list */
    assert_int_equal(tombstones_find(&t, TOMBSTONE_NAME, STR("a.md")), TOMBSTONE_NONE);
    write_two(at(&s, "forgotten"));
    read_list(&t, at(&s, "forgotten"));
    assert_int_equal(tombstones_find(&t, TOMBSTONE_NAME, STR("a.md")), 0);
    assert_int_equal(tombstones_find(&t, TOMBSTONE_NAME, STR("a.m")), TOMBSTONE_NONE);
    assert_int_equal(tombstones_find_digest(&t, TOMBSTONE_TEXT, numbered(3)), 0);
    assert_int_equal(tombstones_find_digest(&t, TOMBSTONE_TEXT, numbered(4)), 1);
    assert_string_equal(t.documents[1].date, "2026-11-26");
    /* A source is no text. */
    assert_int_equal(tombstones_find_digest(&t, TOMBSTONE_TEXT, numbered(1)), TOMBSTONE_NONE);
    t.documents[0].lifted = true;
    assert_int_equal(tombstones_find_digest(&t, TOMBSTONE_TEXT, numbered(3)), TOMBSTONE_NONE);
    tombstones_free(&t);
    scratch_remove(&s);
}

/* HMAC-SHA256 of "name a.md" under 32 zero bytes, by Python's hmac. */
#define ZERO_KEY_DIGEST "7928f426f82d61a6304a18b91bea774226ff44b821f614ce699d602854552e3c"

static void keyed(void **state)
{
    (void)state;
    struct tombstones a = {.has_key = true}, b = {.has_key = true};
    char hex[SHA256_HEX];
    memset(b.key, 1, sizeof b.key);
    tombstone_hex(tombstone_digest(&a, TOMBSTONE_NAME, STR("a.md")), hex);
    assert_string_equal(hex, ZERO_KEY_DIGEST);
    tombstone_hex(tombstone_digest(&b, TOMBSTONE_NAME, STR("a.md")), hex);
    assert_string_not_equal(hex, ZERO_KEY_DIGEST);
}

static void two_projects_share_nothing(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct strbuf one = {0}, two = {0};
    write_two(at(&s, "one"));
    write_two(at(&s, "two"));
    assert_true(file_read(&one, at(&s, "one/tombstones"), 1 << 20, NULL));
    assert_true(file_read(&two, at(&s, "two/tombstones"), 1 << 20, NULL));
    assert_int_equal(one.size, two.size);
    assert_false(str_equal(strbuf_str(&one), strbuf_str(&two)));
    strbuf_free(&one);
    strbuf_free(&two);
    scratch_remove(&s);
}

/* A forget that was killed and given again writes each document once. */
static void repeated_is_lifted(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct tombstones t;
    struct error e = {0};
    write_two(at(&s, "forgotten"));
    read_list(&t, at(&s, "forgotten"));
    assert_true(tombstones_add_document(&t, "2026-11-27", &e));
    tombstones_add(&t, TOMBSTONE_NAME, STR("b.md"));
    tombstones_add_digest(&t, TOMBSTONE_TEXT, numbered(4));
    tombstones_add_digest(&t, TOMBSTONE_TEXT, numbered(5));
    tombstones_lift_repeated(&t, 2);
    assert_false(t.documents[0].lifted);
    assert_true(t.documents[1].lifted);
    assert_true(tombstones_write(&t, at(&s, "forgotten"), &e));
    tombstones_free(&t);
    read_list(&t, at(&s, "forgotten"));
    assert_int_equal(t.document_count, 2);
    assert_string_equal(t.documents[tombstones_find(&t, TOMBSTONE_NAME, STR("b.md"))].date,
                        "2026-11-27");
    tombstones_free(&t);
    scratch_remove(&s);
}

static void damage_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "lorabuild-tombstones 1\nname x\n",
        "lorabuild-tombstones 1\nname 00\n",
        "lorabuild-tombstones 1\ndocument 2026-11-25\ntext 12", /* torn */
        "lorabuild-tombstones 2\n",
        "",
    };
    struct scratch s = scratch_make();
    struct tombstones t;
    struct error e = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_two(at(&s, "forgotten"));
        put_file(at(&s, "forgotten/tombstones"), bad[i]);
        if (tombstones_read(&t, at(&s, "forgotten"), &e))
            fail_msg("case %zu was read", i);
        folder_remove(at(&s, "forgotten"), NULL);
    }
    write_two(at(&s, "forgotten"));
    unlink(at(&s, "forgotten/key"));
    assert_false(tombstones_read(&t, at(&s, "forgotten"), &e));
    assert_non_null(strstr(e.message, "key is missing"));
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_kind_and_bytes),
        cmocka_unit_test(keyed),
        cmocka_unit_test(two_projects_share_nothing),
        cmocka_unit_test(repeated_is_lifted),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
