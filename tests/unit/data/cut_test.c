#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/random.h"
#include "lorabuild/data/cut.h"

#include <stdlib.h>
#include <string.h>

static struct document cut(struct arena *a, enum document_kind kind, const char *text,
                           struct bad_records *bad)
{
    struct document d = {.path = "a", .kind = kind};
    cut_document(&d, str_of(text), a, bad);
    return d;
}

/* "T1:text|H2:## text|…": kind, heading level or line, and text. */
static char *described(const struct document *d)
{
    struct strbuf b = {0};
    strbuf_add_text(&b, "");
    for (size_t i = 0; i < d->count; i++) {
        const struct sample *s = &d->samples[i];
        strbuf_printf(&b, "%s%c%zu:", i ? "|" : "", "THC"[s->kind],
                      s -> kind == SAMPLE_HEADING ? (size_t)s -> heading_level : s -> line);
        strbuf_add_str(&b, s->text);
    }
    return strbuf_take(&b);
}

struct cut_case {
    enum document_kind kind;
    const char *text, *right;
};

static const struct cut_case cases[] = {
    {DOCUMENT_LINES, "", ""},
    {DOCUMENT_LINES, "\n \n\t\n", ""},
    {DOCUMENT_LINES, "one\n\n  two  \nthree", "T1:one|T3:  two|T4:three"},
    {DOCUMENT_LINES,
     "a\xEF\xBB\xBF"
     "b\xEF\xBB\n",
     "T1:ab\xEF\xBB"},
    {DOCUMENT_MARKDOWN, "one\ntwo  \n\n\nthree\n", "T1:one\ntwo|T5:three"},
    {DOCUMENT_MARKDOWN, "# A\ntext\n## B ##\n\n#hash\n", "H1:# A|T2:text|H2:## B ##|T5:#hash"},
    {DOCUMENT_MARKDOWN, "####### seven\n\n    # code\n", "T1:####### seven|T3:    # code"},
    {DOCUMENT_MARKDOWN, "Title\n=====\nText\n\nPart\n---\nmore",
     "H1:Title\n=====|T3:Text|H2:Part\n---|T7:more"},
    {DOCUMENT_MARKDOWN, "a\nb\n---\n\nc", "T1:a\nb\n---|T5:c"},
    {DOCUMENT_MARKDOWN, "| a |\n| --- |\n| 1 |\n", "T1:| a |\n| --- |\n| 1 |"},
    {DOCUMENT_MARKDOWN, "- item\n---\n", "T1:- item\n---"},
    {DOCUMENT_MARKDOWN, "a\n\n---\n\n* * *\n\nb", "T1:a|T7:b"},
    {DOCUMENT_MARKDOWN, "see\n```c\nx\n\n# no\n```\nend\n\nnext",
     "T1:see\n```c\nx\n\n# no\n```\nend|T9:next"},
    {DOCUMENT_MARKDOWN, "~~~\na\n\n```\n\n~~~~\n\nb", "T1:~~~\na\n\n```\n\n~~~~|T8:b"},
    {DOCUMENT_MARKDOWN, "````\n```\n\n````\n\nb", "T1:````\n```\n\n````|T6:b"},
    {DOCUMENT_MARKDOWN, "```\na\n\nb\n", "T1:```\na|T4:b"}, /* never closed */
    {DOCUMENT_MARKDOWN, "- x\n\n    ```\n    a\n\n    b\n    ```\n",
     "T1:- x|T3:    ```\n    a\n\n    b\n    ```"},
    {DOCUMENT_MARKDOWN, "---\ntitle: A\ntags:\n  - b\n\n---\n\ntext", "T8:text"},
    {DOCUMENT_MARKDOWN, "---\nNo matter at all.\n\n---\n\ntext",
     "T1:---\nNo matter at all.|T6:text"},
    {DOCUMENT_MARKDOWN, "---\n\na: b\n\n---\n", "T3:a: b"},
    {DOCUMENT_RECORDS, "{\"text\":\"one\\r\\ntwo \"}\n\n{\"text\":\" \"}\n", "T1:one\ntwo"},
    {DOCUMENT_RECORDS, "{\"prompt\":\"p\",\"completion\":\"c\",\"id\":3}",
     "C1:[{\"content\":\"p\",\"role\":\"user\"},{\"content\":\"c\",\"role\":\"assistant\"}]"},
    {DOCUMENT_RECORDS,
     "{\"messages\":[{\"role\":\"system\",\"content\":\"\"},{\"role\":\"user\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"h\"},{\"type\":\"text\",\"text\":\"i\"}]},"
     "{\"role\":\"assistant\",\"content\":\"yo\\n\"}]}",
     "C1:[{\"content\":\"\",\"role\":\"system\"},{\"content\":\"hi\",\"role\":\"user\"},"
     "{\"content\":\"yo\\n\",\"role\":\"assistant\"}]"},
    {DOCUMENT_RECORDS,
     "{\"instruction\":\"do\",\"input\":\"it\",\"output\":\"ok\",\"system\":\"s\"}",
     "C1:[{\"content\":\"s\",\"role\":\"system\"},{\"content\":\"do\\n\\nit\",\"role\":\"user\"},"
     "{\"content\":\"ok\",\"role\":\"assistant\"}]"},
    {DOCUMENT_RECORDS, "{\"instruction\":\"do\",\"input\":null,\"output\":\"ok\"}",
     "C1:[{\"content\":\"do\",\"role\":\"user\"},{\"content\":\"ok\",\"role\":\"assistant\"}]"},
    {DOCUMENT_RECORDS,
     "{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"},{\"from\":\"gpt\",\"value\":\"b\"}]"
     "}",
     "C1:[{\"content\":\"a\",\"role\":\"user\"},{\"content\":\"b\",\"role\":\"assistant\"}]"},
};

static void cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a = {0};
        struct bad_records bad = {0};
        struct document d = cut(&a, cases[i].kind, cases[i].text, &bad);
        char *found = described(&d);
        if (strcmp(found, cases[i].right) != 0 || bad.count)
            fail_msg("case %zu\n found %s\n right %s\n%s", i, found, cases[i].right,
                     bad.count ? bad.lines[0] : "");
        free(found);
        arena_free(&a);
    }
}

static void front_matter_is_noted(void **state)
{
    (void)state;
    struct arena a = {0};
    struct document d = cut(&a, DOCUMENT_MARKDOWN, "---\na: b\n---\ntext", NULL);
    assert_int_equal(d.note_count, 1);
    assert_string_equal(d.notes[0], "its front matter (3 lines at the top) is not learned");
    arena_free(&a);
}

static void places_leave_headings_out(void **state)
{
    (void)state;
    struct arena a = {0};
    struct document d = cut(&a, DOCUMENT_MARKDOWN, "# A\n\nx\n\ny\n\n# B\n\nz", NULL);
    static const size_t places[] = {1, 1, 2, 3, 3};
    assert_int_equal(d.count, 5);
    for (size_t i = 0; i < d.count; i++)
        assert_int_equal(d.samples[i].place, places[i]);
    arena_free(&a);
}

/* T05: every bad row, each with its line, field and what was found. */
static void bad_records_are_all_listed(void **state)
{
    (void)state;
    static const char text[] =
        "{\"instruction\":\"a\",\"output\":42}\n"
        "{\"instruction\":\"a\",\"output\":[\"a\",\"b\"]}\n"
        "{\"instruction\":\"a\",\"output\":null}\n"
        "{\"instruction\":\"a\",\"output\":{\"x\":1}}\n"
        "{\"instruction\":\"a\",\"output\":true}\n"
        "{\"instruction\":\"a\",\"output\":\"good\"}\n"
        "{\"text\":\"a\",\"text\":\"b\"}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}\n"
        "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\"}]}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"system\",\"content\":"
        "\"\"}]}\n"
        "{\"prompt\":\"a\",\"completion\":\"\"}\n"
        "{\"title\":\"a\",\"body\":\"b\"}\n"
        "[1]\n"
        "{\"text\":\n"
        "{\"text\": 1.5}\n";
    static const char *const right[] = {
        "a:1: output: must be text, found a whole number",
        "a:2: output: must be text, found a list",
        "a:3: output: must be text, found null",
        "a:4: output: must be text, found an object",
        "a:5: output: must be text, found true",
        "a:7:",
        "a:8: messages[0].content[0].type: only text can be learned, found 'image_url'",
        "a:9: messages[0].role: must be system, user or assistant, found 'tool'",
        "a:10: messages: has no answer (role assistant)",
        "a:11: messages[1].content: must be text, found nothing",
        "a:12: messages[1].role: system may only stand first",
        "a:13: completion: is empty",
        "a:14: no fields to learn from; found title, body; wanted:",
        "a:15: must be an object, found a list",
        "a:16:",
        "a:17: text: must be text, found a number",
    };
    struct arena a = {0};
    struct bad_records bad = {0};
    struct document d = cut(&a, DOCUMENT_RECORDS, text, &bad);
    assert_int_equal(d.count, 1);
    assert_int_equal(bad.count, sizeof right / sizeof right[0]);
    for (size_t i = 0; i < bad.count; i++)
        if (strncmp(bad.lines[i], right[i], strlen(right[i])) != 0)
            fail_msg("%zu: %s\n not %s", i, bad.lines[i], right[i]);
    assert_non_null(strstr(bad.lines[5], "uplicate"));
    bad_records_free(&bad);
    arena_free(&a);
}

static void a_listing_has_an_end(void **state)
{
    (void)state;
    struct arena a = {0};
    struct bad_records bad = {0};
    struct strbuf text = {0};
    for (int i = 0; i < 200; i++)
        strbuf_add_text(&text, "{}\n");
    cut(&a, DOCUMENT_RECORDS, text.data, &bad);
    assert_int_equal(bad.count, 200);
    assert_non_null(bad.lines[BAD_SHOWN - 1]);
    bad_records_free(&bad);
    cut(&a, DOCUMENT_RECORDS, "[\n{}\n,{}]", &bad);
    assert_int_equal(bad.count, 1);
    assert_string_equal(bad.lines[0], "a:1: a JSON list; a .jsonl holds one record a line");
    bad_records_free(&bad);
    strbuf_free(&text);
    arena_free(&a);
}

/* Cutting is local: the property that everything else rests on. */
static const char *const parts[3][9] = {
    {"first line", "  indented", "第二行", "first line", "- a list", "# not a heading", "```",
     "---", "{\"text\":1}"},
    {"# Title", "A paragraph\nof two lines.", "```c\nint x;\n\nint y;\n```", "## Risks",
     "- item\n- item\n\n", "Set\n===", "风险说明。\n\n", "Intro:\n~~~\n# x\n\n~~~\nand after.",
     "A paragraph\nof two lines."},
    {"{\"text\":\"a\"}", "{\"prompt\":\"b\",\"completion\":\"c\"}", "{\"text\":\"a\"}",
     "{\"text\":\"d\\n\\ne\"}", "{\"instruction\":\"f\",\"output\":\"g\"}", "{\"text\":\"h\"}",
     "{\"text\":\"i\"}", "{\"text\":\"j\"}", "{\"text\":\"k\"}"},
};
static const char *const fresh[3][2] = {
    {"new line", "another\n\n"},
    {"new block\nof lines", "### New heading"},
    {"{\"text\":\"new\"}", "{\"prompt\":\"new\",\"completion\":\"new\"}"},
};

static void add_part(struct strbuf *b, int kind, const char *part)
{
    strbuf_add_text(b, part);
    strbuf_add_text(b, kind == DOCUMENT_MARKDOWN ? "\n\n" : "\n");
}

static void digests_of(struct digest_set *set, int kind, const char *text)
{
    struct arena a = {0};
    struct bad_records bad = {0};
    struct document d = cut(&a, (enum document_kind)kind, text, &bad);
    assert_int_equal(bad.count, 0);
    for (size_t i = 0; i < d.count; i++)
        digest_set_add(set, d.samples[i].content);
    arena_free(&a);
}

enum change { INSERT, EDIT, DELETE };

/* The contents of the document of `kind` with one change at `at`, against those that must stand:
 * each unchanged part's own, in order. */
static void check_change(int kind, enum change change, int at, int which)
{
    struct strbuf text = {0};
    struct digest_set found = {0}, right = {0};
    for (int i = 0; i < 9; i++) {
        if (i == at && change != DELETE)
            add_part(&text, kind, fresh[kind][which]), digests_of(&right, kind, fresh[kind][which]);
        if (i == at && change != INSERT)
            continue;
        add_part(&text, kind, parts[kind][i]);
        digests_of(&right, kind, parts[kind][i]);
    }
    digests_of(&found, kind, text.data);
    if (found.count != right.count ||
        memcmp(found.items, right.items, found.count * sizeof *found.items) != 0)
        fail_msg("kind %d, change %d at %d: other samples changed\n%s", kind, change, at,
                 text.data);
    digest_set_free(&found);
    digest_set_free(&right);
    strbuf_free(&text);
}

static void cutting_is_local(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (int at = 0; at < 9; at++)
            for (int which = 0; which < 2; which++) {
                check_change(kind, INSERT, at, which);
                check_change(kind, EDIT, at, which);
                check_change(kind, DELETE, at, which);
            }
}

/* The lines of a text that are neither blank nor a rule, without white space at their ends. */
static void add_solid_lines(struct strbuf *out, struct str text)
{
    struct str line;
    while (cut_next_line(&text, &line)) {
        struct str t = str_trim(line);
        if (!t.size || str_is(t, "---") || str_is(t, "***"))
            continue;
        sample_clean(out, line);
        strbuf_add_byte(out, '\n');
    }
}

/* Whatever a document looks like, each of its lines stands in one sample. */
static void no_line_is_lost(void **state)
{
    (void)state;
    static const char *const lines[] = {"text",      "",          "",    "# head", "```",
                                        "````",      "~~~",       "---", "===",    "- item",
                                        "    code",  "> quote",   "***", "```c x", "a: b",
                                        "| a | b |", "## two ##", "\t",  "1. one", "#no"};
    struct random r = {.seed = 3};
    uint64_t draw = 0;
    for (int round = 0; round < 3000; round++) {
        struct arena a = {0};
        struct strbuf text = {0}, right = {0}, found = {0};
        strbuf_add_text(&text, "begin\n"); /* no front matter */
        for (uint64_t n = random_below(r, draw++, 25); n-- > 0;)
            strbuf_printf(&text, "%s\n", lines[random_below(r, draw++, 20)]);
        struct document d = cut(&a, DOCUMENT_MARKDOWN, text.data, NULL);
        for (size_t i = 0; i < d.count; i++)
            add_solid_lines(&found, d.samples[i].text);
        add_solid_lines(&right, strbuf_str(&text));
        if (!str_equal(strbuf_str(&found), strbuf_str(&right)))
            fail_msg("of\n%s\nfound\n%s", text.data, found.data);
        for (size_t i = 1; i < d.count; i++)
            assert_true(d.samples[i].line > d.samples[i - 1].line);
        strbuf_free(&found);
        strbuf_free(&right);
        strbuf_free(&text);
        arena_free(&a);
    }
}

static void contents_differ_by_kind_and_text_alone(void **state)
{
    (void)state;
    struct str x = STR("x"), y = STR("y"), none = STR("");
    struct digest text = sample_content_digest(SAMPLE_TEXT, x);
    assert_false(digest_equal(text, sample_content_digest(SAMPLE_HEADING, x)));
    assert_false(digest_equal(text, sample_content_digest(SAMPLE_CHAT, x)));
    assert_false(digest_equal(text, sample_content_digest(SAMPLE_TEXT, y)));
    assert_false(digest_equal(sample_id(text, none), sample_id(text, x)));
    assert_true(digest_equal(sample_id(text, x), sample_id(text, x)));
}

/* Many openers that are never closed, each of another length, must not cost square time. */
static void odd_documents_are_cut_in_linear_time(void **state)
{
    (void)state;
    struct arena a = {0};
    struct strbuf text = {0};
    for (int i = 0; i < 60000; i++)
        strbuf_printf(&text, "%.*s x\n\n", 3 + i % 50,
                      "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~");
    struct document d = cut(&a, DOCUMENT_MARKDOWN, text.data, NULL);
    assert_int_equal(d.count, 60000);
    text.size = 0;
    for (int i = 0; i < 5000000; i++)
        strbuf_add_byte(&text, 'a');
    d = cut(&a, DOCUMENT_LINES, text.data, NULL);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.samples[0].text.size, 5000000);
    strbuf_free(&text);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(front_matter_is_noted),
        cmocka_unit_test(places_leave_headings_out),
        cmocka_unit_test(bad_records_are_all_listed),
        cmocka_unit_test(a_listing_has_an_end),
        cmocka_unit_test(cutting_is_local),
        cmocka_unit_test(no_line_is_lost),
        cmocka_unit_test(contents_differ_by_kind_and_text_alone),
        cmocka_unit_test(odd_documents_are_cut_in_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
