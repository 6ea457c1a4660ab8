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

/* The place, as a person knows it, of something that `v` was exposed to and is not wanted. */
static const char *exposed_example(const struct plan_version *v, const struct plan_facts *f,
                                   struct arena *a)
{
    if (!v->set)
        return NULL;
    for (size_t i = 0; i < v->set->count; i++) {
        const struct plan_sample *s = &v->set->samples[i];
        if (s->heading || digest_set_has(f->wanted, s->content))
            continue;
        return arena_printf(a, "%s §%zu", v->set->documents[s->document], s->place);
    }
    return NULL;
}

/* May `v` be continued? The first rule that forbids it is the reason. */
static enum start_reason judge_start(const struct plan_version *v, const struct plan_facts *f)
{
    if (f->rebuild)
        return START_REBUILD;
    if (!digest_set_within(v->exposure, f->wanted))
        return START_EXPOSED;
    if (!digest_equal(v->base, f->base))
        return START_BASE;
    if (f->parent_pending || !digest_equal(v->parent, f->parent))
        return START_PARENT;
    if (!digest_equal(v->recipe, f->recipe))
        return START_RECIPE;
    if (v->set_aside)
        return START_ASIDE;
    if (!v->has_weights)
        return START_LOST;
    if (f->max_chain > 0 && v->updates >= f->max_chain)
        return START_CHAIN;
    return f->in_full ? START_COSTLIER : START_USABLE;
}

/* Samples (no headings) of `now` whose id `v` was not built for. NULL: all of them. */
static size_t count_new(const struct plan_set *now, const struct plan_version *v)
{
    if (!v)
        return now->sample_count;
    struct digest_set fresh = {0};
    for (size_t i = 0; i < now->count; i++)
        if (!now->samples[i].heading && !digest_set_has(v->ids, now->samples[i].id))
            digest_set_add(&fresh, now->samples[i].id);
    digest_set_seal(&fresh);
    size_t n = fresh.count;
    digest_set_free(&fresh);
    return n;
}

static void list_starts(struct plan *p, const struct plan_facts *f, struct arena *a)
{
    p->starts = arena_array(a, f->version_count + 1, sizeof *p->starts);
    for (size_t i = f->version_count; i-- > 0;) {
        const struct plan_version *v = &f->versions[i];
        struct plan_start *s = &p->starts[p->start_count++];
        *s = (struct plan_start){
            .version = v->number, .reason = judge_start(v, f), .learn = count_new(f->now, v)};
        if (s->reason == START_EXPOSED)
            s->example = exposed_example(v, f, a);
    }
    p->starts[p->start_count++] = (struct plan_start){.learn = f->now->sample_count};
    p->taken = p->start_count - 1;
    for (size_t i = 0; i < p->start_count; i++)
        if (p->starts[i].reason == START_USABLE && p->starts[i].learn < p->starts[p->taken].learn)
            p->taken = i;
    p->start = p->starts[p->taken].version;
}

static void choose_samples(struct plan *p, const struct plan_facts *f, struct arena *a)
{
    const struct plan_version *start = p->start ? find_version(f, p->start) : NULL;
    plan_hold_out(&p->validate, f->now, start ? start->validated : NULL, a);
    for (size_t i = 0; i < f->now->count; i++) {
        const struct plan_sample *s = &f->now->samples[i];
        if (digest_set_has(&p->validate, s->id) || (start && digest_set_has(start->ids, s->id)))
            continue;
        digest_set_add(&p->learn, s->id);
    }
    digest_set_seal(&p->learn);
    p->learn_count = p->starts[p->taken].learn;
}

/* Over half of the documents that the version in use knew are gone, at least two of them, and
 * nothing else explains it. Without names (records lost) it cannot be told, and is not asked. */
static bool vanished(const struct plan_facts *f, const struct plan_version *in_use)
{
    if (!in_use || !in_use->set || f->rebuild || in_use->set->document_count < 4)
        return false;
    size_t there = 0, before = in_use->set->document_count;
    unsigned char *seen = mem_zalloc(before);
    for (size_t i = 0; i < in_use->set->count; i++) {
        const struct plan_sample *s = &in_use->set->samples[i];
        if (!s->heading && !seen[s->document] && digest_set_has(&f->now->contents, s->content)) {
            seen[s->document] = 1;
            there++;
        }
    }
    free(seen);
    return there * 2 < before && f->now->document_count * 2 < before;
}

/* A version that is exactly what is wanted, newest first; NULL = none. */
static const struct plan_version *find_wanted(const struct plan *p, const struct plan_facts *f)
{
    for (size_t i = f->version_count; i-- > 0;)
        if (digest_equal(f->versions[i].want_key, p->want_key) && f->versions[i].has_weights)
            return &f->versions[i];
    return NULL;
}

/* Nothing new to learn, and nothing learned that is no longer wanted: only which of several
 * samples with one content is meant has changed. */
static bool nothing_to_learn(const struct plan *p, const struct plan_facts *f)
{
    return p->start && p->start == f->in_use && p->starts[p->taken].learn == 0;
}

void plan_adapter(struct plan *p, const struct plan_facts *f, struct arena *a)
{
    *p = (struct plan){.document_count = f->now->document_count};
    const struct plan_version *in_use = find_version(f, f->in_use);
    p->want_key = plan_want_key(f->recipe, f->base, f->parent, f->now->set);
    p->version = f->highest + 1;
    list_starts(p, f, a);
    if (in_use) {
        p->recipe_changed = !digest_equal(in_use->recipe, f->recipe);
        p->base_changed = !digest_equal(in_use->base, f->base);
        p->parent_changed = f->parent_pending || !digest_equal(in_use->parent, f->parent);
        if (in_use->set)
            p->changes = plan_changes(in_use->set, f->now, &p->change_count, &p->unchanged, a);
    }
    const struct plan_version *wanted = f->parent_pending ? NULL : find_wanted(p, f);
    if (vanished(f, in_use)) {
        p->verdict = PLAN_VANISHED;
    } else if (!f->now->sample_count) {
        p->verdict = PLAN_EMPTY;
    } else if (wanted && !f->rebuild) {
        p->verdict = wanted->number == f->in_use ? PLAN_CURRENT
                     : wanted->set_aside         ? PLAN_ASIDE
                                                 : PLAN_USE;
        p->version = wanted->number;
    } else if (nothing_to_learn(p, f)) {
        p->verdict = PLAN_CURRENT;
        p->version = f->in_use;
    } else {
        p->verdict = PLAN_TRAIN;
        choose_samples(p, f, a);
    }
}

void plan_free(struct plan *p)
{
    digest_set_free(&p->learn);
    digest_set_free(&p->validate);
}
