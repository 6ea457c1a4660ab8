#include "lorabuild/run/facts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/run/blocked.h"
#include "lorabuild/run/forget.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A source with its samples. */
static struct source *samples_of(struct workshop *w, int dataset, struct error *e)
{
    struct source *s = workshop_source(w, dataset, e);
    return s && source_load_samples(s, e) ? s : NULL;
}

/* Has a version of this adapter, or may one have, learned a text that was edited since? */
static bool may_tolerate(const struct workshop *w, const struct target *t)
{
    for (size_t i = 0; i < t->rule->data_count; i++)
        if (w->project->rules->datasets[t->rule->data[i]].edits_relearn)
            return true;
    for (size_t i = 0; i < t->lineage.count; i++)
        if (json_object_get(t->lineage.versions[i].manifest, "corrections"))
            return true;
    return false;
}

/* What the adapter's parents learn, and what their own plans tolerate in what they learned. */
static bool add_parents(struct workshop *w, struct target *t, struct error *e)
{
    const struct rules *r = w->project->rules;
    for (int p = t->rule->parent; p >= 0; p = r->adapters[p].parent) {
        struct target *parent = workshop_target(w, p, e);
        if (!parent || (may_tolerate(w, parent) && !target_plan_whole(w, p, e)))
            return false;
        for (size_t i = 0; i < parent->plan.tolerated.count; i++)
            digest_set_add(&t->wanted, parent->plan.tolerated.items[i]);
        for (size_t i = 0; i < r->adapters[p].data_count; i++) {
            struct source *s = samples_of(w, r->adapters[p].data[i], e);
            if (!s)
                return false;
            dataset_add_contents(&s->data, &t->wanted);
        }
    }
    return true;
}

bool facts_gather_samples(struct workshop *w, struct target *t, struct error *e)
{
    size_t count = t->rule->data_count;
    struct facts_dataset *list = mem_array(count, sizeof *list);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct source *s = samples_of(w, t->rule->data[i], e);
        ok = s != NULL;
        if (ok) {
            list[i] = (struct facts_dataset){&s->data, s->rule->written, s->rule->edits_relearn};
            dataset_add_contents(&s->data, &t->wanted);
        }
    }
    ok = ok && forget_check(w, t, e);
    if (ok)
        facts_join(&t->now, list, count, &t->arena);
    ok = ok && add_parents(w, t, e);
    digest_set_seal(&t->wanted);
    free(list);
    return ok;
}

enum { IDS, CONTENTS, VALIDATED, SETS };

static void split_samples(const struct version *v, struct digest_set sets[SETS])
{
    for (size_t i = 0; i < v->sample_count; i++) {
        const struct lineage_sample *s = &v->samples[i];
        digest_set_add(&sets[IDS], s->id);
        if (s->role != 'h')
            digest_set_add(&sets[CONTENTS], s->content);
        if (s->role == 'v')
            digest_set_add(&sets[VALIDATED], s->content);
    }
    for (size_t i = 0; i < SETS; i++)
        digest_set_seal(&sets[i]);
}

static const struct plan_correction *corrections_of(const struct version *v, struct arena *a)
{
    struct plan_correction *list = arena_array(a, v->correction_count + 1, sizeof *list);
    for (size_t i = 0; i < v->correction_count; i++)
        list[i] = (struct plan_correction){v->corrections[i].old, v->corrections[i].now};
    return list;
}

static int manifest_number(const struct version *v, const char *key)
{
    return (int)json_integer_value(json_object_get(v->manifest, key));
}

static bool describe_version(struct workshop *w, struct target *t, struct version *v,
                             struct plan_version *p, struct error *e)
{
    struct store *exposures = project_exposures(w->project, t->scope, e);
    struct digest_set *sets = arena_array(&t->arena, SETS, sizeof *sets);
    if (!exposures || !lineage_load_exposure(v, exposures, e))
        return false;
    split_samples(v, sets);
    char *weights = target_weights_folder(t, v->number);
    char *file = path_join(weights, "adapter_model.safetensors");
    *p = (struct plan_version){.number = v->number,
                               .want_key = v->want_key,
                               .recipe = v->recipe,
                               .base = v->base,
                               .parent = v->parent,
                               .artifact = v->artifact,
                               .exposure = &v->exposure,
                               .ids = &sets[IDS],
                               .contents = &sets[CONTENTS],
                               .validated = &sets[VALIDATED],
                               .corrections = corrections_of(v, &t->arena),
                               .correction_count = v->correction_count,
                               .document_count = (size_t)manifest_number(v, "documents"),
                               .updates = manifest_number(v, "updates"),
                               .algorithm = manifest_number(v, "algorithm"),
                               .set_aside = v->set_aside,
                               .has_weights = !v->damaged && access(file, R_OK) == 0,
                               .set = facts_recall_set(w, t, v->number)};
    free(file);
    free(weights);
    return true;
}

bool facts_is_current(struct workshop *w, struct target *t, bool *current, struct error *e)
{
    struct version *v = lineage_version(&t->lineage, t->lineage.current);
    *current = false;
    if (!v || w->rebuild || t->rule->data_count != 1 || v->damaged)
        return true;
    struct source *s = workshop_source(w, t->rule->data[0], e);
    if (!s)
        return false;
    if (s->data.waiting_count)
        return true; /* no part of the set, but they may be of a document that was forgotten */
    *current = digest_equal(v->want_key,
                            plan_want_key(t->recipe, t->base, t->parent_artifact, s->data.set));
    *current = *current && blocked_is_judged(t, v->want_key);
    if (!*current)
        return true;
    t->now.document_count = s->data.document_count;
    t->now.sample_count = s->data.sample_count;
    t->plan = (struct plan){.verdict = PLAN_CURRENT,
                            .version = v->number,
                            .document_count = s->data.document_count,
                            .want_key = v->want_key};
    return true;
}

bool facts_gather_versions(struct workshop *w, struct target *t, struct error *e)
{
    size_t count = 0;
    t->versions = arena_array(&t->arena, t->lineage.count + 1, sizeof *t->versions);
    for (size_t i = 0; i < t->lineage.count; i++) {
        if (!describe_version(w, t, &t->lineage.versions[i], &t->versions[count++], e))
            return false;
    }
    const struct rule_adapter *first = w->project->rules->adapters;
    t->facts = (struct plan_facts){.recipe = t->recipe,
                                   .base = t->base,
                                   .parent = t->parent_artifact,
                                   .parent_pending = t->parent_pending,
                                   .now = &t->now,
                                   .wanted = &t->wanted,
                                   .versions = t->versions,
                                   .version_count = count,
                                   .in_use = t->lineage.current,
                                   .chosen = t->lineage.chosen.number,
                                   .highest = t->lineage.highest,
                                   .max_chain = t->rule->max_chain,
                                   .hold_out_least =
                                       t->rule->check.none ? 0 : t->rule->check.least_documents,
                                   .rebuild = w->rebuild && w->asked && w->asked[t->rule - first]};
    return true;
}

void facts_free(struct target *t)
{
    for (size_t i = 0; t->versions && i < t->lineage.count; i++) {
        struct plan_version *v = &t->versions[i];
        if (v->ids) {
            digest_set_free((struct digest_set *)(uintptr_t)v->ids);
            digest_set_free((struct digest_set *)(uintptr_t)v->contents);
            digest_set_free((struct digest_set *)(uintptr_t)v->validated);
        }
        if (v->set)
            facts_free_set((struct plan_set *)(uintptr_t)v->set);
    }
    facts_free_set(&t->now);
    digest_set_free(&t->wanted);
}
