#include "lorabuild/formats/added_tokens.h"

#include "lorabuild/common/memory.h"

#include <stdlib.h>

void added_tokens_add(struct added_tokens *a, struct added_token item)
{
    if (!item.text.size)
        return;
    if (a->count == a->capacity) {
        a->capacity = a->capacity ? 2 * a->capacity : 32;
        a->items = mem_grow(a->items, a->capacity, sizeof *a->items);
    }
    a->items[a->count++] = item;
}

static int by_text(const void *a, const void *b)
{
    return str_compare(((const struct added_token *)a)->text,
                       ((const struct added_token *)b)->text);
}

/* With control tokens alone there is nothing to split off. */
void added_tokens_seal(struct added_tokens *a)
{
    bool any = false;
    for (size_t i = 0; i < a->count; i++)
        any = any || a->items[i].id >= 0;
    if (!any)
        a->count = 0;
    for (size_t i = 0; i < a->count; i++)
        a->starts[(unsigned char)a->items[i].text.data[0]] = true;
    if (a->count)
        qsort(a->items, a->count, sizeof *a->items, by_text);
}

void added_tokens_free(struct added_tokens *a)
{
    free(a->items);
    *a = (struct added_tokens){0};
}

/* The first of items [low, high), which agree in `depth` bytes, whose next byte is >= `byte`. */
static size_t lower(const struct added_tokens *a, size_t low, size_t high, size_t depth, int byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct str s = a->items[middle].text;
        if (s.size <= depth || (unsigned char)s.data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct added_token *longest_at(const struct added_tokens *a, struct str text,
                                            size_t at)
{
    const struct added_token *best = NULL;
    size_t low = 0, high = a->count;
    for (size_t depth = 0; low < high && at + depth < text.size; depth++) {
        int byte = (unsigned char)text.data[at + depth];
        low = lower(a, low, high, depth, byte);
        high = lower(a, low, high, depth, byte + 1);
        if (low < high && a->items[low].text.size == depth + 1)
            best = &a->items[low];
    }
    return best;
}

static bool is_white(int32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static size_t strip_left(struct str text, size_t least, size_t at)
{
    while (at > least) {
        size_t start = at - 1;
        while (start > least && ((unsigned char)text.data[start] & 0xC0) == 0x80)
            start--;
        size_t next = start;
        if (!is_white(utf8_next(text, &next)))
            break;
        at = start;
    }
    return at;
}

static size_t strip_right(struct str text, size_t at)
{
    for (size_t next = at; next < text.size; at = next)
        if (!is_white(utf8_next(text, &next)))
            break;
    return at;
}

bool added_tokens_next(const struct added_tokens *a, struct str text, size_t from, size_t *begin,
                       size_t *end, int32_t *id)
{
    for (size_t at = from; a->count && at < text.size;) {
        const struct added_token *t = NULL;
        if (a->starts[(unsigned char)text.data[at]])
            t = longest_at(a, text, at);
        if (t && t->id >= 0) {
            *id = t->id;
            *begin = t->strips_left ? strip_left(text, from, at) : at;
            *end = at + t->text.size;
            if (t->strips_right)
                *end = strip_right(text, *end);
            return true;
        }
        at += t ? t->text.size : 1;
    }
    return false;
}
