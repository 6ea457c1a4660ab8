#include "lorabuild/data/likeness.h"

#include "lorabuild/common/memory.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 12, FEWEST = 12, SHARE = 7, OF = 10 };

struct shingle {
    uint64_t hash;
    size_t text;
};

struct likeness {
    struct shingle *shingles; /* rising, none twice */
    size_t count;
    size_t *own;    /* by text: how many shingles it has */
    size_t *shared; /* by text: how many the other one has; zero between two calls */
    size_t text_count;
};

static int by_hash(const void *a, const void *b)
{
    const struct shingle *x = a, *y = b;
    int order = (x->hash > y->hash) - (x->hash < y->hash);
    return order ? order : (x->text > y->text) - (x->text < y->text);
}

static char *letters_of(struct str text, size_t *size)
{
    char *letters = mem_alloc(text.size + 1);
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 128 && !isalnum(c))
            continue;
        letters[(*size)++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return letters;
}

static uint64_t hash_window(const char *at)
{
    uint64_t head;
    uint32_t tail;
    memcpy(&head, at, sizeof head);
    memcpy(&tail, at + sizeof head, sizeof tail);
    head = (head ^ tail) * UINT64_C(0x9e3779b97f4a7c15);
    head ^= head >> 29;
    head = (head + tail) * UINT64_C(0xbf58476d1ce4e5b9);
    return head ^ head >> 32;
}

/* The distinct shingles of a text, as if it were number `text`; the caller frees. */
static struct shingle *shingles_of(struct str text, size_t number, size_t *count)
{
    size_t size, kept = 0;
    char *letters = letters_of(text, &size);
    struct shingle *list = mem_array(size + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; i + WINDOW <= size; i++)
        if (((unsigned char)letters[i] & 0xc0) != 0x80)
            list[(*count)++] = (struct shingle){hash_window(letters + i), number};
    qsort(list, *count, sizeof *list, by_hash);
    for (size_t i = 0; i < *count; i++)
        if (!i || list[i].hash != list[kept - 1].hash)
            list[kept++] = list[i];
    *count = kept;
    free(letters);
    return list;
}

struct likeness *likeness_open(const struct str *texts, size_t count)
{
    struct likeness *l = mem_zalloc(sizeof *l);
    l->own = mem_array(count, sizeof *l->own);
    l->shared = mem_array(count, sizeof *l->shared);
    l->text_count = count;
    for (size_t i = 0; i < count; i++) {
        struct shingle *list = shingles_of(texts[i], i, &l->own[i]);
        if (l->own[i] >= FEWEST) {
            l->shingles = mem_grow(l->shingles, l->count + l->own[i], sizeof *l->shingles);
            memcpy(l->shingles + l->count, list, l->own[i] * sizeof *list);
            l->count += l->own[i];
        }
        free(list);
    }
    if (l->count)
        qsort(l->shingles, l->count, sizeof *l->shingles, by_hash);
    return l;
}

static size_t first_at(const struct likeness *l, uint64_t hash)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->shingles[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t *likeness_find(struct likeness *l, struct str text, size_t *count)
{
    size_t shingle_count, *found = mem_array(l->text_count, sizeof *found);
    struct shingle *list = shingles_of(text, 0, &shingle_count);
    *count = 0;
    for (size_t i = 0; i < shingle_count; i++)
        for (size_t k = first_at(l, list[i].hash);
             k < l->count && l->shingles[k].hash == list[i].hash; k++)
            l->shared[l->shingles[k].text]++;
    for (size_t i = 0; i < l->text_count; i++) {
        if (l->own[i] >= FEWEST && l->shared[i] * OF >= l->own[i] * SHARE)
            found[(*count)++] = i;
        l->shared[i] = 0;
    }
    free(list);
    return found;
}

void likeness_close(struct likeness *l)
{
    free(l->shared);
    free(l->own);
    free(l->shingles);
    free(l);
}
