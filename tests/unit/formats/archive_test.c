#include "tests/unit/formats/scratch.h"

#include "lorabuild/common/random.h"
#include "lorabuild/formats/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <zstd.h>

enum { ROOM = 1 << 20 };

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
    char *path = path_join(folder, name), *parent = path_folder(path);
    assert_true(folder_make(parent, 0755, NULL));
    write_file(path, text, strlen(text));
    assert_int_equal(chmod(path, mode), 0);
    free(parent);
    free(path);
}

#define LONG                               \
    "a-name-of-more-than-a-hundred-bytes-" \
    "a-name-of-more-than-a-hundred-bytes-a-name-of-more-than-a-hundred-bytes"

static char *sample(void **state, const char *name, mode_t mode)
{
    char *folder = path_join(*state, name);
    put(folder, "manifest.json", "{}\n", mode);
    put(folder, "alone/adapter.bin", "weights", mode);
    put(folder, "alone.txt", "", mode);
    put(folder, "\u57ce\u5e02.txt", "\u57ce", mode);
    put(folder, LONG "/" LONG, "deep", mode);
    return folder;
}

static void has(const char *folder, const char *name, const char *text)
{
    char *path = path_join(folder, name);
    struct strbuf b = read_file(path);
    assert_int_equal(b.size, strlen(text));
    assert_memory_equal(b.size ? b.data : "", text, b.size);
    strbuf_free(&b);
    free(path);
}

static void what_is_packed_is_unpacked(void **state)
{
    struct error e = {0};
    char packed[SHA256_HEX], unpacked[SHA256_HEX];
    char *folder = sample(state, "v1", 0644), *path = path_join(*state, "x.tar.zst");
    char *to = path_join(*state, "out");
    assert_ok(archive_pack(path, folder, "text-a-v1", packed, &e), e);
    assert_ok(archive_unpack(path, to, ROOM, unpacked, &e), e);
    assert_string_equal(packed, unpacked);
    has(to, "manifest.json", "{}\n");
    has(to, "alone/adapter.bin", "weights");
    has(to, "alone.txt", "");
    has(to, "\u57ce\u5e02.txt", "\u57ce");
    has(to, LONG "/" LONG, "deep");
    assert_false(archive_unpack(path, to, ROOM, unpacked, &e));
    assert_error(e, ERROR_SYSTEM, "exists");
    has(to, "manifest.json", "{}\n"); /* what stood there stays */
    free(to);
    free(path);
    free(folder);
}

static struct strbuf tar_of(const char *path)
{
    struct strbuf z = read_file(path), tar = {0};
    char *room = mem_alloc(ROOM);
    size_t n = ZSTD_decompress(room, ROOM, z.data, z.size);
    assert_false(ZSTD_isError(n));
    strbuf_add(&tar, room, n);
    free(room);
    strbuf_free(&z);
    return tar;
}

/* Whatever the time, the mode, the umask and the locale. */
static void the_same_content_is_the_same_archive(void **state)
{
    struct error e = {0};
    char first[SHA256_HEX], second[SHA256_HEX], direct[SHA256_HEX];
    char *one = sample(state, "1", 0644), *two = sample(state, "2", 0600);
    char *x = path_join(*state, "x"), *y = path_join(*state, "y");
    char *file = path_join(two, "manifest.json"), *empty = path_join(two, "empty");
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    assert_true(folder_make(empty, 0755, NULL));
    assert_ok(archive_pack(x, one, "v1", first, &e), e);
    mode_t mask = umask(077);
    setlocale(LC_ALL, "C.UTF-8");
    assert_ok(archive_pack(y, two, "v1", second, &e), e);
    setlocale(LC_ALL, "C");
    umask(mask);
    assert_string_equal(first, second);
    struct strbuf a = read_file(x), b = read_file(y), tar = tar_of(x);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    sha256_hex(tar.data, tar.size, direct);
    assert_string_equal(first, direct);
    const char *early = memmem(tar.data, tar.size, "v1/alone.txt", 12);
    const char *late = memmem(tar.data, tar.size, "v1/alone/adapter.bin", 20);
    assert_true(early && late && early < late); /* by bytes of the whole name */
    strbuf_free(&a);
    strbuf_free(&b);
    strbuf_free(&tar);
    free(one), free(two), free(x), free(y), free(file), free(empty);
}

/* A list: files under names of their own, and bytes; one entry of it read back. */
static void a_list_is_packed_and_an_entry_read(void **state)
{
    struct error e = {0};
    char sha[SHA256_HEX], *folder = sample(state, "v1", 0644), *path = path_join(*state, "x");
    char *file = path_join(folder, "manifest.json"), *to = path_join(*state, "out");
    struct archive_list list = {0};
    struct strbuf content = {0};
    uint64_t bytes;
    archive_list_file(&list, "z/m.json", file);
    archive_list_bytes(&list, "head", STR("hello"));
    assert_ok(archive_pack_list(path, &list, "top", sha, &e), e);
    assert_ok(archive_read_entry(path, "head", 5, ROOM, &content, &bytes, &e), e);
    assert_string_equal(content.data, "hello");
    assert_int_equal(bytes, 8);
    assert_false(archive_read_entry(path, "head", 4, ROOM, &content, &bytes, &e));
    assert_error(e, ERROR_INPUT, "is larger than is allowed here");
    assert_false(archive_read_entry(path, "z", 9, ROOM, &content, &bytes, &e));
    assert_error(e, ERROR_INPUT, "holds no z");
    assert_false(archive_read_entry(path, "head", 5, 7, &content, &bytes, &e));
    assert_error(e, ERROR_INPUT, "makes the content larger");
    assert_ok(archive_unpack(path, to, ROOM, sha, &e), e);
    has(to, "z/m.json", "{}\n");
    has(to, "head", "hello");
    strbuf_free(&content);
    archive_list_free(&list);
    free(to), free(file), free(path), free(folder);
}

static void links_and_devices_are_not_packed(void **state)
{
    struct error e = {0};
    char hex[SHA256_HEX];
    char *folder = sample(state, "v1", 0644), *path = path_join(*state, "x");
    char *link = path_join(folder, "zlink");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_false(archive_pack(path, folder, "v1", hex, &e));
    assert_error(e, ERROR_INPUT, "zlink: neither a plain file nor a folder");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkfifo(link, 0600), 0);
    assert_false(archive_pack(path, folder, "v1", hex, &e));
    assert_int_equal(access(path, F_OK), -1);
    assert_false(archive_pack(path, "/nowhere", "v1", hex, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    free(link);
    free(path);
    free(folder);
}

/* B21: tars made by others. An entry of a kind, with what it points at or contains. */
struct evil {
    const char *name;
    mode_t type; /* 0: a hard link that carries data */
    const char *content;
    int64_t claim; /* the size that its header claims; 0: that of the content */
};

/* Writes another size into the last header of this name, and its sum. */
static void lie(const char *path, const struct evil *v)
{
    struct strbuf tar = read_file(path);
    size_t at = tar.size;
    do
        at -= 512;
    while (at && memcmp(tar.data + at, v->name, strlen(v->name) + 1) != 0);
    unsigned char *header = (unsigned char *)tar.data + at;
    unsigned sum = 0;
    char digits[20];
    snprintf(digits, sizeof digits, "%012llo", (long long unsigned)v->claim);
    memcpy(header + 124, digits, 12);
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += header[i];
    snprintf(digits, sizeof digits, "%06o", sum);
    memcpy(header + 148, digits, 7);
    write_file(path, tar.data, tar.size);
    strbuf_free(&tar);
}

static void make_tar(const char *path, const struct evil *entries, size_t count)
{
    struct archive *a = archive_write_new();
    archive_write_set_format_pax(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        const struct evil *v = &entries[i];
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, v->name);
        archive_entry_set_filetype(entry, v->type ? v->type : AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (int64_t)strlen(v->content));
        if (v->type == AE_IFLNK)
            archive_entry_set_symlink(entry, v->content);
        if (v->type == 0)
            archive_entry_set_hardlink(entry, v->content);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        if (v->type == AE_IFREG)
            archive_write_data(a, v->content, strlen(v->content));
        archive_entry_free(entry);
    }
    archive_write_free(a);
    for (size_t i = 0; i < count; i++)
        if (entries[i].claim)
            lie(path, &entries[i]);
}

static void b21_unsafe_entries_are_refused_whole(void **state)
{
    static const struct {
        struct evil entries[3];
        const char *why;
    } cases[] = {
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/hard", 0, "../../x", 0}}, "entry 'p/hard' is a link"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/d", AE_IFLNK, "/tmp", 0}, {"p/d/x", AE_IFREG, "x", 0}},
         "entry 'p/d' is a link"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"/etc/x", AE_IFREG, "x", 0}},
         "entry '/etc/x' has an absolute name"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/../../x", AE_IFREG, "x", 0}},
         "entry 'p/../../x' has an unsafe name"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"../x", AE_IFREG, "x", 0}}, "has an unsafe name"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p//x", AE_IFREG, "x", 0}}, "has an unsafe name"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/dev", AE_IFCHR, "", 0}},
         "entry 'p/dev' is neither a plain file nor a folder"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/pipe", AE_IFIFO, "", 0}}, "is neither a plain file"},
        {{{"p/x", AE_IFREG, "x", 0}, {"p/x", AE_IFREG, "y", 0}}, "entry 'x' is there twice"},
        {{{"p/x/", AE_IFDIR, "", 0}, {"p/x", AE_IFREG, "y", 0}}, "entry 'x' is there twice"},
        {{{"p/x", AE_IFREG, "x", 0}, {"p/x/y", AE_IFREG, "y", 0}},
         "entry 'x/y' lies beneath another entry that is a file"},
        {{{"p/x", AE_IFREG, "x", 0}, {"q/x", AE_IFREG, "x", 0}},
         "entry 'q/x' does not lie in the folder that the others lie in"},
        {{{"x", AE_IFREG, "x", 0}}, "entry 'x' does not lie in the folder"},
        {{{"p/ok", AE_IFREG, "x", 0}, {"p/zeros", AE_IFREG, "", INT64_C(10) << 30}},
         "entry 'p/zeros' makes the content larger than is allowed here"},
    };
    char *path = path_join(*state, "x.tar"), *to = path_join(*state, "out"), hex[SHA256_HEX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        size_t n = 0;
        while (n < 3 && cases[i].entries[n].name)
            n++;
        make_tar(path, cases[i].entries, n);
        assert_false(archive_unpack(path, to, ROOM, hex, &e));
        assert_error(e, ERROR_INPUT, cases[i].why);
        assert_int_equal(access(to, F_OK), -1);
    }
    free(to);
    free(path);
}

static void folders_of_other_tars_are_made(void **state)
{
    static const struct evil entries[] = {{"p/", AE_IFDIR, "", 0},
                                          {"p/d/", AE_IFDIR, "", 0},
                                          {"p/d/\u57ce", AE_IFREG, "x", 0},
                                          {"p/e/f", AE_IFREG, "y", 0}};
    struct error e = {0};
    char *path = path_join(*state, "x.tar"), *to = path_join(*state, "out"), hex[SHA256_HEX];
    setlocale(LC_ALL, "C.UTF-8");
    make_tar(path, entries, 4);
    setlocale(LC_ALL, "C");
    assert_ok(archive_unpack(path, to, 2, hex, &e), e);
    has(to, "d/\u57ce", "x");
    has(to, "e/f", "y");
    assert_true(folder_remove(to, NULL));
    assert_false(archive_unpack(path, to, 1, hex, &e));
    free(to);
    free(path);
}

/* Zeros behind the end marks, which no entry's size tells of. */
static void b21_a_bomb_behind_the_end_is_stopped(void **state)
{
    struct error e = {0};
    enum { ZEROS = 64 << 20 };
    char *zeros = mem_zalloc(ZEROS), *packed = mem_alloc(ROOM), hex[SHA256_HEX];
    char *path = path_join(*state, "x.tar.zst"), *to = path_join(*state, "out");
    static const struct evil entry = {"p/x", AE_IFREG, "x", 0};
    make_tar(path, &entry, 1);
    struct strbuf tar = read_file(path);
    memcpy(zeros, tar.data, tar.size);
    size_t n = ZSTD_compress(packed, ROOM, zeros, ZEROS, 3);
    assert_false(ZSTD_isError(n));
    write_file(path, packed, n);
    assert_false(archive_unpack(path, to, ROOM, hex, &e));
    assert_error(e, ERROR_LIMIT, "unpacks to more than the");
    assert_int_equal(access(to, F_OK), -1);
    strbuf_free(&tar);
    free(packed);
    free(zeros);
    free(path);
    free(to);
}

/* What cannot be read or written in the middle leaves nothing behind. */
static void a_failure_while_packing_leaves_nothing(void **state)
{
    struct error e = {0};
    char hex[SHA256_HEX];
    char *folder = sample(state, "v1", 0644), *path = path_join(*state, "none/x");
    assert_false(archive_pack(path, folder, "v1", hex, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    free(path);
    path = path_join(*state, "x");
    struct rlimit full = {2000, 2000}, old;
    char *big = path_join(folder, "big");
    char *noise = mem_alloc(100000);
    for (uint32_t i = 0; i < 100000; i++)
        noise[i] = (char)random_u32((struct random){.seed = 1}, i);
    write_file(big, noise, 100000);
    getrlimit(RLIMIT_FSIZE, &old);
    full.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &full);
    assert_false(archive_pack(path, folder, "v1", hex, &e));
    setrlimit(RLIMIT_FSIZE, &old);
    assert_error(e, ERROR_SYSTEM, "File too large");
    assert_int_equal(access(path, F_OK), -1);
    free(noise);
    free(big);
    free(path);
    free(folder);
}

static void damage_is_noticed(void **state)
{
    struct error e = {0};
    char hex[SHA256_HEX];
    char *folder = sample(state, "v1", 0644), *path = path_join(*state, "x");
    char *to = path_join(*state, "out");
    assert_ok(archive_pack(path, folder, "v1", hex, &e), e);
    struct strbuf b = read_file(path);
    write_file(path, b.data, b.size - 1);
    assert_false(archive_unpack(path, to, ROOM, hex, &e));
    assert_error(e, ERROR_INPUT, "cut off");
    b.data[b.size - 1] ^= 1; /* zstd's checksum */
    write_file(path, b.data, b.size);
    assert_false(archive_unpack(path, to, ROOM, hex, &e));
    assert_error(e, ERROR_INPUT, "damaged");
    write_file(path, "", 0);
    assert_false(archive_unpack(path, to, ROOM, hex, &e));
    write_file(path, "no archive", 10);
    assert_false(archive_unpack(path, to, ROOM, hex, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_int_equal(access(to, F_OK), -1);
    strbuf_free(&b);
    free(to);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_packed_is_unpacked, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(the_same_content_is_the_same_archive, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_list_is_packed_and_an_entry_read, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(links_and_devices_are_not_packed, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(b21_unsafe_entries_are_refused_whole, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(folders_of_other_tars_are_made, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(b21_a_bomb_behind_the_end_is_stopped, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_failure_while_packing_leaves_nothing, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(damage_is_noticed, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
