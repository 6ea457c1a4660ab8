#include "lorabuild/plan/plan.h"

#include <stdlib.h>

enum { SHARE = 10 }; /* one in ten */

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

/* Every document with samples. */
static size_t list_candidates(struct candidate *list, const struct plan_set *now)
{
    size_t count = 0;
    for (size_t i = 0; i < now->count;) {
        uint32_t document = now->samples[i].document;
        struct digest_stream *s = digest_begin("held-out document");
        size_t samples = 0;
        for (; i < now->count && now->samples[i].document == document; i++) {
            digest_add_digest(s, now->samples[i].content);
            samples += !now->samples[i].heading;
        }
        struct digest d = digest_end(s);
        if (samples)
            list[count++] = (struct candidate){d, document};
    }
    return count;
}

/* A sample that also stands in a learned document is learned, not held out. */
static void hold_documents(struct digest_set *validate, const struct plan_set *now,
                           const unsigned char *held)
{
    struct digest_set learned = {0};
    for (size_t i = 0; i < now->count; i++)
        if (!held[now->samples[i].document])
            digest_set_add(&learned, now->samples[i].content);
    digest_set_seal(&learned);
    for (size_t i = 0; i < now->count; i++)
        if (held[now->samples[i].document] && !digest_set_has(&learned, now->samples[i].content))
            digest_set_add(validate, now->samples[i].id);
    digest_set_free(&learned);
}

void plan_hold_out(struct digest_set *validate, const struct plan_set *now,
                   const struct digest_set *before, int64_t least, struct arena *a)
{
    if (before) {
        /* What is new in a document that was held out is learned like all that is new. */
        for (size_t i = 0; i < now->count; i++)
            if (digest_set_has(before, now->samples[i].content))
                digest_set_add(validate, now->samples[i].id);
    } else if (least > 0 && now->document_count >= (size_t)least) {
        unsigned char *held = arena_alloc(a, now->document_count);
        struct candidate *list = arena_array(a, now->document_count, sizeof *list);
        size_t count = list_candidates(list, now);
        size_t wanted = count < SHARE ? 1 : count / SHARE;
        qsort(list, count, sizeof *list, by_digest);
        for (size_t i = 0; count >= (size_t)least && count > 1 && i < wanted; i++)
            held[list[i].document] = 1;
        hold_documents(validate, now, held);
    }
    digest_set_seal(validate);
}
