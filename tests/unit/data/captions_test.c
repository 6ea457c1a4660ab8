#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/data/captions_table.h"
#include "tests/unit/data/folder.h"

static const char document[] = "# Security proposal\n\nIntro.\n\n## 1. Risks\n\nFirst risk.\n\n"
                               "Second risk.\n\n### Fire\n\nBurns.\n\n## Costs\n\nMoney.\n";

static void check_caption(const struct dataset *d, const char *path, size_t i, const char *right)
{
    struct str caption = sample_at(d, path, i)->caption;
    if (!str_is(caption, right))
        fail_msg("%s %zu: found \"%.*s\", right \"%s\"", path, i, (int)caption.size, caption.data,
                 right);
}

/* Reads, and checks that the next run finds the dataset by a scan alone and writes nothing. */
static struct dataset read_settled(struct folder *f)
{
    struct dataset d = read_as(f, "headings");
    char *before = captions_file(f);
    assert_true(digest_equal(key_now(f, "headings"), d.key));
    assert_true(seal_has_dataset(f->keep, d.key));
    struct dataset again = read_as(f, "headings");
    char *after = captions_file(f);
    assert_string_equal(before, after);
    assert_true(digest_equal(again.key, d.key) && digest_equal(again.set, d.set));
    dataset_free(&again);
    free(before);
    free(after);
    return d;
}

/* The table as rows of cells. */
static struct captions_table table(struct folder *f)
{
    struct captions_table t;
    struct error e = {0};
    if (!captions_table_read(&t, f->captions, &e))
        fail_msg("%s", e.message);
    return t;
}

/* Rewrites the table with `change` made to it, as an editor would. */
static void edit_table(struct folder *f, const char *old, const char *new)
{
    char *text = captions_file(f), *at = strstr(text, old);
    struct strbuf b = {0};
    assert_non_null(at);
    strbuf_add(&b, text, (size_t)(at - text));
    strbuf_add_text(&b, new);
    strbuf_add_text(&b, at + strlen(old));
    put_bytes(f, "metadata.csv", strbuf_str(&b));
    strbuf_free(&b);
    free(text);
}

static void headings_ask(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", document);
    put(f, "notes_and-lines.txt", "one\ntwo");
    put(f, "c.jsonl", "{\"prompt\":\"p\",\"completion\":\"c\"}\n{\"text\":\"t\"}");
    struct dataset d = read_settled(f);
    check_caption(&d, "a.md", 1, "Write a passage for \"Security proposal\".");
    check_caption(&d, "a.md", 3, "Write the section \"Risks\" of \"Security proposal\".");
    check_caption(&d, "a.md", 4, "Write the section \"Risks\" of \"Security proposal\".");
    check_caption(&d, "a.md", 6,
                  "Write the section \"Fire\" of the chapter \"Risks\" in \"Security proposal\".");
    check_caption(&d, "a.md", 8, "Write the section \"Costs\" of \"Security proposal\".");
    check_caption(&d, "a.md", 0, "");
    check_caption(&d, "notes_and-lines.txt", 0, "Write a passage for \"notes and lines\".");
    check_caption(&d, "c.jsonl", 0, "");
    check_caption(&d, "c.jsonl", 1, "Write a passage for \"c\".");
    static const uint32_t passages[] = {0, 1, 0, 2, 2, 0, 3, 0, 4};
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(sample_at(&d, "a.md", i)->passage, passages[i]);
    dataset_free(&d);
    /* The table says whose they are. */
    char *text = captions_file(f);
    assert_true(strncmp(text,
                        "\xEF\xBB\xBF"
                        "filename,prompt,by,id,passage\n",
                        33) == 0);
    free(text);
    struct captions_table t = table(f);
    assert_int_equal(t.read_count, 8);
    for (size_t i = 0; i < t.read_count; i++)
        assert_true(t.rows[i].machine);
    assert_true(str_is(captions_cell(&t, &t.rows[1], CAPTION_PASSAGE), "First risk."));
    captions_table_free(&t);
}

static void without_captions_nothing_is_written(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", document);
    struct dataset d = read_as(f, "none");
    check_caption(&d, "a.md", 1, "");
    assert_int_equal(access(f->captions, F_OK), -1);
    dataset_free(&d);
}

static void an_edited_prompt_is_the_users(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", document);
    struct dataset d = read_settled(f);
    struct digest set = d.set;
    dataset_free(&d);
    edit_table(f, "Write the section \"\"Costs\"\" of \"\"Security proposal\"\".",
               "What does it cost?");
    d = read_settled(f);
    check_caption(&d, "a.md", 8, "What does it cost?");
    assert_false(digest_equal(set, d.set));
    dataset_free(&d);
    /* Neither a changed heading nor a vanished text takes it away. */
    put(f, "a.md", "# Other title\n\nMoney.\n");
    d = read_settled(f);
    check_caption(&d, "a.md", 1, "What does it cost?");
    dataset_free(&d);
    put(f, "a.md", "# Other title\n\nMore money.\n");
    d = read_settled(f);
    check_caption(&d, "a.md", 1, "Write a passage for \"Other title\".");
    assert_int_equal(d.note_count, 1);
    assert_string_equal(d.notes[0],
                        "metadata.csv: 1 of your captions match no text now; they are kept");
    dataset_free(&d);
    char *text = captions_file(f);
    assert_non_null(strstr(text, "What does it cost?"));
    free(text);
    put(f, "a.md", document); /* it is back, and so is its caption */
    d = read_settled(f);
    check_caption(&d, "a.md", 8, "What does it cost?");
    dataset_free(&d);
}

static void rows_follow_headings_files_and_deletions(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", "# T\n\n## Risks\n\none\n\n## Costs\n\ntwo\n");
    dataset_free((struct dataset[]){read_settled(f)});
    put(f, "a.md", "# T\n\n## Dangers\n\none\n");
    struct dataset d = read_settled(f);
    check_caption(&d, "a.md", 2, "Write the section \"Dangers\" of \"T\".");
    dataset_free(&d);
    struct captions_table t = table(f);
    assert_int_equal(t.read_count, 1); /* the machine's row of "two" is gone */
    captions_table_free(&t);
    /* A user's caption goes with its text to another file, and a row deleted is drafted again. */
    edit_table(f, "Write the section \"\"Dangers\"\" of \"\"T\"\".", "mine");
    take_away(f, "a.md");
    put(f, "b.md", "# T\n\n## Dangers\n\none\n\nnew\n");
    d = read_settled(f);
    check_caption(&d, "b.md", 2, "mine");
    check_caption(&d, "b.md", 3, "Write the section \"Dangers\" of \"T\".");
    assert_int_equal(sample_at(&d, "b.md", 2)->passage + 1, sample_at(&d, "b.md", 3)->passage);
    dataset_free(&d);
    t = table(f);
    assert_int_equal(t.read_count, 2);
    assert_true(str_is(captions_cell(&t, &t.rows[0], CAPTION_FILENAME), "b.md"));
    captions_table_free(&t);
    put(f, "metadata.csv", "");
    d = read_settled(f);
    check_caption(&d, "b.md", 2, "Write the section \"Dangers\" of \"T\".");
    dataset_free(&d);
}

static void a_renamed_file_keeps_the_captions_made_of_its_name(void **state)
{
    struct folder *f = *state;
    put(f, "old-name.txt", "one\ntwo");
    struct dataset d = read_settled(f);
    struct digest set = d.set;
    dataset_free(&d);
    take_away(f, "old-name.txt");
    put(f, "新名.txt", "one\ntwo\nthree");
    d = read_settled(f);
    check_caption(&d, "新名.txt", 0, "Write a passage for \"old name\".");
    check_caption(&d, "新名.txt", 2, "请为“新名”撰写一段内容。");
    dataset_free(&d);
    put(f, "新名.txt", "one\ntwo");
    d = read_settled(f);
    assert_true(digest_equal(d.set, set));
    dataset_free(&d);
}

static void skip_leaves_a_sample_out(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", document);
    struct dataset d = read_settled(f);
    assert_int_equal(d.sample_count, 5);
    dataset_free(&d);
    struct captions_table t = table(f);
    char *by = mem_printf("%.*s", (int)captions_cell(&t, &t.rows[2], CAPTION_BY).size,
                          captions_cell(&t, &t.rows[2], CAPTION_BY).data);
    char *id = mem_printf(",%s,%.*s", by, (int)captions_cell(&t, &t.rows[2], CAPTION_ID).size,
                          captions_cell(&t, &t.rows[2], CAPTION_ID).data);
    char *skipped = mem_printf(",Skip%s", strchr(id + 1, ','));
    captions_table_free(&t);
    edit_table(f, id, skipped);
    d = read_settled(f);
    assert_int_equal(d.sample_count, 4);
    assert_true(str_is(sample_at(&d, "a.md", 4)->text, "### Fire"));
    assert_int_equal(sample_at(&d, "a.md", 5)->place, 4); /* places are the source's */
    struct dataset sealed;
    assert_true(seal_read_dataset(&sealed, f->keep, d.key, true, NULL));
    assert_true(str_is(sample_at(&sealed, "a.md", 5)->text, "Burns."));
    dataset_free(&sealed);
    dataset_free(&d);
    put(f, "a.md", "gone");
    dataset_free((struct dataset[]){read_settled(f)});
    put(f, "a.md", document); /* the row stayed */
    d = read_settled(f);
    assert_int_equal(d.sample_count, 4);
    dataset_free(&d);
    free(skipped);
    free(id);
    free(by);
}

/* P17: a table as spreadsheets save it, and rows without an id are for the whole file. */
static void tables_of_users(void **state)
{
    static const char *const tables[] = {
        "filename,prompt\na.txt,mine\nb.txt,\"two\nlines\"\n",
        CSV_BOM "filename,prompt\r\na.txt,mine\r\nb.txt,\"two\r\nlines\"\r\n",
        "filename;prompt\na.txt;mine\nb.txt;two lines\n",
        "filename\tprompt\na.txt\tmine\nb.txt\ttwo lines\n",
        "filename,prompt\na.txt,mine\n\nb.txt,two lines\n\n\n\n",
        "a.txt,mine\nb.txt,two lines\n",
        " Prompt ,FileName,remark\nmine,a.txt,keep me\ntwo lines,b.txt,\n",
    };
    struct folder *f = *state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        put(f, "a.txt", "one\ntwo");
        put(f, "b.txt", "three");
        put(f, "c.txt", "four");
        put(f, "metadata.csv", tables[i]);
        struct dataset d = read_settled(f);
        check_caption(&d, "a.txt", 0, "mine");
        check_caption(&d, "a.txt", 1, "mine");
        check_caption(&d, "b.txt", 0, "two lines");
        check_caption(&d, "c.txt", 0, "Write a passage for \"c\".");
        dataset_free(&d);
        char *text = captions_file(f);
        assert_true(strstr(text, "keep me") || i != 6);
        free(text);
        /* With captions: none, too, what the user wrote counts, and nothing is written. */
        put(f, "metadata.csv", tables[i]);
        d = read_as(f, "none");
        check_caption(&d, "b.txt", 0, "two lines");
        check_caption(&d, "c.txt", 0, "");
        dataset_free(&d);
        text = captions_file(f);
        assert_string_equal(text, tables[i]);
        free(text);
    }
}

static void cells_of_the_user_stay_byte_for_byte(void **state)
{
    struct folder *f = *state;
    put(f, "a.txt", "one");
    put(f, "b.txt", "two");
    put(f, "metadata.csv",
        "filename,prompt,note\na.txt,\"\n first\n  second \",\"x, \"\"y\"\"\"\n");
    struct dataset d = read_settled(f);
    check_caption(&d, "a.txt", 0, "first second");
    dataset_free(&d);
    char *text = captions_file(f);
    assert_non_null(strstr(text, "a.txt,\"\n first\n  second \",\"x, \"\"y\"\"\""));
    assert_non_null(strstr(text, "filename,prompt,note,by,id,passage\n"));
    free(text);
}

static void the_same_text_twice_has_two_rows(void **state)
{
    struct folder *f = *state;
    put(f, "a.md", "# T\n\n## A\n\nsame\n\n## B\n\nsame\n");
    put(f, "b.md", "# T\n\n## A\n\nsame\n");
    struct dataset d = read_settled(f);
    assert_int_equal(d.sample_count, 2);
    assert_int_equal(d.duplicate_count, 1);
    dataset_free(&d);
    struct captions_table t = table(f);
    assert_int_equal(t.read_count, 3);
    captions_table_free(&t);
}

/* A new row stands behind its neighbour's, whatever order the user gave the table. */
static void the_users_order_stays(void **state)
{
    struct folder *f = *state;
    put(f, "a.txt", "one\ntwo");
    put(f, "b.txt", "three");
    dataset_free((struct dataset[]){read_settled(f)});
    struct captions_table t = table(f);
    struct strbuf b = {0};
    csv_add_row(&b, t.header, t.width);
    for (size_t i = t.read_count; i-- > 0;)
        csv_add_row(&b, t.rows[i].cells, t.width);
    captions_table_free(&t);
    put_bytes(f, "metadata.csv", strbuf_str(&b));
    strbuf_free(&b);
    put(f, "a.txt", "one\nnew\ntwo");
    dataset_free((struct dataset[]){read_settled(f)});
    static const char *const right[] = {"three", "two", "one", "new"};
    t = table(f);
    for (size_t i = 0; i < 4; i++)
        assert_true(str_is(captions_cell(&t, &t.rows[i], CAPTION_PASSAGE), right[i]));
    captions_table_free(&t);
}

/* Spreadsheets write 123456789012 and 1234567e8901 as other numbers: ids look like none. */
static void ids_survive_a_spreadsheet(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[16];
        const char *id;
    } cases[] = {
        {{0x12, 0x34, 0x56, 0x78, 0x90, 0x1a, 0xff}, "12345678901a"},
        {{0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x3b}, "1234567890123b"},
        {{0x12, 0x34, 0x5e, 0x78, 0x90, 0x12, 0x34, 0xe0}, "12345e78901234e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct digest d;
        struct strbuf b = {0};
        memcpy(d.bytes, cases[i].bytes, 16);
        captions_id(&b, d);
        assert_string_equal(b.data, cases[i].id);
        strbuf_free(&b);
    }
}

static void a_table_that_cannot_be_written_is_a_note(void **state)
{
    struct folder *f = *state;
    if (geteuid() == 0) { /* root may write anywhere but into what is no folder */
        skip();
        return;
    }
    put(f, "a.txt", "one");
    assert_int_equal(chmod(f->path, 0555), 0);
    struct dataset d = read_as(f, "headings");
    assert_int_equal(chmod(f->path, 0755), 0);
    check_caption(&d, "a.txt", 0, "Write a passage for \"a\".");
    assert_int_equal(d.note_count, 1);
    assert_true(digest_equal(key_now(f, "headings"), d.key));
    dataset_free(&d);
}

static void headless_texts_group_by_a_few(void **state)
{
    struct folder *f = *state;
    put(f, "a.txt", "1\n2\n3\n4\n5\n6");
    struct dataset d = read_as(f, "headings");
    static const uint32_t passages[] = {1, 1, 1, 1, 2, 2};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(sample_at(&d, "a.txt", i)->passage, passages[i]);
    dataset_free(&d);
}

/* As the command does: an edit, then the dataset as it is afterwards. */
static struct dataset read_edited(struct folder *f, const char *mode, struct captions_edit edit,
                                  struct captions_counts *counts)
{
    struct dataset d;
    struct error e = {0};
    bool changed;
    scan(f);
    struct read_request r = {.folder = f->path,
                             .sources = f->sources,
                             .source_count = f->count,
                             .captions_path = f->captions,
                             .caption_mode = mode,
                             .keep = f->keep,
                             .edit = &edit,
                             .counts = counts};
    if (!read_dataset(&d, &r, &changed, &e))
        fail_msg("%s", e.message);
    return d;
}

static bool waits(const struct dataset *d, enum sample_kind kind, const char *text)
{
    for (size_t i = 0; i < d->waiting_count; i++)
        if (digest_equal(d->waiting[i].content, sample_content_digest(kind, str_of(text))))
            return d->waiting[i].heading == (kind == SAMPLE_HEADING);
    return false;
}

/* A caption that nobody has passed is not learned, and what it is of is known. */
static void what_is_not_accepted_waits(void **state)
{
    struct folder *f = *state;
    struct captions_counts c;
    static const char *const picks[] = {"a.md:§1", "nothing.md"};
    put(f, "a.md", document);
    put(f, "b.jsonl", "{\"prompt\":\"p\",\"completion\":\"c\"}");
    struct dataset d = read_edited(f, "reviewed", (struct captions_edit){0}, &c);
    assert_int_equal(c.machine, 5);
    assert_int_equal(c.fresh, 5);
    assert_int_equal(c.waiting, 5);
    assert_int_equal(d.sample_count, 1); /* a conversation has its own request */
    assert_int_equal(d.waiting_texts, 5);
    assert_int_equal(d.waiting_count, 9); /* and all headings, over nothing else */
    assert_int_equal(d.heading_count, 0);
    assert_true(waits(&d, SAMPLE_TEXT, "Money.") && waits(&d, SAMPLE_HEADING, "## Costs"));
    struct dataset sealed;
    assert_true(seal_read_dataset(&sealed, f->keep, d.key, true, NULL));
    assert_int_equal(sealed.waiting_count, 9);
    assert_int_equal(sealed.waiting_texts, 5);
    assert_true(waits(&sealed, SAMPLE_TEXT, "Money.") && sealed.waiting[0].document == 0);
    dataset_free(&sealed);
    dataset_free(&d);
    d = read_edited(f, "reviewed", (struct captions_edit){true, picks, 2, NULL}, &c);
    assert_int_equal(c.picked, 1);
    assert_int_equal(c.edited, 1);
    assert_int_equal(c.waiting, 4);
    assert_true(str_is(sample_at(&d, "a.md", 1)->text, "Intro."));
    assert_int_equal(d.heading_count, 1); /* the title stands over what is learned */
    assert_true(waits(&d, SAMPLE_HEADING, "## Costs"));
    dataset_free(&d);
    d = read_edited(f, "reviewed", (struct captions_edit){.accept = true}, &c);
    assert_int_equal(c.edited, 4);
    assert_int_equal(c.accepted, 5);
    assert_int_equal(d.waiting_count, 0);
    dataset_free(&d);
    d = read_settled(f); /* where no review is required they are captions like others */
    assert_int_equal(d.sample_count, 6);
    dataset_free(&d);
    /* Another heading, another caption: of those under it, acceptance is gone. */
    put(f, "a.md",
        "# Security proposal\n\nIntro.\n\n## Dangers\n\nFirst risk.\n\n## Costs\n\nMoney.\n");
    d = read_edited(f, "reviewed", (struct captions_edit){0}, &c);
    assert_int_equal(c.waiting, 1);
    assert_int_equal(c.accepted, 2);
    assert_true(waits(&d, SAMPLE_TEXT, "First risk.") && waits(&d, SAMPLE_HEADING, "## Dangers"));
    dataset_free(&d);
}

/* A heading goes with all that stands beneath it, down to the next of its level. */
static void headings_go_with_their_texts(void **state)
{
    struct folder *f = *state;
    struct captions_counts c;
    static const char *const picks[] = {"a.md:§2"};
    put(f, "a.md",
        "# T\n\n## A\n\nOne.\n\n### A1\n\nTwo.\n\n### A2\n\nThree.\n\n## B\n\nFour.\n\n## C\n");
    struct dataset d = read_edited(f, "reviewed", (struct captions_edit){true, picks, 1, NULL}, &c);
    dataset_free(&d); /* accepted is what stood in the table: now it does */
    d = read_edited(f, "reviewed", (struct captions_edit){true, picks, 1, NULL}, &c);
    assert_int_equal(d.sample_count, 1);
    assert_int_equal(d.heading_count, 4); /* T, A, A1; and C, over nothing in the first place */
    assert_true(waits(&d, SAMPLE_HEADING, "### A2") && waits(&d, SAMPLE_HEADING, "## B"));
    assert_int_equal(d.waiting_count, 5);
    assert_int_equal(d.waiting_texts, 3);
    dataset_free(&d);
}

static void acceptance_is_of_one_caption_of_one_text(void **state)
{
    (void)state;
    struct strbuf by[3] = {{0}};
    captions_by_accepted(&by[0], STR("aaaaaaaaaaaa"), STR("ask"));
    captions_by_accepted(&by[1], STR("aaaaaaaaaaab"), STR("ask"));
    captions_by_accepted(&by[2], STR("aaaaaaaaaaaa"), STR("ask "));
    assert_true(str_starts(strbuf_str(&by[0]), "ok-") && by[0].size == 3 + 16);
    for (size_t i = 0; i < 3; i++)
        assert_true(i == 0 || !str_equal(strbuf_str(&by[0]), strbuf_str(&by[i])));
    for (size_t i = 0; i < 3; i++)
        strbuf_free(&by[i]);
}

static void what_is_given_back_is_drafted_anew(void **state)
{
    struct folder *f = *state;
    struct captions_counts c;
    put(f, "a.md", document);
    put(f, "metadata.csv", "filename,prompt,by\na.md,for all of it,\nb.md,of another,\n");
    struct dataset d = read_settled(f);
    check_caption(&d, "a.md", 8, "for all of it");
    dataset_free(&d);
    d = read_edited(f, "headings", (struct captions_edit){.redo = "a.md"}, &c);
    assert_int_equal(c.machine, 5);
    assert_int_equal(c.yours, 0);
    check_caption(&d, "a.md", 8, "Write the section \"Costs\" of \"Security proposal\".");
    dataset_free(&d);
    char *text = captions_file(f);
    assert_null(strstr(text, "for all of it"));
    assert_non_null(strstr(text, "of another"));
    free(text);
    edit_table(f, "Write the section \"\"Costs\"\" of \"\"Security proposal\"\".", "mine");
    d = read_edited(f, "headings", (struct captions_edit){.redo = "a.md:§4"}, &c);
    assert_int_equal(c.picked, 1);
    check_caption(&d, "a.md", 6,
                  "Write the section \"Fire\" of the chapter \"Risks\" in \"Security proposal\".");
    check_caption(&d, "a.md", 8, "mine");
    dataset_free(&d);
}

/* A dataset as it was sealed before captions could wait. */
static void version_1_is_read(void **state)
{
    struct folder *f = *state;
    put(f, "a.txt", "one\ntwo");
    struct dataset d = read_settled(f), old;
    char hex[DIGEST_HEX];
    digest_hex(d.key, hex);
    char *path = mem_printf("%s/datasets/%s", f->keep, hex);
    struct strbuf b = {0};
    assert_true(file_read(&b, path, 1 << 20, NULL));
    b.size -= sizeof(struct digest) + 8;
    b.data[8] = 1;
    /* The header has a digest of its own, over the version too. */
    size_t header = 8 + 4 + 4 + 16 + 16 + 4 * 8;
    struct digest check = digest_of(b.data, header);
    memcpy(b.data + header, check.bytes, sizeof check.bytes);
    check = digest_of(b.data, b.size);
    strbuf_add(&b, check.bytes, sizeof check.bytes);
    assert_true(file_replace(path, strbuf_str(&b), 0644, NULL));
    assert_true(seal_has_dataset(f->keep, d.key));
    assert_true(seal_read_dataset(&old, f->keep, d.key, true, NULL));
    assert_true(digest_equal(old.set, d.set) && old.waiting_count == 0);
    assert_true(str_is(sample_at(&old, "a.txt", 1)->text, "two"));
    dataset_free(&old);
    dataset_free(&d);
    strbuf_free(&b);
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)
    const struct CMUnitTest tests[] = {
        TEST(headings_ask),
        TEST(without_captions_nothing_is_written),
        TEST(an_edited_prompt_is_the_users),
        TEST(rows_follow_headings_files_and_deletions),
        TEST(a_renamed_file_keeps_the_captions_made_of_its_name),
        TEST(skip_leaves_a_sample_out),
        TEST(tables_of_users),
        TEST(cells_of_the_user_stay_byte_for_byte),
        TEST(the_same_text_twice_has_two_rows),
        TEST(the_users_order_stays),
        cmocka_unit_test(ids_survive_a_spreadsheet),
        TEST(a_table_that_cannot_be_written_is_a_note),
        TEST(headless_texts_group_by_a_few),
        TEST(what_is_not_accepted_waits),
        TEST(headings_go_with_their_texts),
        cmocka_unit_test(acceptance_is_of_one_caption_of_one_text),
        TEST(what_is_given_back_is_drafted_anew),
        TEST(version_1_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
