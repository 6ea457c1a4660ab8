#include "lorabuild/stages/report_copies.h"

#include "lorabuild/common/digest.h"
#include "lorabuild/common/memory.h"

#include <stdlib.h>
#include <string.h>

/* Any run that counts has GRAM units at least: a word weighs 2, a Chinese character 1. */
enum { GRAM = 8, LEAST_WEIGHT = 16 };

struct unit {
    uint64_t digest;
    size_t begin, end; /* bytes */
    unsigned weight;
};

struct units {
    struct unit *items;
    size_t count, capacity;
};

struct gram {
    uint64_t digest;
    uint32_t draft, at; /* its first unit */
};

struct copies {
    struct copied_draft *drafts;
    struct units *units; /* one a draft */
    size_t count;
    struct gram *grams; /* by digest, draft, place */
    size_t gram_count;
    struct units sample;
};

/* ---- words ---- */

static bool is_letter(int32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return c >= 0xC0 && !(c >= 0x2000 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x303F) &&
           !(c >= 0xFF00 && c <= 0xFFEF);
}

static void add_unit(struct units *u, struct str text, size_t begin, size_t end, unsigned weight)
{
    if (u->count == u->capacity) {
        u->capacity = 2 * u->capacity + 64;
        u->items = mem_grow(u->items, u->capacity, sizeof *u->items);
    }
    struct digest d = digest_of(text.data + begin, end - begin);
    struct unit unit = {.begin = begin, .end = end, .weight = weight};
    memcpy(&unit.digest, d.bytes, sizeof unit.digest);
    u->items[u->count++] = unit;
}

static void split(struct units *u, struct str text)
{
    size_t word = SIZE_MAX; /* where the current one began */
    u->count = 0;
    for (size_t at = 0; at < text.size;) {
        size_t from = at;
        int32_t c = utf8_next(text, &at);
        bool single = is_letter(c) && utf8_is_unspaced(c), letter = !single && is_letter(c);
        if (!letter && word != SIZE_MAX)
            add_unit(u, text, word, from, 2);
        word = !letter ? SIZE_MAX : word == SIZE_MAX ? from : word;
        if (single)
            add_unit(u, text, from, at, 1);
    }
    if (word != SIZE_MAX)
        add_unit(u, text, word, text.size, 2);
}

/* ---- runs ---- */

static uint64_t gram_digest(const struct unit *u)
{
    uint64_t d = 0;
    for (int i = 0; i < GRAM; i++)
        d = d * 0x9E3779B97F4A7C15u + u[i].digest;
    return d;
}

static int by_digest(const void *a, const void *b)
{
    const struct gram *x = a, *y = b;
    if (x->digest != y->digest)
        return x->digest < y->digest ? -1 : 1;
    if (x->draft != y->draft)
        return x->draft < y->draft ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

struct copies *copies_open(const struct str *drafts, size_t count)
{
    struct copies *c = mem_zalloc(sizeof *c);
    c->count = count;
    c->drafts = mem_array(count, sizeof *c->drafts);
    c->units = mem_array(count, sizeof *c->units);
    for (size_t i = 0; i < count; i++) {
        struct units *u = &c->units[i];
        c->drafts[i].text = drafts[i];
        split(u, drafts[i]);
        size_t grams = u->count >= GRAM ? u->count - GRAM + 1 : 0;
        c->grams = mem_grow(c->grams, c->gram_count + grams + 1, sizeof *c->grams);
        for (size_t at = 0; at < grams; at++)
            c->grams[c->gram_count++] =
                (struct gram){gram_digest(u->items + at), (uint32_t)i, (uint32_t)at};
    }
    if (c->gram_count)
        qsort(c->grams, c->gram_count, sizeof *c->grams, by_digest);
    return c;
}

static const struct gram *first_gram(const struct copies *c, uint64_t digest)
{
    size_t low = 0, high = c->gram_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->grams[middle].digest < digest)
            low = middle + 1;
        else
            high = middle;
    }
    return c->grams + low;
}

static void add_run(struct copied_draft *d, size_t begin, size_t end)
{
    d->runs = mem_grow(d->runs, d->run_count + 1, sizeof *d->runs);
    d->runs[d->run_count++] = (struct copied_run){begin, end};
}

/* The run that begins at unit `at` of the draft and unit `from` of the sample, if it is not the
 * rest of a longer one and weighs enough. */
static void take_run(struct copies *c, const struct gram *g, size_t from, size_t number)
{
    const struct units *mine = &c->units[g->draft], *other = &c->sample;
    size_t n = 0, at = g->at, weight = 0;
    if (at && from && mine->items[at - 1].digest == other->items[from - 1].digest)
        return;
    while (at + n < mine->count && from + n < other->count &&
           mine->items[at + n].digest == other->items[from + n].digest)
        weight += mine->items[at + n++].weight;
    if (weight < LEAST_WEIGHT)
        return;
    struct copied_draft *d = &c->drafts[g->draft];
    add_run(d, mine->items[at].begin, mine->items[at + n - 1].end);
    if (n > d->longest) {
        d->longest = n;
        d->longest_from = number;
    }
}

void copies_look(struct copies *c, struct str sample, size_t number)
{
    if (!c->gram_count)
        return;
    split(&c->sample, sample);
    for (size_t from = 0; from + GRAM <= c->sample.count; from++) {
        uint64_t digest = gram_digest(c->sample.items + from);
        const struct gram *end = c->grams + c->gram_count;
        for (const struct gram *g = first_gram(c, digest); g < end && g->digest == digest; g++)
            take_run(c, g, from, number);
    }
}

static int by_begin(const void *a, const void *b)
{
    const struct copied_run *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1)
                                : (x->end > y->end) - (x->end < y->end);
}

/* Runs of several samples may overlap: they become one. */
const struct copied_draft *copies_of(struct copies *c, size_t draft)
{
    struct copied_draft *d = &c->drafts[draft];
    size_t kept = 0;
    if (d->run_count)
        qsort(d->runs, d->run_count, sizeof *d->runs, by_begin);
    for (size_t i = 0; i < d->run_count; i++) {
        if (kept && d->runs[i].begin <= d->runs[kept - 1].end) {
            if (d->runs[i].end > d->runs[kept - 1].end)
                d->runs[kept - 1].end = d->runs[i].end;
        } else {
            d->runs[kept++] = d->runs[i];
        }
    }
    d->run_count = kept;
    return d;
}

void copies_close(struct copies *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->drafts[i].runs);
        free(c->units[i].items);
    }
    free(c->sample.items);
    free(c->grams);
    free(c->units);
    free(c->drafts);
    free(c);
}
