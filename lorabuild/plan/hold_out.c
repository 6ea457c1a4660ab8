#include "lorabuild/plan/plan.h"

#include <stdlib.h>

enum { FEWEST_DOCUMENTS = 10, SHARE = 10 }; /* below 10 none; else one in ten */

struct candidate {
    struct digest digest; /* of the document's contents: a rename changes nothing */
    uint32_t document;
};

static int by_digest(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = digest_compare(x->digest, y->digest);
    return order ? order : (x->document > y->document) - (x->document < y->document);
}

/* Every document with samples, and whether one of them was held out before. */
static size_t list_candidates(struct candidate *list, unsigned char *held,
                              const struct plan_set *now, const struct digest_set *before)
{
    size_t count = 0;
    for (size_t i = 0; i < now->count;) {
        uint32_t document = now->samples[i].document;
        struct digest_stream *s = digest_begin("held-out document");
        size_t samples = 0;
        for (; i < now->count && now->samples[i].document == document; i++) {
            digest_add_digest(s, now->samples[i].content);
            samples += !now->samples[i].heading;
            if (before && !now->samples[i].heading &&
                digest_set_has(before, now->samples[i].content))
                held[document] = 1;
        }
        struct digest d = digest_end(s);
        if (samples)
            list[count++] = (struct candidate){d, document};
    }
    return count;
}

void plan_hold_out(struct digest_set *validate, const struct plan_set *now,
                   const struct digest_set *held_out_before, struct arena *a)
{
    if (now->document_count < FEWEST_DOCUMENTS)
        return;
    unsigned char *held = arena_alloc(a, now->document_count);
    struct candidate *list = arena_array(a, now->document_count, sizeof *list);
    size_t count = list_candidates(list, held, now, held_out_before), taken = 0;
    if (count < FEWEST_DOCUMENTS)
        return;
    for (size_t i = 0; i < now->document_count; i++)
        taken += held[i];
    qsort(list, count, sizeof *list, by_digest);
    /* What a continued version has learned already cannot be held out: only a full training
     * chooses afresh. */
    for (size_t i = 0; !held_out_before && i < count && taken < count / SHARE; i++) {
        held[list[i].document] = 1;
        taken++;
    }
    /* A sample that also stands in a learned document is learned, not held out. */
    struct digest_set learned = {0};
    for (size_t i = 0; i < now->count; i++)
        if (!held[now->samples[i].document])
            digest_set_add(&learned, now->samples[i].content);
    digest_set_seal(&learned);
    for (size_t i = 0; i < now->count; i++)
        if (held[now->samples[i].document] && !digest_set_has(&learned, now->samples[i].content))
            digest_set_add(validate, now->samples[i].id);
    digest_set_seal(validate);
    digest_set_free(&learned);
}
