/* A tokenizer from GGUF metadata (keys tokenizer.*, see ggml's gguf.md). */
#include "lorabuild/formats/gguf.h"
#include "lorabuild/formats/tokenizer_inner.h"

#include "lorabuild/common/memory.h"

#include <string.h>

/* tokenizer.ggml.token_type. An unknown-token stands for what has no token: user text that
 * spells it is not it. */
static const enum token_kind kinds[] = {
    [1] = TOKEN_NORMAL, [2] = TOKEN_CONTROL, [3] = TOKEN_CONTROL,
    [4] = TOKEN_ADDED,  [5] = TOKEN_NONE,    [6] = TOKEN_NORMAL,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool read_vocabulary(struct tokenizer *t, const struct gguf *g, struct error *e)
{
    size_t count, types;
    const struct str *spellings = gguf_get_strs(g, "tokenizer.ggml.tokens", &count);
    const int32_t *type = gguf_get_ints(g, "tokenizer.ggml.token_type", &types);
    if (!spellings || !count)
        return error_set(e, ERROR_INPUT, "no vocabulary (tokenizer.ggml.tokens)");
    if (type && types != count)
        return error_set(e, ERROR_INPUT, "%zu tokens but %zu token types", count, types);
    for (size_t i = 0; i < count; i++) {
        int32_t kind = type ? type[i] : 1;
        if (kind < 1 || kind >= KINDS)
            return error_set(e, ERROR_INPUT, "token %zu is of unknown type %d", i, (int)kind);
        if (!vocabulary_set(&t->vocabulary, (int64_t)i, spellings[i], kinds[kind], e))
            return false;
    }
    vocabulary_seal(&t->vocabulary);
    for (size_t i = 0; i < count; i++) {
        const struct token *token = &t->vocabulary.tokens[i];
        if (token->kind == TOKEN_ADDED || token->kind == TOKEN_CONTROL)
            added_tokens_add(
                &t->raw, (struct added_token){.text = token->spelling,
                                              .id = token->kind == TOKEN_ADDED ? (int32_t)i : -1});
    }
    added_tokens_seal(&t->raw);
    return true;
}

static bool read_merges(struct tokenizer *t, const struct gguf *g, struct error *e)
{
    size_t count = 0;
    const struct str *lines = gguf_get_strs(g, "tokenizer.ggml.merges", &count);
    if (!lines)
        count = 0;
    bpe_init(&t->bpe, &t->vocabulary, count);
    for (size_t i = 0; i < count; i++)
        if (!bpe_add_merge_line(&t->bpe, i, lines[i], e))
            return error_context(e, "tokenizer.ggml.merges");
    return bpe_seal(&t->bpe, false, e);
}

static bool check_model(const struct gguf *g, struct error *e)
{
    struct str model;
    if (!gguf_get_str(g, "tokenizer.ggml.model", &model))
        return error_set(e, ERROR_INPUT, "no tokenizer (tokenizer.ggml.model)");
    if (str_is(model, "gpt2"))
        return true;
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, model);
    error_set(e, ERROR_INPUT, "tokenizer model \"%s\" is not supported (supported: gpt2)",
              shown.data ? shown.data : "");
    strbuf_free(&shown);
    return false;
}

static int32_t read_id(const struct tokenizer *t, const struct gguf *g, const char *key)
{
    int64_t id;
    if (!gguf_get_int(g, key, &id) || id < 0 || (uint64_t)id >= t->vocabulary.count)
        return -1;
    return (int32_t)id;
}

bool tokenizer_read_gguf(struct tokenizer *t, const struct gguf *g, struct error *e)
{
    struct str pre, text;
    if (!gguf_get_str(g, "tokenizer.ggml.pre", &pre))
        pre = STR("default");
    if (!check_model(g, e) || !pretokenizer_add_named(t->splitter, pre, e) ||
        !read_vocabulary(t, g, e) || !read_merges(t, g, e))
        return false;
    bool add_space = false;
    if (gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &add_space) && add_space)
        return error_set(e, ERROR_INPUT, "tokenizer.ggml.add_space_prefix is not supported");
    t->bos = read_id(t, g, "tokenizer.ggml.bos_token_id");
    t->eos = read_id(t, g, "tokenizer.ggml.eos_token_id");
    gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &t->adds_bos);
    t->adds_bos = t->adds_bos && t->bos >= 0;
    if (gguf_get_str(g, "tokenizer.chat_template", &text) && text.size) {
        t->chat_template = mem_zalloc(text.size + 1);
        memcpy(t->chat_template, text.data, text.size);
    }
    return true;
}
