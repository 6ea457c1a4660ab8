#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/store.h"
#include "lorabuild/common/random.h"
#include "tests/unit/cache/scratch.h"

#include <sys/wait.h>

enum { RECORDS = 3000 };

static struct store *opened(const char *folder, char note[256])
{
    struct error e = {0};
    struct store *s = store_open(folder, NULL, false, note, &e);
    if (!s)
        fail_msg("%s", e.message);
    return s;
}

static struct str numbered(char text[40], const char *word, int n)
{
    snprintf(text, 40, "%s %08d", word, n);
    return str_of(text);
}

/* Every tenth value is long enough for pages of its own. */
static struct str value_of(char *text, int n)
{
    memset(text, 'a' + n % 26, 9000);
    return (struct str){text, n % 10 ? (size_t)(n % 300) : 9000};
}

static void fill(struct store *s, int from, int to)
{
    char key[40], value[9000];
    struct error e;
    struct store_change *c = store_change_begin(s);
    for (int i = from; i < to; i++)
        store_change_put(c, 't', numbered(key, "key", i), value_of(value, i));
    assert_true(store_change_commit(c, &e));
}

static int count_right(struct store *s, int from, int to)
{
    char key[40], expected[9000];
    struct str value;
    struct store_view *v = store_view_begin(s, NULL);
    int right = 0;
    assert_non_null(v);
    for (int i = from; i < to; i++)
        if (store_view_get(v, 't', numbered(key, "key", i), &value)) {
            assert_true(str_equal(value, value_of(expected, i)));
            right++;
        }
    store_view_end(v);
    return right;
}

static void records_come_back(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256], longest[500];
    struct str value;
    struct store *s = opened(at(&d, "deep/store"), note);
    assert_string_equal(note, "");
    assert_true(store_keeps(s));
    memset(longest, 'k', sizeof longest);
    fill(s, 0, 100);
    struct store_change *c = store_change_begin(s);
    store_change_put(c, 'u', (struct str){longest, sizeof longest}, STR("a\0b"));
    store_change_put(c, 'u', STR(""), STR(""));
    store_change_put(c, 't', STR("key 00000007"), STR("first"));
    store_change_put(c, 't', STR("key 00000007"), STR("second"));
    store_change_delete(c, 't', STR("key 00000008"));
    store_change_delete(c, 't', STR("never there"));
    assert_true(store_change_commit(c, NULL));
    store_close(s);
    s = opened(at(&d, "deep/store"), note);
    struct store_view *v = store_view_begin(s, NULL), *other = store_view_begin(s, NULL);
    assert_true(store_view_get(v, 'u', (struct str){longest, sizeof longest}, &value));
    assert_true(str_equal(value, STR("a\0b")));
    assert_true(store_view_get(v, 'u', STR(""), &value) && value.size == 0);
    assert_true(store_view_get(v, 't', STR("key 00000007"), &value));
    assert_true(str_is(value, "second"));
    assert_false(store_view_get(v, 't', STR("key 00000008"), &value));
    assert_false(store_view_get(v, 'u', STR("key 00000007"), &value)); /* another table */
    assert_true(store_view_get(other, 't', STR("key 00000009"), &value));
    store_view_end(v);
    store_view_end(other);
    assert_false(store_damaged(s));
    store_close(s);
    scratch_remove(&d);
}

static void write_at(const char *path, off_t where, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0 && pwrite(fd, bytes, n, where) == (ssize_t)n);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    return s.st_size;
}

static void noise(char *bytes, size_t n, uint32_t seed)
{
    struct random r = {.seed = seed, .purpose = random_purpose("noise")};
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)random_u32(r, i);
}

/* B07: one line, then silence, then everything as before; and never a signal. */
static void damage_heals_once(const char *folder)
{
    char note[256];
    struct store *s = opened(folder, note);
    assert_true(strstr(note, "set aside") != NULL);
    assert_int_equal(count_right(s, 0, RECORDS), 0);
    fill(s, 0, RECORDS);
    store_close(s);
    s = opened(folder, note);
    assert_string_equal(note, "");
    assert_int_equal(count_right(s, 0, RECORDS), RECORDS);
    store_close(s);
}

static void damage_is_set_aside(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256], bytes[8192];
    const char *folder = mem_strdup(d.path), *data = mem_strdup(at(&d, "data.mdb"));
    struct store *s = opened(folder, note);
    fill(s, 0, RECORDS);
    store_close(s);
    assert_int_equal(truncate(data, size_of(data) * 6 / 10), 0);
    damage_heals_once(folder);
    noise(bytes, sizeof bytes, 1);
    write_at(data, 0, bytes, sizeof bytes); /* both meta pages */
    damage_heals_once(folder);
    write_at(data, size_of(data) / 8192 * 4096, bytes, 4096);
    damage_heals_once(folder);
    assert_int_equal(truncate(data, 100), 0);
    damage_heals_once(folder);
    free((void *)(uintptr_t)data);
    free((void *)(uintptr_t)folder);
    scratch_remove(&d);
}

/* Noise of some bytes anywhere: what is read is right or absent, and the process lives. */
static void noise_anywhere_is_survived(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256], bytes[64];
    const char *data = mem_strdup(at(&d, "data.mdb"));
    int noticed = 0;
    struct store *s = opened(d.path, note);
    fill(s, 0, 300);
    fill(s, 100, 200); /* so that there is a free list */
    store_close(s);
    struct strbuf whole = {0};
    assert_true(file_read(&whole, data, 1 << 30, NULL));
    for (uint32_t i = 0; i < 60; i++) {
        struct random r = {.seed = i, .purpose = random_purpose("place")};
        put_file(data, "");
        write_at(data, 0, whole.data, whole.size);
        noise(bytes, sizeof bytes, i);
        size_t n = i % 3 ? 1 + i % 64 : 1;
        write_at(data, (off_t)random_below(r, 0, whole.size - n), bytes, n);
        s = opened(d.path, note);
        noticed += note[0] != 0;
        count_right(s, 0, 300);
        fill(s, 250, 350);
        assert_int_equal(count_right(s, 250, 350), 100);
        store_close(s);
        folder_remove(at(&d, "lock.mdb"), NULL);
    }
    assert_true(noticed > 15); /* the others hit bytes that nobody reads */
    strbuf_free(&whole);
    free((void *)(uintptr_t)data);
    scratch_remove(&d);
}

static void a_newer_store_is_refused(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256];
    struct error e = {0};
    struct store *s = opened(d.path, note);
    fill(s, 0, 10);
    struct store_change *c = store_change_begin(s);
    store_change_put(c, '!', STR("format"), STR("\2\0\0\0"));
    assert_true(store_change_commit(c, NULL));
    store_close(s);
    assert_null(store_open(d.path, NULL, false, note, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.message, "newer lorabuild"));
    scratch_remove(&d);
}

/* In a child: opens, writes its records in many commits while others do, counts its own. */
static int writer(const char *folder, int from, int to)
{
    char note[256];
    struct store *s = store_open(folder, NULL, false, note, NULL);
    if (!s)
        return 10;
    for (int i = from; i < to; i += 100)
        fill(s, i, i + 100);
    int right = count_right(s, from, to);
    store_close(s);
    return right == to - from ? 0 : 11;
}

static int reader(const char *folder, int to)
{
    char note[256];
    struct store *s = store_open(folder, NULL, false, note, NULL);
    if (!s)
        return 12;
    for (int i = 0; i < 40; i++) {
        count_right(s, 0, to);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    store_close(s);
    return 0;
}

static void both_let_the_map_grow(void **state)
{
    (void)state;
    /* B11: 20 rounds of 5,000 records each; here as many of both as take a second or two. */
    const char *asked = getenv("LORABUILD_TEST_ROUNDS");
    int rounds = asked ? atoi(asked) : 3, each = 5000;
    setenv("LORABUILD_TEST_MAP_BYTES", "1048576", 1);
    for (int round = 0; round < rounds; round++) {
        struct scratch d = scratch_make();
        char note[256];
        pid_t children[3];
        for (int i = 0; i < 3; i++) {
            children[i] = fork(); /* no store is open here */
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                _exit(i < 2 ? writer(d.path, i * each, (i + 1) * each) : reader(d.path, 2 * each));
        }
        for (int i = 0; i < 3; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        struct store *s = opened(d.path, note);
        assert_string_equal(note, "");
        assert_int_equal(count_right(s, 0, 2 * each), 2 * each);
        store_close(s);
        assert_true(size_of(at(&d, "data.mdb")) > 1 << 20);
        scratch_remove(&d);
    }
    unsetenv("LORABUILD_TEST_MAP_BYTES");
}

static void reading_alone_makes_nothing(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256];
    struct error e;
    struct store *s = store_open(at(&d, "none"), NULL, true, note, &e);
    assert_non_null(s);
    fill(s, 0, 10); /* vanishes */
    assert_int_equal(count_right(s, 0, 10), 0);
    assert_false(store_keeps(s));
    store_close(s);
    assert_int_equal(access(at(&d, "none"), F_OK), -1);
    s = opened(at(&d, "some"), note);
    fill(s, 0, 10);
    store_close(s);
    s = store_open(at(&d, "some"), NULL, true, note, &e);
    assert_int_equal(count_right(s, 0, 10), 10);
    store_close(s);
    scratch_remove(&d);
}

/* B13: another user may read but not write: a private copy, nothing written. */
static int stranger(const char *folder)
{
    char note[256];
    if (geteuid() == 0 && (setegid(65534) < 0 || seteuid(65534) < 0))
        return 20;
    struct store *s = store_open(folder, NULL, false, note, NULL);
    if (!s)
        return 21;
    if (store_keeps(s) || count_right(s, 0, 50) != 50)
        return 22;
    fill(s, 50, 60);
    int right = count_right(s, 50, 60);
    store_close(s);
    return right == 0 ? 0 : 23;
}

static void without_the_right_to_write(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256];
    assert_int_equal(chmod(d.path, 0755), 0);
    struct store *s = opened(at(&d, "store"), note);
    fill(s, 0, 50);
    store_close(s);
    chmod(at(&d, "store/data.mdb"), 0444);
    chmod(at(&d, "store/lock.mdb"), 0444);
    chmod(at(&d, "store"), 0555);
    pid_t child = fork();
    if (child == 0)
        _exit(stranger(at(&d, "store")));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    chmod(at(&d, "store"), 0755);
    scratch_remove(&d);
}

static void a_store_looks_like_its_client(void **state)
{
    (void)state;
    struct scratch d = scratch_make();
    char note[256];
    struct error e;
    struct stat s;
    mkdir(at(&d, "client"), 0777);
    chmod(at(&d, "client"), 0750);
    if (geteuid() == 0)
        assert_int_equal(chown(at(&d, "client"), 1234, 4321), 0);
    struct store *store = store_open(at(&d, "store"), at(&d, "client"), false, note, &e);
    assert_non_null(store);
    store_close(store);
    static const struct {
        const char *name;
        mode_t mode;
    } made[] = {{"store", 0750}, {"store/data.mdb", 0640}, {"store/lock.mdb", 0640}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stat(at(&d, made[i].name), &s), 0);
        assert_int_equal(s.st_mode & 07777, made[i].mode);
        assert_int_equal(s.st_uid, geteuid() ? geteuid() : 1234);
        assert_int_equal(s.st_gid, geteuid() ? getegid() : 4321);
    }
    scratch_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(damage_is_set_aside),
        cmocka_unit_test(noise_anywhere_is_survived),
        cmocka_unit_test(a_newer_store_is_refused),
        cmocka_unit_test(both_let_the_map_grow),
        cmocka_unit_test(reading_alone_makes_nothing),
        cmocka_unit_test(without_the_right_to_write),
        cmocka_unit_test(a_store_looks_like_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
