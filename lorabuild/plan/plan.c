#include "lorabuild/plan/plan.h"

#include <stdlib.h>
#include <string.h>

struct digest plan_want_key(struct digest recipe, struct digest base, struct digest parent,
                            struct digest set)
{
    struct digest_stream *s = digest_begin("want");
    digest_add_u64(s, PLAN_KEY_SCHEMA);
    digest_add_text(s, "adapter");
    digest_add_digest(s, recipe);
    digest_add_digest(s, base);
    digest_add_digest(s, parent);
    digest_add_digest(s, set);
    return digest_end(s);
}

struct digest plan_attempt_key(struct digest want_key, struct digest start_artifact,
                               const struct digest_set *learn, const char *numerics)
{
    struct digest_stream *s = digest_begin("attempt");
    digest_add_u64(s, PLAN_ALGORITHM);
    digest_add_digest(s, want_key);
    digest_add_digest(s, start_artifact);
    digest_add_digest(s, digest_set_digest(learn, "learn"));
    digest_add_text(s, numerics);
    return digest_end(s);
}

static const struct plan_version *find_version(const struct plan_facts *f, int number)
{
    for (size_t i = 0; i < f->version_count; i++)
        if (f->versions[i].number == number)
            return &f->versions[i];
    return NULL;
}

static void choose_samples(struct plan *p, const struct plan_facts *f, struct arena *a)
{
    const struct plan_version *start = p->start ? find_version(f, p->start) : NULL;
    plan_hold_out(&p->validate, f->now, start ? start->validated : NULL, f->hold_out_least, a);
    for (size_t i = 0; i < f->now->count; i++) {
        const struct plan_sample *s = &f->now->samples[i];
        if (digest_set_has(&p->validate, s->id) || (start && digest_set_has(start->ids, s->id)))
            continue;
        digest_set_add(&p->learn, s->id);
    }
    digest_set_seal(&p->learn);
    p->learn_count = p->starts[p->taken].learn;
}

/* Over half of the documents that the version in use knew are gone, and nothing else explains it.
 * Where their names are lost, over half of its texts. */
static bool vanished(const struct plan_facts *f, const struct plan_version *in_use)
{
    enum { FEWEST = 4 };
    size_t before = in_use ? in_use->document_count : 0, there = 0;
    if (f->rebuild || before < FEWEST || f->now->document_count * 2 >= before)
        return false;
    if (!in_use->set) {
        for (size_t i = 0; i < in_use->contents->count; i++)
            there += digest_set_has(&f->now->contents, in_use->contents->items[i]);
        return there * 2 < in_use->contents->count;
    }
    unsigned char *seen = mem_zalloc(in_use->set->document_count);
    for (size_t i = 0; i < in_use->set->count; i++) {
        const struct plan_sample *s = &in_use->set->samples[i];
        if (!s->heading && !seen[s->document] && digest_set_has(&f->now->contents, s->content)) {
            seen[s->document] = 1;
            there++;
        }
    }
    free(seen);
    return there * 2 < before;
}

/* A version that is exactly what is wanted: the one in use before the others, those that were set
 * aside last, newer ones first. What was exposed to anything else is never used again. */
static const struct plan_version *find_wanted(const struct plan *p, const struct plan_facts *f)
{
    const struct plan_version *best = NULL;
    for (size_t i = f->version_count; i-- > 0;) {
        const struct plan_version *v = &f->versions[i];
        if (!digest_equal(v->want_key, p->want_key) || !v->has_weights ||
            p->starts[f->version_count - 1 - i].exposed)
            continue;
        if (v->number == f->in_use)
            return v;
        if (!best || (best->set_aside && !v->set_aside))
            best = v;
    }
    return best;
}

/* Which old texts are tolerated, and by which pairs (`pairs`, by old). */
static struct plan_correction *tolerate(struct plan *p, const struct plan_facts *f, size_t *count,
                                        struct arena *a)
{
    struct plan_correction *pairs = NULL;
    *count = 0;
    for (size_t i = 0; i < f->version_count; i++) {
        const struct plan_version *v = &f->versions[i];
        size_t edited = 0;
        const struct plan_correction *edits =
            v->set ? plan_edits(v->set, f->now, &edited, a) : NULL;
        pairs = mem_grow(pairs, *count + edited + v->correction_count + 1, sizeof *pairs);
        if (edited)
            memcpy(pairs + *count, edits, edited * sizeof *pairs);
        *count += edited;
        if (v->correction_count)
            memcpy(pairs + *count, v->corrections, v->correction_count * sizeof *pairs);
        *count += v->correction_count;
    }
    if (*count)
        plan_tolerate(&p->tolerated, pairs, *count, f->wanted);
    return pairs;
}

static void compare_in_use(struct plan *p, const struct plan_facts *f, const struct plan_version *v,
                           struct arena *a)
{
    p->recipe_changed = !digest_equal(v->recipe, f->recipe);
    p->base_changed = !digest_equal(v->base, f->base);
    p->parent_changed = f->parent_pending || !digest_equal(v->parent, f->parent);
    p->weights_lost = !v->has_weights;
    for (size_t i = 0; i + 1 < p->start_count; i++)
        if (p->starts[i].version == v->number)
            p->in_use_exposed = p->starts[i].exposed;
    if (v->set)
        p->changes = plan_changes(v->set, f->now, &p->change_count, &p->unchanged, a);
    else if (v->contents)
        p->changes = plan_changes_unnamed(v, f->now, &p->change_count, &p->unchanged, a);
}

static void decide(struct plan *p, const struct plan_facts *f, const struct plan_version *in_use)
{
    const struct plan_version *wanted = f->parent_pending ? NULL : find_wanted(p, f);
    if (vanished(f, in_use)) {
        p->verdict = PLAN_VANISHED;
    } else if (!f->now->sample_count) {
        p->verdict = PLAN_EMPTY;
    } else if (wanted && !f->rebuild) {
        bool aside = wanted->set_aside && !p->in_use_exposed;
        p->verdict = wanted->number == f->in_use ? PLAN_CURRENT : aside ? PLAN_ASIDE : PLAN_USE;
        p->version = wanted->number;
    } else if (p->start && p->starts[p->taken].learn == 0) {
        /* Nothing new, and nothing learned that is no longer wanted: only a heading came, which of
         * several samples with one content is meant has changed, or a held-out page's caption. */
        p->verdict = p->start == f->in_use ? PLAN_CURRENT : PLAN_USE;
        p->version = p->start;
    } else {
        p->verdict = PLAN_TRAIN;
    }
}

void plan_adapter(struct plan *p, const struct plan_facts *f, struct arena *a)
{
    *p = (struct plan){.document_count = f->now->document_count};
    const struct plan_version *in_use = find_version(f, f->in_use);
    struct digest_set allowed = {0};
    size_t pair_count;
    struct plan_correction *pairs = tolerate(p, f, &pair_count, a);
    for (size_t i = 0; p->tolerated.count && i < f->wanted->count; i++)
        digest_set_add(&allowed, f->wanted->items[i]);
    for (size_t i = 0; i < p->tolerated.count; i++)
        digest_set_add(&allowed, p->tolerated.items[i]);
    digest_set_seal(&allowed);
    p->want_key = plan_want_key(f->recipe, f->base, f->parent, f->now->set);
    p->version = f->highest + 1;
    plan_list_starts(p, f, p->tolerated.count ? &allowed : f->wanted, a);
    if (in_use)
        compare_in_use(p, f, in_use, a);
    decide(p, f, in_use);
    if (p->verdict == PLAN_TRAIN) {
        choose_samples(p, f, a);
        if (p->start)
            p->corrections = plan_record_corrections(pairs, pair_count, &p->tolerated, f->wanted,
                                                     find_version(f, p->start)->exposure,
                                                     &p->correction_count, a);
    }
    digest_set_free(&allowed);
    free(pairs);
}

void plan_free(struct plan *p)
{
    digest_set_free(&p->learn);
    digest_set_free(&p->validate);
    digest_set_free(&p->tolerated);
}
