#include "lorabuild/formats/vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>
#include <string.h>

void str_index_init(struct str_index *x, size_t most)
{
    uint32_t slots = 16;
    while (slots < 2 * most)
        slots *= 2;
    x->slots = mem_array(slots, sizeof *x->slots);
    memset(x->slots, 0xFF, slots * sizeof *x->slots);
    x->mask = slots - 1;
}

void str_index_free(struct str_index *x)
{
    free(x->slots);
    *x = (struct str_index){0};
}

uint64_t str_hash(struct str s)
{
    return XXH3_64bits(s.data ? s.data : "", s.size);
}

static void index_add(struct str_index *x, struct str s, int32_t id)
{
    uint32_t hash = (uint32_t)str_hash(s), i = hash & x->mask;
    while (x->slots[i].id >= 0)
        i = (i + 1) & x->mask;
    x->slots[i] = (struct str_slot){hash, id};
}

/* The byte that a character of GPT-2's alphabet stands for, or -1: bytes that print in Latin-1
 * stand for themselves, the 68 others follow from U+0100 on in their order. */
static int alphabet_byte(int32_t c)
{
    if ((c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xFF && c != 0xAD))
        return c;
    if (c >= 0x100 && c <= 0x120)
        return c - 0x100; /* 00 to 20 */
    if (c >= 0x121 && c <= 0x142)
        return c - 0x121 + 0x7F; /* 7F to A0 */
    return c == 0x143 ? 0xAD : -1;
}

static void decode_spelling(struct arena *a, struct token *t)
{
    char *bytes = arena_alloc(a, t->spelling.size + 1);
    size_t n = 0, at = 0;
    while (at < t->spelling.size) {
        int byte = alphabet_byte(utf8_next(t->spelling, &at));
        if (byte < 0) {
            t->bytes = t->spelling;
            t->in_alphabet = false;
            return;
        }
        bytes[n++] = (char)byte;
    }
    t->bytes = (struct str){bytes, n};
    t->in_alphabet = true;
}

static void grow(struct vocabulary *v, size_t count)
{
    if (count > v->capacity) {
        size_t capacity = count + count / 2 + 256;
        v->tokens = mem_grow(v->tokens, capacity, sizeof *v->tokens);
        memset(v->tokens + v->capacity, 0, (capacity - v->capacity) * sizeof *v->tokens);
        v->capacity = capacity;
    }
    if (count > v->count)
        v->count = count;
}

bool vocabulary_set(struct vocabulary *v, int64_t id, struct str spelling, enum token_kind kind,
                    struct error *e)
{
    if (id < 0 || id >= VOCABULARY_MOST)
        return error_set(e, ERROR_INPUT, "token id %lld is out of range", (long long)id);
    grow(v, (size_t)id + 1);
    struct token *t = &v->tokens[id];
    if (t->spelling.data && !str_equal(t->spelling, spelling))
        return error_set(e, ERROR_INPUT, "token id %lld is given twice", (long long)id);
    t->kind = kind;
    if (!t->spelling.data) {
        t->spelling.data =
            arena_strndup(&v->arena, spelling.data ? spelling.data : "", spelling.size);
        t->spelling.size = spelling.size;
        decode_spelling(&v->arena, t);
    }
    if (kind == TOKEN_ADDED || kind == TOKEN_CONTROL) {
        t->bytes = t->spelling;
        t->in_alphabet = false;
    }
    return true;
}

void vocabulary_seal(struct vocabulary *v)
{
    str_index_init(&v->spelled, v->count);
    for (size_t i = 0; i < v->count; i++)
        if (v->tokens[i].kind != TOKEN_NONE)
            index_add(&v->spelled, v->tokens[i].spelling, (int32_t)i);
}

int32_t vocabulary_find(const struct vocabulary *v, struct str spelling)
{
    uint32_t hash = (uint32_t)str_hash(spelling);
    for (uint32_t i = hash & v->spelled.mask;; i = (i + 1) & v->spelled.mask) {
        struct str_slot s = v->spelled.slots[i];
        if (s.id < 0)
            return -1;
        if (s.hash == hash && str_equal(v->tokens[s.id].spelling, spelling))
            return s.id;
    }
}

void vocabulary_free(struct vocabulary *v)
{
    str_index_free(&v->spelled);
    free(v->tokens);
    arena_free(&v->arena);
    *v = (struct vocabulary){0};
}

void vocabulary_index_bytes(const struct vocabulary *v, struct str_index *x, int32_t id)
{
    index_add(x, v->tokens[id].bytes, id);
}

int32_t vocabulary_find_bytes(const struct vocabulary *v, const struct str_index *x, struct str s)
{
    uint32_t hash = (uint32_t)str_hash(s);
    for (uint32_t i = hash & x->mask;; i = (i + 1) & x->mask) {
        struct str_slot slot = x->slots[i];
        if (slot.id < 0)
            return -1;
        struct str bytes = v->tokens[slot.id].bytes;
        if (slot.hash == hash && bytes.size == s.size && !memcmp(bytes.data, s.data, s.size))
            return slot.id;
    }
}
