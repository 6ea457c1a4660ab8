#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/data/folder.h"

static void sources_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool learned;
        const char *reason;
    } cases[] = {
        {"a.txt", true, NULL},
        {"in/b.MD", true, NULL},
        {"c.jsonl", true, NULL},
        {"报价.xlsx", false, "spreadsheets are not read"},
        {"a.PDF", false, "documents of this kind are not read yet"},
        {"b.docx", false, "documents of this kind are not read yet"},
        {"README", false, "files of this kind are not read"},
        {"metadata.csv", false, NULL},
        {"in/metadata.csv", false, NULL},
        {"metadata.csv.123.tmp", false, NULL},
        {"captions.html", false, NULL},
        {"~$b.docx", false, NULL},
        {"Thumbs.db", false, NULL},
        {".DS_Store", false, NULL},
        {".git/a.txt", false, NULL},
        {".txt", false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *reason = "?";
        if (read_is_source(cases[i].path, &reason) != cases[i].learned)
            fail_msg("%s", cases[i].path);
        if (cases[i].reason)
            assert_string_equal(reason, cases[i].reason);
        else
            assert_null(reason);
    }
}

static void a_folder_is_read_and_sealed(void **state)
{
    struct folder *f = *state;
    put(f, "b.md", "# Title\n\none\n\n## Risks\n\ntwo");
    put(f, "a.txt", "line\nline\n\nother");
    put(f, "c.xlsx", "PK");
    put(f, "empty.txt", "");
    struct dataset d = read_as(f, "none"), again, header;
    assert_int_equal(d.document_count, 3);
    assert_string_equal(d.documents[0].path, "a.txt");
    assert_int_equal(d.sample_count, 4);
    assert_int_equal(d.heading_count, 2);
    assert_int_equal(d.duplicate_count, 1);
    assert_int_equal(d.unread_count, 1);
    assert_string_equal(d.unread[0].reason, "spreadsheets are not read");
    assert_false(digest_is_zero(d.set));
    /* The parent finds it by a scan alone. */
    struct digest key = key_now(f, "none");
    assert_true(digest_equal(key, d.key) && seal_has_dataset(f->keep, key));
    assert_true(seal_read_dataset_header(&header, f->keep, key, NULL));
    assert_true(header.sample_count == 4 && header.document_count == 3 && !header.documents);
    assert_true(digest_equal(header.set, d.set));
    /* What is read back is what was sealed. */
    assert_true(seal_read_dataset(&again, f->keep, key, true, NULL));
    assert_int_equal(again.document_count, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < d.documents[i].count; k++) {
            struct sample *x = &d.documents[i].samples[k], *y = &again.documents[i].samples[k];
            assert_true(str_equal(x->text, y->text) && str_equal(x->caption, y->caption));
            assert_true(digest_equal(x->id, y->id) && digest_equal(x->content, y->content));
            assert_true(x->line == y->line && x->place == y->place && x->passage == y->passage);
            assert_true(x->kind == y->kind && x->heading_level == y->heading_level);
        }
    assert_string_equal(again.unread[0].path, "c.xlsx");
    dataset_free(&again);
    dataset_free(&d);
}

static void no_files_are_no_error(void **state)
{
    struct folder *f = *state;
    struct dataset d = read_as(f, "headings");
    assert_true(d.document_count == 0 && d.sample_count == 0 && d.unread_count == 0);
    assert_int_equal(access(f->captions, F_OK), -1);
    assert_true(seal_has_dataset(f->keep, key_now(f, "headings")));
    dataset_free(&d);
}

/* T01: a byte order mark, line ends and UTF-16 make no difference to any id. */
static void the_same_text_in_other_bytes_is_the_same_set(void **state)
{
    struct folder *f = *state;
    static const char record[] = "{\"prompt\":\"a\",\"completion\":\"b\"}";
    put(f, "a.jsonl", record);
    put(f, "b.md", "# T\n\none\ntwo");
    put(f, "c.txt", "one\ntwo");
    struct dataset plain = read_as(f, "none");
    put(f, "a.jsonl", "\xEF\xBB\xBF{\"prompt\":\"a\",\"completion\":\"b\"}\r\n");
    put(f, "b.md", "\xEF\xBB\xBF# T\r\n\r\none\r\ntwo\r\n");
    put_bytes(f, "c.txt", STR("\xFF\xFEo\0n\0e\0\r\0\n\0t\0w\0o\0"));
    struct dataset marked = read_as(f, "none");
    assert_true(digest_equal(plain.set, marked.set));
    assert_false(digest_equal(plain.key, marked.key));
    assert_int_equal(marked.note_count, 1);
    assert_non_null(strstr(marked.notes[0], "c.txt: read as UTF-16"));
    dataset_free(&plain);
    dataset_free(&marked);
}

static void a_rename_changes_nothing_but_the_key(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", "text without a heading\n\n## Part\n\nmore");
    struct dataset before = read_as(f, "headings");
    take_away(f, "a.md");
    put(f, "zz-renamed.md", "text without a heading\n\n## Part\n\nmore");
    struct dataset after = read_as(f, "headings");
    assert_true(digest_equal(before.set, after.set));
    assert_false(digest_equal(before.key, after.key));
    dataset_free(&before);
    dataset_free(&after);
}

/* T05 across files: all at once, and none of those files is sealed. */
static void bad_records_fail_the_stage(void **state)
{
    struct folder *f = *state;
    put(f, "a.jsonl", "{\"text\":1}\n{\"text\":\"good\"}\n{\"text\":null}\n");
    put(f, "b.jsonl", "{\"text\":\"good\"}\n");
    put(f, "c.jsonl", "no JSON\n");
    struct dataset d;
    struct error e = {0};
    bool changed;
    scan(f);
    assert_false(try_read_mode(&d, f, "none", &changed, &e));
    assert_false(changed);
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.message, "a.jsonl:1: text: must be text, found a whole number\n"
                                      "a.jsonl:3: text: must be text, found null\n"
                                      "c.jsonl:1:"));
    assert_int_equal(d.note_count, 3);
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(seal_has_source(f->keep, DOCUMENT_RECORDS, f->sources[i].digest),
                         strcmp(f->sources[i].path, "b.jsonl") == 0);
    dataset_free(&d);
}

static void many_bad_records_have_a_count(void **state)
{
    struct folder *f = *state;
    struct strbuf text = {0};
    for (int i = 0; i < 400; i++)
        strbuf_add_text(&text, "{\"text\":1}\n");
    put(f, "a.jsonl", text.data);
    struct dataset d;
    struct error e = {0};
    bool changed;
    scan(f);
    assert_false(try_read_mode(&d, f, "none", &changed, &e));
    assert_int_equal(d.note_count, 50);
    const char *rest = strstr(e.message, "\nand ");
    assert_non_null(rest);
    assert_int_equal(atoi(rest + 5), 350);
    assert_non_null(strstr(rest, " more bad"));
    dataset_free(&d);
    strbuf_free(&text);
}

/* T03: decoding happens here, and a file that cannot be decoded is named. */
static void odd_encodings_are_noted_or_unread(void **state)
{
    struct folder *f = *state;
    put_bytes(f, "cut.txt", STR("fine\nwith a cut \xE4\xB8"));
    put_bytes(f, "picture.txt", STR("\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\1\0\0\0"));
    put(f, "good.txt", "fine");
    struct dataset d = read_as(f, "none");
    for (size_t i = 0; i < d.unread_count; i++)
        assert_true(strlen(d.unread[i].reason) > 5 && strncmp(d.unread[i].reason, "picture", 7));
    assert_true(d.unread_count >= 1);
    assert_int_equal(d.document_count + d.unread_count, 3);
    for (size_t i = 0; i < d.document_count; i++)
        for (size_t k = 0; k < d.documents[i].count; k++) {
            struct str text = d.documents[i].samples[k].text;
            assert_true(utf8_valid(text, NULL));
            assert_null(memmem(text.data, text.size, "\xEF\xBF\xBD", 3));
        }
    dataset_free(&d);
}

static void a_file_that_changed_meanwhile_asks_for_a_new_scan(void **state)
{
    struct folder *f = *state;
    struct dataset d;
    struct error e = {0};
    bool changed;
    put(f, "a.txt", "old");
    scan(f);
    put(f, "a.txt", "new");
    assert_false(try_read_mode(&d, f, "none", &changed, &e));
    assert_true(changed && e.kind == ERROR_INPUT);
    dataset_free(&d);
    take_away(f, "a.txt");
    assert_false(try_read_mode(&d, f, "none", &changed, &e));
    assert_true(changed);
    dataset_free(&d);
}

static void links_and_locked_files_are_unread(void **state)
{
    struct folder *f = *state;
    put(f, "in.txt", "fine");
    char *out = path_join(f->path, "out.txt"), *in = path_join(f->path, "same.txt");
    assert_int_equal(symlink("/etc/hostname", out), 0);
    assert_int_equal(symlink("in.txt", in), 0);
    struct dataset d = read_as(f, "none");
    assert_int_equal(d.document_count, 2);
    assert_int_equal(d.duplicate_count, 1);
    assert_int_equal(d.unread_count, 1);
    assert_string_equal(d.unread[0].path, "out.txt");
    assert_string_equal(d.unread[0].reason, "a link that leaves its folder");
    dataset_free(&d);
    free(out);
    free(in);
}

static void sealed_sources_are_not_opened(void **state)
{
    struct folder *f = *state;
    struct dataset d;
    struct error e = {0};
    bool changed;
    put(f, "a.txt", "sealed");
    dataset_free((d = read_as(f, "none"), &d));
    take_away(f, "a.txt"); /* the scan still has it: only the seal can answer */
    if (!try_read_mode(&d, f, "none", &changed, &e))
        fail_msg("%s", e.message);
    assert_int_equal(d.sample_count, 1);
    dataset_free(&d);
}

/* The same bytes are cut in another way under another name. */
static void seals_know_the_kind(void **state)
{
    struct folder *f = *state;
    put(f, "a.txt", "one\ntwo");
    put(f, "b.md", "one\ntwo");
    struct dataset d = read_as(f, "none");
    assert_int_equal(d.documents[0].count, 2);
    assert_int_equal(d.documents[1].count, 1);
    dataset_free(&d);
    d = read_as(f, "none");
    assert_int_equal(d.documents[0].count, 2);
    assert_int_equal(d.documents[1].count, 1);
    dataset_free(&d);
}

/* The first file beneath `folder`. */
static char *first_file(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    char *found = NULL;
    while (d && !found && (entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        char *path = path_join(folder, entry->d_name);
        found = entry->d_type == DT_DIR ? first_file(path) : mem_strdup(path);
        free(path);
    }
    if (d)
        closedir(d);
    return found;
}

static void damage(const char *path, size_t at, int bit)
{
    struct strbuf b = {0};
    assert_true(file_read(&b, path, 1 << 20, NULL));
    b.data[at] = (char)(b.data[at] ^ 1 << bit);
    assert_true(file_replace(path, strbuf_str(&b), 0600, NULL));
    strbuf_free(&b);
}

/* Every single damaged byte of both kinds of seal is found, and the next run mends it. */
static void damaged_seals_are_read_again(void **state)
{
    struct folder *f = *state;
    struct error e = {0};
    struct stat s;
    put(f, "a.md", "# T\n\none\n\ntwo");
    struct dataset d = read_as(f, "none"), again;
    char *seals = path_join(f->keep, "seals"), *datasets = path_join(f->keep, "datasets");
    char *seal = first_file(seals), *dataset = first_file(datasets);
    assert_int_equal(stat(seal, &s), 0);
    for (size_t at = 0; at < (size_t)s.st_size; at++) {
        damage(seal, at, (int)(at % 8));
        bool newer = at > 8 && at < 12; /* its version; 0 is none */
        assert_false(seal_read_dataset(&again, f->keep, d.key, true, &e));
        assert_int_equal(access(seal, F_OK), newer ? 0 : -1);
        if (newer)
            unlink(seal);
        struct dataset mended = read_as(f, "none");
        assert_true(digest_equal(mended.set, d.set));
        dataset_free(&mended);
    }
    assert_int_equal(stat(dataset, &s), 0);
    for (size_t at = 0; at < (size_t)s.st_size; at++) {
        damage(dataset, at, (int)(at % 8));
        assert_false(seal_read_dataset(&again, f->keep, d.key, true, &e));
        unlink(dataset);
        struct dataset mended = read_as(f, "none");
        dataset_free(&mended);
    }
    assert_int_equal(truncate(dataset, 50), 0);
    assert_false(seal_has_dataset(f->keep, d.key));
    free(seal);
    free(dataset);
    free(seals);
    free(datasets);
    dataset_free(&d);
}

static void a_newer_seal_is_refused(void **state)
{
    struct folder *f = *state;
    struct error e = {0};
    bool changed;
    put(f, "a.txt", "x");
    struct dataset d = read_as(f, "none");
    char *seals = path_join(f->keep, "seals"), *seal = first_file(seals);
    damage(seal, 8, 1);
    struct dataset again;
    assert_false(try_read_mode(&again, f, "none", &changed, &e));
    assert_non_null(strstr(e.message, "newer lorabuild"));
    dataset_free(&again);
    free(seal);
    free(seals);
    dataset_free(&d);
}

static void bytes_and_files_have_one_digest(void **state)
{
    struct folder *f = *state;
    static const size_t sizes[] = {0, 1, 131071, 131072, 400000};
    char *bytes = mem_zalloc(400000);
    char *path = path_join(f->path, "x");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct digest d;
        put_bytes(f, "x", (struct str){bytes, sizes[i]});
        assert_true(digest_file(&d, path, NULL));
        assert_true(digest_equal(d, digest_file_bytes(bytes, sizes[i])));
    }
    free(path);
    free(bytes);
}

/* The dataset as a file, with what was read from everything, or from `base` and what differs. */
static char *sealed_now(struct folder *f, struct digest base, const char *const *gone,
                        size_t gone_count, const char *const *told, size_t told_count, size_t *size)
{
    struct dataset d;
    struct error e = {0};
    bool changed;
    struct digest key = key_now(f, "none");
    struct seal_source sources[8];
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        for (size_t k = 0; k < told_count; k++)
            if (strcmp(f->sources[i].path, told[k]) == 0)
                sources[n++] = f->sources[i];
    struct read_request r = {.folder = f->path,
                             .sources = told_count ? sources : f->sources,
                             .source_count = told_count ? n : f->count,
                             .captions_path = f->captions,
                             .caption_mode = "none",
                             .keep = f->keep,
                             .base = base,
                             .key = key,
                             .gone = gone,
                             .gone_count = gone_count};
    if (!read_dataset(&d, &r, &changed, &e))
        fail_msg("%s", e.message);
    assert_true(digest_equal(d.key, key));
    dataset_free(&d);
    char hex[DIGEST_HEX];
    digest_hex(key, hex);
    char *path = mem_printf("%s/datasets/%s", f->keep, hex);
    struct strbuf b = {0};
    assert_true(file_read(&b, path, 1 << 20, NULL));
    assert_int_equal(unlink(path), 0);
    free(path);
    *size = b.size;
    return strbuf_take(&b);
}

/* From a dataset sealed before and what differs from it comes, byte for byte, what reading all
 * gives; and nothing else is opened. */
static void little_changed_in_a_folder(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", "# A\n\none\n\ntwo\n\nthree\n\nfour\n\nfive");
    put(f, "b.txt", "line\nline\nanother");
    put(f, "c.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\"}");
    put(f, "d.txt", "to go");
    put(f, "e.txt", "to change");
    put(f, "f.xlsx", "PK");
    struct dataset before = read_as(f, "none");
    struct digest base = before.key;
    dataset_free(&before);
    take_away(f, "d.txt");
    put(f, "e.txt", "changed\nand longer");
    put(f, "Z.md", "## New\n\nline");
    put(f, "z.txt", "another");
    static const char *const gone[] = {"d.txt"};
    static const char *const told[] = {"e.txt", "Z.md", "z.txt", "f.xlsx"};
    size_t whole_size, size;
    char *whole = sealed_now(f, (struct digest){{0}}, NULL, 0, NULL, 0, &whole_size);
    char *path = mem_printf("%s/seals", f->keep); /* none may be needed */
    assert_true(folder_remove(path, NULL));
    free(path);
    char *made = sealed_now(f, base, gone, 1, told, 4, &size);
    assert_int_equal(size, whole_size);
    assert_memory_equal(made, whole, size);
    free(made);
    free(whole);
}

/* What was noted of a document that is taken over stays noted. */
static void notes_stay_with_their_documents(void **state)
{
    struct folder *f = *state;
    put_bytes(f, "old.txt", STR("\xFF\xFEo\0n\0e\0"));
    put_bytes(f, "gone.txt", STR("\xFF\xFEt\0w\0o\0"));
    put(f, "plain.txt", "three");
    struct dataset d = read_as(f, "none");
    struct digest base = d.key;
    assert_int_equal(d.note_count, 2);
    dataset_free(&d);
    take_away(f, "gone.txt");
    put_bytes(f, "new.txt",
              STR("\xFF\xFE"
                  "n\0e\0w\0"));
    scan(f);
    static const char *const gone[] = {"gone.txt"};
    struct seal_source fresh = {0};
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->sources[i].path, "new.txt") == 0)
            fresh = f->sources[i];
    struct read_request r = {.folder = f->path,
                             .sources = &fresh,
                             .source_count = 1,
                             .captions_path = f->captions,
                             .caption_mode = "none",
                             .keep = f->keep,
                             .base = base,
                             .key = key_now(f, "none"),
                             .gone = gone,
                             .gone_count = 1};
    struct error e = {0};
    bool changed;
    fresh.path = "new.txt"; /* key_now() scanned again */
    if (!read_dataset(&d, &r, &changed, &e))
        fail_msg("%s", e.message);
    assert_int_equal(d.note_count, 2);
    assert_non_null(strstr(d.notes[0], "old.txt: read as UTF-16"));
    assert_non_null(strstr(d.notes[1], "new.txt: read as UTF-16"));
    assert_int_equal(d.document_count, 3);
    dataset_free(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_by_name),
        TEST(a_folder_is_read_and_sealed),
        TEST(no_files_are_no_error),
        TEST(the_same_text_in_other_bytes_is_the_same_set),
        TEST(a_rename_changes_nothing_but_the_key),
        TEST(bad_records_fail_the_stage),
        TEST(many_bad_records_have_a_count),
        TEST(odd_encodings_are_noted_or_unread),
        TEST(a_file_that_changed_meanwhile_asks_for_a_new_scan),
        TEST(links_and_locked_files_are_unread),
        TEST(sealed_sources_are_not_opened),
        TEST(seals_know_the_kind),
        TEST(damaged_seals_are_read_again),
        TEST(a_newer_seal_is_refused),
        TEST(bytes_and_files_have_one_digest),
        TEST(little_changed_in_a_folder),
        TEST(notes_stay_with_their_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
