#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/store.h"
#include "cache/store_rewrite.h"
#include "tests/unit/cache/scratch.h"

enum { RECORDS = 400 };

static struct store *opened(const char *folder)
{
    struct error e = {0};
    char note[256];
    struct store *s = store_open(folder, NULL, false, note, &e);
    if (!s)
        fail_msg("%s", e.message);
    assert_string_equal(note, "");
    return s;
}

/* Every seventh record is secret; every tenth is long enough for pages of its own. */
static struct str value_of(char text[9000], int n)
{
    memset(text, 'a' + n % 26, 9000);
    int head = snprintf(text, 9000, "%s %d ", n % 7 ? "plain" : "QUAGGA", n);
    text[head] = '.';
    return (struct str){text, n % 10 ? 200 : 9000};
}

static void fill(const char *folder)
{
    char key[40], value[9000];
    struct store *s = opened(folder);
    for (int round = 0; round < 2; round++) { /* the second round leaves freed pages */
        struct store_change *c = store_change_begin(s);
        for (int i = 0; i < RECORDS; i++) {
            snprintf(key, sizeof key, "key %04d", i);
            store_change_put(c, 't', str_of(key), value_of(value, i));
        }
        assert_true(store_change_commit(c, NULL));
    }
    struct store_change *c = store_change_begin(s);
    store_change_delete(c, 't', STR("key 0007")); /* deleted is not gone from the file */
    assert_true(store_change_commit(c, NULL));
    store_close(s);
}

static bool is_secret(void *context, char table, struct str key, struct str value)
{
    (void)context;
    (void)key;
    return table == 't' && str_starts(value, "QUAGGA");
}

static bool file_holds(const char *path, const char *word)
{
    struct strbuf b = {0};
    assert_true(file_read(&b, path, 1 << 30, NULL));
    bool found = memmem(b.data, b.size, word, strlen(word)) != NULL;
    strbuf_free(&b);
    return found;
}

static void freed_pages_go_too(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    char key[40], expected[9000];
    struct str value;
    uint64_t dropped;
    struct error e = {0};
    fill(at(&s, "store"));
    put_file(at(&s, "store/data.mdb.damaged"), "QUAGGA");
    assert_true(file_holds(at(&s, "store/data.mdb"), "QUAGGA 7 ")); /* the one deleted */
    assert_true(store_rewrite(at(&s, "store"), is_secret, NULL, &dropped, &e));
    assert_int_equal(dropped, RECORDS / 7); /* of one more, one was deleted */
    assert_false(file_holds(at(&s, "store/data.mdb"), "QUAGGA"));
    assert_int_equal(access(at(&s, "store/data.mdb.damaged"), F_OK), -1);
    assert_int_equal(access(at(&s, "store/data.mdb.new"), F_OK), -1);

    struct store *store = opened(at(&s, "store"));
    struct store_view *v = store_view_begin(store, NULL);
    for (int i = 0; i < RECORDS; i++) {
        snprintf(key, sizeof key, "key %04d", i);
        bool there = store_view_get(v, 't', str_of(key), &value);
        assert_int_equal(there, i % 7 != 0);
        if (there)
            assert_true(str_equal(value, value_of(expected, i)));
    }
    store_view_end(v);
    struct store_change *c = store_change_begin(store); /* it can still be written */
    store_change_put(c, 't', STR("key 0000"), STR("new"));
    assert_true(store_change_commit(c, &e));
    store_close(store);
    scratch_remove(&s);
}

/* The mode of the old file is the new one's. */
static void looks_as_before(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct stat st;
    uint64_t dropped;
    fill(at(&s, "store"));
    assert_int_equal(chmod(at(&s, "store/data.mdb"), 0640), 0);
    assert_true(store_rewrite(at(&s, "store"), is_secret, NULL, &dropped, NULL));
    assert_int_equal(stat(at(&s, "store/data.mdb"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    scratch_remove(&s);
}

static void damaged_or_missing(void **state)
{
    (void)state;
    struct scratch s = scratch_make();
    struct error e = {0};
    uint64_t dropped;
    assert_true(store_rewrite(at(&s, "nothing"), is_secret, NULL, &dropped, &e));
    fill(at(&s, "store"));
    int fd = open(at(&s, "store/data.mdb"), O_WRONLY);
    char noise[8192];
    memset(noise, 0xA5, sizeof noise);
    assert_int_equal(pwrite(fd, noise, sizeof noise, 0), (ssize_t)sizeof noise);
    close(fd);
    assert_true(store_rewrite(at(&s, "store"), is_secret, NULL, &dropped, &e));
    assert_int_equal(access(at(&s, "store/data.mdb"), F_OK), -1);
    fill(at(&s, "store"));
    assert_int_equal(truncate(at(&s, "store/data.mdb"), 40960), 0);
    assert_true(store_rewrite(at(&s, "store"), is_secret, NULL, &dropped, &e));
    assert_int_equal(access(at(&s, "store/data.mdb"), F_OK), -1);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_pages_go_too),
        cmocka_unit_test(looks_as_before),
        cmocka_unit_test(damaged_or_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
