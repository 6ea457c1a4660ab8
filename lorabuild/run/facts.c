#include "lorabuild/run/facts.h"

#include "lorabuild/common/file.h"
#include "lorabuild/run/history.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct named_document {
    const char *shown;
    const struct document *document;
};

static int by_shown(const void *a, const void *b)
{
    const struct named_document *x = a, *y = b;
    return strcmp(x->shown, y->shown);
}

static void add_samples(struct plan_set *set, const struct document *d, uint32_t index,
                        struct digest_set *texts)
{
    for (size_t k = 0; k < d->count; k++) {
        const struct sample *s = &d->samples[k];
        bool heading = s->kind == SAMPLE_HEADING;
        set->samples[set->count++] =
            (struct plan_sample){s->content, s->id, heading, index, s->place};
        digest_set_add(&set->ids, s->id);
        digest_set_add(&set->contents, s->content);
        if (!heading)
            digest_set_add(texts, s->id);
    }
}

/* All datasets as one set, its documents in the order of their names. */
static void join_datasets(struct plan_set *set, const struct dataset *const *list,
                          const char *const *written, size_t count, struct arena *a)
{
    size_t documents = 0, samples = 0, n = 0;
    for (size_t i = 0; i < count; i++) {
        documents += list[i]->document_count;
        for (size_t d = 0; d < list[i]->document_count; d++)
            samples += list[i]->documents[d].count;
    }
    struct named_document *named = mem_array(documents, sizeof *named);
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < list[i]->document_count; d++) {
            const struct document *doc = &list[i]->documents[d];
            named[n++] = (struct named_document){
                count == 1 ? arena_strdup(a, doc->path)
                           : arena_printf(a, "%s/%s", written[i], doc->path),
                doc};
        }
    qsort(named, n, sizeof *named, by_shown);
    *set = (struct plan_set){.documents = arena_array(a, n + 1, sizeof *set->documents),
                             .first = arena_array(a, n + 1, sizeof *set->first),
                             .document_count = n,
                             .samples = arena_array(a, samples + 1, sizeof *set->samples)};
    struct digest_set texts = {0};
    for (size_t i = 0; i < n; i++) {
        set->documents[i] = named[i].shown;
        set->first[i] = set->count;
        add_samples(set, named[i].document, (uint32_t)i, &texts);
    }
    set->first[n] = set->count;
    /* What waits for its caption's acceptance is not learned, but it is not gone. */
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < list[i]->waiting_count; k++)
            digest_set_add(&set->contents, list[i]->waiting[k]);
    size_t all = texts.count;
    digest_set_seal(&texts);
    digest_set_seal(&set->ids);
    digest_set_seal(&set->contents);
    set->set = digest_set_digest(&set->ids, SAMPLE_SET);
    set->sample_count = texts.count;
    set->repeated_count = all - texts.count;
    digest_set_free(&texts);
    free(named);
}

void facts_free_set(struct plan_set *set)
{
    digest_set_free(&set->ids);
    digest_set_free(&set->contents);
}

static void add_wanted(struct digest_set *wanted, const struct dataset *d)
{
    for (size_t i = 0; i < d->document_count; i++)
        for (size_t k = 0; k < d->documents[i].count; k++)
            digest_set_add(wanted, d->documents[i].samples[k].content);
    for (size_t i = 0; i < d->waiting_count; i++)
        digest_set_add(wanted, d->waiting[i]);
}

/* A source with its samples. */
static struct source *samples_of(struct workshop *w, int dataset, struct error *e)
{
    struct source *s = workshop_source(w, dataset, e);
    return s && source_load_samples(s, e) ? s : NULL;
}

bool facts_gather_samples(struct workshop *w, struct target *t, struct error *e)
{
    const struct rules *r = w->project->rules;
    size_t count = t->rule->data_count;
    const struct dataset **list = mem_array(count, sizeof *list);
    const char **written = mem_array(count, sizeof *written);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        struct source *s = samples_of(w, t->rule->data[i], e);
        ok = s != NULL;
        if (ok) {
            list[i] = &s->data;
            written[i] = s->rule->written;
            add_wanted(&t->wanted, &s->data);
        }
    }
    if (ok)
        join_datasets(&t->now, list, written, count, &t->arena);
    for (int p = t->rule->parent; ok && p >= 0; p = r->adapters[p].parent)
        for (size_t i = 0; ok && i < r->adapters[p].data_count; i++) {
            struct source *s = samples_of(w, r->adapters[p].data[i], e);
            ok = s != NULL;
            if (ok)
                add_wanted(&t->wanted, &s->data);
        }
    digest_set_seal(&t->wanted);
    free(written);
    free(list);
    return ok;
}

char *facts_record_path(const struct target *t, int version)
{
    return mem_printf("%s/lineage/%s/v%d.json", t->scope->keep, t->lineage.name, version);
}

bool facts_record_version(const struct workshop *w, const struct target *t, int version,
                          double seconds, struct error *e)
{
    json_t *datasets = json_array();
    for (size_t i = 0; i < t->rule->data_count; i++) {
        const struct source *s = &w->sources[t->rule->data[i]];
        char hex[DIGEST_HEX];
        digest_hex(s->data.key, hex);
        json_array_append_new(datasets, json_pack("{s:s, s:s?, s:s}", "key", hex, "client",
                                                  s->scope->client, "written", s->rule->written));
    }
    json_t *o = json_pack("{s:i, s:o, s:f}", "format", 1, "datasets", datasets, "seconds", seconds);
    char *path = facts_record_path(t, version), *folder = path_folder(path);
    struct strbuf b = {0};
    json_object_set_new(o, "changes", history_describe(&t->plan));
    json_write(&b, o, true);
    bool ok = folder_make(folder, 0777, e) && file_replace(path, strbuf_str(&b), 0666, e);
    strbuf_free(&b);
    json_decref(o);
    free(folder);
    free(path);
    return ok;
}

double facts_recorded_seconds(const struct target *t, int version)
{
    char *path = facts_record_path(t, version);
    json_t *o = json_read_file(path, 1 << 24, NULL);
    double seconds = json_number_value(json_object_get(o, "seconds"));
    json_decref(o);
    free(path);
    return seconds;
}

struct plan_set *facts_recall_set(struct workshop *w, struct target *t, int version)
{
    char *path = facts_record_path(t, version);
    json_t *o = json_read_file(path, 1 << 24, NULL), *datasets = json_object_get(o, "datasets");
    size_t count = json_array_size(datasets), n = 0;
    struct dataset *list = mem_array(count, sizeof *list);
    const struct dataset **pointers = mem_array(count, sizeof *pointers);
    const char **written = mem_array(count, sizeof *written);
    struct plan_set *set = NULL;
    for (; n < count; n++) {
        const json_t *d = json_array_get(datasets, n);
        const char *key = json_string_value(json_object_get(d, "key"));
        const char *client = json_string_value(json_object_get(d, "client"));
        const struct scope *scope = project_scope(w->project, client);
        struct digest digest;
        written[n] = json_string_value(json_object_get(d, "written"));
        pointers[n] = &list[n];
        if (!key || !written[n] || !digest_from_hex(&digest, str_of(key)) ||
            !seal_has_dataset(scope->keep, digest) ||
            !seal_read_dataset(&list[n], scope->keep, digest, false, NULL))
            break;
    }
    if (count && n == count) {
        set = arena_alloc(&t->arena, sizeof *set);
        join_datasets(set, pointers, written, count, &t->arena);
    }
    for (size_t i = 0; i < n; i++)
        dataset_free(&list[i]);
    free(written);
    free(pointers);
    free(list);
    json_decref(o);
    free(path);
    return set;
}

static void split_samples(const struct version *v, struct digest_set *ids,
                          struct digest_set *validated)
{
    for (size_t i = 0; i < v->sample_count; i++) {
        digest_set_add(ids, v->samples[i].id);
        if (v->samples[i].role == 'v')
            digest_set_add(validated, v->samples[i].content);
    }
    digest_set_seal(ids);
    digest_set_seal(validated);
}

static bool describe_version(struct workshop *w, struct target *t, struct version *v,
                             struct plan_version *p, struct error *e)
{
    struct store *exposures = project_exposures(w->project, t->scope, e);
    struct digest_set *sets = arena_array(&t->arena, 2, sizeof *sets);
    if (!exposures || !lineage_load_exposure(v, exposures, e))
        return false;
    split_samples(v, &sets[0], &sets[1]);
    char *weights = target_weights_folder(t, v->number);
    char *file = path_join(weights, "adapter_model.safetensors");
    *p = (struct plan_version){.number = v->number,
                               .want_key = v->want_key,
                               .recipe = v->recipe,
                               .base = v->base,
                               .parent = v->parent,
                               .artifact = v->artifact,
                               .exposure = &v->exposure,
                               .ids = &sets[0],
                               .validated = &sets[1],
                               .updates =
                                   (int)json_integer_value(json_object_get(v->manifest, "updates")),
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
    *current = digest_equal(v->want_key,
                            plan_want_key(t->recipe, t->base, t->parent_artifact, s->data.set));
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
                                   .highest = t->lineage.highest,
                                   .max_chain = t->rule->max_chain,
                                   .rebuild = w->rebuild && w->asked && w->asked[t->rule - first]};
    return true;
}

void facts_free(struct target *t)
{
    for (size_t i = 0; t->versions && i < t->lineage.count; i++) {
        struct plan_version *v = &t->versions[i];
        if (v->ids) {
            digest_set_free((struct digest_set *)(uintptr_t)v->ids);
            digest_set_free((struct digest_set *)(uintptr_t)v->validated);
        }
        if (v->set)
            facts_free_set((struct plan_set *)(uintptr_t)v->set);
    }
    facts_free_set(&t->now);
    digest_set_free(&t->wanted);
}
