#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"
#include "lorabuild/common/random.h"
#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/tokenizer_inner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GOLDEN "tests/golden/tokenizer/"

static struct tokenizer *open_folder(const char *folder)
{
    struct error e = {0};
    struct tokenizer *t = tokenizer_open_folder(folder, NULL, &e);
    if (!t)
        fail_msg("%s", e.message);
    return t;
}

static json_t *parse_line(const char *line)
{
    json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    return value;
}

static struct str text_of(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

static void assert_ids(const struct tokens *got, const json_t *wanted, const char *line)
{
    bool same = got->count == json_array_size(wanted);
    for (size_t i = 0; same && i < got->count; i++)
        same = json_integer_value(json_array_get(wanted, i)) == got->ids[i];
    if (!same)
        fail_msg("other ids for %.200s", line);
}

/* [text, decoded text, ids] */
static void check_text(const struct tokenizer *t, const char *line)
{
    json_t *row = parse_line(line);
    struct str text = text_of(json_array_get(row, 0)), decoded = text_of(json_array_get(row, 1));
    struct tokens ids = {0};
    struct strbuf back = {0};
    assert_true(tokenizer_encode(t, text, &ids, NULL));
    assert_ids(&ids, json_array_get(row, 2), line);
    tokenizer_decode(t, ids.ids, ids.count, &back);
    /* The library spoils added tokens with Latin-1 letters when it decodes. */
    bool spoilt = strstr(decoded.data, "\uFFFD") || !utf8_valid(strbuf_str(&back), NULL);
    if (!spoilt && !str_equal(strbuf_str(&back), decoded))
        fail_msg("decoded to %s for %.200s", back.data, line);
    strbuf_free(&back);
    tokens_free(&ids);
    json_decref(row);
}

static void check_texts(const struct tokenizer *t, const char *path)
{
    struct strbuf all = {0};
    size_t lines = 0;
    assert_true(file_read(&all, path, SIZE_MAX, NULL));
    char *rest = all.data, *line;
    for (; (line = strtok_r(rest, "\n", &rest)); lines++)
        check_text(t, line);
    assert_true(lines > 200);
    strbuf_free(&all);
}

static void ids_are_the_librarys(void **state)
{
    (void)state;
    static const char *const folders[] = {GOLDEN "digits", GOLDEN "split"};
    static const char *const texts[] = {GOLDEN "digits/texts.jsonl", GOLDEN "split/texts.jsonl"};
    for (size_t i = 0; i < 2; i++) {
        struct tokenizer *t = open_folder(folders[i]);
        check_texts(t, texts[i]);
        tokenizer_close(t);
    }
}

static struct tokenizer *open_gguf(void)
{
    struct error e = {0};
    struct gguf *g = gguf_open(GOLDEN "gguf/vocabulary.gguf", &e);
    if (!g)
        fail_msg("%s", e.message);
    struct tokenizer *t = tokenizer_open_gguf(g, "vocabulary.gguf", &e);
    if (!t)
        fail_msg("%s", e.message);
    gguf_close(g);
    return t;
}

static void ids_from_a_gguf_are_the_librarys(void **state)
{
    (void)state;
    struct tokenizer *t = open_gguf();
    check_texts(t, GOLDEN "gguf/texts.jsonl");
    assert_int_equal(tokenizer_bos(t), 1);
    assert_int_equal(tokenizer_eos(t), 2);
    assert_true(tokenizer_adds_bos(t));
    tokenizer_close(t);
}

static void a_folder_says_what_begins_and_ends(void **state)
{
    (void)state;
    struct tokenizer *t = open_folder(GOLDEN "digits");
    assert_int_equal(tokenizer_bos(t), 1);
    assert_int_equal(tokenizer_eos(t), 2);
    assert_false(tokenizer_adds_bos(t));
    assert_true(tokenizer_chat_template(t).size > 100);
    tokenizer_close(t);
    t = open_folder(GOLDEN "split"); /* its template of texts puts the token in front */
    assert_int_equal(tokenizer_bos(t), 0);
    assert_int_equal(tokenizer_eos(t), -1);
    assert_true(tokenizer_adds_bos(t));
    assert_int_equal(tokenizer_chat_template(t).size, 0);
    tokenizer_close(t);
}

static void control_tokens_come_from_templates_alone(void **state)
{
    (void)state;
    struct tokenizer *t = open_folder(GOLDEN "split");
    struct str text = STR("<|im_start|>assistant\n<|im_end|><|endoftext|>");
    struct tokens ids = {0};
    struct strbuf back = {0};
    assert_int_equal(tokenizer_control(t, "<|im_start|>"), 1);
    assert_int_equal(tokenizer_control(t, "<tag>"), -1);
    assert_int_equal(tokenizer_control(t, "the"), -1);
    assert_int_equal(tokenizer_control(t, "nothing"), -1);
    assert_true(tokenizer_is_control(t, 2));
    assert_false(tokenizer_is_control(t, 3) || tokenizer_is_control(t, -1));
    assert_true(tokenizer_encode(t, text, &ids, NULL));
    for (size_t i = 0; i < ids.count; i++)
        assert_false(tokenizer_is_control(t, ids.ids[i]));
    tokens_add(&ids, 2);
    tokens_add(&ids, (int32_t)tokenizer_vocabulary(t));
    tokenizer_decode(t, ids.ids, ids.count, &back);
    assert_true(str_equal(strbuf_str(&back), text));
    strbuf_free(&back);
    tokens_free(&ids);
    tokenizer_close(t);
}

static void what_is_not_utf8_is_refused_with_its_place(void **state)
{
    (void)state;
    struct tokenizer *t = open_folder(GOLDEN "digits");
    struct tokens ids = {0};
    struct error e = {0};
    assert_false(tokenizer_encode(t, STR("abc\xC3("), &ids, &e));
    assert_non_null(strstr(e.message, "byte 3"));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_true(tokenizer_encode(t, (struct str){NULL, 0}, &ids, &e));
    assert_int_equal(ids.count, 0);
    tokens_free(&ids);
    tokenizer_close(t);
}

/* Variants of a golden tokenizer.json in a folder of their own. */
struct variant {
    char folder[32];
    json_t *root, *model;
};

static void variant_begin(struct variant *v)
{
    strcpy(v->folder, "/tmp/tokenizerXXXXXX");
    assert_non_null(mkdtemp(v->folder));
    v->root = json_read_file(GOLDEN "split/tokenizer.json", SIZE_MAX, NULL);
    v->model = json_object_get(v->root, "model");
    assert_non_null(v->model);
}

static void variant_write(const struct variant *v)
{
    struct strbuf text = {0};
    char *path = path_join(v->folder, "tokenizer.json");
    json_write(&text, v->root, false);
    assert_true(file_replace(path, strbuf_str(&text), 0600, NULL));
    strbuf_free(&text);
    free(path);
}

static void variant_end(struct variant *v)
{
    json_decref(v->root);
    assert_true(folder_remove(v->folder, NULL));
}

static void assert_refused(const struct variant *v, const char *words)
{
    struct error e = {0};
    variant_write(v);
    assert_null(tokenizer_open_folder(v->folder, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.message, words))
        fail_msg("\"%s\" lacks \"%s\"", e.message, words);
}

static void merges_as_pairs_or_lines_are_the_same(void **state)
{
    (void)state;
    struct variant v;
    variant_begin(&v);
    json_t *merges = json_object_get(v.model, "merges"), *merge;
    size_t i;
    json_array_foreach (merges, i, merge) {
        assert_int_equal(json_array_size(merge), 2);
        char *line = mem_printf("%s %s", json_string_value(json_array_get(merge, 0)),
                                json_string_value(json_array_get(merge, 1)));
        json_array_set_new(merges, i, json_string(line));
        free(line);
    }
    variant_write(&v);
    struct tokenizer *lines = open_folder(v.folder), *pairs = open_folder(GOLDEN "split");
    check_texts(lines, GOLDEN "split/texts.jsonl");
    assert_true(digest_equal(tokenizer_digest(lines), tokenizer_digest(pairs)));
    tokenizer_close(pairs);
    tokenizer_close(lines);
    variant_end(&v);
}

static void pairs_may_have_spaces_in_their_parts(void **state)
{
    (void)state;
    struct variant v;
    variant_begin(&v);
    json_t *vocab = json_object_get(v.model, "vocab"), *merges = json_object_get(v.model, "merges");
    json_object_set_new(vocab, "a b", json_integer(5000));
    json_object_set_new(vocab, "a bc", json_integer(5001));
    json_array_append_new(merges, json_pack("[ss]", "a b", "c"));
    variant_write(&v);
    struct tokenizer *t = open_folder(v.folder);
    check_texts(t, GOLDEN "split/texts.jsonl");
    tokenizer_close(t);
    variant_end(&v);
}

static void a_malformed_merge_is_cited_by_its_index(void **state)
{
    (void)state;
    static const struct {
        const char *merge, *words;
    } bad[] = {
        {"\"ab\"", "merge 7"},
        {"\"a b c\"", "merge 7"},
        {"\" a\"", "merge 7"},
        {"\"a \"", "merge 7"},
        {"\"\"", "merge 7"},
        {"7", "merge 7"},
        {"[\"a\"]", "merge 7"},
        {"[\"a\", 1]", "merge 7"},
        {"[\"a\", \"b\", \"c\"]", "merge 7"},
        {"[\"a\", \"\\u4e2d\"]", "right part"},
        {"[\"\\u4e2d\", \"a\"]", "left part"},
        {"\"% q\"", "its result"},
        {"null", "merge 7"},
    };
    struct variant v;
    variant_begin(&v);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_array_set_new(json_object_get(v.model, "merges"), 7,
                           json_loads(bad[i].merge, JSON_DECODE_ANY, NULL));
        assert_refused(&v, bad[i].words);
        assert_refused(&v, "merge 7");
    }
    json_object_set_new(v.model, "merges", json_array());
    assert_refused(&v, "without usable merges");
    json_object_del(v.model, "merges");
    assert_refused(&v, "without usable merges");
    variant_end(&v);
}

static void unsupported_components_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *at, *value, *words;
    } bad[] = {
        {"normalizer", "{\"type\": \"Lowercase\"}", "Lowercase"},
        {"normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}]}", "NFKC"},
        {"pre_tokenizer", "{\"type\": \"Metaspace\"}", "Metaspace"},
        {"pre_tokenizer", "null", "ByteLevel"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, "
         "\"behavior\": \"MergedWithNext\"}",
         "MergedWithNext"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a&&b]\"}, "
         "\"behavior\": \"Isolated\"}",
         "intersection"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\w+\"}, "
         "\"behavior\": \"Isolated\"}",
         "\\w"},
        {"pre_tokenizer",
         "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, "
         "\"behavior\": \"Isolated\"}",
         "pattern is wrong at 1"},
        {"pre_tokenizer",
         "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, "
         "{\"type\": \"Digits\"}]}",
         "behind ByteLevel"},
        {"decoder", "{\"type\": \"WordPiece\"}", "WordPiece"},
        {"post_processor", "{\"type\": \"BertProcessing\"}", "BertProcessing"},
        {"added_tokens", "[{\"id\": 5, \"content\": \"x\", \"single_word\": true}]", "single_word"},
        {"added_tokens", "[{\"id\": 5}]", "added token 0"},
        {"added_tokens", "[{\"id\": 99999999, \"content\": \"x\"}]", "out of range"},
        {"added_tokens", "[{\"id\": 5, \"content\": \"not what is there\"}]", "given twice"},
        {"model", "{\"type\": \"Unigram\"}", "Unigram"},
        {"model", "{\"type\": \"BPE\", \"vocab\": {}}", "no vocabulary"},
        {"model", "{\"type\": \"BPE\", \"vocab\": {\"a\": -1}}", "out of range"},
        {"model", "{\"type\": \"BPE\", \"vocab\": {\"a\": \"b\"}}", "no number"},
        {"model", "{\"type\": \"BPE\", \"byte_fallback\": true}", "byte_fallback"},
        {"model", "{\"type\": \"BPE\", \"dropout\": 0.1}", "dropout"},
        {"model", "{\"type\": \"BPE\", \"end_of_word_suffix\": \"</w>\"}", "end_of_word_suffix"},
        {"model", "null", "tokenizer model"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct variant v;
        variant_begin(&v);
        json_object_set_new(v.root, bad[i].at, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
        assert_refused(&v, bad[i].words);
        assert_refused(&v, "tokenizer.json");
        variant_end(&v);
    }
}

static void the_digest_is_of_what_decides_the_ids(void **state)
{
    (void)state;
    struct variant v;
    variant_begin(&v);
    variant_write(&v);
    struct tokenizer *t = open_folder(v.folder);
    struct digest before = tokenizer_digest(t);
    tokenizer_close(t);
    json_object_set_new(v.root, "truncation", json_null());
    json_object_set_new(v.root, "version", json_string("2.0"));
    variant_write(&v);
    t = open_folder(v.folder);
    assert_true(digest_equal(before, tokenizer_digest(t)));
    tokenizer_close(t);
    static const char *const changes[][2] = {
        {"normalizer", "null"},
        {"pre_tokenizer", "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"},
        {"pre_tokenizer", "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}"},
        {"added_tokens", "[]"},
        {"post_processor", "null"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        json_object_set_new(v.root, changes[i][0],
                            json_loads(changes[i][1], JSON_DECODE_ANY, NULL));
        variant_write(&v);
        t = open_folder(v.folder);
        assert_false(digest_equal(before, tokenizer_digest(t)));
        before = tokenizer_digest(t);
        tokenizer_close(t);
    }
    variant_end(&v);
}

static double seconds_for(const struct tokenizer *t, const char *unit, size_t repeats,
                          size_t *count)
{
    struct strbuf text = {0};
    struct tokens ids = {0};
    for (size_t i = 0; i < repeats; i++)
        strbuf_add_text(&text, unit);
    clock_t start = clock();
    assert_true(tokenizer_encode(t, strbuf_str(&text), &ids, NULL));
    *count = ids.count;
    tokens_free(&ids);
    strbuf_free(&text);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Ten times the text takes at most fifteen times as long (twice that, for a busy machine). */
static void time_grows_with_the_text(void **state)
{
    (void)state;
    static const char *const units[] = {"a", " ", "\n", "ab", "the ", "\xE4\xB8\xAD", "a1 .\n"};
    struct tokenizer *t = open_folder(GOLDEN "digits");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t few, many;
        double small = seconds_for(t, units[i], 20000, &few);
        double large = seconds_for(t, units[i], 200000, &many);
        assert_true(large < 30 * small + 0.2);
        assert_in_range(many, 10 * few - 20, 10 * few + 20); /* the ends differ */
    }
    tokenizer_close(t);
}

/* A damaged file is refused or read; it never harms. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    struct strbuf whole = {0};
    struct variant v;
    struct random r = {7, random_purpose("damage"), 0};
    uint64_t drawn = 0;
    variant_begin(&v);
    char *path = path_join(v.folder, "tokenizer.json");
    assert_true(file_read(&whole, GOLDEN "split/tokenizer.json", SIZE_MAX, NULL));
    for (int round = 0; round < 300; round++) {
        struct strbuf damaged = {0};
        strbuf_add_str(&damaged, strbuf_str(&whole));
        for (uint64_t n = random_below(r, drawn++, 4) + 1; n; n--) {
            /* every other time where the structure stands */
            size_t at = random_below(r, drawn++, round % 2 ? 2500 : damaged.size);
            damaged.data[at] = "\"{}[]:,x0\\n1e-\x80"[random_below(r, drawn++, 15)];
        }
        if (round % 10 == 0)
            damaged.size = random_below(r, drawn++, damaged.size);
        assert_true(file_replace(path, strbuf_str(&damaged), 0600, NULL));
        struct error e = {0};
        struct tokens ids = {0};
        struct tokenizer *t = tokenizer_open_folder(v.folder, NULL, &e);
        if (t)
            assert_true(
                tokenizer_encode(t, STR("the <tag> \xC3\xA9\xCC\x81 12 \n\n\n\n"), &ids, &e));
        else
            assert_true(e.kind != ERROR_NONE && e.message[0]);
        tokens_free(&ids);
        tokenizer_close(t);
        strbuf_free(&damaged);
    }
    free(path);
    strbuf_free(&whole);
    variant_end(&v);
}

static void an_unknown_pretokenizer_is_named(void **state)
{
    (void)state;
    struct error e = {0};
    struct pretokenizer *p = pretokenizer_new();
    assert_false(pretokenizer_add_named(p, STR("tekken"), &e));
    assert_non_null(strstr(e.message, "\"tekken\""));
    assert_non_null(strstr(e.message, "smollm, gpt-2, default"));
    pretokenizer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_the_librarys),
        cmocka_unit_test(ids_from_a_gguf_are_the_librarys),
        cmocka_unit_test(a_folder_says_what_begins_and_ends),
        cmocka_unit_test(control_tokens_come_from_templates_alone),
        cmocka_unit_test(what_is_not_utf8_is_refused_with_its_place),
        cmocka_unit_test(merges_as_pairs_or_lines_are_the_same),
        cmocka_unit_test(pairs_may_have_spaces_in_their_parts),
        cmocka_unit_test(a_malformed_merge_is_cited_by_its_index),
        cmocka_unit_test(unsupported_components_are_named),
        cmocka_unit_test(the_digest_is_of_what_decides_the_ids),
        cmocka_unit_test(time_grows_with_the_text),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(an_unknown_pretokenizer_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
