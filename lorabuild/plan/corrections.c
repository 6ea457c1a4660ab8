#include "lorabuild/plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* The pairs of one old text stand together. An old text is tolerated if every text that took its
 * place is wanted or tolerated: the least set for which that holds, so that two texts that only
 * name each other are not. */

int plan_correction_order(const void *a, const void *b)
{
    const struct plan_correction *x = a, *y = b;
    int order = digest_compare(x->old, y->old);
    return order ? order : digest_compare(x->now, y->now);
}

static size_t group_end(const struct plan_correction *pairs, size_t count, size_t begin)
{
    size_t end = begin + 1;
    while (end < count && digest_equal(pairs[end].old, pairs[begin].old))
        end++;
    return end;
}

static bool all_fine(const struct plan_correction *pairs, size_t begin, size_t end,
                     const struct digest_set *wanted, const struct digest_set *tolerated)
{
    for (; begin < end; begin++)
        if (!digest_set_has(wanted, pairs[begin].now) &&
            !digest_set_has(tolerated, pairs[begin].now))
            return false;
    return true;
}

void plan_tolerate(struct digest_set *tolerated, struct plan_correction *pairs, size_t count,
                   const struct digest_set *wanted)
{
    size_t before;
    qsort(pairs, count, sizeof *pairs, plan_correction_order);
    do {
        struct digest_set more = {0};
        before = tolerated->count;
        for (size_t i = 0, end; i < count; i = end) {
            end = group_end(pairs, count, i);
            if (!digest_set_has(wanted, pairs[i].old) && !digest_set_has(tolerated, pairs[i].old) &&
                all_fine(pairs, i, end, wanted, tolerated))
                digest_set_add(&more, pairs[i].old);
        }
        for (size_t i = 0; i < more.count; i++)
            digest_set_add(tolerated, more.items[i]);
        digest_set_seal(tolerated);
        digest_set_free(&more);
    } while (tolerated->count > before);
}

static size_t find_group(const struct plan_correction *pairs, size_t count, struct digest old)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (digest_compare(pairs[middle].old, old) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct collection {
    const struct plan_correction *pairs;
    size_t count;
    const struct digest_set *wanted;
    struct digest_set seen, ends;
};

/* What is wanted now at the end of every way from `old`. Depth is that of the longest chain of
 * edits that one lineage remembers. */
static void collect_ends(struct collection *c, struct digest old)
{
    for (size_t i = find_group(c->pairs, c->count, old);
         i < c->count && digest_equal(c->pairs[i].old, old); i++) {
        struct digest now = c->pairs[i].now;
        if (digest_set_has(c->wanted, now)) {
            digest_set_add(&c->ends, now);
        } else if (!digest_set_has(&c->seen, now)) {
            digest_set_add(&c->seen, now);
            digest_set_seal(&c->seen);
            collect_ends(c, now);
        }
    }
}

struct plan_correction *plan_record_corrections(const struct plan_correction *pairs, size_t count,
                                                const struct digest_set *tolerated,
                                                const struct digest_set *wanted,
                                                const struct digest_set *exposure, size_t *recorded,
                                                struct arena *a)
{
    struct plan_correction *list = NULL;
    *recorded = 0;
    for (size_t i = 0; i < tolerated->count; i++) {
        if (!digest_set_has(exposure, tolerated->items[i]))
            continue;
        struct collection c = {.pairs = pairs, .count = count, .wanted = wanted};
        collect_ends(&c, tolerated->items[i]);
        digest_set_seal(&c.ends);
        for (size_t k = 0; k < c.ends.count; k++) {
            list = mem_grow(list, *recorded + 1, sizeof *list);
            list[(*recorded)++] = (struct plan_correction){tolerated->items[i], c.ends.items[k]};
        }
        digest_set_free(&c.ends);
        digest_set_free(&c.seen);
    }
    struct plan_correction *kept = arena_array(a, *recorded + 1, sizeof *kept);
    if (*recorded)
        memcpy(kept, list, *recorded * sizeof *kept);
    free(list);
    return kept;
}
