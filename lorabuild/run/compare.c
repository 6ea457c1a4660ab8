#include "lorabuild/run/compare.h"

#include "lorabuild/run/word_diff.h"

#include <stdlib.h>
#include <string.h>

struct side {
    struct plan_set *set;
    bool owned;
    struct facts_recalled texts;
};

/* --- The two sides. --- */

static bool load_version(struct side *s, struct workshop *w, struct target *t, int number)
{
    s->set = facts_recall_set(w, t, number);
    s->owned = s->set != NULL;
    return s->set && facts_recall_datasets(w, t, number, true, &s->texts);
}

/* The sealed datasets as they are now, with their texts. */
static bool load_now(struct side *s, struct workshop *w, struct target *t, struct error *e)
{
    size_t count = t->rule->data_count;
    if (!facts_gather_samples(w, t, e))
        return false;
    s->set = &t->now;
    s->texts.datasets = mem_array(count, sizeof *s->texts.datasets);
    for (; s->texts.count < count; s->texts.count++) {
        const struct source *source = &w->sources[t->rule->data[s->texts.count]];
        if (!seal_read_dataset(&s->texts.datasets[s->texts.count], source->scope->keep,
                               source->data.key, true, e))
            return false;
    }
    return true;
}

static void free_side(struct side *s)
{
    if (s->owned)
        facts_free_set(s->set);
    facts_recalled_free(&s->texts);
}

/* --- Texts. --- */

static const struct plan_sample *sample_at(const struct plan_set *set, const char *document,
                                           size_t place)
{
    for (size_t d = 0; d < set->document_count; d++)
        for (size_t i = set->first[d];
             strcmp(set->documents[d], document) == 0 && i < set->first[d + 1]; i++)
            if (!set->samples[i].heading && set->samples[i].place == place)
                return &set->samples[i];
    return NULL;
}

/* The first sample with this content or, where `id` is not zero, exactly that one. */
static const struct sample *text_of(const struct side *s, struct digest content, struct digest id)
{
    for (size_t k = 0; k < s->texts.count; k++)
        for (size_t d = 0; d < s->texts.datasets[k].document_count; d++) {
            const struct document *doc = &s->texts.datasets[k].documents[d];
            for (size_t i = 0; i < doc->count; i++)
                if (digest_equal(doc->samples[i].content, content) &&
                    (digest_is_zero(id) || digest_equal(doc->samples[i].id, id)))
                    return &doc->samples[i];
        }
    return NULL;
}

static char *compare_words(struct str before, struct str now)
{
    struct strbuf out = {0};
    word_diff(&out, before, now);
    return strbuf_take(&out);
}

static char *describe(const struct side *before, const struct side *now,
                      const struct plan_change *c)
{
    const struct digest any = {{0}};
    const struct plan_sample *is = c->place ? sample_at(now->set, c->document, c->place) : NULL;
    const struct sample *new_text = is ? text_of(now, is->content, is->id) : NULL;
    if (!new_text)
        return NULL;
    if (c->kind == CHANGE_CAPTION) {
        const struct sample *old = text_of(before, is->content, any);
        return old ? compare_words(old->caption, new_text->caption) : NULL;
    }
    /* What stood at this place, unless it only moved: then there is nothing to set beside it. */
    const struct plan_sample *was =
        c->kind == CHANGE_EDITED ? sample_at(before->set, c->document, c->place) : NULL;
    if (!was || digest_set_has(&now->set->contents, was->content))
        return NULL;
    const struct sample *old_text = text_of(before, was->content, was->id);
    return old_text ? compare_words(old_text->text, new_text->text) : NULL;
}

static void list_changes(struct comparison *c, const struct side *before, const struct side *now,
                         struct arena *a)
{
    struct plan_change *changes = plan_changes(before->set, now->set, &c->count, &c->unchanged, a);
    c->changes = mem_array(c->count, sizeof *c->changes);
    for (size_t i = 0; i < c->count; i++)
        c->changes[i] = (struct compare_change){changes[i], describe(before, now, &changes[i])};
    c->named = true;
}

bool compare_versions(struct comparison *c, struct workshop *w, int adapter, int before, int now,
                      struct error *e)
{
    struct target *t = workshop_target(w, adapter, e);
    struct side a = {0}, b = {0};
    *c = (struct comparison){0};
    if (!t)
        return false;
    c->before = lineage_version(&t->lineage, before);
    c->now = now ? lineage_version(&t->lineage, now) : NULL;
    bool named = load_version(&a, w, t, before), ok = true;
    if (now)
        named = load_version(&b, w, t, now) && named;
    else
        ok = load_now(&b, w, t, e);
    if (ok && named)
        list_changes(c, &a, &b, &t->arena);
    free_side(&b);
    free_side(&a);
    return ok;
}

void compare_free(struct comparison *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->changes[i].words);
    free(c->changes);
    *c = (struct comparison){0};
}
