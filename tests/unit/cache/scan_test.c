#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/scan.h"
#include "lorabuild/common/threads.h"
#include "tests/unit/cache/scratch.h"

#include <errno.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct fixture {
    struct scratch d;
    struct store *store;
    char root[80];
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    char note[256];
    f->d = scratch_make();
    snprintf(f->root, sizeof f->root, "%s/root", f->d.path);
    mkdir(f->root, 0777);
    f->store = store_open(at(&f->d, "store"), NULL, false, note, NULL);
    *state = f;
    return f->store ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    scratch_remove(&f->d);
    free(f);
    return 0;
}

static const char *in(const struct fixture *f, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", f->root, name);
    return path;
}

/* Scans and gives the number of files hashed; the scan is left in `s`. */
static size_t scanned(struct scan *s, struct fixture *f, bool rehash)
{
    struct error e = {0};
    if (!scan_folder(s, f->root, NULL, f->store, rehash, NULL, NULL, &e))
        fail_msg("%s", e.message);
    return s->hashed;
}

static size_t hashed(struct fixture *f)
{
    struct scan s;
    size_t n = scanned(&s, f, false);
    scan_free(&s);
    return n;
}

static const struct scan_file *file_of(const struct scan *s, const char *path)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return &s->files[i];
    return NULL;
}

static struct digest digest_in(struct fixture *f, const char *path)
{
    struct scan s;
    scanned(&s, f, false);
    const struct scan_file *file = file_of(&s, path);
    assert_non_null(file);
    assert_null(file->problem);
    struct digest d = file->digest;
    scan_free(&s);
    return d;
}

static off_t store_bytes_written(struct fixture *f)
{
    struct stat s;
    assert_int_equal(stat(at(&f->d, "store/data.mdb"), &s), 0);
    return (off_t)(s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec);
}

static void put_five(struct fixture *f)
{
    char name[20];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%d.txt", i);
        put_file(in(f, name), name);
        set_time(in(f, name), 1700000000 + i, 5);
    }
}

static void times_that_lie(void **state) /* B01 */
{
    struct fixture *f = *state;
    struct stat before;
    put_five(f);
    put_file(at(&f->d, "backup"), "other");
    set_time(at(&f->d, "backup"), 1500000000, 0);
    wait_settled();
    assert_int_equal(hashed(f), 5);
    off_t written = store_bytes_written(f);
    assert_int_equal(hashed(f), 0);
    assert_true(store_bytes_written(f) == written); /* nothing to do: nothing written */
    /* (a) an older file takes the place */
    struct digest old = digest_in(f, "1.txt");
    assert_int_equal(rename(at(&f->d, "backup"), in(f, "1.txt")), 0);
    assert_int_equal(hashed(f), 1);
    assert_false(digest_equal(old, digest_in(f, "1.txt")));
    /* (b) equal length, the old time to the nanosecond */
    old = digest_in(f, "2.txt");
    assert_int_equal(stat(in(f, "2.txt"), &before), 0);
    put_file(in(f, "2.txt"), "2.TXT");
    set_time(in(f, "2.txt"), before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
    assert_false(digest_equal(old, digest_in(f, "2.txt")));
    /* (c) touched: hashed once, the same digest */
    old = digest_in(f, "3.txt");
    utimensat(AT_FDCWD, in(f, "3.txt"), NULL, 0);
    wait_settled();
    assert_true(digest_equal(old, digest_in(f, "3.txt")));
    assert_int_equal(hashed(f), 0);
    struct scan s;
    assert_int_equal(scanned(&s, f, true), 5); /* --rehash */
    scan_free(&s);
    assert_int_equal(hashed(f), 0);
}

static void one_more_in_many(void **state) /* B03 */
{
    struct fixture *f = *state;
    char name[40];
    enum { MANY = 1500 };
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "p/%d.png", i);
        put_file(in(f, name), name);
    }
    wait_settled();
    assert_int_equal(hashed(f), MANY);
    assert_int_equal(hashed(f), 0);
    put_file(in(f, "p/5000.png"), "new");
    set_time(in(f, "p/5000.png"), 1600000000, 0);
    mkdir(in(f, "empty"), 0777);
    struct scan s;
    assert_int_equal(scanned(&s, f, false), 1);
    assert_int_equal(s.count, MANY + 1);
    assert_false(s.too_young);
    scan_free(&s);
    wait_settled();
    assert_int_equal(hashed(f), 1);
    assert_int_equal(hashed(f), 0);
    assert_int_equal(unlink(in(f, "p/0.png")), 0); /* chunks move; nothing is read again */
    assert_int_equal(hashed(f), 0);
    assert_int_equal(rename(in(f, "p"), in(f, "q")), 0); /* the folder's inode is its name */
    assert_int_equal(hashed(f), 0);
}

static void files_from_the_future(void **state) /* B05 */
{
    struct fixture *f = *state;
    struct scan s;
    put_five(f);
    set_time(in(f, "0.txt"), 2019686400, 0); /* 2034 */
    set_time(in(f, "1.txt"), 0, 0);
    set_time(in(f, "2.txt"), 5000000000, 999999999);
    utimensat(AT_FDCWD, in(f, "3.txt"), NULL, 0);
    assert_int_equal(scanned(&s, f, false), 5);
    assert_true(s.too_young); /* 3.txt */
    scan_free(&s);
    wait_settled();
    scanned(&s, f, false);
    assert_false(s.too_young); /* nobody waits for 2034 */
    scan_free(&s);
    off_t written = store_bytes_written(f);
    assert_int_equal(hashed(f), 2); /* never trusted, always read */
    assert_true(store_bytes_written(f) == written);
}

static void the_racy_are_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    put_file(in(f, "a"), "one");
    assert_int_equal(scanned(&s, f, false), 1);
    assert_true(s.too_young);
    scan_free(&s);
    assert_int_equal(hashed(f), 1); /* not stored while it is that young */
    wait_settled();
    assert_int_equal(hashed(f), 1);
    assert_int_equal(hashed(f), 0);
}

static int path_order(const void *a, const void *b)
{
    const struct scan_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void names_of_any_bytes(void **state)
{
    struct fixture *f = *state;
    char longest[256];
    struct scan s, again;
    memset(longest, 'x', 255);
    longest[255] = '\0';
    const char *const names[] = {
        "a",      "a-b/c",  "a.b",        "a!/z",     "ab/c",
        "ab/d/e", "ab-",    "line\nfeed", "\xff\xfe", "\xe5\xa0\xb1\xe4\xbb\xb7.txt",
        longest,  "ab/\x01"};
    enum { COUNT = sizeof names / sizeof *names };
    for (int i = 0; i < COUNT; i++)
        put_file(in(f, names[i]), names[i]);
    assert_int_equal(link(in(f, "a"), in(f, "hard")), 0);
    wait_settled();
    assert_int_equal(scanned(&s, f, false), COUNT + 1);
    assert_int_equal(s.count, COUNT + 1);
    for (int i = 0; i < COUNT; i++) {
        const struct scan_file *file = file_of(&s, names[i]);
        assert_non_null(file);
        assert_int_equal(file->size_bytes, strlen(names[i]));
    }
    assert_true(digest_equal(file_of(&s, "a")->digest, file_of(&s, "hard")->digest));
    for (size_t i = 1; i < s.count; i++)
        assert_true(path_order(&s.files[i - 1], &s.files[i]) < 0);
    assert_int_equal(scanned(&again, f, false), 0);
    for (size_t i = 0; i < s.count; i++)
        assert_true(digest_equal(s.files[i].digest, again.files[i].digest));
    scan_free(&again);
    scan_free(&s);
}

static bool skips(const char *name, bool is_folder, void *context)
{
    (void)context;
    return is_folder ? strcmp(name, "hidden") == 0 : name[0] == '.';
}

static void links_are_judged_by_their_end(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    struct error e;
    char absolute[600];
    put_file(in(f, "real/x"), "x");
    put_file(in(f, "hidden/y"), "y");
    put_file(in(f, "hidden/.no"), "no");
    put_file(at(&f->d, "outside/secret"), "secret");
    symlink("real/x", in(f, "l-file"));
    symlink("../../outside/secret", in(f, "real/l-out"));
    symlink(at(&f->d, "outside"), in(f, "l-out-folder"));
    snprintf(absolute, sizeof absolute, "%s/real/x", f->root);
    symlink(absolute, in(f, "l-absolute"));
    symlink("../root/real/x", in(f, "l-round"));
    symlink("nowhere", in(f, "l-dangling"));
    symlink("l-self", in(f, "l-self"));
    symlink("..", in(f, "real/l-up"));
    symlink("real", in(f, "l-real"));
    symlink("hidden", in(f, "l-1"));
    symlink("hidden", in(f, "l-2"));
    assert_true(scan_folder(&s, f->root, NULL, f->store, false, skips, NULL, &e));
    static const struct {
        const char *path;
        bool problem;
    } expected[] = {{"l-1/y", false},  {"l-absolute", false},  {"l-dangling", true},
                    {"l-file", false}, {"l-out-folder", true}, {"l-round", false},
                    {"l-self", true},  {"real/l-out", true},   {"real/x", false}};
    assert_int_equal(s.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < s.count; i++) {
        assert_string_equal(s.files[i].path, expected[i].path);
        assert_int_equal(s.files[i].problem != NULL, expected[i].problem);
        assert_int_equal(digest_is_zero(s.files[i].digest), expected[i].problem);
    }
    assert_true(digest_equal(file_of(&s, "l-file")->digest, file_of(&s, "real/x")->digest));
    scan_free(&s);
}

static void what_cannot_be_read_is_told(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    struct error e;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    put_file(in(f, "ok"), "ok");
    put_file(in(f, "locked"), "locked");
    put_file(in(f, "closed/x"), "x");
    mkfifo(in(f, "pipe"), 0666);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", in(f, "socket"));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    close(listener);
    chmod(in(f, "locked"), 0);
    chmod(in(f, "closed"), 0);
    chmod(f->d.path, 0755);
    int was_root = geteuid() == 0;
    if (was_root)
        assert_int_equal(seteuid(65534), 0);
    bool ok = scan_folder(&s, f->root, NULL, NULL, false, NULL, NULL, &e);
    if (was_root)
        assert_int_equal(seteuid(0), 0);
    assert_true(ok);
    chmod(in(f, "closed"), 0700);
    assert_int_equal(s.count, 3);
    assert_non_null(strstr(file_of(&s, "closed")->problem, "cannot be listed"));
    assert_non_null(strstr(file_of(&s, "locked")->problem, "cannot be read"));
    assert_null(file_of(&s, "ok")->problem);
    scan_free(&s);
    assert_false(scan_folder(&s, in(f, "none"), NULL, NULL, false, NULL, NULL, &e));
    assert_non_null(strstr(e.message, "none"));
}

static bool skips_text(const char *name, bool is_folder, void *context)
{
    (void)context;
    return !is_folder && strstr(name, ".txt");
}

static void two_datasets_on_one_folder(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    struct error e;
    put_five(f);
    put_file(in(f, "p.png"), "p");
    wait_settled();
    assert_int_equal(hashed(f), 6);
    off_t written = store_bytes_written(f);
    assert_true(scan_folder(&s, f->root, NULL, f->store, false, skips_text, NULL, &e));
    assert_int_equal(s.count, 1);
    scan_free(&s);
    assert_int_equal(hashed(f), 0); /* the skipped kept their records */
    assert_true(store_bytes_written(f) == written);
}

static void one_file(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    struct error e;
    struct digest d;
    put_file(in(f, "base.gguf"), "weights");
    wait_settled();
    assert_true(scan_folder(&s, in(f, "base.gguf"), NULL, f->store, false, NULL, NULL, &e));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.hashed, 1);
    assert_string_equal(s.files[0].path, "base.gguf");
    struct digest first = s.files[0].digest;
    scan_free(&s);
    assert_true(scan_folder(&s, in(f, "base.gguf"), NULL, f->store, false, NULL, NULL, &e));
    assert_int_equal(s.hashed, 0);
    assert_true(digest_equal(s.files[0].digest, first));
    scan_free(&s);
    assert_true(scan_file_digest(&d, in(f, "base.gguf"), f->store, false, &e));
    assert_true(digest_equal(d, first));
    put_file(in(f, "base.gguf"), "WEIGHTS");
    assert_true(scan_file_digest(&d, in(f, "base.gguf"), f->store, false, &e));
    assert_false(digest_equal(d, first));
    assert_false(scan_file_digest(&d, in(f, "none"), f->store, false, &e));
    assert_false(scan_file_digest(&d, f->root, f->store, false, &e));
}

static void a_deep_tree(void **state)
{
    struct fixture *f = *state;
    struct scan s;
    struct strbuf path = {0};
    strbuf_add_text(&path, f->root);
    for (int i = 0; i < 300; i++) {
        strbuf_add_text(&path, "/d");
        mkdir(path.data, 0777);
    }
    strbuf_add_text(&path, "/leaf");
    put_file(path.data, "leaf");
    scanned(&s, f, false);
    assert_int_equal(s.count, 1);
    assert_null(s.files[0].problem);
    assert_int_equal(strlen(s.files[0].path), 300 * 2 + 4);
    scan_free(&s);
    strbuf_free(&path);
}

/* Files come and go while they are scanned: no crash, no error, right digests afterwards. */
static void a_tree_in_motion(void **state)
{
    struct fixture *f = *state;
    put_five(f);
    pid_t child = fork();
    if (child == 0) {
        char name[20];
        for (int i = 0; i < 3000; i++) {
            snprintf(name, sizeof name, "m/%d", i % 40);
            if (i % 3)
                put_file(in(f, name), name);
            else
                unlink(in(f, name));
        }
        _exit(0);
    }
    for (int i = 0; i < 30; i++)
        hashed(f);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct digest d, expected;
    d = digest_in(f, "4.txt");
    assert_true(digest_file(&expected, in(f, "4.txt"), NULL));
    assert_true(digest_equal(d, expected));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    threads_set(2);
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(times_that_lie),
        WITH_FOLDER(one_more_in_many),
        WITH_FOLDER(files_from_the_future),
        WITH_FOLDER(the_racy_are_not_trusted),
        WITH_FOLDER(names_of_any_bytes),
        WITH_FOLDER(links_are_judged_by_their_end),
        WITH_FOLDER(what_cannot_be_read_is_told),
        WITH_FOLDER(two_datasets_on_one_folder),
        WITH_FOLDER(one_file),
        WITH_FOLDER(a_deep_tree),
        WITH_FOLDER(a_tree_in_motion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
