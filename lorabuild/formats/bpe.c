#include "lorabuild/formats/bpe.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

#define NO_RANK UINT32_MAX
#define FREE_KEY UINT64_MAX
#define SHORT_PIECE 48 /* bytes; up to here scanning all pairs beats a heap */

static uint64_t key_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static size_t slot_of(const struct bpe *b, uint64_t key)
{
    uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(mixed ^ mixed >> 32) & b->mask;
    while (b->pairs[i].key != key && b->pairs[i].key != FREE_KEY)
        i = (i + 1) & b->mask;
    return i;
}

static uint32_t rank_of(const struct bpe *b, int32_t left, int32_t right)
{
    const struct bpe_pair *p = &b->pairs[slot_of(b, key_of(left, right))];
    return p->key == FREE_KEY ? NO_RANK : p->rank;
}

static int32_t merged_of(const struct bpe *b, int32_t left, int32_t right)
{
    return b->pairs[slot_of(b, key_of(left, right))].merged;
}

void bpe_init(struct bpe *b, const struct vocabulary *v, size_t merges)
{
    size_t slots = 16;
    while (slots < 2 * merges)
        slots *= 2;
    *b = (struct bpe){.vocabulary = v, .mask = slots - 1};
    b->pairs = mem_array(slots, sizeof *b->pairs);
    for (size_t i = 0; i < slots; i++)
        b->pairs[i].key = FREE_KEY;
    memset(b->byte_ids, 0xFF, sizeof b->byte_ids);
    for (size_t i = 0; i < v->count; i++) {
        const struct token *t = &v->tokens[i];
        if (t->kind == TOKEN_NORMAL && t->in_alphabet && t->bytes.size == 1)
            b->byte_ids[(unsigned char)t->bytes.data[0]] = (int32_t)i;
    }
}

static bool bad_merge(size_t rank, struct str left, struct str right, const char *what,
                      struct error *e)
{
    struct strbuf shown = {0};
    strbuf_add_shown(&shown, left);
    strbuf_add_text(&shown, "\" + \"");
    strbuf_add_shown(&shown, right);
    error_set(e, ERROR_INPUT, "merge %zu (\"%s\"): %s", rank, shown.data, what);
    strbuf_free(&shown);
    return false;
}

bool bpe_add_merge(struct bpe *b, size_t rank, struct str left, struct str right, struct error *e)
{
    int32_t l = vocabulary_find(b->vocabulary, left), r = vocabulary_find(b->vocabulary, right);
    if (l < 0 || r < 0)
        return bad_merge(rank, left, right,
                         l < 0 ? "its left part is not in the vocabulary"
                               : "its right part is not in the vocabulary",
                         e);
    struct strbuf both = {0};
    strbuf_add_str(&both, left);
    strbuf_add_str(&both, right);
    int32_t merged = vocabulary_find(b->vocabulary, strbuf_str(&both));
    strbuf_free(&both);
    if (merged < 0)
        return bad_merge(rank, left, right, "its result is not in the vocabulary", e);
    if (b->vocabulary->tokens[merged].kind == TOKEN_CONTROL)
        return true; /* user text never makes a control token */
    struct bpe_pair *p = &b->pairs[slot_of(b, key_of(l, r))];
    b->count += p->key == FREE_KEY;
    *p = (struct bpe_pair){key_of(l, r), (uint32_t)rank, merged}; /* the last of doubles counts */
    return true;
}

bool bpe_add_merge_line(struct bpe *b, size_t rank, struct str line, struct error *e)
{
    const char *space = line.size ? memchr(line.data, ' ', line.size) : NULL;
    size_t left = space ? (size_t)(space - line.data) : 0;
    struct str rest = {line.data + left + 1, space ? line.size - left - 1 : 0};
    if (!left || !rest.size || memchr(rest.data, ' ', rest.size)) {
        struct strbuf shown = {0};
        strbuf_add_shown(&shown, line);
        error_set(e, ERROR_INPUT, "merge %zu (\"%s\") is not two tokens with a space between them",
                  rank, shown.data ? shown.data : "");
        strbuf_free(&shown);
        return false;
    }
    return bpe_add_merge(b, rank, (struct str){line.data, left}, rest, e);
}

/* Merges in a small array by looking at all pairs every time. */
static void encode_short(const struct bpe *b, struct str piece, struct tokens *out)
{
    int32_t ids[SHORT_PIECE];
    uint32_t ranks[SHORT_PIECE]; /* of ids[i] with ids[i + 1] */
    size_t n = 0;
    for (size_t i = 0; i < piece.size; i++) {
        ids[n] = b->byte_ids[(unsigned char)piece.data[i]];
        n += ids[n] >= 0;
    }
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(b, ids[i], ids[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[best])
                best = i;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = merged_of(b, ids[best], ids[best + 1]);
        n--;
        memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof *ids);
        memmove(ranks + best, ranks + best + 1, (n - best - 1) * sizeof *ranks);
        if (best + 1 < n)
            ranks[best] = rank_of(b, ids[best], ids[best + 1]);
        if (best > 0)
            ranks[best - 1] = rank_of(b, ids[best - 1], ids[best]);
    }
    tokens_append(out, ids, n);
}

/* A heap of merges to do: rank in the upper half, place in the lower, smallest first. */
struct heap {
    uint64_t *items;
    size_t count, capacity;
};

static void heap_push(struct heap *h, uint64_t item)
{
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? 2 * h->capacity : 256;
        h->items = mem_grow(h->items, h->capacity, sizeof *h->items);
    }
    size_t i = h->count++;
    while (i && h->items[(i - 1) / 2] > item) {
        h->items[i] = h->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->items[i] = item;
}

static uint64_t heap_pop(struct heap *h)
{
    uint64_t top = h->items[0], last = h->items[--h->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->items[child + 1] < h->items[child])
            child++;
        if (h->items[child] >= last)
            break;
        h->items[i] = h->items[child];
    }
    if (h->count)
        h->items[i] = last;
    return top;
}

struct symbol {                /* a linked list in an array */
    int32_t id, before, after; /* id -1: merged into the one before */
};

static void push_pair(const struct bpe *b, struct heap *h, const struct symbol *s, int32_t at)
{
    if (at < 0 || s[at].after < 0)
        return;
    uint32_t rank = rank_of(b, s[at].id, s[s[at].after].id);
    if (rank != NO_RANK)
        heap_push(h, (uint64_t)rank << 32 | (uint32_t)at);
}

/* Does the heap's item still describe what stands at its place? */
static bool still_there(const struct bpe *b, const struct symbol *s, int32_t at, uint32_t rank)
{
    return s[at].id >= 0 && s[at].after >= 0 && rank_of(b, s[at].id, s[s[at].after].id) == rank;
}

static void merge_all(const struct bpe *b, struct heap *h, struct symbol *s)
{
    while (h->count) {
        uint64_t item = heap_pop(h);
        int32_t at = (int32_t)(uint32_t)item;
        if (!still_there(b, s, at, (uint32_t)(item >> 32)))
            continue;
        int32_t gone = s[at].after;
        s[at].id = merged_of(b, s[at].id, s[gone].id);
        s[at].after = s[gone].after;
        s[gone].id = -1;
        if (s[at].after >= 0)
            s[s[at].after].before = at;
        push_pair(b, h, s, s[at].before);
        push_pair(b, h, s, at);
    }
}

static bool encode_long(const struct bpe *b, struct str piece, struct tokens *out, struct error *e)
{
    struct symbol *s = NULL;
    if (piece.size < INT32_MAX)
        s = mem_try_alloc(piece.size * sizeof *s);
    if (!s)
        return error_set(e, ERROR_LIMIT, "a word of %zu bytes is too long to tokenise", piece.size);
    int32_t n = 0;
    for (size_t i = 0; i < piece.size; i++) {
        int32_t id = b->byte_ids[(unsigned char)piece.data[i]];
        if (id >= 0)
            s[n] = (struct symbol){id, n - 1, n + 1}, n++;
    }
    struct heap h = {0};
    if (n)
        s[n - 1].after = -1;
    for (int32_t i = 0; i < n; i++)
        push_pair(b, &h, s, i);
    merge_all(b, &h, s);
    for (int32_t i = n ? 0 : -1; i >= 0; i = s[i].after)
        tokens_add(out, s[i].id);
    free(h.items);
    free(s);
    return true;
}

static bool merge(const struct bpe *b, struct str piece, struct tokens *out, struct error *e)
{
    if (piece.size > SHORT_PIECE)
        return encode_long(b, piece, out, e);
    encode_short(b, piece, out);
    return true;
}

bool bpe_encode(const struct bpe *b, struct str piece, struct tokens *out, struct error *e)
{
    if (piece.size <= b->longest) {
        int32_t id = vocabulary_find_bytes(b->vocabulary, &b->whole, piece);
        if (id >= 0) {
            tokens_add(out, id);
            return true;
        }
    }
    return merge(b, piece, out, e);
}

/* Words that merges lead to are looked up whole too: it is the same and much faster. */
bool bpe_seal(struct bpe *b, bool whole_first, struct error *e)
{
    const struct vocabulary *v = b->vocabulary;
    struct tokens made = {0};
    bool ok = b->count > 0;
    if (!ok)
        error_set(e, ERROR_INPUT, "a BPE vocabulary without usable merges");
    str_index_init(&b->whole, v->count);
    for (size_t i = 0; ok && i < v->count; i++) {
        const struct token *t = &v->tokens[i];
        if (t->kind != TOKEN_NORMAL || !t->in_alphabet)
            continue;
        made.count = 0;
        ok = whole_first || merge(b, t->bytes, &made, e);
        if (!whole_first && (made.count != 1 || made.ids[0] != (int32_t)i))
            continue;
        vocabulary_index_bytes(v, &b->whole, (int32_t)i);
        if (t->bytes.size > b->longest)
            b->longest = t->bytes.size;
    }
    tokens_free(&made);
    return ok;
}

/* A pair's slot follows from the pairs before it in the file, so equal files give equal tables. */
struct digest bpe_digest(const struct bpe *b)
{
    return digest_of(b->pairs, (b->mask + 1) * sizeof *b->pairs);
}

void bpe_free(struct bpe *b)
{
    free(b->pairs);
    str_index_free(&b->whole);
    *b = (struct bpe){0};
}
