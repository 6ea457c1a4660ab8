#include "lorabuild/plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* The samples of one document in a set (they stand together). */
struct span {
    const struct plan_sample *samples;
    size_t count;
};

static struct span document_span(const struct plan_set *set, size_t document)
{
    size_t begin = set->first[document];
    return (struct span){set->samples + begin, set->first[document + 1] - begin};
}

struct change_list {
    struct plan_change *items;
    size_t count, capacity;
    struct arena *arena;
};

static void add_change(struct change_list *l, enum change_kind kind, const char *document,
                       size_t place, size_t count)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16;
        struct plan_change *items = arena_array(l->arena, capacity, sizeof *items);
        if (l->count)
            memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->count++] = (struct plan_change){kind, document, place, count};
}

/* Samples of `s` from *at on whose content `other` lacks, up to the next that it has. */
static size_t skip_missing(struct span s, size_t at, const struct digest_set *other)
{
    while (at < s.count && !digest_set_has(other, s.samples[at].content))
        at++;
    return at;
}

static size_t count_texts(struct span s, size_t begin, size_t end)
{
    size_t n = 0;
    for (; begin < end; begin++)
        n += !s.samples[begin].heading;
    return n;
}

static size_t next_text(struct span s, size_t at)
{
    while (at < s.count && s.samples[at].heading)
        at++;
    return at;
}

/* Between two samples that both versions share, the k-th text that went and the k-th that came
 * are one edit; what is over is gone or new. */
static void compare_gap(struct change_list *l, const char *document, struct span before, size_t b0,
                        size_t b1, struct span now, size_t n0, size_t n1)
{
    size_t gone = count_texts(before, b0, b1), came = count_texts(now, n0, n1);
    size_t edited = gone < came ? gone : came;
    for (size_t i = 0; i < came; i++, n0++) {
        n0 = next_text(now, n0);
        add_change(l, i < edited ? CHANGE_EDITED : CHANGE_NEW, document, now.samples[n0].place, 1);
    }
    for (size_t i = 0; i < gone; i++, b0++) {
        b0 = next_text(before, b0);
        if (i >= edited)
            add_change(l, CHANGE_GONE, document, before.samples[b0].place, 1);
    }
}

static void compare_document(struct change_list *l, const char *document, struct span before,
                             struct span now, const struct plan_set *all_before,
                             const struct plan_set *all_now, size_t *unchanged)
{
    size_t b = 0, n = 0;
    while (b < before.count || n < now.count) {
        size_t b1 = skip_missing(before, b, &all_now->contents);
        size_t n1 = skip_missing(now, n, &all_before->contents);
        compare_gap(l, document, before, b, b1, now, n, n1);
        b = b1 < before.count ? b1 + 1 : b1;
        if (n1 < now.count) {
            const struct plan_sample *s = &now.samples[n1];
            if (!s->heading && !digest_set_has(&all_before->ids, s->id))
                add_change(l, CHANGE_CAPTION, document, s->place, 1);
            else
                *unchanged += !s->heading;
            n1++;
        }
        n = n1;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool find_document(const struct plan_set *set, const char *name, size_t *index)
{
    const char **found =
        bsearch(&name, set->documents, set->document_count, sizeof *set->documents, by_name);
    if (found)
        *index = (size_t)(found - set->documents);
    return found != NULL;
}

/* Does any text of `s` also stand in `other`? Then a document is not new, only moved. */
static bool shares_text(struct span s, const struct plan_set *other)
{
    for (size_t i = 0; i < s.count; i++)
        if (!s.samples[i].heading && digest_set_has(&other->contents, s.samples[i].content))
            return true;
    return false;
}

struct plan_change *plan_changes(const struct plan_set *before, const struct plan_set *now,
                                 size_t *count, size_t *unchanged, struct arena *a)
{
    struct change_list l = {.arena = a};
    size_t other;
    *unchanged = 0;
    for (size_t i = 0; i < now->document_count; i++) {
        struct span s = document_span(now, i);
        struct span old = {0};
        if (find_document(before, now->documents[i], &other))
            old = document_span(before, other);
        if (!old.count && s.count && !shares_text(s, before))
            add_change(&l, CHANGE_NEW, now->documents[i], 0, count_texts(s, 0, s.count));
        else
            compare_document(&l, now->documents[i], old, s, before, now, unchanged);
    }
    for (size_t i = 0; i < before->document_count; i++) {
        struct span s = document_span(before, i);
        if (!s.count || find_document(now, before->documents[i], &other))
            continue;
        if (!shares_text(s, now))
            add_change(&l, CHANGE_GONE, before->documents[i], 0, count_texts(s, 0, s.count));
        else
            compare_document(&l, before->documents[i], s, (struct span){0}, before, now, unchanged);
    }
    *count = l.count;
    return l.items;
}
