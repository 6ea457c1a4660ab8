/* A tokenizer from a Hugging Face folder: tokenizer.json, and beside it tokenizer_config.json
 * and chat_template.jinja. A component that would change ids and is not known here is an error
 * that names it. */
#include "lorabuild/formats/tokenizer_inner.h"

#include "lorabuild/common/file.h"
#include "lorabuild/common/json.h"
#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)256 << 20)

static struct str text_of(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

static bool unsupported(const char *what, const json_t *value, struct error *e)
{
    struct strbuf shown = {0};
    if (json_is_string(value))
        strbuf_add_shown(&shown, text_of(value));
    error_set(e, ERROR_INPUT, "%s \"%s\" is not supported", what, shown.data ? shown.data : "");
    strbuf_free(&shown);
    return false;
}

static bool is_type(const json_t *component, const char *type)
{
    const char *found = json_string_value(json_object_get(component, "type"));
    return found && !strcmp(found, type);
}

/* A bool member; `otherwise` where it is absent. */
static bool flag(const json_t *o, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(o, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* Reads a component, or each of a Sequence's (their list is named differently by kind). */
typedef bool read_component(struct tokenizer *t, const json_t *component, struct error *e);

static bool each_component(struct tokenizer *t, const json_t *component, const char *list,
                           read_component *read, struct error *e)
{
    if (!component || json_is_null(component))
        return true;
    if (!is_type(component, "Sequence"))
        return read(t, component, e);
    const json_t *inner;
    size_t i;
    json_array_foreach (json_object_get(component, list), i, inner) {
        if (!read(t, inner, e)) /* which knows no Sequence: nesting is an error */
            return false;
    }
    return true;
}

static bool read_normalizer(struct tokenizer *t, const json_t *n, struct error *e)
{
    if (!is_type(n, "NFC"))
        return unsupported("normalizer", json_object_get(n, "type"), e);
    t->nfc = true;
    return true;
}

static bool read_split(struct tokenizer *t, const json_t *s, struct error *e)
{
    const json_t *behavior = json_object_get(s, "behavior");
    const json_t *pattern = json_object_get(s, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    enum pretokenize_keep keep = KEEP_ALL;
    if (json_is_string(behavior) && !strcmp(json_string_value(behavior), "Removed"))
        keep = flag(s, "invert", false) ? KEEP_MATCHES : KEEP_GAPS;
    else if (!json_is_string(behavior) || strcmp(json_string_value(behavior), "Isolated"))
        return unsupported("Split behavior", behavior, e);
    if (json_is_string(regex))
        return pretokenizer_add_pattern(t->splitter, text_of(regex), keep, e);
    if (json_is_string(literal))
        return pretokenizer_add_literal(t->splitter, text_of(literal), keep, e);
    return error_set(e, ERROR_INPUT, "a Split pre-tokenizer without a pattern");
}

static bool read_digits(struct tokenizer *t, const json_t *d, struct error *e)
{
    struct str pattern = flag(d, "individual_digits", false) ? STR("\\p{N}") : STR("\\p{N}+");
    return pretokenizer_add_pattern(t->splitter, pattern, KEEP_ALL, e);
}

static bool read_byte_level(struct tokenizer *t, const json_t *b, struct error *e)
{
    t->byte_level = true;
    if (flag(b, "add_prefix_space", true))
        pretokenizer_add_space(t->splitter);
    return !flag(b, "use_regex", true) ||
           pretokenizer_add_pattern(t->splitter, str_of(pattern_gpt2), KEEP_ALL, e);
}

static bool read_pretokenizer(struct tokenizer *t, const json_t *p, struct error *e)
{
    static const struct {
        const char *type;
        read_component *read;
    } known[] = {{"ByteLevel", read_byte_level}, {"Split", read_split}, {"Digits", read_digits}};
    if (t->byte_level)
        return error_set(e, ERROR_INPUT, "a pre-tokenizer behind ByteLevel is not supported");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_type(p, known[i].type))
            return known[i].read(t, p, e);
    return unsupported("pre-tokenizer", json_object_get(p, "type"), e);
}

static bool check_decoder(struct tokenizer *t, const json_t *d, struct error *e)
{
    (void)t;
    return is_type(d, "ByteLevel") || unsupported("decoder", json_object_get(d, "type"), e);
}

/* Only what a template puts before a text matters here; ByteLevel merely moves offsets. */
static bool read_processor(struct tokenizer *t, const json_t *p, struct error *e)
{
    if (is_type(p, "ByteLevel"))
        return true;
    if (!is_type(p, "TemplateProcessing"))
        return unsupported("post-processor", json_object_get(p, "type"), e);
    const json_t *first = json_array_get(json_object_get(p, "single"), 0);
    const json_t *special = json_object_get(json_object_get(first, "SpecialToken"), "id");
    if (!json_is_string(special))
        return true;
    t->bos = vocabulary_find(&t->vocabulary, text_of(special));
    t->adds_bos = t->bos >= 0;
    return true;
}

static bool read_added(struct tokenizer *t, const json_t *list, struct error *e)
{
    const json_t *item;
    size_t i;
    json_array_foreach (list, i, item) {
        const json_t *content = json_object_get(item, "content");
        const json_t *id = json_object_get(item, "id");
        bool special = flag(item, "special", false);
        if (!json_is_string(content) || !json_is_integer(id))
            return error_set(e, ERROR_INPUT, "added token %zu has no content or no id", i);
        if (!special && flag(item, "single_word", false))
            return unsupported("single_word of added token", content, e);
        if (!vocabulary_set(&t->vocabulary, json_integer_value(id), text_of(content),
                            special ? TOKEN_CONTROL : TOKEN_ADDED, e))
            return error_context(e, "added token %zu", i);
    }
    return true;
}

static struct str composed_copy(struct tokenizer *t, struct str text)
{
    struct strbuf b = {0};
    text_compose(&b, text);
    struct str copy = {arena_strndup(&t->vocabulary.arena, b.data ? b.data : "", b.size), b.size};
    strbuf_free(&b);
    return copy;
}

/* Once the vocabulary is sealed: what read_added() saw, to look for in texts. */
static void index_added(struct tokenizer *t, const json_t *list)
{
    const json_t *item;
    size_t i;
    json_array_foreach (list, i, item) {
        bool special = flag(item, "special", false);
        int64_t id = json_integer_value(json_object_get(item, "id"));
        struct added_token a = {t->vocabulary.tokens[id].spelling, special ? -1 : (int32_t)id,
                                flag(item, "lstrip", false), flag(item, "rstrip", false)};
        bool normalized = flag(item, "normalized", !special);
        if (normalized && t->nfc)
            a.text = composed_copy(t, a.text);
        added_tokens_add(normalized ? &t->normalized : &t->raw, a);
    }
    added_tokens_seal(&t->normalized);
    added_tokens_seal(&t->raw);
}

static bool check_model(const json_t *model, struct error *e)
{
    static const char *const must_be_empty[] = {"dropout", "continuing_subword_prefix",
                                                "end_of_word_suffix"};
    const json_t *type = json_object_get(model, "type");
    if (!json_is_object(model) || (type && !is_type(model, "BPE")))
        return unsupported("tokenizer model", type, e);
    for (size_t i = 0; i < sizeof must_be_empty / sizeof *must_be_empty; i++) {
        const json_t *value = json_object_get(model, must_be_empty[i]);
        bool empty = !value || json_is_null(value) ||
                     (json_is_number(value) && !json_number_value(value)) ||
                     (json_is_string(value) && !json_string_length(value));
        if (!empty)
            return error_set(e, ERROR_INPUT, "%s of the tokenizer model is not supported",
                             must_be_empty[i]);
    }
    if (flag(model, "byte_fallback", false))
        return error_set(e, ERROR_INPUT, "byte_fallback of the tokenizer model is not supported");
    return true;
}

static bool read_vocabulary(struct tokenizer *t, json_t *root, struct error *e)
{
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab"), *id;
    const json_t *added = json_object_get(root, "added_tokens");
    const char *spelling;
    if (!json_is_object(vocab) || !json_object_size(vocab))
        return error_set(e, ERROR_INPUT, "the tokenizer model has no vocabulary");
    json_object_foreach (vocab, spelling, id) {
        if (!json_is_integer(id))
            return error_set(e, ERROR_INPUT, "a token of the vocabulary has no number");
        if (!vocabulary_set(&t->vocabulary, json_integer_value(id), str_of(spelling), TOKEN_NORMAL,
                            e))
            return false;
    }
    if (!read_added(t, added, e))
        return false;
    vocabulary_seal(&t->vocabulary);
    return true;
}

static bool read_merge(struct tokenizer *t, size_t i, const json_t *merge, struct error *e)
{
    if (json_is_string(merge))
        return bpe_add_merge_line(&t->bpe, i, text_of(merge), e);
    const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    if (json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right))
        return error_set(e, ERROR_INPUT, "merge %zu is not a pair of tokens", i);
    return bpe_add_merge(&t->bpe, i, text_of(left), text_of(right), e);
}

static bool read_merges(struct tokenizer *t, const json_t *model, struct error *e)
{
    const json_t *merges = json_object_get(model, "merges"), *merge;
    size_t i;
    bpe_init(&t->bpe, &t->vocabulary, json_array_size(merges));
    json_array_foreach (merges, i, merge) {
        if (!read_merge(t, i, merge, e))
            return false;
    }
    return bpe_seal(&t->bpe, flag(model, "ignore_merges", false), e);
}

static bool read_tokenizer(struct tokenizer *t, json_t *root, struct error *e)
{
    const json_t *model = json_object_get(root, "model");
    if (!check_model(model, e) ||
        !each_component(t, json_object_get(root, "normalizer"), "normalizers", read_normalizer,
                        e) ||
        !each_component(t, json_object_get(root, "pre_tokenizer"), "pretokenizers",
                        read_pretokenizer, e) ||
        !each_component(t, json_object_get(root, "decoder"), "decoders", check_decoder, e))
        return false;
    if (!t->byte_level)
        return error_set(e, ERROR_INPUT,
                         "a tokenizer without the ByteLevel pre-tokenizer is not "
                         "supported");
    if (!read_vocabulary(t, root, e) || !read_merges(t, model, e))
        return false;
    index_added(t, json_object_get(root, "added_tokens"));
    return each_component(t, json_object_get(root, "post_processor"), "processors", read_processor,
                          e);
}

/* "bos_token": "<s>" or {"content": "<s>", ...}, else config.json's "bos_token_id": 1 or [1, 2]. */
static int32_t named_id(const struct tokenizer *t, const json_t *settings, const char *key,
                        const json_t *config, const char *id_key)
{
    const json_t *value = json_object_get(settings, key);
    if (json_is_object(value))
        value = json_object_get(value, "content");
    if (json_is_string(value))
        return vocabulary_find(&t->vocabulary, text_of(value));
    value = json_object_get(config, id_key);
    if (json_is_array(value))
        value = json_array_get(value, 0);
    int64_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    return id >= 0 && (uint64_t)id < t->vocabulary.count ? (int32_t)id : -1;
}

/* "chat_template": text, or [{"name": "default", "template": text}, ...]. */
static void read_template(struct tokenizer *t, const json_t *settings)
{
    const json_t *value = json_object_get(settings, "chat_template"), *item;
    size_t i;
    if (json_is_array(value)) {
        const json_t *list = value;
        value = NULL;
        json_array_foreach (list, i, item) {
            const char *name = json_string_value(json_object_get(item, "name"));
            if (name && !strcmp(name, "default"))
                value = json_object_get(item, "template");
        }
    }
    if (json_is_string(value) && json_string_length(value))
        t->chat_template = mem_strdup(json_string_value(value));
}

static bool read_settings(struct tokenizer *t, const char *folder, const json_t *config,
                          struct error *e)
{
    char *path = path_join(folder, "tokenizer_config.json");
    char *jinja = path_join(folder, "chat_template.jinja");
    struct strbuf text = {0};
    json_t *settings = NULL;
    bool ok = access(path, F_OK) || (settings = json_read_file(path, MOST_BYTES, e));
    if (ok && !access(jinja, F_OK)) {
        ok = file_read(&text, jinja, MOST_BYTES, e);
        if (ok && text.size)
            t->chat_template = strbuf_take(&text);
    }
    if (ok) {
        if (t->bos < 0)
            t->bos = named_id(t, settings, "bos_token", config, "bos_token_id");
        t->eos = named_id(t, settings, "eos_token", config, "eos_token_id");
        t->adds_bos = flag(settings, "add_bos_token", t->adds_bos) && t->bos >= 0;
        if (!t->chat_template)
            read_template(t, settings);
    }
    json_decref(settings);
    strbuf_free(&text);
    free(jinja);
    free(path);
    return ok;
}

bool tokenizer_read_folder(struct tokenizer *t, const char *folder, const json_t *config,
                           struct error *e)
{
    char *path = path_join(folder, "tokenizer.json");
    json_t *root = json_read_file(path, MOST_BYTES, e);
    bool ok = root && (read_tokenizer(t, root, e) || error_context(e, "%s", path));
    json_decref(root);
    free(path);
    return ok && read_settings(t, folder, config, e);
}
