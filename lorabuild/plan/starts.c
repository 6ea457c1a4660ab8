#include "lorabuild/plan/plan.h"

/* What `v` learned first that is not allowed, as a person knows it. */
static void find_example(struct plan_start *s, const struct plan_version *v,
                         const struct plan_facts *f, const struct digest_set *allowed,
                         struct arena *a)
{
    size_t count, unchanged;
    if (!v->set)
        return;
    const struct plan_change *c = plan_changes(v->set, f->now, &count, &unchanged, a);
    for (size_t i = 0; i < count && !s->path; i++)
        if (c[i].kind == CHANGE_GONE) {
            s->path = c[i].document;
            s->place = c[i].place;
        }
    for (size_t i = 0; i < count && !s->path; i++)
        if (c[i].kind == CHANGE_EDITED || c[i].kind == CHANGE_HEADING) {
            s->path = c[i].document;
            s->place = c[i].place;
            s->edited = true;
        }
    /* Its own texts all stand: what is gone was learned by its ancestor or its parent. */
    for (size_t i = 0; i < v->set->count && !s->path; i++)
        if (!digest_set_has(allowed, v->set->samples[i].content)) {
            s->path = v->set->documents[v->set->samples[i].document];
            s->place = v->set->samples[i].place;
        }
    s->example = s->place ? arena_printf(a, "%s §%zu", s->path, s->place) : s->path;
}

/* May `v` be continued? The first rule that forbids it is the reason. */
static enum start_reason judge_start(const struct plan_version *v, const struct plan_facts *f,
                                     bool exposed)
{
    if (f->rebuild)
        return START_REBUILD;
    if (exposed)
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

/* Samples (no headings) of `now` that a version continued from `v` would have to learn. */
static size_t count_new(const struct plan_set *now, const struct plan_version *v)
{
    struct digest_set fresh = {0};
    for (size_t i = 0; i < now->count; i++) {
        const struct plan_sample *s = &now->samples[i];
        if (!s->heading && !digest_set_has(v->ids, s->id) &&
            !digest_set_has(v->validated, s->content))
            digest_set_add(&fresh, s->id);
    }
    digest_set_seal(&fresh);
    size_t n = fresh.count;
    digest_set_free(&fresh);
    return n;
}

static size_t least_to_learn(const struct plan *p, bool with_chain)
{
    size_t best = p->start_count - 1;
    for (size_t i = 0; i < p->start_count; i++) {
        const struct plan_start *s = &p->starts[i];
        if ((s->reason == START_USABLE || (with_chain && s->reason == START_CHAIN)) &&
            s->learn < p->starts[best].learn)
            best = i;
    }
    return best;
}

/* A full training is due when the version that would be continued has had its updates; going back
 * to one before it would only put that off. */
static void take_start(struct plan *p)
{
    p->taken = least_to_learn(p, true);
    if (p->starts[p->taken].reason == START_CHAIN) {
        p->taken = p->start_count - 1;
        for (size_t i = 0; i + 1 < p->start_count; i++)
            if (p->starts[i].reason == START_USABLE)
                p->starts[i].reason = START_CHAIN;
    }
    p->start = p->starts[p->taken].version;
}

static enum plan_rule rule_of(enum start_reason reason)
{
    static const enum plan_rule rules[] = {
        [START_USABLE] = RULE_LEAST,    [START_RECIPE] = RULE_RECIPE,
        [START_BASE] = RULE_BASE,       [START_PARENT] = RULE_PARENT,
        [START_EXPOSED] = RULE_EXPOSED, [START_CHAIN] = RULE_CHAIN,
        [START_ASIDE] = RULE_ASIDE,     [START_LOST] = RULE_LOST,
        [START_REBUILD] = RULE_REBUILD, [START_COSTLIER] = RULE_COSTLIER,
    };
    return rules[reason];
}

/* What decided: why the version in use (where there is none, the newest) is continued, or not. */
static enum plan_rule find_rule(const struct plan *p, const struct plan_facts *f)
{
    const struct plan_start *decisive = &p->starts[0], *taken = &p->starts[p->taken];
    if (p->start_count == 1)
        return RULE_FIRST;
    for (size_t i = 0; f->in_use && i + 1 < p->start_count; i++)
        if (p->starts[i].version == f->in_use)
            decisive = &p->starts[i];
    if (decisive != taken)
        return rule_of(decisive->reason);
    if (f->chosen == taken->version)
        return RULE_CHOSEN;
    return taken->corrected ? RULE_CORRECTION : RULE_LEAST;
}

void plan_list_starts(struct plan *p, const struct plan_facts *f, const struct digest_set *allowed,
                      struct arena *a)
{
    p->starts = arena_array(a, f->version_count + 1, sizeof *p->starts);
    for (size_t i = f->version_count; i-- > 0;) {
        const struct plan_version *v = &f->versions[i];
        struct plan_start *s = &p->starts[p->start_count++];
        *s = (struct plan_start){.version = v->number,
                                 .learn = count_new(f->now, v),
                                 .exposed = !digest_set_within(v->exposure, allowed)};
        s->corrected =
            !s->exposed && p->tolerated.count && !digest_set_within(v->exposure, f->wanted);
        s->reason = judge_start(v, f, s->exposed);
        if (s->exposed)
            find_example(s, v, f, allowed, a);
    }
    p->starts[p->start_count++] = (struct plan_start){.learn = f->now->sample_count};
    take_start(p);
    p->rule = find_rule(p, f);
}
