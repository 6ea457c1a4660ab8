#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/random.h"
#include "lorabuild/data/batch.h"
#include "lorabuild/data/captions.h"
#include "lorabuild/data/cut.h"

#include "tests/unit/data/tiny_tokenizer.h"

static struct tokenizer *tokenizer, *bos_tokenizer;
static struct chat_template chatml;

static int open_tokenizers(void **state)
{
    (void)state;
    struct error e = {0};
    tokenizer = tiny_tokenizer(false);
    bos_tokenizer = tiny_tokenizer(true);
    return !tokenizer || !bos_tokenizer || !chat_template_find(&chatml, tokenizer, "chatml", &e);
}

static int close_tokenizers(void **state)
{
    (void)state;
    tokenizer_close(tokenizer);
    tokenizer_close(bos_tokenizer);
    return 0;
}

/* A dataset of documents given as {path, text}, every text with the caption given (or none). */
static struct dataset dataset_of(const char *const (*documents)[2], size_t count,
                                 const char *caption)
{
    struct dataset d = {0};
    struct bad_records bad = {0};
    d.documents = arena_array(&d.arena, count, sizeof *d.documents);
    for (; d.document_count < count; d.document_count++) {
        struct document *document = &d.documents[d.document_count];
        document->path = documents[d.document_count][0];
        assert_true(cut_kind(document->path, &document->kind));
        cut_document(document, str_of(documents[d.document_count][1]), &d.arena, &bad);
        assert_int_equal(bad.count, 0);
        for (size_t i = 0; i < document->count; i++) {
            struct sample *s = &document->samples[i];
            s->caption = s->kind == SAMPLE_TEXT && caption ? str_of(caption) : STR("");
            s->id = sample_id(s->content, s->caption);
        }
    }
    captions_passages(&d, 0);
    return d;
}

/* Roles by marks in the text: "+" learned, "~" context, "?" held out, "!" nothing; else learned. */
static enum sample_role role_by_mark(void *context, const struct sample *s)
{
    (void)context;
    return memchr(s->text.data, '~', s->text.size)   ? ROLE_CONTEXT
           : memchr(s->text.data, '?', s->text.size) ? ROLE_VALIDATE
           : memchr(s->text.data, '!', s->text.size) ? ROLE_NONE
                                                     : ROLE_LEARN;
}

static struct windows make(const struct dataset *d, bool raw, int64_t max_length,
                           enum sample_role wanted)
{
    struct windows w;
    struct error e = {0};
    struct window_options o = {.tokenizer = tokenizer,
                               .chat = &chatml,
                               .raw = raw,
                               .max_length = max_length,
                               .role = role_by_mark,
                               .wanted = wanted};
    if (!windows_make(&w, &d, 1, &o, &e))
        fail_msg("%s", e.message);
    return w;
}

/* A window as text: learned stretches in [], <n> for control tokens. */
static char *shown(const struct window *w)
{
    struct strbuf b = {0};
    bool open = false;
    for (uint32_t i = 0; i < w->count; i++) {
        if (open != (w->learned[i] != 0))
            strbuf_add_byte(&b, open ? ']' : '[');
        open = w->learned[i] != 0;
        if (tokenizer_is_control(tokenizer, w->ids[i]))
            strbuf_printf(&b, "<%d>", w->ids[i]);
        tokenizer_decode(tokenizer, &w->ids[i], 1, &b);
    }
    if (open)
        strbuf_add_byte(&b, ']');
    return strbuf_take(&b);
}

static void check_windows(const struct windows *w, const char *const *right, size_t count)
{
    for (size_t i = 0; i < w->count && i < count; i++) {
        char *found = shown(&w->items[i]);
        if (strcmp(found, right[i]) != 0)
            fail_msg("window %zu\n found %s\n right %s", i, found, right[i]);
        free(found);
    }
    if (w->count != count)
        fail_msg("%zu windows, not %zu: %s", w->count, count,
                 w->count > count ? shown(&w->items[count]) : "");
}

#define CHECK(windows, ...)                                    \
    check_windows(windows, (const char *const[]){__VA_ARGS__}, \
                  sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void plain_text_begins_anew_at_headings(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.md", "# Title\n\n## Part\n\none\n\ntwo\n\n## Next\n\nthree"}, {"b.txt", "x1\nx2"}};
    struct dataset d = dataset_of(documents, 2, NULL);
    struct windows w = make(&d, true, 256, ROLE_LEARN);
    CHECK(&w, "#[ Title\n\n## Part\n\none\n\ntwo]", "#[# Next\n\nthree<256>]", "x[1\nx2<256>]");
    assert_int_equal(w.items[0].sample_count, 4);
    assert_int_equal(w.items[1].document, 0);
    assert_int_equal(w.items[2].document, 1);
    assert_int_equal(w.items[0].learned_count, w.items[0].count - 1);
    windows_free(&w);
    dataset_free(&d);
}

static void records_are_documents(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.jsonl", "{\"text\":\"one\"}\n{\"prompt\":\"ask\",\"completion\":\"tell\"}\n"
                    "{\"text\":\"two\"}"}};
    struct dataset d = dataset_of(documents, 1, "Write.");
    struct windows w = make(&d, true, 256, ROLE_LEARN);
    CHECK(&w, "o[ne<256>]", "ask[\n\ntell<256>]", "t[wo<256>]");
    windows_free(&w);
    w = make(&d, false, 256, ROLE_LEARN);
    CHECK(&w, "<257>user\nWrite.<258>\n<257>assistant\n[one<258>]\n",
          "<257>user\nask<258>\n<257>assistant\n[tell<258>]\n",
          "<257>user\nWrite.<258>\n<257>assistant\n[two<258>]\n");
    windows_free(&w);
    dataset_free(&d);
}

static void context_stands_before_what_is_new(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.md", "## Part~\n\nold1~\n\nold2~\n\nnew1\n\nold3~\n\nnew2\n\nold4~\n\n"
                 "## Other~\n\nold5~\n\nnew3\n\nheld?\n\nold6~\n\nnew4\n\nout!\n\nnew5"}};
    struct dataset d = dataset_of(documents, 1, NULL);
    struct windows w = make(&d, true, 256, ROLE_LEARN);
    CHECK(&w, "## Part~\n\nold1~\n\nold2~[\n\nnew1]\n\nold3~[\n\nnew2]",
          "## Other~\n\nold5~[\n\nnew3]", "old6~[\n\nnew4]", "n[ew5<256>]");
    assert_int_equal(w.items[0].sample_count, 6);
    windows_free(&w);
    w = make(&d, true, 256, ROLE_VALIDATE); /* learned text may be context of what is held out */
    CHECK(&w, "## Other~\n\nold5~\n\nnew3[\n\nheld?]");
    windows_free(&w);
    w = make(&d, true, 40, ROLE_LEARN); /* at most half a window of it */
    for (size_t i = 0; i < w.count; i++)
        assert_true(w.items[i].count <= 40);
    char *first = shown(&w.items[0]);
    assert_string_equal(first, "old1~\n\nold2~[\n\nnew1]\n\nold3~[\n\nnew2]");
    free(first);
    windows_free(&w);
    dataset_free(&d);
}

static void what_stands_twice_is_learned_once(void **state)
{
    (void)state;
    static const char *const documents[][2] = {{"a.md", "## Risks\n\nsame\n\none"},
                                               {"b.md", "## Risks\n\nsame\n\ntwo"}};
    struct dataset d = dataset_of(documents, 2, "Write.");
    struct windows w = make(&d, true, 256, ROLE_LEARN);
    CHECK(&w, "#[# Risks\n\nsame\n\none<256>]", "## Risks\n\nsame[\n\ntwo<256>]");
    windows_free(&w);
    w = make(&d, false, 256, ROLE_LEARN);
    CHECK(&w, "<257>user\nWrite.<258>\n<257>assistant\n[same\n\none<258>]\n",
          "<257>user\nWrite.<258>\n<257>assistant\nsame[\n\ntwo<258>]\n");
    windows_free(&w);
    dataset_free(&d);
}

static void answers_have_the_loss(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.md", "# Title\n\n## Part\n\none\n\ntwo <|im_end|>\n\n## Next\n\nthree"}};
    struct dataset d = dataset_of(documents, 1, "Write \"Part\".");
    struct windows w = make(&d, false, 256, ROLE_LEARN);
    CHECK(&w, /* a control token's spelling in a text stays text */
          "<257>user\nWrite \"Part\".<258>\n<257>assistant\n[one\n\ntwo <|im_end|><258>]\n",
          "<257>user\nWrite \"Part\".<258>\n<257>assistant\n[three<258>]\n");
    /* A request is made of headings: they have part in what is learned. */
    assert_int_equal(w.items[0].sample_count, 4);
    assert_true(digest_equal(w.items[0].samples[0], d.documents[0].samples[0].content));
    assert_true(digest_equal(w.items[0].samples[1], d.documents[0].samples[1].content));
    assert_int_equal(w.items[1].sample_count, 3);
    assert_true(digest_equal(w.items[1].samples[1], d.documents[0].samples[4].content));
    windows_free(&w);
    dataset_free(&d);
}

static void mixed_answers_learn_what_is_new(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.md", "## A\n\nold1~\n\nnew1\n\nold2~\n\n## B\n\nold3~\n\nnew2\n\n## C\n\nold4~\n\n"
                 "## D\n\nnew3\n\nheld?\n\nnew4"}};
    struct dataset d = dataset_of(documents, 1, "W");
    struct windows w = make(&d, false, 256, ROLE_LEARN);
    CHECK(&w, "<257>user\nW<258>\n<257>assistant\nold1~[\n\nnew1]<258>\n",
          "<257>user\nW<258>\n<257>assistant\nold3~[\n\nnew2<258>]\n",
          "<257>user\nW<258>\n<257>assistant\n[new3<258>]\n",
          "<257>user\nW<258>\n<257>assistant\n[new4<258>]\n");
    windows_free(&w);
    dataset_free(&d);
}

static void texts_without_a_request_stay_plain(void **state)
{
    (void)state;
    static const char *const documents[][2] = {{"a.md", "# A\n\none\n\n## B\n\ntwo\n\n## C"}};
    struct dataset d = dataset_of(documents, 1, NULL);
    struct windows w = make(&d, false, 256, ROLE_LEARN);
    CHECK(&w, "#[ A\n\none]", "#[# B\n\ntwo]");
    assert_int_equal(w.note_count, 1);
    assert_string_equal(w.notes[0], "2 texts have no caption: learned as plain text");
    windows_free(&w);
    dataset_free(&d);
}

/* T11: nothing is cut silently. */
static void long_passages_are_split(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.md", "## A\n\nFirst one here.\n\nSecond one here.\n\nThird one here.\n\n## B\n\n"
                 "This is a sentence. This is another one. And yet some more words at the end."}};
    struct dataset d = dataset_of(documents, 1, "W");
    struct windows w = make(&d, false, 60, ROLE_LEARN);
    CHECK(&w, "<257>user\nW<258>\n<257>assistant\n[First one here.\n\nSecond one here.<258>]\n",
          "<257>user\nW<258>\n<257>assistant\n[Third one here.<258>]\n",
          "<257>user\nW<258>\n<257>assistant\n[This is a sentence. This is another one.]<258>\n",
          "<257>user\nW<258>\n<257>assistant\n[And yet some more words at the end.<258>]\n");
    windows_free(&w);
    dataset_free(&d);
}

static void long_requests_are_refused_at_their_line(void **state)
{
    (void)state;
    static const char *const documents[][2] = {{"a.txt", "\none\n"}};
    struct dataset d =
        dataset_of(documents, 1, "A request that is much too long for so short a window.");
    struct windows w = make(&d, false, 64, ROLE_LEARN);
    assert_int_equal(w.count, 0);
    assert_int_equal(w.note_count, 1);
    assert_non_null(strstr(w.notes[0], "a.txt:2: not learned: its request alone has 7"));
    windows_free(&w);
    dataset_free(&d);
}

static void conversations_lose_whole_oldest_turns(void **state)
{
    (void)state;
    static const char *const documents[][2] = {
        {"a.jsonl",
         "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
         "{\"role\":\"user\",\"content\":\"q one\"},{\"role\":\"assistant\",\"content\":\"a one\"},"
         "{\"role\":\"user\",\"content\":\"q two\"},{\"role\":\"assistant\",\"content\":\"a two\"},"
         "{\"role\":\"user\",\"content\":\"q six\"},{\"role\":\"assistant\",\"content\":\"a "
         "six\"}]}"
         "\n{\"prompt\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
         "\"completion\":\"no\"}\n{\"prompt\":\"yes\",\"completion\":\"good\"}\n"}};
    struct dataset d = dataset_of(documents, 1, NULL);
    struct windows w = make(&d, false, 256, ROLE_LEARN);
    assert_int_equal(w.count, 3);
    assert_int_equal(w.note_count, 0);
    char *whole = shown(&w.items[0]);
    assert_string_equal(whole,
                        "<257>system\ns<258>\n<257>user\nq one<258>\n<257>assistant\n[a one<258>]\n"
                        "<257>user\nq two<258>\n<257>assistant\n[a two<258>]\n"
                        "<257>user\nq six<258>\n<257>assistant\n[a six<258>]\n");
    free(whole);
    windows_free(&w);
    w = make(&d, false, 70, ROLE_LEARN);
    CHECK(&w,
          "<257>system\ns<258>\n<257>user\nq two<258>\n<257>assistant\n[a two<258>]\n"
          "<257>user\nq six<258>\n<257>assistant\n[a six<258>]\n",
          "<257>user\nyes<258>\n<257>assistant\n[good<258>]\n");
    assert_int_equal(w.note_count, 2);
    assert_non_null(strstr(w.notes[0], "a.jsonl:1: 1 oldest turn is left out: "));
    assert_non_null(strstr(w.notes[1], "a.jsonl:2: not learned: "));
    windows_free(&w);
    dataset_free(&d);
}

static void append_decoded(struct strbuf *b, const struct window *w)
{
    tokenizer_decode(tokenizer, w->ids, w->count, b);
}

/* Whatever the window: every byte once, in order, at most max_length, one end token. */
static void nothing_is_lost_at_any_length(void **state)
{
    (void)state;
    static const char *const words[] = {"the", "风险", "in", "and.", "x", "longerword", "。", "\n"};
    struct random r = {.seed = 7};
    uint64_t draw = 0;
    for (int round = 0; round < 60; round++) {
        struct strbuf text = {0};
        for (int lines = 0; lines < 12; lines++) {
            uint64_t n = 1 + random_below(r, draw++, lines % 5 == 4 ? 150 : 9);
            strbuf_printf(&text, "L%d", lines);
            while (n--)
                strbuf_printf(&text, " %s", words[random_below(r, draw++, 7)]);
            strbuf_add_byte(&text, '\n');
        }
        const char *const documents[][2] = {{"a.txt", text.data}};
        struct dataset d = dataset_of(documents, 1, NULL);
        int64_t max_length = 24 + (int64_t)random_below(r, draw++, 200);
        struct windows w = make(&d, true, max_length, ROLE_LEARN);
        struct strbuf found = {0};
        for (size_t i = 0; i < w.count; i++) {
            const struct window *window = &w.items[i];
            bool last = i + 1 == w.count;
            assert_true(window->count <= max_length);
            assert_int_equal(window->ids[window->count - 1] == TINY_EOS, last);
            for (uint32_t k = 1; k < window->count; k++)
                assert_true(window->learned[k]);
            /* A window begins where a line does, or goes on within one. */
            size_t from = found.size;
            if (from && text.data[from] == '\n')
                strbuf_add_byte(&found, '\n');
            append_decoded(&found, window);
        }
        strbuf_add_byte(&found, '\n');
        assert_string_equal(found.data, text.data);
        strbuf_free(&found);
        strbuf_free(&text);
        windows_free(&w);
        dataset_free(&d);
    }
}

/* The ids of a window are those of its text as one string. */
static void a_window_is_one_text(void **state)
{
    (void)state;
    static const char *const documents[][2] = {{"a.md", "one.\n\ntwo in\n\n    the"}};
    struct dataset d = dataset_of(documents, 1, NULL);
    const struct dataset *list = &d;
    struct window_options o = {.tokenizer = bos_tokenizer, .max_length = 64, .wanted = ROLE_LEARN};
    struct windows w;
    assert_true(windows_make(&w, &list, 1, &o, NULL));
    assert_int_equal(w.count, 1);
    struct tokens right = {0};
    tokens_add(&right, TINY_BOS);
    assert_true(tokenizer_encode(bos_tokenizer, STR("one.\n\ntwo in\n\n    the"), &right, NULL));
    tokens_add(&right, TINY_EOS);
    assert_int_equal(w.items[0].count, right.count);
    assert_memory_equal(w.items[0].ids, right.ids, right.count * sizeof *right.ids);
    assert_int_equal(w.items[0].learned_count, right.count - 1);
    tokens_free(&right);
    windows_free(&w);
    dataset_free(&d);
}

/* T07: one enormous line. */
static void one_enormous_line(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    char *text = mem_alloc(SIZE + 1);
    memset(text, 'a', SIZE);
    text[SIZE] = '\0';
    const char *const documents[][2] = {{"a.txt", text}};
    struct dataset d = dataset_of(documents, 1, NULL);
    struct windows w = make(&d, true, 512, ROLE_LEARN);
    uint64_t ids = 0;
    for (size_t i = 0; i < w.count; i++)
        ids += w.items[i].count;
    assert_int_equal(ids, SIZE + 1); /* and the end token */
    assert_int_equal(w.count, (SIZE + 510) / 511);
    free(text);
    windows_free(&w);
    dataset_free(&d);
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    struct dataset d = {0};
    struct windows w = make(&d, true, 64, ROLE_LEARN);
    assert_int_equal(w.count, 0);
    struct batch b;
    batch_pack(&b, &w, NULL, 0);
    assert_true(b.count == 0 && b.sequences == 0 && b.learned == 0 && b.starts[0] == 0);
    batch_free(&b);
    windows_free(&w);
    static const char *const documents[][2] = {{"a.txt", "~ only context"}, {"b.md", ""}};
    d = dataset_of(documents, 2, NULL);
    w = make(&d, true, 64, ROLE_LEARN);
    assert_int_equal(w.count, 0);
    windows_free(&w);
    w = make(&d, false, 64, ROLE_VALIDATE);
    assert_int_equal(w.count, 0);
    windows_free(&w);
    dataset_free(&d);
}

/* T27: positions restart, and no sequence is taught the beginning of the next. */
static void batches_keep_sequences_apart(void **state)
{
    (void)state;
    int32_t three[] = {5, 6, 7}, five[] = {10, 11, 12, 13, 14};
    uint8_t learned_three[] = {0, 1, 1}, learned_five[] = {0, 0, 0, 1, 1};
    struct window items[] = {{.ids = three, .learned = learned_three, .count = 3},
                             {.ids = five, .learned = learned_five, .count = 5}};
    struct windows w = {.items = items, .count = 2};
    struct batch b;
    batch_pack(&b, &w, (const uint32_t[]){1, 0}, 2);
    static const int32_t ids[] = {10, 11, 12, 13, 14, 5, 6, 7}, starts[] = {0, 5, 8},
                         positions[] = {0, 1, 2, 3, 4, 0, 1, 2},
                         targets[] = {11, 12, 13, 14, 0, 6, 7, 0};
    static const float weights[] = {0, 0, 1, 1, 0, 1, 1, 0};
    assert_true(b.count == 8 && b.sequences == 2 && b.learned == 4);
    assert_memory_equal(b.ids, ids, sizeof ids);
    assert_memory_equal(b.starts, starts, sizeof starts);
    assert_memory_equal(b.positions, positions, sizeof positions);
    assert_memory_equal(b.targets, targets, sizeof targets);
    assert_memory_equal(b.weights, weights, sizeof weights);
    batch_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_begins_anew_at_headings),
        cmocka_unit_test(records_are_documents),
        cmocka_unit_test(context_stands_before_what_is_new),
        cmocka_unit_test(what_stands_twice_is_learned_once),
        cmocka_unit_test(answers_have_the_loss),
        cmocka_unit_test(mixed_answers_learn_what_is_new),
        cmocka_unit_test(texts_without_a_request_stay_plain),
        cmocka_unit_test(long_passages_are_split),
        cmocka_unit_test(long_requests_are_refused_at_their_line),
        cmocka_unit_test(conversations_lose_whole_oldest_turns),
        cmocka_unit_test(nothing_is_lost_at_any_length),
        cmocka_unit_test(a_window_is_one_text),
        cmocka_unit_test(one_enormous_line),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(batches_keep_sequences_apart),
    };
    return cmocka_run_group_tests(tests, open_tokenizers, close_tokenizers);
}
