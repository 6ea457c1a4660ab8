#include "lorabuild/formats/tokenizer.h"

#include "lorabuild/common/memory.h"
#include "lorabuild/formats/tokenizer_inner.h"

#include <utf8proc.h>

#include <stdlib.h>
#include <string.h>

void tokens_append(struct tokens *t, const int32_t *ids, size_t n)
{
    if (t->count + n > t->capacity) {
        t->capacity = t->count + n + t->capacity / 2 + 64;
        t->ids = mem_grow(t->ids, t->capacity, sizeof *t->ids);
    }
    if (n)
        memcpy(t->ids + t->count, ids, n * sizeof *ids);
    t->count += n;
}

void tokens_add(struct tokens *t, int32_t id)
{
    tokens_append(t, &id, 1);
}

void tokens_free(struct tokens *t)
{
    free(t->ids);
    *t = (struct tokens){0};
}

static void add_added(struct digest_stream *s, const struct added_tokens *a)
{
    digest_add_u64(s, a->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct added_token *t = &a->items[i];
        digest_add_str(s, t->text);
        digest_add_u64(s, (uint64_t)(int64_t)t->id << 2 | (unsigned)t->strips_left << 1 |
                              (unsigned)t->strips_right);
    }
}

static struct digest whole_digest(const struct tokenizer *t)
{
    struct digest_stream *s = digest_begin("tokenizer 1");
    digest_add_u64(s, t->vocabulary.count);
    for (size_t i = 0; i < t->vocabulary.count; i++) {
        const struct token *token = &t->vocabulary.tokens[i];
        digest_add_str(s, token->spelling);
        digest_add_u64(s, (uint64_t)token->kind);
    }
    digest_add_digest(s, bpe_digest(&t->bpe));
    pretokenizer_digest(t->splitter, s);
    add_added(s, &t->raw);
    add_added(s, &t->normalized);
    digest_add_u64(s, t->nfc);
    digest_add_u64(s, t->adds_bos);
    digest_add_u64(s, (uint64_t)(int64_t)t->bos);
    digest_add_u64(s, (uint64_t)(int64_t)t->eos);
    digest_add_text(s, t->chat_template ? t->chat_template : "");
    return digest_end(s);
}

static struct tokenizer *fresh(void)
{
    struct tokenizer *t = mem_zalloc(sizeof *t);
    t->bos = t->eos = -1;
    t->splitter = pretokenizer_new();
    return t;
}

static struct tokenizer *finish(struct tokenizer *t, bool ok)
{
    if (ok) {
        t->digest = whole_digest(t);
        return t;
    }
    tokenizer_close(t);
    return NULL;
}

struct tokenizer *tokenizer_open_folder(const char *folder, const json_t *config, struct error *e)
{
    struct tokenizer *t = fresh();
    return finish(t, tokenizer_read_folder(t, folder, config, e));
}

struct tokenizer *tokenizer_open_gguf(const struct gguf *g, const char *shown_as, struct error *e)
{
    struct tokenizer *t = fresh();
    return finish(t, tokenizer_read_gguf(t, g, e) || error_context(e, "%s", shown_as));
}

struct tokenizer *tokenizer_open(const struct weights *w, struct error *e)
{
    if (weights_gguf(w))
        return tokenizer_open_gguf(weights_gguf(w), weights_path(w), e);
    return tokenizer_open_folder(weights_path(w), weights_config(w), e);
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    free(t->chat_template);
    added_tokens_free(&t->normalized);
    added_tokens_free(&t->raw);
    pretokenizer_free(t->splitter);
    bpe_free(&t->bpe);
    vocabulary_free(&t->vocabulary);
    free(t);
}

static bool is_ascii(struct str s)
{
    unsigned char any = 0;
    for (size_t i = 0; i < s.size; i++)
        any |= (unsigned char)s.data[i];
    return any < 0x80;
}

void text_compose(struct strbuf *out, struct str text)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t n = -1;
    if (!is_ascii(text))
        n = utf8proc_map((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)text.size,
                         &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        strbuf_add_str(out, text);
    else
        strbuf_add(out, composed, (size_t)n);
    free(composed);
}

struct encoding {
    const struct tokenizer *t;
    struct tokens *out;
    struct error *e;
};

static bool encode_piece(void *context, struct str piece)
{
    struct encoding *c = context;
    return bpe_encode(&c->t->bpe, piece, c->out, c->e);
}

static bool encode_plain(struct encoding *c, struct str text)
{
    return pretokenizer_run(c->t->splitter, text, encode_piece, c, c->e);
}

typedef bool encode_rest(struct encoding *c, struct str text);

/* Added tokens become themselves; what stands between them goes to `rest`. */
static bool encode_around(struct encoding *c, const struct added_tokens *a, struct str text,
                          encode_rest *rest)
{
    size_t done = 0, begin, end;
    int32_t id;
    while (added_tokens_next(a, text, done, &begin, &end, &id)) {
        if (!rest(c, (struct str){text.data + done, begin - done}))
            return false;
        tokens_add(c->out, id);
        done = end;
    }
    return rest(c, (struct str){text.data + done, text.size - done});
}

static bool encode_normalized(struct encoding *c, struct str text)
{
    if (!c->t->nfc || is_ascii(text))
        return encode_around(c, &c->t->normalized, text, encode_plain);
    struct strbuf composed = {0};
    text_compose(&composed, text);
    bool ok = encode_around(c, &c->t->normalized, strbuf_str(&composed), encode_plain);
    strbuf_free(&composed);
    return ok;
}

bool tokenizer_encode(const struct tokenizer *t, struct str text, struct tokens *out,
                      struct error *e)
{
    struct encoding c = {t, out, e};
    size_t bad;
    if (!text.size)
        return true;
    if (!utf8_valid(text, &bad))
        return error_set(e, ERROR_INPUT, "the text is not UTF-8 at byte %zu", bad);
    return encode_around(&c, &t->raw, text, encode_normalized);
}

struct str tokenizer_decode_one(const struct tokenizer *t, int32_t id)
{
    if (id < 0 || (size_t)id >= t->vocabulary.count ||
        t->vocabulary.tokens[id].kind == TOKEN_CONTROL)
        return (struct str){"", 0};
    return t->vocabulary.tokens[id].bytes;
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, struct strbuf *out)
{
    for (size_t i = 0; i < n; i++)
        strbuf_add_str(out, tokenizer_decode_one(t, ids[i]));
}

size_t tokenizer_vocabulary(const struct tokenizer *t)
{
    return t->vocabulary.count;
}

int32_t tokenizer_control(const struct tokenizer *t, const char *spelling)
{
    int32_t id = vocabulary_find(&t->vocabulary, str_of(spelling));
    return id >= 0 && t->vocabulary.tokens[id].kind == TOKEN_CONTROL ? id : -1;
}

bool tokenizer_is_control(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->vocabulary.count &&
           t->vocabulary.tokens[id].kind == TOKEN_CONTROL;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *t)
{
    return t->adds_bos;
}

struct str tokenizer_chat_template(const struct tokenizer *t)
{
    return t->chat_template ? str_of(t->chat_template) : (struct str){"", 0};
}

struct digest tokenizer_digest(const struct tokenizer *t)
{
    return t->digest;
}
